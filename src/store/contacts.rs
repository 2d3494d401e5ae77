//! Contacts: adding them, and finding who is due.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::campaigns::{self, CampaignId};
use super::{Result, StoreError, Tx, at_most_one, exactly_one, from_ms, scrubs, to_ms, word};
use crate::domain::campaign::Policy;
use crate::domain::contact::{ContactState, NewContact};
use crate::domain::eligibility::{self, Person};
use crate::domain::phone::PhoneNumber;
use crate::domain::report::Counts;
use crate::domain::retry::{Reason, Verdict};

/// Names a contact: one person in one campaign.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContactId(pub(super) i64);

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a file that contacts came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceId(pub(in crate::store) i64);

/// What adding a contact came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Added {
    /// The campaign has one contact more.
    New,
    /// The number is in the campaign already: first seen in that file on that line.
    Duplicate {
        /// The file that had it first.
        file: String,
        /// The line there.
        line: u64,
    },
}

/// Notes a file that contacts come from.
///
/// # Errors
/// When the database refuses.
pub fn add_source(
    tx: &Tx<'_>,
    campaign: CampaignId,
    file: &str,
    now: Timestamp,
) -> Result<SourceId> {
    tx.0.execute(
        "INSERT INTO source (campaign_id, file, imported_at) VALUES (?1, ?2, ?3)",
        params![campaign.get(), file, to_ms(now)],
    )?;
    Ok(SourceId(tx.0.last_insert_rowid()))
}

/// Due whatever the clock shows: a clock that was ahead when a list came in, and was set right since, must not keep
/// anybody waiting for what was no plan.
pub(super) const AT_ONCE: i64 = 0;

/// Adds a contact, due at once, unless its number is in the campaign already.
///
/// The campaign's tally is not touched: an import adds all its rows with one [`count_new`].
///
/// # Errors
/// When the database refuses.
pub fn add(
    tx: &Tx<'_>,
    campaign: CampaignId,
    source: SourceId,
    contact: &NewContact,
) -> Result<Added> {
    let number = i64::try_from(contact.number.digits()).unwrap_or(i64::MAX);
    let line = i64::try_from(contact.line).unwrap_or(i64::MAX);
    if insert(
        tx,
        campaign,
        source,
        number,
        contact.name.as_deref(),
        contact.fields.as_json(),
        line,
    )? {
        return Ok(Added::New);
    }
    let (file, line): (String, i64) = tx
        .0
        .prepare_cached(
            "SELECT source.file, contact.line FROM contact
             JOIN person ON person.id = contact.person_id JOIN source ON source.id = contact.source_id
             WHERE contact.campaign_id = ?1 AND person.number = ?2",
        )?
        .query_row(params![campaign.get(), number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Added::Duplicate {
        file,
        line: line.unsigned_abs(),
    })
}

/// Inserts a contact unless its number is in the campaign already; returns whether it was new.
pub(super) fn insert(
    tx: &Tx<'_>,
    campaign: CampaignId,
    source: SourceId,
    number: i64,
    name: Option<&str>,
    fields: Option<&str>,
    line: i64,
) -> Result<bool> {
    tx.0.prepare_cached("INSERT INTO person (number) VALUES (?1) ON CONFLICT (number) DO NOTHING")?
        .execute([number])?;
    let mut insert = tx.0.prepare_cached(
        "INSERT INTO contact (campaign_id, person_id, name, fields, source_id, line, due_at)
         SELECT ?1, id, ?3, ?4, ?5, ?6, ?7 FROM person WHERE number = ?2
         ON CONFLICT (campaign_id, person_id) DO NOTHING",
    )?;
    let added = insert.execute(params![
        campaign.get(),
        number,
        name,
        fields,
        source.0,
        line,
        AT_ONCE
    ])?;
    Ok(added == 1)
}

/// Forgets a file that no contact came from after all.
///
/// # Errors
/// When contacts did come from it, or the database refuses.
pub fn remove_source(tx: &Tx<'_>, source: SourceId) -> Result<()> {
    exactly_one(
        "remove a source",
        tx.0.execute("DELETE FROM source WHERE id = ?1", [source.0])?,
    )
}

/// Adds so many new, pending contacts to the campaign's tally, and takes a finished campaign up again.
///
/// # Errors
/// When the database refuses.
pub fn count_new(tx: &Tx<'_>, campaign: CampaignId, added: u64) -> Result<()> {
    tx.0.execute(
        "INSERT INTO tally (campaign_id, state, contacts) VALUES (?1, 'pending', ?2)
         ON CONFLICT (campaign_id, state) DO UPDATE SET contacts = contacts + excluded.contacts",
        params![campaign.get(), i64::try_from(added).unwrap_or(i64::MAX)],
    )?;
    if added > 0 {
        campaigns::take_up_again(tx, campaign)?;
    }
    Ok(())
}

/// Returns how many contacts are in each state.
///
/// # Errors
/// When the database cannot be read.
pub fn counts(tx: &Tx<'_>, campaign: CampaignId) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut statement =
        tx.0.prepare_cached("SELECT state, contacts FROM tally WHERE campaign_id = ?1")?;
    let mut rows = statement.query([campaign.get()])?;
    while let Some(row) = rows.next()? {
        let state: ContactState = word(&row.get::<_, String>(0)?)?;
        *counts.of(state) = row.get::<_, i64>(1)?.unsigned_abs();
    }
    Ok(counts)
}

/// Somebody who is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// The contact.
    pub contact: ContactId,
    /// The number to ring.
    pub number: PhoneNumber,
    /// What decides whether it may be rung.
    pub person: Person,
}

