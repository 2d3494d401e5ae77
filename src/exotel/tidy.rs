//! Foreign text made fit to be kept and shown.
//!
//! Replies and error texts come from outside: they run over many lines, quote people's numbers, and a gateway may echo
//! the request with its credentials. Everything the client hands on passes through here once. What comes out is one
//! line, with numbers masked, without our key, our token or the header made of them.
//!
//! The order matters: secrets go first, because a cut or a mask could leave a part of one that is no longer recognised.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::phone::mask_numbers;

/// The length of a message, in characters.
const LINE: usize = 200;

/// The length of a word such as an error code, in characters.
const WORD: usize = 32;

/// Anything shorter is no secret but a word that a test server was given; striking it out would only garble messages.
const SHORTEST_SECRET: usize = 8;

/// What the HTTP library wraps around every cause; it says nothing that the caller does not know.
const WRAPPING: [&str; 2] = ["error sending request", "client error ("];

/// Knows what must never be shown.
#[derive(Clone, Default)]
pub(super) struct Tidy {
    secrets: Vec<SecretString>,
}

impl Tidy {
    /// Returns a tidier that strikes out these credentials in any form that travels.
    pub(super) fn new(key: &SecretString, token: &SecretString) -> Self {
        let (key, token) = (key.expose_secret(), token.expose_secret());
        let pair = format!("{key}:{token}");
        let mut secrets: Vec<String> = vec![
            STANDARD.encode(&pair),
            STANDARD_NO_PAD.encode(&pair),
            STANDARD_NO_PAD.encode(key),
            STANDARD_NO_PAD.encode(token),
            token.to_owned(),
            key.to_owned(),
        ];
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        // The longest first: where one holds another, the whole must go.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self {
            secrets: secrets.into_iter().map(SecretString::from).collect(),
        }
    }

    /// Returns the text as one line of at most 200 characters; empty if nothing can be read in it.
    pub(super) fn line(&self, text: &str) -> String {
        self.cut(text, LINE)
    }

    /// Returns the text as one short word, for codes.
    pub(super) fn word(&self, text: &str) -> String {
        self.cut(text, WORD)
    }

    /// Returns a body that could not be read as one line, without its markup.
    pub(super) fn excerpt(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        self.line(&without_markup(&self.struck(&text)))
    }

    /// Returns an error and its causes as one line, nothing twice.
    pub(super) fn error(&self, error: &dyn std::error::Error) -> String {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let mut told = String::new();
        for words in causes.map(ToString::to_string) {
            let wrapping = WRAPPING.iter().any(|start| words.starts_with(start));
            if wrapping || told.contains(&words) {
                continue;
            }
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&words);
        }
        self.line(if told.is_empty() {
            "no cause given"
        } else {
            &told
        })
    }

    fn cut(&self, text: &str, most: usize) -> String {
        let struck = self.struck(text);
        let visible: String = struck
            .chars()
            .map(|c| {
                if c.is_control() || is_invisible(c) {
                    ' '
                } else {
                    c
                }
            })
            .collect();
        let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
        let masked = mask_numbers(&line);
        match masked.char_indices().nth(most) {
            None => masked,
            Some(_) => masked.chars().take(most - 1).chain(['…']).collect(),
        }
    }

    fn struck(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            let secret = secret.expose_secret();
            if text.contains(secret) {
                text.replace(secret, "***")
            } else {
                text
            }
        })
    }
}

impl fmt::Debug for Tidy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tidy")
    }
}

/// Direction marks and the like: they could turn a line on a terminal around.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Drops `<…>`; what stands between tags stays, as words of their own.
fn without_markup(text: &str) -> String {
    if !text.trim_start().starts_with('<') {
        return text.to_owned();
    }
    let mut inside = false;
    text.chars()
        .map(|c| match c {
            '<' => {
                inside = true;
                ' '
            }
            '>' if inside => {
                inside = false;
                ' '
            }
            _ if inside => ' ',
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidy() -> Tidy {
        Tidy::new(
            &SecretString::from("canary-key-3f"),
            &SecretString::from("canary-token-9d"),
        )
    }

    #[test]
    fn a_line_is_one_line_with_numbers_masked() {
        let line = Tidy::default().line("Call to\r\n [09876543210]\tcannot\u{202e} be made");
        assert!(
            line.starts_with("Call to [") && line.ends_with("] cannot be made"),
            "{line}"
        );
        assert!(!line.contains("9876543210"));
    }

    #[test]
    fn a_line_is_cut_at_200_characters() {
        let line = Tidy::default().line(&"é ".repeat(300));
        assert_eq!(line.chars().count(), 200);
        assert!(line.ends_with('…'));
        assert_eq!(Tidy::default().line(&"x".repeat(200)).chars().count(), 200);
    }

    #[test]
    fn echoed_credentials_are_struck_out_in_every_form_that_travels() {
        let header = STANDARD.encode("canary-key-3f:canary-token-9d");
        let line = tidy().line(&format!("Basic {header}, canary-key-3f, canary-token-9d"));
        assert_eq!(line, "Basic ***, ***, ***");
    }

    #[test]
    fn a_secret_on_the_edge_of_the_cut_leaves_no_part_behind() {
        for before in 180..200 {
            let line = tidy().line(&format!("{}canary-token-9d", "x".repeat(before)));
            assert!(!line.contains("cana"), "{line}");
        }
    }

    #[test]
    fn markup_is_left_out_of_an_excerpt() {
        let body =
            b"<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>";
        assert_eq!(Tidy::default().excerpt(body), "502 Bad Gateway nginx");
        assert_eq!(Tidy::default().excerpt(b" 1 < 2 "), "1 < 2");
        assert_eq!(Tidy::default().excerpt(&[0xff, b'a', 0]), "\u{fffd}a");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Wrapped(&'static str, #[source] std::io::Error);

    #[test]
    fn an_error_is_told_with_its_causes_and_nothing_twice() {
        for (outer, inner, told) in [
            (
                "tcp error",
                "connection\nrefused",
                "tcp error: connection refused",
            ),
            ("tls: bad name", "bad name", "tls: bad name"),
            ("client error (Connect)", "refused", "refused"),
            (
                "error sending request",
                "error sending request",
                "no cause given",
            ),
        ] {
            let error = Wrapped(outer, std::io::Error::other(inner));
            assert_eq!(Tidy::default().error(&error), told);
        }
    }
}
