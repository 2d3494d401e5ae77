//! Cells in the order of their sheet → rows, sent to the import by the handful.

use std::sync::mpsc::SyncSender;

use super::Sheet;
use crate::import::records::Record;
use crate::import::{ImportError, RowReason};

/// Excel's own limits.
const MOST_ROWS: u32 = 1_048_576;
const MOST_COLUMNS: u32 = 16_384;

/// The largest row that is taken, in bytes.
const LARGEST_ROW: usize = 1 << 20;

/// How many rows are sent at once, and how many bytes of cells, whichever is reached first.
const HANDFUL: usize = 256;
const HANDFUL_BYTES: usize = 256 * 1024;

/// What the thread that reads a workbook says: first its sheet, then rows, then that it has come to the end, or why not.
pub(super) enum Message {
    Sheet(Sheet),
    Rows(Vec<Record>),
    End(Result<(), ImportError>),
}

/// Why reading stops before the end.
pub(super) enum Halt {
    Failed(ImportError),
    /// The import has been given up.
    Unheard,
}

impl From<ImportError> for Halt {
    fn from(error: ImportError) -> Self {
        Self::Failed(error)
    }
}

/// The row that is being put together, and those that wait to be sent.
pub(super) struct Rows {
    sender: SyncSender<Message>,
    row: u32,
    /// The row's cells from the first column on; those beyond `used` are left from a row before.
    cells: Vec<String>,
    used: usize,
    bytes: usize,
    wound: Option<RowReason>,
    waiting: Vec<Record>,
    waiting_bytes: usize,
}

impl Rows {
    pub(super) fn new(sender: SyncSender<Message>) -> Self {
        Self {
            sender,
            row: 0,
            cells: Vec::new(),
            used: 0,
            bytes: 0,
            wound: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// Says which sheet the rows are from.
    pub(super) fn begin(&self, sheet: Sheet) -> Result<(), Halt> {
        self.say(Message::Sheet(sheet))
    }

    /// Adds the cell at this row and column, both counted from 0; it is written by `write`.
    pub(super) fn put(
        &mut self,
        (row, column): (u32, u32),
        write: impl FnOnce(&mut String),
    ) -> Result<(), Halt> {
        if row >= MOST_ROWS || column >= MOST_COLUMNS {
            return Err(
                ImportError::too_large("it has cells beyond row 1048576 or column XFD").into(),
            );
        }
        if row < self.row {
            let detail = format!("row {} stands after row {}", row + 1, self.row + 1);
            return Err(ImportError::damaged(&detail).into());
        }
        if row > self.row {
            self.finish_row()?;
            self.row = row;
        }
        if self.wound.is_some() {
            return Ok(());
        }
        let column = column as usize;
        while self.used <= column {
            match self.cells.get_mut(self.used) {
                Some(cell) => cell.clear(),
                None => self.cells.push(String::new()),
            }
            self.used += 1;
        }
        let cell = &mut self.cells[column];
        self.bytes -= cell.len();
        cell.clear();
        write(cell);
        self.bytes += cell.len();
        if self.bytes > LARGEST_ROW {
            // The cells before this one show whose row it was.
            self.bytes -= cell.len();
            cell.clear();
            self.wound = Some(RowReason::RecordTooLarge);
        }
        Ok(())
    }

    /// Says that nothing follows, or why; whoever hears neither knows that there was no end.
    pub(super) fn end(mut self, end: Result<(), Halt>) {
        let end = match end
            .and_then(|()| self.finish_row())
            .and_then(|()| self.send())
        {
            Ok(()) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::Unheard) => return,
        };
        drop(self.say(Message::End(end)));
    }

    fn finish_row(&mut self) -> Result<(), Halt> {
        let wound = self.wound.take();
        if self.bytes > 0 || wound.is_some() {
            let mut cells = &self.cells[..self.used];
            // Cells that have a border and nothing else.
            while let [rest @ .., last] = cells
                && last.is_empty()
            {
                cells = rest;
            }
            self.waiting.push(Record {
                line: u64::from(self.row) + 1,
                cells: cells.into(),
                wound,
            });
            self.waiting_bytes += self.bytes;
        }
        self.used = 0;
        self.bytes = 0;
        if self.waiting.len() >= HANDFUL || self.waiting_bytes >= HANDFUL_BYTES {
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Halt> {
        self.waiting_bytes = 0;
        let rows = std::mem::take(&mut self.waiting);
        self.say(Message::Rows(rows))
    }

    fn say(&self, message: Message) -> Result<(), Halt> {
        self.sender.send(message).map_err(|_| Halt::Unheard)
    }
}
