//! When to ask how a live call is getting on.
//!
//! Exotel's bulk list shows ended calls only, twenty to a request, so asking is cheap when many are asked about at once
//! and useless before a call can have ended. The interval follows what calls of the campaign have turned out to last:
//! a free line is noticed within half a typical call, and each call is asked about two or three times.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(30);

/// The first look at a call of a campaign none of whose calls has ended yet.
const FIRST_OF_ALL: Duration = Duration::from_millis(250);

/// Exotel fills in a call's price and length up to 15 minutes after its end (support 56523).
pub const PRICE_SETTLES_AFTER: Duration = Duration::from_secs(15 * 60);

/// After this long without an end in sight a call's outcome is unknown.
pub const LONGEST_WAIT_FOR_AN_END: Duration = Duration::from_secs(86_400);

/// Returns how long to wait before the next look at a call of this age; `typical` is what calls have turned out to
/// last, if any has ended.
///
/// Until the first call has ended nothing is known, and looks follow each other ever more slowly.
pub fn next_look(age: Duration, typical: Option<Duration>) -> Duration {
    let interval = match typical {
        None => age.max(FIRST_OF_ALL),
        Some(typical) if age.is_zero() => typical / 2,
        // A call that outlasts all others is worth fewer looks, not more.
        Some(typical) if age > typical * 3 => age / 5,
        Some(typical) => typical * 9 / 20,
    };
    interval.clamp(SHORTEST, LONGEST)
}

/// Returns the typical length of a call, after another one was seen to have ended at this age.
///
/// `reported` is the length that Exotel gives, in whole seconds: the age at which the end was noticed can be late by a
/// look's interval, and is held against it. Without it the age may be that of a night in which the machine slept; what
/// is longer than the longest interval needs teaches nothing.
pub fn learn(
    typical: Option<Duration>,
    noticed_at_age: Duration,
    reported: Option<Duration>,
) -> Duration {
    let second = Duration::from_secs(1);
    let length = match reported {
        Some(reported) => noticed_at_age.clamp(reported.saturating_sub(second), reported + second),
        None => noticed_at_age.min(LONGEST * 7 / 3),
    };
    match typical {
        Some(typical) => (typical * 7 + length) / 8,
        None => length,
    }
}

/// Returns after how long a call must have ended and shown up in the list. From then on it is asked for by itself, and
/// holds no line any more.
pub fn must_have_ended_after(ring: Duration, talk_limit: Duration) -> Duration {
    ring + talk_limit + Duration::from_secs(5 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays looks at a call of this length; returns how many it took and how late its end was noticed.
    fn look_until_ended(length: Duration, typical: Duration) -> (u32, Duration) {
        let (mut age, mut looks) = (Duration::ZERO, 0);
        while age < length {
            age += next_look(age, Some(typical));
            looks += 1;
        }
        (looks, age - length)
    }

    #[test]
    fn an_end_is_noticed_within_half_a_typical_call() {
        let typical = Duration::from_secs(40);
        for seconds in [1, 5, 20, 40, 60, 100, 119] {
            let (_, late) = look_until_ended(Duration::from_secs(seconds), typical);
            assert!(late <= typical / 2, "{seconds} s: {late:?}");
        }
    }

    #[test]
    fn the_first_end_of_all_is_noticed_within_the_calls_own_length() {
        for ms in [300_u32, 2_000, 45_000, 300_000] {
            let length = Duration::from_millis(1) * ms;
            let mut age = Duration::ZERO;
            while age < length {
                age += next_look(age, None);
            }
            let bound = length.max(FIRST_OF_ALL);
            assert!(age - length <= bound, "{length:?}: {age:?}");
        }
    }

    #[test]
    fn calls_around_the_typical_length_take_three_looks_or_fewer_on_average() {
        let typical = Duration::from_secs(40);
        let looks: u32 = (4..=76)
            .map(|seconds| look_until_ended(Duration::from_secs(seconds), typical).0)
            .sum();
        assert!(f64::from(looks) / 73.0 <= 3.0, "{looks} looks at 73 calls");
    }

    #[test]
    fn a_night_without_looks_is_soon_forgotten() {
        let mut typical = learn(None, Duration::from_secs(8 * 3600), None);
        assert_eq!(next_look(Duration::from_secs(1), Some(typical)), LONGEST);
        for _ in 0..25 {
            typical = learn(Some(typical), Duration::from_secs(2), None);
        }
        assert!(typical < Duration::from_secs(5), "{typical:?}");
    }

    #[test]
    fn the_typical_length_follows_what_calls_last() {
        let mut typical = learn(None, Duration::from_secs(30), None);
        for _ in 0..40 {
            typical = learn(
                Some(typical),
                Duration::from_secs(14),
                Some(Duration::from_secs(10)),
            );
        }
        assert!((10..=12).contains(&typical.as_secs()), "{typical:?}");
        assert_eq!(
            next_look(Duration::ZERO, Some(Duration::from_millis(10))),
            SHORTEST
        );
        assert_eq!(
            next_look(Duration::ZERO, Some(Duration::from_secs(900))),
            LONGEST
        );
    }
}
