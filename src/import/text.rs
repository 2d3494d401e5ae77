//! The rows of a text: bytes in some encoding → cells, by the sign that separates them.

mod sniff;
mod watch;

use std::io::{self, Chain, Cursor, Read};

use super::records::Record;
use super::{ImportError, Options};
use watch::{Trouble, Watch};

/// The rows of one text.
pub(super) struct Text<R> {
    csv: csv::Reader<Watch<Chain<Cursor<Vec<u8>>, R>>>,
}

impl<R: Read> Text<R> {
    /// Reads the beginning of a text: byte order mark, delimiter.
    pub(super) fn open(mut input: R, options: &Options) -> Result<Self, ImportError> {
        let start = sniff::beginning(&mut input).map_err(ImportError::Read)?;
        let delimiter = sniff::delimiter(&start, options)?;
        let watch = Watch::new(Cursor::new(start).chain(input), delimiter);
        let csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_reader(watch);
        Ok(Self { csv })
    }

    /// Reads the next row; `false` at the end of the text.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, ImportError> {
        let read = self.csv.read_record(&mut record.cells);
        // The parser does not count lines that end in CR, and counts blank lines to the row after them.
        record.line = self.csv.get_mut().begun_on();
        record.wound = None;
        read.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => trouble(error),
            csv::ErrorKind::Utf8 { .. } => ImportError::NotUtf8 { line: record.line },
            other => ImportError::Read(io::Error::other(format!("{other:?}"))),
        })
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

/// Returns the sign that separates the columns of a list without anything typed.
#[cfg(test)]
pub(super) fn delimiter(bytes: &[u8]) -> u8 {
    let start = sniff::beginning(&mut &*bytes).unwrap();
    sniff::delimiter(&start, &Options::default()).unwrap()
}
