//! What must hold for any bytes of a list, and for any text in a phone cell.
//!
//! Plain functions: `cargo fuzz` calls them with what it finds (`fuzz_targets/`), and on every test run proptest does
//! (`tests/it/fuzz.rs`). They use what everybody can use, and panic where a promise is broken.

use std::io::Cursor;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};
use exocamp::domain::phone::{PhoneNumber, PhoneRules, SplitNumbers};
use exocamp::import::{ImportError, Options, Reader};

/// Bytes → rows. The first byte chooses how the rest is read.
pub(crate) fn rows(data: &[u8]) {
    let Some((choice, file)) = data.split_first() else {
        return;
    };
    let options = Options {
        encoding: [None, Some(WINDOWS_1252), Some(UTF_16LE), Some(UTF_16BE)]
            [usize::from(choice & 3)],
        delimiter: [None, Some(b','), Some(b';'), Some(b'\t')][usize::from(choice >> 2 & 3)],
        ..Options::default()
    };
    let first = outcome(file, &options);
    assert_eq!(first, outcome(file, &options), "read in two ways");
}

/// Reads a list to its end; how many rows came out, or the error's sentence.
fn outcome(file: &[u8], options: &Options) -> Result<u64, String> {
    let told = |error: ImportError| {
        assert!(error.hint().is_some(), "no remedy: {error}");
        error.to_string()
    };
    let (mut rows, mut line) = (0, 0);
    let mut reader = Reader::open(Cursor::new(file.to_vec()), options).map_err(told)?;
    for row in reader.by_ref() {
        let row = row.map_err(told)?;
        let at = match &row {
            Ok(contact) => contact.line,
            Err(refused) => refused.line,
        };
        assert!(at > line, "line {at} after line {line}");
        line = at;
        rows += 1;
        match row {
            Ok(contact) => {
                let fields = contact.fields.as_json().unwrap_or("{}");
                assert!(serde_json::from_str::<serde_json::Value>(fields).is_ok());
            }
            Err(refused) => {
                assert!(!refused.reason.name().is_empty() && !refused.reason.hint().is_empty());
                assert!(refused.cell.chars().all(|sign| !sign.is_control()));
                let digits = refused.cell.chars().filter(char::is_ascii_digit).count();
                assert!(digits < 7, "a number is shown");
            }
        }
    }
    assert!(reader.next().is_none(), "a row behind the last one");
    let lines = file.iter().filter(|byte| matches!(byte, b'\r' | b'\n'));
    assert!(
        line <= lines.count() as u64 + 1,
        "line {line} is behind the end"
    );
    Ok(rows)
}

/// Text → number: what is accepted has the cell's digits, and parses back to itself.
pub(crate) fn number(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for countries in [&[][..], &["971", "1", "GB"]] {
        let countries = countries.iter().map(|country| country.parse());
        let rules = PhoneRules {
            countries: countries.collect::<Result<_, _>>().expect("they are known"),
            ..PhoneRules::default()
        };
        split(&rules, text);
        let Ok(number) = rules.parse(text) else {
            continue;
        };
        let written = number.to_string();
        assert_eq!(
            rules.parse(&written),
            Ok(number),
            "{written} is another number"
        );
        if let Some(national) = written.strip_prefix("+91") {
            assert!(
                digits(text).contains(national),
                "digits that the cell has not"
            );
            assert_eq!(PhoneNumber::parse(&written), Ok(number));
        }
    }
}

/// A cell with several numbers: each is one by itself, none twice, and all are written in the cell.
fn split(rules: &PhoneRules, text: &str) {
    for split in [SplitNumbers::First, SplitNumbers::Both] {
        let rules = PhoneRules {
            split,
            ..rules.clone()
        };
        let Ok((first, others)) = rules.parse_all(text) else {
            continue;
        };
        let mut seen = vec![first];
        for number in others {
            assert!(split == SplitNumbers::Both, "one number too many");
            assert!(!seen.contains(&number), "{number} comes twice");
            seen.push(number);
        }
        for number in seen {
            let written = number.to_string();
            assert_eq!(rules.parse(&written), Ok(number));
            if let Some(national) = written.strip_prefix("+91") {
                assert!(
                    digits(text).contains(national),
                    "digits that the cell has not"
                );
            }
        }
    }
}

/// The digits of a text as ASCII, in whatever of the usual scripts they are written.
fn digits(text: &str) -> String {
    let zeros = [
        '0', '٠', '۰', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '᱐', '꯰', '０',
    ];
    let digit = |sign: char| {
        let distances = zeros
            .iter()
            .map(|zero| u32::from(sign).wrapping_sub(u32::from(*zero)));
        distances
            .filter(|distance| *distance < 10)
            .find_map(|digit| char::from_digit(digit, 10))
    };
    text.chars().filter_map(digit).collect()
}
