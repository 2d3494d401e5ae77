//! The sheets of an ODS, looked through before they are read.
//!
//! calamine waits forever for the end of a table that has none, and repeats a cell as often as it is told to. So the tags
//! have to agree, and the sheets have to fit into memory with all they repeat.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::archive::unpacking;
use crate::import::ImportError;

/// How many cells a sheet may have, empty ones between others included; each takes 32 bytes.
const MOST_CELLS: u64 = 16 << 20;

/// How many spaces may stand side by side; a cell of so many is refused in any case.
const MOST_SPACES: u64 = 64 * 1024;

/// Checks that the sheets are whole, and not too large.
pub(super) fn check(content: impl BufRead) -> Result<(), ImportError> {
    let mut reader = Reader::from_reader(content);
    let mut buffer = Vec::new();
    let mut depth = 0_usize;
    let mut sheet = Extent::default();
    loop {
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| match error {
                quick_xml::Error::Io(error) => {
                    unpacking(std::io::Error::new(error.kind(), error.to_string()))
                }
                other => ImportError::damaged(&other.to_string()),
            })?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                sheet.begin(&tag)?;
            }
            Event::Empty(tag) => sheet.begin(&tag)?,
            // The reader itself has checked that the names agree.
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => return Err(ImportError::damaged("it ends within a sheet")),
            _ => {}
        }
        if sheet.rows.saturating_mul(sheet.columns) > MOST_CELLS {
            let detail =
                "a sheet in it has more than 16 million cells, empty ones between others included";
            return Err(ImportError::too_large(detail));
        }
        buffer.clear();
    }
}

/// How far the cells of a sheet reach that have anything in them.
#[derive(Default)]
struct Extent {
    rows: u64,
    columns: u64,
    row: u64,
    column: u64,
}

impl Extent {
    fn begin(&mut self, tag: &BytesStart<'_>) -> Result<(), ImportError> {
        match tag.name().into_inner() {
            "table:table" => *self = Self::default(),
            "table:table-row" => {
                self.row = self
                    .row
                    .saturating_add(repeated(tag, "table:number-rows-repeated")?);
                self.column = 0;
            }
            "table:table-cell" | "table:covered-table-cell" => {
                let columns = repeated(tag, "table:number-columns-repeated")?;
                self.column = self.column.saturating_add(columns);
                let filled = ["office:value-type", "table:formula"];
                for attribute in filled {
                    if value_of(tag, attribute)?.is_some() {
                        self.rows = self.row;
                        self.columns = self.columns.max(self.column);
                    }
                }
            }
            "text:s" if repeated(tag, "text:c")? > MOST_SPACES => {
                return Err(ImportError::too_large(
                    "a cell in it has more than 65536 spaces",
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

fn repeated(tag: &BytesStart<'_>, attribute: &str) -> Result<u64, ImportError> {
    match value_of(tag, attribute)? {
        Some(times) => times.parse().map_err(|_| {
            ImportError::damaged("something in it is repeated, and not a number of times")
        }),
        None => Ok(1),
    }
}

fn value_of(tag: &BytesStart<'_>, attribute: &str) -> Result<Option<String>, ImportError> {
    let found = tag
        .try_get_attribute(attribute)
        .map_err(|error| ImportError::damaged(&error.to_string()))?;
    Ok(found.map(|attribute| attribute.value.into_owned()))
}
