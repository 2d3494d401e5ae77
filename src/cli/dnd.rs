//! `dnd`: the do-not-call list, over all campaigns and owners.
//!
//! Anybody in the workspace may put a number on it: who asks not to be called need not find the right person first. What
//! is on it is effective when the command returns. Taking a number off is a decision, with who, when and why.

mod leaving;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::import::{self, Counted, Piece};
use super::status::parse_number;
use super::view::{counted, typed_name};
use super::workspace::Workspace;
use crate::domain::phone::PhoneNumber;
use crate::import::{Input, Options};
use crate::store::do_not_call::{self, Entry, Removed, Source};
use crate::store::forget::Recogniser;
use crate::store::{StoreError, Tx};
use crate::ui::Format;

pub(super) use self::leaving::{say_what_was_under_way, wait_for_calls};
pub(super) use self::shown::refuse_listed;

pub(super) fn run(workspace: &Workspace, args: &args::Dnd) -> Result<Exit, Failure> {
    match args {
        args::Dnd::Add(args) => add(workspace, args),
        args::Dnd::Import(args) => import(workspace, args),
        args::Dnd::Remove(args) => remove(workspace, args),
        args::Dnd::List(args) => shown::list(workspace, args),
        args::Dnd::Check(args) => shown::check(workspace, args),
    }
}

