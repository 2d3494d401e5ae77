//! Doubts: when to look for a lost call, what looking has shown, and what a person has decided.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::attempts::{self, AttemptId, Merged, Source, Terms};
use super::campaigns::CampaignId;
use super::contacts::number_of;
use super::{Result, StoreError, Tx, at_most_one, exactly_one, from_ms, to_ms, word};
use crate::domain::attempt::{Decision, Evidence, StateName};
use crate::domain::call::{CallSid, Window};
use crate::domain::clocks::{earlier, later};
use crate::domain::doubt::{Clear, Doubted, Grade, Patience};
use crate::domain::phone::PhoneNumber;

/// An attempt that nobody knows to have been placed or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// In doubt, held, or decided by a person.
    pub state: StateName,
    /// Who may have been rung.
    pub number: PhoneNumber,
    /// The ExoPhone that was to be shown; `None` where nobody wrote it down.
    pub caller_id: Option<PhoneNumber>,
    /// What is known besides.
    pub doubted: Doubted,
    /// What its absence from the list is worth, once that is known.
    pub grade: Option<Grade>,
}

const COLUMNS: &str = "attempt.id, campaign_id, attempt.state, number, caller_id, sent_from_at, sent_to_at, settles_at, \
                       clear_at, clear_grade, doubt.grade";

/// Begins a doubt about an attempt whose request may have left until `sent_to`.
pub(super) fn open(
    tx: &Tx<'_>,
    attempt: AttemptId,
    sent_to: Timestamp,
    terms: &Terms<'_>,
) -> Result<()> {
    let (intent_at, ring_s, talk_limit_s): (i64, Option<u32>, Option<u32>) =
        tx.0.prepare_cached("SELECT intent_at, ring_s, talk_limit_s FROM attempt WHERE id = ?1")?
            .query_row([attempt.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
    let seconds = |kept: Option<u32>, now| kept.map_or(now, |s| Duration::from_secs(s.into()));
    let ring = seconds(ring_s, terms.policy.ring);
    let talk_limit = seconds(talk_limit_s, terms.policy.talk_limit);
    let from = from_ms(intent_at);
    // A clock that was set back in between must not turn the window round.
    let to = sent_to.max(from);
    let horizon = terms.patience.horizon(ring, talk_limit);
    let doubted = Doubted {
        sent: Window { from, to },
        settles_at: later(to, horizon),
        clear: None,
    };
    tx.0.execute(
        "INSERT INTO doubt (attempt_id, sent_from_at, sent_to_at, settles_at, look_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            attempt.0,
            to_ms(from),
            to_ms(to),
            to_ms(doubted.settles_at),
            to_ms(terms.patience.first_look(&doubted))
        ],
    )?;
    Ok(())
}

/// Ends the search for an attempt that is in doubt no longer.
pub(super) fn close(tx: &Tx<'_>, attempt: AttemptId) -> Result<()> {
    let changed = tx.0.execute(
        "UPDATE doubt SET look_at = NULL WHERE attempt_id = ?1",
        [attempt.0],
    )?;
    at_most_one("close a doubt", changed)
}

/// Returns the doubts of a campaign that are to be looked for now, those that were sent first coming first.
///
/// # Errors
/// When the database cannot be read.
pub fn due(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<Vec<Doubt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM doubt JOIN attempt ON attempt.id = attempt_id JOIN person ON person.id = person_id
         WHERE look_at IS NOT NULL AND look_at <= ?2 AND campaign_id = ?1 ORDER BY sent_from_at, attempt_id"
    );
    doubts(tx, &sql, params![campaign.get(), to_ms(now)])
}

/// Returns when a doubt of the campaign is to be looked for next.
///
/// # Errors
/// When the database cannot be read.
pub fn next_look_at(tx: &Tx<'_>, campaign: CampaignId) -> Result<Option<Timestamp>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT min(look_at) FROM doubt CROSS JOIN attempt ON attempt.id = attempt_id
         WHERE look_at IS NOT NULL AND campaign_id = ?1",
    )?;
    let at: Option<i64> = statement.query_row([campaign.get()], |row| row.get(0))?;
    Ok(at.map(from_ms))
}

/// Returns what is unresolved in all campaigns of an account, people's decisions included: any call that nobody owns
/// may be one of these.
///
/// # Errors
/// When the database cannot be read.
pub fn unresolved(tx: &Tx<'_>, account: &str) -> Result<Vec<Doubt>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM doubt CROSS JOIN attempt ON attempt.id = attempt_id JOIN person ON person.id = person_id
         JOIN campaign ON campaign.id = campaign_id
         WHERE campaign.account = ?1 AND attempt.state IN ('in_doubt', 'held', 'not_placed', 'presumed_placed')
           AND attempt.call_sid IS NULL
         ORDER BY attempt_id"
    );
    doubts(tx, &sql, params![account])
}

