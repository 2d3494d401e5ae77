//! How often a number may be called, over all campaigns.

use jiff::Timestamp;

use crate::support::answers::{assert_adds_up, contact};
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Exotel, rung_once};

#[test]
fn whoever_has_been_called_as_often_as_the_cap_allows_is_skipped_in_every_campaign() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 02=bad-number");
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOCAMP_CAP_DAY", "1");
    folder.import_people("first", 3);
    folder.run(&format!("start first {FAST}")).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 2);

    folder.import_people("second", 4);
    folder.run(&format!("start second {FAST}")).exits(0);
    let status = folder.status("second");
    assert_adds_up(&status);
    for person in [0, 1] {
        assert_eq!(contact(&status, person)["call_status"], "skipped");
        assert_eq!(contact(&status, person)["reason"], "cap");
        assert_eq!(contact(&status, person)["attempts"], 0);
    }
    // What was refused has rung nobody, and does not count.
    assert_eq!(contact(&status, 2)["call_status"], "failed");
    assert_eq!(contact(&status, 2)["attempts"], 1);
    assert_eq!(contact(&status, 3)["call_status"], "completed");
    assert_eq!(
        rung_once(&exotel.ledger()).len(),
        3,
        "nobody was rung twice"
    );

    // Two a day are permitted now, but only one a week.
    folder.set("EXOCAMP_CAP_DAY", "2");
    folder.set("EXOCAMP_CAP_WEEK", "1");
    folder.import_people("third", 1);
    folder.run(&format!("start third {FAST}")).exits(0);
    let third = folder.status("third");
    assert_eq!(contact(&third, 0)["reason"], "cap");
}

#[test]
fn a_retry_over_the_cap_waits_until_there_is_room() {
    let exotel = Exotel::start("--hold 50ms --mix busy=1");
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOCAMP_CAP_DAY", "2");
    folder.import_people("leads", 1);
    let line = format!("start leads {FAST} --retries 5 --retry-after 0s --once --format json");
    let summary = folder.run(&line).exits(3).json();
    assert_eq!(summary["stopped_because"], "nothing_due");
    let ledger = exotel.ledger();
    assert_eq!(ledger.len(), 2);
    assert!(ledger.iter().all(|call| call.number == number(0)));

    let status = folder.status("leads");
    let waits = contact(&status, 0);
    assert_eq!(waits["call_status"], "pending");
    assert_eq!(waits["reason"], "cap");
    let next: Timestamp = waits["next_attempt_at"].as_str().unwrap().parse().unwrap();
    // A day after the first of the two was to be sent, which is a moment before it was accepted.
    let after_the_first = next.duration_since(ledger[0].at).as_secs();
    assert!(
        (86_395..=86_400).contains(&after_the_first),
        "{after_the_first} s"
    );
}
