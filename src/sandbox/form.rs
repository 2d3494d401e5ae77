//! The form of a request to call somebody: urlencoded or multipart, as Exotel takes both.

use axum::Form;
use axum::body::to_bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::header::CONTENT_TYPE;

use super::answer::{Placement, Refusal};

/// Far more than a form needs.
const LONGEST: usize = 64 * 1024;

/// The fields of a form, in order.
pub(super) type Fields = Vec<(String, String)>;

/// Reads the fields of a request's body.
pub(super) async fn read(request: Request) -> Result<Fields, Refusal> {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let multipart = content_type.filter(|value| value.starts_with("multipart/form-data"));
    let Some(content_type) = multipart else {
        let form = Form::<Fields>::from_request(request, &()).await;
        return form.map(|Form(fields)| fields).map_err(|_| unreadable());
    };
    let boundary = content_type.split_once("boundary=").map(|(_, rest)| rest);
    let boundary = boundary
        .and_then(|rest| rest.split(';').next())
        .ok_or_else(unreadable)?;
    let boundary = boundary.trim().trim_matches('"').to_owned();
    let body = to_bytes(request.into_body(), LONGEST)
        .await
        .map_err(|_| unreadable())?;
    let body = str::from_utf8(&body).map_err(|_| unreadable())?;
    parts(body, &boundary).ok_or_else(unreadable)
}

/// Returns the request that a form makes.
pub(super) fn placement(fields: Fields) -> Result<Placement, Refusal> {
    let mut placement = Placement::default();
    for (name, value) in fields {
        match name.as_str() {
            "From" => placement.from = value,
            "CallerId" => placement.caller_id = value,
            "Url" => placement.url = value,
            "TimeLimit" => placement.time_limit = Some(seconds(&name, &value)?),
            "TimeOut" => placement.time_out = Some(seconds(&name, &value)?),
            "Record" => placement.record = value == "true",
            "CustomField" => placement.custom_field = Some(value),
            "StatusCallback" => placement.status_callback = Some(value),
            "StatusCallbackContentType" => placement.status_callback_content_type = Some(value),
            // Unknown fields were seen to have no effect, and so have callback events on calls to a flow.
            _ => {}
        }
    }
    Ok(placement)
}

fn seconds(name: &str, value: &str) -> Result<u32, Refusal> {
    value
        .parse()
        .map_err(|_| Refusal::invalid(&format!("{name} must be a number of seconds")))
}

fn unreadable() -> Refusal {
    Refusal::invalid("Invalid request body, failed parsing")
}

/// Returns the fields of a multipart body; files are of no use here and are taken as text.
fn parts(body: &str, boundary: &str) -> Option<Fields> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line before it.
    let (preamble, rest) = body.split_once(&delimiter[2..])?;
    if !preamble.is_empty() && !preamble.ends_with("\r\n") {
        return None;
    }
    let mut fields = Fields::new();
    for part in rest.split(&delimiter) {
        if part.starts_with("--") {
            return Some(fields);
        }
        let (headers, value) = part.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        let (_, name) = headers.split_once("; name=\"")?;
        let (name, _) = name.split_once('"')?;
        fields.push((name.to_owned(), value.to_owned()));
    }
    // No closing delimiter: something is missing.
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multipart_body_is_read_field_by_field() {
        let body = "--X\r\nContent-Disposition: form-data; name=\"From\"\r\n\r\n09876543210\r\n\
                    --X\r\nContent-Disposition: form-data; name=\"CustomField\"\r\n\r\na\r\n\r\nb\r\n\
                    --X\r\nContent-Disposition: form-data; name=\"CallType\"\r\n\r\n\r\n--X--\r\n";
        let fields = parts(body, "X").unwrap();
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            fields,
            [
                ("From", "09876543210"),
                ("CustomField", "a\r\n\r\nb"),
                ("CallType", "")
            ]
        );
    }

    #[test]
    fn a_multipart_body_that_stops_early_is_refused() {
        let body = "--X\r\nContent-Disposition: form-data; name=\"From\"\r\n\r\n09876543210\r\n";
        assert_eq!(parts(body, "X"), None);
        assert_eq!(parts("", "X"), None);
    }
}
