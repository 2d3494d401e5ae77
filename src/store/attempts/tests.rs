use std::collections::HashMap;

use super::*;
use crate::domain::attempt::{Doubt, NotSent, is_legal_step};
use crate::domain::call::{CallStatus, Outcome};
use crate::domain::campaign::{CampaignState, Setting};
use crate::domain::contact::{Fields, NewContact};
use crate::domain::rejection::RejectionClass;
use crate::store::{Store, campaigns, contacts, runs};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

static PATIENCE: Patience = Patience {
    reply_timeout: Duration::from_secs(30),
    queue_allowance: Duration::ZERO,
    record_lag: Duration::ZERO,
    looks: Vec::new(),
    scans_apart: Duration::from_secs(600),
};

fn terms(policy: &Policy) -> Terms<'_> {
    Terms {
        policy,
        patience: &PATIENCE,
    }
}

/// Makes a campaign that calls these numbers, and an intent for each.
fn intents(tx: &Tx<'_>, campaign: &str, numbers: &[&str]) -> Result<Vec<AttemptId>> {
    let id = campaigns::create(tx, &campaign.parse().unwrap(), "asha", NOW)?;
    let run = runs::begin(tx, id, 1, "desk", NOW)?;
    let source = contacts::add_source(tx, id, "list.csv", NOW)?;
    for (line, number) in (2..).zip(numbers) {
        let contact = NewContact {
            number: number.parse().unwrap(),
            name: None,
            fields: Fields::default(),
            more_numbers: Vec::new(),
            line,
        };
        contacts::add(tx, id, source, &contact)?;
    }
    contacts::count_new(tx, id, numbers.len() as u64)?;
    let due = contacts::due(tx, id, NOW, numbers.len())?;
    due.iter()
        .enumerate()
        .map(|(place, due)| {
            let intent = Intent {
                run,
                campaign: id,
                contact: due.contact,
                key: &format!("{campaign}-{place}"),
                send_at: NOW,
                caller_id: PhoneNumber::parse_caller_id("08098765000").unwrap(),
                ring: Duration::from_secs(30),
                talk_limit: Duration::from_secs(900),
                tariff: None,
                callback_hash: None,
            };
            record_intent(tx, &intent, NOW)
        })
        .collect()
}

