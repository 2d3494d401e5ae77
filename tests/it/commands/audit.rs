//! `audit`: our ledger against the provider's list, both ways.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::binary::{FAST, Folder, number, people};
use crate::support::canary::{KEY, TOKEN};
use crate::support::exotel::Exotel;
use crate::support::process::Ran;
use crate::support::wiretap::Wiretap;

/// Returns a folder whose audits need not wait until calls must have been listed: the sandbox lists them at once.
fn folder(exotel: &Exotel) -> Folder {
    let mut folder = Folder::calling(exotel);
    folder.set("EXOCAMP_RECORD_LAG", "0s");
    folder
}

/// Makes everybody in the campaign called, and their calls over.
fn all_called(folder: &Folder, exotel: &Exotel, people: u32) {
    folder.import_people("leads", people);
    folder.run(&format!("start leads {FAST}")).exits(0);
    exotel.calls_are_over();
}

fn audit(folder: &Folder) -> Ran {
    folder.run("audit leads --format json")
}

/// Places a call past exocamp, and returns its Sid.
fn call_by_hand(exotel: &Exotel, ending: u32) -> String {
    let before = exotel.ledger().len();
    let form = format!(
        "From=0{}&CallerId=08098765000&Url=http%3A%2F%2Fmy.exotel.com%2Fexampleco1%2Fexoml%2Fstart_voice%2F112233",
        &number(ending)[3..]
    );
    let mut wire = TcpStream::connect(exotel.address()).unwrap();
    // `key:token`
    let request = format!(
        "POST /v1/Accounts/exampleco1/Calls/connect.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Basic a2V5OnRva2Vu\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    wire.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    wire.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    exotel.has_accepted(before + 1);
    exotel.calls_are_over();
    let ledger = exotel.ledger();
    ledger.last().unwrap().sid.clone()
}

fn count(audit: &Value, what: &str) -> usize {
    audit[what].as_array().expect("a list").len()
}

/// Fails unless the figures add up; returns them as `ours theirs matched only_ours only_theirs different`.
#[track_caller]
fn figures(audit: &Value) -> [u64; 6] {
    let [ours, theirs, matched] =
        ["ours", "theirs", "matched"].map(|name| audit[name].as_u64().expect("a number"));
    let [only_ours, only_theirs, different] =
        ["only_ours", "only_theirs", "different"].map(|name| count(audit, name) as u64);
    assert_eq!(ours, matched + only_ours, "{audit:#}");
    assert_eq!(theirs, matched + only_theirs, "{audit:#}");
    [ours, theirs, matched, only_ours, only_theirs, different]
}

#[test]
fn after_a_campaign_with_faults_both_say_the_same() {
    let exotel = Exotel::start(
        "--hold 50ms..200ms --fault lost-reply=8% --fault 503-placed=4% --fault xml=10% --fault lost-request=3%",
    );
    let mut folder = folder(&exotel);
    for (name, value) in [
        ("EXOCAMP_REPLY_TIMEOUT", "1s"),
        ("EXOCAMP_QUEUE_ALLOWANCE", "1s"),
        ("EXOCAMP_DOUBT_LOOKS", "500ms,1s"),
        ("EXOCAMP_DOUBT_SCANS_APART", "1s"),
    ] {
        folder.set(name, value);
    }
    folder.import_people("leads", 60);
    folder.run(&format!("start leads {FAST}"));
    exotel.calls_are_over();
    for _ in 0..3 {
        folder.run("settle leads");
    }
    let audit = audit(&folder).exits(0).json();
    let calls = exotel.ledger().len() as u64;
    assert!(calls > 20, "{calls}");
    assert_eq!(figures(&audit), [calls, calls, calls, 0, 0, 0]);
    assert_eq!(audit["complete"], true);
    let held = folder.status("leads")["counts"]["held"].as_u64();
    assert_eq!(audit["doubts"].as_u64(), held);
}

#[test]
fn a_call_past_exocamp_is_only_theirs_and_is_shown() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = folder(&exotel);
    all_called(&folder, &exotel, 2);
    let (stranger, contact) = (call_by_hand(&exotel, 77), call_by_hand(&exotel, 1));

    let found = audit(&folder).exits(4).json();
    assert_eq!(figures(&found), [2, 4, 2, 0, 2, 0]);
    let names: Vec<_> = found.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "campaign",
            "from",
            "to",
            "complete",
            "ours",
            "theirs",
            "matched",
            "open",
            "doubts",
            "recent",
            "older",
            "only_ours",
            "only_theirs",
            "different"
        ]
    );
    let only_theirs = found["only_theirs"].as_array().unwrap();
    assert_eq!(only_theirs[0]["sid"], stranger);
    assert_eq!(only_theirs[0]["number"], number(77));
    assert_eq!(only_theirs[0]["outcome"], "completed");
    assert_eq!(only_theirs[0]["is_contact"], false);
    assert_eq!(only_theirs[0]["attempt"], Value::Null);
    assert!(
        only_theirs[0]["created_at"]
            .as_str()
            .unwrap()
            .ends_with("+05:30")
    );
    assert_eq!(only_theirs[1]["sid"], contact);
    assert_eq!(only_theirs[1]["is_contact"], true);

    let ran = folder.run("audit leads").exits(4);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&stranger, "[SID]");
    settings.add_filter(&contact, "[SID]");
    settings.add_filter(r"\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d", "[DAY]");
    settings.bind(|| {
        let _filters = folder.snapshots();
        insta::assert_snapshot!(ran.stdout, @"
        campaign   leads
        period     [DAY] to [TIME]
        ours       2 = 2 matched + 0 only ours
        theirs     4 = 2 matched + 2 only theirs
        different  0

        number	sid	found	when	outcome	note
        +919876500077	[SID]	only theirs	[TIME]	completed	no attempt knows of it
        +919876500001	[SID]	only theirs	[TIME]	completed	a contact; no attempt knows of it
        ");
        insta::assert_snapshot!(ran.stderr, @"
        requests go to http://127.0.0.1:[PORT] on this machine, not to Exotel
        calls to contacts of `leads` that no attempt knows of: 1; whoever of them is pending will be called again
        ");
    });
    let kept: i64 = folder
        .database()
        .query_row("SELECT count(*) FROM audit WHERE by = 'asha'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, 2);
    // It has changed nobody.
    assert_eq!(folder.status("leads")["counts"]["completed"], 2);
    folder.run("audit leads --format csv").exits(2);
    folder.run("audit nobody").exits(2);
}

#[test]
fn a_lost_call_is_named_to_its_doubt_and_the_next_settle_confirms_it() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 01=lost-reply");
    let folder = folder(&exotel);
    folder.import_people("leads", 3);
    folder.run(&format!("start leads {FAST}")).exits(4);
    exotel.calls_are_over();

    let found = audit(&folder).exits(4).json();
    assert_eq!(figures(&found), [2, 3, 2, 0, 1, 0]);
    assert_eq!(found["doubts"], 1);
    let doubt: i64 = folder
        .database()
        .query_row(
            "SELECT id FROM attempt WHERE state IN ('in_doubt', 'held')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(found["only_theirs"][0]["attempt"], doubt);
    let ran = folder.run("audit leads").exits(4);
    let note = format!("may be attempt {doubt}, noted: `exocamp settle` asks about it");
    assert!(ran.stdout.contains(&note), "{}", ran.stdout);

    folder.run("settle leads").exits(0);
    let found = audit(&folder).exits(0).json();
    assert_eq!(figures(&found), [3, 3, 3, 0, 0, 0]);
}

/// Changes the database past all that protects it.
fn tamper(folder: &Folder, sql: &str) {
    let database: Connection = folder.database();
    database
        .execute_batch(&format!(
            "DROP TRIGGER attempt_steps_are_legal; DROP TRIGGER attempt_begins_as_intent; {sql}"
        ))
        .unwrap();
}

#[test]
fn what_is_said_otherwise_is_different_and_an_incident_and_moves_nobody() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let folder = folder(&exotel);
    all_called(&folder, &exotel, 3);
    tamper(
        &folder,
        "UPDATE attempt SET state = 'busy' WHERE id = 1;
         UPDATE person SET number = 919876599999 WHERE id = (SELECT person_id FROM attempt WHERE id = 2);",
    );
    for _ in 0..2 {
        let found = audit(&folder).exits(4).json();
        assert_eq!(figures(&found), [3, 3, 3, 0, 0, 2]);
        let different = found["different"].as_array().unwrap();
        assert_eq!(different[0]["what"], "outcome");
        assert_eq!(different[0]["attempt"], 1);
        assert_eq!(different[0]["ours"], "busy");
        assert_eq!(different[0]["theirs"], "completed");
        assert_eq!(different[1]["what"], "number");
        assert_eq!(different[1]["ours"], "+919876599999");
    }
    let database = folder.database();
    let mut incidents = database
        .prepare("SELECT attempt_id, kind FROM incident ORDER BY attempt_id")
        .unwrap();
    let incidents: Vec<(i64, String)> = incidents
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        incidents,
        [
            (1, "outcome_changed".to_owned()),
            (2, "foreign_sid".to_owned())
        ]
    );
    let state: String = database
        .query_row("SELECT state FROM attempt WHERE id = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(state, "busy");
}

#[test]
fn a_call_that_the_provider_does_not_know_is_only_ours() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = folder(&exotel);
    all_called(&folder, &exotel, 2);
    tamper(
        &folder,
        "INSERT INTO attempt (key, run_id, campaign_id, contact_id, person_id, state, call_sid, intent_at, send_at,
                              accepted_at, closed_at, caller_id)
             SELECT 'invented', run_id, campaign_id, contact_id, person_id, 'completed', 'abcdef0123456789', intent_at,
                    send_at, accepted_at, closed_at, caller_id FROM attempt WHERE id = 1;",
    );
    folder.set("EXOTEL_API_BASE", wire.base());
    let found = audit(&folder).exits(4).json();
    assert_eq!(figures(&found), [3, 2, 2, 1, 0, 0]);
    let invented = &found["only_ours"][0];
    assert_eq!(invented["sid"], "abcdef0123456789");
    assert_eq!(invented["number"], number(0));
    assert_eq!(invented["attempt"], 3);
    assert_eq!(invented["outcome"], "completed");
    // Nothing was said before it was asked for by name, in the list and by itself.
    let requests = wire.requests();
    let by_name: Vec<_> = requests
        .iter()
        .filter(|request| request.contains("abcdef0123456789"))
        .collect();
    assert_eq!(by_name.len(), 2, "{requests:?}");
    assert!(by_name[1].contains("/Calls/abcdef0123456789.json"));
}

