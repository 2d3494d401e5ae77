//! What a refusal costs, and whom.

use std::time::Duration;

use exocamp::dialer::event::Trouble;
use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::contact::ContactState;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::plan::Limit;
use exocamp::sandbox::Script;
use exocamp::store::campaigns::{CampaignId, PausedBy};

use crate::support::outside;
use crate::support::world::{Network, World};

fn with_fates(fates: &[&str]) -> Script {
    Script {
        fates: fates.iter().map(|fate| fate.parse().unwrap()).collect(),
        ..Script::default()
    }
}

fn paused_by_us(world: &mut World, campaign: CampaignId) -> bool {
    let campaign = world.state(campaign);
    campaign.state == CampaignState::Paused
        && matches!(campaign.paused_by, Some(PausedBy::Exocamp(_)))
}

fn untouched(world: &mut World, campaign: CampaignId) -> bool {
    let contacts = world.contacts(campaign);
    contacts
        .iter()
        .all(|contact| contact.state == ContactState::Pending)
}

#[test]
fn an_account_refusal_pauses_at_once_and_charges_nobody() {
    for fate in ["0=balance", "0=kyc"] {
        let mut world = World::new("2026-03-02 10:00", with_fates(&[fate]));
        let campaign = world.campaign("leads", 0..9, &[]);
        let run = world.start(campaign, RunLimits::default());
        world.run();
        let ending = world.ending(run);
        assert_eq!(ending.because, StoppedBecause::Provider);
        assert!(matches!(ending.trouble, Some(Trouble::Refused { .. })));
        assert_eq!(world.posts.len(), 1, "nobody is tried after that");
        assert!(paused_by_us(&mut world, campaign) && untouched(&mut world, campaign));
    }
}

#[test]
fn a_wrong_token_is_one_request_and_no_call() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    world.network = Network::WrongToken;
    let campaign = world.campaign("leads", 0..9, &[]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Provider);
    assert_eq!((world.posts.len(), world.requests.len()), (0, 1));
    assert!(untouched(&mut world, campaign));
}

#[test]
fn a_pause_of_our_own_ends_at_the_next_start_whose_first_get_succeeds() {
    let mut world = World::new("2026-03-02 10:00", Script::default());
    world.network = Network::WrongToken;
    let campaign = world.campaign("leads", 0..9, &[]);
    for _ in 0..2 {
        let run = world.start(campaign, RunLimits::default());
        world.run();
        assert_eq!(world.ending(run).because, StoppedBecause::Provider);
        assert!(paused_by_us(&mut world, campaign));
    }
    world.network = Network::Works;
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.exchange.calls().len(), 9);
}

#[test]
fn three_refusals_that_blame_nobody_pause_and_charge_nobody() {
    let mut world = World::new(
        "2026-03-02 10:00",
        with_fates(&["0=refused", "1=refused", "2=refused"]),
    );
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "1")];
    let campaign = world.campaign("leads", 0..9, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Provider);
    assert_eq!(world.posts.len(), 3);
    assert!(paused_by_us(&mut world, campaign) && untouched(&mut world, campaign));

    // They have kept every try: each is rung as soon as the phones work.
    world.exchange = exocamp::sandbox::Exchange::new(Script::default());
    world.start(campaign, RunLimits::default());
    world.run();
    outside::nobody_is_rung_too_often(&world, 1);
    assert_eq!(world.exchange.calls().len(), 9);
}

#[test]
fn two_refusals_and_a_success_do_not_pause() {
    let fates = [
        "0=refused",
        "1=refused",
        "2=busy",
        "3=refused",
        "4=unavailable",
    ];
    let mut world = World::new("2026-03-02 10:00", with_fates(&fates));
    let settings = [(Setting::Rate, "max"), (Setting::Lines, "1")];
    let campaign = world.campaign("leads", 0..6, &settings);
    world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.state(campaign).state, CampaignState::Running);
    assert_eq!(world.exchange.calls().len(), 2);
}

#[test]
fn too_many_requests_shut_the_allowance_until_it_opens_and_charge_nobody() {
    let script = Script {
        rate_limit: Some(10),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let campaign = world.campaign("leads", 0..40, &[(Setting::Rate, "max")]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.ending(run).limited_by, Some(Limit::Allowance));
    assert_eq!(world.exchange.calls().len(), 40);
    outside::nobody_is_rung_too_often(&world, 1);
    let refused = world.posts.len() - 40;
    // A few leave together before the first refusal is heard; then it is quiet until the exchange opens.
    assert!(refused <= 10 * 8, "{refused} refusals");
    let mut quiet = 0;
    for pair in world.requests.windows(2) {
        quiet += u64::from(pair[1] - pair[0] > Duration::from_secs(30));
    }
    assert!(quiet >= 4, "{quiet} times quiet in {:?}", world.elapsed());
}

#[test]
fn a_protected_number_is_skipped_and_a_bad_one_fails_and_nobody_else_notices() {
    let mut world = World::new("2026-03-02 10:00", with_fates(&["0=ndnc", "1=bad-number"]));
    let campaign = world.campaign(
        "leads",
        0..5,
        &[(Setting::Retries, "3"), (Setting::RetryAfter, "1m")],
    );
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    let contacts = world.contacts(campaign);
    assert_eq!(contacts[0].state, ContactState::Skipped);
    assert_eq!(contacts[0].reason.as_deref(), Some("ndnc"));
    assert_eq!(contacts[1].state, ContactState::Failed);
    assert_eq!(contacts[1].reason.as_deref(), Some("bad_number"));
    assert!(contacts[..2].iter().all(|contact| contact.attempts == 1));
    let rung: Vec<_> = world
        .exchange
        .calls()
        .iter()
        .map(|call| &call.number)
        .collect();
    assert!(
        contacts[2..]
            .iter()
            .all(|contact| rung.contains(&&contact.number.national().unwrap()))
    );
}

#[test]
fn a_provider_out_of_reach_ends_the_run_and_charges_nobody() {
    let script = Script {
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let campaign = world.campaign("leads", 0..20, &[(Setting::Rate, "60/min")]);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(5));
    world.network = Network::Down;
    let sent = world.posts.len();
    world.run();
    assert!(matches!(
        world.ending(run).trouble,
        Some(Trouble::Unreachable(_))
    ));
    assert_eq!(world.posts.len(), sent);
    let counts = world.counts(campaign);
    assert_eq!((counts.held, counts.failed), (0, 0), "{counts:?}");

    world.network = Network::Works;
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::nobody_is_rung_too_often(&world, 1);
    assert_eq!(world.exchange.calls().len(), 20);
}
