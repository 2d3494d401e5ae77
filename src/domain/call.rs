//! A call as the provider knows it: its name, how far it is, how it ended.
//!
//! Only what an authenticated look-up may say. What it means for an attempt is decided in `attempt`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::phone::PhoneNumber;

/// Exotel's name for a call: lower-case letters and digits, usually 32 of them.
///
/// It looks like hexadecimal and is not: endings such as `142k` are normal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallSid(String);

/// The text is no call Sid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a call Sid is 1 to 64 letters a-z and digits")]
pub struct NotASid;

impl CallSid {
    /// Returns the Sid as Exotel writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CallSid {
    type Err = NotASid;

    fn from_str(text: &str) -> Result<Self, NotASid> {
        let fits = (1..=64).contains(&text.len());
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        if fits && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotASid)
        }
    }
}

impl fmt::Display for CallSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// The person picked up. No proof that the message was heard.
    Completed,
    /// The line was busy.
    Busy,
    /// It rang until the ring time was over.
    NoAnswer,
    /// Could not be connected as dialled; most often a number that does not exist.
    Failed,
    /// Ended by the caller's side before an answer.
    Canceled,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Failed,
        Self::Canceled,
    ];

    /// Returns Exotel's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no outcome.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no outcome; the outcomes are completed, busy, no-answer, failed, canceled")]
pub struct NotAnOutcome(pub String);

impl FromStr for Outcome {
    type Err = NotAnOutcome;

    fn from_str(text: &str) -> Result<Self, NotAnOutcome> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| NotAnOutcome(text.to_owned()))
    }
}

/// What Exotel says of a call's progress.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallStatus {
    /// Anything between accepted and ended, ringing included (`queued`, `ringing`, `in-progress`).
    Running,
    /// Ended, and how.
    Ended(Outcome),
    /// A word we do not know; kept as text, taken as not yet ended.
    Other(String),
}

/// One call as an authenticated GET shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallReport {
    /// Which call.
    pub sid: CallSid,
    /// How far it is.
    pub status: CallStatus,
    /// Who was rung; `None` where Exotel leaves it out or writes something that is no number.
    pub number: Option<PhoneNumber>,
    /// When Exotel began to dial (its `StartTime`, which is not the time of the answer).
    pub started_at: Option<Timestamp>,
    /// When the call ended; filled some time after the end.
    pub ended_at: Option<Timestamp>,
    /// The length of the call in seconds; filled late.
    pub duration_s: Option<u32>,
    /// What it cost, as Exotel's decimal text in the account's currency; filled late.
    pub price: Option<String>,
}

/// One call as a page of the provider's list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedCall {
    /// The call itself; its `number` is who was rung.
    pub report: CallReport,
    /// When the provider took the order (Exotel's `DateCreated`, whole seconds).
    pub created_at: Option<Timestamp>,
    /// The ExoPhone that was shown.
    pub caller_id: Option<PhoneNumber>,
}

/// A stretch of time, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub to: Timestamp,
}

impl Window {
    /// Returns whether the moment lies within.
    pub fn contains(&self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&at)
    }
}
