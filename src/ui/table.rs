//! Tables: with lines on a terminal, tab-separated without any elsewhere, so that `cut` and `awk` can read them.

use std::io::IsTerminal as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::harmless;

/// One line under the header, and nothing between rows: a long list stays a list.
const UNDERLINED_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A column's title and the side its cells lean to.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Text, to the left.
    Text(&'static str),
    /// Numbers, to the right.
    Number(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Text(title) | Self::Number(title) => title,
        }
    }
}

/// Returns rows as a table for where standard output goes.
pub fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    if std::io::stdout().is_terminal() {
        drawn(columns, rows)
    } else {
        tabbed(columns, rows)
    }
}

fn drawn(columns: &[Column], rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(UNDERLINED_HEADER)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns.iter().map(|column| Cell::new(column.title())));
    for row in rows {
        let cells = columns.iter().zip(row).map(|(column, text)| {
            let cell = Cell::new(harmless(text));
            match column {
                Column::Text(_) => cell,
                Column::Number(_) => cell.set_alignment(CellAlignment::Right),
            }
        });
        table.add_row(cells);
    }
    format!("{table}\n")
}

fn tabbed(columns: &[Column], rows: &[Vec<String>]) -> String {
    let titles: Vec<_> = columns
        .iter()
        .map(|column| column.title().to_lowercase().replace(' ', "_"))
        .collect();
    let mut text = titles.join("\t") + "\n";
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| harmless(cell)).collect();
        text += &(cells.join("\t") + "\n");
    }
    text
}

/// Returns named values, one to a line, the values under each other.
pub fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    facts
        .iter()
        .map(|(name, value)| format!("{name:width$}  {}\n", harmless(value)))
        .collect()
}

/// Returns rows as CSV with a header.
///
/// A cell that a spreadsheet would take for a formula gets an apostrophe before it.
pub fn csv(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = std::iter::once(header.iter().map(|title| (*title).to_owned()).collect())
        .chain(rows.iter().map(|row| {
            row.iter()
                .map(|cell| without_formula(cell))
                .collect::<Vec<String>>()
        }))
        .try_for_each(|row: Vec<String>| writer.write_record(row));
    let bytes = written
        .ok()
        .and_then(|()| writer.into_inner().ok())
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A number's own `+` is no formula: `+91…` stays as it is.
fn without_formula(cell: &str) -> String {
    let is_number = cell
        .strip_prefix(['+', '-'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    if !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_a_terminal_cells_are_separated_by_tabs() {
        let columns = [Column::Text("Number"), Column::Number("Next attempt")];
        let rows = [vec!["+919876500000".to_owned(), "a\tb".to_owned()]];
        assert_eq!(
            tabbed(&columns, &rows),
            "number\tnext_attempt\n+919876500000\ta\u{FFFD}b\n"
        );
    }

    #[test]
    fn spreadsheets_find_no_formula() {
        let rows = [vec![
            "=1+1".to_owned(),
            "+919876500000".to_owned(),
            "-5".to_owned(),
            "@a".to_owned(),
        ]];
        assert_eq!(
            csv(&["a", "b", "c", "d"], &rows),
            "a,b,c,d\n'=1+1,+919876500000,-5,'@a\n"
        );
    }
}
