//! Calls that somebody says are an attempt's: a hint each, and never more than a reason to ask.
//!
//! The provider's list names them, a callback does, or a person. Whoever does, the attempt moves only when an
//! authenticated GET has shown the call with the attempt's number.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::{Result, Tx, exactly_one, from_ms, to_ms, word};
use crate::domain::call::CallSid;

/// Who has named a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NamedBy {
    /// The provider's list of calls.
    List,
    /// A status callback to the attempt's own address.
    Callback,
    /// A person.
    Person,
}

impl NamedBy {
    const ALL: [Self; 3] = [Self::List, Self::Callback, Self::Person];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Callback => "callback",
            Self::Person => "person",
        }
    }

    /// Returns whether the call is asked about by itself from the first time on: a person may name one that has not
    /// ended, which no list shows.
    fn asked_alone(self) -> bool {
        self == Self::Person
    }

    /// How long to gather others before the provider is asked: callbacks come in swarms.
    fn gathered_for(self) -> Duration {
        match self {
            Self::Callback => Duration::from_secs(2),
            Self::List | Self::Person => Duration::ZERO,
        }
    }
}

impl FromStr for NamedBy {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|by| by.as_str() == text)
            .ok_or(())
    }
}

/// What asking has shown of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is the attempt's call.
    Confirmed,
    /// It is somebody else's.
    Refuted,
    /// The provider does not know it, however often it is asked.
    Unknown,
    /// It may be the attempt's, and may as well not be: a person looks at it.
    OneOfSeveral,
}

impl Verdict {
    const ALL: [Self; 4] = [
        Self::Confirmed,
        Self::Refuted,
        Self::Unknown,
        Self::OneOfSeveral,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Unknown => "unknown",
            Self::OneOfSeveral => "one_of_several",
        }
    }
}

impl FromStr for Verdict {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or(())
    }
}

/// A candidate to ask about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The attempt.
    pub attempt: AttemptId,
    /// The call that may be its.
    pub sid: CallSid,
    /// When the attempt may have been sent, at the earliest.
    pub since: Timestamp,
}

/// Notes a call that may be an attempt's; the same one twice is one. A callback and a person know better than the list:
/// what it could not tell apart is asked about when they name it.
///
/// # Errors
/// When the database refuses.
pub fn note(
    tx: &Tx<'_>,
    attempt: AttemptId,
    sid: &CallSid,
    by: NamedBy,
    now: Timestamp,
) -> Result<()> {
    #[cfg(feature = "sabotage")]
    if crate::sabotage::is(crate::sabotage::Sabotage::TrustCallbacks) && by == NamedBy::Callback {
        return believe(tx, attempt, sid, now);
    }
    let ask_at = now.saturating_add(by.gathered_for()).unwrap_or(now);
    tx.0.execute(
        "INSERT INTO candidate (attempt_id, call_sid, source, noted_at, ask_at, tries) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (attempt_id, call_sid) DO UPDATE
             SET source = excluded.source, ask_at = excluded.ask_at, tries = excluded.tries, verdict = NULL
             WHERE verdict IN ('unknown', 'one_of_several') AND excluded.source <> 'list'",
        params![
            attempt.0,
            sid.as_str(),
            by.as_str(),
            to_ms(now),
            to_ms(ask_at),
            by.asked_alone()
        ],
    )?;
    Ok(())
}

/// Takes a stranger's word for it.
#[cfg(feature = "sabotage")]
fn believe(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid, now: Timestamp) -> Result<()> {
    use super::{attempts, campaigns};
    let terms = attempts::Terms {
        policy: &campaigns::policy(tx, attempts::campaign(tx, attempt)?)?,
        patience: &crate::domain::doubt::Patience::default(),
    };
    let placed = crate::domain::attempt::Evidence::Placed(sid.clone());
    attempts::merge_evidence(tx, attempt, &placed, attempts::Source::Reply, &terms, now)?;
    Ok(())
}

/// Keeps a call that may be an attempt's, and may as well not be: for a person to look at.
///
/// # Errors
/// When the database refuses.
pub fn keep(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid, now: Timestamp) -> Result<()> {
    tx.0.execute(
        "INSERT INTO candidate (attempt_id, call_sid, source, noted_at, verdict) VALUES (?1, ?2, 'list', ?3, 'one_of_several')
         ON CONFLICT (attempt_id, call_sid) DO UPDATE SET ask_at = NULL, verdict = excluded.verdict
             WHERE source = 'list' AND verdict IS NULL",
        params![attempt.0, sid.as_str(), to_ms(now)],
    )?;
    Ok(())
}

