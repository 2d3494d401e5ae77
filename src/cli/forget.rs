//! `forget`: erases a person, and keeps them from being called again.
//!
//! What cannot be erased yet, because a call to them has to be cleared up, is masked at once and erased by the end of a
//! run, by `settle`, or by `forget` again. The sandbox's copy beside the database is erased with it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::args;
use super::dnd;
use super::failure::{Exit, Failure};
use super::status::parse_number;
use super::view::{clock_time, counted, shown_time, typed_name};
use super::workspace::Workspace;
use crate::store::Store;
use crate::store::forget::{self, Forgotten, Found, Outcome, Purged, Traces};
use crate::ui::{Format, harmless};

pub(super) fn run(workspace: &Workspace, args: &args::Forget) -> Result<Exit, Failure> {
    let number = parse_number(&args.number)?;
    let mut store = workspace.open_store()?;

    let question = format!("erase {number} and never call them again? this cannot be undone");
    if !args.yes && !workspace.ask(&question)? {
        workspace.ui.note("nothing was erased");
        return Ok(Exit::Stopped);
    }
    let now = workspace.clock.wall();
    let by = workspace.owner();
    store.overwrite_what_is_deleted()?;
    let database = workspace.database();
    let outcome = store.write(|tx| forget::forget(tx, &database, number, by, now))?;
    let open_posts = dnd::wait_for_calls(workspace, &mut store, &BTreeSet::from([number]))?;
    let mut is_purged = purge(workspace, &mut store);
    let copy = workspace.sandbox_database();
    if !workspace.ui.sandbox && copy.exists() {
        let mut copy = Store::open(&copy)?;
        copy.overwrite_what_is_deleted()?;
        copy.write(|tx| forget::erase_from_copy(tx, number, by, now))?;
        is_purged &= purge(workspace, &mut copy);
    }
    show(workspace, &outcome, is_purged, now)?;
    dnd::say_what_was_under_way(workspace, open_posts);
    Ok(Exit::Done)
}

/// Purges what a run that is over has erased; trouble with it is no trouble of the run.
pub(super) fn purge_after_a_run(workspace: &Workspace) {
    // One that cannot be opened is told of by whoever shows how the run has ended.
    if let Ok(mut store) = workspace.open_store() {
        purge(workspace, &mut store);
    }
}

/// Removes the bytes of what was erased, and says so if that cannot be done yet; returns whether none are left.
pub(super) fn purge(workspace: &Workspace, store: &mut Store) -> bool {
    let why = match store.purge() {
        Ok(Purged::Nothing | Purged::Gone) => return true,
        Ok(Purged::NotYet) => "another program keeps it busy".to_owned(),
        Err(error) => error.to_string(),
    };
    let shown = store.path().display();
    workspace.ui.warn(&format!(
        "bytes of what was erased may be left in `{shown}`: {why}"
    ));
    workspace.ui.hint(
        "run `exocamp forget` with the same number again later; the end of every run tries it too",
    );
    false
}

/// What was forgotten, for programs.
#[derive(Serialize, Debug)]
struct ForgottenView<'a> {
    forgotten: bool,
    forgotten_at: String,
    forgotten_by: &'a str,
    erased: bool,
    purged: bool,
    contacts: u64,
    files: &'a [String],
    waits_for: &'a [String],
}

fn show(
    workspace: &Workspace,
    outcome: &Outcome,
    is_purged: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let ui = &workspace.ui;
    let nothing = Traces::default();
    let (traces, is_erased) = match &outcome.found {
        Found::Nothing => (&nothing, true),
        Found::Erased(traces) => (traces, true),
        Found::Waits(traces) => (traces, false),
    };
    let Forgotten { at, by } = &outcome.forgotten;
    if ui.format == Format::Json {
        ui.json(&ForgottenView {
            forgotten: true,
            forgotten_at: shown_time(*at),
            forgotten_by: by,
            erased: is_erased,
            purged: is_erased && is_purged,
            contacts: traces.contacts,
            files: &traces.files,
            waits_for: &traces.open_in,
        })?;
    } else if !ui.quiet {
        let mark = if ui.sandbox { "SANDBOX: " } else { "" };
        ui.data(&format!("{mark}{}", in_words(outcome, now)))?;
    }
    if !is_erased {
        let names: Vec<_> = traces.open_in.iter().map(|name| typed_name(name)).collect();
        ui.warn(
            "the number is kept, and shown to nobody, until a call to it is cleared up; it is erased then",
        );
        for name in names {
            ui.hint(&format!(
                "`exocamp settle {name}` asks what became of the call; `exocamp doubts list {name}` shows what a person has to decide"
            ));
        }
    }
    if !traces.files.is_empty() {
        let files: Vec<_> = traces
            .files
            .iter()
            .map(|file| format!("`{}`", harmless(file)))
            .collect();
        ui.note(&format!(
            "they were imported from {}: files and backups are yours to clean",
            files.join(", ")
        ));
    }
    Ok(())
}

fn in_words(outcome: &Outcome, now: Timestamp) -> String {
    let contacts = |traces: &Traces| match traces.contacts {
        0 => "no campaign had them".to_owned(),
        many => format!("{} erased", counted(many, "contact")),
    };
    match &outcome.found {
        Found::Nothing if !outcome.is_new => {
            let Forgotten { at, by } = &outcome.forgotten;
            format!(
                "forgotten already, {} by {by}: nothing is left to erase",
                clock_time(*at, now)
            )
        }
        Found::Nothing => "forgotten: nobody knew them here, and nobody will call them".to_owned(),
        Found::Erased(traces) => {
            format!("forgotten: {}, never called again", contacts(traces))
        }
        Found::Waits(traces) => {
            format!(
                "to be forgotten: {} but for the number, never called again",
                contacts(traces)
            )
        }
    }
}
