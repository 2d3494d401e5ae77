//! `retry`: finished contacts are offered again, as a decision with a record.

use serde_json::json;

use super::steer::records;
use crate::support::answers::{assert_adds_up, contact};
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::Exotel;

/// Returns a campaign whose people ended, by their last digit: busy, no-answer, failed, a bad number, and reached.
fn finished() -> (Exotel, Folder) {
    let exotel = Exotel::start(
        "--hold 50ms --mix completed=1 --fate 0=busy --fate 1=no-answer --fate 2=failed --fate 3=bad-number",
    );
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 6);
    folder.run(&format!("start leads {FAST}")).exits(0);
    (exotel, folder)
}

fn forbid(folder: &Folder, ending: u32) {
    let sql = "INSERT INTO do_not_call (person_id, added_at, added_by, source)
               SELECT id, 0, 'asha', 'person' FROM person WHERE number = ?1";
    let digits: i64 = number(ending)[1..].parse().unwrap();
    assert_eq!(folder.database().execute(sql, [digits]).unwrap(), 1);
}

#[test]
fn whose_last_call_ended_like_that_is_called_again_and_nobody_else() {
    let (exotel, folder) = finished();
    let called = exotel.ledger().len();
    let words = [
        "retry",
        "leads",
        "--outcome",
        "busy,no-answer",
        "--because",
        "power cut",
        "--format",
        "json",
    ];
    let ran = folder.run_words(&words).exits(0);
    let offered = ran.json();
    for (key, expected) in [
        ("campaign", json!("leads")),
        ("status", json!("stopped")),
        ("offered", json!(2)),
        ("outcomes", json!(["busy", "no-answer"])),
        ("reasons", json!([])),
        ("by", json!("asha")),
        ("because", json!("power cut")),
    ] {
        assert_eq!(offered[key], expected, "{key}");
    }
    assert!(
        ran.stderr.contains("`exocamp start leads`"),
        "{}",
        ran.stderr
    );
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(status["status"], "stopped");
    assert_eq!(contact(&status, 0)["call_status"], "pending");
    assert_eq!(contact(&status, 1)["call_status"], "pending");
    assert_eq!(status["counts"]["pending"], 2);

    folder.run(&format!("start leads {FAST}")).exits(0);
    let mut again: Vec<_> = exotel.ledger()[called..]
        .iter()
        .map(|call| call.number.clone())
        .collect();
    again.sort();
    assert_eq!(again, [number(0), number(1)]);
    assert_eq!(folder.status("leads")["counts"]["failed"], 4);
    let because = Some("power cut".to_owned());
    assert_eq!(
        records(&folder),
        [("asha".to_owned(), "retry".to_owned(), because)]
    );
    let detail: String = folder
        .database()
        .query_row("SELECT detail FROM steering", [], |row| row.get(0))
        .unwrap();
    assert_eq!(detail, "busy,no-answer: 2 contacts");
}

#[test]
fn who_was_reached_is_called_again_only_for_a_reason() {
    let (_exotel, folder) = finished();
    let ran = folder.run("retry leads --outcome completed").exits(2);
    assert!(ran.stderr.contains("--because"), "{}", ran.stderr);
    let ran = folder
        .run("retry leads --outcome completed --because wrong-flow")
        .exits(0);
    assert_eq!(ran.stdout, "2 contacts of `leads` will be called again\n");
}

#[test]
fn all_tries_are_permitted_again() {
    let exotel = Exotel::start("--hold 50ms --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    let tries = format!("start leads {FAST} --retries 1 --retry-after 0s");
    folder.run(&tries).exits(0);
    assert_eq!(exotel.ledger().len(), 2);
    // No more than three calls in a day, whoever decides.
    folder.run("retry leads --outcome busy").exits(0);
    folder.run(&format!("{tries} --once")).exits(3);
    assert_eq!(exotel.ledger().len(), 3);
}

#[test]
fn nobody_is_offered_who_must_not_be_called_or_is_not_finished() {
    let (_exotel, folder) = finished();
    forbid(&folder, 0);
    let ran = folder.run("retry leads --outcome busy").exits(2);
    assert!(ran.stderr.contains("do-not-call list"), "{}", ran.stderr);
    let ran = folder.run("retry leads --outcome busy,failed").exits(0);
    assert_eq!(
        ran.stdout,
        "1 contact of `leads` will be called again; 1 on the do-not-call list stay as they are\n"
    );
    // The one who is to be called already.
    folder.run("retry leads --outcome failed").exits(2);
    folder
        .run("retry leads --reason retry,in_doubt,busy_elsewhere")
        .exits(2);
    assert_eq!(folder.status("leads")["counts"]["pending"], 1);
}

#[test]
fn who_was_given_up_is_found_by_the_reason_alone() {
    let exotel = Exotel::start("--hold 50ms --mix busy=1 --fate 1=bad-number");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    forbid(&folder, 2);
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(folder.status("leads")["counts"]["skipped"], 1);
    folder
        .database()
        .execute("DELETE FROM do_not_call", [])
        .unwrap();
    let ran = folder
        .run("retry leads --outcome busy,no-answer,failed,canceled")
        .exits(0);
    assert_eq!(ran.stdout, "1 contact of `leads` will be called again\n");
    let ran = folder
        .run("retry leads --reason do_not_call,bad_number")
        .exits(0);
    assert_eq!(ran.stdout, "2 contacts of `leads` will be called again\n");
}

#[test]
fn where_nobody_fits_it_says_what_there_is() {
    let (_exotel, folder) = finished();
    folder.run("retry leads").exits(2);
    folder.run("retry leads --outcome unlucky").exits(2);
    folder.run("retry leads --reason unlucky").exits(2);
    let ran = folder
        .run("retry leads --outcome canceled --reason cap")
        .exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: no finished contact of `leads` fits `canceled,cap`
    hint: finished are: 2 completed, 1 busy, 1 failed, 1 no-answer, 1 bad_number
    ");
    assert_eq!(records(&folder), []);
}
