//! `start`: calls a campaign's contacts.

use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::args;
use super::conclusion;
use super::conduct::{self, Job};
use super::failure::{Exit, Failure};
use super::moment;
use super::plan;
use super::provider::{self, Provider};
use super::rules::{self, Intended, Typed};
use super::settings;
use super::view::{clock_time, shown_caller_id, typed_name};
use super::workspace::{Workspace, check_account, read};
use crate::dialer::Summary;
use crate::dialer::run::{Dialling, Task};
use crate::domain::campaign::{CampaignState, Policy, Setting};
use crate::domain::ending::{RunLimits, StoppedBecause};
use crate::domain::report::Counts;
use crate::sandbox::Script;
use crate::store::campaigns::{self, Campaign, PausedBy};
use crate::store::lock::RunLock;
use crate::store::settings as changes;
use crate::store::steering::Steering;
use crate::store::{Store, candidates, contacts, copy, doubts, steering};

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
    match prepare(workspace, args, Decider::Person, script)? {
        Prepared::Ready(ready) => {
            let played = ready.play(workspace, None)?;
            played.conclude(workspace, &mut workspace.open_store()?)
        }
        Prepared::Over(exit) => Ok(exit),
    }
}

/// Who has decided that a campaign is to be called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Decider {
    /// Somebody who wants this one called.
    Person,
    /// Nobody: `run` takes all that has work due.
    Run,
}

/// How far a start has got before anybody is called.
pub(super) enum Prepared {
    /// Everything is in order, and the campaign is locked.
    Ready(Box<Ready>),
    /// Nobody is called, which has been said.
    Over(Exit),
}

/// A campaign that is locked and ready to be called.
pub(super) struct Ready {
    pub(super) campaign: Campaign,
    pub(super) job: Job,
    pub(super) store: Store,
    pub(super) runtime: Runtime,
    pub(super) lock: RunLock,
}

impl Ready {
    /// Calls the campaign's people until the run is over; the progress is shown under this name, if there is one.
    pub(super) fn play(self, workspace: &Workspace, name: Option<&str>) -> Result<Played, Failure> {
        let conducted = conduct::conduct(workspace, self.store, self.job, name);
        let (summary, stopped_by) = self.runtime.block_on(conducted)?;
        Ok(Played {
            campaign: self.campaign,
            summary,
            stopped_by,
            _lock: self.lock,
        })
    }
}

/// A campaign whose run is over.
pub(super) struct Played {
    pub(super) campaign: Campaign,
    pub(super) summary: Summary,
    pub(super) stopped_by: Option<Exit>,
    /// Kept until the summary is written.
    _lock: RunLock,
}

impl Played {
    /// Shows how the run ended, and returns the exit code that says so.
    pub(super) fn conclude(
        &self,
        workspace: &Workspace,
        store: &mut Store,
    ) -> Result<Exit, Failure> {
        conclusion::conclude(
            workspace,
            store,
            &self.campaign,
            &self.summary,
            self.stopped_by,
            conclusion::explain,
        )
    }
}

