//! The hash of a plan: the same as long as list and rules are, whatever the clock shows.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::campaign::Policy;
use crate::domain::contact::ContactState;
use crate::domain::eligibility::Caps;
use crate::domain::phone::PhoneNumber;

/// A hash in the making.
#[derive(Clone, Debug)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Begins with the rules: the settings in force and the caps.
    pub fn new(policy: &Policy, caps: Caps) -> Self {
        let mut hash = Sha256::new();
        // Whatever setting there will be is in the text. ExoPhones hide their digits in it, so they follow.
        hash.update(format!("{policy:?}{caps:?}"));
        for caller_id in &policy.caller_ids {
            hash.update(caller_id.digits().to_le_bytes());
        }
        Self(hash)
    }

    /// Adds a contact of the list, in the order in which they came in.
    pub fn note(
        &mut self,
        number: PhoneNumber,
        state: ContactState,
        due_at: Option<Timestamp>,
        charged: u32,
        is_do_not_call: bool,
    ) {
        let due_at = due_at.map_or(i64::MIN, Timestamp::as_millisecond);
        self.0.update(number.digits().to_le_bytes());
        self.0.update(due_at.to_le_bytes());
        self.0.update(charged.to_le_bytes());
        self.0.update([u8::from(is_do_not_call)]);
        self.0.update(state.as_str());
    }

    /// Returns the hash: 16 hexadecimal digits, enough for what nobody forges against themselves.
    pub fn finish(self) -> String {
        let mut text = String::with_capacity(16);
        for byte in self.0.finalize().iter().take(8) {
            // A text grows without fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
