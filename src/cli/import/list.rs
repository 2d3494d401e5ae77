//! One list, read by a thread of its own while another one does something with its rows.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use csv::StringRecord;

use crate::cli::failure::{Exit, Failure};
use crate::cli::workspace::Workspace;
use crate::domain::contact::Provenance;
use crate::import::{ImportError, Input, Options, Reader, Row, Sheet};
use crate::ui::harmless;

/// What a list comes in, in this order; rows come in many pieces.
pub(in crate::cli) enum Piece {
    /// What is known once its beginning was read.
    Beginning(Beginning),
    /// Rows, in the order of the file.
    Rows(Vec<Row>),
    /// All was read, and the file has stayed as it was.
    End(Provenance),
}

/// The beginning of a list.
pub(in crate::cli) struct Beginning {
    /// The names of its columns.
    pub(in crate::cli) header: StringRecord,
    /// The workbook's sheet.
    pub(in crate::cli) sheet: Option<Sheet>,
}

impl Beginning {
    /// Says which of several sheets is read.
    pub(in crate::cli) fn tell(&self, workspace: &Workspace, file: &str) {
        let Some(sheet) = &self.sheet else { return };
        if sheet.others.is_empty() {
            return;
        }
        let others = sheet.others.iter().take(SHEETS);
        let others: Vec<_> = others.map(|name| format!("`{}`", harmless(name))).collect();
        let more = match sheet.others.len().saturating_sub(SHEETS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        workspace.ui.note(&format!(
            "sheet `{}` of `{}` is read; it also has {}{more} (`--sheet NAME`)",
            harmless(&sheet.name),
            harmless(file),
            others.join(", ")
        ));
    }
}

/// How many other sheets are named.
const SHEETS: usize = 5;

/// How many rows make a piece: so many that the indexes are written in few places, and few enough to be held twice.
const ROWS: usize = 20_000;

/// How many bytes of rows make a piece, where rows are large.
const BYTES: usize = 4 * 1024 * 1024;

/// Reads a list and hands it over piece by piece.
///
/// # Errors
/// When the list cannot be read, and whatever the taker returns.
pub(in crate::cli) fn read(
    input: Input,
    options: &Options,
    mut take: impl FnMut(Piece) -> Result<(), Failure>,
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move || {
            if let Err(error) = send(input, options, &sender) {
                // Whoever has stopped listening has a failure of its own.
                let _ = sender.send(Err(error));
            }
        });
        for piece in receiver {
            take(piece.map_err(unreadable)?)?;
        }
        Ok(())
    })
}

type Sender = SyncSender<Result<Piece, ImportError>>;

fn send(input: Input, options: &Options, sender: &Sender) -> Result<(), ImportError> {
    let seal = input.seal().map_err(ImportError::Read)?;
    let mut reader = Reader::open(input, options)?;
    let sheet = reader.sheet().map(|sheet| sheet.name.clone());
    let beginning = Piece::Beginning(Beginning {
        header: reader.header().clone(),
        sheet: reader.sheet().cloned(),
    });
    if sender.send(Ok(beginning)).is_err() {
        return Ok(());
    }
    let mut rows = Vec::new();
    let mut bytes = 0;
    for row in reader.by_ref() {
        let row = row?;
        bytes += size(&row);
        rows.push(row);
        if rows.len() == ROWS || bytes >= BYTES {
            bytes = 0;
            let full = std::mem::replace(&mut rows, Vec::with_capacity(ROWS));
            if sender.send(Ok(Piece::Rows(full))).is_err() {
                return Ok(());
            }
        }
    }
    let end = Piece::End(Provenance {
        sheet,
        ..seal.provenance()?
    });
    for piece in [Piece::Rows(rows), end] {
        if sender.send(Ok(piece)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Returns about how many bytes of text a row holds.
fn size(row: &Row) -> usize {
    match row {
        Ok(contact) => {
            contact.name.as_ref().map_or(0, String::len)
                + contact.fields.as_json().map_or(0, str::len)
        }
        Err(refused) => refused.cells.as_slice().len(),
    }
}

fn unreadable(error: ImportError) -> Failure {
    let hint = error.hint();
    let failure = Failure::caused_by(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint.into_owned()),
        None => failure,
    }
}
