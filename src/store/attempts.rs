//! Attempts: permitting one, and the one door through which everything learnt about it comes in.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::campaigns::CampaignId;
use super::contacts::{self, ContactId, number_of};
use super::runs::RunId;
use super::{Result, StoreError, Tx, exactly_one, from_ms, to_ms, to_us, word};
use crate::domain::attempt::{AttemptState, Evidence, StateName, merge};
use crate::domain::call::{CallReport, CallSid};
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::Rejection;
use crate::domain::retry::{self, RetryPolicy};
use crate::domain::tracking;

/// Names an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AttemptId(pub(super) i64);

impl From<i64> for AttemptId {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All that is written down before a call may be placed.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The run that will place it.
    pub run: RunId,
    /// The campaign.
    pub campaign: CampaignId,
    /// Whom to ring.
    pub contact: ContactId,
    /// Travels with the call.
    pub key: &'a str,
    /// When it may be sent.
    pub send_at: Timestamp,
}

/// Writes down the intent to ring a contact, which is initiated from now on. It permits one POST once it is committed.
///
/// # Errors
/// When the number is live already, or the database refuses.
pub fn record_intent(tx: &Tx<'_>, intent: &Intent<'_>, now: Timestamp) -> Result<AttemptId> {
    let inserted = tx
        .0
        .prepare_cached(
            "INSERT INTO attempt (key, run_id, campaign_id, contact_id, person_id, state, intent_at, send_at)
             SELECT ?1, ?2, ?3, id, person_id, 'intent', ?5, ?6 FROM contact WHERE id = ?4 AND state = 'pending'",
        )?
        .execute(params![
            intent.key,
            intent.run.0,
            intent.campaign.get(),
            intent.contact.0,
            to_ms(now),
            to_ms(intent.send_at)
        ])?;
    exactly_one("record an intent", inserted)?;
    let attempt = AttemptId(tx.0.last_insert_rowid());
    let changed = tx
        .0
        .prepare_cached(
            "UPDATE contact SET state = 'initiated', due_at = NULL, reason = NULL, charged = charged + 1, last_attempt_id = ?2
             WHERE id = ?1",
        )?
        .execute(params![intent.contact.0, attempt.0])?;
    exactly_one("initiate the contact", changed)?;
    add_event(tx, attempt, StateName::Intent, "turn", None, now)?;
    Ok(attempt)
}

/// Where a piece of evidence comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The reply to the attempt's own POST.
    Reply,
    /// An authenticated GET.
    LookUp,
    /// What a dead run left behind.
    Recovery,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::LookUp => "look_up",
            Self::Recovery => "recovery",
        }
    }
}

/// What a piece of evidence changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// Where the attempt stands now.
    pub state: AttemptState,
    /// Whether it stood elsewhere before.
    pub moved: bool,
    /// How long ago it was accepted, by the wall clock, if it was.
    pub since_accepted: Option<Duration>,
}

/// How long evidence and contacts are given.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// When contacts are tried again.
    pub retry: &'a RetryPolicy,
    /// How long a doubt holds its line.
    pub doubt_holds_line: Duration,
}

