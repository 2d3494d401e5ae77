//! The part of a turn that permits calls: whether, how many, whom, and the intents that say so.
//!
//! Pure like `turn`. Nobody is permitted here whose number is live anywhere.

use std::time::Duration;

use jiff::Timestamp;

use super::event::{Effect, WaitsFor};
use super::exophone::ExoPhones;
use super::rolls::Rolls;
use super::run::{Dialling, Run, Task};
use super::scrub::{self, Ahead, RoomLeft};
use super::turn::Seen;
use crate::clock::Moment;
use crate::domain::breaker;
use crate::domain::eligibility::{self, Eligibility};
use crate::domain::pace::{self, Allowance, LEAD};
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::{Capacity, Gate, Limit, Lines, Phase, Room, Shut};
use crate::domain::retry::{Reason, Verdict};
use crate::provider::{CallOrder, CallbackUrl};
use crate::store::attempts::{self, Intent};
use crate::store::contacts::ContactId;
use crate::store::runs::{self, Scope, Stored};
use crate::store::{Result, Tx, contacts, doubts};

/// So many people are left out in one turn: more would keep whoever may be called waiting.
const MOST_LEFT_OUT: usize = 256;

/// What came of it.
pub(super) struct Dialled {
    /// How many calls were permitted.
    pub(super) intents: u32,
    /// What keeps the next one from starting at once.
    pub(super) limit: Option<Limit>,
    /// When to try again, if no answer comes first.
    pub(super) wake_at: Option<Duration>,
    /// What is waited for.
    pub(super) waits_for: WaitsFor,
}

impl Dialled {
    fn nothing(waits_for: WaitsFor, wake_at: Option<Duration>) -> Self {
        Self {
            intents: 0,
            limit: None,
            wake_at,
            waits_for,
        }
    }

    /// Nothing was permitted: the account is left alone until then.
    pub(super) fn shut(run: &Run, until: Duration) -> Self {
        if run.in_a_row.unreachable > 0 {
            return Self::nothing(WaitsFor::Greeting, Some(until));
        }
        Self {
            limit: Some(Limit::Allowance),
            ..Self::nothing(WaitsFor::Nothing, Some(until))
        }
    }
}

/// Writes down as many intents as there is room for, and asks for their calls.
pub(super) fn dial(
    tx: &Tx<'_>,
    run: &mut Run,
    now: &Moment,
    rolls: &mut Rolls,
    seen: &Seen<'_>,
    effects: &mut Vec<Effect>,
) -> Result<Dialled> {
    let Task::Dial(dialling) = run.assignment.task.clone() else {
        return Ok(Dialled::nothing(WaitsFor::LiveCalls, None));
    };
    let dialling = &dialling;
    let gate = Gate {
        wall: now.wall,
        phase: run.phase,
        open_posts: seen.live.intents,
        state: seen.campaign.state,
        calendar: &seen.calendar,
        ends: seen.policy.ends,
        ending: run.ending.map(|(because, _)| because),
        breaker: breaker(tx, run, now, seen)?,
    };
    if let Some(shut) = gate.shut() {
        return Ok(held_back(shut, now));
    }
    if seen.canary_left == 0 {
        return Ok(Dialled::nothing(WaitsFor::Canary, None));
    }
    let room = room(tx, run, dialling, now, seen)?;
    let mut starts = room.starts.iter().copied().peekable();
    let mut exophones = ExoPhones::read(tx, seen.campaign.id, seen.policy, dialling, now)?;
    let mut permitted = Vec::new();
    let most = exophones.people_to_look_at(room.starts.len());
    let most = scrub::people_to_look_at(run, seen.policy, most);
    let people = people(tx, run, seen, now, most)?;
    if people.to_call.is_empty() && people.left_out == 0 {
        let next = contacts::next_due_at(tx, seen.campaign.id)?;
        let waits_for = next.map_or(WaitsFor::LiveCalls, WaitsFor::Due);
        return Ok(Dialled::nothing(
            waits_for,
            next.map(|at| now.since_boot_at(at)),
        ));
    }
    let mut ahead = Ahead::default();
    for (person, needs) in &people.to_call {
        if *needs == Needs::Mark {
            ahead.needs_mark(person.number);
            continue;
        }
        let (Some(start), Some(caller_id)) =
            (starts.peek().copied(), exophones.shown_to(person.number))
        else {
            // Those behind may need a mark.
            ahead.is_callable();
            continue;
        };
        // One that was put off for its ExoPhone's sake puts off those after it: the campaign's pace is kept as well.
        let spaced = permitted
            .last()
            .map(|last| *last + seen.policy.pace.interval());
        let earliest = spaced.map_or(start, |spaced: Duration| spaced.max(start));
        let Some(start) = exophones.take(caller_id, earliest, now.since_boot + LEAD) else {
            ahead.is_callable();
            continue;
        };
        starts.next();
        let call = Call {
            contact: person.contact,
            number: person.number,
            caller_id,
            start,
        };
        effects.push(permit(tx, run, dialling, now, rolls, seen, call)?);
        permitted.push(start);
    }
    if let Some(last) = permitted.last() {
        run.breaker.tries();
        write_pace(tx, run, seen, *last, now)?;
        exophones.write(tx, now)?;
        if run.assignment.allowance != Allowance::Max {
            runs::note_requests(tx, &run.assignment.account, &permitted, false, now)?;
        }
    }
    let (mut limit, mut wake_at) = (room.limit, room.next_at);
    if let (Some(eases_at), Some(_)) = (exophones.eases_at(), starts.peek()) {
        // There was room for more than the ExoPhones may start.
        (limit, wake_at) = (Some(Limit::Pace), Some(eases_at));
    }
    let mut dialled = Dialled {
        intents: u32::try_from(permitted.len()).unwrap_or(u32::MAX),
        limit,
        wake_at,
        waits_for: WaitsFor::Nothing,
    };
    let room_left = starts.peek().map_or(RoomLeft::None, |_| RoomLeft::Some);
    effects.extend(ahead.ask(tx, run, now, seen, room_left, &mut dialled)?);
    if people.left_out > 0 {
        dialled.wake_at = Some(now.since_boot);
    }
    Ok(dialled)
}

