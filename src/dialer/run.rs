//! One run: what it was told at its start, and the little it keeps in memory.
//!
//! Nothing in here matters to anybody's safety: it is lost when the process dies, and the next run does without.

use std::time::Duration;

use super::event::Trouble;
use crate::clock::Moment;
use crate::domain::pace::Allowance;
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::{Limit, Phase, RunLimits, StoppedBecause};
use crate::store::campaigns::CampaignId;
use crate::store::runs::RunId;

/// What a run is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Ring people.
    Dial(RunLimits),
    /// Ask once about everything that is open, and ring nobody.
    Settle,
}

/// What a run is told at its start.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The run.
    pub run: RunId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The account's Sid: pace and allowance are shared by all campaigns of an account.
    pub account: String,
    /// What to do.
    pub task: Task,
    /// The ExoPhone to show, where the campaign names none.
    pub caller_id: PhoneNumber,
    /// The flow, where the campaign names none.
    pub flow_url: String,
    /// The account's allowance.
    pub allowance: Allowance,
    /// The account's lines.
    pub account_lines: u32,
    /// How many Sids go into one look-up: 20 as Exotel recommends, at most 100.
    pub sids_per_look_up: usize,
}

/// A run under way.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it was told.
    pub assignment: Assignment,
    pub(super) began: Moment,
    pub(super) phase: Phase,
    pub(super) ending: Option<(StoppedBecause, Duration)>,
    pub(super) trouble: Option<Trouble>,
    pub(super) paused_since: Option<Duration>,
    pub(super) greetings: u32,
    pub(super) look_ups_under_way: u32,
    pub(super) in_a_row: InARow,
    pub(super) calls_placed: u64,
    pub(super) requests: u64,
    pub(super) bound: Bound,
}

/// Troubles one after another, each ended by a success.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct InARow {
    /// Refusals that blame nobody.
    pub(super) refusals: u32,
    /// Calls that could not be sent.
    pub(super) unsent: u32,
    /// Answers that we ask too often.
    pub(super) rate_limits: u32,
    /// Look-ups without an answer.
    pub(super) failed_look_ups: u32,
}

impl Run {
    /// Returns a run that begins now; hand [`super::Event::Started`] to its first turn.
    pub fn new(assignment: Assignment, now: Moment) -> Self {
        Self {
            assignment,
            began: now,
            phase: Phase::Greeting,
            ending: None,
            trouble: None,
            paused_since: None,
            greetings: 0,
            look_ups_under_way: 0,
            in_a_row: InARow::default(),
            calls_placed: 0,
            requests: 0,
            bound: Bound::default(),
        }
    }

    /// Returns how many calls this run has placed.
    pub fn calls_placed(&self) -> u64 {
        self.calls_placed
    }

    /// Returns how many requests this run has sent, look-ups included.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn limits(&self) -> RunLimits {
        match self.assignment.task {
            Task::Dial(limits) => limits,
            Task::Settle => RunLimits::default(),
        }
    }

    /// Decides to end; the first decision stands, except that a signal overrules all.
    pub(super) fn end(&mut self, because: StoppedBecause, now: &Moment) {
        if self.ending.is_none() || because == StoppedBecause::Signal {
            self.ending = Some((because, now.since_boot));
        }
    }

    pub(super) fn end_in_trouble(&mut self, trouble: Trouble, now: &Moment) {
        if self.ending.is_none() {
            self.trouble = Some(trouble);
        }
        self.end(StoppedBecause::Provider, now);
    }
}

/// How long each limit has bound a run.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Bound {
    by: [Duration; 3],
    current: Option<(Limit, Duration)>,
}

impl Bound {
    /// Notes what binds from now on.
    pub(super) fn note(&mut self, limit: Option<Limit>, now: Duration) {
        if let Some((limit, since)) = self.current {
            self.by[Self::index(limit)] += now.saturating_sub(since);
        }
        self.current = limit.map(|limit| (limit, now));
    }

    /// Returns what bound for the longest time.
    pub(super) fn longest(&self) -> Option<Limit> {
        let limits = [Limit::Pace, Limit::Lines, Limit::Allowance];
        let longest = limits
            .into_iter()
            .max_by_key(|limit| self.by[Self::index(*limit)])?;
        let ever = !self.by[Self::index(longest)].is_zero();
        if ever {
            Some(longest)
        } else {
            self.current.map(|(limit, _)| limit)
        }
    }

    fn index(limit: Limit) -> usize {
        match limit {
            Limit::Pace => 0,
            Limit::Lines => 1,
            Limit::Allowance => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_bound_longest_is_named() {
        let mut bound = Bound::default();
        assert_eq!(bound.longest(), None);
        for (limit, at) in [
            (Some(Limit::Pace), 0),
            (Some(Limit::Lines), 3),
            (None, 10),
            (Some(Limit::Pace), 20),
            (None, 22),
        ] {
            bound.note(limit, Duration::from_secs(at));
        }
        assert_eq!(bound.longest(), Some(Limit::Lines));
    }
}
