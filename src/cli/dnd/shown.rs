//! What the do-not-call list shows: itself, and how one number stands.

use jiff::Timestamp;
use serde::Serialize;

use super::{parse, say};
use crate::cli::args;
use crate::cli::failure::{Exit, Failure};
use crate::cli::view::{clock_time, shown_number, shown_time};
use crate::cli::workspace::{Workspace, read};
use crate::domain::phone::PhoneNumber;
use crate::store::do_not_call::{self, Listed, Removal, Source};
use crate::store::forget::{Forgotten, Recogniser};
use crate::store::{StoreError, Tx};
use crate::ui::table::{self, Column};
use crate::ui::{Format, harmless};

/// Returns when the person with this number was forgotten, if they were.
pub(super) fn forgotten(
    workspace: &Workspace,
    tx: &Tx<'_>,
    number: PhoneNumber,
) -> Result<Option<Forgotten>, StoreError> {
    Recogniser::open(tx, &workspace.database())?.find(tx, number)
}

pub(super) fn list(workspace: &Workspace, args: &args::DndList) -> Result<Exit, Failure> {
    let most = (args.limit > 0).then_some(args.limit);
    let mut store = workspace.open_store_to_read()?;
    let (listed, all) =
        store.read(|tx| Ok((do_not_call::list(tx, most)?, do_not_call::count(tx)?)))?;
    let ui = &workspace.ui;
    match ui.format {
        Format::Json => {
            let views: Vec<_> = listed.iter().map(EntryView::from).collect();
            ui.json(&views)?;
        }
        Format::Csv => {
            let header = ["number", "added_at", "added_by", "source", "note"];
            let rows: Vec<_> = listed.iter().map(|it| row(it, shown_time)).collect();
            ui.data(&table::csv(&header, &rows))?;
        }
        Format::Table => {
            if ui.sandbox {
                ui.data("SANDBOX")?;
            }
            if listed.is_empty() {
                ui.note("nobody is on the do-not-call list");
            }
            let columns = [
                Column::Word("Number"),
                Column::Word("Since"),
                Column::Text("By"),
                Column::Word("Source"),
                Column::Text("Note"),
            ];
            let now = workspace.clock.wall();
            let rows: Vec<_> = listed
                .iter()
                .map(|it| row(it, |at| clock_time(at, now)))
                .collect();
            ui.data(&table::table(&columns, &rows))?;
            let shown = listed.len() as u64;
            if shown < all {
                ui.note(&format!("{shown} of {all} numbers; `--limit 0` shows all"));
            }
        }
    }
    Ok(Exit::Done)
}

fn row(listed: &Listed, time: impl Fn(Timestamp) -> String) -> Vec<String> {
    vec![
        listed.number.to_string(),
        time(listed.added_at),
        listed.added_by.clone(),
        listed.source.to_string(),
        listed.note.clone().unwrap_or_default(),
    ]
}

/// A number on the list, for programs.
#[derive(Serialize, Debug)]
struct EntryView<'a> {
    number: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forgotten: bool,
    added_at: String,
    added_by: &'a str,
    source: &'static str,
    note: Option<&'a str>,
}

impl<'a> From<&'a Listed> for EntryView<'a> {
    fn from(listed: &'a Listed) -> Self {
        Self {
            number: shown_number(listed.number),
            forgotten: listed.number.is_forgotten(),
            added_at: shown_time(listed.added_at),
            added_by: &listed.added_by,
            source: listed.source.as_str(),
            note: listed.note.as_deref(),
        }
    }
}

/// How a number that was asked for stands.
enum Standing {
    Listed(Listed),
    Forgotten(Forgotten),
    NotListed(Option<Removal>),
}

fn standing(workspace: &Workspace, tx: &Tx<'_>, number: PhoneNumber) -> Result<Standing, Failure> {
    let listed = do_not_call::find(tx, number)?;
    if let Some(listed) = listed.filter(|listed| listed.source != Source::Forgotten) {
        return Ok(Standing::Listed(listed));
    }
    Ok(match forgotten(workspace, tx, number)? {
        Some(forgotten) => Standing::Forgotten(forgotten),
        None => Standing::NotListed(do_not_call::last_removal(tx, number)?),
    })
}

/// A number that was asked for, for programs.
#[derive(Serialize, Debug)]
struct CheckView {
    number: String,
    listed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forgotten: bool,
    added_at: Option<String>,
    added_by: Option<String>,
    source: Option<&'static str>,
    note: Option<String>,
    removed_at: Option<String>,
    removed_by: Option<String>,
    removed_because: Option<String>,
}

