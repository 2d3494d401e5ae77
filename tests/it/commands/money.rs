//! What a campaign may cost, and what it has.

use crate::support::binary::{FAST, Folder};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::wiretap::Wiretap;

#[test]
fn a_budget_stops_a_campaign_and_more_of_it_lets_it_go_on() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 9);
    let start = format!("start leads {FAST}");
    let line = format!("{start} --tariff 0.60/min --talk-limit 1m --budget 3");
    let ran = folder.run(&line).exits(3);
    assert!(
        ran.stdout.contains("the budget bears no further call"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("3.00 of 3.00, at 0.60/min"),
        "{}",
        ran.stdout
    );
    for hint in [
        "a call may cost 0.60 at the talk limit of 1m",
        "`exocamp set leads budget=AMOUNT` permits more",
    ] {
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    }
    assert_eq!(exotel.ledger().len(), 5);

    // The budget is remembered, and nobody else is called.
    let again = folder.run(&format!("{start} --format json")).exits(3);
    assert_eq!(again.json()["stopped_because"], "budget");
    assert_eq!(again.json()["calls_placed"], 0);
    assert_eq!(exotel.ledger().len(), 5);
    let quiet = folder.run(&format!("-q {start}")).exits(3);
    assert_eq!(quiet.stdout, "");
    let said = "`leads` has stopped: its budget of 3.00 bears no further call";
    assert!(quiet.stderr.contains(said), "{}", quiet.stderr);
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);

    let more = folder.run(&format!("{start} --budget 4.50 --format json"));
    let more = more.exits(3).json();
    assert_eq!(more["stopped_because"], "budget");
    assert_eq!(more["limited_by"], "budget");
    assert_eq!(
        (&more["spent"], &more["budget"]),
        (&"4.20".into(), &"4.50".into())
    );
    assert_eq!(exotel.ledger().len(), 7);

    folder.run(&format!("{start} --budget none")).exits(0);
    let status = folder.status("leads");
    assert_eq!(status["counts"]["completed"], 9);
    assert_eq!(status["spent"], "5.40");
    assert!(status["budget"].is_null());
    assert_eq!(rung_once(&exotel.ledger()).len(), 9);
}

#[test]
fn a_tariff_that_is_said_later_counts_for_the_calls_before_it_as_well() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 9);
    let start = format!("start leads {FAST} --talk-limit 1m");
    folder.run(&format!("{start} --max-calls 4")).exits(3);
    assert!(folder.status("leads")["spent"].is_null());
    folder.run("set leads tariff=0.60/min budget=3").exits(0);
    assert_eq!(folder.status("leads")["spent"], "2.40");
    let more = folder
        .run(&format!("{start} --format json"))
        .exits(3)
        .json();
    assert_eq!(more["stopped_because"], "budget");
    assert_eq!(exotel.ledger().len(), 5);
}

#[test]
fn a_run_for_all_campaigns_leaves_one_alone_whose_budget_is_used_up_until_there_is_more() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 9);
    let line = format!("start leads {FAST} --tariff 0.60/min --talk-limit 1m --budget 3");
    folder.run(&line).exits(3);
    assert_eq!(exotel.ledger().len(), 5);

    folder.set("EXOTEL_API_BASE", wire.base());
    // As it is once all prices are known, or asked for in vain.
    let prices = |due: &str| {
        let sql = format!("UPDATE attempt SET price_due_at = {due}");
        assert_eq!(folder.database().execute(&sql, []).unwrap(), 5);
    };
    prices("NULL");
    let ran = folder.run("-q run").exits(3);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());

    // A price may turn out to be lower than was reckoned.
    prices("0");
    folder.run("-q run").exits(3);
    assert!(!wire.requests().is_empty());

    prices("NULL");
    folder.run("set leads budget=none").exits(0);
    folder.run("-q run").exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 9);
}

#[test]
fn what_is_reserved_for_calls_of_a_run_that_was_killed_stays_reserved() {
    let exotel = Exotel::start("--hold 1s --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 9);
    let line =
        format!("start leads {FAST} --tariff 0.60/min --talk-limit 10m --budget 7 --format json");
    let running = folder.spawn(&line);
    exotel.has_accepted(1);
    running.kill();
    assert_eq!(exotel.ledger().len(), 1, "one is all that is borne");
    assert_eq!(folder.status("leads")["spent"], "6.00");

    // It turns out to cost a minute and lets another be called; or its reply was lost, and it costs its worst.
    let summary = folder.run(&line).exits(3).json();
    assert_eq!(summary["stopped_because"], "budget");
    let calls = rung_once(&exotel.ledger()).len();
    let cost = summary["spent"].as_str().unwrap();
    assert!(
        [("1.20", 2), ("6.00", 1)].contains(&(cost, calls)),
        "{cost} for {calls} calls"
    );
}

#[test]
fn nothing_is_said_of_costs_that_nobody_knows() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let status = folder.status("leads");
    assert!(status["spent"].is_null());
    assert!(status["budget"].is_null());
    let shown = folder.run("status leads").exits(0).stdout;
    assert!(!shown.contains("cost"), "{shown}");
}
