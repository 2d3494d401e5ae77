//! A database that was put back from a backup: it would ring people again, and does not.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::binary::{FAST, Folder, number, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;

/// Returns the highest attempt event that the mark speaks of.
fn marked(folder: &Folder) -> Option<i64> {
    let text = fs::read_to_string(folder.path().join("exocamp.db.mark")).ok()?;
    let mark: Value = serde_json::from_str(&text).expect("a mark is JSON");
    mark["event"].as_i64()
}

fn committed(folder: &Folder) -> i64 {
    let sql = "SELECT coalesce(max(id), 0) FROM attempt_event";
    folder
        .database()
        .query_row(sql, [], |row| row.get(0))
        .expect("events can be counted")
}

/// Returns a folder in which two people were called, then a backup was made, then two more were called.
fn with_a_backup_of_half_the_calls(exotel: &Exotel) -> Folder {
    let folder = Folder::calling(exotel);
    folder.import_people("leads", 4);
    folder
        .run(&format!("start leads {FAST} --max-calls 2"))
        .exits(3);
    folder.back_up("backup.db");
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 4);
    folder
}

#[test]
fn a_backup_calls_nobody_until_it_is_adopted() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = with_a_backup_of_half_the_calls(&exotel);
    folder.put_back("backup.db");

    for line in [
        format!("start leads {FAST}"),
        "settle leads".to_owned(),
        "call 9876500009 --yes".to_owned(),
    ] {
        let ran = folder.run(&line).exits(6);
        let _filters = folder.snapshots();
        insta::allow_duplicates! {
            // `call` says first where its requests would go.
            let told = ran.stderr.rsplit("not to Exotel\n").next().unwrap_or_default();
            insta::assert_snapshot!(told, @"
        error: `[FOLDER]/exocamp.db` is an older copy: it is behind its mark by [N] events
        hint: put the newest copy back; if there is none, run `exocamp audit CAMPAIGN`, then `exocamp adopt`
        ");
        }
    }
    assert_eq!(exotel.ledger().len(), 4);

    // What is in it can be looked at, with a warning.
    let ran = folder.run("status leads").exits(0);
    assert!(ran.stdout.contains("2 pending"), "{}", ran.stdout);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stderr, @"warning: this database is an older copy, behind its mark by [N] events; calling is refused until `exocamp adopt`");
    let ran = folder.run("list --format json").exits(0);
    assert!(ran.stderr.contains("exocamp adopt"), "{}", ran.stderr);

    // Nobody accepts it by accident.
    let ran = folder.run("adopt --yes").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    warning: this database is an older copy, behind its mark by [N] events
    people may have been called who are pending here: `exocamp audit leads`
    error: nobody has said why it is safe to go on with this database
    hint: audit its campaigns; where that does not settle it, `exocamp adopt --because 'TEXT' --yes` with what you have found
    ");
    let ran = folder.run("adopt --because ok").exits(2);
    assert!(
        ran.stderr
            .ends_with("hint: say so beforehand with `--yes`\n"),
        "{}",
        ran.stderr
    );
    let because = ["adopt", "--because", "number 2 and 3 were told in person"];
    let ran = folder.run_words(&because).exits(2);
    assert!(ran.stderr.contains("hint: say so beforehand with `--yes`"));
    folder.run(&format!("start leads {FAST}")).exits(6);

    let ran = folder
        .run_words(&[&because[..], &["--yes"]].concat())
        .exits(0);
    assert_eq!(ran.stdout, "adopted: campaigns can be started again\n");
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(exotel.ledger().len(), 6);
    let kept: (String, String, i64, i64) = folder
        .database()
        .query_row(
            "SELECT adopted_by, because, event, mark_event FROM adoption",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!((kept.0.as_str(), kept.1.as_str()), ("asha", because[2]));
    assert!(kept.2 < kept.3, "{kept:?}");

    // The backup is as old as ever, also beside the adopted database's mark.
    folder.put_back("backup.db");
    let ran = folder.run(&format!("start leads {FAST}")).exits(6);
    assert!(ran.stderr.contains("by an adoption"), "{}", ran.stderr);
}

/// Makes the mark look as if it had been written an hour ago: by now the list must show all calls.
fn age_the_mark(folder: &Folder) {
    let mark = File::options()
        .write(true)
        .open(folder.path().join("exocamp.db.mark"))
        .unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    mark.set_modified(hour_ago).unwrap();
}

#[test]
fn an_audit_shows_whom_a_backup_would_call_again_and_adopting_wants_to_know_why_not() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = with_a_backup_of_half_the_calls(&exotel);
    folder.set("EXOCAMP_RECORD_LAG", "0s");
    exotel.calls_are_over();
    // An audit from before says nothing of what was lost.
    folder.run("audit leads").exits(0);
    folder.put_back("backup.db");

    let ran = folder.run("audit leads --format json").exits(4);
    assert!(
        ran.stderr
            .contains("warning: this database is an older copy"),
        "{}",
        ran.stderr
    );
    let audit = ran.json();
    assert_eq!(audit["matched"], 2);
    let lost = audit["only_theirs"].as_array().unwrap();
    let ledger = exotel.ledger();
    assert_eq!(lost.len(), 2);
    for (found, call) in lost.iter().zip(&ledger[2..]) {
        assert_eq!(found["sid"], call.sid);
        assert_eq!(found["number"], call.number);
        assert_eq!(found["is_contact"], true);
    }

    let ran = folder.run("adopt --yes").exits(2);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stderr, @"
    warning: this database is an older copy, behind its mark by [N] events
    the audit of `leads` has found differences (2): `exocamp audit leads` shows them
    error: nobody has said why it is safe to go on with this database
    hint: audit its campaigns; where that does not settle it, `exocamp adopt --because 'TEXT' --yes` with what you have found
    ");
    folder
        .run("adopt --yes --because both-were-told-in-person")
        .exits(0);
    assert_eq!(exotel.ledger().len(), 4);
}

