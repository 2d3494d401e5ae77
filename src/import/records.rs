//! The rows of a list as its file has them, whatever kind of file it is.
//!
//! Knows nothing of columns and numbers. A row that cannot be read comes out all the same, with its line and its wound, so
//! that every row of the source is accounted for.

use std::io::{Read, Seek};

use csv::StringRecord;

use super::kind::Kind;
use super::text::Text;
use super::workbook::{Sheet, Workbook};
use super::{ImportError, Options, RowReason};

/// One row.
#[derive(Default, Debug)]
pub(super) struct Record {
    /// The physical line on which it begins, or the sheet's row; the first is 1.
    pub(super) line: u64,
    /// Its cells, as far as they could be told apart.
    pub(super) cells: StringRecord,
    /// Why it cannot be read, whatever its cells say.
    pub(super) wound: Option<RowReason>,
}

/// Says whether a row could be called, had it been found in this file.
pub(super) type IsRow = Box<dyn Fn(&StringRecord) -> bool + Send>;

/// The rows of one file.
pub(super) enum Records<R> {
    Text(Box<Text<R>>),
    Sheet(Workbook),
}

impl<R: Read + Seek + Send + 'static> Records<R> {
    /// Finds out what kind of file this is, and begins to read it.
    pub(super) fn open(mut input: R, options: &Options) -> Result<Self, ImportError> {
        let kind = Kind::of(&mut input).map_err(ImportError::Read)?;
        match kind {
            Kind::Zip | Kind::Compound => {
                Workbook::open(input, kind, options.sheet.clone()).map(Self::Sheet)
            }
            Kind::Markup => Err(ImportError::Markup),
            Kind::Text if options.sheet.is_some() => Err(ImportError::SheetOfText),
            Kind::Text => Ok(Self::Text(Box::new(Text::open(input, options)?))),
        }
    }

    /// Returns which sheet is read, if the file is a workbook.
    pub(super) fn sheet(&self) -> Option<&Sheet> {
        match self {
            Self::Text(_) => None,
            Self::Sheet(workbook) => Some(workbook.sheet()),
        }
    }

    /// Says how a row is known that can be called, so that a text with a stray quote before such rows does not lose them.
    pub(super) fn recognise(&mut self, is_row: IsRow) {
        match self {
            Self::Text(text) => text.recognise(is_row),
            // A sheet's cells cannot run into each other.
            Self::Sheet(_) => {}
        }
    }

    /// Reads the next row; `false` at the end of the file.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, ImportError> {
        match self {
            Self::Text(text) => text.next(record),
            Self::Sheet(workbook) => workbook.next(record),
        }
    }
}
