use std::io::{self, Cursor};

use encoding_rs::{Encoding, UTF_8, UTF_16LE, WINDOWS_1252};
use proptest::prelude::*;

use super::*;

/// A row as it comes out: its line, its cells, and the name of its wound.
type Row = (u64, Vec<String>, Option<&'static str>);

/// Reads rows of `number,…` that are callable where their first cell has ten digits and there are as many cells.
fn read(
    input: impl Read,
    options: &Options,
    count: usize,
    largest: usize,
) -> Result<Vec<Row>, ImportError> {
    let mut text = Text::open_limited(input, options, largest)?;
    text.recognise(Box::new(move |cells| {
        let is_number =
            |cell: &str| cell.len() == 10 && cell.bytes().all(|byte| byte.is_ascii_digit());
        cells.len() == count && cells.get(0).is_some_and(is_number)
    }));
    let mut rows = Vec::new();
    let mut record = Record::default();
    while text.next(&mut record)? {
        let cells = record.cells.iter().map(str::to_owned).collect();
        rows.push((record.line, cells, record.wound.map(|wound| wound.name())));
    }
    Ok(rows)
}

fn rows(bytes: &[u8]) -> Vec<Row> {
    read(bytes, &Options::default(), 2, LARGEST_ROW).unwrap()
}

fn bare(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).flexible(true).from_reader(bytes);
    let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader
        .records()
        .map(|record| cells(record.unwrap()))
        .collect()
}

/// Rows in short: `line cell|cell wound`.
fn shown(rows: &[Row]) -> Vec<String> {
    let one = |(line, cells, wound): &Row| {
        let wound = wound.map(|wound| format!(" {wound}")).unwrap_or_default();
        format!("{line} {}{wound}", cells.join("|").escape_debug())
    };
    rows.iter().map(one).collect()
}

#[test]
fn lines_end_in_cr_or_lf_or_both() {
    let expected = [
        "1 phone|name",
        "2 1|a",
        "4 2|b\\r\\nc",
        "6 3|d",
        "7  |",
        "9 4|e",
    ];
    for text in [
        "phone,name\n1,a\n\n2,\"b\r\nc\"\n3,d\n ,\n\n4,e",
        "phone,name\r\n1,a\r\n\r\n2,\"b\r\nc\"\r\n3,d\r\n ,\r\n\r\n4,e\r\n",
        "phone,name\r1,a\r\r2,\"b\r\nc\"\r3,d\r ,\r\r4,e\r",
        "phone,name\r1,a\n\r2,\"b\r\nc\"\n3,d\r\n ,\r\r\n4,e\n\r\n",
    ] {
        assert_eq!(shown(&rows(text.as_bytes())), expected, "{text:?}");
    }
}

