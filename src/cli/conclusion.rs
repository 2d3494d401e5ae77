//! How a run ended, for people, programs and the shell.

use std::time::Duration;

use super::failure::{Exit, Failure};
use super::status::facts;
use super::view::{StatusView, SummaryView, counted, shown_caller_id, took, typed_name};
use super::workspace::Workspace;
use crate::dialer::Summary;
use crate::dialer::event::{Ending, Trouble};
use crate::domain::campaign::show_length;
use crate::domain::cost;
use crate::domain::ending::StoppedBecause;
use crate::domain::rejection::{Rejection, RejectionClass};
use crate::store::campaigns::{self, Campaign};
use crate::store::reports::Progress;
use crate::store::{Store, evidence, reports};
use crate::ui::{Format, table};

/// Returns how a run ended, for programs.
pub(super) fn view(
    store: &mut Store,
    campaign: &Campaign,
    summary: &Summary,
) -> Result<SummaryView, Failure> {
    let progress = store.read(|tx| reports::progress(tx, campaign.id))?;
    let status = progress.campaign.state.as_str();
    Ok(SummaryView::new(
        StatusView::new(&progress, status),
        summary,
    ))
}

/// Shows how a run ended and why, in the words of `explain`, and returns the exit code that says so.
pub(super) fn conclude(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    summary: &Summary,
    stopped_by: Option<Exit>,
    explain: fn(StoppedBecause) -> &'static str,
) -> Result<Exit, Failure> {
    let progress = store.read(|tx| reports::progress(tx, campaign.id))?;
    // The lock is still ours here, so the state as written is the truth.
    let status = progress.campaign.state.as_str();
    if let Some(caution) = &summary.ending.caution {
        workspace.ui.warn(&caution.to_string());
    }
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
        if let Some(stop) = stop_to_mend(&progress, summary.ending.because) {
            workspace.ui.warn(&stop);
        }
    } else {
        let mut lines = facts(workspace, &progress, status);
        let limited = summary
            .ending
            .limited_by
            .map(|limit| format!("; limited by {}", limit.as_str()));
        lines.push((
            "stopped",
            format!(
                "{}{}",
                explain(summary.ending.because),
                limited.unwrap_or_default()
            ),
        ));
        let (calls, requests) = (summary.calls_placed, summary.requests);
        lines.push((
            "calls",
            format!(
                "{calls} in {}, {}",
                took(summary.elapsed),
                counted(requests, "request")
            ),
        ));
        workspace.ui.data(&table::facts(&lines))?;
        if summary.ending.because == StoppedBecause::Canary {
            let name = typed_name(&campaign.name);
            workspace.ui.hint(&format!(
                "`exocamp status {name}` shows what came of the calls; the next start tries another canary"
            ));
        }
        if summary.ending.because == StoppedBecause::Budget {
            let name = typed_name(&campaign.name);
            let policy = store.read(|tx| campaigns::policy(tx, campaign.id))?;
            let worst = cost::worst_case(policy.tariff, policy.talk_limit);
            workspace.ui.hint(&format!(
                "a call may cost {worst} at the talk limit of {}: `exocamp set {name} budget=AMOUNT` permits more, a \
                 shorter talk-limit reserves less; then start again",
                show_length(policy.talk_limit)
            ));
        }
        if summary.ending.because == StoppedBecause::OnlyDoubts {
            let name = typed_name(&campaign.name);
            let doubts = store.read(|tx| evidence::count_waiting(tx, campaign.id))?;
            workspace.ui.hint(&match (doubts, progress.counts.held) {
                // They are other campaigns', and people of this one wait for them.
                (0, 0) => "`exocamp doubts list` shows what is known of them".to_owned(),
                // Placed for certain, and nobody saw the end.
                (0, _) => format!("`exocamp status {name} --state held` shows them"),
                _ => format!(
                    "`exocamp doubts list {name}` shows what is known of them, and what to do"
                ),
            });
        }
    }
    exit_of(campaign, summary, stopped_by)
}

/// Returns what a person has to mend before anybody else is called, if that is why a run has stopped.
fn stop_to_mend(progress: &Progress, because: StoppedBecause) -> Option<String> {
    let name = &progress.campaign.name;
    match (because, &progress.campaign.paused_by) {
        (StoppedBecause::Canary | StoppedBecause::Paused, Some(by)) => {
            by.why().map(|why| format!("`{name}` is paused: {why}"))
        }
        (StoppedBecause::Budget, _) => {
            let budget = progress.budget.unwrap_or_default();
            Some(format!(
                "`{name}` has stopped: its budget of {budget} bears no further call"
            ))
        }
        _ => None,
    }
}

