//! Campaigns and their remembered settings.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Result, Tx, exactly_one, from_ms, to_ms, word};
use crate::domain::campaign::{CampaignName, CampaignState, Policy, Setting};

/// Names a campaign within its database.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CampaignId(i64);

impl From<i64> for CampaignId {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl CampaignId {
    pub(super) fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who paused a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PausedBy {
    /// A person; only `resume` ends it.
    Person,
    /// exocamp, for this trouble with the provider; the next start whose first GET succeeds ends it, also one of `run`.
    Exocamp(String),
    /// exocamp, for this that came of the calls; a start that a person has decided on ends it, as above.
    Quality(String),
}

impl PausedBy {
    /// Returns why exocamp has paused the campaign; `None` if a person has.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Person => None,
            Self::Exocamp(why) | Self::Quality(why) => Some(why),
        }
    }
}

/// A campaign as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Who made it.
    pub owner: String,
    /// The Exotel account it was first started with.
    pub account: Option<String>,
    /// Whether it keeps test calls, each of which a person wanted then and at no other time.
    pub is_for_test_calls: bool,
    /// Where it stands.
    pub state: CampaignState,
    /// Who paused it, while it is paused.
    pub paused_by: Option<PausedBy>,
    /// What a call has turned out to last.
    pub typical_call: Option<Duration>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was first started.
    pub started_at: Option<Timestamp>,
    /// When its last contact was finished.
    pub finished_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, name, owner, account, state, paused_by, paused_why, paused_at, typical_call_ms, created_at, \
                       started_at, finished_at, is_for_test_calls, \
                       paused_over";

/// Makes a campaign.
///
/// # Errors
/// When the name is taken.
pub fn create(tx: &Tx<'_>, name: &CampaignName, owner: &str, now: Timestamp) -> Result<CampaignId> {
    tx.0.execute(
        "INSERT INTO campaign (name, owner, created_at) VALUES (?1, ?2, ?3)",
        params![name.as_str(), owner, to_ms(now)],
    )?;
    Ok(CampaignId(tx.0.last_insert_rowid()))
}

/// Keeps a campaign for test calls from now on.
///
/// # Errors
/// When the database refuses.
pub fn keep_for_test_calls(tx: &Tx<'_>, id: CampaignId) -> Result<()> {
    let sql = "UPDATE campaign SET is_for_test_calls = 1 WHERE id = ?1";
    exactly_one("keep a campaign for test calls", tx.0.execute(sql, [id.0])?)
}

/// Returns the campaign of this name, letter case aside.
///
/// # Errors
/// When the database cannot be read.
pub fn find(tx: &Tx<'_>, name: &str) -> Result<Option<Campaign>> {
    let sql = format!("SELECT {COLUMNS} FROM campaign WHERE name = ?1");
    let raw =
        tx.0.prepare_cached(&sql)?
            .query_row([name], read_raw)
            .optional()?;
    raw.map(Raw::into_campaign).transpose()
}

/// Returns a campaign that is known to exist.
///
/// # Errors
/// When it does not, or the database cannot be read.
pub fn get(tx: &Tx<'_>, id: CampaignId) -> Result<Campaign> {
    let sql = format!("SELECT {COLUMNS} FROM campaign WHERE id = ?1");
    tx.0.prepare_cached(&sql)?
        .query_row([id.0], read_raw)?
        .into_campaign()
}

/// Returns all campaigns, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn all(tx: &Tx<'_>) -> Result<Vec<Campaign>> {
    let sql = format!("SELECT {COLUMNS} FROM campaign ORDER BY id");
    let mut statement = tx.0.prepare_cached(&sql)?;
    let rows = statement.query_map([], read_raw)?;
    rows.map(|raw| raw?.into_campaign()).collect()
}

/// Returns how the campaign's people are called: its settings over the defaults.
///
/// # Errors
/// When a stored setting makes no sense.
pub fn policy(tx: &Tx<'_>, id: CampaignId) -> Result<Policy> {
    let mut policy = Policy::default();
    let mut statement =
        tx.0.prepare_cached("SELECT key, value FROM setting WHERE campaign_id = ?1 ORDER BY id")?;
    let mut rows = statement.query([id.0])?;
    while let Some(row) = rows.next()? {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        let nonsense = || super::StoreError::Nonsense(format!("{key}={value}"));
        let key: Setting = key.parse().map_err(|_| nonsense())?;
        policy.set(key, &value).map_err(|_| nonsense())?;
    }
    Ok(policy)
}

/// Remembers a setting, with who set it and when; what was set before is kept.
///
/// # Errors
/// When the database refuses.
pub fn remember(
    tx: &Tx<'_>,
    id: CampaignId,
    key: Setting,
    value: &str,
    by: &str,
    now: Timestamp,
) -> Result<()> {
    tx.0.execute(
        "INSERT INTO setting (campaign_id, key, value, set_by, set_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id.0, key.as_str(), value, by, to_ms(now)],
    )?;
    Ok(())
}

/// Binds a campaign to its Exotel account, once and for all.
///
/// # Errors
/// When it is bound to another account already.
pub fn bind_account(tx: &Tx<'_>, id: CampaignId, account: &str) -> Result<()> {
    let sql =
        "UPDATE campaign SET account = ?2 WHERE id = ?1 AND (account IS NULL OR account = ?2)";
    exactly_one(
        "bind the campaign to its account",
        tx.0.execute(sql, params![id.0, account])?,
    )
}

