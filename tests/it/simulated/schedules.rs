//! Retries and calling hours: who is rung when.

use std::collections::BTreeSet;
use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::contact::ContactState;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::hours::indian_time;
use exocamp::domain::pace::LEAD;
use exocamp::sandbox::Script;

use crate::support::outside;
use crate::support::world::{LONGEST_COMMIT, World, indian};

fn busy_phones(hold: &str) -> Script {
    Script {
        mix: "busy=1".parse().unwrap(),
        hold: hold.parse().unwrap(),
        ..Script::default()
    }
}

/// Returns when each call was accepted, in minutes after the first.
fn minutes_after_the_first(world: &World) -> Vec<String> {
    let calls = world.exchange.calls();
    let first = calls[0].accepted_at;
    calls
        .iter()
        .map(|call| {
            let seconds = call.accepted_at.duration_since(first).as_secs_f64();
            let minutes = (seconds / 60.0).round() as u64;
            if minutes == 0 {
                "0s".to_owned()
            } else {
                format!("{minutes}m")
            }
        })
        .collect()
}

#[test]
fn two_retries_make_three_calls_ten_minutes_apart() {
    let mut world = World::new("2026-03-02 10:00", busy_phones("2s"));
    let settings = [(Setting::Retries, "2"), (Setting::RetryAfter, "10m")];
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    let mut schedule = minutes_after_the_first(&world);
    schedule.push(world.contacts(campaign)[0].state.to_string());
    assert_eq!(schedule, ["0s", "10m", "20m", "failed"]);
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    for pair in world.exchange.calls().windows(2) {
        let gap = pair[1].accepted_at.duration_since(pair[0].ends_at);
        // The end is told in whole seconds.
        assert!(
            gap.as_secs() >= 599,
            "the wait begins where the call ended: {gap:?}"
        );
    }
}

#[test]
fn a_retry_that_would_come_after_closing_time_is_left_to_the_next_run() {
    let mut world = World::new("2026-03-02 20:50", busy_phones("2s"));
    let settings = [(Setting::Retries, "1"), (Setting::RetryAfter, "30m")];
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    assert!(
        world.time() < indian("2026-03-02 21:00"),
        "it does not wait for nothing"
    );
    assert_eq!(world.exchange.calls().len(), 1);
    assert_eq!(world.counts(campaign).pending, 1);
}

