//! `import`: which column is the phone number, and which rows are nobody.

use std::fs;

use serde_json::{Value, json};

use crate::support::binary::Folder;
use crate::support::process::Ran;

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

fn import(folder: &Folder, list: &str, options: &str) -> Ran {
    folder.write("list.csv", list);
    folder.run(&format!("import list.csv {options}"))
}

/// Number, name and fields of the contacts of the campaign `list`.
fn contacts(folder: &Folder) -> Vec<(String, Value, Value)> {
    let status = folder.status("list");
    let contacts = status["contacts"].as_array().unwrap().iter();
    contacts
        .map(|contact| {
            (
                contact["number"].as_str().unwrap().to_owned(),
                contact["name"].clone(),
                contact["fields"].clone(),
            )
        })
        .collect()
}

#[test]
fn the_lists_of_other_programs_are_read_as_they_are() {
    let makers = format!("{}/fixtures/import/makers", env!("CARGO_MANIFEST_DIR"));
    let mut read = 0;
    for entry in fs::read_dir(makers).unwrap() {
        let path = entry.unwrap().path();
        let folder = Folder::new();
        import(&folder, &fs::read_to_string(&path).unwrap(), "").exits(0);
        let contacts = contacts(&folder);
        assert_eq!(contacts.len(), 1, "{}", path.display());
        let (number, name, _) = &contacts[0];
        assert_eq!(number, "+919876500001", "{}", path.display());
        assert_eq!(name, "Asha Rao", "{}", path.display());
        read += 1;
    }
    assert!(read >= 13, "{read} lists");
}

#[test]
fn two_parents_are_a_question() {
    let folder = Folder::new();
    let list = "Student Name,Father Mobile,Mother Mobile\nAsha,9876500001,9876500002\n";
    let ran = import(&folder, list, "").exits(2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: cannot import `list.csv`
      caused by: more than one column could be the phone number: `Father Mobile`, `Mother Mobile`
    hint: choose one: `--map phone="Father Mobile"` or `--map phone="Mother Mobile"`
    "#);
    assert_eq!(folder.files(), ["list.csv"]);
    import(&folder, list, "--map phone=mother-mobile").exits(0);
    assert_eq!(contacts(&folder)[0].0, "+919876500002");
}

#[test]
fn an_unknown_header_is_refused_with_the_column_to_name() {
    let folder = Folder::new();
    let list = "Kunde,Reach At,Order\nAsha,9876500001,17\nRavi,9876500002,18\nMeena,,19\n";
    let ran = import(&folder, list, "").exits(2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: cannot import `list.csv`
      caused by: no column looks like a phone number; the header has `Kunde`, `Reach At`, `Order`
    hint: did you mean `--map phone="Reach At"`? 2 of its first 2 cells are numbers that can be called
    "#);
    let ran = import(&folder, list, "--map phone=reach").exits(2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: cannot import `list.csv`
      caused by: no column is called `reach`; the header has `Kunde`, `Reach At`, `Order`
    hint: did you mean `--map phone="Reach At"`?
    "#);
    import(&folder, list, "--map phone=2,name=kunde").exits(0);
    assert_eq!(
        contacts(&folder)[1],
        (
            "+919876500002".to_owned(),
            json!("Ravi"),
            json!({"Order": "18"})
        )
    );
}

#[test]
fn a_list_without_a_header_is_read_by_places() {
    let folder = Folder::new();
    let list = "Asha,9876500001,Pune\nRavi,9876500002,\n";
    let ran = import(&folder, list, "").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot import `list.csv`
      caused by: line 1 has a phone number where the names of the columns should be
    hint: if there is no header, say so: `--no-header --map phone=2`; else check the first line
    ");
    let ran = import(&folder, list, "--no-header").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot import `list.csv`
      caused by: without a header no column is known to be the phone number
    hint: the first row has a number there: `--no-header --map phone=2`
    ");
    let ran = import(&folder, list, "--no-header --map phone=Mobile").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot import `list.csv`
      caused by: `Mobile` is no place of a column; without a header columns are called 1 to 3
    hint: name a place, the first being 1: `--map phone=N,name=N`
    ");
    import(&folder, list, "--no-header --map phone=2,name=1").exits(0);
    assert_eq!(
        contacts(&folder)[0],
        (
            "+919876500001".to_owned(),
            json!("Asha"),
            json!({"column_3": "Pune"})
        )
    );
}

#[test]
fn a_header_that_would_move_the_cursor_is_shown_harmlessly() {
    let folder = Folder::new();
    let list = "who,\u{1b}[2J$(reboot),\u{202e}x\na,9876500001,b\n";
    let ran = import(&folder, list, "").exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot import `list.csv`
      caused by: no column looks like a phone number; the header has `who`, `�[2J$(reboot)`, `�x`
    hint: did you mean `--map phone=2`? its first cell is a number that can be called
    ");
}

#[test]
fn totals_and_headers_inside_a_list_are_counted_and_need_no_repair() {
    let folder = Folder::new();
    let ran = import(&folder, &fixture("pasted.csv"), "").exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    campaign    list
    rows        7
    accepted    3
    duplicates  0
    rejected    4
                1 header_again, 1 too_short, 2 totals_row
    ");
    insta::assert_snapshot!(ran.stderr, @"
    line 3: a row of totals, not a person
    line 4: the header again, not a person (`MOBILE NO.`)
    line 6: too short: 5 digits (`98765`)
    line 7: a row of totals, not a person (`2500`)
    ");
    let numbers: Vec<String> = contacts(&folder)
        .into_iter()
        .map(|contact| contact.0)
        .collect();
    assert_eq!(
        numbers,
        ["+919876500001", "+919876500002", "+919876500003"],
        "who has a number is a person"
    );
}

#[test]
fn a_file_of_refused_rows_comes_back_with_the_fields_of_its_source() {
    let folder = Folder::new();
    let ran = import(&folder, &fixture("repaired.csv"), "").exits(0);
    insta::assert_snapshot!(ran.stderr, @"
    line 4: 7 cells in 6 columns (`••••••0003`)
    line 5: too short: 5 digits (`98765`)
    ");
    assert_eq!(
        contacts(&folder),
        [
            (
                "+919876500001".to_owned(),
                Value::Null,
                json!({"Code": "=17", "Note": "-"})
            ),
            (
                "+919876500002".to_owned(),
                Value::Null,
                json!({"Code": "A-2", "Note": "''=x"})
            ),
        ]
    );
}
