//! Pauses, stops, doubts, and runs that dial nobody.

use std::time::Duration;

use exocamp::dialer::event::Event;
use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::contact::ContactState;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::provider::Reply;
use exocamp::sandbox::Script;
use exocamp::store::campaigns::{self, PausedBy};

use crate::support::outside;
use crate::support::world::{Post, World};

fn long_calls() -> Script {
    Script {
        hold: "5m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        reply_delay: "2s".parse().unwrap(),
        ..Script::default()
    }
}

fn pause(world: &mut World, campaign: campaigns::CampaignId) {
    let now = world.time();
    world.write(|tx| campaigns::pause(tx, campaign, &PausedBy::Person, now));
}

#[test]
fn nobody_is_rung_after_a_pause_was_committed_and_live_calls_are_followed_two_minutes() {
    let mut world = World::new("2026-03-02 10:00", long_calls());
    world.looks_up_every = Some(Duration::from_millis(500));
    let settings = [(Setting::Rate, "20/s"), (Setting::Lines, "500")];
    let campaign = world.campaign("leads", 0..500, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_millis(10_003));
    pause(&mut world, campaign);
    let paused_at = world.time();
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Paused);
    let latest = world.exchange.calls().last().unwrap().accepted_at;
    assert!(latest <= paused_at, "{latest} after {paused_at}");
    let followed = world.time().duration_since(paused_at);
    assert!((119..=122).contains(&followed.as_secs()), "{followed:?}");
    let counts = world.counts(campaign);
    assert_eq!(counts.held, 0, "open replies were waited for");
    assert_eq!(counts.initiated, world.exchange.calls().len() as u64);
}

#[test]
fn a_run_that_is_resumed_in_time_goes_on() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    world.looks_up_every = Some(Duration::from_millis(500));
    let campaign = world.campaign("leads", 0..30, &[(Setting::Rate, "60/min")]);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(8));
    pause(&mut world, campaign);
    world.run_for(Duration::from_secs(1));
    let rung = world.exchange.calls().len();
    let now = world.time();
    world.write(|tx| campaigns::set_state(tx, campaign, CampaignState::Running, now));
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert!(rung < 30 && world.exchange.calls().len() == 30);
    outside::the_pace_is_kept(&world, campaign, "60/min".parse().unwrap());
}

#[test]
fn a_pause_while_the_first_get_is_under_way_stands() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    world.latency_ms = 300..400;
    let campaign = world.campaign("leads", 0..5, &[]);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_millis(100));
    pause(&mut world, campaign);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Paused);
    assert_eq!(world.posts.len(), 0);
    assert_eq!(world.state(campaign).paused_by, Some(PausedBy::Person));
}

#[test]
fn a_run_asked_to_stop_waits_for_open_posts_and_sends_no_other() {
    let mut world = World::new("2026-03-02 10:00", long_calls());
    let settings = [(Setting::Rate, "5/s"), (Setting::Lines, "100")];
    let campaign = world.campaign("leads", 0..100, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(6));
    let open = world.open_intents(campaign).len();
    world.ask_to_stop(run, Event::StopAsked);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Signal);
    assert!(open > 3, "{open}");
    let counts = world.counts(campaign);
    assert_eq!(
        (counts.held, counts.initiated),
        (0, world.posts.len() as u64)
    );

    // What is live is taken up by the next run, and nobody is rung again.
    world.start(campaign, RunLimits::default());
    world.run();
    outside::nobody_is_rung_too_often(&world, 1);
    outside::outcomes_agree(&mut world, campaign);
    assert_eq!(world.exchange.calls().len(), 100);
}

#[test]
fn a_run_asked_twice_leaves_at_once_with_its_open_posts_in_doubt() {
    let mut world = World::new("2026-03-02 10:00", long_calls());
    let settings = [(Setting::Rate, "5/s"), (Setting::Lines, "100")];
    let campaign = world.campaign("leads", 0..100, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(6));
    let open = world.open_intents(campaign).len() as u64;
    world.ask_to_stop(run, Event::StopAsked);
    world.ask_to_stop(run, Event::LeaveAsked);
    let asked = world.time();
    world.run();
    assert!(world.time().duration_since(asked).as_millis() < 10);
    assert_eq!(world.ending(run).because, StoppedBecause::Signal);
    assert_eq!(world.counts(campaign).held, open);
}

