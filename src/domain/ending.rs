//! When a run is over, and why.
//!
//! `Prospect` decides that nothing new is dialled any more, `Departure` that the run may leave. Done is done, whatever
//! rule was about to end it; and no run leaves while a POST is unanswered.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::campaign::CampaignState;
use super::hours::Calendar;

/// Calls still live when dialling is over are followed for this long.
pub const FOLLOW_LIVE_CALLS: Duration = Duration::from_secs(120);

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the words are the product's own, PRODUCT §1")]
pub enum StoppedBecause {
    Finished,
    OnlyDoubts,
    Hours,
    Paused,
    Cancelled,
    Until,
    MaxRuntime,
    MaxCalls,
    NothingDue,
    Canary,
    Budget,
    Provider,
    Breaker,
    Signal,
}

impl StoppedBecause {
    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::OnlyDoubts => "only_doubts",
            Self::Hours => "hours",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Until => "until",
            Self::MaxRuntime => "max_runtime",
            Self::MaxCalls => "max_calls",
            Self::NothingDue => "nothing_due",
            Self::Canary => "canary",
            Self::Budget => "budget",
            Self::Provider => "provider",
            Self::Breaker => "breaker",
            Self::Signal => "signal",
        }
    }
}

impl fmt::Display for StoppedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a run shall end by itself, apart from being done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RunLimits {
    /// Nothing new from this time on.
    pub until: Option<Timestamp>,
    /// Nothing new after this long.
    pub max_runtime: Option<Duration>,
    /// Nothing new after so many calls.
    pub max_calls: Option<u64>,
    /// Leaves as soon as nothing is due.
    pub once: bool,
    /// Waits for the calling hours instead of leaving.
    pub wait: bool,
}

/// What decides whether a run comes to its end.
#[derive(Clone, Copy, Debug)]
pub struct Prospect<'a> {
    /// The wall clock.
    pub wall: Timestamp,
    /// How long the run has gone on.
    pub runtime: Duration,
    /// When it shall end by itself.
    pub limits: &'a RunLimits,
    /// Where the campaign stands.
    pub state: CampaignState,
    /// The calling hours.
    pub calendar: &'a Calendar,
    /// Calls that this run has placed or may have placed.
    pub calls_made: u64,
    /// Calls of the campaign that are live, and POSTs that are not answered.
    pub live: u32,
    /// When the next pending contact is due; `None` if there is none.
    pub next_due_at: Option<Timestamp>,
    /// Calls that the budget can bear, at their worst.
    pub affordable: u64,
}

impl Prospect<'_> {
    /// Returns why nothing new shall be dialled any more in this run, or `None` to go on.
    pub fn ending(&self) -> Option<StoppedBecause> {
        if self.state == CampaignState::Cancelled {
            return Some(StoppedBecause::Cancelled);
        }
        if self.next_due_at.is_none() && self.live == 0 {
            return None;
        }
        if self.limits.until.is_some_and(|until| self.wall >= until) {
            return Some(StoppedBecause::Until);
        }
        if self
            .limits
            .max_runtime
            .is_some_and(|most| self.runtime >= most)
        {
            return Some(StoppedBecause::MaxRuntime);
        }
        let next_due_at = self.next_due_at?;
        if self
            .limits
            .max_calls
            .is_some_and(|most| self.calls_made >= most)
        {
            return Some(StoppedBecause::MaxCalls);
        }
        // While calls are live, what is reserved for them may become free.
        if self.affordable == 0 && self.live == 0 {
            return Some(StoppedBecause::Budget);
        }
        if self.limits.once && next_due_at > self.wall {
            return Some(StoppedBecause::NothingDue);
        }
        if self.limits.wait {
            return None;
        }
        match self.calendar.closes_at(self.wall) {
            None => Some(StoppedBecause::Hours),
            // Whoever is due after closing time is not worth waiting for.
            Some(closing) if next_due_at >= closing => Some(StoppedBecause::Hours),
            Some(_) => None,
        }
    }
}

/// Whether a run that rings nobody any more may leave.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// The decision to end and how long ago it was taken.
    pub ending: Option<(StoppedBecause, Duration)>,
    /// How long the campaign has been paused, if it is.
    pub paused_for: Option<Duration>,
    /// POSTs that are not answered yet.
    pub open_posts: u32,
    /// Accepted calls whose end was not seen yet.
    pub live: u32,
    /// Contacts to be rung, now or later.
    pub pending: u64,
    /// Contacts that wait for evidence or a person.
    pub held: u64,
    /// Whether evidence is being looked for at this moment.
    pub looking: bool,
}

