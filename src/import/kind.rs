//! What a file is, by its first bytes; its name may say anything.

use std::io::{self, Read, Seek};

/// How much of a file is looked at.
const BEGINNING: u64 = 512;

/// What the tags of web pages and XML begin with, in lower case.
const TAGS: [&[u8]; 7] = [
    b"<html",
    b"<!doctype",
    b"<?xml",
    b"<table",
    b"<head",
    b"<meta",
    b"<style",
];

/// A kind of file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A zip archive, as XLSX and ODS are.
    Zip,
    /// A compound file of Microsoft's, as XLS is, and whatever Excel has encrypted.
    Compound,
    /// Tags. Many programs export a web page and call it `.xls`, since Excel opens it.
    Markup,
    /// Anything else.
    Text,
}

impl Kind {
    /// Looks at the beginning of a file, and goes back to it.
    pub(super) fn of(input: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut start = Vec::new();
        input.take(BEGINNING).read_to_end(&mut start)?;
        input.rewind()?;
        Ok(Self::of_bytes(&start))
    }

    fn of_bytes(start: &[u8]) -> Self {
        if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            return Self::Zip;
        }
        if start.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
            return Self::Compound;
        }
        let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
        let text = text.trim_ascii_start();
        let begins_with = |tag: &[u8]| {
            text.get(..tag.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(tag))
        };
        match TAGS.into_iter().any(begins_with) {
            true => Self::Markup,
            false => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let cases: [(&[u8], Kind); 8] = [
            (b"PK\x03\x04\x14\0", Kind::Zip),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0", Kind::Compound),
            (b"\xEF\xBB\xBF\r\n <HTML xmlns:x=", Kind::Markup),
            (b"<?xml version=\"1.0\"?><Workbook>", Kind::Markup),
            (b"PKR amount,phone\n", Kind::Text),
            (b"<name>,phone\n", Kind::Text),
            (b"phone\n", Kind::Text),
            (b"", Kind::Text),
        ];
        for (bytes, kind) in cases {
            assert_eq!(
                Kind::of_bytes(bytes),
                kind,
                "{:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }
}
