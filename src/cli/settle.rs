//! `settle`: asks the provider once about every call that is open, and calls nobody.

use super::args;
use super::conclusion;
use super::conduct::{self, Job};
use super::failure::{Exit, Failure};
use super::provider::Provider;
use super::start::{Played, Ready};
use super::workspace::{Workspace, check_account, read};
use crate::dialer::run::Task;
use crate::domain::ending::StoppedBecause;
use crate::sandbox::Script;
use crate::store::campaigns::Campaign;
use crate::store::{Store, contacts};

pub(super) fn run(workspace: &Workspace, args: &args::Named) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let campaign = read(&mut store, |tx| workspace.own_campaign(tx, &args.campaign))?;
    let played = prepare(workspace, store, campaign)?.play(workspace, None)?;
    let mut store = workspace.open_store()?;
    let (campaign, summary) = (&played.campaign, &played.summary);
    let exit = conclusion::conclude(
        workspace,
        &mut store,
        campaign,
        summary,
        played.stopped_by,
        explain,
    )?;
    exit_of(&mut store, &played, exit)
}

/// Returns the exit code of a run that has settled, which would be this one for a run that calls: that contacts are left
/// to call is no trouble for somebody who did not ask to call.
pub(super) fn exit_of(store: &mut Store, played: &Played, exit: Exit) -> Result<Exit, Failure> {
    let held = store
        .read(|tx| contacts::counts(tx, played.campaign.id))?
        .held;
    Ok(match played.summary.ending.because {
        StoppedBecause::NothingDue if held > 0 => Exit::Doubts,
        StoppedBecause::NothingDue => Exit::Done,
        _ => exit,
    })
}

/// Locks a campaign, to ask about everything that is open in it.
pub(super) fn prepare(
    workspace: &Workspace,
    mut store: Store,
    campaign: Campaign,
) -> Result<Ready, Failure> {
    let account = conduct::Account::configured(workspace, None)?;
    let lock = conduct::take_lock(workspace, &mut store, &campaign)?;
    conduct::expire(workspace, &mut store, &campaign, &[])?;
    let runtime = conduct::runtime()?;
    let provider = match workspace.ui.sandbox {
        true => runtime.block_on(Provider::pretended(workspace, Script::default()))?,
        false => Provider::configured(workspace)?,
    };
    check_account(&campaign, &provider.account)?;
    let job = Job {
        campaign: campaign.clone(),
        task: Task::Settle,
        provider,
        account,
        settings: Vec::new(),
    };
    Ok(Ready {
        campaign,
        job,
        store,
        runtime,
        lock,
    })
}

/// Nothing is ever due for somebody who does not ask to call.
fn explain(because: StoppedBecause) -> &'static str {
    match because {
        StoppedBecause::NothingDue => "everything open was asked about",
        _ => conclusion::explain(because),
    }
}
