//! Disks that fail, against the real program: system calls are made to fail with strace, and what must hold is looked
//! at from outside, in the pretend Exotel's ledger and in the database.
//!
//! Whatever breaks: no request without its committed intent, nobody rung twice, nobody lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::answers::{assert_adds_up, contacts_in};
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::Ran;
use crate::support::strace::Strace;

/// What SQLite writes, and where it waits for the disk.
const LOG: &str = "exocamp.db-wal";

/// A start that takes many turns: as many calls as this at once, and no more.
const FEW_LINES: &str =
    "start leads --rate max --allowance max --lines 4 --hours 00:00-24:00 --short-calls off";

/// Fails unless every call in the ledger is one that an attempt permits, to that attempt's number.
#[track_caller]
fn assert_every_call_was_permitted(exotel: &Exotel, folder: &Folder) {
    let database = folder.database();
    let mut attempts = database
        .prepare("SELECT key, number FROM attempt JOIN person ON person.id = person_id")
        .unwrap();
    let rows = attempts
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let permitted: BTreeMap<String, i64> = rows.map(Result::unwrap).collect();
    for call in exotel.ledger() {
        let key = call.custom_field.as_deref().expect("every call has a key");
        let number = permitted.get(key).map(|number| format!("+{number}"));
        assert_eq!(number.as_ref(), Some(&call.number), "{key}");
    }
}

/// Starts without faults until nothing is left, and fails unless everybody was rung once or is held in doubt.
#[track_caller]
fn assert_goes_on(exotel: &Exotel, folder: &Folder, people: u32) -> Ran {
    assert_every_call_was_permitted(exotel, folder);
    let ran = folder.run(&format!("start leads {FAST}"));
    assert!([Some(0), Some(4)].contains(&ran.code), "{ran:?}");
    assert_every_call_was_permitted(exotel, folder);
    let rung = rung_once(&exotel.ledger());
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(status["counts"]["pending"], 0, "{status:#}");
    assert_eq!(status["counts"]["initiated"], 0, "{status:#}");
    let held: BTreeSet<_> = contacts_in(&status, "held")
        .iter()
        .map(|contact| contact["number"].as_str().unwrap().to_owned())
        .collect();
    for ending in 0..people {
        let number = number(ending);
        assert!(
            rung.contains(&number) || held.contains(&number),
            "{number} was forgotten"
        );
    }
    ran
}

#[test]
fn a_disk_that_fails_in_the_middle_of_a_run_ends_it_and_the_next_one_goes_on() {
    let Some(strace) = Strace::find() else { return };
    // Each thread counts by itself: the one that opens the database stays below these numbers.
    for (fault, message, hint) in [
        (
            "pwrite64:error=ENOSPC:when=60+",
            "error: the disk is full\n",
            "hint: free some space, then run the same command again: it goes on\n",
        ),
        (
            "pwrite64:error=EIO:when=60+",
            "error: the disk fails\n",
            "hint: see that the disk has room and is sound",
        ),
        (
            "fdatasync,fsync:error=EIO:when=8+",
            "error: the disk fails\n",
            "hint: see that the disk has room and is sound",
        ),
        (
            "fdatasync,fsync:error=ENOSPC:when=8+",
            "error: the disk fails\n",
            "hint: see that the disk has room and is sound",
        ),
    ] {
        let exotel = Exotel::start("--hold 20ms..80ms --reply-delay 5ms..20ms --mix completed=1");
        let folder = Folder::calling(&exotel);
        folder.import_people("leads", 40);
        let ran = strace
            .run(&folder, fault, Some(LOG), FEW_LINES)
            .end()
            .exits(6);
        assert!(
            ran.stderr.contains(message) && ran.stderr.contains(hint),
            "{fault}: {}",
            ran.stderr
        );
        let rung = exotel.ledger().len();
        assert!((1..40).contains(&rung), "{fault}: {rung} were rung");
        assert_goes_on(&exotel, &folder, 40);
    }
}

