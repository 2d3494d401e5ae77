//! Adding the rows of a list, some ten thousand at a time.
//!
//! A batch goes through the index of numbers in the order of the numbers, and through the contacts in the order of the
//! file: so both are written at one place and not all over. Rows go in by the hundred with one statement, and a row that
//! somebody else has already made costs a look of its own. All of it is speed: the outcome is that of adding one row after
//! another.

use std::iter;

use rusqlite::{CachedStatement, OptionalExtension as _, params};

use crate::domain::contact::NewContact;
use crate::domain::phone::PhoneNumber;
use crate::store::campaigns::CampaignId;
use crate::store::contacts::{AT_ONCE, SourceId};
use crate::store::{Result, StoreError, Tx};

/// How many rows one statement adds.
const AT_A_TIME: usize = 100;

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It added so many contacts.
    New {
        /// One, or more where a cell with several numbers was split.
        contacts: u32,
    },
    /// All its numbers are in the campaign already.
    Duplicate(First),
    /// One of its people asked to be forgotten: nothing of the row is kept.
    Forgotten,
}

/// The row that had a number first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct First {
    /// Its file.
    pub source: SourceId,
    /// Its line there.
    pub line: u64,
}

/// What becomes of one number of a row.
#[derive(Clone, Copy)]
enum Fate {
    Unknown,
    /// A contact for this person.
    Contact(i64),
    Duplicate(First),
}

/// One number of a row.
struct Entry {
    number: PhoneNumber,
    row: usize,
}

impl Entry {
    fn digits(&self) -> i64 {
        i64::try_from(self.number.digits()).unwrap_or(i64::MAX)
    }
}

