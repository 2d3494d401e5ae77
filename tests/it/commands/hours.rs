//! Calling hours, days and holidays, as they are typed and kept.

use exocamp::domain::campaign::Setting;
use jiff::ToSpan as _;
use serde_json::Value;

use crate::support::binary::{FAST, Folder, closed_hours, hours_from_now, indian_now, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::wiretap::Wiretap;

/// Returns what is remembered of a setting.
fn remembered(folder: &Folder, key: &str) -> Option<String> {
    let database = folder.database();
    let sql = "SELECT value FROM setting WHERE key = ?1 ORDER BY id DESC";
    database.query_row(sql, [key], |row| row.get(0)).ok()
}

#[test]
fn people_are_called_in_whichever_of_several_bands_it_is() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let bands = format!("{},{}", hours_from_now(-60, 60), hours_from_now(600, 660));
    let line = format!("start leads --rate max --allowance max --hours {bands}");
    folder.run(&line).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 3);
}

#[test]
fn between_two_bands_nobody_is_called_and_the_nearer_opening_is_named() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 1);
    let (next, later) = (hours_from_now(120, 180), hours_from_now(300, 360));
    let line = format!("start leads --hours {later},{next}");
    let ran = folder.run(&line).exits(3);
    let opening = next.split('-').next().unwrap();
    assert!(ran.stderr.contains(opening), "{line}: {}", ran.stderr);
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
}

#[test]
fn in_the_last_minutes_before_closing_nobody_new_is_called() {
    let exotel = Exotel::start("");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    // Less than five minutes are left, and more than this test takes.
    let hours = hours_from_now(-60, 4);
    let summary = folder
        .run(&format!("start leads --hours {hours} --format json"))
        .exits(3)
        .json();
    assert_eq!(summary["stopped_because"], "hours");
    assert!(exotel.ledger().is_empty());
}

#[test]
fn on_a_holiday_nobody_is_called_and_the_next_day_that_is_none_is_named() {
    let exotel = Exotel::start("");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    // The test may go on beyond midnight.
    let today = indian_now().date();
    let (tomorrow, after) = (today + 1.day(), today + 2.days());
    let file = format!("# Holidays\n{today} a feast\n\n{tomorrow}# another\r\n");
    folder.write("holidays.txt", &file);
    for holidays in ["holidays.txt".to_owned(), format!("{tomorrow},{today}")] {
        let line = format!("start leads --hours 00:00-24:00 --holidays {holidays}");
        let ran = folder.run(&line).exits(3);
        let opening = format!("open at {}", after.strftime("%d %b 00:00"));
        assert!(ran.stderr.contains(&opening), "{opening}: {}", ran.stderr);
    }
    assert!(exotel.ledger().is_empty());
}

#[test]
fn what_is_remembered_does_not_depend_on_a_file_or_on_the_day() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.write("holidays.txt", "2020-08-15\n2020-01-26 Republic Day\n");
    let line =
        format!("start leads {FAST} --holidays holidays.txt --ends 2099-03-31T19:00 --max-calls 1");
    folder.run(&line).exits(3);
    let holidays = remembered(&folder, "holidays");
    assert_eq!(holidays.as_deref(), Some("2020-01-26,2020-08-15"));
    let ends = remembered(&folder, "ends");
    assert_eq!(ends.as_deref(), Some("2099-03-31T19:00:00+05:30"));
    folder.write("holidays.txt", "not any more");
    folder.run("start leads").exits(0);
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn holidays_that_cannot_be_read_are_named_with_file_and_line() {
    let exotel = Exotel::start("");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    folder.write("typo.txt", "2026-01-26\n15.08.2026 Independence Day\n");
    folder.write("empty.txt", "# none yet\n");
    folder.write("contacts.csv", &people(0..2));
    folder.write("numbers.txt", "9876500000\n");
    for (holidays, said) in [
        ("typo.txt", "`./typo.txt`, line 2: `15.08.2026` is no date"),
        ("empty.txt", "has no date in it"),
        ("contacts.csv", "`./contacts.csv`, line 1: "),
        ("numbers.txt", "line 1: `…0000` is no date"),
        ("missing.txt", "there is no file `./missing.txt`"),
        ("2026-01-26,2026-02-30", "`2026-02-30` is no date"),
        (".", "cannot read"),
    ] {
        let line = format!("start leads --holidays {holidays}");
        let ran = folder.run(&line).exits(2);
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("`--holidays` cannot be used"),
            "{line}: {}",
            ran.stderr
        );
    }
    assert_eq!(remembered(&folder, "holidays"), None);
    assert_eq!(folder.status("leads")["started_at"], Value::Null);
}

#[test]
fn hours_beyond_those_of_the_purpose_are_refused_whatever_the_reason() {
    let exotel = Exotel::start("");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 1);
    for (purpose, hours, outer) in [
        ("promotional", "08:00-12:00", "09:00-21:00"),
        ("promotional", "00:00-24:00", "09:00-21:00"),
        ("collections", "08:00-19:30", "08:00-19:00"),
        ("collections", "20:00-21:00", "08:00-19:00"),
    ] {
        let line = format!("start leads --purpose {purpose} --hours {hours} --because urgent");
        let ran = folder.run(&line).exits(2);
        assert!(ran.stderr.contains(outer), "{line}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("nothing overrides"),
            "{line}: {}",
            ran.stderr
        );
    }
    let ran = folder.run("start leads --budget 5000").exits(2);
    assert!(ran.stderr.contains("needs a tariff"), "{}", ran.stderr);
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
    assert_eq!(remembered(&folder, "purpose"), None);
    assert_eq!(remembered(&folder, "budget"), None);
}

#[test]
fn the_default_hours_are_no_mistake_for_collections_and_others_may_begin_at_eight() {
    let exotel = Exotel::start("");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 1);
    // The test may go on beyond midnight.
    let today = indian_now().date();
    let holidays = format!("{today},{}", today + 1.day());
    let after = today + 2.days();
    for (hours, opening) in [("08:00-10:00", "08:00"), ("09:00-21:00", "09:00")] {
        let line =
            format!("start leads --purpose collections --hours {hours} --holidays {holidays}");
        let ran = folder.run(&line).exits(3);
        let opening = format!("open at {} {opening}", after.strftime("%d %b"));
        assert!(ran.stderr.contains(&opening), "{opening}: {}", ran.stderr);
    }
    assert!(exotel.ledger().is_empty());
}

#[test]
fn a_rehearsal_is_played_at_any_hour_whatever_the_campaign_calls_for() {
    let folder = Folder::new();
    folder.import_people("leads", 2);
    let today = indian_now().date();
    let holidays = format!("{today},{}", today + 1.day());
    for (key, value) in [
        (Setting::Purpose, "promotional"),
        (Setting::Holidays, &holidays),
    ] {
        folder.remember("leads", key, value);
    }
    folder.run("--sandbox start leads --rate max").exits(0);
    // Hours that are typed are rehearsed as they are, within those of the purpose.
    let line = format!("--sandbox start leads --hours {}", closed_hours());
    let ran = folder.run(&line).exits(2);
    assert!(ran.stderr.contains("nothing overrides"), "{}", ran.stderr);
    folder.remember("leads", Setting::Purpose, "service");
    folder.run(&line).exits(3);
}
