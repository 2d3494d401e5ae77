//! `call`: one test call through the same path as all others.

use super::args;
use super::conduct::{self, Job};
use super::failure::{Exit, Failure};
use super::provider::Provider;
use super::start::check_account;
use super::status::{parse_number, show};
use super::workspace::Workspace;
use crate::dialer::run::Task;
use crate::domain::campaign::{CampaignState, Policy, Setting};
use crate::domain::contact::NewContact;
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::{RunLimits, StoppedBecause};
use crate::sandbox::Script;
use crate::store::campaigns::{self, Campaign};
use crate::store::contacts::{self, Added};
use crate::store::reports::ContactFilter;

/// Test calls are kept in a campaign of their own.
const CAMPAIGN: &str = "test calls";

pub(super) fn run(workspace: &Workspace, args: &args::Call) -> Result<Exit, Failure> {
    let number = parse_number(&args.number)?;
    let allowance = conduct::allowance(workspace, None)?;
    let mut store = workspace.open_or_create_store()?;
    let campaign = store.write(|tx| -> Result<Campaign, Failure> {
        let name = CAMPAIGN
            .parse()
            .map_err(|error: crate::domain::campaign::NotAName| {
                Failure::new(Exit::Internal, error)
            })?;
        if campaigns::find(tx, CAMPAIGN)?.is_none() {
            campaigns::create(tx, &name, workspace.owner(), workspace.clock.wall())?;
        }
        workspace.own_campaign(tx, CAMPAIGN)
    })?;
    let _lock = conduct::take_lock(workspace, &campaign)?;
    let runtime = conduct::runtime()?;
    let provider = match workspace.ui.sandbox {
        true => runtime.block_on(Provider::pretended(workspace, Script::default()))?,
        false => Provider::configured(workspace, &Policy::default())?,
    };
    check_account(&campaign, &provider)?;
    if !args.yes
        && !workspace.ui.sandbox
        && workspace.ui.can_ask()
        && !workspace.ui.confirm(&format!("call {number}?"))
    {
        workspace.ui.note("nobody was called");
        return Ok(Exit::Stopped);
    }
    offer(workspace, &mut store, &campaign, number)?;
    // A person who types a number wants that call now; the hours are for lists.
    let settings = vec![(Setting::Hours, "00:00-24:00".to_owned())];
    let limits = RunLimits {
        max_calls: Some(1),
        ..RunLimits::default()
    };
    let job = Job {
        campaign: campaign.clone(),
        task: Task::Dial(limits),
        provider,
        allowance,
        settings,
    };
    let (summary, stopped_by) = runtime.block_on(conduct::conduct(workspace, store, job))?;
    let filter = ContactFilter {
        number: Some(number),
        ..ContactFilter::default()
    };
    show(workspace, CAMPAIGN, &filter)?;
    match summary.ending.because {
        StoppedBecause::Finished => Ok(Exit::Done),
        StoppedBecause::OnlyDoubts => Ok(Exit::Doubts),
        _ => conduct::exit_of(&summary, stopped_by),
    }
}

/// Makes the number the only one that is due.
fn offer(
    workspace: &Workspace,
    store: &mut crate::store::Store,
    campaign: &Campaign,
    number: PhoneNumber,
) -> Result<(), Failure> {
    let now = workspace.clock.wall();
    store.write(|tx| {
        contacts::cancel_pending(tx, campaign.id)?;
        let contact = NewContact { number, name: None, fields: Vec::new(), line: 0 };
        let source = contacts::add_source(tx, campaign.id, "(typed)", now)?;
        if contacts::add(tx, campaign.id, source, &contact, now)? == Added::New {
            contacts::count_new(tx, campaign.id, 1)?;
        } else if contacts::offer_again(tx, campaign.id, number, now)?.is_none() {
            return Err(Failure::new(Exit::Doubts, format!("an earlier call to {} is not cleared up", number.masked()))
                .hint("see `exocamp status \"test calls\"`; `exocamp settle \"test calls\"` asks the provider"));
        }
        Ok(campaigns::set_state(tx, campaign.id, CampaignState::Stopped, now)?)
    })
}