/// Adds rows to a campaign, due at once, except those whose numbers are in it already; says for each what became of it.
///
/// The campaign's tally is not touched; [`super::finish`] does it for the whole import.
///
/// # Errors
/// When the database refuses; the transaction is of no use then.
pub fn add_rows(
    tx: &Tx<'_>,
    campaign: CampaignId,
    source: SourceId,
    rows: &[NewContact],
    is_forgotten: &mut dyn FnMut(PhoneNumber) -> Result<bool>,
) -> Result<Vec<Taken>> {
    let mut entries = Vec::with_capacity(rows.len());
    for (row, contact) in rows.iter().enumerate() {
        let numbers = iter::once(contact.number).chain(contact.more_numbers.iter().copied());
        let before = entries.len();
        for number in numbers {
            if is_forgotten(number)? {
                entries.truncate(before);
                break;
            }
            entries.push(Entry { number, row });
        }
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by_key(|&entry| (entries[entry].number, entry));
    let same_number = |a: &usize, b: &usize| entries[*a].number == entries[*b].number;

    let firsts: Vec<usize> = order.chunk_by(same_number).map(|same| same[0]).collect();
    let mut fates = vec![Fate::Unknown; entries.len()];
    add_people(tx, campaign, &entries, &firsts, &mut fates)?;
    for same in order.chunk_by(same_number) {
        let first = same[0];
        let again = match fates[first] {
            Fate::Contact(_) => Fate::Duplicate(First {
                source,
                line: rows[entries[first].row].line,
            }),
            known => known,
        };
        for entry in &same[1..] {
            fates[*entry] = again;
        }
    }
    add_contacts(tx, campaign, source, rows, &entries, &fates)?;

    let mut taken = Vec::with_capacity(rows.len());
    let mut rest = entries.iter().zip(&fates).peekable();
    for row in 0..rows.len() {
        let mut contacts = 0;
        let mut other = Taken::Forgotten;
        while let Some((_, fate)) = rest.next_if(|(entry, _)| entry.row == row) {
            match fate {
                Fate::Contact(_) => contacts += 1,
                Fate::Duplicate(first) => other = Taken::Duplicate(*first),
                Fate::Unknown => {}
            }
        }
        taken.push(match contacts {
            0 => other,
            contacts => Taken::New { contacts },
        });
    }
    Ok(taken)
}

/// Adds the people of some entries, in the order of their numbers, and finds those that are known.
fn add_people(
    tx: &Tx<'_>,
    campaign: CampaignId,
    entries: &[Entry],
    firsts: &[usize],
    fates: &mut [Fate],
) -> Result<()> {
    let newest: i64 =
        tx.0.prepare_cached("SELECT coalesce(max(id), 0) FROM person")?
            .query_row([], |row| row.get(0))?;
    // IGNORE and no `ON CONFLICT`: SQLite would otherwise be ready to take every statement back, which costs a copy of
    // every page it touches.
    let mut inserts = Inserts::new(tx, "INSERT OR IGNORE INTO person (number)", "(?)");
    for chunk in firsts.chunks(AT_A_TIME) {
        let insert = inserts.of(chunk.len())?;
        for (place, entry) in chunk.iter().enumerate() {
            insert.raw_bind_parameter(place + 1, entries[*entry].digits())?;
        }
        if insert.raw_execute()? == chunk.len() {
            // All are new, and ids are given in a row.
            let last = tx.0.last_insert_rowid();
            for (entry, id) in chunk.iter().rev().zip((0..=last).rev()) {
                fates[*entry] = Fate::Contact(id);
            }
            continue;
        }
        for entry in chunk {
            let number = entries[*entry].digits();
            let person: i64 =
                tx.0.prepare_cached("SELECT id FROM person WHERE number = ?1")?
                    .query_row([number], |row| row.get(0))?;
            let first = match person > newest {
                true => None,
                false => known_contact(tx, campaign, person)?,
            };
            fates[*entry] = first.map_or(Fate::Contact(person), Fate::Duplicate);
        }
    }
    Ok(())
}

fn known_contact(tx: &Tx<'_>, campaign: CampaignId, person: i64) -> Result<Option<First>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT source_id, line FROM contact WHERE campaign_id = ?1 AND person_id = ?2",
    )?;
    let first = statement.query_row(params![campaign.get(), person], |row| {
        Ok(First {
            source: SourceId(row.get(0)?),
            line: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    });
    Ok(first.optional()?)
}

fn add_contacts(
    tx: &Tx<'_>,
    campaign: CampaignId,
    source: SourceId,
    rows: &[NewContact],
    entries: &[Entry],
    fates: &[Fate],
) -> Result<()> {
    let new: Vec<(i64, &NewContact)> = entries
        .iter()
        .zip(fates)
        .filter_map(|(entry, fate)| match fate {
            Fate::Contact(person) => Some((*person, &rows[entry.row])),
            Fate::Duplicate(_) | Fate::Unknown => None,
        })
        .collect();
    // Whoever is new cannot be in the campaign, and ROLLBACK saves the same copies as above.
    let mut inserts = Inserts::new(
        tx,
        "INSERT OR ROLLBACK INTO contact (campaign_id, source_id, due_at, person_id, name, fields, line)",
        "(?1, ?2, ?3, ?, ?, ?, ?)",
    );
    for chunk in new.chunks(AT_A_TIME) {
        let insert = inserts.of(chunk.len())?;
        insert.raw_bind_parameter(1, campaign.get())?;
        insert.raw_bind_parameter(2, source.0)?;
        insert.raw_bind_parameter(3, AT_ONCE)?;
        for (place, (person, contact)) in chunk.iter().enumerate() {
            let line = i64::try_from(contact.line).unwrap_or(i64::MAX);
            let parameter = 4 + 4 * place;
            insert.raw_bind_parameter(parameter, person)?;
            insert.raw_bind_parameter(parameter + 1, contact.name.as_deref())?;
            insert.raw_bind_parameter(parameter + 2, contact.fields.as_json())?;
            insert.raw_bind_parameter(parameter + 3, line)?;
        }
        let added = insert.raw_execute()?;
        if added != chunk.len() {
            return Err(StoreError::NotOneRow {
                what: "add contacts",
                changed: added,
            });
        }
    }
    Ok(())
}

/// Statements that insert some rows at once: nearly always as many.
struct Inserts<'a> {
    tx: &'a Tx<'a>,
    into: &'static str,
    /// A row's values; those with a number are the same in every row, and come before the others.
    row: &'static str,
    prepared: Option<(usize, CachedStatement<'a>)>,
}

impl<'a> Inserts<'a> {
    fn new(tx: &'a Tx<'a>, into: &'static str, row: &'static str) -> Self {
        Self {
            tx,
            into,
            row,
            prepared: None,
        }
    }

    /// Returns the statement for so many rows.
    fn of(&mut self, rows: usize) -> Result<&mut CachedStatement<'a>> {
        let prepared = match self.prepared.take() {
            Some((known, statement)) if known == rows => (known, statement),
            _ => {
                let sql = format!("{} VALUES {}", self.into, vec![self.row; rows].join(", "));
                (rows, self.tx.0.prepare_cached(&sql)?)
            }
        };
        Ok(&mut self.prepared.insert(prepared).1)
    }
}