#[test]
fn a_stray_quote_costs_its_line_only() {
    let cases: [(&str, &[&str]); 12] = [
        // Nothing closes it, in the last line and before it.
        (
            "phone,name\n1,\"a",
            &["1 phone|name", "2 1|\\\"a unclosed_quote"],
        ),
        (
            "phone,name\n1,\"a\n2,b\n3,c\n",
            &["1 phone|name", "2 1|\\\"a unclosed_quote", "3 2|b", "4 3|c"],
        ),
        ("\"1,a\n2,b", &["1 \\\"1|a unclosed_quote", "2 2|b"]),
        // What closes it is the beginning of a cell.
        (
            "1,\"a\n2,\"b\"\n3,c",
            &["1 1|\\\"a unclosed_quote", "2 2|b", "3 3|c"],
        ),
        (
            "1,\"a\r\n2,\"b\r\nc\"\r\n",
            &["1 1|\\\"a unclosed_quote", "2 2|b\\r\\nc"],
        ),
        // It closes as it should, but takes rows in: they may be people, and may be a remark.
        (
            "1,\"a\n9876500001,b\n9876500002,\"\"\n3,\"\n9876500003,c",
            &[
                "1 1|\\\"a unclosed_quote",
                "2 9876500001|b unclosed_quote",
                "3 9876500002|\\\"\\\" unclosed_quote",
                "4 3|\\\" unclosed_quote",
                "5 9876500003|c",
            ],
        ),
        (
            "1,\"a\n9876500001,\",b\"\n",
            &["1 1|\\\"a unclosed_quote", "2 9876500001|,b"],
        ),
        // These are cells of several lines.
        ("1,\"a\nb\n\n2,\"\n3,c", &["1 1|a\\nb\\n\\n2,", "5 3|c"]),
        ("\"a\n9876500001\nb\",x\n", &["1 a\\n9876500001\\nb|x"]),
        ("\"a\nb\",9876500001\n", &["1 a\\nb|9876500001"]),
        // The cell before the stray one is sound, lines and all.
        (
            "\"a\n\"\"b\",\"c,d\n2,e",
            &["1 a\\n\\\"b|\\\"c|d unclosed_quote", "3 2|e"],
        ),
        // On one line, quotes are read as the parser reads them.
        (
            "1,\"Ravi \"the king\" Kumar\"\n2,5\" pipe\n3,\"x\" y",
            &[
                "1 1|Ravi the king\\\" Kumar\\\"",
                "2 2|5\\\" pipe",
                "3 3|x y",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(&rows(text.as_bytes())), expected, "{text:?}");
    }
}

#[test]
fn a_row_that_is_too_large_costs_itself_only() {
    let cases: [(&str, &[&str]); 8] = [
        // Twenty bytes are permitted.
        (
            "1,aaaaaaaaaaaaaaaaaa\n2,b",
            &["1 1|aaaaaaaaaaaaaaaaaa", "2 2|b"],
        ),
        (
            "1,aaaaaaaaaaaaaaaaaaa\n2,b",
            &["1 1| record_too_large", "2 2|b"],
        ),
        (
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n2,b",
            &["1  record_too_large", "2 2|b"],
        ),
        (
            "1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            &["1 1| record_too_large"],
        ),
        (
            "\"a\nb\",\"c\",ddddddddddddddddddddd,\"e\n2,b",
            &["1 a\\nb|c| record_too_large", "3 2|b"],
        ),
        (
            "1,\"a\"aaaaaaaaaaaaaaaaaaaaaaaaa\n2,b",
            &["1 1| record_too_large", "2 2|b"],
        ),
        // A quote that takes too much is stray, if its line is no row that is too large itself.
        (
            "1,\"a\nbbbbbbbbb\nccccccccc\"\n2,b",
            &[
                "1 1|\\\"a unclosed_quote",
                "2 bbbbbbbbb",
                "3 ccccccccc\\\"",
                "4 2|b",
            ],
        ),
        (
            "1,\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n2,b\n",
            &["1 1| record_too_large", "2 2|b"],
        ),
    ];
    for (text, expected) in cases {
        let rows = read(text.as_bytes(), &Options::default(), 2, 20).unwrap();
        assert_eq!(shown(&rows), expected, "{text:?}");
    }
}

#[test]
fn a_row_without_end_is_not_kept() {
    let begin: &[u8] = b"phone,name\n1,";
    let endless = io::repeat(b'x').take(64 << 20);
    let mut text = Text::open(
        begin.chain(endless).chain(&b"\n2,b"[..]),
        &Options::default(),
    )
    .unwrap();
    let mut record = Record::default();
    let mut lines = Vec::new();
    while text.next(&mut record).unwrap() {
        lines.push((record.line, record.wound.is_some()));
    }
    assert_eq!(lines, [(1, false), (2, true), (3, false)]);
    assert!(
        text.frames.room() < 2 * LARGEST_ROW,
        "{}",
        text.frames.room()
    );
}

#[test]
fn a_first_line_that_names_the_sign_is_obeyed_and_is_no_header() {
    for (line, sign) in [
        ("sep=;", ';'),
        ("SEP=|", '|'),
        ("\"sep=,\"", ','),
        ("sep=\t", '\t'),
        ("sep=^", '^'),
    ] {
        let text = format!("{line}\r\nphone{sign}a,b;c\r\n1{sign}d\r\n");
        let rows = shown(&rows(text.as_bytes()));
        assert!(
            rows[0].starts_with("2 phone|") && rows[1] == "3 1|d",
            "{rows:?}"
        );
    }
    for text in ["sep=;", "sep=;\n", "\u{feff}sep=;\r\n\r\n"] {
        assert_eq!(rows(text.as_bytes()), []);
    }
    for header in ["sep=", "sep=a", "sep=;;", "sep=\"", "xsep=;", "\"sep=;"] {
        let rows = rows(format!("{header}\n1,2").as_bytes());
        assert_eq!(rows[0].0, 1, "{header}");
    }
    // What is typed is stronger.
    let options = Options {
        delimiter: Some(b','),
        ..Options::default()
    };
    let rows = read(&b"sep=;\nphone,a;b\n"[..], &options, 2, LARGEST_ROW).unwrap();
    assert_eq!(shown(&rows), ["2 phone|a;b"]);
}

#[test]
fn a_sign_that_is_typed_needs_no_header_that_shows_it() {
    let options = |delimiter| Options {
        delimiter: Some(delimiter),
        ..Options::default()
    };
    let text = b"phone;a,b\n1;\"2;\",3\n";
    let by = |delimiter| shown(&read(&text[..], &options(delimiter), 2, LARGEST_ROW).unwrap());
    assert_eq!(by(b';'), ["1 phone|a,b", "2 1|2;,3"]);
    assert_eq!(by(b','), ["1 phone;a|b", "2 1;\\\"2;\\\"|3"]);
    assert_eq!(by(b'|'), ["1 phone;a,b", "2 1;\\\"2;\\\",3"]);
}

#[test]
fn a_header_may_have_hundreds_of_columns_and_lines_within() {
    let names: Vec<String> = (0..500)
        .map(|index| format!("\"column\n{index}, of; many\""))
        .collect();
    let cells: Vec<String> = (0..500).map(|index| index.to_string()).collect();
    for repeat in [1, 8] {
        let wide = names.join(";").replace("of", &"of ".repeat(repeat * 10));
        let text = format!("phone;{wide}\n1;{}\n", cells.join(";"));
        let rows = rows(text.as_bytes());
        assert_eq!(
            rows.iter()
                .map(|row| (row.0, row.1.len()))
                .collect::<Vec<_>>(),
            [(1, 501), (502, 501)]
        );
    }
}

#[test]
fn malformed_bytes_are_named_by_their_line() {
    let line_of = |bytes: &[u8], encoding: Option<&'static Encoding>| {
        let options = Options {
            encoding,
            ..Options::default()
        };
        read(bytes, &options, 2, LARGEST_ROW)
            .unwrap_err()
            .to_string()
    };
    for (text, line) in [
        ("\u{1}", 1),
        ("phone,name\n1,\u{1}", 2),
        ("phone,name\r\n1,a\r\n\r\n2,\u{1}\r\n", 4),
        ("phone,name\r1,a\r2,\"b\rc\u{1}\"\r", 4),
        ("phone,name\r\u{1}\r", 2),
    ] {
        let bytes: Vec<u8> = text
            .bytes()
            .map(|byte| if byte == 1 { 0xE9 } else { byte })
            .collect();
        assert_eq!(
            line_of(&bytes, None),
            format!("line {line} is not UTF-8 text"),
            "{text:?}"
        );
    }
    let far = format!("phone,name\n{}1,\u{1}\n", "9876500001,a\n".repeat(20_000));
    let far: Vec<u8> = far
        .bytes()
        .map(|byte| if byte == 1 { 0xFF } else { byte })
        .collect();
    assert_eq!(line_of(&far, None), "line 20002 is not UTF-8 text");
    let lone: Vec<u8> = "phone\n1\u{1}\n"
        .encode_utf16()
        .map(|unit| if unit == 1 { 0xD800 } else { unit })
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        line_of(&lone, Some(UTF_16LE)),
        "line 2 is not UTF-16LE text"
    );
    assert_eq!(
        line_of(
            b"phone,name\n1,\x80\n\x1b$)C",
            Encoding::for_label(b"hz-gb-2312")
        ),
        "line 1 is not replacement text"
    );
}

