//! Takes in what was heard: evidence goes to the store's one door, trouble to the run.
//!
//! Pure like `turn`, of which it is the first half.

use std::time::Duration;

use super::event::{Effect, Event, Trouble};
use super::rolls::Rolls;
use super::run::{Run, Task};
use crate::clock::Moment;
use crate::domain::attempt::{AttemptState, Doubt, Evidence, NotSent};
use crate::domain::call::{CallReport, CallSid};
use crate::domain::campaign::Policy;
use crate::domain::pace::Allowance;
use crate::domain::plan::{Phase, StoppedBecause};
use crate::domain::rejection::{Blame, Rejection};
use crate::domain::tracking;
use crate::provider::{Answer, Greeting, LookUpFailure, Reply};
use crate::store::attempts::{self, AttemptId, Source, Terms};
use crate::store::campaigns::{self, PausedBy};
use crate::store::{Result, Tx, runs};

/// What hearing needs.
pub(super) struct Scene<'a, 'tx> {
    pub(super) tx: &'a Tx<'tx>,
    pub(super) run: &'a mut Run,
    pub(super) now: &'a Moment,
    pub(super) rolls: &'a mut Rolls,
    pub(super) policy: &'a Policy,
    pub(super) doubt_holds_line: Duration,
    /// What a call has turned out to last so far.
    pub(super) typical_call: Option<Duration>,
    pub(super) effects: &'a mut Vec<Effect>,
}

/// How far the provider's clock and ours may be apart.
const CLOCKS_MAY_DIFFER: i64 = 120;

/// Refusals that blame nobody, one after another, that pause a campaign.
const REFUSALS_THAT_PAUSE: u32 = 3;

/// Tries of something that can be repeated before the provider is taken for unreachable.
const TRIES: u32 = 3;

/// Look-ups without an answer, one after another, that end a run.
const FAILED_LOOK_UPS_THAT_END: u32 = 10;

/// Takes in what happened since the last turn.
pub(super) fn hear_all(scene: &mut Scene<'_, '_>, events: &[Event]) -> Result<()> {
    let known = scene.typical_call;
    for event in events {
        hear(scene, event)?;
    }
    match scene.typical_call {
        Some(typical) if scene.typical_call != known => {
            campaigns::learn_call_length(scene.tx, scene.run.assignment.campaign, typical)
        }
        _ => Ok(()),
    }
}

fn hear(scene: &mut Scene<'_, '_>, event: &Event) -> Result<()> {
    match event {
        Event::Started => started(scene),
        Event::Greeted(answer) => greeted(scene, answer),
        Event::Replied { attempt, reply } => replied(scene, *attempt, reply),
        Event::Listed { asked, answer } => listed(scene, asked, answer),
        Event::LookedUp { attempt, answer } => looked_up(scene, *attempt, answer),
        Event::Woke => Ok(()),
        Event::StopAsked => {
            scene.run.end(StoppedBecause::Signal, scene.now);
            Ok(())
        }
        Event::LeaveAsked => {
            scene.run.end(StoppedBecause::Signal, scene.now);
            doubt_all_intents(scene)
        }
    }
}

fn started(scene: &mut Scene<'_, '_>) -> Result<()> {
    doubt_all_intents(scene)?;
    attempts::look_at_all(
        scene.tx,
        scene.run.assignment.campaign,
        scene.now.since_boot,
    )?;
    greet(scene, Duration::ZERO)
}

/// Whatever was permitted and not answered may have been sent: nobody will ever know better by waiting.
fn doubt_all_intents(scene: &mut Scene<'_, '_>) -> Result<()> {
    for attempt in attempts::open_intents(scene.tx, scene.run.assignment.campaign)? {
        merge(
            scene,
            attempt,
            &Evidence::Silent(Doubt::Interrupted),
            Source::Recovery,
        )?;
    }
    Ok(())
}

fn greet(scene: &mut Scene<'_, '_>, wait: Duration) -> Result<()> {
    let at = scene.now.since_boot + wait;
    scene.run.greetings += 1;
    scene.effects.push(Effect::Greet { at });
    match scene.run.assignment.allowance {
        Allowance::Max => Ok(()),
        Allowance::PerMinute(_) => runs::note_requests(
            scene.tx,
            &scene.run.assignment.account,
            &[at],
            true,
            scene.now,
        ),
    }
}

