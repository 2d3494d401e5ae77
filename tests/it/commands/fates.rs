//! Every way a call can go wrong, and the state its contact ends in.

use crate::support::answers::{assert_adds_up, contact};
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Exotel, rung_once};

/// A fate, the state and reason it leaves the contact in, and whether the phone rang.
const FATES: [(&str, &str, Option<&str>, bool); 16] = [
    ("completed", "completed", None, true),
    ("busy", "failed", None, true),
    ("no-answer", "failed", None, true),
    ("failed", "failed", None, true),
    ("canceled", "failed", None, true),
    ("ndnc", "skipped", Some("ndnc"), false),
    ("bad-number", "failed", Some("bad_number"), false),
    ("xml", "completed", None, true),
    ("slow", "completed", None, true),
    ("refused", "pending", Some("provider_refused"), false),
    ("lost-reply", "held", Some("in_doubt"), true),
    ("truncated", "held", Some("in_doubt"), true),
    ("503-placed", "held", Some("in_doubt"), true),
    ("lost-request", "held", Some("in_doubt"), false),
    ("503", "held", Some("in_doubt"), false),
    ("redirect", "held", Some("in_doubt"), false),
];

#[test]
fn each_fate_leaves_its_contact_in_the_state_it_should() {
    let rules: Vec<_> = (0..)
        .zip(FATES)
        .map(|(ending, (fate, ..))| format!("--fate {ending:02}={fate}"))
        .collect();
    let exotel = Exotel::start(&format!(
        "--hold 100ms --mix completed=1 --slow 300ms {}",
        rules.join(" ")
    ));
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 16);
    folder.run(&format!("start leads {FAST} --once")).exits(3);

    let status = folder.status("leads");
    assert_adds_up(&status);
    let rung = rung_once(&exotel.ledger());
    for (ending, (fate, state, reason, rings)) in (0..).zip(FATES) {
        let contact = contact(&status, ending);
        assert_eq!(contact["call_status"], state, "{fate}: {contact:#}");
        assert_eq!(contact["reason"].as_str(), reason, "{fate}: {contact:#}");
        assert_eq!(
            contact["call_error"].is_null(),
            reason.is_none(),
            "{fate}: {contact:#}"
        );
        assert_eq!(contact["attempts"], 1, "{fate}");
        assert_eq!(rung.contains(&number(ending)), rings, "{fate}");
    }
    for (ending, outcome) in [
        (0, "completed"),
        (1, "busy"),
        (2, "no-answer"),
        (3, "failed"),
        (4, "canceled"),
    ] {
        assert_eq!(contact(&status, ending)["outcome"], outcome);
    }
    // A doubt is no reason to dial, and a second start is none either.
    folder.run("start leads --allowance max --once").exits(3);
    assert_eq!(exotel.ledger().len(), rung.len());
}

#[test]
fn a_refusal_that_comes_with_status_200_is_no_call() {
    let exotel = Exotel::start("--fate 00=error-in-200");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    folder.run(&format!("start leads {FAST} --once")).exits(3);
    let status = folder.status("leads");
    assert_eq!(contact(&status, 0)["call_status"], "pending");
    assert_eq!(contact(&status, 0)["reason"], "provider_refused");
}

#[test]
fn being_asked_to_slow_down_charges_nobody() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fault 429=40%");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 12);
    let summary = folder
        .run(&format!("start leads {FAST} --format json"))
        .exits(0)
        .json();
    assert_eq!(summary["counts"]["completed"], 12);
    assert_eq!(rung_once(&exotel.ledger()).len(), 12);
    let status = folder.status("leads");
    let attempts = status["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["attempts"].as_u64().unwrap());
    assert!(
        attempts.sum::<u64>() > 12,
        "nobody was asked to slow down: {status:#}"
    );
}

#[test]
fn look_ups_that_fail_now_and_then_change_no_outcome() {
    let exotel = Exotel::start(
        "--hold 100ms --fault get-503=20% --fault get-truncated=10% --fault get-lost=10%",
    );
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 20);
    folder.run(&format!("start leads {FAST}")).exits(0);
    let status = folder.status("leads");
    assert_adds_up(&status);
    for call in exotel.ledger() {
        let contacts = status["contacts"].as_array().unwrap();
        let contact = contacts
            .iter()
            .find(|contact| contact["number"] == call.number)
            .unwrap();
        assert_eq!(contact["outcome"], call.outcome);
    }
}
