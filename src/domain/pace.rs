//! How fast: the pace somebody asked for, and when the next call may start.
//!
//! Starts are evenly spaced. An interval is a thousandth longer than the pace says, so that 60 ms of jitter on the way
//! to the wire never put one call too many into a rolling minute.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::attempt::NotSent;

/// How many calls may start in a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// One call every so often.
    Every(Duration),
    /// As many as the lines and the allowance permit.
    Max,
}

impl Pace {
    /// One call every two seconds.
    pub const DEFAULT: Self = Self::Every(Duration::from_secs(2));

    /// Returns how far apart two starts are kept.
    pub fn interval(self) -> Duration {
        match self {
            Self::Every(interval) => interval + interval / 1000,
            Self::Max => Duration::ZERO,
        }
    }

    /// Returns the slower of the two.
    pub fn slower_of(self, other: Self) -> Self {
        if self.interval() >= other.interval() {
            self
        } else {
            other
        }
    }

    /// Returns the pace of this many calls in a minute; none at all is a pace of one an hour.
    pub fn per_minute(calls: f64) -> Self {
        let seconds = if calls > 0.0 { 60.0 / calls } else { 3600.0 };
        Self::Every(Duration::from_secs_f64(seconds.clamp(0.0001, 86_400.0)))
    }

    /// Returns how many calls may start in a minute, or `None` without a limit.
    pub fn calls_per_minute(self) -> Option<f64> {
        match self {
            Self::Every(interval) => Some(60.0 / interval.as_secs_f64()),
            Self::Max => None,
        }
    }

    /// Returns the most calls that any minute can hold at this pace, or `None` without a limit.
    pub fn most_in_a_minute(self) -> Option<u32> {
        // Two thirds of a second are 90.000…1 calls a minute in binary, and 90 in everybody's mind.
        Some((self.calls_per_minute()? - 1e-6).ceil() as u32)
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.calls_per_minute() {
            None => f.write_str("max"),
            Some(rate) => write!(f, "{}/min", (rate * 1000.0).round() / 1000.0),
        }
    }
}

/// The text is no pace.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no pace; write for example `30/min`, `5/s` or `max`")]
pub struct NotAPace(pub String);

impl FromStr for Pace {
    type Err = NotAPace;

    fn from_str(text: &str) -> Result<Self, NotAPace> {
        let wrong = || NotAPace(text.to_owned());
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        let (calls, unit) = text.split_once('/').ok_or_else(wrong)?;
        let calls: f64 = calls.trim().parse().map_err(|_| wrong())?;
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            _ => return Err(wrong()),
        };
        let interval = seconds / calls;
        if !(interval.is_finite() && (0.0001..=86_400.0).contains(&interval)) {
            return Err(wrong());
        }
        Ok(Self::Every(Duration::from_secs_f64(interval)))
    }
}

/// Intents are committed this long before their call may start, so that a sync of the disk does not delay the call.
pub const LEAD: Duration = Duration::from_millis(50);

/// A call that could not be sent within this time of its plan is not sent: the machine slept or was stopped.
pub const LATEST_SEND: Duration = Duration::from_secs(5);

/// Returns whether a call may still leave that was permitted for a moment ago, by the time since boot and by the wall
/// clock.
///
/// # Errors
/// When the machine slept in between, or somebody set its clock: the hours that were checked may be over.
pub fn may_still_be_sent(late: Duration, late_by_the_wall: SignedDuration) -> Result<(), NotSent> {
    if late > LATEST_SEND {
        return Err(NotSent::Late);
    }
    if late_by_the_wall.unsigned_abs() > LATEST_SEND {
        return Err(NotSent::ClockSet);
    }
    Ok(())
}

/// Returns whether a call may leave at this moment by the wall clock that was permitted until then.
///
/// # Errors
/// When the hours have closed or the campaign has ended while it was held back.
pub fn is_still_open(wall: Timestamp, permitted_until: Timestamp) -> Result<(), NotSent> {
    if wall < permitted_until {
        Ok(())
    } else {
        Err(NotSent::Closed)
    }
}

/// Returns when the next call may start, from what was written down after the last one.
///
/// `stored` is `None` where only something of another boot is known: then one interval is waited, since the last start
/// may have been a moment ago. Starts are planned up to [`LEAD`] ahead, so the next one is never further away than that
/// and an interval, whatever a clock has done.
pub fn next_start(stored: Option<Duration>, now: Duration, interval: Duration) -> Duration {
    match stored {
        Some(at) => at.min(now + LEAD + interval).max(now),
        None => now + interval,
    }
}