fn greeted(scene: &mut Scene<'_, '_>, answer: &Answer<Greeting>) -> Result<()> {
    match answer {
        Ok(greeting) => {
            let apart = greeting
                .date
                .map_or(0, |theirs| scene.now.wall.duration_since(theirs).as_secs());
            if apart.abs() > CLOCKS_MAY_DIFFER {
                scene.run.end_in_trouble(Trouble::Clocks(apart), scene.now);
                return Ok(());
            }
            scene.run.phase = Phase::Alone;
            if matches!(scene.run.assignment.task, Task::Dial(_)) {
                let id = scene.run.assignment.campaign;
                campaigns::bind_account(scene.tx, id, &scene.run.assignment.account)?;
                runs::campaign_is_running(scene.tx, id, scene.now.wall)?;
            }
            Ok(())
        }
        Err(LookUpFailure::Refused(rejection)) if rejection.class.blame() == Blame::Account => {
            refused_account(scene, rejection)
        }
        Err(failure) if scene.run.greetings >= TRIES => {
            scene.run.end_in_trouble(trouble(failure), scene.now);
            Ok(())
        }
        Err(failure) => {
            let asked_to_wait = match failure {
                LookUpFailure::Refused(rejection) => rejection.retry_after,
                LookUpFailure::Unreachable(_) | LookUpFailure::Unreadable(_) => None,
            };
            let wait = asked_to_wait.unwrap_or(Duration::from_secs(1) * scene.run.greetings);
            greet(scene, wait)
        }
    }
}

fn trouble(failure: &LookUpFailure) -> Trouble {
    match failure {
        LookUpFailure::Refused(rejection) => Trouble::Refused(rejection.clone()),
        LookUpFailure::Unreachable(_) | LookUpFailure::Unreadable(_) => {
            Trouble::Unreachable(failure.to_string())
        }
    }
}

