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
use reqwest::Url;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::tidy::Tidy;
use super::xml;
use crate::domain::call::{CallReport, CallSid, CallStatus, ListedCall, Outcome};
use crate::domain::eligibility::Dnd;
use crate::domain::phone::PhoneNumber;
use crate::provider::PageMark;

/// The most bytes of a cursor that we send back; those seen have a dozen.
const LONGEST_CURSOR: usize = 512;

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
    /// How many rows of the page are no calls.
    pub(super) strange_rows: u64,
    /// What the page says of the whole list.
    pub(super) metadata: Metadata,
    /// What is known of a number.
    pub(super) numbers: Option<Numbers>,
    /// A refusal.
    pub(super) exception: Option<RestException>,
}

/// A call.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Call {
    pub(super) sid: Loose,
    pub(super) status: Loose,
    pub(super) direction: Loose,
    pub(super) from: Loose,
    pub(super) to: Loose,
    pub(super) phone_number: Loose,
    pub(super) phone_number_sid: Loose,
    pub(super) date_created: Loose,
    pub(super) start_time: Loose,
    pub(super) end_time: Loose,
    pub(super) duration: Loose,
    pub(super) price: Loose,
}

/// What is known of a number (developer.exotel.com/api, "Phone number metadata").
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Numbers {
    phone_number: Loose,
    #[serde(rename = "DND")]
    dnd: Value,
}

/// What a page says of the whole list.
#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Metadata {
    total: Loose,
    next_page_uri: Value,
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

    /// Returns the value as a phone number, in any spelling.
    fn number(&self) -> Option<PhoneNumber> {
        PhoneNumber::parse_caller_id(self.text()?).ok()
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
        let rows = reply.get("Calls").and_then(Value::as_array);
        let calls: Option<Vec<Call>> = rows.map(|rows| rows.iter().filter_map(object).collect());
        let strange_rows = match (rows, &calls) {
            (Some(rows), Some(calls)) => rows.len() - calls.len(),
            (None, _) | (_, None) => 0,
        };
        let envelope = Self {
            call: reply.get("Call").and_then(object),
            calls,
            strange_rows: u64::try_from(strange_rows).unwrap_or(u64::MAX),
            metadata: reply.get("Metadata").and_then(object).unwrap_or_default(),
            numbers: reply.get("Numbers").and_then(object),
            exception: reply.get("RestException").and_then(object),
        };
        Some(envelope)
    }
}

/// Reads an object; serde would also take an array, by position, and find a Sid where there is none.
fn object<'a, T: Deserialize<'a>>(value: &'a Value) -> Option<T> {
    value.is_object().then(|| T::deserialize(value).ok())?
}

/// The text is no address of another page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotAPage;

impl Metadata {
    /// Returns how many calls the whole list has.
    pub(super) fn total(&self) -> Option<u64> {
        self.total.whole()
    }

    /// Returns where the next page begins, or `None` on the last one.
    ///
    /// Of the address they give only the `After` value is taken. It is a relative address in the wild; were it to lead
    /// to another host, nothing would go there.
    pub(super) fn next(&self) -> Result<Option<PageMark>, NotAPage> {
        let address = match &self.next_page_uri {
            Value::Null => return Ok(None),
            Value::String(text) => text.trim(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                return Err(NotAPage);
            }
        };
        if address.is_empty() || address.eq_ignore_ascii_case("null") {
            return Ok(None);
        }
        let nowhere = Url::parse("http://127.0.0.1").expect("an address with a host is a URL");
        let mut address = nowhere.join(address).map_err(|_| NotAPage)?;
        // A cursor may be base64, and its plus unencoded. It is no space.
        let query = address.query().unwrap_or_default().replace('+', "%2B");
        address.set_query(Some(&query));
        let after = address.query_pairs().find(|(name, _)| name == "After");
        let after = after.map(|(_, cursor)| cursor.into_owned());
        after
            .filter(|cursor| (1..=LONGEST_CURSOR).contains(&cursor.len()))
            .map(|cursor| Some(PageMark(cursor)))
            .ok_or(NotAPage)
    }
}

/// The answer is about another number, or has a mark that nobody has heard of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoMark;

impl Numbers {
    /// Returns the do-not-disturb mark of the number that was asked about; `None` where the answer has none.
    ///
    /// Documented are `Yes` and `No`. Other spellings of the two are taken as well: a strange `true` must not pass for
    /// a mark that is missing, since who has none may be called.
    pub(super) fn mark(&self, asked: PhoneNumber) -> Result<Option<Dnd>, NoMark> {
        if self.phone_number.number().is_some_and(|told| told != asked) {
            return Err(NoMark);
        }
        let word = match &self.dnd {
            Value::Null => return Ok(None),
            Value::Bool(mark) => mark.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_ascii_lowercase(),
            Value::Array(_) | Value::Object(_) => return Err(NoMark),
        };
        match word.as_str() {
            "" | "null" => Ok(None),
            "yes" | "y" | "true" | "1" => Ok(Some(Dnd::Registered)),
            "no" | "n" | "false" | "0" => Ok(Some(Dnd::NotRegistered)),
            _ => Err(NoMark),
        }
    }
}

