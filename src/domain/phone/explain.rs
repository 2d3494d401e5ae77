//! What a text is that is not the digits of one number.
//!
//! Only reached for refused cells, so it may look at a text several times. Never finds a number in one: it decides what to
//! call the refusal, and the more telling name wins: two numbers before an extension, an extension before letters.

use super::cell::{Glyph, glyph};
use super::error::PhoneError;

/// From so many digits on, a piece of a cell is a number of its own.
const PIECE: usize = 7;

/// Names what is wrong with a text that is not the digits of one number.
pub(super) fn explain(text: &str) -> PhoneError {
    if is_scientific(text) {
        return PhoneError::ScientificNotation;
    }
    let glyphs: Vec<(char, Glyph)> = text
        .chars()
        .map(|character| (character, glyph(character)))
        .collect();
    if holds_two_numbers(&glyphs) {
        return PhoneError::TwoNumbers;
    }
    if has_extension(&glyphs) {
        return PhoneError::Extension;
    }
    if text.chars().any(|character| character.is_alphabetic()) {
        return PhoneError::Letters;
    }
    let misplaced = stray_plus(&glyphs).then_some('+');
    let unexpected = glyphs
        .iter()
        .find(|(_, glyph)| *glyph == Glyph::Other)
        .map(|(character, _)| *character);
    match unexpected.or(misplaced) {
        Some(character) => PhoneError::UnexpectedCharacter { character },
        None => PhoneError::TooLong {
            digits: count(&glyphs),
        },
    }
}

fn count(glyphs: &[(char, Glyph)]) -> usize {
    glyphs
        .iter()
        .filter(|(_, glyph)| matches!(glyph, Glyph::Digit(_)))
        .count()
}

fn stray_plus(glyphs: &[(char, Glyph)]) -> bool {
    let mut pluses = glyphs
        .iter()
        .enumerate()
        .filter(|(_, (_, glyph))| *glyph == Glyph::Plus)
        .map(|(index, _)| index);
    pluses
        .next()
        .is_some_and(|first| count(&glyphs[..first]) > 0)
        || pluses.next().is_some()
}

/// `9.87E+09`, also with a decimal comma.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    exponent.len() <= 3 && numeric(exponent) && numeric(whole) && numeric(fraction)
}

/// Two pieces that could each be rung, or a slash and the changed last digits of a second number (`9876543210/11`).
fn holds_two_numbers(glyphs: &[(char, Glyph)]) -> bool {
    let breaks = |(_, glyph): &(char, Glyph)| matches!(glyph, Glyph::Other | Glyph::Plus);
    if glyphs
        .split(breaks)
        .filter(|piece| count(piece) >= PIECE)
        .count()
        >= 2
    {
        return true;
    }
    let total = count(glyphs);
    let mut before = 0;
    for (character, glyph) in glyphs {
        match glyph {
            Glyph::Digit(_) => before += 1,
            Glyph::Invisible => {}
            _ if before >= 10 && total - before >= 10 => return true,
            _ if before >= PIECE
                && total > before
                && matches!(character, '/' | '\\' | '|' | '&') =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// `… x12`, `… ext. 12`, `…;ext=12`, `…#12`, `…,,12`: a number, then what to press when it answers.
fn has_extension(glyphs: &[(char, Glyph)]) -> bool {
    let Some(end) = glyphs.iter().position(|(_, glyph)| *glyph == Glyph::Other) else {
        return false;
    };
    let (number, tail) = glyphs.split_at(end);
    let pressed = count(tail);
    if count(number) < PIECE || pressed == 0 || pressed >= PIECE {
        return false;
    }
    let rest: String = tail
        .iter()
        .filter(|(_, glyph)| !matches!(glyph, Glyph::Digit(_)))
        .map(|(c, _)| *c)
        .collect();
    let ends_in_digits = glyphs
        .last()
        .is_some_and(|(_, glyph)| matches!(glyph, Glyph::Digit(_) | Glyph::Separator));
    let word: String = rest
        .chars()
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    let only_marks = rest
        .chars()
        .all(|c| c.is_alphabetic() || c.is_whitespace() || ",;#.:=-()".contains(c));
    ends_in_digits && only_marks && matches!(word.as_str(), "" | "x" | "ext" | "extn" | "extension")
}
