//! Pace, lines, allowance, and the limits that a run is given.

use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::{Allowance, LEAD};
use exocamp::domain::plan::Limit;
use exocamp::sandbox::Script;

use crate::support::outside;
use crate::support::world::{LONGEST_COMMIT, World, indian};

fn phones(hold: &str, reply_delay: &str) -> Script {
    Script {
        hold: hold.parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        reply_delay: reply_delay.parse().unwrap(),
        ..Script::default()
    }
}

#[test]
fn the_first_call_goes_alone_until_its_reply() {
    let mut world = World::new("2026-03-02 10:00", phones("1m", "4s"));
    let campaign = world.campaign("leads", 0..9, &[(Setting::Rate, "max")]);
    world.start(campaign, RunLimits::default());
    world.run();
    let posts = &world.posts;
    let waited = posts[1].at.duration_since(posts[0].at);
    assert!(waited.as_secs() >= 4, "{waited:?}");
    let rest = posts[8].at.duration_since(posts[1].at);
    assert!(
        rest.as_millis() <= 10,
        "then as many as there are lines: {rest:?}"
    );
}

#[test]
fn a_pace_is_reached_and_never_passed_whatever_the_replies_take() {
    for (rate, people, lines) in [
        ("30/min", 45, "40"),
        ("200/min", 300, "100"),
        ("3000/min", 600, "500"),
    ] {
        for reply_delay in ["0s", "1s", "50ms..2s"] {
            let mut world = World::new("2026-03-02 10:00", phones("1s..3s", reply_delay));
            let settings = [(Setting::Rate, rate), (Setting::Lines, lines)];
            let campaign = world.campaign("leads", 0..people, &settings);
            let run = world.start(campaign, RunLimits::default());
            world.run();
            outside::the_pace_is_kept(&world, campaign, rate.parse().unwrap());
            assert_eq!(world.ending(run).limited_by, Some(Limit::Pace), "{rate}");
            // The first call went alone; from the second one on, the pace is kept.
            let posts = &world.posts;
            let took = posts[people as usize - 1]
                .at
                .duration_since(posts[1].at)
                .as_secs_f64();
            let per_minute = (people - 2) as f64 * 60.0 / took;
            let asked: f64 = rate.split_once('/').unwrap().0.parse().unwrap();
            assert!(per_minute >= 0.99 * asked, "{per_minute} instead of {rate}");
        }
    }
}

#[test]
fn lines_bind_a_run_without_a_pace_and_are_named() {
    let mut world = World::new("2026-03-02 10:00", phones("20s..40s", "100ms"));
    world.account_lines = 7;
    let campaign = world.campaign("leads", 0..60, &[(Setting::Rate, "max")]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    outside::the_lines_are_kept(&world, 7);
    assert_eq!(world.ending(run).limited_by, Some(Limit::Lines));
}

#[test]
fn the_allowance_binds_a_run_without_a_pace_and_is_named() {
    let mut world = World::new("2026-03-02 10:00", phones("5s", "100ms"));
    world.allowance = Allowance::PerMinute(20);
    let campaign = world.campaign("leads", 0..60, &[(Setting::Rate, "max")]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    outside::the_allowance_is_kept(&world, 20);
    outside::outcomes_agree(&mut world, campaign);
    assert_eq!(world.ending(run).limited_by, Some(Limit::Allowance));
    assert_eq!(
        world.counts(campaign).pending,
        0,
        "calls do not starve look-ups"
    );
}

#[test]
fn a_run_places_no_more_calls_than_it_was_permitted() {
    for (fault, share) in [
        ("xml", "0%"),
        ("lost-reply", "100%"),
        ("slow", "50%"),
        ("503-placed", "30%"),
    ] {
        let script = Script {
            faults: vec![format!("{fault}={share}").parse().unwrap()],
            ..phones("1s..3s", "1s")
        };
        let mut world = World::new("2026-03-02 10:00", script);
        let campaign = world.campaign("leads", 0..40, &[(Setting::Rate, "max")]);
        let limits = RunLimits {
            max_calls: Some(7),
            ..RunLimits::default()
        };
        let run = world.start(campaign, limits);
        world.run();
        assert_eq!(world.exchange.calls().len(), 7, "{fault}");
        assert_eq!(world.ending(run).because, StoppedBecause::MaxCalls);
    }
}

#[test]
fn a_run_asked_to_go_round_once_leaves_when_nobody_is_due() {
    let script = Script {
        mix: "busy=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Retries, "1"), (Setting::RetryAfter, "10m")];
    let campaign = world.campaign("leads", 0..5, &settings);
    let limits = RunLimits {
        once: true,
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::NothingDue);
    assert_eq!(world.exchange.calls().len(), 5);
    let counts = world.counts(campaign);
    assert_eq!(
        (counts.pending, counts.initiated),
        (5, 0),
        "the last calls were followed"
    );
}

#[test]
fn a_run_ends_at_its_time_and_follows_live_calls_for_two_minutes_at_most() {
    let mut world = World::new("2026-03-02 10:00", phones("10m", "0s"));
    let campaign = world.campaign("leads", 0..50, &[(Setting::Rate, "30/min")]);
    let until = indian("2026-03-02 10:00") + Duration::from_secs(11);
    let limits = RunLimits {
        until: Some(until),
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Until);
    // Only what was committed before may still be on its way.
    let late = until + LEAD + LONGEST_COMMIT;
    assert!(world.posts.iter().all(|post| post.at < late));
    let followed = world.time().duration_since(until);
    assert!((119..=121).contains(&followed.as_secs()), "{followed:?}");
    assert_eq!(world.counts(campaign).initiated, 6);

    let limits = RunLimits {
        max_runtime: Some(Duration::from_secs(60)),
        ..RunLimits::default()
    };
    let again = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(again).because, StoppedBecause::MaxRuntime);
}