/// Moves a campaign to a state other than paused; a pause that it was in ends.
///
/// # Errors
/// When the database refuses.
pub fn set_state(tx: &Tx<'_>, id: CampaignId, state: CampaignState, now: Timestamp) -> Result<()> {
    let finished_at = (state == CampaignState::Completed).then(|| to_ms(now));
    let changed = tx.0.execute(
        "UPDATE campaign SET state = ?2, paused_by = NULL, paused_why = NULL, paused_over = NULL, paused_at = NULL, finished_at = ?3 WHERE id = ?1",
        params![id.0, state.as_str(), finished_at],
    )?;
    exactly_one("set the campaign's state", changed)
}

/// Takes a finished campaign up again: somebody is to be called in it.
///
/// # Errors
/// When the database refuses.
pub fn take_up_again(tx: &Tx<'_>, id: CampaignId) -> Result<()> {
    tx.0.execute(
        "UPDATE campaign SET state = 'stopped', finished_at = NULL WHERE id = ?1 AND state = 'completed'",
        [id.0],
    )?;
    Ok(())
}

/// Pauses a campaign, whoever runs it.
///
/// # Errors
/// When the database refuses.
pub fn pause(tx: &Tx<'_>, id: CampaignId, by: &PausedBy, now: Timestamp) -> Result<()> {
    let (who, over) = match by {
        PausedBy::Person => ("person", None),
        PausedBy::Exocamp(_) => ("exocamp", Some("provider")),
        PausedBy::Quality(_) => ("exocamp", Some("quality")),
    };
    let changed = tx.0.execute(
        "UPDATE campaign SET state = 'paused', paused_by = ?2, paused_why = ?3, paused_over = ?4, paused_at = ?5
         WHERE id = ?1",
        params![id.0, who, by.why(), over, to_ms(now)],
    )?;
    exactly_one("pause the campaign", changed)
}

/// Keeps what a call of this campaign has turned out to last.
///
/// # Errors
/// When the database refuses.
pub fn learn_call_length(tx: &Tx<'_>, id: CampaignId, typical: Duration) -> Result<()> {
    let ms = i64::try_from(typical.as_millis()).unwrap_or(i64::MAX);
    let mut update =
        tx.0.prepare_cached("UPDATE campaign SET typical_call_ms = ?2 WHERE id = ?1")?;
    exactly_one("keep the typical call", update.execute(params![id.0, ms])?)
}

/// A campaign's row before its words are understood.
struct Raw {
    campaign: Campaign,
    state: String,
}

impl Raw {
    fn into_campaign(self) -> Result<Campaign> {
        Ok(Campaign {
            state: word(&self.state)?,
            ..self.campaign
        })
    }
}

fn read_raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let paused_by: Option<String> = row.get(5)?;
    let why = row.get::<_, Option<String>>(6)?.unwrap_or_default();
    let over: Option<String> = row.get(13)?;
    let time = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(from_ms));
    Ok(Raw {
        state: row.get(4)?,
        campaign: Campaign {
            id: CampaignId(row.get(0)?),
            name: row.get(1)?,
            owner: row.get(2)?,
            account: row.get(3)?,
            state: CampaignState::Stopped,
            paused_by: paused_by.map(|by| match (by.as_str(), over.as_deref()) {
                ("person", _) => PausedBy::Person,
                (_, Some("quality")) => PausedBy::Quality(why),
                // Pauses older than the column are all of this kind.
                _ => PausedBy::Exocamp(why),
            }),
            typical_call: row
                .get::<_, Option<i64>>(8)?
                .map(|ms| Duration::from_millis(ms.unsigned_abs())),
            created_at: from_ms(row.get(9)?),
            started_at: time(10)?,
            finished_at: time(11)?,
            is_for_test_calls: row.get(12)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn every_state_fits_the_table_and_a_pause_names_its_cause() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let id = create(tx, &"leads".parse().unwrap(), "asha", now)?;
                for state in CampaignState::ALL
                    .into_iter()
                    .filter(|state| *state != CampaignState::Paused)
                {
                    set_state(tx, id, state, now)?;
                    assert_eq!(get(tx, id)?.state, state);
                }
                for why in [
                    PausedBy::Quality("the canary: 4 of 4 calls failed".into()),
                    PausedBy::Exocamp("no balance".into()),
                    PausedBy::Person,
                ] {
                    pause(tx, id, &why, now)?;
                    let paused = find(tx, "LEADS")?.unwrap();
                    assert_eq!(
                        (paused.state, paused.paused_by),
                        (CampaignState::Paused, Some(why))
                    );
                }
                assert!(
                    set_state(tx, id, CampaignState::Paused, now).is_err(),
                    "a pause without a cause is refused"
                );
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_latest_value_of_a_setting_counts() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let id = create(tx, &"leads".parse().unwrap(), "asha", now)?;
                assert_eq!(policy(tx, id)?, Policy::default());
                remember(tx, id, Setting::Lines, "5", "asha", now)?;
                remember(tx, id, Setting::Lines, "7", "ravi", now)?;
                assert_eq!(policy(tx, id)?.lines, Some(7));
                remember(tx, id, Setting::Hours, "whenever", "ravi", now)?;
                assert!(policy(tx, id).is_err());
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_campaign_keeps_its_first_account() {
        let mut store = Store::in_memory().unwrap();
        store
            .write(|tx| -> Result<()> {
                let id = create(tx, &"leads".parse().unwrap(), "asha", Timestamp::UNIX_EPOCH)?;
                bind_account(tx, id, "exampleco1")?;
                bind_account(tx, id, "exampleco1")?;
                assert!(bind_account(tx, id, "exampleco2").is_err());
                assert_eq!(get(tx, id)?.account.as_deref(), Some("exampleco1"));
                Ok(())
            })
            .unwrap();
    }
}
