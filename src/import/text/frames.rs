//! Where the rows of a text begin and end.
//!
//! A quote that opens and never closes would make everything beneath it one cell. So a quoted cell is not believed to go
//! on over its line when nothing that closes it is found, or when what closes it stands where no quote closes, or when a
//! line it takes is a row that can be called by itself: then the line of the quote is given up, and reading goes on with
//! the next. A row that is too large is given up as well, and only its beginning is kept.
//!
//! Invariant: in a text without such wounds the rows are those of the `csv` crate's parser; in every text each line that
//! is not empty is in exactly one row. Memory stays within the largest row and a few pieces of text.

use std::io::Read;

use super::encoding::{Decoded, Fault};
use crate::import::{ImportError, RowReason};

/// How much room the next piece of text is given.
const ROOM: usize = 128 * 1024;

/// One row, as bytes.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The physical line on which it begins.
    pub(super) line: u64,
    /// It, without its end; empty only where nothing of a large row is kept.
    pub(super) bytes: &'a [u8],
    /// Why it is not a row as it should be.
    pub(super) wound: Option<Wound>,
}

/// What is wrong with a row, and from where on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wound {
    pub(super) reason: RowReason,
    /// Where in the row the wounded cell begins; the cells before it are sound.
    pub(super) cell: usize,
}

/// The rows of one text.
pub(super) struct Frames<R> {
    text: Decoded<R>,
    buffer: Vec<u8>,
    /// What of the buffer is text that is not handed out yet: the row under the hand, and what comes after it.
    start: usize,
    end: usize,
    /// The physical line on which the text at `start` stands.
    line: u64,
    /// What is at `start` is the rest of a row that was too large.
    skipping: bool,
    /// Up to this line, rows may be what somebody has written into a quoted cell.
    doubtful_to: u64,
    delimiter: u8,
    largest: usize,
}

/// How a search in the row under the hand ended.
enum Search {
    Found(usize),
    TextEnds,
    TooLarge,
}

/// How a quoted cell ended.
enum Quoted {
    /// Outside the quotes again from here on.
    Closed(usize),
    /// Nowhere that can be believed.
    Stray,
}

/// The extent of the row under the hand.
struct Extent {
    /// How much of the text it takes, and how much of that is handed out.
    length: usize,
    kept: usize,
    wound: Option<Wound>,
    /// It may be more than one line.
    quoted: bool,
}

impl<R: Read> Frames<R> {
    /// Begins to look for rows; `largest` is how many bytes one may have.
    pub(super) fn new(text: Decoded<R>, largest: usize) -> Self {
        Self {
            text,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            line: 1,
            skipping: false,
            doubtful_to: 0,
            delimiter: b',',
            largest,
        }
    }

