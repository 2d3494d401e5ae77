//! What is refused before anybody is asked anything: each with its exit code, its reason and its remedy.

use exocamp::clock::Clock;
use exocamp::store::{Store, StoreError, campaigns};
use serde_json::json;

use crate::support::binary::{FAST, Folder};
use crate::support::canary;
use crate::support::exotel::Exotel;

#[test]
fn a_campaign_without_contacts_is_not_started() {
    let folder = Folder::new();
    let mut store = Store::open_or_create(&folder.path().join("exocamp.db")).unwrap();
    let now = Clock::open().unwrap().wall();
    let name = "empty".parse().unwrap();
    store
        .write(|tx| -> Result<_, StoreError> { campaigns::create(tx, &name, "asha", now) })
        .unwrap();
    drop(store);
    let ran = folder.run("start empty").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: No contacts found for this campaign
    hint: add some with `exocamp import FILE`
    ");
}

#[test]
fn a_campaign_that_is_not_there_is_named_with_the_file_that_was_looked_in() {
    let folder = Folder::new();
    folder.import_people("leads", 1);
    for line in ["start lead", "status lead", "settle lead"] {
        let ran = folder.run(line).exits(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stderr, @"
            error: no campaign `lead` in `./exocamp.db`
            hint: `exocamp list` shows the campaigns; `exocamp import FILE` makes one
            ");
        }
    }
}

#[test]
fn a_number_that_is_none_is_not_called() {
    let folder = Folder::new();
    let ran = folder.run("call 12345").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: Invalid phone number format
      caused by: a short code of 5 digits
    hint: use a mobile, or a landline with its STD code
    ");
    assert!(folder.files().is_empty());
}

#[test]
fn what_is_not_set_is_named_all_at_once() {
    let mut folder = Folder::new();
    folder.import_people("leads", 1);
    folder.set("EXOTEL_AUTH_KEY", canary::KEY);
    folder.set("EXOTEL_AUTH_TOKEN", " ");
    let ran = folder.run(&format!("start leads {FAST}")).exits(2);
    let _filters = folder.snapshots();
    insta::assert_snapshot!(ran.stderr, @"
    warning: calling hours never close for this campaign: people may be rung at night
    error: cannot call anybody yet
      caused by: not set: EXOTEL_AUTH_TOKEN, EXOTEL_ACCOUNT_SID, EXOTEL_CALLER_ID, EXOTEL_URL
    hint: run `exocamp init` and fill in `.env`; or try it first with `--sandbox`
    ");
    let ran = folder
        .run("start leads --hours 00:00-24:00 --format json")
        .exits(2);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.error_json()["exit"], 2);
    for line in ["settle leads", "audit leads"] {
        let ran = folder.run(line).exits(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stderr, @"
            error: cannot ask Exotel yet
              caused by: not set: EXOTEL_AUTH_TOKEN, EXOTEL_ACCOUNT_SID
            hint: run `exocamp init` and fill in `.env`
            ");
        }
    }
    // A flow and a caller id that the campaign has itself are not asked for.
    let own =
        "--caller-id 08098765000 --flow http://my.exotel.com/exampleco1/exoml/start_voice/112233";
    let ran = folder.run(&format!("start leads {FAST} {own}")).exits(2);
    assert!(
        ran.stderr
            .contains("not set: EXOTEL_AUTH_TOKEN, EXOTEL_ACCOUNT_SID\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn plain_http_is_for_this_machine_only() {
    let mut folder = Folder::calling(&Exotel::start(""));
    folder.import_people("leads", 1);
    for base in [
        "http://192.0.2.1:8080",
        "http://api.exotel.com",
        "http://127.0.0.1.example.com",
    ] {
        folder.set("EXOTEL_API_BASE", base);
        let ran = folder.run(&format!("start leads {FAST}")).exits(2);
        assert!(
            ran.stderr.contains("`EXOTEL_API_BASE` cannot be used"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("must begin with https"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_campaign_is_its_owners() {
    let mut folder = Folder::calling(&Exotel::start(""));
    folder.import_people("leads", 1);
    folder.set("EXOCAMP_USER", "ravi");
    for line in [
        "start leads",
        "settle leads",
        "import people.csv --campaign leads",
        "--sandbox start leads",
    ] {
        let ran = folder.run(line).exits(2);
        assert!(
            ran.stderr
                .contains("campaign `leads` belongs to `asha`, and you are `ravi`"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr
                .contains("hint: if it is yours, set `EXOCAMP_USER=asha`"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(
        folder.status("leads")["total_contacts"],
        1,
        "everybody may look"
    );
}

#[test]
fn a_campaign_stays_with_the_account_it_was_started_with() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    folder.import_people("leads", 2);
    folder
        .run(&format!("start leads {FAST} --max-calls 1"))
        .exits(3);
    folder.set("EXOTEL_ACCOUNT_SID", "exampleco2");
    for line in ["start leads", "settle leads"] {
        let ran = folder.run(line).exits(2);
        let said =
            "campaign `leads` belongs to account `exampleco1`, and `exampleco2` is configured";
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
    }
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn settings_that_make_no_sense_are_named_and_not_remembered() {
    let folder = Folder::calling(&Exotel::start(""));
    folder.import_people("leads", 1);
    for (flag, value) in [
        ("rate", "fast"),
        ("lines", "0"),
        ("hours", "always"),
        ("days", "someday"),
        ("retries", "-1"),
        ("retry-after", "soon"),
        ("retry-on", "completed"),
        ("ring", "1s"),
        ("talk-limit", "5h"),
        ("caller-id", "12"),
        ("flow", "https://example.com/flow"),
    ] {
        let ran = folder
            .run(&format!("start leads --{flag}={value}"))
            .exits(2);
        assert!(
            ran.stderr.contains(&format!("`--{flag}` cannot be used")),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(folder.status("leads")["started_at"], json!(null));
}

#[test]
fn errors_are_one_object_where_json_is_asked_for() {
    let folder = Folder::new();
    let error = folder.run("call 12345 --format json").exits(2).error_json();
    let expected = json!({
        "error": "Invalid phone number format", "causes": ["a short code of 5 digits"],
        "hint": "use a mobile, or a landline with its STD code", "exit": 2,
    });
    assert_eq!(error, expected);
    let error = folder.run("list --format json").exits(2).error_json();
    assert_eq!(error["causes"], json!([]));
    assert_eq!(error["exit"], 2);
}
