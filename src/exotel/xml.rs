//! Exotel's XML read as if it were its JSON.
//!
//! Some hosts answer in XML although JSON was asked for, above all with errors. Elements become objects, text becomes
//! text, an element with neither becomes null, so that one set of structs in `wire` serves both. A document type, an
//! entity beyond the five predefined ones, and nesting deeper than any reply of Exotel are refused: nothing a stranger
//! sends can make this reader fetch, expand or recurse.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// The root element of every reply.
const ROOT: &str = "TwilioResponse";

/// A reply nests four deep: response, call, sub-resources, legs.
const DEEPEST: usize = 8;

/// An element that has been opened and not yet closed.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    children: Map<String, Value>,
}

impl Open {
    fn close(self) -> (String, Value) {
        let value = if !self.children.is_empty() {
            Value::Object(self.children)
        } else if self.text.trim().is_empty() {
            Value::Null
        } else {
            Value::String(self.text)
        };
        (self.name, value)
    }
}

/// Returns what is inside `<TwilioResponse>`, or `None` for anything that is not exactly one whole such document.
pub(super) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Value> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                if open.len() == DEEPEST || (open.is_empty() && root.is_some()) {
                    return None;
                }
                let name = tag.name().into_inner().to_owned();
                if open.is_empty() && name != ROOT {
                    return None;
                }
                open.push(Open {
                    name,
                    ..Open::default()
                });
            }
            Event::Empty(tag) => {
                let name = tag.name().into_inner().to_owned();
                open.last_mut()?.children.insert(name, Value::Null);
            }
            Event::End(_) => {
                // The reader itself has checked that the names agree.
                let (name, value) = open.pop()?.close();
                match open.last_mut() {
                    Some(parent) => {
                        parent.children.insert(name, value);
                    }
                    None => root = Some(value),
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content())?,
            Event::CData(text) => append(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => append(&mut open, character.encode_utf8(&mut [0; 4]))?,
                None => append(
                    &mut open,
                    resolve_predefined_entity(&reference.xml10_content())?,
                )?,
            },
            Event::DocType(_) => return None,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return if open.is_empty() { root } else { None },
        }
    }
}

/// Adds text to the element it stands in; outside of any element only white space may stand.
fn append(open: &mut [Open], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_become_objects_and_empty_ones_null() {
        let text = "<?xml version=\"1.0\"?>\n<!-- c --><TwilioResponse><Call>\n <Sid>ab1</Sid><Price/>\
                    <EndTime></EndTime>\
                    <Uri>/a&amp;b&#33;<![CDATA[<c>]]></Uri></Call></TwilioResponse>\n";
        let read = read(text).unwrap();
        assert_eq!(
            read,
            serde_json::json!({"Call": {"Sid": "ab1", "Price": null, "EndTime": null, "Uri": "/a&b!<c>"}})
        );
    }

    #[test]
    fn documents_that_declare_expand_or_nest_without_end_are_refused() {
        let deep = format!(
            "<TwilioResponse>{}{}</TwilioResponse>",
            "<a>".repeat(9),
            "</a>".repeat(9)
        );
        for text in [
            "<!DOCTYPE x><TwilioResponse/>",
            "<!DOCTYPE x [<!ENTITY e \"boom\">]><TwilioResponse><Sid>&e;</Sid></TwilioResponse>",
            "<TwilioResponse><Sid>&e;</Sid></TwilioResponse>",
            deep.as_str(),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn anything_but_one_whole_reply_is_refused() {
        for text in [
            "",
            "text",
            "<html><body>no</body></html>",
            "<TwilioResponse><Call>",
            "<TwilioResponse><Call></TwilioResponse></Call>",
            "<TwilioResponse><a></a></TwilioResponse>x",
            "<TwilioResponse><a></a></TwilioResponse><TwilioResponse></TwilioResponse>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
