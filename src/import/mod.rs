//! CSV bytes → contacts, row by row, from any reader.
//!
//! Refuses to guess which column holds the numbers, which sign separates the columns, and in which encoding the file is:
//! each has an error of its own that ends the import with a remedy. A bad row is no error of the file: it comes out beside
//! the good ones, with its line, its reason and its cell, digits hidden. Nothing is stored or printed here, and duplicates
//! are found where all contacts are known, in the store.
//!
//! Invariant: every row that is not blank comes out exactly once, accepted or refused; memory does not grow with the file.

mod error;
mod header;
mod map;
mod names;
mod sniff;
mod watch;

use std::io::{self, Chain, Cursor, Read};

use csv::StringRecord;

pub use error::{ImportError, RowError, RowReason};
pub use map::{BadColumnMap, ColumnMap};

use crate::domain::contact::NewContact;
use crate::domain::phone::{PhoneRules, mask_digits};
use header::Columns;
use watch::{Trouble, Watch};

/// The largest cell that is taken, in bytes.
const LARGEST_CELL: usize = 64 * 1024;
/// How much of a refused cell is shown, in characters.
const SHOWN: usize = 60;

/// What the caller decides about a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Options {
    /// The columns named by `--map`; the others are found by their usual names.
    pub columns: ColumnMap,
    /// Which numbers may be called.
    pub rules: PhoneRules,
}

/// One row: a contact, or the reason why it is none.
pub type Row = Result<NewContact, RowError>;

/// Reads the contacts of one file.
///
/// An `Err` of the iterator itself concerns the whole file and is its last item: what came before must not be kept either,
/// since a file is imported whole or not at all.
pub struct Reader<R> {
    csv: csv::Reader<Watch<Chain<Cursor<Vec<u8>>, R>>>,
    columns: Columns,
    rules: PhoneRules,
    record: StringRecord,
    finished: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning of a file: byte order mark, delimiter, header.
    pub fn open(mut input: R, options: &Options) -> Result<Self, ImportError> {
        let start = sniff::beginning(&mut input).map_err(ImportError::Read)?;
        let delimiter = sniff::delimiter(&start, &options.columns)?;
        let watch = Watch::new(Cursor::new(start).chain(input), delimiter);
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_reader(watch);
        let mut record = StringRecord::new();
        while let Some(line) = next_record(&mut csv, &mut record)? {
            if is_blank(&record) {
                continue;
            }
            let columns = Columns::find(&record, &options.columns, line)?;
            return Ok(Self {
                csv,
                columns,
                rules: options.rules.clone(),
                record,
                finished: false,
            });
        }
        Err(ImportError::Empty)
    }

    /// Returns the next row that is not blank; `None` at the end of the file.
    fn next_row(&mut self) -> Result<Option<Row>, ImportError> {
        while let Some(line) = next_record(&mut self.csv, &mut self.record)? {
            if !is_blank(&self.record) {
                return Ok(Some(self.row(line)));
            }
        }
        Ok(None)
    }

    fn row(&self, line: u64) -> Row {
        let record = &self.record;
        let cell = record.get(self.columns.phone()).unwrap_or_default();
        let refused = |reason| RowError {
            line,
            reason,
            cell: shown(cell),
        };
        if record.as_slice().contains('\0') {
            return Err(refused(RowReason::NulByte));
        }
        if record.iter().any(|cell| cell.len() > LARGEST_CELL) {
            return Err(refused(RowReason::CellTooLarge));
        }
        // Surplus cells that are all empty come from a delimiter at the end of the line and lose nothing.
        if record
            .iter()
            .skip(self.columns.len())
            .any(|cell| !cell.is_empty())
        {
            return Err(refused(RowReason::Ragged {
                cells: record.len(),
                columns: self.columns.len(),
            }));
        }
        let number = self
            .rules
            .parse(cell)
            .map_err(|reason| refused(RowReason::Phone(reason)))?;
        Ok(NewContact {
            number,
            name: self.columns.name_in(record),
            fields: self.columns.fields_in(record),
            line,
        })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Row, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let next = self.next_row().transpose();
        self.finished = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads one record and returns the line on which it begins.
fn next_record<R: Read>(
    csv: &mut csv::Reader<Watch<R>>,
    record: &mut StringRecord,
) -> Result<Option<u64>, ImportError> {
    let read = csv.read_record(record);
    // The parser does not count lines that end in CR, and counts blank lines to the row after them.
    let line = csv.get_mut().begun_on();
    match read {
        Ok(true) => Ok(Some(line)),
        Ok(false) => Ok(None),
        Err(error) => Err(match error.into_kind() {
            csv::ErrorKind::Io(error) => trouble(error),
            csv::ErrorKind::Utf8 { .. } => ImportError::NotUtf8 { line },
            other => ImportError::Read(io::Error::other(format!("{other:?}"))),
        }),
    }
}

fn trouble(error: io::Error) -> ImportError {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Trouble>())
    {
        Some(Trouble::UnclosedQuote { line }) => ImportError::UnclosedQuote { line: *line },
        Some(Trouble::RowTooLarge { line }) => ImportError::RowTooLarge { line: *line },
        None => ImportError::Read(error),
    }
}

fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.trim().is_empty())
}

/// Returns a cell as it may be shown: short, on one line, digits hidden, without signs that move a terminal's cursor.
fn shown(cell: &str) -> String {
    let cell = cell.trim();
    let mut short: String = cell.chars().take(SHOWN).collect();
    if short.len() < cell.len() {
        short.push('…');
    }
    mask_digits(&short)
        .chars()
        .map(|character| if is_plain(character) { character } else { ' ' })
        .collect()
}

fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
