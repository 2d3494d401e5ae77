//! `plan` and `rehearse`: what calling would come to, foreseen and played, and that the two agree.

use exocamp::domain::campaign::Setting;
use serde_json::Value;

use crate::support::answers::{assert_adds_up, names};
use crate::support::binary::{Folder, number};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::wiretap::Wiretap;

/// A Monday morning, for as if everything began then.
const MONDAY: &str = "--at 2026-03-02T09:00:00+05:30";

fn plan(folder: &Folder, line: &str) -> Value {
    folder
        .run(&format!("plan leads {line} --format json"))
        .exits(0)
        .json()
}

fn rehearse(folder: &Folder, line: &str) -> Value {
    folder
        .run(&format!("rehearse leads {line} --format json"))
        .exits(0)
        .json()
}

fn never_call(folder: &Folder, ending: u32) {
    let number = number(ending).trim_start_matches('+').to_owned();
    let added = folder.database().execute(
        "INSERT INTO do_not_call (person_id, added_at, added_by, source)
         SELECT id, 0, 'asha', 'person' FROM person WHERE number = CAST(?1 AS INTEGER)",
        [number],
    );
    assert_eq!(added, Ok(1));
}

fn hash(folder: &Folder, line: &str) -> String {
    plan(folder, line)["hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_plan_says_who_is_called_and_who_not_without_credentials() {
    let folder = Folder::new();
    folder.import_people("leads", 60);
    never_call(&folder, 7);
    let line = format!("{MONDAY} --tariff 0.60/min --contacts --limit 9");
    let planned = plan(&folder, &line);
    let first = "campaign callable skipped limited_by calls_per_minute days finishes_at cost hash";
    assert!(names(&planned).join(" ").starts_with(first), "{planned:#}");
    assert_eq!(planned["callable"], 59);
    assert_eq!(planned["skipped"], serde_json::json!({"do_not_call": 1}));
    assert_eq!(planned["limited_by"], "lines");
    let days = planned["days"].as_array().unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!(days[0]["date"], "2026-03-02");
    assert_eq!(days[0]["from"], "2026-03-02T09:00:00+05:30");
    assert_eq!(days[0]["calls"], 59);
    let cost = &planned["cost"];
    assert_eq!(cost["currency"], "INR");
    assert!(cost["low"].as_f64() <= cost["likely"].as_f64());
    assert!(cost["likely"].as_f64() <= cost["worst"].as_f64());
    let contacts = planned["contacts"].as_array().unwrap();
    assert_eq!(contacts.len(), 9);
    assert_eq!(contacts[0]["number"], number(0));
    assert_eq!(contacts[0]["verdict"], "callable");
    assert_eq!(contacts[0]["at"], "2026-03-02T09:00:00+05:30");
    assert_eq!(contacts[7]["verdict"], "skipped");
    assert_eq!(contacts[7]["reason"], "do_not_call");
    // Outside the hours nobody is called before the next opening.
    let night = plan(
        &folder,
        "--at 2026-03-02T22:00:00+05:30 --contacts --limit 1",
    );
    assert_eq!(night["contacts"][0]["at"], "2026-03-03T09:00:00+05:30");
    assert_eq!(night["cost"]["likely"], Value::Null, "there is no tariff");
}

#[test]
fn a_plan_for_people_has_a_timetable() {
    let folder = Folder::new();
    folder.import_people("leads", 30);
    let line = format!("plan leads {MONDAY} --lines 50 --tariff 1/min --allowance 180");
    let ran = folder.run(&line).exits(0);
    for text in [
        "callable  30",
        "29.97 calls a minute; limited by pace",
        "13.00 at the least",
        "Mon 02 Mar 2026\t09:00:00\t09:00:58\t30",
        "40% of the calls are picked up, a call takes 45s",
    ] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
    folder.run("plan nobody").exits(2);
    folder.run("plan leads --reach 140%").exits(2);
    folder.run("plan leads --at tomorrow").exits(2);
}

#[test]
fn the_hash_changes_with_list_and_rules_and_not_with_time() {
    let mut folder = Folder::new();
    folder.import_people("leads", 3);
    let first = hash(&folder, "");
    assert_eq!(hash(&folder, ""), first);
    assert_eq!(hash(&folder, "--at 2031-01-01T00:00:00+05:30"), first);
    assert_eq!(hash(&folder, "--reach 90% --hold 2m"), first);
    let typed = hash(&folder, "--retries 2");
    assert_ne!(typed, first);
    folder.remember("leads", Setting::Retries, "2");
    assert_eq!(hash(&folder, ""), typed, "the same rules, remembered");
    folder.set("EXOCAMP_CAP_DAY", "2");
    assert_ne!(hash(&folder, ""), typed);
    folder.unset("EXOCAMP_CAP_DAY");
    never_call(&folder, 1);
    let without_one = hash(&folder, "");
    assert_ne!(without_one, typed);
    folder.import_people("leads", 4);
    assert_ne!(hash(&folder, ""), without_one);
}

#[test]
fn a_start_keeps_to_the_plan_or_is_refused() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    let rules = "--rate max --lines 50 --hours 00:00-24:00";
    let planned = hash(&folder, rules);
    let refused = folder
        .run(&format!("start leads {rules} --retries 1 --plan {planned}"))
        .exits(2);
    assert!(
        refused
            .stderr
            .contains("the list or the rules of `leads` have changed since that plan"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("exocamp plan leads"),
        "{}",
        refused.stderr
    );
    assert_eq!(exotel.ledger().len(), 0);
    folder
        .run(&format!(
            "start leads {rules} --allowance max --plan {planned}"
        ))
        .exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 2);
}

