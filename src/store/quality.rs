//! What came of a campaign's calls: the canary's sample, and how many were short since somebody last looked.

use rusqlite::{OptionalExtension as _, params};

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::{Result, Tx, word};
use crate::domain::attempt::StateName;
use crate::domain::call::Outcome;
use crate::domain::quality::{Answered, Sample, is_charged_to_the_number, short_seconds};

/// Marks after which attempt the canary's begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CanaryFrom(i64);

/// Returns where the canary of this size begins, or `None` if one of this size has passed.
///
/// One that has not begun begins now, with the attempt that comes next. So does one of another size than has passed.
///
/// # Errors
/// When the database refuses.
pub fn canary_from(tx: &Tx<'_>, campaign: CampaignId, size: u32) -> Result<Option<CanaryFrom>> {
    let mut statement = tx
        .0
        .prepare_cached("SELECT canary_from, canary_passed FROM quality WHERE campaign_id = ?1")?;
    let row: Option<(Option<i64>, Option<u32>)> = statement
        .query_row([campaign.get()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match row {
        Some((_, Some(passed))) if passed == size => Ok(None),
        Some((Some(from), None)) => Ok(Some(CanaryFrom(from))),
        _ => begin_canary(tx, campaign).map(Some),
    }
}

fn begin_canary(tx: &Tx<'_>, campaign: CampaignId) -> Result<CanaryFrom> {
    let from: i64 =
        tx.0.query_row("SELECT coalesce(max(id), 0) FROM attempt", [], |row| {
            row.get(0)
        })?;
    tx.0.execute(
        "INSERT INTO quality (campaign_id, canary_from) VALUES (?1, ?2)
         ON CONFLICT (campaign_id) DO UPDATE SET canary_from = excluded.canary_from, canary_passed = NULL",
        params![campaign.get(), from],
    )?;
    Ok(CanaryFrom(from))
}

/// Remembers that a canary of this size has passed.
///
/// # Errors
/// When the database refuses.
pub fn canary_passed(tx: &Tx<'_>, campaign: CampaignId, size: u32) -> Result<()> {
    tx.0.execute(
        "UPDATE quality SET canary_passed = ?2 WHERE campaign_id = ?1",
        params![campaign.get(), size],
    )?;
    Ok(())
}

/// Forgets a canary that did not pass: the next one begins anew.
///
/// # Errors
/// When the database refuses.
pub fn canary_failed(tx: &Tx<'_>, campaign: CampaignId) -> Result<()> {
    tx.0.execute(
        "UPDATE quality SET canary_from = NULL WHERE campaign_id = ?1",
        [campaign.get()],
    )?;
    Ok(())
}

/// Returns what has come of the canary's attempts so far. What certainly rang nobody, and was no fault of the number,
/// is not among them.
///
/// # Errors
/// When the database cannot be read.
pub fn sample(tx: &Tx<'_>, campaign: CampaignId, from: CanaryFrom) -> Result<Sample> {
    // The latest attempts of all campaigns, by their ids: a canary is young, and looked at in every turn.
    let mut statement = tx.0.prepare_cached(
        "SELECT state, rejection, live, duration_s < ?3, count(*) FROM attempt
         WHERE +campaign_id = ?1 AND id > ?2 GROUP BY 1, 2, 3, 4",
    )?;
    let mut rows = statement.query(params![campaign.get(), from.0, short_seconds()])?;
    let mut sample = Sample::default();
    while let Some(row) = rows.next()? {
        let state: StateName = word(&row.get::<_, String>(0)?)?;
        let (rejection, is_live): (Option<String>, bool) = (row.get(1)?, row.get(2)?);
        let (is_short, attempts): (Option<bool>, u32) = (row.get(3)?, row.get(4)?);
        let is_the_numbers = rejection.is_some_and(|class| is_charged_to_the_number(&class));
        let rang_nobody = match state {
            StateName::NotSent | StateName::NotPlaced => true,
            StateName::Rejected => !is_the_numbers,
            _ => false,
        };
        if rang_nobody {
            continue;
        }
        sample.dialled += attempts;
        match state.outcome() {
            // Nobody knows when a doubt will be cleared up.
            None if is_live && state != StateName::InDoubt => sample.open += attempts,
            None if is_the_numbers => {
                sample.ended += attempts;
                sample.failed += attempts;
            }
            None => {}
            Some(outcome) => {
                sample.ended += attempts;
                match outcome {
                    Outcome::Completed => {
                        sample.answered += attempts;
                        if let Some(is_short) = is_short {
                            sample.timed.answered += attempts;
                            sample.timed.short += if is_short { attempts } else { 0 };
                        }
                    }
                    Outcome::Failed | Outcome::Canceled => sample.failed += attempts,
                    Outcome::Busy | Outcome::NoAnswer => {}
                }
            }
        }
    }
    Ok(sample)
}

/// Counts an attempt whose call was answered and whose length is known; to be done once, when it becomes known.
///
/// # Errors
/// When the database refuses.
pub(super) fn count_answered(tx: &Tx<'_>, attempt: AttemptId) -> Result<()> {
    let mut upsert = tx.0.prepare_cached(
        "INSERT INTO quality (campaign_id, answered, short)
         SELECT campaign_id, 1, duration_s < ?2 FROM attempt
         WHERE id = ?1 AND state = 'completed' AND duration_s IS NOT NULL
         ON CONFLICT (campaign_id) DO UPDATE SET answered = answered + 1, short = short + excluded.short",
    )?;
    upsert.execute(params![attempt.0, short_seconds()])?;
    Ok(())
}

/// Returns the calls that were answered since somebody last looked.
///
/// # Errors
/// When the database cannot be read.
pub fn answered(tx: &Tx<'_>, campaign: CampaignId) -> Result<Answered> {
    let mut statement =
        tx.0.prepare_cached("SELECT answered, short FROM quality WHERE campaign_id = ?1")?;
    let row = statement.query_row([campaign.get()], |row| {
        Ok(Answered {
            answered: row.get(0)?,
            short: row.get(1)?,
        })
    });
    Ok(row.optional()?.unwrap_or_default())
}

/// Counts the calls that were answered from nothing again: somebody has looked, or what was found has had its effect.
///
/// # Errors
/// When the database refuses.
pub fn count_anew(tx: &Tx<'_>, campaign: CampaignId) -> Result<()> {
    tx.0.execute(
        "UPDATE quality SET answered = 0, short = 0 WHERE campaign_id = ?1",
        [campaign.get()],
    )?;
    Ok(())
}
