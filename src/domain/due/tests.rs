use jiff::{SignedDuration, ToSpan as _};
use proptest::prelude::*;

use super::*;
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::Setting;
use crate::domain::hours::indian_time;
use crate::domain::retry::{Reason, Tried, Verdict, after};

fn policy(settings: &[(Setting, &str)]) -> Policy {
    let mut policy = Policy::default();
    for (key, value) in settings {
        policy.set(*key, value).unwrap();
    }
    policy
}

/// A time in Indian time; 2026-03-02 is a Monday.
fn at(text: &str) -> Timestamp {
    format!("{}:00+05:30", text.replace(' ', "T"))
        .parse()
        .unwrap()
}

/// Returns when somebody is called whose calls end like this, the last word again and again, each at once; and what
/// becomes of them.
fn calls(
    settings: &[(Setting, &str)],
    first: &str,
    outcomes: &str,
    roll: f64,
) -> (Vec<Timestamp>, &'static str) {
    let policy = policy(settings);
    let rules = Rules::of(&policy);
    let mut outcomes: Vec<Outcome> = outcomes.split(',').map(|it| it.parse().unwrap()).collect();
    outcomes.reverse();
    let mut calls = vec![at(first)];
    loop {
        let (called_at, last) = (calls[calls.len() - 1], outcomes[outcomes.len() - 1]);
        if outcomes.len() > 1 {
            outcomes.pop();
        }
        let tried = Tried {
            state: &AttemptState::Ended("a1".parse().unwrap(), last),
            rejection: None,
            charged: u32::try_from(calls.len()).unwrap(),
            talked: None,
            called_at,
            ended_at: called_at,
            now: called_at,
            roll,
        };
        match after(&tried, &rules) {
            Verdict::Pending(due, Some(Reason::Retry)) => calls.push(due),
            Verdict::Completed(None) => return (calls, "done"),
            Verdict::Failed(None) => return (calls, "failed"),
            Verdict::Skipped(Reason::Expired) => return (calls, "expired"),
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the schedule as time since the first call.
fn lengths(settings: &[(Setting, &str)], first: &str, outcomes: &str, roll: f64) -> String {
    let (calls, end) = calls(settings, first, outcomes, roll);
    let shown = calls.iter().map(|call| {
        let length = call.duration_since(calls[0]);
        match (length.is_zero(), length.as_hours() >= 48) {
            (true, _) => "0s".to_owned(),
            (_, true) => format!("{}d", length.as_hours() / 24),
            (_, false) => format!("{length:#}"),
        }
    });
    format!("[{}, {end}]", shown.collect::<Vec<_>>().join(", "))
}

/// Returns the schedule as an Indian calendar shows it.
fn dates(settings: &[(Setting, &str)], first: &str, outcomes: &str) -> String {
    let (calls, end) = calls(settings, first, outcomes, 0.0);
    let shown = calls.iter().map(|call| {
        call.to_zoned(indian_time())
            .strftime("%a %H:%M")
            .to_string()
    });
    format!("[{}, {end}]", shown.collect::<Vec<_>>().join(", "))
}

const ALWAYS: (Setting, &str) = (Setting::Hours, "00:00-24:00");

#[test]
fn waits_are_all_alike_or_double_from_try_to_try() {
    let linear = [
        ALWAYS,
        (Setting::Retries, "2"),
        (Setting::RetryAfter, "10m"),
    ];
    let shown = |settings: &[_], outcomes| lengths(settings, "2026-03-02 10:00", outcomes, 0.0);
    assert_eq!(shown(&linear, "busy"), "[0s, 10m, 20m, failed]");
    assert_eq!(shown(&linear, "busy,completed"), "[0s, 10m, done]");
    let exponential = [
        ALWAYS,
        (Setting::Retries, "4"),
        (Setting::RetryAfter, "10m"),
        (Setting::RetryMechanism, "exponential"),
    ];
    assert_eq!(
        shown(&exponential, "busy"),
        "[0s, 10m, 30m, 1h 10m, 2h 30m, failed]"
    );
    assert_eq!(
        shown(&exponential, "no-answer,busy,completed"),
        "[0s, 10m, 30m, done]"
    );
}

#[test]
fn each_outcome_has_a_wait_of_its_own() {
    let settings = [
        ALWAYS,
        (Setting::Retries, "5"),
        (Setting::RetryAfter, "30m,busy=10m,no-answer=2h"),
        (Setting::RetryOn, "busy,no-answer,failed"),
    ];
    let shown = |outcomes| lengths(&settings, "2026-03-02 10:00", outcomes, 0.0);
    assert_eq!(
        shown("busy,no-answer,failed,completed"),
        "[0s, 10m, 2h 10m, 2h 40m, done]"
    );
    assert_eq!(shown("busy,canceled"), "[0s, 10m, failed]");
    let doubling = [
        settings.as_slice(),
        &[(Setting::RetryMechanism, "exponential")],
    ]
    .concat();
    assert_eq!(
        lengths(
            &doubling,
            "2026-03-02 10:00",
            "busy,no-answer,completed",
            0.0
        ),
        "[0s, 10m, 4h 10m, done]"
    );
}

#[test]
fn chance_stretches_a_wait_by_a_tenth_at_most() {
    let settings = [
        ALWAYS,
        (Setting::Retries, "2"),
        (Setting::RetryAfter, "100m"),
    ];
    for (roll, expected) in [
        (0.0, "[0s, 1h 40m, 3h 20m, failed]"),
        (0.5, "[0s, 1h 45m, 3h 30m, failed]"),
        (1.0, "[0s, 1h 50m, 3h 40m, failed]"),
        (7.0, "[0s, 1h 50m, 3h 40m, failed]"),
    ] {
        let shown = lengths(&settings, "2026-03-02 10:00", "busy", roll);
        assert_eq!(shown, expected, "{roll}");
    }
}

#[test]
fn nothing_passes_the_longest_wait() {
    let settings = [
        ALWAYS,
        (Setting::Retries, "5"),
        (Setting::RetryAfter, "2d"),
        (Setting::RetryMechanism, "exponential"),
    ];
    for roll in [0.0, 1.0] {
        let (calls, _) = calls(&settings, "2026-03-02 10:00", "busy", roll);
        let gaps = calls
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]).as_hours());
        let expected = if roll == 0.0 {
            [48, 96, 168, 168, 168]
        } else {
            [52, 105, 168, 168, 168]
        };
        assert_eq!(gaps.collect::<Vec<_>>(), expected);
    }
    let far = [
        ALWAYS,
        (Setting::Retries, "20"),
        (Setting::RetryAfter, "7d"),
        (Setting::RetryMechanism, "exponential"),
    ];
    let shown = lengths(&far, "2026-03-02 10:00", "busy", 1.0);
    assert!(shown.starts_with("[0s, 7d, 14d, 21d, 28d, "), "{shown}");
    assert!(shown.ends_with(", 140d, failed]"), "{shown}");
}

