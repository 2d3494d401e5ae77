//! Hides phone numbers in text that people and logs get to see.
//!
//! Errs on the side of hiding: an order number or a date may be hidden too, a phone number must not stay.

use std::ops::Range;

use super::PhoneNumber;
use super::cell::{Glyph, glyph, is_digit};

/// As many digits as the shortest number that belongs to somebody.
const NUMBER: usize = 7;
/// How many of its last digits stay, to tell one from another.
const KEPT: usize = 4;

/// Returns the text with every run of seven or more digits replaced by `…` and its last four.
///
/// For words that come from elsewhere, such as the provider's errors. A leading plus and single spaces or dashes inside
/// belong to the run.
pub fn mask_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = Run::at_start_of(rest);
        let end = if run.digits.len() >= NUMBER {
            masked.push('…');
            masked.push_str(&run.digits[run.digits.len() - KEPT..]);
            run.end
        } else {
            // The whole run, or it would be tried again from its second digit on.
            let end = run.end.max(first.len_utf8());
            masked.push_str(&rest[..end]);
            end
        };
        rest = &rest[end..];
    }
    masked
}

/// Returns the text with the digits of this one number replaced by `…` and its last four, however they are grouped and
/// whatever prefix stands before them; `None` if it is not in it.
///
/// For words about other people, in which other digits have to stay.
pub fn mask_number(text: &str, number: PhoneNumber) -> Option<String> {
    let wanted = number
        .national()
        .unwrap_or_else(|| number.digits().to_string())
        .into_bytes();
    // The digits that are joined by nothing but separators, each with where it stands.
    let mut run: Vec<(u8, Range<usize>)> = Vec::new();
    let mut found: Vec<Range<usize>> = Vec::new();
    for (index, character) in text.char_indices() {
        match glyph(character) {
            Glyph::Digit(digit) => {
                run.push((digit, index..index + character.len_utf8()));
                let start = run.len().saturating_sub(wanted.len());
                let last = &run[start..];
                if last.iter().map(|(digit, _)| digit).eq(&wanted) {
                    found.push(last[0].1.start..index + character.len_utf8());
                    run.clear();
                }
            }
            Glyph::Separator | Glyph::Dot | Glyph::Invisible => {}
            Glyph::Plus | Glyph::Other => run.clear(),
        }
    }
    if found.is_empty() {
        return None;
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = 0;
    for place in found {
        masked.push_str(&text[rest..place.start]);
        masked.push_str(&number.masked());
        rest = place.end;
    }
    masked.push_str(&text[rest..]);
    Some(masked)
}

/// A run of digits at the start of a text; empty where there is none.
struct Run {
    digits: String,
    /// Where it ends, in bytes.
    end: usize,
}

impl Run {
    fn at_start_of(text: &str) -> Self {
        let mut run = Self {
            digits: String::new(),
            end: 0,
        };
        let mut joined = true;
        for (index, character) in text.char_indices() {
            match glyph(character) {
                Glyph::Digit(digit) => {
                    run.digits.push(char::from(digit));
                    run.end = index + character.len_utf8();
                    joined = false;
                }
                Glyph::Plus if index == 0 => {}
                Glyph::Invisible if !run.digits.is_empty() => {}
                Glyph::Separator if !joined && !"()[]\n\r".contains(character) => joined = true,
                _ => break,
            }
        }
        run
    }
}

/// Returns the text with all digits but the last four as dots, if there are seven or more in it.
///
/// For refused cells: its shape stays, so that a person can see what is wrong with it.
pub fn mask_digits(text: &str) -> String {
    let digits = text
        .chars()
        .filter(|character| is_digit(*character))
        .count();
    let hidden = if digits < NUMBER { 0 } else { digits - KEPT };
    let mut seen = 0;
    let mask = |character: char| {
        seen += usize::from(is_digit(character));
        if is_digit(character) && seen <= hidden {
            '•'
        } else {
            character
        }
    };
    text.chars().map(mask).collect()
}
