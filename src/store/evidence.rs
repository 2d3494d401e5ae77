//! What is known of doubts, as people are shown it: readings of the list, calls that were named, decisions.
//!
//! Only reads. What any of it means is decided in `domain::doubt` and by people.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::candidates::NamedBy;
use super::contacts::number_of;
use super::doubts::Look;
use super::{Result, StoreError, Tx, from_ms, word};
use crate::domain::attempt::StateName;
use crate::domain::call::{CallSid, Window};
use crate::domain::doubt::{Clear, Doubted, Grade};
use crate::domain::phone::PhoneNumber;

/// How the search for a lost call stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// When the request may have left, the horizon, and the first complete scan past it.
    pub doubted: Doubted,
    /// Why nobody knows whether it was placed, in words.
    pub why: Option<String>,
    /// How often the list was read because of it.
    pub looks: u32,
    /// When last.
    pub looked_at: Option<Timestamp>,
    /// When next; `None` once nobody looks by itself.
    pub look_at: Option<Timestamp>,
    /// What its absence is worth, once it is established.
    pub grade: Option<Grade>,
}

/// One reading of the provider's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// When.
    pub at: Timestamp,
    /// What it has shown.
    pub look: Look,
}

/// How a call that was named stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The provider is being asked about it.
    Asked,
    /// It is the attempt's call.
    Confirmed,
    /// It is somebody else's.
    Refuted,
    /// The provider does not know it.
    Unknown,
    /// It may be this attempt's, and may as well not be.
    OneOfSeveral,
}

impl Standing {
    const ALL: [Self; 5] = [
        Self::Asked,
        Self::Confirmed,
        Self::Refuted,
        Self::Unknown,
        Self::OneOfSeveral,
    ];

    /// Returns the word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Unknown => "unknown",
            Self::OneOfSeveral => "one_of_several",
        }
    }
}

impl FromStr for Standing {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.as_str() == text)
            .ok_or(())
    }
}

/// A call that somebody has named as an attempt's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedCall {
    /// The call.
    pub sid: CallSid,
    /// Who has named it.
    pub by: NamedBy,
    /// When.
    pub at: Timestamp,
    /// What asking has shown.
    pub standing: Standing,
}

/// What a person has said of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It became this call.
    Placed(CallSid),
    /// It was not placed.
    NotPlaced,
    /// It counts as placed.
    GiveUp,
}

impl Said {
    /// Returns the word that is stored and shown.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::NotPlaced => "not_placed",
            Self::GiveUp => "give_up",
        }
    }
}

/// A decision as it was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// Who has decided.
    pub by: String,
    /// What they have said.
    pub said: Said,
    /// Why.
    pub because: String,
}

/// An attempt that waits for evidence or a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The campaign's name.
    pub campaign_name: String,
    /// Who may have been rung.
    pub number: PhoneNumber,
    /// In doubt or held.
    pub state: StateName,
    /// When it was to be sent.
    pub sent_at: Timestamp,
    /// How the search for it stands.
    pub search: Search,
    /// What was read, the oldest first.
    pub readings: Vec<Reading>,
    /// What was named, the oldest first.
    pub named: Vec<NamedCall>,
}

/// Returns the attempts in doubt and held, those that were sent first coming first: of one campaign, or of all.
///
/// # Errors
/// When the database cannot be read.
pub fn waiting(tx: &Tx<'_>, campaign: Option<CampaignId>) -> Result<Vec<Waiting>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.id, campaign_id, name, iif(forget_at IS NULL, number, 999999999999999), attempt.state, send_at
         FROM doubt CROSS JOIN attempt ON attempt.id = attempt_id
         JOIN campaign ON campaign.id = campaign_id JOIN person ON person.id = person_id
         WHERE attempt.state IN ('in_doubt', 'held') AND campaign_id = coalesce(?1, campaign_id)
         ORDER BY sent_from_at, attempt.id",
    )?;
    let rows = statement.query_map([campaign.map(CampaignId::get)], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, i64>(3)?,
            row.get::<_, String>(4)?,
            row.get::<_, i64>(5)?,
        ))
    })?;
    rows.map(|row| {
        let (attempt, campaign, campaign_name, number, state, sent_at) = row?;
        let attempt = AttemptId(attempt);
        Ok(Waiting {
            attempt,
            campaign: CampaignId::from(campaign),
            campaign_name,
            number: number_of(number)?,
            state: word(&state)?,
            sent_at: from_ms(sent_at),
            search: search(tx, attempt)?
                .ok_or_else(|| StoreError::Nonsense("a doubt that is none".to_owned()))?,
            readings: readings(tx, attempt)?,
            named: named(tx, attempt)?,
        })
    })
    .collect()
}

