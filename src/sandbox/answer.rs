//! What is asked of the exchange, and what it answers.
//!
//! An [`Answer`] keeps two things apart that a client tends to mix up: whether a call now exists, and what the client
//! gets to hear of it.

use std::time::Duration;

use jiff::Timestamp;

use super::call::CallView;
use super::fate::Trouble;

/// A request to call somebody, with its fields as the form had them.
///
/// `StatusCallbackEvents` is missing on purpose: for a call to a flow it is documented to have no effect.
#[derive(Clone, Default, Debug)]
pub struct Placement {
    /// Who is to be called.
    pub from: String,
    /// The ExoPhone to show.
    pub caller_id: String,
    /// The flow that talks to them.
    pub url: String,
    /// The longest the conversation may take, in seconds.
    pub time_limit: Option<u32>,
    /// The longest it may ring, in seconds.
    pub time_out: Option<u32>,
    /// Whether to record the conversation.
    pub record: bool,
    /// The caller's own mark.
    pub custom_field: Option<String>,
    /// Where to report the end of the call.
    pub status_callback: Option<String>,
    /// How to write that report: `application/json`, or else multipart.
    pub status_callback_content_type: Option<String>,
}

/// The answer to a placement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What happened, and what is heard of it.
    pub placed: Placed,
    /// How long the reply takes; the call, if there is one, has begun before.
    pub after: Duration,
}

impl Answer {
    /// Returns the call that now exists, whether or not the client hears of it.
    pub fn sid(&self) -> Option<&str> {
        match &self.placed {
            Placed::Accepted { sid, .. } => Some(sid),
            Placed::Refused(_)
            | Placed::RefusedIn200(_)
            | Placed::GatewayError
            | Placed::Redirected
            | Placed::Cut => None,
        }
    }
}

/// What became of a placement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// There is a call.
    Accepted {
        /// Its name.
        sid: String,
        /// How the news of it travels.
        delivery: Delivery,
    },
    /// No call; the client is told why.
    Refused(Refusal),
    /// No call; the client is told why, but under HTTP 200.
    RefusedIn200(Refusal),
    /// No call; a gateway answers 503 in HTML.
    GatewayError,
    /// No call; the client is sent to the same address again.
    Redirected,
    /// No call; the connection is cut before any byte of a reply.
    Cut,
}

/// How the news of an accepted call travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// As it should.
    Whole,
    /// In XML although JSON was asked for.
    Xml,
    /// As JSON that stops in the middle.
    Truncated,
    /// Not at all: a gateway answers 503 in HTML.
    GatewayError,
    /// Not at all: the connection is cut before any byte of the reply.
    Cut,
}

/// A refusal in Exotel's own words: a `RestException`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The status, in the body and on the HTTP reply.
    pub status: u16,
    /// What it says.
    pub message: String,
    /// Exotel's own code, where there is one.
    pub code: Option<u32>,
    /// When to try again, in seconds, where it says so.
    pub retry_after_s: Option<u64>,
}

impl Refusal {
    /// Returns a refusal that has neither a code nor a time to try again.
    pub(super) fn new(status: u16, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            code: None,
            retry_after_s: None,
        }
    }

    /// Returns the refusal of a request that makes no sense.
    pub(super) fn invalid(message: &str) -> Self {
        Self::new(400, message)
    }

    /// Returns the refusal of a look-up that finds nothing.
    pub(super) fn not_found() -> Self {
        Self::new(404, "No matching results")
    }

    /// Returns the same refusal with one of Exotel's codes.
    pub(super) fn with_code(self, code: u32) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Returns the refusal of a number that cannot be dialled.
    pub(super) fn bad_number(from: &str) -> Self {
        Self::invalid(&format!("From number {from} is invalid")).with_code(34001)
    }

    /// Returns the refusal of a request too many.
    ///
    /// The body of a 429 was never seen in the wild; the header is described on one page.
    pub(super) fn rate_limited(retry_after_s: u64) -> Self {
        let refusal = Self::new(429, "Too many requests");
        Self {
            retry_after_s: Some(retry_after_s),
            ..refusal
        }
    }

    /// Returns the one refusal under 503 that was seen in the wild.
    pub(super) fn unavailable() -> Self {
        Self::new(503, "Service Unavailable; ").with_code(35008)
    }
}

/// A report of the end of a call, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callback {
    /// Where to send it.
    pub url: String,
    /// Whether to write it as JSON; otherwise as multipart.
    pub json: bool,
    /// When it is due.
    pub due_at: Timestamp,
    /// What can be seen of the call then.
    pub call: CallView,
}

/// Returns how the news of the call travels, or what happens instead of a call.
pub(super) fn how_it_goes(trouble: Option<Trouble>, from: &str) -> Result<Delivery, Placed> {
    let refused = |refusal| Err(Placed::Refused(refusal));
    match trouble {
        None | Some(Trouble::Slow) => Ok(Delivery::Whole),
        Some(Trouble::Xml) => Ok(Delivery::Xml),
        Some(Trouble::Truncated) => Ok(Delivery::Truncated),
        Some(Trouble::Bare503Placed) => Ok(Delivery::GatewayError),
        Some(Trouble::LostReply) => Ok(Delivery::Cut),
        Some(Trouble::LostRequest) => Err(Placed::Cut),
        Some(Trouble::Bare503) => Err(Placed::GatewayError),
        Some(Trouble::Redirect) => Err(Placed::Redirected),
        Some(Trouble::ErrorIn200) => {
            Err(Placed::RefusedIn200(Refusal::invalid("Invalid parameter")))
        }
        Some(Trouble::Ndnc) => {
            let reason = "cannot be made because of TRAI NDNC regulations";
            refused(Refusal::new(403, &format!("Call to [{from}] {reason}")))
        }
        Some(Trouble::BadNumber) => refused(Refusal::bad_number(from)),
        Some(Trouble::Refused) => refused(Refusal::invalid("Invalid parameter")),
        Some(Trouble::Kyc) => {
            let refusal = Refusal::new(403, "Your account is not yet KYC compliant");
            refused(refusal.with_code(340_030))
        }
        // No body of a 402 was ever seen; this one is made up.
        Some(Trouble::Balance) => refused(Refusal::new(402, "Insufficient balance")),
        Some(Trouble::RateLimited) => refused(Refusal::rate_limited(1)),
        Some(Trouble::Unavailable) => refused(Refusal::unavailable()),
    }
}
