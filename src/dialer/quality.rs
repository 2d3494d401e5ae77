//! The part of a turn that minds what comes of calls: the canary at a campaign's start, short calls all along.
//!
//! Pure like `turn`. What it finds pauses the campaign; it is never a reason to call anybody.

use super::run::{Run, Task};
use crate::clock::Moment;
use crate::domain::campaign::{CampaignState, Policy};
use crate::domain::ending::StoppedBecause;
use crate::domain::plan::Phase;
use crate::domain::quality::{Ailment, ShortCalls};
use crate::store::campaigns::{self, PausedBy};
use crate::store::{Result, Tx, contacts, quality};

/// Looks at what has come of the campaign's calls, and pauses it if they do not do what they are meant to; returns how
/// many calls the canary still may have.
pub(super) fn mind(tx: &Tx<'_>, run: &mut Run, policy: &Policy, now: &Moment) -> Result<u64> {
    let id = run.assignment.campaign;
    if run.assignment.task == Task::Settle || run.phase == Phase::Greeting || run.ending.is_some() {
        return Ok(0);
    }
    match campaigns::get(tx, id)?.state {
        // What a person has decided stands, and what we have found before need not be found again.
        CampaignState::Paused | CampaignState::Cancelled => return Ok(0),
        CampaignState::Stopped | CampaignState::Running | CampaignState::Completed => {}
    }
    if mind_short_calls(tx, run, policy, now)? == Found::Trouble {
        return Ok(0);
    }
    match policy.canary {
        None => Ok(u64::MAX),
        Some(size) => mind_the_canary(tx, run, size, policy.short_calls, now),
    }
}

/// Whether the campaign was paused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Trouble,
}

fn mind_short_calls(tx: &Tx<'_>, run: &mut Run, policy: &Policy, now: &Moment) -> Result<Found> {
    let id = run.assignment.campaign;
    let answered = quality::answered(tx, id)?;
    if !answered.are_enough() {
        return Ok(Found::Nothing);
    }
    quality::count_anew(tx, id)?;
    if !answered.are_mostly_short() {
        return Ok(Found::Nothing);
    }
    match policy.short_calls {
        ShortCalls::Off => Ok(Found::Nothing),
        ShortCalls::Warn => {
            run.caution.get_or_insert(answered);
            Ok(Found::Nothing)
        }
        ShortCalls::Pause => {
            let why = PausedBy::Quality(answered.to_string());
            campaigns::pause(tx, id, &why, now.wall)?;
            Ok(Found::Trouble)
        }
    }
}

fn mind_the_canary(
    tx: &Tx<'_>,
    run: &mut Run,
    size: u32,
    short_calls: ShortCalls,
    now: &Moment,
) -> Result<u64> {
    let id = run.assignment.campaign;
    let Some(from) = quality::canary_from(tx, id, size)? else {
        return Ok(u64::MAX);
    };
    let sample = quality::sample(tx, id, from)?;
    let left = size.saturating_sub(sample.dialled);
    // With nobody left to call there is nobody to be kept from it.
    if left > 0 || sample.open > 0 || contacts::next_due_at(tx, id)?.is_none() {
        return Ok(left.into());
    }
    let why = match (sample.ailment(), short_calls) {
        // The message is that short, or a person wants no more than to hear of it.
        (None, _) | (Some(Ailment::Short(_)), ShortCalls::Off) => None,
        (Some(Ailment::Short(answered)), ShortCalls::Warn) => {
            run.caution.get_or_insert(answered);
            None
        }
        (Some(ailment), _) => Some(PausedBy::Quality(ailment.to_string())),
    };
    let Some(why) = why else {
        quality::canary_passed(tx, id, size)?;
        return Ok(u64::MAX);
    };
    quality::canary_failed(tx, id)?;
    campaigns::pause(tx, id, &why, now.wall)?;
    run.end(StoppedBecause::Canary, now);
    Ok(0)
}
