//! The canary and short calls through the front door.

use exocamp::domain::campaign::Setting;

use crate::support::binary::{FAST, Folder};
use crate::support::canary;
use crate::support::exotel::{Exotel, rung_once};

#[test]
fn a_canary_that_fails_pauses_and_the_start_after_the_mending_tries_another() {
    let broken = Exotel::start("--hold 50ms --mix failed=1");
    let mut folder = Folder::calling(&broken);
    folder.import_people("leads", 12);
    let start = format!("start leads {FAST}");
    let ran = folder.run(&format!("{start} --canary 4")).exits(3);
    assert!(
        ran.stdout
            .contains("paused by exocamp: the canary: 4 of 4 calls failed"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("the canary did not pass"),
        "{}",
        ran.stdout
    );
    assert_eq!(broken.ledger().len(), 4);

    let again = folder
        .run(&format!("{start} --format json"))
        .exits(3)
        .json();
    assert_eq!(again["stopped_because"], "canary");
    assert_eq!(again["calls_placed"], 4);
    assert_eq!(again["status"], "paused");
    assert_eq!(rung_once(&broken.ledger()).len(), 8);

    let mended = Exotel::start("--hold 50ms --mix completed=1");
    for (name, value) in mended.environment() {
        folder.set(name, value);
    }
    folder.run(&start).exits(0);
    assert_eq!(rung_once(&mended.ledger()).len(), 4);
    assert_eq!(folder.status("leads")["status"], "completed");
}

#[test]
fn nobody_is_called_beyond_the_canary_while_its_calls_are_live() {
    let exotel = Exotel::start("--hold 1s --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 9);
    folder
        .run(&format!("start leads {FAST} --canary 3"))
        .exits(0);
    let ledger = exotel.ledger();
    assert_eq!(ledger.len(), 9);
    let canary_ended = ledger[..3].iter().map(|call| call.ends_at).max();
    assert!(ledger[3].at >= canary_ended.unwrap());
}

#[test]
fn a_run_killed_in_the_middle_of_its_canary_is_followed_by_the_rest_of_the_same_one() {
    let exotel = Exotel::start("--hold 2s --mix failed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 12);
    let line = format!("start leads {FAST} --canary 4 --format json");
    let running = folder.spawn(&line);
    exotel.has_accepted(2);
    running.kill();
    let killed_at = exotel.ledger().len();
    let summary = folder.run(&line).exits(3).json();
    assert_eq!(summary["stopped_because"], "canary");
    assert_eq!(summary["status"], "paused");
    let calls = rung_once(&exotel.ledger()).len();
    assert!(
        (killed_at..=4).contains(&calls),
        "{calls} calls, {killed_at} of them before"
    );
}

#[test]
fn short_calls_pause_a_campaign_or_are_only_told() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 60);
    let start = "start leads --rate max --allowance max --lines 4 --hours 00:00-24:00";
    let ran = folder.run(start).exits(3);
    let said = "calls that were answered ended within 5 s; the flow may be broken";
    assert!(ran.stdout.contains("paused by exocamp: "), "{}", ran.stdout);
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let calls = exotel.ledger().len();
    assert!((20..=28).contains(&calls), "{calls}");

    let quiet = folder.run(&format!("-q {start}")).exits(3);
    assert!(
        quiet.stderr.contains("`leads` is paused: "),
        "{}",
        quiet.stderr
    );
    assert!(quiet.stderr.contains(said), "{}", quiet.stderr);
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);

    folder.import_people("others", 50);
    let told = folder.run(&format!(
        "{} --short-calls warn",
        start.replace("leads", "others")
    ));
    let told = told.exits(0);
    assert_eq!(told.stderr.matches(said).count(), 1, "{}", told.stderr);
}

#[test]
fn a_run_for_all_campaigns_does_not_take_up_one_whose_canary_has_failed() {
    let exotel = Exotel::with_credentials("--hold 50ms --mix failed=1");
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 12);
    for (key, value) in [
        (Setting::Hours, "00:00-24:00"),
        (Setting::Rate, "max"),
        (Setting::Canary, "4"),
    ] {
        folder.remember("leads", key, value);
    }
    // The provider's trouble ends by itself.
    folder.set("EXOTEL_AUTH_TOKEN", "another");
    folder.run("-q run").exits(5);
    folder.set("EXOTEL_AUTH_TOKEN", canary::TOKEN);
    let said = folder.run("-q run").exits(3).stderr;
    assert!(said.contains("4 of 4 calls failed"), "{said}");
    assert_eq!(exotel.ledger().len(), 4);

    let ran = folder.run("-q run").exits(3);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 4);
    folder.run("-q start leads").exits(3);
    assert_eq!(exotel.ledger().len(), 8);
}