/// Those who are due.
struct People {
    to_call: Vec<(contacts::Due, Needs)>,
    /// How many may not be called, now or at all.
    left_out: usize,
}

/// What somebody needs to be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// The provider's word that they are not registered as do-not-disturb.
    Mark,
}

/// Returns those who have been due longest, and settles whoever of them may not be called.
///
/// Where that is everybody, those behind are looked at as well: one sync serves them all.
fn people(
    tx: &Tx<'_>,
    run: &Run,
    seen: &Seen<'_>,
    now: &Moment,
    mut most: usize,
) -> Result<People> {
    let scrubbing = scrub::scrubbing(seen.policy);
    let (mut to_call, mut left_out) = (Vec::new(), 0);
    loop {
        let due = contacts::due(tx, seen.campaign.id, now.wall, most)?;
        let is_end = due.is_empty();
        for person in due {
            let caps = run.assignment.caps;
            let verdict = match eligibility::judge(&person.person, caps, scrubbing, now.wall) {
                Eligibility::Callable => {
                    to_call.push((person, Needs::Nothing));
                    continue;
                }
                Eligibility::NeedsScrub => {
                    to_call.push((person, Needs::Mark));
                    continue;
                }
                Eligibility::Waits(until, _) if seen.policy.is_over(until) => {
                    Verdict::Skipped(Reason::Expired)
                }
                Eligibility::Waits(until, why) => Verdict::Pending(until, Some(why)),
                Eligibility::Skipped(why) => Verdict::Skipped(why),
            };
            contacts::settle(tx, person.contact, verdict)?;
            left_out += 1;
        }
        if is_end || !to_call.is_empty() || left_out >= MOST_LEFT_OUT {
            return Ok(People { to_call, left_out });
        }
        most = MOST_LEFT_OUT;
    }
}

/// Returns until when the breaker keeps everybody from being called, if it does; not known where it waits for answers.
fn breaker(
    tx: &Tx<'_>,
    run: &Run,
    now: &Moment,
    seen: &Seen<'_>,
) -> Result<Option<Option<Duration>>> {
    Ok(match run.breaker.verdict(now.since_boot) {
        breaker::Verdict::Closed => None,
        breaker::Verdict::Waits(until) => Some(Some(until)),
        breaker::Verdict::NeedsGet | breaker::Verdict::Tries | breaker::Verdict::GivesUp => {
            Some(None)
        }
        // What was under way before it tripped is waited for: its replies are not those of the call that is tried.
        breaker::Verdict::MayTry if seen.live.intents > 0 => Some(None),
        breaker::Verdict::MayTry => {
            let long_ago = now.wall.saturating_sub(breaker::LOOKED_FOR_AFTER);
            let long_ago = long_ago.unwrap_or(now.wall);
            let unlooked = doubts::is_any_unlooked(tx, run.assignment.campaign, long_ago)?;
            unlooked.then_some(None)
        }
    })
}

fn held_back(shut: Shut, now: &Moment) -> Dialled {
    match shut {
        Shut::Greeting => Dialled::nothing(WaitsFor::Greeting, None),
        Shut::FirstReply => Dialled::nothing(WaitsFor::FirstReply, None),
        Shut::Breaker(until) => Dialled::nothing(WaitsFor::Breaker, until),
        Shut::Hours(opens) => Dialled::nothing(
            WaitsFor::Hours(opens),
            opens.map(|at: Timestamp| now.since_boot_at(at)),
        ),
        Shut::Paused => Dialled::nothing(WaitsFor::Resume, None),
        Shut::Ended | Shut::Ending(_) => Dialled::nothing(WaitsFor::LiveCalls, None),
    }
}

/// One call that there is room for.
#[derive(Clone, Copy)]
struct Call {
    contact: ContactId,
    number: PhoneNumber,
    caller_id: PhoneNumber,
    start: Duration,
}

