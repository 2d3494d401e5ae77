//! Whether somebody who is due may be called now: the do-not-call list, the provider's do-not-disturb mark, the caps, a
//! call that is live elsewhere.
//!
//! The same judgement serves the turn that writes the intent and `plan`, which calls nobody.

use jiff::{SignedDuration, Timestamp};

use super::retry::Reason;

/// How many calls a number may get, from all campaigns together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// In any 24 hours.
    pub day: u32,
    /// In any 7 days.
    pub week: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { day: 3, week: 8 }
    }
}

/// The 24 hours of the first cap.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The 7 days of the second.
pub const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Caps {
    /// Returns when the number may be called again after these calls, the latest last; `None` if it may be now.
    ///
    /// A call counts for 24 hours and 7 days to the millisecond: at the end of them it counts no more.
    pub fn closed_until(self, calls: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
        let eases = |most: u32, window: SignedDuration| {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            // The call that has to leave the window before there is room for another.
            let oldest = calls.len().checked_sub(most.max(1))?;
            let at = calls.get(oldest)?.saturating_add(window).ok()?;
            (at > now).then_some(at)
        };
        eases(self.day, DAY).max(eases(self.week, WEEK))
    }
}

/// What the provider says of a number: whether it is registered as do-not-disturb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dnd {
    /// It is: the provider would not connect the call.
    Registered,
    /// It is not.
    NotRegistered,
}

/// A mark is good for so long, to the millisecond; then the provider is asked again.
pub const MARK_IS_GOOD_FOR: SignedDuration = WEEK;

/// An answer without a mark is good for so long.
///
/// It lets a call through, and its retries of the same day. It is no word about the number though: a register that does
/// not answer for the number today may tomorrow, so that it must not stand for a week.
pub const NO_MARK_IS_GOOD_FOR: SignedDuration = DAY;

/// Whether nobody is called before the provider has said that the number is not registered as do-not-disturb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scrubbing {
    /// Nobody asks, and what is known from elsewhere changes nothing.
    Off,
    /// Everybody needs a mark that is good still.
    On,
}

/// What is known of somebody who is due.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Person {
    /// Whether the number is on the do-not-call list.
    pub is_do_not_call: bool,
    /// Whether another attempt to the number is live.
    pub is_busy_elsewhere: bool,
    /// When the number was called in the last 7 days, by all campaigns, the latest last.
    pub calls: Vec<Timestamp>,
    /// Whether this campaign has called it before.
    pub was_tried: bool,
    /// What the provider has said of the number, if that is good still.
    pub dnd: Option<Dnd>,
}

/// Whether somebody may be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eligibility {
    /// Now.
    Callable,
    /// Not before this time, and why.
    Waits(Timestamp, Reason),
    /// As soon as the provider has said that the number is not registered.
    NeedsScrub,
    /// Not at all.
    Skipped(Reason),
}

