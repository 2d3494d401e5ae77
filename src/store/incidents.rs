//! Incidents: what came to light and should not have. Never a reason to dial, always one to look.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Statement, params};

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::{Result, Tx, from_ms, to_ms, word};
use crate::domain::call::CallSid;
use crate::domain::phone::PhoneNumber;

/// What came to light.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A call turned up that somebody had decided was not placed.
    LateCall,
    /// The same, and the person had been called again since.
    CallAfterRedial,
    /// A call that had ended is now said to have ended otherwise.
    OutcomeChanged,
    /// A call was named as an attempt's, and it is another attempt's or another number's.
    ForeignSid,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::LateCall,
        Self::CallAfterRedial,
        Self::OutcomeChanged,
        Self::ForeignSid,
    ];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LateCall => "late_call",
            Self::CallAfterRedial => "call_after_redial",
            Self::OutcomeChanged => "outcome_changed",
            Self::ForeignSid => "foreign_sid",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

/// Records an incident; the same one twice is one.
///
/// # Errors
/// When the database refuses.
pub fn record(
    tx: &Tx<'_>,
    attempt: AttemptId,
    kind: Kind,
    sid: &CallSid,
    detail: &str,
    now: Timestamp,
) -> Result<()> {
    tx.0.execute(
        "INSERT INTO incident (at, campaign_id, attempt_id, kind, call_sid, detail)
         SELECT ?2, campaign_id, id, ?3, ?4, ?5 FROM attempt WHERE id = ?1
         ON CONFLICT DO NOTHING",
        params![attempt.0, to_ms(now), kind.as_str(), sid.as_str(), detail],
    )?;
    Ok(())
}

/// An incident as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// When it came to light.
    pub at: Timestamp,
    /// Whom it is about.
    pub number: PhoneNumber,
    /// Whose call it was thought to be.
    pub attempt: AttemptId,
    /// What came to light.
    pub kind: Kind,
    /// The call.
    pub sid: CallSid,
    /// In words.
    pub detail: String,
}

/// Returns a campaign's incidents, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn of_campaign(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<Incident>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, iif(forget_at IS NULL, number, 999999999999999), attempt_id, kind, incident.call_sid, detail
         FROM incident JOIN attempt ON attempt.id = attempt_id JOIN person ON person.id = person_id
         WHERE incident.campaign_id = ?1 ORDER BY incident.id",
    )?;
    incidents(&mut statement, campaign.get())
}

/// Returns an attempt's incidents, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn of_attempt(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<Incident>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, iif(forget_at IS NULL, number, 999999999999999), attempt_id, kind, incident.call_sid, detail
         FROM incident JOIN attempt ON attempt.id = attempt_id JOIN person ON person.id = person_id
         WHERE attempt_id = ?1 ORDER BY incident.id",
    )?;
    incidents(&mut statement, attempt.0)
}

fn incidents(statement: &mut Statement<'_>, of: i64) -> Result<Vec<Incident>> {
    let rows = statement.query_map([of], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, String>(4)?,
            row.get::<_, String>(5)?,
        ))
    })?;
    rows.map(|row| {
        let (at, number, attempt, kind, sid, detail) = row?;
        Ok(Incident {
            at: from_ms(at),
            number: number_of(number)?,
            attempt: AttemptId(attempt),
            kind: word(&kind)?,
            sid: word(&sid)?,
            detail,
        })
    })
    .collect()
}
