//! `settle`: asks the provider once about every call that is open, and calls nobody.

use super::args;
use super::conclusion;
use super::conduct::{self, Job};
use super::failure::{Exit, Failure};
use super::provider::Provider;
use super::workspace::{Workspace, check_account, read};
use crate::dialer::run::Task;
use crate::domain::ending::StoppedBecause;
use crate::sandbox::Script;
use crate::store::contacts;

pub(super) fn run(workspace: &Workspace, args: &args::Named) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let campaign = read(&mut store, |tx| workspace.own_campaign(tx, &args.campaign))?;
    let account = conduct::Account::configured(workspace, None)?;
    let _lock = conduct::take_lock(workspace, &mut store, &campaign)?;
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
    let (summary, stopped_by) = runtime.block_on(conduct::conduct(workspace, store, job, None))?;
    let mut store = workspace.open_store()?;
    let exit = conclusion::conclude(
        workspace, &mut store, &campaign, &summary, stopped_by, explain,
    )?;
    let held = store.read(|tx| contacts::counts(tx, campaign.id))?.held;
    Ok(match summary.ending.because {
        // That contacts are left to call is no trouble for somebody who did not ask to call.
        StoppedBecause::NothingDue if held > 0 => Exit::Doubts,
        StoppedBecause::NothingDue => Exit::Done,
        _ => exit,
    })
}

/// Nothing is ever due for somebody who does not ask to call.
fn explain(because: StoppedBecause) -> &'static str {
    match because {
        StoppedBecause::NothingDue => "everything open was asked about",
        _ => conclusion::explain(because),
    }
}
