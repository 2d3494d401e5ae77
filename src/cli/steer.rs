//! `pause`, `resume`, `cancel`: a hand on the tiller of a campaign, whichever process runs it.

use std::time::Duration;

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::list;
use super::view::{counted, shown_time, typed_name};
use super::workspace::{Workspace, read};
use crate::domain::campaign::CampaignState;
use crate::store::campaigns::{self, Campaign, CampaignId, PausedBy};
use crate::store::steering::{self, Hand};
use crate::store::{Store, Tx, contacts, lock, permission, runs};
use crate::ui::Format;

/// So long is waited for calls that were leaving at that moment. Those that have not left by then find their permission
/// withdrawn; the whole takes less than a second.
pub(super) const WAITS_FOR_CALLS: Duration = Duration::from_millis(900);

/// What somebody did, for programs.
#[derive(Serialize, Debug)]
struct SteeredView<'a> {
    campaign: &'a str,
    status: &'static str,
    status_before: &'static str,
    changed: bool,
    /// Contacts that are not called any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u64>,
    /// Calls that were under way, and whose replies have not come yet.
    open_posts: u64,
    by: &'a str,
    at: String,
    because: Option<&'a str>,
}

/// What came of it.
struct Steered {
    before: Campaign,
    /// As it was shown then: a run that held it may have left since.
    status_before: &'static str,
    changed: bool,
    skipped: Option<u64>,
}

impl Steered {
    fn nothing(workspace: &Workspace, before: Campaign) -> Self {
        Self {
            status_before: list::status(workspace, &before),
            before,
            changed: false,
            skipped: None,
        }
    }

    fn changed(workspace: &Workspace, before: Campaign) -> Self {
        Self {
            changed: true,
            ..Self::nothing(workspace, before)
        }
    }
}

pub(super) fn pause(workspace: &Workspace, args: &args::Steer) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let hand = hand(workspace, args.because.as_deref());
    let done = store.write(|tx| -> Result<_, Failure> {
        let campaign = steerable(workspace, tx, &args.campaign, "pause")?;
        if campaign.paused_by == Some(PausedBy::Person) {
            return Ok(Steered::nothing(workspace, campaign));
        }
        steering::pause(tx, campaign.id, &hand)?;
        Ok(Steered::changed(workspace, campaign))
    })?;
    let open_posts = wait_for_calls(workspace, &mut store, done.before.id)?;
    let name = &done.before.name;
    let line = match done.changed {
        true => format!("`{name}` is paused until `resume`"),
        false => format!("`{name}` was paused already"),
    };
    show(workspace, &mut store, &done, &hand, open_posts, &line)?;
    let counts = store.read(|tx| contacts::counts(tx, done.before.id))?;
    hint_at_open_calls(workspace, &done.before, counts.initiated);
    Ok(Exit::Done)
}

pub(super) fn resume(workspace: &Workspace, args: &args::Steer) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let hand = hand(workspace, args.because.as_deref());
    let (done, runs_on) = store.write(|tx| -> Result<_, Failure> {
        let campaign = steerable(workspace, tx, &args.campaign, "resume")?;
        // A run writes down its end in a transaction, and holds its lock for a moment longer.
        let runs_on =
            is_run_by_somebody(workspace, &campaign) && runs::is_under_way(tx, campaign.id)?;
        if campaign.state != CampaignState::Paused {
            return Ok((Steered::nothing(workspace, campaign), runs_on));
        }
        let state = match runs_on {
            true => CampaignState::Running,
            false => CampaignState::Stopped,
        };
        steering::resume(tx, campaign.id, state, &hand)?;
        Ok((Steered::changed(workspace, campaign), runs_on))
    })?;
    let name = &done.before.name;
    let line = match (done.changed, runs_on) {
        (true, true) => format!("`{name}` goes on"),
        (true, false) => format!("`{name}` is paused no more"),
        (false, _) => format!("`{name}` was not paused"),
    };
    show(workspace, &mut store, &done, &hand, 0, &line)?;
    if !runs_on {
        let name = typed_name(name);
        workspace
            .ui
            .hint(&format!("nobody runs it: `exocamp start {name}`"));
    }
    Ok(Exit::Done)
}