impl Call {
    /// Returns what a row of the list says, or `None` if it does not say of which call, to whom and of when, or shows a
    /// call that the API did not place.
    pub(super) fn listed(&self, tidy: &Tidy) -> Option<ListedCall> {
        let direction = self.direction.text();
        let ours = direction.is_none_or(|word| word.eq_ignore_ascii_case("outbound-api"));
        let report = self.report(tidy)?;
        let created_at = self.date_created.moment()?;
        let phones = [&self.to, &self.phone_number, &self.phone_number_sid];
        (ours && report.number.is_some()).then(|| ListedCall {
            report,
            created_at: Some(created_at),
            caller_id: phones.into_iter().find_map(Loose::number),
        })
    }

    /// Returns the Sid, if it can be one.
    pub(super) fn sid(&self) -> Option<CallSid> {
        self.sid.text()?.parse().ok()
    }

    /// Returns what the row says, or `None` if it does not say of which call.
    pub(super) fn report(&self, tidy: &Tidy) -> Option<CallReport> {
        Some(CallReport {
            sid: self.sid()?,
            status: status(self.status.text().unwrap_or_default(), tidy),
            number: self.from.number(),
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
pub(super) fn status(word: &str, tidy: &Tidy) -> CallStatus {
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
    fn a_mark_is_yes_or_no_however_it_is_spelt_and_nothing_else() {
        let asked = PhoneNumber::parse("09876543210").unwrap();
        let (yes, no) = (Some(Dnd::Registered), Some(Dnd::NotRegistered));
        for (json, mark) in [
            (r#"{"DND": "Yes"}"#, Ok(yes)),
            (r#"{"DND": "No"}"#, Ok(no)),
            (r#"{"DND": " YES "}"#, Ok(yes)),
            (r#"{"DND": true}"#, Ok(yes)),
            (r#"{"DND": 1}"#, Ok(yes)),
            (r#"{"DND": "0"}"#, Ok(no)),
            (r#"{"DND": false}"#, Ok(no)),
            (r#"{"DND": null}"#, Ok(None)),
            (r#"{"DND": ""}"#, Ok(None)),
            (r#"{"DND": "null"}"#, Ok(None)),
            (r#"{}"#, Ok(None)),
            (r#"{"DND": "perhaps"}"#, Err(NoMark)),
            (r#"{"DND": 7}"#, Err(NoMark)),
            (r#"{"DND": {"a": 1}}"#, Err(NoMark)),
            (r#"{"DND": "No", "PhoneNumber": "+919876543210"}"#, Ok(no)),
            (
                r#"{"DND": "No", "PhoneNumber": "09876543211"}"#,
                Err(NoMark),
            ),
            (r#"{"DND": "No", "PhoneNumber": "nobody"}"#, Ok(no)),
        ] {
            let numbers: Numbers = serde_json::from_str(json).unwrap();
            assert_eq!(numbers.mark(asked), mark, "{json}");
        }
    }

    #[test]
    fn the_next_page_is_where_its_cursor_says_and_nowhere_else() {
        let mark = |text: &str| Ok(Some(PageMark(text.to_owned())));
        let list = "/v1/Accounts/exampleco1/Calls.json";
        for (json, next) in [
            ("null".to_owned(), Ok(None)),
            ("\"\"".to_owned(), Ok(None)),
            ("\" \"".to_owned(), Ok(None)),
            ("\"null\"".to_owned(), Ok(None)),
            (format!("\"{list}?PageSize=1&After=MTYx\""), mark("MTYx")),
            (format!("\"{list}?After=MTYx&SortBy=x\""), mark("MTYx")),
            ("\"?After=MTYx\"".to_owned(), mark("MTYx")),
            (
                "\"https://example.com/x?After=MTYx\"".to_owned(),
                mark("MTYx"),
            ),
            ("\"//example.com/?After=MTYx\"".to_owned(), mark("MTYx")),
            (format!("\"{list}?After=a+b/c==\""), mark("a+b/c==")),
            (
                format!("\"{list}?After=a%2Bb%2Fc%3D%3D%26d\""),
                mark("a+b/c==&d"),
            ),
            (format!("\"{list}?PageSize=1\""), Err(NotAPage)),
            (format!("\"{list}?Before=MTYx\""), Err(NotAPage)),
            (format!("\"{list}?After=\""), Err(NotAPage)),
            (
                format!("\"{list}?After={}\"", "x".repeat(513)),
                Err(NotAPage),
            ),
            ("\"http://[\"".to_owned(), Err(NotAPage)),
            ("\"MTYx\"".to_owned(), Err(NotAPage)),
            ("true".to_owned(), Err(NotAPage)),
            ("161".to_owned(), Err(NotAPage)),
            ("{}".to_owned(), Err(NotAPage)),
        ] {
            let metadata: Metadata =
                serde_json::from_str(&format!("{{\"NextPageUri\": {json}}}")).unwrap();
            assert_eq!(metadata.next(), next, "{json}");
        }
        let silent: Metadata = serde_json::from_str("{}").unwrap();
        assert_eq!((silent.next(), silent.total()), (Ok(None), None));
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
