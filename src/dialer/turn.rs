//! One turn of the dialer.
//!
//! Takes in what was heard, reads what is due, asks the domain what to do, writes it down, and returns what the shell
//! should do next. It never touches the network or the clock. Nothing it returns may be performed unless its
//! transaction has committed: hand it to [`crate::store::Store::write`].

use std::time::Duration;

use super::event::{Effect, Ending, Event, Progress, WaitsFor};
use super::hear::{self, Scene};
use super::rolls::Rolls;
use super::run::{Run, Task};
use crate::clock::Moment;
use crate::domain::campaign::{CampaignState, Policy};
use crate::domain::pace::{self, Allowance, LastMinute};
use crate::domain::plan::{
    self, Capacity, Departure, Gate, Limit, Lines, Prospect, Room, Shut, StoppedBecause,
};
use crate::domain::report::Counts;
use crate::domain::retry::{Reason, Verdict};
use crate::domain::tracking;
use crate::provider::CallOrder;
use crate::store::attempts::{self, Intent, Live};
use crate::store::campaigns::{self, Campaign, PausedBy};
use crate::store::runs::{self, Scope, Stored};
use crate::store::{Result, Tx, contacts};

/// What a turn came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Turned {
    /// What to do now that it is committed.
    pub effects: Vec<Effect>,
    /// When the next turn is due at the latest, since boot, if nothing is heard before; `None` to wait for an answer.
    pub wake_at: Option<Duration>,
    /// How the run is getting on.
    pub progress: Progress,
    /// The run is over, and this is how it ended.
    pub over: Option<Ending>,
}

/// A doubt holds its line as long as the call may ring, and two minutes more.
const DOUBT_HOLDS_LINE_BEYOND_RING: Duration = Duration::from_secs(120);

/// Requests for look-ups that may be under way at once: a slow provider must not pile them up.
const LOOK_UPS_AT_ONCE: u32 = 4;

/// How long a contact waits whose number is live in another campaign.
const BUSY_ELSEWHERE_WAIT: Duration = Duration::from_secs(30);

/// Takes one turn.
///
/// # Errors
/// When the database refuses, or another run has taken this one's place. Nothing is written then, and nothing may be
/// done.
pub fn turn(
    tx: &Tx<'_>,
    run: &mut Run,
    now: &Moment,
    rolls: &mut Rolls,
    events: &[Event],
) -> Result<Turned> {
    let id = run.assignment.campaign;
    runs::assert_current(tx, run.assignment.run, id)?;
    let policy = campaigns::policy(tx, id)?;
    let doubt_holds_line = policy.ring + DOUBT_HOLDS_LINE_BEYOND_RING;
    let mut effects = Vec::new();
    let typical_call = campaigns::get(tx, id)?.typical_call;
    let mut scene = Scene {
        tx,
        run,
        now,
        rolls,
        policy: &policy,
        doubt_holds_line,
        typical_call,
        effects: &mut effects,
    };
    hear::hear_all(&mut scene, events)?;

    let campaign = campaigns::get(tx, id)?;
    note_pause(run, &campaign, now);
    decide_to_end(tx, run, &campaign, &policy, now)?;
    let seen = Seen {
        campaign: &campaign,
        policy: &policy,
        live: attempts::live(tx, id, &run.assignment.account, doubt_holds_line, now.wall)?,
        last_minute: match run.assignment.allowance {
            Allowance::Max => LastMinute::default(),
            Allowance::PerMinute(_) => runs::last_minute(tx, &run.assignment.account, now)?,
        },
    };
    let (dialled, look_at) = match runs::account_shut_until(tx, &run.assignment.account, now)? {
        Some(until) => (Dialled::shut(until), Some(until)),
        None => {
            let dialled = dial(tx, run, now, rolls, &seen, &mut effects)?;
            (dialled, look(tx, run, now, &seen, &mut effects)?)
        }
    };
    run.bound.note(dialled.limit, now.since_boot);

    let counts = contacts::counts(tx, id)?;
    let open_posts = seen.live.intents + dialled.intents;
    let over = leave(
        tx,
        run,
        &campaign,
        &counts,
        open_posts,
        seen.live.calls,
        now,
    )?;
    if over.is_some() {
        // What a run asks for in its last turn is not done any more, and must not be counted as if it were.
        effects.clear();
    }
    run.requests += effects.len() as u64;
    let progress = progress(run, counts, &dialled);
    let wake_at = [dialled.wake_at, look_at, end_wakes_at(run, now)]
        .into_iter()
        .flatten()
        .min();
    Ok(Turned {
        effects,
        wake_at,
        progress,
        over,
    })
}

