//! Attempts: permitting one, and the one door through which everything learnt about it comes in.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::campaigns::CampaignId;
use super::contacts::{ContactId, number_of};
use super::costs;
use super::doubts::{self, digits};
use super::incidents::{self, Kind};
use super::judgement::{self, Latest};
use super::quality;
use super::runs::RunId;
use super::{Result, StoreError, Tx, do_not_call, exactly_one, from_ms, to_ms, word};
use crate::domain::attempt::{AttemptState, Decision, Evidence, StateName, merge};
use crate::domain::call::{CallReport, CallSid, CallStatus};
use crate::domain::campaign::Policy;
use crate::domain::clocks;
use crate::domain::cost;
use crate::domain::doubt::{self, Patience};
use crate::domain::money::Tariff;
use crate::domain::pace::LATEST_SEND;
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::{Rejection, RejectionClass};
use crate::domain::retry;
use crate::domain::tracking;

/// Names an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AttemptId(pub(super) i64);

impl From<i64> for AttemptId {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl AttemptId {
    /// Returns the number that people and programs name it by.
    pub fn get(self) -> i64 {
        self.0
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
    /// The ExoPhone that will be shown.
    pub caller_id: PhoneNumber,
    /// How long it will ring.
    pub ring: Duration,
    /// How long the conversation may last.
    pub talk_limit: Duration,
    /// What it will cost, if that is known; its worst case is reserved.
    pub tariff: Option<Tariff>,
    /// The hash of the token in its callback address, if it has one.
    pub callback_hash: Option<[u8; 32]>,
}

/// Writes down the intent to ring a contact, which is initiated from now on. It permits one POST once it is committed.
///
/// # Errors
/// When the number is live already, or the database refuses.
pub fn record_intent(tx: &Tx<'_>, intent: &Intent<'_>, now: Timestamp) -> Result<AttemptId> {
    let inserted = tx
        .0
        .prepare_cached(
            "INSERT INTO attempt (key, run_id, campaign_id, contact_id, person_id, state, intent_at, send_at, caller_id,
                                  ring_s, talk_limit_s, callback_hash, tariff_um, cost_um)
             SELECT ?1, ?2, ?3, id, person_id, 'intent', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             FROM contact WHERE id = ?4 AND state = 'pending'",
        )?
        .execute(params![
            intent.key,
            intent.run.0,
            intent.campaign.get(),
            intent.contact.0,
            to_ms(now),
            to_ms(intent.send_at),
            digits(intent.caller_id),
            whole_seconds(intent.ring),
            whole_seconds(intent.talk_limit),
            intent.callback_hash,
            intent.tariff.map(|tariff| tariff.per_minute().as_micros()),
            cost::worst_case(intent.tariff, intent.talk_limit).as_micros()
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

/// Returns a length as it is kept, rounded up: a call must not be taken to have ended before it has.
fn whole_seconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)
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
    /// The provider's list of calls, read for the sake of a doubt.
    Search,
    /// A decision, now or beforehand.
    Person,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::LookUp => "look_up",
            Self::Recovery => "recovery",
            Self::Search => "search",
            Self::Person => "person",
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
    /// The campaign's: when contacts are tried again, how long a doubt may ring.
    pub policy: &'a Policy,
    /// How long lost calls are given to show up.
    pub patience: &'a Patience,
}

/// Takes in what was learnt about an attempt: the only way one moves.
///
/// Moves the attempt as far as the evidence justifies, keeps what the provider says of the call, adds to the attempt's
/// story, and moves the contact if this is its latest attempt. Late, double and out-of-order evidence changes nothing;
/// where it should not have come at all, it is an incident.
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
    let is_foreign = match named_call(evidence) {
        Some(sid) if state.sid().is_none() => is_owned_by_another(tx, sid, attempt)?,
        _ => false,
    };
    while let Some(next) = merge(&state, evidence).filter(|_| !is_foreign) {
        write_step(tx, attempt, &next, evidence, terms, now)?;
        if next == AttemptState::InDoubt {
            let sent_to = match source {
                // It died some time after the last moment at which it would have sent anything.
                Source::Recovery => row.send_at.saturating_add(LATEST_SEND).unwrap_or(now),
                _ => now,
            };
            doubts::open(tx, attempt, sent_to, terms)?;
        } else if matches!(state, AttemptState::InDoubt | AttemptState::Held) {
            doubts::close(tx, attempt)?;
        }
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
        // The price and the length are asked for once more after the end. Unanswered calls cost nothing, and theirs stays empty.
        let asks_again = moved && state.name() == StateName::Completed;
        let settled_at = now
            .saturating_add(tracking::PRICE_SETTLES_AFTER)
            .unwrap_or(now);
        if !moved {
            judgement::judge_by_length(tx, attempt, report, terms.policy, now)?;
        }
        keep_report(tx, attempt, report, asks_again.then_some(settled_at))?;
        if !row.is_timed {
            quality::count_answered(tx, attempt)?;
        }
    }
    costs::settle(tx, attempt)?;
    if moved {
        move_contact(tx, attempt, &row, &state, evidence, terms, now)?;
        remember_refusal(tx, attempt, evidence, now)?;
    }
    note_incident(tx, attempt, &row, evidence, is_foreign, now)?;
    let since_accepted = row
        .accepted_at
        .and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    Ok(Merged {
        state,
        moved,
        since_accepted,
    })
}

/// Puts whom the regulator forbids to call on the do-not-call list: no campaign needs to be refused again.
fn remember_refusal(
    tx: &Tx<'_>,
    attempt: AttemptId,
    evidence: &Evidence,
    now: Timestamp,
) -> Result<()> {
    let Evidence::Rejected(rejection) = evidence else {
        return Ok(());
    };
    if rejection.class != RejectionClass::Ndnc {
        return Ok(());
    }
    let mut statement =
        tx.0.prepare_cached("SELECT person_id FROM attempt WHERE id = ?1")?;
    let person = statement.query_row([attempt.0], |row| row.get(0))?;
    let entry = do_not_call::Entry {
        by: "exocamp",
        source: do_not_call::Source::Ndnc,
        note: None,
    };
    do_not_call::add_person(tx, person, &entry, now)?;
    Ok(())
}

/// Returns the call that the evidence says is the attempt's.
fn named_call(evidence: &Evidence) -> Option<&CallSid> {
    match evidence {
        Evidence::Placed(sid) => Some(sid),
        Evidence::Seen(report) => Some(&report.sid),
        _ => None,
    }
}

/// Records what should not have come to light, if this is such a thing.
fn note_incident(
    tx: &Tx<'_>,
    attempt: AttemptId,
    before: &AttemptRow,
    evidence: &Evidence,
    is_foreign: bool,
    now: Timestamp,
) -> Result<()> {
    let record = |kind, sid, detail: &str| incidents::record(tx, attempt, kind, sid, detail, now);
    match (&before.state, evidence) {
        (state, Evidence::Placed(sid)) if state.sid().is_some_and(|own| own != sid) => {
            let detail =
                "the reply names another call than the one that was taken for the attempt's";
            record(Kind::ForeignSid, sid, detail)
        }
        (_, Evidence::Seen(report)) if is_foreign => {
            let detail = "the call that was named is another attempt's";
            record(Kind::ForeignSid, &report.sid, detail)
        }
        (AttemptState::NotPlaced, Evidence::Seen(report)) if before.is_latest => {
            let detail = "the call was placed, although it had been decided that it was not";
            record(Kind::LateCall, &report.sid, detail)
        }
        (AttemptState::NotPlaced, Evidence::Seen(report)) => {
            let detail = "the call was placed, and its contact was called again since";
            record(Kind::CallAfterRedial, &report.sid, detail)
        }
        (AttemptState::PresumedPlaced, Evidence::Seen(report)) => {
            let detail = "the call turned up that had been given up; its contact stays done";
            record(Kind::LateCall, &report.sid, detail)
        }
        (AttemptState::Ended(sid, known), Evidence::Seen(report)) if *sid == report.sid => {
            match &report.status {
                CallStatus::Ended(outcome) if outcome != known => {
                    let detail =
                        format!("it had ended {known}, and is now said to have ended {outcome}");
                    record(Kind::OutcomeChanged, sid, &detail)
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
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
    let line_until_at = (*next == AttemptState::InDoubt).then(|| {
        let held_for = doubt::holds_line_for(terms.policy.ring);
        to_ms(now.saturating_add(held_for).unwrap_or(now))
    });
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
             price_due_at = CASE WHEN coalesce(?5, price) IS NULL OR coalesce(?4, duration_s) IS NULL THEN ?6 END
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
    attempt: AttemptId,
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
    // What a person has given up stays done: late evidence is never a reason to dial.
    if !row.is_latest || stays || row.is_given_up {
        return Ok(());
    }
    let class = match evidence {
        Evidence::Rejected(Rejection { class, .. }) => Some(*class),
        _ => None,
    };
    // What was decided not to have been placed was given back; if it was placed after all, it counts again.
    let was_charged = row.state != AttemptState::NotPlaced;
    let mut charged = row.charged;
    if was_charged != retry::charges(state, class) {
        charged = if was_charged {
            charged.saturating_sub(1)
        } else {
            charged + 1
        };
        let mut update =
            tx.0.prepare_cached("UPDATE contact SET charged = ?2 WHERE id = ?1")?;
        exactly_one(
            "uncharge the contact",
            update.execute(params![row.contact.0, charged])?,
        )?;
    }
    let latest = Latest {
        attempt,
        contact: row.contact,
        state,
        rejection: class,
        charged,
        send_at: row.send_at,
        report: match evidence {
            Evidence::Seen(report) => Some(report),
            _ => None,
        },
    };
    judgement::judge(tx, &latest, terms.policy, now)?;
    Ok(())
}

/// What is read of an attempt before it is moved.
struct AttemptRow {
    state: AttemptState,
    contact: ContactId,
    charged: u32,
    is_latest: bool,
    is_given_up: bool,
    /// Whether its call is known to have been answered, and for how long.
    is_timed: bool,
    send_at: Timestamp,
    accepted_at: Option<Timestamp>,
}

fn load(tx: &Tx<'_>, attempt: AttemptId) -> Result<AttemptRow> {
    let mut statement = tx.0.prepare_cached(
        "SELECT attempt.state, attempt.call_sid, attempt.contact_id, contact.charged,
                contact.last_attempt_id = attempt.id, attempt.accepted_at, attempt.send_at,
                contact.state = 'completed' AND contact.reason IS 'presumed_placed',
                attempt.state = 'completed' AND duration_s IS NOT NULL
         FROM attempt JOIN contact ON contact.id = attempt.contact_id WHERE attempt.id = ?1",
    )?;
    let (name, sid, contact, charged, is_latest, accepted_at, send_at, is_given_up, is_timed) =
        statement.query_row([attempt.0], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get::<_, Option<i64>>(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
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
        is_given_up,
        is_timed,
        send_at: from_ms(send_at),
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
        Evidence::Absent(grade) => Some(format!(
            "the provider's list does not show the call; the evidence is {grade}"
        )),
        Evidence::Ambiguous => {
            Some("the provider's list shows several calls that may be this one".to_owned())
        }
        Evidence::Decided(Decision::NotPlaced) => Some("decided: it was not placed".to_owned()),
        Evidence::Decided(Decision::PresumedPlaced) => {
            Some("decided: it counts as placed".to_owned())
        }
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

/// Returns whether the reply to a call of the person whom this attempt is about has not come yet.
///
/// # Errors
/// When the database cannot be read.
pub fn is_reply_awaited(tx: &Tx<'_>, attempt: AttemptId) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM attempt AS other JOIN attempt ON attempt.person_id = other.person_id
         WHERE attempt.id = ?1 AND other.live = 1 AND other.state = 'intent'",
    )?;
    Ok(statement.exists([attempt.0])?)
}

/// Returns whether there is such an attempt.
///
/// # Errors
/// When the database cannot be read.
pub fn exists(tx: &Tx<'_>, attempt: AttemptId) -> Result<bool> {
    let mut statement = tx.0.prepare_cached("SELECT 1 FROM attempt WHERE id = ?1")?;
    Ok(statement.exists([attempt.0])?)
}

/// Returns the campaign that an attempt belongs to.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn campaign(tx: &Tx<'_>, attempt: AttemptId) -> Result<CampaignId> {
    let mut statement =
        tx.0.prepare_cached("SELECT campaign_id FROM attempt WHERE id = ?1")?;
    Ok(CampaignId::from(
        statement.query_row([attempt.0], |row| row.get::<_, i64>(0))?,
    ))
}

/// Returns where an attempt stands.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn state(tx: &Tx<'_>, attempt: AttemptId) -> Result<AttemptState> {
    Ok(load(tx, attempt)?.state)
}

/// Returns when the call of an attempt can have begun at the earliest, by the provider's clock.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn earliest_call(tx: &Tx<'_>, attempt: AttemptId) -> Result<Timestamp> {
    let mut statement =
        tx.0.prepare_cached("SELECT intent_at FROM attempt WHERE id = ?1")?;
    let intent_at: i64 = statement.query_row([attempt.0], |row| row.get(0))?;
    let intent_at = from_ms(intent_at);
    Ok(intent_at
        .saturating_sub(clocks::MAY_DIFFER)
        .unwrap_or(intent_at))
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

/// Returns the ExoPhone that an attempt was to show; `None` where nobody wrote it down.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn caller_id(tx: &Tx<'_>, attempt: AttemptId) -> Result<Option<PhoneNumber>> {
    let mut statement =
        tx.0.prepare_cached("SELECT caller_id FROM attempt WHERE id = ?1")?;
    let digits: Option<i64> = statement.query_row([attempt.0], |row| row.get(0))?;
    digits.map(number_of).transpose()
}

/// Returns the number that an attempt rings, as it may be shown: who is to be forgotten is so at once.
///
/// # Errors
/// When there is no such attempt, or the database cannot be read.
pub fn shown_number(tx: &Tx<'_>, attempt: AttemptId) -> Result<PhoneNumber> {
    let mut statement = tx.0.prepare_cached(
        "SELECT iif(forget_at IS NULL, number, 999999999999999) FROM attempt JOIN person ON person.id = person_id
         WHERE attempt.id = ?1",
    )?;
    number_of(statement.query_row([attempt.0], |row| row.get(0))?)
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
