//! Conducts a run from lock to summary: what `start`, `settle` and `call` have in common.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::failure::{Exit, Failure};
use super::provider::Provider;
use super::view::{StatusView, SummaryView, shown_time, took};
use super::workspace::Workspace;
use crate::dialer::event::{Ending, Trouble};
use crate::dialer::rolls::Rolls;
use crate::dialer::run::{AccountLines, Assignment, Task};
use crate::dialer::{self, Equipment, Summary};
use crate::domain::campaign::Setting;
use crate::domain::pace::Allowance;
use crate::domain::plan::StoppedBecause;
use crate::domain::rejection::RejectionClass;
use crate::store::campaigns::{self, Campaign, CampaignId};
use crate::store::lock::{Holder, RunLock};
use crate::store::reports;
use crate::store::{Store, Tx, runs};
use crate::ui::progress::ProgressView;
use crate::ui::{Format, table};

/// Takes the campaign's lock, which names this process to whoever comes second. What a dead run left open is in doubt
/// from that moment on.
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
    store.write(|tx| runs::recover(tx, campaign.id, now))?;
    Ok(lock)
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
    pub(super) allowance: Allowance,
    /// Settings to remember with the campaign from now on.
    pub(super) settings: Vec<(Setting, String)>,
}

/// Returns the requests that the account may be sent in a minute.
pub(super) fn allowance(
    workspace: &Workspace,
    typed: Option<Allowance>,
) -> Result<Allowance, Failure> {
    match (typed, workspace.config.text("EXOCAMP_ALLOWANCE")) {
        (Some(allowance), _) => Ok(allowance),
        // Nobody counts a sandbox's requests.
        (None, _) if workspace.ui.sandbox => Ok(Allowance::Max),
        (None, Some(text)) => text
            .parse()
            .map_err(|error: crate::domain::pace::NotAnAllowance| {
                Failure::new(Exit::Usage, error.to_string())
                    .context("`EXOCAMP_ALLOWANCE` cannot be used")
            }),
        (None, None) => Ok(Allowance::DEFAULT),
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

/// Returns a runtime: one for the process is enough, made only where something is sent.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

/// Runs a job whose campaign is locked, and returns how it ended.
pub(super) async fn conduct(
    workspace: &Workspace,
    mut store: Store,
    job: Job,
) -> Result<(Summary, Option<Exit>), Failure> {
    let now = workspace.clock.wall();
    let Job {
        campaign,
        task,
        provider,
        allowance,
        settings,
    } = job;
    let lines = whole_setting(workspace, "EXOCAMP_LINES", 10_000)?;
    let sids = whole_setting(workspace, "EXOCAMP_LOOK_UP_SIDS", 100)?;
    let run = store.write(|tx| -> Result<_, Failure> {
        remember(workspace, tx, campaign.id, &settings)?;
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
        allowance,
        // Exotel's smallest plan has ten (its pages on concurrent calls).
        account_lines: lines.map_or(AccountLines::Assumed(10), AccountLines::Stated),
        // As many as Exotel recommends.
        sids_per_look_up: sids.unwrap_or(20) as usize,
    };
    let rolls = Rolls::seeded(fastrand::u64(..));
    let equipment = Equipment {
        store,
        client: provider.client,
        clock: workspace.clock,
        rolls,
    };
    let (mut stops, stopped_by) = listen_for_signals()?;
    let mut view = ProgressView::new(workspace.ui);
    let summary = dialer::run(equipment, assignment, &mut stops, &mut |progress| {
        view.show(progress)
    })
    .await;
    view.finish();
    if let Some(sandbox) = provider.sandbox {
        sandbox.shutdown().await;
    }
    Ok((summary?, stopped_by.get().copied()))
}

/// Remembers the settings that change something; cron gives the same ones every five minutes.
fn remember(
    workspace: &Workspace,
    tx: &Tx<'_>,
    campaign: CampaignId,
    settings: &[(Setting, String)],
) -> Result<(), Failure> {
    for (key, value) in settings {
        let before = campaigns::policy(tx, campaign)?;
        let mut after = before.clone();
        after
            .set(*key, value)
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        if after != before {
            campaigns::remember(
                tx,
                campaign,
                *key,
                value,
                workspace.owner(),
                workspace.clock.wall(),
            )?;
        }
    }
    Ok(())
}

/// The first signal lets open calls be answered, the second leaves at once; a closed terminal counts as SIGTERM.
fn listen_for_signals() -> Result<(mpsc::Receiver<()>, Arc<OnceLock<Exit>>), Failure> {
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

/// Shows how a run ended, and returns the exit code that says so.
pub(super) fn conclude(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    summary: &Summary,
    stopped_by: Option<Exit>,
) -> Result<Exit, Failure> {
    let progress = store.read(|tx| reports::progress(tx, campaign.id))?;
    // The lock is still ours here, so the state as written is the truth.
    let status = progress.campaign.state.as_str();
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&SummaryView::new(
            StatusView::new(&progress, status),
            summary,
        ))?;
    } else if workspace.ui.quiet {
        // Doubts wait for a person, who has to hear of them; all else can be looked up.
        if progress.counts.held > 0 && summary.ending.because == StoppedBecause::OnlyDoubts {
            let (held, name) = (progress.counts.held, &campaign.name);
            workspace.ui.warn(&format!(
                "{held} contacts of `{name}` are held: their calls may or may not have been placed"
            ));
        }
    } else {
        let mut facts = super::status::facts(workspace, &progress, status);
        let limited = summary
            .ending
            .limited_by
            .map(|limit| format!("; limited by {}", limit.as_str()));
        facts.push((
            "stopped",
            format!(
                "{}{}",
                explain(summary.ending.because),
                limited.unwrap_or_default()
            ),
        ));
        let (calls, requests) = (summary.calls_placed, summary.requests);
        facts.push((
            "calls",
            format!("{calls} in {}, {requests} requests", took(summary.elapsed)),
        ));
        workspace.ui.data(&table::facts(&facts))?;
    }
    exit_of(summary, stopped_by)
}

/// Returns the exit code that says how a run ended, or the failure that names the provider's trouble.
pub(super) fn exit_of(summary: &Summary, stopped_by: Option<Exit>) -> Result<Exit, Failure> {
    if summary.ending.because == StoppedBecause::Provider
        && let Some(failure) = trouble(&summary.ending)
    {
        return Err(failure);
    }
    Ok(match summary.ending.because {
        StoppedBecause::Finished => Exit::Done,
        StoppedBecause::OnlyDoubts => Exit::Doubts,
        StoppedBecause::Signal => stopped_by.unwrap_or(Exit::Interrupted),
        StoppedBecause::Provider => Exit::Provider,
        StoppedBecause::Hours
        | StoppedBecause::Paused
        | StoppedBecause::Cancelled
        | StoppedBecause::Until
        | StoppedBecause::MaxRuntime
        | StoppedBecause::MaxCalls
        | StoppedBecause::NothingDue => Exit::Stopped,
    })
}

/// Returns the summary of a run that had nothing to do.
pub(super) fn nothing_done(because: StoppedBecause) -> Summary {
    let ending = Ending {
        because,
        trouble: None,
        limited_by: None,
    };
    Summary {
        ending,
        calls_placed: 0,
        requests: 0,
        elapsed: std::time::Duration::ZERO,
    }
}

fn explain(because: StoppedBecause) -> &'static str {
    match because {
        StoppedBecause::Finished => "finished: nothing is left to do",
        StoppedBecause::OnlyDoubts => {
            "only doubts are left: calls that may or may not have been placed"
        }
        StoppedBecause::Hours => "outside the calling hours",
        StoppedBecause::Paused => "paused",
        StoppedBecause::Cancelled => "cancelled",
        StoppedBecause::Until => "the time of `--until` has come",
        StoppedBecause::MaxRuntime => "the time of `--max-runtime` is over",
        StoppedBecause::MaxCalls => "the calls of `--max-calls` are made",
        StoppedBecause::NothingDue => "nothing is due now",
        StoppedBecause::Provider => "the provider refuses or cannot be reached",
        StoppedBecause::Signal => "a signal",
    }
}

const CREDENTIALS_HINT: &str = "any of these may be wrong: the key (EXOTEL_AUTH_KEY), the token (EXOTEL_AUTH_TOKEN), \
    the account (EXOTEL_ACCOUNT_SID), the region (EXOTEL_SUBDOMAIN: api.exotel.com or api.in.exotel.com)";

fn trouble(ending: &Ending) -> Option<Failure> {
    Some(match ending.trouble.as_ref()? {
        Trouble::Refused(rejection) => {
            let (message, hint) = match rejection.class {
                RejectionClass::Credentials => ("the provider refuses the key and token", CREDENTIALS_HINT),
                RejectionClass::AccountNotFound => ("the provider does not know the account", CREDENTIALS_HINT),
                RejectionClass::Balance => ("the account's balance or plan is used up", "top it up in the Exotel dashboard, then start again"),
                RejectionClass::Account => ("the provider refuses the account", "see the Exotel dashboard: KYC, suspension, allowed addresses"),
                RejectionClass::CallerId => ("the provider refuses the caller id", "check EXOTEL_CALLER_ID or `--caller-id` against the account's ExoPhones"),
                RejectionClass::Flow => ("the provider refuses the flow", "check EXOTEL_URL or `--flow`"),
                RejectionClass::Ndnc
                | RejectionClass::BadNumber
                | RejectionClass::Generic
                | RejectionClass::Unavailable
                | RejectionClass::RateLimited => ("the provider refuses one call after another", "nobody was charged; start again later"),
            };
            Failure::new(Exit::Provider, rejection.to_string()).context(message).hint(hint)
        }
        Trouble::Unreachable(why) => Failure::new(Exit::Provider, why.clone())
            .context("the provider cannot be reached")
            .hint("check the network and the region (EXOTEL_SUBDOMAIN); starting again goes on where this stopped"),
        Trouble::Clocks(apart) => {
            let (by, way) = (apart.unsigned_abs(), if *apart > 0 { "ahead of" } else { "behind" });
            Failure::new(Exit::Provider, format!("this machine's clock is {by} s {way} the provider's"))
                .context("calling hours cannot be kept")
                .hint("set this machine's clock, for example with `timedatectl set-ntp true`")
        }
    })
}

/// Returns `20:30` as that time today in Indian time, or an RFC 3339 time.
pub(super) fn parse_until(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let zone = crate::domain::hours::indian_time();
    let today = now.to_zoned(zone.clone()).date();
    let civil = text
        .parse::<jiff::civil::Time>()
        .ok()
        .and_then(|time| today.to_datetime(time).to_zoned(zone).ok());
    let at = civil
        .map(|zoned| zoned.timestamp())
        .or_else(|| text.parse().ok());
    at.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{text}` is no time"))
            .hint("write `20:30` for today in Indian time, or `2026-03-02T20:30:00+05:30`")
    })
}
