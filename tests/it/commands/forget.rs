//! `forget`: a person is erased from the files, is shown to nobody, and is not called again.

use std::fs;

use serde_json::{Value, json};

use crate::support::binary::{FAST, Folder, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;
use crate::support::terminal::Terminal;

/// Whom these tests forget: 9876500007.
const ENDING: u32 = 7;

const DIGITS: u64 = 919_876_500_007;

/// Returns the files that hold the number: as text, or as SQLite keeps an integer of its size.
fn holders(folder: &Folder) -> Vec<String> {
    let bytes = DIGITS.to_be_bytes();
    let needles: [&[u8]; 4] = [b"9876500007", b"98765 00007", &bytes[2..], &bytes];
    let holds = |name: &String| {
        let content = fs::read(folder.path().join(name)).unwrap();
        let has = |needle: &&[u8]| content.windows(needle.len()).any(|part| part == *needle);
        needles.iter().any(has)
    };
    folder.files().into_iter().filter(holds).collect()
}

/// Imports people, without leaving their list behind.
fn import(folder: &Folder, campaign: &str, endings: std::ops::Range<u32>) {
    folder.write("people.csv", &people(endings));
    folder
        .run(&format!("import people.csv --campaign {campaign}"))
        .exits(0);
    fs::remove_file(folder.path().join("people.csv")).unwrap();
}

fn contact(folder: &Folder, campaign: &str, index: usize) -> Value {
    folder.status(campaign)["contacts"][index].clone()
}

/// Writes the number down wherever people may, but about somebody else.
fn write_the_number_down_everywhere_else(folder: &Folder) {
    let say = |words: &[&str]| folder.run_words(words).exits(0);
    let neighbour = "a neighbour of 98765 00007";
    say(&["dnd", "add", "9876500012", "--note", neighbour]);
    say(&["dnd", "add", "9876500013", "--note", "with 919876500007"]);
    let because = "they are not 09876500007";
    say(&["dnd", "remove", "9876500013", "--because", because]);
    folder.write("from 9876500007.csv", "phone\n9876500402\n");
    say(&["dnd", "import", "from 9876500007.csv"]);
    fs::remove_file(folder.path().join("from 9876500007.csv")).unwrap();
    for steered in ["pause", "resume"] {
        say(&[steered, "leads", "--because", "+91 98765-00007 complained"]);
    }
    folder.write(
        "relatives.csv",
        "phone,name,ref,or\n9876500401,\"Asha, sister of +91 98765-00007\",order 20260301 of 9876500007,09876500007\n",
    );
    say(&["import", "relatives.csv", "--campaign", "relatives"]);
    fs::remove_file(folder.path().join("relatives.csv")).unwrap();
}

#[test]
fn a_number_that_only_others_texts_have_is_erased_from_them() {
    let folder = Folder::new();
    import(&folder, "leads", 0..3);
    write_the_number_down_everywhere_else(&folder);
    assert!(!holders(&folder).is_empty());
    let ran = folder.run("forget 9876500007 --yes").exits(0);
    insta::assert_snapshot!(ran.stdout, @"forgotten: nobody knew them here, and nobody will call them");
    assert_eq!(holders(&folder), Vec::<String>::new());
}

#[test]
fn no_byte_of_the_number_is_left_in_any_file_of_the_workspace() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    import(&folder, "leads", 0..300);
    import(&folder, "others", 0..20);
    write_the_number_down_everywhere_else(&folder);
    folder
        .run(&format!("start leads {FAST} --max-calls 20"))
        .exits(3);
    folder
        .run(&format!("start others --sandbox {FAST}"))
        .exits(0);
    let before = holders(&folder);
    for file in ["exocamp.db", "exocamp.sandbox.db"] {
        assert!(
            before.iter().any(|name| name.starts_with(file)),
            "{file}: {before:?}"
        );
    }
    let ran = folder.run("forget 09876500007 --yes").exits(0);
    insta::assert_snapshot!(ran.stdout, @"forgotten: 2 contacts erased, never called again");
    insta::assert_snapshot!(ran.stderr, @"they were imported from `people.csv`: files and backups are yours to clean");
    assert_eq!(holders(&folder), Vec::<String>::new());
    // All else is as it was.
    let counts = |campaign| folder.status(campaign)["total_contacts"].clone();
    assert_eq!((counts("leads"), counts("others")), (json!(300), json!(20)));
    let relative = contact(&folder, "relatives", 0);
    assert_eq!(relative["number"], "+919876500401");
    assert_eq!(relative["name"], "Asha, sister of +91 …0007");
    assert_eq!(
        relative["fields"],
        json!({"ref": "order 20260301 of …0007", "or": "0…0007"})
    );
    let listed = folder.run("dnd list --format json").exits(0).json();
    let notes: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["note"])
        .collect();
    assert!(notes.contains(&&json!("from …0007.csv")), "{notes:?}");
    assert!(notes.contains(&&json!("a neighbour of …0007")), "{notes:?}");
    let ran = folder.run("forget 9876500007 --yes").exits(0);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stdout, @"forgotten already, [TIME] by asha: nothing is left to erase");
    assert_eq!(holders(&folder), Vec::<String>::new());
}

