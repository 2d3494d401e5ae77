//! Tables: with lines on a terminal, tab-separated without any elsewhere, so that `cut` and `awk` can read them.

use std::borrow::Cow;
use std::io::IsTerminal as _;

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width,
};

use super::{harmless, shortened};
use crate::domain::spreadsheet::protected;

/// One line under the header, and nothing between rows: a long list stays a list.
const UNDERLINED_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A column's title and the side its cells lean to.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Text, to the left; broken where there is no room.
    Text(&'static str),
    /// What somebody is called: as text, but cut on a terminal, where one name must not push the others away.
    Name(&'static str),
    /// A word, a time or a telephone number, to the left; never broken.
    Word(&'static str),
    /// Numbers, to the right; never broken.
    Number(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Text(title) | Self::Name(title) | Self::Word(title) | Self::Number(title) => {
                title
            }
        }
    }
}

/// What a column of text is left at least, where there is little room.
const LEAST_TEXT: u16 = 7;

/// No word of ours is longer; what comes from outside may be, and is broken then.
const MOST_UNBROKEN: u16 = 40;

/// How many letters of a name a terminal shows at most.
const MOST_OF_A_NAME: usize = 60;

/// Returns whether tables are drawn for a person.
pub fn is_drawn() -> bool {
    std::io::stdout().is_terminal()
}

/// Returns rows as a table for where standard output goes.
pub fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    if is_drawn() {
        drawn(columns, rows, None)
    } else {
        tabbed(columns, rows)
    }
}

/// Draws a table as wide as the terminal, unless a width is given.
fn drawn(columns: &[Column], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = comfy_table::Table::new();
    if let Some(width) = width {
        table.set_width(width);
    }
    table
        .load_style(UNDERLINED_HEADER)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns.iter().map(|column| Cell::new(column.title())));
    for row in rows {
        let cells = columns.iter().zip(row).map(|(column, text)| {
            let text = harmless(text);
            match column {
                Column::Text(_) | Column::Word(_) => Cell::new(text),
                Column::Name(_) => Cell::new(shortened(&text, MOST_OF_A_NAME)),
                Column::Number(_) => Cell::new(text).set_alignment(CellAlignment::Right),
            }
        });
        table.add_row(cells);
    }
    // The space between columns is given up first, and whole titles after it.
    let room = table.width().map_or(usize::MAX, usize::from);
    let layouts = [
        ((1, 1), true),
        ((0, 1), true),
        ((0, 0), true),
        ((0, 0), false),
    ];
    let layouts = layouts.map(|((left, right), titles)| {
        let least = least_widths(columns, rows, titles);
        let widths: Vec<_> = least.map(|least| left + least + right).collect();
        ((left, right), widths)
    });
    let fits = |widths: &[u16]| {
        let letters: usize = widths.iter().copied().map(usize::from).sum();
        letters + widths.len().saturating_sub(1) <= room
    };
    let fitting = layouts.iter().position(|(_, widths)| fits(widths));
    let (padding, widths) = &layouts[fitting.unwrap_or(3)];
    for (column, least) in table.column_iter_mut().zip(widths) {
        column.set_padding(*padding);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(*least)));
    }
    format!("{table}\n")
}

/// Returns how many letters each column needs so that nothing is broken that must not be.
fn least_widths(
    columns: &[Column],
    rows: &[Vec<String>],
    with_titles: bool,
) -> impl Iterator<Item = u16> {
    columns.iter().enumerate().map(move |(index, column)| {
        let title = with_titles.then(|| column.title());
        let cells = rows.iter().filter_map(|row| row.get(index));
        let texts = cells.map(String::as_str).chain(title);
        let widest = texts.map(|text| text.chars().count()).max();
        let most = match column {
            Column::Text(_) | Column::Name(_) => LEAST_TEXT,
            Column::Word(_) | Column::Number(_) => MOST_UNBROKEN,
        };
        let widest = u16::try_from(widest.unwrap_or_default()).unwrap_or(most);
        widest.clamp(1, most)
    })
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

/// Returns named values, one to a line, the values under each other; on a terminal, lines are broken between words.
pub fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let room = super::results_width();
    let line = |(name, value): &(&str, String)| {
        let (label, value) = (format!("{name:width$}  "), harmless(value));
        match room {
            Some(room) if label.len() + value.chars().count() > room => {
                super::wrapped(&label, &value, room)
            }
            _ => format!("{label}{value}\n"),
        }
    };
    facts.iter().map(line).collect()
}

