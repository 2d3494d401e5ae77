//! Hands on the tiller while calls are about to leave.

use std::time::Duration;

use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::sandbox::Script;
use exocamp::store::campaigns::{self, CampaignId, PausedBy};
use exocamp::store::steering::{self, Hand};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::support::world::World;

/// Somebody who opted out: the last digits of their number, and when that was acknowledged.
struct OptOut {
    person: i64,
    at: Timestamp,
}

fn pause(world: &mut World, campaign: CampaignId) {
    let now = world.time();
    world.write(|tx| campaigns::pause(tx, campaign, &PausedBy::Person, now));
}

fn resume(world: &mut World, campaign: CampaignId) {
    let now = world.time();
    world.write(|tx| campaigns::set_state(tx, campaign, CampaignState::Running, now));
}

/// Puts somebody on the do-not-call list, most likely one whose call is permitted and has not left.
fn opt_out(database: &Connection, world: &World) -> Option<OptOut> {
    let newest =
        "SELECT person_id FROM attempt WHERE person_id NOT IN (SELECT person_id FROM do_not_call)
                  ORDER BY state = 'intent' DESC, send_at DESC LIMIT 1";
    let person: i64 = database.query_row(newest, [], |row| row.get(0)).ok()?;
    let sql = "INSERT INTO do_not_call (person_id, added_at, added_by, source) VALUES (?1, ?2, 'asha', 'person')";
    let at = world.time();
    database
        .execute(sql, params![person, at.as_millisecond()])
        .unwrap();
    Some(OptOut { person, at })
}

fn person(database: &Connection, attempt: i64) -> i64 {
    let sql = "SELECT person_id FROM attempt WHERE id = ?1";
    database
        .query_row(sql, [attempt], |row| row.get(0))
        .unwrap()
}

#[test]
fn no_call_begins_once_a_pause_or_an_opt_out_was_acknowledged() {
    const PEOPLE: u64 = 80;
    let mut withdrawn = 0;
    for seed in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        let script = Script {
            seed,
            mix: "completed=1".parse().unwrap(),
            hold: "1s..4s".parse().unwrap(),
            ..Script::default()
        };
        let mut world = World::in_file("2026-03-02 10:00", script, &path);
        world.looks_up_every = Some(Duration::from_millis(500));
        let settings = [(Setting::Rate, "40/s"), (Setting::Lines, "500")];
        let campaign = world.campaign("leads", 0..PEOPLE, &settings);
        let database = Connection::open(&path).unwrap();
        let run = world.start(campaign, RunLimits::default());
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut opt_outs: Vec<OptOut> = Vec::new();
        while !world.is_over(run) {
            world.run_for(Duration::from_micros(chance.u64(20_000..300_000)));
            if chance.bool() {
                opt_outs.extend(opt_out(&database, &world));
                continue;
            }
            pause(&mut world, campaign);
            let before = world.posts.len();
            world.run_for(Duration::from_micros(chance.u64(..900_000)));
            assert_eq!(
                world.posts.len(),
                before,
                "called while paused, seed {seed}"
            );
            resume(&mut world, campaign);
            if world.is_over(run) {
                break;
            }
        }
        assert!(
            [StoppedBecause::Finished, StoppedBecause::Paused].contains(&world.ending(run).because)
        );
        if world.ending(run).because == StoppedBecause::Paused {
            world.start(campaign, RunLimits::default());
            world.run();
        }
        let mut called = 0;
        for post in &world.posts {
            let whom = person(&database, post.attempt.get());
            let too_late = opt_outs
                .iter()
                .any(|out| out.person == whom && post.at >= out.at);
            assert!(!too_late, "called after an opt-out, seed {seed}: {post:?}");
            called += 1;
        }
        // Whoever did not opt out was called in the end: a permission that is withdrawn costs nobody their try.
        let counts = world.counts(campaign);
        assert_eq!(counts.completed, called, "{counts:?}");
        assert_eq!(counts.completed + counts.skipped, PEOPLE, "{counts:?}");
        let sql =
            "SELECT count(*) FROM attempt WHERE state = 'not_sent' AND error LIKE '%withdrawn%'";
        withdrawn += database
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap();
    }
    assert!(withdrawn > 40, "the moment was hit {withdrawn} times");
}

