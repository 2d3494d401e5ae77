use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::import::records::Records;
use crate::import::{Options, Reader};

fn path(name: &str) -> PathBuf {
    let folder = format!("{}/fixtures/import", env!("CARGO_MANIFEST_DIR"));
    PathBuf::from(folder).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

fn options(sheet: Option<&str>) -> Options {
    Options {
        sheet: sheet.map(str::to_owned),
        ..Options::default()
    }
}

/// Line and cells of every row that has any.
fn rows(bytes: Vec<u8>, sheet: Option<&str>) -> Result<Vec<String>, ImportError> {
    let mut records = Records::open(Cursor::new(bytes), &options(sheet))?;
    let mut record = Record::default();
    let mut rows = Vec::new();
    while records.next(&mut record)? {
        let cells: Vec<&str> = record.cells.iter().collect();
        rows.push(format!("{} {}", record.line, cells.join("|")));
    }
    Ok(rows)
}

fn refusal(bytes: Vec<u8>) -> String {
    match rows(bytes, None) {
        Ok(rows) => format!("read {rows:?}"),
        Err(error) => {
            assert!(error.hint().is_some(), "{error}");
            error.to_string()
        }
    }
}

fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const TYPES: &str =
    "<Types>application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml</Types>";

/// A workbook with this between the tags of its only sheet's data, and these shared texts.
fn xlsx_with(data: &str, texts: &str) -> Vec<u8> {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships><Relationship Id=\"r1\" Type=\"{office}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    zipped(&[
        ("[Content_Types].xml", TYPES),
        (
            "_rels/.rels",
            &relation("officeDocument", "xl/workbook.xml"),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &relation("worksheet", "worksheets/sheet1.xml"),
        ),
        (
            "xl/workbook.xml",
            "<workbook><sheets><sheet name=\"Sheet1\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>",
        ),
        ("xl/sharedStrings.xml", texts),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet><sheetData>{data}</sheetData></worksheet>"),
        ),
    ])
}

fn xlsx(data: &str) -> Vec<u8> {
    xlsx_with(data, "<sst></sst>")
}

fn ods(tables: &str) -> Vec<u8> {
    let content = format!("<office:document-content>{tables}</office:document-content>");
    zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
        ("content.xml", &content),
    ])
}

#[test]
fn a_messy_sheet_is_read_as_it_looks() {
    let read = rows(bytes("messy.xlsx"), None).unwrap();
    let expected = [
        "4 |Mobile No.|नाम|Visit|Paid|Due|Note",
        "5 |9876500001|Asha Rao|2026-11-22|TRUE|1500|shown as 9.88E+09",
        "6 |9876500002|सुनीता देवी|2026-11-22 10:30:00|FALSE|99.5|two\nlines",
        "7 |09876500003|Ravi|10:30:00||0.3",
        "8 |9876500004|Meena|37:30:00||0.333333333333333",
        "9 |9.88E+09|Jo||||destroyed before it was text",
        "10 |#N/A|Neha",
        "11 |#DIV/0!|Om",
        "12 |919876500008|Priya",
        "14 ||Nobody||||no number",
        "15 |98765 00010|Qadir||||two fonts",
        "16 |9876500011 / 9876500012|Rani",
        "17 |9876500013|Sam||||a number under a date's format",
        "18 ||Total|||1600.13333333333",
    ];
    assert_eq!(read, expected);
    assert_eq!(
        rows(bytes("messy.xlsx"), Some("notes")).unwrap(),
        ["1 Mobile|Name", "2 9876500101|Zoya"]
    );
    assert_eq!(
        rows(bytes("messy.xlsx"), Some("Old")).unwrap(),
        ["1 phone|name", "2 9876599999|Nobody"]
    );
}

