//! Which numbers a campaign may call.
//!
//! Reads the prefix of a cell's digits and hands the rest to the country's plan. Only `+` or `00` make a number foreign:
//! digits alone are always Indian or refused, however much they look like another country's.

use super::PhoneNumber;
use super::cell::{Cell, is_digit, unwrapped};
use super::country::Country;
use super::error::PhoneError;
use super::metadata::{self, ForeignNumber, Line};
use super::plan::{National, is_mobile, is_placeholder};
use super::split::pieces;

/// What is a number to call, beyond the Indian plan.
///
/// The default: Indian numbers only, and no caller ids of one's own.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PhoneRules {
    /// The other countries that may be called.
    pub countries: Vec<Country>,
    /// The numbers calls are made from. A contact with one of them would be a loop.
    pub own: Vec<PhoneNumber>,
    /// What becomes of a cell with several numbers.
    pub split: SplitNumbers,
}

/// From so many numbers on, a cell is no person's.
const MOST_NUMBERS: usize = 10;

/// What becomes of a cell with several numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SplitNumbers {
    /// It is refused: which of them to call is nobody's guess.
    #[default]
    Refuse,
    /// The first is called, the others are left alone.
    First,
    /// Each is called as a contact of its own, however many there are.
    Both,
}

impl PhoneRules {
    /// Returns the number in a cell, or why it cannot be called.
    pub fn parse(&self, text: &str) -> Result<PhoneNumber, PhoneError> {
        let number = match plain_mobile(text) {
            Some(number) => number?,
            None => self.read(&Cell::read(text)?)?,
        };
        if self.own.contains(&number) {
            Err(PhoneError::OwnCallerId)
        } else {
            Ok(number)
        }
    }

    /// Returns the number in a cell, and the others where cells with several are split.
    ///
    /// A number that occurs twice in a cell counts once. Where one of those that are asked for cannot be called, the cell is
    /// refused for what that one is.
    pub fn parse_all(&self, text: &str) -> Result<(PhoneNumber, Vec<PhoneNumber>), PhoneError> {
        match self.parse(text) {
            Err(PhoneError::TwoNumbers) => self.parse_several(text),
            number => Ok((number?, Vec::new())),
        }
    }

    fn parse_several(&self, text: &str) -> Result<(PhoneNumber, Vec<PhoneNumber>), PhoneError> {
        let numbers = pieces(unwrapped(text)).filter_map(|piece| match self.parse(piece) {
            // Between two signs there may be nothing; that is no number to refuse the others for.
            Err(PhoneError::Empty) if !piece.contains(is_digit) => None,
            // `9876500001/0`: not nothing, but the last digit of somebody's number.
            Err(PhoneError::Empty) => Some(Err(PhoneError::TwoNumbers)),
            number => Some(number),
        });
        let wanted = match self.split {
            SplitNumbers::Refuse => 0,
            SplitNumbers::First => 1,
            SplitNumbers::Both => usize::MAX,
        };
        let mut numbers = numbers.take(wanted);
        let first = numbers.next().unwrap_or(Err(PhoneError::TwoNumbers))?;
        let mut others = Vec::new();
        for number in numbers {
            let number = number?;
            if number != first && !others.contains(&number) {
                others.push(number);
            }
            if others.len() == MOST_NUMBERS {
                return Err(PhoneError::TwoNumbers);
            }
        }
        Ok((first, others))
    }

    fn read(&self, cell: &Cell) -> Result<PhoneNumber, PhoneError> {
        match reach(cell)? {
            Reach::India(national) => national.contact(),
            Reach::Abroad(digits) => self.foreign(digits),
        }
    }