/// Reads the numbers that were typed, each once.
fn parse(typed: &[String]) -> Result<Vec<PhoneNumber>, Failure> {
    let mut seen = BTreeSet::new();
    let mut numbers = Vec::new();
    for text in typed {
        let number = parse_number(text)?;
        if seen.insert(number) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

/// What putting numbers on the list came to.
#[derive(Clone, Copy, Serialize, Default, Debug)]
struct AddedView {
    added: u64,
    already_listed: u64,
    /// Of people who asked to be forgotten: they are not called either, and their numbers are not kept again.
    forgotten: u64,
    skipped_contacts: u64,
}

impl AddedView {
    fn put(
        &mut self,
        tx: &Tx<'_>,
        recogniser: Option<&Recogniser>,
        number: PhoneNumber,
        entry: &Entry<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(recogniser) = recogniser
            && recogniser.find(tx, number)?.is_some()
        {
            self.forgotten += 1;
            return Ok(());
        }
        let added = do_not_call::add(tx, number, entry, now)?;
        match added.is_new {
            true => self.added += 1,
            false => self.already_listed += 1,
        }
        self.skipped_contacts += added.skipped;
        Ok(())
    }

    fn in_words(self) -> String {
        let mut parts = vec![format!(
            "{} put on the do-not-call list",
            counted(self.added, "number")
        )];
        if self.already_listed > 0 {
            parts.push(format!("{} on it already", self.already_listed));
        }
        if self.forgotten > 0 {
            parts.push(format!("{} forgotten, and never called", self.forgotten));
        }
        match self.skipped_contacts {
            0 => {}
            1 => parts.push("1 pending contact is skipped".to_owned()),
            many => parts.push(format!("{many} pending contacts are skipped")),
        }
        parts.join("; ")
    }
}

/// Returns who knows the forgotten again. Without their key an opt-out is taken all the same: it must never fail, and
/// nobody is called as long as the key is missing.
fn recogniser(workspace: &Workspace, tx: &Tx<'_>) -> Result<Option<Recogniser>, StoreError> {
    match Recogniser::open(tx, &workspace.database()) {
        Ok(recogniser) => Ok(Some(recogniser)),
        Err(error @ (StoreError::KeyMissing(_) | StoreError::KeyWrong(_))) => {
            workspace.ui.warn(&error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn add(workspace: &Workspace, args: &args::DndAdd) -> Result<Exit, Failure> {
    let numbers = parse(&args.numbers)?;
    let entry = Entry {
        by: workspace.owner(),
        source: Source::Person,
        note: args.note.as_deref(),
    };
    let now = workspace.clock.wall();
    let mut store = workspace.open_or_create_store()?;
    let view = store.write(|tx| -> Result<_, StoreError> {
        let recogniser = recogniser(workspace, tx)?;
        let mut view = AddedView::default();
        for number in &numbers {
            view.put(tx, recogniser.as_ref(), *number, &entry, now)?;
        }
        Ok(view)
    })?;
    let numbers = numbers.into_iter().collect();
    let open_posts = wait_for_calls(workspace, &mut store, &numbers)?;
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&view)?;
    } else if !workspace.ui.quiet {
        say(workspace, &view.in_words())?;
    }
    say_what_was_under_way(workspace, open_posts);
    Ok(Exit::Done)
}

/// What an import into the list came to; rows = added + already listed + forgotten + rejected.
#[derive(Serialize, Debug)]
struct ImportView<'a> {
    files: &'a [String],
    rows: u64,
    #[serde(flatten)]
    added: AddedView,
    rejected: u64,
    rejected_by_reason: &'a BTreeMap<&'static str, u64>,
}

fn import(workspace: &Workspace, args: &args::DndImport) -> Result<Exit, Failure> {
    let options = import::options(&args.reading)?;
    let mut counted = Counted::default();
    let mut files = Vec::new();
    for path in &args.files {
        let file = path.display().to_string();
        let input = import::open(workspace, path)?;
        counted.told_file = (args.files.len() > 1).then(|| file.clone());
        let numbers = numbers(workspace, &file, input, &options, &mut counted)
            .map_err(|failure| failure.context(format!("cannot import `{file}`")))?;
        counted.files.push(file.clone());
        files.push((file, numbers));
    }
    if files.iter().all(|(_, numbers)| numbers.is_empty()) {
        return Err(import::no_usable_row(&counted));
    }
    let now = workspace.clock.wall();
    let mut store = workspace.open_or_create_store()?;
    let added = store.write(|tx| -> Result<_, StoreError> {
        let recogniser = recogniser(workspace, tx)?;
        let mut view = AddedView::default();
        for (file, numbers) in &files {
            let entry = Entry {
                by: workspace.owner(),
                source: Source::File,
                note: args.note.as_deref().or(Some(file)),
            };
            for number in numbers {
                view.put(tx, recogniser.as_ref(), *number, &entry, now)?;
            }
        }
        Ok(view)
    })?;
    let numbers = files.into_iter().flat_map(|(_, numbers)| numbers).collect();
    let open_posts = wait_for_calls(workspace, &mut store, &numbers)?;
    let Counted {
        files,
        rows,
        rejected,
        rejected_by_reason,
        ..
    } = &counted;
    let (rows, rejected) = (*rows, *rejected);
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&ImportView {
            files,
            rows,
            added,
            rejected,
            rejected_by_reason,
        })?;
    } else if !workspace.ui.quiet {
        let mut line = added.in_words();
        if rejected > 0 {
            let reasons: Vec<_> = rejected_by_reason
                .iter()
                .map(|(reason, rows)| format!("{rows} {reason}"))
                .collect();
            line += &format!("; {rejected} rejected ({})", reasons.join(", "));
        }
        say(workspace, &line)?;
    }
    say_what_was_under_way(workspace, open_posts);
    Ok(Exit::Done)
}

/// Returns the numbers of a list; rows that are refused are told and counted.
fn numbers(
    workspace: &Workspace,
    file: &str,
    input: Input,
    options: &Options,
    counted: &mut Counted,
) -> Result<Vec<PhoneNumber>, Failure> {
    let mut numbers = Vec::new();
    import::read(input, options, |piece| {
        match piece {
            Piece::Beginning(beginning) => beginning.tell(workspace, file),
            Piece::Rows(rows) => {
                counted.rows += rows.len() as u64;
                for row in rows {
                    match row {
                        Ok(contact) => {
                            numbers.push(contact.number);
                            numbers.extend(contact.more_numbers);
                        }
                        Err(refused) => counted.refuse(workspace, &refused),
                    }
                }
            }
            Piece::End(_) => {}
        }
        Ok(())
    })?;
    Ok(numbers)
}

/// What taking numbers off the list came to.
#[derive(Serialize, Debug)]
struct RemovedView {
    removed: u64,
    not_listed: u64,
    contacts_that_stay_skipped: u64,
}

fn remove(workspace: &Workspace, args: &args::DndRemove) -> Result<Exit, Failure> {
    let numbers = parse(&args.numbers)?;
    let because = args.because.trim();
    if because.is_empty() {
        return Err(Failure::new(Exit::Usage, "nobody has said why").hint("add `--because 'TEXT'`"));
    }
    let now = workspace.clock.wall();
    let mut store = workspace.open_store()?;
    let mut view = RemovedView {
        removed: 0,
        not_listed: 0,
        contacts_that_stay_skipped: 0,
    };
    let mut again = BTreeSet::new();
    store.write(|tx| -> Result<(), Failure> {
        for number in &numbers {
            match do_not_call::remove(tx, *number, workspace.owner(), because, now)? {
                Removed::NotListed => match shown::forgotten(workspace, tx, *number)? {
                    Some(_) => return Err(stays_forgotten()),
                    None => view.not_listed += 1,
                },
                Removed::Forgotten => return Err(stays_forgotten()),
                Removed::Off(stays) => {
                    view.removed += 1;
                    view.contacts_that_stay_skipped += stays.len() as u64;
                    again.extend(stays);
                }
            }
        }
        Ok(())
    })?;
    if workspace.ui.format == Format::Json {
        workspace.ui.json(&view)?;
    } else if !workspace.ui.quiet {
        let mut line = format!(
            "{} taken off the do-not-call list",
            counted(view.removed, "number")
        );
        if view.not_listed > 0 {
            line += &format!("; {} not on it", view.not_listed);
        }
        match view.contacts_that_stay_skipped {
            0 => {}
            1 => line += "; 1 contact stays skipped",
            many => line += &format!("; {many} contacts stay skipped"),
        }
        say(workspace, &line)?;
    }
    if !workspace.ui.quiet {
        for stays in again {
            workspace.ui.hint(&format!(
                "`exocamp retry {} --reason {}` offers them again",
                typed_name(&stays.campaign),
                stays.reason
            ));
        }
    }
    Ok(Exit::Done)
}

fn stays_forgotten() -> Failure {
    Failure::new(Exit::Usage, "this person asked to be forgotten")
        .context("nothing was taken off the do-not-call list")
        .hint("who was forgotten is never called again; leave the number out")
}

/// Says how a command has ended, marked where nobody real is meant.
fn say(workspace: &Workspace, text: &str) -> Result<(), Failure> {
    let mark = match workspace.ui.sandbox {
        true => "SANDBOX: ",
        false => "",
    };
    Ok(workspace.ui.data(&format!("{mark}{text}"))?)
}
