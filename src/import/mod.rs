//! The bytes of a list, text or workbook → contacts, row by row.
//!
//! `records` gives the rows of either `kind` of file: `text` is for CSV and its kin, `workbook` for a sheet. `header` says
//! which column is what, by `names` or by a person's `map`, of which `choice` finds the columns and `sample` suggests one.
//! The rows themselves are judged here; `nobody` knows those that are no people, `rejects` writes the refused ones down and
//! `repaired` knows that file when it comes back.
//!
//! Refuses to guess which column holds the numbers, which sign separates the columns, and in which encoding the file is:
//! each has an error of its own that ends the import with a remedy. A bad row is no error of the file: it comes out beside
//! the good ones, with its line, its reason and its cell, digits hidden. Nothing is stored or printed here, and duplicates
//! are found where all contacts are known, in the store.
//!
//! Invariant: every row that is not blank comes out exactly once, accepted or refused; memory does not grow with the file,
//! save for the texts that an XLSX shares among its cells, and for XLS and ODS, which are held whole.

mod choice;
mod error;
mod header;
mod input;
mod kind;
mod map;
mod names;
mod nobody;
mod records;
mod rejects;
mod repaired;
mod sample;
mod shown;
mod text;
mod workbook;

use std::io::{Read, Seek};
use std::iter;

use csv::StringRecord;
use encoding_rs::Encoding;

pub use error::{ImportError, RowError, RowReason};
pub use input::{Input, Seal};
pub use map::{BadColumnMap, ColumnMap};
pub use rejects::{RejectsError, RejectsFile, is_same_file};
pub use workbook::Sheet;

use crate::domain::contact::NewContact;
use crate::domain::phone::{PhoneNumber, PhoneRules, mask_digits};
use crate::domain::shown::{harmless, shortened};
use header::Columns;
use records::{IsRow, Record, Records};

/// The largest cell that is taken, in bytes.
const LARGEST_CELL: usize = 64 * 1024;
/// The most columns that a list may have: what spreadsheets have.
const MOST_COLUMNS: usize = 16_384;
/// How much of a refused cell is shown, in characters.
const SHOWN: usize = 60;

/// What the caller decides about a file.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Options {
    /// The columns named by `--map`; the others are found by their usual names.
    pub columns: ColumnMap,
    /// Whether the first row names the columns.
    pub header: Header,
    /// The text's encoding, where the file does not say it by a byte order mark; UTF-8 unless given.
    pub encoding: Option<&'static Encoding>,
    /// The sign that separates the columns; found from the header unless given.
    pub delimiter: Option<u8>,
    /// The workbook's sheet, by name or by its place, the first being 1; the first visible one unless given.
    pub sheet: Option<String>,
    /// Which numbers may be called.
    pub rules: PhoneRules,
}

/// Whether the first row of a list names its columns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Header {
    /// It does.
    #[default]
    First,
    /// There is none: columns have numbers only, the first being 1.
    Missing,
}

/// One row: a contact, or the reason why it is none.
pub type Row = Result<NewContact, RowError>;

/// Reads the contacts of one file, a text or a workbook.
///
/// An `Err` of the iterator itself concerns the whole file and is its last item: what came before must not be kept either,
/// since a file is imported whole or not at all.
pub struct Reader<R> {
    records: Records<R>,
    header: StringRecord,
    columns: Columns,
    rules: PhoneRules,
    record: Record,
    /// The record is read and not yet judged.
    ahead: bool,
    finished: bool,
}

