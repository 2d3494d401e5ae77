//! Which numbers a campaign may call.
//!
//! Reads the prefix of a cell's digits and hands the rest to the country's plan. Only `+` or `00` make a number foreign:
//! digits alone are always Indian or refused, however much they look like another country's.

use super::PhoneNumber;
use super::cell::Cell;
use super::error::PhoneError;
use super::metadata::{self, Line};
use super::plan::{National, is_mobile, is_placeholder};

/// What is a number to call, beyond the Indian plan.
///
/// The default: Indian numbers only, and no caller ids of one's own.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PhoneRules {
    /// Calling codes of the other countries that may be called.
    pub countries: Vec<u16>,
    /// The numbers calls are made from. A contact with one of them would be a loop.
    pub own: Vec<PhoneNumber>,
    /// What becomes of a cell with several numbers.
    pub split: SplitNumbers,
}

/// What becomes of a cell with several numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SplitNumbers {
    /// It is refused: which of them to call is nobody's guess.
    #[default]
    Refuse,
    /// The first is called, the others are left alone.
    First,
    /// Each is called as a contact of its own.
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
    pub fn parse_all(&self, text: &str) -> Result<(PhoneNumber, Vec<PhoneNumber>), PhoneError> {
        Ok((self.parse(text)?, Vec::new()))
    }

    fn read(&self, cell: &Cell) -> Result<PhoneNumber, PhoneError> {
        match country(cell)? {
            Country::India(national) => national.contact(),
            Country::Other(digits) => self.foreign(digits),
        }
    }

    fn foreign(&self, digits: &[u8]) -> Result<PhoneNumber, PhoneError> {
        let calling_code = calling_code(digits);
        if !self.countries.contains(&calling_code) {
            return Err(PhoneError::Foreign { calling_code });
        }
        let text = std::str::from_utf8(digits).map_err(|_| PhoneError::Invalid)?;
        match metadata::foreign_line(text, calling_code) {
            Some((Line::Person, dialled)) => {
                PhoneNumber::from_digits(dialled).ok_or(PhoneError::Invalid)
            }
            Some((Line::TollFree, _)) => Err(PhoneError::TollFree),
            Some((Line::Service | Line::Unknown, _)) | None => Err(PhoneError::Invalid),
        }
    }
}

/// Returns the number of an ExoPhone.
pub(super) fn parse_caller_id(text: &str) -> Result<PhoneNumber, PhoneError> {
    match country(&Cell::read(text)?)? {
        Country::India(national) => national.caller_id(),
        Country::Other(digits) => Err(PhoneError::Foreign {
            calling_code: calling_code(digits),
        }),
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
enum Country<'a> {
    India(National<'a>),
    /// All digits, calling code first.
    Other(&'a [u8]),
}

fn country(cell: &Cell) -> Result<Country<'_>, PhoneError> {
    let digits = cell.digits();
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
            _ => Ok(Country::Other(digits)),
        };
    }
    Ok(match digits {
        [b'0', national @ ..] => india(national, true),
        [b'9', b'1', national @ ..] if national.len() == 10 && national[0] != b'0' => {
            india(national, true)
        }
        [b'9', b'1', b'0', national @ ..] if national.len() == 10 => india(national, true),
        national => india(national, false),
    })
}

fn india(digits: &[u8], prefixed: bool) -> Country<'_> {
    Country::India(National { digits, prefixed })
}

/// Returns the calling code that digits begin with.
///
/// By the zones of ITU-T E.164: the codes of one and two digits are known, all others have three. So no metadata is needed
/// to say where a refused number is from.
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
