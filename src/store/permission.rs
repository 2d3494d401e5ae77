//! The last look: whether the permission that an intent gave still stands when its call is about to leave.
//!
//! A call leaves up to [`crate::domain::pace::LEAD`] after its intent was committed, and later where the pace holds it
//! back. In between another process may have paused the campaign or put the person on the do-not-call list. This reads
//! a few rows by their keys, on a connection of its own: readers wait for nobody.

use rusqlite::params;

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::{Result, Tx};
use crate::domain::phone::PhoneNumber;

/// Returns whether the call of this intent may still leave.
///
/// It may not once its campaign was paused or cancelled, once another run has taken this one's place, once the person
/// is on the do-not-call list, or once the intent is one no more.
///
/// # Errors
/// When the database cannot be read; then nobody may be called.
pub fn stands(tx: &Tx<'_>, attempt: AttemptId) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM attempt JOIN campaign ON campaign.id = attempt.campaign_id
         WHERE attempt.id = ?1 AND attempt.state = 'intent' AND campaign.current_run = attempt.run_id
           AND campaign.state NOT IN ('paused', 'cancelled')
           AND NOT EXISTS (SELECT 1 FROM do_not_call WHERE do_not_call.person_id = attempt.person_id)",
    )?;
    Ok(statement.exists([attempt.get()])?)
}

/// Returns how many calls of a campaign are permitted and not answered: they leave now, have left, or are found to have
/// lost their permission.
///
/// Whoever has paused, cancelled or opted out waits until there is none, and knows then that none is about to begin.
///
/// # Errors
/// When the database cannot be read.
pub fn unanswered(tx: &Tx<'_>, campaign: CampaignId) -> Result<u64> {
    let mut statement = tx.0.prepare_cached(
        "SELECT count(*) FROM attempt WHERE campaign_id = ?1 AND state = 'intent' AND live = 1",
    )?;
    let count: i64 = statement.query_row(params![campaign.get()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Returns the permitted calls to people on the do-not-call list that are not answered: of which campaign, and to whom.
///
/// One question for however many people have just been put on it: it goes along what is live, which is little.
///
/// # Errors
/// When the database cannot be read.
pub fn unanswered_to_listed(tx: &Tx<'_>) -> Result<Vec<(CampaignId, PhoneNumber)>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT campaign_id, number FROM attempt JOIN person ON person.id = person_id
         WHERE live = 1 AND state = 'intent'
           AND EXISTS (SELECT 1 FROM do_not_call WHERE do_not_call.person_id = attempt.person_id)",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (campaign, number) = row?;
        Ok((CampaignId::from(campaign), number_of(number)?))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::campaign::CampaignState;
    use crate::domain::contact::{Fields, NewContact};
    use crate::store::attempts::{self, Intent};
    use crate::store::campaigns::{self, PausedBy};
    use crate::store::{Store, contacts, runs};

    /// Something that happens between the permission and the call.
    type Meanwhile = fn(&Tx<'_>, CampaignId) -> Result<()>;

    /// What is seen of the one permitted call: whether it may leave, how many there are, and how many to listed people.
    fn after(meanwhile: Meanwhile) -> (bool, u64, usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open_or_create(&folder.path().join("exocamp.db")).unwrap();
        let mut eyes = store.open_beside().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let permitted = store.write(|tx| -> Result<_> {
            let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
            let source = contacts::add_source(tx, id, "leads.csv", now)?;
            let contact = NewContact {
                number: "9876500001".parse().unwrap(),
                name: None,
                fields: Fields::default(),
                more_numbers: Vec::new(),
                line: 2,
            };
            contacts::add(tx, id, source, &contact)?;
            contacts::count_new(tx, id, 1)?;
            let run = runs::begin(tx, id, 1, "desk", now)?;
            runs::campaign_is_running(tx, id, now)?;
            let due = contacts::due(tx, id, now, 1)?;
            let intent = Intent {
                run,
                campaign: id,
                contact: due[0].contact,
                key: "key",
                send_at: now,
                caller_id: "08098765000".parse().unwrap(),
                ring: Duration::from_secs(30),
                tariff: None,
                talk_limit: Duration::from_secs(60),
                callback_hash: None,
            };
            Ok((id, attempts::record_intent(tx, &intent, now)?))
        });
        let (id, attempt) = permitted.unwrap();
        assert!(eyes.read(|tx| stands(tx, attempt)).unwrap());
        store.write(|tx| meanwhile(tx, id)).unwrap();
        eyes.read(|tx| {
            let listed = unanswered_to_listed(tx)?;
            let number = "9876500001".parse().unwrap();
            assert!(listed.iter().all(|open| *open == (id, number)));
            Ok((stands(tx, attempt)?, unanswered(tx, id)?, listed.len()))
        })
        .unwrap()
    }

    #[test]
    fn whatever_forbids_calls_withdraws_a_permission_that_was_given_before() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(after(|_, _| Ok(())), (true, 1, 0));
        let withdrawing: [Meanwhile; 5] = [
            |tx, id| campaigns::pause(tx, id, &PausedBy::Person, Timestamp::UNIX_EPOCH),
            |tx, id| {
                campaigns::pause(
                    tx,
                    id,
                    &PausedBy::Exocamp("no".into()),
                    Timestamp::UNIX_EPOCH,
                )
            },
            |tx, id| campaigns::set_state(tx, id, CampaignState::Cancelled, Timestamp::UNIX_EPOCH),
            |tx, id| runs::begin(tx, id, 2, "desk", Timestamp::UNIX_EPOCH).map(drop),
            |tx, _| {
                let sql = "INSERT INTO do_not_call (person_id, added_at, added_by, source) SELECT id, 0, 'asha', 'person' FROM person";
                tx.0.execute(sql, [])?;
                Ok(())
            },
        ];
        for (case, meanwhile) in withdrawing.into_iter().enumerate() {
            // The last of them alone is an opt-out.
            let listed = usize::from(case == 4);
            assert_eq!(after(meanwhile), (false, 1, listed), "case {case}");
        }
        let resumed: Meanwhile = |tx, id| {
            campaigns::pause(tx, id, &PausedBy::Person, Timestamp::UNIX_EPOCH)?;
            campaigns::set_state(tx, id, CampaignState::Running, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(after(resumed), (true, 1, 0), "{now}");
        let answered: Meanwhile = |tx, _| {
            tx.0.execute("UPDATE attempt SET state = 'not_sent'", [])?;
            Ok(())
        };
        assert_eq!(after(answered), (false, 0, 0));
    }
}
