//! One row's bytes → its cells.
//!
//! The `csv` crate splits them; here its parser is only kept from reading on, so that each row is split by itself and
//! nothing in one can reach into the next.

use std::io::{self, Cursor};

use csv::StringRecord;

use super::frames::Wound;
use crate::import::ImportError;

/// Splits rows.
pub(super) struct Cells {
    csv: csv::Reader<Cursor<Vec<u8>>>,
    delimiter: u8,
}

impl Cells {
    pub(super) fn new(delimiter: u8) -> Self {
        // The parser takes off a byte order mark in the first bytes it sees; a row that is nothing else would be its end.
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Cursor::new(b"-\n".to_vec()));
        let first = csv.read_record(&mut StringRecord::new());
        debug_assert!(first.is_ok_and(|read| read));
        Self { csv, delimiter }
    }

    /// Splits a row, which is not empty.
    pub(super) fn split(
        &mut self,
        row: &[u8],
        cells: &mut StringRecord,
    ) -> Result<(), ImportError> {
        let waiting = self.csv.get_mut();
        waiting.set_position(0);
        let bytes = waiting.get_mut();
        bytes.clear();
        bytes.extend_from_slice(row);
        bytes.push(b'\n');
        match self.csv.read_record(cells) {
            Ok(_) => Ok(()),
            Err(error) => Err(ImportError::Read(io::Error::other(error))),
        }
    }

    /// Splits a row as far as its wound, and beyond it as if there were no quotes.
    pub(super) fn split_wounded(
        &mut self,
        row: &[u8],
        wound: &Wound,
        cells: &mut StringRecord,
    ) -> Result<(), ImportError> {
        let (sound, rest) = row.split_at(wound.cell);
        cells.clear();
        if !sound.is_empty() {
            // Ends in a delimiter: behind it the parser sees one more cell, which is the wounded one.
            self.split(sound, cells)?;
            cells.truncate(cells.len().saturating_sub(1));
        }
        for cell in rest.split(|byte| *byte == self.delimiter) {
            cells.push_field(&String::from_utf8_lossy(cell));
        }
        Ok(())
    }
}
