//! Rows that stand for nobody: the total below a list, and a header in the middle of one.
//!
//! Asked only about rows whose phone cell is no number that can be called, and only to give the refusal a name: a row with
//! a number is a person, whatever else it says.

use csv::StringRecord;

use super::RowReason;

/// What the label of a total says.
const TOTALS: [&str; 11] = [
    "total",
    "totals",
    "grand total",
    "sub total",
    "sub-total",
    "subtotal",
    "sum",
    "count",
    "कुल",
    "योग",
    "कुल योग",
];

/// A longer cell is no label, in bytes.
const LONGEST_LABEL: usize = 64;

/// Returns what a row is, if it stands for nobody.
pub(super) fn recognised(cells: &StringRecord, header: Option<&StringRecord>) -> Option<RowReason> {
    if header.is_some_and(|header| repeats(cells, header)) {
        return Some(RowReason::HeaderAgain);
    }
    cells.iter().any(is_total).then_some(RowReason::TotalsRow)
}

/// Returns whether a row has the header's names, apart from cells that are empty at its end.
fn repeats(cells: &StringRecord, header: &StringRecord) -> bool {
    let count = cells.len().max(header.len());
    (0..count).all(|index| {
        let [cell, name] = [cells, header].map(|row| row.get(index).unwrap_or_default().trim());
        cell == name || cell.to_lowercase() == name.to_lowercase()
    })
}

/// Returns whether a cell is the label of a total: `Grand Total`, `total:`, `Total: 1,250.00`.
fn is_total(cell: &str) -> bool {
    let is_amount = |character: char| {
        character.is_numeric() || character.is_whitespace() || ".,:=-₹".contains(character)
    };
    let label = cell.trim_end_matches(is_amount);
    if label.len() > LONGEST_LABEL {
        return false;
    }
    let words: Vec<String> = label.split_whitespace().map(str::to_lowercase).collect();
    TOTALS.contains(&words.join(" ").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_known_by_its_label() {
        for cell in [
            "Total",
            " total ",
            "TOTALS",
            "Total:",
            "Total :",
            "Total: 1,250.00",
            "total 250",
            "Grand Total",
            "grand total = 12",
            "Grand  Total",
            "Sub Total",
            "SUB-TOTAL",
            "SubTotal",
            "Sum",
            "count: 40",
            "कुल",
            "कुल योग:",
            "योग १२",
        ] {
            assert!(is_total(cell), "{cell:?}");
        }
        for cell in [
            "",
            " ",
            "12",
            "Total Gas",
            "totally",
            "Sumitra",
            "Account",
            "Countess",
            "not total",
            "T",
            "कुलदीप",
        ] {
            assert!(!is_total(cell), "{cell:?}");
        }
    }

    #[test]
    fn a_header_is_known_again_however_it_is_written() {
        let header: StringRecord = vec!["Name", " Mobile No.", "शहर", ""].into();
        let cases: [(&[&str], bool); 5] = [
            (&["NAME ", "mobile no.", "शहर", ""], true),
            (&["Name", "Mobile No.", "शहर"], true),
            (&["Name", "Mobile No.", "शहर", "", "", ""], true),
            (&["Name", "Mobile No.", "Pune"], false),
            (&["Name", "Mobile No.", "शहर", "", "x"], false),
        ];
        for (cells, again) in cases {
            let cells: StringRecord = cells.to_vec().into();
            assert_eq!(repeats(&cells, &header), again, "{cells:?}");
        }
    }
}
