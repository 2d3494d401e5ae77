//! Calls that were leaving at the moment at which their people were put on the list.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::failure::Failure;
use crate::cli::steer::WAITS_FOR_CALLS;
use crate::cli::view::counted;
use crate::cli::workspace::Workspace;
use crate::domain::phone::PhoneNumber;
use crate::store::{Store, lock, permission};

/// Waits until no call to these people, who are on the list by now, is about to leave, so that none begins once the
/// command has returned; returns how many are not answered by then.
///
/// A call that has not left by now finds its permission withdrawn; only a run that is alive has such calls. However many
/// people it is, they are waited for together.
pub(in crate::cli) fn wait_for_calls(
    workspace: &Workspace,
    store: &mut Store,
    numbers: &BTreeSet<PhoneNumber>,
) -> Result<usize, Failure> {
    let until = workspace.clock.since_boot() + WAITS_FOR_CALLS;
    loop {
        let mut open = store.read(permission::unanswered_to_listed)?;
        open.retain(|(campaign, number)| {
            numbers.contains(number) && lock::is_held(&workspace.database(), *campaign).is_some()
        });
        if open.is_empty() || workspace.clock.since_boot() >= until {
            return Ok(open.len());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says, as `pause` does, that calls had left already: their people may be rung once more.
pub(in crate::cli) fn say_what_was_under_way(workspace: &Workspace, open_posts: usize) {
    if open_posts > 0 {
        let calls = counted(open_posts as u64, "call");
        let were = if open_posts == 1 { "was" } else { "were" };
        workspace
            .ui
            .note(&format!("{calls} {were} under way already"));
    }
}
