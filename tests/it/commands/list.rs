//! `list`, and reading commands where there is nothing to read.

use serde_json::json;

use crate::support::binary::Folder;

#[test]
fn list_shows_every_campaign_with_its_counts() {
    let folder = Folder::new();
    folder.import_people("first", 3);
    let words = ["import", "people.csv", "--campaign", "second round"];
    folder.run_words(&words).exits(0);
    let _filters = folder.snapshots();
    let table = folder.run("list").exits(0).stdout;
    insta::assert_snapshot!(table.replace('\t', "|"), @"
    campaign|status|owner|total|pending|initiated|completed|failed|skipped|held|created|started
    first|stopped|asha|3|3|0|0|0|0|0|[TIME]|
    second round|stopped|asha|3|3|0|0|0|0|0|[TIME]|
    ");
    assert_eq!(folder.run("status").exits(0).stdout, table);
    insta::assert_snapshot!(folder.run("list --format csv").exits(0).stdout, @"
    campaign,status,owner,total_contacts,pending,initiated,completed,failed,skipped,held,created_at,started_at
    first,stopped,asha,3,3,0,0,0,0,0,[TIME],
    second round,stopped,asha,3,3,0,0,0,0,0,[TIME],
    ");
    let list = folder.run("list --format json").exits(0).json();
    let mut first = list[0].clone();
    assert!(first["created_at"].as_str().unwrap().ends_with("+05:30"));
    first["created_at"] = json!("then");
    let expected = json!({
        "campaign": "first", "status": "stopped", "owner": "asha", "total_contacts": 3, "calls_completed": 0,
        "calls_failed": 0,
        "counts": {"pending": 3, "initiated": 0, "completed": 0, "failed": 0, "skipped": 0, "held": 0},
        "created_at": "then", "started_at": null,
    });
    assert_eq!(first, expected);
}

#[test]
fn in_a_wrong_folder_commands_say_which_file_they_looked_for_and_create_none() {
    let folder = Folder::new();
    for line in [
        "list",
        "status",
        "status leads",
        "start leads",
        "settle leads",
        "--sandbox list",
    ] {
        let ran = folder.run(line).exits(2);
        let file = if line.contains("sandbox") {
            "exocamp.sandbox.db"
        } else {
            "exocamp.db"
        };
        assert!(
            ran.stderr.contains(&format!("no database at `./{file}`")),
            "{line}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("hint: "), "{line}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{line}");
        assert!(folder.files().is_empty(), "{line}: {:?}", folder.files());
    }
}

#[test]
fn the_folder_and_the_database_can_be_named() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    let elsewhere = Folder::new();
    let named = folder.path().display();
    let list = elsewhere
        .run(&format!("-C {named} list --format json"))
        .exits(0)
        .json();
    assert_eq!(list[0]["campaign"], "leads");
    let list = elsewhere
        .run(&format!("list --db {named}/exocamp.db --format json"))
        .exits(0)
        .json();
    assert_eq!(list[0]["campaign"], "leads");
    assert!(elsewhere.files().is_empty());
}
