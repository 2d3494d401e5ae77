//! Audits: what we know of a campaign's calls, to be held against the provider's list, and the record of what that has
//! shown.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::doubts::{self, digits};
use super::{Result, StoreError, Tx, from_ms, to_ms, word};
use crate::domain::attempt::{AttemptState, StateName};
use crate::domain::audit::{Claimant, Ledger, OurCall};
use crate::domain::call::{CallSid, ListedCall, Window};
use crate::domain::doubt::Patience;
use crate::domain::pace::LATEST_SEND;
use crate::domain::phone::PhoneNumber;

/// When a campaign's first call was permitted, and from which ExoPhones it has called.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Extent {
    /// The first intent, if there is one.
    pub first_intent_at: Option<Timestamp>,
    /// The ExoPhones that its attempts have shown; older ones did not write them down.
    pub caller_ids: Vec<PhoneNumber>,
}

/// Returns when and from where a campaign has called.
///
/// # Errors
/// When the database cannot be read.
pub fn extent(tx: &Tx<'_>, campaign: CampaignId) -> Result<Extent> {
    let first: Option<i64> = tx.0.query_row(
        "SELECT min(intent_at) FROM attempt WHERE campaign_id = ?1",
        [campaign.get()],
        |row| row.get(0),
    )?;
    let mut statement = tx.0.prepare(
        "SELECT DISTINCT caller_id FROM attempt WHERE campaign_id = ?1 AND caller_id IS NOT NULL ORDER BY caller_id",
    )?;
    let rows = statement.query_map([campaign.get()], |row| row.get(0))?;
    Ok(Extent {
        first_intent_at: first.map(from_ms),
        caller_ids: rows.map(|id| number_of(id?)).collect::<Result<_>>()?,
    })
}

/// Attempts of a campaign that an audit does not compare.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct NotCompared {
    /// Calls that are under way, or whose reply is.
    pub open: u64,
    /// Nobody knows whether they were placed, or how they ended; people's decisions included.
    pub doubts: u64,
    /// Ended calls from before the list begins.
    pub older: u64,
}

/// Counts what an audit from this moment on does not compare.
///
/// # Errors
/// When the database cannot be read.
pub fn not_compared(tx: &Tx<'_>, campaign: CampaignId, from: Timestamp) -> Result<NotCompared> {
    let mut statement = tx.0.prepare(
        "SELECT state, count(*), coalesce(sum(intent_at < ?2), 0) FROM attempt WHERE campaign_id = ?1 GROUP BY state",
    )?;
    let mut rows = statement.query(params![campaign.get(), to_ms(from)])?;
    let mut counts = NotCompared::default();
    while let Some(row) = rows.next()? {
        let state: StateName = word(&row.get::<_, String>(0)?)?;
        let (all, older): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (all, older) = (all.unsigned_abs(), older.unsigned_abs());
        match state {
            StateName::Intent | StateName::Accepted | StateName::InProgress => counts.open += all,
            StateName::InDoubt
            | StateName::Held
            | StateName::NotPlaced
            | StateName::PresumedPlaced
            | StateName::OutcomeUnknown => counts.doubts += all,
            StateName::Completed
            | StateName::Busy
            | StateName::NoAnswer
            | StateName::Failed
            | StateName::Canceled => counts.older += older,
            StateName::NotSent | StateName::Rejected => {}
        }
    }
    Ok(counts)
}