/// Returns the exit code that says how a run ended, or the failure that names the provider's trouble.
pub(super) fn exit_of(
    campaign: &Campaign,
    summary: &Summary,
    stopped_by: Option<Exit>,
) -> Result<Exit, Failure> {
    if matches!(
        summary.ending.because,
        StoppedBecause::Provider | StoppedBecause::Breaker
    ) && let Some(found) = &summary.ending.trouble
    {
        return Err(trouble(campaign, found));
    }
    Ok(match summary.ending.because {
        StoppedBecause::Finished => Exit::Done,
        StoppedBecause::OnlyDoubts => Exit::Doubts,
        StoppedBecause::Signal => stopped_by.unwrap_or(Exit::Interrupted),
        StoppedBecause::Provider | StoppedBecause::Breaker => Exit::Provider,
        StoppedBecause::Hours
        | StoppedBecause::Paused
        | StoppedBecause::Cancelled
        | StoppedBecause::Until
        | StoppedBecause::MaxRuntime
        | StoppedBecause::MaxCalls
        | StoppedBecause::NothingDue
        | StoppedBecause::Canary
        | StoppedBecause::Budget => Exit::Stopped,
    })
}

/// Returns the summary of a run that had nothing to do.
pub(super) fn nothing_done(because: StoppedBecause) -> Summary {
    let ending = Ending {
        because,
        trouble: None,
        limited_by: None,
        caution: None,
    };
    Summary {
        ending,
        calls_placed: 0,
        requests: 0,
        elapsed: Duration::ZERO,
    }
}

/// Returns why a run ended, in the words of somebody who wanted to call.
pub(super) fn explain(because: StoppedBecause) -> &'static str {
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
        StoppedBecause::Canary => "the canary did not pass",
        StoppedBecause::Budget => "the budget bears no further call",
        StoppedBecause::Provider => "the provider refuses or cannot be reached",
        StoppedBecause::Breaker => "one reply after another was lost",
        StoppedBecause::Signal => "a signal",
    }
}

/// Exotel gives its code 35008 for an overload, and for one broken caller id (logged replies).
fn may_be_the_caller_id(rejection: &Rejection) -> bool {
    rejection.class == RejectionClass::CallerId || rejection.code.as_deref() == Some("35008")
}

const CREDENTIALS_HINT: &str = "any of these may be wrong: the key (EXOTEL_AUTH_KEY), the token (EXOTEL_AUTH_TOKEN), \
    the account (EXOTEL_ACCOUNT_SID), the region (EXOTEL_SUBDOMAIN: api.exotel.com or api.in.exotel.com)";

/// Returns the failure that names the provider's trouble and its remedy.
pub(super) fn trouble(campaign: &Campaign, found: &Trouble) -> Failure {
    match found {
        Trouble::Refused { rejection, caller_id } => {
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
            let failure = Failure::new(Exit::Provider, rejection.to_string()).context(message);
            match caller_id {
                Some(caller_id) if may_be_the_caller_id(rejection) => failure.hint(format!(
                    "check the caller id {} in the Exotel dashboard: one that is broken or not this account's is refused like this",
                    shown_caller_id(*caller_id)
                )),
                _ => failure.hint(hint),
            }
        }
        Trouble::RepliesLost => Failure::new(Exit::Provider, "trying a call now and then has failed for ten minutes")
            .context("the replies to calls get lost")
            .hint(format!("look for the calls with `exocamp settle {}`; the next start tries again", typed_name(&campaign.name))),
        Trouble::Unreachable(why) => Failure::new(Exit::Provider, why.clone())
            .context("the provider cannot be reached")
            .hint("check the network and the region (EXOTEL_SUBDOMAIN); starting again goes on where this stopped"),
        Trouble::Clocks(apart) => {
            let (by, way) = (apart.unsigned_abs(), if *apart > 0 { "ahead of" } else { "behind" });
            Failure::new(Exit::Provider, format!("this machine's clock is {by} s {way} the provider's"))
                .context("calling hours cannot be kept")
                .hint("set this machine's clock, for example with `timedatectl set-ntp true`")
        }
    }
}
