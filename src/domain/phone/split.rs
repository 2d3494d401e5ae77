//! A cell with several numbers → the text of each.
//!
//! Cuts only at what stands between two numbers and never within one: a slash, a comma, `or`, a line's end, a plus; and at
//! white space, dashes or brackets where each side has the ten digits of a whole number. Whether a piece can be called is
//! decided elsewhere, as if it had a cell of its own: nothing is completed from its neighbour.
//!
//! Invariant: the pieces have all the digits of the cell, in their order.

use super::cell::{Glyph, glyph, is_digit};

/// As many digits as a whole number has at least, so that white space may stand between two of them.
const WHOLE: usize = 10;
/// The words that people write between two numbers.
const WORDS: [&str; 4] = ["and", "or", "या", "और"];

/// Returns the pieces of a cell, each to be read by itself.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let signs = text.split(is_sign).flat_map(|piece| piece.split(":::"));
    signs
        .flat_map(at_words)
        .flat_map(at_pluses)
        .flat_map(|piece| {
            whole_numbers(piece, char::is_whitespace)
                .or_else(|| whole_numbers(piece, |character| glyph(character) == Glyph::Separator))
                .unwrap_or_else(|| vec![piece])
        })
}

fn is_sign(character: char) -> bool {
    matches!(
        character,
        '/' | '\\' | '|' | '&' | ',' | ';' | '\n' | '\r'
            // Full-width forms, and the comma and semicolon of Urdu.
            | '\u{FF0F}' | '\u{FF5C}' | '\u{FF06}' | '\u{FF0C}' | '\u{FF1B}' | '\u{060C}' | '\u{061B}'
    )
}

/// Cuts at whole words only: `sensor 9876500001` has none.
fn at_words(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut rest = 0;
    for word in text.split(|character: char| !character.is_alphabetic()) {
        // Each of the texts in between is part of `text`, one character after the other.
        let place = rest;
        rest += word.len();
        rest += text[rest..].chars().next().map_or(0, char::len_utf8);
        if WORDS.contains(&word.to_lowercase().as_str()) {
            pieces.push(&text[start..place]);
            start = place + word.len();
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// Cuts before each plus that follows a digit.
fn at_pluses(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (place, character) in text.char_indices() {
        if glyph(character) == Glyph::Plus && text[start..place].contains(is_digit) {
            pieces.push(&text[start..place]);
            start = place;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// Cuts at each gap, if every piece with a digit has those of a whole number.
fn whole_numbers(text: &str, is_gap: impl Fn(char) -> bool) -> Option<Vec<&str>> {
    let pieces: Vec<&str> = text
        .split(is_gap)
        .filter(|piece| !piece.is_empty())
        .collect();
    let digits = |piece: &&str| piece.chars().filter(|c| is_digit(*c)).count();
    (pieces.len() > 1 && pieces.iter().all(|piece| digits(piece) >= WHOLE)).then_some(pieces)
}