/// Returns the starts that fall before `until`, beginning with `first`; at most `room` of them.
pub fn starts(first: Duration, interval: Duration, until: Duration, room: usize) -> Vec<Duration> {
    let mut starts = Vec::new();
    let mut at = first;
    while starts.len() < room && at <= until {
        starts.push(at);
        at += interval;
    }
    starts
}

/// The account's allowance of requests in a minute, calls and look-ups together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowance {
    /// So many requests in any rolling minute.
    PerMinute(u32),
    /// No limit of ours.
    Max,
}

impl Allowance {
    /// A tenth below the 200 a minute that Exotel grants an account (developer portal, voice APIs).
    pub const DEFAULT: Self = Self::PerMinute(180);

    /// Returns the fastest pace of calls that leaves a tenth for look-ups.
    pub fn pace_of_calls(self) -> Pace {
        match self {
            Self::PerMinute(requests) => Pace::per_minute(f64::from(requests) * 0.9),
            Self::Max => Pace::Max,
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerMinute(requests) => write!(f, "{requests}/min"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// The text is no allowance.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{0}` is no allowance; write the requests a minute, 2 to 100000, for example `180`, or `max`"
)]
pub struct NotAnAllowance(pub String);

impl FromStr for Allowance {
    type Err = NotAnAllowance;

    fn from_str(text: &str) -> Result<Self, NotAnAllowance> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        let digits = text.strip_suffix("/min").unwrap_or(text);
        match digits.trim().parse() {
            Ok(requests @ 2..=100_000) => Ok(Self::PerMinute(requests)),
            _ => Err(NotAnAllowance(text.to_owned())),
        }
    }
}

/// What was asked of the provider during the last minute, by all campaigns of the account.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LastMinute {
    /// Calls and look-ups together.
    pub requests: u32,
    /// The look-ups among them.
    pub look_ups: u32,
    /// When the oldest of them will be a minute old, since boot.
    pub eases_at: Option<Duration>,
}

/// Returns how many look-ups may be made now: calls first, look-ups from what they leave, but always a tenth.
///
/// `expected_calls` is how many calls the coming minute may want.
pub fn look_ups_allowed(allowance: Allowance, last: LastMinute, expected_calls: u32) -> u32 {
    match allowance {
        Allowance::Max => u32::MAX,
        Allowance::PerMinute(requests) => {
            let left_by_calls = requests.saturating_sub(expected_calls);
            let share = left_by_calls.max((requests / 10).max(1));
            share
                .saturating_sub(last.look_ups)
                .min(requests.saturating_sub(last.requests))
        }
    }
}

/// Returns how many calls may be placed now without a request too many.
pub fn calls_allowed(allowance: Allowance, last: LastMinute) -> u32 {
    match allowance {
        Allowance::Max => u32::MAX,
        Allowance::PerMinute(requests) => requests.saturating_sub(last.requests),
    }
}