/// What a turn has read before it acts.
struct Seen<'a> {
    campaign: &'a Campaign,
    policy: &'a Policy,
    live: Live,
    last_minute: LastMinute,
}

fn note_pause(run: &mut Run, campaign: &Campaign, now: &Moment) {
    let ends_this_run = match (run.assignment.task, &campaign.paused_by) {
        // Asking what became of calls is no calling.
        (Task::Settle, _) | (Task::Dial(_), None) => false,
        (Task::Dial(_), Some(PausedBy::Person)) => true,
        // A pause of our own ends with the first GET that succeeds, so the run that is to send it must go on.
        (Task::Dial(_), Some(PausedBy::Exocamp(_))) => run.phase != plan::Phase::Greeting,
    };
    run.paused_since = ends_this_run.then(|| run.paused_since.unwrap_or(now.since_boot));
}

fn decide_to_end(
    tx: &Tx<'_>,
    run: &mut Run,
    campaign: &Campaign,
    policy: &Policy,
    now: &Moment,
) -> Result<()> {
    if run.assignment.task == Task::Settle {
        return Ok(());
    }
    let limits = run.limits();
    let prospect = Prospect {
        wall: now.wall,
        runtime: now.since_boot.saturating_sub(run.began.since_boot),
        limits: &limits,
        state: campaign.state,
        calendar: &policy.calendar,
        calls_placed: run.calls_placed,
        next_due_at: contacts::next_due_at(tx, campaign.id)?,
    };
    if let Some(because) = prospect.ending() {
        run.end(because, now);
    }
    Ok(())
}

/// What came of dialling.
struct Dialled {
    intents: u32,
    limit: Option<Limit>,
    wake_at: Option<Duration>,
    waits_for: WaitsFor,
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

    fn shut(until: Duration) -> Self {
        let limit = Some(Limit::Allowance);
        Self {
            intents: 0,
            limit,
            wake_at: Some(until),
            waits_for: WaitsFor::Nothing,
        }
    }
}