#[test]
fn who_did_not_pick_up_is_called_in_another_band_and_who_was_busy_is_not() {
    let settings = [
        (Setting::Hours, "09:00-12:00,14:00-16:00,18:00-20:00"),
        (Setting::Retries, "4"),
        (Setting::RetryAfter, "30m"),
        (Setting::RetryOn, "busy,no-answer,failed"),
    ];
    let shown = |first, outcomes| dates(&settings, first, outcomes);
    assert_eq!(
        shown("2026-03-02 10:00", "no-answer"),
        "[Mon 10:00, Mon 14:00, Mon 18:00, Tue 09:00, Tue 14:00, failed]"
    );
    assert_eq!(
        shown("2026-03-02 10:00", "busy,busy,no-answer,failed,completed"),
        "[Mon 10:00, Mon 10:30, Mon 11:00, Mon 14:00, Mon 18:00, done]"
    );
    // The time asked for comes first: another band that opens before it is not another time of the day.
    let patient = [
        settings.as_slice(),
        &[(Setting::RetryAfter, "5h"), (Setting::Retries, "2")],
    ]
    .concat();
    assert_eq!(
        dates(&patient, "2026-03-02 10:00", "no-answer"),
        "[Mon 10:00, Mon 15:00, Tue 09:00, failed]"
    );
    // Busy keeps its time, and the next opening where that is closed.
    assert_eq!(
        shown("2026-03-02 11:50", "busy,busy,completed"),
        "[Mon 11:50, Mon 14:00, Mon 14:30, done]"
    );
}