/// Takes in what was learnt about an attempt: the only way one moves.
///
/// Moves the attempt as far as the evidence justifies, keeps what the provider says of the call, adds to the attempt's
/// story, and moves the contact if this is its latest attempt. Late, double and out-of-order evidence changes nothing.
///
/// # Errors
/// When the database refuses.
pub fn merge_evidence(
    tx: &Tx<'_>,
    attempt: AttemptId,
    evidence: &Evidence,
    source: Source,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<Merged> {
    let row = load(tx, attempt)?;
    let mut state = row.state.clone();
    while let Some(next) = merge(&state, evidence) {
        write_step(tx, attempt, &next, evidence, terms, now)?;
        add_event(
            tx,
            attempt,
            next.name(),
            source.as_str(),
            detail(evidence),
            now,
        )?;
        state = next;
    }
    let moved = state != row.state;
    if let Evidence::Seen(report) = evidence
        && state.sid() == Some(&report.sid)
    {
        // The price is asked for once more after the end. Unanswered calls cost nothing, and theirs stays empty.
        let asks_again = moved && state.name() == StateName::Completed;
        let settled_at = now
            .saturating_add(tracking::PRICE_SETTLES_AFTER)
            .unwrap_or(now);
        keep_report(tx, attempt, report, asks_again.then_some(settled_at))?;
    }
    if moved {
        move_contact(tx, &row, &state, evidence, terms, now)?;
    }
    let since_accepted = row
        .accepted_at
        .and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    Ok(Merged {
        state,
        moved,
        since_accepted,
    })
}

fn write_step(
    tx: &Tx<'_>,
    attempt: AttemptId,
    next: &AttemptState,
    evidence: &Evidence,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<()> {
    let rejection = match evidence {
        Evidence::Rejected(rejection) => Some(rejection.class.as_str()),
        _ => None,
    };
    let accepted_at = matches!(next, AttemptState::Accepted(_)).then(|| to_ms(now));
    let closed_at = (!next.name().is_live()).then(|| to_ms(now));
    let line_until_at = (*next == AttemptState::InDoubt)
        .then(|| to_ms(now.saturating_add(terms.doubt_holds_line).unwrap_or(now)));
    let changed =
        tx.0.prepare_cached(
            "UPDATE attempt SET state = ?2, call_sid = ?3, rejection = ?4, error = ?5,
                    accepted_at = coalesce(accepted_at, ?6), closed_at = ?7, line_until_at = ?8
             WHERE id = ?1",
        )?
        .execute(params![
            attempt.0,
            next.name().as_str(),
            next.sid().map(CallSid::as_str),
            rejection,
            detail(evidence),
            accepted_at,
            closed_at,
            line_until_at
        ])?;
    exactly_one("move an attempt", changed)
}

/// Keeps the provider's own account of a call; what it does not say this time is not forgotten.
fn keep_report(
    tx: &Tx<'_>,
    attempt: AttemptId,
    report: &CallReport,
    price_due_at: Option<Timestamp>,
) -> Result<()> {
    let mut update = tx.0.prepare_cached(
        "UPDATE attempt SET
             call_started_at = coalesce(?2, call_started_at), call_ended_at = coalesce(?3, call_ended_at),
             duration_s = coalesce(?4, duration_s), price = coalesce(?5, price),
             price_due_at = CASE WHEN coalesce(?5, price) IS NULL THEN ?6 END
         WHERE id = ?1",
    )?;
    let changed = update.execute(params![
        attempt.0,
        report.started_at.map(to_ms),
        report.ended_at.map(to_ms),
        report.duration_s,
        report.price,
        price_due_at.map(to_ms)
    ])?;
    exactly_one("keep a call's report", changed)
}

fn move_contact(
    tx: &Tx<'_>,
    row: &AttemptRow,
    state: &AttemptState,
    evidence: &Evidence,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<()> {
    // Accepted calls go on being initiated, as their intents were.
    let was_initiated = matches!(row.state, AttemptState::Intent | AttemptState::Accepted(_));
    let stays = was_initiated
        && matches!(
            state,
            AttemptState::Accepted(_) | AttemptState::InProgress(_)
        );
    if !row.is_latest || stays {
        return Ok(());
    }
    let class = match evidence {
        Evidence::Rejected(Rejection { class, .. }) => Some(*class),
        _ => None,
    };
    let mut charged = row.charged;
    if !retry::charges(state, class) {
        charged = charged.saturating_sub(1);
        let mut update =
            tx.0.prepare_cached("UPDATE contact SET charged = ?2 WHERE id = ?1")?;
        exactly_one(
            "uncharge the contact",
            update.execute(params![row.contact.0, charged])?,
        )?;
    }
    // The wait before the next try begins where the call ended, not where we learnt of it.
    let ended_at = match evidence {
        Evidence::Seen(report) => report.ended_at.filter(|ended| *ended < now).unwrap_or(now),
        _ => now,
    };
    contacts::settle(
        tx,
        row.contact,
        retry::after(state, class, charged, terms.retry, ended_at),
    )
}

/// What is read of an attempt before it is moved.
struct AttemptRow {
    state: AttemptState,
    contact: ContactId,
    charged: u32,
    is_latest: bool,
    accepted_at: Option<Timestamp>,
}

fn load(tx: &Tx<'_>, attempt: AttemptId) -> Result<AttemptRow> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.state, attempt.call_sid, attempt.contact_id, contact.charged,
                contact.last_attempt_id = attempt.id, attempt.accepted_at
         FROM attempt JOIN contact ON contact.id = attempt.contact_id WHERE attempt.id = ?1",
    )?;
    let (name, sid, contact, charged, is_latest, accepted_at) =
        statement.query_row([attempt.0], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get::<_, Option<i64>>(5)?,
            ))
        })?;
    let sid = sid.map(|sid| word::<CallSid>(&sid)).transpose()?;
    let state = AttemptState::from_parts(word(&name)?, sid).ok_or(StoreError::Nonsense(name))?;
    let accepted_at = accepted_at.map(from_ms);
    Ok(AttemptRow {
        state,
        contact: ContactId(contact),
        charged,
        is_latest,
        accepted_at,
    })
}

