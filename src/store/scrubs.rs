//! What the provider has said of people's do-not-disturb marks, and how long that is good.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::doubts::digits;
use super::{Result, Tx, at_most_one, to_ms};
use crate::domain::eligibility::{Dnd, MARK_IS_GOOD_FOR};
use crate::domain::phone::PhoneNumber;

/// Remembers what the provider said of a number when it was asked; what it said before is forgotten.
///
/// A number that is not there any more is left out.
///
/// # Errors
/// When the database refuses.
pub fn remember(tx: &Tx<'_>, number: PhoneNumber, dnd: Dnd, asked_at: Timestamp) -> Result<()> {
    let mut upsert = tx.0.prepare_cached(
        "INSERT INTO scrub (person_id, asked_at, is_dnd) SELECT id, ?2, ?3 FROM person WHERE number = ?1
         ON CONFLICT (person_id) DO UPDATE SET asked_at = excluded.asked_at, is_dnd = excluded.is_dnd",
    )?;
    let is_dnd = dnd == Dnd::Registered;
    let written = upsert.execute(params![digits(number), to_ms(asked_at), is_dnd])?;
    at_most_one("remember a do-not-disturb mark", written)
}

/// Returns what the provider has said of a number, as long as that is good.
///
/// What it said in the future, by a clock that has been set back since, nobody can tell the age of: it is not good.
/// The register is India's, so that a number abroad is never registered.
///
/// # Errors
/// When the database cannot be read.
pub fn fresh(tx: &Tx<'_>, number: PhoneNumber, now: Timestamp) -> Result<Option<Dnd>> {
    if number.national().is_none() {
        return Ok(Some(Dnd::NotRegistered));
    }
    let mut statement = tx.0.prepare_cached(
        "SELECT is_dnd FROM scrub JOIN person ON person.id = person_id
         WHERE number = ?1 AND asked_at BETWEEN ?2 AND ?3",
    )?;
    let oldest = now.saturating_sub(MARK_IS_GOOD_FOR).unwrap_or(now);
    let is_dnd: Option<bool> = statement
        .query_row(params![digits(number), to_ms(oldest), to_ms(now)], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(is_dnd.map(mark))
}

/// Returns what the provider has said of everybody, by the ids of their rows, as long as it is good.
pub(super) fn all_fresh(tx: &Tx<'_>, now: Timestamp) -> Result<HashMap<i64, Dnd>> {
    let mut statement =
        tx.0.prepare("SELECT person_id, is_dnd FROM scrub WHERE asked_at BETWEEN ?1 AND ?2")?;
    let oldest = now.saturating_sub(MARK_IS_GOOD_FOR).unwrap_or(now);
    let rows = statement.query_map(params![to_ms(oldest), to_ms(now)], |row| {
        Ok((row.get(0)?, mark(row.get(1)?)))
    })?;
    rows.map(|row| Ok(row?)).collect()
}

fn mark(is_dnd: bool) -> Dnd {
    match is_dnd {
        true => Dnd::Registered,
        false => Dnd::NotRegistered,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::contact::NewContact;
    use crate::store::{Store, campaigns, contacts};

    const ASKED_AT: Timestamp = Timestamp::constant(1_770_000_000, 0);

    /// Returns a database with one person in it.
    fn store(number: PhoneNumber) -> Store {
        let mut store = Store::in_memory().unwrap();
        let contact = NewContact {
            number,
            name: None,
            fields: Vec::new(),
            line: 2,
        };
        store
            .write(|tx| -> Result<()> {
                let name = "leads".parse().unwrap();
                let id = campaigns::create(tx, &name, "asha", ASKED_AT)?;
                let source = contacts::add_source(tx, id, "a.csv", ASKED_AT)?;
                contacts::add(tx, id, source, &contact)?;
                contacts::count_new(tx, id, 1)
            })
            .unwrap();
        store
    }

    #[test]
    fn a_mark_is_good_for_seven_days_to_the_second_and_never_before_it_was_asked_for() {
        let number: PhoneNumber = "9876500000".parse().unwrap();
        let week = 7 * 24 * 3600;
        for dnd in [Dnd::Registered, Dnd::NotRegistered] {
            let mut store = store(number);
            store
                .write(|tx| remember(tx, number, dnd, ASKED_AT))
                .unwrap();
            for (seconds, known) in [
                (-1, None),
                (0, Some(dnd)),
                (1, Some(dnd)),
                (week - 1, Some(dnd)),
                (week, Some(dnd)),
                (week + 1, None),
                (52 * week, None),
            ] {
                let now = ASKED_AT + SignedDuration::from_secs(seconds);
                let read = store.read(|tx| fresh(tx, number, now)).unwrap();
                assert_eq!(read, known, "{seconds} s after {dnd:?}");
                let id = store.read(|tx| campaigns::find(tx, "leads")).unwrap();
                let id = id.unwrap().id;
                let due = store.read(|tx| contacts::due(tx, id, now, 1)).unwrap();
                assert_eq!(due[0].person.dnd, known, "as the turn sees it");
            }
        }
    }

    #[test]
    fn the_latest_answer_counts() {
        let number: PhoneNumber = "9876500000".parse().unwrap();
        let mut store = store(number);
        let later = ASKED_AT + SignedDuration::from_hours(1);
        store
            .write(|tx| -> Result<()> {
                assert_eq!(fresh(tx, number, later)?, None, "nobody has asked");
                remember(tx, number, Dnd::NotRegistered, ASKED_AT)?;
                remember(tx, number, Dnd::Registered, later)?;
                assert_eq!(fresh(tx, number, later)?, Some(Dnd::Registered));
                remember(tx, number, Dnd::NotRegistered, later)?;
                assert_eq!(fresh(tx, number, later)?, Some(Dnd::NotRegistered));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn somebody_who_is_not_there_is_not_remembered_and_nobody_abroad_is_registered() {
        let mut store = store("9876500000".parse().unwrap());
        let stranger = "9876500001".parse().unwrap();
        let abroad = PhoneNumber::from_digits(6_581_234_567).unwrap();
        store
            .write(|tx| -> Result<()> {
                remember(tx, stranger, Dnd::Registered, ASKED_AT)?;
                assert_eq!(fresh(tx, stranger, ASKED_AT)?, None);
                assert_eq!(fresh(tx, abroad, ASKED_AT)?, Some(Dnd::NotRegistered));
                Ok(())
            })
            .unwrap();
    }
}
