//! The do-not-call list: whom no campaign calls, and who has put them there.
//!
//! Effective from its commit: the contacts of whoever is put on it stop waiting in the same transaction, in all
//! campaigns, and every intent is checked against it in its own. Taking somebody off changes no contact.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params, params};

use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::doubts::digits;
use super::{Result, Tx, exactly_one, from_ms, to_ms, word};
use crate::domain::phone::{PhoneNumber, mask_numbers};
use crate::domain::retry::Reason;

/// How a number got onto the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A person has typed it.
    Person,
    /// It was in a file.
    File,
    /// Exotel has refused to call it (TRAI NDNC).
    Ndnc,
    /// The person asked to be forgotten.
    Forgotten,
}

impl Source {
    const ALL: [Self; 4] = [Self::Person, Self::File, Self::Ndnc, Self::Forgotten];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::File => "file",
            Self::Ndnc => "ndnc",
            Self::Forgotten => "forgotten",
        }
    }

    /// Returns why contacts of such a number are skipped when it gets onto the list.
    fn reason(self) -> Reason {
        match self {
            Self::Ndnc => Reason::Ndnc,
            Self::Person | Self::File | Self::Forgotten => Reason::DoNotCall,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Source {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(())
    }
}

/// Who puts a number on the list, and why.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who; `exocamp` where it does so itself.
    pub by: &'a str,
    /// How they know.
    pub source: Source,
    /// In their words, in which numbers are masked where it is kept, or the file.
    pub note: Option<&'a str>,
}

impl Entry<'_> {
    /// Returns the note as it is kept. The name of a file stays whole, so that it can be found again.
    fn kept_note(&self) -> Option<Cow<'_, str>> {
        let note = self.note?;
        Some(match self.source {
            Source::File => Cow::Borrowed(note),
            Source::Person | Source::Ndnc | Source::Forgotten => Cow::Owned(mask_numbers(note)),
        })
    }
}

/// What putting a number on the list came to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Added {
    /// Whether it was not on it before.
    pub is_new: bool,
    /// How many contacts wait no more because of it.
    pub skipped: u64,
}

/// Puts a number on the list; its pending contacts in all campaigns are skipped.
///
/// What is said of a number that is on it already stays as it was.
///
/// # Errors
/// When the database refuses.
pub fn add(tx: &Tx<'_>, number: PhoneNumber, entry: &Entry<'_>, now: Timestamp) -> Result<Added> {
    tx.0.prepare_cached("INSERT INTO person (number) VALUES (?1) ON CONFLICT (number) DO NOTHING")?
        .execute([digits(number)])?;
    let person =
        tx.0.prepare_cached("SELECT id FROM person WHERE number = ?1")?
            .query_row([digits(number)], |row| row.get(0))?;
    add_person(tx, person, entry, now)
}

/// The same for somebody who is known.
pub(super) fn add_person(
    tx: &Tx<'_>,
    person: i64,
    entry: &Entry<'_>,
    now: Timestamp,
) -> Result<Added> {
    let inserted =
        tx.0.prepare_cached(
            "INSERT INTO do_not_call (person_id, added_at, added_by, source, note) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (person_id) DO NOTHING",
        )?
        .execute(params![
            person,
            to_ms(now),
            entry.by,
            entry.source.as_str(),
            entry.kept_note()
        ])?;
    if inserted == 1 {
        add_event(tx, person, "added", entry, now)?;
    }
    // By the unique index of each campaign: there is none over persons alone.
    let skipped =
        tx.0.prepare_cached(
            "UPDATE contact SET state = 'skipped', due_at = NULL, reason = ?2
             WHERE campaign_id IN (SELECT id FROM campaign) AND person_id = ?1 AND state = 'pending'",
        )?
        .execute(params![person, entry.source.reason().as_str()])?;
    if skipped > 0 {
        complete_campaigns(tx, now)?;
    }
    Ok(Added {
        is_new: inserted == 1,
        skipped: skipped as u64,
    })
}

/// Keeps that the person was forgotten, whatever had put them on the list before, and no word beside it.
pub(super) fn add_forgotten(tx: &Tx<'_>, person: i64, by: &str, now: Timestamp) -> Result<Added> {
    let entry = Entry {
        by,
        source: Source::Forgotten,
        note: None,
    };
    let added = add_person(tx, person, &entry, now)?;
    if !added.is_new {
        let changed = tx.0.execute(
            "UPDATE do_not_call SET source = ?2, note = NULL WHERE person_id = ?1",
            params![person, Source::Forgotten.as_str()],
        )?;
        exactly_one("keep who was forgotten", changed)?;
        add_event(tx, person, "added", &entry, now)?;
    }
    tx.0.execute(
        "UPDATE do_not_call_event SET note = NULL WHERE person_id = ?1",
        [person],
    )?;
    Ok(added)
}

/// A campaign that was started and has nobody left is done, whoever has seen to that; one that runs sees so itself.
fn complete_campaigns(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    tx.0.execute(
        "UPDATE campaign SET state = 'completed', finished_at = ?1
         WHERE state = 'stopped' AND started_at IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM tally WHERE campaign_id = campaign.id AND contacts > 0
                AND state IN ('pending', 'initiated', 'held'))",
        [to_ms(now)],
    )?;
    Ok(())
}

fn add_event(
    tx: &Tx<'_>,
    person: i64,
    what: &str,
    entry: &Entry<'_>,
    now: Timestamp,
) -> Result<()> {
    tx.0.prepare_cached(
        "INSERT INTO do_not_call_event (person_id, at, by, what, source, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        person,
        to_ms(now),
        entry.by,
        what,
        entry.source.as_str(),
        entry.kept_note()
    ])?;
    Ok(())
}

