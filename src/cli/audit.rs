//! `audit`: our ledger of a campaign's calls against Exotel's list, both ways.
//!
//! A run may go on meanwhile, and a database that may not call from here may be audited: that is what `adopt` wants to
//! see first. Nobody is called, and no contact moves. A call that may be a doubt's is noted, to be asked about by the
//! next `settle` or run; an outcome that is told otherwise now is an incident.

use std::time::Duration;

use jiff::Timestamp;

use self::report::Report;
use super::args;
use super::conclusion;
use super::conduct;
use super::failure::{Exit, Failure};
use super::patience;
use super::provider::{self, Provider};
use super::view::shown_time;
use super::workspace::{Workspace, astray, check_account, read};
use crate::dialer::audit::{AuditFailure, Progress, Reader};
use crate::dialer::event::Trouble;
use crate::domain::attempt::Evidence;
use crate::domain::audit::{self, Audit, LIST_GOES_BACK, Reading, What};
use crate::domain::call::{ListedCall, Window};
use crate::domain::campaign::Policy;
use crate::domain::clocks::{self, earlier};
use crate::domain::doubt::Patience;
use crate::domain::phone::{PhoneNumber, mask_numbers};
use crate::domain::rejection::Blame;
use crate::store::attempts::{self, AttemptId, Source, Terms};
use crate::store::audits::{self, Extent, Record};
use crate::store::campaigns::{self, Campaign};
use crate::store::candidates::{self, NamedBy};
use crate::store::incidents::{self, Kind};
use crate::store::{Store, StoreError, Tx};
use crate::ui::progress::WaitView;

mod report;

pub(super) fn run(workspace: &Workspace, args: &args::Named) -> Result<Exit, Failure> {
    if workspace.ui.sandbox {
        let message = "the sandbox in this process has forgotten the calls of the last one";
        return Err(Failure::new(Exit::Usage, message).hint(
            "audit against a sandbox that goes on: `exocamp sandbox`, then `exocamp audit` with its settings",
        ));
    }
    let mut store = workspace.open_store()?;
    let (campaign, policy, extent) = read(&mut store, |tx| {
        let campaign = workspace.own_campaign(tx, &args.campaign)?;
        let policy = campaigns::policy(tx, campaign.id)?;
        let extent = audits::extent(tx, campaign.id)?;
        Ok((campaign, policy, extent))
    })?;
    let account = conduct::Account::configured(workspace, None)?;
    let patience = patience::configured(workspace)?;
    let provider = Provider::configured(workspace)?;
    check_account(&campaign, &provider.account)?;
    let machine = workspace.machine();
    let standing = store.standing(machine.as_ref())?;
    if let Some(astray) = astray(&standing) {
        workspace.ui.warn(&astray);
    }

    let now = workspace.clock.wall();
    let period = period(&campaign, &extent, now);
    let caller_ids = caller_ids(workspace, &policy, extent, !standing.is_at_home())?;
    let horizon = patience.horizon(policy.ring, policy.talk_limit);
    let mut desk = Desk {
        workspace,
        store,
        campaign,
        policy,
        patience,
        provider_account: provider.account.clone(),
    };
    let compared = conduct::runtime()?.block_on(async {
        let (mut stops, stopped_by) = conduct::listen_for_signals()?;
        tokio::select! {
            found = desk.compare(provider, account, &caller_ids, period, horizon) => found.map(Ok),
            Some(()) = stops.recv() => Ok(Err(stopped_by)),
        }
    })?;
    match compared {
        Ok(found) => desk.conclude(found, standing.of_an_astray()),
        Err(stopped_by) => {
            workspace
                .ui
                .note("stopped before the end: nothing was compared");
            Ok(stopped_by.get().copied().unwrap_or(Exit::Interrupted))
        }
    }
}

/// Returns the period: from the first call on, or from when there could have been one, as far back as the list goes.
fn period(campaign: &Campaign, extent: &Extent, now: Timestamp) -> Window {
    let first = extent.first_intent_at.unwrap_or(campaign.created_at);
    let from = earlier(first, clocks::MAY_DIFFER).max(earlier(now, LIST_GOES_BACK));
    Window {
        from: from.min(now),
        to: now,
    }
}

/// Returns the ExoPhones to ask for: those that were shown. A database that lacks calls may lack the latest one, and one
/// that has made none knows only what is configured.
fn caller_ids(
    workspace: &Workspace,
    policy: &Policy,
    extent: Extent,
    lacks_calls: bool,
) -> Result<Vec<PhoneNumber>, Failure> {
    let mut caller_ids = extent.caller_ids;
    if lacks_calls || caller_ids.is_empty() {
        for configured in provider::caller_ids(workspace, policy)? {
            if !caller_ids.contains(&configured) {
                caller_ids.push(configured);
            }
        }
    }
    Ok(caller_ids)
}

/// What an audit works with.
struct Desk<'a> {
    workspace: &'a Workspace,
    store: Store,
    campaign: Campaign,
    policy: Policy,
    patience: Patience,
    provider_account: String,
}

/// What an audit has found, and where it has looked.
struct Found {
    audit: Audit<AttemptId>,
    period: Window,
    is_complete: bool,
}

