//! What attempts cost and what a campaign has spent. The sum is kept by the schema's triggers; nobody adds it up.

use std::time::Duration;

use rusqlite::params;

use super::attempts::AttemptId;
use super::campaigns::CampaignId;
use super::{Result, Tx, exactly_one, word};
use crate::domain::cost::Bill;
use crate::domain::money::{Money, Tariff};

/// Returns what a campaign has spent: its calls' costs as far as they are known, the worst case of all others.
///
/// # Errors
/// When the database cannot be read.
pub fn spent(tx: &Tx<'_>, campaign: CampaignId) -> Result<Money> {
    let mut statement =
        tx.0.prepare_cached("SELECT cost_um FROM campaign WHERE id = ?1")?;
    let micros = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(Money::from_micros(micros))
}

/// Reckons what the attempts cost that were made before anybody had said what a call costs: a budget is for them as well.
///
/// # Errors
/// When the database refuses.
pub(super) fn reckon_what_had_no_tariff(
    tx: &Tx<'_>,
    campaign: CampaignId,
    tariff: Tariff,
) -> Result<()> {
    let mut statement =
        tx.0.prepare("SELECT id FROM attempt WHERE campaign_id = ?1 AND tariff_um IS NULL")?;
    let rows = statement.query_map([campaign.get()], |row| row.get(0))?;
    let attempts: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    let mut update =
        tx.0.prepare("UPDATE attempt SET tariff_um = ?2 WHERE id = ?1")?;
    for attempt in attempts {
        update.execute(params![attempt, tariff.per_minute().as_micros()])?;
        settle(tx, AttemptId(attempt))?;
    }
    Ok(())
}

/// Reckons anew what an attempt costs, by the tariff that it was permitted with. To be done whenever something was
/// learnt about it: its state, its length or its price.
///
/// # Errors
/// When the database refuses.
pub(super) fn settle(tx: &Tx<'_>, attempt: AttemptId) -> Result<()> {
    let mut statement = tx.0.prepare_cached(
        "SELECT state, tariff_um, talk_limit_s, duration_s, price, cost_um FROM attempt WHERE id = ?1",
    )?;
    let (state, tariff, talk_limit, length, price, before) =
        statement.query_row([attempt.0], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<i64>>(1)?,
                row.get::<_, Option<i64>>(2)?,
                row.get::<_, Option<i64>>(3)?,
                row.get::<_, Option<String>>(4)?,
                row.get::<_, i64>(5)?,
            ))
        })?;
    let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    let bill = Bill {
        state: word(&state)?,
        tariff: tariff.map(|micros| Tariff::of(Money::from_micros(micros))),
        talk_limit: seconds(talk_limit.unwrap_or_default()),
        length: length.map(seconds),
        // A price that nobody can read is as good as none.
        price: price.and_then(|price| price.parse().ok()),
    };
    let cost = bill.amount().as_micros();
    if cost == before {
        return Ok(());
    }
    let mut update =
        tx.0.prepare_cached("UPDATE attempt SET cost_um = ?2 WHERE id = ?1")?;
    exactly_one("settle a cost", update.execute(params![attempt.0, cost])?)
}
