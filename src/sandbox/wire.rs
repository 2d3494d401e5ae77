//! How Exotel writes things: calls, lists, refusals, and the small endpoints.
//!
//! The spelling of what is not known varies from call to call (`null`, `""`, a date in 1970), as do numbers that come as
//! text, because they vary in the wild. Which spelling a call gets depends on its Sid alone.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::call::CallView;
use super::chance::Chance;
use super::fate::Outcome;
use super::number::Number;

/// Indian Standard Time, in which Exotel writes every time, without saying so.
pub(super) fn india() -> Offset {
    Offset::from_seconds(5 * 3_600 + 30 * 60).expect("half past five is an offset")
}

/// Returns a time as Exotel writes it.
pub(super) fn ist(at: Timestamp) -> String {
    india()
        .to_datetime(at)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Where a call is shown; each place has its own fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// In the reply to the POST that placed it.
    Accepted,
    /// By itself.
    Alone,
    /// As a row of the list.
    Row,
}

/// Returns the JSON reply about one call.
pub(super) fn call_json(call: &CallView, account: &str, shown: Shown) -> Value {
    let mut fields = fields(call, account, shown);
    let uri = format!("/v1/Accounts/{account}/Calls/{}.json", call.sid);
    fields.insert("Uri".to_owned(), json!(uri));
    if shown == Shown::Accepted && spelling(call, "SubResourceUris", 2) == 0 {
        fields.insert(
            "SubResourceUris".to_owned(),
            json!({ "Legs": format!("{uri}/Legs") }),
        );
    }
    json!({ "Call": fields })
}

/// Adds what `details=true` asks for.
pub(super) fn add_details(reply: &mut Value, call: &CallView) {
    let talked = call.end.as_ref().map_or(0, |end| end.duration_s);
    reply["Call"]["Details"] = json!({
        "ConversationDuration": talked,
        "Leg1Status": call.status(),
        "Leg2Status": null,
        "Legs": [{ "Leg": { "Id": 1, "OnCallDuration": talked } }],
    });
}

/// Returns the XML reply about one call.
pub(super) fn call_xml(call: &CallView, account: &str, shown: Shown) -> String {
    let uri = format!("/v1/Accounts/{account}/Calls/{}", call.sid);
    let mut fields = fields(call, account, shown);
    fields.insert("Uri".to_owned(), json!(uri));
    fields.insert(
        "SubResourceUris".to_owned(),
        json!({ "Legs": format!("{uri}/Legs") }),
    );
    twilio_response("Call", &fields)
}

/// Returns the list's reply; the page addresses are written by whoever knows the request.
pub(super) fn list_json(metadata: Value, rows: &[CallView], account: &str) -> Value {
    let rows = rows.iter().map(|call| fields(call, account, Shown::Row));
    json!({ "Metadata": metadata, "Calls": rows.collect::<Vec<_>>() })
}

/// Returns a refusal in JSON.
pub(super) fn refusal_json(refusal: &Refusal) -> Value {
    json!({ "RestException": refusal_fields(refusal) })
}

/// Returns a refusal in XML.
pub(super) fn refusal_xml(refusal: &Refusal) -> String {
    twilio_response("RestException", &refusal_fields(refusal))
}

fn refusal_fields(refusal: &Refusal) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("Status".to_owned(), json!(refusal.status));
    fields.insert("Message".to_owned(), json!(refusal.message));
    if let Some(code) = refusal.code {
        fields.insert("Code".to_owned(), json!(code));
    }
    fields
}

/// Returns what a gateway says when nothing behind it answers.
pub(super) fn gateway_html() -> &'static str {
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n\
     <center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n"
}

/// Returns a number's metadata.
pub(super) fn number_json(number: &str, dnd: bool) -> Value {
    json!({ "Numbers": {
        "PhoneNumber": number, "Circle": "KA", "CircleName": "Karnataka", "Type": "Mobile",
        "Operator": "A", "OperatorName": "Airtel", "DND": if dnd { "Yes" } else { "No" },
    } })
}

/// Returns the account's ExoPhones in the shape of v2.
pub(super) fn exophones_v2(exophone: &str, account: &str) -> Value {
    let e164 = Number::parse(exophone).map(|number| Number::e164(number.as_str()));
    json!({ "page": 0, "page_size": 50, "incoming_phone_numbers": [{
        "sid": "f4b1c2d3e4a5968778695a4b3c2d1e0f",
        "phone_number": e164.unwrap_or_else(|| exophone.to_owned()),
        "friendly_name": exophone,
        "capabilities": { "voice": true, "sms": false },
        "country": "IN",
        "region": "KA",
        "voice_url": format!("http://my.exotel.com/{account}/exoml/start_voice/112233"),
        "sms_url": null,
    }] })
}

/// Returns the account's ExoPhones in the older shape.
pub(super) fn exophones_v1(exophone: &str) -> Value {
    json!({ "IncomingPhoneNumbers": [{ "IncomingPhoneNumber": {
        "PhoneNumber": exophone, "FriendlyName": exophone,
    } }] })
}

/// Returns the account's balance, which no call ever changes.
pub(super) fn balance_json(account: &str, now: Timestamp) -> Value {
    json!({ "Account": { "AccountSid": account, "BalanceData": {
        "Balance": "1543.75", "Currency": "INR", "PricingPlan": "Growth", "DateUpdated": ist(now),
    } } })
}

