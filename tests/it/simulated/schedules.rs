//! Retries and calling hours: who is rung when.

use std::collections::BTreeSet;
use std::time::Duration;

use exocamp::domain::call::Outcome;
use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::contact::ContactState;
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::hours::indian_time;
use exocamp::domain::pace::LEAD;
use exocamp::sandbox::Script;
use jiff::{SignedDuration, Timestamp};

use crate::support::outside;
use crate::support::world::{LONGEST_COMMIT, Lengths, World, indian};

fn busy_phones(hold: &str) -> Script {
    Script {
        mix: "busy=1".parse().unwrap(),
        hold: hold.parse().unwrap(),
        ..Script::default()
    }
}

/// Returns how long after the end of each call the next was accepted.
fn gaps(world: &World) -> Vec<SignedDuration> {
    let calls = world.exchange.calls();
    let pairs = calls.windows(2);
    pairs
        .map(|pair| pair[1].accepted_at.duration_since(pair[0].ends_at))
        .collect()
}

/// Returns whether a wait is as long as asked or up to a tenth longer; the end of a call is told in whole seconds, and
/// the next one takes a moment.
fn is_about(gap: SignedDuration, asked: &str) -> bool {
    let asked: SignedDuration = asked.parse().unwrap();
    let second = SignedDuration::from_secs(1);
    (asked - second..=asked + asked / 10 + second * 2).contains(&gap)
}

/// Returns when a number was called, as an Indian calendar shows it.
fn dates(world: &World, national: &str) -> Vec<String> {
    let calls = world.exchange.calls().iter();
    let own = calls.filter(|call| call.number == national);
    own.map(|call| {
        let at = call.accepted_at.to_zoned(indian_time());
        at.strftime("%a %H:%M").to_string()
    })
    .collect()
}

#[test]
fn two_retries_make_three_calls_ten_minutes_apart() {
    let mut world = World::new("2026-03-02 10:00", busy_phones("2s"));
    let settings = [(Setting::Retries, "2"), (Setting::RetryAfter, "10m")];
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.exchange.calls().len(), 3);
    assert_eq!(world.contacts(campaign)[0].state, ContactState::Failed);
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    for gap in gaps(&world) {
        assert!(is_about(gap, "10m"), "since the end of the call: {gap:#}");
    }
}

#[test]
fn waits_that_double_do_so_from_call_to_call() {
    let mut world = World::new("2026-03-02 10:00", busy_phones("2s"));
    world.caps.day = 9;
    let settings = [
        (Setting::Retries, "3"),
        (Setting::RetryAfter, "10m,no-answer=1h"),
        (Setting::RetryMechanism, "exponential"),
    ];
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    let gaps = gaps(&world);
    assert_eq!(gaps.len(), 3);
    for (gap, asked) in gaps.into_iter().zip(["10m", "20m", "40m"]) {
        assert!(is_about(gap, asked), "{gap:#} instead of {asked}");
    }
}

/// Phones that nobody picks up, but for one that is always busy.
fn silent_phones() -> Script {
    Script {
        mix: "no-answer=1".parse().unwrap(),
        fates: vec!["1=busy".parse().unwrap()],
        hold: "2s".parse().unwrap(),
        ..Script::default()
    }
}

const BANDS: (Setting, &str) = (Setting::Hours, "09:00-12:00,15:00-18:00");

const WAITS: RunLimits = RunLimits {
    until: None,
    max_runtime: None,
    max_calls: None,
    once: false,
    wait: true,
};

#[test]
fn who_does_not_pick_up_is_tried_at_other_times_of_the_day_and_over_the_days() {
    // The 6th of March 2026 is a Friday.
    let mut world = World::new("2026-03-05 10:00", silent_phones());
    let settings = [
        BANDS,
        (Setting::Days, "mon-fri"),
        (Setting::Retries, "4"),
        (Setting::RetryAfter, "10m,busy=2h"),
    ];
    let campaign = world.campaign("leads", 0..2, &settings);
    let run = world.start(campaign, WAITS);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(
        dates(&world, "9876500000"),
        [
            "Thu 10:00",
            "Thu 15:00",
            "Fri 09:00",
            "Fri 15:00",
            "Mon 09:00"
        ]
    );
    let busy = dates(&world, "9876500001");
    assert_eq!(busy.len(), 5);
    assert!(busy[1].starts_with("Thu 15:00"), "{busy:?}");
    assert!(busy[2].starts_with("Thu 17:"), "{busy:?}");
    assert_eq!(world.counts(campaign).failed, 2);
}

