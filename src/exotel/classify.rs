//! What a reply means, as one table.
//!
//! Pure: a status and a body go in, an answer comes out. Nothing here sends, waits or reads a clock. The order of trust
//! is that of Exotel's own replies: the `Status` inside a `RestException`, then the HTTP status. A call counts as
//! accepted only with a usable Sid under a 2xx, as refused only where the table says so, and is a doubt otherwise.
//!
//! The invariant: a reply that could have come after a phone began to ring is never read as a refusal.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;

use super::tidy::Tidy;
use super::wire::{Envelope, NoMark, NotAPage, RestException};
use crate::domain::attempt::Doubt;
use crate::domain::call::{CallReport, CallSid};
use crate::domain::eligibility::Dnd;
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::RejectionClass::{self, *};
use crate::provider::{Answer, LookUpFailure, Page, PageMark, Reply};

/// The least and the most we wait because a reply asks for it; beyond that our own judgement is better.
const PATIENCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);

/// A whole reply. Without `Debug`: what a stranger wrote may hold anything.
pub(super) struct Received {
    /// The HTTP status.
    pub(super) status: u16,
    /// The sender's clock, from the `Date` header.
    pub(super) date: Option<Timestamp>,
    /// How long the reply asks us to wait; see [`patience`].
    pub(super) retry_after: Option<Duration>,
    /// The body, decompressed.
    pub(super) body: Vec<u8>,
}

/// How a row wants to have been told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// By a `RestException`: in so many words.
    Parsed,
    /// By the HTTP status alone, too: text, HTML or nothing may stand in the body.
    Anyhow,
}

/// What a row wants to read.
#[derive(Clone, Copy, Debug)]
enum Says {
    /// It does not matter.
    Anything,
    /// One of these, in lower case, anywhere in the text.
    Words(&'static [&'static str]),
    /// This error code.
    Code(&'static str),
}

/// What a row concludes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Refused(RejectionClass),
    /// A call may have been placed; a look-up brought nothing.
    Doubtful,
}

use Says::{Anything, Code, Words};
use Told::{Anyhow, Parsed};
use Verdict::{Doubtful, Refused};

type Row = (RangeInclusive<u16>, Told, Says, Verdict);

/// Every reply that is not a success, by the first row that fits; the last row fits all.
///
/// Sources: developer.exotel.com/api ("Error codes"); the words of 403 and 503 from logged replies. Codes are a weak
/// sign (Exotel's integers, Twilio-like ones, words, or none), so they decide only where the text may be missing.
const TABLE: &[Row] = &[
    // A number that the law protects. Any 4xx, so that a change of status cannot turn it into a reason to try again.
    (400..=499, Anyhow, Words(&["trai ndnc"]), Refused(Ndnc)),
    // 400: what the request got wrong. Caller id first: "CallerId … is not a valid number" is about no contact.
    (400..=400, Parsed, Words(CALLER_ID), Refused(CallerId)),
    (400..=400, Parsed, Words(FLOW), Refused(Flow)),
    (400..=400, Parsed, Words(&["kyc"]), Refused(Account)),
    (400..=400, Parsed, Words(&["suspend"]), Refused(Account)),
    (400..=400, Parsed, Words(&["balance"]), Refused(Balance)),
    (400..=400, Parsed, Words(NUMBER), Refused(BadNumber)),
    (400..=400, Parsed, Code("34001"), Refused(BadNumber)),
    // 401 is also the answer for a feature that Exotel has not switched on for the account.
    (401..=401, Anyhow, Words(&["not enabled"]), Refused(Account)),
    (401..=401, Anyhow, Anything, Refused(Credentials)),
    (402..=402, Anyhow, Anything, Refused(Balance)),
    // 403: KYC (code 340030 or none), suspended, address not on the allow-list: all the account's. The balance only in
    // Exotel's own words; a gateway's page may speak of its load balancer.
    (403..=403, Parsed, Words(&["balance"]), Refused(Balance)),
    (403..=403, Anyhow, Anything, Refused(Account)),
    (404..=404, Anyhow, Anything, Refused(AccountNotFound)),
    // A gateway's own time-outs (408, nginx's 499): what stands behind it may have taken the request.
    (408..=408, Anyhow, Anything, Doubtful),
    (499..=499, Anyhow, Anything, Doubtful),
    (429..=429, Anyhow, Anything, Refused(RateLimited)),
    (400..=499, Anyhow, Anything, Refused(Generic)),
    // 503 in Exotel's own words is a refusal, from a gateway it is a doubt. Its code 35008 has two meanings, an
    // overload and one broken caller id, so only a text that names the caller id accuses it.
    (503..=503, Parsed, Words(CALLER_ID), Refused(CallerId)),
    (503..=503, Parsed, Anything, Refused(Unavailable)),
    // 500, 502, 504 even in Exotel's own words; redirects; a 2xx without a Sid; statuses that do not exist.
    (0..=u16::MAX, Anyhow, Anything, Doubtful),
];

