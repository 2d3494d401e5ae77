//! The last look before a call leaves: no rolling minute may hold more starts than the pace says.
//!
//! Starts are planned evenly and a little further apart than asked, which is enough on a machine that has time. On one
//! that has not, a call can leave late and the one a minute after it on time; this holds the latter back for as long as
//! it takes. What is remembered here is lost with the process, and nothing depends on it but that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// When calls of one run have left, counted at the sender.
#[derive(Clone, Default, Debug)]
pub(super) struct LastStarts(Arc<Mutex<VecDeque<Duration>>>);

impl LastStarts {
    /// Notes a start now, or returns how long it has to be held back; ask again then.
    pub(super) fn admit(&self, now: Duration, per_minute: Option<u32>) -> Result<(), Duration> {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
}
