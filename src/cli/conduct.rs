//! Conducts a run from lock to summary: what `start`, `settle` and `call` have in common.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::failure::{Exit, Failure};
use super::forget;
use super::patience;
use super::provider::Provider;
use super::view::{counted, exact_time, shown_time};
use super::workspace::Workspace;
use crate::dialer::rolls::Rolls;
use crate::dialer::run::{AccountLines, Assignment, Callbacks, Task};
use crate::dialer::{self, Equipment, Summary};
use crate::domain::campaign::{CampaignState, Setting};
use crate::domain::eligibility::Caps;
use crate::domain::pace::{Allowance, NotAnAllowance};
use crate::exotel::callback::{CallbackBase, CallbackSecret};
use crate::store::campaigns::{self, Campaign};
use crate::store::forget::Recogniser;
use crate::store::lock::{Holder, RunLock};
use crate::store::{Store, contacts, runs, settings};
use crate::ui::progress::ProgressView;

/// Takes the campaign's lock, which names this process to whoever comes second, and claims the database for this
/// machine. What a dead run left open is in doubt from that moment on.
pub(super) fn take_lock(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
) -> Result<RunLock, Failure> {
    let now = workspace.clock.wall();
    let me = Holder {
        pid: std::process::id(),
        host: host(),
        since: shown_time(now),
    };
    let lock = RunLock::take(&workspace.database(), campaign.id, &me)?;
    claim(workspace, store)?;
    let patience = patience::configured(workspace)?;
    store.write(|tx| runs::recover(tx, campaign.id, &patience, now))?;
    Ok(lock)
}

/// Claims the database for this machine: one that was moved or put back is refused.
pub(super) fn claim(workspace: &Workspace, store: &mut Store) -> Result<(), Failure> {
    // Pretend phones may be rung again, and on any machine.
    if workspace.ui.sandbox {
        return Ok(());
    }
    if let Some(caution) = store.claim(workspace.machine().as_ref(), workspace.clock.wall())? {
        workspace.ui.warn(&caution.to_string());
    }
    if let Some(system) = store.uncertain_file_system()? {
        let note = format!("the database lies on {system}; see that no other machine uses it");
        workspace.ui.note(&note);
    }
    Ok(())
}

/// Refuses to call while nobody can tell who asked to be forgotten.
pub(super) fn check_key(workspace: &Workspace, store: &mut Store) -> Result<(), Failure> {
    let database = workspace.database();
    store.read(|tx| Recogniser::open(tx, &database))?;
    Ok(())
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// One run to be made.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) campaign: Campaign,
    pub(super) task: Task,
    pub(super) provider: Provider,
    pub(super) account: Account,
    /// Settings to remember with the campaign from now on.
    pub(super) settings: Vec<(Setting, String)>,
}

/// What the account is given, over all its campaigns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    allowance: Allowance,
    lines: AccountLines,
    sids_per_look_up: usize,
}

impl Account {
    /// Returns what was typed or is configured.
    pub(super) fn configured(
        workspace: &Workspace,
        typed: Option<Allowance>,
    ) -> Result<Self, Failure> {
        let lines = whole_setting(workspace, "EXOCAMP_LINES", 10_000)?;
        let sids = whole_setting(workspace, "EXOCAMP_LOOK_UP_SIDS", 100)?;
        let allowance = match (typed, workspace.config.text("EXOCAMP_ALLOWANCE")) {
            (Some(allowance), _) => allowance,
            // Nobody counts a sandbox's requests.
            (None, _) if workspace.ui.sandbox => Allowance::Max,
            (None, Some(text)) => text.parse().map_err(|error: NotAnAllowance| {
                Failure::new(Exit::Usage, error.to_string())
                    .context("`EXOCAMP_ALLOWANCE` cannot be used")
            })?,
            (None, None) => Allowance::DEFAULT,
        };
        Ok(Self {
            allowance,
            // Exotel's smallest plan has ten (its pages on concurrent calls).
            lines: lines.map_or(AccountLines::Assumed(10), AccountLines::Stated),
            // As many as Exotel recommends.
            sids_per_look_up: sids.unwrap_or(20) as usize,
        })
    }
}

impl Account {
    /// Returns how many requests it has in a minute.
    pub(super) fn allowance(self) -> Allowance {
        self.allowance
    }

    /// Returns how many calls may be live at once.
    pub(super) fn lines(self) -> AccountLines {
        self.lines
    }

    /// Returns about how many calls one look-up may ask.
    pub(super) fn sids_per_look_up(self) -> usize {
        self.sids_per_look_up
    }
}

fn whole_setting(workspace: &Workspace, name: &str, most: u32) -> Result<Option<u32>, Failure> {
    let Some(text) = workspace.config.text(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("`{name}` is `{text}`; write a number from 1 to {most}"),
        )),
    }
}

/// Returns how many calls a number may get.
pub(super) fn caps(workspace: &Workspace) -> Result<Caps, Failure> {
    let default = Caps::default();
    let most = |name, default: u32| -> Result<u32, Failure> {
        Ok(whole_setting(workspace, name, 1000)?.unwrap_or(default))
    };
    let (day, week) = (
        most("EXOCAMP_CAP_DAY", default.day)?,
        most("EXOCAMP_CAP_WEEK", default.week)?,
    );
    Ok(Caps { day, week })
}

/// Returns a runtime: one for the process is enough, made only where something is sent.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