const CALLER_ID: &[&str] = &[
    "callerid",
    "caller id",
    "caller_id",
    "caller-id",
    "exophone",
    "virtual number",
    "virtualnumber",
];

const FLOW: &[&str] = &[
    "flow",
    "applet",
    "app id",
    "app_id",
    "appid",
    "start_voice",
    "exoml",
    "url",
];

/// `from` alone would also find "request from an unknown client".
const NUMBER: &[&str] = &[
    "from number",
    "from parameter",
    "parameter from",
    "parameter: from",
    "parameter 'from'",
    "invalid from",
    "'from'",
    "`from`",
    "from is",
    "from: ",
    "phone number",
    "mobile number",
    "invalid number",
    "number is invalid",
    "number is not valid",
    "not a valid number",
];

/// Reads the reply to the POST of a call.
pub(super) fn classify_connect(received: &Received, tidy: &Tidy) -> Reply {
    let envelope = Envelope::read(&received.body).unwrap_or_default();
    let sid = envelope.call.as_ref().and_then(super::wire::Call::sid);
    match (sid, &envelope.exception) {
        (Some(sid), None) if (200..=299).contains(&received.status) => Reply::Accepted(sid),
        // A Sid beside a refusal, or under an error status: whatever it means, a call may exist.
        (Some(_), _) => in_doubt(received, tidy),
        (None, _) => match judge(received, envelope.exception.as_ref(), tidy) {
            Ok(rejection) => Reply::Rejected(rejection),
            Err(Undecided) => in_doubt(received, tidy),
        },
    }
}

/// Reads the reply to a look-up of one call; `None` if Exotel does not know it (yet: the list may lag behind).
pub(super) fn classify_call(
    received: &Received,
    asked: &CallSid,
    tidy: &Tidy,
) -> Answer<Option<CallReport>> {
    let envelope = Envelope::read(&received.body).unwrap_or_default();
    if let (200..=299, Some(call), None) = (received.status, &envelope.call, &envelope.exception) {
        return match call.report(tidy) {
            Some(report) if report.sid == *asked => Ok(Some(report)),
            _ => Err(unreadable(received, tidy)),
        };
    }
    match judge(received, envelope.exception.as_ref(), tidy) {
        // Also under another HTTP status: Exotel has sent "No matching results" with status 404 inside a 400.
        Ok(rejection) if rejection.status == 404 => Ok(None),
        Ok(rejection) => Err(LookUpFailure::Refused(rejection)),
        Err(Undecided) => Err(unreadable(received, tidy)),
    }
}

/// Reads what is known of a number: its do-not-disturb mark, or `None` where the answer has none.
///
/// A number that Exotel says it does not know, or takes for none, has no mark: what it thinks of it the call will show.
/// It has to say so in so many words: a bare 404 may be a gateway's, and one about the account is about no number. With
/// such an answer to everybody, everybody would be called unasked.
pub(super) fn classify_number(
    received: &Received,
    asked: PhoneNumber,
    tidy: &Tidy,
) -> Answer<Option<Dnd>> {
    let envelope = Envelope::read(&received.body).unwrap_or_default();
    if let (200..=299, Some(numbers), None) =
        (received.status, &envelope.numbers, &envelope.exception)
    {
        return numbers
            .mark(asked)
            .map_err(|NoMark| unreadable(received, tidy));
    }
    match judge(received, envelope.exception.as_ref(), tidy) {
        Ok(rejection) if rejection.class == Ndnc => Ok(Some(Dnd::Registered)),
        Ok(rejection) if rejection.class == BadNumber => Ok(None),
        Ok(rejection) if rejection.status == 404 => match &envelope.exception {
            None => Err(unreadable(received, tidy)),
            Some(_) if rejection.message.to_lowercase().contains("account") => {
                Err(LookUpFailure::Refused(rejection))
            }
            Some(_) => Ok(None),
        },
        Ok(rejection) => Err(LookUpFailure::Refused(rejection)),
        Err(Undecided) => Err(unreadable(received, tidy)),
    }
}

