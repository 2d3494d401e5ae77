use std::io::Cursor;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::contact::NewContact;
use crate::domain::phone::{PhoneError, PhoneRules};
use crate::domain::spreadsheet::unprotected;
use crate::import::{LARGEST_CELL, Options, Reader, RowReason};

fn refused(line: u64, cells: &[&str]) -> RowError {
    RowError {
        line,
        reason: RowReason::Phone(PhoneError::TooShort { digits: 8 }),
        cell: String::new(),
        cells: StringRecord::from(cells.to_vec()),
    }
}

/// Writes a file of refused rows and returns its text.
fn written(header: &[&str], rows: &[RowError]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rejects.csv");
    let mut file = RejectsFile::create(&path).unwrap();
    file.begin(&StringRecord::from(header.to_vec())).unwrap();
    for row in rows {
        file.write(row).unwrap();
    }
    file.finish().unwrap();
    fs::read_to_string(path).unwrap()
}

fn records(text: &str) -> Vec<Vec<String>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

fn read(source: &[u8]) -> Reader<Cursor<Vec<u8>>> {
    let rules = PhoneRules {
        own: vec!["08098765000".parse().unwrap()],
        ..PhoneRules::default()
    };
    let options = Options {
        rules,
        ..Options::default()
    };
    Reader::open(Cursor::new(source.to_vec()), &options).unwrap()
}

/// Names in a folder, sorted.
fn names_in(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_row_stands_as_it_was_before_its_line_its_reason_and_its_hint() {
    let rows = [
        refused(7, &["12345678", "आशा"]),
        refused(9, &["12345678"]),
        refused(12, &["12345678", "=1", "x", "", "y"]),
    ];
    insta::assert_snapshot!(written(&["Mob", ""], &rows).replace('\u{feff}', "BOM "), @"
    BOM Mob,,line,reason,hint
    12345678,आशा,7,too_short,too short: 8 digits; a mobile has ten digits; a landline needs its STD code with 0 or +91 before it
    12345678,,9,too_short,too short: 8 digits; a mobile has ten digits; a landline needs its STD code with 0 or +91 before it
    12345678,'=1,12,too_short,too short: 8 digits; a mobile has ten digits; a landline needs its STD code with 0 or +91 before it,x,,y
    ");
}

#[test]
fn where_nothing_is_refused_the_file_has_a_header_alone() {
    assert_eq!(
        written(&["phone", "@id", "a;b"], &[]),
        "\u{feff}\"phone\",\"'@id\",\"a;b\",\"line\",\"reason\",\"hint\"\n"
    );
}

#[test]
fn columns_without_names_get_such_as_are_found_again() {
    let columns = |map: &str| {
        let options = Options {
            columns: map.parse().unwrap(),
            ..Options::default()
        };
        let file = b"a,b,c\n".to_vec();
        let reader = Reader::open(Cursor::new(file), &options).unwrap();
        let titles = reader.columns.stand_in();
        titles.iter().collect::<Vec<_>>().join(",")
    };
    assert_eq!(columns("phone=b"), "column_1,phone,column_3");
    assert_eq!(columns("phone=c,name=a"), "name,column_2,phone");
}

#[test]
fn nothing_changes_at_the_path_before_the_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rejects.csv");
    let header = StringRecord::from(vec!["phone"]);
    let first = {
        let mut file = RejectsFile::create(&path).unwrap();
        file.begin(&header).unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        fs::read(&path).unwrap()
    };
    let mut file = RejectsFile::create(&path).unwrap();
    file.begin(&header).unwrap();
    file.write(&refused(2, &["1"])).unwrap();
    // Nobody's numbers are left by whoever is killed now.
    assert_eq!(names_in(&folder), ["rejects.csv"]);
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), first);
    assert_eq!(names_in(&folder), ["rejects.csv"]);
}

