//! One person's whole story, over all campaigns: where they came from, what was done, what came back, what was decided.
//!
//! Only reads, and everything in one transaction. It is put into words elsewhere.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::attempts::AttemptId;
use super::campaigns::{self, Campaign};
use super::contacts::number_of;
use super::doubts::digits;
use super::evidence::{self, Decided, NamedCall, Reading, Search};
use super::incidents::{self, Incident};
use super::{Result, Tx, from_ms, scrubs, word};
use crate::domain::attempt::StateName;
use crate::domain::call::CallSid;
use crate::domain::contact::ContactState;
use crate::domain::phone::PhoneNumber;

/// One person's story.
#[derive(Clone, Debug)]
pub struct Story {
    /// Whose it is.
    pub number: PhoneNumber,
    /// The campaigns they are in, the oldest first; none if nobody has ever heard of them.
    pub chapters: Vec<Chapter>,
}

/// What happened to a person in one campaign.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The campaign.
    pub campaign: Campaign,
    /// The contact's id.
    pub contact: i64,
    /// Their name.
    pub name: Option<String>,
    /// The file they came from.
    pub file: String,
    /// The line there.
    pub line: u64,
    /// When it was imported.
    pub imported_at: Timestamp,
    /// The contact's state.
    pub state: ContactState,
    /// Why we did or did not call.
    pub reason: Option<String>,
    /// When the next attempt may be made, if it was put off at all.
    pub next_attempt_at: Option<Timestamp>,
    /// When the provider last said that the number is registered as do-not-disturb, if that is what it said last.
    pub registered_at: Option<Timestamp>,
    /// The attempts, the oldest first.
    pub attempts: Vec<AttemptStory>,
}

/// What happened to one attempt.
#[derive(Clone, Debug)]
pub struct AttemptStory {
    /// The attempt.
    pub attempt: AttemptId,
    /// Where it stands.
    pub state: StateName,
    /// When it was permitted.
    pub permitted_at: Timestamp,
    /// When it was to be sent.
    pub send_at: Timestamp,
    /// The ExoPhone that was to be shown; `None` where nobody wrote it down.
    pub caller_id: Option<PhoneNumber>,
    /// The call it became.
    pub call_sid: Option<CallSid>,
    /// When the provider began to dial.
    pub call_started_at: Option<Timestamp>,
    /// When the call ended.
    pub call_ended_at: Option<Timestamp>,
    /// The call's length.
    pub duration_s: Option<u32>,
    /// The call's price as the provider writes it.
    pub price: Option<String>,
    /// Why it is where it is, in words.
    pub error: Option<String>,
    /// Its steps, the oldest first.
    pub events: Vec<Event>,
    /// How the search for its call stands, if it was ever in doubt.
    pub search: Option<Search>,
    /// What was read of the provider's list because of it.
    pub readings: Vec<Reading>,
    /// The calls that were named as its.
    pub named: Vec<NamedCall>,
    /// What was decided about it.
    pub decisions: Vec<Decided>,
    /// What should not have come to light.
    pub incidents: Vec<Incident>,
}

/// One step of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Where it stood from then on.
    pub state: StateName,
    /// Where we know it from: `turn`, `reply`, `look_up` and so on.
    pub source: String,
    /// In words, where that says more than the state.
    pub detail: Option<String>,
}

/// Returns the story of a number.
///
/// # Errors
/// When the database cannot be read.
pub fn of_number(tx: &Tx<'_>, number: PhoneNumber) -> Result<Story> {
    let mut chapters = Vec::new();
    let person: Option<i64> =
        tx.0.prepare_cached("SELECT id FROM person WHERE number = ?1 AND forget_at IS NULL")?
            .query_row([digits(number)], |row| row.get(0))
            .optional()?;
    if let Some(person) = person {
        for campaign in campaigns::all(tx)? {
            chapters.extend(chapter(tx, campaign, person)?);
        }
    }
    Ok(Story { number, chapters })
}

fn chapter(tx: &Tx<'_>, campaign: Campaign, person: i64) -> Result<Option<Chapter>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT contact.id, contact.name, file, line, imported_at, state, reason, nullif(due_at, 0)
         FROM contact JOIN source ON source.id = source_id WHERE contact.campaign_id = ?1 AND person_id = ?2",
    )?;
    let row = statement
        .query_row(params![campaign.id.get(), person], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get(1)?,
                (
                    row.get(2)?,
                    row.get::<_, i64>(3)?,
                    from_ms(row.get::<_, i64>(4)?),
                ),
                (row.get::<_, String>(5)?, row.get(6)?),
                row.get::<_, Option<i64>>(7)?,
            ))
        })
        .optional()?;
    let Some((contact, name, (file, line, imported_at), (state, reason), due_at)) = row else {
        return Ok(None);
    };
    Ok(Some(Chapter {
        attempts: attempts(tx, contact)?,
        campaign,
        contact,
        name,
        file,
        line: line.unsigned_abs(),
        imported_at,
        state: word(&state)?,
        reason,
        next_attempt_at: due_at.map(from_ms),
        registered_at: scrubs::registered_at(tx, person)?,
    }))
}

fn attempts(tx: &Tx<'_>, contact: i64) -> Result<Vec<AttemptStory>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT id, state, intent_at, send_at, caller_id, call_sid, call_started_at, call_ended_at, duration_s, price, error
         FROM attempt WHERE contact_id = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([contact])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let time = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(from_ms));
        let attempt = AttemptId(row.get(0)?);
        let caller_id: Option<i64> = row.get(4)?;
        let call_sid: Option<String> = row.get(5)?;
        attempts.push(AttemptStory {
            attempt,
            state: word(&row.get::<_, String>(1)?)?,
            permitted_at: from_ms(row.get(2)?),
            send_at: from_ms(row.get(3)?),
            caller_id: caller_id.map(number_of).transpose()?,
            call_sid: call_sid.map(|sid| word(&sid)).transpose()?,
            call_started_at: time(6)?,
            call_ended_at: time(7)?,
            duration_s: row.get(8)?,
            price: row.get(9)?,
            error: row.get(10)?,
            events: events(tx, attempt)?,
            search: evidence::search(tx, attempt)?,
            readings: evidence::readings(tx, attempt)?,
            named: evidence::named(tx, attempt)?,
            decisions: evidence::decisions(tx, attempt)?,
            incidents: incidents::of_attempt(tx, attempt)?,
        });
    }
    Ok(attempts)
}

fn events(tx: &Tx<'_>, attempt: AttemptId) -> Result<Vec<Event>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, state, source, detail FROM attempt_event WHERE attempt_id = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([attempt.0], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get(2)?,
            row.get(3)?,
        ))
    })?;
    rows.map(|row| {
        let (at, state, source, detail) = row?;
        Ok(Event {
            at: from_ms(at),
            state: word(&state)?,
            source,
            detail,
        })
    })
    .collect()
}
