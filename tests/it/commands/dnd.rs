//! `dnd`: whoever is on the list is called by nobody, from the moment on at which the command returns.

use serde_json::{Value, json};

use crate::support::binary::{FAST, Folder, number, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;
use crate::support::wiretap::Wiretap;

/// Returns the state and the reason of each contact.
fn states(status: &Value) -> Vec<(&str, Option<&str>)> {
    let contacts = status["contacts"].as_array().unwrap().iter();
    contacts
        .map(|it| (it["call_status"].as_str().unwrap(), it["reason"].as_str()))
        .collect()
}

#[test]
fn whoever_is_put_on_the_list_is_skipped_in_every_campaign_and_rung_by_none() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    folder.run("import people.csv --campaign others").exits(0);
    // Anybody may: the campaigns are another's.
    folder.set("EXOCAMP_USER", "ravi");
    let ran = folder.run("dnd add 098765-00001").exits(0);
    insta::assert_snapshot!(ran.stdout, @"1 number put on the do-not-call list; 2 pending contacts are skipped");
    assert_eq!(ran.stderr, "");
    folder.set("EXOCAMP_USER", "asha");
    for campaign in ["leads", "others"] {
        let status = folder.status(campaign);
        assert_eq!(states(&status)[1], ("skipped", Some("do_not_call")));
        assert_eq!(status["counts"]["pending"], 2);
        assert_eq!(status["counts"]["skipped"], 1);
        folder.run(&format!("start {campaign} {FAST}")).exits(0);
    }
    let rung: Vec<_> = exotel
        .ledger()
        .into_iter()
        .map(|call| call.number)
        .collect();
    assert_eq!(rung.len(), 4);
    assert!(
        !rung.iter().any(|rung| rung.ends_with("9876500001")),
        "{rung:?}"
    );
}

#[test]
fn nothing_begins_after_the_command_has_returned_while_a_campaign_runs() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 7);
    let run = folder.spawn("start leads --rate 1/s --allowance max --lines 50 --hours 00:00-24:00");
    exotel.has_accepted(2);
    let last: Vec<_> = (5..7).map(|ending| format!("98765{ending:05}")).collect();
    folder.run(&format!("dnd add {}", last.join(" "))).exits(0);
    run.end().exits(0);
    let rung = rung_once(&exotel.ledger());
    assert_eq!(rung.len(), 5);
    for number in last {
        assert!(!rung.iter().any(|rung| rung.ends_with(&number)), "{number}");
    }
    let counts = &folder.status("leads")["counts"];
    assert_eq!(
        (&counts["completed"], &counts["skipped"]),
        (&json!(5), &json!(2))
    );
}

