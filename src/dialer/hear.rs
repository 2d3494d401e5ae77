//! Takes in what was heard: evidence goes to the store's one door, trouble to the run.
//!
//! Pure like `turn`, of which it is the first half.

use std::time::Duration;

use super::event::{Effect, Event, Trouble};
use super::rolls::Rolls;
use super::run::{InARow, Run, Task};
use super::{scrub, search, trouble};
use crate::clock::Moment;
use crate::domain::attempt::{AttemptState, Doubt, Evidence, NotSent};
use crate::domain::call::{CallReport, CallSid};
use crate::domain::campaign::Policy;
use crate::domain::clocks;
use crate::domain::doubt::Patience;
use crate::domain::ending::StoppedBecause;
use crate::domain::pace::Allowance;
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::Phase;
use crate::domain::rejection::Blame;
use crate::domain::tracking;
use crate::provider::{Answer, Greeting, LookUpFailure, Reply};
use crate::store::attempts::{self, AttemptId, Merged, Source, Terms};
use crate::store::{Result, Tx, campaigns, candidates, doubts, incidents, looks, runs};

/// What hearing needs.
pub(super) struct Scene<'a, 'tx> {
    pub(super) tx: &'a Tx<'tx>,
    pub(super) run: &'a mut Run,
    pub(super) now: &'a Moment,
    pub(super) rolls: &'a mut Rolls,
    pub(super) policy: &'a Policy,
    pub(super) patience: &'a Patience,
    /// What a call has turned out to last so far.
    pub(super) typical_call: Option<Duration>,
    pub(super) effects: &'a mut Vec<Effect>,
}

/// Tries of the first GET before the provider is taken for unreachable.
const TRIES: u32 = 3;

/// Takes in what happened since the last turn.
pub(super) fn hear_all(scene: &mut Scene<'_, '_>, events: &[Event]) -> Result<()> {
    let known = scene.typical_call;
    for event in events {
        hear(scene, event)?;
    }
    trouble::mind_the_breaker(scene)?;
    mind_the_clock(scene)?;
    let (id, now) = (scene.run.assignment.campaign, scene.now.since_boot);
    if let Some(typical) = scene.typical_call
        && scene.typical_call != known
    {
        campaigns::learn_call_length(scene.tx, id, typical)?;
        if known.is_none() && scene.run.assignment.task != Task::Settle {
            // Until now only the oldest were asked about.
            looks::at_all(scene.tx, id, now)?;
        }
    }
    Ok(())
}

fn hear(scene: &mut Scene<'_, '_>, event: &Event) -> Result<()> {
    match event {
        Event::Started => started(scene),
        Event::Greeted(answer) => greeted(scene, answer),
        Event::Replied { attempt, reply } => replied(scene, *attempt, reply),
        Event::Listed { asked, answer } => listed(scene, asked, answer),
        Event::LookedUp { attempt, answer } => looked_up(scene, *attempt, answer),
        Event::Searched { quest, answer } => search::searched(scene, quest, answer),
        Event::Scrubbed {
            number,
            asked_at,
            answer,
        } => scrub::scrubbed(scene, *number, *asked_at, answer),
        Event::Woke => Ok(()),
        Event::StopAsked => {
            scene.run.end(StoppedBecause::Signal, scene.now);
            Ok(())
        }
        Event::LeaveAsked => {
            scene.run.end(StoppedBecause::Signal, scene.now);
            // Whatever was permitted and not answered may have been sent.
            recover(scene)
        }
    }
}

fn started(scene: &mut Scene<'_, '_>) -> Result<()> {
    recover(scene)?;
    let id = scene.run.assignment.campaign;
    looks::at_all(scene.tx, id, scene.now.since_boot)?;
    doubts::resume(scene.tx, id, scene.patience)?;
    if scene.run.assignment.task == Task::Settle {
        doubts::look_for_all(scene.tx, id, scene.now.wall)?;
        looks::at_unknown_outcomes(scene.tx, id, scene.now.wall)?;
    }
    greet(scene, Duration::ZERO)
}

fn recover(scene: &Scene<'_, '_>) -> Result<()> {
    let id = scene.run.assignment.campaign;
    runs::recover(scene.tx, id, scene.patience, scene.now.wall)
}