#[test]
fn the_sheet_that_is_read_is_told_with_those_that_are_not() {
    let reader = |sheet| {
        let file = File::open(path("messy.xlsx")).unwrap();
        Reader::open(file, &options(sheet)).unwrap()
    };
    let first = reader(None).sheet().cloned().unwrap();
    // The hidden one is reached by its name only.
    assert_eq!(
        (first.name, first.others),
        ("People".to_owned(), vec!["Notes".to_owned()])
    );
    let second = reader(Some("2")).sheet().cloned().unwrap();
    assert_eq!(second.name, "Notes");
    let text = File::open(path("contacts.csv")).unwrap();
    let text = Reader::open(text, &options(None)).unwrap();
    assert_eq!(text.sheet(), None);
}

#[test]
fn old_workbooks_and_open_ones_are_read_alike() {
    let xls = [
        "3 |नाम|Mobile|Visit|Due",
        "4 |Asha|9876500001|2026-11-22|12.5",
        "5 |सुनीता|09876500002||7",
        "6 |Jo|9.88E+09",
        "7 |TRUE",
    ];
    assert_eq!(rows(bytes("people.xls"), None).unwrap(), xls);
    let ods = [
        "4 |Phone|Name|Visit|At|Paid|Note",
        "5 |9876500001|Asha|2026-11-22|10:30:00|TRUE|two\nlines",
        "8 |98765 00002|सुनीता देवी|2026-11-22 10:00:00||FALSE",
        "9 |9.88E+09|Jo",
    ];
    assert_eq!(rows(bytes("people.ods"), None).unwrap(), ods);
    assert_eq!(
        rows(bytes("people.ods"), Some("old")).unwrap(),
        ["1 phone", "2 9876599999"]
    );
}

#[test]
fn workbooks_that_others_made_are_read() {
    let sheets = [
        "1 text|date|integer|boolean|float|datetime|empty_column",
        "2 Chicago Reader|1971-01-01|40|TRUE|1|1971-01-01 04:14:00",
        "3 Chicago Sun-Times|1948-01-01|63|TRUE|1.27|1948-01-01 14:57:13||Extra data beyond headers will be trimmed",
        "4 Chicago Tribune|1920-01-01|164|FALSE|41800000.01|1920-01-01",
        "5 This row has blanks",
        "6 Unicode! Σ",
    ];
    let xlsx = bytes("others/csvkit-sheets.xlsx");
    assert_eq!(rows(xlsx.clone(), Some("data")).unwrap(), sheets);
    assert_eq!(
        rows(xlsx.clone(), Some("ʤ")).unwrap(),
        ["1 a|b|c", "2 1|2|3"]
    );
    // Its first sheet has nothing in it, and is not passed over for another.
    let error = Reader::open(Cursor::new(xlsx), &options(None))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the sheet `not this one` is empty; the workbook also has `data`, `ʤ`"
    );
    let xls = rows(bytes("others/csvkit-test.xls"), None).unwrap();
    assert_eq!(xls, sheets);
}

#[test]
fn a_mac_counts_its_days_from_another_year() {
    assert_eq!(
        rows(bytes("since-1904.xlsx"), None).unwrap(),
        ["1 phone|visit", "2 9876500001|2026-11-22"]
    );
}

#[test]
fn a_formula_that_was_never_calculated_is_no_empty_cell() {
    assert_eq!(
        rows(bytes("never-calculated.xlsx"), None).unwrap(),
        [
            "1 phone|name",
            "2 =\"98765\"&\"00001\"|Asha",
            "3 9876500002|=A2"
        ]
    );
    // A formula whose value is an empty text is one.
    let calculated = xlsx(
        "<row r=\"1\"><c r=\"A1\" t=\"str\"><f>B1</f><v></v></c><c r=\"B1\"><v>1</v></c></row>",
    );
    assert_eq!(rows(calculated, None).unwrap(), ["1 |1"]);
}

#[test]
fn cells_without_a_reference_stand_side_by_side() {
    let bare =
        xlsx("<row><c><v>1</v></c><c/><c t=\"b\"><v>1</v></c></row><row><c><v>2</v></c></row>");
    assert_eq!(rows(bare, None).unwrap(), ["1 1||TRUE", "2 2"]);
}

