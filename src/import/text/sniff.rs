//! The sign that separates the columns of a text.
//!
//! Looks at the header alone: cells below hold addresses and remarks, with commas and semicolons of their own. Where two
//! signs would both give a header with a phone column, the file is refused.

use csv::StringRecord;

use super::cells::Cells;
use crate::import::{ImportError, Options, header};

/// The signs that may separate columns, and what to call several of them.
const DELIMITERS: [(u8, &str); 4] = [
    (b',', "commas"),
    (b';', "semicolons"),
    (b'\t', "tabs"),
    (b'|', "pipes"),
];

/// Returns the length of a first line that names the sign, as Excel reads and writes it, and the sign.
///
/// `sep=;` may be in quotes, where a program took it for a cell.
pub(super) fn sep_line(start: &[u8]) -> Option<(usize, u8)> {
    let line = start.split(|byte| is_line_end(*byte)).next()?;
    let text = line
        .strip_prefix(b"\"")
        .map_or(line, |quoted| quoted.strip_suffix(b"\"").unwrap_or(line));
    match text.split_at_checked(4)? {
        (key, [sign]) if key.eq_ignore_ascii_case(b"sep=") => {
            let separates = sign.is_ascii_punctuation() || matches!(sign, b'\t' | b' ');
            (separates && *sign != b'"').then_some((line.len(), *sign))
        }
        _ => None,
    }
}

/// Returns whether the first row with anything in it ends in this text.
pub(super) fn has_first_row(start: &[u8]) -> bool {
    first_row(start).is_some_and(|(_, ends)| ends)
}

/// Returns the sign that separates the columns.
pub(super) fn delimiter(start: &[u8], options: &Options) -> Result<u8, ImportError> {
    let header = first_row(start).map_or(&[][..], |(row, _)| row);
    let seen: Vec<(u8, &str, usize)> = DELIMITERS
        .into_iter()
        .map(|(sign, name)| {
            let outside = outside_quotes(header).filter(|byte| *byte == sign);
            (sign, name, outside.count())
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
    let split = Cells::new(sign).split(header, &mut record);
    split.is_ok() && header::fits(&record, options)
}

/// Returns the first row with anything in it, without its end, and whether it ends here.
fn first_row(start: &[u8]) -> Option<(&[u8], bool)> {
    let mut begin = 0;
    let mut anything = false;
    for (at, (byte, quoted)) in with_quotes(start).enumerate() {
        anything |= byte.is_ascii_alphanumeric() || !byte.is_ascii();
        if is_line_end(byte) && !quoted {
            if anything {
                return Some((&start[begin..at], true));
            }
            begin = at + 1;
        }
    }
    anything.then_some((&start[begin..], false))
}

fn outside_quotes(row: &[u8]) -> impl Iterator<Item = u8> {
    let outside = with_quotes(row).filter(|(_, quoted)| !quoted);
    outside.map(|(byte, _)| byte)
}

/// Says of every byte whether it stands inside quotes, whichever of the signs separates the cells.
fn with_quotes(text: &[u8]) -> impl Iterator<Item = (u8, bool)> {
    let mut quoted = false;
    let mut opens = true;
    text.iter().map(move |byte| {
        let is_quote = *byte == b'"';
        if quoted {
            // A quote right behind is the second of a doubled one, and opens again.
            opens = is_quote;
            quoted = !is_quote;
        } else {
            quoted = is_quote && opens;
            opens = is_line_end(*byte) || DELIMITERS.iter().any(|(sign, _)| sign == byte);
        }
        (*byte, quoted)
    })
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}
