//! `pause`, `resume` and `cancel` from another terminal, while a run goes on and while none does.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use crate::support::answers::assert_adds_up;
use crate::support::binary::{FAST, Folder};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;

/// Twenty starts a second, as many lines as that needs, at any hour.
const TWENTY_A_SECOND: &str =
    "--rate 20/s --allowance max --lines 200 --hours 00:00-24:00 --short-calls off";

/// Returns what was done to the campaigns: who, what, and why.
pub(crate) fn records(folder: &Folder) -> Vec<(String, String, Option<String>)> {
    let database = folder.database();
    let sql = "SELECT by, what, because FROM steering WHERE at > 1700000000000 ORDER BY id";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn record(what: &str, because: Option<&str>) -> (String, String, Option<String>) {
    let because = because.map(str::to_owned);
    ("asha".to_owned(), what.to_owned(), because)
}

#[test]
fn once_pause_has_returned_no_call_begins_and_the_run_leaves_by_itself() {
    let exotel = Exotel::start("--hold 300ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 300);
    let running = folder.spawn(&format!("start leads {TWENTY_A_SECOND} --format json"));
    exotel.has_accepted(10);
    let words = [
        "pause",
        "leads",
        "--because",
        "the flow is wrong",
        "--format",
        "json",
    ];
    let paused = folder.run_words(&words).exits(0).json();
    let called = exotel.ledger().len();
    assert_eq!(paused["campaign"], "leads");
    assert_eq!(paused["status"], "paused");
    assert_eq!(paused["status_before"], "running");
    assert_eq!(paused["changed"], true);
    assert_eq!(paused["open_posts"], 0);
    assert_eq!(paused["by"], "asha");
    assert_eq!(paused["because"], "the flow is wrong");
    assert!(
        paused["at"]
            .as_str()
            .is_some_and(|at| at.ends_with("+05:30"))
    );

    let summary = running.end().exits(3).json();
    assert_eq!(summary["stopped_because"], "paused");
    assert_eq!(
        summary["counts"]["initiated"], 0,
        "live calls were followed"
    );
    assert_eq!(exotel.ledger().len(), called);
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(status["status"], "paused");
    assert_eq!(status["counts"]["completed"], called);

    // Again, it changes nothing and is no fault.
    let again = folder.run("pause leads --format json").exits(0).json();
    assert_eq!(
        (&again["changed"], &again["because"]),
        (&Value::Bool(false), &Value::Null)
    );
    folder.run(&format!("start leads {FAST}")).exits(3);
    assert_eq!(exotel.ledger().len(), called);

    let resumed = folder.run("resume leads --format json").exits(0);
    assert_eq!(resumed.json()["status"], "stopped");
    assert!(
        resumed.stderr.contains("`exocamp start leads`"),
        "{}",
        resumed.stderr
    );
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 300);
    assert_eq!(
        records(&folder),
        [
            record("pause", Some("the flow is wrong")),
            record("resume", None)
        ]
    );
}

/// Puts the person of a call that is permitted and has not left on the do-not-call list; returns their number if that was
/// written before the call was to leave.
fn opt_out_in_time(database: &Connection) -> Option<String> {
    let permitted =
        "SELECT person_id, number, send_at FROM attempt JOIN person ON person.id = person_id
                     WHERE state = 'intent' ORDER BY send_at DESC LIMIT 1";
    let (person, number, send_at): (i64, i64, i64) = database
        .query_row(permitted, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .ok()?;
    let sql = "INSERT OR IGNORE INTO do_not_call (person_id, added_at, added_by, source) VALUES (?1, 0, 'asha', 'person')";
    let is_new = database.execute(sql, [person]).unwrap() == 1;
    let now = Timestamp::now().as_millisecond();
    (is_new && now < send_at).then(|| format!("+{number}"))
}

#[test]
fn a_call_that_is_permitted_does_not_leave_once_its_person_has_opted_out() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 400);
    let mut running = folder.spawn(&format!("start leads {TWENTY_A_SECOND} --format json"));
    let database = folder.database();
    let mut in_time = BTreeSet::new();
    eventually("five opt-outs in time", || {
        in_time.extend(opt_out_in_time(&database));
        (in_time.len() >= 5 || running.has_ended()).then_some(())
    });
    folder.run("set leads rate=max").exits(0);
    let summary = running.end().exits(0).json();
    assert!(!in_time.is_empty(), "the moment was hit");
    let rung = rung_once(&exotel.ledger());
    let rung_too_late: Vec<_> = rung.intersection(&in_time).collect();
    assert!(rung_too_late.is_empty(), "{rung_too_late:?} of {in_time:?}");
    assert_eq!(summary["counts"]["completed"], rung.len());
    // Their permission was withdrawn, and the next turn skips them.
    assert!(summary["counts"]["skipped"].as_u64() >= Some(in_time.len() as u64));
}

#[test]
fn resume_before_the_run_has_left_lets_it_go_on() {
    let exotel = Exotel::start("--hold 5s --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 60);
    let running = folder.spawn(&format!("start leads {TWENTY_A_SECOND}"));
    exotel.has_accepted(5);
    let paused = folder.run("pause leads").exits(0);
    assert_eq!(paused.stdout, "`leads` is paused until `resume`\n");
    assert_eq!(paused.stderr, "");
    let resumed = folder.run("resume leads").exits(0);
    assert_eq!(
        (&*resumed.stdout, &*resumed.stderr),
        ("`leads` goes on\n", "")
    );
    assert_eq!(folder.status("leads")["status"], "running");
    running.end().exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 60);
}