/// Runs a job whose campaign is locked, and returns how it ended. `name` is shown with its progress, where there are
/// others.
pub(super) async fn conduct(
    workspace: &Workspace,
    mut store: Store,
    job: Job,
    name: Option<&str>,
) -> Result<(Summary, Option<Exit>), Failure> {
    let now = workspace.clock.wall();
    let Job {
        campaign,
        task,
        provider,
        account,
        settings,
    } = job;
    let run = store.write(|tx| -> Result<_, Failure> {
        let moment = workspace.clock.moment();
        settings::change(tx, campaign.id, &settings, workspace.owner(), &moment)?;
        Ok(runs::begin(
            tx,
            campaign.id,
            std::process::id(),
            &host(),
            now,
        )?)
    })?;
    let assignment = Assignment {
        run,
        campaign: campaign.id,
        account: provider.account,
        task,
        allowance: account.allowance,
        account_lines: account.lines,
        sids_per_look_up: account.sids_per_look_up,
        caps: caps(workspace)?,
        patience: patience::configured(workspace)?,
        callbacks: callbacks(workspace)?,
    };
    let rolls = Rolls::seeded(fastrand::u64(..));
    let equipment = Equipment {
        store,
        client: provider.client,
        clock: workspace.clock,
        rolls,
    };
    let (mut stops, stopped_by) = listen_for_signals()?;
    let mut view = ProgressView::new(workspace.ui, name);
    let summary = dialer::run(equipment, assignment, &mut stops, &mut |progress| {
        view.show(progress)
    })
    .await;
    view.finish();
    if let Some(sandbox) = provider.sandbox {
        sandbox.shutdown().await;
    }
    forget::purge_after_a_run(workspace);
    Ok((summary?, stopped_by.get().copied()))
}

/// Skips whoever cannot be called any more before the campaign's end, with these settings remembered first; a campaign
/// that has nobody left then is finished.
pub(super) fn expire(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    settings: &[(Setting, String)],
) -> Result<(), Failure> {
    let (id, moment) = (campaign.id, workspace.clock.moment());
    let now = moment.wall;
    let (expired, ends) = store.write(|tx| -> Result<_, Failure> {
        settings::change(tx, id, settings, workspace.owner(), &moment)?;
        let policy = campaigns::policy(tx, id)?;
        let expired = contacts::expire(tx, id, &policy, now)?;
        let counts = contacts::counts(tx, id)?;
        let is_done = counts.pending + counts.initiated + counts.held == 0;
        if expired > 0 && is_done && campaign.state != CampaignState::Cancelled {
            campaigns::set_state(tx, id, CampaignState::Completed, now)?;
        }
        Ok((expired, policy.ends))
    })?;
    if let Some(ends) = ends.filter(|_| expired > 0) {
        let people = counted(expired as u64, "contact");
        let ends = exact_time(ends, now);
        workspace.ui.note(&format!(
            "no opening is left before the campaign's end, {ends}; expired: {people}"
        ));
    }
    Ok(())
}

/// Finishes a campaign that has nobody left, whoever has seen to that. One that runs is left to its run.
pub(super) fn finish(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
) -> Result<(), Failure> {
    if matches!(
        campaign.state,
        CampaignState::Completed | CampaignState::Cancelled
    ) {
        return Ok(());
    }
    let _lock = match take_lock(workspace, store, campaign) {
        Err(failure) if failure.exit() == Exit::AlreadyRunning => return Ok(()),
        lock => lock?,
    };
    finish_locked(workspace, store, campaign)
}

/// The same for whoever holds the campaign's lock. A pause ends: there is nobody to be kept from being called.
pub(super) fn finish_locked(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
) -> Result<(), Failure> {
    let (id, now) = (campaign.id, workspace.clock.wall());
    store.write(|tx| -> Result<_, Failure> {
        // Somebody may have imported more, or cancelled it.
        let counts = contacts::counts(tx, id)?;
        let is_done = counts.pending + counts.initiated + counts.held == 0;
        let state = campaigns::get(tx, id)?.state;
        if is_done && !matches!(state, CampaignState::Completed | CampaignState::Cancelled) {
            campaigns::set_state(tx, id, CampaignState::Completed, now)?;
        }
        Ok(())
    })
}

/// Returns where the provider shall report the ends of calls, if that is configured; looking is enough without.
fn callbacks(workspace: &Workspace) -> Result<Option<Callbacks>, Failure> {
    let Some(text) = workspace.config.text("EXOCAMP_CALLBACK_URL") else {
        return Ok(None);
    };
    if workspace.ui.sandbox {
        // Nobody out there is to be told of calls that were never made.
        return Ok(None);
    }
    let base = CallbackBase::parse(text).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string())
            .context("`EXOCAMP_CALLBACK_URL` cannot be used")
    })?;
    let secret = CallbackSecret::new()?;
    Ok(Some(Callbacks { base, secret }))
}

/// The first signal lets open calls be answered, the second leaves at once; a closed terminal counts as SIGTERM.
pub(super) fn listen_for_signals() -> Result<(mpsc::Receiver<()>, Arc<OnceLock<Exit>>), Failure> {
    let (ask, asked) = mpsc::channel(2);
    let first = Arc::new(OnceLock::new());
    for (kind, exit) in [
        (SignalKind::interrupt(), Exit::Interrupted),
        (SignalKind::terminate(), Exit::Terminated),
        (SignalKind::hangup(), Exit::Terminated),
    ] {
        let mut signals = signal(kind)?;
        let (ask, first) = (ask.clone(), first.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                // Only the first signal names the exit code; more than two change nothing.
                let _ = first.set(exit);
                let _ = ask.try_send(());
            }
        });
    }
    Ok((asked, first))
}
