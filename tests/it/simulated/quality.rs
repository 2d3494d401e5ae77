//! The canary and short calls: what comes of the first calls decides about the rest.

use std::time::Duration;

use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::sandbox::Script;
use exocamp::store::campaigns::{self, CampaignId, PausedBy};
use jiff::SignedDuration;

use crate::support::world::{Cut, Network, Stopped, World};

fn phones(mix: &str, hold: &str) -> Script {
    Script {
        mix: mix.parse().unwrap(),
        hold: hold.parse().unwrap(),
        ..Script::default()
    }
}

fn because(world: &World, run: usize) -> StoppedBecause {
    world.ending(run).because
}

/// Returns why exocamp has paused the campaign.
fn paused_for(world: &mut World, campaign: CampaignId) -> String {
    match world.state(campaign).paused_by {
        Some(PausedBy::Quality(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_canary_that_passes_lets_the_rest_be_called_once_all_of_it_has_ended() {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "20s..60s"));
    let settings = [(Setting::Rate, "max"), (Setting::Canary, "6")];
    let campaign = world.campaign("leads", 0..30, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::Finished);
    let calls = world.exchange.calls();
    assert_eq!(calls.len(), 30);
    let canary_ended = calls[..6].iter().map(|call| call.ends_at).max().unwrap();
    let rest_began = calls[6..].iter().map(|call| call.accepted_at).min();
    assert!(rest_began.unwrap() >= canary_ended);
}

#[test]
fn a_canary_that_fails_pauses_the_campaign_and_each_start_makes_another() {
    let mut world = World::new("2026-03-02 10:00", phones("failed=1", "5s"));
    let settings = [(Setting::Rate, "max"), (Setting::Canary, "6")];
    let campaign = world.campaign("leads", 0..30, &settings);
    for canaries in 1..=2 {
        let run = world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(because(&world, run), StoppedBecause::Canary);
        assert_eq!(world.exchange.calls().len(), 6 * canaries);
        assert_eq!(world.state(campaign).state, CampaignState::Paused);
        assert_eq!(
            paused_for(&mut world, campaign),
            "the canary: 6 of 6 calls failed"
        );
    }
    // Whatever it was is mended.
    world
        .exchange
        .change_script(|script| script.mix = "completed=1".parse().unwrap());
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::Finished);
    assert_eq!(world.exchange.calls().len(), 30);
}

#[test]
fn a_canary_says_what_is_wrong() {
    // So few people that there are never twenty short calls.
    for (mix, hold, why) in [
        ("busy=1", "5s", Some("0 of 8 calls were answered")),
        (
            "completed=1",
            "2s",
            Some("8 of 8 calls that were answered ended within 5 s; the flow may be broken"),
        ),
        ("completed=1", "6s", None),
    ] {
        let mut world = World::new("2026-03-02 10:00", phones(mix, hold));
        let settings = [
            (Setting::Rate, "max"),
            (Setting::Canary, "8"),
            (Setting::ShortCalls, "pause"),
        ];
        let campaign = world.campaign("leads", 0..20, &settings);
        world.start(campaign, RunLimits::default());
        world.run();
        match why {
            Some(why) => {
                assert_eq!(
                    paused_for(&mut world, campaign),
                    format!("the canary: {why}")
                );
                assert_eq!(world.exchange.calls().len(), 8);
            }
            None => assert_eq!(world.exchange.calls().len(), 20),
        }
    }
}

#[test]
fn a_canary_does_not_wait_for_doubts_and_counts_them_among_its_calls() {
    let script = Script {
        fates: vec!["2=lost-request".parse().unwrap()],
        ..phones("completed=1", "30s")
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "max"), (Setting::Canary, "6")];
    let campaign = world.campaign("leads", 0..10, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(300));
    assert_eq!(world.posts.len(), 10, "the rest is called");
    let canary_ended = world.posts[5].at;
    let rest_began = world.posts[6].at;
    assert!(rest_began.duration_since(canary_ended).as_secs() >= 29);
}

#[test]
fn a_canary_of_another_size_begins_anew_and_one_of_the_same_does_not() {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "30s"));
    let settings = [(Setting::Rate, "max"), (Setting::Canary, "3")];
    let campaign = world.campaign("leads", 0..30, &settings);
    let limits = RunLimits {
        max_calls: Some(8),
        ..RunLimits::default()
    };
    let together = |world: &World| {
        let last = world.exchange.calls().last().unwrap().accepted_at;
        let calls = world.exchange.calls().iter();
        calls
            .filter(|call| last.duration_since(call.accepted_at).as_secs() < 20)
            .count()
    };
    world.start(campaign, limits);
    world.run();
    assert_eq!(together(&world), 5, "three, then the rest");
    world.start(campaign, limits);
    world.run();
    assert_eq!(together(&world), 8, "one of this size has passed");
    world.remember(campaign, Setting::Canary, "4");
    world.start(campaign, limits);
    world.run();
    assert_eq!(together(&world), 4, "four, then the rest");
    assert_eq!(world.exchange.calls().len(), 24);
}

