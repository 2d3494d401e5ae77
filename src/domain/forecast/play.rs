//! Plays a list call by call.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Conditions, Days, Waiting};
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallSid, Outcome};
use crate::domain::due::Rules;
use crate::domain::money::Money;
use crate::domain::retry::{self, Tried, Verdict};

/// So many calls are asked about with one look-up, as Exotel recommends.
const ASKED_TOGETHER: u32 = 20;

/// The roll that stands for all of them.
const AVERAGE: f64 = 0.5;

/// Why a list was played no further.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Done,
    Closed,
    Budget,
}

/// Somebody who waits for another try.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Again {
    due_at: Timestamp,
    sequence: u64,
    charged: u32,
    /// When they were called, while that counts against a cap.
    calls: Vec<Timestamp>,
}

/// A list that is being played.
pub(super) struct Play<'a> {
    conditions: &'a Conditions<'a>,
    rules: Rules<'a>,
    /// Those who were not called yet, the first due first.
    pub(super) list: VecDeque<Waiting>,
    again: BinaryHeap<Reverse<Again>>,
    /// The calls that are live: when their line is free again, and what they will have cost.
    live: BinaryHeap<Reverse<(Timestamp, Money)>>,
    interval: Duration,
    any_call: CallSid,
    draws: Vec<u64>,
    sequence: u64,
    pub(super) calls: u64,
    pub(super) days: Days,
    settled: Money,
    pub(super) low: Money,
    pub(super) likely: Money,
    pub(super) last_end: Option<Timestamp>,
}

impl<'a> Play<'a> {
    pub(super) fn new(conditions: &'a Conditions<'a>, list: &[Waiting]) -> Self {
        let somebody = list.iter().copied().filter(|group| group.people > 0);
        let mut list: Vec<_> = somebody.collect();
        list.sort_by_key(|group| group.due_at);
        let by_pace = conditions.pace_interval().unwrap_or_default();
        let by_allowance = conditions.allowance.pace_of_calls().interval();
        Self {
            conditions,
            rules: Rules::of(conditions.policy),
            list: list.into(),
            again: BinaryHeap::new(),
            live: BinaryHeap::new(),
            interval: by_pace.max(by_allowance),
            any_call: "forecast".parse().expect("eight letters are a Sid"),
            draws: Vec::new(),
            sequence: 0,
            calls: 0,
            days: Days::default(),
            settled: conditions.spent,
            low: Money::ZERO,
            likely: Money::ZERO,
            last_end: None,
        }
    }

    pub(super) fn run(&mut self) -> Stopped {
        let calendar = self.conditions.policy.calendar();
        let ends = self.conditions.policy.ends;
        let mut at = self.conditions.now;
        // Until when it is known to be open.
        let mut closes_at = at;
        while let Some(due_at) = self.next_due() {
            at = at.max(due_at);
            while self.live.len() >= self.conditions.lines.max(1) as usize {
                at = at.max(self.first_end());
            }
            if at >= closes_at {
                let Some(opening) = calendar.next_opening(at) else {
                    return Stopped::Closed;
                };
                at = opening;
                closes_at = calendar.closes_at(opening).unwrap_or(opening);
                if closes_at <= opening {
                    return Stopped::Closed;
                }
            }
            if ends.is_some_and(|ends| at >= ends) {
                return Stopped::Closed;
            }
            if !self.has_budget(at) {
                if self.live.is_empty() {
                    return Stopped::Budget;
                }
                at = at.max(self.first_end());
                continue;
            }
            self.call(at);
            at = later(at, self.interval);
        }
        Stopped::Done
    }

    /// Returns when the next person is due.
    fn next_due(&self) -> Option<Timestamp> {
        let fresh = self.list.front().map(|group| group.due_at);
        let again = self.again.peek().map(|Reverse(again)| again.due_at);
        match (fresh, again) {
            (Some(fresh), Some(again)) => Some(fresh.min(again)),
            (fresh, again) => fresh.or(again),
        }
    }