/// Reads a list of calls that were asked for by name.
pub(super) fn classify_list(received: &Received, tidy: &Tidy) -> Answer<Vec<CallReport>> {
    let envelope = list(received, tidy)?;
    let calls = envelope
        .iter()
        .flat_map(|envelope| &envelope.calls)
        .flatten();
    Ok(calls.filter_map(|call| call.report(tidy)).collect())
}

/// Reads a page of what a search found, `asked` being where the page was to begin.
///
/// Only rows that say which call, to whom and of when count as read, and rows of calls that the API did not place do
/// not: an answer that ignored the filter proves nothing by what it leaves out. A next page that is the page just read
/// would be asked for without end, so such an answer counts as unreadable.
pub(super) fn classify_search(
    received: &Received,
    asked: Option<&PageMark>,
    tidy: &Tidy,
) -> Answer<Page> {
    let Some(envelope) = list(received, tidy)? else {
        return Ok(Page {
            calls: Vec::new(),
            unreadable: 0,
            // On a later page it says nothing of the pages before.
            total: asked.is_none().then_some(0),
            next: None,
            date: received.date,
        });
    };
    let next = match envelope.metadata.next() {
        Ok(next) if next.is_none() || next.as_ref() != asked => next,
        Ok(_) | Err(NotAPage) => return Err(unreadable(received, tidy)),
    };
    let rows = envelope.calls.unwrap_or_default();
    let calls: Vec<_> = rows.iter().filter_map(|row| row.listed(tidy)).collect();
    let unread = u64::try_from(rows.len() - calls.len()).unwrap_or(u64::MAX);
    Ok(Page {
        calls,
        unreadable: envelope.strange_rows.saturating_add(unread),
        total: envelope.metadata.total(),
        next,
        date: received.date,
    })
}

/// Reads a page of the list of calls; `None` if Exotel says in words that there is nothing.
fn list(received: &Received, tidy: &Tidy) -> Answer<Option<Envelope>> {
    let envelope = Envelope::read(&received.body).unwrap_or_default();
    if let (200..=299, Some(_), None) = (received.status, &envelope.calls, &envelope.exception) {
        return Ok(Some(envelope));
    }
    match judge(received, envelope.exception.as_ref(), tidy) {
        Ok(rejection) if is_empty_list(&rejection) => Ok(None),
        Ok(rejection) => Err(LookUpFailure::Refused(rejection)),
        Err(Undecided) => Err(unreadable(received, tidy)),
    }
}

/// Exotel may write a list without rows as a 404 with these words. A new account must be able to begin; should a wrong
/// one be told the same, its first POST is refused.
fn is_empty_list(rejection: &Rejection) -> bool {
    rejection.status == 404
        && rejection
            .message
            .to_lowercase()
            .contains("no matching results")
}

/// Returns how long a reply asks us to wait: seconds, or a date, which is measured against the reply's own `Date` so
/// that neither side's clock needs to be right. Clamped, since a date years ahead parses happily.
pub(super) fn patience(retry_after: &str, date: Option<Timestamp>) -> Option<Duration> {
    let text = retry_after.trim();
    let asked = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = http_date(text)?;
            Duration::try_from(until.duration_since(date?)).unwrap_or(Duration::ZERO)
        }
    };
    Some(asked.clamp(*PATIENCE.start(), *PATIENCE.end()))
}

/// Returns the moment in a header such as `Date`.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text.trim()).ok()?).ok()
}

/// The reply proves nothing either way.
struct Undecided;

