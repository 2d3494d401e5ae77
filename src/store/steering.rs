//! Every hand on the tiller, with who, when and why. Settings have their own table: [`super::campaigns::remember`].

use jiff::Timestamp;
use rusqlite::params;

use super::campaigns::{self, CampaignId, PausedBy};
use super::offers::{self, Filter};
use super::{Result, Tx, contacts, from_ms, to_ms};
use crate::domain::campaign::CampaignState;
use crate::domain::phone::mask_numbers;

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

/// Whose hand it is.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    /// Who.
    pub by: &'a str,
    /// Why, if they said so.
    pub because: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

impl Hand<'_> {
    fn did(&self, what: &str, detail: Option<String>) -> Steering {
        Steering {
            at: self.at,
            by: self.by.to_owned(),
            what: what.to_owned(),
            detail,
            because: self.because.map(str::to_owned),
        }
    }
}

/// Pauses a campaign until somebody resumes it.
///
/// # Errors
/// When the database refuses.
pub fn pause(tx: &Tx<'_>, campaign: CampaignId, hand: &Hand<'_>) -> Result<()> {
    campaigns::pause(tx, campaign, &PausedBy::Person, hand.at)?;
    record(tx, campaign, &hand.did("pause", None))
}

/// Ends a pause, whoever's it was; the campaign is in this state then.
///
/// # Errors
/// When the database refuses.
pub fn resume(
    tx: &Tx<'_>,
    campaign: CampaignId,
    state: CampaignState,
    hand: &Hand<'_>,
) -> Result<()> {
    campaigns::set_state(tx, campaign, state, hand.at)?;
    record(tx, campaign, &hand.did("resume", None))
}

/// Ends a campaign for good, and returns how many contacts are not called any more.
///
/// Live calls and doubts stay what they are; no outcome of theirs makes anybody due again.
///
/// # Errors
/// When the database refuses.
pub fn cancel(tx: &Tx<'_>, campaign: CampaignId, hand: &Hand<'_>) -> Result<u64> {
    let pending = contacts::counts(tx, campaign)?.pending;
    contacts::cancel_pending(tx, campaign)?;
    campaigns::set_state(tx, campaign, CampaignState::Cancelled, hand.at)?;
    let detail = format!("{pending} contacts skipped");
    record(tx, campaign, &hand.did("cancel", Some(detail)))?;
    Ok(pending)
}

/// Offers finished contacts again, and returns how many; a completed campaign can be started again then.
///
/// # Errors
/// When the database refuses.
pub fn retry(tx: &Tx<'_>, campaign: CampaignId, filter: &Filter, hand: &Hand<'_>) -> Result<u64> {
    let offered = offers::offer(tx, campaign, filter)?;
    if offered > 0 {
        let detail = format!("{filter}: {offered} contacts");
        record(tx, campaign, &hand.did("retry", Some(detail)))?;
    }
    Ok(offered)
}

/// Keeps what somebody did to a campaign; nothing of it is ever changed.
///
/// A reason may name who has complained, and could not be cleared of them when they are forgotten: numbers in it are
/// masked.
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
            steering.because.as_deref().map(mask_numbers)
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
