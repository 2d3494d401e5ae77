//! Another country whose numbers may be called, as a person names it: `AE`, or by its calling code, `+971`.
//!
//! A calling code may be shared: +1 is the United States', Canada's and most of the Caribbean's. Naming one of them by its
//! letters allows that one alone; naming the code allows all of them. Which code is whose, the numbering library knows.
//!
//! Refuses names in words, `UK` (the letters are `GB`), and codes that nobody has: a list is not to be called in a country
//! that was misread.

use std::str::FromStr;

use super::metadata::{self, ForeignNumber, Region};

/// A country, or all that share a calling code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Country {
    calling_code: u16,
    region: Option<Region>,
}

/// The text names no country.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no country that is known")]
pub struct UnknownCountry(String);

impl UnknownCountry {
    /// Returns what a person can do about it.
    pub fn hint(&self) -> &'static str {
        "name it by its two letters, as in `--country AE`, or by its calling code, as in `--country +971`"
    }
}

impl Country {
    /// Returns the code that its numbers begin with, without the plus.
    pub fn calling_code(self) -> u16 {
        self.calling_code
    }

    /// Returns whether a number of its calling code is its own, and not a neighbour's.
    pub(super) fn has(self, number: &ForeignNumber) -> bool {
        self.region.is_none_or(|region| number.is_of(region))
    }

    fn named(name: &str) -> Option<Self> {
        if name.len() == 2 && name.bytes().all(|letter| letter.is_ascii_alphabetic()) {
            let (region, calling_code) = metadata::region(name)?;
            return Some(Self {
                calling_code,
                region: Some(region),
            });
        }
        let code = name.strip_prefix('+').unwrap_or(name);
        // No code begins with 0, and `+` is no digit although a number may be read with one.
        let calling_code = code
            .starts_with(|first: char| matches!(first, '1'..='9'))
            .then(|| code.parse().ok())??;
        metadata::is_calling_code(calling_code).then_some(Self {
            calling_code,
            region: None,
        })
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(name: &str) -> Result<Self, UnknownCountry> {
        Self::named(name.trim()).ok_or_else(|| UnknownCountry(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_named_by_its_letters_or_its_calling_code() {
        for (name, calling_code) in [
            ("AE", 971),
            ("us", 1),
            ("Gb", 44),
            ("XK", 383),
            ("IN", 91),
            ("971", 971),
            ("+971", 971),
            (" +65 ", 65),
            ("1", 1),
            ("+91", 91),
            ("870", 870),
        ] {
            let country: Country = name.parse().unwrap();
            assert_eq!(country.calling_code(), calling_code, "{name}");
        }
    }

    #[test]
    fn what_names_no_country_is_refused() {
        for name in [
            "", " ", "+", "UK", "XX", "AA", "ZZ", "001", "U", "UAE", "India", "0", "0971", "00971",
            "++971", "+-1", "999", "210", "1876", "70000", "97 1", "अब",
        ] {
            let refused = name.parse::<Country>().unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!("`{name}` is no country that is known")
            );
        }
    }
}
