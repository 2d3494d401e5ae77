//! What a run may do now: whether anybody may be rung, how many, and when.
//!
//! Pure arithmetic over what a turn has read. `Gate` says whether anybody may be rung at all, `Capacity` how many and
//! when, `Lines` what is free. Each states the reason with the answer, so that a person can be told. When a run is over
//! is said in `ending`.

use std::time::Duration;

use jiff::Timestamp;

use super::campaign::CampaignState;
use super::ending::StoppedBecause;
use super::hours::Calendar;
use super::pace::{self, LEAD};

/// What keeps the next call from starting at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limit {
    /// The campaign's pace.
    Pace,
    /// All lines are taken.
    Lines,
    /// The account's allowance of requests.
    Allowance,
    /// What the campaign may cost.
    Budget,
}

impl Limit {
    /// Returns the word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pace => "pace",
            Self::Lines => "lines",
            Self::Allowance => "allowance",
            Self::Budget => "budget",
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Waits for the answer to its first GET.
    Greeting,
    /// Dials one at a time, until one POST was answered in so many words.
    Alone,
    /// Dials as the limits permit.
    Open,
}

/// Why nobody may be rung now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shut {
    /// The first GET is not answered yet.
    Greeting,
    /// The first call is not answered yet.
    FirstReply,
    /// Replies get lost; shut at least until then, if that is known.
    Breaker(Option<Duration>),
    /// Outside the calling hours; opens then, if ever.
    Hours(Option<Timestamp>),
    /// The campaign's end has come.
    Ended,
    /// Paused.
    Paused,
    /// The run is coming to its end.
    Ending(StoppedBecause),
}

/// What decides whether anybody may be rung.
#[derive(Clone, Debug)]
pub struct Gate<'a> {
    /// The wall clock.
    pub wall: Timestamp,
    /// How far the run is.
    pub phase: Phase,
    /// POSTs that are not answered yet.
    pub open_posts: u32,
    /// Where the campaign stands.
    pub state: CampaignState,
    /// The calling hours.
    pub calendar: &'a Calendar,
    /// When the campaign is over, if that is known.
    pub ends: Option<Timestamp>,
    /// The decision to end, if it was taken.
    pub ending: Option<StoppedBecause>,
    /// Whether the breaker keeps everybody from being called, and until when if that is known.
    pub breaker: Option<Option<Duration>>,
}

impl Gate<'_> {
    /// Returns why nobody may be rung now, or `None` if somebody may.
    pub fn shut(&self) -> Option<Shut> {
        if let Some(because) = self.ending {
            return Some(Shut::Ending(because));
        }
        match self.state {
            CampaignState::Paused => return Some(Shut::Paused),
            CampaignState::Cancelled => return Some(Shut::Ending(StoppedBecause::Cancelled)),
            CampaignState::Stopped | CampaignState::Running | CampaignState::Completed => {}
        }
        // An intent is sent up to `LEAD` after it was written: it must be inside the hours then as well.
        let latest = self.wall.saturating_add(LEAD).unwrap_or(self.wall);
        if self.ends.is_some_and(|ends| latest >= ends) {
            return Some(Shut::Ended);
        }
        if !self.calendar.is_open(self.wall) || !self.calendar.is_open(latest) {
            return Some(Shut::Hours(self.calendar.next_opening(latest)));
        }
        if self.phase != Phase::Greeting
            && let Some(until) = self.breaker
        {
            return Some(Shut::Breaker(until));
        }
        match self.phase {
            Phase::Greeting => Some(Shut::Greeting),
            Phase::Alone if self.open_posts > 0 => Some(Shut::FirstReply),
            Phase::Alone | Phase::Open => None,
        }
    }
}

