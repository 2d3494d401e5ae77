//! Callbacks as Exotel documents them, and as they may really come.

use proptest::prelude::*;

use super::*;

const SID: &str = "b6a1f0e2d3c4958677a8b9c0d1e219cp";

const MULTIPART: &str = "multipart/form-data; boundary=----X";
const ENCODED: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The form with four fields, which calls to a flow have.
fn four_fields() -> String {
    let part = |name: &str, value: &str| {
        format!("------X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = [
        part("CallSid", SID),
        part("Status", "no-answer"),
        part("RecordingUrl", ""),
        part("DateUpdated", "2025-12-24 11:20:48"),
    ];
    parts.concat() + "------X--\r\n"
}

/// The extended form at the end of a call.
const TERMINAL: &str = r#"{"CallSid": "b6a1f0e2d3c4958677a8b9c0d1e219cp", "EventType": "terminal",
  "DateCreated": "2025-12-24 11:20:01", "DateUpdated": "2025-12-24 11:20:48", "Status": "completed",
  "To": "09876543211", "From": "09876543210", "PhoneNumberSid": "08098765000",
  "StartTime": "2025-12-24 11:20:01", "EndTime": "2025-12-24 11:20:47", "Direction": "outbound-api",
  "RecordingUrl": "https://recordings.exotel.com/exotelrecordings/exampleco1/b6a1f0e2d3c4958677a8b9c0d1e219cp.mp3",
  "ConversationDuration": 32, "CustomField": "c7:000123:2",
  "Legs": [{"OnCallDuration": 41, "Status": "busy"}, {"OnCallDuration": 32, "Status": "failed"}]}"#;

/// The extended form when somebody has picked up.
const ANSWERED: &str = "Legs[0][Status]=completed&Legs[0][OnCallDuration]=0&CallSid=b6a1f0e2d3c4958677a8b9c0d1e219cp\
    &EventType=answered&Status=in-progress&From=09876543210&To=09876543211\
    &Legs[1][Status]=&Legs[1][OnCallDuration]=0";

fn in_words(content_type: Option<&str>, body: &[u8]) -> String {
    match read(content_type, body) {
        Err(why) => why.to_string(),
        Ok(Callback {
            sid,
            status,
            number,
            event,
        }) => {
            let status = match status {
                CallStatus::Running => "running".to_owned(),
                CallStatus::Ended(outcome) => outcome.to_string(),
                CallStatus::Other(word) => format!("`{word}`"),
            };
            let number = number.map_or("-".to_owned(), |number| number.to_string());
            format!(
                "{sid} {status} {number} {}",
                event.unwrap_or("-".to_owned())
            )
        }
    }
}

#[test]
fn the_documented_bodies_are_read_and_a_header_that_lies_or_lacks_is_no_matter() {
    let four_fields = four_fields();
    for (body, said) in [
        (four_fields.as_str(), "no-answer - -"),
        (TERMINAL, "completed +919876543210 terminal"),
        (ANSWERED, "running +919876543210 answered"),
    ] {
        for content_type in [
            Some(MULTIPART),
            Some("multipart/form-data; boundary=\"----X\"; charset=utf-8"),
            Some("Multipart/Form-Data;Boundary=----X"),
            Some("multipart/form-data; boundary=other"),
            Some("multipart/form-data; boundary="),
            Some("multipart/form-data"),
            Some(ENCODED),
            Some(JSON),
            Some("application/json; charset=utf-8"),
            Some("text/plain"),
            Some(""),
            None,
        ] {
            assert_eq!(
                in_words(content_type, body.as_bytes()),
                format!("{SID} {said}"),
                "{content_type:?}"
            );
        }
    }
}

