//! Look-ups: few of them, and never in the way of dialling.

use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::Allowance;
use exocamp::domain::plan::Limit;
use exocamp::sandbox::Script;

use crate::support::outside;
use crate::support::world::{EndTimes, World};

#[test]
fn outcomes_cost_few_look_ups_where_lines_are_the_limit() {
    let script = Script {
        hold: "20s..60s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "300")];
    let campaign = world.campaign("leads", 0..3000, &settings);
    let run = world.start(campaign, RunLimits::default());
    // What calls last is learnt on the first lines-full of them.
    world.run_for(Duration::from_secs(60));
    let (looked, finished) = (world.look_ups, world.counts(campaign).finished());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.ending(run).limited_by, Some(Limit::Lines));
    let each = (world.look_ups - looked) as f64 / (3000 - finished) as f64;
    assert!(each <= 0.15, "{each} look-ups for each call");
    let each = world.look_ups as f64 / 3000.0;
    assert!(
        each <= 0.17,
        "{each} look-ups for each call, the first ones included"
    );
    outside::outcomes_agree(&mut world, campaign);
    outside::the_lines_are_kept(&world, 300);
    // A free line is noticed within half a typical call: 3,000 calls of 40 s in 300 lines take 400 s and half as much.
    let took = world.elapsed().as_secs();
    assert!(took <= 600, "{took} s");
}

#[test]
fn dialling_keeps_its_pace_while_hundreds_of_calls_are_live() {
    let script = Script {
        hold: "5m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        reply_delay: "1s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.allowance = Allowance::PerMinute(180);
    let settings = [(Setting::Rate, "120/min"), (Setting::Lines, "700")];
    let campaign = world.campaign("leads", 0..700, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::the_pace_is_kept(&world, campaign, "120/min".parse().unwrap());
    outside::the_allowance_is_kept(&world, 180);
    let posts = &world.posts;
    let at_500 = &posts[500];
    let live = world.exchange.calls().iter();
    let live = live.filter(|call| call.accepted_at < at_500.at && at_500.at < call.ends_at);
    assert!(live.count() >= 450);
    let took = posts[699].at.duration_since(posts[1].at).as_secs_f64();
    let per_minute = 698.0 * 60.0 / took;
    assert!(per_minute >= 0.99 * 120.0, "{per_minute} calls a minute");
}

#[test]
fn a_call_whose_end_is_listed_late_is_neither_lost_nor_rung_again() {
    let script = Script {
        hold: "1s..3s".parse().unwrap(),
        list_lag: Duration::from_secs(240),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let campaign = world.campaign(
        "leads",
        0..12,
        &[(Setting::Rate, "max"), (Setting::Lines, "4")],
    );
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::nobody_is_rung_too_often(&world, 1);
    outside::outcomes_agree(&mut world, campaign);
}

#[test]
fn until_a_call_has_ended_every_call_is_asked_about_in_its_turn() {
    let script = Script {
        hold: "10m".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "50")];
    let campaign = world.campaign("leads", 0..100, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.counts(campaign).initiated, 50);
    // The first twenty may be the longest: an end among the others must not go unseen.
    assert_eq!(world.asked_about.len(), 50);
    assert!(world.look_ups <= 15, "{} look-ups", world.look_ups);
}

#[test]
fn a_night_without_looks_is_not_taken_for_the_length_of_calls() {
    let script = Script {
        hold: "2s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.end_times = EndTimes::Later;
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "10")];
    let campaign = world.campaign("leads", 0..400, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(30));
    let before = world.posts.len();
    world.forget();
    world.sleep(Duration::from_secs(5 * 3600));
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(30));
    // As many as in the first half minute, in which it was learnt what calls last.
    let called = world.posts.len() - before;
    assert!(called * 10 >= before * 9, "{before} before, {called} after");
}
