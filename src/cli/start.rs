//! `start`: calls a campaign's contacts.

use super::args;
use super::conduct::{self, Job};
use super::failure::{Exit, Failure};
use super::provider::Provider;
use super::view::clock_time;
use super::workspace::{Workspace, read};
use crate::dialer::run::Task;
use crate::domain::campaign::{CampaignState, Policy, Setting};
use crate::domain::plan::{RunLimits, StoppedBecause};
use crate::domain::report::Counts;
use crate::sandbox::Script;
use crate::store::campaigns::{self, Campaign, PausedBy};
use crate::store::{Store, contacts};

pub(super) fn run(workspace: &Workspace, args: &args::Start) -> Result<Exit, Failure> {
    let script = Script {
        seed: fastrand::u64(..),
        ..Script::default()
    };
    run_against(workspace, args, script)
}

/// Starts a campaign; in the sandbox its phones do as the script says.
pub(super) fn run_against(
    workspace: &Workspace,
    args: &args::Start,
    script: Script,
) -> Result<Exit, Failure> {
    let now = workspace.clock.wall();
    // In this order, so that the first thing wrong is what is said: usage, campaign, contacts, anything left to do,
    // lock, pause, hours, account.
    let mut settings = args.settings.typed();
    let mut typed = Policy::default();
    for (key, value) in &settings {
        typed.set(*key, value).map_err(|error| {
            Failure::new(Exit::Usage, error.to_string())
                .context(format!("`--{}` cannot be used", key.as_str()))
        })?;
    }
    let until = args
        .until
        .as_deref()
        .map(|text| conduct::parse_until(text, now))
        .transpose()?;
    let limits = RunLimits {
        until,
        max_runtime: args.max_runtime,
        max_calls: args.max_calls,
        once: args.once,
        wait: args.wait,
    };
    let allowance = conduct::allowance(workspace, args.allowance)?;

    if workspace.ui.sandbox {
        copy_into_sandbox(workspace, &args.campaign)?;
    }
    let mut store = workspace.open_store()?;
    let (campaign, counts, mut policy) = read(&mut store, |tx| {
        let campaign = workspace.own_campaign(tx, &args.campaign)?;
        Ok((
            contacts::counts(tx, campaign.id)?,
            campaigns::policy(tx, campaign.id)?,
            campaign,
        ))
    })
    .map(|(counts, policy, campaign)| (campaign, counts, policy))?;
    if counts.total() == 0 {
        return Err(
            Failure::new(Exit::Usage, "No contacts found for this campaign")
                .hint("add some with `exocamp import FILE`"),
        );
    }
    if let Some(because) = nothing_left(&counts, &campaign) {
        return stop_before_calling(workspace, &mut store, &campaign, because);
    }
    let _lock = match conduct::take_lock(workspace, &campaign) {
        Err(failure) if failure.exit() == Exit::AlreadyRunning && args.skip_if_running => {
            return Ok(Exit::Done);
        }
        lock => lock?,
    };
    if campaign.paused_by == Some(PausedBy::Person) {
        workspace
            .ui
            .hint(&format!("`exocamp resume {}` lets it go on", campaign.name));
        return stop_before_calling(workspace, &mut store, &campaign, StoppedBecause::Paused);
    }
    if workspace.ui.sandbox {
        settings.extend(at_any_hour());
    }
    for (key, value) in &settings {
        // Each was found to fit above.
        policy
            .set(*key, value)
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    }
    if typed.calendar.hours.are_always() && !workspace.ui.sandbox {
        // Said when it is asked for, not again by every run that cron makes with what is remembered.
        workspace
            .ui
            .warn("calling hours never close for this campaign: people may be rung at night");
    }
    if !policy.calendar.is_open(now) && !args.wait {
        if let Some(opening) = policy.calendar.next_opening(now) {
            workspace.ui.note(&format!(
                "the calling hours open at {}; `--wait` waits for them",
                clock_time(opening, now)
            ));
        }
        return stop_before_calling(workspace, &mut store, &campaign, StoppedBecause::Hours);
    }
    let runtime = conduct::runtime()?;
    let provider = match workspace.ui.sandbox {
        true => runtime.block_on(Provider::pretended(workspace, script))?,
        false => Provider::configured(workspace, &policy)?,
    };
    check_account(&campaign, &provider)?;
    if !args.yes && !workspace.ui.sandbox && workspace.ui.can_ask() {
        let flow = provider.flow_url.rsplit('/').next().unwrap_or_default();
        let caller_id = policy
            .caller_id
            .unwrap_or(provider.caller_id)
            .national()
            .unwrap_or_default();
        let people = grouped(counts.pending);
        if !workspace.ui.confirm(&format!(
            "call {people} people from 0{caller_id} through flow {flow}?"
        )) {
            workspace.ui.note("nobody was called");
            return Ok(Exit::Stopped);
        }
    }
    let job = Job {
        campaign: campaign.clone(),
        task: Task::Dial(limits),
        provider,
        allowance,
        settings,
    };
    let (summary, stopped_by) = runtime.block_on(conduct::conduct(workspace, store, job))?;
    let mut store = workspace.open_store()?;
    conduct::conclude(workspace, &mut store, &campaign, &summary, stopped_by)
}

/// Returns the settings of a copy that nobody real is called from: pretend phones may ring at night.
fn at_any_hour() -> [(Setting, String); 2] {
    [
        (Setting::Hours, "00:00-24:00".to_owned()),
        (Setting::Days, "mon-sun".to_owned()),
    ]
}

/// Returns why there is nothing for a run to do, if there is nothing.
fn nothing_left(counts: &Counts, campaign: &Campaign) -> Option<StoppedBecause> {
    if campaign.state == CampaignState::Cancelled {
        return Some(StoppedBecause::Cancelled);
    }
    match (counts.pending + counts.initiated, counts.held) {
        (0, 0) => Some(StoppedBecause::Finished),
        (0, _) => Some(StoppedBecause::OnlyDoubts),
        _ => None,
    }
}

fn stop_before_calling(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    because: StoppedBecause,
) -> Result<Exit, Failure> {
    conduct::conclude(
        workspace,
        store,
        campaign,
        &conduct::nothing_done(because),
        None,
    )
}

/// A campaign stays with the account it was first started with: its calls are known there and nowhere else.
pub(super) fn check_account(campaign: &Campaign, provider: &Provider) -> Result<(), Failure> {
    match &campaign.account {
        Some(account) if *account != provider.account => {
            let message = format!(
                "campaign `{}` belongs to account `{account}`, and `{}` is configured",
                campaign.name, provider.account
            );
            Err(Failure::new(Exit::Usage, message).hint(format!(
                "set EXOTEL_ACCOUNT_SID to `{account}`, or import the list into a new campaign"
            )))
        }
        _ => Ok(()),
    }
}

/// Copies the campaign into the sandbox's database, if there is a real one of this name.
fn copy_into_sandbox(workspace: &Workspace, name: &str) -> Result<(), Failure> {
    if !workspace.real_database().exists() {
        return Ok(());
    }
    let mut store = workspace.open_or_create_store()?;
    if store.copy_campaign_from(workspace.real_database(), name, workspace.clock.wall())? {
        workspace.ui.note(&format!(
            "SANDBOX: rehearsing a copy of `{name}` in `{}`; nobody is called",
            workspace.database().display()
        ));
    }
    Ok(())
}

/// Returns a number as people read it: `1,234`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_people_are_grouped() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1234, "1,234"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }
}