/// Returns the four fields of a status callback about a call to a flow.
pub(super) fn callback_fields(call: &CallView, account: &str) -> [(&'static str, String); 4] {
    let updated_at = call.end.as_ref().map_or(call.accepted_at, |end| end.at);
    [
        ("CallSid", call.sid.clone()),
        ("Status", call.status().to_owned()),
        (
            "RecordingUrl",
            recording_url(call, account).unwrap_or_default(),
        ),
        ("DateUpdated", ist(updated_at)),
    ]
}

fn recording_url(call: &CallView, account: &str) -> Option<String> {
    let recorded = call.recorded && call.end.is_some();
    let host = "https://recordings.exotel.com/exotelrecordings";
    recorded.then(|| format!("{host}/{account}/{}.mp3", call.sid))
}

/// Returns a call's fields, in the order in which Exotel writes them.
fn fields(call: &CallView, account: &str, shown: Shown) -> Map<String, Value> {
    let exophone = Number::parse(&call.caller_id).map(|number| Number::echoed(number.as_str()));
    let exophone = json!(exophone.unwrap_or_else(|| call.caller_id.clone()));
    let accepted_at = json!(ist(call.accepted_at));
    let updated_at = json!(ist(call
        .end
        .as_ref()
        .map_or(call.accepted_at, |end| end.at)));
    let absent = |field| match spelling(call, field, 2) {
        0 => Value::Null,
        _ => json!(""),
    };
    // Both words mean "being dialled"; the first is rare.
    let status = match shown {
        Shown::Accepted if spelling(call, "Status", 8) == 0 => "queued",
        Shown::Accepted | Shown::Alone | Shown::Row => call.status(),
    };
    let uri = format!("/v1/Accounts/{account}/Calls/{}.json", call.sid);

    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("Sid", json!(call.sid));
    put("ParentCallSid", absent("ParentCallSid"));
    put("DateCreated", accepted_at.clone());
    put("DateUpdated", updated_at);
    put("AccountSid", json!(account));
    put("To", exophone.clone());
    put("From", json!(Number::echoed(&call.number)));
    if shown == Shown::Row {
        put("PhoneNumber", exophone.clone());
    }
    put("PhoneNumberSid", exophone);
    put("Status", json!(status));
    put("StartTime", accepted_at);
    put("EndTime", end_time(call));
    put(
        "Duration",
        duration(call).unwrap_or_else(|| absent("Duration")),
    );
    put("Price", price(call).unwrap_or_else(|| absent("Price")));
    put("Direction", json!("outbound-api"));
    put("AnsweredBy", answered_by(call));
    if shown != Shown::Row {
        put("ForwardedFrom", absent("ForwardedFrom"));
        put("CallerName", absent("CallerName"));
    }
    put("Uri", json!(uri));
    put(
        "RecordingUrl",
        recording_url(call, account).map_or_else(|| absent("RecordingUrl"), Value::from),
    );
    fields
}

fn end_time(call: &CallView) -> Value {
    match (&call.end, spelling(call, "EndTime", 3)) {
        (Some(end), _) => json!(ist(end.at)),
        (None, 0) => Value::Null,
        (None, 1) => json!(""),
        // Second zero of Unix time, on an Indian clock.
        (None, _) => json!("1970-01-01 05:30:00"),
    }
}

fn duration(call: &CallView) -> Option<Value> {
    let seconds = call.end.as_ref()?.duration_s;
    Some(match spelling(call, "Duration as text", 2) {
        0 => json!(seconds),
        _ => json!(seconds.to_string()),
    })
}

fn price(call: &CallView) -> Option<Value> {
    let thousandths = call.end.as_ref()?.price_thousandths?;
    Some(match thousandths {
        0 => json!(0),
        _ => json!(format!(
            "{}.{:03}",
            thousandths / 1_000,
            thousandths % 1_000
        )),
    })
}

/// `human` was seen on calls that nobody answered: it means nothing, and is made to.
fn answered_by(call: &CallView) -> Value {
    match &call.end {
        Some(end) if end.outcome == Outcome::Completed => json!("human"),
        Some(_) if spelling(call, "AnsweredBy", 2) == 0 => json!("human"),
        Some(_) | None => Value::Null,
    }
}

/// Picks one of `ways` to write a field of a call.
fn spelling(call: &CallView, field: &str, ways: u64) -> u64 {
    Chance::new(0, field, &call.sid, 0).below(ways)
}

/// Wraps fields in the XML that v1 writes by default.
fn twilio_response(name: &str, fields: &Map<String, Value>) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TwilioResponse>");
    element(&mut xml, name, &Value::Object(fields.clone()));
    xml.push_str("</TwilioResponse>\n");
    xml
}

fn element(xml: &mut String, name: &str, value: &Value) {
    let text = match value {
        Value::Object(fields) => {
            xml.push_str(&format!("<{name}>"));
            for (name, value) in fields {
                element(xml, name, value);
            }
            xml.push_str(&format!("</{name}>"));
            return;
        }
        Value::Null => String::new(),
        Value::String(text) => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"),
        other => other.to_string(),
    };
    if text.is_empty() {
        xml.push_str(&format!("<{name}/>"));
    } else {
        xml.push_str(&format!("<{name}>{text}</{name}>"));
    }
}
