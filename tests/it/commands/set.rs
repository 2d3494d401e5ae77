//! `set`: what is remembered with a campaign, changed while it runs and while it does not.

use serde_json::{Value, json};

use crate::support::binary::{FAST, Folder, closed_hours};
use crate::support::exotel::{Exotel, rung_once};

/// Returns one setting as `set` shows it.
fn shown(folder: &Folder, key: &str) -> Value {
    let all = folder.run("set leads --format json").exits(0).json();
    let all = all.as_array().unwrap();
    all.iter()
        .find(|setting| setting["key"] == key)
        .unwrap()
        .clone()
}

#[test]
fn what_is_in_force_is_shown_with_who_set_it_and_when() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    assert_eq!(
        shown(&folder, "rate"),
        json!({"key": "rate", "value": "30/min", "set_by": null, "set_at": null})
    );
    assert_eq!(shown(&folder, "lines")["value"], Value::Null);

    let set = folder.run("set leads rate=5/s lines=20").exits(0);
    assert_eq!(set.stdout, "`leads`: rate 5/s (was 30/min), lines 20\n");
    let set = folder
        .run("set leads lines=30 --format json")
        .exits(0)
        .json();
    assert_eq!(
        (&set["campaign"], &set["status"], &set["by"]),
        (&"leads".into(), &"stopped".into(), &"asha".into())
    );
    assert_eq!(
        set["changed"],
        json!([{"key": "lines", "before": "20", "value": "30"}])
    );
    assert!(set["at"].as_str().is_some_and(|at| at.ends_with("+05:30")));
    let set = folder.run("set leads lines=30").exits(0);
    assert_eq!(set.stdout, "`leads` has it like that already\n");

    let lines = shown(&folder, "lines");
    assert_eq!(
        (&lines["value"], &lines["set_by"]),
        (&"30".into(), &"asha".into())
    );
    assert!(lines["set_at"].is_string());
    let table = folder.run("set leads").exits(0).stdout;
    assert!(
        table.starts_with("key\tvalue\tset_by\tset_at\nrate\t5/s\tasha\t"),
        "{table}"
    );
    assert!(table.contains("\nretries\t0\t\t\n"), "{table}");
    let csv = folder.run("set leads --format csv").exits(0).stdout;
    assert_eq!(csv.lines().count(), table.lines().count());
    assert!(csv.starts_with("key,value,set_by,set_at"), "{csv}");

    // What was set before is kept.
    let database = folder.database();
    let sql = "SELECT group_concat(value) FROM setting WHERE key = 'lines' AND set_by = 'asha'";
    let kept: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "20,30");
}

#[test]
fn all_settings_are_changed_or_none() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    for (line, expected) in [
        ("set leads rate=5/s lines=many", "`many`"),
        ("set leads rate=5/s colour=red", "`colour` is no setting"),
        (
            "set leads rate=5/s lines",
            "`lines` does not say what to set",
        ),
        ("set others rate=5/s", "no campaign `others`"),
        ("set others", "no campaign `others`"),
    ] {
        let ran = folder.run(line).exits(2);
        assert!(ran.stderr.contains(expected), "{line}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{line}");
        assert_eq!(shown(&folder, "rate")["value"], "30/min", "{line}");
    }
    let ran = folder.run("set leads lines=many").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: `lines` cannot be set
      caused by: `many` is no number of lines; write 1 to 10000
    ");
}

#[test]
fn a_file_of_holidays_is_remembered_as_the_dates_in_it() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    folder.write("holidays.txt", "2030-01-26 Republic Day\n2030-08-15\n");
    folder.run("set leads holidays=holidays.txt").exits(0);
    assert_eq!(shown(&folder, "holidays")["value"], "2030-01-26,2030-08-15");
    folder.run("set leads holidays=none").exits(0);
    assert_eq!(shown(&folder, "holidays")["value"], "none");
}

#[test]
fn lines_and_pace_of_a_running_campaign_change() {
    let exotel = Exotel::start("--hold 60s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 8);
    let slow = "--rate 1/min --allowance max --lines 1 --hours 00:00-24:00";
    let running = folder.spawn(&format!("start leads {slow}"));
    exotel.has_accepted(1);
    // Either of the two still binds.
    folder.run("set leads rate=20/s").exits(0);
    assert_eq!(exotel.ledger().len(), 1);
    folder.run("set leads lines=4").exits(0);
    exotel.has_accepted(4);
    folder.run("set leads rate=1/min lines=8").exits(0);
    folder.run("set leads rate=max").exits(0);
    exotel.has_accepted(8);
    assert_eq!(rung_once(&exotel.ledger()).len(), 8);
    running.kill();
}

#[test]
fn hours_that_open_let_a_waiting_run_call_and_hours_that_close_end_it() {
    let exotel = Exotel::start("--hold 3s --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let closed = closed_hours();
    let calling =
        format!("start leads --rate max --allowance max --lines 1 --hours {closed} --wait");
    let running = folder.spawn(&calling);
    // It has begun once its first GET was answered.
    crate::support::process::eventually("a run", || {
        (folder.status("leads")["status"] == "running").then_some(())
    });
    assert!(exotel.ledger().is_empty());
    folder.run("set leads hours=00:00-24:00").exits(0);
    exotel.has_accepted(1);
    running.kill();

    let running = folder.spawn("start leads --allowance max --format json");
    exotel.has_accepted(2);
    folder.run(&format!("set leads hours={closed}")).exits(0);
    let summary = running.end().exits(3).json();
    assert_eq!(summary["stopped_because"], "hours");
    assert_eq!(exotel.ledger().len(), 2);
}

#[test]
fn retries_that_are_permitted_while_calls_are_live_count_for_them() {
    let exotel = Exotel::start("--hold 3s --mix busy=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let running = folder.spawn(&format!("start leads {FAST} --format json"));
    exotel.has_accepted(3);
    folder.run("set leads retries=1 retry-after=0s").exits(0);
    let summary = running.end().exits(0).json();
    assert_eq!(summary["counts"]["failed"], 3);
    assert_eq!(exotel.ledger().len(), 6, "each was tried once more");
}

#[test]
fn a_campaign_is_not_changed_with_another_account_configured() {
    let mut folder = Folder::new();
    folder.import_people("leads", 1);
    folder.change("leads", |tx, id| {
        exocamp::store::campaigns::bind_account(tx, id, "exampleco1")
    });
    folder.set("EXOTEL_ACCOUNT_SID", "exampleco2");
    for line in [
        "set leads rate=5/s",
        "pause leads",
        "cancel leads",
        "import people.csv --campaign leads",
    ] {
        let ran = folder.run(line).exits(2);
        let told = "belongs to account `exampleco1`";
        assert!(ran.stderr.contains(told), "{line}: {}", ran.stderr);
    }
    folder.set("EXOTEL_ACCOUNT_SID", "exampleco1");
    folder.run("set leads rate=5/s").exits(0);
}
