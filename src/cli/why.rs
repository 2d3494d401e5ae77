//! `why`: one person's whole story, over all campaigns of the database.

mod told;
mod view;

use super::args;
use super::failure::{Exit, Failure};
use super::status::parse_number;
use super::workspace::Workspace;
use crate::store::story;
use crate::ui::Format;

pub(super) fn run(workspace: &Workspace, args: &args::Why) -> Result<Exit, Failure> {
    let number = parse_number(&args.number)?;
    let mut store = workspace.open_store_to_read()?;
    let story = store.read(|tx| story::of_number(tx, number))?;
    if story.chapters.is_empty() {
        let message = format!("no campaign has the number {}", number.masked());
        return Err(Failure::new(Exit::Usage, message).hint(
            "`exocamp list` shows the campaigns; `exocamp import FILE` names the rows it refuses",
        ));
    }
    let now = workspace.clock.wall();
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
