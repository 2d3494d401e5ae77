//! `doubts resolve`: a person decides about attempts of which nobody can know more, and says why.
//!
//! One transaction, all or nothing, recorded with who, when and why. A run may be going on meanwhile. That a call was
//! placed is only believed once Exotel has shown it: the decision names the call, and asking about it moves the attempt.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{candidates, is_held};
use crate::cli::args;
use crate::cli::conclusion;
use crate::cli::conduct::{self, Job};
use crate::cli::failure::{Exit, Failure};
use crate::cli::forget::purge;
use crate::cli::patience;
use crate::cli::provider::{FOR_THE_ACCOUNT, Provider};
use crate::cli::view::{CountsView, counted, shown_number, typed_name};
use crate::cli::workspace::{Workspace, check_account, read};
use crate::dialer::run::Task;
use crate::domain::attempt::{AttemptState, Decision};
use crate::domain::call::CallSid;
use crate::domain::campaign::CampaignState;
use crate::domain::doubt::Grade;
use crate::domain::phone::PhoneNumber;
use crate::sandbox::Script;
use crate::store::attempts::{self, AttemptId, Terms};
use crate::store::campaigns::{self, Campaign, CampaignId};
use crate::store::candidates::NamedBy;
use crate::store::doubts::{self, Decider};
use crate::store::evidence::{self, Said, Standing, Waiting};
use crate::store::lock::RunLock;
use crate::store::{Store, StoreError, Tx, binding, candidates as calls, contacts, forget};
use crate::ui::Format;

pub(super) fn run(workspace: &Workspace, args: &args::DoubtsResolve) -> Result<Exit, Failure> {
    let said = said(&args.decision);
    let mut store = workspace.open_store()?;
    let (campaigns, chosen) = read(&mut store, |tx| choose(workspace, tx, args))?;
    if let (Said::Placed(_), 2..) = (&said, chosen.len()) {
        let message = "one call cannot be several attempts' calls";
        return Err(Failure::new(Exit::Usage, message).hint("use `--placed SID` with one attempt"));
    }
    read(&mut store, |tx| {
        warn_of_traces(workspace, tx, &said, &chosen)
    })?;
    check_count(workspace, args.count, chosen.len())?;
    let because = reason(workspace, args.because.as_deref())?;
    let decider = Decider {
        by: workspace.owner(),
        because: &because,
    };
    let attempts: Vec<_> = chosen.iter().copied().collect();
    match (&said, attempts.as_slice(), campaigns.as_slice()) {
        (Said::Placed(sid), [attempt], [campaign]) => {
            name_call(workspace, store, campaign, *attempt, sid, &decider)
        }
        _ => {
            conduct::claim(workspace, &mut store)?;
            decide(workspace, &mut store, &said, &attempts, &decider)?;
            show(workspace, &mut store, &said, &decider, &attempts)?;
            Ok(Exit::Done)
        }
    }
}

fn said(decision: &args::Decision) -> Said {
    match &decision.placed {
        Some(sid) => Said::Placed(sid.clone()),
        None if decision.not_placed => Said::NotPlaced,
        None => Said::GiveUp,
    }
}

/// Returns the attempts that were named and their campaigns, all of which must be this person's to decide about.
fn choose(
    workspace: &Workspace,
    tx: &Tx<'_>,
    args: &args::DoubtsResolve,
) -> Result<(Vec<Campaign>, BTreeSet<AttemptId>), Failure> {
    if let Some(name) = &args.campaign {
        let campaign = workspace.changed_campaign(tx, name)?;
        let waiting = evidence::waiting(tx, Some(campaign.id))?;
        let held = waiting.iter().filter(|doubt| is_held(doubt));
        let held: BTreeSet<_> = held.map(|doubt| doubt.attempt).collect();
        if held.is_empty() {
            let message = format!("no attempt of `{}` is held", campaign.name);
            let hint = format!(
                "`exocamp doubts list {}` shows what waits for evidence",
                typed_name(&campaign.name)
            );
            return Err(Failure::new(Exit::Usage, message).hint(hint));
        }
        return Ok((vec![campaign], held));
    }
    let mut campaigns: Vec<Campaign> = Vec::new();
    let attempts: BTreeSet<_> = args.attempts.iter().copied().map(AttemptId::from).collect();
    for attempt in &attempts {
        if !attempts::exists(tx, *attempt)? {
            return Err(
                Failure::new(Exit::Usage, format!("there is no attempt {attempt}"))
                    .hint("`exocamp doubts list` shows those that wait for a decision"),
            );
        }
        let campaign = attempts::campaign(tx, *attempt)?;
        let campaign = campaigns::get(tx, campaign)?;
        workspace.check_may_change(&campaign)?;
        doubts::check_decidable(tx, *attempt, workspace.clock.wall())
            .map_err(|error| not_decidable(error, &campaign))?;
        if campaigns.iter().all(|known| known.id != campaign.id) {
            campaigns.push(campaign);
        }
    }
    Ok((campaigns, attempts))
}

