//! Exotel's replies exactly as Exotel writes them.
//!
//! Exotel spells "nothing" in five ways and writes numbers as numbers or as text, differently from page to page and
//! from field to field (developer.exotel.com/api, and bodies published in exotel/ExotelAPI). Those spellings end here:
//! beyond this module a value is there or it is not. What a reply *means* is decided in `classify`, not here.
//!
//! No field can make a whole reply unreadable: one strange value is one missing value.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::tidy::Tidy;
use super::xml;
use crate::domain::call::{CallReport, CallSid, CallStatus, Outcome};
use crate::domain::phone::PhoneNumber;

/// Returns the offset of all v1 times: wall-clock times in India, written without an offset.
fn india() -> Offset {
    Offset::from_seconds(19_800).expect("five and a half hours is an offset")
}

/// The parts of a reply that matter, whichever of them it has.
#[derive(Default, Debug)]
pub(super) struct Envelope {
    /// One call: the reply to a POST and to the details of a call.
    pub(super) call: Option<Call>,
    /// A page of the list of calls, without the rows that are no calls.
    pub(super) calls: Option<Vec<Call>>,
    /// A refusal.
    pub(super) exception: Option<RestException>,
}

/// A call.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Call {
    pub(super) sid: Loose,
    pub(super) status: Loose,
    pub(super) from: Loose,
    pub(super) date_created: Loose,
    pub(super) start_time: Loose,
    pub(super) end_time: Loose,
    pub(super) duration: Loose,
    pub(super) price: Loose,
}

/// A refusal in so many words.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RestException {
    pub(super) status: Loose,
    pub(super) message: Loose,
    pub(super) code: Loose,
}

/// A value that may be text, a number, or one of the ways to write nothing.
#[derive(Default, Debug)]
pub(super) struct Loose(Option<String>);

impl Loose {
    /// Returns the value as trimmed text, if there is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Returns the value as a whole number; a fraction of zeros is tolerated.
    pub(super) fn whole<T: std::str::FromStr>(&self) -> Option<T> {
        let text = self.text()?;
        let whole = match text.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
            Some(_) => return None,
            None => text,
        };
        whole.parse().ok()
    }

    /// Returns the value as decimal text. Money never becomes a float here; sums are the reader's business.
    fn decimal(&self) -> Option<String> {
        let text = self.text()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain =
            |part: &str| (1..=12).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        (plain(whole) && plain(fraction)).then(|| text.to_owned())
    }

    /// Returns the value as a moment, read as Indian time. The first second of 1970 means "none".
    fn moment(&self) -> Option<Timestamp> {
        let text = self.text()?;
        let moment = match text.parse::<Timestamp>() {
            Ok(moment) => moment,
            Err(_) => india().to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
        };
        (moment != Timestamp::UNIX_EPOCH).then_some(moment)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
                return Ok(Self(None));
            }
        };
        let text = text.trim();
        let nothing = text.is_empty() || text.eq_ignore_ascii_case("null");
        Ok(Self((!nothing).then(|| text.to_owned())))
    }
}

impl Envelope {
    /// Returns the parts of a reply, JSON or XML by its first character (old hosts and errors mix them up), or `None`
    /// for text, HTML, an empty or a torn body.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = str::from_utf8(body).ok()?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let reply = match text.bytes().next()? {
            b'{' => serde_json::from_str(text).ok()?,
            b'<' => xml::read(text)?,
            _ => return None,
        };
        let envelope = Self {
            call: reply.get("Call").and_then(object),
            calls: reply
                .get("Calls")
                .and_then(Value::as_array)
                .map(|rows| rows.iter().filter_map(object).collect()),
            exception: reply.get("RestException").and_then(object),
        };
        Some(envelope)
    }
}

/// Reads an object; serde would also take an array, by position, and find a Sid where there is none.
fn object<'a, T: Deserialize<'a>>(value: &'a Value) -> Option<T> {
    value.is_object().then(|| T::deserialize(value).ok())?
}

impl Call {
    /// Returns the Sid, if it can be one.
    pub(super) fn sid(&self) -> Option<CallSid> {
        self.sid.text()?.parse().ok()
    }

    /// Returns what the row says, or `None` if it does not say of which call.
    pub(super) fn report(&self, tidy: &Tidy) -> Option<CallReport> {
        Some(CallReport {
            sid: self.sid()?,
            status: status(self.status.text().unwrap_or_default(), tidy),
            number: self
                .from
                .text()
                .and_then(|text| PhoneNumber::parse_caller_id(text).ok()),
            started_at: self
                .start_time
                .moment()
                .or_else(|| self.date_created.moment()),
            ended_at: self.end_time.moment(),
            duration_s: self.duration.whole(),
            price: self.price.decimal(),
        })
    }
}

