//! What people are shown: campaigns with their progress, contacts with their last call.

use jiff::Timestamp;
use rusqlite::{ToSql, params_from_iter};

use super::campaigns::{self, Campaign, CampaignId};
use super::contacts::{self, number_of};
use super::costs;
use super::schedules::{self, Schedule};
use super::{Result, Tx, from_ms, word};
use crate::domain::attempt::StateName;
use crate::domain::call::Outcome;
use crate::domain::contact::ContactState;
use crate::domain::money::{Money, Tariff};
use crate::domain::phone::PhoneNumber;
use crate::domain::report::Counts;

/// A campaign with its counts.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The campaign.
    pub campaign: Campaign,
    /// Its contacts by state.
    pub counts: Counts,
    /// What it has spent, what is reserved included; `None` where no tariff and no price says anything.
    pub cost: Option<Money>,
    /// What it may cost, if that is limited.
    pub budget: Option<Money>,
    /// What a call costs, if that is known.
    pub tariff: Option<Tariff>,
    /// When it is to start, or was to and must not any more.
    pub schedule: Option<Schedule>,
    /// What each ExoPhone has done, in the order of their numbers.
    pub exophones: Vec<ExoPhoneFigures>,
}

/// What one ExoPhone of a campaign has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExoPhoneFigures {
    /// The ExoPhone.
    pub caller_id: PhoneNumber,
    /// Calls that were placed, or may have been.
    pub calls: u64,
    /// Those that were picked up.
    pub answered: u64,
    /// Those whose end is not known.
    pub open: u64,
    /// Orders that the provider refused.
    pub refused: u64,
}

/// Returns a campaign with its counts.
///
/// # Errors
/// When the database cannot be read.
pub fn progress(tx: &Tx<'_>, campaign: CampaignId) -> Result<Progress> {
    progress_of(tx, campaigns::get(tx, campaign)?)
}

fn progress_of(tx: &Tx<'_>, campaign: Campaign) -> Result<Progress> {
    let policy = campaigns::policy(tx, campaign.id)?;
    let spent = costs::spent(tx, campaign.id)?;
    Ok(Progress {
        counts: contacts::counts(tx, campaign.id)?,
        exophones: exophones(tx, campaign.id)?,
        cost: (policy.tariff.is_some() || spent > Money::ZERO).then_some(spent),
        budget: policy.budget,
        tariff: policy.tariff,
        schedule: schedules::in_force(tx, campaign.id)?,
        campaign,
    })
}

fn exophones(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<ExoPhoneFigures>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT caller_id,
                sum(attempts) FILTER (WHERE state NOT IN ('not_sent', 'rejected', 'not_placed')),
                sum(attempts) FILTER (WHERE state = 'completed'),
                sum(attempts) FILTER (WHERE state IN ('intent', 'in_doubt', 'held', 'accepted', 'in_progress', 'outcome_unknown')),
                sum(attempts) FILTER (WHERE state = 'rejected')
         FROM caller_id_tally WHERE campaign_id = ?1 GROUP BY caller_id",
    )?;
    let rows = statement.query_map([campaign.get()], |row| {
        let count = |index| {
            Ok::<_, rusqlite::Error>(
                row.get::<_, Option<i64>>(index)?
                    .unwrap_or(0)
                    .unsigned_abs(),
            )
        };
        Ok((row.get(0)?, count(1)?, count(2)?, count(3)?, count(4)?))
    })?;
    rows.map(|row| {
        let (caller_id, calls, answered, open, refused) = row?;
        Ok(ExoPhoneFigures {
            caller_id: number_of(caller_id)?,
            calls,
            answered,
            open,
            refused,
        })
    })
    .collect()
}

/// Returns all campaigns with their counts, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn all_progress(tx: &Tx<'_>) -> Result<Vec<Progress>> {
    campaigns::all(tx)?
        .into_iter()
        .map(|campaign| progress_of(tx, campaign))
        .collect()
}

