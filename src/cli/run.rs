//! `run`: starts every campaign that has work due, side by side. Made for one crontab line over all campaigns.

use std::sync::mpsc;

use jiff::Timestamp;

use super::args;
use super::conclusion;
use super::conduct;
use super::failure::{Exit, Failure};
use super::settle;
use super::start::{self, Decider, Played, Prepared};
use super::view::{SummaryView, clock_time, typed_name};
use super::workspace::Workspace;
use crate::domain::campaign::{CampaignState, Policy};
use crate::domain::cost;
use crate::sandbox::Script;
use crate::store::campaigns::{self, Campaign, PausedBy};
use crate::store::schedules::{self, Outcome, Schedule};
use crate::store::{Result as Stored, Store, Tx, candidates, contacts, costs, doubts, lock, looks};
use crate::ui::Format;

pub(super) fn run(workspace: &Workspace, args: &args::Run) -> Result<Exit, Failure> {
    if workspace.ui.sandbox {
        let message = "`run` is for the real campaigns of a folder";
        return Err(Failure::new(Exit::Usage, message)
            .hint("rehearse one with `exocamp --sandbox start CAMPAIGN`"));
    }
    let now = workspace.clock.wall();
    let mut store = workspace.open_store()?;
    let mut exit = Exit::Done;
    let mut due = Vec::new();
    for (campaign, standing) in survey(workspace, &mut store, now)? {
        match standing {
            Standing::Due => due.push((campaign, Work::Calls)),
            Standing::ToSettle => due.push((campaign, Work::Questions)),
            Standing::Nothing => {}
            Standing::HeldBack(why) => {
                let name = &campaign.name;
                workspace.ui.note(&format!("`{name}` is left alone: {why}"));
                exit = worse(exit, Exit::Stopped);
            }
            Standing::Finished | Standing::Ended => {
                let settled = match standing {
                    Standing::Finished => conduct::finish(workspace, &mut store, &campaign),
                    _ => expire(workspace, &mut store, &campaign),
                };
                let told = settled.err().map(|why| tell(workspace, &campaign, why));
                exit = worse(exit, told.unwrap_or(Exit::Done));
            }
            Standing::TooLate(schedule) => {
                store.write(|tx| schedules::end(tx, campaign.id, Outcome::Missed, now))?;
                say_missed(workspace, &campaign, &schedule, now);
                exit = worse(exit, Exit::Stopped);
            }
        }
    }
    drop(store);
    let mut summaries = Vec::new();
    let (done, ends) = mpsc::channel();
    std::thread::scope(|scope| {
        for (campaign, work) in due {
            let done = done.clone();
            scope.spawn(move || {
                let played = match work {
                    Work::Calls => play(workspace, args, &campaign),
                    Work::Questions => ask(workspace, &campaign).map(Some),
                };
                // Nobody listens any more only where the receiver below is gone, and then nobody is left to tell.
                let _ = done.send((campaign, work, played));
            });
        }
        drop(done);
        for (campaign, work, played) in ends {
            let ended = played.and_then(|played| match (played, work) {
                (None, _) => Ok(Exit::Done),
                (Some(played), Work::Calls) => show(workspace, &played, &mut summaries),
                (Some(played), Work::Questions) => answered(workspace, &played),
            });
            exit = worse(
                exit,
                ended.unwrap_or_else(|failure| tell(workspace, &campaign, failure)),
            );
        }
    });
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&summaries)?;
    }
    Ok(exit)
}

/// What a campaign needs.
#[derive(Clone, Copy)]
enum Work {
    Calls,
    Questions,
}

