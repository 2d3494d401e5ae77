//! What the numbering library knows of landlines and other countries.
//!
//! The only place that names the library: it is young, and takes some numbers for what they are not, so it is asked last
//! and about little. Never reformats a number; its answer is a verdict on digits that are already decided.
//!
//! Invariant: plain mobiles never come here, so a list of a million of them does not pay for the metadata.

use std::cell::LazyCell;

use rlibphonenumber::{
    PhoneNumber as Parsed, PhoneNumberType, PhoneNumberUtil, get_national_significant_number_owned,
};

/// Who answers at a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// Somebody who can be called at the usual price.
    Person,
    /// A company, called for free.
    TollFree,
    /// A company or service at a special price, a pager, a mailbox.
    Service,
    /// No such number.
    Unknown,
}

thread_local! {
    // One for each thread: the library's shared instance does not scale. Lazy: it takes 5 to 25 ms to make.
    static LIBRARY: LazyCell<PhoneNumberUtil> =
        LazyCell::new(|| PhoneNumberUtil::new().expect("the metadata is part of the program and was read in tests"));
}

/// Returns who answers at ten national digits under +91.
pub(super) fn indian_line(national: u64) -> Line {
    let number = Parsed {
        country_code: 91,
        national_number: national,
        ..Parsed::default()
    };
    LIBRARY.with(|library| line(library.get_number_type(&number)))
}

/// Returns who answers at a number of another country, given in digits with the calling code first.
///
/// `None` if the library would ring other digits than these. It drops a trunk 0 after some calling codes, as in
/// `+44 (0) 20 …`; the digits to ring come back with the verdict.
pub(super) fn foreign_line(digits: &str, calling_code: u16) -> Option<(Line, u64)> {
    LIBRARY.with(|library| {
        let number = library.parse(format!("+{digits}"), None).ok()?;
        let national = get_national_significant_number_owned(&number);
        let written = digits.strip_prefix(&calling_code.to_string())?;
        let same = written == national || written.strip_prefix('0') == Some(national.as_str());
        if !same || number.country_code != i32::from(calling_code) {
            return None;
        }
        let dialled = format!("{calling_code}{national}").parse().ok()?;
        Some((line(library.get_number_type(&number)), dialled))
    })
}

fn line(kind: PhoneNumberType) -> Line {
    match kind {
        PhoneNumberType::FixedLine
        | PhoneNumberType::Mobile
        | PhoneNumberType::FixedLineOrMobile
        | PhoneNumberType::VoIP
        | PhoneNumberType::PersonalNumber => Line::Person,
        PhoneNumberType::TollFree => Line::TollFree,
        PhoneNumberType::PremiumRate
        | PhoneNumberType::SharedCost
        | PhoneNumberType::Pager
        | PhoneNumberType::UAN
        | PhoneNumberType::VoiceMail => Line::Service,
        PhoneNumberType::Unknown => Line::Unknown,
    }
}