/// Looks for everything in doubt and everything held from this moment on: somebody wants to know.
///
/// # Errors
/// When the database refuses.
pub fn look_for_all(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<()> {
    tx.0.execute(
        "UPDATE doubt SET look_at = ?2 WHERE attempt_id IN
            (SELECT id FROM attempt WHERE campaign_id = ?1 AND state IN ('in_doubt', 'held'))",
        params![campaign.get(), to_ms(now)],
    )?;
    Ok(())
}

/// Goes back to the plan for doubts whose search died with its process: nobody answers it any more.
///
/// To be done by a run that begins, which holds the campaign's lock.
///
/// # Errors
/// When the database refuses.
pub fn resume(tx: &Tx<'_>, campaign: CampaignId, patience: &Patience) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM doubt JOIN attempt ON attempt.id = attempt_id JOIN person ON person.id = person_id
         WHERE look_at IS NOT NULL AND campaign_id = ?1 AND attempt.state = 'in_doubt'"
    );
    let mut looked =
        tx.0.prepare_cached("SELECT looked_at FROM doubt WHERE attempt_id = ?1")?;
    let mut update =
        tx.0.prepare_cached("UPDATE doubt SET look_at = min(look_at, ?2) WHERE attempt_id = ?1")?;
    for doubt in doubts(tx, &sql, params![campaign.get()])? {
        let looked_at: Option<i64> = looked.query_row([doubt.attempt.0], |row| row.get(0))?;
        let last = looked_at.map_or(doubt.doubted.sent.from, from_ms);
        let planned = to_ms(patience.next_look(&doubt.doubted, last));
        let changed = update.execute(params![doubt.attempt.0, planned])?;
        exactly_one("resume a search", changed)?;
    }
    Ok(())
}

/// Says when to look for a doubt next; not at all any more, if it is none.
///
/// # Errors
/// When the database refuses.
pub fn look_again(tx: &Tx<'_>, attempt: AttemptId, at: Option<Timestamp>) -> Result<()> {
    let mut update =
        tx.0.prepare_cached("UPDATE doubt SET look_at = ?2 WHERE attempt_id = ?1")?;
    exactly_one(
        "look for a doubt again",
        update.execute(params![attempt.0, at.map(to_ms)])?,
    )
}

/// What one reading of the provider's list has shown of a doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Whether everything in the window was asked for, and not a number.
    pub of_window: bool,
    /// How many calls were shown.
    pub calls: u64,
    /// How many the provider counted.
    pub total: Option<u64>,
    /// Whether that is all there is.
    pub is_complete: bool,
    /// How many calls of that time we know of.
    pub known: u64,
    /// How many of those were shown.
    pub known_shown: u64,
    /// How many calls may be this one.
    pub candidates: u64,
}

/// Adds a reading of the list to the story of a doubt.
///
/// # Errors
/// When the database refuses.
pub fn looked(tx: &Tx<'_>, attempt: AttemptId, look: &Look, now: Timestamp) -> Result<()> {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let finding = match look.candidates {
        0 => "nothing",
        1 => "one",
        _ => "several",
    };
    tx.0.prepare_cached(
        "INSERT INTO doubt_look (attempt_id, at, asked_for, calls, total, is_complete, known, known_shown, finding)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        attempt.0,
        to_ms(now),
        if look.of_window { "window" } else { "number" },
        whole(look.calls),
        look.total.map(whole),
        look.is_complete,
        whole(look.known),
        whole(look.known_shown),
        finding
    ])?;
    let mut update = tx.0.prepare_cached(
        "UPDATE doubt SET looks = looks + 1, looked_at = ?2 WHERE attempt_id = ?1",
    )?;
    exactly_one(
        "note a look",
        update.execute(params![attempt.0, to_ms(now)])?,
    )
}

/// Keeps the first complete scan past the horizon that did not show the call.
///
/// # Errors
/// When the database refuses.
pub fn note_clear(tx: &Tx<'_>, attempt: AttemptId, clear: Clear) -> Result<()> {
    let mut update = tx.0.prepare_cached(
        "UPDATE doubt SET clear_at = ?2, clear_grade = ?3 WHERE attempt_id = ?1 AND clear_at IS NULL",
    )?;
    exactly_one(
        "note a clear scan",
        update.execute(params![attempt.0, to_ms(clear.at), clear.grade.as_str()])?,
    )
}

