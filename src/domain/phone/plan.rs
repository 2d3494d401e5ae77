//! The Indian numbering plan, as far as a caller needs it.
//!
//! Our own table stands before the numbering library, which takes 1600-series numbers for mobiles and 9999999999 for
//! somebody's. Mobiles are decided here alone. Never repairs a number: each rule takes the digits as they are or names
//! what they are instead.
//!
//! Series: Department of Telecommunications, National Numbering Plan; 140 and 1600 by TRAI's TCCCPR directions.

use super::error::PhoneError;
use super::metadata::{self, Line};
use super::{PhoneNumber, value};

/// National digits, and whether a `0` or `91` before them said that they are complete.
pub(super) struct National<'a> {
    pub(super) digits: &'a [u8],
    pub(super) prefixed: bool,
}

/// Series in which calls begin, and never end: (first digits, series).
const CALLERS: [(&[u8], &str); 3] = [(b"140", "140"), (b"1600", "1600"), (b"1601", "1601")];
/// Series that companies are called on at a special price.
const SERVICES: [(&[u8], &str); 2] = [(b"1860", "1860"), (b"1900", "1900")];

impl National<'_> {
    /// Returns the number of a person.
    pub(super) fn contact(&self) -> Result<PhoneNumber, PhoneError> {
        if let Some(series) = self.series(&CALLERS) {
            return Err(PhoneError::ReservedSeries { series });
        }
        let digits = self.complete()?;
        if is_mobile(digits) {
            return Ok(PhoneNumber::indian(digits));
        }
        // The library would take 5876543210 for a landline; without the 0 it may as well be a mobile with a wrong digit.
        if !self.prefixed {
            return Err(PhoneError::NotAMobile);
        }
        match metadata::indian_line(value(digits)) {
            Line::Person => Ok(PhoneNumber::indian(digits)),
            Line::TollFree => Err(PhoneError::TollFree),
            Line::Service | Line::Unknown => Err(PhoneError::Invalid),
        }
    }

    /// Returns the number of an ExoPhone.
    pub(super) fn caller_id(&self) -> Result<PhoneNumber, PhoneError> {
        let digits = self.complete()?;
        if self.prefixed || is_mobile(digits) || self.series(&CALLERS).is_some() {
            Ok(PhoneNumber::indian(digits))
        } else {
            Err(PhoneError::NotAMobile)
        }
    }

    /// Returns the digits if there are ten and they are not a company's service.
    fn complete(&self) -> Result<&[u8], PhoneError> {
        let digits = self.digits;
        // Toll-free numbers come in several lengths, with and without a trunk 0.
        if digits.starts_with(b"1800") && (7..=13).contains(&digits.len()) {
            return Err(PhoneError::TollFree);
        }
        // 01900 is the STD code of Keylong as well.
        if let Some(series) = self.series(&SERVICES)
            && !self.is_landline()
        {
            return Err(PhoneError::ReservedSeries { series });
        }
        match digits.len() {
            10 if digits[0] == b'0' => Err(PhoneError::Invalid),
            10 => Ok(digits),
            // Services begin with 1, message senders with 5; anything else has lost its other digits.
            count @ 3..=6 if matches!(digits[0], b'1' | b'5') => {
                Err(PhoneError::ShortCode { digits: count })
            }
            // A form's `+91` that nobody wrote on from.
            0 => Err(PhoneError::Empty),
            count @ 1..10 => Err(PhoneError::TooShort { digits: count }),
            count => Err(PhoneError::TooLong { digits: count }),
        }
    }

    fn is_landline(&self) -> bool {
        let whole = self.prefixed && self.digits.len() == 10;
        whole && metadata::indian_line(value(self.digits)) == Line::Person
    }

    fn series(&self, table: &[(&[u8], &'static str)]) -> Option<&'static str> {
        let whole = matches!(self.digits.len(), 10 | 11);
        table
            .iter()
            .find(|(first, _)| whole && self.digits.starts_with(first))
            .map(|(_, series)| *series)
    }
}

/// Returns whether ten national digits are a mobile as they stand.
pub(super) fn is_mobile(digits: &[u8]) -> bool {
    matches!(digits.first(), Some(b'6'..=b'9'))
}

/// Returns whether digits were typed to fill a field: nine of the last ten are equal, or they count from 1 to 0.
pub(super) fn is_placeholder(digits: &[u8]) -> bool {
    let last_ten = &digits[digits.len().saturating_sub(10)..];
    // Ten counters of four bits: ten digits cannot overflow them.
    let counts = last_ten
        .iter()
        .fold(0_u64, |counts, digit| counts + (1 << (4 * (digit - b'0'))));
    let equal = (0..10)
        .map(|digit| counts >> (4 * digit) & 0xF)
        .max()
        .unwrap_or(0);
    equal >= 9 || last_ten == b"1234567890"
}