fn replied(scene: &mut Scene<'_, '_>, attempt: AttemptId, reply: &Reply) -> Result<()> {
    let evidence = match reply {
        // A Sid that belongs to another attempt proves nothing about this one.
        Reply::Accepted(sid) if attempts::is_owned_by_another(scene.tx, sid, attempt)? => {
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
    let moved = merge(scene, attempt, &evidence, Source::Reply)?;
    match (&evidence, moved) {
        (Evidence::Placed(_), true) => {
            scene.run.calls_placed += 1;
            scene.run.phase = Phase::Open;
            scene.run.in_a_row.refusals = 0;
            scene.run.in_a_row.unsent = 0;
            scene.run.in_a_row.rate_limits = 0;
            let first_look =
                scene.now.since_boot + tracking::next_look(Duration::ZERO, scene.typical_call);
            attempts::look_again(scene.tx, attempt, first_look)
        }
        (Evidence::Rejected(rejection), _) => refused(scene, rejection),
        (Evidence::NotSent(why @ NotSent::NoConnection(_)), _) => {
            scene.run.in_a_row.unsent += 1;
            if scene.run.in_a_row.unsent >= TRIES {
                scene
                    .run
                    .end_in_trouble(Trouble::Unreachable(why.to_string()), scene.now);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn refused(scene: &mut Scene<'_, '_>, rejection: &Rejection) -> Result<()> {
    match rejection.class.blame() {
        Blame::Account => refused_account(scene, rejection),
        Blame::Contact => {
            scene.run.phase = Phase::Open;
            scene.run.in_a_row.refusals = 0;
            Ok(())
        }
        Blame::Nobody => {
            scene.run.in_a_row.refusals += 1;
            if scene.run.in_a_row.refusals >= REFUSALS_THAT_PAUSE {
                refused_account(scene, rejection)
            } else {
                Ok(())
            }
        }
        Blame::Allowance => shut_allowance(scene, rejection),
    }
}

/// Pauses the campaign at once; the next start whose first GET succeeds takes it up again.
fn refused_account(scene: &mut Scene<'_, '_>, rejection: &Rejection) -> Result<()> {
    scene
        .run
        .end_in_trouble(Trouble::Refused(rejection.clone()), scene.now);
    let id = scene.run.assignment.campaign;
    let a_person_paused_it = campaigns::get(scene.tx, id)?.paused_by == Some(PausedBy::Person);
    if scene.run.assignment.task == Task::Settle || a_person_paused_it {
        return Ok(());
    }
    campaigns::pause(
        scene.tx,
        id,
        &PausedBy::Exocamp(rejection.to_string()),
        scene.now.wall,
    )
}

fn shut_allowance(scene: &mut Scene<'_, '_>, rejection: &Rejection) -> Result<()> {
    let doublings = scene.run.in_a_row.rate_limits.min(6);
    scene.run.in_a_row.rate_limits += 1;
    let wait = rejection
        .retry_after
        .unwrap_or_else(|| scene.rolls.jittered(Duration::from_secs(1 << doublings)));
    runs::shut_account(
        scene.tx,
        &scene.run.assignment.account,
        scene.now.since_boot + wait,
        scene.now,
    )
}

fn listed(
    scene: &mut Scene<'_, '_>,
    asked: &[(AttemptId, CallSid)],
    answer: &Answer<Vec<CallReport>>,
) -> Result<()> {
    scene.run.look_ups_under_way = scene.run.look_ups_under_way.saturating_sub(1);
    match answer {
        Ok(reports) => {
            scene.run.in_a_row.failed_look_ups = 0;
            for (attempt, sid) in asked {
                if let Some(report) = reports.iter().find(|report| report.sid == *sid) {
                    seen(scene, *attempt, report)?;
                }
            }
            Ok(())
        }
        Err(failure) => look_up_failed(scene, failure),
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
            scene.run.in_a_row.failed_look_ups = 0;
            if let Some(report) = report {
                seen(scene, attempt, report)?;
            }
            // Asked for by itself, and still no end: after a day it is given up, and a person is told.
            let merged = attempts::age(scene.tx, attempt, scene.now.wall)?;
            if merged.is_some_and(|age| age > tracking::LONGEST_WAIT_FOR_AN_END) {
                merge(scene, attempt, &Evidence::NeverEnded, Source::LookUp)?;
            }
            Ok(())
        }
        Err(failure) => look_up_failed(scene, failure),
    }
}

fn seen(scene: &mut Scene<'_, '_>, attempt: AttemptId, report: &CallReport) -> Result<()> {
    let ours = attempts::number(scene.tx, attempt)?;
    if report.number.is_some_and(|theirs| theirs != ours) {
        tracing::warn!(attempt = %attempt, "the provider shows another number for this call; its report is not used");
        return Ok(());
    }
    let terms = terms(scene);
    let evidence = Evidence::Seen(report.clone());
    let merged = attempts::merge_evidence(
        scene.tx,
        attempt,
        &evidence,
        Source::LookUp,
        &terms,
        scene.now.wall,
    )?;
    if let (true, AttemptState::Ended(..), Some(age)) =
        (merged.moved, &merged.state, merged.since_accepted)
    {
        let reported = match (report.started_at, report.ended_at) {
            (Some(started), Some(ended)) => Duration::try_from(ended.duration_since(started)).ok(),
            _ => None,
        };
        scene.typical_call = Some(tracking::learn(scene.typical_call, age, reported));
    }
    Ok(())
}

fn look_up_failed(scene: &mut Scene<'_, '_>, failure: &LookUpFailure) -> Result<()> {
    scene.run.in_a_row.failed_look_ups += 1;
    tracing::debug!("a look-up failed: {failure}");
    match failure {
        LookUpFailure::Refused(rejection) if rejection.class.blame() == Blame::Account => {
            refused_account(scene, rejection)
        }
        LookUpFailure::Refused(rejection) if rejection.class.blame() == Blame::Allowance => {
            shut_allowance(scene, rejection)
        }
        _ if scene.run.in_a_row.failed_look_ups >= FAILED_LOOK_UPS_THAT_END => {
            scene.run.end_in_trouble(trouble(failure), scene.now);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn merge(
    scene: &mut Scene<'_, '_>,
    attempt: AttemptId,
    evidence: &Evidence,
    source: Source,
) -> Result<bool> {
    let terms = terms(scene);
    Ok(
        attempts::merge_evidence(scene.tx, attempt, evidence, source, &terms, scene.now.wall)?
            .moved,
    )
}

fn terms<'a>(scene: &Scene<'a, '_>) -> Terms<'a> {
    Terms {
        retry: &scene.policy.retry,
        doubt_holds_line: scene.doubt_holds_line,
    }
}