#[test]
fn at_the_campaigns_end_whoever_waits_is_skipped_and_nobody_is_rung_later() {
    for (ends, retries) in [
        ("2026-03-06T16:00:00+05:30", "9"),
        ("2026-03-06T09:00:00+05:30", "3"),
    ] {
        let mut world = World::new("2026-03-05 11:00", silent_phones());
        let settings = [
            BANDS,
            (Setting::Rate, "30/min"),
            (Setting::Ends, ends),
            (Setting::Retries, retries),
            (Setting::RetryAfter, "90m"),
        ];
        let campaign = world.campaign("leads", 0..60, &settings);
        let run = world.start(campaign, WAITS);
        world.run();
        assert_eq!(world.ending(run).because, StoppedBecause::Finished);
        let end: Timestamp = ends.parse().unwrap();
        for post in &world.posts {
            assert!(post.at < end, "{}", post.at);
            assert!(BANDS_OPEN.contains(&post.at.to_zoned(indian_time()).hour()));
        }
        assert!(world.time() < end, "it waits for nothing: {}", world.time());
        let counts = world.counts(campaign);
        assert_eq!((counts.total(), counts.pending), (60, 0), "{counts:?}");
        assert!(counts.skipped > 30, "{counts:?}");
        let contacts = world.contacts(campaign);
        for contact in contacts
            .iter()
            .filter(|it| it.state == ContactState::Skipped)
        {
            assert_eq!(contact.reason.as_deref(), Some("expired"));
            assert_eq!(contact.next_attempt_at, None);
        }
        assert_eq!(world.state(campaign).state, CampaignState::Completed);
    }
}

const BANDS_OPEN: [i8; 6] = [9, 10, 11, 15, 16, 17];

#[test]
fn a_campaign_that_ends_while_it_runs_leaves_the_rest_uncalled() {
    let script = Script {
        mix: "completed=1".parse().unwrap(),
        hold: "20s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [
        (Setting::Rate, "60/min"),
        (Setting::Lines, "100"),
        (Setting::Ends, "2026-03-02T10:00:30+05:30"),
    ];
    let campaign = world.campaign("leads", 0..100, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    let end = indian("2026-03-02 10:00") + SignedDuration::from_secs(30);
    assert!(world.posts.iter().all(|post| post.at < end));
    let rung = world.exchange.calls().len() as u64;
    assert!((28..=30).contains(&rung), "{rung}");
    let counts = world.counts(campaign);
    // Calls that were live at the end are followed to theirs.
    assert_eq!((counts.completed, counts.skipped), (rung, 100 - rung));
}

#[test]
fn an_end_that_is_brought_forward_holds_at_once() {
    let mut world = World::new("2026-03-02 10:00", silent_phones());
    world.looks_up_every = Some(Duration::from_secs(1));
    let settings = [(Setting::Retries, "1"), (Setting::RetryAfter, "2h")];
    let campaign = world.campaign("leads", 2..6, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.counts(campaign).pending, 4);
    world.remember(campaign, Setting::Ends, "2026-03-02T11:00:00+05:30");
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.counts(campaign).skipped, 4);
    assert_eq!(world.exchange.calls().len(), 4);
}

/// Phones that are picked up and put down again.
fn brief_phones(price_lag: Duration) -> Script {
    Script {
        mix: "completed=1".parse().unwrap(),
        hold: "2s".parse().unwrap(),
        price_lag,
        ..Script::default()
    }
}

const REACHED: [(Setting, &str); 3] = [
    (Setting::ReachedAfter, "5s"),
    (Setting::Retries, "1"),
    (Setting::RetryAfter, "10m,no-answer=1h"),
];

