//! The fields of a callback, from whichever form it has.
//!
//! Exotel sends `multipart/form-data` unless asked for JSON, and urlencoded forms have been described too. Everything
//! is read in one pass over a body in memory. What is torn, nested or strange is left out; nothing makes the rest
//! unreadable except JSON that does not end.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Names and values, in the order in which they came. A name may be repeated.
pub(super) type Fields = Vec<(String, String)>;

/// How a body is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// One JSON object.
    Json,
    /// `a=1&b=2`.
    Encoded,
    /// Parts between lines that begin with `--` and this boundary.
    Multipart(Vec<u8>),
}

impl Form {
    /// Returns the form that a `Content-Type` promises, if it is one of ours.
    pub(super) fn named(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default();
        let kind = kind.trim().to_ascii_lowercase();
        if kind.starts_with("multipart/") {
            let boundary = parameter(content_type, "boundary")?;
            return (!boundary.is_empty()).then(|| Self::Multipart(boundary.into_bytes()));
        }
        if kind == "application/x-www-form-urlencoded" {
            return Some(Self::Encoded);
        }
        let json = kind.ends_with("/json") || kind.ends_with("+json");
        json.then_some(Self::Json)
    }

    /// Returns the form that a body looks like.
    pub(super) fn sniffed(body: &[u8]) -> Self {
        let body = visible(body);
        if body.starts_with(b"{") {
            return Self::Json;
        }
        match body.strip_prefix(b"--") {
            Some(rest) => {
                let line = rest.split(|byte| *byte == b'\n').next();
                Self::Multipart(line.unwrap_or_default().trim_ascii_end().to_owned())
            }
            None => Self::Encoded,
        }
    }

    /// Returns the fields that a body has if this is its form; none where it is not.
    pub(super) fn fields(&self, body: &[u8]) -> Fields {
        match self {
            Self::Json => serde_json::from_slice::<Object>(visible(body))
                .map_or_else(|_| Fields::new(), |Object(fields)| fields),
            Self::Encoded => form_urlencoded::parse(visible(body)).into_owned().collect(),
            Self::Multipart(boundary) => parts(body, boundary),
        }
    }
}

/// Returns a body without what an editor or a proxy may have put before it.
fn visible(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(body)
        .trim_ascii()
}

/// The plain values of a JSON object, repeated names included, which a map would lose.
struct Object(Fields);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Fields::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    fields.extend(plain(value).map(|value| (name, value)));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

/// Returns a value as text; a list of one is its one value.
fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(mut list) if list.len() == 1 => match list.remove(0) {
            Value::String(text) => Some(text),
            _ => None,
        },
        Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Null => None,
    }
}

/// Returns the fields between the boundaries (RFC 7578). A part that is not closed is torn, and left out.
fn parts(body: &[u8], boundary: &[u8]) -> Fields {
    let mut fields = Fields::new();
    let mut part: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let end = at;
        at += line.len();
        let Some(delimiter) = delimiter(line, boundary) else {
            continue;
        };
        if let Some(start) = part {
            fields.extend(field(&body[start..end]));
        }
        match delimiter {
            Delimiter::Next => part = Some(at),
            Delimiter::Last => break,
        }
    }
    fields
}

enum Delimiter {
    Next,
    Last,
}

fn delimiter(line: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.trim_ascii_end() {
        b"" => Some(Delimiter::Next),
        b"--" => Some(Delimiter::Last),
        _ => None,
    }
}

/// Returns the field of a part: headers, an empty line, the value, and a line break that is not part of it.
fn field(part: &[u8]) -> Option<(String, String)> {
    let mut name = None;
    let mut at = 0;
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let header = String::from_utf8_lossy(line);
        let header = header.trim_end();
        if header.is_empty() {
            let value = &part[at..];
            let value = value.strip_suffix(b"\n")?;
            let value = value.strip_suffix(b"\r").unwrap_or(value);
            return Some((name?, String::from_utf8_lossy(value).into_owned()));
        }
        if let Some((kind, rest)) = header.split_once(':')
            && kind.trim().eq_ignore_ascii_case("content-disposition")
        {
            name = parameter(rest, "name");
        }
    }
    None
}

/// Returns a parameter of a header such as `form-data; name="CallSid"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        let name = name.rsplit(';').next().unwrap_or_default();
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

/// Returns the text up to the closing quote, and what follows it.
fn quoted_text(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => return Some((text, &quoted[at + 1..])),
            '\\' if !escaped => escaped = true,
            _ => {
                text.push(c);
                escaped = false;
            }
        }
    }
    None
}