/// A contact with its last attempt.
#[derive(Clone, Debug)]
pub struct ContactReport {
    /// The contact's id.
    pub id: i64,
    /// Whom it is about.
    pub number: PhoneNumber,
    /// Their name.
    pub name: Option<String>,
    /// The contact's state.
    pub state: ContactState,
    /// How the last call ended.
    pub outcome: Option<Outcome>,
    /// Why we did or did not call.
    pub reason: Option<String>,
    /// How many attempts there were, whatever became of them.
    pub attempts: u32,
    /// The last attempt's call.
    pub call_sid: Option<String>,
    /// When the provider began to dial, or when we sent the order.
    pub call_started_at: Option<Timestamp>,
    /// When the call ended.
    pub call_ended_at: Option<Timestamp>,
    /// What went wrong, in words.
    pub call_error: Option<String>,
    /// The call's length.
    pub duration_s: Option<u32>,
    /// The call's price as the provider writes it.
    pub price: Option<String>,
    /// When the next attempt may be made.
    pub next_attempt_at: Option<Timestamp>,
    /// The file's other columns, a JSON object.
    pub fields: Option<String>,
}

/// Which contacts to show.
#[derive(Clone, Default, Debug)]
pub struct ContactFilter {
    /// Only these states; all if empty.
    pub states: Vec<ContactState>,
    /// Only contacts whose last call ended like this; all if empty.
    pub outcomes: Vec<Outcome>,
    /// Only this number.
    pub number: Option<PhoneNumber>,
    /// At most so many; all if `None`.
    pub limit: Option<u32>,
}

/// Returns a campaign's contacts in the order in which they came in.
///
/// # Errors
/// When the database cannot be read.
pub fn contacts(
    tx: &Tx<'_>,
    campaign: CampaignId,
    filter: &ContactFilter,
) -> Result<Vec<ContactReport>> {
    let mut sql = "SELECT contact.id, iif(forget_at IS NULL, number, 999999999999999), contact.name, contact.state, contact.reason,
                (SELECT count(*) FROM attempt AS tried WHERE tried.contact_id = contact.id),
                attempt.state, call_sid, coalesce(call_started_at, CASE WHEN attempt.state NOT IN ('not_sent', 'rejected') THEN send_at END), call_ended_at, error, duration_s, price, nullif(due_at, 0),
                fields
         FROM contact JOIN person ON person.id = contact.person_id
         LEFT JOIN attempt ON attempt.id = contact.last_attempt_id
         WHERE contact.campaign_id = ?"
        .to_owned();
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(campaign.get())];
    let marks = |count: usize| vec!["?"; count].join(", ");
    if !filter.states.is_empty() {
        sql += &format!(" AND contact.state IN ({})", marks(filter.states.len()));
        values.extend(
            filter
                .states
                .iter()
                .map(|state| Box::new(state.as_str()) as Box<dyn ToSql>),
        );
    }
    if !filter.outcomes.is_empty() {
        sql += &format!(" AND attempt.state IN ({})", marks(filter.outcomes.len()));
        let ended = StateName::ALL
            .into_iter()
            .filter(|name| name.outcome().is_some_and(|o| filter.outcomes.contains(&o)));
        values.extend(ended.map(|name| Box::new(name.as_str()) as Box<dyn ToSql>));
    }
    if let Some(number) = filter.number {
        sql += " AND number = ? AND forget_at IS NULL";
        values.push(Box::new(i64::try_from(number.digits()).unwrap_or(i64::MAX)));
    }
    sql += " ORDER BY contact.id LIMIT ?";
    values.push(Box::new(filter.limit.map_or(-1, i64::from)));

    let mut statement = tx.0.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut reports = Vec::new();
    while let Some(row) = rows.next()? {
        let attempt_state: Option<String> = row.get(6)?;
        let attempt_state = attempt_state
            .map(|name| word::<StateName>(&name))
            .transpose()?;
        let time = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(from_ms));
        reports.push(ContactReport {
            id: row.get(0)?,
            number: number_of(row.get(1)?)?,
            name: row.get(2)?,
            state: word(&row.get::<_, String>(3)?)?,
            outcome: attempt_state.and_then(StateName::outcome),
            reason: row.get(4)?,
            attempts: row.get(5)?,
            call_sid: row.get(7)?,
            call_started_at: time(8)?,
            call_ended_at: time(9)?,
            call_error: row.get(10)?,
            duration_s: row.get(11)?,
            price: row.get(12)?,
            next_attempt_at: time(13)?,
            fields: row.get(14)?,
        });
    }
    Ok(reports)
}
