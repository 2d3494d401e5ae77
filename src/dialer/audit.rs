//! Reads the provider's list for an audit: window by window, page by page, within the account's allowance.
//!
//! Only GETs, one at a time, from what the calls of the last minute leave; runs of the account go on meanwhile. Trouble
//! that may pass is waited out, a refusal of the account is not. Nothing is judged here, and nobody is moved.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::event::Trouble;
use crate::clock::Clock;
use crate::domain::audit::OurCall;
use crate::domain::call::{CallReport, CallSid, ListedCall, Window};
use crate::domain::doubt::Scan;
use crate::domain::pace::{self, Allowance};
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::Blame;
use crate::exotel::Client;
use crate::provider::{Answer, LookUpFailure, Search};
use crate::store::{Store, StoreError, runs};

/// How long trouble is waited out, time after time, before an audit gives up.
const WAITS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// How often "too many requests" may come in a row: runs of the account may use it up, but not for ever.
const RATE_LIMITS_IN_A_ROW: u32 = 10;

/// How often a window is read until it is whole. Calls that end while its pages are turned change it.
const READINGS: u32 = 3;

/// Whether there is room is asked again at least this often: other processes use the allowance, too.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A call is created some time after it was permitted: a reply may take half a minute, a queue two more.
const CREATED_WITHIN: Duration = Duration::from_secs(600);

/// Single calls are asked about at most this often: who lacks more lacks a whole day, and one look is enough to see it.
const MOST_SINGLE_CALLS: usize = 50;

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditFailure {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider does.
    #[error("the provider's list cannot be read")]
    Provider(Trouble),
}

/// How far the reading is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    /// Requests that were made.
    pub requests: u64,
    /// Calls that were shown.
    pub calls: u64,
    /// Whether it waits for room in the allowance.
    pub waits: bool,
}

/// What the provider has shown.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Shown {
    /// The calls; one that was shown again comes again.
    pub calls: Vec<ListedCall>,
    /// Whether that is all there is.
    pub is_complete: bool,
}

/// Reads one account's list.
pub struct Reader<'a> {
    /// Where the allowance is kept.
    pub store: &'a mut Store,
    /// The provider.
    pub client: Client,
    /// The time.
    pub clock: Clock,
    /// The account.
    pub account: String,
    /// How many requests it has in a minute.
    pub allowance: Allowance,
    /// Told how far it is.
    pub watch: &'a mut dyn FnMut(Progress),
    /// How far it is.
    pub progress: Progress,
}