/// What limits the number of starts.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Time since boot.
    pub now: Duration,
    /// How far the run is.
    pub phase: Phase,
    /// When the campaign's pace permits the next start.
    pub campaign_next: Duration,
    /// The campaign's interval between starts.
    pub campaign_interval: Duration,
    /// When the account's allowance permits the next start.
    pub account_next: Duration,
    /// The account's interval between starts.
    pub account_interval: Duration,
    /// Lines that are free for this campaign.
    pub free_lines: u32,
    /// Calls that the allowance permits right now.
    pub allowed: u32,
    /// When the allowance eases, if it permits none.
    pub allowance_eases_at: Option<Duration>,
    /// Calls that the run may still place.
    pub calls_left: u64,
    /// Calls that the budget can bear, at their worst.
    pub affordable: u64,
}

/// The starts there is room for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// When each may start, since boot; evenly spaced, the first not before now.
    pub starts: Vec<Duration>,
    /// What keeps the next one from starting at once.
    pub limit: Option<Limit>,
    /// When the next intent may be committed, as far as time alone decides.
    pub next_at: Option<Duration>,
}

/// A batch of intents shares one sync; more than this would keep the first of them waiting.
const LARGEST_BATCH: u32 = 256;

impl Capacity {
    /// Returns how many calls may be committed now, and when each may start.
    pub fn room(&self) -> Room {
        let alone = if self.phase == Phase::Open {
            LARGEST_BATCH
        } else {
            1
        };
        let calls_left = u32::try_from(self.calls_left).unwrap_or(u32::MAX);
        let affordable = u32::try_from(self.affordable).unwrap_or(u32::MAX);
        let most = self
            .free_lines
            .min(self.allowed)
            .min(alone)
            .min(calls_left)
            .min(affordable);
        let interval = self.campaign_interval.max(self.account_interval);
        let first = self.campaign_next.max(self.account_next).max(self.now);
        let starts = pace::starts(first, interval, self.now + LEAD, most as usize);
        let pace_binds = if self.account_interval > self.campaign_interval {
            Limit::Allowance
        } else {
            Limit::Pace
        };
        let (limit, next_at) = if self.free_lines as usize <= starts.len() {
            (Some(Limit::Lines), None)
        } else if self.allowed as usize <= starts.len() {
            (Some(Limit::Allowance), self.allowance_eases_at)
        } else if affordable as usize <= starts.len() {
            // What is reserved for live calls may become free when they end.
            (Some(Limit::Budget), None)
        } else if starts.len() < most as usize {
            let next = first + interval * u32::try_from(starts.len()).unwrap_or(u32::MAX);
            (Some(pace_binds), Some(next.saturating_sub(LEAD)))
        } else {
            // After a full batch there may be room for another; otherwise a reply comes first.
            (None, (most == LARGEST_BATCH).then_some(self.now))
        };
        Room {
            starts,
            limit,
            next_at,
        }
    }
}

/// The lines of a campaign and of its account.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// Most calls live at once in the campaign.
    pub campaign_limit: u32,
    /// Most calls live at once in the account.
    pub account_limit: u32,
    /// Calls of the campaign that hold a line, doubts aside.
    pub campaign_live: u32,
    /// Calls of the account that hold a line, doubts aside.
    pub account_live: u32,
    /// Doubts of the campaign that are young enough to hold a line.
    pub doubts: u32,
    /// Doubts of the account that are young enough to hold a line.
    pub account_doubts: u32,
}

