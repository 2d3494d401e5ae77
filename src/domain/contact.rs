//! What a valid row of a list is, and the states people see a contact in.
//!
//! A contact's state is never set by hand: it is derived from its attempts, so that counts always add up to the total.

use std::fmt;
use std::str::FromStr;

use super::phone::PhoneNumber;

/// A row that can be called, before it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewContact {
    /// Whom to call.
    pub number: PhoneNumber,
    /// What to call them; `None` where the row does not say.
    pub name: Option<String>,
    /// The other columns, in the file's order; no name occurs twice.
    pub fields: Vec<(String, String)>,
    /// The physical line of the file on which the row begins, the first being 1.
    pub line: u64,
}

/// A contact's state as people see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ContactState {
    /// Never tried, or waiting for a retry, an opening, or another campaign's call to the same number.
    Pending,
    /// A call is about to be placed or is under way.
    Initiated,
    /// Answered, and long enough if the campaign says so.
    Completed,
    /// Refused for this number, or the last permitted attempt reached nobody.
    Failed,
    /// A rule forbids the call.
    Skipped,
    /// A call may or may not have been placed; waits for evidence or a person.
    Held,
}

impl ContactState {
    /// All states, in the order in which counts are shown.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Initiated,
        Self::Completed,
        Self::Failed,
        Self::Skipped,
        Self::Held,
    ];

    /// Returns the name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Initiated => "initiated",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Held => "held",
        }
    }
}

impl fmt::Display for ContactState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no state of a contact.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{0}` is no state of a contact; the states are pending, initiated, completed, failed, skipped, held"
)]
pub struct NotAContactState(pub String);

impl FromStr for ContactState {
    type Err = NotAContactState;

    fn from_str(text: &str) -> Result<Self, NotAContactState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| NotAContactState(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in ContactState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!(
            "Pending".parse::<ContactState>(),
            Err(NotAContactState("Pending".to_owned()))
        );
    }
}