    /// Ends the call that ends first, and returns when its line is free.
    fn first_end(&mut self) -> Timestamp {
        match self.live.pop() {
            Some(Reverse((at, cost))) => {
                self.settled = self.settled + cost;
                at
            }
            None => self.conditions.now,
        }
    }

    /// Returns whether the budget has room for one more call, those under way at their worst.
    fn has_budget(&mut self, at: Timestamp) -> bool {
        let policy = self.conditions.policy;
        let (Some(budget), Some(tariff)) = (policy.budget, policy.tariff) else {
            return true;
        };
        while self.live.peek().is_some_and(|Reverse((end, _))| *end <= at) {
            self.first_end();
        }
        let worst = tariff.cost(policy.talk_limit);
        self.settled + worst.times(self.live.len() as u64 + 1) <= budget
    }

    /// Calls whoever has been due longest.
    fn call(&mut self, at: Timestamp) {
        let (charged, mut calls) = self.take_first();
        let (conditions, policy) = (self.conditions, self.conditions.policy);
        let (outcome, hold) = self.draw(charged);
        let ended_at = later(at, hold);
        let free_at = self.noticed_at(at, hold);
        let mut cost = Money::ZERO;
        if let (Outcome::Completed, Some(tariff)) = (outcome, policy.tariff) {
            cost = tariff.cost(hold);
            self.low = self.low + cost.min(tariff.per_minute());
            self.likely = self.likely + cost;
        }
        self.live.push(Reverse((free_at, cost)));
        while self.live.peek().is_some_and(|Reverse((end, _))| *end <= at) {
            self.first_end();
        }
        self.calls += 1;
        self.days.note(at);
        self.last_end = self.last_end.max(Some(free_at));

        let tried = Tried {
            state: &AttemptState::Ended(self.any_call.clone(), outcome),
            rejection: None,
            charged: charged + 1,
            talked: Some(hold),
            called_at: at,
            ended_at,
            now: ended_at,
            roll: AVERAGE,
        };
        let Verdict::Pending(due_at, _) = retry::after(&tried, &self.rules) else {
            return;
        };
        let capped_by = conditions.caps.day.min(conditions.caps.week);
        let mut due_at = due_at.max(free_at);
        if policy.retry.retries >= capped_by {
            calls.push(at);
            due_at = conditions
                .caps
                .closed_until(&calls, due_at)
                .unwrap_or(due_at);
        }
        self.sequence += 1;
        self.again.push(Reverse(Again {
            due_at,
            sequence: self.sequence,
            charged: charged + 1,
            calls,
        }));
    }

    /// Returns when the end of a call is noticed, which frees its line.
    fn noticed_at(&self, at: Timestamp, hold: Duration) -> Timestamp {
        let (conditions, ring) = (self.conditions, self.conditions.policy.ring);
        if conditions.lines > ASKED_TOGETHER {
            return later(at, conditions.assumptions.noticed_after(hold, ring));
        }
        // All live calls are asked about at once, so that several lines come free in the same moment.
        let since = Duration::try_from(at.duration_since(conditions.now)).unwrap_or_default();
        later(
            conditions.now,
            conditions.assumptions.noticed_after(since + hold, ring),
        )
    }

    /// Takes whoever has been due longest off the list; returns how often they were called, and when.
    fn take_first(&mut self) -> (u32, Vec<Timestamp>) {
        let next = self.next_due();
        let is_fresh = self.list.front().map(|group| group.due_at) == next;
        if !is_fresh && let Some(Reverse(again)) = self.again.pop() {
            return (again.charged, again.calls);
        }
        let Some(group) = self.list.front_mut() else {
            return (0, Vec::new());
        };
        group.people -= 1;
        let charged = group.charged;
        if group.people == 0 {
            self.list.pop_front();
        }
        (charged, Vec::new())
    }

    /// Returns how the next call of somebody who was called so often ends, and how long it holds its line.
    fn draw(&mut self, charged: u32) -> (Outcome, Duration) {
        let place = charged as usize;
        if self.draws.len() <= place {
            self.draws.resize(place + 1, 0);
        }
        self.draws[place] += 1;
        self.conditions
            .assumptions
            .draw(self.draws[place], self.conditions.policy)
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(at)
}
