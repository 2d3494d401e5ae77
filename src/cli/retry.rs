//! `retry`: offers finished contacts again, as a decision with a record. Calls nobody by itself.

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::list;
use super::steer::{hand, say};
use super::view::{counted, shown_time, typed_name};
use super::workspace::{Workspace, read};
use crate::domain::call::Outcome;
use crate::domain::campaign::CampaignState;
use crate::domain::retry::Reason;
use crate::store::campaigns::{self, Campaign};
use crate::store::offers::{self, Filter, Finished, Fitting, Reached};
use crate::store::steering::{self, Hand};
use crate::store::{Tx, lock};
use crate::ui::Format;

/// What was decided, for programs.
#[derive(Serialize, Debug)]
struct RetryView<'a> {
    campaign: &'a str,
    status: &'static str,
    offered: u64,
    do_not_call: u64,
    outcomes: Vec<&'static str>,
    reasons: Vec<&'static str>,
    by: &'a str,
    at: String,
    because: Option<&'a str>,
}

pub(super) fn run(workspace: &Workspace, args: &args::Retry) -> Result<Exit, Failure> {
    let filter = filter(args)?;
    let mut store = workspace.open_store()?;
    let (campaign, fitting) = read(&mut store, |tx| {
        find(workspace, tx, &args.campaign, &filter)
    })?;
    if fitting.free > 1 && !args.yes && workspace.ui.is_interactive() {
        let people = counted(fitting.free, "contact");
        if !workspace.ask(&format!("offer {people} of `{}` again?", campaign.name))? {
            workspace.ui.note("nothing was changed");
            return Ok(Exit::Stopped);
        }
    }
    let hand = hand(workspace, args.because.as_deref());
    let offered = store.write(|tx| -> Result<_, Failure> {
        // It may have been cancelled while the question stood.
        let (campaign, _) = find(workspace, tx, &args.campaign, &filter)?;
        Ok(steering::retry(tx, campaign.id, &filter, &hand)?)
    })?;
    let now = store.read(|tx| campaigns::get(tx, campaign.id))?;
    show(workspace, &now, &filter, fitting, offered, &hand)?;
    if lock::is_held(&workspace.database(), now.id).is_none() {
        let name = typed_name(&now.name);
        workspace
            .ui
            .hint(&format!("nobody runs it: `exocamp start {name}`"));
    }
    Ok(Exit::Done)
}

fn show(
    workspace: &Workspace,
    campaign: &Campaign,
    filter: &Filter,
    fitting: Fitting,
    offered: u64,
    hand: &Hand<'_>,
) -> Result<(), Failure> {
    if workspace.ui.format == Format::Json {
        return Ok(workspace.ui.json(&RetryView {
            campaign: &campaign.name,
            status: list::status(workspace, campaign),
            offered,
            do_not_call: fitting.do_not_call,
            outcomes: filter.outcomes.iter().map(|o| o.as_str()).collect(),
            reasons: filter.reasons.iter().map(|r| r.as_str()).collect(),
            by: hand.by,
            at: shown_time(hand.at),
            because: hand.because,
        })?);
    }
    let left_out = match fitting.do_not_call {
        0 => String::new(),
        barred => format!("; {barred} on the do-not-call list stay as they are"),
    };
    let (people, name) = (counted(offered, "contact"), &campaign.name);
    say(
        workspace,
        &format!("{people} of `{name}` will be called again{left_out}"),
    )
}

fn filter(args: &args::Retry) -> Result<Filter, Failure> {
    let reached = match args.because {
        Some(_) => Reached::AreCalledAgain,
        None => Reached::StayDone,
    };
    let names_reached =
        args.outcome.contains(&Outcome::Completed) || args.reason.contains(&Reason::PresumedPlaced);
    if reached == Reached::StayDone && names_reached {
        let message = "people who were reached are called again only for a reason";
        return Err(
            Failure::new(Exit::Usage, message).hint("say it with `--because TEXT`; it is kept")
        );
    }
    Ok(Filter {
        outcomes: args.outcome.clone(),
        reasons: args.reason.clone(),
        reached,
    })
}

/// Returns a campaign in which somebody fits.
fn find(
    workspace: &Workspace,
    tx: &Tx<'_>,
    name: &str,
    filter: &Filter,
) -> Result<(Campaign, Fitting), Failure> {
    let campaign = workspace.changed_campaign(tx, name)?;
    if campaign.state == CampaignState::Cancelled {
        let message = format!("campaign `{}` was cancelled", campaign.name);
        return Err(Failure::new(Exit::Usage, message)
            .hint("import its list into another with `exocamp import FILE --campaign NAME`"));
    }
    let fitting = offers::count(tx, campaign.id, filter)?;
    if fitting.free == 0 {
        return Err(nobody_fits(tx, &campaign, filter, fitting)?);
    }
    Ok((campaign, fitting))
}

/// Returns the failure that nobody fits, with what there is.
fn nobody_fits(
    tx: &Tx<'_>,
    campaign: &Campaign,
    filter: &Filter,
    fitting: Fitting,
) -> Result<Failure, Failure> {
    let name = &campaign.name;
    let finished = offers::finished(tx, campaign.id)?;
    let there_is: Vec<_> = finished.iter().map(in_words).collect();
    let message = match fitting.do_not_call {
        0 => format!("no finished contact of `{name}` fits `{filter}`"),
        barred => {
            let people = counted(barred, "finished contact");
            format!("{people} of `{name}` fit, and all are on the do-not-call list")
        }
    };
    let hint = if there_is.is_empty() {
        format!("no contact of `{name}` is finished")
    } else {
        format!("finished are: {}", there_is.join(", "))
    };
    Ok(Failure::new(Exit::Usage, message).hint(hint))
}

fn in_words(finished: &Finished) -> String {
    let Finished {
        state,
        outcome,
        reason,
        contacts,
    } = finished;
    let what = match (outcome, reason) {
        (Some(outcome), None) => outcome.as_str(),
        (_, Some(reason)) => reason,
        (None, None) => state.as_str(),
    };
    format!("{contacts} {what}")
}
