//! `schedule`: orders a start for a time to come, which `exocamp run` makes.

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::moment;
use super::view::{clock_time, shown_time, typed_name};
use super::workspace::Workspace;
use crate::domain::campaign::CampaignState;
use crate::store::schedules::{self, Outcome};
use crate::store::{campaigns, contacts};
use crate::ui::Format;

#[derive(Serialize, Debug)]
struct ScheduleView<'a> {
    campaign: &'a str,
    start_at: Option<String>,
    not_after: Option<String>,
}

pub(super) fn run(workspace: &Workspace, args: &args::Schedule) -> Result<Exit, Failure> {
    let now = workspace.clock.wall();
    let time = |typed: &Option<String>| {
        let typed = typed.as_deref();
        typed.map(|text| moment::parse(text, now)).transpose()
    };
    let (at, not_after) = (time(&args.at)?, time(&args.not_after)?);
    if let Some(at) = at.filter(|at| *at <= now) {
        let message = format!("{} is past", clock_time(at, now));
        return Err(Failure::new(Exit::Usage, message).hint("`exocamp start` starts it now"));
    }
    if at.zip(not_after).is_some_and(|(at, latest)| latest < at) {
        let message = "`--not-after` comes before `--at`";
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut store = workspace.open_store()?;
    let (name, opening) = store.write(|tx| -> Result<_, Failure> {
        let campaign = workspace.changed_campaign(tx, &args.campaign)?;
        let name = campaign.name;
        let counts = contacts::counts(tx, campaign.id)?;
        let is_over = campaign.state == CampaignState::Cancelled;
        match at {
            Some(_) if is_over || counts.pending == 0 => {
                let why = if is_over {
                    "is cancelled"
                } else {
                    "has nobody to call"
                };
                let message = format!("campaign `{name}` {why}");
                Err(Failure::new(Exit::Usage, message))
            }
            Some(at) => {
                let calendar = campaigns::policy(tx, campaign.id)?.calendar();
                let opening = calendar.next_opening(at).filter(|opening| *opening > at);
                if let (Some(opening), Some(latest)) = (opening, not_after)
                    && opening > latest
                {
                    let opening = clock_time(opening, now);
                    let message =
                        format!("the calling hours open at {opening}, after `--not-after`");
                    return Err(Failure::new(Exit::Usage, message).hint(
                        "order a start inside the hours, or change them with `exocamp set`",
                    ));
                }
                if campaign.state == CampaignState::Paused {
                    let name = typed_name(&name);
                    workspace.ui.note(&format!(
                        "the campaign is paused, and is not started before `exocamp resume {name}`"
                    ));
                }
                schedules::make(tx, campaign.id, at, not_after, workspace.owner(), now)?;
                Ok((name, opening))
            }
            None => {
                let was_to_come = schedules::end(tx, campaign.id, Outcome::Replaced, now)?;
                if !was_to_come && !schedules::get_over_missed(tx, campaign.id)? {
                    let message = format!("campaign `{name}` has no schedule");
                    return Err(Failure::new(Exit::Usage, message));
                }
                Ok((name, None))
            }
        }
    })?;
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&ScheduleView {
            campaign: &name,
            start_at: at.map(shown_time),
            not_after: not_after.map(shown_time),
        })?;
        return Ok(Exit::Done);
    }
    let said = match at {
        None => format!("`{name}` has no schedule any more"),
        Some(at) => {
            let latest = not_after.map(|at| format!(", and not after {}", clock_time(at, now)));
            let (at, latest) = (clock_time(at, now), latest.unwrap_or_default());
            format!("`exocamp run` starts `{name}` at {at}{latest}")
        }
    };
    workspace.ui.data(&format!("{said}\n"))?;
    if let Some(opening) = opening {
        let opening = clock_time(opening, now);
        workspace
            .ui
            .note(&format!("the calling hours open at {opening}"));
    }
    Ok(Exit::Done)
}