/// Fails if a call of the day was ordered later than what was under way at this time.
fn assert_none_after(world: &World, time: &str) {
    let latest = indian(time) + LEAD + LONGEST_COMMIT;
    let late = world.posts.iter().map(|post| post.at);
    let late = late
        .filter(|at| *at >= latest && *at < indian(time) + Duration::from_secs(3600))
        .collect::<Vec<_>>();
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn a_retry_that_falls_into_the_last_minutes_waits_for_the_next_opening() {
    // Due at 20:56, within the hours and when nobody new is rung any more.
    let mut world = World::new("2026-03-02 20:46", busy_phones("2s"));
    let settings = [(Setting::Retries, "1"), (Setting::RetryAfter, "10m")];
    let campaign = world.campaign("leads", 0..1, &settings);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    world.start(campaign, limits);
    world.run();
    let calls = world.exchange.calls();
    assert_eq!(calls.len(), 2);
    let opening = indian("2026-03-03 09:00");
    let waited = calls[1].accepted_at.duration_since(opening);
    assert!((0..2).contains(&waited.as_secs()), "{waited:?}");

    let mut world = World::new("2026-03-02 20:46", busy_phones("2s"));
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    assert!(
        world.time() < indian("2026-03-02 20:50"),
        "it is not waited for"
    );
}

#[test]
fn nobody_is_rung_on_a_holiday_and_a_run_waits_over_it() {
    let mut world = World::new("2026-03-02 20:54", Script::default());
    let settings = [
        (Setting::Rate, "30/min"),
        (Setting::Holidays, "2026-03-03,2026-03-04"),
    ];
    let campaign = world.campaign("leads", 0..60, &settings);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    world.start(campaign, limits);
    world.run();
    assert_eq!(world.counts(campaign).pending, 0);
    let dates: BTreeSet<_> = world
        .exchange
        .calls()
        .iter()
        .map(|call| call.accepted_at.to_zoned(indian_time()).date().to_string())
        .collect();
    assert_eq!(Vec::from_iter(dates), ["2026-03-02", "2026-03-05"]);
}

#[test]
fn a_night_over_two_open_days_is_not_interrupted_at_midnight() {
    let mut world = World::new("2026-03-02 23:58", Script::default());
    let settings = [
        (Setting::Rate, "30/min"),
        (Setting::Hours, "18:00-24:00,00:00-06:00"),
    ];
    let campaign = world.campaign("leads", 0..120, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::the_pace_is_kept(&world, campaign, "30/min".parse().unwrap());
    let calls = world.exchange.calls();
    let longest = calls.windows(2).map(|pair| {
        pair[1]
            .accepted_at
            .duration_since(pair[0].accepted_at)
            .as_secs()
    });
    assert!(longest.max().unwrap() <= 5, "nothing closed at midnight");
}

#[test]
fn collections_end_at_seven_whatever_the_hours_are() {
    let mut world = World::new("2026-03-02 18:54", Script::default());
    let settings = [(Setting::Rate, "60/min"), (Setting::Purpose, "collections")];
    let campaign = world.campaign("leads", 0..100, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    let rung = world.exchange.calls().len();
    assert!((55..=60).contains(&rung), "{rung}");
    assert_none_after(&world, "2026-03-02 18:55");
}

#[test]
fn when_the_hours_close_a_run_ends_and_says_so() {
    let mut world = World::new("2026-03-02 20:54", Script::default());
    let campaign = world.campaign("leads", 0..100, &[(Setting::Rate, "60/min")]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    let rung = world.exchange.calls().len() as u64;
    assert!((55..=60).contains(&rung), "{rung}");
    assert_eq!(world.counts(campaign).pending, 100 - rung);
    outside::every_call_is_inside(&world, 9, 21);
    assert_none_after(&world, "2026-03-02 20:55");
}

#[test]
fn a_run_that_waits_goes_on_the_next_morning() {
    let mut world = World::new("2026-03-02 20:54", Script::default());
    let campaign = world.campaign("leads", 0..100, &[(Setting::Rate, "60/min")]);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.exchange.calls().len(), 100);
    outside::every_call_is_inside(&world, 9, 21);
    outside::the_pace_is_kept(&world, campaign, "60/min".parse().unwrap());
    let opening = indian("2026-03-03 09:00");
    let first = world
        .exchange
        .calls()
        .iter()
        .find(|call| call.accepted_at >= opening);
    let waited = first.unwrap().accepted_at.duration_since(opening);
    assert!(waited.as_secs() < 2, "{waited:?} after the opening");
    assert!(
        world.turns < 1_500,
        "{} turns: a night is one jump",
        world.turns
    );
}

#[test]
fn a_run_waits_over_days_on_which_nobody_is_rung() {
    // The 7th of March 2026 is a Saturday.
    let mut world = World::new("2026-03-07 08:00", Script::default());
    let settings = [(Setting::Days, "mon-fri"), (Setting::Hours, "10:00-12:00")];
    let campaign = world.campaign("leads", 0..3, &settings);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    world.start(campaign, limits);
    world.run();
    let first = world.exchange.calls()[0].accepted_at;
    let opening = indian("2026-03-09 10:00");
    assert!(
        first >= opening && first < opening + Duration::from_secs(1),
        "{first}"
    );
    assert_eq!(world.counts(campaign).pending, 0);
}

#[test]
fn a_reached_person_is_never_rung_again() {
    let script = Script {
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [
        (Setting::Retries, "5"),
        (Setting::RetryAfter, "0s"),
        (Setting::RetryOn, "busy,no-answer,failed,canceled"),
    ];
    let campaign = world.campaign("leads", 0..10, &settings);
    world.start(campaign, RunLimits::default());
    world.run();
    outside::nobody_is_rung_too_often(&world, 1);
    let contacts = world.contacts(campaign);
    assert!(
        contacts
            .iter()
            .all(|contact| contact.state == ContactState::Completed)
    );
}