/// How often a call that the provider does not know is asked about.
const TRIES: u32 = 8;

/// Returns the candidates of a campaign that were not asked about yet and should be now, at most so many.
///
/// Each is asked about again after ever longer waits, until somebody has settled it.
///
/// # Errors
/// When the database refuses.
pub fn take_new(
    tx: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Candidate>> {
    take(tx, campaign, 0..=0, now, most)
}

/// The same for those that were asked about before, in vain.
///
/// # Errors
/// When the database refuses.
pub fn take_asked(
    tx: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Candidate>> {
    take(tx, campaign, 1..=TRIES, now, most)
}

fn take(
    tx: &Tx<'_>,
    campaign: CampaignId,
    tries: RangeInclusive<u32>,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Candidate>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT candidate.id, attempt_id, candidate.call_sid, intent_at, tries
         FROM candidate CROSS JOIN attempt ON attempt.id = attempt_id
         WHERE ask_at IS NOT NULL AND ask_at <= ?2 AND campaign_id = ?1 AND tries BETWEEN ?3 AND ?4
         ORDER BY ask_at LIMIT ?5",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let (least, latest) = (*tries.start(), *tries.end());
    let rows = statement.query_map(
        params![campaign.get(), to_ms(now), least, latest, limit],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, u32>(4)?,
            ))
        },
    )?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let mut update = tx.0.prepare_cached(
        "UPDATE candidate SET tries = tries + 1, ask_at = ?2, verdict = ?3 WHERE id = ?1",
    )?;
    rows.into_iter()
        .map(|(id, attempt, sid, since, tries)| {
            let again = Duration::from_secs(1 << tries.min(TRIES));
            // The last time it is asked about: whoever answers settles it all the same.
            let given_up = tries >= TRIES;
            let ask_at = (!given_up).then(|| to_ms(now.saturating_add(again).unwrap_or(now)));
            let verdict = given_up.then_some(Verdict::Unknown.as_str());
            exactly_one(
                "ask about a candidate",
                update.execute(params![id, ask_at, verdict])?,
            )?;
            Ok(Candidate {
                attempt: AttemptId(attempt),
                sid: word(&sid)?,
                since: from_ms(since),
            })
        })
        .collect()
}

/// Returns when a candidate of the campaign is to be asked about next.
///
/// # Errors
/// When the database cannot be read.
pub fn next_ask_at(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Timestamp>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT min(ask_at) FROM candidate CROSS JOIN attempt ON attempt.id = attempt_id
         WHERE ask_at IS NOT NULL AND campaign_id = ?1",
    )?;
    let at: Option<i64> = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(at.map(from_ms))
}

/// Settles a candidate; one that nobody has named changes nothing.
///
/// # Errors
/// When the database refuses.
pub fn settle(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid, verdict: Verdict) -> Result<()> {
    tx.0.prepare_cached(
        "UPDATE candidate SET ask_at = NULL, verdict = ?3 WHERE attempt_id = ?1 AND call_sid = ?2",
    )?
    .execute(params![attempt.0, sid.as_str(), verdict.as_str()])?;
    Ok(())
}

/// Asks anew about a candidate that the provider did not know, or that could not be told from another before.
///
/// # Errors
/// When the database refuses.
pub fn ask_again(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid, now: Timestamp) -> Result<()> {
    tx.0.execute(
        "UPDATE candidate SET ask_at = ?3, tries = 0, verdict = NULL
         WHERE attempt_id = ?1 AND call_sid = ?2 AND verdict IN ('unknown', 'one_of_several')",
        params![attempt.0, sid.as_str(), to_ms(now)],
    )?;
    Ok(())
}

/// Returns how a candidate stands; `None` while it is asked about, or if nobody has named it.
///
/// # Errors
/// When the database cannot be read.
pub fn verdict(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid) -> Result<Option<Verdict>> {
    let mut statement = tx
        .0
        .prepare_cached("SELECT verdict FROM candidate WHERE attempt_id = ?1 AND call_sid = ?2")?;
    let stored: Option<Option<String>> = statement
        .query_row(params![attempt.0, sid.as_str()], |row| row.get(0))
        .optional()?;
    stored.flatten().map(|text| word(&text)).transpose()
}

/// Returns the calls that may be an attempt's, those aside that are known not to be.
///
/// # Errors
/// When the database cannot be read.
pub fn of_attempt(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<CallSid>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT call_sid FROM candidate WHERE attempt_id = ?1 AND verdict IS NOT 'refuted' ORDER BY id",
    )?;
    let rows = statement.query_map([attempt.0], |row| row.get::<_, String>(0))?;
    rows.map(|sid| word(&sid?)).collect()
}