/// Returns the evidence in words, where it says more than the state's name.
fn detail(evidence: &Evidence) -> Option<String> {
    match evidence {
        Evidence::NotSent(why) => Some(why.to_string()),
        Evidence::Rejected(rejection) => Some(rejection.to_string()),
        Evidence::Silent(doubt) => Some(doubt.to_string()),
        Evidence::NeverEnded => Some("no end of the call was seen for a day".to_owned()),
        Evidence::Placed(_) | Evidence::Seen(_) => None,
    }
}

fn add_event(
    tx: &Tx<'_>,
    attempt: AttemptId,
    state: StateName,
    source: &str,
    detail: Option<String>,
    now: Timestamp,
) -> Result<()> {
    tx.0.prepare_cached("INSERT INTO attempt_event (attempt_id, at, state, source, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![attempt.0, to_ms(now), state.as_str(), source, detail])?;
    Ok(())
}

/// Returns the attempts of a campaign whose POST is not answered: in a run its own, at its start a dead run's.
///
/// # Errors
/// When the database cannot be read.
pub fn open_intents(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<AttemptId>> {
    let mut statement =
        tx.0.prepare_cached("SELECT id FROM attempt WHERE campaign_id = ?1 AND state = 'intent' AND live = 1 ORDER BY id")?;
    let rows = statement.query_map([campaign.get()], |row| row.get(0))?;
    rows.map(|id| Ok(AttemptId(id?))).collect()
}

/// What of a campaign and of its account is live, and how much of it holds a line.
///
/// An attempt is live until its end is known; a line is capacity and comes back earlier: a doubt gives it up after
/// [`Terms::doubt_holds_line`], a call when it must have ended.
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
    /// A call of the campaign that is asked about: after this long it must have ended.
    pub call: Duration,
    /// No doubt holds a line for longer: a clock that was set back must not stretch it.
    pub doubt: Duration,
}

/// Counts what is live in a campaign, and in all campaigns of its account.
///
/// Calls of other campaigns may have nobody who asks about them, if their runner has left: they give up their lines
/// after three typical calls and a minute, or where nothing is typical yet when one of ours would.
///
/// # Errors
/// When the database cannot be read.
pub fn live(
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
                    WHEN campaign_id = ?1 THEN accepted_at > ?5
                    ELSE accepted_at > ?3 - coalesce(3 * typical_call_ms + 60000, ?3 - ?5)
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

/// A call to ask about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tracked {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its call.
    pub sid: CallSid,
    /// The number that was rung.
    pub number: PhoneNumber,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// Asks about every live call of a campaign from this moment on: the first thing a run does with what it finds.
///
/// # Errors
/// When the database refuses.
pub fn look_at_all(tx: &Tx<'_>, campaign: CampaignId, at: Duration) -> Result<()> {
    tx.0.execute(
        "UPDATE attempt SET look_us = ?2 WHERE campaign_id = ?1 AND live = 1 AND state IN ('accepted', 'in_progress')",
        params![campaign.get(), to_us(at)],
    )?;
    Ok(())
}

/// Says when to ask about a call next.
///
/// # Errors
/// When the database refuses.
pub fn look_again(tx: &Tx<'_>, attempt: AttemptId, at: Duration) -> Result<()> {
    let mut update =
        tx.0.prepare_cached("UPDATE attempt SET look_us = ?2 WHERE id = ?1")?;
    exactly_one("look again", update.execute(params![attempt.0, to_us(at)])?)
}

/// Returns when the first of the live calls is to be asked about.
///
/// # Errors
/// When the database cannot be read.
pub fn next_look(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Duration>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT min(look_us) FROM attempt WHERE campaign_id = ?1 AND live = 1 AND state IN ('accepted', 'in_progress')",
    )?;
    let next: Option<i64> = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(next.map(super::from_us))
}

/// Returns the live calls of a campaign, those to be asked about soonest first, at most so many.
///
/// # Errors
/// When the database cannot be read.
pub fn soonest_looks(tx: &Tx<'_>, campaign: CampaignId, most: usize) -> Result<Vec<Tracked>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.id, call_sid, number, accepted_at FROM attempt JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 AND live = 1 AND state IN ('accepted', 'in_progress') ORDER BY look_us LIMIT ?2",
    )?;
    tracked(
        &mut statement,
        params![campaign.get(), i64::try_from(most).unwrap_or(i64::MAX)],
    )
}