/// Returns the contacts that have been due longest, at most so many.
///
/// # Errors
/// When the database cannot be read.
pub fn due(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp, most: usize) -> Result<Vec<Due>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT contact.id, person.number, person.id, contact.charged > 0,
                EXISTS (SELECT 1 FROM attempt WHERE attempt.person_id = contact.person_id AND live = 1),
                EXISTS (SELECT 1 FROM do_not_call WHERE do_not_call.person_id = contact.person_id)
         FROM contact JOIN person ON person.id = contact.person_id
         WHERE contact.campaign_id = ?1 AND contact.state = 'pending' AND contact.due_at <= ?2
         ORDER BY contact.due_at, contact.id LIMIT ?3",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![campaign.get(), to_ms(now), limit], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, bool>(3)?,
            row.get::<_, bool>(4)?,
            row.get::<_, bool>(5)?,
        ))
    })?;
    rows.map(|row| {
        let (id, number, person, was_tried, is_busy_elsewhere, is_do_not_call) = row?;
        #[cfg(feature = "sabotage")]
        let is_busy_elsewhere =
            is_busy_elsewhere && !crate::sabotage::is(crate::sabotage::Sabotage::NoGuards);
        let number = number_of(number)?;
        Ok(Due {
            contact: ContactId(id),
            number,
            person: Person {
                is_do_not_call,
                is_busy_elsewhere,
                calls: calls_of(tx, person, now)?,
                was_tried,
                dnd: scrubs::fresh(tx, number, now)?,
            },
        })
    })
    .collect()
}

const CALLS_OF: &str = "SELECT send_at FROM attempt WHERE person_id = ?1 AND send_at > ?2
     AND state NOT IN ('not_sent', 'rejected', 'not_placed') ORDER BY send_at";

/// Returns when a person was called in the last 7 days, by all campaigns: whatever may have rung counts.
fn calls_of(tx: &Tx<'_>, person: i64, now: Timestamp) -> Result<Vec<Timestamp>> {
    let mut statement = tx.0.prepare_cached(CALLS_OF)?;
    let since = now.saturating_sub(eligibility::WEEK).unwrap_or(now);
    let rows = statement.query_map(params![person, to_ms(since)], |row| row.get(0))?;
    rows.map(|at| Ok(from_ms(at?))).collect()
}

/// Returns when the next pending contact is due, which may be past.
///
/// # Errors
/// When the database cannot be read.
pub fn next_due_at(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Timestamp>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT min(due_at) FROM contact WHERE campaign_id = ?1 AND state = 'pending'",
    )?;
    let due: Option<i64> = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(due.map(from_ms))
}

/// Moves a contact to what its attempts have come to.
///
/// # Errors
/// When the database refuses.
pub fn settle(tx: &Tx<'_>, contact: ContactId, verdict: Verdict) -> Result<()> {
    let (state, due_at, reason) = match verdict {
        Verdict::Initiated => (ContactState::Initiated, None, None),
        Verdict::Held(reason) => (ContactState::Held, None, Some(reason)),
        Verdict::Pending(due_at, reason) => (ContactState::Pending, Some(to_ms(due_at)), reason),
        Verdict::Completed(reason) => (ContactState::Completed, None, reason),
        Verdict::Failed(reason) => (ContactState::Failed, None, reason),
        Verdict::Skipped(reason) => (ContactState::Skipped, None, Some(reason)),
    };
    let mut update = tx
        .0
        .prepare_cached("UPDATE contact SET state = ?2, due_at = ?3, reason = ?4 WHERE id = ?1")?;
    let changed = update.execute(params![
        contact.0,
        state.as_str(),
        due_at,
        reason.map(Reason::as_str)
    ])?;
    exactly_one("settle the contact", changed)?;
    if state == ContactState::Pending {
        // Who was put on the do-not-call list during their last call waits for no other.
        let skipped =
            tx.0.prepare_cached(
                "UPDATE contact SET state = 'skipped', due_at = NULL, reason = ?2
                 WHERE id = ?1 AND EXISTS (SELECT 1 FROM do_not_call WHERE person_id = contact.person_id)",
            )?
            .execute(params![contact.0, Reason::DoNotCall.as_str()])?;
        at_most_one("skip the contact", skipped)?;
    }
    Ok(())
}