/// Permits one call: the intent is written down, and the order for its POST goes out once that is committed.
fn permit(
    tx: &Tx<'_>,
    run: &Run,
    dialling: &Dialling,
    now: &Moment,
    rolls: &mut Rolls,
    seen: &Seen<'_>,
    call: Call,
) -> Result<Effect> {
    let key = rolls.attempt_key(now.wall);
    let Call {
        contact,
        number,
        caller_id,
        start,
    } = call;
    let callbacks = run.assignment.callbacks.as_ref();
    let callback = callbacks.map(|callbacks| (&callbacks.base, callbacks.secret.token(&key)));
    let intent = Intent {
        run: run.assignment.run,
        campaign: seen.campaign.id,
        contact,
        key: &key,
        send_at: now.wall_at(start),
        caller_id,
        ring: seen.policy.ring,
        talk_limit: seen.policy.talk_limit,
        tariff: seen.policy.tariff,
        callback_hash: callback.as_ref().map(|(_, token)| token.hash().0),
    };
    let attempt = attempts::record_intent(tx, &intent, now.wall)?;
    let order = CallOrder {
        number,
        caller_id,
        flow_url: seen
            .policy
            .flow
            .clone()
            .unwrap_or_else(|| dialling.flow_url.clone()),
        talk_limit: seen.policy.talk_limit,
        ring: seen.policy.ring,
        record: false,
        custom_field: key,
        status_callback: callback.map(|(base, token)| CallbackUrl(token.url(base))),
    };
    let per_minute = seen.policy.pace.most_in_a_minute();
    Ok(Effect::Dial {
        attempt,
        order,
        send_at: start,
        send_at_wall: now.wall_at(start),
        permitted_until: permitted_until(seen, now),
        per_minute,
    })
}

/// Returns until when a call that is permitted now may be sent, however long it is held back.
fn permitted_until(seen: &Seen<'_>, now: &Moment) -> Timestamp {
    let closes_at = seen.calendar.closes_at(now.wall);
    let ends = [closes_at, seen.policy.ends].into_iter().flatten().min();
    ends.unwrap_or(Timestamp::MAX)
}

fn room(
    tx: &Tx<'_>,
    run: &Run,
    dialling: &Dialling,
    now: &Moment,
    seen: &Seen<'_>,
) -> Result<Room> {
    let assignment = &run.assignment;
    let (campaign_interval, account_interval) = intervals(run, seen);
    let next = |scope, interval| -> Result<Duration> {
        Ok(match runs::next_start(tx, scope, now)? {
            Stored::Nothing => now.since_boot,
            // Written down at once: reckoned anew in every turn, the wait would never be over.
            Stored::OtherBoot => {
                let at = pace::next_start(None, now.since_boot, interval);
                runs::set_next_start(tx, scope, at, now)?;
                at
            }
            Stored::Next(stored) => {
                let at = pace::next_start(Some(stored), now.since_boot, interval);
                if at < stored {
                    // What is given is more than it was. Written down for the same reason.
                    runs::set_next_start(tx, scope, at, now)?;
                }
                at
            }
        })
    };
    let made = run.calls_made() + u64::from(seen.live.intents);
    let phase = if run.breaker.has_tripped() {
        Phase::Alone
    } else {
        run.phase
    };
    let capacity = Capacity {
        now: now.since_boot,
        phase,
        campaign_next: next(Scope::Campaign(seen.campaign.id), campaign_interval)?,
        campaign_interval,
        account_next: next(Scope::Account(&assignment.account), account_interval)?,
        account_interval,
        free_lines: free_lines(run, seen),
        allowed: scrub::calls_allowed(run, seen),
        allowance_eases_at: seen.last_minute.eases_at,
        calls_left: dialling
            .limits
            .max_calls
            .map_or(u64::MAX, |most| most.saturating_sub(made))
            .min(seen.canary_left),
        affordable: seen.affordable,
    };
    Ok(capacity.room())
}

/// Returns how many more calls the lines can carry.
pub(super) fn free_lines(run: &Run, seen: &Seen<'_>) -> u32 {
    let (campaign_limit, account_limit) = run.assignment.account_lines.limits(seen.policy.lines);
    let lines = Lines {
        campaign_limit,
        account_limit,
        campaign_live: seen.live.lines,
        account_live: seen.live.account_lines,
        doubts: seen.live.doubts,
        account_doubts: seen.live.account_doubts,
    };
    lines.free()
}

fn intervals(run: &Run, seen: &Seen<'_>) -> (Duration, Duration) {
    (
        seen.policy.pace.interval(),
        run.assignment.allowance.pace_of_calls().interval(),
    )
}

fn write_pace(tx: &Tx<'_>, run: &Run, seen: &Seen<'_>, last: Duration, now: &Moment) -> Result<()> {
    let (campaign_interval, account_interval) = intervals(run, seen);
    runs::set_next_start(
        tx,
        Scope::Campaign(run.assignment.campaign),
        last + campaign_interval,
        now,
    )?;
    if run.assignment.allowance != Allowance::Max {
        runs::set_next_start(
            tx,
            Scope::Account(&run.assignment.account),
            last + account_interval,
            now,
        )?;
    }
    Ok(())
}
