use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::domain::campaign;

const FIRST: &str = "2026-03-02T09:00:00+05:30";

fn at(text: &str) -> Timestamp {
    format!("2026-03-{text}+05:30").parse().unwrap()
}

fn policy(settings: &[(&str, &str)]) -> Policy {
    let mut policy = Policy::default();
    for (key, value) in settings {
        let key: campaign::Setting = key.parse().unwrap();
        policy.set(key, value).unwrap();
    }
    policy
}

fn conditions(policy: &Policy) -> Conditions<'_> {
    Conditions {
        policy,
        caps: Caps::default(),
        allowance: Allowance::DEFAULT,
        lines: 100,
        exophones: 1,
        spent: Money::ZERO,
        assumptions: Assumptions {
            reach: Assumptions::REACH,
            hold: Assumptions::HOLD,
        },
        now: FIRST.parse().unwrap(),
    }
}

fn fresh(people: u64) -> [Waiting; 1] {
    [Waiting {
        due_at: Timestamp::UNIX_EPOCH,
        charged: 0,
        people,
    }]
}

#[test]
fn the_slowest_limit_is_named() {
    for (settings, lines, allowance, binding, calls_per_minute) in [
        (&[("rate", "30/min")][..], 100, "180", Binding::Pace, 30.0),
        (&[("rate", "30/min")], 10, "180", Binding::Lines, 13.0),
        (&[("rate", "max")], 1000, "180", Binding::Allowance, 162.0),
        (&[("rate", "max")], 1000, "max", Binding::Lines, 1200.0),
        (
            &[("rate", "30/min"), ("caller-id-rate", "5/min")],
            100,
            "180",
            Binding::Pace,
            5.0,
        ),
    ] {
        let policy = policy(settings);
        let conditions = Conditions {
            lines,
            allowance: allowance.parse().unwrap(),
            ..conditions(&policy)
        };
        let forecast = forecast(&conditions, &fresh(20_000));
        assert_eq!(forecast.limited_by, binding, "{settings:?}");
        let rate = forecast.calls_per_minute.unwrap();
        let off = (rate / calls_per_minute - 1.0).abs();
        assert!(off < 0.1, "{settings:?}: {rate}, not {calls_per_minute}");
    }
}

#[test]
fn calls_go_on_in_the_next_band_and_the_next_open_day() {
    let policy = policy(&[
        ("rate", "60/min"),
        ("hours", "09:00-10:00,16:00-17:00"),
        ("days", "mon,wed"),
    ]);
    let forecast = forecast(&conditions(&policy), &fresh(7_200 + 3_600));
    let days: Vec<_> = forecast
        .days
        .iter()
        .map(|day| (day.date.to_string(), day.from))
        .collect();
    assert_eq!(
        days,
        [
            ("2026-03-02".to_owned(), at("02T09:00:00")),
            ("2026-03-04".to_owned(), at("04T09:00:00"))
        ]
    );
    // Two bands of an hour, without the last five minutes of each.
    assert!(
        (6_580..=6_600).contains(&forecast.days[0].calls),
        "{:?}",
        forecast.days[0].calls
    );
    assert_eq!(forecast.calls, 10_800);
    let finishes_at = forecast.finishes_at.unwrap();
    assert!(finishes_at > at("04T16:00:00") && finishes_at < at("04T16:20:00"));
}

#[test]
fn whoever_is_not_reached_is_called_again_as_often_as_permitted() {
    for (retries, calls) in [("0", 1_000), ("1", 1_600), ("2", 1_960)] {
        let policy = policy(&[("retries", retries)]);
        let forecast = forecast(&conditions(&policy), &fresh(1_000));
        assert!(
            forecast.calls.abs_diff(calls) < 10,
            "{retries}: {}",
            forecast.calls
        );
    }
    // Three calls in 24 hours are enough: the fourth is on the next day.
    let policy = policy(&[("retries", "3"), ("retry-after", "10m"), ("rate", "60/min")]);
    let forecast = forecast(&conditions(&policy), &fresh(100));
    assert_eq!(forecast.days.len(), 2, "{:?}", forecast.days);
}