/// No runner that lives leaves a POST unanswered for longer.
const LONGEST_INTENT: Duration = Duration::from_secs(300);

/// Returns whether every pending contact waits for a doubt about its number in another campaign, or for a call there
/// whose intent a dead run left behind.
///
/// # Errors
/// When the database cannot be read.
pub fn wait_only_for_doubts(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM contact WHERE campaign_id = ?1 AND state = 'pending' AND NOT EXISTS (
             SELECT 1 FROM attempt WHERE person_id = contact.person_id AND live = 1
                AND (state = 'in_doubt' OR (state = 'intent' AND intent_at <= ?2)))",
    )?;
    let long_ago = to_ms(now.saturating_sub(LONGEST_INTENT).unwrap_or(now));
    Ok(!statement.exists(params![campaign.get(), long_ago])?)
}

/// Skips every contact that is still to be rung.
///
/// # Errors
/// When the database refuses.
pub fn cancel_pending(tx: &Tx<'_>, campaign: CampaignId) -> Result<()> {
    tx.0.execute(
        "UPDATE contact SET state = 'skipped', due_at = NULL, reason = ?2 WHERE campaign_id = ?1 AND state = 'pending'",
        params![campaign.get(), Reason::Cancelled.as_str()],
    )?;
    Ok(())
}

/// Skips every contact that cannot be called any more before the campaign's end, and returns how many.
///
/// # Errors
/// When the database refuses.
pub fn expire(tx: &Tx<'_>, campaign: CampaignId, policy: &Policy, now: Timestamp) -> Result<usize> {
    let Some(ends) = policy.ends else {
        return Ok(0);
    };
    // Whoever is due at the end or later will never be called, even if others still are.
    let due_from = if policy.is_over(now) {
        AT_ONCE
    } else {
        to_ms(ends)
    };
    let mut update = tx.0.prepare_cached(
        "UPDATE contact SET state = 'skipped', due_at = NULL, reason = ?3
         WHERE campaign_id = ?1 AND state = 'pending' AND due_at >= ?2",
    )?;
    Ok(update.execute(params![campaign.get(), due_from, Reason::Expired.as_str()])?)
}

/// Offers the contact of this number again, due at once and with all its tries: a person's decision. One whose last
/// call is live or in doubt stays as it is.
///
/// # Errors
/// When the database refuses.
pub fn offer_again(tx: &Tx<'_>, campaign: CampaignId, number: PhoneNumber) -> Result<()> {
    tx.0.execute(
        "UPDATE contact SET state = 'pending', due_at = ?3, reason = NULL, charged = 0
         WHERE campaign_id = ?1 AND person_id = (SELECT id FROM person WHERE number = ?2)
           AND state NOT IN ('initiated', 'held')",
        params![
            campaign.get(),
            i64::try_from(number.digits()).unwrap_or(i64::MAX),
            AT_ONCE
        ],
    )?;
    Ok(())
}