/// Returns rows as CSV with a header.
///
/// A cell that a spreadsheet would take for a formula gets an apostrophe before it.
pub fn csv(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let cells = |row: &Vec<String>| row.iter().map(|cell| safe(cell).into_owned()).collect();
    let written = std::iter::once(header.iter().map(|title| (*title).to_owned()).collect())
        .chain(rows.iter().map(cells))
        .try_for_each(|row: Vec<String>| writer.write_record(row));
    let bytes = written
        .ok()
        .and_then(|()| writer.into_inner().ok())
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A number is no formula, and programs read these files too: `+91…` stays as it is.
fn safe(cell: &str) -> Cow<'_, str> {
    let is_number = cell
        .strip_prefix(['+', '-'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    if is_number {
        Cow::Borrowed(cell)
    } else {
        protected(cell)
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
    fn where_there_is_little_room_text_is_broken_and_nothing_else() {
        let columns = [
            Column::Word("Number"),
            Column::Text("Name"),
            Column::Word("State"),
            Column::Word("Outcome"),
            Column::Number("Attempts"),
            Column::Word("Called"),
            Column::Number("Length"),
            Column::Text("Note"),
        ];
        let row = [
            "+919876500000",
            "Asha Kulkarni",
            "completed",
            "no-answer",
            "3",
            "05 Mar 10:24",
            "125s",
            "no reply in time: next 06 Mar 10:24",
        ];
        let rows = [row.map(str::to_owned).to_vec()];
        for width in [60, 80, 100] {
            let table = drawn(&columns, &rows, Some(width));
            for whole in [
                "+919876500000",
                "completed",
                "no-answer",
                "05 Mar 10:24",
                "125s",
            ] {
                assert!(table.contains(whole), "{whole} at {width}:\n{table}");
            }
            let widest = table.lines().map(|line| line.chars().count()).max();
            assert!(width < 80 || widest <= Some(width.into()), "{table}");
        }
        let table = drawn(&columns, &rows, Some(80));
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        Number        Name     State     Outcome   Attempts Called       Length Note
        ────────────────────────────────────────────────────────────────────────────────
        +919876500000 Asha     completed no-answer        3 05 Mar 10:24   125s no reply
                      Kulkarni                                                  in time:
                                                                                next 06
                                                                                Mar
                                                                                10:24
        ");
    }

    #[test]
    fn a_long_name_is_cut_on_a_terminal_and_nowhere_else() {
        let long = "👋".repeat(5_000);
        let rows = [vec![long.clone(), "5".to_owned()]];
        let columns = [Column::Name("Name"), Column::Number("Attempts")];
        let table = drawn(&columns, &rows, Some(40));
        assert_eq!(table.matches('👋').count(), MOST_OF_A_NAME - 1);
        assert!(table.contains('…'));
        // Each takes the room of two letters.
        assert!(
            table.lines().all(|line| line.matches('👋').count() <= 20),
            "{table}"
        );
        let ours = [Column::Text("Note"), Column::Number("Attempts")];
        assert_eq!(drawn(&ours, &rows, Some(40)).matches('👋').count(), 5_000);
        assert!(tabbed(&columns, &rows).contains(&format!("{long}\t5\n")));
        assert!(csv(&["name", "attempts"], &rows).contains(&format!("{long},5\n")));
    }

    #[test]
    fn spreadsheets_find_no_formula() {
        let rows = [vec![
            "=1+1".to_owned(),
            "+919876500000".to_owned(),
            "-5".to_owned(),
            "@a".to_owned(),
            "+1-1".to_owned(),
            "'=1".to_owned(),
        ]];
        assert_eq!(
            csv(&["a", "b", "c", "d", "e", "f"], &rows),
            "a,b,c,d,e,f\n'=1+1,+919876500000,-5,'@a,'+1-1,''=1\n"
        );
    }
}
