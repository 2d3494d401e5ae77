//! `adopt`: accepts a database that was put back from a backup or moved to this machine.
//!
//! What such a database does not know of, it would do again: people who were called after the copy was made are pending
//! in it. Only the provider's own list of calls can tell. So each campaign that may have called has to have been audited
//! since, late enough and without a difference, or a person says for the record why it is safe all the same.

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::patience;
use super::view::{clock_time, typed_name};
use super::workspace::{Workspace, astray, read};
use crate::store::audits;
use crate::store::binding::{self, Adoption, Behind, Standing};
use crate::store::lock::{self, LockError};
use crate::store::{Store, campaigns};
use crate::ui::Format;

pub(super) fn run(workspace: &Workspace, args: &args::Adopt) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let machine = workspace.machine();
    let standing = store.standing(machine.as_ref())?;
    let Some(astray) = astray(&standing) else {
        show(workspace, &AdoptionView::of(&standing, None))?;
        return Ok(Exit::Done);
    };
    refuse_while_running(workspace, &mut store)?;
    workspace.ui.warn(&astray);
    let unsure = unsure(workspace, &mut store, &standing)?;
    for reason in &unsure {
        workspace.ui.note(reason);
    }
    let said = args.because.as_deref().map(str::trim).unwrap_or_default();
    let because = match said {
        "" if unsure.is_empty() => "every campaign was audited, without a difference",
        "" => {
            let message = "nobody has said why it is safe to go on with this database";
            let can_ask = workspace.ui.is_interactive() && workspace.ui.is_watched();
            let yes = if can_ask { "" } else { " --yes" };
            return Err(Failure::new(Exit::Usage, message).hint(format!(
                "audit its campaigns; where that does not settle it, `exocamp adopt --because 'TEXT'{yes}` with what you have found"
            )));
        }
        said => said,
    };
    let question = "call with this database from this machine from now on?";
    if !args.yes && !workspace.ask(question)? {
        workspace.ui.note("nothing was adopted");
        return Ok(Exit::Stopped);
    }
    let adoption = Adoption {
        by: workspace.owner(),
        because,
    };
    store.adopt(machine.as_ref(), adoption, workspace.clock.wall())?;
    show(workspace, &AdoptionView::of(&standing, Some(because)))?;
    Ok(Exit::Done)
}

/// Returns why people may be called twice, campaign by campaign: what was not audited since the database stands like
/// this, was not found to be the same, or was audited before its latest calls must have been listed.
fn unsure(
    workspace: &Workspace,
    store: &mut Store,
    standing: &Standing,
) -> Result<Vec<String>, Failure> {
    let patience = patience::configured(workspace)?;
    let Some(stands) = standing.of_an_astray() else {
        return Ok(Vec::new());
    };
    let now = workspace.clock.wall();
    read(store, |tx| {
        let mut unsure = Vec::new();
        for name in binding::campaigns_to_audit(tx)? {
            let campaign = workspace.campaign(tx, &name)?;
            let policy = campaigns::policy(tx, campaign.id)?;
            let listed_after = patience.horizon(policy.ring, policy.talk_limit);
            let listed_at = standing
                .marked_at
                .and_then(|at| at.checked_add(listed_after).ok());
            let how = format!("`exocamp audit {}`", typed_name(&name));
            let reason = match audits::latest(tx, campaign.id, &stands)? {
                None => format!("people may have been called who are pending here: {how}"),
                Some(audit) if !audit.is_complete => {
                    format!("the provider's list could not be read whole: {how} again")
                }
                Some(audit) if audit.differences() > 0 => {
                    let differences = audit.differences();
                    format!(
                        "the audit of `{name}` has found differences ({differences}): {how} shows them"
                    )
                }
                Some(audit) if listed_at.is_some_and(|at| audit.period.to < at) => {
                    let at = clock_time(listed_at.unwrap_or(now), now);
                    format!(
                        "the provider's list may lack the latest calls until {at}: {how} after that"
                    )
                }
                Some(_) => continue,
            };
            unsure.push(reason);
        }
        Ok(unsure)
    })
}

/// Somebody may have put a file in the place of one that is in use.
fn refuse_while_running(workspace: &Workspace, store: &mut Store) -> Result<(), Failure> {
    for campaign in read(store, |tx| Ok(campaigns::all(tx)?))? {
        if let Some(holder) = lock::is_held(&workspace.database(), campaign.id) {
            return Err(Failure::from(LockError::Held(holder))
                .context(format!("campaign `{}` keeps the database", campaign.name)));
        }
    }
    Ok(())
}

/// What was adopted, for programs.
#[derive(Serialize, Debug)]
struct AdoptionView<'a> {
    adopted: bool,
    was_moved: bool,
    /// `null` where it is not behind, or where nobody can tell by how many.
    behind_events: Option<u64>,
    because: Option<&'a str>,
}

impl<'a> AdoptionView<'a> {
    fn of(standing: &Standing, because: Option<&'a str>) -> Self {
        Self {
            adopted: because.is_some(),
            was_moved: standing.is_moved,
            behind_events: match standing.behind {
                Some(Behind::Events(events)) => Some(events),
                Some(Behind::Adoption) | None => None,
            },
            because,
        }
    }
}

fn show(workspace: &Workspace, view: &AdoptionView<'_>) -> Result<(), Failure> {
    if workspace.ui.format == Format::Json {
        return Ok(workspace.ui.json(view)?);
    }
    let line = if view.adopted {
        "adopted: campaigns can be started again"
    } else {
        "nothing to adopt: the database is of this machine and not behind its mark"
    };
    Ok(workspace.ui.data(line)?)
}