#[test]
fn whoever_hangs_up_at_once_is_tried_again_like_one_who_did_not_pick_up() {
    let mut world = World::new("2026-03-02 10:00", brief_phones(Duration::ZERO));
    let campaign = world.campaign("leads", 0..1, &REACHED);
    world.start(campaign, RunLimits::default());
    world.run();
    let gaps = gaps(&world);
    assert_eq!(gaps.len(), 1);
    assert!(is_about(gaps[0], "1h"), "{:#}", gaps[0]);
    let contact = &world.contacts(campaign)[0];
    assert_eq!(contact.state, ContactState::Failed);
    assert_eq!(contact.reason.as_deref(), Some("too_short"));
    assert_eq!(contact.outcome, Some(Outcome::Completed));
}

#[test]
fn a_call_whose_length_comes_late_is_taken_for_answered_until_then() {
    let mut world = World::new("2026-03-02 10:00", brief_phones(Duration::from_secs(300)));
    world.lengths = Lengths::WithThePrice;
    let campaign = world.campaign("leads", 0..3, &REACHED);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.counts(campaign).completed, 3);
    assert_eq!(world.state(campaign).state, CampaignState::Completed);

    world.sleep(Duration::from_secs(16 * 60));
    world.settle(campaign);
    world.run();
    assert_eq!(world.counts(campaign).pending, 3);
    assert_eq!(world.state(campaign).state, CampaignState::Stopped);
    assert_eq!(world.exchange.calls().len(), 3, "settling rings nobody");

    world.start(campaign, RunLimits::default());
    world.run();
    outside::nobody_is_rung_too_often(&world, 2);
    assert_eq!(world.exchange.calls().len(), 6);
    for national in ["9876500000", "9876500001", "9876500002"] {
        let calls = world.exchange.calls().iter();
        let own: Vec<_> = calls.filter(|call| call.number == national).collect();
        let gap = own[1].accepted_at.duration_since(own[0].ends_at);
        assert!(is_about(gap, "1h"), "since the end of the call: {gap:#}");
    }
}

#[test]
fn a_retry_that_would_come_after_closing_time_is_left_to_the_next_run() {
    let mut world = World::new("2026-03-02 20:50", busy_phones("2s"));
    let settings = [(Setting::Retries, "1"), (Setting::RetryAfter, "30m")];
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    assert!(
        world.time() < indian("2026-03-02 21:00"),
        "it does not wait for nothing"
    );
    assert_eq!(world.exchange.calls().len(), 1);
    assert_eq!(world.counts(campaign).pending, 1);
}

