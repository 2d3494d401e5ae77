//! `import` of lists with every wound: each row of `fixtures/import/messy.csv` and `every-wound.xlsx` says what must become
//! of it, and exactly that does; the refused ones, repaired by hand, come in as if they had never been wounded.
//!
//! What the files say is read here without the program: a text by its lines alone, since the first cells of its rows need
//! no quotes.

use std::collections::BTreeMap;
use std::fs;
use std::iter;

use calamine::{Data, Reader as _};
use csv::StringRecord;
use serde_json::{Value, json};

use crate::support::binary::Folder;
use crate::support::process::Ran;

const KNOWN: &str = "phone,name\n9876500301,Known\n";
const PHONE: &str = "मोबाइल नंबर";
/// What a row says must become of it.
#[derive(Clone, Debug)]
struct Wanted {
    at: u64,
    expected: String,
    becomes: String,
    named: String,
}

impl Wanted {
    /// Reads a row's first cells; `None` where it is none of the list's rows.
    fn read(at: u64, cells: &[&str]) -> Option<Self> {
        let [said, expected, becomes, named] = cells else {
            return None;
        };
        if *said == "at" {
            return Some(Self {
                at,
                expected: "header_again".to_owned(),
                becomes: String::new(),
                named: String::new(),
            });
        }
        let said: u64 = said.parse().ok()?;
        assert_eq!(said, at, "the fixture does not know its own lines");
        Some(Self {
            at,
            expected: (*expected).to_owned(),
            becomes: (*becomes).to_owned(),
            named: serde_json::from_str(&format!("\"{named}\"")).expect("a name is escaped"),
        })
    }

    fn is_refused(&self) -> bool {
        self.expected != "accepted" && !self.is_duplicate()
    }

    fn is_duplicate(&self) -> bool {
        self.expected.starts_with("duplicate of ")
    }

    /// Number and name, as the database has them.
    fn person(&self) -> (String, String) {
        (self.becomes.clone(), self.named.clone())
    }
}

/// A list with its verdicts.
struct List {
    file: &'static str,
    bytes: Vec<u8>,
    wanted: Vec<Wanted>,
}

impl List {
    /// The text, and what is too large to be kept with it.
    fn text() -> Self {
        let mut text = fixture("messy.csv");
        text.extend(b"\r\n");
        let name = "आशा ".repeat(1024).trim().to_owned();
        let rows = [
            ("accepted", name.as_str(), 0),
            ("accepted", "A cell that just fits", 64 * 1024),
            ("cell_too_large", "Large", 64 * 1024 + 1),
            ("record_too_large", "Too large", 1024 * 1024),
            ("accepted", "Behind it", 0),
        ];
        for (line, (expected, name, remark)) in (lines(&text).len()..).zip(rows) {
            let number = format!("98765{:05}", 600 + line);
            let remark = "x".repeat(remark);
            let row = format!("{line};{expected};+91{number};{name};{name};{number};;{remark}\n");
            text.extend(row.bytes());
        }
        Self {
            file: "messy.csv",
            wanted: wanted_of_text(&text),
            bytes: text,
        }
    }

    fn workbook() -> Self {
        let file = "every-wound.xlsx";
        let path = format!("{}/fixtures/import/{file}", env!("CARGO_MANIFEST_DIR"));
        let mut book = calamine::open_workbook_auto(path).unwrap();
        let range = book.worksheet_range("लोग").unwrap();
        let first = u64::from(range.start().unwrap().0) + 1;
        let text = |cell: &Data| cell.to_string();
        let rows = range
            .rows()
            .map(|row| row[..4].iter().map(text).collect::<Vec<_>>());
        let header_at = first;
        let wanted = (first..).zip(rows).filter_map(|(at, cells)| {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            Wanted::read(at, &cells).filter(|row| row.at != header_at)
        });
        Self {
            file,
            wanted: wanted.collect(),
            bytes: fixture(file),
        }
    }

    /// A folder with this list, whose campaign has somebody already.
    fn folder(&self) -> Folder {
        let mut folder = Folder::new();
        folder.set("EXOTEL_CALLER_ID", "08098765000");
        folder.write("known.csv", KNOWN);
        fs::write(folder.path().join(self.file), &self.bytes).unwrap();
        folder
    }

    /// Imports the person who is in the campaign already, and then the list.
    fn import(&self, folder: &Folder, options: &str) -> Ran {
        folder.run("import known.csv --campaign messy").exits(0);
        self.import_again(folder, options)
    }

