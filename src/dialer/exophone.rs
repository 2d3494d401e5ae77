//! The ExoPhones of a campaign within one turn: who sees which, and when each may start its next call.
//!
//! Pure like `turn`. Each ExoPhone has a pace of its own, kept for it over all campaigns that set one: a number that
//! rings too many people in a minute is soon taken for a nuisance, whoever rings from it.

use std::time::Duration;

use super::run::{Dialling, caller_ids};
use crate::clock::Moment;
use crate::domain::caller_id;
use crate::domain::campaign::Policy;
use crate::domain::pace::{self, LEAD, Pace};
use crate::domain::phone::PhoneNumber;
use crate::store::campaigns::CampaignId;
use crate::store::runs::{self, LastStart, Whose};
use crate::store::{Result, Tx};

/// So many people are looked at for one whose ExoPhone is free; each ExoPhone has an even share of them.
const PEOPLE_TO_LOOK_AT: usize = 256;

/// What a turn knows of its ExoPhones.
pub(super) struct ExoPhones<'a> {
    ids: &'a [PhoneNumber],
    campaign: CampaignId,
    interval: Duration,
    /// Empty where nothing limits them.
    known: Vec<Known>,
    eases_at: Option<Duration>,
}

/// An ExoPhone and its starts, since boot.
struct Known {
    id: PhoneNumber,
    /// When this campaign may start the next call from it.
    next: Duration,
    /// When this turn's last call from it starts.
    started: Option<Duration>,
}

impl<'a> ExoPhones<'a> {
    /// Reads when each may start its next call.
    ///
    /// A campaign keeps its own interval to its own last call. To another campaign's it keeps the shorter of the two, so
    /// that a slow one does not hold up a fast one.
    pub(super) fn read(
        tx: &Tx<'_>,
        campaign: CampaignId,
        policy: &'a Policy,
        dialling: &'a Dialling,
        now: &Moment,
    ) -> Result<Self> {
        let ids = caller_ids(policy, dialling);
        let interval = policy.caller_id_pace.interval();
        let mut known = Vec::new();
        if policy.caller_id_pace != Pace::Max {
            for id in ids {
                let ours = runs::last_start(tx, Whose::Campaign(campaign), *id, now)?;
                let all = runs::last_start(tx, Whose::Everybodys, *id, now)?;
                let after_ours = ours.map(|last| last.at + interval);
                let after_all = all.map(|last| last.at + interval.min(last.interval));
                let next = after_ours.max(after_all);
                known.push(Known {
                    id: *id,
                    next: next.map_or(now.since_boot, |at| {
                        pace::next_start(Some(at), now.since_boot, interval)
                    }),
                    started: None,
                });
            }
        }
        Ok(Self {
            ids,
            campaign,
            interval,
            known,
            eases_at: None,
        })
    }

    /// Returns how many of the due people to look at, to fill so many starts.
    pub(super) fn people_to_look_at(&self, starts: usize) -> usize {
        if self.known.is_empty() {
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
        let Some(known) = self.known.iter_mut().find(|known| known.id == id) else {
            return Some(earliest);
        };
        let start = known.next.max(earliest);
        if start > latest {
            self.eases_at = Some(
                self.eases_at
                    .map_or(known.next, |eases| eases.min(known.next)),
            );
            return None;
        }
        (known.next, known.started) = (start + self.interval, Some(start));
        Some(start)
    }

    /// Returns when the first intent may be committed of those that no ExoPhone had a start for, if there were any.
    pub(super) fn eases_at(&self) -> Option<Duration> {
        Some(self.eases_at?.saturating_sub(LEAD))
    }

    /// Writes down this turn's last call from each.
    pub(super) fn write(&self, tx: &Tx<'_>, now: &Moment) -> Result<()> {
        for known in &self.known {
            let Some(at) = known.started else { continue };
            let last = LastStart {
                at,
                interval: self.interval,
            };
            for whose in [Whose::Campaign(self.campaign), Whose::Everybodys] {
                runs::set_last_start(tx, whose, known.id, last, now)?;
            }
        }
        Ok(())
    }
}