fn not_decidable(error: StoreError, campaign: &Campaign) -> Failure {
    let is_under_way = matches!(error, StoreError::NotDecidable { until: Some(_), .. });
    let failure = Failure::from(error);
    if !is_under_way {
        return failure;
    }
    let name = typed_name(&campaign.name);
    failure.hint(format!(
        "its call may still be under way; `exocamp settle {name}` looks for it"
    ))
}

/// Whoever says that something was not placed should know of everything that says otherwise: its person is called again.
fn warn_of_traces(
    workspace: &Workspace,
    tx: &Tx<'_>,
    said: &Said,
    chosen: &BTreeSet<AttemptId>,
) -> Result<(), Failure> {
    if *said != Said::NotPlaced {
        return Ok(());
    }
    let waiting = evidence::waiting(tx, None)?;
    let chosen: Vec<_> = waiting
        .iter()
        .filter(|doubt| chosen.contains(&doubt.attempt))
        .collect();
    let named_by = |by| {
        let is_named = |doubt: &&&Waiting| candidates(doubt).any(|call| call.by == by);
        chosen.iter().filter(is_named).count()
    };
    let graded = |grade| {
        let is_graded =
            |doubt: &&&Waiting| candidates(doubt).next().is_none() && doubt.search.grade == grade;
        chosen.iter().filter(is_graded).count()
    };
    for (count, why) in [
        (
            named_by(NamedBy::List),
            "Exotel lists calls that may be meant",
        ),
        (
            named_by(NamedBy::Person),
            "a person has named a call that Exotel has not shown",
        ),
        (
            named_by(NamedBy::Callback),
            "a callback has named a call that Exotel has not shown",
        ),
        (graded(None), "there is no evidence that nothing was placed"),
        (
            graded(Some(Grade::Weak)),
            "the evidence that nothing was placed is weak",
        ),
    ] {
        if count > 0 {
            let attempts = counted(count as u64, "attempt");
            workspace.ui.warn(&format!(
                "for {attempts} {why}; who was called after all is called twice"
            ));
        }
    }
    Ok(())
}

/// Whoever decides about many must know how many.
fn check_count(workspace: &Workspace, typed: Option<usize>, count: usize) -> Result<(), Failure> {
    let attempts = counted(count as u64, "attempt");
    let message = match typed {
        Some(typed) if typed == count => return Ok(()),
        Some(typed) => format!("this is about {attempts}, not {typed}"),
        None if count == 1 => return Ok(()),
        None => {
            let question = format!("type {count} to decide about {count} doubts");
            let typed = workspace.ask_for(&question).unwrap_or_default();
            if typed.trim() == count.to_string() {
                return Ok(());
            }
            format!("this is about {attempts}, and nobody has said so")
        }
    };
    Err(Failure::new(Exit::Usage, message).hint(format!(
        "nothing was changed; say it with `--count {count}`"
    )))
}

fn reason(workspace: &Workspace, typed: Option<&str>) -> Result<String, Failure> {
    let because = match typed {
        Some(because) => Some(because.to_owned()),
        None => workspace.ask_for("why"),
    };
    let because = because.unwrap_or_default().trim().to_owned();
    if because.is_empty() {
        return Err(Failure::new(Exit::Usage, "nobody has said why")
            .hint("nothing was changed; add `--because 'TEXT'`, which is kept with the decision"));
    }
    Ok(because)
}

/// Records the decisions, all or none.
fn decide(
    workspace: &Workspace,
    store: &mut Store,
    said: &Said,
    attempts: &[AttemptId],
    decider: &Decider<'_>,
) -> Result<(), Failure> {
    let now = workspace.clock.wall();
    let patience = patience::configured(workspace)?;
    let level = store.write(|tx| -> Result<_, Failure> {
        for attempt in attempts {
            let campaign = attempts::campaign(tx, *attempt)?;
            let policy = campaigns::policy(tx, campaign)?;
            let terms = Terms {
                policy: &policy,
                patience: &patience,
            };
            let decision = match said {
                Said::Placed(sid) => {
                    check_free(tx, *attempt, sid)?;
                    doubts::name_call(tx, *attempt, sid, decider, now)?;
                    calls::note(tx, *attempt, sid, NamedBy::Person, now)?;
                    continue;
                }
                Said::NotPlaced => Decision::NotPlaced,
                Said::GiveUp => Decision::PresumedPlaced,
            };
            doubts::decide(tx, *attempt, decision, decider, &terms, now)?;
            complete(tx, campaign, now)?;
        }
        // It may have been all that somebody who is to be forgotten waited for.
        forget::finish_due(tx, now)?;
        Ok(binding::level(tx)?)
    })?;
    store.raise_mark(level);
    purge(workspace, store);
    Ok(())
}

