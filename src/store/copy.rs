//! Copies a campaign into another database, so that it can be rehearsed without touching the real one.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::params;

use super::{Result, Store, StoreError, Tx, campaigns, contacts, to_ms};
use crate::domain::campaign::CampaignName;

impl Store {
    /// Copies a campaign's settings and contacts from another database, every contact untried and due now.
    ///
    /// What an earlier copy of the same name has been through here is set aside: it is renamed, not deleted, since
    /// attempts are kept. Returns `false` if the other database has no such campaign.
    ///
    /// # Errors
    /// When either database refuses.
    pub fn copy_campaign_from(&mut self, other: &Path, name: &str, now: Timestamp) -> Result<bool> {
        // Opened once as it should be, so that a file that is not ours is refused and an old schema brought up to date.
        drop(Self::open(other)?);
        self.connection
            .execute("ATTACH DATABASE ?1 AS real", [other.to_string_lossy()])?;
        let copied = self.write(|tx| copy(tx, name, now));
        self.connection.execute("DETACH DATABASE real", [])?;
        copied
    }
}

fn copy(tx: &Tx<'_>, name: &str, now: Timestamp) -> Result<bool> {
    let find = "SELECT id, name, owner FROM real.campaign WHERE name = ?1";
    let found = tx.0.query_row(find, [name], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        ))
    });
    let (real, name, owner) = match found {
        Ok(found) => found,
        Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    set_aside_earlier(tx, &name, now)?;
    let parsed: CampaignName = name
        .parse()
        .map_err(|_| StoreError::Nonsense(name.clone()))?;
    let copy = campaigns::create(tx, &parsed, &owner, now)?;
    let source = contacts::add_source(tx, copy, "(a copy)", now)?;
    tx.0.execute(
        "INSERT INTO setting (campaign_id, key, value, set_by, set_at)
         SELECT ?1, key, value, set_by, set_at FROM real.setting WHERE campaign_id = ?2 ORDER BY id",
        params![copy.get(), real],
    )?;
    tx.0.execute(
        "INSERT INTO person (number)
         SELECT number FROM real.person JOIN real.contact ON contact.person_id = person.id WHERE campaign_id = ?1
         ON CONFLICT (number) DO NOTHING",
        [real],
    )?;
    let added = tx.0.execute(
        "INSERT INTO contact (campaign_id, person_id, name, fields, source_id, line, due_at)
         SELECT ?1, main.person.id, theirs.name, theirs.fields, ?3, theirs.line, ?4
         FROM real.contact AS theirs
         JOIN real.person AS their_person ON their_person.id = theirs.person_id
         JOIN main.person ON main.person.number = their_person.number
         WHERE theirs.campaign_id = ?2 ORDER BY theirs.id",
        params![copy.get(), real, source.0, to_ms(now)],
    )?;
    contacts::count_new(tx, copy, added as u64)?;
    Ok(true)
}

/// Gives an earlier copy another name, and ends what it still holds: its pretend calls ended with their sandbox.
fn set_aside_earlier(tx: &Tx<'_>, name: &str, now: Timestamp) -> Result<()> {
    let Some(earlier) = campaigns::find(tx, name)? else {
        return Ok(());
    };
    tx.0.execute(
        "UPDATE campaign SET name = 'rehearsal ' || id, state = 'cancelled', paused_by = NULL, paused_why = NULL, paused_at = NULL, current_run = NULL
         WHERE id = ?1",
        [earlier.id.get()],
    )?;
    for (from, to) in [
        ("intent", "in_doubt"),
        ("in_doubt", "held"),
        ("accepted", "outcome_unknown"),
        ("in_progress", "outcome_unknown"),
    ] {
        tx.0.execute(
            "UPDATE attempt SET state = ?2, closed_at = ?4, look_us = NULL WHERE campaign_id = ?1 AND state = ?3",
            params![earlier.id.get(), to, from, to_ms(now)],
        )?;
    }
    Ok(())
}