/// Returns ended calls whose price should be known by now, at most so many; one that brings no answer is asked about
/// again later, for a day.
///
/// # Errors
/// When the database refuses.
pub fn take_price_looks(
    tx: &Tx<'_>,
    campaign: CampaignId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Tracked>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.id, call_sid, number, coalesce(accepted_at, intent_at) FROM attempt JOIN person ON person.id = person_id
         WHERE campaign_id = ?1 AND price_due_at IS NOT NULL AND price_due_at <= ?2 ORDER BY price_due_at LIMIT ?3",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let due = tracked(&mut statement, params![campaign.get(), to_ms(now), limit])?;
    let later = now
        .saturating_add(tracking::PRICE_SETTLES_AFTER)
        .unwrap_or(now);
    let day_ago = now
        .saturating_sub(tracking::LONGEST_WAIT_FOR_AN_END)
        .unwrap_or(now);
    let mut update = tx.0.prepare_cached(
        "UPDATE attempt SET price_due_at = CASE WHEN closed_at > ?3 THEN ?2 END WHERE id = ?1",
    )?;
    for call in &due {
        exactly_one(
            "ask for a price",
            update.execute(params![call.attempt.0, to_ms(later), to_ms(day_ago)])?,
        )?;
    }
    Ok(due)
}

fn tracked(
    statement: &mut rusqlite::Statement<'_>,
    params: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Tracked>> {
    let rows = statement.query_map(params, |row| {
        Ok((
            row.get(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, i64>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (id, sid, number, accepted_at) = row?;
        Ok(Tracked {
            attempt: AttemptId(id),
            sid: word(&sid)?,
            number: number_of(number)?,
            accepted_at: from_ms(accepted_at),
        })
    })
    .collect()
}

/// Returns whether another attempt than this owns the call.
///
/// # Errors
/// When the database cannot be read.
pub fn is_owned_by_another(tx: &Tx<'_>, sid: &CallSid, attempt: AttemptId) -> Result<bool> {
    let mut statement =
        tx.0.prepare_cached("SELECT id FROM attempt WHERE call_sid = ?1")?;
    let owner: Option<i64> = statement
        .query_row([sid.as_str()], |row| row.get(0))
        .optional()?;
    Ok(owner.is_some_and(|owner| owner != attempt.0))
}

/// Returns the number that an attempt rings.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn number(tx: &Tx<'_>, attempt: AttemptId) -> Result<PhoneNumber> {
    let mut statement = tx.0.prepare_cached(
        "SELECT number FROM attempt JOIN person ON person.id = person_id WHERE attempt.id = ?1",
    )?;
    number_of(statement.query_row([attempt.0], |row| row.get(0))?)
}

/// Returns whether a call to this number is live or in doubt, in whatever campaign.
///
/// # Errors
/// When the database cannot be read.
pub fn is_live(tx: &Tx<'_>, number: PhoneNumber) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM attempt JOIN person ON person.id = person_id
         WHERE number = ?1 AND (live = 1 OR state IN ('held', 'outcome_unknown'))",
    )?;
    Ok(statement.exists([i64::try_from(number.digits()).unwrap_or(i64::MAX)])?)
}

/// Returns how long ago an attempt was accepted, if it was.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn age(tx: &Tx<'_>, attempt: AttemptId, now: Timestamp) -> Result<Option<Duration>> {
    Ok(load(tx, attempt)?
        .accepted_at
        .and_then(|at| Duration::try_from(now.duration_since(at)).ok()))
}

#[cfg(test)]
mod tests;