#[test]
fn a_doubt_holds_its_line_for_a_while_and_is_never_rung_again() {
    let script = Script {
        fates: vec!["0=lost-reply".parse().unwrap()],
        hold: "1s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.account_lines = 2;
    let settings = [
        (Setting::Rate, "max"),
        (Setting::Ring, "30s"),
        (Setting::Retries, "5"),
    ];
    let campaign = world.campaign("leads", 0..2000, &settings);
    world.start(campaign, RunLimits::default());
    // Of two lines the doubts hold one at most, so that it goes on, with one call at a time.
    world.run_for(Duration::from_secs(150));
    outside::the_lines_are_kept(&world, 2);
    let calls = world.exchange.calls();
    assert!(calls.len() > 20, "{}", calls.len());
    let lost = |post: &&Post| matches!(post.reply, Reply::InDoubt(_));
    assert!(world.posts.iter().filter(lost).count() >= 2);
    outside::nobody_is_rung_too_often(&world, 6);
    let held = world.contacts(campaign);
    let held: Vec<_> = held
        .iter()
        .filter(|contact| contact.state == ContactState::Held)
        .collect();
    assert!(held.iter().all(|contact| contact.attempts == 1), "{held:?}");
}

#[test]
fn a_line_held_by_a_doubt_is_free_again_after_the_ring_and_two_minutes() {
    let script = Script {
        fates: vec!["0=lost-request".parse().unwrap()],
        hold: "10m".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.account_lines = 2;
    world.looks_up_every = Some(Duration::from_millis(500));
    let settings = [(Setting::Rate, "max"), (Setting::Ring, "30s")];
    let campaign = world.campaign("leads", 0..4, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::OnlyDoubts);
    let posts = &world.posts;
    let freed = posts[2].at.duration_since(posts[0].at).as_secs();
    // Its reply may have been waited for as well.
    assert!(
        (150..=181).contains(&freed),
        "the line was free after {freed} s"
    );
    assert_eq!(world.counts(campaign).held, 1);
}

#[test]
fn settling_asks_once_about_each_call_and_dials_nobody() {
    let script = Script {
        hold: "2m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "50")];
    let campaign = world.campaign("leads", 0..80, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(30));
    world.ask_to_stop(run, Event::StopAsked);
    world.run();
    assert_eq!(world.counts(campaign).initiated, 50);

    for (slept, live) in [(10, 50), (300, 0)] {
        world.sleep(Duration::from_secs(slept));
        let before = world.look_ups;
        let settle = world.settle(campaign);
        world.run();
        assert_eq!(world.ending(settle).because, StoppedBecause::NothingDue);
        // The greeting, and 50 calls at 20 Sids a request.
        assert_eq!(world.look_ups - before, 4);
        assert_eq!(world.posts.len(), 50);
        assert_eq!(world.calls_placed(settle), 0);
        assert_eq!(world.counts(campaign).initiated, live);
    }
    outside::outcomes_agree(&mut world, campaign);
}

#[test]
fn settling_never_leaves_a_question_unanswered_and_calls_it_done() {
    let mut settled = 0;
    for seed in 0..40 {
        let script = Script {
            seed,
            hold: "10s".parse().unwrap(),
            faults: vec!["get-503=50%".parse().unwrap()],
            ..Script::default()
        };
        let mut world = World::new("2026-03-02 10:00", script);
        let settings = [(Setting::Rate, "max"), (Setting::Lines, "5")];
        let campaign = world.campaign("leads", 0..5, &settings);
        let run = world.start(campaign, RunLimits::default());
        world.run_for(Duration::from_secs(6));
        world.ask_to_stop(run, Event::StopAsked);
        world.run();
        world.sleep(Duration::from_secs(60));
        let settle = world.settle(campaign);
        world.run();
        let open = world.counts(campaign).initiated;
        if world.ending(settle).because != StoppedBecause::Provider {
            assert_eq!(open, 0, "seed {seed}: {}", world.ending(settle).because);
            settled += 1;
        }
    }
    assert!(settled > 10, "{settled} of 40 were settled");
}
