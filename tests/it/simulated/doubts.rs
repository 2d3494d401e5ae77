//! Doubts in simulated time: lost replies are looked for, what is found is adopted, what is not found is held, and a
//! proof is a proof only if it is one.

use std::time::Duration;

use exocamp::dialer::run::Callbacks;
use exocamp::domain::attempt::Decision;
use exocamp::domain::call::Outcome;
use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::contact::ContactState;
use exocamp::domain::doubt::Patience;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::phone::PhoneNumber;
use exocamp::exotel::callback::{CallbackBase, CallbackSecret};
use exocamp::provider::Reply;
use exocamp::sandbox::{Call, Script};
use exocamp::store::campaigns::CampaignId;
use exocamp::store::doubts;
use exocamp::store::reports::ContactReport;

use crate::support::outside;
use crate::support::phones;
use crate::support::world::{Post, World};

const MINUTE: Duration = Duration::from_secs(60);

/// Numbers that end in 7 meet this fate.
fn world(fate: &str) -> World {
    let script = Script {
        fates: vec![format!("7={fate}").parse().unwrap()],
        hold: "20s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    World::new("2026-03-02 10:00", script)
}

/// A campaign of twenty, one of whose replies is lost: 9876500007, and 9876500017.
fn campaign(world: &mut World, more: &[(Setting, &str)]) -> CampaignId {
    let settings = [&[(Setting::Rate, "60/min"), (Setting::Lines, "40")], more].concat();
    world.campaign("leads", 0..20, &settings)
}

fn start(world: &mut World, campaign: CampaignId) -> StoppedBecause {
    let run = world.start(campaign, RunLimits::default());
    world.run();
    world.ending(run).because
}

fn settle(world: &mut World, campaign: CampaignId) -> StoppedBecause {
    let run = world.settle(campaign);
    world.run();
    world.ending(run).because
}

fn doubted(world: &mut World, campaign: CampaignId) -> ContactReport {
    let number: PhoneNumber = "9876500007".parse().unwrap();
    let contacts = world.contacts(campaign);
    contacts
        .into_iter()
        .find(|contact| contact.number == number)
        .unwrap()
}

fn calls_to(world: &World, national: &str) -> Vec<Call> {
    let calls = world.exchange.calls().iter();
    calls
        .filter(|call| call.number == national)
        .cloned()
        .collect()
}

#[test]
fn a_lost_reply_is_looked_for_and_its_call_is_adopted_with_its_outcome() {
    for fate in ["lost-reply", "truncated", "503-placed"] {
        let mut world = world(fate);
        let campaign = campaign(&mut world, &[]);
        assert_eq!(start(&mut world, campaign), StoppedBecause::OnlyDoubts);
        assert_eq!(doubted(&mut world, campaign).state, ContactState::Held);
        // A minute after the request it has ended and is listed.
        world.sleep(2 * MINUTE);
        assert_eq!(start(&mut world, campaign), StoppedBecause::Finished);
        let found = doubted(&mut world, campaign);
        assert_eq!(found.state, ContactState::Completed, "{fate}: {found:?}");
        let calls = calls_to(&world, "9876500007");
        assert_eq!(found.call_sid.as_deref(), Some(calls[0].sid.as_str()));
        assert_eq!(calls.len(), 1);
        outside::outcomes_agree(&mut world, campaign);
    }
}

#[test]
fn a_run_that_has_others_to_call_looks_meanwhile() {
    let mut world = world("lost-reply");
    let slow = [(Setting::Rate, "6/min")];
    let campaign = campaign(&mut world, &slow);
    let run = world.start(campaign, RunLimits::default());
    // The seventh call leaves after 70 s, the last one after 190 s.
    world.run_for(3 * MINUTE);
    assert_eq!(doubted(&mut world, campaign).state, ContactState::Completed);
    assert!(!world.is_over(run));
}

#[test]
fn a_lost_request_is_held_once_two_whole_scans_past_the_horizon_have_not_shown_it() {
    let mut world = world("lost-request");
    let campaign = campaign(&mut world, &[]);
    assert_eq!(start(&mut world, campaign), StoppedBecause::OnlyDoubts);
    let story = |world: &mut World| world.doubt_story("9876500007");
    // The horizon is 23 min after the request: 30 s for the reply, 2 min in a queue, 30 s of ringing, 15 min of talk,
    // and 5 min until the call is listed.
    for minutes in [2, 5, 12, 19] {
        world.sleep(minutes * MINUTE / 2);
        settle(&mut world, campaign);
        assert_eq!(
            story(&mut world),
            ("in_doubt".to_owned(), None),
            "{minutes}"
        );
    }
    world.sleep(5 * MINUTE);
    settle(&mut world, campaign);
    assert_eq!(
        story(&mut world),
        ("in_doubt".to_owned(), None),
        "one scan is no proof"
    );
    world.sleep(9 * MINUTE);
    settle(&mut world, campaign);
    assert_eq!(
        story(&mut world),
        ("in_doubt".to_owned(), None),
        "nine minutes apart"
    );
    world.sleep(2 * MINUTE);
    assert_eq!(settle(&mut world, campaign), StoppedBecause::OnlyDoubts);
    assert_eq!(
        story(&mut world),
        ("held".to_owned(), Some("strong".to_owned())),
        "eighteen other calls were shown"
    );
    world.sleep(600 * MINUTE);
    start(&mut world, campaign);
    assert_eq!(calls_to(&world, "9876500007").len(), 0);
    assert_eq!(doubted(&mut world, campaign).attempts, 1, "nobody decided");
    // Somebody calls the same person hours later: that is another call.
    world.set_fate("completed");
    world.place_by_hand("9876500007");
    for _ in 0..2 {
        world.sleep(MINUTE);
        settle(&mut world, campaign);
    }
    assert_eq!(doubted(&mut world, campaign).call_sid, None);
}

#[test]
fn absence_is_weak_where_nothing_else_shows_that_the_search_works() {
    let mut world = world("lost-request");
    let settings = [(Setting::RedialIfProvenNotPlaced, "yes")];
    let campaign = world.campaign("alone", 7..8, &settings);
    start(&mut world, campaign);
    for _ in 0..4 {
        world.sleep(15 * MINUTE);
        start(&mut world, campaign);
    }
    let weak = ("held".to_owned(), Some("weak".to_owned()));
    assert_eq!(world.doubt_story("9876500007"), weak);
    assert_eq!(doubted(&mut world, campaign).attempts, 1);
}

#[test]
fn a_call_still_under_way_is_never_taken_for_absent() {
    // It talks for fourteen minutes, and the list does not show it all that time.
    let script = Script {
        fates: vec!["7=lost-reply".parse().unwrap()],
        hold: "14m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [
        (Setting::RedialIfProvenNotPlaced, "yes"),
        (Setting::Lines, "40"),
    ];
    let campaign = campaign(&mut world, &settings);
    start(&mut world, campaign);
    for _ in 0..40 {
        world.sleep(MINUTE);
        start(&mut world, campaign);
        assert!(calls_to(&world, "9876500007").len() == 1);
    }
    assert_eq!(doubted(&mut world, campaign).state, ContactState::Completed);
    outside::nobody_is_rung_too_often(&world, 1);
}

#[test]
fn a_campaign_that_said_so_beforehand_calls_again_who_was_proven_not_to_have_been_called() {
    let mut world = world("lost-request");
    let settings = [(Setting::RedialIfProvenNotPlaced, "yes")];
    let campaign = campaign(&mut world, &settings);
    start(&mut world, campaign);
    world.set_fate("completed");
    for _ in 0..6 {
        world.sleep(10 * MINUTE);
        start(&mut world, campaign);
    }
    let called = doubted(&mut world, campaign);
    assert_eq!(
        (called.state, called.attempts),
        (ContactState::Completed, 2)
    );
    assert_eq!(calls_to(&world, "9876500007").len(), 1);
    assert_eq!(world.state(campaign).state, CampaignState::Completed);
}

#[test]
fn whoever_says_so_only_afterwards_is_not_heard() {
    let mut world = world("lost-request");
    let campaign = campaign(&mut world, &[]);
    start(&mut world, campaign);
    world.sleep(MINUTE);
    world.remember(campaign, Setting::RedialIfProvenNotPlaced, "yes");
    for _ in 0..6 {
        world.sleep(10 * MINUTE);
        start(&mut world, campaign);
    }
    assert_eq!(doubted(&mut world, campaign).attempts, 1);
    assert_eq!(doubted(&mut world, campaign).state, ContactState::Held);
}

#[test]
fn a_list_that_leaves_rows_out_proves_nothing() {
    let script = Script {
        fates: vec!["7=lost-request".parse().unwrap()],
        faults: vec!["get-short-list=100%".parse().unwrap()],
        hold: "20s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::RedialIfProvenNotPlaced, "yes")];
    let campaign = campaign(&mut world, &settings);
    start(&mut world, campaign);
    for _ in 0..12 {
        world.sleep(10 * MINUTE);
        start(&mut world, campaign);
    }
    assert_eq!(
        world.doubt_story("9876500007"),
        ("in_doubt".to_owned(), None)
    );
    assert_eq!(doubted(&mut world, campaign).attempts, 1);
}

#[test]
fn several_calls_that_may_be_the_one_are_kept_for_a_person() {
    let mut world = world("lost-reply");
    let campaign = campaign(&mut world, &[]);
    start(&mut world, campaign);
    // Somebody calls the same person by hand, from the same ExoPhone, at the same time.
    world.set_fate("completed");
    world.place_by_hand("9876500007");
    world.sleep(2 * MINUTE);
    assert_eq!(start(&mut world, campaign), StoppedBecause::OnlyDoubts);
    assert_eq!(
        world.doubt_story("9876500007").0,
        "in_doubt",
        "it may ring still"
    );
    world.sleep(25 * MINUTE);
    assert_eq!(start(&mut world, campaign), StoppedBecause::OnlyDoubts);
    assert_eq!(world.doubt_story("9876500007").0, "held");
    let mut candidates = world.candidates("9876500007");
    candidates.sort();
    let mut calls: Vec<_> = calls_to(&world, "9876500007")
        .iter()
        .map(|call| call.sid.clone())
        .collect();
    calls.sort();
    assert_eq!(candidates, calls);
    assert_eq!(calls.len(), 2);
}

#[test]
fn while_a_call_in_doubt_may_be_under_way_no_campaign_rings_its_number() {
    let script = Script {
        fates: vec!["7=lost-reply".parse().unwrap()],
        hold: "10m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let campaign = world.campaign("leads", 7..8, &[]);
    start(&mut world, campaign);
    // Two short calls by hand can be mistaken for the one that goes on.
    world.set_fate("completed");
    world
        .exchange
        .change_script(|script| script.hold = "1s".parse().unwrap());
    for _ in 0..2 {
        world.place_by_hand("9876500007");
        world.sleep(Duration::from_secs(2));
    }
    let other = world.campaign("others", 7..8, &[]);
    for _ in 0..4 {
        world.sleep(2 * MINUTE);
        start(&mut world, campaign);
        start(&mut world, other);
    }
    assert_eq!(world.posts.len(), 1, "rung by the other campaign");
    assert_eq!(world.doubt_story("9876500007").0, "in_doubt");
}

#[test]
fn an_order_that_waited_in_a_queue_for_longer_than_anybody_thinks_is_not_absent() {
    let mut world = world("lost-request");
    let settings = [(Setting::RedialIfProvenNotPlaced, "yes")];
    let campaign = campaign(&mut world, &settings);
    start(&mut world, campaign);
    world.set_fate("completed");
    world.sleep(10 * MINUTE);
    world.place_by_hand("9876500007");
    for _ in 0..5 {
        world.sleep(10 * MINUTE);
        start(&mut world, campaign);
    }
    assert_eq!(world.doubt_story("9876500007").0, "held");
    assert_eq!(calls_to(&world, "9876500007").len(), 1);
    assert_eq!(world.candidates("9876500007").len(), 1);
}

#[test]
fn a_list_that_shows_nothing_later_is_not_believed_to_go_on() {
    // The lost one is the last of all.
    let mut world = world("lost-request");
    let settings = [
        (Setting::RedialIfProvenNotPlaced, "yes"),
        (Setting::Rate, "60/min"),
    ];
    let campaign = world.campaign("leads", 0..8, &settings);
    for _ in 0..6 {
        start(&mut world, campaign);
        world.sleep(10 * MINUTE);
    }
    let strong = ("held".to_owned(), Some("strong".to_owned()));
    assert_eq!(world.doubt_story("9876500007"), strong);
    assert_eq!(doubted(&mut world, campaign).attempts, 1);
}

#[test]
fn a_contact_that_a_person_has_given_up_stays_done_whatever_turns_up() {
    let script = Script {
        fates: vec!["7=lost-reply".parse().unwrap()],
        hold: "20s".parse().unwrap(),
        mix: "busy=1".parse().unwrap(),
        list_lag: Duration::from_secs(7_200),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let campaign = world.campaign("leads", 7..8, &[(Setting::Retries, "2")]);
    start(&mut world, campaign);
    world.sleep(30 * MINUTE);
    let sid = calls_to(&world, "9876500007")[0].sid.clone();
    let doubt = world.doubt("9876500007");
    world.decide("9876500007", Decision::PresumedPlaced);
    world.name_call_of(&doubt, &sid);
    settle(&mut world, campaign);
    let done = doubted(&mut world, campaign);
    assert_eq!(
        done.outcome,
        Some(Outcome::Busy),
        "what became of it is known"
    );
    assert_eq!(done.state, ContactState::Completed, "{done:?}");
    assert_eq!(world.incidents(campaign), ["late_call"]);
    world.sleep(60 * MINUTE);
    start(&mut world, campaign);
    assert_eq!(world.posts.len(), 1);
}

#[test]
fn a_campaign_that_has_changed_its_mind_calls_nobody_again() {
    let mut world = world("lost-request");
    let settings = [(Setting::RedialIfProvenNotPlaced, "yes")];
    let campaign = campaign(&mut world, &settings);
    start(&mut world, campaign);
    world.remember(campaign, Setting::RedialIfProvenNotPlaced, "no");
    for _ in 0..6 {
        world.sleep(10 * MINUTE);
        start(&mut world, campaign);
    }
    assert_eq!(doubted(&mut world, campaign).attempts, 1);
}

#[test]
fn the_call_of_a_redial_is_not_taken_for_the_one_that_was_proven_absent() {
    let fate = |fate: &str| vec![format!("00007={fate}").parse().unwrap()];
    let script = Script {
        fates: fate("lost-request"),
        hold: "2s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        slow: Duration::from_secs(45),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    // So short that the redial falls into the time in which the first call may have been created.
    world.patience = Patience {
        reply_timeout: Duration::from_secs(30),
        queue_allowance: Duration::ZERO,
        record_lag: Duration::ZERO,
        looks: vec![Duration::from_secs(5)],
        scans_apart: Duration::from_secs(5),
    };
    let settings = [
        (Setting::RedialIfProvenNotPlaced, "yes"),
        (Setting::Rate, "60/min"),
        (Setting::Ring, "5s"),
        (Setting::TalkLimit, "5s"),
    ];
    let campaign = world.campaign("leads", 0..45, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(40));
    // The redial is placed, and its reply comes too late.
    let slow = fate("slow");
    world.exchange.change_script(|script| script.fates = slow);
    world.run();
    for _ in 0..20 {
        world.sleep(Duration::from_secs(10));
        start(&mut world, campaign);
    }
    let number = phones::number("9876500007");
    let posts = world.posts.iter().filter(|post| post.number == number);
    assert_eq!(posts.count(), 2, "called once more, and never again");
    assert_eq!(calls_to(&world, "9876500007").len(), 1);
    assert_eq!(
        world.incidents(campaign),
        Vec::<String>::new(),
        "nothing turned up"
    );
}

#[test]
fn a_search_that_died_with_its_process_is_made_again_as_planned() {
    let mut world = world("lost-reply");
    let campaign = campaign(&mut world, &[]);
    start(&mut world, campaign);
    // A run asks, expects the answer within minutes, and is killed.
    let attempts = ["9876500007", "9876500017"].map(|number| world.doubt(number).attempt);
    let expected = world.time() + 5 * MINUTE;
    for attempt in attempts {
        world.write(|tx| doubts::look_again(tx, attempt, Some(expected)));
    }
    world.sleep(2 * MINUTE);
    world.start(campaign, RunLimits::default());
    world.run();
    world.sleep(Duration::from_secs(5));
    assert_eq!(start(&mut world, campaign), StoppedBecause::Finished);
}

#[test]
fn a_clock_that_jumps_ahead_makes_nobody_diallable() {
    let mut world = world("lost-reply");
    let settings = [(Setting::RedialIfProvenNotPlaced, "yes")];
    let campaign = campaign(&mut world, &settings);
    start(&mut world, campaign);
    world.set_wall_clock(jiff::SignedDuration::from_hours(2));
    for _ in 0..5 {
        assert_eq!(
            start(&mut world, campaign),
            StoppedBecause::Provider,
            "clocks disagree"
        );
        world.sleep(Duration::from_secs(5));
    }
    assert_eq!(calls_to(&world, "9876500007").len(), 1);
    assert_eq!(doubted(&mut world, campaign).attempts, 1);
}

#[test]
fn hundreds_of_doubts_are_cleared_up_by_a_few_scans() {
    let script = Script {
        hold: "5s".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        reply_delay: "1s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "400")];
    let campaign = world.campaign("leads", 0..300, &settings);
    world.account_lines = 400;
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_millis(2_000));
    // The first call was answered, all others are under way: the process dies.
    world.forget();
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::OnlyDoubts);
    let doubts = world.counts(campaign).held;
    assert!(doubts > 200, "{doubts}");
    world.sleep(2 * MINUTE);
    let before = world.look_ups;
    start(&mut world, campaign);
    let looked = world.look_ups - before;
    assert!(looked < 30, "{looked} requests for {doubts} doubts");
    outside::outcomes_agree(&mut world, campaign);
    outside::nobody_is_rung_too_often(&world, 1);
}

#[test]
fn a_call_that_a_person_names_while_it_is_under_way_gets_its_outcome_when_it_has_ended() {
    let script = Script {
        fates: vec!["7=lost-reply".parse().unwrap()],
        hold: "14m".parse().unwrap(),
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let campaign = world.campaign("leads", 7..8, &[]);
    start(&mut world, campaign);
    world.hold("9876500007");
    let sid = calls_to(&world, "9876500007")[0].sid.clone();
    let doubt = world.doubt("9876500007");
    world.name_call_of(&doubt, &sid);
    settle(&mut world, campaign);
    let known = doubted(&mut world, campaign);
    assert_eq!(known.call_sid, Some(sid));
    assert_eq!(known.state, ContactState::Held, "it has not ended");
    world.sleep(20 * MINUTE);
    assert_eq!(settle(&mut world, campaign), StoppedBecause::Finished);
    assert_eq!(doubted(&mut world, campaign).state, ContactState::Completed);
}

fn with_callbacks(mut world: World) -> World {
    world.callbacks = Some(Callbacks {
        base: CallbackBase::parse("https://calls.example.com/exotel").unwrap(),
        secret: CallbackSecret::from_bytes([7; 32]),
    });
    world
}

#[test]
fn a_callback_clears_up_a_doubt_before_anything_is_looked_for() {
    let mut world = with_callbacks(world("lost-reply"));
    let campaign = campaign(&mut world, &[(Setting::Rate, "12/min")]);
    world.start(campaign, RunLimits::default());
    // The seventh call leaves after 35 s and lasts 20 s.
    world.run_for(Duration::from_secs(62));
    let found = doubted(&mut world, campaign);
    assert_eq!(found.state, ContactState::Completed, "{found:?}");
    world.run();
    outside::outcomes_agree(&mut world, campaign);
}

#[test]
fn a_callback_may_overtake_the_reply_to_its_own_request() {
    let mut world = with_callbacks(World::new(
        "2026-03-02 10:00",
        Script {
            hold: "1s".parse().unwrap(),
            reply_delay: "20s".parse().unwrap(),
            mix: "busy=1".parse().unwrap(),
            ..Script::default()
        },
    ));
    let campaign = world.campaign("leads", 0..3, &[]);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(10));
    let early = world.contacts(campaign);
    assert_eq!(early[0].state, ContactState::Failed, "{:?}", early[0]);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.calls_placed(run), 3);
    outside::outcomes_agree(&mut world, campaign);
}

#[test]
fn a_callback_that_names_another_persons_call_moves_nothing() {
    let mut world = with_callbacks(world("lost-request"));
    let campaign = campaign(&mut world, &[]);
    start(&mut world, campaign);
    let stranger = world.place_by_hand("9876511111");
    let lost = |post: &&Post| matches!(post.reply, Reply::InDoubt(_));
    let key = world.posts.iter().find(lost).unwrap().key.clone();
    world.call_back(&key, &stranger);
    world.sleep(Duration::from_secs(30));
    settle(&mut world, campaign);
    assert_eq!(world.doubt_story("9876500007").0, "in_doubt");
    assert_eq!(world.incidents(campaign), ["foreign_sid"]);
}

#[test]
fn a_call_that_turns_up_after_it_was_decided_that_there_is_none_is_an_incident() {
    for called_again in [false, true] {
        // The list shows calls an hour after their end only: nothing that we know of.
        let script = Script {
            fates: vec!["7=lost-reply".parse().unwrap()],
            hold: "20s".parse().unwrap(),
            mix: "completed=1".parse().unwrap(),
            list_lag: Duration::from_secs(3_600),
            ..Script::default()
        };
        let mut world = World::new("2026-03-02 10:00", script);
        let campaign = world.campaign("leads", 0..9, &[(Setting::Rate, "30/min")]);
        start(&mut world, campaign);
        world.sleep(30 * MINUTE);
        world.decide("9876500007", Decision::NotPlaced);
        if called_again {
            world.set_fate("completed");
            start(&mut world, campaign);
        }
        world.sleep(90 * MINUTE);
        // A decision is looked at once more.
        settle(&mut world, campaign);
        let expected = if called_again {
            "call_after_redial"
        } else {
            "late_call"
        };
        assert_eq!(world.incidents(campaign), [expected]);
        let calls = calls_to(&world, "9876500007").len();
        assert_eq!(calls, if called_again { 2 } else { 1 });
        assert_eq!(doubted(&mut world, campaign).state, ContactState::Completed);
    }
}
