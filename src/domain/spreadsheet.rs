//! What a spreadsheet would do with a cell of a CSV file, and how it is kept from it.
//!
//! A spreadsheet computes what looks like a formula (`=HYPERLINK(…)`, `@SUM`, `+1-1`), and rounds `+919876500001` to
//! `9.19877E+11`. One apostrophe before such a cell makes it text. Knows nothing of CSV's own quoting.
//!
//! Invariant: what `protected` did, `unprotected` undoes, whatever the text; cells that invite nothing are left alone by
//! both.

use std::borrow::Cow;

/// Keeps a spreadsheet from reading the cell as anything but a text.
const GUARD: char = '\'';

/// Returns the cell as a spreadsheet may see it: with one apostrophe more if it could be taken for a formula.
pub fn protected(cell: &str) -> Cow<'_, str> {
    if invites(cell) {
        Cow::Owned(format!("{GUARD}{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Returns the cell as it was before [`protected`] saw it.
pub fn unprotected(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(rest) if invites(rest) => rest,
        _ => cell,
    }
}

/// Returns whether a spreadsheet could find a formula in the cell.
///
/// Apostrophes are looked past, or nobody could tell a cell's own from the one that is put before it; spaces are, because
/// some spreadsheets trim them.
fn invites(cell: &str) -> bool {
    let start = cell.trim_start_matches([GUARD, ' ', '\u{A0}', '\u{FEFF}']);
    start.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}',
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_invites_a_spreadsheet_gets_an_apostrophe() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("+919876500001", "'+919876500001"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r\n=1", "'\r\n=1"),
            ("＝1", "'＝1"),
            ("＋91", "'＋91"),
            ("－1", "'－1"),
            ("＠a", "'＠a"),
            ("  =1", "'  =1"),
            ("'=1", "''=1"),
            ("''+91", "'''+91"),
        ] {
            assert_eq!(protected(cell), safe, "{cell:?}");
            assert_eq!(unprotected(safe), cell, "{cell:?}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for cell in [
            "",
            "'",
            "''",
            "Asha",
            "'Asha",
            "O'=1",
            "9876500001",
            "1-2",
            "आशा",
            "'9876500001",
        ] {
            assert_eq!(protected(cell), cell);
            assert_eq!(unprotected(cell), cell);
        }
    }

    #[test]
    fn an_apostrophe_that_the_spreadsheet_ate_is_not_missed() {
        assert_eq!(unprotected("+919876500001"), "+919876500001");
        assert_eq!(unprotected("=1+1"), "=1+1");
    }

    proptest! {
        #[test]
        fn protection_is_undone_exactly(cell in "['=+@＝ \t\r\u{FEFF}a-]{0,6}|.*") {
            let safe = protected(&cell);
            prop_assert_eq!(unprotected(&safe), cell.as_str());
            let trimmed = safe.trim_start();
            prop_assert!(trimmed.is_empty() || !trimmed.starts_with(['=', '+', '-', '@']), "{:?}", safe);
        }
    }
}
