//! What calls cost and what a campaign may cost, with lost replies, late prices and retries.

use std::time::Duration;

use exocamp::domain::attempt::{AttemptState, Decision, StateName};
use exocamp::domain::call::Outcome;
use exocamp::domain::campaign::Setting;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::money::Money;
use exocamp::domain::plan::Limit;
use exocamp::sandbox::{Placed, Script};
use exocamp::store::campaigns::CampaignId;

use crate::support::outside;
use crate::support::world::{Cut, Stopped, World};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn phones(mix: &str, hold: &str, seed: u64) -> Script {
    Script {
        seed,
        mix: mix.parse().unwrap(),
        hold: hold.parse().unwrap(),
        ..Script::default()
    }
}

/// What a call costs in these stories: a little more than the sandbox asks for it, which is 0.60 a minute.
const TARIFF: &str = "0.90/min";

/// Returns what a campaign has spent by the phones' own account: what they ask for the calls whose ends we have heard
/// of, and the worst case of those that we may have placed.
fn reckoned(world: &mut World, campaign: CampaignId, worst: Money) -> Money {
    let posts = world.posts.clone();
    let posts = posts.iter().filter(|post| post.campaign == campaign);
    // An intent whose process died before its POST may have been sent, for all we know.
    let unsent = world.unresolved().into_iter();
    let unsent = unsent.filter(|doubt| {
        let mut posts = posts.clone();
        doubt.campaign == campaign && posts.all(|post| post.attempt != doubt.attempt)
    });
    let mut sum = worst.times(unsent.count() as u64);
    for post in posts {
        let state = world.attempt_state(post.attempt);
        let call = match &post.placed {
            Placed::Accepted { sid, .. } => {
                let calls = world.exchange.calls().iter();
                calls.clone().find(|call| call.sid == *sid)
            }
            _ => None,
        };
        let minutes = call.map_or(0, |call| call.duration_s.div_ceil(60));
        sum = sum
            + match (&state, state.name()) {
                (AttemptState::Ended(_, Outcome::Completed), _) => {
                    money("0.60").times(minutes.into())
                }
                (AttemptState::Ended(..), _)
                | (_, StateName::NotSent | StateName::Rejected | StateName::NotPlaced) => {
                    Money::ZERO
                }
                _ => worst,
            };
    }
    sum
}

#[test]
fn no_turn_ever_spends_more_than_the_budget_and_what_is_spent_is_what_the_phones_say() {
    let mut stopped = Vec::new();
    for seed in 0..6 {
        let script = Script {
            faults: vec!["lost-reply=8%".parse().unwrap(), "503=5%".parse().unwrap()],
            price_lag: Duration::from_secs(600),
            ..phones("completed=5,busy=3,no-answer=2", "20s..4m", seed)
        };
        let mut world = World::new("2026-03-02 10:00", script);
        let settings = [
            (Setting::Rate, "max"),
            (Setting::Retries, "2"),
            (Setting::RetryAfter, "5m"),
            (Setting::TalkLimit, "5m"),
            (Setting::Tariff, TARIFF),
            (Setting::Budget, "45"),
        ];
        let campaign = world.campaign("leads", 0..40, &settings);
        let (worst, mut budget) = (money("4.50"), money("45"));
        world.budget = Some((campaign, budget));
        for _ in 0..5 {
            let run = world.start(campaign, RunLimits::default());
            world.run();
            stopped.push(world.ending(run).because);
            // The last prices come a while after the ends, and a person asks for them.
            world.sleep(Duration::from_secs(3600));
            world.settle(campaign);
            world.run();
            assert_eq!(
                world.spent(campaign),
                reckoned(&mut world, campaign, worst),
                "seed {seed}"
            );
            budget = budget + money("20");
            world.remember(campaign, Setting::Budget, &budget.to_string());
            world.budget = Some((campaign, budget));
        }
        outside::nobody_is_rung_too_often(&world, 3);
    }
    assert!(stopped.contains(&StoppedBecause::Budget), "{stopped:?}");
    assert!(
        stopped
            .iter()
            .any(|because| *because != StoppedBecause::Budget),
        "{stopped:?}"
    );
}