#[test]
fn a_call_that_had_left_already_is_waited_for_by_every_way_onto_the_list_and_told_of() {
    // The first call goes alone; those after it are not answered while this test lasts.
    let exotel = Exotel::start(
        "--hold 50ms --mix completed=1 --fate 00=completed --fault slow=100% --slow 25s",
    );
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 5);
    folder.write("optouts.csv", &people(2..4));
    let running = folder.spawn(&format!("start leads {FAST}"));
    eventually("five calls that have left", || {
        (wire.posts() == 5).then_some(())
    });
    let ran = folder.run("dnd add 9876500001").exits(0);
    assert_eq!(ran.stderr, "1 call was under way already\n");
    let ran = folder.run("dnd import optouts.csv").exits(0);
    assert_eq!(ran.stderr, "2 calls were under way already\n");
    // Those of others who are on the list are not theirs.
    let ran = folder.run("dnd add 9876500002 9876500009").exits(0);
    assert_eq!(ran.stderr, "1 call was under way already\n");
    let ran = folder.run("forget 9876500004 --yes").exits(0);
    assert!(
        ran.stderr.ends_with("1 call was under way already\n"),
        "{}",
        ran.stderr
    );
    running.kill();
    // Nobody's call can leave any more, and what became of it is a question for the next run.
    let ran = folder.run("dnd add 9876500002").exits(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_list_that_comes_in_is_counted_whole_and_whom_not_to_call_is_skipped() {
    let folder = Folder::new();
    folder
        .run("dnd add 9876500001 9876500002 --note told-us")
        .exits(0);
    folder.write("leads.csv", &people(0..4));
    let ran = folder.run("import leads.csv --format json").exits(0);
    assert_eq!(
        ran.stderr,
        "2 contacts are on the do-not-call list, and skipped\n"
    );
    assert_eq!(
        ran.json(),
        json!({
            "campaign": "leads", "files": ["leads.csv"], "rows": 4, "accepted": 4, "duplicates": 0, "rejected": 0,
            "rejected_by_reason": {}, "contacts": 4, "dry_run": false,
        })
    );
    let status = folder.status("leads");
    let skipped = ("skipped", Some("do_not_call"));
    let pending = ("pending", None);
    assert_eq!(states(&status), [pending, skipped, skipped, pending]);
    assert_eq!(status["counts"]["pending"], 2);
    // The same list again takes nobody off.
    let again = folder.run("import leads.csv --format json").exits(0);
    assert_eq!(again.json()["duplicates"], 4);
    assert!(!again.stderr.contains("do-not-call"), "{}", again.stderr);
    assert_eq!(folder.status("leads"), status);
    let listed = folder.run("dnd list --format json").exits(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[test]
fn taking_a_number_off_needs_a_reason_and_brings_nobody_back_by_itself() {
    let folder = Folder::new();
    folder.import_people("leads", 2);
    folder.run("dnd add 9876500000 --note moved").exits(0);
    folder.run("dnd remove 9876500000").exits(2);
    folder
        .run_words(&["dnd", "remove", "9876500000", "--because", " "])
        .exits(2);
    let before = folder.status("leads");
    let ran = folder
        .run_words(&[
            "dnd",
            "remove",
            "9876500000",
            "9876500001",
            "--because",
            "she agreed",
        ])
        .exits(0);
    insta::assert_snapshot!(ran.stdout, @"1 number taken off the do-not-call list; 1 not on it; 1 contact stays skipped");
    insta::assert_snapshot!(ran.stderr, @"hint: `exocamp retry leads --reason do_not_call` offers them again");
    assert_eq!(folder.status("leads"), before);
    let ran = folder.run("dnd check 9876500000 9876500001").exits(0);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stdout, @"
    +919876500000  not listed; taken off [TIME] by asha: she agreed
    +919876500001  not listed
    ");
    folder.run("import people.csv --campaign others").exits(0);
    assert_eq!(folder.status("others")["counts"]["pending"], 2);
}

#[test]
fn a_file_of_numbers_comes_in_whole_and_what_is_no_number_is_named() {
    let folder = Folder::new();
    folder.import_people("leads", 3);
    folder.write(
        "optouts.csv",
        "who;Mobile No.\nAsha;98765 00000\nRavi;98765\nAsha again;09876500000\nMeena;9876500009\n",
    );
    let ran = folder.run("dnd import optouts.csv --format json").exits(0);
    assert_eq!(ran.stderr, "line 3: too short: 5 digits (`98765`)\n");
    assert_eq!(
        ran.json(),
        json!({
            "files": ["optouts.csv"], "rows": 4, "added": 2, "already_listed": 1, "forgotten": 0,
            "skipped_contacts": 1, "rejected": 1, "rejected_by_reason": {"too_short": 1},
        })
    );
    let again = folder.run("dnd import optouts.csv").exits(0);
    insta::assert_snapshot!(again.stdout, @"0 numbers put on the do-not-call list; 3 on it already; 1 rejected (1 too_short)");
    let piped = folder.run_with_input("dnd import -", "phone\n9876500001\n");
    piped.exits(0);
    assert_eq!(folder.status("leads")["counts"]["skipped"], 2);
    let listed = folder.run("dnd list --format json").exits(0).json();
    let entry = |index: usize, key: &str| listed[index][key].clone();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!(entry(0, "number"), json!(number(1)));
    assert_eq!(entry(2, "source"), "file");
    assert_eq!(entry(2, "note"), "optouts.csv");
    folder.write("none.csv", "phone\n12\n");
    folder.run("dnd import none.csv").exits(2);
    folder.run("dnd import missing.csv").exits(2);
}

#[test]
fn the_list_is_shown_to_people_programs_and_spreadsheets() {
    let folder = Folder::new();
    folder.run("dnd list").exits(2);
    folder.run("dnd add 9876500000 --note rang").exits(0);
    folder.run("dnd add 9876500001").exits(0);
    let _filters = folder.snapshots();
    let ran = folder.run("dnd list").exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    number	since	by	source	note
    +919876500001	[TIME]	asha	person	
    +919876500000	[TIME]	asha	person	rang
    ");
    let ran = folder.run("dnd list --limit 1 --format csv").exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    number,added_at,added_by,source,note
    +919876500001,[TIME],asha,person,
    ");
    let ran = folder.run("dnd list --limit 1").exits(0);
    assert_eq!(ran.stderr, "1 of 2 numbers; `--limit 0` shows all\n");
    let ran = folder.run("dnd check 9876500000").exits(0);
    insta::assert_snapshot!(ran.stdout, @"+919876500000  listed since [TIME], by asha: rang");
    let checked = folder
        .run("dnd check 9876500000 9876500005 --format json")
        .exits(0)
        .json();
    assert_eq!(
        (&checked[0]["listed"], &checked[1]["listed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(checked[0]["added_by"], "asha");
    assert_eq!(checked[1]["added_at"], Value::Null);
    let ran = folder.run("dnd check 9876500000 --format csv").exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    number,listed,added_at,added_by,source,note
    +919876500000,true,[TIME],asha,person,rang
    ");
}

#[test]
fn what_is_no_number_is_refused_as_everywhere_and_nothing_is_put_on_the_list() {
    let folder = Folder::new();
    for command in ["add", "check"] {
        let ran = folder
            .run(&format!("dnd {command} 9876500000 98765"))
            .exits(2);
        insta::allow_duplicates!(insta::assert_snapshot!(ran.stderr, @"
        error: Invalid phone number format
          caused by: too short: 5 digits
        hint: a mobile has ten digits; a landline needs its STD code with 0 or +91 before it
        "));
    }
    assert!(folder.files().is_empty());
    folder.run("dnd add").exits(2);
    folder.run("dnd add 9876500000 --format csv").exits(2);
}

#[test]
fn what_the_regulator_forbids_is_remembered_for_all_campaigns() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=ndnc");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder.run("import people.csv --campaign others").exits(0);
    folder.run(&format!("start leads {FAST}")).exits(0);
    for campaign in ["leads", "others"] {
        let status = folder.status(campaign);
        assert_eq!(states(&status)[0], ("skipped", Some("ndnc")), "{campaign}");
    }
    let listed = folder.run("dnd list --format json").exits(0).json();
    assert_eq!(listed[0]["number"], json!(number(0)));
    assert_eq!(listed[0]["source"], "ndnc");
    assert_eq!(listed[0]["added_by"], "exocamp");
    let ran = folder.run("dnd check 9876500000").exits(0);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stdout, @"+919876500000  listed since [TIME], Exotel may not call it (TRAI NDNC)");
    folder.run(&format!("start others {FAST}")).exits(0);
    assert_eq!(folder.status("others")["contacts"][0]["attempts"], 0);
    assert_eq!(exotel.ledger().len(), 2);
    let ran = folder
        .run_words(&["dnd", "remove", "9876500000", "--because", "opted in"])
        .exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    hint: `exocamp retry leads --reason ndnc` offers them again
    hint: `exocamp retry others --reason ndnc` offers them again
    ");
}

#[test]
fn a_test_call_to_a_listed_number_is_refused() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.run("dnd add 9876500000").exits(0);
    let ran = folder.run("call 9876500000 --yes").exits(3);
    let (_, refused) = ran.stderr.split_once('\n').unwrap();
    insta::assert_snapshot!(refused, @"
    error: …0000 is on the do-not-call list
    hint: `exocamp dnd check NUMBER` says since when and why
    ");
    folder.run("call 9876500001 --yes").exits(0);
    eventually("the one call", || {
        (exotel.ledger().len() == 1).then_some(())
    });
    assert!(exotel.ledger()[0].number.ends_with("9876500001"));
}
