//! What Exotel posts to us when a call ends (developer.exotel.com, "StatusCallback").
//!
//! A callback is a hint and nothing more. It is not signed, it may come late, twice, out of order or never, and anybody
//! who has learnt its address can send one. So it causes a GET of the call that it names, and what that GET shows goes
//! through the one door like everything else; nothing in here is ever evidence, and no state is set from it.
//!
//! Each attempt has an address of its own, with a token in it that cannot be guessed; only the token's hash is stored.
//! A flow call's callback has four fields and no `CustomField`, so that the token is all that leads back to the attempt.
//!
//! Reading is lenient (three content types, headers that lie, values in wrappers) and bounded. It never panics, and
//! takes no Sid that does not stand in the body.

mod form;
#[cfg(test)]
mod tests;
mod token;

pub use self::token::{CallbackBase, CallbackBaseError, CallbackSecret, Token, TokenHash};

use self::form::{Fields, Form};
use super::tidy::Tidy;
use super::wire;
use crate::domain::call::{CallSid, CallStatus};
use crate::domain::phone::PhoneNumber;

/// The most bytes of a callback that are read. A real one has about one kilobyte.
pub const LONGEST: usize = 64 * 1024;

/// What a callback says; a reason to ask about the call, and no evidence of anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callback {
    /// The call it is about.
    pub sid: CallSid,
    /// How far the call is said to be; an empty [`CallStatus::Other`] where nothing is said.
    pub status: CallStatus,
    /// Who is said to have been rung; the form with four fields leaves it out.
    pub number: Option<PhoneNumber>,
    /// What it reports, `terminal` or `answered`; the form with four fields leaves it out.
    pub event: Option<String>,
}

/// Why a body is no callback.
///
/// Repeats nothing of the body: anybody can send one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotACallback {
    /// More than [`LONGEST`] bytes.
    #[error("the callback is longer than 64 KiB")]
    TooLong,
    /// No `CallSid` that can be one, in any form that a callback can have.
    #[error("the callback names no call")]
    NoSid,
    /// Several of them.
    #[error("the callback names two different calls")]
    TwoSids,
}

/// Reads a callback from the body of a POST and its `Content-Type`.
///
/// The result is a hint: it tells which call to look up.
///
/// # Errors
/// When the body is too long, or does not name exactly one call.
pub fn read(content_type: Option<&str>, body: &[u8]) -> Result<Callback, NotACallback> {
    if body.len() > LONGEST {
        return Err(NotACallback::TooLong);
    }
    // The header first. Where it leads to no call, the body may still have a shape that does.
    let named = content_type.and_then(Form::named);
    let mut why = NotACallback::NoSid;
    for form in named.into_iter().chain([Form::sniffed(body)]) {
        match callback(&form.fields(body)) {
            Err(NotACallback::NoSid) => {}
            Err(other) => why = other,
            Ok(callback) => return Ok(callback),
        }
    }
    Err(why)
}

fn callback(fields: &Fields) -> Result<Callback, NotACallback> {
    let mut sids = values(fields, "CallSid").filter_map(|text| text.parse::<CallSid>().ok());
    let sid = sids.next().ok_or(NotACallback::NoSid)?;
    if sids.any(|other| other != sid) {
        return Err(NotACallback::TwoSids);
    }
    let tidy = Tidy::default();
    let status = values(fields, "Status").next().unwrap_or_default();
    Ok(Callback {
        sid,
        status: wire::status(status, &tidy),
        number: values(fields, "From").find_map(|text| PhoneNumber::parse_caller_id(text).ok()),
        event: values(fields, "EventType")
            .map(|word| tidy.word(word))
            .find(|word| !word.is_empty()),
    })
}

/// Returns the values of a field that hold something; a field may be repeated, or be named like a list.
fn values<'a>(fields: &'a Fields, wanted: &str) -> impl Iterator<Item = &'a str> {
    let named = fields.iter().filter(move |(name, _)| {
        let name = name.trim();
        let list = name.strip_suffix("[]").or_else(|| name.strip_suffix("[0]"));
        list.unwrap_or(name).eq_ignore_ascii_case(wanted)
    });
    named
        .map(|(_, value)| bare(value))
        .filter(|value| !value.is_empty() && !value.eq_ignore_ascii_case("null"))
}

/// Returns a value without the wrapping in which some of them come: `['completed']`, `["completed"]`, `"1"`.
fn bare(value: &str) -> &str {
    let mut value = value.trim();
    for (open, close) in [('"', '"'), ('[', ']'), ('\'', '\''), ('"', '"')] {
        let inner = value.strip_prefix(open);
        let inner = inner.and_then(|inner| inner.strip_suffix(close));
        value = inner.map_or(value, str::trim);
    }
    value
}
