//! Replies, and what can be done to them on their way.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::answer::Refusal;
use super::connection::Cord;
use super::wire;

/// How a reply is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    /// Returns the format that a path asks for: JSON by its suffix, else v1's own XML.
    pub(super) fn of(path: &str) -> Self {
        if path.ends_with(".json") || path.starts_with("/v2") {
            Self::Json
        } else {
            Self::Xml
        }
    }
}

/// Returns a reply in JSON.
pub(super) fn json(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// Returns a reply in XML.
pub(super) fn xml(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "application/xml")], text).into_response()
}

/// Returns a refusal, with the status it names.
pub(super) fn refusal(refusal: &Refusal, format: Format) -> Response {
    let mut response = match format {
        Format::Json => json(&wire::refusal_json(refusal)),
        Format::Xml => xml(StatusCode::OK, wire::refusal_xml(refusal)),
    };
    let status = StatusCode::from_u16(refusal.status);
    *response.status_mut() = status.expect("refusals have HTTP's own statuses");
    if let Some(seconds) = refusal.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Returns the reply of a gateway that reaches nothing behind it.
pub(super) fn gateway_error() -> Response {
    let html = [(CONTENT_TYPE, "text/html")];
    (StatusCode::SERVICE_UNAVAILABLE, html, wire::gateway_html()).into_response()
}

/// Returns the response with half of its body; its length is right, its content is not.
pub(super) async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // The router may have written the old length already.
    parts.headers.remove(CONTENT_LENGTH);
    let whole = to_bytes(body, usize::MAX)
        .await
        .unwrap_or_else(|_| Bytes::new());
    Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)))
}

/// Cuts the connection; the response is needed for its form only.
pub(super) fn cut(cord: &Cord) -> Response {
    cord.pull();
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