/// How long somebody waits whose number is live elsewhere, before it is looked at again.
const BUSY_ELSEWHERE_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// Returns whether somebody who is due may be called now.
///
/// Who is over a cap when their turn comes is skipped; one who was tried already, and whose try is a retry, waits until
/// the cap has room. The provider is asked last: not about people who may not be called anyway.
pub fn judge(person: &Person, caps: Caps, scrubbing: Scrubbing, now: Timestamp) -> Eligibility {
    if person.is_do_not_call {
        return Eligibility::Skipped(Reason::DoNotCall);
    }
    let is_registered = person.dnd == Some(Dnd::Registered);
    if is_registered && scrubbing == Scrubbing::On {
        return Eligibility::Skipped(Reason::Ndnc);
    }
    if person.is_busy_elsewhere {
        let later = now.saturating_add(BUSY_ELSEWHERE_WAIT).unwrap_or(now);
        return Eligibility::Waits(later, Reason::BusyElsewhere);
    }
    match caps.closed_until(&person.calls, now) {
        Some(until) if person.was_tried => Eligibility::Waits(until, Reason::Cap),
        Some(_) => Eligibility::Skipped(Reason::Cap),
        None if scrubbing == Scrubbing::On && person.dnd.is_none() => Eligibility::NeedsScrub,
        None => Eligibility::Callable,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_770_000_000 + second).unwrap()
    }

    const HOUR: i64 = 3600;

    #[test]
    fn a_cap_closes_with_its_last_call_and_opens_to_the_second() {
        let caps = Caps { day: 3, week: 4 };
        let calls = [at(0), at(HOUR), at(2 * HOUR)];
        assert_eq!(caps.closed_until(&calls[..2], at(2 * HOUR)), None);
        let opens = at(24 * HOUR);
        assert_eq!(caps.closed_until(&calls, at(3 * HOUR)), Some(opens));
        assert_eq!(caps.closed_until(&calls, at(24 * HOUR - 1)), Some(opens));
        assert_eq!(caps.closed_until(&calls, opens), None);
        let four = [at(0), at(HOUR), at(2 * HOUR), at(30 * HOUR)];
        assert_eq!(
            caps.closed_until(&four, at(31 * HOUR)),
            Some(at(7 * 24 * HOUR))
        );
    }

    #[test]
    fn the_do_not_call_list_comes_before_everything_and_a_retry_waits_for_its_cap() {
        let now = at(3 * HOUR);
        let person = Person {
            calls: vec![at(0), at(HOUR), at(2 * HOUR)],
            ..Person::default()
        };
        let caps = Caps::default();
        assert_eq!(
            judge(&Person::default(), caps, Scrubbing::Off, now),
            Eligibility::Callable
        );
        assert_eq!(
            judge(&person, caps, Scrubbing::Off, now),
            Eligibility::Skipped(Reason::Cap)
        );
        let tried = Person {
            was_tried: true,
            ..person.clone()
        };
        let opens = at(24 * HOUR);
        assert_eq!(
            judge(&tried, caps, Scrubbing::Off, now),
            Eligibility::Waits(opens, Reason::Cap)
        );
        let live = Person {
            is_busy_elsewhere: true,
            ..person.clone()
        };
        let later = now + SignedDuration::from_secs(30);
        assert_eq!(
            judge(&live, caps, Scrubbing::Off, now),
            Eligibility::Waits(later, Reason::BusyElsewhere)
        );
        let listed = Person {
            is_do_not_call: true,
            ..live
        };
        assert_eq!(
            judge(&listed, caps, Scrubbing::Off, now),
            Eligibility::Skipped(Reason::DoNotCall)
        );
    }

    #[test]
    fn whoever_is_scrubbed_needs_a_mark_and_is_asked_about_only_if_they_could_be_called() {
        use Eligibility::{Callable, NeedsScrub, Skipped, Waits};
        let now = at(3 * HOUR);
        let marked = |dnd| Person {
            dnd,
            ..Person::default()
        };
        let (unknown, clear, registered) = (
            marked(None),
            marked(Some(Dnd::NotRegistered)),
            marked(Some(Dnd::Registered)),
        );
        let capped = vec![at(0), at(HOUR), at(2 * HOUR)];
        let over_the_cap = |person: &Person, was_tried| Person {
            calls: capped.clone(),
            was_tried,
            ..person.clone()
        };
        let on_the_list = |person: &Person| Person {
            is_do_not_call: true,
            ..person.clone()
        };
        let live_elsewhere = |person: &Person| Person {
            is_busy_elsewhere: true,
            ..person.clone()
        };
        let later = now + SignedDuration::from_secs(30);
        let busy = Waits(later, Reason::BusyElsewhere);
        let opens = Waits(at(24 * HOUR), Reason::Cap);
        for (what, person, off, on) in [
            ("nobody has asked", unknown.clone(), Callable, NeedsScrub),
            ("not registered", clear.clone(), Callable, Callable),
            (
                "registered",
                registered.clone(),
                Callable,
                Skipped(Reason::Ndnc),
            ),
            (
                "unknown, live elsewhere",
                live_elsewhere(&unknown),
                busy,
                busy,
            ),
            (
                "registered, live elsewhere",
                live_elsewhere(&registered),
                busy,
                Skipped(Reason::Ndnc),
            ),
            (
                "unknown, over the cap",
                over_the_cap(&unknown, false),
                Skipped(Reason::Cap),
                Skipped(Reason::Cap),
            ),
            (
                "unknown, a retry over the cap",
                over_the_cap(&unknown, true),
                opens,
                opens,
            ),
            (
                "registered, a retry over the cap",
                over_the_cap(&registered, true),
                opens,
                Skipped(Reason::Ndnc),
            ),
            (
                "unknown, on the list",
                on_the_list(&unknown),
                Skipped(Reason::DoNotCall),
                Skipped(Reason::DoNotCall),
            ),
            (
                "registered, on the list",
                on_the_list(&registered),
                Skipped(Reason::DoNotCall),
                Skipped(Reason::DoNotCall),
            ),
        ] {
            let caps = Caps::default();
            assert_eq!(
                judge(&person, caps, Scrubbing::Off, now),
                off,
                "{what}, off"
            );
            assert_eq!(judge(&person, caps, Scrubbing::On, now), on, "{what}, on");
        }
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_calls_than_its_cap(
            wishes in proptest::collection::vec(0_i64..7 * 24 * HOUR, 1..60), day in 1_u32..5, week in 1_u32..9,
        ) {
            let caps = Caps { day, week };
            let (mut now, mut calls) = (at(0), Vec::new());
            for wish in wishes {
                now += SignedDuration::from_secs(wish / 20);
                if caps.closed_until(&calls, now).is_none() {
                    calls.push(now);
                }
                for (most, window) in [(day, DAY), (week, WEEK)] {
                    let within = calls.iter().filter(|call| now.duration_since(**call) < window).count();
                    prop_assert!(within <= most as usize);
                }
            }
        }
    }
}
