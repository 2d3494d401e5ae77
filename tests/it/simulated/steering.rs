//! Hands on the tiller while calls are about to leave.

use std::time::Duration;

use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::sandbox::Script;
use exocamp::store::campaigns::{self, CampaignId, PausedBy};
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
