//! What the numbering library knows of landlines and other countries.
//!
//! The only place that names the library: it is young, and takes some numbers for what they are not, so it is asked last
//! and about little. Never reformats a number; its answer is a verdict on digits that are already decided.
//!
//! Invariant: plain mobiles never come here, so a list of a million of them does not pay for the metadata.

use std::cell::LazyCell;

pub(super) use rlibphonenumber::Region;
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

/// A number of another country, as the library reads it.
pub(super) struct ForeignNumber(Parsed);

impl ForeignNumber {
    /// Reads a number from its digits, calling code first.
    ///
    /// `None` if the library would ring other digits than these, but for a trunk 0 after some calling codes, which it
    /// drops, as in `+44 (0) 20 …`.
    pub(super) fn read(digits: &str, calling_code: u16) -> Option<Self> {
        let number = LIBRARY.with(|library| library.parse(format!("+{digits}"), None).ok())?;
        let national = get_national_significant_number_owned(&number);
        let written = digits.strip_prefix(&calling_code.to_string())?;
        let same = written == national || written.strip_prefix('0') == Some(national.as_str());
        (same && number.country_code == i32::from(calling_code)).then_some(Self(number))
    }

    /// Returns who answers.
    pub(super) fn line(&self) -> Line {
        LIBRARY.with(|library| line(library.get_number_type(&self.0)))
    }

    /// Returns whether it is one of this region's numbers; regions may share a calling code, and some numbers.
    pub(super) fn is_of(&self, region: Region) -> bool {
        LIBRARY.with(|library| library.is_valid_number_for_region(&self.0, region))
    }

    /// Returns the digits to ring, calling code first.
    pub(super) fn dialled(&self) -> Option<u64> {
        let national = get_national_significant_number_owned(&self.0);
        format!("{}{national}", self.0.country_code).parse().ok()
    }
}

/// Returns the region with these two letters, and its calling code.
pub(super) fn region(letters: &str) -> Option<(Region, u16)> {
    let region = Region::from_code(letters).ok()?;
    let code = LIBRARY.with(|library| library.get_country_code_for_region(region))?;
    Some((region, u16::try_from(code).ok()?))
}

/// Returns whether some country, or a network of the whole world, has this calling code.
pub(super) fn is_calling_code(code: u16) -> bool {
    LIBRARY.with(|library| {
        let regions = library.get_regions_for_country_calling_code(i32::from(code));
        regions.is_some()
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
