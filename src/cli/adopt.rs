//! `adopt`: accepts a database that was put back from a backup or moved to this machine.
//!
//! What such a database does not know of, it would do again: people who were called after the copy was made are pending
//! in it. Only the provider's own list of calls can tell, so a person has to have looked, and to say so for the record.

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::workspace::{Workspace, astray, read};
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
    let unsure = store.read(binding::campaigns_to_audit)?;
    for name in &unsure {
        let name = if name.contains(' ') {
            format!("'{name}'")
        } else {
            name.clone()
        };
        workspace.ui.note(&format!(
            "people may have been called who are pending here: `exocamp audit {name}`"
        ));
    }
    let because = args.because.as_deref().map(str::trim).unwrap_or_default();
    if because.is_empty() {
        let message = "nobody has said why it is safe to go on with this database";
        return Err(Failure::new(Exit::Usage, message).hint(
            "audit its campaigns, then run `exocamp adopt --because 'TEXT'` with what you have found",
        ));
    }
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
