//! Forgetting a person: what is erased, and the keyed hash by which they are known again and not called.
//!
//! The number, which lives in one row alone, is replaced by one that belongs to nobody; ids and the ledger of attempts
//! stay. The hash needs a key, and the key lies in a file of its own beside the database: a copy of the database alone
//! does not tell whose hashes it holds, although there are few enough numbers to try them all.
//!
//! Invariant: what is `forgotten` was kept in the transaction that began to erase; only bytes can be left after it, and
//! `erasure.unpurged_at` says so until they are gone.

mod key;
mod purge;

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

pub use self::key::key_path;
use self::key::{Key, key, known_key};
pub use self::purge::Purged;
use super::doubts::digits;
use super::{Result, StoreError, Tx, do_not_call, exactly_one, from_ms, to_ms};
use crate::domain::phone::{PhoneNumber, mask_number, mask_numbers};

/// Knows the forgotten again by their numbers.
#[derive(Clone, Debug)]
pub struct Recogniser(Option<Key>);

impl Recogniser {
    /// Returns one for this database, to be used in the same transaction.
    ///
    /// # Errors
    /// When somebody was forgotten and the key is missing or another one: nobody must be called then.
    pub fn open(tx: &Tx<'_>, database: &Path) -> Result<Self> {
        Ok(Self(known_key(tx, database)?))
    }

    /// Returns when the person with this number was forgotten, if they were.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find(&self, tx: &Tx<'_>, number: PhoneNumber) -> Result<Option<Forgotten>> {
        let Some(key) = &self.0 else {
            return Ok(None);
        };
        find(tx, &key.hash(number))
    }
}

/// When somebody was forgotten, and who has seen to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forgotten {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

fn find(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<Option<Forgotten>> {
    let mut statement =
        tx.0.prepare_cached("SELECT forgotten_at, forgotten_by FROM forgotten WHERE hash = ?1")?;
    Ok(statement
        .query_row([hash], |row| {
            Ok(Forgotten {
                at: from_ms(row.get(0)?),
                by: row.get(1)?,
            })
        })
        .optional()?)
}

/// What forgetting somebody came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// When they were forgotten, and by whom: now, unless it was done before.
    pub forgotten: Forgotten,
    /// Whether it was not done before.
    pub is_new: bool,
    /// What of theirs was found.
    pub found: Found,
}

/// What there was of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing, or nothing any more.
    Nothing,
    /// It is erased.
    Erased(Traces),
    /// The number is kept until a call to it is cleared up, and erased then.
    Waits(Traces),
}

/// Where a person has been.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Traces {
    /// How many contacts they were.
    pub contacts: u64,
    /// The files they came from, which are not ours to change.
    pub files: Vec<String>,
    /// The campaigns that have a call to them which is not cleared up.
    pub open_in: Vec<String>,
}

/// Forgets the person with this number: never called again from the commit on, masked at once, and erased as soon as no
/// call to them is open.
///
/// # Errors
/// When the key is missing or cannot be made, or the database refuses.
pub fn forget(
    tx: &Tx<'_>,
    database: &Path,
    number: PhoneNumber,
    by: &str,
    now: Timestamp,
) -> Result<Outcome> {
    let hash = key(tx, database)?.hash(number);
    let inserted = tx.0.execute(
        "INSERT INTO forgotten (hash, forgotten_at, forgotten_by) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![hash, to_ms(now), by],
    )?;
    let forgotten = find(tx, &hash)?
        .ok_or_else(|| StoreError::Nonsense("a hash that was just kept".to_owned()))?;
    let found = match person(tx, number)? {
        None => Found::Nothing,
        Some(person) => {
            do_not_call::add_forgotten(tx, person, by, now)?;
            let mut traces = traces(tx, person)?;
            clear(tx, person)?;
            let marked = tx.0.execute(
                "UPDATE person SET forget_at = coalesce(forget_at, ?2) WHERE id = ?1",
                params![person, to_ms(now)],
            )?;
            exactly_one("mark who is to be forgotten", marked)?;
            traces.open_in = open_in(tx, person)?;
            match traces.open_in.is_empty() {
                true => Found::Erased(traces),
                false => Found::Waits(traces),
            }
        }
    };
    mask_elsewhere(tx, number, now)?;
    finish_due(tx, now)?;
    Ok(Outcome {
        forgotten,
        is_new: inserted == 1,
        found,
    })
}

/// Erases a person from the database of the sandbox, whose calls are nobody's; returns whether they were in it.
///
/// # Errors
/// When the database refuses.
pub fn erase_from_copy(tx: &Tx<'_>, number: PhoneNumber, by: &str, now: Timestamp) -> Result<bool> {
    mask_elsewhere(tx, number, now)?;
    let Some(person) = person(tx, number)? else {
        return Ok(false);
    };
    do_not_call::add_forgotten(tx, person, by, now)?;
    clear(tx, person)?;
    erase_number(tx, person, now)?;
    Ok(true)
}

/// Erases the numbers of those who are to be forgotten and have no open call any more; returns how many.
///
/// # Errors
/// When the database refuses.
pub fn finish_due(tx: &Tx<'_>, now: Timestamp) -> Result<u64> {
    // A call whose end was never seen is known by its Sid; a doubt can be cleared up by the number alone.
    let mut statement = tx.0.prepare_cached(
        "SELECT id FROM person WHERE forget_at IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM attempt WHERE person_id = person.id AND (live = 1 OR state = 'held'))",
    )?;
    let due: Vec<i64> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for person in &due {
        erase_number(tx, *person, now)?;
    }
    Ok(due.len() as u64)
}