    fn import_again(&self, folder: &Folder, options: &str) -> Ran {
        let line = format!(
            "import {} --campaign messy --format json {options}",
            self.file
        );
        folder.run(&line).exits(0)
    }

    fn count(&self, of: impl Fn(&Wanted) -> bool) -> usize {
        self.wanted.iter().filter(|row| of(row)).count()
    }

    /// What an import of it comes to, as JSON has it.
    fn counted(&self) -> Value {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for row in self.wanted.iter().filter(|row| row.is_refused()) {
            *reasons.entry(&row.expected).or_default() += 1;
        }
        let accepted = self.count(|row| row.expected == "accepted");
        json!({
            "campaign": "messy", "files": [self.file], "rows": self.wanted.len(), "accepted": accepted,
            "duplicates": self.count(Wanted::is_duplicate), "rejected": self.count(Wanted::is_refused),
            "rejected_by_reason": reasons, "contacts": accepted, "dry_run": false,
        })
    }

    /// Number and name of each row that is somebody's, by its line.
    fn people(&self, of: impl Fn(&Wanted) -> bool) -> BTreeMap<u64, (String, String)> {
        let rows = self.wanted.iter().filter(|row| of(row));
        rows.map(|row| (row.at, row.person())).collect()
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).expect("the fixture is there")
}

/// The physical lines of a text, whatever they end with.
fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(str::to_owned).collect()
}

fn wanted_of_text(text: &[u8]) -> Vec<Wanted> {
    let lines = lines(text);
    let rows = (1..).zip(&lines).skip(1).filter_map(|(at, line)| {
        let cells: Vec<&str> = line.split(';').take(4).collect();
        Wanted::read(at, &cells)
    });
    rows.collect()
}