#[test]
fn every_encoding_gives_the_same_rows() {
    let text = "phone,name\r\n9876500001,\"Zoë\r\nRao\"\r\n9876500002,Ü\r\n".repeat(3_000);
    let expected = rows(text.as_bytes());
    let (windows, ..) = WINDOWS_1252.encode(&text);
    let options = Options {
        encoding: Some(WINDOWS_1252),
        ..Options::default()
    };
    assert_eq!(
        read(&windows[..], &options, 2, LARGEST_ROW).unwrap(),
        expected
    );
    for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> = format!("\u{feff}{text}")
            .encode_utf16()
            .flat_map(bytes_of)
            .collect();
        assert_eq!(
            read(Cursor::new(wide), &options, 2, LARGEST_ROW).unwrap(),
            expected
        );
    }
}

/// Hands out a few bytes at a time.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(room.len()).min(self.0.len());
        room[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// A cell as a program writes it: in quotes where it must be, and where it likes.
fn written(cell: &str, likes: bool) -> String {
    match likes || cell.contains([',', '"', '\r', '\n']) {
        true => quoted(cell),
        false => cell.to_owned(),
    }
}

fn cell(signs: &'static str) -> impl Strategy<Value = (String, bool)> {
    (
        proptest::string::string_regex(signs).unwrap(),
        any::<bool>(),
    )
}

/// Rows of a number and two cells, with what stands between them.
fn lists(signs: &'static str) -> impl Strategy<Value = (Vec<[String; 3]>, &'static str)> {
    let number = "[6-9][0-9]{9}".prop_flat_map(|number| (Just(number), any::<bool>()));
    let row = (number, cell(signs), cell(signs)).prop_map(|(number, first, second)| {
        [number, first, second].map(|(cell, likes)| written(&cell, likes))
    });
    let ends = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    (prop::collection::vec(row, 1..12), ends)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_list_without_wounds_is_read_as_the_bare_parser_reads_it(
        (list, end) in lists("[a-c,;\"é👋 ]{0,3}[,\"\r\n]{0,2}[a-c]{0,2}"),
        piece in 1..9_usize,
    ) {
        let text: String = list.iter().map(|row| row.join(",") + end).collect();
        let options = Options { delimiter: Some(b','), ..Options::default() };
        // Nothing is a row by itself.
        let rows = read(Drops(text.as_bytes(), piece), &options, usize::MAX, LARGEST_ROW).unwrap();
        let mut line = 1;
        for (row, written) in rows.iter().zip(&list) {
            prop_assert_eq!(row.0, line);
            prop_assert_eq!(row.2, None);
            let ends = written.concat().replace("\r\n", "\n");
            line += 1 + ends.matches(['\r', '\n']).count() as u64;
        }
        let cells: Vec<Vec<String>> = rows.into_iter().map(|row| row.1).collect();
        prop_assert_eq!(cells, bare(text.as_bytes()));
    }

    #[test]
    fn one_stray_quote_costs_its_line_and_those_that_nobody_can_tell_from_a_remark(
        (list, end) in lists("[a-c,;\"é ]{0,4}"),
        place in any::<prop::sample::Index>(),
        column in 0..3_usize,
    ) {
        let mut wounded = list.clone();
        let place = place.index(list.len());
        wounded[place][column].insert(0, '"');
        let read_list = |list: &[[String; 3]]| {
            let text: String = list.iter().map(|row| row.join(",") + end).collect();
            let options = Options { delimiter: Some(b','), ..Options::default() };
            read(text.as_bytes(), &options, 3, LARGEST_ROW).unwrap()
        };
        let mut expected = read_list(&list);
        let mut rows = read_list(&wounded);
        prop_assert_eq!(rows.len(), list.len(), "{:?}", rows);
        let line = rows.remove(place).0;
        prop_assert_eq!(line, place as u64 + 1);
        expected.remove(place);
        let (before, behind) = rows.split_at(place);
        prop_assert_eq!(before, &expected[..place]);
        let given_up = behind.iter().take_while(|row| row.2.is_some()).count();
        prop_assert_eq!(&behind[given_up..], &expected[place + given_up..]);
        for (row, expected) in behind.iter().zip(&expected[place..]) {
            prop_assert_eq!(row.0, expected.0);
        }
    }

    #[test]
    fn every_line_is_in_one_row_whatever_the_bytes(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "9876500001", ",", ",", "\"", "\"", "\"\"", "\n", "\n", "\r", "\r\n", "a", "é", "\0", " ", "sep=;", ";",
        ]), 0..60),
        largest in 1..40_usize,
        piece in 1..9_usize,
    ) {
        let text = pieces.concat();
        let options = Options { delimiter: Some(b','), encoding: Some(UTF_8), ..Options::default() };
        let rows = read(Drops(text.as_bytes(), piece), &options, 2, largest).unwrap();
        let lines: Vec<u64> = rows.iter().map(|row| row.0).collect();
        prop_assert!(lines.is_sorted_by(|one, next| one < next), "{:?}", lines);
        // Nothing is lost: what no row covers is empty, and what large rows had is given up.
        let sep_line = usize::from(sniff::sep_line(text.as_bytes()).is_some());
        let full = text.replace("\r\n", "\n").replace('\r', "\n");
        let first = full.split('\n').skip(sep_line).position(|line| !line.is_empty());
        prop_assert_eq!(lines.first().copied(), first.map(|at| (at + sep_line) as u64 + 1));
        if largest >= text.len() && rows.iter().all(|row| row.2.is_none()) {
            let rest = text.split_at(sniff::sep_line(text.as_bytes()).map_or(0, |(length, _)| length)).1;
            let cells: Vec<Vec<String>> = rows.into_iter().map(|row| row.1).collect();
            prop_assert_eq!(cells, bare(rest.as_bytes()));
        }
    }
}

#[test]
fn the_cases_of_csv_spectrum_have_the_cells_their_author_expects() {
    let folder = format!(
        "{}/fixtures/import/csv-spectrum",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut cases = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let mut read = rows(&std::fs::read(&path).unwrap())
            .into_iter()
            .map(|row| row.1);
        let header = read.next().unwrap();
        let read: Vec<Vec<(&str, String)>> = read
            .map(|cells| header.iter().map(String::as_str).zip(cells).collect())
            .collect();
        let json = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let expected: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(&json).unwrap();
        let expected: Vec<Vec<(&str, String)>> = expected
            .iter()
            .map(|row| {
                row.iter()
                    .map(|(name, cell)| (name.as_str(), cell.as_str().unwrap().to_owned()))
                    .collect()
            })
            .collect();
        assert_eq!(read, expected, "{}", path.display());
        cases += 1;
    }
    assert_eq!(cases, 11);
}