#[test]
fn one_band_is_never_left_and_bands_that_meet_at_midnight_are_one() {
    let retries = [(Setting::Retries, "2"), (Setting::RetryAfter, "1h")];
    let with = |hours| [retries.as_slice(), &[(Setting::Hours, hours)]].concat();
    assert_eq!(
        dates(
            &with("09:00-21:00"),
            "2026-03-02 19:30",
            "no-answer,no-answer,completed"
        ),
        "[Mon 19:30, Mon 20:30, Tue 09:00, done]"
    );
    assert_eq!(
        dates(
            &with("00:00-02:00,22:00-24:00"),
            "2026-03-02 22:30",
            "no-answer,completed"
        ),
        "[Mon 22:30, Mon 23:30, done]"
    );
}

#[test]
fn closed_days_move_a_retry_to_the_next_opening() {
    let settings = [
        (Setting::Hours, "09:00-12:00,15:00-19:00"),
        (Setting::Days, "mon-fri"),
        (Setting::Retries, "2"),
        (Setting::RetryAfter, "2h"),
    ];
    assert_eq!(
        dates(&settings, "2026-03-06 16:00", "no-answer"),
        "[Fri 16:00, Mon 09:00, Mon 15:00, failed]"
    );
    assert_eq!(
        dates(&settings, "2026-03-06 18:00", "busy"),
        "[Fri 18:00, Mon 09:00, Mon 11:00, failed]"
    );
}

#[test]
fn without_an_opening_before_the_end_somebody_expires_and_another_band_gives_way_to_the_end() {
    let with = |ends| {
        [
            (Setting::Hours, "09:00-12:00,15:00-19:00"),
            (Setting::Retries, "3"),
            (Setting::RetryAfter, "1h"),
            (Setting::Ends, ends),
        ]
    };
    let shown = |ends, outcomes| dates(&with(ends), "2026-03-02 10:00", outcomes);
    // The afternoon is before the end, and is preferred.
    assert_eq!(
        shown("2026-03-02T15:00:01+05:30", "no-answer"),
        "[Mon 10:00, Mon 15:00, expired]"
    );
    // It is not, so that the same band has to do.
    assert_eq!(
        shown("2026-03-02T15:00:00+05:30", "no-answer"),
        "[Mon 10:00, Mon 11:00, expired]"
    );
    assert_eq!(
        shown("2026-03-02T11:00:00+05:30", "busy"),
        "[Mon 10:00, expired]"
    );
    // The end is a week away, and no day is open before it.
    let closed = [
        with("2026-03-10T00:00:00+05:30").as_slice(),
        &[(Setting::Days, "tue")],
    ]
    .concat();
    assert_eq!(
        dates(&closed, "2026-03-03 18:30", "busy"),
        "[Tue 18:30, expired]"
    );
}

#[test]
fn what_is_learnt_late_is_judged_by_the_time_at_which_a_call_can_still_be_made() {
    let policy = policy(&[
        (Setting::Hours, "09:00-12:00,15:00-19:00"),
        (Setting::Retries, "1"),
        (Setting::RetryAfter, "1h"),
    ]);
    let missed = |now| Missed {
        outcome: Outcome::NoAnswer,
        tries: 1,
        called_at: at("2026-03-02 10:00"),
        ended_at: at("2026-03-02 10:00"),
        now: at(now),
        roll: 0.0,
    };
    for (now, due) in [
        ("2026-03-02 10:01", "2026-03-02 15:00"),
        ("2026-03-02 16:00", "2026-03-02 16:00"),
        ("2026-03-02 20:00", "2026-03-03 15:00"),
        // After so long another band is not waited for any more.
        ("2026-03-20 20:00", "2026-03-21 09:00"),
    ] {
        let found = next_try(&missed(now), &Rules::of(&policy));
        assert_eq!(found, Some(at(due)), "{now}");
    }
}