/// Whether a campaign is to be started now.
enum Standing {
    /// Somebody may be called now.
    Due,
    /// Nobody may be called, but what became of calls is to be asked.
    ToSettle,
    /// Nothing is left, somebody is at it already, or it is not ours.
    Nothing,
    /// Nobody is left, and nobody has noticed: the last were taken out by somebody.
    Finished,
    /// There is somebody to call, and something keeps them waiting.
    HeldBack(&'static str),
    /// There is somebody to call, and no opening left before the campaign's end.
    Ended,
    /// It should have been started earlier, and must not be any more.
    TooLate(Schedule),
}

fn survey(
    workspace: &Workspace,
    store: &mut Store,
    now: Timestamp,
) -> Result<Vec<(Campaign, Standing)>, Failure> {
    let standings = store.read(|tx| -> Stored<_> {
        let all = campaigns::all(tx)?;
        if let Some(other) = all.first()
            && all.iter().all(|campaign| campaign.owner != workspace.owner())
        {
            // A crontab of the wrong user would be silent for ever.
            let (owner, other) = (workspace.owner(), &other.owner);
            workspace.ui.warn(&format!(
                "no campaign here belongs to `{owner}`; set `EXOCAMP_USER={other}` if they are yours"
            ));
        }
        let all = all.into_iter();
        let ours = all.filter(|campaign| campaign.owner == workspace.owner());
        ours.map(|campaign| {
            let is_running = lock::is_held(&workspace.database(), campaign.id).is_some();
            let standing = match is_running {
                true => Standing::Nothing,
                false => standing(tx, &campaign, now)?,
            };
            Ok((campaign, standing))
        })
        .collect()
    })?;
    Ok(standings)
}

fn standing(tx: &Tx<'_>, campaign: &Campaign, now: Timestamp) -> Stored<Standing> {
    if campaign.state == CampaignState::Cancelled {
        return Ok(Standing::Nothing);
    }
    let counts = contacts::counts(tx, campaign.id)?;
    let next_look = doubts::next_look_at(tx, campaign.id)?;
    let next_question = candidates::next_ask_at(tx, campaign.id)?;
    let looks_at = [next_look, next_question].into_iter().flatten().min();
    let looks = counts.held > 0 && looks_at.is_some_and(|at| at <= now);
    // What has no end yet keeps its number from being called by any campaign.
    let settles = |why| match counts.initiated > 0 || looks {
        true => Standing::ToSettle,
        false => Standing::HeldBack(why),
    };
    if campaign.is_for_test_calls {
        // A test call that was not placed is nothing to make up for.
        return Ok(match settles("") {
            Standing::HeldBack(_) => Standing::Nothing,
            to_settle => to_settle,
        });
    }
    if counts.pending + counts.initiated == 0 {
        let is_noticed = campaign.state == CampaignState::Completed || counts.total() == 0;
        return Ok(match counts.held {
            0 if is_noticed => Standing::Nothing,
            0 => Standing::Finished,
            // Looking for lost calls rings nobody, at any hour.
            _ if looks => Standing::ToSettle,
            _ => Standing::Nothing,
        });
    }
    let policy = campaigns::policy(tx, campaign.id)?;
    if counts.pending > 0 && policy.is_over(now) {
        return Ok(Standing::Ended);
    }
    match &campaign.paused_by {
        // What came of its calls was said by the run that paused it, and is for a person to judge.
        Some(PausedBy::Person | PausedBy::Quality(_)) => return Ok(settles("paused")),
        Some(PausedBy::Exocamp(_)) | None => {}
    }
    if let Some(schedule) = schedules::latest(tx, campaign.id)? {
        match schedule.outcome {
            None if now < schedule.start_at => {
                return Ok(settles("scheduled for later"));
            }
            None if schedule.not_after.is_some_and(|latest| now > latest) => {
                return Ok(Standing::TooLate(schedule));
            }
            // Until somebody orders anew.
            Some(Outcome::Missed) => return Ok(settles("its schedule was missed")),
            None | Some(Outcome::Started | Outcome::Replaced) => {}
        }
    }
    // The run that has used it up has said so; what may become cheaper is asked about once it is due.
    let may_become_cheaper =
        counts.initiated > 0 || looks || looks::is_price_due(tx, campaign.id, now)?;
    if !may_become_cheaper && affordable(tx, campaign, &policy)? == 0 {
        return Ok(Standing::HeldBack("its budget is used up"));
    }
    let is_due = counts.initiated > 0
        || contacts::next_due_at(tx, campaign.id)?.is_some_and(|due| due <= now);
    let is_open = policy.calendar().is_open(now);
    Ok(match (is_due, is_open) {
        (true, true) => Standing::Due,
        (false, _) => Standing::HeldBack("nobody is due yet"),
        (true, false) => settles("outside its calling hours"),
    })
}

/// Returns how many calls the campaign's budget can bear, at their worst.
fn affordable(tx: &Tx<'_>, campaign: &Campaign, policy: &Policy) -> Stored<u64> {
    let worst = cost::worst_case(policy.tariff, policy.talk_limit);
    let spent = costs::spent(tx, campaign.id)?;
    Ok(cost::affordable(policy.budget, spent, worst))
}

/// Skips whoever cannot be called any more. What else is open in the campaign is left to the next `run`.
fn expire(workspace: &Workspace, store: &mut Store, campaign: &Campaign) -> Result<(), Failure> {
    let _lock = conduct::take_lock(workspace, store, campaign)?;
    conduct::expire(workspace, store, campaign, &[])
}

fn say_missed(workspace: &Workspace, campaign: &Campaign, schedule: &Schedule, now: Timestamp) {
    let latest = schedule.not_after.unwrap_or(schedule.start_at);
    let (name, latest) = (&campaign.name, clock_time(latest, now));
    let typed = typed_name(name);
    workspace.ui.warn(&format!(
        "`{name}` was to start before {latest}, and was not; nobody is called until `exocamp start {typed}` or another \
         `exocamp schedule {typed} --at TIME`"
    ));
}

/// Calls one campaign's people; `None` if it came to nothing, of which the next `run` will know more.
fn play(
    workspace: &Workspace,
    args: &args::Run,
    campaign: &Campaign,
) -> Result<Option<Played>, Failure> {
    let start = args::Start {
        campaign: campaign.name.clone(),
        until: args.until.clone(),
        max_runtime: args.max_runtime,
        once: args.once,
        allowance: args.allowance,
        yes: true,
        skip_if_running: true,
        ..args::Start::default()
    };
    match start::prepare(workspace, &start, Decider::Run, Script::default())? {
        Prepared::Ready(ready) => {
            workspace.ui.note(&format!("calling `{}`", campaign.name));
            ready.play(workspace, Some(&campaign.name)).map(Some)
        }
        // Whoever was faster has it now, or has changed it.
        Prepared::Over(_) => Ok(None),
    }
}

/// Asks what became of a campaign's calls, and calls nobody.
fn ask(workspace: &Workspace, campaign: &Campaign) -> Result<Played, Failure> {
    let ready = settle::prepare(workspace, workspace.open_store()?, campaign.clone())?;
    ready.play(workspace, Some(&campaign.name))
}

/// Returns the exit code of a campaign that was only asked about: nobody has called, so there is no summary.
fn answered(workspace: &Workspace, played: &Played) -> Result<Exit, Failure> {
    let exit = conclusion::exit_of(&played.campaign, &played.summary, played.stopped_by)?;
    settle::exit_of(&mut workspace.open_store()?, played, exit)
}

fn show(
    workspace: &Workspace,
    played: &Played,
    summaries: &mut Vec<SummaryView>,
) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    if workspace.ui.format == Format::Json {
        summaries.push(conclusion::view(
            &mut store,
            &played.campaign,
            &played.summary,
        )?);
        return conclusion::exit_of(&played.campaign, &played.summary, played.stopped_by);
    }
    if !workspace.ui.quiet && !summaries.is_empty() {
        workspace.ui.data("\n")?;
    }
    played.conclude(workspace, &mut store)
}

/// Prints what went wrong with one campaign; the others go on.
fn tell(workspace: &Workspace, campaign: &Campaign, failure: Failure) -> Exit {
    let exit = failure.exit();
    if exit == Exit::AlreadyRunning {
        return Exit::Done;
    }
    let what = format!("campaign `{}` came to an end", campaign.name);
    failure.context(what).print(&workspace.ui);
    exit
}

/// Returns the exit code that matters more, by the order of PRODUCT §1.
fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |exit: Exit| match exit {
        Exit::Done => 0,
        Exit::Internal => 1,
        Exit::Usage => 2,
        Exit::Doubts => 3,
        Exit::Stopped => 4,
        Exit::Provider => 5,
        Exit::Storage => 6,
        Exit::AlreadyRunning => 7,
        Exit::Interrupted => 8,
        Exit::Terminated => 9,
    };
    if rank(other) > rank(one) { other } else { one }
}