#[test]
fn people_are_left_when_the_budget_is_used_up_and_expire_when_the_campaign_ends() {
    let rules = [
        ("budget", "100"),
        ("tariff", "0.60/min"),
        ("talk-limit", "5m"),
    ];
    let policy_ = policy(&rules);
    let poor = forecast(&conditions(&policy_), &fresh(1_000));
    assert_eq!(poor.limited_by, Binding::Budget);
    assert_eq!(poor.calls + poor.left, 1_000);
    let cost = poor.cost.unwrap();
    assert!(cost.likely > "90".parse().unwrap() && cost.worst <= "100".parse().unwrap());
    assert!(cost.low <= cost.likely && cost.likely <= cost.worst);

    let policy_ = policy(&[("ends", "2026-03-02T09:10:00+05:30"), ("retries", "2")]);
    let short = forecast(&conditions(&policy_), &fresh(1_000));
    assert_eq!(short.calls + short.expired, 1_000);
    assert!((298..=301).contains(&short.calls), "{}", short.calls);

    let policy_ = policy(&[("purpose", "collections"), ("hours", "19:00-20:00")]);
    let never = forecast(&conditions(&policy_), &fresh(10));
    assert_eq!((never.calls, never.expired), (0, 10));
    assert_eq!(never.finishes_at, None);
}

#[test]
fn a_begun_minute_the_assumed_length_and_the_talk_limit_make_the_costs() {
    let policy = policy(&[("tariff", "0.60/min"), ("talk-limit", "15m")]);
    let conditions = Conditions {
        assumptions: Assumptions {
            reach: "50%".parse().unwrap(),
            hold: Duration::from_secs(40),
        },
        ..conditions(&policy)
    };
    let cost = forecast(&conditions, &fresh(1_000)).cost.unwrap();
    let rupees = |money: Money| money.as_micros() / 1_000_000;
    assert_eq!(rupees(cost.low), 300);
    assert_eq!(rupees(cost.likely), 300, "nobody stays for more than 60 s");
    assert_eq!(rupees(cost.worst), 9_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_add_up_and_no_call_starts_when_nobody_may_be_rung(
        people in 1_u64..400,
        later_people in 0_u64..50,
        per_minute in 1_u32..200,
        lines in 1_u32..60,
        retries in 0_u32..4,
        from in 0_u16..20,
        length in 1_u16..4,
        day in 0_i64..7,
        hour in 0_i64..24,
    ) {
        let policy = policy(&[
            ("rate", &format!("{per_minute}/min")),
            ("hours", &format!("{from:02}:00-{:02}:00", from + length)),
            ("days", "mon-tue,thu-sat"),
            ("retries", &retries.to_string()),
        ]);
        let now = at("02T00:00:00") + SignedDuration::from_hours(day * 24 + hour);
        let conditions = Conditions { lines, now, ..conditions(&policy) };
        let list = [
            fresh(people)[0],
            Waiting { due_at: now + SignedDuration::from_hours(30), charged: 1, people: later_people },
        ];
        let forecast = forecast(&conditions, &list);
        let calendar = policy.calendar();
        let by_day: u64 = forecast.days.iter().map(|day| day.calls).sum();
        prop_assert_eq!(by_day, forecast.calls);
        prop_assert!(forecast.calls >= people + later_people);
        prop_assert!(forecast.calls <= (people + later_people) * u64::from(retries + 1));
        for day in &forecast.days {
            prop_assert!(calendar.is_open(day.from) && calendar.is_open(day.to));
            prop_assert!(day.from >= now && day.from <= day.to);
        }
        let last = forecast.days.last().unwrap().to;
        prop_assert!(forecast.finishes_at.unwrap() > last);
        prop_assert_eq!((forecast.expired, forecast.left), (0, 0));
    }

    #[test]
    fn a_faster_pace_is_never_over_much_later(people in 1_u64..500, per_minute in 1_u32..100, retries in 0_u32..3) {
        let finish = |rate: u32| {
            let policy = policy(&[
                ("rate", &format!("{rate}/min")),
                ("hours", "00:00-24:00"),
                ("retries", &retries.to_string()),
            ]);
            forecast(&conditions(&policy), &fresh(people)).finishes_at.unwrap()
        };
        // The last call may be longer, and its line is looked at a little later.
        let slack = SignedDuration::from_mins(2);
        prop_assert!(finish(per_minute * 2) <= finish(per_minute) + slack);
    }
}
