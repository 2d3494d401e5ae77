//! `--sandbox`: a rehearsal on a copy, at any hour, without credentials.

use std::fs;

use exocamp::domain::campaign::Setting;

use crate::support::answers::assert_adds_up;
use crate::support::binary::{Folder, closed_hours, people};

#[test]
fn a_rehearsal_plays_a_copy_at_any_hour_and_leaves_the_real_database_as_it_is() {
    let folder = Folder::new();
    folder.import_people("leads", 3);
    // A real start would refuse at this hour.
    folder.remember("leads", Setting::Hours, closed_hours());
    folder.run("start leads").exits(3);
    let before = (
        folder.status("leads"),
        fs::read(folder.path().join("exocamp.db")).unwrap(),
    );

    let ran = folder.run("--sandbox start leads --rate max").exits(0);
    assert!(ran.stdout.contains("leads (SANDBOX)"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("SANDBOX: rehearsing a copy of `leads`"),
        "{}",
        ran.stderr
    );
    let rehearsed = folder
        .run("--sandbox status leads --format json")
        .exits(0)
        .json();
    assert_adds_up(&rehearsed);
    assert_eq!(rehearsed["sandbox"], true);
    assert_eq!(rehearsed["status"], "completed");
    assert_eq!(rehearsed["total_contacts"], 3);
    assert_eq!(rehearsed["counts"]["pending"], 0);

    let after = (
        folder.status("leads"),
        fs::read(folder.path().join("exocamp.db")).unwrap(),
    );
    assert_eq!(before.0, after.0);
    assert!(before.1 == after.1, "the real database's file has changed");
    assert!(folder.files().contains(&"exocamp.sandbox.db".to_owned()));

    // Every rehearsal begins afresh.
    let line = "--sandbox start leads --until 2026-01-05T10:00:00+05:30 --format json";
    let again = folder.run(line).exits(3).json();
    assert_eq!(again["counts"]["pending"], 3);
    let list = folder.run("--sandbox list --format json").exits(0).json();
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .all(|campaign| campaign["sandbox"] == true),
        "{list:#}"
    );
}

#[test]
fn every_output_of_the_sandbox_says_so() {
    let folder = Folder::new();
    folder.write("leads.csv", &people(0..2));
    for line in [
        "import leads.csv",
        "import leads.csv --format json",
        "list",
        "list --format json",
        "list --format csv",
        "status leads",
        "status leads --format json",
        "status leads --format csv",
        "settle leads",
        "call 9876500000",
    ] {
        let ran = folder.run(&format!("--sandbox {line}")).exits(0);
        let said = format!("{}{}", ran.stdout, ran.stderr).to_lowercase();
        assert!(said.contains("sandbox"), "{line}: {said}");
    }
    assert_eq!(
        folder
            .files()
            .iter()
            .filter(|name| name.ends_with(".db"))
            .collect::<Vec<_>>(),
        ["exocamp.sandbox.db"]
    );
}
