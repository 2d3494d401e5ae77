//! Copies what a campaign has still to do into a database of its own, and tells afterwards how it was played.
//!
//! Unlike the copy that `start --sandbox` plays, which begins anew, this one goes on where the campaign is: finished
//! contacts are finished, waits go on, and every call of the last 7 days counts against the caps. The original is only
//! read.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::campaigns::{self, Campaign, CampaignId};
use super::contacts::{self, SourceId};
use super::runs;
use super::{Result, Store, StoreError, Tx, exactly_one, from_ms, to_ms, word};
use crate::domain::attempt::StateName;
use crate::domain::campaign::{CampaignName, Setting};
use crate::domain::contact::ContactState;
use crate::domain::eligibility;
use crate::domain::retry::Reason;

/// A call as it was played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayedCall {
    /// When it was to be sent.
    pub sent_at: Timestamp,
    /// When it ended, if that was seen.
    pub ended_at: Option<Timestamp>,
    /// How long somebody was on the phone; zero where nobody picked up.
    pub talk: Duration,
}

impl Store {
    /// Copies a campaign into this database as it stands, with whom not to call and whom the last 7 days have called.
    ///
    /// The settings count over the campaign's own. A call that is under way, or
    /// in doubt, is copied as one that waits for evidence: nobody can play what becomes of it. Returns `None` if the
    /// other database has no such campaign.
    ///
    /// # Errors
    /// When either database refuses.
    pub fn copy_for_rehearsal(
        &mut self,
        other: &mut Self,
        name: &str,
        settings: &[(Setting, String)],
        now: Timestamp,
    ) -> Result<Option<CampaignId>> {
        other.read(|from| match campaigns::find(from, name)? {
            Some(campaign) => self
                .write(|to| copy(from, to, &campaign, settings, now))
                .map(Some),
            None => Ok(None),
        })
    }
}

fn copy(
    from: &Tx<'_>,
    to: &Tx<'_>,
    campaign: &Campaign,
    settings: &[(Setting, String)],
    now: Timestamp,
) -> Result<CampaignId> {
    let name: CampaignName = campaign
        .name
        .parse()
        .map_err(|_| StoreError::Nonsense(campaign.name.clone()))?;
    let copy = campaigns::create(to, &name, &campaign.owner, campaign.created_at)?;
    let by = &campaign.owner;
    let mut remembered = from
        .0
        .prepare("SELECT key, value FROM setting WHERE campaign_id = ?1 ORDER BY id")?;
    let mut rows = remembered.query([campaign.id.get()])?;
    while let Some(row) = rows.next()? {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        campaigns::remember(to, copy, word(&key)?, &value, by, now)?;
    }
    for (key, value) in settings {
        campaigns::remember(to, copy, *key, value, by, now)?;
    }
    let spent: i64 = from
        .0
        .prepare_cached("SELECT cost_um FROM campaign WHERE id = ?1")?
        .query_row([campaign.id.get()], |row| row.get(0))?;
    to.0.execute(
        "UPDATE campaign SET cost_um = ?2, started_at = ?3 WHERE id = ?1",
        params![copy.get(), spent, campaign.started_at.map(to_ms)],
    )?;
    let source = contacts::add_source(to, copy, "(a copy)", now)?;
    copy_contacts(from, to, campaign.id, copy, source)?;
    copy_do_not_call(from, to, campaign.id)?;
    copy_earlier_calls(from, to, campaign.id, now)?;
    Ok(copy)
}

