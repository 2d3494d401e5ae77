//! The bytes of a text → UTF-8.
//!
//! A byte order mark says the encoding and is believed before anything typed, since only a program writes one; without it
//! the text is in the encoding that was named, or UTF-8. Nothing is ever replaced: a byte that the encoding does not have
//! ends the text, for half a name is no name and half a number is another number.
//!
//! Invariant: what is handed on is valid UTF-8 without a mark at its beginning, though a piece may end within a character.

use std::io::{self, ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::import::ImportError;

/// How much is read at once, and how much of a text is looked at for its encoding.
const CHUNK: usize = 64 * 1024;

/// Why a text does not go on.
#[derive(Debug)]
pub(super) enum Fault {
    Read(io::Error),
    /// The next byte is none of this encoding.
    Malformed,
}

/// A text on its way to UTF-8.
pub(super) struct Decoded<R> {
    input: R,
    chunk: Box<[u8]>,
    /// What of the chunk is not decoded yet.
    from: usize,
    to: usize,
    decoder: Decoder,
    /// Nobody said that it is UTF-8.
    assumed: bool,
    state: State,
}

/// What the next piece can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The input has ended, and the decoder may hold some of it.
    Ending,
    Ended,
    Broken,
}

impl<R: Read> Decoded<R> {
    /// Reads the beginning of a text and finds out its encoding.
    pub(super) fn open(
        mut input: R,
        named: Option<&'static Encoding>,
    ) -> Result<Self, ImportError> {
        let mut chunk = vec![0; CHUNK].into_boxed_slice();
        let mut to = 0;
        while to < CHUNK {
            match read(&mut input, &mut chunk[to..]).map_err(ImportError::Read)? {
                0 => break,
                count => to += count,
            }
        }
        let mut from = 0;
        let marked = Encoding::for_bom(&chunk[..to]);
        if let Some((_, length)) = marked {
            // Some tools put a second mark before the first.
            let (mark, rest) = chunk[..to].split_at(length);
            from = length * (1 + rest.chunks(length).take_while(|next| *next == mark).count());
        }
        let said = marked.map(|(encoding, _)| encoding).or(named);
        if said.is_none()
            && let Some(encoding) = unmarked_utf_16(&chunk[..to])
        {
            return Err(ImportError::NoMark {
                encoding: encoding.name(),
            });
        }
        Ok(Self {
            input,
            chunk,
            from,
            to,
            decoder: said.unwrap_or(UTF_8).new_decoder_without_bom_handling(),
            assumed: said.is_none(),
            state: State::Reading,
        })
    }

    /// Writes the next piece into the room, which must not be smaller than a few characters; 0 at the end of the text.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.state {
                State::Reading if self.from == self.to => {
                    self.from = 0;
                    self.to = read(&mut self.input, &mut self.chunk).map_err(Fault::Read)?;
                    if self.to == 0 {
                        self.state = State::Ending;
                    }
                }
                State::Reading | State::Ending => {}
                State::Ended => return Ok(0),
                State::Broken => return Err(Fault::Malformed),
            }
            let (result, taken, written) = self.decoder.decode_to_utf8_without_replacement(
                &self.chunk[self.from..self.to],
                room,
                self.state == State::Ending,
            );
            self.from += taken;
            self.state = match result {
                DecoderResult::Malformed(..) => State::Broken,
                DecoderResult::InputEmpty if self.state == State::Ending => State::Ended,
                DecoderResult::InputEmpty | DecoderResult::OutputFull => self.state,
            };
            if written > 0 {
                return Ok(written);
            }
        }
    }

    /// Returns the error of a text that is malformed on this line.
    pub(super) fn malformed(&self, line: u64) -> ImportError {
        if self.assumed {
            ImportError::NotUtf8 { line }
        } else {
            let encoding = self.decoder.encoding().name();
            ImportError::Malformed { line, encoding }
        }
    }
}

