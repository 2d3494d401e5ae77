//! Where Exotel shall report, and how a report is told from a guess.
//!
//! An address of ours is a public base and a token. The token is made from a secret of the run and the key of the
//! attempt, and who does not know the secret cannot make it; what is stored is its hash, so that reading the database
//! does not teach how to post. Secret and token are never shown: neither has a `Display`, and `Debug` leaves them out.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use crate::exotel::address::is_loopback;

/// The public address under which callbacks reach us, such as `https://hooks.example.com/exotel`.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackBase(Url);

/// Why a text is no address for callbacks.
///
/// Never repeats the text: people paste credentials into addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallbackBaseError {
    /// No host could be read from it.
    #[error("the callback address is no URL; write it as `https://hooks.example.com/exotel`")]
    NotAnAddress,
    /// Plain http to another machine, or a scheme that is no HTTP at all.
    #[error("the callback address must begin with https (http is for 127.0.0.1 only)")]
    NotHttps,
    /// A user or a password in the address.
    #[error("the callback address must hold no credentials")]
    HoldsCredentials,
    /// A query or a fragment after the path.
    #[error("the callback address must end after its path")]
    HoldsMore,
}

impl CallbackBase {
    /// Returns the address written out in full; a path is permitted, with or without a slash at its end.
    pub fn parse(text: &str) -> Result<Self, CallbackBaseError> {
        let url = Url::parse(text.trim()).map_err(|_| CallbackBaseError::NotAnAddress)?;
        if url.cannot_be_a_base() || url.host_str().is_none_or(str::is_empty) {
            return Err(CallbackBaseError::NotAnAddress);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CallbackBaseError::HoldsCredentials);
        }
        let encrypted = url.scheme() == "https";
        let plain_at_home = url.scheme() == "http" && is_loopback(&url);
        if !encrypted && !plain_at_home {
            return Err(CallbackBaseError::NotHttps);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(CallbackBaseError::HoldsMore);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for CallbackBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for CallbackBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackBase({self})")
    }
}

/// What the tokens of one run are made with. Kept nowhere.
#[derive(Clone)]
pub struct CallbackSecret([u8; 32]);

impl CallbackSecret {
    /// Returns a new secret from the system's source of random bytes.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn new() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("cannot get random bytes from the system: {error}"))?;
        Ok(Self(bytes))
    }

    /// Returns the secret made of these bytes, for tests and simulations.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the token of the attempt with this key: the same one whenever asked.
    pub fn token(&self, attempt_key: &str) -> Token {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(attempt_key.as_bytes());
        Token(hex(&mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSecret")
    }
}

/// What makes the address of one attempt's callback impossible to guess: 64 hexadecimal digits.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Returns what is stored of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// Returns the address to hand to Exotel. It holds the token, and is as secret.
    pub fn url(&self, base: &CallbackBase) -> String {
        format!("{base}/{}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The SHA-256 of a token: names the attempt, and does not lead back to the token.
///
/// Hashes are looked up and compared, tokens never: how long that takes tells nothing about a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Returns the hash of what stands in the path of a request, whatever that is.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_https_or_at_home_and_may_have_a_path() {
        for (text, shown) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            (
                " https://hooks.example.com/exotel/ ",
                "https://hooks.example.com/exotel",
            ),
            (
                "https://hooks.example.com:8443/a/b",
                "https://hooks.example.com:8443/a/b",
            ),
            ("http://127.0.0.1:8080/cb", "http://127.0.0.1:8080/cb"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(CallbackBase::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_base_is_refused_and_never_repeated() {
        for (text, why) in [
            ("", CallbackBaseError::NotAnAddress),
            ("hooks.example.com/exotel", CallbackBaseError::NotAnAddress),
            ("mailto:a@example.com", CallbackBaseError::NotAnAddress),
            ("http://hooks.example.com", CallbackBaseError::NotHttps),
            ("http://127.0.0.1.example.com", CallbackBaseError::NotHttps),
            (
                "http://127.0.0.1@example.com",
                CallbackBaseError::HoldsCredentials,
            ),
            ("ftp://127.0.0.1/", CallbackBaseError::NotHttps),
            (
                "https://user:canary-9d@hooks.example.com",
                CallbackBaseError::HoldsCredentials,
            ),
            (
                "https://hooks.example.com/?key=canary-9d",
                CallbackBaseError::HoldsMore,
            ),
            ("https://hooks.example.com/?", CallbackBaseError::HoldsMore),
            (
                "https://hooks.example.com/#canary-9d",
                CallbackBaseError::HoldsMore,
            ),
        ] {
            let error = CallbackBase::parse(text).unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!format!("{error}{error:?}").contains("canary"));
        }
    }

    #[test]
    fn an_attempt_has_one_token_and_another_run_has_others() {
        let secret = CallbackSecret::from_bytes([7; 32]);
        let base = CallbackBase::parse("https://hooks.example.com/exotel/").unwrap();
        let url = secret.token("c7:000123:2").url(&base);
        let token = url
            .strip_prefix("https://hooks.example.com/exotel/")
            .unwrap();
        assert!(
            token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()),
            "{token}"
        );

        assert_eq!(secret.token("c7:000123:2").url(&base), url);
        assert_ne!(secret.token("c7:000123:3").url(&base), url);
        let (one, other) = (
            CallbackSecret::new().unwrap(),
            CallbackSecret::new().unwrap(),
        );
        assert_ne!(one.token("c7:000123:2").url(&base), url);
        assert_ne!(
            one.token("c7:000123:2").hash(),
            other.token("c7:000123:2").hash()
        );
    }

    #[test]
    fn the_hash_of_the_path_is_the_hash_that_was_stored() {
        let secret = CallbackSecret::from_bytes([7; 32]);
        let base = CallbackBase::parse("https://hooks.example.com").unwrap();
        let token = secret.token("c7:000123:2");
        let url = token.url(&base);
        let (_, in_the_path) = url.rsplit_once('/').unwrap();
        assert_eq!(TokenHash::of(in_the_path), token.hash());
        assert_ne!(TokenHash::of(&in_the_path[1..]), token.hash());
        assert_ne!(TokenHash::of(""), token.hash());
    }

    /// The first case of RFC 4231 for HMAC-SHA-256 and the empty message of FIPS 180, by way of our own types.
    #[test]
    fn the_known_answers_come_out() {
        let mut mac = Hmac::<Sha256>::new_from_slice(&[0x0b; 20]).unwrap();
        mac.update(b"Hi There");
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex(&mac.finalize().into_bytes()), expected);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(&TokenHash::of("").0), empty);
    }

    #[test]
    fn neither_secret_nor_token_is_shown() {
        let secret = CallbackSecret::from_bytes([7; 32]);
        assert_eq!(
            format!("{secret:?} {:?}", secret.token("a1")),
            "CallbackSecret Token"
        );
    }
}
