//! `why`: one person's whole story, over all campaigns of the database.

mod told;
mod view;

use super::args;
use super::failure::{Exit, Failure};
use super::status::parse_number;
use super::view::next_attempt;
use super::workspace::Workspace;
use crate::domain::contact::ContactState;
use crate::store::forget::{Forgotten, Recogniser};
use crate::store::{campaigns, story};
use crate::ui::Format;

pub(super) fn run(workspace: &Workspace, args: &args::Why) -> Result<Exit, Failure> {
    let number = parse_number(&args.number)?;
    let now = workspace.clock.wall();
    let mut store = workspace.open_store_to_read()?;
    let (story, forgotten) = store.read(|tx| {
        let mut story = story::of_number(tx, number)?;
        for chapter in &mut story.chapters {
            if chapter.state == ContactState::Pending {
                let calendar = campaigns::policy(tx, chapter.campaign.id)?.calendar();
                chapter.next_attempt_at = next_attempt(chapter.next_attempt_at, &calendar, now);
            }
        }
        let forgotten = match story.chapters.is_empty() {
            true => Recogniser::open(tx, &workspace.database())?.find(tx, number)?,
            false => None,
        };
        Ok((story, forgotten))
    })?;
    if let Some(forgotten) = forgotten {
        return tell_forgotten(workspace, &forgotten);
    }
    if story.chapters.is_empty() {
        let message = format!("no campaign has the number {}", number.masked());
        return Err(Failure::new(Exit::Usage, message).hint(
            "`exocamp list` shows the campaigns; `exocamp import FILE` names the rows it refuses",
        ));
    }
    match workspace.ui.format {
        Format::Json => workspace.ui.json(&view::StoryView::new(&story, now))?,
        Format::Table | Format::Csv => {
            if workspace.ui.sandbox {
                workspace.ui.data("SANDBOX")?;
            }
            workspace.ui.data(&told::story(&story, now))?;
        }
    }
    Ok(Exit::Done)
}

/// All there is to say of who was forgotten.
fn tell_forgotten(workspace: &Workspace, forgotten: &Forgotten) -> Result<Exit, Failure> {
    let ui = &workspace.ui;
    if ui.format == Format::Json {
        ui.json(&view::ForgottenView::from(forgotten))?;
        return Ok(Exit::Done);
    }
    if ui.sandbox {
        ui.data("SANDBOX")?;
    }
    ui.data(&told::forgotten(forgotten, workspace.clock.wall()))?;
    Ok(Exit::Done)
}