#[test]
fn a_campaign_is_over_at_its_end_or_where_no_opening_is_left_before_it() {
    let ends = at("2026-03-03 18:00");
    let mut policy = policy(&[(Setting::Hours, "10:00-12:00")]);
    assert!(!policy.is_over(at("2030-01-01 00:00")));
    policy.ends = Some(ends);
    for (now, over) in [
        (at("2026-03-02 20:00"), false),
        (at("2026-03-03 10:00"), false),
        (at("2026-03-03 12:00"), true),
        (at("2026-03-03 17:59"), true),
        (at("2026-03-04 10:30"), true),
    ] {
        assert_eq!(policy.is_over(now), over, "{now}");
    }
    policy.set(Setting::Hours, "00:00-24:00").unwrap();
    let moment = Duration::from_millis(1);
    for (before, over) in [(LEAD + moment, false), (LEAD, true), (Duration::ZERO, true)] {
        assert_eq!(policy.is_over(ends - before), over, "{before:?}");
    }
}

proptest! {
    #[test]
    fn no_retry_is_outside_the_hours_too_early_too_late_or_after_the_end(
        hours in prop_oneof![
            Just("09:00-21:00"), Just("09:00-12:00,15:00-19:00"), Just("00:00-24:00"), Just("08:00-08:30"),
            Just("00:00-03:00,10:00-11:00,23:00-24:00"),
        ],
        days in prop_oneof![Just("mon-sun"), Just("mon-fri"), Just("wed")],
        outcome in prop_oneof![Just(Outcome::Busy), Just(Outcome::NoAnswer), Just(Outcome::Failed)],
        exponential in any::<bool>(),
        minutes in 0_i64..20_000,
        called in 0_i64..30 * 86_400,
        talked in 0_i64..3600,
        late in prop_oneof![Just(0), 0_i64..86_400],
        ends in proptest::option::of(0_i64..40 * 86_400),
        tries in 1_u32..21,
        roll in 0.0..1.0,
    ) {
        let asked = Duration::from_secs(60 * minutes.unsigned_abs()).min(LONGEST_WAIT);
        let mut policy = policy(&[
            (Setting::Hours, hours), (Setting::Days, days), (Setting::Retries, "20"),
            (Setting::RetryMechanism, if exponential { "exponential" } else { "linear" }),
            (Setting::RetryAfter, &format!("{}s", asked.as_secs())),
        ]);
        let begin = at("2026-03-02 00:00");
        policy.ends = ends.map(|second| begin + second.seconds());
        let called_at = begin + called.seconds();
        let ended_at = called_at + talked.seconds();
        let now = ended_at + late.seconds();
        let missed = Missed { outcome, tries, called_at, ended_at, now, roll };
        let rules = Rules::of(&policy);
        let longest = later(ended_at, LONGEST_WAIT).max(now);
        let Some(due) = next_try(&missed, &rules) else {
            // Nothing that the longest wait would have allowed was left out.
            let ends = policy.ends.expect("nobody expires without an end");
            let next = rules.calendar.next_opening(longest);
            prop_assert!(next.is_none_or(|opening| opening >= ends));
            return Ok(());
        };
        prop_assert!(rules.calendar.is_open(due));
        prop_assert!(due >= now);
        prop_assert!(due.duration_since(ended_at) >= SignedDuration::try_from(asked).unwrap());
        prop_assert!(policy.ends.is_none_or(|ends| due < ends));
        // Any longer wait than the longest is for an opening.
        prop_assert!(due <= longest || rules.calendar.next_opening(longest) == Some(due));
    }
}
