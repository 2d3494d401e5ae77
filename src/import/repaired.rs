//! A file of refused rows that comes back after repair.
//!
//! Its header is the source's and three columns more, which say where each row stood and what was wrong with it. They are
//! no fields of a contact. Cells that a spreadsheet would run as a formula were given an apostrophe when the file was
//! written; it is taken off again, so that what is kept is what the source said.

use csv::StringRecord;

use super::rejects::ADDED;
use crate::domain::spreadsheet::unprotected;

/// Returns how many columns the source had, if this is the header of a file of refused rows.
///
/// Where one row has surplus cells, a spreadsheet gives every row as many, the header too.
pub(super) fn source_columns(header: &StringRecord) -> Option<usize> {
    let named = |(place, name): (usize, &str)| (!name.is_empty()).then_some(place + 1);
    let count = header.iter().enumerate().filter_map(named).last()?;
    let source = count.checked_sub(ADDED.len())?;
    let added = header.iter().skip(source).take(ADDED.len());
    added.eq(ADDED).then_some(source)
}

/// Returns how many columns the file has, those that were added among them.
pub(super) fn columns(source: usize) -> usize {
    source + ADDED.len()
}

/// Returns the header as the source has it.
pub(super) fn source_header(header: &StringRecord, source: usize) -> StringRecord {
    header.iter().take(source).map(unprotected).collect()
}

/// Returns a row as the source has it: without the columns that were added, and with what it had too many.
pub(super) fn source_row(row: &StringRecord, source: usize) -> StringRecord {
    let own = row.iter().take(source);
    let surplus = row.iter().skip(columns(source));
    own.chain(surplus).map(unprotected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_refused_rows_is_known_by_its_last_three_columns() {
        let columns = |names: &[&str]| source_columns(&names.to_vec().into());
        assert_eq!(columns(&["phone", "line", "reason", "hint"]), Some(1));
        assert_eq!(columns(&["line", "reason", "hint"]), Some(0));
        assert_eq!(columns(&["phone", "line", "reason", "Hint"]), None);
        assert_eq!(columns(&["phone", "line", "hint", "reason"]), None);
        assert_eq!(columns(&["line", "reason", "hint", "phone"]), None);
        assert_eq!(columns(&["hint"]), None);
        assert_eq!(columns(&["", ""]), None);
        assert_eq!(
            columns(&["phone", "", "line", "reason", "hint", "", ""]),
            Some(2)
        );
    }

    #[test]
    fn a_row_with_surplus_cells_is_put_together_again() {
        let row = vec!["'+1", "a", "3", "ragged", "why", "b", "'=c"].into();
        let expected: StringRecord = vec!["+1", "a", "b", "=c"].into();
        assert_eq!(source_row(&row, 2), expected);
    }
}
