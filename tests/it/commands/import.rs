//! `import`: what is taken, what is counted, and that it is all or nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use serde_json::json;

use crate::support::binary::{FAST, Folder, people};
use crate::support::process::{Running, eventually};
use crate::support::terminal::Terminal;

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
        "rejected_by_reason": {"scientific_notation": 1, "too_short": 1}, "contacts": 2, "dry_run": false,
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
    assert_eq!(
        ran.stderr,
        "line 2 of `south.csv`: same number as line 4 of `north.csv`\n"
    );
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
    hint: did you mean `--map phone=ring`? its first cell is a number that can be called
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
    let torn = b"phone,name\n9876500009,Asha\n9876500010,Zo\xEB\n";
    std::fs::write(folder.path().join("torn.csv"), torn).unwrap();
    let ran = folder.run("import good.csv torn.csv").exits(2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: cannot import `torn.csv`
      caused by: line 3 is not UTF-8 text
    hint: read it with `--encoding windows-1252`, or save it as "CSV UTF-8" in the spreadsheet
    "#);
    assert_eq!(folder.files(), ["good.csv", "torn.csv"]);
    let ran = folder
        .run("import good.csv torn.csv --encoding windows-1252")
        .exits(0);
    assert!(ran.stdout.contains("rejected    0"), "{}", ran.stdout);
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

/// Starts an import of a hundred thousand people that is under way for a while, and is too large to be held in memory.
fn long_import(folder: &Folder) -> Running {
    let remark = "x".repeat(400);
    let mut list = "name,phone\n".to_owned();
    for ending in 0..100_000 {
        writeln!(list, "{remark},98765{ending:05}").unwrap();
    }
    folder.write("long.csv", &list);
    Running::spawn(folder.command(["import", "long.csv", "--campaign", "leads"]))
}

#[test]
fn a_first_import_that_is_killed_has_made_no_database() {
    let folder = Folder::new();
    let running = long_import(&folder);
    let is_draft = |name: &String| name.ends_with(".draft");
    eventually("the draft", || {
        folder.files().iter().any(is_draft).then_some(())
    });
    let ran = running.kill();
    assert_eq!(ran.code, None, "it was killed too late");
    assert!(!folder.path().join("exocamp.db").exists());
    folder.run("list").exits(2);
    // The next one cleans up, and finds everything to do.
    let counted = folder
        .run("import long.csv --campaign leads --format json")
        .exits(0)
        .json();
    assert_eq!(counted["accepted"], 100_000);
    assert_eq!(folder.files(), ["exocamp.db", "long.csv"]);
}

#[test]
fn a_later_import_that_is_killed_has_changed_nothing() {
    let folder = Folder::new();
    folder.write("few.csv", "phone\n9876500000\n9876600000\n");
    folder.run("import few.csv --campaign leads").exits(0);
    let before = folder.status("leads");
    let running = long_import(&folder);
    let log = folder.path().join("exocamp.db-wal");
    eventually("the transaction", || {
        let written = log.metadata().map_or(0, |metadata| metadata.len());
        (written > 1_000_000).then_some(())
    });
    let ran = running.kill();
    assert_eq!(ran.code, None, "it was killed too late");
    assert_eq!(folder.status("leads"), before);
    let counted = folder
        .run("import long.csv --campaign leads --format json")
        .exits(0)
        .json();
    assert_eq!(
        (&counted["accepted"], &counted["duplicates"]),
        (&json!(99_999), &json!(1))
    );
}

#[test]
fn a_person_sees_how_far_a_long_list_was_read() {
    let folder = Folder::new();
    folder.write("long.csv", &people(0..50_000));
    let words = ["import", "long.csv"];
    let mut terminal = Terminal::open().spawn(folder.command(words));
    terminal.shows(" rows · ");
    let shown = terminal.end().exits(0).stdout;
    assert!(shown.contains("MiB") && shown.contains("/s"), "{shown}");
    assert!(shown.contains("accepted    50000"), "{shown}");
    // Elsewhere there is no line too many.
    let ran = folder.run("import long.csv --campaign again").exits(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_dry_run_counts_and_changes_nothing() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    let ran = folder.run("import leads.csv --dry-run").exits(0);
    assert!(ran.stdout.contains("accepted    2"), "{}", ran.stdout);
    assert!(
        ran.stderr.ends_with("a dry run: nothing was imported\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(folder.files(), ["leads.csv"]);

    folder.run("import leads.csv").exits(0);
    let before = folder.status("leads");
    folder.write("more.csv", "phone\n9876500000\n9876500009\n");
    let counted = folder
        .run("import more.csv --campaign leads --dry-run --format json")
        .exits(0)
        .json();
    assert_eq!(
        (
            &counted["accepted"],
            &counted["duplicates"],
            &counted["dry_run"]
        ),
        (&json!(1), &json!(1), &json!(true))
    );
    assert_eq!(folder.status("leads"), before);
    folder.write("bad.csv", "phone\n12\n");
    folder.run("import bad.csv --dry-run").exits(2);
}

#[test]
fn a_pipe_is_a_file_like_any_other() {
    let folder = Folder::new();
    let fifo = folder.path().join("leads");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let running = Running::spawn(folder.command(["import", "leads"]));
    // Opened for both, it waits for nobody.
    let options = File::options().read(true).write(true).open(&fifo);
    let mut pipe = options.unwrap();
    pipe.write_all(LEADS.as_bytes()).unwrap();
    eventually("the reader", || {
        let read = rustix::io::ioctl_fionread(&pipe).unwrap() == 0;
        read.then_some(())
    });
    drop(pipe);
    running.end().exits(0);
    assert_eq!(folder.status("leads")["total_contacts"], 2);
}

#[test]
fn a_list_that_came_in_before_is_known_again() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    folder.run("import leads.csv").exits(0);
    folder.write("copy.csv", LEADS);
    let ran = folder.run("import copy.csv --campaign leads").exits(0);
    assert!(
        ran.stderr.contains("`copy.csv` was imported before, "),
        "{}",
        ran.stderr
    );
    // With another row it is another list.
    folder.write("copy.csv", &format!("{LEADS}Tara,9876500007,Pune\n"));
    let ran = folder.run("import copy.csv --campaign leads").exits(0);
    assert!(!ran.stderr.contains("before"), "{}", ran.stderr);
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

#[test]
fn the_last_import_is_taken_back_while_nobody_of_it_was_called() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    folder.write("more.csv", "phone\n9876500005\n9876500000\n");
    folder.run("import leads.csv").exits(0);
    let before = folder.status("leads");
    folder.run("import more.csv --campaign leads").exits(0);
    let ran = folder.run("import undo").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot ask: this is no terminal
    hint: say so beforehand with `--yes`
    ");
    let ran = folder.run("import undo --yes").exits(0);
    insta::assert_snapshot!(ran.stdout, @"1 contact from `more.csv` taken out of `leads`");
    assert_eq!(folder.status("leads"), before);

    // One that added nobody is an import as well: what stands behind it is not reached by mistake.
    folder.run("import leads.csv").exits(0);
    let undone = folder
        .run("import undo --yes --format json")
        .exits(0)
        .json();
    assert_eq!(undone["contacts"], 0);
    assert_eq!(folder.status("leads"), before);
    let ran = folder.run("import undo --yes --campaign leads").exits(0);
    insta::assert_snapshot!(ran.stdout, @"2 contacts from `leads.csv` taken out of `leads`");
    assert_eq!(folder.status("leads")["total_contacts"], 0);
    let ran = folder
        .run(&format!("--sandbox start leads {FAST} --yes"))
        .exits(2);
    assert!(ran.stderr.contains("No contacts found"), "{}", ran.stderr);
    let ran = folder.run("import undo --yes").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: there is no import to take back
    hint: `exocamp list` shows the campaigns; each has its own: `--campaign NAME`
    ");
    // The number can come in again, as if for the first time.
    folder.run("import leads.csv").exits(0);
    assert_eq!(folder.status("leads")["total_contacts"], 2);
}

#[test]
fn an_import_of_which_somebody_was_called_stays() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    folder.run("--sandbox import leads.csv").exits(0);
    let start = format!("--sandbox start leads {FAST} --max-calls 1 --yes");
    folder.run(&start).exits(3);
    let ran = folder.run("--sandbox import undo --yes").exits(2);
    insta::assert_snapshot!(ran.stderr, @r"
    error: nothing was taken back
      caused by: of its 2 contacts, 1 already had a call
    hint: `exocamp cancel leads` calls nobody else of it
    ");
}

#[test]
fn only_the_owner_takes_an_import_back() {
    let mut folder = Folder::new();
    folder.write("leads.csv", LEADS);
    folder.run("import leads.csv").exits(0);
    folder.set("EXOCAMP_USER", "somebody-else");
    folder.run("import undo --yes").exits(2);
    let ran = folder.run("import undo --yes --campaign leads").exits(2);
    assert!(ran.stderr.contains("belongs to"), "{}", ran.stderr);
}

#[test]
fn refused_rows_replace_nothing_of_the_workspace() {
    let folder = Folder::new();
    folder.write("leads.csv", LEADS);
    for name in [
        "exocamp.db",
        "exocamp.db-wal",
        "exocamp.db.key",
        "exocamp.sandbox.db",
        ".env",
        "leads.csv",
    ] {
        let ran = folder
            .run(&format!("import leads.csv --rejects {name}"))
            .exits(2);
        assert!(
            ran.stderr.contains("name another file"),
            "{name}: {}",
            ran.stderr
        );
        assert_eq!(folder.files(), ["leads.csv"], "{name}");
    }
    // Refused rows that cannot be written down take the import back.
    let long = "x".repeat(300);
    folder
        .run(&format!("import leads.csv --rejects {long}"))
        .exits(6);
    assert_eq!(folder.files(), ["leads.csv"]);
}