impl Departure {
    /// Returns why the run is over now, or `None` while it is not. It never leaves a POST unanswered.
    pub fn over(&self) -> Option<StoppedBecause> {
        if self.open_posts > 0 {
            return None;
        }
        let followed = |since: Duration| self.live == 0 || since >= FOLLOW_LIVE_CALLS;
        if let Some((
            because @ (StoppedBecause::Signal | StoppedBecause::Provider | StoppedBecause::Breaker),
            _,
        )) = self.ending
        {
            return Some(because);
        }
        if let Some((because @ StoppedBecause::Cancelled, since)) = self.ending {
            // Nobody is left because they were given up, which is not the same as done.
            return followed(since).then_some(because);
        }
        if self.pending == 0 && self.live == 0 && self.held > 0 && self.looking {
            // What is found may make somebody due, or everybody done.
            return None;
        }
        if self.pending == 0 && self.live == 0 {
            // Done is done, whatever rule was about to end it.
            return Some(if self.held > 0 {
                StoppedBecause::OnlyDoubts
            } else {
                StoppedBecause::Finished
            });
        }
        if let Some((because, since)) = self.ending {
            return followed(since).then_some(because);
        }
        match self.paused_for {
            Some(since) if followed(since) => Some(StoppedBecause::Paused),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_run_leaves_for_the_reason_that_comes_first() {
        let calendar = Calendar::default();
        let noon: Timestamp = "2026-03-02T12:00:00+05:30".parse().unwrap();
        let night: Timestamp = "2026-03-02T22:00:00+05:30".parse().unwrap();
        let limits = RunLimits::default();
        let prospect = Prospect {
            wall: noon,
            runtime: SECOND,
            limits: &limits,
            state: CampaignState::Running,
            calendar: &calendar,
            calls_made: 3,
            live: 0,
            next_due_at: Some(noon),
            affordable: 1,
        };
        assert_eq!(prospect.ending(), None);
        assert_eq!(
            Prospect {
                wall: night,
                ..prospect
            }
            .ending(),
            Some(StoppedBecause::Hours)
        );
        assert_eq!(
            Prospect {
                next_due_at: Some(night),
                ..prospect
            }
            .ending(),
            Some(StoppedBecause::Hours)
        );
        let waits = RunLimits {
            wait: true,
            ..limits
        };
        assert_eq!(
            Prospect {
                wall: night,
                limits: &waits,
                ..prospect
            }
            .ending(),
            None
        );
        let once = RunLimits {
            once: true,
            ..limits
        };
        let later = noon.saturating_add(SECOND).unwrap();
        let next_due_at = Some(later);
        assert_eq!(
            Prospect {
                limits: &once,
                next_due_at,
                ..prospect
            }
            .ending(),
            Some(StoppedBecause::NothingDue)
        );
        let few = RunLimits {
            max_calls: Some(3),
            ..limits
        };
        assert_eq!(
            Prospect {
                limits: &few,
                ..prospect
            }
            .ending(),
            Some(StoppedBecause::MaxCalls)
        );
        let broke = Prospect {
            affordable: 0,
            limits: &waits,
            ..prospect
        };
        assert_eq!(broke.ending(), Some(StoppedBecause::Budget));
        assert_eq!(Prospect { live: 1, ..broke }.ending(), None);
        assert_eq!(
            Prospect {
                wall: night,
                next_due_at: None,
                affordable: 0,
                ..prospect
            }
            .ending(),
            None
        );
    }

    #[test]
    fn a_run_is_over_only_when_every_post_was_answered() {
        let done = Departure {
            ending: None,
            paused_for: None,
            open_posts: 0,
            live: 0,
            pending: 0,
            held: 0,
            looking: false,
        };
        assert_eq!(done.over(), Some(StoppedBecause::Finished));
        let looking = Departure {
            held: 1,
            looking: true,
            ..done
        };
        assert_eq!(looking.over(), None);
        assert_eq!(
            Departure { held: 1, ..done }.over(),
            Some(StoppedBecause::OnlyDoubts)
        );
        assert_eq!(Departure { live: 1, ..done }.over(), None);
        let signal = Some((StoppedBecause::Signal, Duration::ZERO));
        assert_eq!(
            Departure {
                ending: signal,
                live: 3,
                ..done
            }
            .over(),
            Some(StoppedBecause::Signal)
        );
        assert_eq!(
            Departure {
                ending: signal,
                open_posts: 1,
                ..done
            }
            .over(),
            None
        );
        let cancelled = |since| Departure {
            ending: Some((StoppedBecause::Cancelled, since)),
            ..done
        };
        let why = Some(StoppedBecause::Cancelled);
        assert_eq!(cancelled(SECOND).over(), why, "given up is not done");
        let held = Departure {
            held: 2,
            looking: true,
            ..cancelled(SECOND)
        };
        assert_eq!(held.over(), why);
        let live = Departure {
            live: 1,
            ..cancelled(SECOND)
        };
        assert_eq!(live.over(), None);
        let long_live = Departure {
            live: 1,
            ..cancelled(FOLLOW_LIVE_CALLS)
        };
        assert_eq!(long_live.over(), why);
        let until = |since| Departure {
            ending: Some((StoppedBecause::Until, since)),
            live: 1,
            ..done
        };
        assert_eq!(until(SECOND).over(), None);
        assert_eq!(until(FOLLOW_LIVE_CALLS).over(), Some(StoppedBecause::Until));
        let paused = Departure {
            paused_for: Some(SECOND),
            pending: 4,
            ..done
        };
        assert_eq!(paused.over(), Some(StoppedBecause::Paused));
        assert_eq!(Departure { live: 1, ..paused }.over(), None);
    }
}