/// Refuses a call that is known to be another's.
fn check_free(tx: &Tx<'_>, attempt: AttemptId, sid: &CallSid) -> Result<(), Failure> {
    let message = if attempts::is_owned_by_another(tx, sid, attempt)? {
        format!("`{sid}` is another attempt's call")
    } else if evidence::standing(tx, attempt, sid)? == Some(Standing::Refuted) {
        format!("Exotel has shown another number for `{sid}`")
    } else {
        return Ok(());
    };
    Err(Failure::new(Exit::Usage, message)
        .hint("nothing was changed; check the Sid in Exotel's call log"))
}

/// A stopped campaign whose last doubt was decided has nothing left to do.
fn complete(tx: &Tx<'_>, campaign: CampaignId, now: jiff::Timestamp) -> Result<(), Failure> {
    let counts = contacts::counts(tx, campaign)?;
    let is_stopped = campaigns::get(tx, campaign)?.state == CampaignState::Stopped;
    if is_stopped && counts.pending + counts.initiated + counts.held == 0 {
        campaigns::set_state(tx, campaign, CampaignState::Completed, now)?;
    }
    Ok(())
}

/// Records which call an attempt became, and asks Exotel about it at once if that is possible.
fn name_call(
    workspace: &Workspace,
    mut store: Store,
    campaign: &Campaign,
    attempt: AttemptId,
    sid: &CallSid,
    decider: &Decider<'_>,
) -> Result<Exit, Failure> {
    let said = Said::Placed(sid.clone());
    let runtime = conduct::runtime()?;
    let provider = if workspace.ui.sandbox {
        Some(runtime.block_on(Provider::pretended(workspace, Script::default()))?)
    } else if FOR_THE_ACCOUNT
        .iter()
        .all(|name| workspace.config.secret(name).is_some())
    {
        Some(Provider::configured(workspace)?)
    } else {
        None
    };
    if let Some(provider) = &provider {
        check_account(campaign, &provider.account)?;
    }
    let account = conduct::Account::configured(workspace, None)?;
    let lock = lock_if_free(workspace, &mut store, campaign)?;
    decide(workspace, &mut store, &said, &[attempt], decider)?;
    let name = typed_name(&campaign.name);
    let (trouble, later) = match (provider, lock) {
        (Some(provider), Some(_lock)) => {
            let job = Job {
                campaign: campaign.clone(),
                task: Task::Settle,
                provider,
                account,
                settings: Vec::new(),
            };
            let (summary, stopped_by) =
                runtime.block_on(conduct::conduct(workspace, store, job, None))?;
            let later =
                format!("Exotel has not shown it; `exocamp settle {name}` and every run ask again");
            (
                conclusion::exit_of(campaign, &summary, stopped_by).err(),
                later,
            )
        }
        (Some(_), None) => (
            None,
            "the run that is going on asks Exotel about it".to_owned(),
        ),
        (None, _) => (
            None,
            format!(
                "no account is configured here; `exocamp settle {name}` and every run ask Exotel about it"
            ),
        ),
    };
    let mut store = workspace.open_store()?;
    let (state, standing) = store.read(|tx| {
        Ok((
            attempts::state(tx, attempt)?,
            evidence::standing(tx, attempt, sid)?,
        ))
    })?;
    if state.sid().is_none() && standing != Some(Standing::Refuted) {
        workspace.ui.note(&format!("recorded; {later}"));
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        show(workspace, &mut store, &said, decider, &[attempt])?;
        return Ok(Exit::Doubts);
    }
    if state.sid() == Some(sid) {
        show(workspace, &mut store, &said, decider, &[attempt])?;
        return Ok(Exit::Done);
    }
    let (message, hint) = match state.sid() {
        Some(other) => (
            format!("attempt {attempt} has turned out to be the call `{other}`, not `{sid}`"),
            "`exocamp why NUMBER` tells its story",
        ),
        None => (
            format!(
                "`{sid}` is not the call of attempt {attempt}: Exotel shows another number for it"
            ),
            "attempt and contact are as they were; check the Sid in Exotel's call log",
        ),
    };
    Err(Failure::new(Exit::Usage, message).hint(hint))
}

