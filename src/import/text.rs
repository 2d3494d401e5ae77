//! The rows of a text: bytes in some encoding → cells, by the sign that separates them.
//!
//! `encoding` makes UTF-8 of the bytes, `sniff` finds the sign, `frames` the rows, `cells` splits them. A row that cannot
//! be read as it stands comes out with its wound, and costs no other.

mod cells;
mod encoding;
mod frames;
mod sniff;

use std::io::Read;

use csv::StringRecord;

use super::records::{IsRow, Record};
use super::{ImportError, Options};
use cells::Cells;
use encoding::Decoded;
use frames::Frames;

/// The largest row that is kept, in bytes.
const LARGEST_ROW: usize = 1024 * 1024;

/// The rows of one text.
pub(super) struct Text<R> {
    frames: Frames<R>,
    cells: Cells,
    is_row: IsRow,
    /// The cells of a line that may be a row of its own.
    line: StringRecord,
}

impl<R: Read> Text<R> {
    /// Reads the beginning of a text: its encoding, and the sign that separates its columns.
    pub(super) fn open(input: R, options: &Options) -> Result<Self, ImportError> {
        Self::open_limited(input, options, LARGEST_ROW)
    }

    fn open_limited(input: R, options: &Options, largest_row: usize) -> Result<Self, ImportError> {
        let text = Decoded::open(input, options.encoding)?;
        let mut frames = Frames::new(text, largest_row);
        let delimiter = delimiter(&mut frames, options)?;
        frames.separate_by(delimiter);
        Ok(Self {
            frames,
            cells: Cells::new(delimiter),
            is_row: Box::new(|_| false),
            line: StringRecord::new(),
        })
    }

    /// Says how a row is known that can be called.
    pub(super) fn recognise(&mut self, is_row: IsRow) {
        self.is_row = is_row;
    }

    /// Reads the next row; `false` at the end of the text.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, ImportError> {
        let Self {
            frames,
            cells,
            is_row,
            line,
        } = self;
        let found = frames.next(|bytes| cells.split(bytes, line).is_ok() && is_row(line))?;
        let Some(frame) = found else { return Ok(false) };
        record.line = frame.line;
        match &frame.wound {
            None => cells.split(frame.bytes, &mut record.cells)?,
            Some(wound) => cells.split_wounded(frame.bytes, wound, &mut record.cells)?,
        }
        record.wound = frame.wound.map(|wound| wound.reason);
        Ok(true)
    }
}

/// Finds the sign that separates the columns, and passes over a line that does nothing but name it.
fn delimiter<R: Read>(frames: &mut Frames<R>, options: &Options) -> Result<u8, ImportError> {
    // Long enough for every line that names a sign, by its end or by its length.
    let sep_line = sniff::sep_line(frames.ahead(|start| start.len() > "\"sep=;\"".len())?);
    if let Some((length, _)) = sep_line {
        frames.pass_over(length);
    }
    match options.delimiter.or(sep_line.map(|(_, sign)| sign)) {
        Some(sign) => Ok(sign),
        None => sniff::delimiter(frames.ahead(sniff::has_first_row)?, options),
    }
}

#[cfg(test)]
mod tests;