#[test]
fn a_run_waits_for_what_live_calls_give_back_and_stops_when_nothing_more_can_be_borne() {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "30s", 1));
    let settings = [
        (Setting::Rate, "max"),
        (Setting::TalkLimit, "5m"),
        (Setting::Tariff, "0.60/min"),
        (Setting::Budget, "6.50"),
    ];
    let campaign = world.campaign("leads", 0..20, &settings);
    world.budget = Some((campaign, money("6.50")));
    let run = world.start(campaign, RunLimits::default());
    world.run();
    // Each reserves 3.00 and turns out to cost 0.60: two at a time at first, and then none once 3.60 are spent.
    assert_eq!(world.exchange.calls().len(), 6);
    assert_eq!(world.ending(run).because, StoppedBecause::Budget);
    assert_eq!(world.ending(run).limited_by, Some(Limit::Budget));
    assert_eq!(world.spent(campaign), money("3.60"));
    assert_eq!(world.counts(campaign).pending, 14);

    world.remember(campaign, Setting::Budget, "7.20");
    world.budget = Some((campaign, money("7.20")));
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.exchange.calls().len(), 8);
    assert_eq!(world.ending(run).because, StoppedBecause::Budget);
}

#[test]
fn what_is_reserved_for_a_doubt_stays_until_a_person_says_that_nothing_was_placed() {
    let script = Script {
        fates: vec!["0=lost-request".parse().unwrap()],
        ..phones("completed=1", "30s", 1)
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [
        (Setting::TalkLimit, "5m"),
        (Setting::Tariff, "0.60/min"),
        (Setting::Budget, "6"),
    ];
    let campaign = world.campaign("leads", 0..2, &settings);
    world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.spent(campaign), money("3.60"));
    world.hold("9876500000");
    assert_eq!(world.spent(campaign), money("3.60"));
    world.decide("9876500000", Decision::NotPlaced);
    assert_eq!(world.spent(campaign), money("0.60"));
}

#[test]
fn a_price_counts_as_soon_as_it_is_known_even_if_it_is_more_than_was_reserved() {
    let script = Script {
        price_lag: Duration::from_secs(60),
        ..phones("completed=1", "30s", 1)
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [
        (Setting::TalkLimit, "1m"),
        (Setting::Tariff, "0.10/min"),
        (Setting::Budget, "1"),
    ];
    let campaign = world.campaign("leads", 0..3, &settings);
    world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.spent(campaign), money("0.30"));
    world.sleep(Duration::from_secs(1200));
    world.settle(campaign);
    world.run();
    assert_eq!(world.spent(campaign), money("1.80"));
}

#[test]
fn each_campaign_has_a_budget_of_its_own() {
    let mut world = World::new("2026-03-02 10:00", phones("completed=1", "30s", 1));
    let settings = |budget| {
        [
            (Setting::TalkLimit, "1m"),
            (Setting::Tariff, "0.60/min"),
            (Setting::Budget, budget),
        ]
    };
    let small = world.campaign("small", 0..10, &settings("1.20"));
    let large = world.campaign("large", 20..30, &settings("6"));
    let runs = [small, large].map(|campaign| world.start(campaign, RunLimits::default()));
    world.run();
    assert_eq!(world.ending(runs[0]).because, StoppedBecause::Budget);
    assert_eq!(world.ending(runs[1]).because, StoppedBecause::Finished);
    assert_eq!(world.spent(small), money("1.20"));
    assert_eq!(world.spent(large), money("6.00"));
}

#[test]
fn a_process_that_dies_after_any_turn_leaves_no_more_reserved_than_the_budget_bears() {
    for turn in 1..40 {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("exocamp.db");
        let mut world = World::in_file("2026-03-02 10:00", phones("completed=1", "30s", 1), &path);
        let settings = [
            (Setting::Rate, "max"),
            (Setting::TalkLimit, "5m"),
            (Setting::Tariff, "0.60/min"),
            (Setting::Budget, "12"),
        ];
        let campaign = world.campaign("leads", 0..20, &settings);
        world.budget = Some((campaign, money("12")));
        world.cut = Some(Cut { turn, effects: 1 });
        world.start(campaign, RunLimits::default());
        if world.run() == Stopped::AtRest {
            assert!(turn > 10, "it died often enough");
            break;
        }
        world.reopen(&path);
        world.start(campaign, RunLimits::default());
        world.run();
        let worst = money("3");
        // Of what was not heard before the end, the worst is assumed; the rest is known by its length.
        assert_eq!(
            world.spent(campaign),
            reckoned(&mut world, campaign, worst),
            "turn {turn}"
        );
    }
}
