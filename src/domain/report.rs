//! Figures from counts.

use super::contact::ContactState;

/// How many contacts of a campaign are in each state. They add up: every contact is in exactly one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Never tried, or waiting for another try.
    pub pending: u64,
    /// Being rung, or on the phone.
    pub initiated: u64,
    /// Reached.
    pub completed: u64,
    /// Not reached, and no further try is permitted.
    pub failed: u64,
    /// Left out by a rule.
    pub skipped: u64,
    /// Waiting for evidence or a person.
    pub held: u64,
}

impl Counts {
    /// Returns the number of contacts.
    pub fn total(&self) -> u64 {
        self.pending + self.initiated + self.completed + self.failed + self.skipped + self.held
    }

    /// Returns how many contacts need nothing more.
    pub fn finished(&self) -> u64 {
        self.completed + self.failed + self.skipped
    }

    /// Returns the count of one state, to read or to change.
    pub fn of(&mut self, state: ContactState) -> &mut u64 {
        match state {
            ContactState::Pending => &mut self.pending,
            ContactState::Initiated => &mut self.initiated,
            ContactState::Completed => &mut self.completed,
            ContactState::Failed => &mut self.failed,
            ContactState::Skipped => &mut self.skipped,
            ContactState::Held => &mut self.held,
        }
    }
}
