//! What the provider has said of people's do-not-disturb marks, and how long that is good.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::doubts::digits;
use super::{Result, Tx, at_most_one, from_ms, to_ms};
use crate::domain::eligibility::{Dnd, MARK_IS_GOOD_FOR, NO_MARK_IS_GOOD_FOR};
use crate::domain::phone::PhoneNumber;

/// Remembers what the provider said of a number when it was asked, be it that it had no mark; what it said before is
/// forgotten.
///
/// A number that is not there any more is left out.
///
/// # Errors
/// When the database refuses.
pub fn remember(
    tx: &Tx<'_>,
    number: PhoneNumber,
    dnd: Option<Dnd>,
    asked_at: Timestamp,
) -> Result<()> {
    let mut upsert = tx.0.prepare_cached(
        "INSERT INTO scrub (person_id, asked_at, is_dnd) SELECT id, ?2, ?3 FROM person WHERE number = ?1
         ON CONFLICT (person_id) DO UPDATE SET asked_at = excluded.asked_at, is_dnd = excluded.is_dnd",
    )?;
    let is_dnd = dnd.map(|dnd| dnd == Dnd::Registered);
    let written = upsert.execute(params![digits(number), to_ms(asked_at), is_dnd])?;
    at_most_one("remember a do-not-disturb mark", written)
}

/// Returns what the provider has said of a number, as long as that is good.
///
/// Whom it has nothing to say of is not registered, for a shorter time: the call will show whether it may be placed.
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
         WHERE number = ?1 AND asked_at BETWEEN iif(is_dnd IS NULL, ?3, ?2) AND ?4",
    )?;
    let (marked, unmarked) = oldest(now);
    let is_dnd: Option<Option<bool>> = statement
        .query_row(
            params![digits(number), marked, unmarked, to_ms(now)],
            |row| row.get(0),
        )
        .optional()?;
    Ok(is_dnd.map(mark))
}

/// Returns what the provider has said of everybody, by the ids of their rows, as long as it is good.
pub(super) fn all_fresh(tx: &Tx<'_>, now: Timestamp) -> Result<HashMap<i64, Dnd>> {
    let mut statement = tx.0.prepare(
        "SELECT person_id, is_dnd FROM scrub WHERE asked_at BETWEEN iif(is_dnd IS NULL, ?2, ?1) AND ?3",
    )?;
    let (marked, unmarked) = oldest(now);
    let rows = statement.query_map(params![marked, unmarked, to_ms(now)], |row| {
        Ok((row.get(0)?, mark(row.get(1)?)))
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// Returns when the provider said that a person is registered, if that is what it said last, however long ago.
pub(super) fn registered_at(tx: &Tx<'_>, person: i64) -> Result<Option<Timestamp>> {
    let mut statement =
        tx.0.prepare_cached("SELECT asked_at FROM scrub WHERE person_id = ?1 AND is_dnd = 1")?;
    let asked_at = statement.query_row([person], |row| row.get(0)).optional()?;
    Ok(asked_at.map(from_ms))
}

/// Returns since when an answer with a mark is good, and one without.
fn oldest(now: Timestamp) -> (i64, i64) {
    let since = |good_for| to_ms(now.saturating_sub(good_for).unwrap_or(now));
    (since(MARK_IS_GOOD_FOR), since(NO_MARK_IS_GOOD_FOR))
}

fn mark(is_dnd: Option<bool>) -> Dnd {
    match is_dnd {
        Some(true) => Dnd::Registered,
        Some(false) | None => Dnd::NotRegistered,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::contact::{Fields, NewContact};
    use crate::store::{Store, campaigns, contacts};

    const ASKED_AT: Timestamp = Timestamp::constant(1_770_000_000, 0);

    /// Returns a database with one person in it.
    fn store(number: PhoneNumber) -> Store {
        let mut store = Store::in_memory().unwrap();
        let contact = NewContact {
            number,
            name: None,
            fields: Fields::default(),
            more_numbers: Vec::new(),
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
                .write(|tx| remember(tx, number, Some(dnd), ASKED_AT))
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
    fn an_answer_without_a_mark_lets_calls_through_for_a_day_and_no_longer() {
        let number: PhoneNumber = "9876500000".parse().unwrap();
        let mut store = store(number);
        store
            .write(|tx| remember(tx, number, None, ASKED_AT))
            .unwrap();
        let day = 24 * 3600;
        for (seconds, is_known) in [(-1, false), (0, true), (day, true), (day + 1, false)] {
            let now = ASKED_AT + SignedDuration::from_secs(seconds);
            let known = is_known.then_some(Dnd::NotRegistered);
            let (one, all) = store
                .read(|tx| Ok((fresh(tx, number, now)?, all_fresh(tx, now)?)))
                .unwrap();
            assert_eq!(one, known, "{seconds} s after");
            assert_eq!(all.into_values().next(), known, "{seconds} s after");
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
                remember(tx, number, Some(Dnd::NotRegistered), ASKED_AT)?;
                remember(tx, number, Some(Dnd::Registered), later)?;
                assert_eq!(fresh(tx, number, later)?, Some(Dnd::Registered));
                remember(tx, number, Some(Dnd::NotRegistered), later)?;
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
                remember(tx, stranger, Some(Dnd::Registered), ASKED_AT)?;
                assert_eq!(fresh(tx, stranger, ASKED_AT)?, None);
                assert_eq!(fresh(tx, abroad, ASKED_AT)?, Some(Dnd::NotRegistered));
                Ok(())
            })
            .unwrap();
    }
}