/// Number and name of each contact that came from such a list, by the line it stands on there.
fn people(folder: &Folder) -> BTreeMap<u64, (String, String)> {
    let status = folder.status("messy");
    let contacts = status["contacts"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let from_list = contacts
        .iter()
        .filter(|contact| contact["fields"]["at"] != Value::Null);
    let people: Vec<_> = from_list
        .map(|contact| {
            let at = text(&contact["fields"]["at"]).parse().unwrap();
            (at, (text(&contact["number"]), text(&contact["name"])))
        })
        .collect();
    let by_line: BTreeMap<_, _> = people.iter().cloned().collect();
    assert_eq!(by_line.len(), people.len(), "a line is in there twice");
    by_line
}

/// The rows of a file of refused ones, header first.
fn rows(folder: &Folder, name: &str) -> Vec<StringRecord> {
    let text = fs::read(folder.path().join(name)).unwrap();
    let text = text
        .strip_prefix(b"\xEF\xBB\xBF")
        .expect("a spreadsheet needs the mark");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    reader.records().map(Result::unwrap).collect()
}

/// Line and reason of each refused row.
fn refused(folder: &Folder, name: &str) -> Vec<(u64, String)> {
    let rows = rows(folder, name);
    let place = |title| rows[0].iter().position(|cell| cell == title).unwrap();
    let (line, reason) = (place("line"), place("reason"));
    let refused = rows[1..].iter();
    refused
        .map(|row| (row[line].parse().unwrap(), row[reason].to_owned()))
        .collect()
}

fn assert_verdicts(list: &List) {
    let folder = list.folder();
    let ran = list.import(&folder, "--rejects rejects.csv");
    let expected = list.wanted.iter().filter(|row| row.is_refused());
    let expected: Vec<_> = expected.map(|row| (row.at, row.expected.clone())).collect();
    assert_eq!(refused(&folder, "rejects.csv"), expected);
    assert_eq!(
        people(&folder),
        list.people(|row| row.expected == "accepted")
    );
    let told = ran
        .stderr
        .lines()
        .filter(|note| note.contains(": same number as "));
    let duplicates = list.wanted.iter().filter(|row| row.is_duplicate());
    let expected: Vec<_> = duplicates
        .map(|row| {
            let first = row.expected.strip_prefix("duplicate of ").unwrap();
            format!("line {}: same number as {first}", row.at)
        })
        .collect();
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(ran.json(), list.counted());
    let digits = ran.stderr.split(|character: char| !character.is_numeric());
    assert!(
        digits.into_iter().all(|run| run.len() < 7),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_row_of_a_messy_text_has_its_verdict() {
    assert_verdicts(&List::text());
}

#[test]
fn every_row_of_a_messy_workbook_has_its_verdict() {
    assert_verdicts(&List::workbook());
}

/// Repairs a row as a person does who has the file in a spreadsheet; `None` where the row is deleted.
///
/// The three columns that were added stay as they are.
fn repaired(header: &StringRecord, row: &StringRecord) -> Option<StringRecord> {
    let place = |title| header.iter().position(|cell| cell == title).unwrap();
    let mut cells: Vec<String> = row.iter().map(str::to_owned).collect();
    let becomes = cells[place("becomes")].trim_start_matches('\'').to_owned();
    let number = becomes
        .strip_prefix("+91")
        .filter(|number| number.len() == 10)?;
    let remark = place("Remark");
    match row[place("reason")].as_ref() {
        "ragged" => {
            // The remark had the sign in it: what stands behind it moves back by one cell.
            let surplus = cells.remove(header.len());
            let behind = cells.remove(remark + 1);
            cells[remark] = format!("{};{}", cells[remark], behind.trim_start_matches('\''));
            cells.insert(place("line") - 1, surplus);
        }
        "nul_byte" => cells
            .iter_mut()
            .for_each(|cell| cell.retain(|sign| sign != '\0')),
        "unclosed_quote" => cells[remark].retain(|sign| sign != '"'),
        "cell_too_large" => cells[remark] = cells[remark].chars().take(5).collect(),
        "record_too_large" => {
            cells.truncate(header.len());
            cells
                .iter_mut()
                .for_each(|cell| *cell = cell.chars().take(80).collect());
            // Without its number it would not pass for whole.
            assert_eq!(cells[place(PHONE)], "");
            cells[place(PHONE)] = number.to_owned();
        }
        _ => cells[place(PHONE)] = number.to_owned(),
    }
    Some(cells.into())
}

/// Repairs each row of a file of refused ones whose place is among these, and returns how many there are then.
///
/// As a spreadsheet does, it gives every row, the header too, as many cells as the longest had.
fn repair(folder: &Folder, from: &str, to: &str, is_chosen: impl Fn(usize) -> bool) -> usize {
    let rows = rows(folder, from);
    let (header, refused) = (&rows[0], &rows[1..]);
    let width = rows.iter().map(StringRecord::len).max().unwrap();
    let mut written = csv::Writer::from_path(folder.path().join(to)).unwrap();
    let mut write = |row: &StringRecord| {
        let padding = iter::repeat_n("", width - row.len());
        written.write_record(row.iter().chain(padding)).unwrap();
    };
    write(header);
    let mut count = 0;
    for (index, row) in refused.iter().enumerate() {
        if !is_chosen(index) {
            write(row);
        } else if let Some(row) = repaired(header, row) {
            write(&row);
            count += 1;
        }
    }
    written.flush().unwrap();
    count
}

fn import_json(folder: &Folder, files: &str) -> Value {
    let line = format!("import {files} --campaign messy --format json");
    folder.run(&line).exits(0).json()
}

/// The fields of the contact that stands on this line of the list.
fn fields_of(status: &Value, at: u64) -> &Value {
    let contacts = status["contacts"].as_array().unwrap();
    let at = json!(at.to_string());
    let found = contacts
        .iter()
        .find(|contact| contact["fields"]["at"] == at);
    &found.expect("the line is in there")["fields"]
}

fn assert_repaired(list: &List) {
    let folder = list.folder();
    list.import(&folder, "--rejects rejects.csv");
    let count = repair(&folder, "rejects.csv", "repaired.csv", |_| true);
    let counted = import_json(&folder, "repaired.csv");
    assert_eq!(
        (&counted["rows"], &counted["accepted"], &counted["rejected"]),
        (&json!(count), &json!(count), &json!(0))
    );
    assert_eq!(
        people(&folder),
        list.people(|row| row.becomes.starts_with('+'))
    );
    let status = folder.status("messy");
    for contact in status["contacts"].as_array().unwrap() {
        let Some(fields) = contact["fields"]
            .as_object()
            .filter(|fields| !fields.is_empty())
        else {
            continue;
        };
        let names = fields
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "column_10");
        let expected = [
            "Remark",
            "Remark_2",
            "at",
            "becomes",
            "expected",
            "named",
            "wound",
            "शहर",
        ];
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        assert_eq!(names, expected);
    }
    for row in list.wanted.iter().filter(|row| !row.becomes.is_empty()) {
        let fields = fields_of(&status, row.at);
        assert_eq!(
            (&fields["expected"], &fields["becomes"]),
            (&json!(row.expected), &json!(row.becomes))
        );
    }
    let slipped = list.wanted.iter().find(|row| row.named == "=Slipped");
    let mut slipped = fields_of(&status, slipped.unwrap().at).clone();
    let slipped = slipped.as_object_mut().unwrap();
    slipped.retain(|name, _| ["Remark", "Remark_2", "शहर"].contains(&name.as_str()));
    let expected = json!({"Remark": "after 6;+1", "Remark_2": "at home", "शहर": "-Pune"});
    assert_eq!(json!(slipped), expected);
    // All of it once more, in any order.
    let refused_again = import_json(&folder, &format!("repaired.csv {}", list.file));
    assert_eq!(refused_again["accepted"], 0);
    assert_eq!(folder.status("messy"), status);
}

#[test]
fn the_refused_rows_of_a_messy_text_come_in_once_they_are_repaired() {
    assert_repaired(&List::text());
}

#[test]
fn the_refused_rows_of_a_messy_workbook_come_in_once_they_are_repaired() {
    assert_repaired(&List::workbook());
}

/// Repairs one half, and the other half of what is refused again.
fn assert_repaired_by_halves(list: &List) {
    let folder = list.folder();
    list.import(&folder, "--rejects rejects.csv");
    let before = rows(&folder, "rejects.csv");
    let count = repair(&folder, "rejects.csv", "half.csv", |index| index % 2 == 0);
    let line = "import half.csv --campaign messy --rejects again.csv --format json";
    let counted = folder.run(line).exits(0).json();
    // These were made readable when they were written down.
    let place = before[0].iter().position(|cell| cell == "reason").unwrap();
    let is_healed = |row: &&StringRecord| &row[place] == "unclosed_quote";
    let left = || before[1..].iter().skip(1).step_by(2);
    assert_eq!(
        counted["accepted"],
        count + left().filter(is_healed).count()
    );
    let again = rows(&folder, "again.csv");
    assert_eq!(again[0], before[0]);
    // What was not repaired is refused for the same, and as it was; its line and its cells are counted in the new file.
    let source = before[0].len() - 3;
    let own = |row: &StringRecord| {
        let mut cells: Vec<String> = row.iter().map(str::to_owned).collect();
        cells.remove(source + 2);
        cells.remove(source);
        while cells.pop_if(|cell| cell.is_empty()).is_some() {}
        cells
    };
    let expected = left().filter(|row| !is_healed(row)).map(|row| {
        let mut cells = own(row);
        // Its rest and its number are gone: it is not the same row any more, and is not taken for it.
        if let Some(reason) = cells
            .last_mut()
            .filter(|reason| *reason == "record_too_large")
        {
            "empty".clone_into(reason);
        }
        cells
    });
    assert_eq!(
        again[1..].iter().map(own).collect::<Vec<_>>(),
        expected.collect::<Vec<_>>()
    );
    let rest = repair(&folder, "again.csv", "rest.csv", |_| true);
    let counted = import_json(&folder, "rest.csv");
    assert_eq!(
        (&counted["accepted"], &counted["rejected"]),
        (&json!(rest), &json!(0))
    );
    assert_eq!(
        people(&folder),
        list.people(|row| row.becomes.starts_with('+'))
    );
}

#[test]
fn refused_rows_of_refused_rows_are_the_source_s_rows_still() {
    assert_repaired_by_halves(&List::text());
    assert_repaired_by_halves(&List::workbook());
}

#[test]
fn a_messy_list_is_counted_by_a_dry_run_as_by_an_import_and_leaves_nothing() {
    for list in [List::text(), List::workbook()] {
        let folder = list.folder();
        let line = format!(
            "import {} --campaign messy --dry-run --rejects dry.csv --format json",
            list.file
        );
        let mut dry = folder.run(&line).exits(0).json();
        let mut files = vec!["dry.csv", list.file, "known.csv"];
        files.sort_unstable();
        assert_eq!(folder.files(), files);
        dry["dry_run"] = json!(false);
        let line = line.replace("--dry-run --rejects dry.csv", "--rejects wet.csv");
        let wet = folder.run(&line).exits(0).json();
        assert_eq!(dry, wet);
        assert_eq!(rows(&folder, "dry.csv"), rows(&folder, "wet.csv"));
    }
}

#[test]
fn a_messy_list_is_taken_back_without_a_trace_and_comes_in_again() {
    for list in [List::text(), List::workbook()] {
        let folder = list.folder();
        let first = list.import(&folder, "--rejects rejects.csv");
        let before = folder.status("messy");
        repair(&folder, "rejects.csv", "repaired.csv", |_| true);
        let repaired = import_json(&folder, "repaired.csv");
        folder.run("import undo --yes").exits(0);
        assert_eq!(folder.status("messy"), before);
        folder.run("import undo --yes").exits(0);
        folder.run("import undo --yes").exits(0);
        assert_eq!(folder.status("messy")["total_contacts"], 0);
        let again = list.import(&folder, "--rejects rejects.csv");
        assert_eq!(again.json(), first.json());
        assert_eq!(again.stderr, first.stderr);
        assert_eq!(import_json(&folder, "repaired.csv"), repaired);
    }
}

/// What an import comes to where so many rows more are accepted, with so many contacts, and these refusals are left.
fn counted_with(list: &List, accepted: u64, contacts: u64, left: &[(&str, u64)]) -> Value {
    let mut counted = list.counted();
    let count = |value: &Value| value.as_u64().unwrap();
    counted["contacts"] = json!(count(&counted["accepted"]) + contacts);
    counted["accepted"] = json!(count(&counted["accepted"]) + accepted);
    counted["rejected"] = json!(count(&counted["rejected"]) - accepted);
    let reasons = counted["rejected_by_reason"].as_object_mut().unwrap();
    for (reason, rows) in left {
        reasons.insert((*reason).to_owned(), json!(rows));
    }
    reasons.retain(|_, rows| *rows != 0);
    counted
}

#[test]
fn several_numbers_in_a_messy_list_s_cells_are_split_as_asked() {
    for list in [List::text(), List::workbook()] {
        let short = list.count(|row| row.expected == "too_short") as u64;
        let first = ["101", "103", "105", "106", "109"];
        let both = ["101", "102", "103", "104", "105", "106", "107", "108"];
        // One cell has but the last two digits of its second number; another's second number is in the list already.
        let both_left = [("two_numbers", 0), ("too_short", short + 1)];
        for (option, numbers, expected) in [
            (
                "first",
                &first[..],
                counted_with(&list, 5, 5, &[("two_numbers", 0)]),
            ),
            ("both", &both[..], counted_with(&list, 4, 8, &both_left)),
        ] {
            let folder = list.folder();
            let ran = list.import(&folder, &format!("--split-numbers {option}"));
            assert_eq!(ran.json(), expected);
            let status = folder.status("messy");
            let found = status["contacts"].as_array().unwrap().iter();
            let found =
                found.filter_map(|contact| contact["number"].as_str()?.strip_prefix("+919876500"));
            let mut found: Vec<_> = found.filter(|ending| ending.starts_with('1')).collect();
            found.sort_unstable();
            assert_eq!(found, numbers);
            let contacts = expected["contacts"].as_u64().unwrap();
            assert_eq!(status["total_contacts"], contacts + 1);
        }
    }
}

#[test]
fn other_countries_in_a_messy_list_are_called_where_they_are_enabled() {
    for list in [List::text(), List::workbook()] {
        let folder = list.folder();
        let ran = list.import(&folder, "--country us");
        // Of the three one is a person's, one a service, and one of a country that is not enabled.
        let left = [("foreign", 1), ("service", 1)];
        assert_eq!(ran.json(), counted_with(&list, 1, 1, &left));
        let status = folder.status("messy");
        let mut contacts = status["contacts"].as_array().unwrap().iter();
        assert!(contacts.any(|contact| contact["number"] == "+14155552671"));
    }
}

#[test]
fn whoever_has_the_refused_rows_written_is_told_where_they_all_are() {
    let list = List::workbook();
    let folder = list.folder();
    let more = list.count(Wanted::is_refused) - 10;
    for (options, told) in [
        ("", "`--rejects FILE` writes them all"),
        ("--rejects rejects.csv", "all are in `rejects.csv`"),
    ] {
        let ran = folder.run(&format!("import {} --dry-run {options}", list.file));
        let note = format!("and {more} more refused rows; {told}");
        assert!(ran.exits(0).stderr.lines().any(|line| line == note));
    }
}
