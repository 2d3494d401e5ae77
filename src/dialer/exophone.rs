//! The ExoPhones of a campaign within one turn: who sees which, and when each may start its next call.
//!
//! Pure like `turn`. Each ExoPhone has a pace of its own, kept for it over all campaigns that show it: a number that
//! rings too many people in a minute is soon taken for a nuisance, whoever rings from it.

use std::time::Duration;

use super::run::{Dialling, caller_ids};
use crate::clock::Moment;
use crate::domain::caller_id;
use crate::domain::campaign::Policy;
use crate::domain::pace::{self, LEAD, Pace};
use crate::domain::phone::PhoneNumber;
use crate::store::runs::{self, Scope, Stored};
use crate::store::{Result, Tx};

/// So many people are looked at for one whose ExoPhone is free; each ExoPhone has an even share of them.
const PEOPLE_TO_LOOK_AT: usize = 256;

/// What a turn knows of its ExoPhones.
pub(super) struct ExoPhones<'a> {
    ids: &'a [PhoneNumber],
    pace: Pace,
    /// Empty where nothing limits them.
    next: Vec<NextStart>,
    eases_at: Option<Duration>,
}

/// When an ExoPhone may start its next call, since boot.
struct NextStart {
    id: PhoneNumber,
    at: Duration,
    is_new: bool,
}

impl<'a> ExoPhones<'a> {
    /// Reads when each may start its next call.
    pub(super) fn read(
        tx: &Tx<'_>,
        policy: &'a Policy,
        dialling: &'a Dialling,
        now: &Moment,
    ) -> Result<Self> {
        let (ids, pace) = (caller_ids(policy, dialling), policy.caller_id_pace);
        let mut next = Vec::new();
        if pace != Pace::Max {
            for id in ids {
                let at = match runs::next_start(tx, Scope::CallerId(*id), now)? {
                    Stored::Nothing => now.since_boot,
                    // Written down at once: reckoned anew in every turn, the wait would never be over.
                    Stored::OtherBoot => {
                        let at = pace::next_start(None, now.since_boot, pace.interval());
                        runs::set_next_start(tx, Scope::CallerId(*id), at, now)?;
                        at
                    }
                    Stored::Next(at) => pace::next_start(Some(at), now.since_boot, pace.interval()),
                };
                next.push(NextStart {
                    id: *id,
                    at,
                    is_new: false,
                });
            }
        }
        Ok(Self {
            ids,
            pace,
            next,
            eases_at: None,
        })
    }

    /// Returns how many of the due people to look at, to fill so many starts.
    pub(super) fn people_to_look_at(&self, starts: usize) -> usize {
        if self.next.is_empty() {
            starts.max(1)
        } else {
            PEOPLE_TO_LOOK_AT
        }
    }

    /// Returns the ExoPhone that this person sees, today and always.
    pub(super) fn shown_to(&self, person: PhoneNumber) -> Option<PhoneNumber> {
        caller_id::shown_to(person, self.ids)
    }

    /// Takes a start for a call from this ExoPhone between these two times since boot; `None` if it has none there.
    pub(super) fn take(
        &mut self,
        id: PhoneNumber,
        earliest: Duration,
        latest: Duration,
    ) -> Option<Duration> {
        let interval = self.pace.interval();
        let Some(next) = self.next.iter_mut().find(|next| next.id == id) else {
            return Some(earliest);
        };
        let start = next.at.max(earliest);
        if start > latest {
            self.eases_at = Some(self.eases_at.map_or(next.at, |eases| eases.min(next.at)));
            return None;
        }
        (next.at, next.is_new) = (start + interval, true);
        Some(start)
    }

    /// Returns when the first intent may be committed of those that no ExoPhone had a start for, if there were any.
    pub(super) fn eases_at(&self) -> Option<Duration> {
        Some(self.eases_at?.saturating_sub(LEAD))
    }

    /// Writes down when each may start its next call.
    pub(super) fn write(&self, tx: &Tx<'_>, now: &Moment) -> Result<()> {
        for next in self.next.iter().filter(|next| next.is_new) {
            runs::set_next_start(tx, Scope::CallerId(next.id), next.at, now)?;
        }
        Ok(())
    }
}