#[test]
fn who_was_forgotten_is_shown_as_that_everywhere_and_called_by_nobody() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    import(&folder, "leads", 6..9);
    folder
        .run("dnd add 9876500007 --note Mrs-Kulkarni")
        .exits(0);
    let forgotten = folder
        .run("forget 9876500007 --yes --format json")
        .exits(0)
        .json();
    assert_eq!(forgotten["erased"], true);
    assert_eq!(forgotten["purged"], true);
    assert_eq!(forgotten["contacts"], 1);
    assert_eq!(forgotten["forgotten_by"], "asha");
    let shown = contact(&folder, "leads", 1);
    assert_eq!(
        (&shown["number"], &shown["forgotten"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(
        (&shown["name"], &shown["fields"]),
        (&Value::Null, &json!({}))
    );
    assert_eq!(
        (&shown["call_status"], &shown["reason"]),
        (&json!("skipped"), &json!("do_not_call"))
    );
    assert!(contact(&folder, "leads", 0).get("forgotten").is_none());
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(exotel.ledger().len(), 2);

    let _filters = folder.snapshots();
    let listed = folder.run("dnd list").exits(0);
    insta::assert_snapshot!(listed.stdout, @"
    number	since	by	source	note
    forgotten	[TIME]	asha	forgotten	
    ");
    let listed = folder.run("dnd list --format json").exits(0).json();
    assert_eq!(
        (&listed[0]["number"], &listed[0]["forgotten"]),
        (&Value::Null, &json!(true))
    );
    let checked = folder.run("dnd check 9876500007").exits(0);
    insta::assert_snapshot!(checked.stdout, @"+919876500007  forgotten since [TIME], by asha");
    let told = folder.run("why 9876500007").exits(0);
    let told = told.stdout.replace(char::is_numeric, "");
    assert!(told.starts_with("This person was forgotten"), "{told}");
    let told = folder.run("why 9876500007 --format json").exits(0).json();
    assert_eq!(
        (&told["forgotten"], &told["campaigns"]),
        (&json!(true), &json!([]))
    );
    for shown in [
        "status leads --limit 0",
        "status leads --format csv",
        "list",
        "dnd list --format csv",
    ] {
        let ran = folder.run(shown).exits(0);
        assert!(!ran.stdout.contains("999"), "{shown}: {}", ran.stdout);
        assert!(!ran.stdout.contains("Person 7"), "{shown}: {}", ran.stdout);
    }
    let table = folder.run("status leads").exits(0).stdout;
    assert!(table.contains("\nforgotten\t"), "{table}");
}

#[test]
fn who_was_forgotten_does_not_come_back_with_a_list_or_by_hand() {
    let exotel = Exotel::start("--hold 50ms");
    let folder = Folder::calling(&exotel);
    import(&folder, "leads", 0..3);
    // Nobody here has ever heard of them.
    let ran = folder.run("forget 9876500007 --yes").exits(0);
    insta::assert_snapshot!(ran.stdout, @"forgotten: nobody knew them here, and nobody will call them");
    folder.write("again.csv", &people(6..9));
    let ran = folder.run("import again.csv --format json").exits(0);
    assert_eq!(ran.stderr, "line 3: this person asked to be forgotten\n");
    let counted = ran.json();
    assert_eq!(
        (&counted["accepted"], &counted["rejected"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(counted["rejected_by_reason"], json!({"forgotten": 1}));
    let ran = folder
        .run("import again.csv --sandbox --format json")
        .exits(0);
    assert_eq!(ran.json()["rejected_by_reason"], json!({"forgotten": 1}));
    folder.write("alone.csv", &people(ENDING..ENDING + 1));
    let ran = folder.run("import alone.csv").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    line 2: this person asked to be forgotten
    error: nothing was imported
      caused by: none of the 1 rows can be called: 1 forgotten
    hint: is the right column the phone number? name it with `--map phone=COLUMN`
    ");
    assert!(!folder.run("list").exits(0).stdout.contains("alone"));
    let ran = folder.run("dnd add 9876500007").exits(0);
    insta::assert_snapshot!(ran.stdout, @"0 numbers put on the do-not-call list; 1 forgotten, and never called");
    let ran = folder
        .run_words(&[
            "dnd",
            "remove",
            "9876500007",
            "--because",
            "they changed their mind",
        ])
        .exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: nothing was taken off the do-not-call list
      caused by: this person asked to be forgotten
    hint: who was forgotten is never called again; leave the number out
    ");
    let ran = folder.run("call 9876500007 --yes").exits(3);
    assert!(
        ran.stderr.contains("this person asked to be forgotten"),
        "{}",
        ran.stderr
    );
    assert!(exotel.ledger().is_empty());
    for file in ["again.csv", "alone.csv"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    assert_eq!(holders(&folder), Vec::<String>::new());
}

#[test]
fn nobody_is_imported_or_called_while_the_key_is_missing_or_another() {
    let exotel = Exotel::start("--hold 50ms");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.run("forget 9876500007 --yes").exits(0);
    let path = folder.path().join("exocamp.db.key");
    let key = fs::read(&path).unwrap();
    let _filters = folder.snapshots();
    fs::remove_file(&path).unwrap();
    let start = format!("start leads {FAST}");
    for command in [
        "import people.csv --campaign more",
        &start,
        "forget 9876500001 --yes",
    ] {
        let ran = folder.run(command).exits(6);
        insta::allow_duplicates!(insta::assert_snapshot!(ran.stderr, @"
        error: `[FOLDER]/exocamp.db.key` is missing: without it, nobody can tell who asked to be forgotten
        hint: put the key file back where it was, from the backup of the database's folder; no other one can replace it
        "));
    }
    fs::write(&path, "ab".repeat(32)).unwrap();
    let ran = folder.run(&start).exits(6);
    assert!(
        ran.stderr.contains("is not the key by which"),
        "{}",
        ran.stderr
    );
    assert!(exotel.ledger().is_empty());
    // An opt-out never fails.
    let ran = folder.run("dnd add 9876500001").exits(0);
    assert!(ran.stderr.starts_with("warning: "), "{}", ran.stderr);
    fs::write(&path, key).unwrap();
    folder.run(&start).exits(0);
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn a_person_has_to_say_yes() {
    let folder = Folder::new();
    folder.run("forget 9876500007 --yes").exits(2);
    import(&folder, "leads", 6..9);
    let before = folder.status("leads");
    let ran = folder.run("forget 9876500007").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot ask: this is no terminal
    hint: say so beforehand with `--yes`
    ");
    let ran = folder.run("forget 98765 --yes").exits(2);
    assert!(
        ran.stderr
            .starts_with("error: Invalid phone number format\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(folder.status("leads"), before);
    assert!(!folder.files().contains(&"exocamp.db.key".to_owned()));
}

#[test]
fn a_person_at_a_terminal_is_asked_and_may_think_better_of_it() {
    let folder = Folder::new();
    import(&folder, "leads", 6..9);
    for (key, exit, is_forgotten) in [("n", 3, false), ("y", 0, true)] {
        let command = folder.command(["forget", "9876500007"]);
        let mut terminal = Terminal::open().spawn(command);
        terminal.shows("erase +919876500007 and never call them again? this cannot be undone");
        terminal.types(key);
        terminal.end().exits(exit);
        let shown = contact(&folder, "leads", 1);
        assert_eq!(shown["number"].is_null(), is_forgotten, "{key:?}: {shown}");
    }
}

#[test]
fn a_call_that_is_in_doubt_keeps_the_number_until_it_is_cleared_up() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 07=lost-reply");
    let folder = Folder::calling(&exotel);
    import(&folder, "leads", 6..9);
    import(&folder, "others", 7..8);
    // Leaves before the call can be looked for.
    folder.run(&format!("start leads {FAST} --once")).exits(4);
    let doubts = folder.run("doubts list --format json").exits(0).json();
    assert_eq!(doubts[0]["number"], "+919876500007");
    let ran = folder.run("forget 9876500007 --yes").exits(0);
    insta::assert_snapshot!(ran.stdout, @"to be forgotten: 2 contacts erased but for the number, never called again");
    insta::assert_snapshot!(ran.stderr, @"
    warning: the number is kept, and shown to nobody, until a call to it is cleared up; it is erased then
    hint: `exocamp settle leads` asks what became of the call; `exocamp doubts list leads` shows what a person has to decide
    they were imported from `people.csv`: files and backups are yours to clean
    ");
    assert!(!holders(&folder).is_empty());
    let shown = contact(&folder, "leads", 1);
    assert_eq!(
        (&shown["number"], &shown["name"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(contact(&folder, "others", 0)["call_status"], "skipped");
    for command in [
        "doubts list",
        "doubts list --format json",
        "dnd list",
        "why 9876500007",
    ] {
        let ran = folder.run(command).exits(0);
        assert!(!ran.stdout.contains("00007"), "{command}: {}", ran.stdout);
    }
    exotel.calls_are_over();
    folder.run("settle leads").exits(0);
    assert_eq!(contact(&folder, "leads", 1)["outcome"], "completed");
    assert_eq!(holders(&folder), Vec::<String>::new());
}

#[test]
fn a_run_that_follows_the_last_call_erases_the_number_when_it_ends() {
    let exotel = Exotel::start("--hold 1500ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    import(&folder, "leads", 6..9);
    let run = folder.spawn(&format!("start leads {FAST}"));
    exotel.has_accepted(3);
    eventually("the replies", || {
        let status = folder.status("leads");
        (contact_sids(&status) == 3).then_some(())
    });
    let forgotten = folder
        .run("forget 9876500007 --yes --format json")
        .exits(0)
        .json();
    assert_eq!(forgotten["erased"], false);
    assert_eq!(forgotten["waits_for"], json!(["leads"]));
    run.end().exits(0);
    let shown = contact(&folder, "leads", 1);
    assert_eq!(
        (&shown["number"], &shown["outcome"]),
        (&Value::Null, &json!("completed"))
    );
    assert_eq!(holders(&folder), Vec::<String>::new());
    // Exotel still names the number, which is no difference.
    exotel.calls_are_over();
    let audit = folder.run("audit leads --format json").exits(0).json();
    assert_eq!(audit["matched"], 3);
}

#[test]
fn a_run_that_goes_on_keeps_no_bytes_and_is_not_disturbed() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    import(&folder, "leads", 6..9);
    import(&folder, "others", 20..26);
    let run = folder.spawn("start others --rate 1/s --allowance max --hours 00:00-24:00");
    exotel.has_accepted(2);
    let forgotten = folder
        .run("forget 9876500007 --yes --format json")
        .exits(0)
        .json();
    assert_eq!(
        (&forgotten["erased"], &forgotten["purged"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(holders(&folder), Vec::<String>::new());
    run.end().exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 6);
}

fn contact_sids(status: &Value) -> usize {
    let contacts = status["contacts"].as_array().unwrap();
    contacts
        .iter()
        .filter(|contact| contact["call_sid"].is_string())
        .count()
}