/// Writes down as many intents as there is room for.
fn dial(
    tx: &Tx<'_>,
    run: &mut Run,
    now: &Moment,
    rolls: &mut Rolls,
    seen: &Seen<'_>,
    effects: &mut Vec<Effect>,
) -> Result<Dialled> {
    let wake_on_wall = |at: jiff::Timestamp| {
        let ahead = Duration::try_from(at.duration_since(now.wall)).unwrap_or_default();
        Some(now.since_boot + ahead)
    };
    if run.assignment.task == Task::Settle {
        return Ok(Dialled::nothing(WaitsFor::LiveCalls, None));
    }
    let gate = Gate {
        wall: now.wall,
        phase: run.phase,
        open_posts: seen.live.intents,
        state: seen.campaign.state,
        calendar: &seen.policy.calendar,
        ending: run.ending.map(|(because, _)| because),
    };
    match gate.shut() {
        None => {}
        Some(Shut::Greeting) => return Ok(Dialled::nothing(WaitsFor::Greeting, None)),
        Some(Shut::FirstReply) => return Ok(Dialled::nothing(WaitsFor::FirstReply, None)),
        Some(Shut::Hours(opens)) => {
            return Ok(Dialled::nothing(
                WaitsFor::Hours(opens),
                opens.and_then(wake_on_wall),
            ));
        }
        Some(Shut::Paused) => return Ok(Dialled::nothing(WaitsFor::Resume, None)),
        Some(Shut::Ending(_)) => return Ok(Dialled::nothing(WaitsFor::LiveCalls, None)),
    }
    let room = room(tx, run, now, seen)?;
    let due = contacts::due(tx, seen.campaign.id, now.wall, room.starts.len().max(1))?;
    if due.is_empty() {
        return Ok(match contacts::next_due_at(tx, seen.campaign.id)? {
            Some(at) => Dialled::nothing(WaitsFor::Due(at), wake_on_wall(at)),
            None => Dialled::nothing(WaitsFor::LiveCalls, None),
        });
    }
    let mut starts = room.starts.iter();
    let mut sent_at = Vec::new();
    let mut somebody_waits = false;
    for person in due {
        if person.is_busy_elsewhere {
            let later = now
                .wall
                .saturating_add(BUSY_ELSEWHERE_WAIT)
                .unwrap_or(now.wall);
            contacts::settle(
                tx,
                person.contact,
                Verdict::Pending(later, Some(Reason::BusyElsewhere)),
            )?;
            somebody_waits = true;
            continue;
        }
        let Some(start) = starts.next().copied() else {
            break;
        };
        let key = rolls.attempt_key(now.wall);
        let send_at = now.wall_at(start);
        let intent = Intent {
            run: run.assignment.run,
            campaign: seen.campaign.id,
            contact: person.contact,
            key: &key,
            send_at,
        };
        let attempt = attempts::record_intent(tx, &intent, now.wall)?;
        let order = CallOrder {
            number: person.number,
            caller_id: seen.policy.caller_id.unwrap_or(run.assignment.caller_id),
            flow_url: seen
                .policy
                .flow
                .clone()
                .unwrap_or_else(|| run.assignment.flow_url.clone()),
            talk_limit: seen.policy.talk_limit,
            ring: seen.policy.ring,
            record: false,
            custom_field: key,
            status_callback: None,
        };
        effects.push(Effect::Dial {
            attempt,
            order,
            send_at: start,
            per_minute: seen.policy.pace.whole_calls_per_minute(),
        });
        sent_at.push(start);
    }
    if let Some(last) = sent_at.last() {
        write_pace(tx, run, seen.policy, *last, now)?;
        if run.assignment.allowance != Allowance::Max {
            runs::note_requests(tx, &run.assignment.account, &sent_at, false, now)?;
        }
    }
    let wake_at = if somebody_waits {
        Some(now.since_boot)
    } else {
        room.next_at.map(|at| at.saturating_sub(pace::LEAD))
    };
    Ok(Dialled {
        intents: u32::try_from(sent_at.len()).unwrap_or(u32::MAX),
        limit: room.limit,
        wake_at,
        waits_for: WaitsFor::Nothing,
    })
}

fn room(tx: &Tx<'_>, run: &Run, now: &Moment, seen: &Seen<'_>) -> Result<Room> {
    let assignment = &run.assignment;
    let (campaign_interval, account_interval) = intervals(run, seen.policy);
    let next = |scope, interval| -> Result<Duration> {
        Ok(match runs::next_start(tx, scope, now)? {
            Stored::Nothing => now.since_boot,
            Stored::OtherBoot => pace::next_start(None, now.since_boot, interval),
            Stored::Next(at) => pace::next_start(Some(at), now.since_boot, interval),
        })
    };
    let most = run.limits().max_calls;
    let capacity = Capacity {
        now: now.since_boot,
        phase: run.phase,
        campaign_next: next(Scope::Campaign(seen.campaign.id), campaign_interval)?,
        campaign_interval,
        account_next: next(Scope::Account(&assignment.account), account_interval)?,
        account_interval,
        free_lines: free_lines(run, seen),
        allowed: pace::calls_allowed(assignment.allowance, seen.last_minute),
        allowance_eases_at: seen.last_minute.eases_at,
        calls_left: most.map_or(u64::MAX, |most| {
            most.saturating_sub(run.calls_placed + u64::from(seen.live.intents))
        }),
    };
    Ok(capacity.room())
}