    /// Says which sign separates the cells; quotes open behind it.
    pub(super) fn separate_by(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// Returns the text from here on, until it has what is looked for, or ends, or is larger than a row may be.
    pub(super) fn ahead(&mut self, has: impl Fn(&[u8]) -> bool) -> Result<&[u8], ImportError> {
        while !has(self.window()) && self.window().len() <= self.largest && self.fill()? {}
        Ok(self.window())
    }

    /// Passes over this much of a line of the text.
    pub(super) fn pass_over(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Finds the next row; `None` at the end of the text. Asks of a line whether it is a row that can be called.
    pub(super) fn next(
        &mut self,
        is_row: impl FnMut(&[u8]) -> bool,
    ) -> Result<Option<Frame<'_>>, ImportError> {
        if self.skipping {
            self.skip_line()?;
        }
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let extent = self.measure(is_row)?;
        if extent.quoted {
            self.line += line_ends(&self.window()[..extent.length]);
        }
        let bytes = self.start..self.start + extent.kept;
        self.start += extent.length;
        let doubt = || Wound {
            reason: RowReason::UnclosedQuote,
            cell: 0,
        };
        let is_doubtful = line <= self.doubtful_to;
        Ok(Some(Frame {
            line,
            bytes: &self.buffer[bytes],
            wound: extent.wound.or_else(|| is_doubtful.then(doubt)),
        }))
    }

    fn measure(&mut self, mut is_row: impl FnMut(&[u8]) -> bool) -> Result<Extent, ImportError> {
        let mut at = 0;
        // Where the last quoted cell began, and where it was over.
        let (mut opened, mut closed) = (0, 0);
        let mut quoted = false;
        loop {
            let quote = match self.find(at, |byte| matches!(byte, b'\r' | b'\n' | b'"'))? {
                Search::Found(found) if self.window()[found] == b'"' => found,
                Search::Found(length) => return Ok(Extent::sound(length, quoted)),
                Search::TextEnds => return Ok(Extent::sound(self.window().len(), quoted)),
                Search::TooLarge => {
                    let plain = self.window().get(closed..self.largest);
                    let plain = plain.unwrap_or_default();
                    let last = plain.iter().rposition(|byte| *byte == self.delimiter);
                    let cell = last.map_or(opened, |last| closed + last + 1);
                    return Ok(self.too_large(cell));
                }
            };
            at = quote + 1;
            // Elsewhere in a cell a quote is a sign like others.
            if quote > 0 && self.window()[quote - 1] != self.delimiter {
                continue;
            }
            quoted = true;
            opened = quote;
            match self.quoted(quote, &mut is_row)? {
                Quoted::Closed(after) => {
                    at = after;
                    closed = after;
                }
                Quoted::Stray => return Ok(self.stray(quote)),
            }
        }
    }

    /// Finds the end of the quoted cell that opens here.
    fn quoted(
        &mut self,
        open: usize,
        is_row: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<Quoted, ImportError> {
        let mut at = open + 1;
        let (close, after) = loop {
            let Search::Found(quote) = self.find(at, |byte| byte == b'"')? else {
                return Ok(Quoted::Stray);
            };
            match self.byte(quote + 1)? {
                Some(b'"') => at = quote + 2,
                after => break (quote, after),
            }
        };
        let closes = after.is_none_or(|byte| byte == self.delimiter || is_line_end(byte));
        let inside = &self.window()[open + 1..close];
        let first = inside.iter().position(|byte| is_line_end(*byte));
        let last = inside.iter().rposition(|byte| is_line_end(*byte));
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(Quoted::Closed(close + 1));
        };
        if !closes {
            return Ok(Quoted::Stray);
        }
        let mut lines = inside[first..last].split(|byte| is_line_end(*byte));
        if lines.any(|line| !line.is_empty() && is_row(line)) {
            self.doubtful_to = self.line + line_ends(&self.window()[..close]);
            return Ok(Quoted::Stray);
        }
        // What closes it may be the beginning of a cell in a row of its own.
        let begin = open + 1 + last + 1;
        let end = match self.find(close, is_line_end)? {
            Search::Found(end) => end,
            Search::TextEnds => self.window().len(),
            Search::TooLarge => return Ok(Quoted::Closed(close + 1)),
        };
        let line = &self.window()[begin..end];
        if is_well_quoted(line, self.delimiter) && is_row(line) {
            return Ok(Quoted::Stray);
        }
        // What stands behind the quote is of the row that it belongs to.
        if begin < close && is_row(&self.window()[begin..close]) {
            self.doubtful_to = self.line + line_ends(&self.window()[..close]);
            return Ok(Quoted::Stray);
        }
        Ok(Quoted::Closed(close + 1))
    }

    /// Returns the row whose quote at this place is not believed: it ends with the line of the quote.
    fn stray(&mut self, quote: usize) -> Extent {
        let window = self.window();
        let line = &window[quote..window.len().min(self.largest + 1)];
        let length = match line.iter().position(|byte| is_line_end(*byte)) {
            Some(end) => quote + end,
            None if window.len() > self.largest => return self.too_large(quote),
            None => window.len(),
        };
        Extent {
            length,
            kept: length,
            wound: Some(Wound {
                reason: RowReason::UnclosedQuote,
                cell: quote,
            }),
            quoted: true,
        }
    }

    /// Returns the row that is too large: of it the cells before this place are kept.
    fn too_large(&mut self, cell: usize) -> Extent {
        self.skipping = true;
        Extent {
            length: self.largest,
            kept: cell,
            wound: Some(Wound {
                reason: RowReason::RecordTooLarge,
                cell,
            }),
            quoted: true,
        }
    }

    /// Looks for a byte from here on, no farther than a row may reach.
    fn find(&mut self, from: usize, is: impl Fn(u8) -> bool) -> Result<Search, ImportError> {
        let mut seen = from;
        loop {
            let window = self.window();
            let window = &window[..window.len().min(self.largest + 1)];
            let ahead = window.get(seen..).unwrap_or_default();
            if let Some(found) = ahead.iter().position(|byte| is(*byte)) {
                return Ok(Search::Found(seen + found));
            }
            seen = seen.max(window.len());
            if seen > self.largest {
                return Ok(Search::TooLarge);
            }
            if !self.fill()? {
                return Ok(Search::TextEnds);
            }
        }
    }

    fn byte(&mut self, at: usize) -> Result<Option<u8>, ImportError> {
        while at >= self.window().len() && self.fill()? {}
        Ok(self.window().get(at).copied())
    }

    /// Passes over line ends, each of which is counted; `false` at the end of the text.
    fn skip_line_ends(&mut self) -> Result<bool, ImportError> {
        let mut after_cr = false;
        loop {
            match self.byte(0)? {
                None => return Ok(false),
                // CR and LF each end a line, together they end one.
                Some(b'\n') if after_cr => after_cr = false,
                Some(end @ (b'\r' | b'\n')) => {
                    self.line += 1;
                    after_cr = end == b'\r';
                }
                Some(_) => return Ok(true),
            }
            self.start += 1;
        }
    }

    /// Passes over what is left of a line.
    fn skip_line(&mut self) -> Result<(), ImportError> {
        self.skipping = false;
        loop {
            let window = self.window();
            if let Some(end) = window.iter().position(|byte| is_line_end(*byte)) {
                self.start += end;
                return Ok(());
            }
            self.start = self.end;
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Returns how much memory the text takes.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.buffer.capacity()
    }

    fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads more of the text behind what is there; `false` at its end.
    fn fill(&mut self) -> Result<bool, ImportError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + ROOM {
            self.buffer
                .reserve_exact(self.end + ROOM - self.buffer.len());
            self.buffer.resize(self.end + ROOM, 0);
        }
        match self.text.read(&mut self.buffer[self.end..]) {
            Ok(count) => {
                self.end += count;
                Ok(count > 0)
            }
            Err(Fault::Read(error)) => Err(ImportError::Read(error)),
            Err(Fault::Malformed) => {
                let line = self.line + line_ends(self.window());
                Err(self.text.malformed(line))
            }
        }
    }
}

impl Extent {
    fn sound(length: usize, quoted: bool) -> Self {
        Self {
            length,
            kept: length,
            wound: None,
            quoted,
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Returns whether a line has quotes only around whole cells.
fn is_well_quoted(line: &[u8], delimiter: u8) -> bool {
    enum Place {
        CellStart,
        Plain,
        Quoted,
        Closing,
    }
    let mut place = Place::CellStart;
    for byte in line {
        place = match (place, *byte) {
            (Place::Quoted, b'"') => Place::Closing,
            (Place::Quoted, _) | (Place::CellStart | Place::Closing, b'"') => Place::Quoted,
            (_, byte) if byte == delimiter => Place::CellStart,
            (Place::Closing, _) | (Place::Plain, b'"') => return false,
            (Place::CellStart | Place::Plain, _) => Place::Plain,
        };
    }
    !matches!(place, Place::Quoted)
}

/// Returns how many lines end in these bytes.
fn line_ends(bytes: &[u8]) -> u64 {
    let mut ends = 0;
    let mut after_cr = false;
    for byte in bytes {
        ends += u64::from(*byte == b'\r' || (*byte == b'\n' && !after_cr));
        after_cr = *byte == b'\r';
    }
    ends
}
