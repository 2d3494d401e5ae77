//! One run: what it was told at its start, and the little it keeps in memory.
//!
//! Nothing in here matters to anybody's safety: it is lost when the process dies, and the next run does without.

use std::time::Duration;

use jiff::SignedDuration;

use super::event::{Quest, Trouble};
use super::scrub::Questions;
use crate::clock::Moment;
use crate::domain::breaker::Breaker;
use crate::domain::campaign::Policy;
use crate::domain::doubt::Patience;
use crate::domain::eligibility::Caps;
use crate::domain::ending::{RunLimits, StoppedBecause};
use crate::domain::pace::Allowance;
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::{Limit, Phase};
use crate::domain::quality::Answered;
use crate::exotel::callback::{CallbackBase, CallbackSecret};
use crate::store::campaigns::CampaignId;
use crate::store::runs::RunId;

/// What a run is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// Ring people.
    Dial(Dialling),
    /// Ask once about everything that is open, and ring nobody.
    Settle,
}

/// How to ring people, where the campaign itself does not say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialling {
    /// The ExoPhones to show; at least one.
    pub caller_ids: Vec<PhoneNumber>,
    /// The flow to connect them to.
    pub flow_url: String,
    /// When the run ends by itself.
    pub limits: RunLimits,
}

/// Returns the ExoPhones that people are shown: the campaign's own, or what is configured.
pub(super) fn caller_ids<'a>(policy: &'a Policy, dialling: &'a Dialling) -> &'a [PhoneNumber] {
    match policy.caller_ids.as_slice() {
        [] => &dialling.caller_ids,
        own => own,
    }
}

/// How many calls may be live at once in the account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountLines {
    /// Nobody has said: a campaign that was given more has them.
    Assumed(u32),
    /// So many and no more, whatever a campaign was given.
    Stated(u32),
}

impl AccountLines {
    /// Returns the lines of a campaign that was given so many, if any, and those of its account.
    pub fn limits(self, given: Option<u32>) -> (u32, u32) {
        match self {
            Self::Assumed(lines) => (given.unwrap_or(lines), lines.max(given.unwrap_or(0))),
            Self::Stated(lines) => (given.unwrap_or(lines).min(lines), lines),
        }
    }
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
    /// The account's allowance.
    pub allowance: Allowance,
    /// The account's lines.
    pub account_lines: AccountLines,
    /// How many Sids go into one look-up: 20 as Exotel recommends, at most 100.
    pub sids_per_look_up: usize,
    /// How many calls a number may get, over all campaigns.
    pub caps: Caps,
    /// How long lost calls are given to show up.
    pub patience: Patience,
    /// Where the provider reports the ends of calls, if anywhere.
    pub callbacks: Option<Callbacks>,
}

/// What makes each attempt's own callback address.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// What all addresses begin with.
    pub base: CallbackBase,
    /// What makes them impossible to guess.
    pub secret: CallbackSecret,
}

/// A run under way.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it was told.
    pub assignment: Assignment,
    pub(super) began: Moment,
    pub(super) phase: Phase,
    /// A GET has succeeded in this run: whoever started it has had the campaign taken up again.
    pub(super) is_under_way: bool,
    pub(super) ending: Option<(StoppedBecause, Duration)>,
    pub(super) trouble: Option<Trouble>,
    pub(super) paused_since: Option<Duration>,
    /// Most calls were short, and the campaign goes on all the same.
    pub(super) caution: Option<Answered>,
    pub(super) greetings: u32,
    pub(super) look_ups_under_way: u32,
    /// A search for doubts goes on; its next page, once it is known.
    pub(super) is_searching: bool,
    pub(super) next_page: Option<Box<Quest>>,
    /// The do-not-disturb marks that were asked for.
    pub(super) questions: Questions,
    pub(super) breaker: Breaker,
    /// How far the wall clock was from the time since boot when it last agreed with the provider's.
    pub(super) agreed: Option<SignedDuration>,
    /// A GET for the breaker's sake is under way.
    pub(super) is_probing: bool,
    pub(super) in_a_row: InARow,
    pub(super) calls_placed: u64,
    /// Calls that this run may or may not have placed.
    pub(super) doubts: u64,
    pub(super) requests: u64,
    pub(super) bound: Bound,
}

/// Troubles one after another, each ended by a success.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct InARow {
    /// Refusals that blame nobody.
    pub(super) refusals: u32,
    /// Times that the provider could not be reached; what fails in one moment counts once.
    pub(super) unreachable: u32,
    /// Answers that we ask too often.
    pub(super) rate_limits: u32,
    /// Look-ups without an answer.
    pub(super) failed_look_ups: u32,
    /// When the first of these was.
    pub(super) look_ups_fail_since: Option<Duration>,
}

impl InARow {
    /// Returns whether the last look-up was not answered.
    pub(super) fn look_ups_fail(&self) -> bool {
        self.unreachable > 0 || self.failed_look_ups > 0 || self.rate_limits > 0
    }

    pub(super) fn look_ups_have_succeeded(&mut self) {
        *self = Self {
            refusals: self.refusals,
            ..Self::default()
        };
    }
}

impl Run {
    /// Returns a run that begins now; hand [`super::Event::Started`] to its first turn.
    pub fn new(assignment: Assignment, now: Moment) -> Self {
        Self {
            assignment,
            began: now,
            phase: Phase::Greeting,
            is_under_way: false,
            ending: None,
            trouble: None,
            paused_since: None,
            caution: None,
            greetings: 0,
            look_ups_under_way: 0,
            is_searching: false,
            next_page: None,
            questions: Questions::default(),
            breaker: Breaker::default(),
            agreed: None,
            is_probing: false,
            in_a_row: InARow::default(),
            calls_placed: 0,
            doubts: 0,
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

    /// Returns how many calls count against `--max-calls`: whoever permitted seven must not find eight people rung.
    pub(super) fn calls_made(&self) -> u64 {
        self.calls_placed + self.doubts
    }

    pub(super) fn limits(&self) -> RunLimits {
        match &self.assignment.task {
            Task::Dial(dialling) => dialling.limits,
            Task::Settle => RunLimits::default(),
        }
    }

    /// Decides to end. The first decision stands, except that the provider's trouble overrules a rule, and a signal both.
    pub(super) fn end(&mut self, because: StoppedBecause, now: &Moment) {
        let rank = |because| match because {
            StoppedBecause::Signal => 2,
            StoppedBecause::Provider | StoppedBecause::Breaker => 1,
            _ => 0,
        };
        if self
            .ending
            .is_none_or(|(before, _)| rank(because) > rank(before))
        {
            self.ending = Some((because, now.since_boot));
        }
    }

    pub(super) fn end_in_trouble(&mut self, trouble: Trouble, now: &Moment) {
        self.trouble.get_or_insert(trouble);
        self.end(StoppedBecause::Provider, now);
    }
}

/// How long each limit has bound a run.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Bound {
    by: [Duration; 4],
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
        let limits = [Limit::Pace, Limit::Lines, Limit::Allowance, Limit::Budget];
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
            Limit::Budget => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_assumed_number_of_lines_gives_way_to_a_campaign() {
        assert_eq!(AccountLines::Assumed(10).limits(None), (10, 10));
        assert_eq!(AccountLines::Assumed(10).limits(Some(50)), (50, 50));
        assert_eq!(AccountLines::Assumed(10).limits(Some(5)), (5, 10));
        assert_eq!(AccountLines::Stated(20).limits(Some(50)), (20, 20));
        assert_eq!(AccountLines::Stated(20).limits(Some(5)), (5, 20));
    }

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
