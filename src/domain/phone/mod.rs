//! What people type into a phone column → a number that can be rung, or the reason why not.
//!
//! Refuses to guess: no digit is ever added, dropped or exchanged, only prefixes (`0`, `91`, `+91`, `00`) and what
//! stands between the digits. A cell that could mean two things is refused by name, with what a person can do about it.
//!
//! Invariant: the national digits of an accepted number are the last digits of its cell, or of its piece of a split cell, and a number's `Display` parses
//! back to the same number.
//!
//! `cell` reads the text, `explain` names what it cannot read, `split` cuts a cell with several numbers, `plan` knows the
//! Indian series, `metadata` asks the numbering library about landlines and other countries, `country` names those that may
//! be called, `rules` joins them, `mask` hides numbers in what is shown.

mod cell;
mod country;
mod error;
mod explain;
mod mask;
mod metadata;
mod plan;
mod rules;
mod split;

use std::fmt;
use std::str::FromStr;

pub use country::{Country, UnknownCountry};
pub use error::PhoneError;
pub use mask::{mask_digits, mask_number, mask_numbers};
pub use rules::{PhoneRules, SplitNumbers};

/// India's calling code with room for ten national digits.
const INDIA: u64 = 91 * TEN_DIGITS;
const TEN_DIGITS: u64 = 10_000_000_000;

/// The first of what stands in the place of an erased number: calling code 999, which is assigned to nobody.
const FORGOTTEN: u64 = 999_000_000_000_000;

/// A number in E.164: calling code and national number, without the plus.
///
/// `Debug` shows the last four digits only, so that a number cannot reach a log by accident; `Display` is the whole number,
/// `+919876543210`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(u64);

impl PhoneNumber {
    /// Returns the number of a contact, by the default rules: Indian numbers only.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        PhoneRules::default().parse(text)
    }

    /// Returns the number of an ExoPhone.
    ///
    /// Calls may come *from* the 140 and 1600 series, which no contact can have, and from landlines that the numbering
    /// library has not heard of: Exotel knows its own numbers.
    pub fn parse_caller_id(text: &str) -> Result<Self, PhoneError> {
        rules::parse_caller_id(text)
    }

    /// Returns the number with these digits, calling code first; `None` unless there are 7 to 15 of them.
    ///
    /// For numbers that were parsed once already, such as those in the database: no rule is applied.
    pub fn from_digits(digits: u64) -> Option<Self> {
        (1_000_000..=999_999_999_999_999)
            .contains(&digits)
            .then_some(Self(digits))
    }

    /// Returns all digits, calling code first, as one integer.
    pub fn digits(self) -> u64 {
        self.0
    }

    /// Returns whether this is a number of ten digits under +91.
    pub fn is_indian(self) -> bool {
        self.0 / TEN_DIGITS == 91
    }

    /// Returns the ten national digits of an Indian number, without a leading 0; `None` for other countries.
    pub fn national(self) -> Option<String> {
        self.is_indian()
            .then(|| (self.0 - INDIA).to_string())
            .filter(|national| national.len() == 10)
    }

    /// Returns whether this stands in the place of a number that was erased, or is about to be.
    ///
    /// It can be rung by nobody, and is shown as `forgotten`.
    pub fn is_forgotten(self) -> bool {
        self.0 >= FORGOTTEN
    }

    /// Returns the last four digits, for logs and messages: `…3210`.
    pub fn masked(self) -> String {
        if self.is_forgotten() {
            return self.to_string();
        }
        format!("…{:04}", self.0 % 10_000)
    }

    /// Returns the Indian number with these ten ASCII digits.
    fn indian(national: &[u8]) -> Self {
        Self(INDIA + value(national))
    }
}

/// Returns the value of a few ASCII digits.
fn value(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_forgotten() {
            return f.write_str("forgotten");
        }
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneError;

    fn from_str(text: &str) -> Result<Self, PhoneError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
