//! Pairs of campaigns on one account that call some of the same people, from seeds.

use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::eligibility::Caps;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::Allowance;
use exocamp::sandbox::Script;

use crate::support::outside;
use crate::support::world::World;

fn play(seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    // No doubts, or somebody in both campaigns waits until the hours close.
    let faults = [
        "refused=5%",
        "unavailable=5%",
        "429=5%",
        "xml=20%",
        "get-503=10%",
        "get-lost=5%",
    ];
    let script = Script {
        seed,
        hold: "1s..90s".parse().unwrap(),
        mix: "completed=2,busy=1,no-answer=1".parse().unwrap(),
        reply_delay: "0s..3s".parse().unwrap(),
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        list_lag: Duration::from_secs(chance.u64(..4)),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    // Whoever waits for another campaign's lines has nothing else that wakes it.
    world.looks_up_every = Some(Duration::from_secs(5));
    let allowance = chance.u32(10..120);
    // Both campaigns have the same people; what caps do to that has tests of its own.
    world.caps = Caps {
        day: 100,
        week: 100,
    };
    world.allowance = Allowance::PerMinute(allowance);
    world.account_lines = chance.u32(2..10);
    let rates = ["max", "60/min", "5/s"].map(|_| ["max", "60/min", "5/s"][chance.usize(..3)]);
    let settings = |rate| {
        [
            (Setting::Rate, rate),
            (Setting::Retries, "1"),
            (Setting::RetryAfter, "2m"),
        ]
    };
    let campaigns = [
        world.campaign("first", 0..14, &settings(rates[0])),
        world.campaign("second", 8..20, &settings(rates[1])),
    ];
    let mut to_start = campaigns.to_vec();
    for _ in 0..100 {
        let mut runs = Vec::new();
        for campaign in std::mem::take(&mut to_start) {
            world.run_for(Duration::from_millis(chance.u64(..20_000)));
            runs.push((campaign, world.start(campaign, RunLimits::default())));
        }
        world.run();
        for (campaign, run) in runs {
            match world.ending(run).because {
                StoppedBecause::Finished => {}
                StoppedBecause::Provider => to_start.push(campaign),
                because => panic!("stopped because of {because}"),
            }
        }
        if to_start.is_empty() {
            break;
        }
    }
    assert!(to_start.is_empty(), "the campaigns do not come to rest");
    // Each campaign may ring a person twice.
    outside::nobody_is_rung_too_often(&world, 4);
    outside::the_lines_are_kept(&world, world.account_lines);
    outside::the_allowance_is_kept(&world, allowance);
    for (campaign, rate) in campaigns.into_iter().zip(rates) {
        outside::the_pace_is_kept(&world, campaign, rate.parse().unwrap());
        let counts = world.counts(campaign);
        assert_eq!((counts.pending, counts.initiated, counts.held), (0, 0, 0));
    }
}

#[test]
fn two_campaigns_keep_the_rules_of_their_account_whatever_happens() {
    let broken: Vec<u64> = (0..24)
        .filter(|seed| std::panic::catch_unwind(|| play(*seed)).is_err())
        .collect();
    assert_eq!(broken, Vec::<u64>::new(), "seeds that break a rule");
}
