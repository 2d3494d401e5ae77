//! Doubts: what is shown of them, and what people decide about them.

use serde_json::{Value, json};

use crate::support::answers::{assert_adds_up, contact, names};
use crate::support::binary::{Folder, number};
use crate::support::exotel::{Call, Exotel, rung_once};
use crate::support::process::{Ran, eventually};
use crate::support::terminal::Terminal;

const START: &str = "start leads --rate max --allowance max --lines 50 --hours 00:00-24:00 --ring 5s --talk-limit 5s";

/// Returns a folder of people whose lost calls are looked for soon: the horizon is 11 s after the request.
fn impatient(exotel: &Exotel, people: u32) -> Folder {
    let mut folder = Folder::calling(exotel);
    for (name, value) in [
        ("EXOCAMP_REPLY_TIMEOUT", "1s"),
        ("EXOCAMP_QUEUE_ALLOWANCE", "0s"),
        ("EXOCAMP_RECORD_LAG", "0s"),
        ("EXOCAMP_DOUBT_LOOKS", "200ms,500ms"),
        ("EXOCAMP_DOUBT_SCANS_APART", "300ms"),
    ] {
        folder.set(name, value);
    }
    folder.import_people("leads", people);
    folder
}

/// Lets the time pass that a call may take: nothing else waits for it in these tests.
fn pass_the_horizon(folder: &Folder) {
    let sql =
        "UPDATE doubt SET settles_at = sent_to_at, look_at = CASE WHEN look_at > 0 THEN 0 END";
    let passed = folder.database().execute(sql, []);
    passed.expect("the database can be written to");
}

/// Leaves everything in doubt to a person, as a search does that finds nothing.
fn hold_all(folder: &Folder) {
    let database = folder.database();
    let held = database.execute_batch(
        "UPDATE attempt SET state = 'held', closed_at = send_at WHERE state = 'in_doubt';
         UPDATE doubt SET look_at = NULL;",
    );
    held.expect("the database can be written to");
}

fn doubts(folder: &Folder) -> Vec<Value> {
    let listed = folder
        .run("doubts list leads --format json")
        .exits(0)
        .json();
    listed.as_array().expect("a list").clone()
}

/// Returns the attempt in doubt of the person whose number ends like this.
fn doubt(folder: &Folder, ending: u32) -> Value {
    let doubts = doubts(folder);
    let found = doubts
        .iter()
        .find(|doubt| doubt["number"] == number(ending));
    found
        .unwrap_or_else(|| panic!("{} is not in doubt: {doubts:#?}", number(ending)))
        .clone()
}

fn resolve(folder: &Folder, what: &str) -> Ran {
    folder.run(&format!(
        "doubts resolve {what} --because checked --format json"
    ))
}

fn calls_to(exotel: &Exotel, ending: u32) -> Vec<Call> {
    let ledger = exotel.ledger().into_iter();
    ledger
        .filter(|call| call.number == number(ending))
        .collect()
}

/// Returns an Exotel that loses the requests to these people, and a folder in which all of them are held.
fn held(lost: u32) -> (Exotel, Folder) {
    let fates: Vec<_> = (0..lost)
        .map(|it| format!("--fate {it:02}=lost-request"))
        .collect();
    let exotel = Exotel::start(&format!(
        "--hold 50ms --mix completed=1 {}",
        fates.join(" ")
    ));
    let mut folder = impatient(&exotel, lost + 1);
    // However long the run takes, it looks for nothing by itself.
    folder.set("EXOCAMP_DOUBT_LOOKS", "1h");
    folder.run(START).exits(4);
    hold_all(&folder);
    (exotel, folder)
}