pub(super) fn number_of(digits: i64) -> Result<PhoneNumber> {
    let number = u64::try_from(digits)
        .ok()
        .and_then(PhoneNumber::from_digits);
    number.ok_or_else(|| StoreError::Nonsense("a number that is none".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::Fields;
    use crate::store::Store;

    fn contact(number: &str, line: u64) -> NewContact {
        NewContact {
            number: number.parse().unwrap(),
            name: None,
            fields: Fields::default(),
            more_numbers: Vec::new(),
            line,
        }
    }

    #[test]
    fn a_number_is_in_a_campaign_once_and_lives_in_one_row() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let first = campaigns::create(tx, &"first".parse().unwrap(), "asha", now)?;
                let second = campaigns::create(tx, &"second".parse().unwrap(), "asha", now)?;
                let list = add_source(tx, first, "a.csv", now)?;
                let other = add_source(tx, second, "b.csv", now)?;
                assert_eq!(add(tx, first, list, &contact("9876500000", 2))?, Added::New);
                let again = add(tx, first, list, &contact("09876500000", 9))?;
                assert_eq!(
                    again,
                    Added::Duplicate {
                        file: "a.csv".into(),
                        line: 2
                    }
                );
                assert_eq!(
                    add(tx, second, other, &contact("+919876500000", 2))?,
                    Added::New
                );
                let people: i64 =
                    tx.0.query_row("SELECT count(*) FROM person", [], |row| row.get(0))?;
                assert_eq!(people, 1);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_calls_of_a_person_are_found_by_their_index() {
        let mut store = Store::in_memory().unwrap();
        store
            .read(|tx| {
                let sql = format!("EXPLAIN QUERY PLAN {CALLS_OF}");
                let mut statement = tx.0.prepare(&sql)?;
                let plan = statement.query_map([1, 0], |row| row.get(3))?;
                let plan: Vec<String> = plan.collect::<rusqlite::Result<_>>()?;
                assert_eq!(
                    plan,
                    ["SEARCH attempt USING INDEX attempt_of_person (person_id=? AND send_at>?)"]
                );
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_tally_agrees_with_the_contacts_after_every_move() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
                let source = add_source(tx, id, "a.csv", now)?;
                for line in 0..4 {
                    add(tx, id, source, &contact(&format!("987650000{line}"), line))?;
                }
                count_new(tx, id, 4)?;
                let due = due(tx, id, now, 10)?;
                let verdicts = [
                    Verdict::Initiated,
                    Verdict::Completed(None),
                    Verdict::Held(Reason::InDoubt),
                    Verdict::Pending(now, Some(Reason::Retry)),
                    Verdict::Failed(None),
                    Verdict::Skipped(Reason::Ndnc),
                ];
                for (step, verdict) in verdicts.into_iter().cycle().take(24).enumerate() {
                    settle(tx, due[step % 4].contact, verdict)?;
                    let mut truth = Counts::default();
                    for state in ContactState::ALL {
                        let sql =
                            "SELECT count(*) FROM contact WHERE campaign_id = ?1 AND state = ?2";
                        let n: i64 =
                            tx.0.query_row(sql, params![id.get(), state.as_str()], |row| {
                                row.get(0)
                            })?;
                        *truth.of(state) = n.unsigned_abs();
                    }
                    assert_eq!(counts(tx, id)?, truth);
                    assert_eq!(truth.total(), 4);
                }
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn at_its_end_a_campaign_skips_whoever_waits_and_before_it_whoever_is_due_too_late() {
        let mut store = Store::in_memory().unwrap();
        let ends: Timestamp = "2026-03-02T18:00:00+05:30".parse().unwrap();
        let at = |seconds: i64| ends + jiff::SignedDuration::from_secs(seconds);
        let policy = Policy {
            ends: Some(ends),
            ..Policy::default()
        };
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", at(-60))?;
                let source = add_source(tx, id, "a.csv", at(-60))?;
                for line in 0..5 {
                    add(tx, id, source, &contact(&format!("987650000{line}"), line))?;
                }
                count_new(tx, id, 5)?;
                let people = due(tx, id, at(-60), 10)?;
                let waits = |due: i64| Verdict::Pending(at(due), Some(Reason::Retry));
                settle(tx, people[1].contact, waits(-1))?;
                settle(tx, people[2].contact, waits(0))?;
                settle(tx, people[3].contact, Verdict::Initiated)?;
                settle(tx, people[4].contact, Verdict::Completed(None))?;
                let skipped = |tx: &Tx<'_>| Ok::<_, StoreError>(counts(tx, id)?.skipped);

                assert_eq!(expire(tx, id, &Policy::default(), at(9))?, 0);
                assert_eq!(expire(tx, id, &policy, at(-60))?, 1);
                assert_eq!(skipped(tx)?, 1, "one was due at the end itself");
                assert_eq!(expire(tx, id, &policy, at(-60))?, 0);
                assert_eq!(expire(tx, id, &policy, at(0))?, 2);
                let counts = counts(tx, id)?;
                let others = (counts.pending, counts.initiated, counts.completed);
                assert_eq!((counts.skipped, others), (3, (0, 1, 1)));
                let reasons: i64 = tx.0.query_row(
                    "SELECT count(*) FROM contact WHERE state = 'skipped' AND reason = 'expired'",
                    [],
                    |row| row.get(0),
                )?;
                assert_eq!(reasons, 3);
                Ok(())
            })
            .unwrap();
    }
}
