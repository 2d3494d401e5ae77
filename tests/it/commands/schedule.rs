//! `schedule`: a start for a time to come, and what becomes of one that nobody made in time.

use exocamp::domain::campaign::Setting;
use exocamp::store::schedules;
use jiff::{SignedDuration, Timestamp};

use crate::support::binary::Folder;
use crate::support::canary;
use crate::support::exotel::Exotel;

fn scheduled(exotel: &Exotel) -> Folder {
    let folder = Folder::calling(exotel);
    folder.import_people("leads", 2);
    for (key, value) in [(Setting::Hours, "00:00-24:00"), (Setting::Rate, "max")] {
        folder.remember("leads", key, value);
    }
    folder
}

fn hours_from_now(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

/// Orders a start as somebody did at an earlier time.
fn ordered_before(folder: &Folder, at: Timestamp, not_after: Option<Timestamp>) {
    folder.change("leads", |tx, id| {
        schedules::make(
            tx,
            id,
            at,
            not_after,
            "asha",
            at - SignedDuration::from_hours(1),
        )
    });
}

#[test]
fn a_campaign_that_is_scheduled_waits_for_its_time_and_is_started_then() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = scheduled(&exotel);
    let at = hours_from_now(30);
    let made = folder
        .run(&format!("schedule leads --at {at} --format json"))
        .exits(0)
        .json();
    assert_eq!(made["campaign"], "leads");
    let shown: Timestamp = made["start_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(shown.as_second(), at.as_second());
    let ran = folder.run("run -q").exits(3);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 0);
    assert_eq!(folder.status("leads")["scheduled_at"], made["start_at"]);
    let shown = folder.run("status leads").exits(0).stdout;
    assert!(shown.contains("scheduled  "), "{shown}");

    ordered_before(&folder, hours_from_now(-1), Some(hours_from_now(1)));
    folder.run("run -q").exits(0);
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn whoever_is_too_late_says_so_once_and_calls_nobody_until_somebody_decides() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = scheduled(&exotel);
    ordered_before(&folder, hours_from_now(-5), Some(hours_from_now(-3)));
    let ran = folder.run("run -q").exits(3);
    assert!(
        ran.stderr.contains("`leads` was to start before"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
    let ran = folder.run("run -q").exits(3);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 0);
    let shown = folder.run("status leads").exits(0).stdout;
    assert!(
        shown.contains(": missed, nobody is called until `start`"),
        "{shown}"
    );
    assert!(folder.status("leads")["scheduled_at"].is_string());

    // A person's start takes the campaign up again, for every `run` that follows too.
    folder.run("start leads -q --max-calls 1").exits(3);
    assert_eq!(exotel.ledger().len(), 1);
    assert!(folder.status("leads")["scheduled_at"].is_null());
    folder.run("run -q").exits(0);
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn a_schedule_that_was_missed_can_be_taken_back() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = scheduled(&exotel);
    ordered_before(&folder, hours_from_now(-5), Some(hours_from_now(-3)));
    folder.run("run -q").exits(3);
    folder.run("schedule leads --clear").exits(0);
    folder.run("schedule leads --clear").exits(2);
    folder.run("run -q").exits(0);
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn a_start_that_the_provider_does_not_answer_leaves_the_schedule_to_the_next_and_to_its_end() {
    let exotel = Exotel::with_credentials("--hold 100ms --mix completed=1");
    let mut folder = scheduled(&exotel);
    ordered_before(&folder, hours_from_now(-1), Some(hours_from_now(1)));
    folder.set("EXOTEL_AUTH_TOKEN", "another");
    folder.run("run -q").exits(5);
    folder.set("EXOTEL_AUTH_TOKEN", canary::TOKEN);
    // Nobody has put it right in time.
    let database = folder.database();
    let passed = database.execute("UPDATE schedule SET not_after_at = start_at", []);
    assert_eq!(passed.unwrap(), 1);
    let ran = folder.run("run -q").exits(3);
    assert!(
        ran.stderr.contains("`leads` was to start before"),
        "{}",
        ran.stderr
    );
    assert_eq!(exotel.ledger().len(), 0);
}

#[test]
fn a_schedule_can_be_taken_back() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = scheduled(&exotel);
    let at = hours_from_now(2);
    folder.run(&format!("schedule leads --at {at}")).exits(0);
    folder.run("schedule leads --clear").exits(0);
    let ran = folder.run("schedule leads --clear").exits(2);
    assert!(ran.stderr.contains("has no schedule"), "{}", ran.stderr);
    folder.run("run -q").exits(0);
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let (past, soon, later) = (hours_from_now(-1), hours_from_now(1), hours_from_now(2));
    for (line, told) in [
        (format!("schedule leads --at {past}"), "is past"),
        (
            format!("schedule leads --at {later} --not-after {soon}"),
            "comes before",
        ),
        ("schedule leads --at tomorrow".to_owned(), "is no time"),
        ("schedule leads".to_owned(), "--at"),
        (
            format!("schedule nobody --at {soon}"),
            "no campaign `nobody`",
        ),
    ] {
        let ran = folder.run(&line).exits(2);
        assert!(ran.stderr.contains(told), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_start_that_the_hours_would_never_permit_is_refused() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    folder.remember("leads", Setting::Hours, "10:00-11:00");
    let line = |at: &str, latest: &str| {
        let time = |time: &str| format!("2099-03-02T{time}:00+05:30");
        format!(
            "schedule leads --at {} --not-after {}",
            time(at),
            time(latest)
        )
    };
    let ran = folder.run(&line("03:00", "05:00")).exits(2);
    assert!(ran.stderr.contains("after `--not-after`"), "{}", ran.stderr);
    folder.run(&line("03:00", "10:30")).exits(0);
}