pub(super) fn cancel(workspace: &Workspace, args: &args::Cancel) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let (campaign, counts) = read(&mut store, |tx| {
        let campaign = workspace.changed_campaign(tx, &args.campaign)?;
        let counts = contacts::counts(tx, campaign.id)?;
        Ok((campaign, counts))
    })?;
    let is_cancelled = campaign.state == CampaignState::Cancelled;
    if !is_cancelled && !args.yes && workspace.ui.is_interactive() {
        let people = counted(counts.pending, "contact");
        let question = format!("cancel `{}` for good, with {people} left?", campaign.name);
        if !workspace.ask(&question)? {
            workspace.ui.note("nothing was changed");
            return Ok(Exit::Stopped);
        }
    }
    let hand = hand(workspace, args.because.as_deref());
    let done = store.write(|tx| -> Result<_, Failure> {
        let campaign = workspace.changed_campaign(tx, &args.campaign)?;
        match campaign.state {
            CampaignState::Cancelled => return Ok(Steered::nothing(workspace, campaign)),
            CampaignState::Completed => return Err(nothing_to(&campaign, "cancel")),
            CampaignState::Stopped | CampaignState::Running | CampaignState::Paused => {}
        }
        let skipped = steering::cancel(tx, campaign.id, &hand)?;
        Ok(Steered {
            skipped: Some(skipped),
            ..Steered::changed(workspace, campaign)
        })
    })?;
    let open_posts = wait_for_calls(workspace, &mut store, done.before.id)?;
    let name = &done.before.name;
    let line = match done.skipped {
        Some(skipped) => format!(
            "`{name}` is cancelled: {} will not be called",
            counted(skipped, "contact")
        ),
        None => format!("`{name}` was cancelled already"),
    };
    show(workspace, &mut store, &done, &hand, open_posts, &line)?;
    let counts = store.read(|tx| contacts::counts(tx, done.before.id))?;
    hint_at_open_calls(workspace, &done.before, counts.initiated);
    if counts.held > 0 {
        let (held, name) = (counted(counts.held, "contact"), typed_name(name));
        workspace.ui.hint(&format!(
            "{held} may or may not have been called: `exocamp doubts list {name}`"
        ));
    }
    Ok(Exit::Done)
}

/// Returns whose hand this is.
pub(super) fn hand<'a>(workspace: &'a Workspace, because: Option<&'a str>) -> Hand<'a> {
    Hand {
        by: workspace.owner(),
        because,
        at: workspace.clock.wall(),
    }
}

/// Returns a campaign that is not over.
fn steerable(
    workspace: &Workspace,
    tx: &Tx<'_>,
    name: &str,
    what: &str,
) -> Result<Campaign, Failure> {
    let campaign = workspace.changed_campaign(tx, name)?;
    match campaign.state {
        CampaignState::Completed | CampaignState::Cancelled => Err(nothing_to(&campaign, what)),
        CampaignState::Stopped | CampaignState::Running | CampaignState::Paused => Ok(campaign),
    }
}

fn nothing_to(campaign: &Campaign, what: &str) -> Failure {
    let (name, state) = (&campaign.name, campaign.state.as_str());
    Failure::new(
        Exit::Usage,
        format!("campaign `{name}` is {state}: there is nothing to {what}"),
    )
}

fn is_run_by_somebody(workspace: &Workspace, campaign: &Campaign) -> bool {
    lock::is_held(&workspace.database(), campaign.id).is_some()
}

/// Waits until no call of the campaign is about to leave, so that none begins once this command has returned; returns how
/// many are not answered by then.
///
/// Only a run that is alive has such calls: what a dead one left behind is a doubt for the next.
fn wait_for_calls(
    workspace: &Workspace,
    store: &mut Store,
    campaign: CampaignId,
) -> Result<u64, Failure> {
    let until = workspace.clock.since_boot() + WAITS_FOR_CALLS;
    loop {
        let (open, is_under_way) = store.read(|tx| {
            Ok((
                permission::unanswered(tx, campaign)?,
                runs::is_under_way(tx, campaign)?,
            ))
        })?;
        let may_leave = is_under_way && lock::is_held(&workspace.database(), campaign).is_some();
        if open == 0 || !may_leave || workspace.clock.since_boot() >= until {
            return Ok(open);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Live calls are followed by the run; where there is none, somebody has to ask.
fn hint_at_open_calls(workspace: &Workspace, campaign: &Campaign, open: u64) {
    if open == 0 || is_run_by_somebody(workspace, campaign) {
        return;
    }
    let (calls, name) = (counted(open, "call"), typed_name(&campaign.name));
    workspace.ui.hint(&format!(
        "{calls} may be live: `exocamp settle {name}` asks what became of them"
    ));
}

fn show(
    workspace: &Workspace,
    store: &mut Store,
    done: &Steered,
    hand: &Hand<'_>,
    open_posts: u64,
    line: &str,
) -> Result<(), Failure> {
    let now = store.read(|tx| campaigns::get(tx, done.before.id))?;
    if workspace.ui.format == Format::Json {
        return Ok(workspace.ui.json(&SteeredView {
            campaign: &now.name,
            status: list::status(workspace, &now),
            status_before: done.status_before,
            changed: done.changed,
            skipped: done.skipped,
            open_posts,
            by: hand.by,
            at: shown_time(hand.at),
            because: hand.because,
        })?);
    }
    let under_way = match open_posts {
        0 => String::new(),
        1 => "; 1 call was under way".to_owned(),
        open => format!("; {open} calls were under way"),
    };
    say(workspace, &format!("{line}{under_way}"))
}

/// Says in one line what was done.
pub(super) fn say(workspace: &Workspace, line: &str) -> Result<(), Failure> {
    if workspace.ui.quiet {
        return Ok(());
    }
    let place = if workspace.ui.sandbox {
        "SANDBOX: "
    } else {
        ""
    };
    Ok(workspace.ui.data(&format!("{place}{line}"))?)
}