/// Returns how many attempts of a campaign are in doubt or held.
///
/// # Errors
/// When the database cannot be read.
pub fn count_waiting(tx: &Tx<'_>, campaign: CampaignId) -> Result<u64> {
    let mut statement = tx.0.prepare_cached(
        "SELECT count(*) FROM doubt CROSS JOIN attempt ON attempt.id = attempt_id
         WHERE attempt.state IN ('in_doubt', 'held') AND campaign_id = ?1",
    )?;
    let count: i64 = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Returns how the search for an attempt's call stands, if it was ever in doubt.
///
/// # Errors
/// When the database cannot be read.
pub fn search(tx: &Tx<'_>, attempt: AttemptId) -> Result<Option<Search>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT sent_from_at, sent_to_at, settles_at, clear_at, clear_grade, looks, looked_at, look_at, grade,
                (SELECT detail FROM attempt_event AS event
                 WHERE event.attempt_id = doubt.attempt_id AND event.state = 'in_doubt' ORDER BY event.id LIMIT 1)
         FROM doubt WHERE attempt_id = ?1",
    )?;
    let row = statement
        .query_row([attempt.0], |row| {
            let time = |index| row.get::<_, Option<i64>>(index);
            Ok((
                (row.get(0)?, row.get(1)?, row.get(2)?),
                (time(3)?, row.get::<_, Option<String>>(4)?),
                (row.get(5)?, time(6)?, time(7)?),
                row.get::<_, Option<String>>(8)?,
                row.get(9)?,
            ))
        })
        .optional()?;
    let Some(((from, to, settles_at), clear, (looks, looked_at, look_at), grade, why)) = row else {
        return Ok(None);
    };
    let clear = match clear {
        (Some(at), Some(grade)) => Some(Clear {
            at: from_ms(at),
            grade: word(&grade)?,
        }),
        _ => None,
    };
    Ok(Some(Search {
        doubted: Doubted {
            sent: Window {
                from: from_ms(from),
                to: from_ms(to),
            },
            settles_at: from_ms(settles_at),
            clear,
        },
        why,
        looks,
        looked_at: looked_at.map(from_ms),
        look_at: look_at.map(from_ms),
        grade: grade.map(|grade| word(&grade)).transpose()?,
    }))
}

/// Returns the readings of the list that an attempt has caused, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn readings(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<Reading>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, asked_for, calls, total, is_complete, known, known_shown, finding
         FROM doubt_look WHERE attempt_id = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([attempt.0], |row| {
        let count = |index| Ok::<_, rusqlite::Error>(row.get::<_, i64>(index)?.unsigned_abs());
        let asked_for: String = row.get(1)?;
        let finding: String = row.get(7)?;
        Ok(Reading {
            at: from_ms(row.get(0)?),
            look: Look {
                of_window: asked_for == "window",
                calls: count(2)?,
                total: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
                is_complete: row.get(4)?,
                known: count(5)?,
                known_shown: count(6)?,
                // More than that is not kept.
                candidates: match finding.as_str() {
                    "nothing" => 0,
                    "one" => 1,
                    _ => 2,
                },
            },
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Returns the calls that were named as an attempt's, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn named(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<NamedCall>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT call_sid, source, noted_at, coalesce(verdict, 'asked') FROM candidate WHERE attempt_id = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([attempt.0], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, String>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (sid, by, at, standing) = row?;
        Ok(NamedCall {
            sid: word(&sid)?,
            by: word(&by)?,
            at: from_ms(at),
            standing: word(&standing)?,
        })
    })
    .collect()
}

/// Returns how a call stands that was named as an attempt's.
///
/// # Errors
/// When the database cannot be read.
pub fn standing(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid) -> Result<Option<Standing>> {
    let named = named(tx, attempt)?.into_iter();
    Ok(named
        .filter(|call| call.sid == *sid)
        .map(|call| call.standing)
        .next())
}

/// Returns what was decided about an attempt, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn decisions(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<Decided>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, by, decision, call_sid, because FROM decision WHERE attempt_id = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map(params![attempt.0], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, Option<String>>(3)?,
            row.get::<_, String>(4)?,
        ))
    })?;
    rows.map(|row| {
        let (at, by, decision, sid, because) = row?;
        let said = match (decision.as_str(), sid) {
            ("placed", Some(sid)) => Said::Placed(word(&sid)?),
            ("not_placed", _) => Said::NotPlaced,
            ("give_up", _) => Said::GiveUp,
            _ => return Err(StoreError::Nonsense(decision)),
        };
        Ok(Decided {
            at: from_ms(at),
            by,
            said,
            because,
        })
    })
    .collect()
}
