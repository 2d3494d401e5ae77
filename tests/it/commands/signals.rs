//! Signals: the first lets replies come in, the second leaves.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::answers::contacts_in;
use crate::support::binary::{FAST, Folder};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;

/// Stops a run in the middle, and returns what became of its folder.
#[track_caller]
fn stopped_by(signal: Signal, code: i32) -> (Exotel, Folder) {
    let exotel = Exotel::start("--hold 100ms --mix completed=1 --reply-delay 200ms");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 40);
    let running = folder.spawn(
        "start leads --rate 20/s --allowance max --lines 50 --hours 00:00-24:00 --short-calls off",
    );
    exotel.has_accepted(5);
    running.signal(signal);
    let ran = running.end().exits(code);
    assert!(ran.stdout.contains("stopped   a signal"), "{}", ran.stdout);

    let status = folder.status("leads");
    assert_eq!(status["status"], "stopped");
    assert_eq!(
        status["counts"]["held"], 0,
        "every open reply was waited for"
    );
    let live = contacts_in(&status, "initiated");
    assert!(
        live.iter().all(|contact| contact["call_sid"].is_string()),
        "{live:#?}"
    );
    let untouched = 40 - exotel.ledger().len();
    assert!(untouched > 0, "nothing new is dialled");
    assert_eq!(status["counts"]["pending"], untouched);
    (exotel, folder)
}

#[test]
fn ctrl_c_waits_for_open_replies_and_the_next_start_goes_on() {
    let (exotel, folder) = stopped_by(Signal::INT, 130);
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 40);
}

#[test]
fn sigterm_waits_for_open_replies() {
    stopped_by(Signal::TERM, 143);
}

#[test]
fn a_closed_terminal_counts_as_sigterm() {
    stopped_by(Signal::HUP, 143);
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_the_open_attempt_in_doubt() {
    // The watchdog is longer than the client waits for a reply, so the summary must tell that it did not.
    let exotel = Exotel::start("--hold 100ms --reply-delay 50s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let mut running = folder.spawn(&format!("start leads {FAST} --format json"));
    exotel.has_accepted(1);
    // How soon the first was noticed cannot be seen from outside, so they are sent until it has left.
    eventually("its end", || {
        running.signal(Signal::INT);
        std::thread::sleep(Duration::from_millis(20));
        running.has_ended().then_some(())
    });
    let summary = running.end().exits(130).json();
    assert_eq!(summary["stopped_because"], "signal");
    assert!(summary["elapsed_s"].as_f64().unwrap() < 20.0, "{summary:#}");
    assert_eq!(summary["counts"]["held"], 1);
    assert_eq!(summary["counts"]["pending"], 2);
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn an_audit_that_is_stopped_says_so_and_compares_nothing() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.run(&format!("start leads {FAST}")).exits(0);
    let slow = Exotel::start("--fault get-slow=100% --slow 50s");
    for (name, value) in slow.environment() {
        folder.set(name, value);
    }
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
        let mut running = folder.spawn("audit leads");
        eventually("its end", || {
            // Before it listens, a signal ends it as it ends any program.
            std::thread::sleep(Duration::from_millis(300));
            running.signal(signal);
            std::thread::sleep(Duration::from_millis(100));
            running.has_ended().then_some(())
        });
        let ran = running.end().exits(code);
        assert!(
            ran.stderr.contains("nothing was compared"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
}
