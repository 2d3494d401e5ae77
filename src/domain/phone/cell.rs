//! The text of a phone cell → its digits, or what else it is.
//!
//! Knows how people and spreadsheets write numbers down: scripts, separators, invisible marks, apostrophes, `.0`. Knows
//! nothing of numbering plans, and never trims a text to fit: what is more than the digits of one number, `explain` names.

use super::error::PhoneError;
use super::explain::explain;

/// The longest number with its international prefix: `00` and 15 digits.
const LONGEST: usize = 17;
/// Room for the longest number and a fraction `.00`.
const ROOM: usize = LONGEST + 2;

/// The digits of a cell, as ASCII, and whether a plus stood before them.
pub(super) struct Cell {
    plus: bool,
    digits: [u8; ROOM],
    len: usize,
}

impl Cell {
    /// Reads a cell; `Ok` has 1 to 17 digits.
    pub(super) fn read(text: &str) -> Result<Self, PhoneError> {
        let text = unwrapped(text);
        let mut cell = Self {
            plus: false,
            digits: [0; ROOM],
            len: 0,
        };
        let mut dotted = false;
        // How many digits stood before the only dot, if nothing but digits came after it.
        let mut fraction: Option<usize> = None;
        for character in text.chars() {
            match glyph(character) {
                Glyph::Digit(digit) => {
                    let Some(slot) = cell.digits.get_mut(cell.len) else {
                        return Err(explain(text));
                    };
                    *slot = digit;
                    cell.len += 1;
                }
                Glyph::Plus if cell.len == 0 && !cell.plus => cell.plus = true,
                Glyph::Plus | Glyph::Other => return Err(explain(text)),
                Glyph::Dot => {
                    fraction = (!dotted && cell.len > 0).then_some(cell.len);
                    dotted = true;
                }
                Glyph::Separator => fraction = None,
                Glyph::Invisible => {}
            }
        }
        // A spreadsheet's number: `9876543210.0`. One or two zeros; more, or a second dot, could be the last group of a
        // dotted number.
        if let Some(whole) = fraction
            && matches!(&cell.digits[whole..cell.len], b"0" | b"00")
        {
            cell.len = whole;
        }
        match cell.len {
            0 => Err(PhoneError::Empty),
            1..=LONGEST => Ok(cell),
            _ => Err(explain(text)),
        }
    }

    /// Returns whether the number was written with a plus.
    pub(super) fn plus(&self) -> bool {
        self.plus
    }

    /// Returns the digits in ASCII.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// What a character is to a phone number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// A digit of any script we read, as ASCII.
    Digit(u8),
    Plus,
    Dot,
    /// May stand between two groups of digits.
    Separator,
    /// Leaves no trace on paper: zero-width characters, direction marks, soft hyphens.
    Invisible,
    Other,
}

/// The zeros of the scripts whose digits we read; each is followed by its 1 to 9.
const ZEROS: [char; 14] = [
    '\u{0660}', // Arabic-Indic
    '\u{06F0}', // Arabic-Indic as in Urdu, Kashmiri and Sindhi
    '\u{0966}', // Devanagari
    '\u{09E6}', // Bengali and Assamese
    '\u{0A66}', // Gurmukhi
    '\u{0AE6}', // Gujarati
    '\u{0B66}', // Odia
    '\u{0BE6}', // Tamil
    '\u{0C66}', // Telugu
    '\u{0CE6}', // Kannada
    '\u{0D66}', // Malayalam
    '\u{1C50}', // Ol Chiki
    '\u{ABF0}', // Meetei Mayek
    '\u{FF10}', // full-width
];

/// Returns whether a character is a digit of any script we read.
pub(super) fn is_digit(character: char) -> bool {
    matches!(glyph(character), Glyph::Digit(_))
}

/// Returns what a character is to a phone number.
pub(super) fn glyph(character: char) -> Glyph {
    match character {
        '0'..='9' => Glyph::Digit(character as u8),
        '+' | '\u{FF0B}' | '\u{FE62}' => Glyph::Plus,
        '.' | '\u{FF0E}' => Glyph::Dot,
        '-' | '(' | ')' | '[' | ']' => Glyph::Separator,
        // Hyphens and dashes, the minus sign, small and full-width forms.
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{FE63}'
        | '\u{FF0D}'
        | '\u{FF08}'
        | '\u{FF09}' => Glyph::Separator,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}' => Glyph::Invisible,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' => {
            Glyph::Invisible
        }
        _ if character.is_whitespace() => Glyph::Separator,
        _ if character.is_ascii() => Glyph::Other,
        _ => foreign_digit(character).map_or(Glyph::Other, Glyph::Digit),
    }
}

fn foreign_digit(character: char) -> Option<u8> {
    ZEROS.iter().find_map(|zero| {
        let distance = u32::from(character).checked_sub(u32::from(*zero))?;
        u8::try_from(distance)
            .ok()
            .filter(|digit| *digit < 10)
            .map(|digit| b'0' + digit)
    })
}

/// Takes off what spreadsheets and address books put around a number.
pub(super) fn unwrapped(text: &str) -> &str {
    let text = trimmed(text);
    // `="98…"` and a leading apostrophe both keep a spreadsheet from reading the cell as a number.
    let text = text
        .strip_prefix("=\"")
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let text = trimmed(
        text.strip_prefix(['\'', '\u{2018}', '\u{2019}', '`'])
            .unwrap_or(text),
    );
    match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        _ => text,
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || glyph(character) == Glyph::Invisible
    })
}
