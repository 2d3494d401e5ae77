//! Lists that would steer a terminal, turn the direction of writing or start a formula: kept as they are, shown harmlessly.

use serde_json::Value;

use exocamp::domain::spreadsheet::unprotected;

use crate::support::binary::{Folder, number};
use crate::support::process::Ran;
use crate::support::terminal::Terminal;

/// A file's name is text from outside, too.
const FILE: &str = "li\u{1b}[2Jst\u{202e}.csv";

/// Another, of numbers that are not to be called.
const OPT_OUTS: &str = "opt\u{9b}31m\u{200f}outs.csv";

/// Names, and how a spreadsheet gets them, where that is not exactly so.
fn names() -> Vec<(String, Option<&'static str>)> {
    let names: [(&str, Option<&str>); 16] = [
        ("As\u{1b}[2Jha", Some("As�[2Jha")),
        ("Ra\u{9b}31mvi\u{7f}", Some("Ra�31mvi�")),
        ("A\u{202e}B\u{2066}C\u{200f}D\u{61c}", Some("A�B�C�D�")),
        ("t\u{e0041}\u{feff}\u{2028}\u{fff9}x", Some("t����x")),
        ("Over\rwritten", Some("Over�written")),
        ("=HYPERLINK(\"http://example.com\")", None),
        ("@SUM(A1)", None),
        ("-1+1", None),
        ("+919876500099", None),
        ("'=1", None),
        ("＝1", None),
        ("👩\u{200d}👧 Meera 👋", None),
        ("क्\u{200d}ष आशा कुलकर्णी", None),
        ("Line\nbreak,\r\nand\ttab", None),
        ("O'Neil, \"Q\"; x|y", None),
        ("", None),
    ];
    let long = ("long ".repeat(2048) + "name", None);
    let names = names.map(|(name, cell)| (name.to_owned(), cell));
    names.into_iter().chain([long]).collect()
}

/// Imports a person of each name, who have it in a column with a strange name as well, and one who is refused.
fn imported(folder: &Folder) -> Ran {
    let mut list = csv::Writer::from_writer(Vec::new());
    list.write_record(["phone", "name", "no\u{1b}te\u{202e}"])
        .unwrap();
    for (index, (name, _)) in (0..).zip(names()) {
        list.write_record([&number(index), &name, &name]).unwrap();
    }
    list.write_record(["\u{1b}[31m12\u{202e}34\u{9b}m", "\u{1b}", ""])
        .unwrap();
    let list = String::from_utf8(list.into_inner().unwrap()).unwrap();
    folder.write(FILE, &list);
    folder.run_words(&["import", FILE, "--campaign", "leads"])
}

/// Fails if anything that steers was said: all but the ends of lines and, where a table has them, tabs.
#[track_caller]
fn assert_harmless(ran: &Ran) {
    for said in [&ran.stdout, &ran.stderr] {
        let steering = said.char_indices().find(|(_, c)| {
            (c.is_control() && !"\r\n\t".contains(*c))
                || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{feff}\u{fff9}\u{e0041}".contains(*c)
                || ('\u{202a}'..='\u{202e}').contains(c)
                || ('\u{2066}'..='\u{2069}').contains(c)
        });
        assert_eq!(steering, None, "{:?}", said.escape_debug().to_string());
    }
}

