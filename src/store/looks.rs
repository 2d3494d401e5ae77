//! When to ask about which call.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::{Result, Tx, exactly_one, from_ms, from_us, to_ms, to_us, word};
use crate::domain::call::CallSid;
use crate::domain::phone::PhoneNumber;
use crate::domain::tracking;

/// A call to ask about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tracked {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its call.
    pub sid: CallSid,
    /// The number that was rung.
    pub number: PhoneNumber,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// Asks about every live call of a campaign from this moment on: the first thing a run does with what it finds.
///
/// # Errors
/// When the database refuses.
pub fn at_all(tx: &Tx<'_>, campaign: CampaignId, at: Duration) -> Result<()> {
    tx.0.execute(
        "UPDATE attempt SET look_us = ?2 WHERE campaign_id = ?1 AND live = 1 AND state IN ('accepted', 'in_progress')",
        params![campaign.get(), to_us(at)],
    )?;
    Ok(())
}

/// Asks once more about the calls of a campaign whose end nobody has seen.
///
/// # Errors
/// When the database refuses.
pub fn at_unknown_outcomes(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<()> {
    // Together with the prices, which are asked for by Sid as well.
    tx.0.execute(
        "UPDATE attempt SET price_due_at = ?2 WHERE campaign_id = ?1 AND state = 'outcome_unknown'",
        params![campaign.get(), to_ms(now)],
    )?;
    Ok(())
}

/// Says when to ask about a call next.
///
/// # Errors
/// When the database refuses.
pub fn again(tx: &Tx<'_>, attempt: AttemptId, at: Duration) -> Result<()> {
    let mut update =
        tx.0.prepare_cached("UPDATE attempt SET look_us = ?2 WHERE id = ?1")?;
    exactly_one("look again", update.execute(params![attempt.0, to_us(at)])?)
}

/// Returns when the first of the live calls is to be asked about.
///
/// # Errors
/// When the database cannot be read.
pub fn next(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Duration>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT min(look_us) FROM attempt WHERE campaign_id = ?1 AND live = 1 AND state IN ('accepted', 'in_progress')",
    )?;
    let next: Option<i64> = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(next.map(from_us))
}

/// Returns the live calls of a campaign, those to be asked about soonest first, at most so many.
///
/// # Errors
/// When the database cannot be read.
pub fn soonest(tx: &Tx<'_>, campaign: CampaignId, most: usize) -> Result<Vec<Tracked>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.id, call_sid, number, accepted_at FROM attempt JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 AND live = 1 AND state IN ('accepted', 'in_progress') ORDER BY look_us LIMIT ?2",
    )?;
    tracked(
        &mut statement,
        params![campaign.get(), i64::try_from(most).unwrap_or(i64::MAX)],
    )
}

/// Returns ended calls whose price should be known by now, at most so many; one that brings no answer is asked about
/// again later, for a day.
///
/// # Errors
/// When the database refuses.
pub fn take_price_looks(
    tx: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Tracked>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.id, call_sid, number, coalesce(accepted_at, intent_at) FROM attempt JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 AND price_due_at IS NOT NULL AND price_due_at <= ?2 ORDER BY price_due_at LIMIT ?3",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let due = tracked(&mut statement, params![campaign.get(), to_ms(now), limit])?;
    let later = now
        .saturating_add(tracking::PRICE_SETTLES_AFTER)
        .unwrap_or(now);
    let day_ago = now
        .saturating_sub(tracking::LONGEST_WAIT_FOR_AN_END)
        .unwrap_or(now);
    let mut update = tx.0.prepare_cached(
        "UPDATE attempt SET price_due_at = CASE WHEN closed_at > ?3 THEN ?2 END WHERE id = ?1",
    )?;
    for call in &due {
        exactly_one(
            "ask for a price",
            update.execute(params![call.attempt.0, to_ms(later), to_ms(day_ago)])?,
        )?;
    }
    Ok(due)
}

/// Returns whether the price of an ended call should be asked for by now.
///
/// # Errors
/// When the database cannot be read.
pub fn is_price_due(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM attempt WHERE campaign_id = ?1 AND price_due_at IS NOT NULL AND price_due_at <= ?2",
    )?;
    Ok(statement.exists(params![campaign.get(), to_ms(now)])?)
}

/// How often a call of another campaign is asked about while somebody waits for it.
const BLOCKER_INTERVAL: Duration = Duration::from_secs(30);

/// Returns calls of other campaigns whose people are waited for in this one, at most so many, each twice a minute.
///
/// # Errors
/// When the database refuses.
pub fn take_blockers(
    tx: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Tracked>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.id, call_sid, number, accepted_at
         FROM contact JOIN attempt ON attempt.person_id = contact.person_id JOIN person ON person.id = contact.person_id
         WHERE contact.campaign_id = ?1 AND contact.state = 'pending' AND contact.reason = 'busy_elsewhere'
           AND live = 1 AND attempt.state IN ('accepted', 'in_progress')
           AND (blocker_asked_at IS NULL OR blocker_asked_at <= ?2 OR blocker_asked_at > ?3)
         LIMIT ?4",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let due = to_ms(now.saturating_sub(BLOCKER_INTERVAL).unwrap_or(now));
    let calls = tracked(
        &mut statement,
        params![campaign.get(), due, to_ms(now), limit],
    )?;
    let mut update =
        tx.0.prepare_cached("UPDATE attempt SET blocker_asked_at = ?2 WHERE id = ?1")?;
    for call in &calls {
        exactly_one(
            "ask about a blocker",
            update.execute(params![call.attempt.0, to_ms(now)])?,
        )?;
    }
    Ok(calls)
}

fn tracked(
    statement: &mut rusqlite::Statement<'_>,
    params: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Tracked>> {
    let rows = statement.query_map(params, |row| {
        Ok((
            row.get(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, i64>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (id, sid, number, accepted_at) = row?;
        Ok(Tracked {
            attempt: AttemptId(id),
            sid: word(&sid)?,
            number: number_of(number)?,
            accepted_at: from_ms(accepted_at),
        })
    })
    .collect()
}