impl<R: Read + Seek + Send + 'static> Reader<R> {
    /// Reads the beginning of a file: what kind it is, and its header.
    pub fn open(input: R, options: &Options) -> Result<Self, ImportError> {
        let mut records = Records::open(input, options)?;
        // No line within a header has a number.
        records.recognise(Box::new(|cells| {
            cells.iter().any(|cell| PhoneNumber::parse(cell).is_ok())
        }));
        let mut record = Record::default();
        while records.next(&mut record)? {
            if let Some(wound) = record.wound {
                return Err(unreadable_header(wound, record.line));
            }
            if is_blank(&record.cells) {
                continue;
            }
            if record.cells.len() > MOST_COLUMNS {
                return Err(ImportError::TooManyColumns {
                    columns: record.cells.len(),
                });
            }
            return match Columns::find(&record.cells, options, record.line) {
                Ok(columns) => {
                    records.recognise(callable(&columns, options.rules.clone()));
                    Ok(Self {
                        records,
                        // Without a header this row is a contact already.
                        ahead: columns.header().is_none(),
                        header: columns
                            .header()
                            .cloned()
                            .unwrap_or_else(|| columns.stand_in()),
                        columns,
                        rules: options.rules.clone(),
                        record,
                        finished: false,
                    })
                }
                Err(ImportError::NoPhoneColumn { header, .. }) => Err(ImportError::NoPhoneColumn {
                    header,
                    suggestion: sample::suggestion(&mut records, &record.cells, options),
                }),
                Err(other) => Err(other),
            };
        }
        Err(match records.sheet() {
            Some(sheet) if !sheet.others.is_empty() => ImportError::EmptySheet {
                sheet: shown::names(iter::once(sheet.name.as_str())),
                others: shown::names(sheet.others.iter().map(String::as_str)),
            },
            _ => ImportError::Empty,
        })
    }

    /// Returns which sheet is read, if the file is a workbook.
    pub fn sheet(&self) -> Option<&Sheet> {
        self.records.sheet()
    }

    /// Returns the names of the source's columns; where its first row is a contact already, names by which they are found
    /// again.
    ///
    /// Of a file of refused rows, the source is the file they come from.
    pub fn header(&self) -> &StringRecord {
        &self.header
    }

    /// Returns the next row that is not blank; `None` at the end of the file.
    fn next_row(&mut self) -> Result<Option<Row>, ImportError> {
        while std::mem::take(&mut self.ahead) || self.records.next(&mut self.record)? {
            if self.record.wound.is_some() || !is_blank(&self.record.cells) {
                return Ok(Some(self.row()));
            }
        }
        Ok(None)
    }

    fn row(&self) -> Row {
        let cells = &self.record.cells;
        let cell = self.columns.cell(cells, self.columns.phone());
        let refused = |reason| RowError {
            line: self.record.line,
            reason,
            cell: shown(cell),
            cells: self.columns.source_row(cells),
        };
        if let Some(wound) = self.record.wound {
            let mut refused = refused(wound);
            if wound == RowReason::RecordTooLarge {
                // Much of the row is missing: without its number it is not taken for whole when it comes back as it is.
                let phone = self.columns.phone();
                let cells = refused.cells.iter().enumerate();
                refused.cells = cells
                    .map(|(index, cell)| if index == phone { "" } else { cell })
                    .collect();
            }
            return Err(refused);
        }
        if cells.as_slice().contains('\0') {
            return Err(refused(RowReason::NulByte));
        }
        if cells.iter().any(|cell| cell.len() > LARGEST_CELL) {
            return Err(refused(RowReason::CellTooLarge));
        }
        // Surplus cells that are all empty come from a delimiter at the end of the line and lose nothing.
        if cells
            .iter()
            .skip(self.columns.len())
            .any(|cell| !cell.is_empty())
        {
            return Err(refused(RowReason::Ragged {
                cells: cells.len(),
                columns: self.columns.len(),
            }));
        }
        let (number, more_numbers) = self.rules.parse_all(cell).map_err(|reason| {
            let nobody = nobody::recognised(&self.columns.source_row(cells), self.columns.header());
            refused(nobody.unwrap_or(RowReason::Phone(reason)))
        })?;
        Ok(NewContact {
            number,
            more_numbers,
            name: self.columns.name_in(cells),
            fields: self.columns.fields_in(cells),
            line: self.record.line,
        })
    }
}

impl<R: Read + Seek + Send + 'static> Iterator for Reader<R> {
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

fn unreadable_header(wound: RowReason, line: u64) -> ImportError {
    match wound {
        RowReason::RecordTooLarge => ImportError::HeaderTooLarge { line },
        _ => ImportError::UnclosedQuote { line },
    }
}

/// Returns what tells a row that can be called by itself: it has several cells, and no more than the header.
///
/// A number alone on its line is what people write into a cell of several lines.
fn callable(columns: &Columns, rules: PhoneRules) -> IsRow {
    let (count, phone) = (columns.len(), columns.phone());
    Box::new(move |cells| {
        let number = cells
            .get(phone)
            .filter(|_| (2..=count).contains(&cells.len()));
        number.is_some_and(|cell| rules.parse_all(cell).is_ok())
    })
}

fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.trim().is_empty())
}

/// Returns a cell as it may be shown: short, on one line, digits hidden, without signs that move a terminal's cursor.
fn shown(cell: &str) -> String {
    harmless(&mask_digits(&shortened(cell.trim(), SHOWN))).into_owned()
}

#[cfg(test)]
mod tests;
