//! What becomes of a contact by its latest attempt: the domain's verdict, written down.
//!
//! Chance comes from the attempt's own id, so that the same database always gives the same times.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::attempts::AttemptId;
use super::campaigns::{self, CampaignId};
use super::contacts::{self, ContactId};
use super::{Result, Tx, from_ms, to_ms, word};
use crate::domain::attempt::{AttemptState, StateName};
use crate::domain::call::{CallReport, CallSid, Outcome};
use crate::domain::campaign::Policy;
use crate::domain::clocks;
use crate::domain::due::Rules;
use crate::domain::rejection::RejectionClass;
use crate::domain::retry::{self, Reason, Tried, Verdict};
use crate::domain::tracking;

/// A contact's latest attempt, as it stands now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest<'a> {
    pub(super) attempt: AttemptId,
    pub(super) contact: ContactId,
    pub(super) state: &'a AttemptState,
    pub(super) rejection: Option<RejectionClass>,
    /// The contact's tries, this one included.
    pub(super) charged: u32,
    pub(super) send_at: Timestamp,
    /// What the provider says of the call, if this is why it is judged.
    pub(super) report: Option<&'a CallReport>,
}

/// Moves a contact to what its latest attempt has come to.
pub(super) fn judge(
    tx: &Tx<'_>,
    latest: &Latest<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Verdict> {
    // The wait before the next try begins where the call ended, not where we learnt of it.
    let ended_at = latest.report.and_then(|report| report.ended_at);
    let talked = latest.report.and_then(|report| report.duration_s);
    let tried = Tried {
        state: latest.state,
        rejection: latest.rejection,
        charged: latest.charged,
        talked: talked.map(|seconds| Duration::from_secs(seconds.into())),
        called_at: latest.send_at,
        ended_at: ended_at.filter(|ended| *ended < now).unwrap_or(now),
        now,
        roll: fastrand::Rng::with_seed(latest.attempt.get().unsigned_abs()).f64(),
    };
    let verdict = match retry::after(&tried, &Rules::of(policy)) {
        // Nobody becomes due any more.
        Verdict::Pending(..) if is_cancelled(tx, latest.contact)? => {
            Verdict::Skipped(Reason::Cancelled)
        }
        verdict => verdict,
    };
    contacts::settle(tx, latest.contact, verdict)?;
    Ok(verdict)
}

fn is_cancelled(tx: &Tx<'_>, contact: ContactId) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM campaign JOIN contact ON contact.campaign_id = campaign.id
         WHERE contact.id = ?1 AND campaign.state = 'cancelled'",
    )?;
    Ok(statement.exists([contact.0])?)
}

/// Judges a contact again that was taken for reached while the length of its call was not known, now that it is.
///
/// Once, and only if nothing else has been decided since: the attempt is still its latest, and the contact still done
/// because of it. A length that comes more than a day late is nobody's reason to ring again.
pub(super) fn judge_by_length(
    tx: &Tx<'_>,
    attempt: AttemptId,
    report: &CallReport,
    policy: &Policy,
    now: Timestamp,
) -> Result<()> {
    if policy.reached_after.is_none() || report.duration_s.is_none() {
        return Ok(());
    }
    let mut statement = tx.0.prepare_cached(
        "SELECT contact.id, contact.campaign_id, contact.charged, send_at, call_sid, call_ended_at, closed_at
         FROM attempt JOIN contact ON contact.last_attempt_id = attempt.id
              JOIN campaign ON campaign.id = contact.campaign_id
         WHERE attempt.id = ?1 AND attempt.state = ?2 AND duration_s IS NULL AND closed_at > ?3
           AND contact.state = 'completed' AND contact.reason IS NULL AND campaign.state <> 'cancelled'",
    )?;
    let day_ago = clocks::earlier(now, tracking::LONGEST_WAIT_FOR_AN_END);
    let completed = StateName::Completed.as_str();
    let row = statement
        .query_row(params![attempt.get(), completed, to_ms(day_ago)], |row| {
            Ok((
                ContactId(row.get(0)?),
                row.get::<_, i64>(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get::<_, String>(4)?,
                row.get::<_, Option<i64>>(5)?,
                row.get::<_, i64>(6)?,
            ))
        })
        .optional()?;
    let Some((contact, campaign, charged, send_at, sid, ended_at, closed_at)) = row else {
        return Ok(());
    };
    let known = CallReport {
        ended_at: report
            .ended_at
            .or(Some(from_ms(ended_at.unwrap_or(closed_at)))),
        ..report.clone()
    };
    let latest = Latest {
        attempt,
        contact,
        state: &AttemptState::Ended(word::<CallSid>(&sid)?, Outcome::Completed),
        rejection: None,
        charged,
        send_at: from_ms(send_at),
        report: Some(&known),
    };
    if let Verdict::Pending(..) = judge(tx, &latest, policy, now)? {
        campaigns::take_up_again(tx, CampaignId::from(campaign))?;
    }
    Ok(())
}
