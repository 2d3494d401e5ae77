//! `run`: one crontab line for all campaigns.

use std::collections::BTreeSet;

use exocamp::domain::campaign::Setting;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::answers::assert_adds_up;
use crate::support::binary::{Folder, closed_hours, number, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;

/// Imports the people whose numbers end in these, to be called at any hour.
fn list(folder: &Folder, campaign: &str, endings: std::ops::Range<u32>) {
    folder.write("list.csv", &people(endings));
    folder
        .run(&format!("import list.csv --campaign {campaign}"))
        .exits(0);
    for (key, value) in [(Setting::Hours, "00:00-24:00"), (Setting::Rate, "max")] {
        folder.remember(campaign, key, value);
    }
}

#[test]
fn every_campaign_that_has_work_due_is_called_and_summed_up() {
    // All calls together begin within less time than one of them lasts, whoever is first.
    let exotel = Exotel::start("--hold 5s --mix completed=1");
    let folder = Folder::calling(&exotel);
    list(&folder, "first", 0..4);
    list(&folder, "second", 10..13);
    let summaries = folder.run("run --format json").exits(0).json();
    let summaries = summaries.as_array().unwrap();
    let told: BTreeSet<_> = summaries
        .iter()
        .map(|summary| {
            assert_adds_up(summary);
            assert_eq!(summary["stopped_because"], "finished");
            let name = summary["campaign"].as_str().unwrap();
            (name.to_owned(), summary["calls_placed"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        BTreeSet::from([("first".to_owned(), 4), ("second".to_owned(), 3)])
    );
    let ledger = exotel.ledger();
    assert_eq!(
        rung_once(&ledger),
        (0..4).chain(10..13).map(number).collect()
    );
    // Side by side: the second campaign has not waited for the end of the first.
    let of = |numbers: std::ops::Range<u32>| {
        let numbers: Vec<_> = numbers.map(number).collect();
        let calls = ledger
            .iter()
            .filter(move |call| numbers.contains(&call.number));
        (
            calls.clone().map(|call| call.at).min(),
            calls.map(|call| call.ends_at).max(),
        )
    };
    let (first, second) = (of(0..4), of(10..13));
    assert!(
        first.0 < second.1 && second.0 < first.1,
        "{first:?} {second:?}"
    );

    let again = folder.run("run --format json").exits(0);
    assert_eq!(again.json(), Value::Array(Vec::new()));
    let quiet = folder.run("run -q").exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 7);
}

#[test]
fn campaigns_that_a_rule_or_somebody_holds_back_are_left_alone_without_a_word() {
    let exotel = Exotel::start("");
    let mut folder = Folder::calling(&exotel);
    for (campaign, from) in [("paused", 0), ("closed", 10), ("theirs", 20)] {
        list(&folder, campaign, from..from + 2);
    }
    folder.pause("paused");
    folder.remember("closed", Setting::Hours, closed_hours());
    folder.set("EXOCAMP_USER", "ravi");
    list(&folder, "his", 30..31);
    let ran = folder.run("run --once --format json").exits(0);
    assert_eq!(ran.json()[0]["campaign"], "his");
    assert_eq!(rung_once(&exotel.ledger()), BTreeSet::from([number(30)]));
    folder.set("EXOCAMP_USER", "asha");
    folder.pause("theirs");
    let ran = folder.run("run -q").exits(3);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn what_goes_wrong_with_one_campaign_is_said_and_the_others_are_called() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    list(&folder, "first", 0..2);
    list(&folder, "second", 10..12);
    folder.change("first", |tx, id| {
        exocamp::store::campaigns::bind_account(tx, id, "exampleco2")
    });
    let ran = folder.run("run -q").exits(2);
    assert_eq!(
        rung_once(&exotel.ledger()),
        BTreeSet::from([number(10), number(11)])
    );
    let told = ran.stderr;
    assert!(
        told.contains("error: campaign `first` came to an end"),
        "{told}"
    );
    assert!(told.contains("belongs to account `exampleco2`"), "{told}");
}

#[test]
fn a_run_beside_a_long_one_takes_only_what_is_free_and_calls_nobody_twice() {
    let exotel = Exotel::start("--hold 3s --mix completed=1");
    let folder = Folder::calling(&exotel);
    list(&folder, "long", 0..3);
    let running = folder.spawn("run");
    exotel.has_accepted(3);
    for _ in 0..3 {
        let ran = folder.run("run --once -q").exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    list(&folder, "short", 10..12);
    let ran = folder.run("run --format json").exits(0).json();
    assert_eq!(ran[0]["campaign"], "short");
    running.end().exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 5);
}

#[test]
fn ctrl_c_ends_every_campaign_of_the_run() {
    let exotel = Exotel::start("--hold 20s --mix completed=1");
    let folder = Folder::calling(&exotel);
    list(&folder, "first", 0..40);
    list(&folder, "second", 50..90);
    let running = folder.spawn("run");
    exotel.has_accepted(8);
    running.signal(Signal::INT);
    running.end().exits(130);
    for campaign in ["first", "second"] {
        let status = folder.status(campaign);
        assert_adds_up(&status);
        assert_eq!(status["status"], "stopped", "{campaign}");
        assert!(status["counts"]["pending"].as_u64().unwrap() > 0);
    }
}

#[test]
fn there_is_nothing_to_run_in_a_sandbox() {
    let folder = Folder::new();
    let ran = folder.run("--sandbox run").exits(2);
    assert!(
        ran.stderr.contains("exocamp --sandbox start"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_campaign_whose_end_has_come_is_finished_even_if_somebody_holds_it_back() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    for (campaign, endings) in [("open", 0..2), ("ended", 10..12), ("paused", 20..22)] {
        list(&folder, campaign, endings);
    }
    for campaign in ["ended", "paused"] {
        folder.remember(campaign, Setting::Ends, "2026-01-05T10:00:00+05:30");
    }
    folder.pause("paused");
    let summaries = folder.run("run --format json").exits(0).json();
    assert_eq!(summaries.as_array().unwrap().len(), 1);
    assert_eq!(rung_once(&exotel.ledger()), (0..2).map(number).collect());
    for campaign in ["ended", "paused"] {
        let status = folder.status(campaign);
        assert_adds_up(&status);
        assert_eq!(status["status"], "completed");
        assert_eq!(status["counts"]["skipped"], 2);
        for contact in status["contacts"].as_array().unwrap() {
            assert_eq!(contact["reason"], "expired");
        }
    }
    let again = folder.run("-q run").exits(0);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""));
}

#[test]
fn what_a_call_that_was_killed_has_left_open_is_asked_about_and_blocks_nobody_for_ever() {
    let exotel = Exotel::start("--fate 00=slow --slow 25s --hold 100ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    let shorter = [
        ("EXOCAMP_REPLY_TIMEOUT", "1s"),
        ("EXOCAMP_QUEUE_ALLOWANCE", "0s"),
        ("EXOCAMP_RECORD_LAG", "0s"),
        ("EXOCAMP_DOUBT_LOOKS", "1s"),
    ];
    for (name, value) in shorter {
        folder.set(name, value);
    }
    let running = folder.spawn("call 9876500000");
    exotel.has_accepted(1);
    running.signal(Signal::KILL);
    running.end();
    exotel.calls_are_over();
    let open = |folder: &Folder| -> i64 {
        let sql = "SELECT count(*) FROM attempt WHERE live = 1";
        let database = folder.database();
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(open(&folder), 1);
    eventually("the call's end", || {
        let ran = folder.run("run -q");
        assert_eq!(ran.stdout, "");
        (open(&folder) == 0).then_some(())
    });
    assert_eq!(exotel.ledger().len(), 1, "and nobody was called again");
}

#[test]
fn whoever_looks_without_quiet_is_told_why_a_campaign_is_left_alone() {
    let exotel = Exotel::start("");
    let mut folder = Folder::calling(&exotel);
    list(&folder, "first", 0..2);
    folder.pause("first");
    let ran = folder.run("run").exits(3);
    assert!(
        ran.stderr.contains("`first` is left alone: paused"),
        "{}",
        ran.stderr
    );
    // A crontab of the wrong user would be silent for ever.
    folder.set("EXOCAMP_USER", "ravi");
    let ran = folder.run("run -q").exits(0);
    assert!(ran.stderr.contains("`EXOCAMP_USER=asha`"), "{}", ran.stderr);
}