/// Reads a `Status` (developer.exotel.com/api, "Call details").
///
/// A word we do not know is taken as not yet ended, and kept: other clients have met `connected` and `missed`.
fn status(word: &str, tidy: &Tidy) -> CallStatus {
    match word.to_ascii_lowercase().as_str() {
        "queued" | "ringing" | "in-progress" => CallStatus::Running,
        "completed" => CallStatus::Ended(Outcome::Completed),
        "busy" => CallStatus::Ended(Outcome::Busy),
        "no-answer" => CallStatus::Ended(Outcome::NoAnswer),
        "failed" => CallStatus::Ended(Outcome::Failed),
        "canceled" | "cancelled" => CallStatus::Ended(Outcome::Canceled),
        _ => CallStatus::Other(tidy.word(word)),
    }
}

/// Returns a moment in Exotel's spelling, for filters.
pub(super) fn indian_time(moment: Timestamp) -> String {
    india()
        .to_datetime(moment)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(json: &str) -> Loose {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_spelling_of_nothing_is_nothing() {
        for json in [
            "null", "\"\"", "\" \"", "\"null\"", "\"NULL\"", "[]", "{}", "true",
        ] {
            assert_eq!(loose(json).text(), None, "{json}");
        }
        for json in [
            "\"1970-01-01 05:30:00\"",
            "\"0000-00-00 00:00:00\"",
            "\"soon\"",
            "7",
        ] {
            assert_eq!(loose(json).moment(), None, "{json}");
        }
        let missing: Call = serde_json::from_str("{}").unwrap();
        assert_eq!(missing.end_time.text(), None);
    }

    #[test]
    fn times_are_read_and_written_as_indian_time() {
        let moment = loose("\"2025-12-25 00:05:37\"").moment().unwrap();
        assert_eq!(moment.to_string(), "2025-12-24T18:35:37Z");
        assert_eq!(indian_time(moment), "2025-12-25 00:05:37");
        let explicit = loose("\"2025-12-25 00:05:37+05:30\"").moment();
        assert_eq!(explicit, Some(moment));
    }

    #[test]
    fn numbers_may_be_numbers_or_text() {
        for (json, seconds) in [
            ("17", Some(17_u32)),
            ("\"17\"", Some(17)),
            ("17.0", Some(17)),
            ("17.5", None),
            ("-1", None),
        ] {
            assert_eq!(loose(json).whole(), seconds, "{json}");
        }
    }

    #[test]
    fn a_price_stays_decimal_text() {
        for (json, price) in [
            ("\"0.500\"", Some("0.500")),
            ("1.5", Some("1.5")),
            ("0", Some("0")),
            ("\"-0.60\"", Some("-0.60")),
            ("1e-7", None),
            ("\"1,50\"", None),
            ("\".5\"", None),
            ("\"free\"", None),
        ] {
            assert_eq!(loose(json).decimal().as_deref(), price, "{json}");
        }
    }

    #[test]
    fn a_status_nobody_documented_is_kept_and_not_taken_as_an_end() {
        let tidy = Tidy::default();
        assert_eq!(
            status("Cancelled", &tidy),
            CallStatus::Ended(Outcome::Canceled)
        );
        assert_eq!(status("ringing", &tidy), CallStatus::Running);
        assert_eq!(
            status("not-connected", &tidy),
            CallStatus::Other("not-connected".to_owned())
        );
        assert_eq!(status("", &tidy), CallStatus::Other(String::new()));
    }

    #[test]
    fn one_strange_value_costs_only_itself() {
        let body = br#"{"Calls": [7, {"Sid": "ab1", "Duration": {"a": 1}, "Price": [], "From": "nobody"}]}"#;
        let calls = Envelope::read(body).unwrap().calls.unwrap();
        let report = calls[0].report(&Tidy::default()).unwrap();
        assert_eq!((calls.len(), report.sid.as_str()), (1, "ab1"));
        assert_eq!(
            (report.duration_s, report.price, report.number),
            (None, None, None)
        );
    }

    #[test]
    fn the_first_character_decides_how_a_body_is_read() {
        let json = "\u{feff} \n{\"Call\": {\"Sid\": \"ab1\"}}";
        let xml = "<TwilioResponse><Call><Sid>ab1</Sid></Call></TwilioResponse>";
        for body in [json, xml] {
            let envelope = Envelope::read(body.as_bytes()).unwrap();
            assert_eq!(
                envelope.call.and_then(|call| call.sid()).unwrap().as_str(),
                "ab1",
                "{body}"
            );
        }
        for body in [
            "",
            "  ",
            "Unauthorized",
            "[]",
            "{\"Call\":",
            "<html></html>",
        ] {
            assert!(Envelope::read(body.as_bytes()).is_none(), "{body}");
        }
        assert!(
            Envelope::read(br#"{"Call": ["ab1"]}"#)
                .unwrap()
                .call
                .is_none()
        );
        assert!(Envelope::read(b"{\"Call\": \"\xff\"}").is_none());
    }
}
