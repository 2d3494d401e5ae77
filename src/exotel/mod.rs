//! Exotel over HTTP: one POST that rings a phone, and the GETs that tell what became of it.
//!
//! The client sends and reads; it keeps nothing, decides nothing, and repeats nothing. A POST leaves at most once:
//! there is no retry here, the HTTP library is told to make none, and no redirect is followed. What is not proven
//! unsent is a doubt, never a failure. Nothing that leaves this module (replies, errors, `Debug`) holds the key or the
//! token.
//!
//! What Exotel posts to us, the status callbacks, is read in [`callback`] and causes one more GET at most.
//!
//! How certain is "not sent"? Only errors from before the first byte of a request count:
//!
//! | what happened | answer |
//! |---|---|
//! | the request could not be built | not sent |
//! | name resolution, connection, proxy tunnel or TLS failed or took too long | not sent |
//! | the connection broke while the request was handed over, even if it was new and idle | in doubt |
//! | the reply time-out passed | in doubt |
//! | the reply broke off, or grew beyond its bound | in doubt |
//!
//! An idle connection that the server has closed is the one case where the HTTP library sends again by itself, on a
//! new connection: it does so only with a request of which its encoder has taken nothing. As soon as one byte may have
//! been written, the error comes here and is a doubt, for it looks exactly like a call that was placed. To make that
//! rare, connections are dropped after three idle seconds, before servers usually do it.

mod account;
mod address;
pub mod callback;
mod classify;
mod order;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod tidy;
mod transport;
mod wire;
mod xml;

use std::fmt;

use anyhow::{Context, ensure};
use reqwest::{Method, Url};

pub use self::account::{Account, Timeouts};
pub use self::address::{BaseUrl, BaseUrlError};

use self::classify::{
    Received, classify_call, classify_connect, classify_list, classify_number, classify_search,
};
use self::transport::{Failure, Transport};
use self::wire::indian_time;
use crate::domain::attempt::{Doubt, NotSent};
use crate::domain::call::{CallReport, CallSid, Window};
use crate::domain::eligibility::Dnd;
use crate::domain::phone::PhoneNumber;
use crate::provider::{Answer, CallOrder, Greeting, LookUpFailure, Page, PageMark, Reply, Search};

/// The bound of a reply about one call. A real one has about one kilobyte.
const ONE_CALL: usize = 64 * 1024;

/// The bound of a list of a hundred calls: about one kilobyte each, three with a presigned recording address.
const MANY_CALLS: usize = 512 * 1024;

/// The most Sids one list request can name (developer.exotel.com, "Bulk call details"; 20 are recommended).
pub const MOST_SIDS: usize = 100;

