//! Telephone numbers as an Indian exchange reads and writes them.
//!
//! Exotel takes several spellings of one number and echoes yet another. Here they become one: the ten national digits,
//! or the E.164 text of a number abroad.

/// A number that could be dialled.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Number(String);

impl Number {
    /// Returns the number meant by one of the accepted spellings.
    ///
    /// `+919876543210`, `919876543210`, `09876543210`, `9876543210`, and for other countries `+` and 8 to 15 digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let international = digits.len() != text.len();
        let national = match digits.len() {
            12 => digits.strip_prefix("91"),
            11 if !international => digits.strip_prefix('0'),
            10 if !international => Some(digits),
            _ => None,
        };
        match national {
            Some(national) if national.starts_with('0') => None,
            Some(national) => Some(Self(national.to_owned())),
            None if digits.starts_with("91") || digits.starts_with('0') => None,
            None if international && (8..=15).contains(&digits.len()) => {
                Some(Self(text.to_owned()))
            }
            None => None,
        }
    }

    /// Returns the ten national digits, or the E.164 text of a number abroad.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the number as Exotel echoes it: national numbers with a `0` before them.
    pub(super) fn echoed(number: &str) -> String {
        if number.starts_with('+') {
            number.to_owned()
        } else {
            format!("0{number}")
        }
    }

    /// Returns the number in E.164.
    pub(super) fn e164(number: &str) -> String {
        if number.starts_with('+') {
            number.to_owned()
        } else {
            format!("+91{number}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_number_are_the_same_number() {
        for text in ["+919876543210", "919876543210", "09876543210", "9876543210"] {
            assert_eq!(
                Number::parse(text).unwrap().as_str(),
                "9876543210",
                "{text}"
            );
        }
        assert_eq!(Number::parse("9198765432").unwrap().as_str(), "9198765432");
        assert_eq!(Number::parse("08098765000").unwrap().as_str(), "8098765000");
        assert_eq!(
            Number::parse("+14155550100").unwrap().as_str(),
            "+14155550100"
        );
    }

    #[test]
    fn what_cannot_be_dialled_is_no_number() {
        let cases = [
            "",
            "+",
            "98765",
            "987654321a",
            "98765 43210",
            "00919876543210",
            "+9198765",
            "+0123456789",
        ];
        for text in cases {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
