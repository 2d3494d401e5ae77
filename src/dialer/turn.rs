//! One turn of the dialer.
//!
//! Takes in what was heard, reads what is due, asks the domain what to do, writes it down, and returns what the shell
//! should do next. It never touches the network or the clock. Nothing it returns may be performed unless its
//! transaction has committed: hand it to [`crate::store::Store::write`].

use std::time::Duration;

use super::dial::{Dialled, dial};
use super::event::{Effect, Ending, Event, Progress, WaitsFor};
use super::hear::{self, Scene};
use super::look::look;
use super::quality;
use super::rolls::Rolls;
use super::run::{Run, Task};
use super::search;
use crate::clock::Moment;
use crate::domain::campaign::{CampaignState, Policy};
use crate::domain::cost;
use crate::domain::doubt;
use crate::domain::ending::{self, Departure, Prospect, StoppedBecause};
use crate::domain::hours::Calendar;
use crate::domain::pace::{Allowance, LastMinute};
use crate::domain::plan::Phase;
use crate::domain::report::Counts;
use crate::domain::tracking;
use crate::store::campaigns::{self, Campaign, PausedBy};
use crate::store::live::{self, LineHolds, Live};
use crate::store::{Result, Tx, contacts, costs, looks, runs};

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

/// No campaign lets it ring for longer; each doubt says itself until when it holds its line.
const LONGEST_RING: Duration = Duration::from_secs(120);

/// What a turn has read before it acts.
pub(super) struct Seen<'a> {
    pub(super) campaign: &'a Campaign,
    pub(super) policy: &'a Policy,
    pub(super) calendar: Calendar,
    pub(super) live: Live,
    pub(super) last_minute: LastMinute,
    /// Calls that the canary still may have.
    pub(super) canary_left: u64,
    /// Calls that the budget can bear, at their worst.
    pub(super) affordable: u64,
}

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
    let patience = run.assignment.patience.clone();
    let mut effects = Vec::new();
    let typical_call = campaigns::get(tx, id)?.typical_call;
    let mut scene = Scene {
        tx,
        run,
        now,
        rolls,
        policy: &policy,
        patience: &patience,
        typical_call,
        effects: &mut effects,
    };
    hear::hear_all(&mut scene, events)?;
    contacts::expire(tx, id, &policy, now.wall)?;
    let canary_left = quality::mind(tx, run, &policy, now)?;

    let campaign = campaigns::get(tx, id)?;
    let holds = LineHolds {
        call: tracking::must_have_ended_after(policy.ring, policy.talk_limit),
        doubt: doubt::holds_line_for(LONGEST_RING),
    };
    let live = live::count(tx, id, &run.assignment.account, holds, now.wall)?;
    let seen = Seen {
        campaign: &campaign,
        policy: &policy,
        calendar: policy.calendar(),
        live,
        last_minute: last_minute(tx, run, now)?,
        canary_left,
        affordable: cost::affordable(
            policy.budget,
            costs::spent(tx, id)?,
            cost::worst_case(policy.tariff, policy.talk_limit),
        ),
    };
    note_pause(run, &campaign, now);
    decide_to_end(tx, run, &seen, now)?;
    let (dialled, look_at) = match runs::account_shut_until(tx, &run.assignment.account, now)? {
        Some(until) => (Dialled::shut(run, until), Some(until)),
        None => {
            let dialled = dial(tx, run, now, rolls, &seen, &mut effects)?;
            // The calls just permitted count before the look-ups.
            let last_minute = last_minute(tx, run, now)?;
            (
                dialled,
                look(tx, run, now, &seen, last_minute, &mut effects)?,
            )
        }
    };
    run.bound.note(dialled.limit, now.since_boot);

    let counts = contacts::counts(tx, id)?;
    let open_posts = live.intents + dialled.intents;
    let over = leave(tx, run, &seen, counts, open_posts, now)?;
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

fn last_minute(tx: &Tx<'_>, run: &Run, now: &Moment) -> Result<LastMinute> {
    match run.assignment.allowance {
        Allowance::Max => Ok(LastMinute::default()),
        Allowance::PerMinute(_) => runs::last_minute(tx, &run.assignment.account, now),
    }
}

fn note_pause(run: &mut Run, campaign: &Campaign, now: &Moment) {
    let ends_this_run = match (&run.assignment.task, &campaign.paused_by) {
        // Asking what became of calls is no calling.
        (Task::Settle, _) | (Task::Dial(_), None) => false,
        (Task::Dial(_), Some(PausedBy::Person)) => true,
        // A pause of our own ends with the first GET that succeeds, so the run that is to send it must go on.
        (Task::Dial(_), Some(PausedBy::Exocamp(_) | PausedBy::Quality(_))) => run.is_under_way,
    };
    run.paused_since = ends_this_run.then(|| run.paused_since.unwrap_or(now.since_boot));
}

