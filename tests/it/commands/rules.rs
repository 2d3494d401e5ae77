//! `rules`, and what `start` heeds of them beside the hours.

use serde_json::{Value, json};

use crate::support::answers::names;
use crate::support::binary::{FAST, Folder};
use crate::support::exotel::Exotel;
use crate::support::terminal::Terminal;
use crate::support::wiretap::Wiretap;

/// ExoPhones of the series for promotional calls.
const PROMOTIONAL: &str = "1409876500";
const ANOTHER_PROMOTIONAL: &str = "1409876501";

#[test]
fn the_rules_are_shown_with_source_and_date_and_no_database_is_made() {
    let folder = Folder::new();
    let shown = folder.run("rules --format json").exits(0).json();
    assert_eq!(names(&shown), ["rules"]);
    let rules = shown["rules"].as_array().unwrap();
    let fields = "id title says purposes since source address held";
    for rule in rules {
        assert_eq!(names(rule).join(" "), fields);
    }
    let rule = |id: &str| rules.iter().find(|rule| rule["id"] == id).unwrap();
    let collections = rule("collections-hours");
    assert_eq!(collections["since"], "2022-08-12");
    assert_eq!(collections["purposes"], json!(["collections"]));
    assert_eq!(collections["held"], "enforced");
    assert_eq!(rule("promotional-series")["held"], "checked");
    assert_eq!(rule("1600-series")["held"], "warned");
    assert_eq!(rule("caps")["since"], Value::Null);
    assert_eq!(rule("caps")["source"], "exocamp's own");

    let csv = folder.run("rules --format csv").exits(0).stdout;
    assert!(
        csv.starts_with("id,title,says,purposes,since,source,address,held\n"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), rules.len() + 1);
    let table = folder.run("rules").exits(0).stdout;
    assert!(
        table.starts_with("rule\tsays\tfor\tsince\tsource\theld\n"),
        "{table}"
    );
    assert_eq!(table.lines().count(), rules.len() + 1);
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[test]
fn the_rules_fit_a_terminal_of_a_hundred_columns() {
    let folder = Folder::new();
    let shown = Terminal::of_width(100)
        .spawn(folder.command(["rules"]))
        .end()
        .exits(0)
        .stdout;
    for word in [
        "promotional-hours",
        "collections-hours",
        "2022-08-12",
        "enforced",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    for line in shown.lines() {
        assert!(line.trim_end().chars().count() <= 100, "{line:?}");
    }
}

/// Returns what is kept of rules that were overridden: by whom, what, why.
fn overridden(folder: &Folder) -> Vec<(String, String, String)> {
    let database = folder.database();
    let sql = "SELECT by, detail, because FROM steering WHERE what = 'override' ORDER BY id";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_wrong_series_is_refused_until_somebody_says_why_and_that_is_kept() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 4);
    let from =
        |caller_id: &str| format!("start leads {FAST} --caller-id {caller_id} --max-calls 1");
    let ran = folder.run(&from(PROMOTIONAL)).exits(2);
    for said in [
        "may not call for the purpose `service` from 01409876500",
        "`service-series`",
        "--because",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    for because in ["", " "] {
        let line = from(PROMOTIONAL);
        let mut words: Vec<_> = line.split(' ').collect();
        words.extend(["--because", because]);
        folder.run_words(&words).exits(2);
    }
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
    assert_eq!(folder.status("leads")["started_at"], Value::Null);
    assert!(overridden(&folder).is_empty());

    folder
        .run(&(from(PROMOTIONAL) + " --because agreed-with-the-operator"))
        .exits(3);
    let kept = (
        "asha".to_owned(),
        "service-series for service from 01409876500".to_owned(),
        "agreed-with-the-operator".to_owned(),
    );
    assert_eq!(overridden(&folder), [kept]);
    assert_eq!(exotel.ledger().len(), 1);

    // Cron need not repeat it, and nothing is kept anew.
    folder.run("start leads --max-calls 1 -q").exits(3);
    assert_eq!(exotel.ledger().len(), 2);
    assert_eq!(overridden(&folder).len(), 1);

    // Another ExoPhone is another matter.
    folder.run(&from(ANOTHER_PROMOTIONAL)).exits(2);
    assert_eq!(exotel.ledger().len(), 2);
    folder.run("start leads --max-calls 1 -q").exits(3);
    assert_eq!(exotel.ledger().len(), 3);
}

#[test]
fn promotional_campaigns_call_from_their_own_series() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 1);
    // At whatever hour it is asked for.
    let ran = folder.run("start leads --purpose promotional").exits(2);
    assert!(
        ran.stderr.contains("rule `promotional-series`"),
        "{}",
        ran.stderr
    );
    assert!(wire.requests().is_empty(), "{:?}", wire.requests());
    for line in [
        format!("start leads --purpose promotional --caller-id {PROMOTIONAL}"),
        "start leads --purpose promotional --because agreed".to_owned(),
    ] {
        // Refused by nothing but the hour, which may be any, or the run's own end.
        let past = "--until 2026-01-05T10:00:00+05:30";
        folder.run(&format!("{line} {past}")).exits(3);
    }
    assert!(exotel.ledger().is_empty());
}