#[test]
fn a_lost_request_ends_held_with_strong_evidence() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=lost-request");
    let folder = impatient(&exotel, 4);
    let summary = folder.run(START).exits(4);
    assert!(
        summary.stderr.contains("`exocamp doubts list leads`"),
        "{}",
        summary.stderr
    );

    let young = doubt(&folder, 0);
    assert_eq!(
        names(&young),
        [
            "attempt",
            "campaign",
            "number",
            "sent_at",
            "state",
            "evidence",
            "candidates"
        ]
    );
    assert_eq!(young["state"], "in_doubt");
    assert_eq!(young["evidence"]["can_be_decided"], false);
    let sentence = young["evidence"]["summary"].as_str().unwrap();
    assert!(
        sentence.contains("its call may be listed until"),
        "{sentence}"
    );
    // Its call may still ring.
    let refused = resolve(&folder, &format!("{} --not-placed", young["attempt"])).exits(2);
    assert_eq!(
        refused.error_json()["hint"],
        "its call may still be under way; `exocamp settle leads` looks for it"
    );

    pass_the_horizon(&folder);
    let old = eventually("two readings of the list", || {
        folder.run("settle leads").exits(4);
        let doubt = doubt(&folder, 0);
        (doubt["state"] == "held").then_some(doubt)
    });
    let evidence = &old["evidence"];
    assert_eq!(evidence["grade"], "strong");
    assert_eq!(evidence["known_calls"], 3);
    assert_eq!(evidence["known_calls_shown"], 3);
    assert_eq!(evidence["last_scan_complete"], true);
    assert_eq!(evidence["next_look_at"], Value::Null);
    assert_eq!(
        evidence["summary"],
        "not in Exotel's list, read twice to its end; 3 of 3 known calls of that time were shown: strong"
    );
    assert_eq!(old["candidates"], json!([]));
    assert_eq!(exotel.ledger().len(), 3, "a doubt is no reason to dial");
}

/// Looks for the lost call of the first person until that has come to something, and tries once more to call everybody.
fn prove_and_start_again(folder: &Folder) {
    pass_the_horizon(folder);
    eventually("two readings of the list", || {
        folder.run("settle leads");
        let waiting = folder.database().query_row(
            "SELECT EXISTS (SELECT 1 FROM attempt WHERE state = 'in_doubt')",
            [],
            |row| row.get(0),
        );
        let waiting: bool = waiting.expect("the database can be read");
        (!waiting).then_some(())
    });
    // What was said at the first start is remembered.
    folder.run(START).exits(4);
}

#[test]
fn who_was_proven_not_to_have_been_called_is_called_again_only_if_that_was_said_beforehand() {
    for (flag, attempts) in [("", 1), ("--redial-if-proven-not-placed", 2)] {
        let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=lost-request");
        let folder = impatient(&exotel, 4);
        folder.run(&format!("{START} {flag}")).exits(4);
        assert_eq!(doubt(&folder, 0)["state"], "in_doubt");
        prove_and_start_again(&folder);

        let status = folder.status("leads");
        assert_adds_up(&status);
        assert_eq!(contact(&status, 0)["attempts"], attempts, "`{flag}`");
        assert_eq!(contact(&status, 0)["call_status"], "held");
        // The second request was lost like the first.
        assert_eq!(calls_to(&exotel, 0).len(), 0);
        assert_eq!(rung_once(&exotel.ledger()).len(), 3);
        let state = if attempts == 1 { "held" } else { "in_doubt" };
        assert_eq!(doubt(&folder, 0)["state"], state);
        let why = folder.run("why 9876500000").exits(0).stdout;
        assert_eq!(why.contains("exocamp has decided"), attempts == 2, "{why}");
    }
}