/// Whoever sets the clock makes its agreement with the provider's worth nothing: nobody is called before it agrees anew.
fn mind_the_clock(scene: &mut Scene<'_, '_>) -> Result<()> {
    let was_set = scene
        .run
        .agreed
        .is_some_and(|before| clocks::was_set(before, scene.now.offset()));
    if !was_set || scene.run.ending.is_some() {
        return Ok(());
    }
    scene.run.agreed = None;
    scene.run.phase = Phase::Greeting;
    scene.run.greetings = 0;
    greet(scene, Duration::ZERO)
}

pub(super) fn greet(scene: &mut Scene<'_, '_>, wait: Duration) -> Result<()> {
    let (tx, now) = (scene.tx, scene.now);
    let account = &scene.run.assignment.account;
    // Other campaigns of the account may have used up the allowance, or been told to leave the provider alone.
    let shut_until = runs::account_shut_until(tx, account, now)?;
    let mut at = (now.since_boot + wait).max(shut_until.unwrap_or_default());
    if let Allowance::PerMinute(requests) = scene.run.assignment.allowance {
        let last = runs::last_minute(tx, account, now)?;
        if last.requests >= requests {
            at = at.max(last.eases_at.unwrap_or_default());
        }
        runs::note_requests(tx, account, &[at], true, now)?;
    }
    scene.run.greetings += 1;
    scene.effects.push(Effect::Greet { at });
    Ok(())
}

fn greeted(scene: &mut Scene<'_, '_>, answer: &Answer<Greeting>) -> Result<()> {
    if let Ok(Greeting { date: Some(theirs) }) = answer
        && let Some(apart) = clocks::disagree(scene.now.wall, *theirs)
    {
        scene.run.end_in_trouble(Trouble::Clocks(apart), scene.now);
        return Ok(());
    }
    // Whatever it was asked for, it tells the breaker as well.
    scene.run.is_probing = false;
    if answer.is_ok() {
        scene.run.agreed = Some(scene.now.offset());
        scene.run.breaker.reached();
    }
    if scene.run.phase != Phase::Greeting {
        return probed(scene, answer);
    }
    match answer {
        Ok(_) => {
            scene.run.phase = Phase::Alone;
            scene.run.in_a_row = InARow::default();
            // A clock that was set has it greet again, which decides nothing: a pause since then stands.
            let is_first = !std::mem::replace(&mut scene.run.is_under_way, true);
            if is_first && matches!(scene.run.assignment.task, Task::Dial(_)) {
                let id = scene.run.assignment.campaign;
                campaigns::bind_account(scene.tx, id, &scene.run.assignment.account)?;
                runs::campaign_is_running(scene.tx, id, scene.now.wall)?;
            }
            Ok(())
        }
        Err(LookUpFailure::Refused(rejection)) if rejection.class.blame() == Blame::Account => {
            trouble::account_refused(scene, rejection, None)
        }
        Err(failure) if scene.run.greetings >= TRIES => {
            let trouble = trouble::of(failure);
            scene.run.end_in_trouble(trouble, scene.now);
            Ok(())
        }
        Err(failure) => {
            let mut wait = Duration::from_secs(1) * scene.run.greetings;
            if let LookUpFailure::Refused(rejection) = failure
                && rejection.class.blame() == Blame::Allowance
            {
                trouble::refused(scene, rejection, None)?;
                wait = rejection.retry_after.unwrap_or(wait);
            }
            greet(scene, wait)
        }
    }
}

/// The breaker wanted to know whether the provider can be reached at all.
fn probed(scene: &mut Scene<'_, '_>, answer: &Answer<Greeting>) -> Result<()> {
    match answer {
        Ok(_) => {
            scene.run.in_a_row.look_ups_have_succeeded();
            // The next call is tried alone.
            scene.run.phase = Phase::Alone;
            Ok(())
        }
        Err(failure) => {
            scene.run.breaker.not_reached(scene.now.since_boot);
            match failure {
                LookUpFailure::Refused(rejection)
                    if matches!(rejection.class.blame(), Blame::Account | Blame::Allowance) =>
                {
                    trouble::refused(scene, rejection, None)
                }
                _ => Ok(()),
            }
        }
    }
}