impl Reader<'_> {
    /// Returns all calls that were placed from these ExoPhones in these windows.
    ///
    /// # Errors
    /// When the provider goes on refusing, or the store does.
    pub async fn scan(
        &mut self,
        caller_ids: &[PhoneNumber],
        windows: &[Window],
    ) -> Result<Shown, AuditFailure> {
        let mut shown = Shown {
            calls: Vec::new(),
            is_complete: true,
        };
        for window in windows {
            for caller_id in caller_ids {
                let search = Search {
                    window: *window,
                    caller_id: *caller_id,
                    numbers: Vec::new(),
                };
                shown.is_complete &= self.scan_window(&search, &mut shown.calls).await?;
            }
        }
        Ok(shown)
    }

    /// Reads one window until that has shown all of it, but not for ever; returns whether it has.
    async fn scan_window(
        &mut self,
        search: &Search,
        calls: &mut Vec<ListedCall>,
    ) -> Result<bool, AuditFailure> {
        for reading in 1..=READINGS {
            let scan = self.turn_pages(search).await?;
            // Each row is a fact, also of a reading that lacks others.
            calls.extend_from_slice(scan.calls());
            if scan.complete_since().is_some() {
                return Ok(true);
            }
            tracing::debug!("the list was not whole: reading {reading}");
            if reading < READINGS {
                tokio::time::sleep(WAITS[0]).await;
            }
        }
        Ok(false)
    }

    async fn turn_pages(&mut self, search: &Search) -> Result<Scan, AuditFailure> {
        let mut scan = Scan::default();
        let mut mark = None;
        loop {
            let page = self
                .ask(async |client| client.search(search, mark.as_ref()).await)
                .await?;
            let before = scan.calls().len();
            let next = page.next;
            scan.add(
                page.calls,
                page.unreadable,
                page.total,
                page.date,
                self.clock.wall(),
            );
            let new = scan.calls().len() - before;
            self.progress.calls += new as u64;
            // A server that shows the same page for ever shows nothing new.
            if next.is_none() || new == 0 {
                return Ok(scan);
            }
            mark = next;
        }
    }

    /// Returns those of these calls that the provider knows by name: those of a time many at once, the few that are left
    /// one by one.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub async fn by_name<A>(
        &mut self,
        calls: &[&OurCall<A>],
        windows: &[Window],
        sids_per_look_up: usize,
    ) -> Result<Vec<ListedCall>, AuditFailure> {
        let mut found = Vec::new();
        for window in windows {
            let of_then: Vec<CallSid> = calls
                .iter()
                .filter(|call| window.contains(call.intent_at))
                .map(|call| call.sid.clone())
                .collect();
            let to = window.to.saturating_add(CREATED_WITHIN);
            let created = Window {
                from: window.from,
                to: to.unwrap_or(window.to).min(self.clock.wall()),
            };
            for sids in of_then.chunks(sids_per_look_up.max(1)) {
                let reports = self
                    .ask(async |client| client.ended_calls_within(sids, created).await)
                    .await?;
                found.extend(reports.into_iter().map(unlisted));
            }
        }
        let known: HashSet<_> = found.iter().map(|call| call.report.sid.clone()).collect();
        let left = calls.iter().filter(|call| !known.contains(&call.sid));
        for call in left.take(MOST_SINGLE_CALLS) {
            let report = self
                .ask(async |client| client.call(&call.sid).await)
                .await?;
            found.extend(report.map(unlisted));
        }
        Ok(found)
    }

    /// Asks as soon as there is room, and again if there was trouble that may pass.
    async fn ask<T>(&mut self, get: impl AsyncFn(&Client) -> Answer<T>) -> Result<T, AuditFailure> {
        let (mut failures, mut rate_limits) = (0, 0);
        loop {
            self.wait_for_room().await?;
            self.progress.requests += 1;
            (self.watch)(self.progress);
            let failure = match get(&self.client).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tracing::debug!("a look-up failed: {failure}");
            let blame = match &failure {
                LookUpFailure::Refused(rejection) => Some(rejection.class.blame()),
                LookUpFailure::Unreachable(_) | LookUpFailure::Unreadable(_) => None,
            };
            let wait = match blame {
                Some(Blame::Account) => None,
                Some(Blame::Allowance) if rate_limits < RATE_LIMITS_IN_A_ROW => {
                    self.shut_account(&failure, rate_limits)?;
                    rate_limits += 1;
                    continue;
                }
                Some(Blame::Contact | Blame::Nobody | Blame::Allowance) | None => {
                    WAITS.get(failures).copied()
                }
            };
            let Some(wait) = wait else {
                return Err(AuditFailure::Provider(trouble(failure)));
            };
            failures += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// Waits until the account has room for a look-up, and takes it. Calls come first: what the last minute had of them
    /// is left to the next.
    async fn wait_for_room(&mut self) -> Result<(), StoreError> {
        loop {
            let now = self.clock.moment();
            let (account, allowance) = (&self.account, self.allowance);
            let free_at = self.store.write(|tx| {
                if let Some(until) = runs::account_shut_until(tx, account, &now)? {
                    return Ok(Some(until));
                }
                if allowance == Allowance::Max {
                    return Ok(None);
                }
                let last = runs::last_minute(tx, account, &now)?;
                let calls = last.requests.saturating_sub(last.look_ups);
                let expected = calls.saturating_add(calls / 4);
                if pace::look_ups_allowed(allowance, last, expected) > 0 {
                    runs::note_requests(tx, account, &[now.since_boot], true, &now)?;
                    return Ok::<_, StoreError>(None);
                }
                Ok(Some(last.eases_at.unwrap_or(now.since_boot)))
            })?;
            self.progress.waits = free_at.is_some();
            let Some(free_at) = free_at else {
                return Ok(());
            };
            (self.watch)(self.progress);
            let ahead = free_at.saturating_sub(now.since_boot);
            tokio::time::sleep(ahead.clamp(Duration::from_millis(10), LONGEST_WAIT)).await;
        }
    }

    /// The provider has said that the account asks too often: nobody asks for a while.
    fn shut_account(&mut self, failure: &LookUpFailure, before: u32) -> Result<(), StoreError> {
        let asked_for = match failure {
            LookUpFailure::Refused(rejection) => rejection.retry_after,
            LookUpFailure::Unreachable(_) | LookUpFailure::Unreadable(_) => None,
        };
        let wait = asked_for.unwrap_or(Duration::from_secs(1 << before.min(6)));
        let now = self.clock.moment();
        let until = now.since_boot + wait;
        let account = &self.account;
        self.store
            .write(|tx| runs::shut_account(tx, account, until, &now))
    }
}

/// A call that was asked for by name.
fn unlisted(report: CallReport) -> ListedCall {
    ListedCall {
        report,
        created_at: None::<Timestamp>,
        caller_id: None,
    }
}

fn trouble(failure: LookUpFailure) -> Trouble {
    match failure {
        LookUpFailure::Refused(rejection) => Trouble::Refused {
            rejection,
            caller_id: None,
        },
        LookUpFailure::Unreachable(_) | LookUpFailure::Unreadable(_) => {
            Trouble::Unreachable(failure.to_string())
        }
    }
}