#[test]
fn a_workbook_that_cannot_be_read_is_refused_with_its_reason() {
    let cases = [
        (
            bytes("encrypted.xlsx"),
            "the workbook is protected by a password",
        ),
        (
            bytes("torn.xlsx"),
            "the workbook is damaged: it is not whole",
        ),
        (
            bytes("people.xls")[..2048].to_vec(),
            "the workbook is damaged: Cfb error: Sector 8 points past end of file",
        ),
        (
            bytes("web-page.xls"),
            "the file is a web page or XML, not a list",
        ),
        (
            zipped(&[
                ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
                ("META-INF/manifest.xml", "<manifest:encryption-data/>"),
                ("content.xml", "\u{1}\u{2}\u{3}"),
            ]),
            "the workbook is protected by a password",
        ),
        (
            zipped(&[("word/document.xml", "<w/>")]),
            "the file is a zip archive, but neither an XLSX nor an ODS workbook",
        ),
        (
            xlsx(
                "<row r=\"9\"><c r=\"A9\"><v>1</v></c></row><row r=\"5\"><c r=\"A5\"><v>2</v></c></row>",
            ),
            "the workbook is damaged: row 5 stands after row 9",
        ),
        (
            xlsx("<row r=\"1048577\"><c r=\"A1048577\"><v>1</v></c></row>"),
            "the workbook is too large: it has cells beyond row 1048576 or column XFD",
        ),
        (
            xlsx("<row r=\"1\"><c r=\"XFE1\"><v>1</v></c></row>"),
            "the workbook is too large: it has cells beyond row 1048576 or column XFD",
        ),
        (
            xlsx("<row r=\"1\"><c r=\"A1\" t=\"e\"><v>#SPILL!</v></c></row>"),
            "the workbook is damaged: Unsupported cell error value '#SPILL!'",
        ),
        (
            xlsx("<row r=\"1\"><c r=\"A1\" t=\"b\"><v>9876500001</v></c></row>"),
            "the workbook is damaged: Unrecognized boolean cell value: …0001",
        ),
        (
            xlsx_with("", "<sst uniqueCount=\"40000000000\"></sst>"),
            "the workbook is damaged: it announces more texts than it has",
        ),
        (
            xlsx_with("", &" ".repeat(17 << 20)),
            "the workbook is too large: a single text in it has more than 16 MiB",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refusal(bytes), expected);
    }
}

#[test]
fn where_the_library_stumbles_the_import_is_told() {
    // With overflow checks it panics over this one, and without it comes to a row that no sheet has.
    let error = refusal(xlsx(
        "<row r=\"1\"><c r=\"A99999999999\"><v>1</v></c></row>",
    ));
    let told = [
        "the workbook is damaged: it is not built as a workbook is",
        "the workbook is too large: it has cells beyond row 1048576 or column XFD",
    ];
    assert!(told.contains(&error.as_str()), "{error}");
}

#[test]
fn an_ods_that_would_not_end_or_not_fit_is_refused() {
    let cell = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"16384\"><text:p>x</text:p></table:table-cell>";
    let cases = [
        (
            "<table:table table:name=\"a\"><table:table-row/>".to_owned(),
            "the workbook is damaged: ill-formed document: expected `</table:table>`, but `</office:document-content>` was found",
        ),
        (
            format!("<table:table table:name=\"a\"><table:table-row table:number-rows-repeated=\"5000\">{cell}</table:table-row></table:table>"),
            "the workbook is too large: a sheet in it has more than 16 million cells, empty ones between others included",
        ),
        (
            "<table:table><text:s text:c=\"99999999999\"/></table:table>".to_owned(),
            "the workbook is too large: a cell in it has more than 65536 spaces",
        ),
        (
            "<table:table table:name=\"a\"><table:table-row table:number-rows-repeated=\"many\"/></table:table>".to_owned(),
            "the workbook is damaged: something in it is repeated, and not a number of times",
        ),
    ];
    for (tables, expected) in cases {
        assert_eq!(refusal(ods(&tables)), expected);
    }
}

