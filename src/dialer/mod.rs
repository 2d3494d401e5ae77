//! The dialer: hears what happened, takes a turn, does what the turn asks for.
//!
//! The shell in this file owns the loop: it waits for replies, the planned time or a signal, gathers what came into one
//! batch, has it committed by [`turn::turn`], and only then performs the effects. All decisions are in `turn`; nothing
//! here knows a rule. It cannot print: progress goes to the caller.

pub mod audit;
mod dial;
pub mod event;
mod exophone;
mod hear;
mod look;
mod minute;
mod permission;
mod quality;
pub mod rolls;
pub mod run;
mod scrub;
mod search;
mod trouble;
pub mod turn;

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use self::event::{Effect, Ending, Event, Progress};
use self::minute::LastStarts;
use self::permission::LastLook;
use self::rolls::Rolls;
use self::run::{Assignment, Run};
use self::turn::{Turned, turn};
use crate::clock::{Clock, Moment};
use crate::domain::call::Window;
use crate::domain::pace::{is_still_open, may_still_be_sent};
use crate::exotel::Client;
use crate::provider::Reply;
use crate::store::{Store, StoreError, binding};

/// The longest wait between two turns, so that a pause from another terminal is seen well within a second.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// The bulk list looks back 31 days by itself; for older calls it is told from when.
const LIST_LOOKS_BACK: Duration = Duration::from_secs(30 * 86_400);

/// How a run has ended, with its figures.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// How it ended.
    pub ending: Ending,
    /// Calls placed.
    pub calls_placed: u64,
    /// Requests sent, look-ups included.
    pub requests: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// What a run works with.
#[derive(Debug)]
pub struct Equipment {
    /// The database; the caller holds the campaign's lock.
    pub store: Store,
    /// The provider.
    pub client: Client,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub rolls: Rolls,
}

