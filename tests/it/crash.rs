//! Crashes: the process dies after every turn and between all its effects, everything that is not in the database or at
//! the exchange is forgotten, and another run goes on.

use std::time::Duration;

use exocamp::domain::campaign::Setting;
use exocamp::domain::contact::ContactState;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::Pace;
use exocamp::sandbox::Script;
use exocamp::store::campaigns::CampaignId;

use crate::support::outside;
use crate::support::world::{Cut, Stopped, World};

const PEOPLE: u64 = 6;

/// What happens between the death of one process and the birth of the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Between {
    /// Somebody starts it again at once.
    Nothing,
    /// Cron does, some minutes later.
    AWhile,
    /// The machine boots, so that times since boot begin anew.
    Reboot,
}

fn world(seed: u64) -> World {
    let script = Script {
        seed,
        hold: "1s..3s".parse().unwrap(),
        reply_delay: "100ms..1s".parse().unwrap(),
        ..Script::default()
    };
    World::new("2026-03-02 10:00", script)
}

fn campaign(world: &mut World, rate: &str) -> CampaignId {
    world.campaign(
        "leads",
        0..PEOPLE,
        &[(Setting::Rate, rate), (Setting::Lines, "3")],
    )
}

fn pass_time(world: &mut World, between: Between) {
    match between {
        Between::Nothing => {}
        Between::AWhile => world.sleep(Duration::from_secs(300)),
        Between::Reboot => world.reboot(),
    }
}

/// Plays a campaign that is cut once; returns how many effects the last turn had asked for, or `None` if the campaign
/// was done before.
fn cut_at(cut: Cut, rate: &str, between: Between) -> Option<usize> {
    let mut world = world(7);
    let campaign = campaign(&mut world, rate);
    world.cut = Some(cut);
    world.start(campaign, RunLimits::default());
    let Stopped::Cut { asked } = world.run() else {
        return None;
    };
    let open = world.open_intents(campaign).len() as u64;
    pass_time(&mut world, between);
    let run = world.start(campaign, RunLimits::default());
    world.run();

    // Whoever comes back after a while looks for the calls in doubt, and finds those that were placed.
    let because = world.ending(run).because;
    let expected = if world.counts(campaign).held == 0 {
        StoppedBecause::Finished
    } else {
        StoppedBecause::OnlyDoubts
    };
    assert_eq!(because, expected);
    outside::nobody_is_rung_too_often(&world, 1);
    outside::the_pace_is_kept(&world, campaign, rate.parse::<Pace>().unwrap());
    outside::the_lines_are_kept(&world, 3);
    outside::outcomes_agree(&mut world, campaign);
    let contacts = world.contacts(campaign);
    assert_eq!(contacts.len() as u64, PEOPLE);
    let held = contacts
        .iter()
        .filter(|contact| contact.state == ContactState::Held);
    let found = open - held.count() as u64;
    assert!(
        found == 0 || between == Between::AWhile,
        "the open intents are held, and nobody else"
    );
    for contact in &contacts {
        assert_eq!(contact.attempts, 1, "{contact:?}");
        let national = contact.number.national().unwrap();
        let rung = world
            .exchange
            .calls()
            .iter()
            .any(|call| call.number == national);
        assert!(
            rung || contact.state == ContactState::Held,
            "nobody is lost: {contact:?}"
        );
    }
    Some(asked)
}

/// Cuts after every turn and between all its effects; returns how many cuts that were.
fn cut_everywhere(rate: &str, between: Between) -> usize {
    let mut cuts = 0;
    for turn in 1.. {
        for effects in 0.. {
            match cut_at(Cut { turn, effects }, rate, between) {
                None => return cuts,
                Some(asked) if effects >= asked => break,
                Some(_) => cuts += 1,
            }
        }
        cuts += 1;
    }
    unreachable!("every campaign comes to an end");
}

#[test]
fn a_crash_anywhere_and_a_start_at_once_ring_nobody_twice_and_lose_nobody() {
    assert!(cut_everywhere("max", Between::Nothing) > 25);
    assert!(cut_everywhere("5/s", Between::Nothing) > 25);
}

