//! Offering finished contacts again: a person's decision, which calls people anew who were done.
//!
//! Nobody is offered who is to be called anyway, whose call may be under way, or who is on the do-not-call list. Who was
//! reached is offered only where the filter says so in as many words.

use std::fmt;

use rusqlite::params;

use super::campaigns::CampaignId;
use super::contacts::AT_ONCE;
use super::{Result, Tx, word};
use crate::domain::attempt::StateName;
use crate::domain::call::Outcome;
use crate::domain::contact::ContactState;
use crate::domain::retry::Reason;

/// What becomes of those who were reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reached {
    /// They stay done.
    StayDone,
    /// They are called again like everybody else.
    AreCalledAgain,
}

/// Who is offered again: whose last call ended like this, and whose contact was finished for this reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// How the last call ended. Nobody who was skipped is found by it.
    pub outcomes: Vec<Outcome>,
    /// Why the contact is finished.
    pub reasons: Vec<Reason>,
    /// What becomes of those who were reached.
    pub reached: Reached,
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes = self.outcomes.iter().map(|outcome| outcome.as_str());
        let words: Vec<_> = outcomes
            .chain(self.reasons.iter().map(|reason| reason.as_str()))
            .collect();
        f.write_str(&words.join(","))
    }
}

impl Filter {
    /// Returns the states of an attempt, and the reasons, as lists for SQLite.
    fn lists(&self) -> (String, String) {
        let states = StateName::ALL.into_iter().filter(|name| {
            name.outcome()
                .is_some_and(|outcome| self.outcomes.contains(&outcome))
        });
        (
            list(states.map(StateName::as_str)),
            list(self.reasons.iter().map(|reason| reason.as_str())),
        )
    }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(words).to_string()
}

/// How many fit a filter.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Fitting {
    /// Who would be offered.
    pub free: u64,
    /// Who is on the do-not-call list, and would not.
    pub do_not_call: u64,
}

/// Counts whom `offer` would offer.
///
/// # Errors
/// When the database cannot be read.
pub fn count(tx: &Tx<'_>, campaign: CampaignId, filter: &Filter) -> Result<Fitting> {
    let (states, reasons) = filter.lists();
    let mut statement = tx.0.prepare_cached(
        "SELECT coalesce(sum(NOT barred), 0), coalesce(sum(barred), 0) FROM (
             SELECT EXISTS (SELECT 1 FROM do_not_call WHERE do_not_call.person_id = contact.person_id) AS barred
             FROM contact LEFT JOIN attempt ON attempt.id = contact.last_attempt_id
             WHERE contact.campaign_id = ?1
               AND (contact.state IN ('failed', 'skipped') OR (contact.state = 'completed' AND ?4))
               AND ((contact.state <> 'skipped' AND attempt.state IN (SELECT value FROM json_each(?2)))
                    OR contact.reason IN (SELECT value FROM json_each(?3))))",
    )?;
    let reached = filter.reached == Reached::AreCalledAgain;
    let (free, barred): (i64, i64) = statement
        .query_row(params![campaign.get(), states, reasons, reached], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(Fitting {
        free: free.unsigned_abs(),
        do_not_call: barred.unsigned_abs(),
    })
}

/// Offers whoever fits again, due at once and with all their tries, and returns how many; a completed campaign is
/// stopped then, and can be started again.
///
/// # Errors
/// When the database refuses.
pub(super) fn offer(tx: &Tx<'_>, campaign: CampaignId, filter: &Filter) -> Result<u64> {
    let (states, reasons) = filter.lists();
    let reached = filter.reached == Reached::AreCalledAgain;
    let offered = tx.0.execute(
        "UPDATE contact SET state = 'pending', due_at = ?5, reason = NULL, charged = 0
         WHERE contact.campaign_id = ?1
           AND (contact.state IN ('failed', 'skipped') OR (contact.state = 'completed' AND ?4))
           AND ((contact.state <> 'skipped' AND EXISTS (
                    SELECT 1 FROM attempt WHERE attempt.id = contact.last_attempt_id
                       AND attempt.state IN (SELECT value FROM json_each(?2))))
                OR contact.reason IN (SELECT value FROM json_each(?3)))
           AND NOT EXISTS (SELECT 1 FROM do_not_call WHERE do_not_call.person_id = contact.person_id)",
        params![campaign.get(), states, reasons, reached, AT_ONCE],
    )?;
    if offered > 0 {
        tx.0.execute(
            "UPDATE campaign SET state = 'stopped', finished_at = NULL WHERE id = ?1 AND state = 'completed'",
            [campaign.get()],
        )?;
    }
    Ok(offered as u64)
}

/// Finished contacts that are alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Their state.
    pub state: ContactState,
    /// How their last call ended.
    pub outcome: Option<Outcome>,
    /// Why they are finished, where the outcome does not say it.
    pub reason: Option<String>,
    /// How many there are.
    pub contacts: u64,
}

/// Returns what finished contacts there are, the most frequent first.
///
/// # Errors
/// When the database cannot be read.
pub fn finished(tx: &Tx<'_>, campaign: CampaignId) -> Result<Vec<Finished>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT contact.state, attempt.state, contact.reason, count(*)
         FROM contact LEFT JOIN attempt ON attempt.id = contact.last_attempt_id
         WHERE contact.campaign_id = ?1 AND contact.state IN ('completed', 'failed', 'skipped')
         GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
    )?;
    let rows = statement.query_map([campaign.get()], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, Option<String>>(1)?,
            row.get(2)?,
            row.get::<_, i64>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (state, attempt, reason, contacts) = row?;
        let attempt = attempt.map(|state| word::<StateName>(&state)).transpose()?;
        Ok(Finished {
            state: word(&state)?,
            outcome: attempt.and_then(StateName::outcome),
            reason,
            contacts: contacts.unsigned_abs(),
        })
    })
    .collect()
}
