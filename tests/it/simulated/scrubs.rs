//! Do-not-disturb marks, asked for before anybody is called.

use std::collections::HashSet;
use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::Allowance;
use exocamp::domain::plan::Limit;
use exocamp::sandbox::Script;
use jiff::SignedDuration;

use crate::support::outside;
use crate::support::world::{Cut, Post, Scrub, Stopped, World};

/// Returns phones of which those that end in 7 are registered.
fn phones(faults: &[&str]) -> Script {
    Script {
        hold: "1s..3s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        reply_delay: "50ms..1s".parse().unwrap(),
        fates: vec!["7=ndnc".parse().unwrap()],
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        ..Script::default()
    }
}

fn world(script: Script) -> World {
    let mut world = World::new("2026-03-02 10:00", script);
    world.allowance = Allowance::DEFAULT;
    world
}

const SCRUBBED: (Setting, &str) = (Setting::ScrubDnd, "yes");

/// Everybody who was called was asked about before, not more than 7 days ago, and is not registered.
#[track_caller]
fn everybody_was_asked_about(world: &World) {
    let week = SignedDuration::from_hours(7 * 24);
    // The intent is committed a moment before.
    let oldest = week + SignedDuration::from_secs(1);
    for post in &world.posts {
        let answers = |scrub: &&Scrub| {
            scrub.number == post.number
                && scrub.answered_at.is_some_and(|at| at <= post.at)
                && post.at.duration_since(scrub.asked_at) <= oldest
        };
        assert!(world.scrubs.iter().any(|scrub| answers(&scrub)), "{post:?}");
        assert!(!is_registered(post), "{post:?}");
    }
}

fn is_registered(post: &Post) -> bool {
    post.number.digits() % 10 == 7
}

#[test]
fn the_pace_is_kept_although_everybody_is_asked_about_first() {
    for rate in ["30/min", "60/min"] {
        let script = Script {
            hold: "20s..40s".parse().unwrap(),
            ..phones(&[])
        };
        let mut world = world(script);
        let settings = [(Setting::Rate, rate), (Setting::Lines, "60"), SCRUBBED];
        let campaign = world.campaign("leads", 0..120, &settings);
        let run = world.start(campaign, RunLimits::default());
        world.run();
        everybody_was_asked_about(&world);
        let counts = world.counts(campaign);
        assert_eq!((counts.completed, counts.skipped), (108, 12), "{rate}");
        assert_eq!(world.scrubs.len(), 120, "nobody is asked about twice");
        assert_eq!(world.ending(run).limited_by, Some(Limit::Pace), "{rate}");
        outside::the_pace_is_kept(&world, campaign, rate.parse().unwrap());
        outside::the_allowance_is_kept(&world, 180);
        let took = world.posts[107].at.duration_since(world.posts[1].at);
        let per_minute = 106.0 * 60.0 / took.as_secs_f64();
        let asked: f64 = rate.split_once('/').unwrap().0.parse().unwrap();
        assert!(per_minute >= 0.99 * asked, "{per_minute} instead of {rate}");
    }
}

#[test]
fn whoever_is_registered_is_skipped_and_the_reason_is_told() {
    let mut world = world(phones(&[]));
    let campaign = world.campaign("leads", 0..20, &[(Setting::Rate, "max"), SCRUBBED]);
    world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.posts.len(), 18);
    everybody_was_asked_about(&world);
    for contact in world.contacts(campaign) {
        let is_registered = contact.number.digits() % 10 == 7;
        let reason = contact.reason.as_deref();
        assert_eq!(reason, is_registered.then_some("ndnc"), "{contact:?}");
    }
}