#[test]
fn cancel_ends_a_running_campaign_for_good() {
    let exotel = Exotel::start("--hold 1s --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 200);
    let running = folder.spawn(&format!(
        "start leads {TWENTY_A_SECOND} --retries 3 --retry-after 1h --format json"
    ));
    exotel.has_accepted(5);
    let words = [
        "cancel",
        "leads",
        "--because",
        "the offer is over",
        "--format",
        "json",
    ];
    let cancelled = folder.run_words(&words).exits(0).json();
    let called = exotel.ledger().len();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["changed"], true);
    assert_eq!(cancelled["open_posts"], 0);
    let skipped = cancelled["skipped"].as_u64().unwrap();
    assert!(skipped >= 190 - called as u64, "{skipped}");

    let summary = running.end().exits(3).json();
    assert_eq!(summary["stopped_because"], "cancelled");
    assert_eq!(exotel.ledger().len(), called);
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(status["status"], "cancelled");
    assert_eq!(
        status["counts"]["skipped"], 200,
        "busy lines are not tried again"
    );
    let contacts = status["contacts"].as_array().unwrap();
    assert!(
        contacts
            .iter()
            .all(|contact| contact["reason"] == "cancelled")
    );

    let ran = folder
        .run(&format!("start leads {FAST} --format json"))
        .exits(3);
    assert_eq!(ran.json()["stopped_because"], "cancelled");
    let again = folder.run("cancel leads").exits(0);
    assert_eq!(again.stdout, "`leads` was cancelled already\n");
    folder.write("more.csv", "phone\n9876599999\n");
    for line in [
        "import more.csv --campaign leads",
        "pause leads",
        "resume leads",
        "set leads lines=3",
        "retry leads --outcome busy",
    ] {
        let ran = folder.run(line).exits(2);
        assert!(ran.stderr.contains("cancelled"), "{line}: {}", ran.stderr);
    }
    assert_eq!(exotel.ledger().len(), called);
    assert_eq!(
        records(&folder),
        [record("cancel", Some("the offer is over"))]
    );
}

#[test]
fn a_campaign_that_nobody_runs_is_paused_and_cancelled_all_the_same() {
    let folder = Folder::new();
    folder.import_people("leads", 3);
    folder.run("pause leads -q").exits(0);
    assert_eq!(folder.status("leads")["status"], "paused");
    let cancelled = folder.run("cancel leads").exits(0);
    assert_eq!(
        cancelled.stdout,
        "`leads` is cancelled: 3 contacts will not be called\n"
    );
    assert_eq!(folder.status("leads")["counts"]["skipped"], 3);
}

#[test]
fn where_there_is_nothing_to_steer_the_exit_code_is_two() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.run("pause leads").exits(2);
    folder.import_people("leads", 2);
    folder.run("pause others").exits(2);
    let resumed = folder.run("resume leads").exits(0);
    assert_eq!(resumed.stdout, "`leads` was not paused\n");
    folder.run(&format!("start leads {FAST}")).exits(0);
    for command in ["pause", "resume", "cancel"] {
        let ran = folder.run(&format!("{command} leads")).exits(2);
        let expected =
            format!("error: campaign `leads` is completed: there is nothing to {command}\n");
        assert_eq!(ran.stderr, expected);
    }
    let ran = folder.run("pause leads --format json").exits(2);
    assert_eq!(ran.error_json()["exit"], 2);
    assert_eq!(records(&folder), []);
}

#[test]
fn nobody_but_the_owner_steers() {
    let mut folder = Folder::new();
    folder.import_people("leads", 2);
    folder.set("EXOCAMP_USER", "ravi");
    for line in [
        "pause leads",
        "resume leads",
        "cancel leads --yes",
        "set leads lines=3",
        "retry leads --outcome busy",
    ] {
        let ran = folder.run(line).exits(2);
        assert!(
            ran.stderr.contains("belongs to `asha`"),
            "{line}: {}",
            ran.stderr
        );
    }
    assert_eq!(folder.status("leads")["counts"]["pending"], 2);
    assert_eq!(folder.status("leads")["status"], "stopped");
    assert_eq!(records(&folder), []);
}

#[test]
fn what_a_killed_run_left_open_is_named_and_not_waited_for() {
    let exotel = Exotel::start("--hold 50ms --reply-delay 30s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let running = folder.spawn(&format!("start leads {FAST}"));
    exotel.has_accepted(1);
    running.kill();
    let paused = folder.run("pause leads").exits(0);
    assert!(
        paused.stdout.contains("1 call was under way"),
        "{}",
        paused.stdout
    );
    assert!(
        paused.stderr.contains("`exocamp settle leads`"),
        "{}",
        paused.stderr
    );
}

#[test]
fn a_running_campaign_calls_whoever_is_imported_meanwhile() {
    let exotel = Exotel::start("--hold 5s --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let running = folder.spawn(&format!("start leads {FAST}"));
    // Both are on the phone, and nobody else is left.
    exotel.has_accepted(2);
    folder.import_people("leads", 4);
    exotel.has_accepted(4);
    running.end().exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 4);

    folder.write("people.csv", &crate::support::binary::people(0..5));
    let ran = folder.run("import people.csv --campaign leads").exits(0);
    assert!(
        ran.stderr.contains("nobody runs it: `exocamp start leads`"),
        "{}",
        ran.stderr
    );
    let status = folder.status("leads");
    assert_eq!(
        (&status["status"], &status["counts"]["pending"]),
        (&"stopped".into(), &1.into())
    );
    assert_eq!(exotel.ledger().len(), 4);
}