#[test]
fn calls_of_other_campaigns_are_not_reported_and_many_pages_are_turned() {
    let exotel = Exotel::start("--hold 20ms..50ms --mix completed=3,busy=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = folder(&exotel);
    all_called(&folder, &exotel, 230);
    folder.write("others.csv", &people(1000..1020));
    folder.run("import others.csv").exits(0);
    folder.run(&format!("start others {FAST}")).exits(0);
    exotel.calls_are_over();

    folder.set("EXOTEL_API_BASE", wire.base());
    let found = audit(&folder).exits(0).json();
    assert_eq!(figures(&found), [230, 230, 230, 0, 0, 0]);
    let pages = wire.requests().len();
    assert_eq!(pages, 3, "{:?}", wire.requests());
    let found = folder.run("audit others --format json").exits(0).json();
    // Calls that others own are no difference, and not its own either.
    assert_eq!(figures(&found), [20, 20, 20, 0, 0, 0]);
}

#[test]
fn a_running_campaign_can_be_audited_and_nothing_is_found_that_is_not_there() {
    let exotel = Exotel::start("--hold 50ms..300ms --reply-delay 0s..100ms");
    let mut folder = folder(&exotel);
    // As long as the list may lack a call, none is missed.
    folder.set("EXOCAMP_RECORD_LAG", "1s");
    folder.import_people("leads", 400);
    let mut running = folder.spawn(
        "start leads --rate max --allowance max --lines 12 --hours 00:00-24:00 --short-calls off",
    );
    exotel.has_accepted(20);
    let mut matched = BTreeSet::new();
    while !running.has_ended() {
        let ran = folder.run("audit leads --format json");
        let found = ran.json();
        let [_, _, agreed, only_ours, only_theirs, different] = figures(&found);
        assert_eq!([only_ours, only_theirs, different], [0, 0, 0], "{found:#}");
        matched.insert(agreed);
    }
    running.end().exits(0);
    assert!(matched.len() > 1, "{matched:?}");
}

#[test]
fn a_list_that_is_never_whole_is_no_agreement() {
    let short = Exotel::start("--fault get-short-list=100%");
    let mut elsewhere = folder(&short);
    elsewhere.import_people("leads", 1);
    let found = audit(&elsewhere).exits(0).json();
    assert_eq!(found["complete"], true, "nothing cannot be cut short");
    let sid = call_by_hand(&short, 5);
    let found = audit(&elsewhere).exits(4).json();
    assert_eq!(found["complete"], false);
    assert_eq!(count(&found, "only_theirs"), 0, "{sid} was left out");
    let ran = elsewhere.run("audit leads").exits(4);
    assert!(
        ran.stderr
            .contains("warning: the provider's list could not be read whole"),
        "{}",
        ran.stderr
    );
    elsewhere.unset("EXOTEL_CALLER_ID");
    let ran = audit(&elsewhere).exits(2);
    assert!(ran.stderr.contains("EXOTEL_CALLER_ID"), "{}", ran.stderr);
}

#[test]
fn trouble_that_passes_is_waited_out_and_a_refusal_is_not() {
    let exotel = Exotel::with_credentials(
        "--hold 50ms --mix completed=1 --fault get-503=20% --fault get-429=10% --seed 3",
    );
    let wire = Wiretap::before(&exotel);
    let mut folder = folder(&exotel);
    folder.set("EXOTEL_AUTH_KEY", KEY);
    folder.set("EXOTEL_AUTH_TOKEN", TOKEN);
    all_called(&folder, &exotel, 3);
    for _ in 0..3 {
        let found = audit(&folder).exits(0).json();
        assert_eq!(figures(&found), [3, 3, 3, 0, 0, 0]);
    }

    folder.set("EXOTEL_API_BASE", wire.base());
    folder.set("EXOTEL_AUTH_TOKEN", "another");
    let ran = folder.run("audit leads").exits(5);
    assert!(
        ran.stderr
            .contains("error: the provider refuses the key and token")
            && ran.stderr.contains("EXOTEL_SUBDOMAIN"),
        "{}",
        ran.stderr
    );
    assert_eq!(wire.requests().len(), 1);

    folder.set("EXOCAMP_USER", "ravi");
    let ran = folder.run("audit leads").exits(2);
    assert!(ran.stderr.contains("belongs to `asha`"), "{}", ran.stderr);
    let ran = folder.run("audit leads --sandbox").exits(2);
    assert!(
        ran.stderr.contains("has forgotten the calls"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_older_than_the_list_is_told_and_the_rest_is_walked_in_windows() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = folder(&exotel);
    all_called(&folder, &exotel, 2);
    tamper(
        &folder,
        "DROP TRIGGER attempt_keeps_its_person;
         UPDATE attempt SET intent_at = intent_at - 200 * 86400000 WHERE id = 1;",
    );
    folder.set("EXOTEL_API_BASE", wire.base());
    let ran = audit(&folder).exits(0);
    assert!(
        ran.stderr
            .contains("1 calls are older than the provider's list goes back"),
        "{}",
        ran.stderr
    );
    let found = ran.json();
    assert_eq!(figures(&found), [1, 1, 1, 0, 0, 0]);
    assert_eq!(found["older"], 1);
    // Six times thirty days, the last of them cut short by the calls that may still be under way.
    assert_eq!(wire.requests().len(), 7, "{:?}", wire.requests());
}

#[test]
fn who_cannot_be_reached_is_asked_five_times() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = folder(&exotel);
    all_called(&folder, &exotel, 1);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    folder.set("EXOTEL_API_BASE", &format!("http://{address}"));
    let ran = folder.run("audit leads").exits(5);
    assert!(
        ran.stderr.contains("error: the provider cannot be reached")
            && ran.stderr.contains("then audit again"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_audit_shares_the_accounts_allowance() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = folder(&exotel);
    all_called(&folder, &exotel, 1);
    folder.set("EXOCAMP_ALLOWANCE", "4");
    for _ in 0..4 {
        audit(&folder).exits(0);
    }
    // The minute is full: the next one waits, longer than these take, until the minute is over.
    let mut fifth = folder.spawn("audit leads");
    for _ in 0..20 {
        folder.run("list").exits(0);
    }
    assert!(!fifth.has_ended());
    let database = folder.database();
    let look_ups = "SELECT count(*) FROM request WHERE is_look_up = 1";
    let noted: i64 = database.query_row(look_ups, [], |row| row.get(0)).unwrap();
    assert_eq!(noted, 4);
    database
        .execute("UPDATE request SET at_us = at_us - 61000000", [])
        .unwrap();
    fifth.end().exits(0);
}
