//! Several ExoPhones: each person sees one and the same, and each ExoPhone keeps a pace of its own.

use std::collections::HashMap;
use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::phone::PhoneNumber;
use exocamp::domain::plan::Limit;
use exocamp::sandbox::{Exchange, Script};
use jiff::{SignedDuration, Timestamp};

use crate::support::outside;
use crate::support::world::{LONGEST_COMMIT, World};

const THREE: &str = "08098765000,08098765001,08098765002";

fn phones(mix: &str) -> Script {
    Script {
        hold: "1s..3s".parse().unwrap(),
        mix: mix.parse().unwrap(),
        reply_delay: "50ms".parse().unwrap(),
        ..Script::default()
    }
}

/// Returns a world whose account owns every ExoPhone.
fn world(mix: &str) -> World {
    let mut world = World::new("2026-03-02 09:00", phones(mix));
    world.exchange = Exchange::new(phones(mix));
    world.account_lines = 50;
    world
}

fn starts_by_exophone(world: &World) -> HashMap<PhoneNumber, Vec<Timestamp>> {
    let mut starts: HashMap<_, Vec<_>> = HashMap::new();
    for post in &world.posts {
        starts.entry(post.caller_id).or_default().push(post.at);
    }
    starts
}

fn every_exophone_keeps_its_pace(world: &World, interval: Duration) {
    let least = SignedDuration::try_from(interval - LONGEST_COMMIT).unwrap();
    for (id, starts) in starts_by_exophone(world) {
        for pair in starts.windows(2) {
            let apart = pair[1].duration_since(pair[0]);
            assert!(apart >= least, "{id}: {apart:?} apart at {}", pair[1]);
        }
    }
}

#[test]
fn whoever_is_tried_again_sees_the_same_exophone() {
    let mut world = world("busy=1");
    let settings = [
        (Setting::Rate, "max"),
        (Setting::CallerId, THREE),
        (Setting::Retries, "2"),
        (Setting::RetryAfter, "10m"),
    ];
    let campaign = world.campaign("leads", 0..60, &settings);
    world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.posts.len(), 180);
    let mut seen = HashMap::new();
    for post in &world.posts {
        let first = *seen.entry(post.number).or_insert(post.caller_id);
        assert_eq!(post.caller_id, first, "{}", post.number);
    }
    for (id, starts) in starts_by_exophone(&world) {
        assert!((30..90).contains(&starts.len()), "{id}: {}", starts.len());
    }
}

#[test]
fn each_exophone_keeps_its_pace_and_together_they_are_as_fast_as_all_of_them() {
    let mut world = world("completed=1");
    let settings = [
        (Setting::Rate, "max"),
        (Setting::CallerId, THREE),
        (Setting::CallerIdRate, "30/min"),
    ];
    let campaign = world.campaign("leads", 0..150, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    every_exophone_keeps_its_pace(&world, Duration::from_secs(2));
    let starts = starts_by_exophone(&world);
    let most = starts.values().map(Vec::len).max().unwrap();
    let took = world
        .posts
        .last()
        .unwrap()
        .at
        .duration_since(world.posts[0].at);
    // Nobody waits while the ExoPhone they see is free: the busiest one alone says how long it takes.
    let busiest = Duration::from_secs(2) * u32::try_from(most).unwrap();
    assert!(
        took <= SignedDuration::try_from(busiest).unwrap(),
        "{took:?} for {most}"
    );
    assert_eq!(world.ending(run).limited_by, Some(Limit::Pace));
    outside::nobody_is_rung_too_often(&world, 1);
}

#[test]
fn the_pace_of_an_exophone_is_kept_over_all_campaigns_that_show_it() {
    let mut world = world("completed=1");
    world.looks_up_every = Some(Duration::from_millis(500));
    let settings = [(Setting::Rate, "max"), (Setting::CallerIdRate, "30/min")];
    for (name, people) in [("first", 0..20), ("second", 20..40)] {
        let campaign = world.campaign(name, people, &settings);
        world.start(campaign, RunLimits::default());
    }
    world.run();
    assert_eq!(world.posts.len(), 40);
    every_exophone_keeps_its_pace(&world, Duration::from_secs(2));
}

#[test]
fn a_slow_campaign_on_an_exophone_does_not_slow_down_a_fast_one() {
    let mut world = world("completed=1");
    world.looks_up_every = Some(Duration::from_millis(430));
    let paces = [("fast", 0..60, "30/min"), ("slow", 60..72, "6/min")];
    let campaigns = paces.map(|(name, people, pace)| {
        let settings = [(Setting::Rate, "max"), (Setting::CallerIdRate, pace)];
        let campaign = world.campaign(name, people, &settings);
        world.start(campaign, RunLimits::default());
        (campaign, pace)
    });
    world.run();
    assert_eq!(world.posts.len(), 72);
    // Together as fast as the faster of them.
    every_exophone_keeps_its_pace(&world, Duration::from_secs(2));
    for (campaign, pace) in campaigns {
        outside::the_pace_is_kept(&world, campaign, pace.parse().unwrap());
    }
    let fast = campaigns[0].0;
    let of_fast: Vec<_> = world
        .posts
        .iter()
        .filter(|post| post.campaign == fast)
        .map(|post| post.at)
        .collect();
    let took = of_fast[59].duration_since(of_fast[0]);
    // Each call of the slow one takes the place of one of the fast one's.
    assert!(took.as_secs() <= 2 * (59 + 12) + 1, "{took:?}");
}

#[test]
fn a_refused_exophone_is_named_where_there_are_several() {
    let mut world = world("completed=1");
    world.exchange = Exchange::new(phones("completed=1")).with_exophone("08098765000");
    let strangers = "08098765001";
    let settings = [
        (Setting::Rate, "max"),
        (Setting::CallerId, "08098765000,08098765001"),
    ];
    let campaign = world.campaign("leads", 0..30, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    let ending = world.ending(run);
    assert_eq!(ending.because, StoppedBecause::Provider);
    let shown = format!("{:?}", ending.trouble);
    let named = PhoneNumber::parse_caller_id(strangers).unwrap();
    let Some(exocamp::dialer::event::Trouble::Refused { caller_id, .. }) = &ending.trouble else {
        panic!("{shown}");
    };
    assert_eq!(*caller_id, Some(named));
}
