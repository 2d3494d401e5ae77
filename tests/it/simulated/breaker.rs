//! The circuit breaker: while replies get lost nobody is called but one now and then, and it all goes on by itself.

use std::time::Duration;

use exocamp::dialer::event::Trouble;
use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::sandbox::{Placed, Script};
use exocamp::store::campaigns::CampaignId;

use crate::support::outside;
use crate::support::world::{Searches, World};

const MINUTE: Duration = Duration::from_secs(60);

fn world() -> (World, CampaignId) {
    let script = Script {
        hold: "5s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "60/min"), (Setting::Lines, "40")];
    let campaign = world.campaign("leads", 0..400, &settings);
    (world, campaign)
}

fn meet(world: &mut World, fault: &str) {
    let faults = fault.split_whitespace();
    let faults = faults.map(|fault| fault.parse().unwrap()).collect();
    world
        .exchange
        .change_script(|script| script.faults = faults);
}

#[test]
fn lost_replies_stop_new_calls_until_one_alone_is_answered() {
    for fault in ["lost-reply=100%", "503=100%", "slow=100%"] {
        let (mut world, campaign) = world();
        let run = world.start(campaign, RunLimits::default());
        world.run_for(MINUTE);
        let before = world.posts.len();
        assert!((55..=62).contains(&before), "{before}");
        meet(&mut world, fault);
        world.run_for(5 * MINUTE);
        let tried = world.posts.len() - before;
        // Those under way when the first replies were missed, and one now and then.
        // Half of the cut connections fall silent, so that it takes longer until three are known to be lost.
        let under_way = match fault {
            "slow=100%" => 33,
            "lost-reply=100%" => 9,
            _ => 4,
        };
        assert!((4..under_way + 12).contains(&tried), "{fault}: {tried}");
        let alone = &world.posts[before + under_way.min(tried - 3)..];
        for pair in alone.windows(2) {
            let apart = pair[1].at.duration_since(pair[0].at);
            assert!(apart.as_millis() > 1_000, "{fault}: {apart:?}");
        }
        meet(&mut world, "");
        world.run();
        assert_eq!(world.posts.len(), 400, "{fault}");
        assert!(
            matches!(
                world.ending(run).because,
                StoppedBecause::OnlyDoubts | StoppedBecause::Finished
            ),
            "{:?}",
            world.ending(run)
        );
        outside::nobody_is_rung_too_often(&world, 1);
        outside::outcomes_agree(&mut world, campaign);
    }
}

#[test]
fn nobody_is_tried_while_the_provider_cannot_even_be_asked() {
    let (mut world, campaign) = world();
    world.start(campaign, RunLimits::default());
    world.run_for(MINUTE);
    let before = world.posts.len();
    meet(&mut world, "503=100% get-503=100%");
    world.run_for(3 * MINUTE);
    let tried = world.posts.len() - before;
    assert!((3..=5).contains(&tried), "{tried} calls were tried");
}

#[test]
fn nobody_is_tried_while_older_doubts_were_never_looked_for() {
    let (mut world, campaign) = world();
    // Calls go on and are asked about, which is answered: or else the provider would seem to be gone.
    world
        .exchange
        .change_script(|script| script.hold = "12m".parse().unwrap());
    world.account_lines = 400;
    world.remember(campaign, Setting::Lines, "400");
    let run = world.start(campaign, RunLimits::default());
    world.run_for(MINUTE);
    let before = world.posts.len();
    // Nothing is wrong with other GETs: the way seems to be there.
    meet(&mut world, "503=100%");
    world.searches = Searches::Unreadable;
    world.run_for(3 * MINUTE);
    let tried = &world.posts[before..];
    let first = tried[0].at;
    let latest = tried[tried.len() - 1].at.duration_since(first);
    // Up to then the doubts are young, and each try has to wait longer than the one before.
    assert!(tried.len() > 5, "{tried:?}");
    assert!(latest.as_secs() <= 120, "{latest:?} after the first");

    // The replies come again, each of them late; but nobody has looked yet.
    meet(&mut world, "");
    world
        .exchange
        .change_script(|script| script.reply_delay = "20s".parse().unwrap());
    let quiet = world.posts.len();
    world.run_for(MINUTE / 2);
    assert_eq!(world.posts.len(), quiet);
    assert_eq!(world.searched_at, None);

    world.searches = Searches::Work;
    while world.posts.len() == quiet {
        world.run_for(Duration::from_millis(100));
        assert!(!world.is_over(run), "{:?}", world.ending(run));
    }
    let alone = world.posts[quiet].at;
    assert!(world.searched_at.is_some_and(|looked| looked < alone));
    world.run_for(Duration::from_secs(19));
    assert_eq!(world.posts.len(), quiet + 1, "one alone, until its reply");
    world.run_for(Duration::from_secs(15));
    assert!(world.posts.len() > quiet + 10, "and then all the others");
}

#[test]
fn a_run_gives_up_after_ten_minutes_and_the_next_one_goes_on() {
    let (mut world, campaign) = world();
    let run = world.start(campaign, RunLimits::default());
    world.run_for(MINUTE);
    meet(&mut world, "503-placed=100%");
    let tripped = world.time();
    world.run();
    let lasted = world.time().duration_since(tripped).as_secs();
    assert!((600..=675).contains(&lasted), "{lasted} s");
    let ending = world.ending(run);
    assert_eq!(ending.because, StoppedBecause::Breaker);
    assert_eq!(ending.trouble, Some(Trouble::RepliesLost));
    assert_eq!(world.state(campaign).state, CampaignState::Paused);

    meet(&mut world, "");
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    let rung = |post: &&crate::support::world::Post| matches!(post.placed, Placed::Accepted { .. });
    assert_eq!(world.posts.iter().filter(rung).count(), 400);
    outside::nobody_is_rung_too_often(&world, 1);
    outside::outcomes_agree(&mut world, campaign);
}

#[test]
fn replies_to_earlier_calls_do_not_open_the_way_again() {
    let script = Script {
        hold: "5s".parse().unwrap(),
        reply_delay: "8s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.account_lines = 200;
    let settings = [(Setting::Rate, "5/s"), (Setting::Lines, "200")];
    let campaign = world.campaign("leads", 0..400, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(20));
    // From now on replies are lost at once, while dozens of good ones are on their way.
    world
        .exchange
        .change_script(|script| script.reply_delay = "0s".parse().unwrap());
    meet(&mut world, "503-placed=100%");
    let before = world.posts.len();
    world.run_for(MINUTE);
    let tried = world.posts.len() - before;
    assert!((4..=9).contains(&tried), "{tried} calls left");
    meet(&mut world, "");
    world.run();
    outside::nobody_is_rung_too_often(&world, 1);
    assert_eq!(world.posts.len(), 400);
}

#[test]
fn what_a_crash_left_in_doubt_does_not_trip_it() {
    let script = Script {
        hold: "5s".parse().unwrap(),
        reply_delay: "3s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "5/s"), (Setting::Lines, "40")];
    let campaign = world.campaign("leads", 0..60, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(6));
    let open = world.open_intents(campaign).len();
    assert!(open > 5, "{open}");
    world.forget();
    world.start(campaign, RunLimits::default());
    let before = world.posts.len();
    world.run_for(Duration::from_secs(8));
    // The first alone, and three seconds later all others at their pace.
    let called = world.posts.len() - before;
    assert!(called > 15, "{called}");
}

#[test]
fn a_call_that_is_tried_and_not_sent_keeps_nobody_waiting() {
    let (mut world, campaign) = world();
    world.start(campaign, RunLimits::default());
    world.run_for(MINUTE);
    meet(&mut world, "503=100%");
    world.run_for(Duration::from_secs(20));
    // The machine falls asleep between the permission and the POST of a call that is tried.
    let is_permitted_and_not_sent = |world: &mut World| {
        let open = world.open_intents(campaign);
        let was_sent = |attempt| world.posts.iter().any(|post| post.attempt == attempt);
        open.into_iter().any(|attempt| !was_sent(attempt))
    };
    while !is_permitted_and_not_sent(&mut world) {
        world.run_for(Duration::from_millis(1));
    }
    let sent = world.posts.len();
    world.sleep(Duration::from_secs(6));
    meet(&mut world, "");
    world.run_for(Duration::from_secs(70));
    assert!(world.posts.len() > sent, "another one is tried");
    world.run();
    assert_eq!(world.posts.len(), 400);
    outside::nobody_is_rung_too_often(&world, 1);
}

#[test]
fn a_moment_of_trouble_costs_a_moment_however_many_calls_are_under_way() {
    let script = Script {
        hold: "5s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.account_lines = 40;
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "40")];
    let campaign = world.campaign("leads", 0..400, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(MINUTE / 4);
    // All lines are taken at once as soon as their calls end, and every reply to these is lost.
    meet(&mut world, "503-placed=100%");
    let before = world.posts.len();
    while world.posts.len() < before + 10 {
        world.run_for(Duration::from_millis(1));
    }
    meet(&mut world, "");
    let lost = world.posts.len();
    let healed = world.time();
    while world.posts.len() == lost {
        world.run_for(Duration::from_millis(100));
    }
    let waited = world.posts[lost].at.duration_since(healed).as_secs();
    assert!(waited < 5, "{waited} s until a call is tried");
    world.run();
    assert_eq!(world.posts.len(), 400);
    outside::nobody_is_rung_too_often(&world, 1);
}