#[test]
fn calls_and_their_marks_share_a_small_allowance_and_leave_the_ends_of_calls_their_part() {
    let mut world = world(phones(&[]));
    world.allowance = Allowance::PerMinute(20);
    let campaign = world.campaign("leads", 0..60, &[(Setting::Rate, "max"), SCRUBBED]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    everybody_was_asked_about(&world);
    outside::the_allowance_is_kept(&world, 20);
    let counts = world.counts(campaign);
    assert_eq!((counts.completed, counts.skipped), (54, 6));
    assert_eq!(world.ending(run).limited_by, Some(Limit::Allowance));
    // One request for the call, one for its mark, and a tenth for the look-ups.
    let minutes = world.elapsed().as_secs_f64() / 60.0;
    assert!(minutes <= 60.0 * 2.0 / 18.0 + 2.0, "{minutes} min");
}

#[test]
fn an_answer_is_used_for_seven_days_and_then_asked_for_again() {
    let mut world = world(phones(&[]));
    let asked_in = |world: &mut World, name: &str| {
        let before = world.scrubs.len();
        let campaign = world.campaign(name, 0..20, &[(Setting::Rate, "max"), SCRUBBED]);
        world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(world.counts(campaign).skipped, 2, "{name}");
        world.scrubs.len() - before
    };
    assert_eq!(asked_in(&mut world, "first"), 20);
    world.sleep(Duration::from_secs((7 * 24 - 1) * 3600));
    assert_eq!(asked_in(&mut world, "last week"), 0);
    world.sleep(Duration::from_secs(2 * 3600));
    assert_eq!(asked_in(&mut world, "too old"), 20);
    assert_eq!(world.posts.len(), 54);
    everybody_was_asked_about(&world);
}

#[test]
fn a_mark_that_is_known_changes_nothing_for_a_campaign_that_does_not_ask() {
    let mut world = world(phones(&[]));
    let careful = world.campaign("careful", 0..20, &[(Setting::Rate, "max"), SCRUBBED]);
    world.start(careful, RunLimits::default());
    world.run();
    let asked = world.scrubs.len();
    let other = world.campaign("other", 0..20, &[(Setting::Rate, "max")]);
    world.start(other, RunLimits::default());
    world.run();
    let posts = world.posts.iter().filter(|post| post.campaign == other);
    assert_eq!(posts.filter(|post| is_registered(post)).count(), 2);
    assert_eq!(world.scrubs.len(), asked);
}

#[test]
fn a_question_that_is_not_answered_is_asked_again_after_half_a_minute_while_the_others_go_on() {
    let mut world = world(phones(&["get-503=20%", "get-truncated=10%", "get-lost=5%"]));
    let settings = [(Setting::Rate, "60/min"), SCRUBBED];
    let campaign = world.campaign("leads", 0..120, &settings);
    world.start(campaign, RunLimits::default());
    world.run();
    everybody_was_asked_about(&world);
    let counts = world.counts(campaign);
    assert_eq!((counts.completed, counts.skipped), (108, 12));
    let mut again = 0;
    for (at, scrub) in world.scrubs.iter().enumerate() {
        let mut earlier = world.scrubs[..at].iter().rev();
        let Some(before) = earlier.find(|before| before.number == scrub.number) else {
            continue;
        };
        again += 1;
        assert_eq!(before.answered_at, None, "asked twice: {scrub:?}");
        let waited = scrub.asked_at.duration_since(before.asked_at);
        assert!(waited >= SignedDuration::from_secs(30), "{waited:?}");
    }
    assert!(again > 20, "{again}");
}

#[test]
fn being_told_to_slow_down_calls_nobody_without_a_mark_and_loses_nobody() {
    let script = Script {
        rate_limit: Some(40),
        ..phones(&[])
    };
    let mut world = world(script);
    let campaign = world.campaign("leads", 0..60, &[(Setting::Rate, "max"), SCRUBBED]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    everybody_was_asked_about(&world);
    let refused = world
        .scrubs
        .iter()
        .filter(|scrub| scrub.answered_at.is_none());
    assert!(refused.count() > 0, "the limit was not met");
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    let counts = world.counts(campaign);
    assert_eq!((counts.completed, counts.skipped), (54, 6));
}

#[test]
fn a_provider_that_answers_no_question_any_more_ends_the_run_and_nobody_is_called_unasked() {
    let mut world = world(phones(&[]));
    let settings = [(Setting::Rate, "30/min"), SCRUBBED];
    let campaign = world.campaign("leads", 0..200, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(30));
    let always = "get-503=100%".parse().unwrap();
    world
        .exchange
        .change_script(|script| script.faults = vec![always]);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Provider);
    everybody_was_asked_about(&world);
    assert!(world.counts(campaign).pending > 100);
}

#[test]
fn a_run_that_goes_round_once_waits_for_the_marks_it_has_asked_for() {
    let mut world = world(phones(&["get-503=20%"]));
    let campaign = world.campaign("leads", 0..40, &[(Setting::Rate, "max"), SCRUBBED]);
    let limits = RunLimits {
        once: true,
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.posts.len(), 36);
    everybody_was_asked_about(&world);
}

#[test]
fn no_more_people_are_asked_about_than_may_be_called() {
    let mut world = world(phones(&[]));
    let campaign = world.campaign("leads", 0..40, &[(Setting::Rate, "30/min"), SCRUBBED]);
    let limits = RunLimits {
        max_calls: Some(3),
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::MaxCalls);
    assert_eq!((world.posts.len(), world.scrubs.len()), (3, 3));
}

#[test]
fn a_run_that_dies_between_its_questions_and_their_answers_asks_again_and_calls_everybody_once() {
    for turn in 2..9 {
        for effects in [0, 9] {
            let mut world = world(phones(&[]));
            let campaign = world.campaign("leads", 0..20, &[(Setting::Rate, "max"), SCRUBBED]);
            world.cut = Some(Cut { turn, effects });
            world.start(campaign, RunLimits::default());
            if world.run() == Stopped::AtRest {
                continue;
            }
            world.start(campaign, RunLimits::default());
            world.run();
            everybody_was_asked_about(&world);
            let called: HashSet<_> = world.posts.iter().map(|post| post.number).collect();
            assert_eq!(called.len(), world.posts.len(), "{turn} {effects}");
            assert_eq!(world.counts(campaign).skipped, 2, "{turn} {effects}");
        }
    }
}