impl Lines {
    /// Returns how many more calls the lines can carry. Doubts never hold more than half of them.
    pub fn free(&self) -> u32 {
        let free = |limit: u32, live: u32, doubts: u32| {
            limit.saturating_sub(live.saturating_add(doubts.min(limit / 2)))
        };
        let campaign = free(self.campaign_limit, self.campaign_live, self.doubts);
        campaign.min(free(
            self.account_limit,
            self.account_live,
            self.account_doubts,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn capacity() -> Capacity {
        Capacity {
            now: 100 * SECOND,
            phase: Phase::Open,
            campaign_next: 100 * SECOND,
            campaign_interval: Duration::ZERO,
            account_next: Duration::ZERO,
            account_interval: Duration::ZERO,
            free_lines: 10,
            allowed: u32::MAX,
            allowance_eases_at: None,
            calls_left: u64::MAX,
            affordable: u64::MAX,
        }
    }

    #[test]
    fn a_budget_permits_no_call_that_it_cannot_bear_and_is_named() {
        let room = |affordable| {
            let capacity = Capacity {
                affordable,
                ..capacity()
            };
            let room = capacity.room();
            (room.starts.len(), room.limit, room.next_at)
        };
        assert_eq!(room(0), (0, Some(Limit::Budget), None));
        assert_eq!(room(3), (3, Some(Limit::Budget), None));
        assert_eq!(room(10), (10, Some(Limit::Lines), None));
    }

    #[test]
    fn without_a_pace_every_free_line_is_taken_and_the_lines_bind() {
        let room = capacity().room();
        assert_eq!(room.starts, vec![100 * SECOND; 10]);
        assert_eq!(room.limit, Some(Limit::Lines));
    }

    #[test]
    fn a_pace_spaces_starts_evenly_and_no_further_ahead_than_the_lead() {
        let interval = Duration::from_millis(20);
        let room = Capacity {
            campaign_interval: interval,
            ..capacity()
        }
        .room();
        assert_eq!(
            room.starts,
            [
                100 * SECOND,
                100 * SECOND + interval,
                100 * SECOND + 2 * interval
            ]
        );
        assert_eq!(room.limit, Some(Limit::Pace));
        assert_eq!(room.next_at, Some(100 * SECOND + 3 * interval - LEAD));
    }

    #[test]
    fn the_slower_of_campaign_and_account_binds_and_is_named() {
        let slow = Capacity {
            campaign_interval: SECOND,
            account_interval: 2 * SECOND,
            ..capacity()
        };
        assert_eq!(slow.room().limit, Some(Limit::Allowance));
        let shut = Capacity {
            allowed: 0,
            allowance_eases_at: Some(107 * SECOND),
            ..capacity()
        };
        let room = shut.room();
        assert_eq!(
            (room.starts.len(), room.limit, room.next_at),
            (0, Some(Limit::Allowance), Some(107 * SECOND))
        );
    }

    #[test]
    fn the_first_call_goes_alone() {
        let room = Capacity {
            phase: Phase::Alone,
            ..capacity()
        }
        .room();
        assert_eq!(room.starts.len(), 1);
        let calendar = Calendar {
            hours: super::super::hours::Hours::always(),
            ..Calendar::default()
        };
        let gate = Gate {
            wall: Timestamp::UNIX_EPOCH,
            phase: Phase::Alone,
            open_posts: 1,
            state: CampaignState::Running,
            calendar: &calendar,
            ends: None,
            ending: None,
            breaker: None,
        };
        assert_eq!(gate.shut(), Some(Shut::FirstReply));
        let tripped = Gate {
            breaker: Some(Some(SECOND)),
            ..gate
        };
        assert_eq!(tripped.shut(), Some(Shut::Breaker(Some(SECOND))));
    }

    #[test]
    fn nothing_is_permitted_that_could_leave_at_the_campaigns_end_or_later() {
        let calendar = Calendar {
            hours: super::super::hours::Hours::always(),
            ..Calendar::default()
        };
        let ends = Timestamp::from_second(1_770_000_000).unwrap();
        let before = |by: Duration| Gate {
            wall: ends.saturating_sub(by).unwrap(),
            phase: Phase::Open,
            open_posts: 0,
            state: CampaignState::Running,
            calendar: &calendar,
            ends: Some(ends),
            ending: None,
            breaker: None,
        };
        let moment = Duration::from_millis(1);
        assert_eq!(before(LEAD + moment).shut(), None);
        for by in [LEAD, moment, Duration::ZERO] {
            assert_eq!(before(by).shut(), Some(Shut::Ended), "{by:?}");
        }
    }

    #[test]
    fn doubts_hold_half_the_lines_at_most() {
        let lines = Lines {
            campaign_limit: 10,
            account_limit: 10,
            campaign_live: 2,
            account_live: 2,
            doubts: 40,
            account_doubts: 40,
        };
        assert_eq!(lines.free(), 3);
        let shared = Lines {
            account_live: 7,
            doubts: 0,
            account_doubts: 2,
            ..lines
        };
        assert_eq!(shared.free(), 1);
    }
}
