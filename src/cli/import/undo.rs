//! `import undo`: takes the last import back, if nobody of it was called.

use serde::Serialize;

use crate::cli::args;
use crate::cli::failure::{Exit, Failure};
use crate::cli::status::shown_name;
use crate::cli::view::{clock_time, counted, shown_time, typed_name};
use crate::cli::workspace::{Workspace, read};
use crate::domain::campaign::CampaignState;
use crate::store::Tx;
use crate::store::campaigns::{self, Campaign};
use crate::store::imports::{self, Import, Of};
use crate::ui::{Format, harmless};

/// What was taken back, for programs.
#[derive(Serialize, Debug)]
struct UndoneView {
    campaign: String,
    files: Vec<String>,
    imported_at: String,
    contacts: u64,
}

pub(super) fn run(workspace: &Workspace, args: &args::ImportUndo) -> Result<Exit, Failure> {
    let mut store = workspace.open_store()?;
    let campaign = args.campaign.as_deref();
    let (asked, import) = read(&mut store, |tx| last(workspace, tx, campaign))?;
    let now = workspace.clock.wall();
    let question = format!(
        "take back {} from {} into campaign {}, imported {}?",
        counted(import.contacts, "contact"),
        files(&import),
        typed_name(&asked.name),
        clock_time(import.at, now)
    );
    if !args.yes && !workspace.ask(&question)? {
        workspace.ui.note("nothing was taken back");
        return Ok(Exit::Stopped);
    }
    store.prepare_for_list()?;
    store.write(|tx| -> Result<_, Failure> {
        // Somebody may have imported or called meanwhile.
        if last(workspace, tx, campaign)?.1 != import {
            let message = "another import has come in meanwhile";
            return Err(Failure::new(Exit::Usage, message).hint("run the same command again"));
        }
        refuse_dialled(tx, &asked, &import)?;
        Ok(imports::undo(tx, &import, workspace.owner(), now)?)
    })?;
    let view = UndoneView {
        campaign: asked.name,
        files: import.files.clone(),
        imported_at: shown_time(import.at),
        contacts: import.contacts,
    };
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&view)?;
    } else if !workspace.ui.quiet {
        let name = shown_name(workspace, &view.campaign);
        workspace.ui.data(&format!(
            "{} from {} taken out of `{name}`",
            counted(view.contacts, "contact"),
            files(&import)
        ))?;
    }
    Ok(Exit::Done)
}

/// Returns the last import, and the campaign it was for.
fn last(
    workspace: &Workspace,
    tx: &Tx<'_>,
    campaign: Option<&str>,
) -> Result<(Campaign, Import), Failure> {
    let found = match campaign {
        Some(name) => imports::last(tx, Of::Campaign(workspace.campaign(tx, name)?.id))?,
        None => imports::last(tx, Of::Owner(workspace.owner()))?,
    };
    let import = found.ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no import to take back")
            .hint("`exocamp list` shows the campaigns; each has its own: `--campaign NAME`")
    })?;
    let campaign = campaigns::get(tx, import.campaign)?;
    workspace.check_may_change(&campaign)?;
    Ok((campaign, import))
}

fn refuse_dialled(tx: &Tx<'_>, campaign: &Campaign, import: &Import) -> Result<(), Failure> {
    let dialled = imports::dialled(tx, import)?;
    if dialled == 0 {
        return Ok(());
    }
    let name = typed_name(&campaign.name);
    let contacts = counted(import.contacts, "contact");
    let message = format!("of its {contacts}, {dialled} already had a call");
    let failure = Failure::new(Exit::Usage, message).context("nothing was taken back");
    Err(match campaign.state {
        CampaignState::Cancelled => failure,
        _ => failure.hint(format!("`exocamp cancel {name}` calls nobody else of it")),
    })
}

fn files(import: &Import) -> String {
    let files = import
        .files
        .iter()
        .map(|file| format!("`{}`", harmless(file)));
    files.collect::<Vec<_>>().join(", ")
}
