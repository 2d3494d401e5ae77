//! Clocks that are wrong, and machines that sleep.

use std::time::Duration;

use exocamp::dialer::event::Trouble;
use exocamp::domain::campaign::Setting;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::sandbox::Script;
use jiff::SignedDuration;

use crate::support::outside;
use crate::support::world::World;

const RATE: &str = "60/min";

/// Plays a run of two minutes, in the middle of which somebody moves the wall clock.
fn with_a_clock_moved_by(seconds: i64) {
    let mut world = World::new("2026-03-02 13:00", Script::default());
    let campaign = world.campaign("leads", 0..120, &[(Setting::Rate, RATE)]);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(60));
    world.set_wall_clock(SignedDuration::from_secs(seconds));
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::nobody_is_rung_too_often(&world, 1);
    outside::the_pace_is_kept(&world, campaign, RATE.parse().unwrap());
    outside::outcomes_agree(&mut world, campaign);
    assert_eq!(world.exchange.calls().len(), 120);
    let took = world.elapsed();
    assert!(
        took < Duration::from_secs(150),
        "{seconds} s: it took {took:?}"
    );
}

#[test]
fn a_clock_set_back_neither_stops_nor_floods_the_pace() {
    with_a_clock_moved_by(-100);
}

#[test]
fn a_clock_set_forward_neither_stops_nor_floods_the_pace() {
    with_a_clock_moved_by(100);
}

#[test]
fn a_clock_set_by_hours_in_the_middle_ends_the_run_before_another_call() {
    for hours in [-3, 3] {
        let mut world = World::new("2026-03-02 13:00", Script::default());
        let campaign = world.campaign("leads", 0..120, &[(Setting::Rate, RATE)]);
        let run = world.start(campaign, RunLimits::default());
        world.run_for(Duration::from_secs(60));
        let (set_at, by) = (world.time(), SignedDuration::from_hours(hours));
        world.set_wall_clock(by);
        world.run();
        let ending = world.ending(run);
        assert_eq!(ending.because, StoppedBecause::Provider, "{hours} h");
        assert!(matches!(ending.trouble, Some(Trouble::Clocks(_))));
        let later = world.posts.iter().filter(|post| post.at > set_at).count();
        assert_eq!(later, 0, "{hours} h: called by a clock that is wrong");

        world.set_wall_clock(-by);
        let run = world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(world.ending(run).because, StoppedBecause::Finished);
        outside::nobody_is_rung_too_often(&world, 1);
        outside::outcomes_agree(&mut world, campaign);
        assert_eq!(world.exchange.calls().len(), 120);
    }
}

#[test]
fn a_clock_ten_minutes_off_ends_the_run_before_any_call() {
    for minutes in [-10, 10] {
        let mut world = World::new("2026-03-02 10:00", Script::default());
        world.provider_is_ahead = SignedDuration::from_mins(minutes);
        let campaign = world.campaign("leads", 0..5, &[]);
        let run = world.start(campaign, RunLimits::default());
        world.run();
        let ending = world.ending(run);
        assert_eq!(ending.because, StoppedBecause::Provider);
        match &ending.trouble {
            Some(Trouble::Clocks(seconds)) => {
                assert!((seconds + minutes * 60).abs() <= 1, "{seconds}");
            }
            trouble => panic!("{trouble:?}"),
        }
        assert_eq!((world.posts.len(), world.requests.len()), (0, 1));
        assert_eq!(world.counts(campaign).pending, 5);
    }
}

#[test]
fn a_machine_that_sleeps_sends_nothing_it_had_planned_before() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    let campaign = world.campaign(
        "leads",
        0..60,
        &[(Setting::Rate, "50/s"), (Setting::Lines, "60")],
    );
    let run = world.start(campaign, RunLimits::default());
    // Not long after the first reply, when a few calls are planned and not sent.
    while world.posts.len() < 5 {
        world.run_for(Duration::from_millis(1));
    }
    let sent_before = world.posts.len();
    let asleep_from = world.time();
    world.sleep(Duration::from_secs(3_600));
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::nobody_is_rung_too_often(&world, 1);
    outside::the_pace_is_kept(&world, campaign, "50/s".parse().unwrap());
    assert_eq!(world.exchange.calls().len(), 60);
    assert!(
        world.posts[sent_before]
            .at
            .duration_since(asleep_from)
            .as_secs()
            >= 3_600
    );
    let attempts: u32 = world
        .contacts(campaign)
        .iter()
        .map(|contact| contact.attempts)
        .sum();
    assert!(
        attempts > 60,
        "what was planned for before the sleep was given up: {attempts}"
    );
}