/// Fails if a call of the day was ordered later than what was under way at this time.
fn assert_none_after(world: &World, time: &str) {
    let latest = indian(time) + LEAD + LONGEST_COMMIT;
    let late = world.posts.iter().map(|post| post.at);
    let late = late
        .filter(|at| *at >= latest && *at < indian(time) + Duration::from_secs(3600))
        .collect::<Vec<_>>();
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn a_retry_that_falls_into_the_last_minutes_waits_for_the_next_opening() {
    // Due at 20:56, within the hours and when nobody new is rung any more.
    let mut world = World::new("2026-03-02 20:46", busy_phones("2s"));
    let settings = [(Setting::Retries, "1"), (Setting::RetryAfter, "10m")];
    let campaign = world.campaign("leads", 0..1, &settings);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    world.start(campaign, limits);
    world.run();
    let calls = world.exchange.calls();
    assert_eq!(calls.len(), 2);
    let opening = indian("2026-03-03 09:00");
    let waited = calls[1].accepted_at.duration_since(opening);
    assert!((0..2).contains(&waited.as_secs()), "{waited:?}");

    let mut world = World::new("2026-03-02 20:46", busy_phones("2s"));
    let campaign = world.campaign("leads", 0..1, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    assert!(
        world.time() < indian("2026-03-02 20:50"),
        "it is not waited for"
    );
}

#[test]
fn nobody_is_rung_on_a_holiday_and_a_run_waits_over_it() {
    let mut world = World::new("2026-03-02 20:54", Script::default());
    let settings = [
        (Setting::Rate, "30/min"),
        (Setting::Holidays, "2026-03-03,2026-03-04"),
    ];
    let campaign = world.campaign("leads", 0..60, &settings);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    world.start(campaign, limits);
    world.run();
    assert_eq!(world.counts(campaign).pending, 0);
    let dates: BTreeSet<_> = world
        .exchange
        .calls()
        .iter()
        .map(|call| call.accepted_at.to_zoned(indian_time()).date().to_string())
        .collect();
    assert_eq!(Vec::from_iter(dates), ["2026-03-02", "2026-03-05"]);
}

#[test]
fn a_night_over_two_open_days_is_not_interrupted_at_midnight() {
    let mut world = World::new("2026-03-02 23:58", Script::default());
    let settings = [
        (Setting::Rate, "30/min"),
        (Setting::Hours, "18:00-24:00,00:00-06:00"),
    ];
    let campaign = world.campaign("leads", 0..120, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    outside::the_pace_is_kept(&world, campaign, "30/min".parse().unwrap());
    let calls = world.exchange.calls();
    let longest = calls.windows(2).map(|pair| {
        pair[1]
            .accepted_at
            .duration_since(pair[0].accepted_at)
            .as_secs()
    });
    assert!(longest.max().unwrap() <= 5, "nothing closed at midnight");
}

#[test]
fn collections_end_at_seven_whatever_the_hours_are() {
    let mut world = World::new("2026-03-02 18:54", Script::default());
    let settings = [(Setting::Rate, "60/min"), (Setting::Purpose, "collections")];
    let campaign = world.campaign("leads", 0..100, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    let rung = world.exchange.calls().len();
    assert!((55..=60).contains(&rung), "{rung}");
    assert_none_after(&world, "2026-03-02 18:55");
}

#[test]
fn when_the_hours_close_a_run_ends_and_says_so() {
    let mut world = World::new("2026-03-02 20:54", Script::default());
    let campaign = world.campaign("leads", 0..100, &[(Setting::Rate, "60/min")]);
    let run = world.start(campaign, RunLimits::default());
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Hours);
    let rung = world.exchange.calls().len() as u64;
    assert!((55..=60).contains(&rung), "{rung}");
    assert_eq!(world.counts(campaign).pending, 100 - rung);
    outside::every_call_is_inside(&world, 9, 21);
    assert_none_after(&world, "2026-03-02 20:55");
}

#[test]
fn a_run_that_waits_goes_on_the_next_morning() {
    let mut world = World::new("2026-03-02 20:54", Script::default());
    let campaign = world.campaign("leads", 0..100, &[(Setting::Rate, "60/min")]);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    let run = world.start(campaign, limits);
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
    assert_eq!(world.exchange.calls().len(), 100);
    outside::every_call_is_inside(&world, 9, 21);
    outside::the_pace_is_kept(&world, campaign, "60/min".parse().unwrap());
    let opening = indian("2026-03-03 09:00");
    let first = world
        .exchange
        .calls()
        .iter()
        .find(|call| call.accepted_at >= opening);
    let waited = first.unwrap().accepted_at.duration_since(opening);
    assert!(waited.as_secs() < 2, "{waited:?} after the opening");
    assert!(
        world.turns < 1_500,
        "{} turns: a night is one jump",
        world.turns
    );
}

#[test]
fn a_run_waits_over_days_on_which_nobody_is_rung() {
    // The 7th of March 2026 is a Saturday.
    let mut world = World::new("2026-03-07 08:00", Script::default());
    let settings = [(Setting::Days, "mon-fri"), (Setting::Hours, "10:00-12:00")];
    let campaign = world.campaign("leads", 0..3, &settings);
    let limits = RunLimits {
        wait: true,
        ..RunLimits::default()
    };
    world.start(campaign, limits);
    world.run();
    let first = world.exchange.calls()[0].accepted_at;
    let opening = indian("2026-03-09 10:00");
    assert!(
        first >= opening && first < opening + Duration::from_secs(1),
        "{first}"
    );
    assert_eq!(world.counts(campaign).pending, 0);
}

#[test]
fn a_reached_person_is_never_rung_again() {
    let script = Script {
        mix: "completed=1".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    let settings = [
        (Setting::Retries, "5"),
        (Setting::RetryAfter, "0s"),
        (Setting::RetryOn, "busy,no-answer,failed,canceled"),
    ];
    let campaign = world.campaign("leads", 0..10, &settings);
    world.start(campaign, RunLimits::default());
    world.run();
    outside::nobody_is_rung_too_often(&world, 1);
    let contacts = world.contacts(campaign);
    assert!(
        contacts
            .iter()
            .all(|contact| contact.state == ContactState::Completed)
    );
}