fn person(tx: &Tx<'_>, number: PhoneNumber) -> Result<Option<i64>> {
    let mut statement =
        tx.0.prepare_cached("SELECT id FROM person WHERE number = ?1")?;
    Ok(statement
        .query_row([digits(number)], |row| row.get(0))
        .optional()?)
}

fn traces(tx: &Tx<'_>, person: i64) -> Result<Traces> {
    let mut statement = tx.0.prepare(
        "SELECT file FROM contact JOIN source ON source.id = source_id
         WHERE contact.campaign_id IN (SELECT id FROM campaign) AND person_id = ?1 ORDER BY source.id",
    )?;
    let rows = statement.query_map([person], |row| row.get(0))?;
    let mut files: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    let contacts = files.len() as u64;
    // No files, but what was typed, piped in, or copied.
    files.retain(|file| !matches!(file.as_str(), "-" | "(typed)" | "(a copy)"));
    files.dedup();
    Ok(Traces {
        contacts,
        files,
        open_in: Vec::new(),
    })
}

fn open_in(tx: &Tx<'_>, person: i64) -> Result<Vec<String>> {
    let mut statement = tx.0.prepare(
        "SELECT DISTINCT campaign.name FROM attempt JOIN campaign ON campaign.id = campaign_id
         WHERE person_id = ?1 AND (live = 1 OR attempt.state = 'held') ORDER BY campaign.id",
    )?;
    let rows = statement.query_map([person], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Clears all that is kept of a person but their number, and numbers out of what people have written about their calls.
fn clear(tx: &Tx<'_>, person: i64) -> Result<()> {
    tx.0.execute(
        "UPDATE contact SET name = NULL, fields = NULL
         WHERE campaign_id IN (SELECT id FROM campaign) AND person_id = ?1",
        [person],
    )?;
    tx.0.execute("DELETE FROM scrub WHERE person_id = ?1", [person])?;
    mask_texts(
        tx,
        person,
        "SELECT id, because FROM decision WHERE attempt_id IN (SELECT id FROM attempt WHERE person_id = ?1)",
        "UPDATE decision SET because = ?2 WHERE id = ?1",
    )?;
    mask_texts(
        tx,
        person,
        "SELECT id, detail FROM incident WHERE attempt_id IN (SELECT id FROM attempt WHERE person_id = ?1)",
        "UPDATE incident SET detail = ?2 WHERE id = ?1",
    )
}

fn mask_texts(tx: &Tx<'_>, person: i64, select: &str, update: &str) -> Result<()> {
    let mut statement = tx.0.prepare(select)?;
    let rows = statement.query_map([person], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let texts: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    for (id, text) in texts {
        let masked = mask_numbers(&text);
        if masked != text {
            exactly_one("mask a text", tx.0.execute(update, params![id, masked])?)?;
        }
    }
    Ok(())
}

/// Texts about other people and other people's calls, in which somebody may have written the number down; each is a table
/// and a column. Reasons in `steering`, which never changes, and errors of
/// calls are masked when they are written.
const ELSEWHERE: [(&str, &str); 7] = [
    ("contact", "name"),
    ("contact", "fields"),
    ("source", "file"),
    ("do_not_call", "note"),
    ("do_not_call_event", "note"),
    ("decision", "because"),
    ("incident", "detail"),
];

/// Masks the number wherever else it was written down.
fn mask_elsewhere(tx: &Tx<'_>, number: PhoneNumber, now: Timestamp) -> Result<()> {
    let mut has_masked = false;
    for (table, column) in ELSEWHERE {
        let select = format!("SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL");
        let mut statement = tx.0.prepare(&select)?;
        let mut rows = statement.query([])?;
        let mut masked = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().unwrap_or_default();
            if let Some(text) = mask_number(text, number) {
                masked.push((row.get::<_, i64>(0)?, text));
            }
        }
        let update = format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1");
        let mut statement = tx.0.prepare(&update)?;
        for (id, text) in masked {
            exactly_one("mask a number", statement.execute(params![id, text])?)?;
            has_masked = true;
        }
    }
    match has_masked {
        true => keep_that_bytes_may_be_left(tx, now),
        false => Ok(()),
    }
}

/// Puts the next of the numbers that belong to nobody in the place of a person's.
fn erase_number(tx: &Tx<'_>, person: i64, now: Timestamp) -> Result<()> {
    let changed = tx.0.execute(
        "UPDATE person SET forget_at = NULL, number = (
             SELECT max(999000000000000, coalesce(max(number), 0) + 1) FROM person WHERE number >= 999000000000000)
         WHERE id = ?1",
        [person],
    )?;
    exactly_one("erase a number", changed)?;
    keep_that_bytes_may_be_left(tx, now)
}

fn keep_that_bytes_may_be_left(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    let changed = tx.0.execute(
        "UPDATE erasure SET unpurged_at = coalesce(unpurged_at, ?1) WHERE one = 1",
        [to_ms(now)],
    )?;
    exactly_one("keep that bytes may be left", changed)
}

#[cfg(test)]
mod tests;
