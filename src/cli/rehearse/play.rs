//! Plays a run: the engine's own turns and the sandbox's phones, on a clock that jumps from event to event.
//!
//! A plain loop over a queue of (time, sequence, what happens): no runtime, no thread, no network, no waiting. It does
//! what the dialer's shell does, and in the same order: commit a turn, perform its effects, hear what came of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;

use super::phones;
use crate::clock::{BootId, Moment};
use crate::dialer::Summary;
use crate::dialer::event::{Effect, Ending, Event};
use crate::dialer::rolls::Rolls;
use crate::dialer::run::{Assignment, Run};
use crate::dialer::turn::{Turned, turn};
use crate::domain::ending::StoppedBecause;
use crate::domain::pace;
use crate::domain::plan::Limit;
use crate::provider::{Greeting, Page, Reply};
use crate::sandbox::Exchange;
use crate::store::{Store, StoreError};

/// How long the pretended machine has been up when the story begins.
const UP_ALREADY: Duration = Duration::from_secs(1_000);

/// A request and its reply take so long.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// What is heard waits for the next turn that is due anyway, if that is not further away, and saves a turn of its own;
/// unless it may bring a free line that is waited for.
const WAITS_FOR_COMPANY: Duration = Duration::from_secs(5);

/// Nothing is played for longer: whoever would need more has asked for something else than they meant.
const LONGEST_STORY: Duration = Duration::from_secs(20 * 366 * 86_400);

/// What is to be played.
pub(super) struct Stage {
    pub(super) store: Store,
    pub(super) exchange: Exchange,
    pub(super) began: Timestamp,
    pub(super) seed: u64,
}

struct Queued {
    at: Duration,
    sequence: u64,
    what: What,
}

enum What {
    Do(Effect),
    Hear(Event),
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl Stage {
    /// Plays a run to its end.
    ///
    /// One that waits for calling hours that never come ends for that reason.
    pub(super) fn play(&mut self, assignment: Assignment) -> Result<Summary, StoreError> {
        let mut now = UP_ALREADY;
        let mut run = Run::new(assignment, self.moment(now));
        let mut rolls = Rolls::seeded(self.seed);
        let mut queue = BinaryHeap::new();
        let mut sequence = 0;
        let mut push = |queue: &mut BinaryHeap<_>, at, what| {
            sequence += 1;
            queue.push(Reverse(Queued { at, sequence, what }));
        };
        let mut heard = vec![Event::Started];
        let ending = loop {
            let moment = self.moment(now);
            let events = std::mem::take(&mut heard);
            let turned = self
                .store
                .write(|tx| turn(tx, &mut run, &moment, &mut rolls, &events))?;
            let Turned {
                effects,
                wake_at,
                over,
                progress,
            } = turned;
            if let Some(ending) = over {
                break ending;
            }
            for effect in effects {
                push(&mut queue, due(&effect).max(now), What::Do(effect));
            }
            let may_wait = progress.limit != Some(Limit::Lines);
            // Performs what is due until a turn has to be taken, by the plan or because of what was heard.
            let mut turn_at = wake_at.map(|at| at.max(now));
            while let Some(Reverse(next)) = queue.peek() {
                if turn_at.is_some_and(|turn| turn < next.at) {
                    break;
                }
                let Some(Reverse(Queued { at, what, .. })) = queue.pop() else {
                    break;
                };
                match what {
                    What::Do(effect) => {
                        let event = self.perform(effect, at);
                        push(&mut queue, at + ROUND_TRIP, What::Hear(event));
                    }
                    What::Hear(event) => {
                        let by = wake_at.filter(|wake| {
                            may_wait && (at..=at + WAITS_FOR_COMPANY).contains(wake)
                        });
                        let by = by.unwrap_or(at);
                        heard.push(event);
                        turn_at = Some(turn_at.map_or(by, |turn| turn.min(by)));
                    }
                }
            }
            match turn_at {
                Some(at) if at < LONGEST_STORY => now = at,
                _ => {
                    break Ending {
                        because: StoppedBecause::Hours,
                        trouble: None,
                        limited_by: None,
                        caution: None,
                    };
                }
            }
            if heard.is_empty() {
                heard.push(Event::Woke);
            }
        };
        Ok(Summary {
            ending,
            calls_placed: run.calls_placed(),
            requests: run.requests(),
            elapsed: now - UP_ALREADY,
        })
    }

    fn moment(&self, now: Duration) -> Moment {
        Moment {
            wall: self.time(now),
            since_boot: now,
            boot: BootId::from_bits(1),
        }
    }

    fn time(&self, now: Duration) -> Timestamp {
        let later = self.began.saturating_add(now - UP_ALREADY);
        later.unwrap_or(self.began)
    }

    /// Performs an effect, and returns what will be heard of it.
    fn perform(&mut self, effect: Effect, now: Duration) -> Event {
        let time = self.time(now);
        match effect {
            Effect::Greet { .. } => Event::Greeted(Ok(Greeting { date: Some(time) })),
            Effect::Dial {
                attempt,
                order,
                send_at,
                send_at_wall,
                permitted_until,
                ..
            } => {
                let late = now.saturating_sub(send_at);
                let in_time = pace::may_still_be_sent(late, time.duration_since(send_at_wall))
                    .and_then(|()| pace::is_still_open(time, permitted_until));
                let reply = match in_time {
                    Ok(()) => phones::dial(&mut self.exchange, time, &order),
                    Err(why) => Reply::NotSent(why),
                };
                Event::Replied { attempt, reply }
            }
            Effect::List { calls, .. } => {
                let seen = calls
                    .iter()
                    .filter_map(|(_, sid)| phones::look(&self.exchange, time, sid));
                // As Exotel's bulk list, which shows ended calls only.
                let ended = seen.filter(|report| report.ended_at.is_some());
                Event::Listed {
                    answer: Ok(ended.collect()),
                    asked: calls,
                }
            }
            Effect::LookUp { attempt, sid } => Event::LookedUp {
                attempt,
                answer: Ok(phones::look(&self.exchange, time, &sid)),
            },
            // The copy does not ask, whatever its campaign does.
            Effect::Scrub { number, asked_at } => Event::Scrubbed {
                number,
                asked_at,
                answer: Ok(None),
            },
            // Every reply arrives, so no call of this run is ever looked for.
            Effect::Search(quest) => Event::Searched {
                quest,
                answer: Ok(Page {
                    calls: Vec::new(),
                    unreadable: 0,
                    total: Some(0),
                    next: None,
                    date: Some(time),
                }),
            },
        }
    }
}

/// Returns when an effect may be performed at the earliest.
fn due(effect: &Effect) -> Duration {
    match effect {
        Effect::Greet { at } => *at,
        Effect::Dial { send_at, .. } => *send_at,
        Effect::List { .. } | Effect::LookUp { .. } | Effect::Scrub { .. } | Effect::Search(_) => {
            Duration::ZERO
        }
    }
}