/// Keeps what the absence of the call is worth in the end.
///
/// # Errors
/// When the database refuses.
pub fn note_absent(tx: &Tx<'_>, attempt: AttemptId, grade: Grade) -> Result<()> {
    let mut update =
        tx.0.prepare_cached("UPDATE doubt SET grade = ?2 WHERE attempt_id = ?1")?;
    exactly_one(
        "grade a doubt",
        update.execute(params![attempt.0, grade.as_str()])?,
    )
}

/// Attempts so near in the order of their intents are of the same time.
const NEIGHBOURS: i64 = 500;

/// How far outside the time of a doubt a call may have been permitted that should show up in the same scan.
const NEARBY: Duration = Duration::from_secs(60);

/// A call of the time of a doubt, of whose end we know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownCall {
    /// The call.
    pub sid: CallSid,
    /// Whether it was permitted after the one in doubt: a list that shows it has gone on since.
    pub is_later: bool,
}

/// Returns the calls of that time and that ExoPhone that we know of, and that must have been listed by now: those that
/// a search for this doubt has to show if it works at all.
///
/// # Errors
/// When the database cannot be read.
pub fn known_calls(
    tx: &Tx<'_>,
    doubt: &Doubt,
    patience: &Patience,
    now: Timestamp,
) -> Result<Vec<KnownCall>> {
    let Some(caller_id) = doubt.caller_id else {
        return Ok(Vec::new());
    };
    let mut statement = tx.0.prepare_cached(
        "SELECT call_sid, id > ?1 FROM attempt
         WHERE id BETWEEN ?1 - ?2 AND ?1 + ?2 AND caller_id = ?3
           AND state IN ('completed', 'busy', 'no_answer', 'failed', 'canceled')
           AND send_at BETWEEN ?4 AND ?5 AND closed_at <= ?6",
    )?;
    let Window { from, to } = doubt.doubted.sent;
    let earliest = earlier(from, NEARBY);
    let latest = later(to, NEARBY);
    let listed = earlier(now, patience.record_lag);
    let rows = statement.query_map(
        params![
            doubt.attempt.0,
            NEIGHBOURS,
            digits(caller_id),
            to_ms(earliest),
            to_ms(latest),
            to_ms(listed)
        ],
        |row| Ok((row.get::<_, String>(0)?, row.get(1)?)),
    )?;
    rows.map(|row| {
        let (sid, is_later) = row?;
        Ok(KnownCall {
            sid: word(&sid)?,
            is_later,
        })
    })
    .collect()
}

/// Returns whether a doubt that is older than this was never looked for since it arose.
///
/// # Errors
/// When the database cannot be read.
pub fn is_any_unlooked(tx: &Tx<'_>, campaign: CampaignId, sent_before: Timestamp) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM doubt CROSS JOIN attempt ON attempt.id = attempt_id
         WHERE look_at IS NOT NULL AND campaign_id = ?1 AND looks = 0 AND sent_to_at <= ?2 AND state = 'in_doubt'",
    )?;
    Ok(statement.exists(params![campaign.get(), to_ms(sent_before)])?)
}

/// Who decides about an attempt, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decider<'a> {
    /// The person, or exocamp as the campaign has told it beforehand.
    pub by: &'a str,
    /// Their reason.
    pub because: &'a str,
}

/// Records a decision about an attempt, and moves it.
///
/// # Errors
/// When the attempt is not one that may be decided about: [`StoreError::NotDecidable`].
pub fn decide(
    tx: &Tx<'_>,
    attempt: AttemptId,
    decision: Decision,
    decider: &Decider<'_>,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<Merged> {
    let word = match decision {
        Decision::NotPlaced => "not_placed",
        Decision::PresumedPlaced => "give_up",
    };
    check_decidable(tx, attempt, now)?;
    record_decision(tx, attempt, word, None, decider, now)?;
    let evidence = Evidence::Decided(decision);
    let merged = attempts::merge_evidence(tx, attempt, &evidence, Source::Person, terms, now)?;
    if decision == Decision::NotPlaced {
        // People err, and calls turn up late: one look more. What it finds is an incident, and never a reason to dial.
        let once_more = now
            .saturating_add(terms.patience.scans_apart)
            .unwrap_or(now);
        look_again(tx, attempt, Some(once_more))?;
    }
    Ok(merged)
}

