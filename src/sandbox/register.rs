//! The register of all accepted calls, and the ways to find one.
//!
//! Calls stand in the order in which they were accepted and are never removed, so a call's place is a stable name for
//! it. That is what the cursors of the list are made of.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;

use super::call::Call;

/// Every accepted call, in order.
#[derive(Clone, Default, Debug)]
pub(super) struct Register {
    calls: Vec<Call>,
    by_sid: HashMap<String, usize>,
    by_number: HashMap<String, Vec<usize>>,
}

impl Register {
    /// Adds a call, which must not have been accepted before the last one, and returns its place.
    pub(super) fn add(&mut self, call: Call) -> usize {
        debug_assert!(
            self.last_accepted_at()
                .is_none_or(|last| last <= call.accepted_at)
        );
        let place = self.calls.len();
        self.by_sid.insert(call.sid.clone(), place);
        self.by_number
            .entry(call.number.clone())
            .or_default()
            .push(place);
        self.calls.push(call);
        place
    }

    /// Returns all calls.
    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Returns the call at a place.
    pub(super) fn at(&self, place: usize) -> &Call {
        &self.calls[place]
    }

    /// Returns the place of a call.
    pub(super) fn place_of(&self, sid: &str) -> Option<usize> {
        self.by_sid.get(sid).copied()
    }

    /// Returns the places of all calls to a number.
    pub(super) fn places_of(&self, number: &str) -> &[usize] {
        self.by_number.get(number).map_or(&[], Vec::as_slice)
    }

    /// Returns the places of all calls accepted from `earliest` until before `end`.
    pub(super) fn places_between(&self, earliest: Timestamp, end: Timestamp) -> Range<usize> {
        let first = self
            .calls
            .partition_point(|call| call.accepted_at < earliest);
        let after = self.calls.partition_point(|call| call.accepted_at < end);
        first..after.max(first)
    }

    /// Returns when the last call was accepted.
    pub(super) fn last_accepted_at(&self) -> Option<Timestamp> {
        self.calls.last().map(|call| call.accepted_at)
    }
}