#[test]
fn a_crash_anywhere_and_a_start_by_cron_ring_nobody_twice_and_lose_nobody() {
    assert!(cut_everywhere("max", Between::AWhile) > 25);
}

#[test]
fn a_crash_anywhere_and_a_reboot_ring_nobody_twice_and_lose_nobody() {
    assert!(cut_everywhere("max", Between::Reboot) > 25);
    assert!(cut_everywhere("30/min", Between::Reboot) > 25);
}

#[test]
fn a_crash_that_leaves_a_file_behind_loses_nothing_that_was_committed() {
    for turn in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        let mut world = World::in_file("2026-03-02 10:00", Script::default(), &path);
        let campaign = campaign(&mut world, "max");
        let effects = usize::MAX;
        world.cut = Some(Cut { turn, effects });
        world.start(campaign, RunLimits::default());
        if world.run() == Stopped::AtRest {
            assert!(turn > 10);
            return;
        }
        let (before, open) = (world.counts(campaign), world.open_intents(campaign));
        world.reopen(&path);
        assert_eq!(world.counts(campaign), before);
        assert_eq!(world.open_intents(campaign), open);
        world.start(campaign, RunLimits::default());
        world.run();
        outside::nobody_is_rung_too_often(&world, 1);
        let rung = world.exchange.calls().len() as u64;
        assert_eq!(
            rung, PEOPLE,
            "all of its effects were performed, so all were rung"
        );
    }
}

#[test]
fn after_a_crash_the_next_call_is_placed_within_a_second() {
    let mut world = world(3);
    let settings = [(Setting::Rate, "60/min"), (Setting::Lines, "50")];
    let campaign = world.campaign("leads", 0..40, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_millis(10_300));
    world.forget();
    let rung = world.posts.len();
    let restarted = world.time();
    world.start(campaign, RunLimits::default());
    world.run();
    let waited = world.posts[rung].at.duration_since(restarted);
    assert!(waited.as_millis() <= 1_000, "{waited:?}");
    outside::the_pace_is_kept(&world, campaign, "60/min".parse().unwrap());
}

#[test]
fn a_campaign_killed_again_and_again_rings_nobody_too_often_and_comes_to_rest() {
    for seed in 0..60 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let faults = [
            "lost-reply=10%",
            "503-placed=5%",
            "429=5%",
            "refused=5%",
            "get-lost=10%",
        ];
        let script = Script {
            seed,
            mix: "completed=1,busy=2".parse().unwrap(),
            hold: "1s..40s".parse().unwrap(),
            reply_delay: "0s..2s".parse().unwrap(),
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Script::default()
        };
        let mut world = World::new("2026-03-02 10:00", script);
        let settings = [
            (Setting::Rate, "4/s"),
            (Setting::Lines, "5"),
            (Setting::Retries, "2"),
            (Setting::RetryAfter, "2m"),
        ];
        let campaign = world.campaign("leads", 0..15, &settings);
        for life in 0.. {
            assert!(life < 300, "seed {seed} does not come to rest");
            world.cut = (life < 12).then(|| Cut {
                turn: world.turns + chance.u64(1..25),
                effects: chance.usize(..4),
            });
            let run = world.start(campaign, RunLimits::default());
            let stopped = world.run();
            let counts = world.counts(campaign);
            assert_eq!(counts.total(), 15);
            if stopped == Stopped::AtRest && counts.pending + counts.initiated == 0 {
                break;
            }
            if stopped == Stopped::AtRest {
                assert_eq!(
                    world.ending(run).because,
                    StoppedBecause::Provider,
                    "seed {seed}"
                );
            }
            let between = [Between::Nothing, Between::AWhile, Between::Reboot];
            pass_time(&mut world, between[chance.usize(..3)]);
        }
        outside::nobody_is_rung_too_often(&world, 3);
        outside::the_pace_is_kept(&world, campaign, "4/s".parse().unwrap());
        outside::the_lines_are_kept(&world, 5);
        outside::outcomes_agree(&mut world, campaign);
    }
}
