use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::domain::attempt::{AttemptState, Doubt, Evidence};
use crate::domain::call::{CallReport, CallStatus, Outcome as CallOutcome};
use crate::domain::campaign::Policy;
use crate::domain::contact::{Fields, NewContact};
use crate::domain::doubt::Patience;
use crate::domain::retry::{Reason, Verdict};
use crate::store::attempts::{self, AttemptId, Intent, Source, Terms};
use crate::store::do_not_call::Entry;
use crate::store::reports::{self, ContactFilter};
use crate::store::{Store, campaigns, contacts, runs, story};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A database in a folder of its own, with a campaign that has one person.
struct Desk {
    folder: tempfile::TempDir,
    store: Store,
}

fn number() -> PhoneNumber {
    "9876500007".parse().unwrap()
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open_or_create(&folder.path().join("exocamp.db")).unwrap();
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", NOW)?;
                let source = contacts::add_source(tx, id, "list.csv", NOW)?;
                let mut fields = Fields::default();
                fields.push("city", "Pune");
                let contact = NewContact {
                    number: number(),
                    name: Some("Asha Kulkarni".to_owned()),
                    fields,
                    more_numbers: Vec::new(),
                    line: 2,
                };
                contacts::add(tx, id, source, &contact)?;
                contacts::count_new(tx, id, 1)
            })
            .unwrap();
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("exocamp.db")
    }

    fn forget(&mut self) -> Result<Outcome> {
        let path = self.path();
        self.store
            .write(|tx| forget(tx, &path, number(), "ravi", NOW))
    }

    fn recognised(&mut self, number: PhoneNumber) -> Result<Option<Forgotten>> {
        let path = self.path();
        self.store
            .read(|tx| Recogniser::open(tx, &path)?.find(tx, number))
    }

    /// Begins a call to the person and loses its reply.
    fn lose_a_call(&mut self) -> AttemptId {
        let begun = self.store.write(|tx| -> Result<AttemptId> {
            let id = campaigns::find(tx, "leads")?.unwrap().id;
            let run = runs::begin(tx, id, 1, "desk", NOW)?;
            let due = contacts::due(tx, id, NOW, 1)?;
            let intent = Intent {
                run,
                campaign: id,
                contact: due[0].contact,
                key: "leads-0",
                send_at: NOW,
                caller_id: PhoneNumber::parse_caller_id("08098765000").unwrap(),
                ring: Duration::from_secs(30),
                tariff: None,
                talk_limit: Duration::from_secs(900),
                callback_hash: None,
            };
            let attempt = attempts::record_intent(tx, &intent, NOW)?;
            let lost = Evidence::Silent(Doubt::Interrupted);
            merge(tx, attempt, &lost)?;
            Ok(attempt)
        });
        begun.unwrap()
    }

    fn stored(&mut self) -> (i64, Option<String>, Option<String>, String, Option<String>) {
        let sql = "SELECT number, name, fields, state, reason FROM contact JOIN person ON person.id = person_id";
        let row = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        };
        self.store
            .read(|tx| Ok(tx.0.query_row(sql, [], row)?))
            .unwrap()
    }

    fn shown(&mut self) -> PhoneNumber {
        let reports = self.store.read(|tx| {
            let id = campaigns::find(tx, "leads")?.unwrap().id;
            reports::contacts(tx, id, &ContactFilter::default())
        });
        reports.unwrap()[0].number
    }
}

fn merge(tx: &Tx<'_>, attempt: AttemptId, evidence: &Evidence) -> Result<AttemptState> {
    let (policy, patience) = (
        Policy::default(),
        Patience {
            reply_timeout: Duration::from_secs(30),
            queue_allowance: Duration::ZERO,
            record_lag: Duration::ZERO,
            looks: Vec::new(),
            scans_apart: Duration::from_secs(600),
        },
    );
    let terms = Terms {
        policy: &policy,
        patience: &patience,
    };
    let merged = attempts::merge_evidence(tx, attempt, evidence, Source::LookUp, &terms, NOW)?;
    Ok(merged.state)
}

#[test]
fn who_is_forgotten_is_erased_and_known_again_by_a_hash_alone() {
    let mut desk = Desk::new();
    let outcome = desk.forget().unwrap();
    assert!(outcome.is_new);
    let Found::Erased(traces) = outcome.found else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (traces.contacts, traces.files),
        (1, vec!["list.csv".to_owned()])
    );
    let (stored, name, fields, state, reason) = desk.stored();
    assert_eq!(stored, 999_000_000_000_000);
    assert_eq!((name, fields), (None, None));
    assert_eq!(
        (state.as_str(), reason.as_deref()),
        ("skipped", Some("do_not_call"))
    );
    assert_eq!(desk.shown().to_string(), "forgotten");
    let forgotten = desk.recognised(number()).unwrap();
    assert_eq!(forgotten.map(|it| it.by).as_deref(), Some("ravi"));
    let other = "9876500008".parse().unwrap();
    assert_eq!(desk.recognised(other).unwrap(), None);
}

#[test]
fn the_key_is_private_and_nobody_is_recognised_without_it() {
    let mut desk = Desk::new();
    let path = key_path(&desk.path());
    assert_eq!(desk.recognised(number()).unwrap(), None);
    assert!(!path.exists(), "nobody was forgotten yet");
    desk.forget().unwrap();
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let missing = desk.recognised(number());
    assert!(
        matches!(missing, Err(StoreError::KeyMissing(_))),
        "{missing:?}"
    );
    let again = desk.forget();
    assert!(matches!(again, Err(StoreError::KeyMissing(_))), "{again:?}");
    for wrong in ["", "0123", &"ab".repeat(32)] {
        fs::write(&path, wrong).unwrap();
        let refused = desk.recognised(number());
        assert!(matches!(refused, Err(StoreError::KeyWrong(_))), "{wrong}");
    }
    fs::write(&path, key).unwrap();
    assert!(desk.recognised(number()).unwrap().is_some());
}

