//! Credentials that cannot be mistaken for anything else, and the search for them in all that a test leaves behind.
//!
//! Every test that signs in does so with these. Whatever a folder, a database, a log or a stream holds when its test is
//! done with it is looked through before it is deleted, so the whole suite proves that nothing keeps or shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The key. `.ci/run` looks for both of them, too.
pub(crate) const KEY: &str = "canary-key-04711";

/// The token, with a character that shells, URLs and `.env` files have their ways with.
pub(crate) const TOKEN: &str = "canary$token-0815";

/// What must be found nowhere, and how it is called.
static SECRETS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let pair = format!("{KEY}:{TOKEN}");
    let mut secrets = Vec::new();
    for (name, plain) in [("the key", KEY), ("the token", TOKEN), ("the pair", &pair)] {
        let escaped = form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        let in_a_url = (format!("{name} as it stands in a URL"), escaped);
        let encoded = format!("{name} in base64");
        secrets.extend([
            (name.to_owned(), plain.to_owned()),
            in_a_url,
            // Without its end, so that it is found whatever comes there.
            (encoded.clone(), STANDARD_NO_PAD.encode(plain)),
            (encoded, URL_SAFE_NO_PAD.encode(plain)),
        ]);
    }
    secrets
});

/// Returns which secret is in there, if any is.
pub(crate) fn found_in(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    let found = SECRETS.iter().find(|(_, secret)| text.contains(secret));
    found.map(|(name, _)| name.as_str())
}

/// Fails if a secret is in there; not while a test is failing already.
#[track_caller]
pub(crate) fn assert_none_in(what: &str, bytes: &[u8]) {
    if thread::panicking() {
        return;
    }
    if let Some(secret) = found_in(bytes) {
        panic!("{what} holds {secret}");
    }
}

/// The same for all files of a folder, but for those that the test itself has written and nobody has changed.
#[track_caller]
pub(crate) fn assert_none_in_files(folder: &Path, written: &BTreeMap<PathBuf, String>) {
    // What is deleted in this moment, or is not for us to read, is nobody's leak; folders are emptied by others, too.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => assert_none_in_files(&path, written),
            Ok(kind) if kind.is_file() => {
                let Ok(bytes) = fs::read(&path) else { continue };
                let is_ours = written.get(&path).map(String::as_bytes) == Some(&bytes);
                if !is_ours {
                    assert_none_in(&format!("`{}`", path.display()), &bytes);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_that_travels() {
        let basic = STANDARD.encode(format!("{KEY}:{TOKEN}"));
        for (text, secret) in [
            (KEY.to_owned(), "the key"),
            (format!("x{TOKEN}y"), "the token"),
            (format!("{KEY}:{TOKEN}"), "the key"),
            (
                format!("Authorization: Basic {basic}"),
                "the pair in base64",
            ),
            (STANDARD.encode(KEY), "the key in base64"),
            (STANDARD.encode(TOKEN), "the token in base64"),
            (
                "https://x:canary%24token-0815@y".to_owned(),
                "the token as it stands in a URL",
            ),
        ] {
            let bytes = [b"\0\xFF", text.as_bytes(), b"\xFE"].concat();
            assert_eq!(found_in(&bytes), Some(secret), "{text}");
        }
        assert_eq!(found_in(b"a canary, the key and the token"), None);
    }

    #[test]
    fn a_file_with_a_secret_fails_unless_the_test_itself_wrote_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper").join(".env");
        fs::create_dir(folder.path().join("deeper")).unwrap();
        fs::write(&path, TOKEN).unwrap();
        let search = |written: BTreeMap<PathBuf, String>| {
            let folder = folder.path().to_owned();
            thread::spawn(move || assert_none_in_files(&folder, &written)).join()
        };
        assert!(search(BTreeMap::new()).is_err());
        let ours = |text: &str| BTreeMap::from([(path.clone(), text.to_owned())]);
        assert!(search(ours(TOKEN)).is_ok());
        assert!(search(ours("EXOTEL_AUTH_TOKEN=")).is_err());
    }
}
