//! `start`: everybody once, and the ways in which a run ends early.

use std::collections::BTreeMap;

use exocamp::domain::campaign::Setting;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::answers::{assert_adds_up, contact, names};
use crate::support::binary::{FAST, Folder, closed_hours, number};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;
use crate::support::wiretap::Wiretap;

#[test]
fn everybody_is_called_once_and_the_counts_are_those_of_the_ledger() {
    let exotel = Exotel::start("--hold 50ms..200ms");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1000);
    let summary = folder
        .run(&format!("start leads {FAST} --yes --format json"))
        .exits(0)
        .json();
    assert_adds_up(&summary);
    let expected = "campaign status started_at finished_at scheduled_at total_contacts calls_completed calls_failed counts spent budget caller_ids \
                    stopped_because limited_by calls_placed requests elapsed_s";
    assert_eq!(names(&summary).join(" "), expected);
    assert_eq!(summary["stopped_because"], "finished");
    assert_eq!(summary["calls_placed"], 1000);
    assert_eq!(summary["limited_by"], "lines");
    assert!(summary["elapsed_s"].as_f64().unwrap() > 0.0);

    let ledger = exotel.ledger();
    assert_eq!(rung_once(&ledger), (0..1000).map(number).collect());
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(status["status"], "completed");
    let mut heard = BTreeMap::new();
    let mut shown = BTreeMap::new();
    for call in &ledger {
        *heard.entry(call.outcome.as_str()).or_insert(0) += 1;
        assert_eq!(call.caller_id, "08098765000");
        assert_eq!(
            call.flow,
            "http://my.exotel.com/exampleco1/exoml/start_voice/112233"
        );
        assert!(
            call.custom_field.is_some(),
            "every call carries its attempt's id"
        );
    }
    for contact in status["contacts"].as_array().unwrap() {
        *shown
            .entry(contact["outcome"].as_str().unwrap())
            .or_insert(0) += 1;
        assert_eq!(contact["attempts"], 1);
    }
    assert_eq!(shown, heard);
    assert_eq!(status["counts"]["completed"], heard["completed"]);
    assert_eq!(status["counts"]["failed"], 1000 - heard["completed"]);

    let again = folder
        .run(&format!("start leads {FAST} --format json"))
        .exits(0)
        .json();
    assert_eq!(again["stopped_because"], "finished");
    assert_eq!(
        (&again["calls_placed"], &again["requests"]),
        (&Value::from(0), &Value::from(0))
    );
    assert_eq!(exotel.ledger().len(), 1000);
}

#[test]
fn a_run_ends_with_a_summary_for_people() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 01=busy");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let ran = folder.run(&format!("start leads {FAST}")).exits(0);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stdout, @"
    campaign  leads
    status    completed
    contacts  2 = 0 pending + 0 initiated + 1 completed + 1 failed + 0 skipped + 0 held
    started   [TIME]
    finished  [TIME]
    stopped   finished: nothing is left to do; limited by lines
    calls     2 in [LENGTH], [N] requests
    ");
    insta::assert_snapshot!(ran.stderr, @"
    warning: calling hours never close for this campaign: people may be rung at night
    requests go to http://127.0.0.1:[PORT] on this machine, not to Exotel
    ");
}

#[test]
fn a_run_stops_after_as_many_calls_as_it_may_place_and_the_next_goes_on() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 5);
    let summary = folder
        .run(&format!("start leads {FAST} --max-calls 2 --format json"))
        .exits(3)
        .json();
    assert_eq!(summary["stopped_because"], "max_calls");
    assert_eq!(summary["status"], "stopped");
    assert_eq!(
        summary["counts"]["completed"], 2,
        "calls still live were followed"
    );
    assert_eq!(exotel.ledger().len(), 2);
    // The settings are remembered, the limits of that run are not.
    folder.run("start leads --allowance max").exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 5);
}

#[test]
fn after_its_time_a_run_asks_nobody_anything() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 2);
    let past = "2026-01-05T10:00:00+05:30";
    let summary = folder
        .run(&format!("start leads {FAST} --until {past} --format json"))
        .exits(3)
        .json();
    assert_eq!(summary["stopped_because"], "until");
    assert_eq!(summary["counts"]["pending"], 2);
    assert_eq!(
        wire.requests().len() as u64,
        summary["requests"].as_u64().unwrap()
    );
    assert_eq!(wire.posts(), 0);
    let ran = folder.run("start leads --until tomorrow").exits(2);
    assert!(
        ran.stderr.contains("`tomorrow` is no time"),
        "{}",
        ran.stderr
    );
}

#[test]
fn outside_the_hours_nobody_is_called_and_the_next_opening_is_named() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 2);
    let hours = closed_hours();
    let ran = folder.run(&format!("start leads --hours {hours}")).exits(3);
    let opening = hours.split('-').next().unwrap();
    assert!(
        ran.stderr.contains("the calling hours open at "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(opening), "{opening}: {}", ran.stderr);
    assert!(
        ran.stdout.contains("outside the calling hours"),
        "{}",
        ran.stdout
    );
    let summary = folder
        .run(&format!("start leads --hours {hours} --format json"))
        .exits(3)
        .json();
    assert_eq!(summary["stopped_because"], "hours");
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
}

