//! What calling a list would come to: when, at what pace, for how much, and until when.
//!
//! Plays the list call by call by the same rules as a run (the calendar, the pace, the lines, the retries, the caps,
//! the budget), without phones: who is reached and for how long follows from assumptions, spread evenly instead of by
//! chance. `rehearse` plays the real engine; a test holds the two together. What a canary would stop is not foreseen.

mod assumptions;
mod days;
mod fingerprint;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use self::assumptions::{Assumptions, NotAShare, Share};
pub use self::days::{Day, Days};
pub use self::fingerprint::Fingerprint;
use super::attempt::AttemptState;
use super::call::{CallSid, Outcome};
use super::campaign::Policy;
use super::eligibility::Caps;
use super::money::{Money, Tariff};
use super::pace::{Allowance, Pace};
use super::retry::{self, Verdict};

/// What keeps a campaign from being over sooner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// Its pace, or that of its ExoPhones.
    Pace,
    /// The lines.
    Lines,
    /// The account's allowance of requests.
    Allowance,
    /// The budget: people are left when it is used up.
    Budget,
}

impl Binding {
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

/// All that decides how a list is called.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// How people are called.
    pub policy: &'a Policy,
    /// How many calls a number may get.
    pub caps: Caps,
    /// The account's allowance.
    pub allowance: Allowance,
    /// Calls that may be live at once.
    pub lines: u32,
    /// ExoPhones that people are shown, at least one.
    pub exophones: u32,
    /// What the campaign has cost so far.
    pub spent: Money,
    /// What nobody can know beforehand.
    pub assumptions: Assumptions,
    /// When calling would begin.
    pub now: Timestamp,
}

/// People who are to be called, and stand alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// When they may be called at the earliest, whatever the hours.
    pub due_at: Timestamp,
    /// Their tries so far.
    pub charged: u32,
    /// How many they are.
    pub people: u64,
}

/// What a campaign costs from now on, calls of the past aside.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cost {
    /// As many people are reached as assumed, and nobody stays for more than a begun minute.
    pub low: Money,
    /// As many people are reached as assumed, and stay for as long as assumed.
    pub likely: Money,
    /// Everybody who is to be called picks up in the end and stays until the talk limit, as far as the budget permits.
    pub worst: Money,
}

/// What calling a list would come to.
#[derive(Clone, PartialEq, Debug)]
pub struct Forecast {
    /// Calls, retries included.
    pub calls: u64,
    /// The days of calling.
    pub days: Vec<Day>,
    /// What keeps it from being over sooner.
    pub limited_by: Binding,
    /// Calls that start in a minute while nobody waits for anything but that.
    pub calls_per_minute: Option<f64>,
    /// When the last call is over; `None` if nobody is called.
    pub finishes_at: Option<Timestamp>,
    /// What it costs, if there is a tariff.
    pub cost: Option<Cost>,
    /// People who are never called because the campaign ends first, or its hours never open.
    pub expired: u64,
    /// People whom the budget does not reach.
    pub left: u64,
}

/// Returns what calling these people would come to.
pub fn forecast(conditions: &Conditions<'_>, list: &[Waiting]) -> Forecast {
    let mut play = Play::new(conditions, list);
    let stopped = play.run();
    let people: u64 = list.iter().map(|group| group.people).sum();
    let uncalled: u64 = play.list.iter().map(|group| group.people).sum();
    let (expired, left) = match stopped {
        Stopped::Done => (0, 0),
        Stopped::Closed => (uncalled, 0),
        Stopped::Budget => (0, uncalled),
    };
    let limited_by = match stopped {
        Stopped::Budget => Binding::Budget,
        Stopped::Done | Stopped::Closed => conditions.binding(),
    };
    let cost = conditions.policy.tariff.map(|tariff| Cost {
        low: play.low,
        likely: play.likely,
        worst: conditions.worst(tariff, people - expired).max(play.likely),
    });
    Forecast {
        calls: play.calls,
        limited_by,
        calls_per_minute: play.days.calls_per_minute(),
        days: play.days.into_days(),
        finishes_at: play.last_end,
        cost,
        expired,
        left,
    }
}

