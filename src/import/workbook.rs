//! The rows of a workbook's sheet: XLSX, XLS and ODS, read by calamine → cells as text.
//!
//! `archive` says what a zip holds, and that it is whole; `sheets` chooses the sheet; `cells` writes a cell as text; `rows`
//! puts cells into rows. All of it happens in a thread of its own, which sends the rows: an XLSX is read as it goes, and
//! memory holds its shared strings and a few rows (XLS and ODS are held whole), and where calamine stumbles over a file, the
//! import is told instead of stumbling too.
//!
//! A row's line is its number in the sheet, and a cell's column is the sheet's, also where rows and columns before it are
//! empty. Hidden rows and columns are read like others: a filter that somebody left on is no decision about whom to call.
//! Of merged cells the first has the value, and the others are empty, as in the file. A formula is the value that was saved
//! with it; one that was never calculated is its own text, so that it can be seen.
//!
//! Refuses passwords, zips that are no workbook, and what is not whole: a sheet is read to its end or not imported.

mod archive;
mod cells;
mod ods;
mod rows;
mod sheets;

use std::io::{BufReader, Read, Seek};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::vec;

use calamine::{Data, Ods, OdsError, Range, Reader as _, Xls, XlsError, Xlsx, XlsxError};

use super::ImportError;
use super::kind::Kind;
use super::records::Record;
use archive::Archive;
use rows::{Halt, Message, Rows};
pub use sheets::Sheet;

/// How many messages may wait for the import; each has a few hundred rows.
const WAITING: usize = 4;

/// The rows of one sheet.
pub(super) struct Workbook {
    sheet: Sheet,
    messages: Receiver<Message>,
    records: vec::IntoIter<Record>,
    ended: bool,
}

impl Workbook {
    /// Begins to read a workbook: chooses its sheet, by name or place, or the first that can be seen.
    pub(super) fn open(
        input: impl Read + Seek + Send + 'static,
        kind: Kind,
        wanted: Option<String>,
    ) -> Result<Self, ImportError> {
        let (sender, messages) = sync_channel(WAITING);
        let read = move || {
            let mut rows = Rows::new(sender);
            let end = read(BufReader::new(input), kind, wanted.as_deref(), &mut rows);
            rows.end(end);
        };
        let _: JoinHandle<()> = thread::Builder::new()
            .name("workbook".to_owned())
            .spawn(read)
            .map_err(ImportError::Read)?;
        match messages.recv() {
            Ok(Message::Sheet(sheet)) => Ok(Self {
                sheet,
                messages,
                records: Vec::new().into_iter(),
                ended: false,
            }),
            Ok(Message::End(Err(error))) => Err(error),
            Ok(Message::Rows(_) | Message::End(Ok(()))) | Err(_) => Err(stumbled()),
        }
    }

    /// Returns which sheet is read.
    pub(super) fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// Reads the next row; `false` at the end of the sheet.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, ImportError> {
        loop {
            if let Some(next) = self.records.next() {
                *record = next;
                return Ok(true);
            }
            if self.ended {
                return Ok(false);
            }
            match self.messages.recv() {
                Ok(Message::Rows(records)) => self.records = records.into_iter(),
                Ok(Message::End(end)) => {
                    self.ended = true;
                    end?;
                }
                // Without an end, the thread has not come to it.
                Ok(Message::Sheet(_)) | Err(_) => {
                    self.ended = true;
                    return Err(stumbled());
                }
            }
        }
    }
}

fn stumbled() -> ImportError {
    ImportError::damaged("it is not built as a workbook is")
}

fn read(
    mut input: impl Read + Seek,
    kind: Kind,
    wanted: Option<&str>,
    rows: &mut Rows,
) -> Result<(), Halt> {
    if kind == Kind::Compound {
        return read_xls(input, wanted, rows);
    }
    let archive = archive::check(&mut input)?;
    input.rewind().map_err(ImportError::Read)?;
    match archive {
        Archive::Xlsx => read_xlsx(input, wanted, rows),
        Archive::Ods => read_ods(input, wanted, rows),
    }
}

fn read_xlsx(input: impl Read + Seek, wanted: Option<&str>, rows: &mut Rows) -> Result<(), Halt> {
    let mut workbook = Xlsx::new(input)?;
    let sheet = sheets::choose(workbook.sheets_metadata(), wanted)?;
    let name = sheet.name.clone();
    rows.begin(sheet)?;
    let mut cells = workbook.worksheet_cells_reader(&name)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata()? {
        rows.put(cell.pos, |text| {
            cells::write(&cell.value, text);
            if let Some(formula) = &cell.formula
                && cell.value == calamine::DataRef::Empty
            {
                cells::write_formula(formula, text);
            }
        })?;
    }
    Ok(())
}

fn read_xls(
    mut input: impl Read + Seek,
    wanted: Option<&str>,
    rows: &mut Rows,
) -> Result<(), Halt> {
    // What Excel encrypts, it wraps up like an old workbook. Its newer reader is the one that knows.
    if let Err(XlsxError::Password) = Xlsx::new(&mut input) {
        return Err(ImportError::EncryptedWorkbook.into());
    }
    let mut workbook = Xls::new(input)?;
    let sheet = sheets::choose(workbook.sheets_metadata(), wanted)?;
    let range = workbook.worksheet_range(&sheet.name)?;
    drop(workbook);
    send(sheet, &range, rows)
}

fn read_ods(input: impl Read + Seek, wanted: Option<&str>, rows: &mut Rows) -> Result<(), Halt> {
    let mut workbook = Ods::new(input)?;
    let sheet = sheets::choose(workbook.sheets_metadata(), wanted)?;
    let range = workbook.worksheet_range(&sheet.name)?;
    drop(workbook);
    send(sheet, &range, rows)
}

fn send(sheet: Sheet, range: &Range<Data>, rows: &mut Rows) -> Result<(), Halt> {
    rows.begin(sheet)?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (row, column, cell) in range.used_cells() {
        // A sheet's rows and columns are far fewer than 2³².
        let at = (first_row + row as u32, first_column + column as u32);
        rows.put(at, |text| cells::write(cell, text))?;
    }
    Ok(())
}

impl From<XlsxError> for Halt {
    fn from(error: XlsxError) -> Self {
        match error {
            XlsxError::Password => ImportError::EncryptedWorkbook,
            XlsxError::Io(error) => ImportError::Read(error),
            other => ImportError::damaged(&other.to_string()),
        }
        .into()
    }
}

impl From<XlsError> for Halt {
    fn from(error: XlsError) -> Self {
        match error {
            XlsError::Password => ImportError::EncryptedWorkbook,
            XlsError::Io(error) => ImportError::Read(error),
            other => ImportError::damaged(&other.to_string()),
        }
        .into()
    }
}

impl From<OdsError> for Halt {
    fn from(error: OdsError) -> Self {
        match error {
            OdsError::Password => ImportError::EncryptedWorkbook,
            OdsError::Io(error) => ImportError::Read(error),
            other => ImportError::damaged(&other.to_string()),
        }
        .into()
    }
}

#[cfg(test)]
mod tests;