/// What taking a number off the list came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Removed {
    /// It was not on it.
    NotListed,
    /// It stays: whoever asked to be forgotten is never called again.
    Forgotten,
    /// It is off, and these contacts stay skipped.
    Off(Vec<Stays>),
}

/// A contact that stays skipped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stays {
    /// Its campaign's name.
    pub campaign: String,
    /// Why it was skipped.
    pub reason: String,
}

/// Takes a number off the list; no contact is changed.
///
/// # Errors
/// When the database refuses.
pub fn remove(
    tx: &Tx<'_>,
    number: PhoneNumber,
    by: &str,
    because: &str,
    now: Timestamp,
) -> Result<Removed> {
    let found =
        tx.0.query_row(
            "SELECT person_id, source FROM do_not_call JOIN person ON person.id = person_id WHERE number = ?1",
            [digits(number)],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    let Some((person, source)) = found else {
        return Ok(Removed::NotListed);
    };
    if word::<Source>(&source)? == Source::Forgotten {
        return Ok(Removed::Forgotten);
    }
    let deleted =
        tx.0.execute("DELETE FROM do_not_call WHERE person_id = ?1", [person])?;
    exactly_one("take a number off the list", deleted)?;
    let entry = Entry {
        by,
        source: Source::Person,
        note: Some(because),
    };
    add_event(tx, person, "removed", &entry, now)?;
    let mut statement = tx.0.prepare_cached(
        "SELECT campaign.name, contact.reason FROM campaign JOIN contact ON contact.campaign_id = campaign.id
         WHERE person_id = ?1 AND contact.state = 'skipped' AND reason IN (?2, ?3) ORDER BY campaign.id",
    )?;
    let reasons = [Reason::DoNotCall.as_str(), Reason::Ndnc.as_str()];
    let rows = statement.query_map(params![person, reasons[0], reasons[1]], |row| {
        Ok(Stays {
            campaign: row.get(0)?,
            reason: row.get(1)?,
        })
    })?;
    Ok(Removed::Off(rows.collect::<rusqlite::Result<_>>()?))
}

/// A number on the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Whose it is.
    pub number: PhoneNumber,
    /// Since when.
    pub added_at: Timestamp,
    /// Who has put it there.
    pub added_by: String,
    /// How it got there.
    pub source: Source,
    /// Why, in their words.
    pub note: Option<String>,
}

/// Returns what the list says of a number.
///
/// # Errors
/// When the database cannot be read.
pub fn find(tx: &Tx<'_>, number: PhoneNumber) -> Result<Option<Listed>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT iif(forget_at IS NULL, number, 999999999999999), added_at, added_by, source, note
         FROM do_not_call JOIN person ON person.id = person_id WHERE number = ?1",
    )?;
    let raw = statement.query_row([digits(number)], read_raw).optional()?;
    raw.map(listed).transpose()
}

/// Returns the list, the latest first, at most so many; all if `None`.
///
/// # Errors
/// When the database cannot be read.
pub fn list(tx: &Tx<'_>, most: Option<u32>) -> Result<Vec<Listed>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT iif(forget_at IS NULL, number, 999999999999999), added_at, added_by, source, note
         FROM do_not_call JOIN person ON person.id = person_id ORDER BY added_at DESC, person_id DESC LIMIT :most",
    )?;
    let most = most.map_or(-1, i64::from);
    let rows = statement.query_map(named_params! { ":most": most }, read_raw)?;
    rows.map(|raw| listed(raw?)).collect()
}

/// Returns how many numbers are on the list.
///
/// # Errors
/// When the database cannot be read.
pub fn count(tx: &Tx<'_>) -> Result<u64> {
    let count: i64 =
        tx.0.query_row("SELECT count(*) FROM do_not_call", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

type Raw = (i64, i64, String, String, Option<String>);

fn read_raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
    ))
}

fn listed((number, added_at, added_by, source, note): Raw) -> Result<Listed> {
    Ok(Listed {
        number: number_of(number)?,
        added_at: from_ms(added_at),
        added_by,
        source: word(&source)?,
        note,
    })
}

/// When a number was taken off the list, by whom and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, in their words.
    pub because: Option<String>,
}

/// Returns when a number was last taken off the list, if it ever was.
///
/// # Errors
/// When the database cannot be read.
pub fn last_removal(tx: &Tx<'_>, number: PhoneNumber) -> Result<Option<Removal>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT at, by, note FROM do_not_call_event JOIN person ON person.id = person_id
         WHERE number = ?1 AND what = 'removed' ORDER BY do_not_call_event.id DESC LIMIT 1",
    )?;
    Ok(statement
        .query_row([digits(number)], |row| {
            Ok(Removal {
                at: from_ms(row.get(0)?),
                by: row.get(1)?,
                because: row.get(2)?,
            })
        })
        .optional()?)
}

/// Skips the pending contacts of a campaign whose numbers are on the list, for whoever has just brought contacts in;
/// returns how many.
///
/// To be done when they are counted: the tally follows.
///
/// # Errors
/// When the database refuses.
pub fn skip_pending(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<u64> {
    // Along the list, which most often is far shorter than what has come in.
    let skipped = tx.0.execute(
        "UPDATE contact SET state = 'skipped', due_at = NULL, reason = ?2
         WHERE id IN (
             SELECT contact.id FROM do_not_call CROSS JOIN contact ON contact.person_id = do_not_call.person_id
             WHERE campaign_id = ?1 AND state = 'pending')",
        params![campaign.get(), Reason::DoNotCall.as_str()],
    )?;
    if skipped > 0 {
        complete_campaigns(tx, now)?;
    }
    Ok(skipped as u64)
}

#[cfg(test)]
mod tests;
