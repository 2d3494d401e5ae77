//! Everybody of a campaign as `plan` sees them: where they stand, and whether they could be called.
//!
//! Reads a million contacts in a second or two: one pass over the contacts, and what may keep people from being called
//! is looked up in memory, not in the database once for each.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::params;

use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::{Result, Tx, from_ms, scrubs, to_ms, word};
use crate::domain::contact::ContactState;
use crate::domain::eligibility::{self, Dnd, Person};
use crate::domain::phone::PhoneNumber;
use crate::domain::retry::Reason;

/// A contact, and what decides whether it may be called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prospect {
    /// The contact's id.
    pub id: i64,
    /// The number to ring.
    pub number: PhoneNumber,
    /// Where it stands.
    pub state: ContactState,
    /// Why, where that is known.
    pub reason: Option<Reason>,
    /// When it is due, while it is pending.
    pub due_at: Option<Timestamp>,
    /// Tries that count.
    pub charged: u32,
    /// What decides whether it may be called, while it is pending.
    pub person: Person,
}

/// Hands over the contacts of a campaign in the order in which they came in, each with what decides whether it may be
/// called now.
///
/// # Errors
/// When the database cannot be read.
pub fn each(
    tx: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
    mut take: impl FnMut(Prospect),
) -> Result<()> {
    let refused = people(tx, "SELECT person_id FROM do_not_call")?;
    let live = people(tx, "SELECT person_id FROM attempt WHERE live = 1")?;
    let calls = calls_of_the_week(tx, now)?;
    let marks = scrubs::all_fresh(tx, now)?;
    let mut statement = tx.0.prepare(
        "SELECT contact.id, person.id, number, state, reason, due_at, charged
         FROM contact JOIN person ON person.id = person_id WHERE campaign_id = ?1 ORDER BY contact.id",
    )?;
    let mut rows = statement.query([campaign.get()])?;
    while let Some(row) = rows.next()? {
        let person: i64 = row.get(1)?;
        let reason = row.get_ref(4)?.as_str_or_null().unwrap_or_default();
        let charged = row.get(6)?;
        let number = number_of(row.get(2)?)?;
        take(Prospect {
            id: row.get(0)?,
            number,
            state: word(row.get_ref(3)?.as_str().unwrap_or_default())?,
            reason: Reason::ALL
                .into_iter()
                .find(|known| Some(known.as_str()) == reason),
            due_at: row.get::<_, Option<i64>>(5)?.map(from_ms),
            charged,
            person: Person {
                is_do_not_call: refused.contains(&person),
                is_busy_elsewhere: live.contains(&person),
                calls: calls.get(&person).cloned().unwrap_or_default(),
                was_tried: charged > 0,
                dnd: match number.national() {
                    None => Some(Dnd::NotRegistered),
                    Some(_) => marks.get(&person).copied(),
                },
            },
        });
    }
    Ok(())
}

fn people(tx: &Tx<'_>, sql: &str) -> Result<HashSet<i64>> {
    let mut statement = tx.0.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.map(|person| Ok(person?)).collect()
}

/// Returns when people were called in the last 7 days, by all campaigns, the latest last: whatever may have rung counts.
fn calls_of_the_week(tx: &Tx<'_>, now: Timestamp) -> Result<HashMap<i64, Vec<Timestamp>>> {
    let mut statement = tx.0.prepare(
        "SELECT person_id, send_at FROM attempt WHERE send_at > ?1
         AND state NOT IN ('not_sent', 'rejected', 'not_placed') ORDER BY send_at",
    )?;
    let since = now.saturating_sub(eligibility::WEEK).unwrap_or(now);
    let mut rows = statement.query(params![to_ms(since)])?;
    let mut calls: HashMap<i64, Vec<Timestamp>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let sent_at = from_ms(row.get(1)?);
        calls.entry(row.get(0)?).or_default().push(sent_at);
    }
    Ok(calls)
}
