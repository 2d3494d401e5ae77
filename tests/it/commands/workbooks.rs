//! `import` of workbooks: which sheet is read, what becomes of each row, and what is refused as a whole.

use std::fs;

use serde_json::{Value, json};

use crate::support::binary::Folder;

/// A folder with these workbooks of `fixtures/import` in it.
fn folder_with(names: &[&str]) -> Folder {
    let folder = Folder::new();
    for name in names {
        let fixture = format!("{}/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(fixture, folder.path().join(name)).expect("the fixture is there");
    }
    folder
}

/// Number, name and fields of every contact.
fn contacts(folder: &Folder, campaign: &str) -> Vec<Value> {
    let status = folder.status(campaign);
    let contacts = status["contacts"].as_array().expect("contacts are a list");
    contacts
        .iter()
        .map(|contact| json!([contact["number"], contact["name"], contact["fields"]]))
        .collect()
}

/// What is said of a file that is refused as a whole, and leaves nothing behind.
fn refusal(name: &str, options: &str) -> String {
    let folder = folder_with(&[name]);
    let ran = folder.run(&format!("import {name} {options}")).exits(2);
    assert_eq!(folder.files(), [name]);
    ran.stderr
}

#[test]
fn a_messy_sheet_has_a_verdict_for_every_row() {
    let folder = folder_with(&["messy.xlsx"]);
    let ran = folder.run("import messy.xlsx --map name=नाम").exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    campaign    messy
    rows        13
    accepted    7
    duplicates  0
    rejected    6
                1 empty, 2 letters, 1 scientific_notation, 1 totals_row, 1 two_numbers
    ");
    insta::assert_snapshot!(ran.stderr, @"
    sheet `People` of `messy.xlsx` is read; it also has `Notes` (`--sheet NAME`)
    line 9: a spreadsheet turned the number into scientific notation, and its last digits are lost (`9.88E+09`)
    line 10: there are letters in the number (`#N/A`)
    line 11: there are letters in the number (`#DIV/0!`)
    line 14: the cell has no number
    line 16: more than one number in the cell (`•••••••••• / ••••••0012`)
    line 18: a row of totals, not a person
    ");
    let rest = |visit: &str, paid: &str, due: &str, note: &str| json!({"Visit": visit, "Paid": paid, "Due": due, "Note": note});
    let shown = rest("2026-11-22", "TRUE", "1500", "shown as 9.88E+09");
    let lines = rest("2026-11-22 10:30:00", "FALSE", "99.5", "two\nlines");
    let dated = rest("", "", "", "a number under a date's format");
    assert_eq!(
        contacts(&folder, "messy"),
        [
            json!(["+919876500001", "Asha Rao", shown]),
            json!(["+919876500002", "सुनीता देवी", lines]),
            json!(["+919876500003", "Ravi", rest("10:30:00", "", "0.3", "")]),
            json!([
                "+919876500004",
                "Meena",
                rest("37:30:00", "", "0.333333333333333", "")
            ]),
            json!(["+919876500008", "Priya", rest("", "", "", "")]),
            json!(["+919876500010", "Qadir", rest("", "", "", "two fonts")]),
            json!(["+919876500013", "Sam", dated]),
        ]
    );
}

#[test]
fn a_sheet_is_chosen_by_name_or_place() {
    let folder = folder_with(&["messy.xlsx"]);
    for (campaign, sheet) in [("by-name", "notes"), ("by-place", "2")] {
        folder
            .run(&format!(
                "import messy.xlsx --sheet {sheet} --campaign {campaign}"
            ))
            .exits(0);
        assert_eq!(
            contacts(&folder, campaign),
            [json!(["+919876500101", "Zoya", {}])]
        );
    }
    folder
        .run("import messy.xlsx --sheet Old --campaign hidden")
        .exits(0);
    assert_eq!(
        contacts(&folder, "hidden"),
        [json!(["+919876599999", "Nobody", {}])]
    );
    insta::assert_snapshot!(refusal("messy.xlsx", "--sheet Leads"), @"
    error: cannot import `messy.xlsx`
      caused by: no sheet is called `Leads`; the workbook has `People`, `Notes` and hidden `Old`
    hint: name one of them with `--sheet NAME`
    ");
    insta::assert_snapshot!(refusal("messy.xlsx", "--sheet 3"), @"
    error: cannot import `messy.xlsx`
      caused by: no sheet is called `3`; the workbook has `People`, `Notes` and hidden `Old`
    hint: name one of them with `--sheet NAME`
    ");
    insta::assert_snapshot!(refusal("contacts.csv", "--sheet People"), @"
    error: cannot import `contacts.csv`
      caused by: a text has no sheets
    hint: leave `--sheet` out, or import a workbook
    ");
}

#[test]
fn old_and_open_workbooks_are_imported() {
    let folder = folder_with(&["people.xls", "people.ods"]);
    let ran = folder.run("import people.xls --campaign xls").exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    sheet `People` of `people.xls` is read; it also has `Notes` (`--sheet NAME`)
    line 6: a spreadsheet turned the number into scientific notation, and its last digits are lost (`9.88E+09`)
    line 7: the cell has no number
    ");
    assert_eq!(
        contacts(&folder, "xls"),
        [
            json!(["+919876500001", "Asha", {"Visit": "2026-11-22", "Due": "12.5"}]),
            json!(["+919876500002", "सुनीता", {"Visit": "", "Due": "7"}]),
        ]
    );
    let ran = folder.run("import people.ods --campaign ods").exits(0);
    insta::assert_snapshot!(ran.stderr, @"line 9: a spreadsheet turned the number into scientific notation, and its last digits are lost (`9.88E+09`)");
    let rest = |visit: &str, at: &str, paid: &str, note: &str| json!({"Visit": visit, "At": at, "Paid": paid, "Note": note});
    let asha = rest("2026-11-22", "10:30:00", "TRUE", "two\nlines");
    let sunita = rest("2026-11-22 10:00:00", "", "FALSE", "");
    assert_eq!(
        contacts(&folder, "ods"),
        [
            json!(["+919876500001", "Asha", asha]),
            json!(["+919876500002", "सुनीता देवी", sunita]),
        ]
    );
}

#[test]
fn a_workbook_is_known_by_what_it_is_and_not_by_its_name() {
    let folder = folder_with(&["people.xls"]);
    fs::rename(
        folder.path().join("people.xls"),
        folder.path().join("people.csv"),
    )
    .expect("a file can be renamed");
    let counted = folder
        .run("import people.csv --format json")
        .exits(0)
        .json();
    assert_eq!(counted["accepted"], 2);
}

#[test]
fn a_formula_without_a_value_is_refused_and_seen() {
    let folder = folder_with(&["never-calculated.xlsx"]);
    let ran = folder.run("import never-calculated.xlsx").exits(0);
    insta::assert_snapshot!(ran.stderr, @r#"line 2: there is a `"` in the number (`="•••••"&"•0001"`)"#);
    assert_eq!(
        contacts(&folder, "never-calculated"),
        [json!(["+919876500002", "=A2", {}])]
    );
}

#[test]
fn a_workbook_that_cannot_be_imported_says_why_and_what_to_do() {
    insta::assert_snapshot!(refusal("title.xlsx", ""), @"
    error: cannot import `title.xlsx`
      caused by: no column looks like a phone number; the header has `Contact list 2026`
    hint: line 2 looks like the header: remove the lines above it
    ");
    insta::assert_snapshot!(refusal("empty.xlsx", ""), @"
    error: cannot import `empty.xlsx`
      caused by: the sheet `Blank` is empty; the workbook also has `People`
    hint: name one of them with `--sheet NAME`
    ");
    insta::assert_snapshot!(refusal("encrypted.xlsx", ""), @"
    error: cannot import `encrypted.xlsx`
      caused by: the workbook is protected by a password
    hint: open it in the spreadsheet, and save it without a password
    ");
    insta::assert_snapshot!(refusal("torn.xlsx", ""), @"
    error: cannot import `torn.xlsx`
      caused by: the workbook is damaged: it is not whole
    hint: save or download it again; the spreadsheet may be able to repair it
    ");
    insta::assert_snapshot!(refusal("web-page.xls", ""), @r#"
    error: cannot import `web-page.xls`
      caused by: the file is a web page or XML, not a list
    hint: open it in the spreadsheet, and save it as XLSX or "CSV UTF-8"
    "#);
}