#[test]
fn a_key_that_was_made_before_a_crash_is_used() {
    let mut desk = Desk::new();
    let path = key_path(&desk.path());
    Key::make(&path).unwrap();
    let key = fs::read(&path).unwrap();
    desk.forget().unwrap();
    assert_eq!(fs::read(&path).unwrap(), key);
}

#[test]
fn a_number_that_a_doubt_needs_is_masked_at_once_and_erased_when_the_doubt_is_over() {
    let mut desk = Desk::new();
    let attempt = desk.lose_a_call();
    let outcome = desk.forget().unwrap();
    let Found::Waits(traces) = outcome.found else {
        panic!("{outcome:?}")
    };
    assert_eq!(traces.open_in, ["leads"]);
    let (stored, name, ..) = desk.stored();
    assert_eq!((stored, name), (919_876_500_007, None));
    assert_eq!(desk.shown().to_string(), "forgotten");
    let story = desk
        .store
        .read(|tx| story::of_number(tx, number()))
        .unwrap();
    assert!(story.chapters.is_empty());
    assert!(matches!(desk.forget().unwrap().found, Found::Waits(_)));

    let report = CallReport {
        sid: "a1".parse().unwrap(),
        status: CallStatus::Ended(CallOutcome::Completed),
        number: Some(number()),
        started_at: None,
        ended_at: None,
        duration_s: None,
        price: None,
    };
    desk.store
        .write(|tx| -> Result<()> {
            let state = merge(tx, attempt, &Evidence::Seen(report))?;
            assert!(matches!(state, AttemptState::Ended(..)), "{state:?}");
            assert_eq!(finish_due(tx, NOW)?, 1);
            assert_eq!(finish_due(tx, NOW)?, 0);
            Ok(())
        })
        .unwrap();
    assert!(desk.stored().0 >= 999_000_000_000_000);
    assert_eq!(desk.store.purge().unwrap(), Purged::Gone);
    assert_eq!(desk.store.purge().unwrap(), Purged::Nothing);
}

#[test]
fn the_forgotten_have_numbers_of_their_own_and_what_was_noted_of_them_is_gone() {
    let mut desk = Desk::new();
    let path = desk.path();
    let entry = Entry {
        by: "asha",
        source: do_not_call::Source::Person,
        note: Some("Mrs Kulkarni of 9876500007"),
    };
    desk.store
        .write(|tx| -> Result<()> {
            for number in ["9876500007", "9876500008"] {
                let number = number.parse().unwrap();
                do_not_call::add(tx, number, &entry, NOW)?;
                forget(tx, &path, number, "ravi", NOW)?;
            }
            let listed = do_not_call::list(tx, None)?;
            assert_eq!(listed.len(), 2);
            for listed in listed {
                assert!(listed.number.is_forgotten());
                assert_eq!(
                    (listed.source, listed.note),
                    (do_not_call::Source::Forgotten, None)
                );
            }
            let notes: i64 =
                tx.0.query_row("SELECT count(note) FROM do_not_call_event", [], |row| {
                    row.get(0)
                })?;
            assert_eq!(notes, 0);
            let off = do_not_call::remove(tx, number(), "ravi", "why not", NOW)?;
            assert_eq!(off, do_not_call::Removed::NotListed);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_reader_who_stays_keeps_the_bytes_and_is_told_of() {
    let mut desk = Desk::new();
    let mut reader = Store::open(&desk.path()).unwrap();
    let held = reader.connection.transaction().unwrap();
    let _: i64 = held
        .query_row("SELECT count(*) FROM person", [], |row| row.get(0))
        .unwrap();
    desk.forget().unwrap();
    desk.store.connection.busy_timeout(Duration::ZERO).unwrap();
    assert_eq!(desk.store.write_anew().unwrap(), Purged::NotYet);
    drop(held);
    assert_eq!(desk.store.purge().unwrap(), Purged::Gone);
}

#[test]
fn the_copy_of_the_sandbox_forgets_whatever_its_pretend_calls_do() {
    let mut desk = Desk::new();
    desk.lose_a_call();
    let erased = desk
        .store
        .write(|tx| erase_from_copy(tx, number(), "ravi", NOW));
    assert!(erased.unwrap());
    assert!(desk.stored().0 >= 999_000_000_000_000);
    let again = desk
        .store
        .write(|tx| erase_from_copy(tx, number(), "ravi", NOW));
    assert!(!again.unwrap());
}

#[test]
fn contacts_that_are_done_keep_their_state() {
    let mut desk = Desk::new();
    desk.store
        .write(|tx| -> Result<()> {
            let id = campaigns::find(tx, "leads")?.unwrap().id;
            let due = contacts::due(tx, id, NOW, 1)?;
            contacts::settle(tx, due[0].contact, Verdict::Failed(Some(Reason::BadNumber)))
        })
        .unwrap();
    desk.forget().unwrap();
    let (.., state, reason) = desk.stored();
    assert_eq!(
        (state.as_str(), reason.as_deref()),
        ("failed", Some("bad_number"))
    );
}
