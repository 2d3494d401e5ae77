//! The part of a turn that asks what became of calls: many at once, from what dialling leaves of the allowance.
//!
//! Pure like `turn`.

use std::time::Duration;

use super::dial::free_lines;
use super::event::Effect;
use super::run::{Run, Task};
use super::turn::Seen;
use super::{scrub, search};
use crate::clock::Moment;
use crate::domain::ending::StoppedBecause;
use crate::domain::pace::{self, Allowance, LastMinute};
use crate::domain::plan::Phase;
use crate::domain::tracking;
use crate::store::looks::{self, Tracked};
use crate::store::{Result, Tx, runs};

/// Requests that may be under way at once: a slow provider must not pile them up.
const AT_ONCE: u32 = 4;

/// Asks about the calls that may have ended; returns when to do so next, or `None` to wait for an answer.
pub(super) fn look(
    tx: &Tx<'_>,
    run: &mut Run,
    now: &Moment,
    seen: &Seen<'_>,
    last_minute: LastMinute,
    effects: &mut Vec<Effect>,
) -> Result<Option<Duration>> {
    let leaving = matches!(
        run.ending,
        Some((
            StoppedBecause::Signal | StoppedBecause::Provider | StoppedBecause::Breaker,
            _
        ))
    );
    if run.phase == Phase::Greeting || leaving {
        return Ok(None);
    }
    let expected = expected_calls(run, seen, last_minute);
    let allowed = pace::look_ups_allowed(run.assignment.allowance, last_minute, expected);
    let mut room = allowed.min(AT_ONCE.saturating_sub(run.look_ups_under_way)) as usize;
    let mut asked = Vec::new();
    if room > 0 {
        // Somebody may be waiting to be called, or not to be called, on what these show.
        asked.extend(search::about_doubts(tx, run, now, seen)?);
    }
    if room > asked.len() {
        asked.extend(search::about_candidates(
            tx,
            run,
            now,
            seen,
            room - asked.len(),
        )?);
    }
    if room > asked.len() {
        asked.extend(about_blockers(tx, run, now, seen)?);
    }
    while room > asked.len() {
        let next = looks::next(tx, seen.campaign.id)?;
        let questions = if next.is_some_and(|at| at <= now.since_boot) {
            about_live_calls(tx, run, now, seen, room - asked.len())?
        } else {
            about_prices(tx, run, now, seen)?
        };
        if questions.is_empty() {
            break;
        }
        asked.extend(questions);
    }
    room = room.saturating_sub(asked.len());
    run.look_ups_under_way += u32::try_from(asked.len()).unwrap_or(u32::MAX);
    if run.assignment.allowance != Allowance::Max {
        let at = vec![now.since_boot; asked.len()];
        runs::note_requests(tx, &run.assignment.account, &at, true, now)?;
    }
    effects.extend(asked);
    if room > 0 {
        let next = [
            looks::next(tx, seen.campaign.id)?,
            search::next_at(tx, run, now)?,
        ];
        return Ok(next.into_iter().flatten().min());
    }
    // Either an answer comes first, or the allowance eases; a tenth of it is kept, so that the wait is never long.
    let soon = now.since_boot + Duration::from_secs(1);
    let eases_at = last_minute.eases_at.unwrap_or(soon);
    Ok((run.look_ups_under_way < AT_ONCE)
        .then(|| eases_at.clamp(now.since_boot + Duration::from_millis(1), soon)))
}

/// Asks about the live calls that are due soonest, and says when to ask again.
fn about_live_calls(
    tx: &Tx<'_>,
    run: &Run,
    now: &Moment,
    seen: &Seen<'_>,
    most: usize,
) -> Result<Vec<Effect>> {
    let overdue = tracking::must_have_ended_after(seen.policy.ring, seen.policy.talk_limit);
    let (mut alone, mut together, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = now.since_boot;
    for call in looks::soonest(tx, seen.campaign.id, run.assignment.sids_per_look_up)? {
        let age = Duration::try_from(now.wall.duration_since(call.accepted_at)).unwrap_or_default();
        let again = now.since_boot + tracking::next_look(age, seen.campaign.typical_call);
        looks::again(tx, call.attempt, again)?;
        next = next.max(again);
        asked.push(call.attempt);
        // The list has not shown it although it must have ended; one request is kept for all the others.
        if age > overdue && alone.len() + 1 < most.max(2) {
            alone.push(Effect::LookUp {
                attempt: call.attempt,
                sid: call.sid,
            });
        } else {
            together.push(call);
        }
    }
    if seen.campaign.typical_call.is_none() && run.assignment.task != Task::Settle {
        // One request at a time is enough to learn what a call lasts; then all are looked at. Those just asked about
        // go to the end of the queue: the first ones may be the longest.
        looks::at_all(tx, seen.campaign.id, next)?;
        for attempt in asked {
            looks::again(tx, attempt, next + Duration::from_micros(1))?;
        }
    }
    Ok(alone.into_iter().chain(list(together)).take(most).collect())
}

/// Asks about calls of other campaigns that people of this one wait for: their runner may have left.
fn about_blockers(tx: &Tx<'_>, run: &Run, now: &Moment, seen: &Seen<'_>) -> Result<Option<Effect>> {
    Ok(list(looks::take_blockers(
        tx,
        seen.campaign.id,
        now.wall,
        run.assignment.sids_per_look_up,
    )?))
}

/// Asks once more about ended calls whose price should be known by now.
fn about_prices(tx: &Tx<'_>, run: &Run, now: &Moment, seen: &Seen<'_>) -> Result<Vec<Effect>> {
    let calls = looks::take_price_looks(
        tx,
        seen.campaign.id,
        now.wall,
        run.assignment.sids_per_look_up,
    )?;
    Ok(list(calls).into_iter().collect())
}

fn list(calls: Vec<Tracked>) -> Option<Effect> {
    let since = calls.iter().map(|call| call.accepted_at).min()?;
    let calls = calls
        .into_iter()
        .map(|call| (call.attempt, call.sid))
        .collect();
    Some(Effect::List { calls, since })
}

/// Returns how many calls the coming minute may want: the pace's, or a little more than the last minute had.
fn expected_calls(run: &Run, seen: &Seen<'_>, last_minute: LastMinute) -> u32 {
    if run.assignment.task == Task::Settle {
        return 0;
    }
    let fastest = seen
        .policy
        .pace
        .slower_of(run.assignment.allowance.pace_of_calls());
    let by_pace = fastest
        .calls_per_minute()
        .map_or(u32::MAX, |calls| calls.ceil() as u32);
    let lately = last_minute.requests.saturating_sub(last_minute.look_ups);
    let lately = lately
        .saturating_add(lately / 4)
        .saturating_add(free_lines(run, seen));
    scrub::requests_for_calls(seen.policy, by_pace, lately)
}