/// Returns what is written down of a campaign's calls since then, and whose the listed calls are that are not its own.
///
/// To be read after the list: whatever the list shows was written down before it ended.
///
/// # Errors
/// When the database cannot be read.
pub fn ledger(
    tx: &Tx<'_>,
    campaign: CampaignId,
    account: &str,
    from: Timestamp,
    listed: &[ListedCall],
    patience: &Patience,
) -> Result<Ledger<AttemptId>> {
    let ended = ended(tx, campaign, from)?;
    let own: HashSet<_> = ended.iter().map(|call| &call.sid).collect();
    let mut owned_elsewhere = HashSet::new();
    let mut contacts = HashSet::new();
    for call in listed {
        let sid = &call.report.sid;
        if own.contains(sid) {
            continue;
        }
        if owner(tx, sid)?.is_some() {
            owned_elsewhere.insert(sid.clone());
        } else if let Some(number) = call.report.number
            && is_contact(tx, campaign, number)?
        {
            contacts.insert(number);
        }
    }
    let unresolved = doubts::unresolved(tx, account)?.into_iter();
    Ok(Ledger {
        owned_elsewhere,
        contacts,
        unresolved: unresolved
            .map(|doubt| Claimant {
                attempt: doubt.attempt,
                number: doubt.number,
                caller_id: doubt.caller_id,
                created: patience.created(doubt.doubted.sent),
            })
            .collect(),
        unanswered: unanswered(tx, patience)?,
        ended,
    })
}

fn ended(tx: &Tx<'_>, campaign: CampaignId, from: Timestamp) -> Result<Vec<OurCall<AttemptId>>> {
    let mut statement = tx.0.prepare(
        "SELECT attempt.id, call_sid, iif(forget_at IS NULL, number, 999999999999999), state, duration_s, price, intent_at, call_ended_at, closed_at
         FROM attempt JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 AND intent_at >= ?2
           AND state IN ('completed', 'busy', 'no_answer', 'failed', 'canceled')
         ORDER BY attempt.id",
    )?;
    let mut rows = statement.query(params![campaign.get(), to_ms(from)])?;
    let mut calls = Vec::new();
    while let Some(row) = rows.next()? {
        calls.push(read_call(row)?);
    }
    Ok(calls)
}

fn read_call(row: &Row<'_>) -> Result<OurCall<AttemptId>> {
    let (sid, state): (String, String) = (row.get(1)?, row.get(3)?);
    let sid: CallSid = word(&sid)?;
    let Some(AttemptState::Ended(sid, outcome)) =
        AttemptState::from_parts(word(&state)?, Some(sid))
    else {
        return Err(StoreError::Nonsense(state));
    };
    let intent_at = from_ms(row.get(6)?);
    let ended_at: Option<i64> = row.get(7)?;
    let closed_at: Option<i64> = row.get(8)?;
    Ok(OurCall {
        attempt: AttemptId(row.get(0)?),
        sid,
        number: number_of(row.get(2)?)?,
        outcome,
        duration_s: row.get(4)?,
        price: row.get(5)?,
        intent_at,
        ended_at: ended_at.map(from_ms),
        closed_at: closed_at.map_or(intent_at, from_ms),
    })
}

/// Returns the attempts of all campaigns whose reply is under way. Few: as many as there are lines.
fn unanswered(tx: &Tx<'_>, patience: &Patience) -> Result<Vec<Claimant<AttemptId>>> {
    let mut statement = tx.0.prepare(
        "SELECT attempt.id, number, caller_id, intent_at, send_at FROM attempt JOIN person ON person.id = person_id
         WHERE state = 'intent' AND live = 1",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let caller_id: Option<i64> = row.get(2)?;
        let (from, send_at) = (from_ms(row.get(3)?), from_ms(row.get(4)?));
        let to = send_at.saturating_add(LATEST_SEND).unwrap_or(send_at);
        found.push(Claimant {
            attempt: AttemptId(row.get(0)?),
            number: number_of(row.get(1)?)?,
            caller_id: caller_id.map(number_of).transpose()?,
            created: patience.created(Window { from, to }),
        });
    }
    Ok(found)
}

fn owner(tx: &Tx<'_>, sid: &CallSid) -> Result<Option<AttemptId>> {
    let mut statement =
        tx.0.prepare_cached("SELECT id FROM attempt WHERE call_sid = ?1")?;
    let id = statement
        .query_row([sid.as_str()], |row| row.get(0))
        .optional()?;
    Ok(id.map(AttemptId))
}

fn is_contact(tx: &Tx<'_>, campaign: CampaignId, number: PhoneNumber) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM contact JOIN person ON person.id = person_id WHERE campaign_id = ?1 AND number = ?2",
    )?;
    Ok(statement.exists(params![campaign.get(), digits(number)])?)
}

