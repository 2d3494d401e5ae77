//! Several campaigns on one account.

use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::eligibility::Caps;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::Allowance;
use exocamp::sandbox::Script;

use crate::support::outside;
use crate::support::world::World;

#[test]
fn two_campaigns_share_the_lines_and_the_allowance_of_their_account() {
    for faults in [&[][..], &["lost-reply=10%", "503=5%", "get-lost=5%"][..]] {
        let script = Script {
            hold: "10s..40s".parse().unwrap(),
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Script::default()
        };
        let mut world = World::new("2026-03-02 10:00", script);
        world.account_lines = 8;
        world.allowance = Allowance::PerMinute(60);
        let settings = [(Setting::Rate, "max"), (Setting::Lines, "6")];
        let first = world.campaign("first", 0..40, &settings);
        let second = world.campaign("second", 40..80, &settings);
        let runs = [first, second].map(|campaign| world.start(campaign, RunLimits::default()));
        world.run();
        outside::nobody_is_rung_too_often(&world, 1);
        outside::the_lines_are_kept(&world, 8);
        outside::the_allowance_is_kept(&world, 60);
        for (run, campaign) in runs.into_iter().zip([first, second]) {
            let because = world.ending(run).because;
            assert!(
                matches!(
                    because,
                    StoppedBecause::Finished | StoppedBecause::OnlyDoubts
                ),
                "{because}"
            );
            outside::outcomes_agree(&mut world, campaign);
        }
    }
}

#[test]
fn a_number_in_two_campaigns_is_never_rung_by_both_at_once() {
    let script = Script {
        hold: "45s..90s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.account_lines = 50;
    let settings = [(Setting::Rate, "max")];
    let first = world.campaign("first", 0..8, &settings);
    let second = world.campaign("second", 4..12, &settings);
    let one = world.start(first, RunLimits::default());
    world.run_for(Duration::from_secs(10));
    let other = world.start(second, RunLimits::default());
    world.run_for(Duration::from_secs(10));
    let reasons: Vec<_> = world
        .contacts(second)
        .into_iter()
        .map(|contact| contact.reason)
        .collect();
    assert_eq!(reasons[..4], vec![Some("busy_elsewhere".to_owned()); 4]);
    assert_eq!(world.exchange.calls().len(), 12);
    world.run();
    for run in [one, other] {
        assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    }
    outside::nobody_is_rung_too_often(&world, 2);
    assert_eq!(
        world.exchange.calls().len(),
        16,
        "each campaign rings its own people"
    );
}

#[test]
fn a_campaign_does_not_wait_all_day_for_a_doubt_of_another() {
    let script = Script {
        fates: vec!["0=lost-reply".parse().unwrap()],
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let first = world.campaign("first", 0..1, &[]);
    let second = world.campaign("second", 0..3, &[]);
    world.start(first, RunLimits::default());
    world.run();
    let run = world.start(second, RunLimits::default());
    world.run();
    // The person may be on the phone for the other campaign: nobody rings them, whatever the clock says.
    outside::nobody_is_rung_too_often(&world, 1);
    assert_eq!(world.exchange.calls().len(), 3);
    assert_eq!(world.ending(run).because, StoppedBecause::OnlyDoubts);
    assert_eq!(world.counts(second).pending, 1);
}

#[test]
fn runs_that_start_together_share_the_allowance_from_their_first_request() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    world.allowance = Allowance::PerMinute(4);
    let campaigns = [0, 10, 20, 30, 40, 50]
        .map(|first| world.campaign(&format!("of {first}"), first..first + 2, &[]));
    let runs = campaigns.map(|campaign| world.start(campaign, RunLimits::default()));
    world.run();
    outside::the_allowance_is_kept(&world, 4);
    for run in runs {
        assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    }
    assert_eq!(world.exchange.calls().len(), 12);
}

#[test]
fn a_run_that_starts_while_the_allowance_is_shut_waits_with_its_first_request() {
    let script = Script {
        rate_limit: Some(6),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.allowance = Allowance::PerMinute(100);
    let first = world.campaign("first", 0..20, &[(Setting::Rate, "max")]);
    let second = world.campaign("second", 20..22, &[]);
    world.start(first, RunLimits::default());
    world.run_for(Duration::from_secs(5));
    let before = world.requests.len();
    let run = world.start(second, RunLimits::default());
    world.run_for(Duration::from_secs(30));
    assert_eq!(
        world.requests.len(),
        before,
        "the provider asked to be left alone"
    );
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.exchange.calls().len(), 22);
}

#[test]
fn calls_that_nobody_looks_after_hold_their_lines_no_longer_than_a_call_can_last() {
    let script = Script {
        hold: "10m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.account_lines = 3;
    let settings = [(Setting::Rate, "max"), (Setting::TalkLimit, "20m")];
    let first = world.campaign("first", 0..3, &settings);
    let second = world.campaign("second", 3..5, &settings);
    world.start(first, RunLimits::default());
    world.run_for(Duration::from_secs(10));
    world.forget();
    world.looks_up_every = Some(Duration::from_secs(1));
    let run = world.start(second, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::the_lines_are_kept(&world, 3);
    // Ring, talk limit and five minutes.
    let waited = world.posts[3]
        .at
        .duration_since(world.posts[2].at)
        .as_secs();
    assert!((1_500..1_540).contains(&waited), "{waited} s");
}

#[test]
fn a_call_that_a_dead_run_left_is_asked_about_by_whoever_waits_for_its_person() {
    let script = Script {
        hold: "20s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let first = world.campaign("first", 0..1, &[]);
    let second = world.campaign("second", 0..2, &[]);
    world.start(first, RunLimits::default());
    world.run_for(Duration::from_secs(5));
    world.forget();
    let run = world.start(second, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::nobody_is_rung_too_often(&world, 2);
    assert_eq!(
        world.exchange.calls().len(),
        3,
        "one of the first campaign, two of the second"
    );
    assert_eq!(
        world.counts(first).completed,
        1,
        "its outcome stands where it belongs"
    );
    let waited = world.posts[2]
        .at
        .duration_since(world.posts[0].at)
        .as_secs();
    assert!((20..120).contains(&waited), "{waited} s");
}

#[test]
fn whoever_may_not_be_called_is_left_out_many_at_a_time() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    world.caps = Caps { day: 1, week: 8 };
    world.account_lines = 50;
    let first = world.campaign("first", 0..600, &[(Setting::Rate, "max")]);
    world.start(first, RunLimits::default());
    world.run();
    let (turns, posts) = (world.turns, world.posts.len());
    let second = world.campaign("second", 0..600, &[(Setting::Rate, "max")]);
    world.start(second, RunLimits::default());
    world.run();
    assert_eq!(world.counts(second).skipped, 600);
    assert_eq!(world.posts.len(), posts);
    assert!(world.turns - turns < 12, "{} turns", world.turns - turns);
}
