//! A call order as the fields of Exotel's form.
//!
//! Only what Exotel documents is sent, and what has contradictory defaults in its documentation (`TimeLimit`,
//! `TimeOut`, `Record`) is always sent. There is no idempotency key among Exotel's parameters; the attempt's own key
//! travels as `CustomField`, for people and callbacks, and protects from nothing.

use std::borrow::Cow;

use crate::domain::phone::PhoneNumber;
use crate::provider::CallOrder;

/// Returns the fields of `connect.json` in flow mode (developer.exotel.com, "Outgoing call to connect number to a
/// flow"). In this mode `From` is the person who is rung.
pub(super) fn fields(order: &CallOrder) -> Vec<(&'static str, Cow<'_, str>)> {
    let mut fields: Vec<(&'static str, Cow<'_, str>)> = vec![
        ("From", exotel_number(order.number).into()),
        ("CallerId", exotel_number(order.caller_id).into()),
        ("Url", order.flow_url.as_str().into()),
        // Exotel carries transactional calls only.
        ("CallType", "trans".into()),
        ("TimeLimit", order.talk_limit.as_secs().to_string().into()),
        ("TimeOut", order.ring.as_secs().to_string().into()),
        ("Record", order.record.to_string().into()),
        ("CustomField", order.custom_field.as_str().into()),
    ];
    if let Some(callback) = &order.status_callback {
        fields.extend([
            ("StatusCallback", callback.0.as_str().into()),
            // Exotel promises events and JSON for two-number calls only. Where it ignores them, the plain callback
            // with four fields still comes.
            ("StatusCallbackEvents[0]", "terminal".into()),
            ("StatusCallbackContentType", "application/json".into()),
        ]);
    }
    fields
}

/// Returns all spellings of a number to search for: nobody says that a filter normalises them.
pub(super) fn spellings(number: PhoneNumber) -> Vec<String> {
    let mut spellings = vec![exotel_number(number), number.to_string()];
    spellings.dedup();
    spellings
}

/// Returns a number as Exotel's own replies write it: `0` and ten digits in India, `+` and all digits elsewhere.
pub(super) fn exotel_number(number: PhoneNumber) -> String {
    match number.national() {
        Some(national) => format!("0{national}"),
        None => number.to_string(),
    }
}

/// Returns a query value with everything encoded that could have a meaning; a space as `%20`.
pub(super) fn percent_encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::provider::CallbackUrl;

    fn order() -> CallOrder {
        CallOrder {
            number: PhoneNumber::parse_caller_id("09876543210").unwrap(),
            caller_id: PhoneNumber::parse_caller_id("08098765000").unwrap(),
            flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
            talk_limit: Duration::from_secs(900),
            ring: Duration::from_secs(30),
            record: false,
            custom_field: "c7:000123:2".to_owned(),
            status_callback: None,
        }
    }

    fn lines(order: &CallOrder) -> Vec<String> {
        fields(order)
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn everything_exotel_might_guess_is_said() {
        assert_eq!(
            lines(&order()),
            [
                "From=09876543210",
                "CallerId=08098765000",
                "Url=http://my.exotel.com/exampleco1/exoml/start_voice/112233",
                "CallType=trans",
                "TimeLimit=900",
                "TimeOut=30",
                "Record=false",
                "CustomField=c7:000123:2",
            ]
        );
    }

    #[test]
    fn a_callback_is_asked_for_only_where_there_is_an_address() {
        let callback = "https://hooks.example.com/exotel/7f3a9c";
        let order = CallOrder {
            status_callback: Some(CallbackUrl(callback.to_owned())),
            record: true,
            ..order()
        };
        assert_eq!(
            lines(&order)[6..],
            [
                "Record=true",
                "CustomField=c7:000123:2",
                "StatusCallback=https://hooks.example.com/exotel/7f3a9c",
                "StatusCallbackEvents[0]=terminal",
                "StatusCallbackContentType=application/json",
            ]
        );
    }

    #[test]
    fn a_foreign_number_keeps_its_country() {
        let abroad = PhoneNumber::from_digits(6_581_234_567).unwrap();
        assert_eq!(exotel_number(abroad), "+6581234567");
        assert_eq!(spellings(abroad), ["+6581234567"]);
    }

    #[test]
    fn a_filter_is_encoded_whole() {
        assert_eq!(
            percent_encoded("gte:2025-12-24 00:00:00;lte:x,y"),
            "gte%3A2025-12-24%2000%3A00%3A00%3Blte%3Ax%2Cy"
        );
    }
}
