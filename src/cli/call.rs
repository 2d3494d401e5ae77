//! `call`: one test call through the same path as all others.

use super::args;
use super::conclusion;
use super::conduct::{self, Job};
use super::dnd;
use super::failure::{Exit, Failure};
use super::provider::{self, Provider};
use super::status::{parse_number, show};
use super::view::typed_name;
use super::workspace::{Workspace, read};
use crate::dialer::run::Task;
use crate::domain::campaign::{CampaignState, NotAName, Policy, Setting};
use crate::domain::contact::{Fields, NewContact};
use crate::domain::ending::{RunLimits, StoppedBecause};
use crate::domain::phone::PhoneNumber;
use crate::sandbox::Script;
use crate::store::campaigns::{self, Campaign};
use crate::store::contacts::{self, Added};
use crate::store::reports::ContactFilter;
use crate::store::{Store, Tx, live};

pub(super) fn run(workspace: &Workspace, args: &args::Call) -> Result<Exit, Failure> {
    let number = parse_number(&args.number)?;
    let account = conduct::Account::configured(workspace, None)?;
    let runtime = conduct::runtime()?;
    let limits = RunLimits {
        max_calls: Some(1),
        once: true,
        ..RunLimits::default()
    };
    let dialling = provider::dialling(workspace, &Policy::default(), limits)?;
    let provider = match workspace.ui.sandbox {
        true => runtime.block_on(Provider::pretended(workspace, Script::default()))?,
        false => Provider::configured(workspace)?,
    };
    let mut store = workspace.open_or_create_store()?;
    // Whoever is refused leaves no trace in the database.
    conduct::claim(workspace, &mut store)?;
    read(&mut store, |tx| {
        dnd::refuse_listed(workspace, tx, number)?;
        refuse_if_live(tx, number)
    })?;
    let campaign = test_campaign(workspace, &mut store, &provider.account)?;
    let _lock = conduct::take_lock(workspace, &mut store, &campaign)?;
    let asks = !args.yes && !workspace.ui.sandbox && workspace.ui.is_interactive();
    if asks && !workspace.ask(&format!("call {number}?"))? {
        workspace.ui.note("nobody was called");
        return Ok(Exit::Stopped);
    }
    offer(workspace, &mut store, &campaign, number)?;
    // A person who types a number wants that call now, and may hang up as soon as it rings; the rules are for lists.
    let settings = vec![
        (Setting::Hours, "00:00-24:00".to_owned()),
        (Setting::ShortCalls, "off".to_owned()),
    ];
    let job = Job {
        campaign: campaign.clone(),
        task: Task::Dial(dialling),
        provider,
        account,
        settings,
    };
    let conducted = runtime.block_on(conduct::conduct(workspace, store, job, None));
    let shown = conducted.and_then(|conducted| {
        let filter = ContactFilter {
            number: Some(number),
            ..ContactFilter::default()
        };
        // Before the number is withdrawn, which would replace the note that says why nobody was called.
        show(workspace, &campaign.name, &filter)?;
        Ok(conducted)
    });
    // Whatever came of it: whoever wanted that call wanted it now.
    let mut store = workspace.open_store()?;
    store.write(|tx| contacts::cancel_pending(tx, campaign.id))?;
    let (summary, stopped_by) = shown?;
    match summary.ending.because {
        // Due again later, which is not what `call` is for.
        StoppedBecause::NothingDue => Err(Failure::new(Exit::Provider, "the call was not placed")
            .hint("the note beside the number says why; try again in a minute")),
        _ => conclusion::exit_of(&campaign, &summary, stopped_by),
    }
}

/// Returns the campaign that test calls are kept in: one for each account, since a campaign stays with its account.
fn test_campaign(
    workspace: &Workspace,
    store: &mut Store,
    account: &str,
) -> Result<Campaign, Failure> {
    let name = format!("test calls {account}");
    store.write(|tx| {
        if campaigns::find(tx, &name)?.is_none() {
            let name = name
                .parse()
                .map_err(|error: NotAName| Failure::new(Exit::Usage, error.to_string()))?;
            campaigns::create(tx, &name, workspace.owner(), workspace.clock.wall())?;
        }
        let campaign = workspace.own_campaign(tx, &name)?;
        campaigns::keep_for_test_calls(tx, campaign.id)?;
        Ok(campaign)
    })
}

/// Refuses a number whose earlier call may still be under way.
fn refuse_if_live(tx: &Tx<'_>, number: PhoneNumber) -> Result<(), Failure> {
    let Some(theirs) = live::campaign_of(tx, number)? else {
        return Ok(());
    };
    let message = format!(
        "an earlier call to {} is live or not cleared up",
        number.masked()
    );
    let name = typed_name(&campaigns::get(tx, theirs)?.name);
    Err(Failure::new(Exit::Doubts, message).hint(format!(
        "`exocamp settle {name}` asks the provider what became of it"
    )))
}

/// Makes the number the only one that is due.
fn offer(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    number: PhoneNumber,
) -> Result<(), Failure> {
    let now = workspace.clock.wall();
    store.write(|tx| {
        // Somebody may have called in the meantime, or asked not to be called.
        dnd::refuse_listed(workspace, tx, number)?;
        refuse_if_live(tx, number)?;
        contacts::cancel_pending(tx, campaign.id)?;
        let contact = NewContact {
            number,
            name: None,
            fields: Fields::default(),
            more_numbers: Vec::new(),
            line: 0,
        };
        let source = contacts::add_source(tx, campaign.id, "(typed)", now)?;
        if contacts::add(tx, campaign.id, source, &contact)? == Added::New {
            contacts::count_new(tx, campaign.id, 1)?;
        } else {
            contacts::remove_source(tx, source)?;
            contacts::offer_again(tx, campaign.id, number)?;
        }
        Ok(campaigns::set_state(
            tx,
            campaign.id,
            CampaignState::Stopped,
            now,
        )?)
    })
}
