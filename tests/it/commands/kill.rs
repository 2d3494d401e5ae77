//! A runner that is killed: nobody is called twice, and only what was open waits for a person.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::answers::{assert_adds_up, contact, contacts_in};
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;
use crate::support::wiretap::Wiretap;

fn numbers<'a>(contacts: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let number = |contact: &Value| contact["number"].as_str().expect("a number").to_owned();
    contacts.into_iter().map(number).collect()
}

#[test]
fn after_a_kill_everybody_else_is_called_and_nobody_twice() {
    let exotel = Exotel::start("--hold 50ms..200ms --reply-delay 50ms..150ms");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 150);
    let running = folder.spawn(&format!("start leads {FAST}"));
    exotel.has_accepted(70);
    running.kill();

    let killed = folder.status("leads");
    assert_adds_up(&killed);
    assert_eq!(killed["status"], "stopped", "a dead runner runs nothing");
    let open = contacts_in(&killed, "initiated").into_iter();
    let open = numbers(open.filter(|contact| contact["call_sid"].is_null()));
    assert!(!open.is_empty(), "a POST was under way when it was killed");

    let before = exotel.ledger().len();
    let restarted_at = Timestamp::now();
    folder.run(&format!("start leads {FAST}")).exits(4);
    let ledger = exotel.ledger();
    let first_dial = ledger[before].at.duration_since(restarted_at);
    // The promise is one second; a busy machine is not to fail this.
    assert!(
        first_dial.as_secs() < 5,
        "the first dial came after {first_dial:#}"
    );

    let rung = rung_once(&ledger);
    let status = folder.status("leads");
    assert_adds_up(&status);
    let held = contacts_in(&status, "held");
    assert!(held.iter().all(|contact| contact["reason"] == "in_doubt"));
    assert_eq!(numbers(held), open);
    let called: BTreeSet<_> = (0..150).map(number).collect();
    let missed: Vec<_> = called
        .difference(&rung)
        .filter(|number| !open.contains(*number))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert_eq!(status["counts"]["pending"], 0);

    // Doubts stay doubts, however often it is started.
    let summary = folder
        .run(&format!("start leads {FAST} --format json"))
        .exits(4)
        .json();
    assert_eq!(summary["stopped_because"], "only_doubts");
    assert_eq!(summary["calls_placed"], 0);
    assert_eq!(exotel.ledger().len(), ledger.len());
}

#[test]
fn settle_fetches_what_a_killed_run_left_open_and_dials_nobody() {
    let exotel = Exotel::start("--hold 300ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 6);
    // One line, so that somebody is left to call when the second call is live.
    let running =
        folder.spawn("start leads --rate max --allowance max --lines 1 --hours 00:00-24:00");
    exotel.has_accepted(2);
    eventually("the second call's Sid", || {
        let status = folder.status("leads");
        contact(&status, 1)["call_sid"].is_string().then_some(())
    });
    running.kill();
    let live = folder.status("leads");
    assert_eq!(contact(&live, 1)["call_status"], "initiated");
    exotel.calls_are_over();

    // A pause keeps nobody from asking.
    folder.pause("leads");
    folder.set("EXOTEL_API_BASE", wire.base());
    let summary = folder.run("settle leads --format json").exits(0).json();
    assert_adds_up(&summary);
    assert_eq!(summary["stopped_because"], "nothing_due");
    assert_eq!(summary["status"], "paused");
    assert_eq!(summary["calls_placed"], 0);
    assert_eq!(summary["counts"]["initiated"], 0);
    assert_eq!(summary["counts"]["completed"], 2);
    assert_eq!(summary["counts"]["pending"], 4);
    assert_eq!(wire.posts(), 0);
    assert_eq!(
        wire.requests().len() as u64,
        summary["requests"].as_u64().unwrap()
    );
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn settle_says_that_it_has_asked_and_not_that_nothing_was_due() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let summary = folder.run("settle leads").exits(0).stdout;
    let stopped = "stopped   everything open was asked about\n";
    assert!(summary.contains(stopped), "{summary}");
    assert!(exotel.ledger().is_empty());
}

#[test]
fn settle_leaves_a_doubt_for_a_person() {
    // The list shows ended calls only, and this one goes on.
    let exotel = Exotel::start("--hold 60s --reply-delay 30s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let running = folder.spawn(&format!("start leads {FAST}"));
    exotel.has_accepted(1);
    running.kill();
    let summary = folder.run("settle leads --format json").exits(4).json();
    assert_eq!(summary["counts"]["held"], 1);
    assert_eq!(summary["counts"]["pending"], 2);
    assert_eq!(exotel.ledger().len(), 1);
}
