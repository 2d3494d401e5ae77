//! What a provider of calls can answer, in the words of the domain.
//!
//! The Exotel client and the simulated tests both end in these types; the dialer begins with them. There is no trait
//! until a second provider reached over a network exists.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::attempt::{Doubt, NotSent};
use crate::domain::call::{CallSid, ListedCall, Window};
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::Rejection;

/// One call to place: all that goes into the one POST of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallOrder {
    /// The person to ring.
    pub number: PhoneNumber,
    /// The ExoPhone to show.
    pub caller_id: PhoneNumber,
    /// The flow to connect the person to, as its whole `start_voice` address.
    pub flow_url: String,
    /// Cuts the conversation (Exotel's `TimeLimit`; whole seconds, at most four hours).
    pub talk_limit: Duration,
    /// How long to let it ring (Exotel's `TimeOut`; whole seconds).
    pub ring: Duration,
    /// Whether Exotel shall record the call.
    pub record: bool,
    /// Travels with the call as `CustomField`: the attempt's key. At most 128 characters.
    pub custom_field: String,
    /// Where Exotel shall report the end of the call, if anywhere.
    pub status_callback: Option<CallbackUrl>,
}

/// Where the provider reports the end of one call. Whoever knows it can send such reports, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackUrl(pub String);

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackUrl")
    }
}

/// What became of the one POST of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Accepted for dialling under this Sid. Not yet answered by anybody.
    Accepted(CallSid),
    /// Refused in so many words; no phone rings.
    Rejected(Rejection),
    /// May or may not have been placed. Never a reason to send again.
    InDoubt(Doubt),
    /// Proven: no byte of the request left this machine.
    NotSent(NotSent),
}

/// The answer to a look-up: a GET, which may be repeated as often as one likes.
pub type Answer<T> = Result<T, LookUpFailure>;

/// What the first GET of a run showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// The provider's clock, from the `Date` header.
    pub date: Option<Timestamp>,
}

/// Which of the calls that we placed (`outbound-api`) to look for in the provider's list. It shows ended calls only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// When they were created. Exotel takes at most a month, and nothing older than six.
    pub window: Window,
    /// The ExoPhone that was shown.
    pub caller_id: PhoneNumber,
    /// Who was rung, at most [`MOST_NUMBERS`]; everybody if empty.
    pub numbers: Vec<PhoneNumber>,
}

/// The most numbers that one search can name: Exotel takes five values (developer.exotel.com, "Bulk call details"), and
/// each number is asked for in two spellings, since nobody says that it normalises them.
pub const MOST_NUMBERS: usize = 2;

/// Where a page of a search begins, as the provider named it on the page before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageMark(pub String);

/// One page of what a search found, oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The calls on this page of which Sid, number and time of creation could be read.
    pub calls: Vec<ListedCall>,
    /// How many rows could not be read that far.
    pub unreadable: u64,
    /// How many calls the search finds over all pages, as the provider counts them.
    pub total: Option<u64>,
    /// Where the next page begins, if there is one.
    pub next: Option<PageMark>,
    /// The provider's clock, from the `Date` header.
    pub date: Option<Timestamp>,
}

/// Why a look-up brought nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LookUpFailure {
    /// The provider said no.
    #[error("{0}")]
    Refused(Rejection),
    /// No answer: name resolution, connection, TLS or a time-out. No secrets in it.
    #[error("cannot reach the provider: {0}")]
    Unreachable(String),
    /// An answer that makes no sense, or a fault on their side (5xx).
    #[error("the provider's answer cannot be read: {0}")]
    Unreadable(String),
}