fn paced(rate: &str) -> (World, CampaignId, usize) {
    let script = Script {
        mix: "completed=1".parse().unwrap(),
        hold: "1s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.looks_up_every = Some(Duration::from_millis(500));
    let settings = [(Setting::Rate, rate), (Setting::Lines, "500")];
    let campaign = world.campaign("leads", 0..300, &settings);
    let run = world.start(campaign, RunLimits::default());
    (world, campaign, run)
}

/// Returns how long after this moment each later call left, in milliseconds.
fn left_after(world: &World, moment: Timestamp) -> Vec<i128> {
    let posts = world.posts.iter().filter(|post| post.at >= moment);
    posts
        .map(|post| post.at.duration_since(moment).as_millis())
        .collect()
}

#[test]
fn a_faster_pace_is_kept_within_a_second_and_without_a_burst() {
    let (mut world, campaign, _) = paced("1/min");
    world.run_for(Duration::from_secs(70));
    assert_eq!(world.posts.len(), 2);
    world.set(campaign, Setting::Rate, "5/s");
    let changed = world.time();
    world.run_for(Duration::from_secs(5));
    let left = left_after(&world, changed);
    assert!(left[0] <= 750, "{left:?}");
    assert!(
        left.windows(2).all(|pair| pair[1] - pair[0] >= 195),
        "{left:?}"
    );
    assert!((20..=25).contains(&left.len()), "{left:?}");
}

#[test]
fn a_slower_pace_is_kept_from_the_next_call_on_and_stalls_nobody() {
    let (mut world, campaign, run) = paced("20/s");
    world.run_for(Duration::from_millis(5_020));
    let before = world.posts.last().unwrap().at;
    assert!(world.posts.len() > 60);
    world.set(campaign, Setting::Rate, "30/min");
    let changed = world.time();
    world.run_for(Duration::from_secs(20));
    // What was permitted before it was changed leaves still, 50 ms ahead at most.
    let left: Vec<_> = left_after(&world, changed);
    let late: Vec<_> = left.iter().copied().filter(|ms| *ms > 60).collect();
    assert!(left.len() - late.len() <= 2, "{left:?}");
    assert!((1_900..=2_600).contains(&late[0]), "{before} {left:?}");
    assert!(
        late.windows(2).all(|pair| pair[1] - pair[0] >= 1_990),
        "{left:?}"
    );
    assert!((9..=10).contains(&late.len()), "{left:?}");
    world.set(campaign, Setting::Rate, "max");
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Finished);
}

#[test]
fn an_outcome_that_comes_after_a_cancellation_makes_nobody_due_and_doubts_stay() {
    let script = Script {
        mix: "busy=1".parse().unwrap(),
        hold: "20s".parse().unwrap(),
        ..Script::default()
    };
    let mut world = World::new("2026-03-02 10:00", script);
    world.looks_up_every = Some(Duration::from_millis(500));
    world.set_fate("lost-request");
    let settings = [(Setting::Rate, "1/s"), (Setting::Retries, "3")];
    let campaign = world.campaign("leads", 0..40, &settings);
    let run = world.start(campaign, RunLimits::default());
    world.run_for(Duration::from_secs(14));
    let now = world.time();
    let hand = Hand {
        by: "asha",
        because: Some("the offer is over"),
        at: now,
    };
    let pending = world.counts(campaign).pending;
    let skipped = world.write(|tx| steering::cancel(tx, campaign, &hand));
    assert_eq!(skipped, pending);
    let posts = world.posts.len();
    world.run();
    assert_eq!(world.ending(run).because, StoppedBecause::Cancelled);
    assert_eq!(world.posts.len(), posts, "nobody is called any more");
    let counts = world.counts(campaign);
    assert_eq!((counts.pending, counts.initiated, counts.held), (0, 0, 1));
    assert_eq!(counts.skipped, 39, "no busy line is tried again");
    assert_eq!(world.state(campaign).state, CampaignState::Cancelled);
}
