//! Retries, end to end.

use exocamp::domain::campaign::Setting;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::answers::{assert_adds_up, contact};
use crate::support::binary::{FAST, Folder, number, people};
use crate::support::exotel::{Call, Exotel};
use crate::support::wiretap::Wiretap;

#[test]
fn whoever_is_busy_is_tried_again_after_the_wait_and_no_more_often_than_permitted() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1 --fate 01=busy --fate 02=failed");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    folder
        .run(&format!("start leads {FAST} --retries 2 --retry-after 2s"))
        .exits(0);

    let ledger = exotel.ledger();
    let calls_to = |ending| -> Vec<&Call> {
        ledger
            .iter()
            .filter(|call| call.number == number(ending))
            .collect()
    };
    assert_eq!(calls_to(0).len(), 1);
    assert_eq!(
        calls_to(2).len(),
        1,
        "`failed` is not among the outcomes that are tried again"
    );
    let tries = calls_to(1);
    assert_eq!(tries.len(), 3);
    for pair in tries.windows(2) {
        // Exotel tells the end of a call in whole seconds, so the wait may begin up to one early.
        let gap = pair[1].at.duration_since(pair[0].ends_at);
        assert!(gap.as_millis() >= 1000, "{gap:#}");
        assert_ne!(
            pair[0].custom_field, pair[1].custom_field,
            "each attempt has an id of its own"
        );
    }
    let status = folder.status("leads");
    let busy = contact(&status, 1);
    assert_eq!(busy["call_status"], "failed");
    assert_eq!(busy["outcome"], "busy");
    assert_eq!(busy["attempts"], 3);
    assert_eq!(
        busy["call_sid"], tries[2].sid,
        "the last attempt's call is shown"
    );
}

#[test]
fn once_leaves_a_retry_to_the_next_run() {
    let exotel = Exotel::start("--hold 100ms --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    let line = format!("start leads {FAST} --retries 1 --retry-after 30m --once --format json");
    let summary = folder.run(&line).exits(3).json();
    assert_eq!(summary["stopped_because"], "nothing_due");
    let status = folder.status("leads");
    let waiting = contact(&status, 0);
    assert_eq!(waiting["call_status"], "pending");
    assert_eq!(waiting["reason"], "retry");
    assert_eq!(waiting["outcome"], "busy");
    let ledger = exotel.ledger();
    assert_eq!(ledger.len(), 1);
    let due: Timestamp = waiting["next_attempt_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let wait = due.duration_since(ledger[0].ends_at);
    // A tenth longer at most; the end is told in whole seconds.
    let (least, most) = (30 * 60 - 1, 33 * 60 + 1);
    assert!((least..=most).contains(&wait.as_secs()), "{wait:#}");
}

/// Returns how long after the end of each call to this number the next one came.
fn gaps(exotel: &Exotel, ending: u32) -> Vec<SignedDuration> {
    let ledger = exotel.ledger();
    let own: Vec<_> = ledger
        .iter()
        .filter(|call| call.number == number(ending))
        .collect();
    own.windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].ends_at))
        .collect()
}

#[test]
fn each_outcome_waits_as_long_as_it_is_told_to() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1 --fate 01=busy --fate 02=no-answer");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let line = "start leads --retries 1 --retry-after busy=0s,no-answer=4s";
    folder.run(&format!("{line} {FAST}")).exits(0);
    let (busy, no_answer) = (gaps(&exotel, 1), gaps(&exotel, 2));
    assert_eq!((busy.len(), no_answer.len()), (1, 1));
    // The end is told in whole seconds.
    assert!(no_answer[0].as_secs() >= 3, "{:#}", no_answer[0]);
    assert!(busy[0] < no_answer[0], "{:#}", busy[0]);
    assert_eq!(gaps(&exotel, 0), []);
    let ran = folder.run("start leads --retry-after soon=1m").exits(2);
    assert!(
        ran.stderr.contains("`soon` is no outcome"),
        "{}",
        ran.stderr
    );
}