impl Desk<'_> {
    async fn compare(
        &mut self,
        provider: Provider,
        account: conduct::Account,
        caller_ids: &[PhoneNumber],
        period: Window,
        horizon: Duration,
    ) -> Result<Found, Failure> {
        let view = WaitView::new(self.workspace.ui);
        let mut watch = |progress: Progress| view.show(line(progress));
        let mut reader = Reader {
            store: &mut self.store,
            client: provider.client,
            clock: self.workspace.clock,
            account: provider.account,
            allowance: account.allowance(),
            watch: &mut watch,
            progress: Progress::default(),
        };
        let refused = |it| failure(&self.campaign, it);
        let windows = audit::walk(period, horizon);
        let shown = reader.scan(caller_ids, &windows).await;
        let shown = shown.map_err(refused).inspect_err(|_| view.finish())?;
        let reading = Reading {
            began_at: period.to,
            record_lag: self.patience.record_lag,
        };
        // After the list: what it shows was written down here before it ended.
        let ledger = reader.store.read(|tx| {
            let (id, account) = (self.campaign.id, &self.provider_account);
            audits::ledger(tx, id, account, period.from, &shown.calls, &self.patience)
        })?;
        let missing = audit::missing(&ledger, &shown.calls, reading);
        let sids = account.sids_per_look_up();
        let named = reader.by_name(&missing, &windows, sids).await;
        view.finish();
        let calls: Vec<ListedCall> = [shown.calls, named.map_err(refused)?].concat();
        Ok(Found {
            audit: audit::compare(&ledger, &calls, reading),
            period,
            is_complete: shown.is_complete,
        })
    }

    /// Writes down what was found, shows it, and returns the exit code that says so.
    fn conclude(&mut self, found: Found, standing: Option<String>) -> Result<Exit, Failure> {
        let Found {
            audit,
            period,
            is_complete,
        } = found;
        let now = self.workspace.clock.wall();
        let record = Record {
            at: now,
            by: self.workspace.owner().to_owned(),
            period,
            matched: audit.matched,
            only_ours: audit.only_ours.len() as u64,
            only_theirs: audit.only_theirs.len() as u64,
            different: audit.different.len() as u64,
            is_complete,
            standing,
        };
        let terms = Terms {
            policy: &self.policy,
            patience: &self.patience,
        };
        let id = self.campaign.id;
        let not_compared = self.store.write(|tx| {
            hand_on(tx, &audit, &terms, now)?;
            audits::record(tx, id, &record)?;
            audits::not_compared(tx, id, period.from)
        })?;
        let report = Report {
            campaign: &self.campaign.name,
            audit: &audit,
            period,
            is_complete,
            not_compared,
            record_lag: self.patience.record_lag,
        };
        report.show(self.workspace)?;
        Ok(if audit.is_clean() && is_complete {
            Exit::Done
        } else {
            Exit::Doubts
        })
    }
}

/// Hands on what others have to act on: calls that may be a doubt's, and what is told otherwise now.
fn hand_on(
    tx: &Tx<'_>,
    audit: &Audit<AttemptId>,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for stranger in &audit.only_theirs {
        let sid = &stranger.call.report.sid;
        for attempt in &stranger.claimants {
            if stranger.is_clear {
                candidates::note(tx, *attempt, sid, NamedBy::List, now)?;
            } else {
                candidates::keep(tx, *attempt, sid, now)?;
            }
        }
    }
    for different in &audit.different {
        let (attempt, report) = (different.attempt, &different.report);
        if different.what == What::Number {
            let theirs = mask_numbers(&different.theirs);
            let detail = format!("the call of this attempt rang {theirs} instead");
            incidents::record(tx, attempt, Kind::ForeignSid, &report.sid, &detail, now)?;
        } else if report
            .number
            .is_none_or(|number| number == different.number || different.number.is_forgotten())
        {
            // The attempt has ended and stays as it is; what is told of its call is kept, and is an incident if it is
            // another outcome.
            let seen = Evidence::Seen(report.clone());
            attempts::merge_evidence(tx, attempt, &seen, Source::LookUp, terms, now)?;
        }
    }
    Ok(())
}

fn line(progress: Progress) -> String {
    let waits = if progress.waits {
        " · waits for the account's allowance"
    } else {
        ""
    };
    format!(
        "reading the provider's list: {} calls, {} requests{waits}",
        progress.calls, progress.requests
    )
}

fn failure(campaign: &Campaign, failure: AuditFailure) -> Failure {
    match failure {
        AuditFailure::Store(error) => error.into(),
        AuditFailure::Provider(trouble) => {
            let refused_otherwise = match &trouble {
                Trouble::Refused { rejection, .. } => rejection.class.blame() != Blame::Account,
                Trouble::RepliesLost | Trouble::Unreachable(_) | Trouble::Clocks(_) => false,
            };
            let told = conclusion::trouble(campaign, &trouble);
            match trouble {
                Trouble::Refused { rejection, .. } if refused_otherwise => {
                    Failure::new(Exit::Provider, rejection.to_string())
                        .context("the provider refuses to show its list")
                        .hint("audit again later")
                }
                Trouble::Unreachable(_) => told
                    .hint("check the network and the region (EXOTEL_SUBDOMAIN), then audit again"),
                Trouble::Refused { .. } | Trouble::RepliesLost | Trouble::Clocks(_) => told,
            }
        }
    }
}
