//! How far the provider's clock and ours may be apart.
//!
//! Calling hours are kept, and lost calls searched for, by our wall clock; both are worth nothing if it is wrong. What
//! the provider shows as its own time is the only other clock there is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Two clocks that are no further apart agree.
pub const MAY_DIFFER: Duration = Duration::from_secs(120);

/// A wall clock that is set by more than this, seen against the time since boot, has to agree anew.
const STEP: Duration = Duration::from_secs(30);

/// Returns whether somebody has set the wall clock, given its offsets from the time since boot before and now.
pub fn was_set(before: SignedDuration, now: SignedDuration) -> bool {
    now.saturating_sub(before).unsigned_abs() > STEP
}

/// Returns by how many seconds ours is ahead, if the two do not agree.
pub fn disagree(ours: Timestamp, theirs: Timestamp) -> Option<i64> {
    let apart = ours.duration_since(theirs);
    (apart.unsigned_abs() > MAY_DIFFER).then_some(apart.as_secs())
}

/// Returns the moment that much later, or the same one where there is no later one.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

/// Returns the moment that much earlier, or the same one where there is no earlier one.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_corrected_by_seconds_was_not_set() {
        let at = SignedDuration::from_secs;
        assert!(!was_set(at(1_000), at(1_030)));
        assert!(was_set(at(1_000), at(1_031)));
        assert!(was_set(at(1_000), at(-2_600)));
    }

    #[test]
    fn two_minutes_agree_and_more_do_not() {
        let theirs = Timestamp::UNIX_EPOCH;
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for agrees in [0, 120, -120] {
            assert_eq!(disagree(at(agrees), theirs), None);
        }
        assert_eq!(disagree(at(121), theirs), Some(121));
        assert_eq!(disagree(at(-3_600), theirs), Some(-3_600));
    }
}
