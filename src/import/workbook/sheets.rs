//! Which sheet of a workbook is read.
//!
//! Never one that its author has hidden, unless it is named.

use calamine::{SheetType, SheetVisible};

use crate::import::ImportError;
use crate::import::shown;

/// The sheet of a workbook that is read, and those that are not.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// The other sheets that can be seen, in their order.
    pub others: Vec<String>,
}

/// Chooses the sheet a person wants, by its name or its place among those that can be seen, or else the first of these.
pub(super) fn choose(
    sheets: &[calamine::Sheet],
    wanted: Option<&str>,
) -> Result<Sheet, ImportError> {
    let chosen = match wanted {
        Some(wanted) => find(sheets, wanted).ok_or_else(|| ImportError::MissingSheet {
            sheet: wanted.to_owned(),
            sheets: names(sheets),
        })?,
        None => sheets
            .iter()
            .position(|sheet| has_cells(sheet) && is_visible(sheet))
            .ok_or_else(|| match sheets.iter().any(has_cells) {
                true => ImportError::HiddenSheets {
                    sheets: names(sheets),
                },
                false => ImportError::Empty,
            })?,
    };
    let others = sheets
        .iter()
        .enumerate()
        .filter(|(index, sheet)| *index != chosen && has_cells(sheet) && is_visible(sheet));
    Ok(Sheet {
        name: sheets[chosen].name.clone(),
        others: others.map(|(_, sheet)| sheet.name.clone()).collect(),
    })
}

/// As written, else apart from case, else by place: a sheet that is called `2` is not meant to be the second.
fn find(sheets: &[calamine::Sheet], wanted: &str) -> Option<usize> {
    let named = |is_it: &dyn Fn(&str) -> bool| {
        sheets
            .iter()
            .position(|sheet| has_cells(sheet) && is_it(&sheet.name))
    };
    let folded = wanted.trim().to_lowercase();
    let place = || {
        let place: usize = wanted.trim().parse().ok()?;
        // Charts are counted, since a person counts them; none can be read.
        let mut visible = (0..sheets.len()).filter(|index| is_visible(&sheets[*index]));
        visible
            .nth(place.checked_sub(1)?)
            .filter(|index| has_cells(&sheets[*index]))
    };
    named(&|name| name == wanted)
        .or_else(|| named(&|name| name.trim().to_lowercase() == folded))
        .or_else(place)
}

/// Lists the sheets that can be seen, and those that are hidden.
fn names(sheets: &[calamine::Sheet]) -> String {
    let listed = |visible: bool| {
        let sheets = sheets
            .iter()
            .filter(|sheet| has_cells(sheet) && is_visible(sheet) == visible);
        shown::names(sheets.map(|sheet| sheet.name.as_str()))
    };
    match (listed(true), listed(false)) {
        (visible, hidden) if hidden.is_empty() => visible,
        (visible, hidden) if visible.is_empty() => hidden,
        (visible, hidden) => format!("{visible} and hidden {hidden}"),
    }
}

fn has_cells(sheet: &calamine::Sheet) -> bool {
    sheet.typ == SheetType::WorkSheet
}

fn is_visible(sheet: &calamine::Sheet) -> bool {
    sheet.visible == SheetVisible::Visible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheets() -> Vec<calamine::Sheet> {
        let sheet = |name: &str, typ, visible| calamine::Sheet {
            name: name.to_owned(),
            typ,
            visible,
        };
        vec![
            sheet("Old", SheetType::WorkSheet, SheetVisible::Hidden),
            sheet("Chart", SheetType::ChartSheet, SheetVisible::Visible),
            sheet("People", SheetType::WorkSheet, SheetVisible::Visible),
            sheet("1", SheetType::WorkSheet, SheetVisible::Visible),
            sheet("Codes", SheetType::WorkSheet, SheetVisible::VeryHidden),
        ]
    }

    #[test]
    fn a_sheet_is_wanted_by_name_or_by_the_place_it_is_seen_at() {
        let cases = [
            (None, Some("People")),
            (Some("People"), Some("People")),
            (Some(" people "), Some("People")),
            (Some("OLD"), Some("Old")),
            (Some("1"), Some("1")),
            (Some("2"), Some("People")),
            (Some("3"), Some("1")),
            (Some("Chart"), None),
            (Some("0"), None),
            (Some("4"), None),
            (Some(""), None),
        ];
        for (wanted, expected) in cases {
            let chosen = choose(&sheets(), wanted).ok();
            let name = chosen.as_ref().map(|sheet| sheet.name.as_str());
            assert_eq!(name, expected, "{wanted:?}");
        }
    }

    #[test]
    fn the_sheets_that_are_not_read_are_told() {
        let sheet = choose(&sheets(), None).unwrap();
        assert_eq!(sheet.others, ["1"]);
        let missing = choose(&sheets(), Some("Leads")).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no sheet is called `Leads`; the workbook has `People`, `1` and hidden `Old`, `Codes`"
        );
    }

    #[test]
    fn a_workbook_without_a_sheet_to_see_is_not_guessed_at() {
        let hidden = |sheet: &calamine::Sheet| sheet.visible != SheetVisible::Visible;
        let hidden: Vec<_> = sheets().into_iter().filter(hidden).collect();
        assert_eq!(
            choose(&hidden, None).unwrap_err().to_string(),
            "every sheet of the workbook is hidden: `Old`, `Codes`"
        );
        assert!(matches!(choose(&[], None), Err(ImportError::Empty)));
    }
}