fn copy_contacts(
    from: &Tx<'_>,
    to: &Tx<'_>,
    campaign: CampaignId,
    copy: CampaignId,
    source: SourceId,
) -> Result<()> {
    let mut select = from.0.prepare(
        "SELECT number, state, reason, due_at, charged, line FROM contact JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 ORDER BY contact.id",
    )?;
    let mut insert_person =
        to.0.prepare("INSERT INTO person (number) VALUES (?1) ON CONFLICT (number) DO NOTHING")?;
    let mut insert = to.0.prepare(
        "INSERT INTO contact (campaign_id, source_id, person_id, state, reason, due_at, charged, line)
         SELECT ?1, ?2, id, ?4, ?5, ?6, ?7, ?8 FROM person WHERE number = ?3",
    )?;
    let mut rows = select.query([campaign.get()])?;
    while let Some(row) = rows.next()? {
        let (number, state, reason): (i64, String, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let (due_at, charged, line): (Option<i64>, i64, i64) =
            (row.get(3)?, row.get(4)?, row.get(5)?);
        let (state, reason) = match word(&state)? {
            ContactState::Initiated => (ContactState::Held, Some(Reason::InDoubt.as_str())),
            state => (state, reason.as_deref()),
        };
        insert_person.execute([number])?;
        let added = insert.execute(params![
            copy.get(),
            source.0,
            number,
            state.as_str(),
            reason,
            due_at,
            charged,
            line
        ])?;
        exactly_one("copy a contact", added)?;
    }
    to.0.execute(
        "INSERT INTO tally (campaign_id, state, contacts)
         SELECT campaign_id, state, count(*) FROM contact WHERE campaign_id = ?1 GROUP BY state",
        [copy.get()],
    )?;
    Ok(())
}

fn copy_do_not_call(from: &Tx<'_>, to: &Tx<'_>, campaign: CampaignId) -> Result<()> {
    let mut select = from.0.prepare(
        "SELECT number, added_at, added_by, do_not_call.source FROM do_not_call
         JOIN person ON person.id = do_not_call.person_id
         JOIN contact ON contact.person_id = person.id AND contact.campaign_id = ?1",
    )?;
    let mut insert = to.0.prepare(
        "INSERT INTO do_not_call (person_id, added_at, added_by, source)
         SELECT id, ?2, ?3, ?4 FROM person WHERE number = ?1",
    )?;
    let mut rows = select.query([campaign.get()])?;
    while let Some(row) = rows.next()? {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (by, source): (String, String) = (row.get(2)?, row.get(3)?);
        exactly_one(
            "copy who is not to be called",
            insert.execute(params![number, at, by, source])?,
        )?;
    }
    Ok(())
}

/// No campaign can have this name.
const EARLIER_CALLS: &str = "/earlier calls";

/// Copies the calls that count against the caps, whatever campaign they were of, as ended ones of another campaign.
fn copy_earlier_calls(
    from: &Tx<'_>,
    to: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<()> {
    to.0.execute(
        "INSERT INTO campaign (name, owner, state, created_at) VALUES (?1, 'exocamp', 'completed', ?2)",
        params![EARLIER_CALLS, to_ms(now)],
    )?;
    let earlier = CampaignId::from(to.0.last_insert_rowid());
    let run = runs::begin(to, earlier, std::process::id(), "exocamp", now)?;
    let source = contacts::add_source(to, earlier, "(a copy)", now)?;
    let mut select = from.0.prepare(
        "SELECT number, send_at FROM contact JOIN attempt ON attempt.person_id = contact.person_id
         JOIN person ON person.id = contact.person_id
         WHERE contact.campaign_id = ?1 AND send_at > ?2
           AND attempt.state NOT IN ('not_sent', 'rejected', 'not_placed') ORDER BY send_at",
    )?;
    let mut insert_contact = to.0.prepare(
        "INSERT INTO contact (campaign_id, source_id, person_id, state, line)
         SELECT ?1, ?2, id, 'completed', 0 FROM person WHERE number = ?3
         ON CONFLICT (campaign_id, person_id) DO NOTHING",
    )?;
    let mut insert = to.0.prepare(
        "INSERT INTO attempt (key, run_id, campaign_id, contact_id, person_id, state, intent_at, send_at)
         SELECT ?1, ?2, ?3, contact.id, person.id, 'intent', ?5, ?5
         FROM person JOIN contact ON contact.person_id = person.id AND contact.campaign_id = ?3 WHERE number = ?4",
    )?;
    let mut update =
        to.0.prepare("UPDATE attempt SET state = ?2, call_sid = ?3 WHERE id = ?1")?;
    let since = now.saturating_sub(eligibility::WEEK).unwrap_or(now);
    let mut rows = select.query(params![campaign.get(), to_ms(since)])?;
    let mut count = 0_u64;
    while let Some(row) = rows.next()? {
        let (number, sent_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        count += 1;
        let sid = format!("earlier{count}");
        insert_contact.execute(params![earlier.get(), source.0, number])?;
        let added = insert.execute(params![sid, run.0, earlier.get(), number, sent_at])?;
        exactly_one("copy an earlier call", added)?;
        let attempt = to.0.last_insert_rowid();
        // The steps of every call: the schema knows no shorter way.
        for state in [StateName::Accepted, StateName::Failed] {
            update.execute(params![attempt, state.as_str(), sid])?;
        }
    }
    Ok(())
}

/// Returns the calls that were played in a campaign, in order.
///
/// # Errors
/// When the database cannot be read.
pub fn played_calls(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<PlayedCall>> {
    let mut statement = tx.0.prepare(
        "SELECT send_at, call_ended_at, coalesce(duration_s, 0) FROM attempt
         WHERE campaign_id = ?1 AND call_sid IS NOT NULL ORDER BY send_at, id",
    )?;
    let rows = statement.query_map([campaign.get()], |row| {
        Ok(PlayedCall {
            sent_at: from_ms(row.get(0)?),
            ended_at: row.get::<_, Option<i64>>(1)?.map(from_ms),
            talk: Duration::from_secs(row.get::<_, i64>(2)?.unsigned_abs()),
        })
    })?;
    rows.map(|call| Ok(call?)).collect()
}

/// Returns how many contacts were called in this database, or are still to be.
///
/// # Errors
/// When the database cannot be read.
pub fn callable(tx: &Tx<'_>, campaign: CampaignId) -> Result<u64> {
    let mut statement = tx.0.prepare(
        "SELECT count(*) FROM contact
         WHERE campaign_id = ?1 AND (last_attempt_id IS NOT NULL OR state = 'pending')",
    )?;
    let callable: i64 = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(callable.unsigned_abs())
}

/// Returns how many contacts were left out by each rule without having been called in this database.
///
/// # Errors
/// When the database cannot be read.
pub fn left_out(tx: &Tx<'_>, campaign: CampaignId) -> Result<BTreeMap<String, u64>> {
    let mut statement = tx.0.prepare(
        "SELECT coalesce(reason, ''), count(*) FROM contact
         WHERE campaign_id = ?1 AND state = 'skipped' AND last_attempt_id IS NULL GROUP BY 1",
    )?;
    let rows = statement.query_map([campaign.get()], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    rows.map(|row| Ok(row?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::{Fields, NewContact};
    use crate::domain::retry::Verdict;
    use crate::store::attempts::{self, Intent};

    #[test]
    fn a_copy_goes_on_where_the_campaign_is_and_the_original_stays_as_it_is() {
        let now: Timestamp = "2026-03-02T10:00:00+05:30".parse().unwrap();
        let mut real = Store::in_memory().unwrap();
        let number = |last: u64| format!("987650000{last}").parse().unwrap();
        real.write(|tx| -> Result<()> {
            let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
            campaigns::remember(tx, id, Setting::Lines, "5", "asha", now)?;
            let source = contacts::add_source(tx, id, "a.csv", now)?;
            for line in 0..5 {
                let contact = NewContact {
                    number: number(line),
                    name: None,
                    fields: Fields::default(),
                    more_numbers: Vec::new(),
                    line,
                };
                contacts::add(tx, id, source, &contact)?;
            }
            contacts::count_new(tx, id, 5)?;
            let run = runs::begin(tx, id, 1, "desk", now)?;
            let due = contacts::due(tx, id, now, 5)?;
            contacts::settle(tx, due[0].contact, Verdict::Completed(None))?;
            contacts::settle(tx, due[1].contact, Verdict::Skipped(Reason::Ndnc))?;
            let intent = Intent {
                run,
                campaign: id,
                contact: due[2].contact,
                key: "k",
                send_at: now,
                caller_id: "08098765000".parse().unwrap(),
                ring: Duration::from_secs(30),
                tariff: None,
                talk_limit: Duration::from_secs(900),
                callback_hash: None,
            };
            attempts::record_intent(tx, &intent, now)?;
            tx.0.execute(
                "INSERT INTO do_not_call (person_id, added_at, added_by, source)
                 SELECT id, 0, 'asha', 'person' FROM person WHERE number = 919876500003",
                [],
            )?;
            Ok(())
        })
        .unwrap();

        let mut played = Store::in_memory().unwrap();
        let lines = [(Setting::Lines, "7".to_owned())];
        let copy = played.copy_for_rehearsal(&mut real, "leads", &lines, now);
        let copy = copy.unwrap().unwrap();
        played
            .read(|tx| {
                assert_eq!(campaigns::policy(tx, copy)?.lines, Some(7));
                let counts = contacts::counts(tx, copy)?;
                assert_eq!((counts.completed, counts.skipped), (1, 1));
                assert_eq!((counts.held, counts.pending), (1, 2));
                let due = contacts::due(tx, copy, now, 9)?;
                let seen = due
                    .iter()
                    .map(|due| (due.number, due.person.is_do_not_call));
                let expected = [(number(3), true), (number(4), false)];
                assert_eq!(seen.collect::<Vec<_>>(), expected);
                let called: i64 = tx.0.query_row(
                    "SELECT number FROM attempt JOIN person ON person.id = person_id WHERE live = 0",
                    [],
                    |row| row.get(0),
                )?;
                assert_eq!(called, 919_876_500_002, "an earlier call counts");
                assert_eq!(played_calls(tx, copy)?, []);
                assert_eq!(left_out(tx, copy)?, BTreeMap::from([("ndnc".to_owned(), 1)]));
                Ok(())
            })
            .unwrap();
        let before = real.read(|tx| {
            let id = campaigns::find(tx, "leads")?.unwrap().id;
            contacts::counts(tx, id)
        });
        assert_eq!(before.unwrap().initiated, 1);
        let nobody = played.copy_for_rehearsal(&mut real, "nobody", &[], now);
        assert_eq!(nobody.unwrap(), None);
    }
}
