//! The beginning of a file: its byte order mark, and the sign that separates its columns.
//!
//! Looks at the header alone: cells below hold addresses and remarks, with commas and semicolons of their own. Where two
//! signs would both give a header with a phone column, the file is refused.

use std::io::{self, Read};

use csv::StringRecord;

use crate::import::header;
use crate::import::{ImportError, Options};

/// How much of a file is looked at; also the largest header that is understood.
const BEGINNING: u64 = 64 * 1024;

/// The signs that may separate columns, and what to call several of them.
const DELIMITERS: [(u8, &str); 4] = [
    (b',', "commas"),
    (b';', "semicolons"),
    (b'\t', "tabs"),
    (b'|', "pipes"),
];

/// Reads the beginning of a file and takes byte order marks off.
pub(in crate::import) fn beginning(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.take(BEGINNING).read_to_end(&mut start)?;
    // Some tools put a second mark before the first. The parser would take it off, and its rows would not be the watch's.
    while start.starts_with(b"\xEF\xBB\xBF") {
        start.drain(..3);
    }
    Ok(start)
}

/// Returns the sign that separates the columns.
pub(in crate::import) fn delimiter(start: &[u8], options: &Options) -> Result<u8, ImportError> {
    let header = first_row(start);
    let seen: Vec<(u8, &str, usize)> = DELIMITERS
        .into_iter()
        .map(|(sign, name)| {
            (
                sign,
                name,
                outside_quotes(header).filter(|byte| *byte == sign).count(),
            )
        })
        .filter(|(_, _, count)| *count > 0)
        .collect();
    if let [] | [_] = seen.as_slice() {
        return Ok(seen.first().map_or(b',', |(sign, _, _)| *sign));
    }
    let mut fitting = seen
        .iter()
        .filter(|(sign, _, _)| fits(header, *sign, options));
    let most = seen.iter().map(|(_, _, count)| *count).max();
    let mut frequent = seen.iter().filter(|(_, _, count)| Some(*count) == most);
    match (fitting.next(), fitting.next()) {
        (Some((sign, _, _)), None) => Ok(*sign),
        // No sign gives a header we understand. The most frequent one makes the better error message.
        (None, _) => match (frequent.next(), frequent.next()) {
            (Some((sign, _, _)), None) => Ok(*sign),
            _ => Err(ambiguous(&seen)),
        },
        (Some(_), Some(_)) => Err(ambiguous(&seen)),
    }
}

fn ambiguous(seen: &[(u8, &str, usize)]) -> ImportError {
    let counted = |(_, name, count): &(u8, &str, usize)| {
        let name = if *count == 1 {
            name.trim_end_matches('s')
        } else {
            name
        };
        format!("{count} {name}")
    };
    ImportError::AmbiguousDelimiter {
        seen: seen.iter().map(counted).collect::<Vec<_>>().join(", "),
    }
}

/// Returns whether a header that is split at this sign has a phone column.
fn fits(header: &[u8], sign: u8, options: &Options) -> bool {
    let mut record = StringRecord::new();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(sign)
        .has_headers(false)
        .from_reader(header);
    reader.read_record(&mut record).unwrap_or(false) && header::fits(&record, options)
}

/// Returns the first row with anything in it, without its end.
fn first_row(start: &[u8]) -> &[u8] {
    let mut quoted = false;
    let mut rows = start.split(|byte| {
        quoted ^= *byte == b'"';
        !quoted && matches!(byte, b'\r' | b'\n')
    });
    rows.find(|row| {
        row.iter()
            .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
    })
    .unwrap_or_default()
}

fn outside_quotes(row: &[u8]) -> impl Iterator<Item = u8> {
    let mut quoted = false;
    row.iter().copied().filter(move |byte| {
        quoted ^= *byte == b'"';
        !quoted
    })
}
