//! Retries, end to end.

use crate::support::answers::contact;
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Call, Exotel};

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
    assert!(waiting["next_attempt_at"].is_string());
    assert_eq!(exotel.ledger().len(), 1);
}
