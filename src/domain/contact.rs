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
    /// Where else they can be called: each number of a split cell becomes a contact of its own.
    pub more_numbers: Vec<PhoneNumber>,
    /// What to call them; `None` where the row does not say.
    pub name: Option<String>,
    /// The other columns, in the file's order; no name occurs twice.
    pub fields: Fields,
    /// The physical line of the file on which the row begins, or the sheet's row, the first being 1.
    pub line: u64,
}

/// The other columns of a row, as the JSON object of texts that is stored.
///
/// Written as JSON at once: a list has millions of cells, and nobody looks at one before it is stored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Fields(String);

impl Fields {
    /// Returns an empty object with room for so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Adds a column; its name must not have been added before.
    pub fn push(&mut self, name: &str, value: &str) {
        if self.0.is_empty() {
            self.0.push('{');
        } else {
            self.0.pop();
            self.0.push(',');
        }
        push_json(&mut self.0, name);
        self.0.push(':');
        push_json(&mut self.0, value);
        self.0.push('}');
    }

    /// Returns the object, `None` where there are no columns.
    pub fn as_json(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|json| !json.is_empty())
    }
}

/// Appends a text as JSON; nearly none has a character that must be written in another way.
fn push_json(json: &mut String, text: &str) {
    if text
        .bytes()
        .any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        json.push_str(&serde_json::Value::from(text).to_string());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

/// Where contacts come from, as far as the file itself says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provenance {
    /// How many bytes it has.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// The workbook's sheet.
    pub sheet: Option<String>,
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
    fn fields_are_a_json_object_in_their_order() {
        let mut fields = Fields::default();
        assert_eq!(fields.as_json(), None);
        let columns = [
            ("Due", "1,500"),
            ("said \"so\"", "a\n\\ \u{1b}"),
            ("नाम", "आशा 👋"),
        ];
        for (name, value) in columns {
            fields.push(name, value);
        }
        let json: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(fields.as_json().unwrap()).unwrap();
        let read: Vec<_> = json
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        assert_eq!(read, columns);
    }

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
