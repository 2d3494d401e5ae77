//! What is live, and how much of it holds a line.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::campaigns::CampaignId;
use super::{Result, Tx, to_ms, word};
use crate::domain::attempt::StateName;
use crate::domain::phone::PhoneNumber;

/// What of a campaign and of its account is live, and how much of it holds a line.
///
/// An attempt is live until its end is known; a line is capacity and comes back earlier: a doubt gives it up after
/// [`crate::domain::doubt::holds_line_for`], a call when it must have ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Live {
    /// POSTs of the campaign that are not answered.
    pub intents: u32,
    /// Accepted calls of the campaign whose end was not seen.
    pub calls: u32,
    /// Intents and calls of the campaign that hold a line.
    pub lines: u32,
    /// Doubts of the campaign that hold a line.
    pub doubts: u32,
    /// Intents and calls of the whole account that hold a line.
    pub account_lines: u32,
    /// Doubts of the whole account that hold a line.
    pub account_doubts: u32,
}

/// How long attempts hold their lines.
#[derive(Clone, Copy, Debug)]
pub struct LineHolds {
    /// After this long a call must have ended.
    pub call: Duration,
    /// No doubt holds a line for longer: a clock that was set back must not stretch it.
    pub doubt: Duration,
}

/// Counts what is live in a campaign, and in all campaigns of its account.
///
/// Calls of other campaigns may have nobody who asks about them, if their runner has left: they give up their lines
/// when they must have ended, by the limits of this campaign.
///
/// # Errors
/// When the database cannot be read.
pub fn count(
    tx: &Tx<'_>,
    campaign: CampaignId,
    account: &str,
    holds: LineHolds,
    now: Timestamp,
) -> Result<Live> {
    let earlier = |by: Duration| to_ms(now.saturating_sub(by).unwrap_or(now));
    let latest_doubt = to_ms(now.saturating_add(holds.doubt).unwrap_or(now));
    // Answered by the index `attempt_live` alone: this is asked in every turn, and thousands can be live.
    let mut statement = tx.0.prepare_cached(
        "SELECT campaign_id = ?1, attempt.state, count(*),
                sum(CASE
                    WHEN attempt.state = 'in_doubt' THEN line_until_at > ?3 AND line_until_at <= ?4
                    WHEN attempt.state = 'intent' THEN campaign_id = ?1 OR intent_at > ?3 - 300000
                    ELSE accepted_at > ?5
                END)
         FROM campaign JOIN attempt ON attempt.campaign_id = campaign.id
         WHERE live = 1 AND (campaign.id = ?1 OR campaign.account = ?2)
         GROUP BY campaign_id, attempt.state",
    )?;
    let mut live = Live::default();
    let mut rows = statement.query(params![
        campaign.get(),
        account,
        to_ms(now),
        latest_doubt,
        earlier(holds.call)
    ])?;
    while let Some(row) = rows.next()? {
        let (ours, state): (bool, String) = (row.get(0)?, row.get(1)?);
        let (attempts, lines): (u32, u32) = (row.get(2)?, row.get(3)?);
        let state: StateName = word(&state)?;
        if state == StateName::InDoubt {
            live.account_doubts += lines;
        } else {
            live.account_lines += lines;
        }
        match state {
            _ if !ours => {}
            StateName::InDoubt => live.doubts = lines,
            StateName::Intent => (live.intents, live.lines) = (attempts, live.lines + lines),
            _ => (live.calls, live.lines) = (live.calls + attempts, live.lines + lines),
        }
    }
    Ok(live)
}

/// Returns the campaign that has a call to this number which is live or not cleared up, if one has.
///
/// # Errors
/// When the database cannot be read.
pub fn campaign_of(tx: &Tx<'_>, number: PhoneNumber) -> Result<Option<CampaignId>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT campaign_id FROM attempt JOIN person ON person.id = person_id
         WHERE number = ?1 AND (live = 1 OR state IN ('held', 'outcome_unknown'))
         ORDER BY live = 1 DESC, attempt.id DESC LIMIT 1",
    )?;
    let number = i64::try_from(number.digits()).unwrap_or(i64::MAX);
    let id: Option<i64> = statement.query_row([number], |row| row.get(0)).optional()?;
    Ok(id.map(CampaignId::from))
}