impl Conditions<'_> {
    /// Returns what keeps calls from starting faster, as long as there is money.
    fn binding(&self) -> Binding {
        let per_minute = |interval: Duration| 60.0 / interval.as_secs_f64();
        let line = self.assumptions.line_is_taken_for(self.policy.ring);
        let limits = [
            (Binding::Pace, self.pace_interval().map(per_minute)),
            (
                Binding::Allowance,
                interval_of(self.allowance.pace_of_calls()).map(per_minute),
            ),
            (
                Binding::Lines,
                (!line.is_zero()).then(|| per_minute(line) * f64::from(self.lines)),
            ),
        ];
        let slowest = limits
            .into_iter()
            .filter_map(|(binding, rate)| Some((binding, rate?)))
            .min_by(|(_, one), (_, other)| one.total_cmp(other));
        slowest.map_or(Binding::Lines, |(binding, _)| binding)
    }

    /// Returns the most that calling so many people can cost from now on.
    pub fn worst(&self, tariff: Tariff, people: u64) -> Money {
        let mut each = tariff.cost(self.policy.talk_limit);
        if self.policy.reached_after.is_some() {
            // Whoever hangs up at once is called again, and costs a minute each time.
            each = each
                + tariff
                    .per_minute()
                    .times(u64::from(self.policy.retry.retries));
        }
        let worst = each.times(people);
        match self.policy.budget {
            Some(budget) => worst.min((budget - self.spent).max(Money::ZERO)),
            None => worst,
        }
    }

    /// Returns how far apart starts are kept by the campaign and its ExoPhones.
    fn pace_interval(&self) -> Option<Duration> {
        let from_all = match self.policy.caller_id_pace {
            Pace::Every(interval) => Pace::Every(interval / self.exophones.max(1)),
            Pace::Max => Pace::Max,
        };
        interval_of(self.policy.pace.slower_of(from_all))
    }
}

fn interval_of(pace: Pace) -> Option<Duration> {
    match pace {
        Pace::Every(_) => Some(pace.interval()),
        Pace::Max => None,
    }
}

/// So many calls are asked about with one look-up, as Exotel recommends.
const ASKED_TOGETHER: u32 = 20;

/// Why a list was played no further.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
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
struct Play<'a> {
    conditions: &'a Conditions<'a>,
    /// Those who were not called yet, the first due first.
    list: VecDeque<Waiting>,
    again: BinaryHeap<Reverse<Again>>,
    /// The calls that are live: when their line is free again, and what they will have cost.
    live: BinaryHeap<Reverse<(Timestamp, Money)>>,
    interval: Duration,
    any_call: CallSid,
    draws: Vec<u64>,
    sequence: u64,
    calls: u64,
    days: Days,
    settled: Money,
    low: Money,
    likely: Money,
    last_end: Option<Timestamp>,
}

impl<'a> Play<'a> {
    fn new(conditions: &'a Conditions<'a>, list: &[Waiting]) -> Self {
        let somebody = list.iter().copied().filter(|group| group.people > 0);
        let mut list: Vec<_> = somebody.collect();
        list.sort_by_key(|group| group.due_at);
        let by_pace = conditions.pace_interval().unwrap_or_default();
        let by_allowance = conditions.allowance.pace_of_calls().interval();
        Self {
            conditions,
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

    fn run(&mut self) -> Stopped {
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

        let too_short = policy.reached_after.is_some_and(|least| hold < least);
        let counts_as = match outcome {
            Outcome::Completed if too_short => Outcome::NoAnswer,
            outcome => outcome,
        };
        let state = AttemptState::Ended(self.any_call.clone(), counts_as);
        let Verdict::Pending(due_at, _) =
            retry::after(&state, None, charged + 1, &policy.retry, ended_at)
        else {
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

#[cfg(test)]
mod tests;
