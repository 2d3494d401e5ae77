//! Hides phone numbers in text that people and logs get to see.
//!
//! Errs on the side of hiding: an order number or a date may be hidden too, a phone number must not stay.

use super::cell::{Glyph, glyph};

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
    let is_digit = |character: char| matches!(glyph(character), Glyph::Digit(_));
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