#[test]
fn a_row_of_more_than_a_mebibyte_costs_itself() {
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let large = cell(&"x".repeat(30_000)).repeat(40);
    let (title, first, last) = (cell("phone"), cell("9876500001"), cell("9876500002"));
    let bytes = xlsx(&format!(
        "<row r=\"1\">{title}</row><row r=\"2\">{first}{large}</row><row r=\"3\">{last}</row>"
    ));
    let reader = Reader::open(Cursor::new(bytes), &options(None)).unwrap();
    let verdicts: Vec<_> = reader
        .map(|row| match row.unwrap() {
            Ok(contact) => (contact.line, "accepted"),
            Err(refused) => (refused.line, refused.reason.name()),
        })
        .collect();
    assert_eq!(verdicts, [(2, "record_too_large"), (3, "accepted")]);
    let header = xlsx(&format!("<row r=\"3\">{large}</row>"));
    let refused = Reader::open(Cursor::new(header), &options(None)).err();
    assert_eq!(
        refused.unwrap().to_string(),
        "the header on line 3 is larger than a mebibyte"
    );
}

#[test]
fn no_changed_byte_of_a_zip_goes_unnoticed() {
    let whole = bytes("messy.xlsx");
    let expected = rows(whole.clone(), None).unwrap();
    for index in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[index] ^= 0x10;
        // Dates and names of parts may change and nothing else does.
        if let Ok(read) = rows(changed, None) {
            assert_eq!(read, expected, "byte {index}");
        }
    }
}

#[test]
fn no_part_of_a_workbook_passes_for_the_whole() {
    for name in ["messy.xlsx", "people.ods"] {
        let whole = bytes(name);
        for end in (8..whole.len()).step_by(97) {
            assert!(rows(whole[..end].to_vec(), None).is_err(), "{name} {end}");
        }
    }
}

#[test]
fn no_changed_byte_of_an_old_workbook_stops_the_program() {
    let whole = bytes("people.xls");
    for index in (0..whole.len()).step_by(11) {
        let mut changed = whole.clone();
        changed[index] ^= 0xFF;
        drop(rows(changed, None));
    }
}

/// A cell as it stands in a sheet, and its text.
fn cell() -> impl Strategy<Value = (String, String)> {
    let text = "[a-zA-Z0-9 .+\\-अ-ह]{0,12}".prop_map(|text| {
        let cell = format!("t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is>");
        (cell, text)
    });
    let number = (0_u64..1_000_000_000_000_000)
        .prop_map(|number| (format!("><v>{number}</v>"), number.to_string()));
    let scientific = (1_u64..1_000_000).prop_map(|number| {
        (
            format!("><v>{number}E+9</v>"),
            (number * 1_000_000_000).to_string(),
        )
    });
    let empty = Just((" s=\"1\">".to_owned(), String::new()));
    prop_oneof![text, number, scientific, empty]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_cell_comes_out_in_its_row_and_column(
        sheet in prop::collection::btree_map(
            0_u32..2_000,
            prop::collection::btree_map(0_u8..26, cell(), 0..6),
            0..40,
        )
    ) {
        let mut data = String::new();
        let mut expected = Vec::new();
        for (row, cells) in &sheet {
            let line = row + 1;
            data.push_str(&format!("<row r=\"{line}\">"));
            let mut texts = Vec::new();
            for (column, (cell, text)) in cells {
                let letter = char::from(b'A' + column);
                data.push_str(&format!("<c r=\"{letter}{line}\" {cell}</c>"));
                texts.resize(usize::from(*column), "");
                texts.push(text.as_str());
            }
            data.push_str("</row>");
            while texts.last().is_some_and(|text| text.is_empty()) {
                texts.pop();
            }
            if !texts.is_empty() {
                expected.push(format!("{line} {}", texts.join("|")));
            }
        }
        prop_assert_eq!(rows(xlsx(&data), None).unwrap(), expected);
    }
}