impl CheckView {
    fn new(number: PhoneNumber, standing: &Standing) -> Self {
        let mut view = Self {
            // Who asks knows it already.
            number: number.to_string(),
            listed: true,
            forgotten: false,
            added_at: None,
            added_by: None,
            source: None,
            note: None,
            removed_at: None,
            removed_by: None,
            removed_because: None,
        };
        match standing {
            Standing::Listed(listed) => {
                view.added_at = Some(shown_time(listed.added_at));
                view.added_by = Some(listed.added_by.clone());
                view.source = Some(listed.source.as_str());
                view.note.clone_from(&listed.note);
            }
            Standing::Forgotten(forgotten) => {
                view.forgotten = true;
                view.added_at = Some(shown_time(forgotten.at));
                view.added_by = Some(forgotten.by.clone());
                view.source = Some(Source::Forgotten.as_str());
            }
            Standing::NotListed(removal) => {
                view.listed = false;
                if let Some(removal) = removal {
                    view.removed_at = Some(shown_time(removal.at));
                    view.removed_by = Some(removal.by.clone());
                    view.removed_because.clone_from(&removal.because);
                }
            }
        }
        view
    }
}

pub(super) fn check(workspace: &Workspace, args: &args::DndCheck) -> Result<Exit, Failure> {
    let numbers = parse(&args.numbers)?;
    let mut store = workspace.open_store_to_read()?;
    let found = read(&mut store, |tx| {
        numbers
            .iter()
            .map(|number| Ok((*number, standing(workspace, tx, *number)?)))
            .collect::<Result<Vec<_>, Failure>>()
    })?;
    let ui = &workspace.ui;
    let now = workspace.clock.wall();
    match ui.format {
        Format::Json => {
            let views: Vec<_> = found
                .iter()
                .map(|(number, standing)| CheckView::new(*number, standing))
                .collect();
            ui.json(&views)?;
        }
        Format::Csv => {
            let header = ["number", "listed", "added_at", "added_by", "source", "note"];
            let rows: Vec<_> = found
                .iter()
                .map(|(number, standing)| {
                    let view = CheckView::new(*number, standing);
                    vec![
                        view.number,
                        view.listed.to_string(),
                        view.added_at.unwrap_or_default(),
                        view.added_by.unwrap_or_default(),
                        view.source.unwrap_or_default().to_owned(),
                        view.note.unwrap_or_default(),
                    ]
                })
                .collect();
            ui.data(&table::csv(&header, &rows))?;
        }
        Format::Table => {
            let lines: Vec<_> = found
                .iter()
                .map(|(number, standing)| format!("{number}  {}", told(standing, now)))
                .collect();
            say(workspace, &lines.join("\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// Returns how a number stands, in words.
fn told(standing: &Standing, now: Timestamp) -> String {
    let because = |text: &Option<String>| {
        let text = text.as_deref().map(harmless);
        text.map(|text| format!(": {text}")).unwrap_or_default()
    };
    match standing {
        Standing::Listed(listed) => {
            let (at, by) = (clock_time(listed.added_at, now), &listed.added_by);
            let how = match listed.source {
                Source::Ndnc => "Exotel may not call it (TRAI NDNC)".to_owned(),
                Source::File => format!("from a file, by {by}"),
                Source::Person | Source::Forgotten => format!("by {by}"),
            };
            format!("listed since {at}, {how}{}", because(&listed.note))
        }
        Standing::Forgotten(forgotten) => {
            let at = clock_time(forgotten.at, now);
            format!("forgotten since {at}, by {}", forgotten.by)
        }
        Standing::NotListed(None) => "not listed".to_owned(),
        Standing::NotListed(Some(removal)) => {
            let (at, by) = (clock_time(removal.at, now), &removal.by);
            format!(
                "not listed; taken off {at} by {by}{}",
                because(&removal.because)
            )
        }
    }
}

/// Returns the refusal to call a number, if it is on the list or its person was forgotten.
pub(in crate::cli) fn refuse_listed(
    workspace: &Workspace,
    tx: &Tx<'_>,
    number: PhoneNumber,
) -> Result<(), Failure> {
    let message = match standing(workspace, tx, number)? {
        Standing::NotListed(_) => return Ok(()),
        Standing::Forgotten(_) => "this person asked to be forgotten".to_owned(),
        Standing::Listed(_) => format!("{} is on the do-not-call list", number.masked()),
    };
    Err(Failure::new(Exit::Stopped, message)
        .hint("`exocamp dnd check NUMBER` says since when and why"))
}
