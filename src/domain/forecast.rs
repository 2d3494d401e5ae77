//! What calling a list would come to: when, at what pace, for how much, and until when.
//!
//! Plays the list call by call by the same rules as a run (the calendar, the pace, the lines, the retries, the caps,
//! the budget), without phones: who is reached and for how long follows from assumptions, spread evenly instead of by
//! chance. `rehearse` plays the real engine; a test holds the two together. What a canary would stop is not foreseen.

mod assumptions;
mod days;
mod fingerprint;
mod play;

use std::time::Duration;

use jiff::Timestamp;

pub use self::assumptions::{Assumptions, NotAShare, Share};
pub use self::days::{Day, Days};
pub use self::fingerprint::Fingerprint;
use self::play::{Play, Stopped};
use super::campaign::Policy;
use super::eligibility::Caps;
use super::money::{Money, Tariff};
use super::pace::{Allowance, Pace};

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

#[cfg(test)]
mod tests;
