//! Watches the bytes of a CSV file on their way to the parser.
//!
//! The parser takes a quote that never closes for a cell that reaches to the end of the file, however large, and does not
//! count lines that end in CR. Here both are noticed before the bytes are handed on. Changes no byte and keeps none: only
//! the lines on which rows begin, until the parser has read them, so memory stays within the parser's buffer.
//!
//! Invariant: a row begins here exactly where it begins for the parser: the steps are those of `csv-core`.

use std::collections::VecDeque;
use std::io::{self, Read};

/// The largest row, in bytes. A stray quote in front of a long file would else gather it all in memory.
const LARGEST_ROW: usize = 1024 * 1024;

/// Why the file cannot be read on; travels inside an `io::Error` through the parser.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("a quote opens on line {line} and never closes")]
    UnclosedQuote { line: u64 },
    #[error("the row on line {line} is too large")]
    RowTooLarge { line: u64 },
}

/// Where in a row the last byte was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BetweenRows,
    CellStart,
    Cell,
    Quoted,
    /// After a quote inside quotes: it closed them, or is the first of a doubled one.
    Closing,
}

/// A reader that hands on what it reads and remembers where rows begin.
pub(super) struct Watch<R> {
    input: R,
    delimiter: u8,
    place: Place,
    line: u64,
    after_cr: bool,
    row_line: u64,
    row_bytes: usize,
    quote_line: u64,
    beginnings: VecDeque<u64>,
}

impl<R: Read> Watch<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self {
            input,
            delimiter,
            place: Place::BetweenRows,
            line: 1,
            after_cr: false,
            row_line: 1,
            row_bytes: 0,
            quote_line: 1,
            beginnings: VecDeque::new(),
        }
    }

    /// Returns the line on which the row begins that the parser has just read.
    ///
    /// Once for each row, in order; after the last one the line of the end.
    pub(super) fn begun_on(&mut self) -> u64 {
        self.beginnings.pop_front().unwrap_or(self.line)
    }

    fn see(&mut self, byte: u8) -> Result<(), Trouble> {
        // CR and LF each end a line, together they end one.
        if self.after_cr && byte != b'\n' {
            self.line += 1;
        }
        let line = self.line;
        self.after_cr = byte == b'\r';
        self.line += u64::from(byte == b'\n');

        let ends_row = matches!(byte, b'\r' | b'\n');
        if self.place == Place::BetweenRows {
            if ends_row {
                return Ok(());
            }
            self.beginnings.push_back(line);
            self.row_line = line;
            self.row_bytes = 0;
            self.place = Place::CellStart;
        }
        self.row_bytes += 1;
        self.place = match self.place {
            Place::Quoted if byte == b'"' => Place::Closing,
            Place::Quoted => Place::Quoted,
            Place::Closing if byte == b'"' => Place::Quoted,
            _ if ends_row => Place::BetweenRows,
            _ if byte == self.delimiter => Place::CellStart,
            Place::CellStart if byte == b'"' => {
                self.quote_line = line;
                Place::Quoted
            }
            Place::BetweenRows | Place::CellStart | Place::Cell | Place::Closing => Place::Cell,
        };
        if self.row_bytes <= LARGEST_ROW {
            Ok(())
        } else if self.place == Place::Quoted {
            Err(Trouble::UnclosedQuote {
                line: self.quote_line,
            })
        } else {
            Err(Trouble::RowTooLarge {
                line: self.row_line,
            })
        }
    }
}

impl<R: Read> Read for Watch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let seen = if count == 0 && self.place == Place::Quoted && !buffer.is_empty() {
            Err(Trouble::UnclosedQuote {
                line: self.quote_line,
            })
        } else {
            buffer[..count].iter().try_for_each(|byte| self.see(*byte))
        };
        seen.map(|()| count)
            .map_err(|trouble| io::Error::new(io::ErrorKind::InvalidData, trouble))
    }
}