#[test]
fn waits_can_double_from_call_to_call() {
    let exotel = Exotel::start("--hold 100ms --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    let line = "start leads --retries 2 --retry-after 3s --retry-mechanism exponential";
    folder.run(&format!("{line} {FAST}")).exits(0);
    let gaps = gaps(&exotel, 0);
    assert_eq!(gaps.len(), 2);
    assert!(gaps[0].as_secs() >= 2, "{:#}", gaps[0]);
    assert!(gaps[1].as_secs() >= 5, "{:#}", gaps[1]);
    let ran = folder.run("start leads --retry-mechanism square").exits(2);
    assert!(
        ran.stderr.contains("write `linear` or `exponential`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn whoever_hangs_up_at_once_is_tried_again_and_then_was_not_reached() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1 --fate 01=busy");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let line = "start leads --reached-after 5s --retries 1 --retry-after 1s";
    let summary = folder
        .run(&format!("{line} {FAST} --format json"))
        .exits(0)
        .json();
    assert_eq!(summary["calls_placed"], 4);
    let status = folder.status("leads");
    assert_adds_up(&status);
    let brief = contact(&status, 0);
    assert_eq!(brief["call_status"], "failed");
    assert_eq!(brief["reason"], "too_short");
    assert_eq!(brief["outcome"], "completed", "Exotel's word stays");
    assert_eq!(brief["attempts"], 2);
    assert_eq!(contact(&status, 1)["reason"], Value::Null);
    let told = folder.run("why 9876500000").exits(0).stdout;
    assert!(
        told.contains(
            "Failed: the last permitted call was answered, too briefly to count as reached."
        ),
        "{told}"
    );
}

#[test]
fn after_a_campaigns_end_everybody_is_skipped_and_nobody_is_asked_anything() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 3);
    let past = "2026-01-05T10:00:00+05:30";
    let line = format!("start leads {FAST} --ends {past} --format json");
    let ran = folder.run(&line).exits(0);
    let summary = ran.json();
    assert_adds_up(&summary);
    assert_eq!(summary["stopped_because"], "finished");
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["counts"]["skipped"], 3);
    let status = folder.status("leads");
    assert_adds_up(&status);
    for ending in 0..3 {
        let skipped = contact(&status, ending);
        assert_eq!(skipped["call_status"], "skipped");
        assert_eq!(skipped["reason"], "expired");
        assert_eq!(skipped["next_attempt_at"], Value::Null);
    }
    assert_eq!(wire.requests().len(), 0);
    let told = folder.run("why 9876500000").exits(0).stdout;
    assert!(
        told.contains("Skipped: no calling hours were left before the campaign's end."),
        "{told}"
    );
    // It is remembered, also for whoever is added later; a later end is for those who are added after it.
    folder.write("more.csv", &people(3..5));
    folder.run("import more.csv --campaign leads").exits(0);
    let ran = folder.run("start leads").exits(0);
    assert!(
        ran.stderr
            .contains("no opening is left before the campaign's end"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("expired: 2 contacts"), "{}", ran.stderr);
    folder.write("last.csv", &people(5..6));
    folder.run("import last.csv --campaign leads").exits(0);
    folder
        .run(&format!("start leads {FAST} --ends none"))
        .exits(0);
    assert_eq!(exotel.ledger().len(), 1);
    assert_eq!(folder.status("leads")["counts"]["skipped"], 5);
}

#[test]
fn settling_skips_whoever_is_left_after_the_end() {
    let exotel = Exotel::start("");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.remember("leads", Setting::Ends, "2026-01-05T10:00:00+05:30");
    let summary = folder.run("settle leads --format json").exits(0).json();
    assert_eq!(summary["stopped_because"], "finished");
    assert_eq!(summary["counts"]["skipped"], 2);
    assert_eq!(summary["status"], "completed");
    assert_eq!(exotel.ledger().len(), 0);
}

#[test]
fn a_retry_that_would_come_after_the_end_expires_at_once() {
    let exotel = Exotel::start("--hold 100ms --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let ends = Timestamp::now() + SignedDuration::from_mins(20);
    let line = format!("start leads {FAST} --retries 1 --retry-after 30m --ends {ends}");
    let summary = folder.run(&format!("{line} --format json")).exits(0).json();
    assert_eq!(summary["stopped_because"], "finished");
    let status = folder.status("leads");
    assert_adds_up(&status);
    let busy = contact(&status, 0);
    assert_eq!(busy["call_status"], "skipped");
    assert_eq!(busy["reason"], "expired");
    assert_eq!(busy["outcome"], "busy");
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn an_end_is_a_time_or_none() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let ran = folder.run("start leads --ends tomorrow").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: `--ends` cannot be used
      caused by: `tomorrow` is no time
    hint: write `20:30` for today in Indian time, or `2026-03-02T20:30:00+05:30`
    ");
    assert_eq!(folder.status("leads")["counts"]["pending"], 1);
    // Midnight of this day is past everywhere in India.
    let ran = folder
        .run("start leads --ends 00:00 --format json")
        .exits(0);
    assert_eq!(ran.json()["counts"]["skipped"], 1);
}