#[test]
fn a_process_that_dies_in_the_middle_of_a_canary_goes_on_with_the_same_one() {
    for turn in 1..60 {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("exocamp.db");
        let mut world = World::in_file("2026-03-02 10:00", phones("failed=1", "5s..9s"), &path);
        let settings = [(Setting::Canary, "6")];
        let campaign = world.campaign("leads", 0..30, &settings);
        world.cut = Some(Cut { turn, effects: 1 });
        world.start(campaign, RunLimits::default());
        if world.run() == Stopped::AtRest {
            assert!(turn > 10, "it died often enough");
            break;
        }
        let was_paused = world.state(campaign).state == CampaignState::Paused;
        world.reopen(&path);
        let run = world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(because(&world, run), StoppedBecause::Canary, "turn {turn}");
        // One that was judged before its run could leave is followed by another.
        let canaries = if was_paused { 2 } else { 1 };
        let attempts = world.posts.len();
        assert!(attempts <= 6 * canaries, "turn {turn}: {attempts} calls");
        // An intent that was cut off counts, and nothing may have been sent for it.
        assert!(
            attempts + 2 >= 6 * canaries,
            "turn {turn}: {attempts} calls"
        );
    }
}

#[test]
fn short_calls_pause_a_campaign_until_the_next_start() {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "2s..3s"));
    let settings = [(Setting::ShortCalls, "pause")];
    let campaign = world.campaign("leads", 0..60, &settings);
    for starts in 1..=2 {
        let run = world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(because(&world, run), StoppedBecause::Paused);
        let why = paused_for(&mut world, campaign);
        let said = "calls that were answered ended within 5 s; the flow may be broken";
        assert!(why.ends_with(said), "{why}");
        let calls = world.exchange.calls().len();
        assert!((20 * starts..=24 * starts).contains(&calls), "{calls}");
    }
}

/// Returns a world in which a campaign has just been paused for short calls, and its run still follows others.
fn paused_with_calls_under_way() -> (World, CampaignId, usize) {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "1s..6s"));
    world.account_lines = 50;
    let settings = [
        (Setting::Rate, "5/s"),
        (Setting::Lines, "50"),
        (Setting::ShortCalls, "pause"),
    ];
    let campaign = world.campaign("leads", 0..200, &settings);
    let run = world.start(campaign, RunLimits::default());
    while world.state(campaign).state != CampaignState::Paused {
        world.run_for(Duration::from_millis(100));
    }
    assert!(!world.is_over(run));
    (world, campaign, run)
}

#[test]
fn a_clock_that_is_set_while_a_campaign_is_paused_for_short_calls_does_not_take_it_up_again() {
    let (mut world, campaign, run) = paused_with_calls_under_way();
    let (paused, calls) = (world.state(campaign), world.posts.len());
    world.set_wall_clock(SignedDuration::from_secs(60));
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::Paused);
    assert_eq!(world.state(campaign).paused_by, paused.paused_by);
    assert_eq!(world.posts.len(), calls);
}

#[test]
fn trouble_with_the_provider_does_not_hide_that_a_campaign_is_paused_for_short_calls() {
    let (mut world, campaign, run) = paused_with_calls_under_way();
    let why = paused_for(&mut world, campaign);
    world.network = Network::WrongToken;
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::Provider);
    assert_eq!(paused_for(&mut world, campaign), why);
}

#[test]
fn twenty_good_calls_do_not_hide_the_bad_ones_that_follow() {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "8s"));
    let settings = [(Setting::ShortCalls, "pause"), (Setting::Rate, "max")];
    let campaign = world.campaign("leads", 0..200, &settings);
    let limits = RunLimits {
        max_calls: Some(100),
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::MaxCalls);
    world
        .exchange
        .change_script(|script| script.hold = "2s".parse().unwrap());
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::Paused);
    assert!(world.exchange.calls().len() <= 150);
}

#[test]
fn short_calls_are_told_once_or_not_at_all_where_that_is_wanted() {
    for (way, is_told) in [("warn", true), ("off", false)] {
        let mut world = World::new("2026-03-02 10:00", phones("completed=1", "2s"));
        let settings = [(Setting::ShortCalls, way), (Setting::Rate, "max")];
        let campaign = world.campaign("leads", 0..60, &settings);
        let run = world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(because(&world, run), StoppedBecause::Finished);
        assert_eq!(world.ending(run).caution.is_some(), is_told, "{way}");
    }
}

#[test]
fn a_persons_pause_is_not_overruled_by_what_comes_of_a_canary() {
    let mut world = World::new("2026-03-02 10:00", phones("failed=1", "30s"));
    let settings = [(Setting::Rate, "max"), (Setting::Canary, "6")];
    let campaign = world.campaign("leads", 0..30, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(10));
    let now = world.time();
    world.write(|tx| campaigns::pause(tx, campaign, &PausedBy::Person, now));
    world.run();
    assert_eq!(because(&world, run), StoppedBecause::Paused);
    assert_eq!(world.state(campaign).paused_by, Some(PausedBy::Person));
}