#[test]
fn a_number_outside_the_1600_series_is_warned_of_once() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let line = format!("start leads {FAST} --purpose transactional --max-calls 1");
    let warning = "(rule `1600-series`)";
    let ran = folder.run(&line).exits(3);
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    let ran = folder.run(&line).exits(3);
    assert!(!ran.stderr.contains(warning), "{}", ran.stderr);
    let ran = folder
        .run(&format!("{line} --caller-id 1600987650 --because none"))
        .exits(0);
    assert!(!ran.stderr.contains(warning), "{}", ran.stderr);
    let said = "`--because` has nothing to override";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(overridden(&folder).is_empty());
}

#[test]
fn nobody_goes_round_the_series_by_changing_a_campaign_while_it_runs() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let running = folder.spawn("start leads --rate 1/min --allowance max --hours 00:00-24:00");
    exotel.has_accepted(1);
    let in_force = || folder.run("set leads --format csv").exits(0).stdout;
    let before = in_force();
    let to_another = format!("set leads lines=5 caller-id={PROMOTIONAL}");
    let ran = folder.run(&to_another).exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: nothing was changed
      caused by: campaign `leads` may not call for the purpose `service` from 01409876500
      caused by: the 140 series is for promotional calls; others do not come from it (rule `service-series`, TRAI, TCCCPR 2018)
    hint: show another ExoPhone with `caller-id=NUMBER`, declare another purpose with `purpose=WORD` if it is another, or say why with `--because TEXT`, which is kept
    ");
    let ran = folder
        .run("set leads hours=09:00-21:00 purpose=promotional")
        .exits(2);
    for said in [
        "nothing was changed",
        "may not call for the purpose `promotional` from 08098765000",
        "rule `promotional-series`",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    assert_eq!(in_force(), before);
    folder.run(&format!("{to_another} --because")).exits(2);
    folder.run("set leads --because nothing-is-set").exits(2);
    assert!(overridden(&folder).is_empty());

    // What is none of the rule's business is changed as ever, and needs no reason.
    let ran = folder.run("set leads lines=4 --because of-that").exits(0);
    assert!(
        ran.stderr.contains("has nothing to override"),
        "{}",
        ran.stderr
    );
    folder
        .run(&format!("{to_another} --because agreed-with-the-operator"))
        .exits(0);
    let kept = (
        "asha".to_owned(),
        "service-series for service from 01409876500".to_owned(),
        "agreed-with-the-operator".to_owned(),
    );
    assert_eq!(overridden(&folder), [kept]);
    folder.run("set leads rate=max").exits(0);
    running.end().exits(0);
    let shown: Vec<_> = exotel
        .ledger()
        .into_iter()
        .map(|call| call.caller_id)
        .collect();
    assert_eq!(shown.len(), 3);
    assert!(shown[1].ends_with(PROMOTIONAL), "{shown:?}");

    // Purpose and series that go together need no reason.
    let ran = folder
        .run(&format!(
            "set leads hours=09:00-21:00 purpose=promotional caller-id={ANOTHER_PROMOTIONAL}"
        ))
        .exits(0);
    assert_eq!(ran.stderr, "");
    assert_eq!(overridden(&folder).len(), 1);
}
