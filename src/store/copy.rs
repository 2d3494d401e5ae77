//! Copies a campaign into another database, so that it can be rehearsed without touching the real one.

use jiff::Timestamp;
use rusqlite::params;

use super::campaigns::{self, Campaign, CampaignId};
use super::{Result, Store, StoreError, Tx, contacts, do_not_call};
use crate::domain::campaign::CampaignName;
use crate::domain::contact::ContactState;
use crate::domain::retry::Reason;

impl Store {
    /// Copies a campaign's settings and contacts into this database, every contact untried and due now.
    ///
    /// The other database is only read. Returns `None` if it has no such campaign.
    ///
    /// # Errors
    /// When either database refuses, or the name is taken here: see [`set_aside`].
    pub fn copy_campaign(
        &mut self,
        other: &mut Self,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<CampaignId>> {
        other.read(|from| match campaigns::find(from, name)? {
            Some(campaign) => self.write(|to| copy(from, to, &campaign, now)).map(Some),
            None => Ok(None),
        })
    }
}

fn copy(from: &Tx<'_>, to: &Tx<'_>, campaign: &Campaign, now: Timestamp) -> Result<CampaignId> {
    let name: CampaignName = campaign
        .name
        .parse()
        .map_err(|_| StoreError::Nonsense(campaign.name.clone()))?;
    let copy = campaigns::create(to, &name, &campaign.owner, now)?;
    let source = contacts::add_source(to, copy, "(a copy)", now)?;

    let mut settings = from.0.prepare(
        "SELECT key, value, set_by, set_at FROM setting WHERE campaign_id = ?1 ORDER BY id",
    )?;
    let mut rows = settings.query([campaign.id.get()])?;
    let mut insert = to.0.prepare(
        "INSERT INTO setting (campaign_id, key, value, set_by, set_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    while let Some(row) = rows.next()? {
        let (key, value, by): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        insert.execute(params![copy.get(), key, value, by, row.get::<_, i64>(3)?])?;
    }

    let mut contacts = from.0.prepare(
        "SELECT number, name, fields, line FROM contact JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 AND number < 999000000000000 AND forget_at IS NULL ORDER BY contact.id",
    )?;
    let mut rows = contacts.query([campaign.id.get()])?;
    let mut added = 0;
    while let Some(row) = rows.next()? {
        let (name, fields): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
        contacts::insert(
            to,
            copy,
            source,
            row.get(0)?,
            name.as_deref(),
            fields.as_deref(),
            row.get(3)?,
        )?;
        added += 1;
    }
    contacts::count_new(to, copy, added)?;
    copy_do_not_call(from, to, campaign.id)?;
    do_not_call::skip_pending(to, copy, now)?;
    Ok(copy)
}

/// Whom the real campaign does not call, its copy does not call either: a list of its own would rehearse something else.
fn copy_do_not_call(from: &Tx<'_>, to: &Tx<'_>, campaign: CampaignId) -> Result<()> {
    let mut listed = from.0.prepare(
        "SELECT number, added_at, added_by, do_not_call.source, note
         FROM contact JOIN do_not_call ON do_not_call.person_id = contact.person_id
         JOIN person ON person.id = contact.person_id WHERE campaign_id = ?1",
    )?;
    let mut rows = listed.query([campaign.get()])?;
    let mut insert = to.0.prepare(
        "INSERT INTO do_not_call (person_id, added_at, added_by, source, note)
         SELECT id, ?2, ?3, ?4, ?5 FROM person WHERE number = ?1 ON CONFLICT (person_id) DO NOTHING",
    )?;
    while let Some(row) = rows.next()? {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (by, source): (String, String) = (row.get(2)?, row.get(3)?);
        insert.execute(params![
            number,
            at,
            by,
            source,
            row.get::<_, Option<String>>(4)?
        ])?;
    }
    Ok(())
}

/// Ends an earlier copy and gives it another name: attempts are kept, and its pretend calls ended with their sandbox.
///
/// # Errors
/// When the database refuses.
pub fn set_aside(tx: &Tx<'_>, earlier: CampaignId, now: Timestamp) -> Result<()> {
    tx.0.execute(
        "UPDATE campaign SET name = 'rehearsal ' || id, state = 'cancelled', current_run = NULL,
                paused_by = NULL, paused_why = NULL, paused_over = NULL
         WHERE id = ?1",
        [earlier.get()],
    )?;
    let steps = [
        ("intent", "in_doubt"),
        ("in_doubt", "held"),
        ("accepted", "outcome_unknown"),
        ("in_progress", "outcome_unknown"),
    ];
    for (from, to) in steps {
        tx.0.execute(
            "UPDATE attempt SET state = ?2, closed_at = ?4, look_us = NULL WHERE campaign_id = ?1 AND state = ?3",
            params![earlier.get(), to, from, super::to_ms(now)],
        )?;
    }
    tx.0.execute(
        "UPDATE doubt SET look_at = NULL WHERE attempt_id IN (SELECT id FROM attempt WHERE campaign_id = ?1)",
        [earlier.get()],
    )?;
    let held = [ContactState::Held.as_str(), Reason::OutcomeUnknown.as_str()];
    tx.0.execute(
        "UPDATE contact SET state = ?2, reason = ?3 WHERE campaign_id = ?1 AND state = 'initiated'",
        params![earlier.get(), held[0], held[1]],
    )?;
    contacts::cancel_pending(tx, earlier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::campaign::Setting;
    use crate::domain::contact::{Fields, NewContact};

    #[test]
    fn a_copy_has_the_list_and_the_settings_and_the_original_stays_as_it_is() {
        let now = Timestamp::UNIX_EPOCH;
        let (mut real, mut rehearsal) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
        real.write(|tx| -> Result<()> {
            let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
            campaigns::remember(tx, id, Setting::Lines, "5", "asha", now)?;
            let source = contacts::add_source(tx, id, "a.csv", now)?;
            let mut fields = Fields::default();
            fields.push("city", "Pune");
            let contact = NewContact {
                number: "9876500000".parse().unwrap(),
                more_numbers: Vec::new(),
                name: None,
                fields,
                line: 2,
            };
            contacts::add(tx, id, source, &contact)?;
            contacts::count_new(tx, id, 1)
        })
        .unwrap();
        for _ in 0..2 {
            let earlier = rehearsal.read(|tx| campaigns::find(tx, "leads")).unwrap();
            if let Some(earlier) = earlier {
                rehearsal
                    .write(|tx| set_aside(tx, earlier.id, now))
                    .unwrap();
            }
            let copy = rehearsal
                .copy_campaign(&mut real, "leads", now)
                .unwrap()
                .unwrap();
            rehearsal
                .read(|tx| {
                    assert_eq!(campaigns::policy(tx, copy)?.lines, Some(5));
                    assert_eq!(contacts::counts(tx, copy)?.pending, 1);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(rehearsal.read(campaigns::all).unwrap().len(), 2);
        assert_eq!(real.read(campaigns::all).unwrap().len(), 1);
        assert_eq!(
            rehearsal.copy_campaign(&mut real, "nobody", now).unwrap(),
            None
        );
    }

    #[test]
    fn a_copy_calls_nobody_whom_the_original_does_not_call_and_has_nobody_who_was_forgotten() {
        let now = Timestamp::UNIX_EPOCH;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        let mut real = Store::open_or_create(&path).unwrap();
        let mut rehearsal = Store::in_memory().unwrap();
        real.write(|tx| -> Result<()> {
            let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
            let source = contacts::add_source(tx, id, "a.csv", now)?;
            for line in 0..3 {
                let contact = NewContact {
                    number: format!("987650000{line}").parse().unwrap(),
                    name: None,
                    fields: Fields::default(),
                    more_numbers: Vec::new(),
                    line,
                };
                contacts::add(tx, id, source, &contact)?;
            }
            contacts::count_new(tx, id, 3)?;
            let entry = do_not_call::Entry {
                by: "asha",
                source: do_not_call::Source::Person,
                note: None,
            };
            do_not_call::add(tx, "9876500000".parse().unwrap(), &entry, now)?;
            let forgotten = "9876500001".parse().unwrap();
            crate::store::forget::forget(tx, &path, forgotten, "asha", now)?;
            Ok(())
        })
        .unwrap();
        let copy = rehearsal.copy_campaign(&mut real, "leads", now).unwrap();
        let counts = rehearsal.read(|tx| contacts::counts(tx, copy.unwrap()));
        let counts = counts.unwrap();
        assert_eq!((counts.pending, counts.skipped, counts.total()), (1, 1, 2));
    }
}