#[test]
fn a_backup_that_lacks_no_call_is_adopted_after_an_audit_that_comes_late_enough() {
    let exotel = Exotel::start("--hold 400ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOCAMP_RECORD_LAG", "0s");
    folder.import_people("leads", 2);
    folder.write("others.csv", &people([50]));
    folder.run("import others.csv").exits(0);
    let running = folder.spawn(&format!("start leads {FAST}"));
    // Both are accepted, and their ends are what the backup lacks.
    eventually("two live calls", || {
        let live = "SELECT count(*) FROM attempt WHERE call_sid IS NOT NULL";
        let live: i64 = folder
            .database()
            .query_row(live, [], |row| row.get(0))
            .ok()?;
        (live == 2).then_some(())
    });
    folder.back_up("backup.db");
    running.end().exits(0);
    exotel.calls_are_over();
    folder.put_back("backup.db");

    folder.run("audit leads").exits(0);
    let ran = folder.run("adopt --yes").exits(2);
    assert!(
        ran.stderr
            .contains("the provider's list may lack the latest calls until")
            && ran.stderr.contains("pending here: `exocamp audit others`"),
        "{}",
        ran.stderr
    );
    folder.run("audit others").exits(0);
    age_the_mark(&folder);
    let adoption = folder.run("adopt --yes --format json").exits(0).json();
    assert_eq!(adoption["adopted"], true);
    assert_eq!(
        adoption["because"],
        "every campaign was audited, without a difference"
    );
    folder.run("settle leads").exits(0);
    folder.run(&format!("start others {FAST}")).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 3);
}

#[test]
fn adopting_what_is_at_home_changes_nothing() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = with_a_backup_of_half_the_calls(&exotel);
    let ran = folder.run("adopt").exits(0);
    assert_eq!(
        ran.stdout,
        "nothing to adopt: the database is of this machine and not behind its mark\n"
    );
    let adoption = folder
        .run("adopt --because nothing --yes --format json")
        .exits(0)
        .json();
    assert_eq!(adoption["adopted"], false);
    Folder::new().run("adopt").exits(2);
}

#[test]
fn nothing_is_adopted_while_a_campaign_runs() {
    let exotel = Exotel::start("--hold 30s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.back_up("backup.db");
    let _running =
        folder.spawn("start leads --rate max --allowance max --lines 1 --hours 00:00-24:00");
    exotel.has_accepted(1);
    // In one go, so that the running program does not meet a half of it.
    fs::rename(
        folder.path().join("backup.db"),
        folder.path().join("exocamp.db"),
    )
    .unwrap();
    let _ = fs::remove_file(folder.path().join("exocamp.db-wal"));
    let _ = fs::remove_file(folder.path().join("exocamp.db-shm"));
    let ran = folder.run("adopt --yes --because hurry").exits(75);
    assert!(
        ran.stderr.starts_with(
            "error: campaign `leads` keeps the database\n  caused by: Campaign is already running"
        ),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_mark_follows_the_commits_and_is_never_ahead() {
    let exotel = Exotel::start("--hold 20ms..100ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 60);
    let mut running = folder.spawn(&format!("start leads {FAST}"));
    let mut looks = 0;
    eventually("the end of the run", || {
        // In this order: what is committed in between only helps the database.
        if let Some(marked) = marked(&folder) {
            let committed = committed(&folder);
            assert!(
                marked <= committed,
                "{marked} marked, {committed} committed"
            );
            looks += 1;
        }
        running.has_ended().then_some(())
    });
    assert!(looks > 5, "only looked {looks} times");
    running.end().exits(0);
    assert_eq!(marked(&folder), Some(committed(&folder)));
    assert!(committed(&folder) >= 3 * 60);
}

#[test]
fn a_mark_that_is_lost_or_torn_locks_nobody_out() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    let mark = folder.path().join("exocamp.db.mark");
    // The first start has nothing to compare.
    let ran = folder.run(&format!("start leads {FAST}")).exits(0);
    assert!(!ran.stderr.contains("mark"), "{}", ran.stderr);

    fs::remove_file(&mark).unwrap();
    folder.import_people("leads", 2);
    let ran = folder.run(&format!("start leads {FAST}")).exits(0);
    assert!(
        ran.stderr
            .contains("warning: there is no mark beside the database"),
        "{}",
        ran.stderr
    );

    for (torn, contacts) in [("", 3), ("{\"database\":\"0123", 4), ("\0\0\0\0", 5)] {
        fs::write(&mark, torn).unwrap();
        folder.import_people("leads", contacts);
        let ran = folder.run(&format!("start leads {FAST}")).exits(0);
        assert!(
            ran.stderr
                .contains("warning: the mark beside the database cannot be read"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(rung_once(&exotel.ledger()).len(), 5);

    // A new list in a new database, where an old one lay: that is said, and no more.
    fs::remove_file(folder.path().join("exocamp.db")).unwrap();
    folder.write("people.csv", &people([77]));
    folder.run("import people.csv --campaign others").exits(0);
    let ran = folder.run(&format!("start others {FAST}")).exits(0);
    assert!(ran.stderr.contains("is of another one"), "{}", ran.stderr);
    assert!(rung_once(&exotel.ledger()).contains(&number(77)));
}
