//! The last wait before a call leaves: no rolling minute may hold more starts than the pace says.
//!
//! Starts are planned evenly and a little further apart than asked, which is enough on a machine that has time. On one
//! that has not, a call can leave late and the one a minute after it on time; this holds the latter back for as long as
//! it takes. A slower pace counts from when it was set: what an earlier one permitted must not keep everybody waiting
//! for a minute. What is remembered here is lost with the process, and nothing depends on it but that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// When calls of one run have left, counted at the sender.
#[derive(Clone, Default, Debug)]
pub(super) struct LastStarts(Arc<Mutex<Starts>>);

#[derive(Default, Debug)]
struct Starts {
    at: VecDeque<Duration>,
    /// What the pace was when the last of them left.
    most: Option<u32>,
}

impl LastStarts {
    /// Notes a start now, or returns how long it has to be held back; ask again then.
    pub(super) fn admit(&self, now: Duration, per_minute: Option<u32>) -> Result<(), Duration> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = |most: Option<u32>| most.unwrap_or(u32::MAX);
        if calls(per_minute) < calls(last.most) {
            last.at.clear();
        }
        last.most = per_minute;
        let starts = &mut last.at;
        while starts.front().is_some_and(|at| *at + MINUTE <= now) {
            starts.pop_front();
        }
        if let Some(most) = per_minute
            && starts.len() >= most as usize
            && let Some(blocking) = starts.get(starts.len() - most as usize)
        {
            return Err(*blocking + MINUTE - now);
        }
        starts.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_left_late_holds_back_the_one_a_minute_after_it() {
        let second = Duration::from_secs(1);
        let starts = LastStarts::default();
        let late = Duration::from_millis(700);
        assert_eq!(starts.admit(100 * second + late, Some(2)), Ok(()));
        assert_eq!(starts.admit(130 * second, Some(2)), Ok(()));
        assert_eq!(starts.admit(160 * second, Some(2)), Err(late));
        assert_eq!(starts.admit(160 * second + late, Some(2)), Ok(()));
        assert_eq!(starts.admit(189 * second, Some(2)), Err(second));
        assert_eq!(
            starts.admit(189 * second, None),
            Ok(()),
            "without a pace nothing is held back"
        );
    }

    #[test]
    fn a_slower_pace_counts_from_when_it_was_set_and_a_faster_one_goes_on() {
        let second = Duration::from_secs(1);
        let starts = LastStarts::default();
        for at in 100..130 {
            assert_eq!(starts.admit(at * second, Some(60)), Ok(()));
        }
        assert_eq!(starts.admit(130 * second, Some(2)), Ok(()));
        assert_eq!(starts.admit(160 * second, Some(2)), Ok(()));
        assert_eq!(starts.admit(161 * second, Some(2)), Err(29 * second));
        assert_eq!(starts.admit(161 * second, Some(3)), Ok(()));
        assert_eq!(starts.admit(162 * second, Some(3)), Err(28 * second));
    }
}
