//! `import`: what is taken, what is counted, and that it is all or nothing.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::support::binary::{Folder, people};
use crate::support::process::{Running, eventually};

const LEADS: &str = "name,phone,city
Asha,9876500000,Pune
Ravi,98765,Delhi
Meena,+91 98765 00000,Kochi
Jo,9.87E+09,Goa
Neha,09876500001,Pune
";

#[test]
fn an_import_counts_every_row_once() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    let ran = folder.run("import leads.csv").exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    campaign    leads
    rows        5
    accepted    2
    duplicates  1
    rejected    2
                1 scientific_notation, 1 too_short
    ");
    insta::assert_snapshot!(ran.stderr, @"
    line 3: too short: 5 digits (`98765`)
    line 5: a spreadsheet turned the number into scientific notation, and its last digits are lost (`9.87E+09`)
    line 4: same number as line 2
    ");
    let status = folder.status("leads");
    assert_eq!(status["total_contacts"], 2);
    assert_eq!(status["contacts"][0]["name"], "Asha");
    assert_eq!(status["contacts"][0]["fields"], json!({"city": "Pune"}));
    assert_eq!(status["contacts"][1]["number"], "+919876500001");
}

#[test]
fn the_same_file_again_changes_nothing() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    let first = folder.run("import leads.csv --format json").exits(0).json();
    let expected = json!({
        "campaign": "leads", "files": ["leads.csv"], "rows": 5, "accepted": 2, "duplicates": 1, "rejected": 2,
        "rejected_by_reason": {"scientific_notation": 1, "too_short": 1},
    });
    assert_eq!(first, expected);
    let before = folder.status("leads");
    let again = folder.run("import leads.csv --format json").exits(0).json();
    assert_eq!(again["accepted"], 0);
    assert_eq!(again["duplicates"], 3);
    assert_eq!(folder.status("leads"), before);
}

#[test]
fn several_files_fill_one_campaign_and_a_duplicate_names_the_file_of_the_first() {
    let folder = Folder::new();
    folder.write("north.csv", &people(0..3));
    folder.write(
        "south.csv",
        "Mobile No.;Name\n98765 00002;Asha\n98765 00003;Ravi\n",
    );
    let ran = folder
        .run("import north.csv south.csv --campaign all --format json")
        .exits(0);
    let counted = ran.json();
    assert_eq!(counted["files"], json!(["north.csv", "south.csv"]));
    assert_eq!(
        (&counted["rows"], &counted["accepted"]),
        (&json!(5), &json!(4))
    );
    assert_eq!(ran.stderr, "line 2: same number as line 4 of `north.csv`\n");
}

#[test]
fn standard_input_needs_a_name_for_its_campaign() {
    let folder = Folder::new();
    let ran = folder.run_with_input("import -", &people(0..2)).exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: standard input has no name to call the campaign by
    hint: name it with `--campaign NAME`
    ");
    assert!(folder.files().is_empty());
    let named = "import - --campaign walk-ins --format json";
    let counted = folder.run_with_input(named, &people(0..2)).exits(0).json();
    assert_eq!(counted["campaign"], "walk-ins");
    assert_eq!(counted["accepted"], 2);
}

#[test]
fn columns_with_unusual_names_are_named_by_a_person() {
    let folder = Folder::new();
    folder.write("odd.csv", "who,ring\nAsha,9876500000\n");
    let ran = folder.run("import odd.csv").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot import `odd.csv`
      caused by: no column looks like a phone number; the header has `who`, `ring`
    hint: name it with `--map phone=COLUMN`
    ");
    folder
        .run("import odd.csv --map phone=ring,name=who")
        .exits(0);
    assert_eq!(folder.status("odd")["contacts"][0]["name"], "Asha");
    let ran = folder.run("import odd.csv --map phone=rung").exits(2);
    assert!(
        ran.stderr.contains("no column is called `rung`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn without_a_usable_row_there_is_no_campaign() {
    let folder = Folder::new();
    folder.write("bad.csv", "phone\n12\n9999999999\n");
    let ran = folder.run("import bad.csv").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    line 2: too short: 2 digits (`12`)
    line 3: a placeholder, not a number (`••••••9999`)
    error: nothing was imported
      caused by: none of the 2 rows can be called: 1 placeholder, 1 too_short
    hint: is the right column the phone number? name it with `--map phone=COLUMN`
    ");
    assert_eq!(folder.files(), ["bad.csv"]);
}

#[test]
fn a_file_that_turns_out_bad_takes_the_good_one_before_it_back() {
    let folder = Folder::new();
    folder.write("good.csv", &people(0..3));
    folder.write(
        "torn.csv",
        "phone,name\n9876500009,Asha\n9876500010,\"Ravi\n",
    );
    let ran = folder.run("import good.csv torn.csv").exits(2);
    assert!(
        ran.stderr.contains("cannot import `torn.csv`"),
        "{}",
        ran.stderr
    );
    assert_eq!(folder.files(), ["good.csv", "torn.csv"]);
}

#[test]
fn a_file_or_name_that_cannot_be_creates_nothing() {
    let folder = Folder::new();
    let ran = folder.run("import nowhere.csv").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot open `nowhere.csv`
      caused by: No such file or directory (os error 2)
    ");
    folder.write("people.csv", &people(0..1));
    let ran = folder.run("import people.csv --campaign a/b").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: `a/b` is no campaign name; use 1 to 64 letters, digits, spaces, `-`, `_` or `.`
    hint: name the campaign with `--campaign NAME`
    ");
    assert_eq!(folder.files(), ["people.csv"]);
}

#[test]
fn an_import_that_is_killed_has_imported_all_or_nothing() {
    let folder = Folder::new();
    let list = people(0..60_000);
    let mut command = folder.command(["import", "-", "--campaign", "leads"]);
    command.stdin(Stdio::piped());
    let mut running = Running::spawn(command);
    let mut input = running.take_stdin();
    input.write_all(list.as_bytes()).unwrap();
    drop(input);
    // The database appears when all was read; publishing sixty thousand rows takes longer than noticing that.
    eventually("the database", || {
        folder.path().join("exocamp.db").exists().then_some(())
    });
    running.kill();
    let kept = folder.run("list --format json").exits(0).json();
    let kept = kept
        .as_array()
        .unwrap()
        .first()
        .map_or(0, |campaign| campaign["total_contacts"].as_u64().unwrap());
    assert!(
        [0, 60_000].contains(&kept),
        "{kept} of 60,000 rows were kept"
    );
    let counted = folder
        .run_with_input("import - --campaign leads --format json", &list)
        .exits(0)
        .json();
    let (accepted, duplicates) = (&counted["accepted"], &counted["duplicates"]);
    assert_eq!(
        (accepted, duplicates),
        (&json!(60_000 - kept), &json!(kept))
    );
}

#[test]
fn our_own_caller_id_is_not_called() {
    let mut folder = Folder::new();
    folder.set("EXOTEL_CALLER_ID", "08098765000");
    folder.write("people.csv", "phone\n080 98765000\n9876500000\n");
    let counted = folder
        .run("import people.csv --format json")
        .exits(0)
        .json();
    assert_eq!(counted["rejected_by_reason"], json!({"own_caller_id": 1}));
}