/// Looks at everything that could keep a campaign from being called, in the order in which it should be said.
pub(super) fn prepare(
    workspace: &Workspace,
    args: &args::Start,
    decider: Decider,
    script: Script,
) -> Result<Prepared, Failure> {
    let now = workspace.clock.wall();
    // In this order, so that the first thing wrong is what is said: usage, campaign, contacts, anything left to do,
    // lock, pause, hours, account.
    let settings = settings::typed(workspace, &args.settings)?;
    let until = args
        .until
        .as_deref()
        .map(|text| moment::parse(text, now))
        .transpose()?;
    let (max_runtime, max_calls, once, wait) =
        (args.max_runtime, args.max_calls, args.once, args.wait);
    let limits = RunLimits {
        until,
        max_runtime,
        max_calls,
        once,
        wait,
    };
    let account = conduct::Account::configured(workspace, args.allowance)?;

    if workspace.ui.sandbox {
        copy_into_sandbox(workspace, &args.campaign)?;
    }
    let mut store = workspace.open_store()?;
    let before = Case::read(workspace, &mut store, &args.campaign, now)?;
    if before.counts.total() == 0 {
        return Err(
            Failure::new(Exit::Usage, "No contacts found for this campaign")
                .hint("add some with `exocamp import FILE`"),
        );
    }
    if let Some(because) = before.nothing_left() {
        if because == StoppedBecause::Finished {
            conduct::finish(workspace, &mut store, &before.campaign)?;
        }
        return stop_before_calling(workspace, &mut store, &before.campaign, because);
    }
    let lock = match conduct::take_lock(workspace, &mut store, &before.campaign) {
        Err(failure) if failure.exit() == Exit::AlreadyRunning && args.skip_if_running => {
            return Ok(Prepared::Over(Exit::Done));
        }
        lock => lock?,
    };
    conduct::check_key(workspace, &mut store)?;
    // Whoever had the lock until now may have changed everything.
    let case = Case::read(workspace, &mut store, &args.campaign, now)?;
    let policy_before = case.policy.clone();
    let mut policy = case.policy.clone();
    apply(&mut policy, &settings)?;
    policy.check().map_err(|error| {
        let cannot = format!(
            "campaign `{}` cannot be called like this",
            case.campaign.name
        );
        Failure::new(Exit::Usage, error.to_string()).context(cannot)
    })?;
    let closed_before = !policy_before.calendar().hours.are_always();
    let is_over = policy.is_over(now);
    let case = if is_over && case.nothing_left().is_none() {
        // It changes everybody's lot, so nothing may be wrong with it.
        workspace.check_may_change(&case.campaign)?;
        if let Some(planned) = &args.plan {
            plan::check_unchanged(workspace, &mut store, &case.campaign, &policy, planned)?;
        }
        conduct::expire(workspace, &mut store, &case.campaign, &settings)?;
        Case::read(workspace, &mut store, &args.campaign, now)?
    } else {
        case
    };
    if let Some(because) = case.nothing_left() {
        if because == StoppedBecause::Finished {
            conduct::finish_locked(workspace, &mut store, &case.campaign)?;
        }
        return stop_before_calling(workspace, &mut store, &case.campaign, because);
    }
    let Case {
        campaign, counts, ..
    } = case;
    if let Some(planned) = &args.plan {
        plan::check_unchanged(workspace, &mut store, &campaign, &policy, planned)?;
    }
    let calendar = policy.calendar();
    if closed_before && calendar.hours.are_always() && !workspace.ui.sandbox {
        // Said when it is asked for, not again by every run that cron makes with what is remembered.
        workspace
            .ui
            .warn("calling hours never close for this campaign: people may be rung at night");
    }
    // Looking for lost calls rings nobody, and nobody is left to be rung where the campaign is over.
    let only_looks = is_over || counts.pending + counts.initiated == 0;
    let overridden = if only_looks || workspace.ui.sandbox {
        None
    } else {
        let intended = Intended {
            typed: Typed::Flags,
            campaign: &campaign,
            before: &policy_before,
            policy: &policy,
            because: args.because.as_deref(),
        };
        read(&mut store, |tx| {
            rules::check_caller_ids(workspace, tx, intended)
        })?
    };
    if decider == Decider::Run && matches!(campaign.paused_by, Some(PausedBy::Quality(_))) {
        // Paused since `run` looked, by a run that has said why.
        return Ok(Prepared::Over(Exit::Stopped));
    }
    let is_closed = !calendar.is_open(now) && !wait && !only_looks;
    let because = if campaign.paused_by == Some(PausedBy::Person) {
        let name = typed_name(&campaign.name);
        workspace.ui.note(&format!(
            "a person has paused this campaign; `exocamp resume {name}` ends that"
        ));
        Some(StoppedBecause::Paused)
    } else if is_closed {
        if let Some(opening) = calendar.next_opening(now) {
            let opening = clock_time(opening, now);
            workspace.ui.note(&format!(
                "the calling hours open at {opening}; `--wait` waits for them"
            ));
        }
        Some(StoppedBecause::Hours)
    } else {
        None
    };
    if let Some(because) = because {
        let overridden = overridden.as_ref();
        remember_for_later(workspace, &mut store, &campaign, &settings, overridden)?;
        return stop_before_calling(workspace, &mut store, &campaign, because);
    }
    let runtime = conduct::runtime()?;
    let dialling = provider::dialling(workspace, &policy, limits)?;
    let provider = match workspace.ui.sandbox {
        true => runtime.block_on(Provider::pretended(workspace, script))?,
        false => Provider::configured(workspace)?,
    };
    check_account(&campaign, &provider.account)?;
    if !args.yes && !only_looks && !may_call(workspace, &counts, &dialling)? {
        workspace.ui.note("nobody was called");
        return Ok(Prepared::Over(Exit::Stopped));
    }
    if let Some(overridden) = overridden {
        store.write(|tx| steering::record(tx, campaign.id, &overridden))?;
    }
    let job = Job {
        campaign: campaign.clone(),
        task: Task::Dial(dialling),
        provider,
        account,
        settings,
    };
    Ok(Prepared::Ready(Box::new(Ready {
        campaign,
        job,
        store,
        runtime,
        lock,
    })))
}

