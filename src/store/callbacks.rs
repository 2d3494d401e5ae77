//! Callbacks: what a message to an attempt's own address comes to. It is a hint, and never more.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, params};

use super::attempts::{self, AttemptId};
use super::candidates::{self, NamedBy};
use super::incidents::{self, Kind};
use super::{Result, Tx, to_us};
use crate::clock::Moment;
use crate::domain::attempt::AttemptState;
use crate::domain::call::CallSid;

/// How long callbacks are gathered before the provider is asked: they come in swarms, and one request asks for twenty.
const GATHERED_FOR: Duration = Duration::from_secs(2);

/// What became of a callback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// No attempt has that address.
    NobodyHasThatAddress,
    /// The call will be asked about soon.
    WillAsk,
    /// It says nothing new: the call's end is known.
    NothingNew,
    /// It names a call that cannot be the attempt's: an incident.
    Foreign,
}

/// Takes in a callback to the address whose token has this hash, naming this call.
///
/// Nothing moves by it. The run of the attempt's campaign, or the next one, asks the provider about the call. The same
/// callback again changes nothing.
///
/// # Errors
/// When the database refuses.
pub fn take_in(tx: &Tx<'_>, token_hash: &[u8; 32], sid: &CallSid, now: &Moment) -> Result<Taken> {
    let mut statement =
        tx.0.prepare_cached("SELECT id FROM attempt WHERE callback_hash = ?1")?;
    let found: Option<i64> = statement
        .query_row([token_hash], |row| row.get(0))
        .optional()?;
    let Some(attempt) = found.map(AttemptId) else {
        return Ok(Taken::NobodyHasThatAddress);
    };
    match attempts::state(tx, attempt)? {
        AttemptState::Intent
        | AttemptState::InDoubt
        | AttemptState::Held
        | AttemptState::NotPlaced
        | AttemptState::PresumedPlaced => {
            candidates::note(tx, attempt, sid, NamedBy::Callback, now.wall)?;
            Ok(Taken::WillAsk)
        }
        AttemptState::NotSent | AttemptState::Rejected => {
            let detail = "a callback reports a call that was refused or never sent";
            incidents::record(tx, attempt, Kind::LateCall, sid, detail, now.wall)?;
            Ok(Taken::Foreign)
        }
        state if state.sid() != Some(sid) => {
            let detail = "a callback names another call than the attempt's";
            incidents::record(tx, attempt, Kind::ForeignSid, sid, detail, now.wall)?;
            Ok(Taken::Foreign)
        }
        AttemptState::Accepted(_) | AttemptState::InProgress(_) => {
            let at = to_us(now.since_boot + GATHERED_FOR);
            tx.0.prepare_cached(
                "UPDATE attempt SET look_us = min(coalesce(look_us, ?2), ?2) WHERE id = ?1",
            )?
            .execute(params![attempt.0, at])?;
            Ok(Taken::WillAsk)
        }
        AttemptState::OutcomeUnknown(_) => {
            candidates::note(tx, attempt, sid, NamedBy::Callback, now.wall)?;
            Ok(Taken::WillAsk)
        }
        AttemptState::Ended(..) => Ok(Taken::NothingNew),
    }
}
