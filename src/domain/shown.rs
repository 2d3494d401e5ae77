//! Texts from outside as people may see them: the one list of characters that steer instead of showing something.
//!
//! A name, a cell, a file's name may hold what moves a terminal's cursor, turns the direction of writing, or breaks a line
//! in two. It is stored as it is; here it is made visible, as U+FFFD, where it is shown. What only joins letters or
//! chooses between their forms stays (zero-width joiners, variation selectors): Indian scripts and emoji need it.

use std::borrow::Cow;

/// Stands where something cannot be shown.
const REPLACEMENT: char = '\u{FFFD}';

/// Returns a text from outside as it may be shown: on one line, and without anything that steers.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if is_plain(text, "") {
        return Cow::Borrowed(text);
    }
    text.chars()
        .map(|c| if steers(c) { REPLACEMENT } else { c })
        .collect()
}

/// Returns a text of several lines as it may be shown: line ends and tabs stay, and nothing else that steers.
///
/// A carriage return is a part of a line's end or nothing: alone, it would have the rest written over the beginning.
pub fn harmless_lines(text: &str) -> Cow<'_, str> {
    if is_plain(text, "\n\t") {
        return Cow::Borrowed(text);
    }
    let mut rest = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        let stays = match c {
            '\n' | '\t' => true,
            '\r' => rest.peek() == Some(&'\n'),
            _ => !steers(c),
        };
        shown.push(if stays { c } else { REPLACEMENT });
    }
    Cow::Owned(shown)
}

/// Returns JSON that means the same and steers nothing: what could is written as `\u…`.
///
/// JSON's own rule covers control characters up to U+001F only.
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    if is_plain(json, "\n") {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // A raw line end stands between values, never inside one.
        if c == '\n' || !steers(c) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown += &format!("\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(shown)
}

/// Returns the text with at most so many characters; `…` stands for what was cut off.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => text
            .chars()
            .take(most.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

/// Returns whether nothing in the text needs a closer look; nearly every text is like that.
fn is_plain(text: &str, permitted: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') || permitted.as_bytes().contains(&byte))
}

/// Returns whether a character does something to what stands around it, instead of showing something.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, embeddings, overrides and isolates of the direction of writing.
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
            // Ends of lines and paragraphs.
            | '\u{2028}' | '\u{2029}'
            // Old ways to choose the forms of letters and digits.
            | '\u{206A}'..='\u{206F}'
            // The byte order mark, annotations between lines, and letters that nobody sees.
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_steers_is_made_visible() {
        for (text, shown) in [
            ("As\u{1b}[31mha\r\n\u{202E}x", "As�[31mha���x"),
            ("\u{9b}2J\u{7f}\0\t", "�2J���"),
            ("\u{61c}\u{200e}\u{200f}\u{2066}\u{2069}", "�����"),
            (
                "\u{2028}\u{2029}\u{206a}\u{feff}\u{fff9}\u{e0001}\u{e0041}",
                "�������",
            ),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }

    #[test]
    fn what_a_script_needs_stays() {
        for text in [
            "",
            "Asha",
            "आशा 👋",
            "क्\u{200d}ष",
            "می\u{200c}خواهم",
            "👩\u{200d}👧\u{fe0f}",
            "O\u{a0}K",
        ] {
            assert_eq!(harmless(text), text);
            assert_eq!(harmless_lines(text), text);
            assert_eq!(harmless_json(text), text);
        }
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(harmless_lines("a\n\tb\r\nc\rd\u{1b}"), "a\n\tb\r\nc�d�");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(shortened("आशा", 3), "आशा");
        assert_eq!(shortened("आशा!", 3), "आश…");
        assert_eq!(shortened("", 0), "");
    }

    proptest! {
        #[test]
        fn json_means_the_same(text in any::<String>(), c in any::<char>()) {
            let value = serde_json::json!({ "name": format!("{text}{c}\u{1b}\u{9b}\u{202e}\u{e0041}") });
            for json in [value.to_string(), serde_json::to_string_pretty(&value)?] {
                let shown = harmless_json(&json);
                prop_assert!(!shown.contains(|c| c != '\n' && steers(c)), "{:?}", shown);
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&shown)?, &value);
            }
        }

        #[test]
        fn nothing_that_steers_is_left(text in any::<String>(), c in any::<char>()) {
            let text = format!("{c}{text}\u{1b}");
            prop_assert!(!harmless(&text).contains(steers));
            prop_assert_eq!(harmless(&text).chars().count(), text.chars().count());
            let lines = harmless_lines(&text).replace("\r\n", "\n");
            prop_assert!(!lines.contains(|c| !"\n\t".contains(c) && steers(c)));
        }
    }
}