fn read(input: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(room) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Returns the byte order of UTF-16 that has no mark, which its NULs tell.
///
/// Digits, separators and line ends have one each, in whatever script the names are; other texts have none, or a stray one.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let nulls = |odd: usize| {
        let halves = bytes.iter().skip(odd).step_by(2);
        halves.filter(|byte| **byte == 0).count()
    };
    let (first, second) = (nulls(0), nulls(1));
    let many = bytes.len().div_ceil(8).max(2);
    match (first, second) {
        (_, second) if second >= many && first < second / 8 + 1 => Some(UTF_16LE),
        (first, _) if first >= many && second < first / 8 + 1 => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use encoding_rs::WINDOWS_1252;

    use super::*;

    /// Gives one byte at a time, and is interrupted before each.
    struct Drops(Cursor<Vec<u8>>, bool);

    impl Read for Drops {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let most = room.len().min(1);
            self.0.read(&mut room[..most])
        }
    }

    /// Reads a text to its end, or to the error that is beneath its last line.
    fn decoded(bytes: &[u8], named: Option<&'static Encoding>) -> Result<String, ImportError> {
        let mut text = Decoded::open(Drops(Cursor::new(bytes.to_vec()), false), named)?;
        let mut all = Vec::new();
        let mut room = [0; 8];
        loop {
            match text.read(&mut room) {
                Ok(0) => return Ok(String::from_utf8(all).unwrap()),
                Ok(count) => all.extend_from_slice(&room[..count]),
                Err(Fault::Malformed) => return Err(text.malformed(all.len() as u64)),
                Err(Fault::Read(error)) => return Err(ImportError::Read(error)),
            }
        }
    }

    fn utf_16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    const TEXT: &str = "फ़ोन,नाम\n9876500001,Zoë 👋\n";

    #[test]
    fn a_mark_says_the_encoding_whatever_was_named() {
        let marked = format!("\u{feff}{TEXT}");
        let twice = format!("\u{feff}\u{feff}{TEXT}");
        for named in [None, Some(WINDOWS_1252), Some(UTF_16BE)] {
            for text in [&marked, &twice] {
                assert_eq!(decoded(text.as_bytes(), named).unwrap(), TEXT);
                for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
                    assert_eq!(decoded(&utf_16(text, bytes_of), named).unwrap(), TEXT);
                }
            }
        }
    }

    #[test]
    fn without_a_mark_it_is_what_was_named_or_utf_8() {
        assert_eq!(decoded(TEXT.as_bytes(), None).unwrap(), TEXT);
        assert_eq!(decoded(TEXT.as_bytes(), Some(UTF_8)).unwrap(), TEXT);
        assert_eq!(
            decoded(b"Zo\xEB \x80", Some(WINDOWS_1252)).unwrap(),
            "Zoë €"
        );
        let little = utf_16(TEXT, u16::to_le_bytes);
        assert_eq!(decoded(&little, Some(UTF_16LE)).unwrap(), TEXT);
        assert_eq!(decoded(b"", None).unwrap(), "");
    }

    #[test]
    fn utf_16_without_a_mark_is_known_by_its_nuls() {
        let is = |bytes: &[u8]| decoded(bytes, None).map_err(|error| error.to_string());
        for text in [TEXT, "phone\n9876500001\n", "phone"] {
            for (bytes_of, name) in [
                (u16::to_le_bytes as fn(u16) -> [u8; 2], "UTF-16LE"),
                (u16::to_be_bytes, "UTF-16BE"),
            ] {
                let expected = format!("this looks like {name} without a byte order mark");
                assert_eq!(is(&utf_16(text, bytes_of)), Err(expected));
            }
        }
        // A NUL in a cell is its row's affair, and so are a few.
        let long = format!("phone,name\n{}", "9876500001,a\0b\0c\n".repeat(20));
        for text in ["phone,name\n9876500001,a\0b\n", long.as_str(), "\0"] {
            assert_eq!(is(text.as_bytes()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn nothing_is_replaced() {
        let cases: [(&[u8], Option<&'static Encoding>, &str); 5] = [
            (b"ab\xE9c", None, "line 2 is not UTF-8 text"),
            (b"ab\xE2\x82", None, "line 2 is not UTF-8 text"),
            (b"\xEF\xBB\xBFab\xE9", None, "line 2 is not UTF-8 text"),
            (b"\xFF\xFEa\0b\0c", None, "line 2 is not UTF-16LE text"),
            (
                b"a\0b\0\0\xD8c\0",
                Some(UTF_16LE),
                "line 2 is not UTF-16LE text",
            ),
        ];
        for (bytes, named, expected) in cases {
            let error = decoded(bytes, named).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let remedy = |bytes| decoded(bytes, None).unwrap_err().hint().unwrap();
        assert!(remedy(b"ab\xE9c").contains("--encoding windows-1252"));
        // A mark is believed before what is typed, so typing would not help here.
        assert!(!remedy(b"\xEF\xBB\xBFab\xE9").contains("--encoding"));
    }
}