/// An audit as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// When it was done.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The period; what was called after its end it cannot have seen.
    pub period: Window,
    /// Calls that both know.
    pub matched: u64,
    /// Calls that only we know.
    pub only_ours: u64,
    /// Calls that only the provider knows.
    pub only_theirs: u64,
    /// Things that are said otherwise.
    pub different: u64,
    /// Whether the list could be read whole.
    pub is_complete: bool,
    /// How the database stood, if it may not call from here: [`super::binding::Standing::of_an_astray`].
    pub standing: Option<String>,
}

impl Record {
    /// Returns how many differences were found.
    pub fn differences(&self) -> u64 {
        self.only_ours + self.only_theirs + self.different
    }
}

/// Keeps an audit.
///
/// # Errors
/// When the database refuses.
pub fn record(tx: &Tx<'_>, campaign: CampaignId, audit: &Record) -> Result<()> {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    tx.0.execute(
        "INSERT INTO audit (campaign_id, at, by, from_at, to_at, matched, only_ours, only_theirs, different, is_complete,
                            standing)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            campaign.get(),
            to_ms(audit.at),
            audit.by,
            to_ms(audit.period.from),
            to_ms(audit.period.to),
            whole(audit.matched),
            whole(audit.only_ours),
            whole(audit.only_theirs),
            whole(audit.different),
            audit.is_complete,
            audit.standing
        ],
    )?;
    Ok(())
}

/// Returns a campaign's audits, the latest first.
///
/// # Errors
/// When the database cannot be read.
pub fn of_campaign(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<Record>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, by, from_at, to_at, matched, only_ours, only_theirs, different, is_complete, standing
         FROM audit WHERE campaign_id = ?1 ORDER BY id DESC",
    )?;
    let rows = statement.query_map([campaign.get()], |row| {
        let count = |index| Ok::<_, rusqlite::Error>(row.get::<_, i64>(index)?.unsigned_abs());
        Ok(Record {
            at: from_ms(row.get(0)?),
            by: row.get(1)?,
            period: Window {
                from: from_ms(row.get(2)?),
                to: from_ms(row.get(3)?),
            },
            matched: count(4)?,
            only_ours: count(5)?,
            only_theirs: count(6)?,
            different: count(7)?,
            is_complete: row.get(8)?,
            standing: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Returns a campaign's latest audit that was done while the database stood like this.
///
/// # Errors
/// When the database cannot be read.
pub fn latest(tx: &Tx<'_>, campaign: CampaignId, standing: &str) -> Result<Option<Record>> {
    let mut audits = of_campaign(tx, campaign)?.into_iter();
    Ok(audits.find(|audit| audit.standing.as_deref() == Some(standing)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, campaigns};

    #[test]
    fn an_audit_is_kept_as_it_was_and_counts_only_while_the_database_stands_like_that() {
        let mut store = Store::in_memory().unwrap();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let audit = |standing: Option<&str>, matched| Record {
            at: at(9),
            by: "asha".to_owned(),
            period: Window {
                from: at(1),
                to: at(8),
            },
            matched,
            only_ours: 1,
            only_theirs: 2,
            different: 3,
            is_complete: true,
            standing: standing.map(str::to_owned),
        };
        let written = store.write(|tx| -> Result<()> {
            let leads = campaigns::create(tx, &"leads".parse().unwrap(), "asha", at(0))?;
            let others = campaigns::create(tx, &"others".parse().unwrap(), "asha", at(0))?;
            for kept in [audit(Some("a"), 5), audit(Some("a"), 6), audit(None, 7)] {
                record(tx, leads, &kept)?;
            }
            assert_eq!(of_campaign(tx, leads)?.len(), 3);
            assert_eq!(latest(tx, leads, "a")?, Some(audit(Some("a"), 6)));
            assert_eq!(latest(tx, leads, "b")?, None);
            assert_eq!(latest(tx, others, "a")?, None);
            assert!(tx.0.execute("DELETE FROM audit", []).is_err());
            Ok(())
        });
        written.unwrap();
    }
}
