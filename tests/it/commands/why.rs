//! `why`: one person's story, told and as JSON.

use exocamp::domain::campaign::Setting;

use crate::support::answers::names;
use crate::support::binary::{FAST, Folder};
use crate::support::exotel::Exotel;

#[test]
fn the_story_of_somebody_who_was_called_and_waits_elsewhere() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=busy");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.run(&format!("start leads {FAST}")).exits(0);
    folder.run("import people.csv --campaign others").exits(0);
    // Due now, whatever the hour.
    folder.remember("others", Setting::Hours, "00:00-24:00");
    let ran = folder.run("why 098765-00000").exits(0);
    assert_eq!(ran.stderr, "");
    let call = &exotel.ledger()[0];
    let shown = ran.stdout.replace(&call.sid, "[SID]");
    let _filters = folder.snapshots();
    insta::with_settings!({filters => vec![
        (r"\d\d [A-Z][a-z]{2} \d\d:\d\d:\d\d", "[TIME]"),
        (r", after \d+ s", ""),
        (r", for [\d.]+", ""),
    ]}, {
        insta::assert_snapshot!(shown, @"
        +919876500000, Person 0

        Campaign leads, of asha
          Line 2 of people.csv, imported [TIME].
          Failed: the last permitted call ended busy.

          Attempt 1
            [TIME]  permitted, to be sent from 08098765000 at once
            [TIME]  accepted by Exotel as call [SID]
            [TIME]  seen to have ended: busy at [TIME]

          Next: nothing; this contact is finished.

        Campaign others, of asha
          Line 2 of people.csv, imported [TIME].
          Pending: never called.

          Next: an attempt is due now, by the run that is going on or the next `exocamp start others`.
        ");
    });
}

#[test]
fn the_same_facts_for_programs() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=lost-request");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.run(&format!("start leads {FAST}")).exits(4);
    let story = folder
        .run("why +919876500000 --format json")
        .exits(0)
        .json();
    assert_eq!(names(&story), ["number", "campaigns"]);
    assert_eq!(story["number"], "+919876500000");
    let chapter = &story["campaigns"][0];
    assert_eq!(chapter["campaign"], "leads");
    assert_eq!(chapter["owner"], "asha");
    assert_eq!(chapter["file"], "people.csv");
    assert_eq!(chapter["line"], 2);
    assert_eq!(chapter["call_status"], "held");
    let next = chapter["next"].as_str().unwrap();
    assert!(
        next.starts_with("waits for evidence: the call may turn up in Exotel's list until"),
        "{next}"
    );
    let attempt = &chapter["attempts"][0];
    assert_eq!(attempt["state"], "in_doubt");
    let states: Vec<_> = attempt["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["state"])
        .collect();
    assert_eq!(states, ["intent", "in_doubt"]);
    assert!(attempt["doubt"]["why"].is_string(), "{attempt:#}");
    assert_eq!(attempt["decisions"], serde_json::json!([]));
}

#[test]
fn a_number_that_nobody_knows_has_no_story() {
    let folder = Folder::new();
    folder.run("why 9876500009").exits(2);
    folder.import_people("leads", 1);
    let unknown = folder.run("why 9876500009").exits(2);
    insta::assert_snapshot!(unknown.stderr, @"
    error: no campaign has the number …0009
    hint: `exocamp list` shows the campaigns; `exocamp import FILE` names the rows it refuses
    ");
    folder.run("why 98765").exits(2);
    folder.run("why").exits(2);
    folder.run("why 9876500000 --format csv").exits(2);
}