/// Remembers what was typed for a campaign that cannot be called now: the next start is to go by it.
fn remember_for_later(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    settings: &[(Setting, String)],
    overridden: Option<&Steering>,
) -> Result<(), Failure> {
    let now = workspace.clock.moment();
    store.write(|tx| -> Result<(), Failure> {
        workspace.check_may_change(campaign)?;
        changes::change(tx, campaign.id, settings, workspace.owner(), &now)?;
        if let Some(overridden) = overridden {
            steering::record(tx, campaign.id, overridden)?;
        }
        Ok(())
    })
}

/// Puts settings into force that were found to fit.
pub(super) fn apply(policy: &mut Policy, settings: &[(Setting, String)]) -> Result<(), Failure> {
    for (key, value) in settings {
        policy
            .set(*key, value)
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    }
    Ok(())
}

/// A campaign as it stands.
struct Case {
    campaign: Campaign,
    counts: Counts,
    policy: Policy,
    /// Whether a call in doubt is to be looked for now.
    looks_for_doubts: bool,
}

impl Case {
    fn read(
        workspace: &Workspace,
        store: &mut Store,
        name: &str,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        read(store, |tx| {
            let campaign = workspace.own_campaign(tx, name)?;
            let counts = contacts::counts(tx, campaign.id)?;
            let next_look = doubts::next_look_at(tx, campaign.id)?;
            let next_question = candidates::next_ask_at(tx, campaign.id)?;
            let next = [next_look, next_question].into_iter().flatten().min();
            Ok(Self {
                policy: campaigns::policy(tx, campaign.id)?,
                counts,
                looks_for_doubts: next.is_some_and(|at| at <= now),
                campaign,
            })
        })
    }

    /// Returns why there is nothing for a run to do, if there is nothing.
    fn nothing_left(&self) -> Option<StoppedBecause> {
        if self.campaign.state == CampaignState::Cancelled {
            return Some(StoppedBecause::Cancelled);
        }
        match (
            self.counts.pending + self.counts.initiated,
            self.counts.held,
        ) {
            (0, 0) => Some(StoppedBecause::Finished),
            (0, _) if self.looks_for_doubts => None,
            (0, _) => Some(StoppedBecause::OnlyDoubts),
            _ => None,
        }
    }
}

fn stop_before_calling(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    because: StoppedBecause,
) -> Result<Prepared, Failure> {
    let exit = conclusion::conclude(
        workspace,
        store,
        campaign,
        &conclusion::nothing_done(because),
        None,
        conclusion::explain,
    )?;
    Ok(Prepared::Over(exit))
}

/// Asks the person at the keyboard; where there is none, the command line is the consent.
fn may_call(workspace: &Workspace, counts: &Counts, dialling: &Dialling) -> Result<bool, Failure> {
    if workspace.ui.sandbox || !workspace.ui.is_interactive() {
        return Ok(true);
    }
    let flow = dialling.flow_url.rsplit('/').next().unwrap_or_default();
    let caller_ids: Vec<_> = dialling
        .caller_ids
        .iter()
        .map(|id| shown_caller_id(*id))
        .collect();
    let caller_id = caller_ids.join(" and ");
    let people = grouped(counts.pending);
    workspace.ask(&format!(
        "call {people} people from {caller_id} through flow {flow}?"
    ))
}

/// Copies the campaign into the sandbox's database, if there is a real one of this name.
fn copy_into_sandbox(workspace: &Workspace, name: &str) -> Result<(), Failure> {
    if !workspace.real_database().exists() {
        return Ok(());
    }
    let mut real = Store::open_to_read(workspace.real_database())?;
    if read(&mut real, |tx| Ok(campaigns::find(tx, name)?))?.is_none() {
        if workspace.database().exists() {
            return Ok(());
        }
        return Err(workspace.no_campaign(name, workspace.real_database()));
    }
    read(&mut real, |tx| workspace.own_campaign(tx, name))?;
    let mut store = workspace.open_or_create_store()?;
    let now = workspace.clock.wall();
    if let Some(earlier) = store.read(|tx| campaigns::find(tx, name))? {
        // A rehearsal that is going on in another terminal stays what it is.
        let _lock = conduct::take_lock(workspace, &mut store, &earlier)?;
        store.write(|tx| copy::set_aside(tx, earlier.id, now))?;
    }
    store.copy_campaign(&mut real, name, now)?;
    let shown = workspace.database();
    workspace.ui.note(&format!(
        "SANDBOX: rehearsing a copy of `{name}` in `{}`; nobody is called",
        shown.display()
    ));
    Ok(())
}

/// Returns a number as people read it: `1,234`.
pub(super) fn grouped(number: u64) -> String {
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