/// Records that a person says which call an attempt became. It counts once a GET has shown that call.
///
/// # Errors
/// When the attempt is not one that may be decided about: [`StoreError::NotDecidable`].
pub fn name_call(
    tx: &Tx<'_>,
    attempt: AttemptId,
    sid: &CallSid,
    decider: &Decider<'_>,
    now: Timestamp,
) -> Result<()> {
    let state = attempts::state(tx, attempt)?.name();
    if !matches!(state, StateName::Held | StateName::InDoubt) {
        let attempt = attempt.0;
        return Err(StoreError::NotDecidable {
            attempt,
            state,
            until: None,
        });
    }
    record_decision(tx, attempt, "placed", Some(sid), decider, now)
}

fn record_decision(
    tx: &Tx<'_>,
    attempt: AttemptId,
    decision: &str,
    sid: Option<&CallSid>,
    decider: &Decider<'_>,
    now: Timestamp,
) -> Result<()> {
    tx.0.execute(
        "INSERT INTO decision (attempt_id, at, by, decision, call_sid, because) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            attempt.0,
            to_ms(now),
            decider.by,
            decision,
            sid.map(CallSid::as_str),
            decider.because
        ],
    )?;
    Ok(())
}

/// Refuses an attempt that nobody may decide about (yet): a doubt whose call may still be under way is nobody's to decide.
///
/// # Errors
/// [`StoreError::NotDecidable`] then.
pub fn check_decidable(tx: &Tx<'_>, attempt: AttemptId, now: Timestamp) -> Result<()> {
    let mut statement = tx.0.prepare_cached(
        "SELECT state, coalesce(settles_at, 0) FROM attempt LEFT JOIN doubt ON attempt_id = id WHERE id = ?1",
    )?;
    let (state, settles_at): (String, i64) =
        statement.query_row([attempt.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let state: StateName = word(&state)?;
    let settles_at = from_ms(settles_at);
    match state {
        StateName::Held => Ok(()),
        StateName::InDoubt if settles_at <= now => Ok(()),
        StateName::InDoubt => Err(StoreError::NotDecidable {
            attempt: attempt.0,
            state,
            until: Some(settles_at),
        }),
        _ => Err(StoreError::NotDecidable {
            attempt: attempt.0,
            state,
            until: None,
        }),
    }
}

/// Returns whether the campaign said, before this attempt was permitted, that it may be redialled if it is proven not to
/// have been placed. Whether it still says so is in its policy.
///
/// # Errors
/// When the database cannot be read.
pub fn may_be_redialled(tx: &Tx<'_>, attempt: AttemptId) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT value FROM setting JOIN attempt ON attempt.campaign_id = setting.campaign_id
         WHERE attempt.id = ?1 AND setting.key = 'redial-if-proven-not-placed' AND set_at <= intent_at
         ORDER BY setting.id DESC LIMIT 1",
    )?;
    let mut rows = statement.query([attempt.0])?;
    let said: Option<String> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(said.as_deref() == Some("yes"))
}

fn doubts(tx: &Tx<'_>, sql: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Doubt>> {
    let mut statement = tx.0.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut doubts = Vec::new();
    while let Some(row) = rows.next()? {
        doubts.push(read_doubt(row)?);
    }
    Ok(doubts)
}

fn read_doubt(row: &Row<'_>) -> Result<Doubt> {
    let clear_at: Option<i64> = row.get(8)?;
    let clear_grade: Option<String> = row.get(9)?;
    let clear = match (clear_at, clear_grade) {
        (Some(at), Some(grade)) => Some(Clear {
            at: from_ms(at),
            grade: word(&grade)?,
        }),
        _ => None,
    };
    let caller_id: Option<i64> = row.get(4)?;
    let grade: Option<String> = row.get(10)?;
    Ok(Doubt {
        attempt: AttemptId(row.get(0)?),
        campaign: CampaignId::from(row.get::<_, i64>(1)?),
        state: word(&row.get::<_, String>(2)?)?,
        number: number_of(row.get(3)?)?,
        caller_id: caller_id.map(number_of).transpose()?,
        doubted: Doubted {
            sent: Window {
                from: from_ms(row.get(5)?),
                to: from_ms(row.get(6)?),
            },
            settles_at: from_ms(row.get(7)?),
            clear,
        },
        grade: grade.map(|grade| word(&grade)).transpose()?,
    })
}

pub(super) fn digits(number: PhoneNumber) -> i64 {
    i64::try_from(number.digits()).unwrap_or(i64::MAX)
}
