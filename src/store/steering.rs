//! Every hand on the tiller, with who, when and why. Settings have their own table: [`super::campaigns::remember`].

use jiff::Timestamp;
use rusqlite::params;

use super::campaigns::CampaignId;
use super::{Result, Tx, from_ms, to_ms};

/// What somebody did to a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Steering {
    /// When.
    pub at: Timestamp,
    /// Who; `exocamp` where it did so itself.
    pub by: String,
    /// In a word: `pause`, `resume`, `cancel`, `retry`, `override`.
    pub what: String,
    /// What exactly, where the word does not say.
    pub detail: Option<String>,
    /// Why, in their words.
    pub because: Option<String>,
}

/// Keeps what somebody did to a campaign; nothing of it is ever changed.
///
/// # Errors
/// When the database refuses.
pub fn record(tx: &Tx<'_>, campaign: CampaignId, steering: &Steering) -> Result<()> {
    tx.0.execute(
        "INSERT INTO steering (campaign_id, at, by, what, detail, because) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            campaign.get(),
            to_ms(steering.at),
            steering.by,
            steering.what,
            steering.detail,
            steering.because
        ],
    )?;
    Ok(())
}

/// Returns what was done to a campaign, in order.
///
/// # Errors
/// When the database cannot be read.
pub fn of_campaign(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<Steering>> {
    let mut statement = tx.0.prepare(
        "SELECT at, by, what, detail, because FROM steering WHERE campaign_id = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([campaign.get()], |row| {
        Ok(Steering {
            at: from_ms(row.get(0)?),
            by: row.get(1)?,
            what: row.get(2)?,
            detail: row.get(3)?,
            because: row.get(4)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, campaigns};

    #[test]
    fn what_was_done_is_kept_in_order_and_cannot_be_changed() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
                let done = |what: &str| Steering {
                    at: now,
                    by: "asha".to_owned(),
                    what: what.to_owned(),
                    detail: None,
                    because: Some("the flow is wrong".to_owned()),
                };
                for what in ["pause", "resume"] {
                    record(tx, id, &done(what))?;
                }
                assert_eq!(of_campaign(tx, id)?, [done("pause"), done("resume")]);
                assert!(
                    tx.0.execute("UPDATE steering SET by = 'nobody'", [])
                        .is_err()
                );
                assert!(tx.0.execute("DELETE FROM steering", []).is_err());
                Ok(())
            })
            .unwrap();
    }
}