#[test]
fn values_come_wrapped_repeated_empty_or_not_at_all() {
    for (content_type, body, said) in [
        (JSON, r#"{"CallSid": "a1"}"#, "a1 `` - -"),
        (
            JSON,
            r#" {"CallSid": ["a1"], "Status": ["busy"]}"#,
            "a1 busy - -",
        ),
        (
            JSON,
            r#"{"CallSid": "['a1']", "Status": "[\"busy\"]", "From": null}"#,
            "a1 busy - -",
        ),
        (
            JSON,
            r#"{"CallSid": "\"['a1']\"", "EventType": "null", "From": "nobody"}"#,
            "a1 `` - -",
        ),
        (
            JSON,
            r#"{"CallSid": "a1", "CallSid": "a1", "Status": "", "Status": "failed"}"#,
            "a1 failed - -",
        ),
        (
            JSON,
            r#"{"CallSid": "a1", "CallSid": "b2"}"#,
            "the callback names two different calls",
        ),
        (
            JSON,
            r#"{"CallSid": 71, "Status": 7, "From": 919876543210}"#,
            "71 `7` +919876543210 -",
        ),
        (
            JSON,
            r#"{"CallSid": ["a1", "a1"]}"#,
            "the callback names no call",
        ),
        (
            JSON,
            r#"{"Call": {"CallSid": "a1"}}"#,
            "the callback names no call",
        ),
        (JSON, r#"[{"CallSid": "a1"}]"#, "the callback names no call"),
        (JSON, r#"{"CallSid": null}"#, "the callback names no call"),
        (JSON, r#"{"CallSid": "null"}"#, "the callback names no call"),
        (
            JSON,
            r#"{"CallSid": "../a1"}"#,
            "the callback names no call",
        ),
        (JSON, "\u{feff}{\"CallSid\": \"a1\"}\n", "a1 `` - -"),
        (ENCODED, "CallSid=a1&Status=No-Answer", "a1 no-answer - -"),
        (
            ENCODED,
            "CallSid=%5B%27a1%27%5D&Status='canceled'",
            "a1 canceled - -",
        ),
        (
            ENCODED,
            "CallSid[]=a1&Status[0]=busy&From=%2B919876543210",
            "a1 busy +919876543210 -",
        ),
        (
            ENCODED,
            "callsid=a1&CallSid=&CallSid=a1&status=%20busy%0A",
            "a1 busy - -",
        ),
        (
            ENCODED,
            "CallSid=a1&CallSid=b2",
            "the callback names two different calls",
        ),
        (
            ENCODED,
            "Legs[0][CallSid]=a1&Legs[0][Status]=busy",
            "the callback names no call",
        ),
        (ENCODED, "CallSid=a1&Legs[0][Status]=busy", "a1 `` - -"),
        (
            ENCODED,
            "CallSid=a1&Status=missed+twice%0a%1b[31m",
            "a1 `missed twice [31m` - -",
        ),
        (ENCODED, "\r\nCallSid=a1\r\n", "a1 `` - -"),
        (ENCODED, "", "the callback names no call"),
        (MULTIPART, "------X--\r\n", "the callback names no call"),
        (
            MULTIPART,
            "preamble\r\n------X\r\nContent-Disposition: form-data; filename=\"x; name=y\"; name=CallSid\r\n\
                     Content-Type: text/plain\r\n\r\na1\r\n------X--",
            "a1 `` - -",
        ),
        (
            MULTIPART,
            "------X\ncontent-disposition: form-data; name=\"Call\\Sid\"\n\na1\n------X--\n",
            "a1 `` - -",
        ),
        (
            MULTIPART,
            "------X\r\n\r\na1\r\n------X--\r\n",
            "the callback names no call",
        ),
        // The boundary alone ends a value: neither a longer one nor one inside a line.
        (
            MULTIPART,
            "------X\r\nContent-Disposition: form-data; name=\"Status\"\r\n\r\na\r\n------XY\r\nb ------X\r\n\
                     ------X\r\nContent-Disposition: form-data; name=\"CallSid\"\r\n\r\na1\r\n------X--\r\n",
            "a1 `a ------XY b ------X` - -",
        ),
    ] {
        assert_eq!(
            in_words(Some(content_type), body.as_bytes()),
            said,
            "{body}"
        );
    }
}

#[test]
fn a_body_is_read_up_to_its_bound() {
    let fill = |length: usize| {
        let start = "CallSid=a1&x=";
        format!("{start}{}", "y".repeat(length - start.len()))
    };
    assert_eq!(
        in_words(Some(ENCODED), fill(LONGEST).as_bytes()),
        "a1 `` - -"
    );
    assert_eq!(
        read(Some(ENCODED), fill(LONGEST + 1).as_bytes()),
        Err(NotACallback::TooLong)
    );
    // Nothing is quadratic, nests without end, or takes the stack.
    for bytes in [
        "{",
        "[",
        "{\"a\":",
        "\n",
        "--",
        "--\n",
        "------X\r\n",
        "&",
        "%",
        "=",
        "\"",
        "a;b=\"",
        "\\",
    ] {
        let body = bytes.repeat(LONGEST / bytes.len());
        for content_type in [
            None,
            Some(MULTIPART),
            Some(ENCODED),
            Some(JSON),
            Some(body.as_str()),
        ] {
            assert_eq!(
                read(content_type, body.as_bytes()),
                Err(NotACallback::NoSid),
                "{bytes}"
            );
        }
    }
}

#[test]
fn a_torn_body_names_its_call_whole_or_not_at_all() {
    let four_fields = four_fields();
    for (content_type, body) in [(MULTIPART, four_fields.as_str()), (JSON, TERMINAL)] {
        for content_type in [Some(content_type), None] {
            for cut in 0..body.len() {
                match read(content_type, &body.as_bytes()[..cut]) {
                    Ok(callback) => assert_eq!(callback.sid.as_str(), SID, "cut at {cut}"),
                    Err(why) => assert_eq!(why, NotACallback::NoSid, "cut at {cut}"),
                }
            }
        }
    }
    // A urlencoded body has no end, so that its last value may be short. It leads to a call that does not exist.
    for cut in 0..ANSWERED.len() {
        if let Ok(callback) = read(Some(ENCODED), &ANSWERED.as_bytes()[..cut]) {
            assert!(SID.starts_with(callback.sid.as_str()), "cut at {cut}");
        }
    }
}

/// Pieces of callbacks, in any order, with anything between them.
fn rubble() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "'",
            "&",
            "=",
            ";",
            "\r\n",
            "\n",
            "\r\n\r\n",
            "--",
            "------X",
            "------X--",
            "\"CallSid\"",
            "CallSid=",
            "Content-Disposition: form-data; name=",
            "Status",
            "busy",
            "a1b2",
            SID,
            "\u{feff}",
            " ",
            "null",
            "%5B",
            "\\u0061",
            "0",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn content_type() -> impl Strategy<Value = Option<String>> {
    let known = [MULTIPART, ENCODED, JSON].map(str::to_owned).to_vec();
    proptest::option::of(prop_oneof![
        proptest::sample::select(known),
        "multipart/form-data; ?boundary=[\"A-Z;=\\\\-]{0,8}",
        ".{0,40}",
    ])
}

fn spoilt(body: String) -> impl Strategy<Value = Vec<u8>> {
    let spots = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4);
    spots.prop_map(move |spots| {
        let mut body = body.clone().into_bytes();
        for (spot, byte) in spots {
            let spot = spot.index(body.len());
            body[spot] = byte;
        }
        body
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_a_sid_that_is_read_stands_in_the_body(
        content_type in content_type(),
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            rubble(),
            spoilt(four_fields()),
            spoilt(TERMINAL.to_owned()),
            spoilt(ANSWERED.to_owned()),
        ],
    ) {
        if let Ok(callback) = read(content_type.as_deref(), &body) {
            let text = String::from_utf8_lossy(&body);
            // Each form has one way to write a letter as something else.
            let text = text.replace("\\u0061", "a");
            let stands = text.contains(callback.sid.as_str());
            let escaped = text.contains('%') || text.contains('\\');
            prop_assert!(stands || escaped, "{} in {text:?}", callback.sid);
        }
    }

    #[test]
    fn a_whole_callback_is_read_whatever_its_values_hold(
        sid in "[0-9a-z]{1,64}",
        other in "[^\r\n]{0,40}",
        name in "[A-Z][a-z]{1,8}X",
    ) {
        prop_assume!(sid != "null" && !other.contains("------X"));
        let json = serde_json::json!({name.as_str(): other, "CallSid": sid}).to_string();
        let encoded = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([(&*name, &*other), ("CallSid", &*sid)])
            .finish();
        let part = |name: &str, value: &str| format!(
            "------X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        let multipart = part(&name, &other) + &part("CallSid", &sid) + "------X--\r\n";
        for (content_type, body) in [(JSON, json), (ENCODED, encoded), (MULTIPART, multipart)] {
            for content_type in [Some(content_type), None] {
                let callback = read(content_type, body.as_bytes());
                prop_assert_eq!(callback.map(|read| read.sid.to_string()), Ok(sid.clone()), "{}", body);
            }
        }
    }
}