    fn foreign(&self, digits: &[u8]) -> Result<PhoneNumber, PhoneError> {
        let calling_code = calling_code(digits);
        let mut enabled = self
            .countries
            .iter()
            .filter(|country| country.calling_code() == calling_code)
            .peekable();
        if enabled.peek().is_none() {
            return Err(abroad(calling_code));
        }
        let text = std::str::from_utf8(digits).map_err(|_| PhoneError::Invalid)?;
        let number = ForeignNumber::read(text, calling_code).ok_or(PhoneError::Invalid)?;
        match number.line() {
            Line::Person if enabled.any(|country| country.has(&number)) => number
                .dialled()
                .and_then(PhoneNumber::from_digits)
                .ok_or(PhoneError::Invalid),
            Line::Person => Err(abroad(calling_code)),
            Line::TollFree => Err(PhoneError::TollFree),
            Line::Service => Err(PhoneError::Service),
            Line::Unknown => Err(PhoneError::Invalid),
        }
    }
}

/// Returns the number of an ExoPhone.
pub(super) fn parse_caller_id(text: &str) -> Result<PhoneNumber, PhoneError> {
    match reach(&Cell::read(text)?)? {
        Reach::India(national) => national.caller_id(),
        Reach::Abroad(digits) => Err(abroad(calling_code(digits))),
    }
}

/// Names a number that is not to be called: another country's, or that of none.
fn abroad(calling_code: u16) -> PhoneError {
    if metadata::is_calling_code(calling_code) {
        PhoneError::Foreign { calling_code }
    } else {
        PhoneError::Invalid
    }
}

/// The short way for what nearly every row is: ten ASCII digits that begin with 6 to 9.
fn plain_mobile(text: &str) -> Option<Result<PhoneNumber, PhoneError>> {
    let digits = text.as_bytes();
    if digits.len() != 10 || !is_mobile(digits) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(if is_placeholder(digits) {
        Err(PhoneError::Placeholder)
    } else {
        Ok(PhoneNumber::indian(digits))
    })
}

/// A number with its international or trunk prefix read off.
enum Reach<'a> {
    India(National<'a>),
    /// All digits, calling code first.
    Abroad(&'a [u8]),
}

fn reach(cell: &Cell) -> Result<Reach<'_>, PhoneError> {
    let digits = cell.digits();
    // `0` is what an export writes where nothing is known.
    if digits.len() < 9 && digits.iter().all(|digit| *digit == b'0') {
        return Err(PhoneError::Empty);
    }
    if is_placeholder(digits) {
        return Err(PhoneError::Placeholder);
    }
    // 000800 is the Indian form of the international freephone.
    if !cell.plus() && digits.starts_with(b"000800") {
        return Err(PhoneError::TollFree);
    }
    let international = if cell.plus() {
        Some(digits)
    } else {
        digits.strip_prefix(b"00")
    };
    if let Some(digits) = international {
        return match digits {
            [b'9', b'1', national @ ..] => {
                Ok(india(national.strip_prefix(b"0").unwrap_or(national), true))
            }
            [] | [b'0', ..] => Err(PhoneError::Invalid),
            _ if digits.len() < 7 => Err(PhoneError::TooShort {
                digits: digits.len(),
            }),
            _ if digits.len() > 15 => Err(PhoneError::TooLong {
                digits: digits.len(),
            }),
            _ => Ok(Reach::Abroad(digits)),
        };
    }
    Ok(match digits {
        [b'0', national @ ..] => india(national, true),
        [b'9', b'1', national @ ..] if national.len() == 10 && national[0] != b'0' => {
            india(national, true)
        }
        [b'9', b'1', b'0', national @ ..] if national.len() == 10 => india(national, true),
        // Services begin with 1 and may have more than ten digits.
        [b'9', b'1', national @ ..] if national.len() > 10 && national[0] == b'1' => {
            india(national, true)
        }
        national => india(national, false),
    })
}

fn india(digits: &[u8], prefixed: bool) -> Reach<'_> {
    Reach::India(National { digits, prefixed })
}

/// Returns the calling code that digits begin with.
///
/// By the zones of ITU-T E.164: the codes of one and two digits are known, all others have three.
fn calling_code(digits: &[u8]) -> u16 {
    let length = match digits {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    digits
        .iter()
        .take(length)
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
}
