//! What a campaign calls for, and what follows from it: the outer hours that no setting can widen.

use std::fmt;
use std::str::FromStr;

use super::hours::Hours;

/// What a campaign calls for, as its owner declares.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Purpose {
    /// Messages about something the person has: an appointment, a delivery, a fee.
    #[default]
    Service,
    /// Messages that a transaction of the person's own has caused.
    Transactional,
    /// Anything that advertises.
    Promotional,
    /// Reminders of what is owed to a lender.
    Collections,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [
        Self::Service,
        Self::Transactional,
        Self::Promotional,
        Self::Collections,
    ];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Transactional => "transactional",
            Self::Promotional => "promotional",
            Self::Collections => "collections",
        }
    }

    /// Returns the hours outside which nobody is called for this purpose, whatever the campaign's own hours are; `None`
    /// where there are none.
    pub fn outer_hours(self) -> Option<Hours> {
        match self {
            Self::Service | Self::Transactional => None,
            Self::Promotional => Some(Hours::between(9 * 60, 21 * 60)),
            Self::Collections => Some(Hours::between(8 * 60, 19 * 60)),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no purpose.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no purpose; write service, transactional, promotional or collections")]
pub struct NotAPurpose(pub String);

impl FromStr for Purpose {
    type Err = NotAPurpose;

    fn from_str(text: &str) -> Result<Self, NotAPurpose> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text.trim())
            .ok_or_else(|| NotAPurpose(text.to_owned()))
    }
}