#[test]
fn doubts_are_listed_in_each_form_and_an_empty_list_is_no_error() {
    let (_exotel, folder) = held(2);
    let _filters = folder.snapshots();
    let table = folder.run("doubts list").exits(0);
    insta::assert_snapshot!(table.stdout.replace('\t', "|"), @"
    attempt|campaign|number|sent|state|evidence
    1|leads|+919876500000|[TIME]|held|never looked for
    2|leads|+919876500001|[TIME]|held|never looked for
    ");
    insta::assert_snapshot!(table.stderr, @"hint: 2 attempts wait for a decision: look for them in Exotel's own call log, then `exocamp doubts resolve ATTEMPT` with `--placed SID`, `--not-placed` or `--give-up`");
    let csv = folder.run("doubts list leads --format csv -q").exits(0);
    insta::assert_snapshot!(csv.stdout, @"
    attempt,campaign,number,sent_at,state,evidence,candidates
    1,leads,+919876500000,[TIME],held,never looked for,
    2,leads,+919876500001,[TIME],held,never looked for,
    ");
    assert_eq!(csv.stderr, "");
    let status = folder.run("status leads").exits(0);
    assert_eq!(
        status.stderr,
        "2 calls may or may not have been placed: `exocamp doubts list leads`\n"
    );
    assert_eq!(folder.run("status leads -q").exits(0).stderr, "");

    folder.run("doubts list nobody").exits(2);
    folder.run("import people.csv --campaign others").exits(0);
    let empty = folder.run("doubts list others").exits(0);
    assert_eq!(
        empty.stdout,
        "attempt\tcampaign\tnumber\tsent\tstate\tevidence\n"
    );
    assert_eq!(empty.stderr, "nothing is in doubt\n");
    assert_eq!(
        folder
            .run("doubts list others --format json")
            .exits(0)
            .json(),
        json!([])
    );
}

#[test]
fn whoever_was_not_called_is_called_again_and_exactly_once() {
    let (exotel, mut folder) = held(1);
    assert_eq!(calls_to(&exotel, 0).len(), 0);
    let attempt = doubt(&folder, 0)["attempt"].clone();
    let decided = resolve(&folder, &format!("{attempt} --not-placed")).exits(0);
    assert!(
        decided
            .stderr
            .contains("there is no evidence that nothing was placed"),
        "{}",
        decided.stderr
    );
    let decided = decided.json();
    assert_eq!(decided["decided"], 1);
    assert_eq!(decided["decision"], "not_placed");
    assert_eq!(decided["attempts"][0]["state"], "not_placed");
    assert_eq!(decided["campaigns"][0]["counts"]["pending"], 1);
    assert!(doubts(&folder).is_empty());
    let again = resolve(&folder, &format!("{attempt} --give-up"))
        .exits(2)
        .error_json();
    assert_eq!(
        again["error"],
        format!("attempt {attempt} is not placed; only one that is held can be decided about")
    );

    // This Exotel loses every request to them; the other one hears it.
    let other = Exotel::start("--hold 50ms --mix completed=1");
    for (name, value) in other.environment() {
        folder.set(name, value);
    }
    folder.run(START).exits(0);
    folder.run(START).exits(0);
    assert_eq!(calls_to(&other, 0).len(), 1);
    assert_eq!(other.ledger().len(), 1);
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(contact(&status, 0)["call_status"], "completed");
    assert_eq!(contact(&status, 0)["attempts"], 2);

    let why = folder.run("why 9876500000").exits(0).stdout;
    assert!(
        why.contains("asha has decided: it was not placed; because: checked"),
        "{why}"
    );
}

#[test]
fn who_is_given_up_counts_as_placed_and_is_left_alone() {
    let (exotel, folder) = held(1);
    let attempt = doubt(&folder, 0)["attempt"].clone();
    let calls = exotel.ledger().len();
    let told = folder
        .run(&format!(
            "doubts resolve {attempt} --give-up --because checked"
        ))
        .exits(0);
    assert_eq!(
        told.stdout,
        "decided about 1 attempt: it counts as placed; its contact is completed\n"
    );
    assert_eq!(told.stderr, "");
    let status = folder.status("leads");
    assert_adds_up(&status);
    assert_eq!(contact(&status, 0)["call_status"], "completed");
    assert_eq!(contact(&status, 0)["reason"], "presumed_placed");
    assert_eq!(status["status"], "completed", "nothing is left to do");
    folder.run(START).exits(0);
    assert_eq!(exotel.ledger().len(), calls);
}

#[test]
fn a_call_that_a_person_names_counts_once_exotel_has_shown_it() {
    let exotel =
        Exotel::start("--hold 50ms --mix completed=1 --fate 00=lost-reply --fate 01=lost-request");
    let mut folder = impatient(&exotel, 3);
    // Or the run finds the call by itself.
    folder.set("EXOCAMP_DOUBT_LOOKS", "1h");
    folder.run(START).exits(4);
    exotel.calls_are_over();
    hold_all(&folder);
    let (named, lost) = (
        doubt(&folder, 0)["attempt"].clone(),
        doubt(&folder, 1)["attempt"].clone(),
    );
    let calls = calls_to(&exotel, 0);
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };

    // Another attempt's call, and two attempts at once, are refused before anything is written.
    let others = &calls_to(&exotel, 2)[0].sid;
    let refused = resolve(&folder, &format!("{lost} --placed {others}"))
        .exits(2)
        .error_json();
    assert_eq!(
        refused["error"],
        format!("`{others}` is another attempt's call")
    );
    let sid = &call.sid;
    resolve(&folder, &format!("{named} {lost} --placed {sid} --count 2")).exits(2);
    assert_eq!(doubt(&folder, 1)["candidates"], json!([]));

    let confirmed = resolve(&folder, &format!("{named} --placed {sid}"))
        .exits(0)
        .json();
    assert_eq!(confirmed["decision"], "placed");
    assert_eq!(confirmed["attempts"][0]["state"], "completed");
    assert_eq!(confirmed["attempts"][0]["call_sid"], *sid);
    let status = folder.status("leads");
    assert_eq!(contact(&status, 0)["outcome"], "completed");
    assert_eq!(contact(&status, 0)["call_sid"], *sid);
    assert_eq!(exotel.ledger().len(), 2, "nobody was called because of it");
}

#[test]
fn somebody_elses_call_is_refused_and_a_call_that_nobody_knows_goes_on_being_asked_about() {
    let (exotel, mut folder) = held(1);
    let attempt = doubt(&folder, 0)["attempt"].clone();
    // A call of the same account that this database knows nothing of.
    let elsewhere = Folder::calling(&exotel);
    elsewhere.write("people.csv", "phone\n9876512345\n");
    elsewhere.run("import people.csv --campaign leads").exits(0);
    elsewhere.run(START).exits(0);
    let sid = &calls_to(&exotel, 12_345)[0].sid;

    let refused = resolve(&folder, &format!("{attempt} --placed {sid}"))
        .exits(2)
        .error_json();
    assert_eq!(
        refused["error"],
        format!("`{sid}` is not the call of attempt {attempt}: Exotel shows another number for it")
    );
    assert_eq!(doubt(&folder, 0)["state"], "held");
    let status = folder.status("leads");
    let incident = &status["incidents"][0];
    assert_eq!(
        names(incident),
        ["at", "number", "attempt", "kind", "call_sid", "detail"]
    );
    assert_eq!(incident["kind"], "foreign_sid");
    assert_eq!(incident["number"], number(0));
    assert_eq!(incident["call_sid"], *sid);
    let shown = folder.run("status leads").exits(0).stdout;
    assert!(shown.contains("\nincidents  1 – see below\n"), "{shown}");
    assert!(
        shown.contains("the provider shows another number for the call that was named\n"),
        "{shown}"
    );
    let again = resolve(&folder, &format!("{attempt} --placed {sid}"))
        .exits(2)
        .error_json();
    assert_eq!(
        again["error"],
        format!("Exotel has shown another number for `{sid}`")
    );

    let unknown = "0123456789abcdef0123456789abcdef";
    let asked = resolve(&folder, &format!("{attempt} --placed {unknown}")).exits(4);
    assert!(
        asked.stderr.contains(
            "recorded; Exotel has not shown it; `exocamp settle leads` and every run ask again"
        ),
        "{}",
        asked.stderr
    );
    assert_eq!(asked.json()["attempts"][0]["state"], "held");
    assert_eq!(doubt(&folder, 0)["candidates"], json!([unknown]));
    let listed = folder.run("doubts list").exits(0);
    assert_eq!(
        listed.stderr,
        format!(
            "hint: exocamp asks Exotel about call {unknown}; `exocamp settle leads` asks now\n"
        ),
        "nobody has to decide meanwhile"
    );

    folder.unset("EXOTEL_AUTH_TOKEN");
    let later = resolve(&folder, &format!("{attempt} --placed {unknown}2")).exits(4);
    assert!(
        later.stderr.contains("no account is configured here"),
        "{}",
        later.stderr
    );
    assert_eq!(
        doubt(&folder, 0)["candidates"],
        json!([unknown, format!("{unknown}2")])
    );
}

#[test]
fn many_are_decided_about_only_by_somebody_who_knows_how_many() {
    let (_exotel, folder) = held(3);
    let all = "--campaign leads --give-up";
    for count in ["", "--count 2", "--count 4"] {
        let refused = resolve(&folder, &format!("{all} {count}"))
            .exits(2)
            .error_json();
        assert_eq!(
            refused["hint"],
            "nothing was changed; say it with `--count 3`"
        );
    }
    let refused = resolve(&folder, "1 --give-up --count 5").exits(2);
    assert_eq!(
        refused.error_json()["error"],
        "this is about 1 attempt, not 5"
    );
    // One of them cannot be decided about any more: all or none.
    let attempts: Vec<_> = doubts(&folder)
        .iter()
        .map(|doubt| doubt["attempt"].to_string())
        .collect();
    let reached = folder.database().query_row(
        "SELECT id FROM attempt WHERE state = 'completed'",
        [],
        |row| row.get::<_, i64>(0),
    );
    let with_another = format!(
        "{} {} --give-up --count 4",
        attempts.join(" "),
        reached.unwrap()
    );
    resolve(&folder, &with_another).exits(2);
    resolve(
        &folder,
        &format!("{} 999 --give-up --count 4", attempts.join(" ")),
    )
    .exits(2);
    folder
        .run(&format!("doubts resolve {all} --count 3"))
        .exits(2);
    folder
        .run(&format!("doubts resolve {all} --count 3 --because  "))
        .exits(2);
    assert_eq!(doubts(&folder).len(), 3, "nothing was changed");

    let two = format!(
        "{} {} {} --not-placed --count 2",
        attempts[0], attempts[1], attempts[0]
    );
    assert_eq!(resolve(&folder, &two).exits(0).json()["decided"], 2);
    let last = resolve(&folder, all).exits(0).json();
    assert_eq!(last["decided"], 1);
    assert_eq!(last["campaigns"][0]["counts"]["completed"], 2);
    let nothing = resolve(&folder, all).exits(2).error_json();
    assert_eq!(nothing["error"], "no attempt of `leads` is held");
}

#[test]
fn whoever_says_that_nothing_was_placed_is_told_what_says_otherwise_and_by_whom() {
    for (evidence, warning) in [
        (
            "UPDATE doubt SET grade = 'weak'",
            "the evidence that nothing was placed is weak",
        ),
        (
            "INSERT INTO candidate (attempt_id, call_sid, source, noted_at, ask_at) VALUES (1, 'a1', 'person', 1, 1)",
            "a person has named a call that Exotel has not shown",
        ),
        (
            "INSERT INTO candidate (attempt_id, call_sid, source, noted_at, ask_at) VALUES (1, 'a1', 'callback', 1, 1)",
            "a callback has named a call that Exotel has not shown",
        ),
        (
            "INSERT INTO candidate (attempt_id, call_sid, source, noted_at, verdict)
             VALUES (1, 'a1', 'list', 1, 'one_of_several')",
            "Exotel lists calls that may be meant",
        ),
    ] {
        let (_exotel, folder) = held(1);
        let set = folder.database().execute(evidence, []);
        set.expect("the database can be written to");
        let decided = resolve(&folder, "1 --not-placed").exits(0);
        assert_eq!(
            decided.stderr,
            format!("warning: for 1 attempt {warning}; who was called after all is called twice\n")
        );
    }
}

#[test]
fn at_a_terminal_a_campaign_that_was_just_typed_is_not_said_again() {
    let (_exotel, folder) = held(1);
    for (line, says) in [("doubts list", true), ("doubts list leads", false)] {
        let shown = Terminal::open().spawn(folder.command(line.split_whitespace()));
        let shown = shown.end().exits(0).stdout;
        assert!(shown.contains("+919876500000"), "{shown}");
        assert_eq!(shown.contains("Campaign"), says, "{shown}");
    }
}

#[test]
fn at_a_terminal_the_number_is_typed_and_the_reason_is_asked_for() {
    let (_exotel, folder) = held(2);
    let at_terminal = || {
        let line = "doubts resolve --campaign leads --give-up";
        Terminal::open().spawn(folder.command(line.split_whitespace()))
    };
    let mut terminal = at_terminal();
    terminal.shows("type 2 to decide about 2 doubts");
    terminal.types("y\r");
    let refused = terminal.end().exits(2).stdout;
    assert!(
        refused.contains("nothing was changed; say it with `--count 2`"),
        "{refused}"
    );
    assert_eq!(doubts(&folder).len(), 2);

    let mut terminal = at_terminal();
    terminal.shows("type 2 to decide about 2 doubts");
    terminal.types("2\r");
    terminal.shows("why");
    terminal.types("not worth the time\r");
    let decided = terminal.end().exits(0).stdout;
    assert!(
        decided.contains("decided about 2 attempts: they count as placed"),
        "{decided}"
    );
    let why = folder.run("why 9876500001").exits(0).stdout;
    assert!(why.contains("because: not worth the time"), "{why}");
}

#[test]
fn only_the_owner_decides_and_only_where_the_database_is_at_home() {
    let (_exotel, mut folder) = held(1);
    let attempt = doubt(&folder, 0)["attempt"].clone();
    folder.set("EXOCAMP_USER", "ravi");
    for whose in [attempt.to_string(), "--campaign leads".to_owned()] {
        let refused = resolve(&folder, &format!("{whose} --give-up"))
            .exits(2)
            .error_json();
        assert_eq!(
            refused["error"],
            "campaign `leads` belongs to `asha`, and you are `ravi`"
        );
    }
    assert_eq!(doubts(&folder).len(), 1, "anybody may look");
    folder.set("EXOCAMP_USER", "asha");
    folder.set("EXOCAMP_MACHINE_ID", "another");
    resolve(&folder, &format!("{attempt} --give-up")).exits(6);
    folder.unset("EXOCAMP_MACHINE_ID");
    assert_eq!(doubt(&folder, 0)["state"], "held");
}

#[test]
fn a_run_that_is_going_on_takes_a_decision_in() {
    let (_exotel, mut folder) = held(1);
    let attempt = doubt(&folder, 0)["attempt"].clone();
    folder.write("more.csv", "phone\n9876500007\n");
    folder.run("import more.csv --campaign leads").exits(0);
    let other = Exotel::start("--hold 3s --mix completed=1");
    for (name, value) in other.environment() {
        folder.set(name, value);
    }
    let running = folder.spawn(START);
    other.has_accepted(1);
    let asked = resolve(&folder, &format!("{attempt} --placed 0a1b2c")).exits(4);
    assert!(
        asked
            .stderr
            .contains("the run that is going on asks Exotel about it"),
        "{}",
        asked.stderr
    );
    resolve(&folder, &format!("{attempt} --not-placed")).exits(0);
    running.end().exits(0);
    assert_eq!(calls_to(&other, 0).len(), 1);
    assert_eq!(other.ledger().len(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_as_usage() {
    let folder = Folder::new();
    for line in [
        "doubts",
        "doubts resolve",
        "doubts resolve 1",
        "doubts resolve --not-placed",
        "doubts resolve 1 --not-placed --give-up",
        "doubts resolve 1 --campaign leads --give-up",
        "doubts resolve --campaign leads --placed a1",
        "doubts resolve 1 --placed NO",
        "doubts resolve one --give-up",
        "doubts resolve 1 --give-up --format csv",
    ] {
        folder.run(line).exits(2);
    }
    let refused = folder.run("doubts resolve abc --give-up").exits(2).stderr;
    let own_words = "`abc` is no attempt; `exocamp doubts list` shows them\n";
    assert!(refused.contains(own_words), "{refused}");
    let help = folder.run("doubts resolve --help").exits(0).stdout;
    assert!(help.contains("--placed <SID>"), "{help}");
    assert!(folder.files().is_empty());
}
