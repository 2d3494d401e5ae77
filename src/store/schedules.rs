//! Starts that are to come.
//!
//! A campaign has at most one. What it was ended by is kept: a start that was missed holds its campaign back until a
//! person decides anew.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::campaigns::CampaignId;
use super::{Result, Tx, at_most_one, from_ms, to_ms, word};

/// A start that was ordered for a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// When to start.
    pub start_at: Timestamp,
    /// Too late after this; `None` for never.
    pub not_after: Option<Timestamp>,
    /// Who ordered it.
    pub made_by: String,
    /// What became of it; `None` while it is to come.
    pub outcome: Option<Outcome>,
}

/// What became of a start that was ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The campaign was started, then or earlier.
    Started,
    /// Nobody started it in time.
    Missed,
    /// A person took it back, ordered another, or started the campaign after it was missed.
    Replaced,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Started, Self::Missed, Self::Replaced];

    /// Returns the word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Missed => "missed",
            Self::Replaced => "replaced",
        }
    }
}

/// The text names no outcome of a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAnOutcome;

impl fmt::Display for NotAnOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no outcome of a schedule")
    }
}

impl FromStr for Outcome {
    type Err = NotAnOutcome;

    fn from_str(text: &str) -> std::result::Result<Self, NotAnOutcome> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or(NotAnOutcome)
    }
}

/// Orders a start; one that was to come before is replaced.
///
/// # Errors
/// When `not_after` comes before the start, or the database refuses.
pub fn make(
    tx: &Tx<'_>,
    campaign: CampaignId,
    start_at: Timestamp,
    not_after: Option<Timestamp>,
    by: &str,
    now: Timestamp,
) -> Result<()> {
    end(tx, campaign, Outcome::Replaced, now)?;
    tx.0.execute(
        "INSERT INTO schedule (campaign_id, start_at, not_after_at, made_at, made_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            campaign.get(),
            to_ms(start_at),
            not_after.map(to_ms),
            to_ms(now),
            by
        ],
    )?;
    Ok(())
}

/// Ends the schedule that is to come, if there is one; returns whether there was.
///
/// # Errors
/// When the database refuses.
pub fn end(tx: &Tx<'_>, campaign: CampaignId, outcome: Outcome, now: Timestamp) -> Result<bool> {
    let changed = tx.0.execute(
        "UPDATE schedule SET ended_at = ?2, outcome = ?3 WHERE campaign_id = ?1 AND ended_at IS NULL",
        params![campaign.get(), to_ms(now), outcome.as_str()],
    )?;
    at_most_one("end a schedule", changed)?;
    Ok(changed == 1)
}

/// Lets a schedule that was missed hold its campaign back no more; returns whether one did.
///
/// # Errors
/// When the database refuses.
pub fn get_over_missed(tx: &Tx<'_>, campaign: CampaignId) -> Result<bool> {
    let changed = tx.0.execute(
        "UPDATE schedule SET outcome = ?2
         WHERE id = (SELECT max(id) FROM schedule WHERE campaign_id = ?1) AND outcome = ?3",
        params![
            campaign.get(),
            Outcome::Replaced.as_str(),
            Outcome::Missed.as_str()
        ],
    )?;
    at_most_one("get over a missed schedule", changed)?;
    Ok(changed == 1)
}

/// Returns the schedule that says when a campaign is called, or that keeps it from being called because it was missed.
///
/// # Errors
/// When the database cannot be read.
pub fn in_force(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Schedule>> {
    let schedule = latest(tx, campaign)?;
    Ok(schedule.filter(|schedule| matches!(schedule.outcome, None | Some(Outcome::Missed))))
}

/// Returns the latest schedule of a campaign, to come or not.
///
/// # Errors
/// When the database cannot be read.
pub fn latest(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Schedule>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT start_at, not_after_at, made_by, outcome FROM schedule WHERE campaign_id = ?1
         ORDER BY id DESC LIMIT 1",
    )?;
    let row = statement
        .query_row([campaign.get()], |row| {
            Ok((
                row.get(0)?,
                row.get::<_, Option<i64>>(1)?,
                row.get(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        })
        .optional()?;
    let Some((start_at, not_after, made_by, outcome)) = row else {
        return Ok(None);
    };
    Ok(Some(Schedule {
        start_at: from_ms(start_at),
        not_after: not_after.map(from_ms),
        made_by,
        outcome: outcome.as_deref().map(word).transpose()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, campaigns};

    #[test]
    fn a_campaign_has_one_schedule_at_most_and_what_ended_it_is_kept() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let later = |hours| now + jiff::SignedDuration::from_hours(hours);
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
                assert_eq!(latest(tx, id)?, None);
                assert!(!end(tx, id, Outcome::Replaced, now)?);
                make(tx, id, later(1), None, "asha", now)?;
                make(tx, id, later(2), Some(later(3)), "ravi", now)?;
                let schedule = latest(tx, id)?.unwrap();
                assert_eq!(
                    (schedule.start_at, schedule.not_after),
                    (later(2), Some(later(3)))
                );
                assert_eq!(
                    (schedule.made_by.as_str(), schedule.outcome),
                    ("ravi", None)
                );
                for outcome in Outcome::ALL {
                    make(tx, id, later(4), None, "asha", now)?;
                    assert!(end(tx, id, outcome, later(5))?);
                    assert_eq!(latest(tx, id)?.unwrap().outcome, Some(outcome));
                }
                assert!(make(tx, id, later(2), Some(later(1)), "asha", now).is_err());
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_missed_schedule_is_in_force_until_somebody_gets_over_it() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
                assert!(!get_over_missed(tx, id)?);
                make(tx, id, now, None, "asha", now)?;
                assert!(in_force(tx, id)?.is_some());
                assert!(!get_over_missed(tx, id)?, "it is still to come");
                end(tx, id, Outcome::Missed, now)?;
                assert!(in_force(tx, id)?.is_some());
                assert!(get_over_missed(tx, id)?);
                assert_eq!(in_force(tx, id)?, None);
                assert_eq!(latest(tx, id)?.unwrap().outcome, Some(Outcome::Replaced));
                assert!(!get_over_missed(tx, id)?);
                // An earlier one that was missed is over with the next that is ordered.
                make(tx, id, now, None, "asha", now)?;
                end(tx, id, Outcome::Missed, now)?;
                make(tx, id, now, None, "asha", now)?;
                end(tx, id, Outcome::Started, now)?;
                assert!(!get_over_missed(tx, id)?);
                assert_eq!(in_force(tx, id)?, None);
                Ok(())
            })
            .unwrap();
    }
}