#[test]
fn a_commit_that_fails_sends_nothing() {
    let Some(strace) = Strace::find() else { return };
    let rung_when_failing_at = |sync: u32| {
        let exotel = Exotel::start("--hold 300ms --mix completed=1");
        let folder = Folder::calling(&exotel);
        folder.import_people("leads", 1);
        // As long as somebody else looks on, the log stays, and a run syncs for its turns and little else.
        let onlooker = folder.database();
        let events =
            || onlooker.query_row("SELECT count(*) FROM attempt_event", [], |row| row.get(0));
        assert_eq!(events(), Ok(0));
        folder.run(&format!("start leads {FAST}")).exits(0);
        folder.import_people("leads", 6);
        // With an allowance, the GET has a row of its own.
        let start = "start leads --rate max --lines 50 --hours 00:00-24:00 --short-calls off";
        let fault = format!("fdatasync,fsync:error=EIO:when={sync}");
        strace.run(&folder, &fault, Some(LOG), start).end().exits(6);
        exotel.ledger().len() - 1
    };
    // Each thread counts its own syncs. The first is for the GET, the second permits one call, the third takes its reply
    // and permits all others. Had anything been sent before its commit, it would be one call, and five.
    assert_eq!(rung_when_failing_at(1), 0);
    assert_eq!(rung_when_failing_at(2), 0);
    assert_eq!(rung_when_failing_at(3), 1);
}

#[test]
fn no_request_leaves_before_the_log_that_permits_it_is_on_the_disk() {
    let Some(strace) = Strace::find() else { return };
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    // Of one call nothing is written while its request is on its way.
    folder.import_people("leads", 1);
    let trace = strace.posts_and_syncs(&folder, LOG, &format!("start leads {FAST}"));
    assert_eq!((trace.posts, trace.unsynced_posts), (1, 0), "{trace:?}");
    assert!(trace.syncs >= 2, "{trace:?}");
}

#[test]
fn killed_at_any_write_it_goes_on_and_rings_nobody_twice() {
    let Some(strace) = Strace::find() else { return };
    let exotel = Exotel::start("--hold 20ms..80ms --reply-delay 5ms..20ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    let people = 120;
    folder.import_people("leads", people);
    let mut killed = 0;
    for write in [1, 2, 3, 4, 6, 9, 14, 19, 25, 32, 40, 51, 64, 80] {
        let fault = format!("pwrite64:signal=KILL:when={write}");
        let ran = strace.run(&folder, &fault, Some(LOG), FEW_LINES).end();
        killed += u32::from(ran.code.is_none());
        assert_every_call_was_permitted(&exotel, &folder);
        rung_once(&exotel.ledger());
    }
    assert!(killed >= 8, "only {killed} runs were killed");
    assert_goes_on(&exotel, &folder, people);
}

#[test]
fn killed_between_a_commit_and_its_mark_it_is_not_locked_out() {
    let Some(strace) = Strace::find() else { return };
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 40);
    for write in [1, 1, 2, 3] {
        let fault = format!("pwrite64:signal=KILL:when={write}");
        let ran = strace
            .run(&folder, &fault, Some("exocamp.db.mark"), FEW_LINES)
            .end();
        assert_eq!(ran.code, None, "{}", ran.stderr);
        assert!(!ran.stderr.contains("behind"), "{}", ran.stderr);
    }
    assert_goes_on(&exotel, &folder, 40);
}

#[test]
fn a_mark_that_cannot_be_written_stops_no_calls_and_is_said_once() {
    let Some(strace) = Strace::find() else { return };
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 5);
    let ran = strace
        .run(
            &folder,
            "pwrite64:error=ENOSPC:when=1+",
            Some("exocamp.db.mark"),
            &format!("start leads {FAST}"),
        )
        .end()
        .exits(0);
    let said = ran.stderr.matches("cannot write the mark").count();
    assert_eq!(said, 1, "{}", ran.stderr);
    assert_eq!(rung_once(&exotel.ledger()).len(), 5);
}