#[test]
fn no_command_says_anything_that_steers() {
    let folder = Folder::new();
    let ran = imported(&folder).exits(0);
    assert_harmless(&ran);
    assert!(ran.stderr.contains("`�[31m12�34�m`"), "{}", ran.stderr);

    folder.write(OPT_OUTS, &format!("phone\n{}\n", number(1)));
    assert_harmless(&folder.run_words(&["dnd", "import", OPT_OUTS]).exits(0));
    let again = folder.run_words(&["import", FILE, "--campaign", "leads"]);
    assert_harmless(&again);
    for format in ["table", "json", "csv"] {
        for line in ["status leads --limit 0", "list", "dnd list"] {
            assert_harmless(&folder.run(&format!("{line} --format {format}")).exits(0));
        }
    }
    for format in ["table", "json"] {
        for index in (0..).take(names().len()) {
            let line = format!("why {} --format {format}", number(index));
            assert_harmless(&folder.run(&line).exits(0));
        }
        assert_harmless(
            &folder
                .run(&format!("doubts list --format {format}"))
                .exits(0),
        );
        let ran = folder.run_words(&["import", "no\u{1b}where\u{202e}.csv", "--format", format]);
        assert_harmless(&ran.exits(2));
    }
    assert_harmless(&folder.run(&format!("dnd check {}", number(1))).exits(0));
    assert_harmless(&folder.run(&format!("forget {} --yes", number(2))).exits(0));
}

#[test]
fn programs_get_every_name_back_as_it_was() {
    let folder = Folder::new();
    imported(&folder).exits(0);
    let status = folder.status("leads");
    let contacts = status["contacts"].as_array().unwrap();
    assert_eq!(contacts.len(), names().len());
    for (contact, (name, _)) in contacts.iter().zip(names()) {
        let known = (!name.is_empty()).then_some(name.as_str());
        assert_eq!(contact["name"], known.map_or(Value::Null, Value::from));
        assert_eq!(
            contact["fields"],
            serde_json::json!({ "no\u{1b}te\u{202e}": name })
        );
    }
    let story = folder.run(&format!("why {} --format json", number(0)));
    let file = &story.exits(0).json()["campaigns"][0]["file"];
    assert_eq!(file, FILE);
}

#[test]
fn a_spreadsheet_gets_every_name_and_no_formula() {
    let folder = Folder::new();
    imported(&folder).exits(0);
    let ran = folder.run("status leads --limit 0 --format csv").exits(0);
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), names().len());
    for (index, (row, (name, shown))) in (0..).zip(rows.iter().zip(names())) {
        assert_eq!(&row[1], number(index));
        assert_eq!(unprotected(&row[2]), shown.unwrap_or(&name));
        assert!(!row[2].starts_with(['=', '-', '@', '＝']), "{}", &row[2]);
    }
}

#[test]
fn a_table_has_a_line_for_everybody() {
    let folder = Folder::new();
    imported(&folder).exits(0);
    let ran = folder.run("status leads --limit 0").exits(0);
    let rows: Vec<_> = ran
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("number\t"))
        .skip(1)
        .collect();
    assert_eq!(rows.len(), names().len());
    for (index, row) in (0..).zip(rows) {
        let cells: Vec<_> = row.split('\t').collect();
        assert_eq!(
            (cells[0], cells.len()),
            (number(index).as_str(), 8),
            "{row}"
        );
    }
    assert!(
        ran.stdout.contains("long long name\t"),
        "it is whole where nobody looks at it"
    );
}

#[test]
fn on_a_terminal_a_long_name_is_cut_and_everybody_is_seen() {
    let folder = Folder::new();
    imported(&folder).exits(0);
    let terminal = Terminal::of_width(80);
    let shown = terminal.spawn(folder.command(["status", "leads", "--limit", "0"]));
    let ran = shown.end().exits(0);
    assert_harmless(&ran);
    let lines: Vec<_> = ran.stdout.lines().collect();
    for index in (0..).take(names().len()) {
        let begins = lines.iter().filter(|line| line.starts_with(&number(index)));
        assert_eq!(begins.count(), 1, "{}", ran.stdout);
    }
    for plain in lines.iter().filter(|line| line.is_ascii()) {
        assert!(plain.len() <= 80, "{plain}");
    }
    let last = lines.iter().position(|line| line.contains("long"));
    let long = &lines[last.expect("the long name is shown")..];
    assert!(long.len() < 12, "{}", ran.stdout);
    assert!(long.iter().any(|line| line.contains('…')), "{}", ran.stdout);
}