fn decide_to_end(tx: &Tx<'_>, run: &mut Run, seen: &Seen<'_>, now: &Moment) -> Result<()> {
    if run.assignment.task == Task::Settle {
        return Ok(());
    }
    let limits = run.limits();
    let prospect = Prospect {
        wall: now.wall,
        runtime: now.since_boot.saturating_sub(run.began.since_boot),
        limits: &limits,
        state: seen.campaign.state,
        calendar: &seen.calendar,
        calls_made: run.calls_made(),
        live: seen.live.intents + seen.live.calls,
        next_due_at: contacts::next_due_at(tx, seen.campaign.id)?,
        affordable: seen.affordable,
    };
    match prospect.ending() {
        // What is still to be asked for, or looked for, may make a call cheaper than its worst case.
        Some(StoppedBecause::Budget)
            if run.phase == Phase::Greeting
                || run.look_ups_under_way > 0
                || search::goes_on(tx, run, now)?
                || looks::is_price_due(tx, seen.campaign.id, now.wall)? => {}
        // Somebody may become free by an answer that is on its way.
        Some(StoppedBecause::NothingDue) if run.look_ups_under_way > 0 => {}
        Some(because) => run.end(because, now),
        None => {}
    }
    Ok(())
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
    seen: &Seen<'_>,
    counts: Counts,
    open_posts: u32,
    now: &Moment,
) -> Result<Option<Ending>> {
    let id = seen.campaign.id;
    let ago = |since: Duration| now.since_boot.saturating_sub(since);
    let mut departure = Departure {
        ending: run.ending.map(|(because, since)| (because, ago(since))),
        paused_for: run.paused_since.map(ago),
        open_posts,
        live: seen.live.calls,
        pending: counts.pending,
        held: counts.held,
        looking: search::goes_on(tx, run, now)? || run.look_ups_under_way > 0,
    };
    let nothing_goes_on = open_posts == 0 && seen.live.calls == 0;
    if nothing_goes_on && counts.pending > 0 && contacts::wait_only_for_doubts(tx, id, now.wall)? {
        // Doubts of other campaigns are doubts all the same: no wait of ours clears them up.
        departure = Departure {
            pending: 0,
            held: counts.held + counts.pending,
            ..departure
        };
    }
    let because = match run.assignment.task {
        Task::Dial(_) => departure.over(),
        Task::Settle => settled(tx, run, &departure, now)?,
    };
    let Some(because) = because else {
        return Ok(None);
    };
    runs::end(
        tx,
        run.assignment.run,
        because,
        run.calls_placed,
        run.requests,
        now.wall,
    )?;
    match (because, seen.campaign.state) {
        (_, CampaignState::Cancelled) => {}
        (StoppedBecause::Finished, _) => {
            campaigns::set_state(tx, id, CampaignState::Completed, now.wall)?
        }
        (_, CampaignState::Running) => {
            campaigns::set_state(tx, id, CampaignState::Stopped, now.wall)?
        }
        (_, CampaignState::Stopped | CampaignState::Paused | CampaignState::Completed) => {}
    }
    run.bound.note(None, now.since_boot);
    Ok(Some(Ending {
        because,
        trouble: run.trouble.clone(),
        limited_by: run.bound.longest(),
        caution: run.caution,
    }))
}

/// Returns why settling is over: everything open was asked about, and answered.
fn settled(
    tx: &Tx<'_>,
    run: &Run,
    departure: &Departure,
    now: &Moment,
) -> Result<Option<StoppedBecause>> {
    if let Some((because, _)) = departure.ending {
        return Ok(Some(because));
    }
    let id = run.assignment.campaign;
    let is_due = looks::next(tx, id)?.is_some_and(|next| next <= now.since_boot);
    let asked_all =
        !is_due && !looks::is_price_due(tx, id, now.wall)? && !search::goes_on(tx, run, now)?;
    let answered_all =
        run.look_ups_under_way == 0 && (departure.live == 0 || !run.in_a_row.look_ups_fail());
    if run.phase == Phase::Greeting || !asked_all || !answered_all {
        return Ok(None);
    }
    Ok(Some(departure.over().unwrap_or(StoppedBecause::NothingDue)))
}

/// Returns when the run's own limits want a turn.
fn end_wakes_at(run: &Run, now: &Moment) -> Option<Duration> {
    let limits = run.limits();
    let until = limits.until.map(|until| now.since_boot_at(until));
    let longest = limits.max_runtime.map(|most| run.began.since_boot + most);
    let since = run.ending.map(|(_, since)| since).or(run.paused_since);
    let followed = since.map(|since| since + ending::FOLLOW_LIVE_CALLS);
    [until, longest, followed]
        .into_iter()
        .flatten()
        .filter(|at| *at > now.since_boot)
        .min()
}