/// Runs the body on a database with one campaign and one intent, and leaves nothing behind.
fn with_intent(body: impl FnOnce(&Tx<'_>, AttemptId) -> Result<()>) {
    let mut store = Store::in_memory().unwrap();
    store
        .write(|tx| {
            let attempts = intents(tx, "leads", &["9876500000"])?;
            body(tx, attempts[0])
        })
        .unwrap();
}

fn needs_sid(state: StateName) -> bool {
    AttemptState::from_parts(state, None).is_none()
}

/// Writes a state as anybody with a shell could, with what its row must have beside it.
fn write_state(tx: &Tx<'_>, attempt: AttemptId, to: StateName) -> rusqlite::Result<usize> {
    let rejection = (to == StateName::Rejected).then_some("refused");
    let sid = needs_sid(to).then(|| format!("a{attempt}"));
    tx.0.execute(
        "UPDATE attempt SET state = ?2, rejection = ?3, call_sid = coalesce(call_sid, ?4) WHERE id = ?1",
        params![attempt.0, to.as_str(), rejection, sid],
    )
}

/// Returns for each state the legal steps that lead to it.
fn ways() -> HashMap<StateName, Vec<StateName>> {
    let mut ways = HashMap::from([(StateName::Intent, Vec::new())]);
    let mut at = vec![StateName::Intent];
    while let Some(from) = at.pop() {
        for to in StateName::ALL {
            if is_legal_step(from, to) && !ways.contains_key(&to) {
                let mut way: Vec<_> = ways[&from].clone();
                way.push(to);
                ways.insert(to, way);
                at.push(to);
            }
        }
    }
    ways
}

#[test]
fn of_all_ordered_pairs_of_states_exactly_the_legal_steps_pass() {
    let ways = ways();
    assert_eq!(
        ways.len(),
        StateName::ALL.len(),
        "every state can be reached"
    );
    let mut legal = 0;
    for from in StateName::ALL {
        for to in StateName::ALL.into_iter().filter(|to| *to != from) {
            with_intent(|tx, attempt| {
                for state in &ways[&from] {
                    write_state(tx, attempt, *state)?;
                }
                match write_state(tx, attempt, to) {
                    Ok(changed) => {
                        assert!(is_legal_step(from, to), "{from} to {to} passed");
                        assert_eq!(changed, 1);
                        legal += 1;
                    }
                    Err(error) => {
                        assert!(!is_legal_step(from, to), "{from} to {to}: {error}");
                        let why = error.to_string();
                        assert!(why.contains("no such step"), "{from} to {to}: {why}");
                    }
                }
                Ok(())
            });
        }
    }
    let table = StateName::ALL
        .into_iter()
        .flat_map(|from| StateName::ALL.map(|to| is_legal_step(from, to)));
    assert_eq!(legal, table.filter(|legal| *legal).count());
}

#[test]
fn the_table_of_steps_in_the_database_is_the_one_in_the_rules() {
    with_intent(|tx, _| {
        let mut statement =
            tx.0.prepare("SELECT from_state, to_state FROM attempt_step")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut theirs: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
        theirs.sort_unstable();
        let mut ours: Vec<_> = StateName::ALL
            .into_iter()
            .flat_map(|from| StateName::ALL.map(|to| (from, to)))
            .filter(|(from, to)| is_legal_step(*from, *to))
            .map(|(from, to)| (from.to_string(), to.to_string()))
            .collect();
        ours.sort_unstable();
        assert_eq!(theirs, ours);
        Ok(())
    });
}

#[test]
fn a_state_that_nobody_knows_is_refused() {
    with_intent(|tx, attempt| {
        let ringing = "UPDATE attempt SET state = 'ringing' WHERE id = ?1";
        assert!(tx.0.execute(ringing, [attempt.0]).is_err());
        // Even where somebody has made the step legal.
        tx.0.execute("INSERT INTO attempt_step VALUES ('intent', 'ringing')", [])?;
        let error = tx.0.execute(ringing, [attempt.0]).unwrap_err().to_string();
        assert!(error.contains("CHECK"), "{error}");
        Ok(())
    });
}

#[test]
fn an_attempt_begins_as_an_intent_and_in_no_other_state() {
    for state in StateName::ALL {
        with_intent(|tx, attempt| {
            write_state(tx, attempt, StateName::NotSent)?;
            let sid = needs_sid(state).then_some("b1");
            let rejection = (state == StateName::Rejected).then_some("refused");
            let inserted = tx.0.execute(
                "INSERT INTO attempt (key, run_id, campaign_id, contact_id, person_id, state, call_sid, rejection, intent_at, send_at)
                 SELECT 'another', run_id, campaign_id, contact_id, person_id, ?2, ?3, ?4, intent_at, send_at
                 FROM attempt WHERE id = ?1",
                params![attempt.0, state.as_str(), sid, rejection],
            );
            assert_eq!(inserted.is_ok(), state == StateName::Intent, "{state}");
            Ok(())
        });
    }
}

#[test]
fn an_attempt_is_accepted_with_a_sid_and_never_without() {
    with_intent(|tx, attempt| {
        let bare = "UPDATE attempt SET state = 'accepted' WHERE id = ?1";
        assert!(tx.0.execute(bare, [attempt.0]).is_err());
        let early = "UPDATE attempt SET call_sid = 'a1' WHERE id = ?1";
        assert!(tx.0.execute(early, [attempt.0]).is_err());
        write_state(tx, attempt, StateName::Accepted)?;
        Ok(())
    });
}

#[test]
fn a_sid_stays_and_belongs_to_one_attempt() {
    let mut store = Store::in_memory().unwrap();
    store
        .write(|tx| -> Result<()> {
            let attempts = intents(tx, "leads", &["9876500000", "9876500001"])?;
            write_state(tx, attempts[0], StateName::Accepted)?;
            for other in ["'b2'", "NULL"] {
                let sql = format!("UPDATE attempt SET call_sid = {other} WHERE id = ?1");
                let error = tx.0.execute(&sql, [attempts[0].0]).unwrap_err().to_string();
                assert!(error.contains("keeps its call"), "{error}");
            }
            let stolen = tx.0.execute(
                "UPDATE attempt SET state = 'accepted', call_sid = ?2 WHERE id = ?1",
                params![attempts[1].0, format!("a{}", attempts[0])],
            );
            assert!(stolen.is_err());
            let sid: CallSid = format!("a{}", attempts[0]).parse().unwrap();
            assert!(is_owned_by_another(tx, &sid, attempts[1])?);
            assert!(!is_owned_by_another(tx, &sid, attempts[0])?);
            Ok(())
        })
        .unwrap();
}

#[test]
fn attempts_and_their_stories_are_kept_as_they_were_written() {
    with_intent(|tx, attempt| {
        for sql in [
            "DELETE FROM attempt",
            "DELETE FROM attempt_event",
            "UPDATE attempt_event SET detail = 'nothing happened'",
            "UPDATE attempt SET key = 'another'",
            "UPDATE attempt SET intent_at = 0",
            "UPDATE attempt SET person_id = person_id",
        ] {
            assert!(tx.0.execute(sql, []).is_err(), "{sql}");
        }
        assert_eq!(story(tx, attempt)?, ["intent"]);
        Ok(())
    });
}

#[test]
fn two_live_attempts_for_one_person_are_refused() {
    for state in StateName::ALL {
        let mut store = Store::in_memory().unwrap();
        store
            .write(|tx| -> Result<()> {
                let first = intents(tx, "first", &["9876500000"])?[0];
                for step in &ways()[&state] {
                    write_state(tx, first, *step)?;
                }
                let second = intents(tx, "second", &["9876500000"]);
                assert_eq!(second.is_ok(), !state.is_live(), "{state}");
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_contact_that_is_no_longer_pending_gets_no_second_intent() {
    with_intent(|tx, attempt| {
        write_state(tx, attempt, StateName::NotSent)?;
        let row = load(tx, attempt)?;
        let again = Intent {
            run: RunId(1),
            campaign: CampaignId::from(1),
            contact: row.contact,
            key: "another",
            send_at: NOW,
            caller_id: PhoneNumber::parse_caller_id("08098765000").unwrap(),
            ring: Duration::from_secs(30),
            talk_limit: Duration::from_secs(900),
            tariff: None,
            callback_hash: None,
        };
        assert!(matches!(
            record_intent(tx, &again, NOW),
            Err(StoreError::NotOneRow { changed: 0, .. })
        ));
        Ok(())
    });
}

/// Returns the states of an attempt in the order in which it went through them.
fn story(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<String>> {
    let sql = "SELECT state FROM attempt_event WHERE attempt_id = ?1 ORDER BY id";
    let mut statement = tx.0.prepare(sql)?;
    let states = statement.query_map([attempt.0], |row| row.get(0))?;
    Ok(states.collect::<rusqlite::Result<_>>()?)
}

/// Returns all that is known of an attempt and its contact.
fn known(tx: &Tx<'_>, attempt: AttemptId) -> Result<String> {
    let sql = "SELECT json_array(attempt.state, call_sid, rejection, error, accepted_at, closed_at, line_until_at, look_us,
                                 call_started_at, call_ended_at, duration_s, price, contact.state, reason, due_at, charged)
               FROM attempt JOIN contact ON contact.id = contact_id WHERE attempt.id = ?1";
    Ok(tx.0.query_row(sql, [attempt.0], |row| row.get(0))?)
}

fn seen(sid: &str, status: CallStatus) -> Evidence {
    Evidence::Seen(CallReport {
        sid: sid.parse().unwrap(),
        status,
        number: None,
        started_at: None,
        ended_at: None,
        duration_s: None,
        price: None,
    })
}

#[test]
fn late_and_double_evidence_changes_nothing() {
    let mut late = vec![
        Evidence::NotSent(NotSent::Late),
        Evidence::Placed("a1".parse().unwrap()),
        Evidence::Placed("b2".parse().unwrap()),
        Evidence::Rejected(Rejection {
            class: RejectionClass::Ndnc,
            status: 403,
            code: None,
            message: "no".to_owned(),
            retry_after: None,
        }),
        Evidence::Silent(Doubt::TimedOut),
        Evidence::NeverEnded,
        seen("a1", CallStatus::Running),
    ];
    for outcome in Outcome::ALL {
        late.push(seen("a1", CallStatus::Ended(outcome)));
        late.push(seen("b2", CallStatus::Ended(outcome)));
    }
    for outcome in Outcome::ALL {
        with_intent(|tx, attempt| {
            let end = seen("a1", CallStatus::Ended(outcome));
            let merged = merge_evidence(
                tx,
                attempt,
                &end,
                Source::LookUp,
                &terms(&Policy::default()),
                NOW,
            )?;
            assert!(merged.moved);
            let before = (known(tx, attempt)?, story(tx, attempt)?);
            let later = NOW + Duration::from_secs(99);
            for evidence in &late {
                let merged = merge_evidence(
                    tx,
                    attempt,
                    evidence,
                    Source::Reply,
                    &terms(&Policy::default()),
                    later,
                )?;
                assert!(!merged.moved, "{evidence:?}");
                assert_eq!(
                    (known(tx, attempt)?, story(tx, attempt)?),
                    before,
                    "{evidence:?}"
                );
            }
            Ok(())
        });
    }
}

#[test]
fn evidence_that_overtakes_its_own_reply_is_taken_step_by_step_and_told_once() {
    with_intent(|tx, attempt| {
        let busy = seen("a1", CallStatus::Ended(Outcome::Busy));
        let reply = Evidence::Placed("a1".parse().unwrap());
        for evidence in [&busy, &reply, &busy] {
            merge_evidence(
                tx,
                attempt,
                evidence,
                Source::LookUp,
                &terms(&Policy::default()),
                NOW,
            )?;
        }
        assert_eq!(story(tx, attempt)?, ["intent", "accepted", "busy"]);
        assert_eq!(contacts::counts(tx, CampaignId::from(1))?.failed, 1);
        Ok(())
    });
}

#[test]
fn a_doubt_that_is_cleared_up_moves_its_contact_on() {
    with_intent(|tx, attempt| {
        let silence = Evidence::Silent(Doubt::Interrupted);
        merge_evidence(
            tx,
            attempt,
            &silence,
            Source::Recovery,
            &terms(&Policy::default()),
            NOW,
        )?;
        assert_eq!(contacts::counts(tx, CampaignId::from(1))?.held, 1);
        let answered = seen("a1", CallStatus::Ended(Outcome::Completed));
        merge_evidence(
            tx,
            attempt,
            &answered,
            Source::LookUp,
            &terms(&Policy::default()),
            NOW,
        )?;
        assert_eq!(
            story(tx, attempt)?,
            ["intent", "in_doubt", "accepted", "completed"]
        );
        assert_eq!(contacts::counts(tx, CampaignId::from(1))?.completed, 1);
        Ok(())
    });
}

/// Two calls are answered, the second while nobody knows for how long; later both are told to have been this short, twice.
/// Returns each contact's state and reason after that.
fn told_late(policy: &Policy, seconds: u32, late: Duration) -> Vec<(String, Option<String>)> {
    let mut store = Store::in_memory().unwrap();
    let answered = |sid: &str, duration_s| {
        let Evidence::Seen(report) = seen(sid, CallStatus::Ended(Outcome::Completed)) else {
            unreachable!("it was seen");
        };
        Evidence::Seen(CallReport {
            duration_s,
            ..report
        })
    };
    let merge = |tx: &Tx<'_>, attempt, evidence: &Evidence, now| {
        let terms = terms(policy);
        merge_evidence(tx, attempt, evidence, Source::LookUp, &terms, now).map(|_| ())
    };
    store
        .write(|tx| -> Result<_> {
            let attempts = intents(tx, "leads", &["9876500000", "9876500001"])?;
            merge(tx, attempts[0], &answered("a1", Some(60)), NOW)?;
            merge(tx, attempts[1], &answered("b2", None), NOW)?;
            assert_eq!(contacts::counts(tx, CampaignId::from(1))?.completed, 2);
            let id = CampaignId::from(1);
            campaigns::set_state(tx, id, CampaignState::Completed, NOW)?;
            for _ in 0..2 {
                let then = NOW + late;
                merge(tx, attempts[0], &answered("a1", Some(seconds)), then)?;
                merge(tx, attempts[1], &answered("b2", Some(seconds)), then)?;
            }
            let state = campaigns::get(tx, id)?.state;
            let pending = contacts::counts(tx, id)?.pending;
            assert_eq!(state == CampaignState::Stopped, pending > 0, "{state:?}");
            let mut statement =
                tx.0.prepare("SELECT state, reason FROM contact ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.map(|row| Ok(row?)).collect()
        })
        .unwrap()
}

#[test]
fn a_call_whose_length_comes_late_and_is_too_short_is_judged_again_once() {
    let policy = |retries: &str| {
        let mut policy = Policy::default();
        policy.set(Setting::ReachedAfter, "5s").unwrap();
        policy.set(Setting::Retries, retries).unwrap();
        policy
    };
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let done = ("completed".to_owned(), None);
    for (policy, seconds, late, expected) in [
        (policy("1"), 4, 15, ("pending", Some("retry"))),
        (policy("0"), 4, 15, ("failed", Some("too_short"))),
        (policy("1"), 5, 15, ("completed", None)),
        (policy("1"), 4, 25 * 60, ("completed", None)),
        (Policy::default(), 4, 15, ("completed", None)),
    ] {
        let (state, reason) = expected;
        let expected = (state.to_owned(), reason.map(str::to_owned));
        let contacts = told_late(&policy, seconds, minutes(late));
        assert_eq!(contacts, [done.clone(), expected], "{seconds} {late}");
    }
}

#[test]
fn a_length_that_comes_late_moves_nobody_about_whom_something_was_decided_since() {
    let mut policy = Policy::default();
    policy.set(Setting::ReachedAfter, "5s").unwrap();
    policy.set(Setting::Retries, "1").unwrap();
    for (decided, state, reason) in [
        (
            "UPDATE contact SET reason = 'presumed_placed'",
            "completed",
            Some("presumed_placed"),
        ),
        (
            "UPDATE contact SET state = 'skipped', reason = 'cancelled'",
            "skipped",
            Some("cancelled"),
        ),
        (
            "UPDATE contact SET state = 'pending', due_at = 0, charged = 0",
            "pending",
            None,
        ),
        ("UPDATE campaign SET state = 'cancelled'", "completed", None),
        ("UPDATE contact SET name = 'Ravi'", "pending", Some("retry")),
    ] {
        with_intent(|tx, attempt| {
            let answered = seen("a1", CallStatus::Ended(Outcome::Completed));
            let Evidence::Seen(report) = answered.clone() else {
                unreachable!("it was seen");
            };
            let terms = terms(&policy);
            merge_evidence(tx, attempt, &answered, Source::LookUp, &terms, NOW)?;
            tx.0.execute(decided, [])?;
            let short = Evidence::Seen(CallReport {
                duration_s: Some(2),
                ..report
            });
            merge_evidence(tx, attempt, &short, Source::LookUp, &terms, NOW)?;
            let found: (String, Option<String>) =
                tx.0.query_row("SELECT state, reason FROM contact", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            assert_eq!(
                (found.0.as_str(), found.1.as_deref()),
                (state, reason),
                "{decided}"
            );
            Ok(())
        });
    }
}

#[test]
fn a_call_is_asked_about_once_more_while_its_price_or_its_length_is_missing() {
    for (duration_s, price, asks) in [
        (None, None, true),
        (Some(9), None, true),
        (None, Some("0.600"), true),
        (Some(9), Some("0.600"), false),
    ] {
        with_intent(|tx, attempt| {
            let Evidence::Seen(report) = seen("a1", CallStatus::Ended(Outcome::Completed)) else {
                unreachable!("it was seen");
            };
            let answered = Evidence::Seen(CallReport {
                duration_s,
                price: price.map(str::to_owned),
                ..report
            });
            let policy = Policy::default();
            merge_evidence(tx, attempt, &answered, Source::LookUp, &terms(&policy), NOW)?;
            let due: Option<i64> =
                tx.0.query_row("SELECT price_due_at FROM attempt", [], |row| row.get(0))?;
            assert_eq!(due.is_some(), asks, "{duration_s:?} {price:?}");
            Ok(())
        });
    }
}

#[test]
fn a_refusal_by_the_regulator_puts_the_person_on_the_do_not_call_list_in_all_campaigns() {
    let mut store = Store::in_memory().unwrap();
    store
        .write(|tx| -> Result<()> {
            let attempts = intents(tx, "leads", &["9876500000"])?;
            let other = campaigns::create(tx, &"others".parse().unwrap(), "ravi", NOW)?;
            let source = contacts::add_source(tx, other, "list.csv", NOW)?;
            let contact = NewContact {
                number: "9876500000".parse().unwrap(),
                name: None,
                fields: Fields::default(),
                more_numbers: Vec::new(),
                line: 2,
            };
            contacts::add(tx, other, source, &contact)?;
            contacts::count_new(tx, other, 1)?;
            let ndnc = Evidence::Rejected(Rejection {
                class: RejectionClass::Ndnc,
                status: 403,
                code: None,
                message: "TRAI NDNC".to_owned(),
                retry_after: None,
            });
            let policy = Policy::default();
            merge_evidence(tx, attempts[0], &ndnc, Source::Reply, &terms(&policy), NOW)?;
            let listed = do_not_call::find(tx, contact.number)?.unwrap();
            assert_eq!(listed.source, do_not_call::Source::Ndnc);
            assert_eq!(listed.added_by, "exocamp");
            let mut statement =
                tx.0.prepare("SELECT state, reason FROM contact ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let contacts: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
            let skipped = ("skipped".to_owned(), "ndnc".to_owned());
            assert_eq!(contacts, [skipped.clone(), skipped]);
            // Late and double evidence, with the person off the list by then, changes nothing.
            do_not_call::remove(tx, contact.number, "asha", "they opted in", NOW)?;
            merge_evidence(tx, attempts[0], &ndnc, Source::Reply, &terms(&policy), NOW)?;
            assert_eq!(do_not_call::find(tx, contact.number)?, None);
            Ok(())
        })
        .unwrap();
}