/// A client of one account. A clone shares its connections.
#[derive(Clone)]
pub struct Client {
    base: BaseUrl,
    sid: String,
    transport: Transport,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Returns a client; connects to nothing yet.
    pub fn new(account: &Account, timeouts: Timeouts) -> anyhow::Result<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        ensure!(
            !account.sid.is_empty() && account.sid.bytes().all(plain),
            "an account Sid is made of letters and digits"
        );
        let transport =
            Transport::new(account, timeouts).context("cannot set up the HTTP client")?;
        Ok(Self {
            base: account.base.clone(),
            sid: account.sid.clone(),
            transport,
        })
    }

    /// Places one call, at most once.
    ///
    /// The caller must have written its intent down before. Dropping the future leaves the call in doubt.
    pub async fn connect(&self, order: &CallOrder) -> Reply {
        let url = self.resource(&["Calls", "connect.json"]);
        let form = order::fields(order);
        let request = self.transport.request(Method::POST, url).form(&form);
        match self.transport.send(request, ONE_CALL).await {
            Ok(received) => classify_connect(&received, self.transport.tidy()),
            Err(Failure::NotSent(why)) => Reply::NotSent(NotSent::NoConnection(why)),
            #[cfg(feature = "sabotage")]
            Err(Failure::TimedOut)
                if crate::sabotage::is(crate::sabotage::Sabotage::TimeoutIsFailure) =>
            {
                Reply::NotSent(NotSent::Late)
            }
            Err(Failure::TimedOut) => Reply::InDoubt(Doubt::TimedOut),
            Err(Failure::Broken(why)) => {
                tracing::debug!(%why, "the reply to a call broke off");
                Reply::InDoubt(Doubt::Broken)
            }
            Err(Failure::TooLong { status, excerpt }) => {
                Reply::InDoubt(Doubt::Unreadable { status, excerpt })
            }
        }
    }

    /// Asks for nothing in particular: shows whether the credentials are good, and Exotel's clock.
    pub async fn greet(&self) -> Answer<Greeting> {
        let url = self.list(&[("PageSize", "1")]);
        let received = self.look_up(url, ONE_CALL).await?;
        classify_list(&received, self.transport.tidy())?;
        Ok(Greeting {
            date: received.date,
        })
    }

    /// Returns those of these calls that have ended, in one request for each [`MOST_SIDS`] of them.
    ///
    /// Exotel lists ended calls only, and only those of the last 31 days: a call that is not in the answer may be
    /// running, may not be listed yet, or may be older. Absence is not an outcome.
    pub async fn ended_calls(&self, sids: &[CallSid]) -> Answer<Vec<CallReport>> {
        self.listed_calls(sids, None).await
    }

    /// Returns those of these calls that have ended and were created in a window of time.
    ///
    /// Exotel takes a window of at most one month that begins at most six months ago; without one it looks back 31 days.
    pub async fn ended_calls_within(
        &self,
        sids: &[CallSid],
        window: Window,
    ) -> Answer<Vec<CallReport>> {
        self.listed_calls(sids, Some(window)).await
    }

    /// Returns one page of the calls we placed that fit, oldest first; the first page if none is named.
    ///
    /// One request. Exotel lists ended calls only, and a call that ends while the pages are turned may be missed:
    /// whether the pages make a whole must be counted against `total`. A mark is good for the search that it came from.
    /// To turn no more pages than there can be is the caller's business.
    pub async fn search(&self, search: &Search, page: Option<&PageMark>) -> Answer<Page> {
        let numbers: Vec<String> = search
            .numbers
            .iter()
            .copied()
            .flat_map(order::spellings)
            .collect();
        let numbers = numbers.join(",");
        let caller_id = order::exotel_number(search.caller_id);
        let created = created_within(search.window);
        let mut filters = vec![
            ("From", numbers.as_str()),
            ("PhoneNumber", &caller_id),
            ("Direction", "outbound-api"),
            ("DateCreated", &created),
            ("PageSize", "100"),
            ("SortBy", "DateCreated:asc"),
        ];
        filters.retain(|(_, value)| !value.is_empty());
        filters.extend(page.map(|PageMark(mark)| ("After", mark.as_str())));
        let received = self.look_up(self.list(&filters), MANY_CALLS).await?;
        classify_search(&received, page, self.transport.tidy())
    }

    /// Returns what Exotel says of one call, or `None` if it does not know it.
    ///
    /// `None` soon after the POST may be lag.
    pub async fn call(&self, sid: &CallSid) -> Answer<Option<CallReport>> {
        let url = self.resource(&["Calls", &format!("{sid}.json")]);
        let received = self.look_up(url, ONE_CALL).await?;
        classify_call(&received, sid, self.transport.tidy())
    }

    /// Returns whether Exotel has the number down as do-not-disturb, or `None` if it does not say.
    ///
    /// One request. The register is India's: of a number abroad nothing is asked, and nothing known.
    pub async fn dnd(&self, number: PhoneNumber) -> Answer<Option<Dnd>> {
        let Some(national) = number.national() else {
            return Ok(None);
        };
        let url = self.resource(&["Numbers", &format!("0{national}.json")]);
        let received = self.look_up(url, ONE_CALL).await?;
        classify_number(&received, number, self.transport.tidy())
    }

    async fn listed_calls(
        &self,
        sids: &[CallSid],
        window: Option<Window>,
    ) -> Answer<Vec<CallReport>> {
        let created = window.map(created_within);
        let mut found = Vec::new();
        for asked in sids.chunks(MOST_SIDS) {
            let names = asked
                .iter()
                .map(CallSid::as_str)
                .collect::<Vec<_>>()
                .join(",");
            let mut filters = vec![("Sid", names.as_str()), ("PageSize", "100")];
            filters.extend(created.as_deref().map(|created| ("DateCreated", created)));
            let received = self.look_up(self.list(&filters), MANY_CALLS).await?;
            let mut rows = classify_list(&received, self.transport.tidy())?;
            // A server that ignores the filter would list strangers.
            rows.retain(|row| asked.contains(&row.sid));
            found.append(&mut rows);
        }
        Ok(found)
    }

    async fn look_up(&self, url: Url, most: usize) -> Answer<Received> {
        let request = self.transport.request(Method::GET, url);
        let sent = self.transport.send(request, most).await;
        sent.map_err(|failure| match failure {
            Failure::NotSent(why) | Failure::Broken(why) => LookUpFailure::Unreachable(why),
            Failure::TimedOut => LookUpFailure::Unreachable(Doubt::TimedOut.to_string()),
            Failure::TooLong { status, excerpt } => {
                LookUpFailure::Unreadable(format!("HTTP {status}: {excerpt}"))
            }
        })
    }

    fn resource(&self, path: &[&str]) -> Url {
        let account = ["v1", "Accounts", &self.sid];
        self.base
            .join(account.into_iter().chain(path.iter().copied()))
    }

    /// Returns the address of the list; Exotel wants each value percent-encoded whole, since a bare `;` separates.
    fn list(&self, filters: &[(&str, &str)]) -> Url {
        let query: Vec<String> = filters
            .iter()
            .map(|(name, value)| format!("{name}={}", order::percent_encoded(value)))
            .collect();
        let mut url = self.resource(&["Calls.json"]);
        url.set_query(Some(&query.join("&")));
        url
    }
}

/// Returns a window as the value of a filter; it knows whole seconds only, as does what it filters.
fn created_within(window: Window) -> String {
    format!(
        "gte:{};lte:{}",
        indian_time(window.from),
        indian_time(window.to)
    )
}