/// Runs a campaign until it is over.
///
/// `stops` brings a message whenever somebody asks to stop: the first lets open POSTs finish, the second leaves at once.
/// `watch` is told after each turn how the run is getting on.
///
/// # Errors
/// When the store refuses. Nothing that was not committed has been done then.
pub async fn run(
    equipment: Equipment,
    assignment: Assignment,
    stops: &mut mpsc::Receiver<()>,
    watch: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Summary, StoreError> {
    let Equipment {
        store,
        client,
        clock,
        rolls,
    } = equipment;
    let began = clock.since_boot();
    let mut hands = Hands {
        client,
        clock,
        starts: LastStarts::default(),
        last_look: LastLook::beside(&store)?,
        tasks: JoinSet::new(),
    };
    let mut desk = Desk {
        store,
        rolls,
        run: Run::new(assignment, clock.moment()),
    };
    let mut heard = vec![Event::Started];
    let mut asked_to_stop = false;
    loop {
        let turned;
        (desk, turned) = desk.take_turn(clock.moment(), heard).await?;
        for effect in turned.effects {
            hands.perform(effect);
        }
        // Only now: whoever watches may be slow, and a call that is permitted must not wait for them.
        watch(&turned.progress);
        if let Some(ending) = turned.over {
            return Ok(Summary {
                ending,
                calls_placed: desk.run.calls_placed(),
                requests: desk.run.requests(),
                elapsed: clock.since_boot().saturating_sub(began),
            });
        }
        heard = vec![hands.hear(turned.wake_at, stops, &mut asked_to_stop).await];
        // Whatever else has come in the meantime shares the next turn, and its sync.
        while let Some(done) = hands.tasks.try_join_next() {
            heard.push(finished(done));
        }
        // What is known comes before the decision to know no more.
        heard.sort_by_key(|event| *event == Event::LeaveAsked);
    }
}

/// The store and what goes with it: handed to a thread that may block, and back.
struct Desk {
    store: Store,
    rolls: Rolls,
    run: Run,
}

impl Desk {
    async fn take_turn(
        mut self,
        now: Moment,
        events: Vec<Event>,
    ) -> Result<(Self, Turned), StoreError> {
        let turn = tokio::task::spawn_blocking(move || {
            let Self { store, rolls, run } = &mut self;
            let (turned, level) = store.write(|tx| {
                let turned = turn(tx, run, &now, rolls, &events)?;
                Ok::<_, StoreError>((turned, binding::level(tx)?))
            })?;
            // After the commit, so that the mark never says too much; before the effects, so that an older copy of the
            // database is found out by the first call that it lacks.
            store.raise_mark(level);
            Ok((self, turned))
        });
        match turn.await {
            Ok(outcome) => outcome,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// What performs effects and brings back what came of them.
struct Hands {
    client: Client,
    clock: Clock,
    starts: LastStarts,
    last_look: LastLook,
    tasks: JoinSet<Event>,
}

impl Hands {
    fn perform(&mut self, effect: Effect) {
        let (client, clock) = (self.client.clone(), self.clock);
        match effect {
            Effect::Greet { at } => self.tasks.spawn(async move {
                sleep_until(clock, at).await;
                Event::Greeted(client.greet().await)
            }),
            Effect::Dial {
                attempt,
                order,
                send_at,
                send_at_wall,
                permitted_until,
                per_minute,
            } => {
                let (starts, last_look) = (self.starts.clone(), self.last_look.clone());
                self.tasks.spawn(async move {
                    sleep_until(clock, send_at).await;
                    let reply = loop {
                        let now = clock.since_boot();
                        let late = now.saturating_sub(send_at);
                        let wall = clock.wall();
                        let in_time = may_still_be_sent(late, wall.duration_since(send_at_wall))
                            .and_then(|()| is_still_open(wall, permitted_until));
                        if let Err(why) = in_time {
                            break Reply::NotSent(why);
                        }
                        match starts.admit(now, per_minute) {
                            // After every wait, and right before the first byte.
                            Ok(()) => match last_look.permits(attempt) {
                                Ok(()) => break client.connect(&order).await,
                                Err(why) => break Reply::NotSent(why),
                            },
                            Err(held_back) => tokio::time::sleep(held_back).await,
                        }
                    };
                    Event::Replied { attempt, reply }
                })
            }
            Effect::List { calls, since } => self.tasks.spawn(async move {
                let sids: Vec<_> = calls.iter().map(|(_, sid)| sid.clone()).collect();
                let now = clock.wall();
                let month_ago = now.checked_sub(LIST_LOOKS_BACK).unwrap_or(now);
                let answer = if since > month_ago {
                    client.ended_calls(&sids).await
                } else {
                    client
                        .ended_calls_within(
                            &sids,
                            Window {
                                from: since,
                                to: now,
                            },
                        )
                        .await
                };
                Event::Listed {
                    asked: calls,
                    answer,
                }
            }),
            Effect::Search(quest) => self.tasks.spawn(async move {
                let answer = client.search(&quest.search, quest.page.as_ref()).await;
                Event::Searched { quest, answer }
            }),
            Effect::Scrub { number, asked_at } => self.tasks.spawn(async move {
                Event::Scrubbed {
                    number,
                    asked_at,
                    answer: client.dnd(number).await,
                }
            }),
            Effect::LookUp { attempt, sid } => self.tasks.spawn(async move {
                Event::LookedUp {
                    attempt,
                    answer: client.call(&sid).await,
                }
            }),
        };
    }

    /// Waits for the next thing to happen.
    async fn hear(
        &mut self,
        wake_at: Option<Duration>,
        stops: &mut mpsc::Receiver<()>,
        asked_before: &mut bool,
    ) -> Event {
        let latest = self.clock.since_boot() + LONGEST_WAIT;
        let wake_at = wake_at.map_or(latest, |at| at.min(latest));
        let wake = pin!(sleep_until(self.clock, wake_at));
        tokio::select! {
            Some(done) = self.tasks.join_next() => finished(done),
            () = wake => Event::Woke,
            Some(()) = stops.recv() => {
                if std::mem::replace(asked_before, true) { Event::LeaveAsked } else { Event::StopAsked }
            }
        }
    }
}

/// Returns what a task came to. One that panicked takes the program with it: its attempt is an intent still, and the
/// next run finds it in doubt.
fn finished(done: Result<Event, JoinError>) -> Event {
    match done {
        Ok(event) => event,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Event::Woke,
        },
    }
}

async fn sleep_until(clock: Clock, at: Duration) {
    let ahead = at.saturating_sub(clock.since_boot());
    if !ahead.is_zero() {
        tokio::time::sleep(ahead).await;
    }
}