/// Finds the row of a reply without a usable call.
fn judge(
    received: &Received,
    exception: Option<&RestException>,
    tidy: &Tidy,
) -> Result<Rejection, Undecided> {
    let inner = exception.and_then(|exception| exception.status.whole());
    let status = inner.unwrap_or(received.status);
    let said = match exception {
        Some(exception) => exception.message.text().unwrap_or_default().to_lowercase(),
        None => String::from_utf8_lossy(&received.body).to_lowercase(),
    };
    let code = exception.and_then(|exception| exception.code.text());

    let (.., verdict) = TABLE
        .iter()
        .find(|(statuses, told, says, _)| {
            statuses.contains(&status)
                && (*told == Anyhow || exception.is_some())
                && match says {
                    Anything => true,
                    Words(words) => words.iter().any(|words| said.contains(words)),
                    Code(wanted) => code == Some(wanted),
                }
        })
        .expect("the last row fits every reply");

    let Refused(class) = *verdict else {
        return Err(Undecided);
    };
    let message = match exception {
        Some(exception) => tidy.line(exception.message.text().unwrap_or_default()),
        None => tidy.excerpt(&received.body),
    };
    Ok(Rejection {
        class,
        status,
        code: code.map(|code| tidy.word(code)),
        message: if message.is_empty() {
            "no reason given".to_owned()
        } else {
            message
        },
        retry_after: received.retry_after.filter(|_| class == RateLimited),
    })
}

fn in_doubt(received: &Received, tidy: &Tidy) -> Reply {
    Reply::InDoubt(Doubt::Unreadable {
        status: received.status,
        excerpt: tidy.excerpt(&received.body),
    })
}

fn unreadable(received: &Received, tidy: &Tidy) -> LookUpFailure {
    let excerpt = tidy.excerpt(&received.body);
    let excerpt = if excerpt.is_empty() {
        "empty reply".to_owned()
    } else {
        excerpt
    };
    LookUpFailure::Unreadable(format!("HTTP {}: {excerpt}", received.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_fits_every_reply_and_is_a_doubt() {
        let (statuses, told, says, verdict) = TABLE.last().unwrap();
        assert_eq!(
            (statuses, told, verdict),
            (&(0..=u16::MAX), &Anyhow, &Doubtful)
        );
        assert!(matches!(says, Anything));
    }

    #[test]
    fn no_row_refuses_by_a_status_that_can_follow_a_placed_call() {
        for (statuses, told, _, verdict) in TABLE {
            if let Refused(_) = verdict {
                let by_client_error = *statuses.start() >= 400 && *statuses.end() <= 499;
                let in_their_words = *statuses == (503..=503) && *told == Parsed;
                assert!(by_client_error || in_their_words, "{statuses:?}");
            }
        }
    }

    #[test]
    fn every_class_has_a_row_and_every_word_is_in_lower_case() {
        for class in RejectionClass::ALL {
            assert!(
                TABLE.iter().any(|(.., verdict)| *verdict == Refused(class)),
                "{class:?}"
            );
        }
        for (_, _, says, _) in TABLE {
            if let Words(words) = says {
                assert!(
                    words.iter().all(|word| word.to_lowercase() == **word),
                    "{words:?}"
                );
            }
        }
    }

    #[test]
    fn a_wish_to_be_left_alone_is_heard_within_reason() {
        let date = http_date("Wed, 24 Dec 2025 05:50:00 GMT");
        for (text, date, seconds) in [
            ("30", None, Some(30)),
            (" 30 ", None, Some(30)),
            ("0", None, Some(1)),
            ("86400", None, Some(300)),
            ("Wed, 24 Dec 2025 05:51:00 GMT", date, Some(60)),
            ("Wed, 24 Dec 2025 05:49:00 GMT", date, Some(1)),
            ("Fri, 24 Dec 2055 05:50:00 GMT", date, Some(300)),
            ("Wed, 24 Dec 2025 05:51:00 GMT", None, None),
            ("-5", None, None),
            ("soon", date, None),
            ("", date, None),
        ] {
            assert_eq!(
                patience(text, date),
                seconds.map(Duration::from_secs),
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_a_rate_limit_carries_a_wish_to_wait() {
        let wait = Some(Duration::from_secs(30));
        for (status, kept) in [(429, wait), (403, None)] {
            let received = Received {
                status,
                date: None,
                retry_after: wait,
                body: Vec::new(),
            };
            let Reply::Rejected(rejection) = classify_connect(&received, &Tidy::default()) else {
                panic!("{status} is a refusal")
            };
            assert_eq!(rejection.retry_after, kept);
            assert_eq!(rejection.message, "no reason given");
        }
    }
}