/// Returns how many requests may be made now for the sake of calls, where these are more than the calls themselves:
/// the tenth of the look-ups is left to them.
pub fn allowed_beside_look_ups(allowance: Allowance, last: LastMinute) -> u32 {
    match allowance {
        Allowance::Max => u32::MAX,
        Allowance::PerMinute(requests) => {
            let kept = (requests / 10).max(1).saturating_sub(last.look_ups);
            requests.saturating_sub(last.requests).saturating_sub(kept)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_call_leaves_only_at_the_time_it_was_permitted_for() {
        let (second, wall) = (Duration::from_secs(1), SignedDuration::from_secs);
        assert_eq!(may_still_be_sent(Duration::ZERO, wall(0)), Ok(()));
        assert_eq!(may_still_be_sent(5 * second, wall(5)), Ok(()));
        let slept = may_still_be_sent(6 * second, wall(6));
        assert_eq!(slept, Err(NotSent::Late));
        for set in [-7_200, -6, 6, 7_200] {
            let moved = may_still_be_sent(Duration::ZERO, wall(set));
            assert_eq!(moved, Err(NotSent::ClockSet), "{set} s");
        }
    }

    #[test]
    fn a_call_that_was_held_back_does_not_leave_once_the_hours_are_over() {
        let until = Timestamp::UNIX_EPOCH;
        let (second, closed) = (SignedDuration::from_secs(1), Err(NotSent::Closed));
        assert_eq!(is_still_open(until - second, until), Ok(()));
        assert_eq!(is_still_open(until, until), closed);
        assert_eq!(is_still_open(until + second, until), closed);
    }

    #[test]
    fn paces_are_read_as_people_write_them() {
        for (text, interval) in [
            ("30/min", 2_000),
            ("5/s", 200),
            ("200/min", 300),
            ("0.5/s", 2_000),
            ("60/h", 60_000),
        ] {
            assert_eq!(text.parse(), Ok(Pace::Every(interval * MS)), "{text}");
        }
        assert_eq!("max".parse(), Ok(Pace::Max));
        for text in ["", "30", "0/min", "-1/s", "inf/s", "nan/s", "5/week", "1/0"] {
            assert!(text.parse::<Pace>().is_err(), "{text}");
        }
        assert_eq!(Pace::DEFAULT.to_string(), "30/min");
    }

    #[test]
    fn a_start_is_never_further_away_than_the_lead_and_one_interval() {
        let now = Duration::from_secs(1000);
        let interval = Duration::from_secs(2);
        let cases = [
            (Some(now - interval), now),
            (Some(now + interval / 2), now + interval / 2),
            (Some(now + LEAD + interval), now + LEAD + interval),
            (Some(now * 7), now + LEAD + interval),
            (None, now + interval),
        ];
        for (stored, expected) in cases {
            assert_eq!(next_start(stored, now, interval), expected, "{stored:?}");
        }
    }

    #[test]
    fn look_ups_get_what_calls_leave_but_always_a_tenth() {
        let last = |requests, look_ups| LastMinute {
            requests,
            look_ups,
            eases_at: None,
        };
        let allowance = Allowance::PerMinute(180);
        for (last, expected_calls, allowed) in [
            (last(0, 0), 30, 150),
            (last(100, 70), 30, 80),
            (last(0, 0), 162, 18),
            (last(170, 18), 162, 0),
            (last(179, 5), 162, 1),
            (last(0, 0), 500, 18),
        ] {
            assert_eq!(
                look_ups_allowed(allowance, last, expected_calls),
                allowed,
                "{last:?} {expected_calls}"
            );
        }
    }

    #[test]
    fn calls_and_their_marks_leave_the_look_ups_their_tenth() {
        let last = |requests, look_ups| LastMinute {
            requests,
            look_ups,
            eases_at: None,
        };
        for (allowance, last, allowed) in [
            (180, last(0, 0), 162),
            (180, last(100, 0), 62),
            (180, last(100, 10), 72),
            (180, last(100, 60), 80),
            (180, last(170, 0), 0),
            (180, last(180, 18), 0),
            (2, last(0, 0), 1),
            (2, last(1, 1), 1),
            (2, last(1, 0), 0),
        ] {
            let allowance = Allowance::PerMinute(allowance);
            assert_eq!(
                allowed_beside_look_ups(allowance, last),
                allowed,
                "{allowance} {last:?}"
            );
        }
        assert_eq!(
            allowed_beside_look_ups(Allowance::Max, last(9, 9)),
            u32::MAX
        );
    }

    proptest! {
        #[test]
        fn no_rolling_minute_holds_more_starts_than_the_pace_says(per_minute in 1_u32..4000, late_ms in 0_u64..60) {
            let interval = Pace::per_minute(f64::from(per_minute)).interval();
            let first = Duration::from_secs(5);
            let count = per_minute as usize + 1;
            let starts = starts(first, interval, first * 100, count);
            // The first start reaches the wire late, the one after a full minute's worth does not.
            prop_assert!(starts[count - 1] - (starts[0] + Duration::from_millis(late_ms)) >= Duration::from_secs(60));
        }

        #[test]
        fn a_run_of_80_seconds_makes_99_percent_of_the_calls(per_minute in 30_u32..4000) {
            let interval = Pace::per_minute(f64::from(per_minute)).interval();
            let made = starts(Duration::ZERO, interval, Duration::from_secs(80), usize::MAX).len();
            prop_assert!(made as f64 >= 0.99 * 80.0 / 60.0 * f64::from(per_minute));
        }

        #[test]
        fn calls_and_look_ups_together_stay_under_the_allowance(
            requests in 0_u32..400, look_ups in 0_u32..400, expected in 0_u32..400, allowance in 2_u32..400,
        ) {
            let last = LastMinute { requests: requests.max(look_ups), look_ups, eases_at: None };
            let allowance_of = Allowance::PerMinute(allowance);
            prop_assert!(look_ups_allowed(allowance_of, last, expected) + last.requests <= allowance.max(last.requests));
            prop_assert!(calls_allowed(allowance_of, last) + last.requests <= allowance.max(last.requests));
        }
    }
}
