//! When somebody is tried again: the wait, then the calling hours, then the campaign's end.
//!
//! The wait counts from the end of the try before and is never cut short. Who did not pick up is called at another time
//! of the day, where the hours have several bands; a line that was busy has somebody beside it now.

use std::time::Duration;

use jiff::Timestamp;

use super::call::Outcome;
use super::campaign::Policy;
use super::clocks::later;
use super::hours::Calendar;
use super::pace::LEAD;
use super::retry::{LONGEST_WAIT, Mechanism, RetryPolicy};

/// What a campaign says of further tries.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// How often, after which outcomes and how soon.
    pub retry: &'a RetryPolicy,
    /// When people may be rung.
    pub calendar: Calendar,
    /// Nobody is called from then on.
    pub ends: Option<Timestamp>,
    /// Who was on the phone for less than this was not reached.
    pub reached_after: Option<Duration>,
}

impl<'a> Rules<'a> {
    /// Returns the rules of a campaign.
    pub fn of(policy: &'a Policy) -> Self {
        Self {
            retry: &policy.retry,
            calendar: policy.calendar(),
            ends: policy.ends,
            reached_after: policy.reached_after,
        }
    }

    /// Returns whether nobody can be called from this moment on: the end has come, or comes before the next opening.
    ///
    /// A campaign without an end is never over, even if its hours never open: they can be changed.
    pub fn are_over(&self, at: Timestamp) -> bool {
        // An intent is sent up to `LEAD` after it was written, and must be sent before the end as well.
        let opening = || self.calendar.next_opening(later(at, LEAD));
        self.ends
            .is_some_and(|ends| opening().is_none_or(|opening| opening >= ends))
    }
}

/// A try that did not reach its person.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The tries so far, this one included.
    pub(super) tries: u32,
    /// When the person was called.
    pub(super) called_at: Timestamp,
    /// When the call ended.
    pub(super) ended_at: Timestamp,
    /// The present, which may be long after that.
    pub(super) now: Timestamp,
    /// Chance: 0 to 1.
    pub(super) roll: f64,
}

/// Returns when the next try is due; `None` if there is no opening for it before the campaign's end.
pub(super) fn next_try(missed: &Missed, rules: &Rules<'_>) -> Option<Timestamp> {
    let asked = later(missed.ended_at, wait(missed, rules.retry));
    let earliest = asked.max(missed.now);
    let is_before_the_end = |at: &Timestamp| rules.ends.is_none_or(|ends| *at < ends);
    let elsewhere = match missed.outcome {
        Outcome::Busy => None,
        Outcome::Completed | Outcome::NoAnswer | Outcome::Failed | Outcome::Canceled => {
            let latest = later(missed.ended_at, LONGEST_WAIT);
            let opening =
                rules
                    .calendar
                    .opening_in_another_band(earliest, missed.called_at, latest);
            opening.filter(is_before_the_end)
        }
    };
    match elsewhere.or_else(|| rules.calendar.next_opening(earliest)) {
        Some(opening) => Some(opening).filter(is_before_the_end),
        None if rules.ends.is_some() => None,
        // Nobody is called while the hours never open; when they do, this is the time that counts.
        None => Some(earliest),
    }
}

/// Returns how long to wait after this try: as asked or up to a tenth longer, and never longer than [`LONGEST_WAIT`].
fn wait(missed: &Missed, retry: &RetryPolicy) -> Duration {
    let first = retry.after.wait(missed.outcome);
    let grown = match retry.mechanism {
        Mechanism::Linear => first,
        Mechanism::Exponential => {
            first.saturating_mul(2_u32.saturating_pow(missed.tries.saturating_sub(1)))
        }
    };
    let grown = grown.min(LONGEST_WAIT);
    // Those who were called together shall not all be called together again.
    let stretched = grown + grown.mul_f64(missed.roll.clamp(0.0, 1.0) / 10.0);
    stretched.min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
