//! A look at the rows below a header that nobody understands.
//!
//! For the hint of an error only: the file is refused whatever is found here, and a person decides.

use std::io::{Read, Seek};

use csv::StringRecord;

use super::names::{normalised, phone_name};
use super::records::{Record, Records};
use super::shown::listed;
use super::{Options, choice, is_blank};

/// How many rows are looked at.
const ROWS: usize = 50;
/// How many rows of title and address a list may have above its header.
const TITLES: usize = 10;

/// What was seen of a column.
#[derive(Clone, Default)]
struct Seen {
    cells: usize,
    numbers: usize,
}

/// Returns what the rows below a header make likely: that the header is one of them, or which column has the numbers.
pub(super) fn suggestion<R: Read + Seek + Send + 'static>(
    records: &mut Records<R>,
    header: &StringRecord,
    options: &Options,
) -> Option<String> {
    let mut columns = vec![Seen::default(); header.len()];
    let mut record = Record::default();
    let mut rows = 0;
    while rows < ROWS && matches!(records.next(&mut record), Ok(true)) {
        if is_blank(&record.cells) {
            continue;
        }
        rows += 1;
        if rows <= TITLES && is_header(&record.cells, options) {
            return Some(format!(
                "line {} looks like the header: remove the lines above it",
                record.line
            ));
        }
        for (seen, cell) in columns.iter_mut().zip(&record.cells) {
            seen.cells += usize::from(!cell.trim().is_empty());
            seen.numbers += usize::from(options.rules.parse_all(cell).is_ok());
        }
    }
    likely(header, &columns)
}

/// Returns whether a row could be the header that the first row is not.
fn is_header(cells: &StringRecord, options: &Options) -> bool {
    cells.iter().filter(|cell| !cell.trim().is_empty()).count() > 1
        && cells
            .iter()
            .any(|cell| phone_name(&normalised(cell)).is_some())
        // A contact may be one of type `mobile`.
        && cells
            .iter()
            .all(|cell| options.rules.parse_all(cell).is_err())
}

fn likely(header: &StringRecord, columns: &[Seen]) -> Option<String> {
    let mut likely: Vec<(usize, &Seen)> = columns
        .iter()
        .enumerate()
        .filter(|(_, seen)| seen.numbers * 2 > seen.cells)
        .collect();
    likely.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.numbers));
    match likely.as_slice() {
        [] => None,
        [(index, seen)] => {
            let option = choice::option(header, "phone", *index);
            Some(match seen.cells {
                1 => {
                    format!("did you mean {option}? its first cell is a number that can be called")
                }
                cells => format!(
                    "did you mean {option}? {} of its first {cells} cells are numbers that can be called",
                    seen.numbers
                ),
            })
        }
        several => {
            let counted = |(index, seen): &(usize, &Seen)| {
                let option = choice::option(header, "phone", *index);
                format!("{option} ({} of {})", seen.numbers, seen.cells)
            };
            Some(format!(
                "these columns have numbers that can be called: {}",
                listed(several.iter(), counted, ", ")
            ))
        }
    }
}
