//! `status`: its three forms, its filters, and a finished campaign that is taken up again.

use serde_json::json;

use crate::support::answers::{assert_adds_up, contact};
use crate::support::binary::{FAST, Folder};
use crate::support::exotel::Exotel;

#[test]
fn status_shows_what_became_of_everybody_in_each_form() {
    let exotel = Exotel::start(
        "--hold 1s --mix completed=1 --fate 01=busy --fate 02=no-answer --fate 03=ndnc --fate 04=bad-number",
    );
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 5);
    folder.run(&format!("start leads {FAST}")).exits(0);

    let _filters = folder.snapshots();
    let table = folder.run("status leads").exits(0).stdout;
    insta::assert_snapshot!(table.replace('\t', "|"), @"
    campaign  leads
    status    completed
    contacts  5 = 0 pending + 0 initiated + 1 completed + 3 failed + 1 skipped + 0 held
    started   [TIME]
    finished  [TIME]

    number|name|state|outcome|attempts|called|length|note
    +919876500000|Person 0|completed|completed|1|[TIME]|1s|
    +919876500001|Person 1|failed|busy|1|[TIME]||
    +919876500002|Person 2|failed|no-answer|1|[TIME]||
    +919876500003|Person 3|skipped||1|||ndnc: Call to […0003] cannot be made because of TRAI NDNC regulations (403)
    +919876500004|Person 4|failed||1|||bad_number: From number …0004 is invalid (400, code 34001)
    ");

    let status = folder.status("leads");
    assert_adds_up(&status);
    let called = exotel.ledger();
    let mut reached = contact(&status, 0).clone();
    assert_eq!(reached["call_sid"], called[0].sid);
    for time in ["call_started_at", "call_ended_at"] {
        assert!(
            reached[time].as_str().unwrap().ends_with("+05:30"),
            "{reached:#}"
        );
        reached[time] = json!("then");
    }
    reached["call_sid"] = json!("sid");
    reached["price"] = json!("may come later");
    let expected = json!({
        "id": 1, "number": "+919876500000", "name": "Person 0", "call_status": "completed", "outcome": "completed",
        "reason": null, "attempts": 1, "call_sid": "sid", "call_started_at": "then", "call_ended_at": "then",
        "call_error": null, "duration_s": 1, "price": "may come later", "next_attempt_at": null, "fields": {},
    });
    assert_eq!(reached, expected);

    let csv = folder
        .run("status leads --format csv --state skipped")
        .exits(0)
        .stdout;
    insta::assert_snapshot!(csv, @"
    id,number,name,call_status,outcome,reason,attempts,call_sid,call_started_at,call_ended_at,call_error,duration_s,price,next_attempt_at
    4,+919876500003,Person 3,skipped,,ndnc,1,,,,Call to […0003] cannot be made because of TRAI NDNC regulations (403),,,
    ");

    let shown = |flags: &str| -> Vec<String> {
        let status = folder
            .run(&format!("status leads --format json {flags}"))
            .exits(0)
            .json();
        assert_eq!(
            status["total_contacts"], 5,
            "counts are of all, whatever is shown"
        );
        let contacts = status["contacts"].as_array().unwrap();
        contacts
            .iter()
            .map(|contact| contact["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        shown("--state failed"),
        ["Person 1", "Person 2", "Person 4"]
    );
    assert_eq!(shown("--state failed --outcome busy"), ["Person 1"]);
    assert_eq!(
        shown("--outcome busy --outcome completed"),
        ["Person 0", "Person 1"]
    );
    assert_eq!(
        shown("--state skipped --state completed"),
        ["Person 0", "Person 3"]
    );
    assert_eq!(shown("--number 09876500002"), ["Person 2"]);
    assert!(shown("--number 9876500077").is_empty());
    assert_eq!(shown("--limit 2"), ["Person 0", "Person 1"]);
}

#[test]
fn fifty_contacts_are_shown_unless_all_are_asked_for() {
    let folder = Folder::new();
    folder.import_people("leads", 60);
    let ran = folder.run("status leads").exits(0);
    assert_eq!(ran.stdout.lines().count(), 5 + 50);
    assert_eq!(ran.stderr, "50 of 60 contacts; `--limit 0` shows all\n");
    let ran = folder.run("status leads --limit 0").exits(0);
    assert_eq!(ran.stdout.lines().count(), 5 + 60);
    assert_eq!(ran.stderr, "");
}

#[test]
fn words_that_are_no_filter_are_refused_with_those_that_are() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let ran = folder.run("status leads --state done").exits(2);
    assert!(
        ran.stderr
            .contains("pending, initiated, completed, failed, skipped, held"),
        "{}",
        ran.stderr
    );
    let ran = folder.run("status leads --outcome engaged").exits(2);
    assert!(ran.stderr.contains("no-answer"), "{}", ran.stderr);
    let ran = folder.run("status leads --number 12").exits(2);
    assert!(
        ran.stderr.contains("Invalid phone number format"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_completed_campaign_is_taken_up_again_by_new_contacts() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.run(&format!("start leads {FAST}")).exits(0);
    let finished = folder.status("leads");
    assert_eq!(finished["status"], "completed");
    assert!(finished["finished_at"].is_string());

    folder.import_people("leads", 3);
    let grown = folder.status("leads");
    assert_eq!(grown["counts"]["pending"], 1);
    assert_ne!(grown["status"], "completed", "somebody is left to call");
    folder.run("start leads --allowance max").exits(0);
    assert_eq!(folder.status("leads")["status"], "completed");
    assert_eq!(exotel.ledger().len(), 3);
}
