//! Whether a campaign's calls do what they are meant to: the canary at its start, and short calls all along.
//!
//! A broken flow answers every call with success and drops it after a few seconds (seen live), so that only the shares
//! of what came of the calls tell.

use std::fmt;
use std::str::FromStr;

/// What to do when most calls that are picked up end within seconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ShortCalls {
    /// Pause the campaign.
    #[default]
    Pause,
    /// Say so and go on.
    Warn,
    /// Nothing: the message is that short.
    Off,
}

impl ShortCalls {
    const ALL: [Self; 3] = [Self::Pause, Self::Warn, Self::Off];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for ShortCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no way to deal with short calls.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` does not fit; write `pause`, `warn` or `off`")]
pub struct NotShortCalls(pub String);

impl FromStr for ShortCalls {
    type Err = NotShortCalls;

    fn from_str(text: &str) -> Result<Self, NotShortCalls> {
        Self::ALL
            .into_iter()
            .find(|way| way.as_str() == text.trim())
            .ok_or_else(|| NotShortCalls(text.to_owned()))
    }
}