#[test]
fn a_rehearsal_plays_what_is_left_and_calls_nobody() {
    let folder = Folder::new();
    folder.import_people("leads", 40);
    never_call(&folder, 3);
    let before = folder.status("leads");
    let line = format!("{MONDAY} --retries 1 --reach 50% --tariff 0.60/min");
    let played = rehearse(&folder, &line);
    assert_adds_up(&played);
    let first = "campaign status started_at finished_at scheduled_at total_contacts calls_completed calls_failed counts \
                 spent budget caller_ids stopped_because limited_by calls_placed requests elapsed_s callable skipped calls_per_minute days \
                 finishes_at cost hash";
    assert!(names(&played).join(" ").contains(first), "{played:#}");
    assert_eq!(played["sandbox"], true);
    assert_eq!(played["stopped_because"], "finished");
    assert_eq!(played["callable"], 39);
    assert_eq!(played["skipped"], serde_json::json!({"do_not_call": 1}));
    assert_eq!(played["counts"]["skipped"], 1);
    assert_eq!(played["hash"].as_str().unwrap(), hash(&folder, &line));
    let calls = played["calls_placed"].as_u64().unwrap();
    assert!((40..=78).contains(&calls), "{calls}");
    let by_day = played["days"].as_array().unwrap().iter();
    assert_eq!(
        by_day
            .map(|day| day["calls"].as_u64().unwrap())
            .sum::<u64>(),
        calls
    );
    // The wait before a retry was lived through, in no time.
    assert!(played["elapsed_s"].as_f64().unwrap() > 1_800.0);
    assert_eq!(folder.status("leads"), before);
    assert_eq!(
        rehearse(&folder, &line),
        played,
        "the same seed plays the same story"
    );

    let shown = folder.run(&format!("rehearse leads {line}")).exits(0);
    assert!(shown.stdout.contains("leads (SANDBOX)"), "{}", shown.stdout);
    assert!(
        shown.stderr.contains("nobody was called"),
        "{}",
        shown.stderr
    );
    assert!(!folder.files().iter().any(|name| name.contains("sandbox")));
}

#[test]
fn neither_a_plan_nor_a_rehearsal_sends_anything() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 5);
    plan(&folder, MONDAY);
    rehearse(&folder, MONDAY);
    assert_eq!(wire.requests().len(), 0);
    assert_eq!(exotel.ledger().len(), 0);
}

#[test]
fn a_rehearsal_of_hours_that_never_come_ends_and_says_so() {
    let folder = Folder::new();
    folder.import_people("leads", 2);
    let line = format!("{MONDAY} --purpose collections --hours 20:00-21:00");
    let played = folder
        .run(&format!("rehearse leads {line} --format json"))
        .exits(3)
        .json();
    assert_eq!(played["stopped_because"], "hours");
    assert_eq!(played["calls_placed"], 0);
    assert_eq!(played["finishes_at"], Value::Null);
    let planned = plan(&folder, &line);
    assert_eq!(planned["callable"], 0);
    assert_eq!(planned["skipped"]["expired"], 2);
    assert_eq!(planned["limited_by"], Value::Null);
}

#[test]
fn what_is_played_agrees_with_what_was_planned() {
    let folder = Folder::new();
    folder.import_people("leads", 600);
    for shape in [
        // In a day, by the pace.
        "--rate 20/min --lines 100",
        // In a day, by the lines.
        "--rate 60/min --lines 10",
        "--rate max --lines 30 --hold 2m --reach 70%",
        // By the allowance.
        "--rate max --lines 500 --allowance 40",
        // With retries, whose waits take longer than the calls.
        "--rate 60/min --lines 60 --retries 2 --retry-after 40m",
        // Several days, with retries across nights.
        "--rate 2/min --lines 20 --retries 2 --hours 09:00-11:00",
        // Several bands a day, not every day.
        "--rate 3/min --retries 1 --hours 09:00-10:00,12:00-13:00,18:00-19:00 --days mon,tue,fri",
        // Few lines over several days.
        "--rate 60/min --lines 2 --retries 1 --hours 10:00-13:00,17:00-19:00",
    ] {
        let line = format!("{MONDAY} --tariff 0.60/min {shape}");
        let (planned, played) = (plan(&folder, &line), rehearse(&folder, &line));
        let shown = format!("{shape}\nplanned {planned:#}\nplayed {played:#}");
        assert_eq!(played["stopped_because"], "finished", "{shown}");
        assert_eq!(planned["callable"], played["callable"], "{shown}");
        assert_eq!(planned["limited_by"], played["limited_by"], "{shown}");
        let began: jiff::Timestamp = MONDAY.trim_start_matches("--at ").parse().unwrap();
        let takes = |figures: &Value| {
            let finish: jiff::Timestamp = figures["finishes_at"].as_str().unwrap().parse().unwrap();
            finish.duration_since(began).as_secs_f64()
        };
        // What it costs hangs on who happens to talk for more than a minute.
        for (name, planned, played, most) in [
            ("finish", takes(&planned), takes(&played), 0.1),
            ("calls", calls(&planned), calls(&played), 0.1),
            ("cost", likely(&planned), likely(&played), 0.15),
        ] {
            let off = planned / played - 1.0;
            assert!(off.abs() <= most, "{name} is off by {off:.3}: {shown}");
        }
    }
}

fn calls(figures: &Value) -> f64 {
    let days = figures["days"].as_array().unwrap().iter();
    days.map(|day| day["calls"].as_f64().unwrap()).sum()
}

fn likely(figures: &Value) -> f64 {
    figures["cost"]["likely"].as_f64().unwrap()
}