fn free_lines(run: &Run, seen: &Seen<'_>) -> u32 {
    let account_lines = run.assignment.account_lines;
    let campaign_limit = seen.policy.lines.unwrap_or(account_lines);
    let lines = Lines {
        campaign_limit,
        // A campaign that was given more lines than the account's default has them.
        account_limit: account_lines.max(campaign_limit),
        campaign_live: seen.live.intents + seen.live.calls,
        account_live: seen.live.intents + seen.live.calls + seen.live.elsewhere,
        doubts: seen.live.doubts,
    };
    lines.free()
}

fn intervals(run: &Run, policy: &Policy) -> (Duration, Duration) {
    (
        policy.pace.interval(),
        run.assignment.allowance.pace_of_calls().interval(),
    )
}

fn write_pace(tx: &Tx<'_>, run: &Run, policy: &Policy, last: Duration, now: &Moment) -> Result<()> {
    let (campaign_interval, account_interval) = intervals(run, policy);
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

/// Asks about the calls that may have ended; returns when to do so next.
fn look(
    tx: &Tx<'_>,
    run: &mut Run,
    now: &Moment,
    seen: &Seen<'_>,
    effects: &mut Vec<Effect>,
) -> Result<Option<Duration>> {
    let leaving = matches!(
        run.ending,
        Some((StoppedBecause::Signal | StoppedBecause::Provider, _))
    );
    if run.greetings == 0 || run.phase == plan::Phase::Greeting || leaving {
        return Ok(None);
    }
    let allowance = run.assignment.allowance;
    let mut allowed =
        pace::look_ups_allowed(allowance, seen.last_minute, expected_calls(run, seen));
    let mut asked = 0;
    loop {
        let next = attempts::next_look(tx, seen.campaign.id)?;
        let live_due = next.is_some_and(|at| at <= now.since_boot);
        if run.look_ups_under_way >= LOOK_UPS_AT_ONCE {
            break;
        }
        if allowed == 0 {
            note_look_ups(tx, run, asked, now)?;
            // A tenth is kept for look-ups, so that the wait is never long.
            let soon = now.since_boot + Duration::from_secs(1);
            return Ok(Some(
                seen.last_minute
                    .eases_at
                    .map_or(soon, |at| at.clamp(now.since_boot, soon)),
            ));
        }
        let most = run.assignment.sids_per_look_up;
        let calls = if live_due {
            attempts::soonest_looks(tx, seen.campaign.id, most)?
        } else {
            attempts::take_price_looks(tx, seen.campaign.id, now.wall, most)?
        };
        let Some(first) = calls.first() else { break };
        let since = calls
            .iter()
            .fold(first.accepted_at, |since, call| since.min(call.accepted_at));
        let (mut together, mut alone) = (Vec::new(), None);
        for call in calls {
            let age =
                Duration::try_from(now.wall.duration_since(call.accepted_at)).unwrap_or_default();
            if live_due {
                let typical = seen.campaign.typical_call;
                attempts::look_again(
                    tx,
                    call.attempt,
                    now.since_boot + tracking::next_look(age, typical),
                )?;
            }
            if live_due
                && alone.is_none()
                && tracking::is_overdue(age, seen.policy.ring, seen.policy.talk_limit)
            {
                alone = Some(Effect::LookUp {
                    attempt: call.attempt,
                    sid: call.sid,
                });
            } else {
                together.push((call.attempt, call.sid));
            }
        }
        let new_effects = alone
            .into_iter()
            .chain((!together.is_empty()).then_some(Effect::List {
                calls: together,
                since,
            }));
        for effect in new_effects {
            effects.push(effect);
            run.look_ups_under_way += 1;
            asked += 1;
            allowed = allowed.saturating_sub(1);
        }
    }
    note_look_ups(tx, run, asked, now)?;
    attempts::next_look(tx, seen.campaign.id)
}

fn note_look_ups(tx: &Tx<'_>, run: &Run, asked: usize, now: &Moment) -> Result<()> {
    if run.assignment.allowance == Allowance::Max || asked == 0 {
        return Ok(());
    }
    runs::note_requests(
        tx,
        &run.assignment.account,
        &vec![now.since_boot; asked],
        true,
        now,
    )
}

/// Returns how many calls the coming minute may want: the pace's, or a little more than the last minute had.
fn expected_calls(run: &Run, seen: &Seen<'_>) -> u32 {
    let fastest = seen
        .policy
        .pace
        .slower_of(run.assignment.allowance.pace_of_calls());
    let by_pace = fastest
        .calls_per_minute()
        .map_or(u32::MAX, |calls| calls.ceil() as u32);
    let lately = seen
        .last_minute
        .requests
        .saturating_sub(seen.last_minute.look_ups);
    by_pace.min(lately + lately / 4 + free_lines(run, seen))
}

fn progress(run: &Run, counts: Counts, dialled: &Dialled) -> Progress {
    let live = u32::try_from(counts.initiated).unwrap_or(u32::MAX);
    let waits_for = match dialled.waits_for {
        WaitsFor::Nothing if counts.pending == 0 => WaitsFor::LiveCalls,
        other => other,
    };
    let (calls_placed, requests) = (run.calls_placed, run.requests);
    Progress {
        counts,
        live,
        calls_placed,
        requests,
        limit: dialled.limit,
        waits_for,
    }
}

/// Ends the run if it is over, and writes down how.
fn leave(
    tx: &Tx<'_>,
    run: &mut Run,
    campaign: &Campaign,
    counts: &Counts,
    open_posts: u32,
    live: u32,
    now: &Moment,
) -> Result<Option<Ending>> {
    let ago = |since: Duration| now.since_boot.saturating_sub(since);
    let departure = Departure {
        ending: run.ending.map(|(because, since)| (because, ago(since))),
        paused_for: run.paused_since.map(ago),
        open_posts,
        live,
        pending: counts.pending,
        held: counts.held,
    };
    let because = match run.assignment.task {
        Task::Dial(_) => departure.over(),
        Task::Settle => settled(tx, run, &departure, now)?,
    };
    let Some(because) = because else {
        return Ok(None);
    };
    let id = campaign.id;
    runs::end(
        tx,
        run.assignment.run,
        because,
        run.calls_placed,
        run.requests,
        now.wall,
    )?;
    match because {
        StoppedBecause::Finished => {
            campaigns::set_state(tx, id, CampaignState::Completed, now.wall)?
        }
        _ if campaign.state == CampaignState::Running => {
            campaigns::set_state(tx, id, CampaignState::Stopped, now.wall)?;
        }
        _ => {}
    }
    run.bound.note(None, now.since_boot);
    Ok(Some(Ending {
        because,
        trouble: run.trouble.clone(),
        limited_by: run.bound.longest(),
    }))
}

/// Returns why settling is over: everything open was asked about once.
fn settled(
    tx: &Tx<'_>,
    run: &Run,
    departure: &Departure,
    now: &Moment,
) -> Result<Option<StoppedBecause>> {
    if let Some((because, _)) = departure.ending {
        return Ok((run.look_ups_under_way == 0).then_some(because));
    }
    let asked_all =
        attempts::next_look(tx, run.assignment.campaign)?.is_none_or(|next| next > now.since_boot);
    if run.phase == plan::Phase::Greeting || run.look_ups_under_way > 0 || !asked_all {
        return Ok(None);
    }
    Ok(Some(departure.over().unwrap_or(StoppedBecause::NothingDue)))
}

/// Returns when the run's own limits want a turn.
fn end_wakes_at(run: &Run, now: &Moment) -> Option<Duration> {
    let limits = run.limits();
    let until = limits.until.map(|until| {
        let ahead = Duration::try_from(until.duration_since(now.wall)).unwrap_or_default();
        now.since_boot + ahead
    });
    let longest = limits.max_runtime.map(|most| run.began.since_boot + most);
    let since = run.ending.map(|(_, since)| since).or(run.paused_since);
    let followed = since.map(|since| since + plan::FOLLOW_LIVE_CALLS);
    [until, longest, followed]
        .into_iter()
        .flatten()
        .filter(|at| *at > now.since_boot)
        .min()
}