#[test]
fn only_its_owner_can_read_it_and_a_link_to_it_stays_one() {
    let folder = TempDir::new().unwrap();
    let (path, link) = (
        folder.path().join("rejects.csv"),
        folder.path().join("link"),
    );
    fs::write(&path, "").unwrap();
    symlink(&path, &link).unwrap();
    let mut file = RejectsFile::create(&link).unwrap();
    file.begin(&StringRecord::from(vec!["phone"])).unwrap();
    file.finish().unwrap();
    assert!(link.is_symlink());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn what_is_no_file_of_refused_rows_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("contacts.csv");
    for other in [
        "phone,name\n9876500001,A\n",
        "line,reason,hint,x\n",
        "SQLite format 3\0",
    ] {
        fs::write(&path, other).unwrap();
        let error = RejectsFile::create(&path).unwrap_err();
        assert!(matches!(error, RejectsError::SomethingElse), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
    fs::write(
        &path,
        "\u{feff}phone,\"na\nme\",line,reason,hint\r\n1,,2,,\r\n",
    )
    .unwrap();
    RejectsFile::create(&path).unwrap();

    let folder_itself = RejectsFile::create(folder.path()).unwrap_err();
    assert!(matches!(folder_itself, RejectsError::NotAFile));
    let device = RejectsFile::create(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(device, RejectsError::NotAFile));
    let standard = RejectsFile::create(Path::new("-")).unwrap_err();
    assert!(matches!(standard, RejectsError::StandardOutput));
    let nowhere = RejectsFile::create(&folder.path().join("no/where.csv")).unwrap_err();
    assert!(matches!(nowhere, RejectsError::Write(_)));
}

#[test]
fn files_with_different_columns_do_not_share_one() {
    let folder = TempDir::new().unwrap();
    let mut file = RejectsFile::create(&folder.path().join("rejects.csv")).unwrap();
    let header = StringRecord::from(vec!["phone", "name"]);
    file.begin(&header).unwrap();
    file.begin(&header).unwrap();
    let error = file
        .begin(&StringRecord::from(vec!["name", "phone"]))
        .unwrap_err();
    assert!(matches!(error, RejectsError::OtherColumns));
    assert!(error.hint().is_some());
}

#[test]
fn a_source_is_recognised_by_any_name() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.csv"), "x").unwrap();
    fs::write(at("b.csv"), "x").unwrap();
    symlink(at("a.csv"), at("soft")).unwrap();
    fs::hard_link(at("a.csv"), at("hard")).unwrap();
    for name in ["a.csv", "soft", "hard", "./a.csv"] {
        assert!(is_same_file(&at(name), &at("a.csv")), "{name}");
        assert!(is_same_file(&at("a.csv"), &at(name)), "{name}");
    }
    for name in ["b.csv", "none.csv"] {
        assert!(!is_same_file(&at(name), &at("a.csv")), "{name}");
    }
}

/// Every reason for which a row of a text is refused, and what is wrong with its phone cell.
const WOUNDS: [(&str, &str); 19] = [
    ("empty", ""),
    ("too_short", "98765000"),
    ("too_long", "98765000011234"),
    ("scientific_notation", "9.87E+09"),
    ("two_numbers", "9876500001 / 9876500002"),
    ("extension", "9876500001 ext 5"),
    ("letters", "call me"),
    ("unexpected_character", "98765#00001"),
    ("toll_free", "18001234567"),
    ("reserved_series", "1400000001"),
    ("short_code", "112"),
    ("placeholder", "9999999999"),
    ("foreign", "+14155550123"),
    ("own_caller_id", "08098765000"),
    ("not_a_mobile", "5876543210"),
    ("invalid", "+01234567"),
    ("ragged", "9876500001"),
    ("nul_byte", "9876500001"),
    ("cell_too_large", "9876500001"),
];

#[test]
fn every_refused_row_can_be_repaired_and_imported_with_all_that_it_said() {
    let people = [
        ("Asha", "=HYPERLINK(\"x\")"),
        ("आशा कुलकर्णी", "-5"),
        ("A\nB", "'@x"),
        ("", "''+919876500099"),
        ("\"q\"", "a;b\tc"),
        (" ", "\t=1"),
    ];
    let mut source = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let large = "x".repeat(LARGEST_CELL + 1);
    source
        .write_record(["Name", "Mobile", "", "Due; net"])
        .unwrap();
    let person = |index: usize| people[index % people.len()];
    for (index, (reason, cell)) in WOUNDS.iter().enumerate() {
        let (name, due) = person(index);
        let row = match *reason {
            "ragged" => vec![name, cell, "", due, "x"],
            "nul_byte" => vec![name, cell, "\0", due],
            "cell_too_large" => vec![name, cell, &large, due],
            _ => vec![name, cell, "", due],
        };
        source.write_record(row).unwrap();
    }
    let source = source.into_inner().unwrap();

    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rejects.csv");
    let mut file = RejectsFile::create(&path).unwrap();
    let mut reader = read(&source);
    file.begin(reader.header()).unwrap();
    let mut lines = Vec::new();
    for row in reader.by_ref() {
        let row = row.unwrap().unwrap_err();
        lines.push(row.line.to_string());
        file.write(&row).unwrap();
    }
    file.finish().unwrap();

    let mut rows = records(&fs::read_to_string(&path).unwrap());
    let reasons: Vec<_> = rows[1..].iter().map(|row| row[5].clone()).collect();
    assert_eq!(reasons, WOUNDS.map(|(reason, _)| reason));
    let written_lines: Vec<_> = rows[1..].iter().map(|row| row[4].clone()).collect();
    assert_eq!(written_lines, lines);

    // What a person does: the number is mended, what is too much goes, and so do the three columns.
    for (index, row) in rows.iter_mut().enumerate() {
        row.truncate(4);
        for cell in row.iter_mut() {
            *cell = unprotected(cell).to_owned();
        }
        if index > 0 {
            row[1] = format!("+9198765{index:05}");
            row[2].clear();
        }
    }
    let mut repaired = csv::Writer::from_writer(Vec::new());
    rows.iter()
        .for_each(|row| repaired.write_record(row).unwrap());
    let mut imported = read(&repaired.into_inner().unwrap());
    for (index, row) in imported.by_ref().enumerate() {
        let contact: NewContact = row.unwrap().expect("the row is repaired");
        let (name, due) = person(index);
        assert_eq!(
            contact.number.to_string(),
            format!("+9198765{:05}", index + 1)
        );
        assert_eq!(
            contact.name,
            Some(name.trim().to_owned()).filter(|name| !name.is_empty())
        );
        let fields: serde_json::Value =
            serde_json::from_str(contact.fields.as_json().unwrap()).unwrap();
        assert_eq!(fields, serde_json::json!({ "Due; net": due }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_row_has_is_found_in_the_file(
        header in prop::collection::vec("[=+;,\"a\n]{0,3}|.*", 1..5),
        cells in prop::collection::vec("['=+@,;\"\r\n\t\u{0}\u{feff}a]{0,6}|.*", 0..8),
        line in any::<u64>(),
    ) {
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let rows = records(&written(&header, &[refused(line, &cells)]));
        prop_assert_eq!(rows.len(), 2);
        let titles: Vec<&str> = rows[0].iter().map(|cell| unprotected(cell)).collect();
        prop_assert_eq!(titles, [&header, &ADDED[..]].concat());

        let columns = header.len();
        let mut found: Vec<&str> = rows[1].iter().map(|cell| unprotected(cell)).collect();
        let added: Vec<&str> = found.drain(columns..columns + ADDED.len()).collect();
        prop_assert_eq!(added[0], line.to_string());
        let mut expected = cells.clone();
        expected.resize(expected.len().max(columns), "");
        prop_assert_eq!(found, expected);
    }
}
