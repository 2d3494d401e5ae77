//! Several ExoPhones in one campaign.

use std::collections::BTreeMap;

use crate::support::binary::{FAST, Folder};
use crate::support::exotel::{Exotel, rung_once};

#[test]
fn each_person_sees_one_exophone_and_the_figures_of_each_are_those_of_the_ledger() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 3=busy");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 40);
    let line =
        format!("start leads {FAST} --caller-id 08098765000,08098765001 --yes --format json");
    let summary = folder.run(&line).exits(0).json();
    let ledger = exotel.ledger();
    assert_eq!(rung_once(&ledger).len(), 40);
    let mut heard: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for call in &ledger {
        let national = call.caller_id.trim_start_matches('0');
        let figures = heard.entry(format!("+91{national}")).or_default();
        figures.0 += 1;
        figures.1 += u64::from(call.outcome == "completed");
    }
    assert_eq!(heard.len(), 2, "{heard:?}");
    for shown in [
        &summary["caller_ids"],
        &folder.status("leads")["caller_ids"],
    ] {
        let shown: BTreeMap<String, (u64, u64)> = shown
            .as_array()
            .unwrap()
            .iter()
            .map(|of| {
                assert_eq!((&of["open"], &of["refused"]), (&0.into(), &0.into()));
                let count = |name: &str| of[name].as_u64().unwrap();
                let id = of["caller_id"].as_str().unwrap().to_owned();
                (id, (count("calls"), count("answered")))
            })
            .collect();
        assert_eq!(shown, heard);
    }
    let table = folder.run("status leads").exits(0).stdout;
    for (id, (calls, answered)) in heard {
        let national = id.trim_start_matches("+91");
        let line = format!("0{national}: {calls} calls, {answered} answered, 0 open");
        assert!(table.contains(&line), "{line}: {table}");
    }
}

#[test]
fn a_number_that_cannot_be_an_exophone_is_refused_with_its_remedy() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let ran = folder
        .run("start leads --caller-id 08098765000,12")
        .exits(2);
    assert!(
        ran.stderr.contains("`--caller-id` cannot be used"),
        "{}",
        ran.stderr
    );
}