fn replied(scene: &mut Scene<'_, '_>, attempt: AttemptId, reply: &Reply) -> Result<()> {
    let evidence = match reply {
        // A Sid that belongs to another attempt proves nothing about this one.
        Reply::Accepted(sid) if attempts::is_owned_by_another(scene.tx, sid, attempt)? => {
            let (kind, detail) = (
                incidents::Kind::ForeignSid,
                "the reply names a call of another attempt",
            );
            incidents::record(scene.tx, attempt, kind, sid, detail, scene.now.wall)?;
            let excerpt = "the reply names a call that belongs to another attempt".to_owned();
            Evidence::Silent(Doubt::Unreadable {
                status: 200,
                excerpt,
            })
        }
        Reply::Accepted(sid) => Evidence::Placed(sid.clone()),
        Reply::Rejected(rejection) => Evidence::Rejected(rejection.clone()),
        Reply::InDoubt(doubt) => Evidence::Silent(doubt.clone()),
        Reply::NotSent(why) => Evidence::NotSent(why.clone()),
    };
    let merged = merge(scene, attempt, &evidence, Source::Reply)?;
    let now = scene.now.since_boot;
    match (&evidence, merged.moved) {
        // A callback may have overtaken the reply, so that nothing moves any more.
        (Evidence::Placed(sid), moved) if merged.state.sid() == Some(sid) => {
            scene.run.breaker.answered(now);
            scene.run.calls_placed += u64::from(moved);
            scene.run.phase = Phase::Open;
            scene.run.in_a_row = InARow::default();
            let first_look =
                scene.now.since_boot + tracking::next_look(Duration::ZERO, scene.typical_call);
            looks::again(scene.tx, attempt, first_look)
        }
        (Evidence::Rejected(rejection), _) => {
            // A number that is refused for itself shows that calls are answered; other refusals do not.
            match rejection.class.blame() {
                Blame::Contact => scene.run.breaker.answered(now),
                _ => scene.run.breaker.not_answered(now),
            }
            let shown = attempts::caller_id(scene.tx, attempt)?;
            trouble::refused(scene, rejection, shown)
        }
        (Evidence::NotSent(why @ NotSent::NoConnection(_)), _) => {
            scene.run.breaker.not_answered(now);
            trouble::unreachable(scene, &Trouble::Unreachable(why.to_string()))
        }
        (Evidence::Silent(_), true) => {
            scene.run.doubts += 1;
            scene.run.breaker.lost(now);
            Ok(())
        }
        // Not sent in time, or nothing new: the breaker learns nothing from it, and may try another.
        _ => {
            scene.run.breaker.not_answered(now);
            Ok(())
        }
    }
}

fn listed(
    scene: &mut Scene<'_, '_>,
    asked: &[(AttemptId, CallSid)],
    answer: &Answer<Vec<CallReport>>,
) -> Result<()> {
    scene.run.look_ups_under_way = scene.run.look_ups_under_way.saturating_sub(1);
    match answer {
        Ok(reports) => {
            scene.run.in_a_row.look_ups_have_succeeded();
            for (attempt, sid) in asked {
                if let Some(report) = reports.iter().find(|report| report.sid == *sid) {
                    seen(scene, *attempt, report)?;
                }
            }
            Ok(())
        }
        Err(failure) => {
            let asked: Vec<_> = asked.iter().map(|(attempt, _)| *attempt).collect();
            trouble::look_up_failed(scene, &asked, failure)
        }
    }
}

fn looked_up(
    scene: &mut Scene<'_, '_>,
    attempt: AttemptId,
    answer: &Answer<Option<CallReport>>,
) -> Result<()> {
    scene.run.look_ups_under_way = scene.run.look_ups_under_way.saturating_sub(1);
    match answer {
        Ok(report) => {
            scene.run.in_a_row.look_ups_have_succeeded();
            if let Some(report) = report {
                seen(scene, attempt, report)?;
            }
            // Asked for by itself, and still no end: after a day it is given up, and a person is told.
            let age = attempts::age(scene.tx, attempt, scene.now.wall)?;
            if age.is_some_and(|age| age > tracking::LONGEST_WAIT_FOR_AN_END) {
                merge(scene, attempt, &Evidence::NeverEnded, Source::LookUp)?;
            }
            Ok(())
        }
        Err(failure) => trouble::look_up_failed(scene, &[attempt], failure),
    }
}

