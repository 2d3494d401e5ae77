//! Why a cell is no number that can be rung, and what a person can do about it.
//!
//! Each refusal has a name for counts and files, a sentence, and a hint. None of them repeats the cell: a refused cell may
//! still hold somebody's number.

use std::borrow::Cow;

/// The reason why a cell was refused as a phone number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum PhoneError {
    /// Nothing in it, or nothing but spaces, punctuation, a prefix or a few zeros.
    #[error("the cell has no number")]
    Empty,
    /// Fewer digits than any number that can be rung.
    #[error("too short: {}", counted(*.digits))]
    TooShort {
        /// How many digits there are behind the prefix.
        digits: usize,
    },
    /// More digits than a number has.
    #[error("too long: {}", counted(*.digits))]
    TooLong {
        /// How many digits there are behind the prefix.
        digits: usize,
    },
    /// A spreadsheet rounded the number and threw its last digits away.
    #[error(
        "a spreadsheet turned the number into scientific notation, and its last digits are lost"
    )]
    ScientificNotation,
    /// More than one number in the cell.
    #[error("more than one number in the cell")]
    TwoNumbers,
    /// A number behind a switchboard; an automatic call cannot dial the rest.
    #[error("the number has an extension")]
    Extension,
    /// Words, or a number written in keypad letters.
    #[error("there are letters in the number")]
    Letters,
    /// A sign that has no place in a number.
    #[error("there is a {} in the number", shown(*.character))]
    UnexpectedCharacter {
        /// The first such sign.
        character: char,
    },
    /// A number that companies are called on for free.
    #[error("a toll-free number")]
    TollFree,
    /// A series for callers or services; no person has such a number.
    #[error("a number of the {series} series, which no person has")]
    ReservedSeries {
        /// The digits it begins with.
        series: &'static str,
    },
    /// An emergency or service number of three to six digits.
    #[error("a short code of {digits} digits")]
    ShortCode {
        /// How many digits there are behind the prefix.
        digits: usize,
    },
    /// Another country's service at a special price: premium, shared cost, a pager, a mailbox.
    #[error("a service number, called at a special price")]
    Service,
    /// Typed to get past a mandatory field.
    #[error("a placeholder, not a number")]
    Placeholder,
    /// Another country, which the rules do not allow, or another part of one that shares its calling code.
    #[error("a number outside India (+{calling_code})")]
    Foreign {
        /// The country's calling code.
        calling_code: u16,
    },
    /// One of the numbers the campaign calls from.
    #[error("one of your own caller ids")]
    OwnCallerId,
    /// Ten digits that are no mobile, and nothing that says which landline.
    #[error("ten digits that do not begin with 6, 7, 8 or 9 are no mobile number")]
    NotAMobile,
    /// The right length, but no such area code or series exists.
    #[error("no such number exists")]
    Invalid,
}

fn counted(digits: usize) -> String {
    format!("{digits} digit{}", if digits == 1 { "" } else { "s" })
}

/// Returns a sign as a reader can see it, also where it is invisible.
fn shown(character: char) -> String {
    if character.is_ascii_graphic() {
        format!("`{character}`")
    } else {
        format!("U+{:04X}", u32::from(character))
    }
}

impl PhoneError {
    /// Returns the refusal's stable name, as in `rejected_by_reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::ScientificNotation => "scientific_notation",
            Self::TwoNumbers => "two_numbers",
            Self::Extension => "extension",
            Self::Letters => "letters",
            Self::UnexpectedCharacter { .. } => "unexpected_character",
            Self::TollFree => "toll_free",
            Self::ReservedSeries { .. } => "reserved_series",
            Self::ShortCode { .. } => "short_code",
            Self::Service => "service",
            Self::Placeholder => "placeholder",
            Self::Foreign { .. } => "foreign",
            Self::OwnCallerId => "own_caller_id",
            Self::NotAMobile => "not_a_mobile",
            Self::Invalid => "invalid",
        }
    }

    /// Returns what a person can do about it.
    pub fn hint(self) -> Cow<'static, str> {
        let hint = match self {
            Self::Empty => "fill in the number or remove the row",
            Self::TooShort { .. } => {
                "a mobile has ten digits; a landline needs its STD code with 0 or +91 before it"
            }
            Self::TooLong { .. } => "write one number: ten digits, or +91 and ten digits",
            Self::ScientificNotation => {
                "format the column as text in the spreadsheet, enter the numbers again, and save it as CSV"
            }
            Self::TwoNumbers => {
                "keep one number in the cell, or import with `--split-numbers first` (or `both`)"
            }
            Self::Extension => "use a direct number without an extension",
            Self::Letters | Self::UnexpectedCharacter { .. } => {
                "keep nothing but the number in the cell"
            }
            Self::TollFree | Self::Service => "use a number that belongs to the person",
            Self::ReservedSeries { .. } => "use a mobile or landline that belongs to the person",
            Self::ShortCode { .. } => "use a mobile, or a landline with its STD code",
            Self::Placeholder => "find the person's real number or remove the row",
            Self::Foreign { calling_code } => {
                return format!(
                    "use the person's Indian number, or import with `--country +{calling_code}` if that country may be called"
                )
                .into();
            }
            Self::OwnCallerId => "remove the row: calling your own ExoPhone makes a loop",
            Self::NotAMobile => {
                "check the first digit; a landline needs its STD code with 0 or +91 before it"
            }
            Self::Invalid => "check the country or STD code and the digits after it",
        };
        hint.into()
    }
}