#[test]
fn a_number_that_is_live_in_another_campaign_waits() {
    let exotel = Exotel::start("--hold 30s");
    let folder = Folder::calling(&exotel);
    folder.import_people("first", 1);
    folder.import_people("second", 1);
    let _first = folder.spawn(&format!("start first {FAST}"));
    exotel.has_accepted(1);
    folder.run(&format!("start second {FAST} --once")).exits(3);
    let status = folder.status("second");
    let waiting = contact(&status, 0);
    assert_eq!(waiting["call_status"], "pending");
    assert_eq!(waiting["reason"], "busy_elsewhere");
    assert!(waiting["next_attempt_at"].is_string());
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn a_call_is_live_until_it_is_over_and_is_seen_so() {
    let exotel = Exotel::start("--hold 2s --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    let running = folder.spawn(&format!("start leads {FAST}"));
    exotel.has_accepted(1);
    let status = folder.status("leads");
    assert_eq!(status["status"], "running");
    assert_eq!(contact(&status, 0)["call_status"], "initiated");
    running.end().exits(0);
    assert_eq!(
        contact(&folder.status("leads"), 0)["call_status"],
        "completed"
    );
}

#[test]
fn a_run_stops_when_its_time_is_over() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 5);
    let line = "start leads --delay 1h --hours 00:00-24:00 --max-runtime 300ms --format json";
    let summary = folder.run(line).exits(3).json();
    assert_eq!(summary["stopped_because"], "max_runtime");
    assert_eq!(summary["limited_by"], "pace");
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn a_persons_pause_ends_a_run_and_lasts() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 5);
    let running = folder.spawn("start leads --delay 1h --hours 00:00-24:00 --format json");
    exotel.has_accepted(1);
    folder.pause("leads");
    let summary = running.end().exits(3).json();
    assert_eq!(summary["stopped_because"], "paused");
    assert_eq!(
        summary["counts"]["completed"], 1,
        "the live call was followed"
    );

    folder.set("EXOTEL_API_BASE", wire.base());
    let ran = folder.run("start leads").exits(3);
    assert!(
        ran.stderr.contains("a person has paused this campaign"),
        "{}",
        ran.stderr
    );
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
    assert_eq!(folder.status("leads")["status"], "paused");
}

#[test]
fn a_pause_that_comes_while_the_provider_is_greeted_is_kept() {
    let exotel = Exotel::start("--fault get-slow=100% --slow 300ms");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 2);
    let running = folder.spawn(&format!("start leads {FAST} --format json"));
    eventually("the first GET", || {
        (!wire.requests().is_empty()).then_some(())
    });
    folder.pause("leads");
    let summary = running.end().exits(3).json();
    assert_eq!(summary["stopped_because"], "paused");
    assert_eq!(summary["status"], "paused");
    assert_eq!(wire.posts(), 0);
}

#[test]
fn a_campaign_whose_last_people_asked_not_to_be_called_is_completed_by_whoever_comes_next() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    for campaign in ["begun", "new"] {
        folder.import_people(campaign, 2);
    }
    folder
        .run(&format!("start begun {FAST} --max-calls 1"))
        .exits(3);
    folder.pause("begun");
    for ending in 0..2 {
        folder.run(&format!("dnd add {}", number(ending))).exits(0);
    }
    assert_eq!(folder.status("begun")["status"], "paused");
    folder.set("EXOTEL_API_BASE", wire.base());
    let summary = folder.run("start begun --format json").exits(0).json();
    assert_eq!(summary["stopped_because"], "finished");
    assert_eq!(summary["status"], "completed");
    assert!(summary["finished_at"].is_string());

    assert_eq!(folder.status("new")["status"], "stopped");
    let ran = folder.run("-q run").exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(folder.status("new")["status"], "completed");
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
}

#[test]
fn a_run_that_waits_for_the_hours_calls_nobody_before_they_open() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 2);
    let line = format!(
        "start leads --hours {} --wait --format json",
        closed_hours()
    );
    let running = folder.spawn(&line);
    eventually("the campaign to run", || {
        (folder.status("leads")["status"] == "running").then_some(())
    });
    running.signal(Signal::TERM);
    let summary = running.end().exits(143).json();
    assert_eq!(summary["counts"]["pending"], 2);
    assert_eq!(wire.posts(), 0);
}

#[test]
fn what_was_typed_is_remembered_although_the_hours_are_closed_or_somebody_has_paused() {
    let exotel = Exotel::start("");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let closed = closed_hours();
    let line = format!("start leads --hours {closed} --retries 3 --rate 2/s");
    folder.run(&line).exits(3);
    let in_force = |key: &str| {
        let settings = folder.run("set leads --format json").exits(0).json();
        let all = settings.as_array().unwrap().iter();
        let mut found = all.filter(|setting| setting["key"] == key);
        found.next().unwrap()["value"].clone()
    };
    assert_eq!(
        (in_force("hours"), in_force("retries")),
        (closed.into(), "3".into())
    );
    folder.pause("leads");
    let ran = folder.run("start leads --retries 1").exits(3);
    assert!(
        ran.stderr.contains("`exocamp resume leads`"),
        "{}",
        ran.stderr
    );
    assert_eq!(in_force("retries"), "1");
    assert_eq!(exotel.ledger().len(), 0);
}

#[test]
fn whoever_waits_for_the_hours_is_shown_with_the_next_opening() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let next = |folder: &Folder| folder.status("leads")["contacts"][0]["next_attempt_at"].clone();
    folder.remember("leads", Setting::Hours, "00:00-24:00");
    assert_eq!(next(&folder), Value::Null, "at once");
    let closed = closed_hours();
    folder.remember("leads", Setting::Hours, closed);
    let opening = format!("T{}:00+05:30", closed.split_once('-').unwrap().0);
    let shown = next(&folder);
    assert!(shown.as_str().unwrap().ends_with(&opening), "{shown}");
    let told = folder.run("why 9876500000").exits(0).stdout;
    assert!(!told.contains("due now"), "{told}");
}