fn seen(scene: &mut Scene<'_, '_>, attempt: AttemptId, report: &CallReport) -> Result<()> {
    let ours = attempts::number(scene.tx, attempt)?;
    let before = attempts::state(scene.tx, attempt)?;
    let is_known = before.sid() == Some(&report.sid);
    if !is_known && report.number.is_none() {
        // It proves nothing either way; the candidate is asked about again.
        return Ok(());
    }
    if ours.is_forgotten() && !is_known && report.number.is_some() {
        // Whose call it is cannot be told any more.
        return candidates::settle(scene.tx, attempt, &report.sid, candidates::Verdict::Refuted);
    }
    // A candidate can be an earlier call to the same number.
    let earliest = attempts::earliest_call(scene.tx, attempt)?;
    let is_too_early = !is_known && report.started_at.is_some_and(|at| at < earliest);
    let is_anothers = |theirs: PhoneNumber| theirs != ours && !ours.is_forgotten();
    if is_too_early || report.number.is_some_and(is_anothers) {
        tracing::warn!(attempt = %attempt, "the provider shows that this call is another's; its report is not used");
        let detail = if is_too_early {
            "the call that was named is older than the attempt"
        } else {
            "the provider shows another number for the call that was named"
        };
        let (now, kind) = (scene.now.wall, incidents::Kind::ForeignSid);
        candidates::settle(scene.tx, attempt, &report.sid, candidates::Verdict::Refuted)?;
        return incidents::record(scene.tx, attempt, kind, &report.sid, detail, now);
    }
    let evidence = Evidence::Seen(report.clone());
    let whose = attempts::campaign(scene.tx, attempt)?;
    let is_ours = whose == scene.run.assignment.campaign;
    // A call of another campaign that one of ours waits for: its own campaign says when its person is tried again.
    let theirs = if is_ours {
        None
    } else {
        Some(campaigns::policy(scene.tx, whose)?)
    };
    let policy = theirs.as_ref().unwrap_or(scene.policy);
    let terms = Terms {
        policy,
        patience: scene.patience,
    };
    let merged = attempts::merge_evidence(
        scene.tx,
        attempt,
        &evidence,
        Source::LookUp,
        &terms,
        scene.now.wall,
    )?;
    let is_tracked = matches!(
        before,
        AttemptState::Accepted(_) | AttemptState::InProgress(_)
    );
    if !is_tracked {
        let is_its = merged.state.sid() == Some(&report.sid);
        let verdict = if is_its {
            candidates::Verdict::Confirmed
        } else {
            candidates::Verdict::Refuted
        };
        candidates::settle(scene.tx, attempt, &report.sid, verdict)?;
        // A callback has overtaken the reply, which will change nothing any more.
        scene.run.calls_placed += u64::from(is_its && before == AttemptState::Intent);
        if is_its && merged.state.name().is_live() {
            looks::again(scene.tx, attempt, scene.now.since_boot)?;
        }
    }
    if !is_ours {
        return Ok(());
    }
    if let (true, AttemptState::Ended(..), Some(age)) =
        (merged.moved, &merged.state, merged.since_accepted)
    {
        let reported = match (report.started_at, report.ended_at) {
            (Some(started), Some(ended)) => Duration::try_from(ended.duration_since(started)).ok(),
            _ => None,
        };
        let ran = scene.now.wall.duration_since(scene.run.began.wall);
        let was_watched = Duration::try_from(ran).is_ok_and(|ran| age <= ran);
        // Nobody knows when a call ended that nobody has looked at; the provider itself says so minutes later.
        if was_watched || reported.is_some() || scene.typical_call.is_none() {
            scene.typical_call = Some(tracking::learn(scene.typical_call, age, reported));
        }
    }
    Ok(())
}

pub(super) fn merge(
    scene: &mut Scene<'_, '_>,
    attempt: AttemptId,
    evidence: &Evidence,
    source: Source,
) -> Result<Merged> {
    let terms = terms(scene);
    attempts::merge_evidence(scene.tx, attempt, evidence, source, &terms, scene.now.wall)
}

pub(super) fn terms<'a>(scene: &Scene<'a, '_>) -> Terms<'a> {
    Terms {
        policy: scene.policy,
        patience: scene.patience,
    }
}
