//! Runs, and what all runs of an account share: the next permitted start and the requests of the last minute.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::attempts::{self, Source, Terms};
use super::campaigns::{self, CampaignId, PausedBy};
use super::quality;
use super::schedules::{self, Outcome};
use super::{Result, StoreError, Tx, contacts, exactly_one, forget, from_us, to_ms, to_us};
use crate::clock::Moment;
use crate::domain::attempt::{Doubt, Evidence};
use crate::domain::doubt::Patience;
use crate::domain::ending::StoppedBecause;
use crate::domain::pace::LastMinute;
use crate::domain::phone::PhoneNumber;

/// Names one process's work at one campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunId(pub(super) i64);

/// Begins a run: from now on no other run of this campaign can write.
///
/// # Errors
/// When the database refuses.
pub fn begin(
    tx: &Tx<'_>,
    campaign: CampaignId,
    pid: u32,
    host: &str,
    now: Timestamp,
) -> Result<RunId> {
    tx.0.execute(
        "INSERT INTO run (campaign_id, pid, host, started_at) VALUES (?1, ?2, ?3, ?4)",
        params![campaign.get(), pid, host, to_ms(now)],
    )?;
    let run = RunId(tx.0.last_insert_rowid());
    let changed = tx.0.execute(
        "UPDATE campaign SET current_run = ?2 WHERE id = ?1",
        params![campaign.get(), run.0],
    )?;
    exactly_one("begin a run", changed)?;
    Ok(run)
}

/// Doubts what a dead run of the campaign left open; to be done by whoever has just taken its lock.
///
/// # Errors
/// When the database refuses.
pub fn recover(
    tx: &Tx<'_>,
    campaign: CampaignId,
    patience: &Patience,
    now: Timestamp,
) -> Result<()> {
    let policy = campaigns::policy(tx, campaign)?;
    let terms = Terms {
        policy: &policy,
        patience,
    };
    for attempt in attempts::open_intents(tx, campaign)? {
        let interrupted = Evidence::Silent(Doubt::Interrupted);
        #[cfg(feature = "sabotage")]
        let interrupted = match crate::sabotage::is(crate::sabotage::Sabotage::ResetLeftovers) {
            true => Evidence::NotSent(crate::domain::attempt::NotSent::Late),
            false => interrupted,
        };
        attempts::merge_evidence(tx, attempt, &interrupted, Source::Recovery, &terms, now)?;
    }
    Ok(())
}

/// Marks the campaign as running, which its first GET has shown to be possible: a pause of our own ends.
///
/// A person's pause stands, and so does a cancellation: either may have come while the GET was under way. Otherwise the
/// start that was ordered for a time is made.
///
/// # Errors
/// When the database refuses.
pub fn campaign_is_running(tx: &Tx<'_>, campaign: CampaignId, now: Timestamp) -> Result<()> {
    if matches!(
        campaigns::get(tx, campaign)?.paused_by,
        Some(PausedBy::Exocamp(_) | PausedBy::Quality(_))
    ) {
        // Calls that ended after the pause would tell of what has been mended since.
        quality::count_anew(tx, campaign)?;
    }
    let changed = tx.0.execute(
        "UPDATE campaign SET state = 'running', paused_by = NULL, paused_why = NULL, paused_over = NULL, paused_at = NULL,
                started_at = coalesce(started_at, ?2), finished_at = NULL
         WHERE id = ?1 AND paused_by IS NOT 'person' AND state <> 'cancelled'",
        params![campaign.get(), to_ms(now)],
    )?;
    // A run that only looks for lost calls is not the start that was ordered.
    if changed == 1 && contacts::counts(tx, campaign)?.pending > 0 {
        schedules::end(tx, campaign, Outcome::Started, now)?;
        // Only a person starts a campaign whose schedule was missed.
        schedules::get_over_missed(tx, campaign)?;
    }
    Ok(())
}

/// Refuses to go on if another run has taken this one's place.
///
/// # Errors
/// [`StoreError::Superseded`] then.
pub fn assert_current(tx: &Tx<'_>, run: RunId, campaign: CampaignId) -> Result<()> {
    let mut statement =
        tx.0.prepare_cached("SELECT 1 FROM campaign WHERE id = ?1 AND current_run = ?2")?;
    let current = statement.exists(params![campaign.get(), run.0])?;
    if current {
        Ok(())
    } else {
        Err(StoreError::Superseded)
    }
}