/// Takes the campaign's lock unless a run has it; claims the database either way.
fn lock_if_free(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
) -> Result<Option<RunLock>, Failure> {
    match conduct::take_lock(workspace, store, campaign) {
        Ok(lock) => Ok(Some(lock)),
        Err(failure) if failure.exit() == Exit::AlreadyRunning => {
            conduct::claim(workspace, store)?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// What was decided, for programs.
#[derive(Serialize, Debug)]
struct DecisionView<'a> {
    decided: usize,
    decision: &'static str,
    by: &'a str,
    because: &'a str,
    attempts: Vec<AttemptView>,
    campaigns: Vec<CampaignCounts>,
}

#[derive(Serialize, Debug)]
struct AttemptView {
    attempt: i64,
    campaign: String,
    number: Option<String>,
    state: &'static str,
    outcome: Option<&'static str>,
    call_sid: Option<String>,
}

#[derive(Serialize, Debug)]
struct CampaignCounts {
    campaign: String,
    total_contacts: u64,
    counts: CountsView,
}

/// An attempt that was decided about, as it stands now.
struct Outcome {
    attempt: AttemptId,
    campaign: CampaignId,
    number: PhoneNumber,
    state: AttemptState,
}

fn show(
    workspace: &Workspace,
    store: &mut Store,
    said: &Said,
    decider: &Decider<'_>,
    attempts: &[AttemptId],
) -> Result<(), Failure> {
    let (outcomes, campaigns) = read(store, |tx| {
        let mut campaigns: Vec<(Campaign, _)> = Vec::new();
        let mut outcomes = Vec::new();
        for attempt in attempts {
            let campaign = attempts::campaign(tx, *attempt)?;
            if campaigns.iter().all(|(known, _)| known.id != campaign) {
                let counts = contacts::counts(tx, campaign)?;
                campaigns.push((campaigns::get(tx, campaign)?, counts));
            }
            outcomes.push(Outcome {
                attempt: *attempt,
                campaign,
                number: attempts::shown_number(tx, *attempt)?,
                state: attempts::state(tx, *attempt)?,
            });
        }
        Ok((outcomes, campaigns))
    })?;
    if workspace.ui.format != Format::Json {
        let mark = if workspace.ui.sandbox {
            "SANDBOX: "
        } else {
            ""
        };
        let line = format!("{mark}{}", in_words(said, &outcomes));
        return Ok(workspace.ui.data(&line)?);
    }
    let name_of = |id| {
        let found = campaigns.iter().find(|(campaign, _)| campaign.id == id);
        found
            .map(|(campaign, _)| campaign.name.clone())
            .unwrap_or_default()
    };
    let view = DecisionView {
        decided: outcomes.len(),
        decision: said.as_str(),
        by: decider.by,
        because: decider.because,
        attempts: outcomes
            .iter()
            .map(|outcome| AttemptView {
                attempt: outcome.attempt.get(),
                campaign: name_of(outcome.campaign),
                number: shown_number(outcome.number),
                state: outcome.state.name().as_str(),
                outcome: outcome
                    .state
                    .name()
                    .outcome()
                    .map(|outcome| outcome.as_str()),
                call_sid: outcome.state.sid().map(ToString::to_string),
            })
            .collect(),
        campaigns: campaigns
            .iter()
            .map(|(campaign, counts)| CampaignCounts {
                campaign: campaign.name.clone(),
                total_contacts: counts.total(),
                counts: (*counts).into(),
            })
            .collect(),
    };
    Ok(workspace.ui.json(&view)?)
}

fn in_words(said: &Said, outcomes: &[Outcome]) -> String {
    let attempts = counted(outcomes.len() as u64, "attempt");
    match (said, outcomes) {
        (
            Said::Placed(sid),
            [
                Outcome {
                    attempt,
                    state: AttemptState::Ended(_, outcome),
                    ..
                },
            ],
        ) => {
            format!("attempt {attempt} was placed: call {sid} ended {outcome}")
        }
        (Said::Placed(sid), [Outcome { attempt, state, .. }]) if state.sid().is_some() => {
            format!("attempt {attempt} was placed: call {sid} has not ended yet")
        }
        (Said::Placed(sid), [Outcome { attempt, .. }]) => {
            format!(
                "attempt {attempt} is said to be call {sid}, and is held until Exotel has shown it"
            )
        }
        (Said::Placed(_), _) => format!("decided about {attempts}"),
        (Said::NotPlaced, [_]) => {
            "decided about 1 attempt: it was not placed; its contact is called again".to_owned()
        }
        (Said::NotPlaced, _) => format!(
            "decided about {attempts}: they were not placed; their contacts are called again"
        ),
        (Said::GiveUp, [_]) => {
            "decided about 1 attempt: it counts as placed; its contact is completed".to_owned()
        }
        (Said::GiveUp, _) => {
            format!("decided about {attempts}: they count as placed; their contacts are completed")
        }
    }
}
