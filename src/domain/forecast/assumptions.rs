//! What nobody can know before the calls are made: how many people are reached, and how long calls take.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::call::Outcome;
use crate::domain::campaign::Policy;
use crate::domain::tracking;

/// A part of the whole.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Share(f64);

impl Share {
    /// Returns the part as a number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 10_000.0).round() / 100.0)
    }
}

/// The text is no part of the whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no share; write for example `40%` or `0.4`")]
pub struct NotAShare(pub String);

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let (figure, whole) = match text.trim().strip_suffix('%') {
            Some(figure) => (figure, 100.0),
            None => (text.trim(), 1.0),
        };
        match figure.trim().parse::<f64>() {
            Ok(figure) if (0.0..=whole).contains(&figure) => Ok(Self(figure / whole)),
            _ => Err(NotAShare(text.to_owned())),
        }
    }
}

/// What is assumed of the people on a list.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assumptions {
    /// How many of the calls are picked up, first tries and retries alike.
    pub reach: Share,
    /// How long a call holds its line on average, ringing included. Each one is between half of it and half more; one
    /// that nobody answers is over when it has rung for as long as it may.
    pub hold: Duration,
}

impl Assumptions {
    /// As long as nobody knows better, four in ten calls are picked up.
    pub const REACH: Share = Share(0.4);

    /// As long as nothing was learnt of a campaign's calls, they hold their line for so long.
    pub const HOLD: Duration = Duration::from_secs(45);

    /// Of the calls that are not picked up, so many are busy; the others ring in vain.
    pub const BUSY: Share = Share(0.4);

    /// Returns the shortest and the longest time that a call holds its line.
    pub fn hold_range(&self) -> (Duration, Duration) {
        (self.hold / 2, self.hold / 2 * 3)
    }

    /// Returns how the `nth` call ends and how long it holds its line: evenly spread, whatever part of a list is looked
    /// at.
    pub(super) fn draw(&self, nth: u64, policy: &Policy) -> (Outcome, Duration) {
        // Multiples of the golden ratio fill any stretch as evenly as can be; those of a root are independent of them.
        let fraction = |step: f64| (0.5 + step * nth as f64).fract();
        let golden = fraction(0.618_033_988_749_894_9);
        let (outcome, length) = (golden, fraction(std::f64::consts::SQRT_2));
        let reach = self.reach.get();
        let outcome = if outcome < reach {
            Outcome::Completed
        } else if outcome < reach + (1.0 - reach) * Self::BUSY.get() {
            Outcome::Busy
        } else {
            Outcome::NoAnswer
        };
        (outcome, self.hold_of(outcome, length, policy))
    }

    fn hold_of(&self, outcome: Outcome, length: f64, policy: &Policy) -> Duration {
        let (shortest, longest) = self.hold_range();
        let hold = shortest + (longest - shortest).mul_f64(length);
        match outcome {
            Outcome::Completed => hold.min(policy.talk_limit),
            Outcome::NoAnswer => hold.min(policy.ring),
            Outcome::Busy | Outcome::Failed | Outcome::Canceled => hold,
        }
    }

    /// Returns the mean time that a call lasts.
    fn typical(&self, ring: Duration) -> Duration {
        let unanswered = (1.0 - self.reach.get()) * (1.0 - Self::BUSY.get());
        self.mean(|hold| hold.mul_f64(1.0 - unanswered) + hold.min(ring).mul_f64(unanswered))
    }

    /// Returns the mean of something that depends on the length of a call.
    fn mean(&self, of: impl Fn(Duration) -> Duration) -> Duration {
        const SAMPLES: u32 = 32;
        let (shortest, longest) = self.hold_range();
        let sample = |place: u32| {
            shortest + (longest - shortest).mul_f64((f64::from(place) + 0.5) / f64::from(SAMPLES))
        };
        (0..SAMPLES)
            .map(|place| of(sample(place)))
            .sum::<Duration>()
            / SAMPLES
    }

    /// Returns after how long the end of a call of this length is noticed: that is when its line can be used again.
    pub(super) fn noticed_after(&self, hold: Duration, ring: Duration) -> Duration {
        // Of calls that are looked at together, each look asks about all.
        let between_looks = tracking::next_look(Duration::from_nanos(1), Some(self.typical(ring)));
        let looks = hold.as_secs_f64() / between_looks.as_secs_f64();
        between_looks.mul_f64(looks.ceil().max(1.0))
    }

    /// Returns how long a call takes up its line on average, until its end is noticed.
    pub(super) fn line_is_taken_for(&self, ring: Duration) -> Duration {
        let unanswered = (1.0 - self.reach.get()) * (1.0 - Self::BUSY.get());
        self.mean(|hold| {
            let answered = self.noticed_after(hold, ring);
            let rung = self.noticed_after(hold.min(ring), ring);
            answered.mul_f64(1.0 - unanswered) + rung.mul_f64(unanswered)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        for (text, shown) in [
            ("40%", "40%"),
            ("0.4", "40%"),
            ("100 %", "100%"),
            ("0", "0%"),
        ] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), shown);
        }
        for text in ["", "40", "101%", "-1%", "some", "NaN"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn as_many_are_reached_as_assumed_in_every_stretch_of_the_list() {
        let policy = Policy::default();
        let assumptions = Assumptions {
            reach: Assumptions::REACH,
            hold: Assumptions::HOLD,
        };
        for from in [0, 17, 1_000, 999_000] {
            let few = (from..from + 30).map(|nth| assumptions.draw(nth, &policy).0);
            let reached = few.filter(|outcome| *outcome == Outcome::Completed).count();
            assert!((11..=13).contains(&reached), "{reached} of 30");
            let drawn = (from..from + 200).map(|nth| assumptions.draw(nth, &policy));
            let (mut reached, mut busy, mut length) = (0, 0, Duration::ZERO);
            for (outcome, hold) in drawn {
                reached += u32::from(outcome == Outcome::Completed);
                busy += u32::from(outcome == Outcome::Busy);
                length += hold;
                assert!(
                    hold >= Duration::from_millis(22_500) && hold <= Duration::from_millis(67_500)
                );
                assert!(outcome != Outcome::NoAnswer || hold <= policy.ring);
            }
            assert!((77..=83).contains(&reached), "{reached}");
            assert!((45..=51).contains(&busy), "{busy}");
            let typical = assumptions.typical(policy.ring);
            let mean = length / 200;
            assert!(
                mean.abs_diff(typical) < Duration::from_secs(1),
                "{mean:?}, {typical:?}"
            );
        }
    }
}