/// Writes down how a run ended.
///
/// # Errors
/// When the database refuses.
pub fn end(
    tx: &Tx<'_>,
    run: RunId,
    because: StoppedBecause,
    calls: u64,
    requests: u64,
    now: Timestamp,
) -> Result<()> {
    let changed = tx.0.execute(
        "UPDATE run SET ended_at = ?2, stopped_because = ?3, calls_placed = ?4, requests = ?5 WHERE id = ?1",
        params![
            run.0,
            to_ms(now),
            because.as_str(),
            i64::try_from(calls).unwrap_or(i64::MAX),
            i64::try_from(requests).unwrap_or(i64::MAX)
        ],
    )?;
    exactly_one("end a run", changed)?;
    // Its calls may have been the last that somebody who is to be forgotten waited for.
    forget::finish_due(tx, now)?;
    Ok(())
}

/// What limits starts: a campaign's pace or an account's allowance.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// A campaign's pace.
    Campaign(CampaignId),
    /// An account's allowance.
    Account(&'a str),
}

impl Scope<'_> {
    fn key(self) -> String {
        match self {
            Self::Campaign(id) => format!("campaign:{id}"),
            Self::Account(sid) => format!("account:{sid}"),
        }
    }
}

/// What is written down of a scope's pace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// Nothing yet: the first start ever.
    Nothing,
    /// Something of another boot, whose clock cannot be compared with this one's.
    OtherBoot,
    /// The next permitted start on this boot's clock.
    Next(Duration),
}

/// Returns the next permitted start of a scope.
///
/// # Errors
/// When the database cannot be read.
pub fn next_start(tx: &Tx<'_>, scope: Scope<'_>, now: &Moment) -> Result<Stored> {
    let mut statement =
        tx.0.prepare_cached("SELECT boot, next_us FROM pace WHERE scope = ?1")?;
    let row: Option<(String, i64)> = statement
        .query_row([scope.key()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match row {
        None => Stored::Nothing,
        Some((boot, next)) if boot == now.boot.to_string() => Stored::Next(from_us(next)),
        Some(_) => Stored::OtherBoot,
    })
}

/// A start of a call from an ExoPhone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastStart {
    /// When, since boot; now where it was before the machine was booted, since nobody can tell how long ago.
    pub at: Duration,
    /// The interval that the campaign keeps whose call it was.
    pub interval: Duration,
}

/// Whose starts from an ExoPhone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// This campaign's.
    Campaign(CampaignId),
    /// All campaigns' that keep a pace for it.
    Everybodys,
}

fn exophone_key(whose: Whose, caller_id: PhoneNumber) -> String {
    let digits = caller_id.digits();
    match whose {
        Whose::Campaign(id) => format!("campaign:{id}:caller_id:{digits}"),
        Whose::Everybodys => format!("caller_id:{digits}"),
    }
}

/// Returns the last start of a call from an ExoPhone.
///
/// One from before the machine was booted is written down as one of now: reckoned anew each time, a wait for it would
/// never be over.
///
/// # Errors
/// When the database refuses.
pub fn last_start(
    tx: &Tx<'_>,
    whose: Whose,
    caller_id: PhoneNumber,
    now: &Moment,
) -> Result<Option<LastStart>> {
    let mut statement =
        tx.0.prepare_cached("SELECT boot, next_us, interval_us FROM pace WHERE scope = ?1")?;
    let row: Option<(String, i64, i64)> = statement
        .query_row([exophone_key(whose, caller_id)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((boot, at, interval)) = row else {
        return Ok(None);
    };
    let (is_of_this_boot, interval) = (boot == now.boot.to_string(), from_us(interval));
    let at = if is_of_this_boot {
        from_us(at)
    } else {
        now.since_boot
    };
    let last = LastStart { at, interval };
    if !is_of_this_boot {
        set_last_start(tx, whose, caller_id, last, now)?;
    }
    Ok(Some(last))
}

/// Writes down the last start of a call from an ExoPhone.
///
/// # Errors
/// When the database refuses.
pub fn set_last_start(
    tx: &Tx<'_>,
    whose: Whose,
    caller_id: PhoneNumber,
    last: LastStart,
    now: &Moment,
) -> Result<()> {
    let mut upsert = tx.0.prepare_cached(
        "INSERT INTO pace (scope, boot, next_us, interval_us) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (scope) DO UPDATE SET
             boot = excluded.boot, next_us = excluded.next_us, interval_us = excluded.interval_us",
    )?;
    upsert.execute(params![
        exophone_key(whose, caller_id),
        now.boot.to_string(),
        to_us(last.at),
        to_us(last.interval)
    ])?;
    Ok(())
}

/// Writes down the next permitted start of a scope.
///
/// # Errors
/// When the database refuses.
pub fn set_next_start(tx: &Tx<'_>, scope: Scope<'_>, next: Duration, now: &Moment) -> Result<()> {
    let mut upsert = tx.0.prepare_cached(
        "INSERT INTO pace (scope, boot, next_us) VALUES (?1, ?2, ?3)
         ON CONFLICT (scope) DO UPDATE SET
             shut_us = CASE WHEN boot = excluded.boot THEN shut_us END, boot = excluded.boot, next_us = excluded.next_us",
    )?;
    upsert.execute(params![scope.key(), now.boot.to_string(), to_us(next)])?;
    Ok(())
}

/// Moves the next permitted start of a scope whose interval was changed from the first to the second: it stays one
/// interval after the last start.
///
/// # Errors
/// When the database refuses.
pub fn change_interval(
    tx: &Tx<'_>,
    scope: Scope<'_>,
    (before, after): (Duration, Duration),
    now: &Moment,
) -> Result<()> {
    tx.0.execute(
        "UPDATE pace SET next_us = max(next_us - ?3 + ?4, 0) WHERE scope = ?1 AND boot = ?2",
        params![
            scope.key(),
            now.boot.to_string(),
            to_us(before),
            to_us(after)
        ],
    )?;
    Ok(())
}

/// Returns whether the campaign's latest run has not ended; one that was killed has not either, but its lock is free.
///
/// # Errors
/// When the database cannot be read.
pub fn is_under_way(tx: &Tx<'_>, campaign: CampaignId) -> Result<bool> {
    let mut statement = tx.0.prepare_cached(
        "SELECT 1 FROM campaign JOIN run ON run.id = current_run WHERE campaign.id = ?1 AND ended_at IS NULL",
    )?;
    Ok(statement.exists([campaign.get()])?)
}

/// Shuts an account's allowance until then: the provider has said that we ask too often.
///
/// # Errors
/// When the database refuses.
pub fn shut_account(tx: &Tx<'_>, account: &str, until: Duration, now: &Moment) -> Result<()> {
    tx.0.execute(
        "INSERT INTO pace (scope, boot, next_us, shut_us) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (scope) DO UPDATE SET
             boot = excluded.boot,
             next_us = CASE WHEN boot = excluded.boot THEN next_us ELSE excluded.next_us END,
             -- A later answer must not open what an earlier one shut for longer.
             shut_us = max(excluded.shut_us, CASE WHEN boot = excluded.boot THEN coalesce(shut_us, 0) ELSE 0 END)",
        params![
            Scope::Account(account).key(),
            now.boot.to_string(),
            to_us(now.since_boot),
            to_us(until)
        ],
    )?;
    Ok(())
}

/// Returns until when the account's allowance is shut, if it is.
///
/// # Errors
/// When the database cannot be read.
pub fn account_shut_until(tx: &Tx<'_>, account: &str, now: &Moment) -> Result<Option<Duration>> {
    let mut statement = tx.0.prepare_cached(
        "SELECT shut_us FROM pace WHERE scope = ?1 AND boot = ?2 AND shut_us > ?3",
    )?;
    let key = Scope::Account(account).key();
    let until: Option<i64> = statement
        .query_row(
            params![key, now.boot.to_string(), to_us(now.since_boot)],
            |row| row.get(0),
        )
        .optional()?;
    Ok(until.map(from_us))
}

const MINUTE: Duration = Duration::from_secs(60);

/// Notes requests that will be sent at these times.
///
/// # Errors
/// When the database refuses.
pub fn note_requests(
    tx: &Tx<'_>,
    account: &str,
    at: &[Duration],
    is_look_up: bool,
    now: &Moment,
) -> Result<()> {
    let boot = now.boot.to_string();
    let mut insert = tx.0.prepare_cached(
        "INSERT INTO request (account, boot, at_us, is_look_up) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for at in at {
        insert.execute(params![account, boot, to_us(*at), is_look_up])?;
    }
    Ok(())
}

/// Returns what was asked of the account during the last minute, and forgets what is older.
///
/// # Errors
/// When the database refuses.
pub fn last_minute(tx: &Tx<'_>, account: &str, now: &Moment) -> Result<LastMinute> {
    // A request counts until it is a minute and a jitter old, as starts do in `domain::pace`.
    let since = to_us(now.since_boot.saturating_sub(MINUTE + MINUTE / 1000));
    let boot = now.boot.to_string();
    tx.0.prepare_cached("DELETE FROM request WHERE account = ?1 AND (at_us <= ?2 OR boot <> ?3)")?
        .execute(params![account, since, boot])?;
    let mut statement = tx.0.prepare_cached(
        "SELECT count(*), coalesce(sum(is_look_up), 0), min(at_us) FROM request WHERE account = ?1",
    )?;
    let (requests, look_ups, oldest): (u32, u32, Option<i64>) = statement
        .query_row(params![account], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(LastMinute {
        requests,
        look_ups,
        eases_at: oldest.map(|at| from_us(at) + MINUTE + MINUTE / 1000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::BootId;
    use crate::store::Store;

    fn moment(seconds: u64, boot: u128) -> Moment {
        let since_boot = Duration::from_secs(seconds);
        Moment {
            wall: Timestamp::UNIX_EPOCH,
            since_boot,
            boot: BootId::from_bits(boot),
        }
    }

    #[test]
    fn a_run_that_lost_its_place_cannot_write() {
        let mut store = Store::in_memory().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        store
            .write(|tx| -> Result<()> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", now)?;
                let first = begin(tx, id, 1, "desk", now)?;
                assert_current(tx, first, id)?;
                let second = begin(tx, id, 2, "desk", now)?;
                assert!(matches!(
                    assert_current(tx, first, id),
                    Err(StoreError::Superseded)
                ));
                assert_current(tx, second, id)
            })
            .unwrap();
    }

    #[test]
    fn the_next_start_survives_a_restart_and_not_a_reboot() {
        let mut store = Store::in_memory().unwrap();
        store
            .write(|tx| -> Result<()> {
                let scope = Scope::Account("exampleco1");
                assert_eq!(next_start(tx, scope, &moment(5, 1))?, Stored::Nothing);
                set_next_start(tx, scope, Duration::from_secs(9), &moment(5, 1))?;
                assert_eq!(
                    next_start(tx, scope, &moment(6, 1))?,
                    Stored::Next(Duration::from_secs(9))
                );
                assert_eq!(next_start(tx, scope, &moment(6, 2))?, Stored::OtherBoot);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn requests_count_for_a_minute() {
        let mut store = Store::in_memory().unwrap();
        store
            .write(|tx| -> Result<()> {
                let at = [Duration::from_secs(100), Duration::from_secs(130)];
                note_requests(tx, "exampleco1", &at, false, &moment(100, 1))?;
                note_requests(tx, "exampleco1", &at[1..], true, &moment(100, 1))?;
                let last = last_minute(tx, "exampleco1", &moment(140, 1))?;
                assert_eq!((last.requests, last.look_ups), (3, 1));
                assert_eq!(last.eases_at, Some(Duration::from_millis(160_060)));
                assert_eq!(last_minute(tx, "exampleco1", &moment(161, 1))?.requests, 2);
                assert_eq!(last_minute(tx, "other", &moment(161, 1))?.requests, 0);
                assert_eq!(
                    last_minute(tx, "exampleco1", &moment(161, 2))?.requests,
                    0,
                    "another boot, another clock"
                );
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_shut_account_opens_again() {
        let mut store = Store::in_memory().unwrap();
        store
            .write(|tx| -> Result<()> {
                shut_account(tx, "exampleco1", Duration::from_secs(30), &moment(10, 1))?;
                set_next_start(
                    tx,
                    Scope::Account("exampleco1"),
                    Duration::from_secs(11),
                    &moment(10, 1),
                )?;
                assert_eq!(
                    account_shut_until(tx, "exampleco1", &moment(29, 1))?,
                    Some(Duration::from_secs(30))
                );
                assert_eq!(account_shut_until(tx, "exampleco1", &moment(30, 1))?, None);
                assert_eq!(account_shut_until(tx, "exampleco1", &moment(12, 2))?, None);
                Ok(())
            })
            .unwrap();
    }
}
