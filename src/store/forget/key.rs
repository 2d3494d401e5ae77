//! The key of the hashes: made at the first need, kept in a file of its own beside the database.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::phone::PhoneNumber;
use crate::store::{Result, StoreError, Tx, exactly_one, place};

/// What numbers are hashed with. Never shown.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    fn mac(&self, purpose: &[u8], text: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(purpose);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    pub(super) fn hash(&self, number: PhoneNumber) -> [u8; 32] {
        self.mac(b"number:", number.digits().to_string().as_bytes())
    }

    fn check(&self) -> [u8; 32] {
        self.mac(b"check", b"")
    }

    /// Reads a key as it stands in its file: 64 hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        let mut key = [0; 32];
        let (pairs, rest) = text.as_chunks::<2>();
        if pairs.len() != key.len() || !rest.is_empty() {
            return None;
        }
        for (byte, pair) in key.iter_mut().zip(pairs) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(key))
    }

    fn read(path: &Path) -> Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::KeyMissing(path.to_owned()))
            }
            Err(error) => Err(StoreError::Open(path.to_owned(), error)),
        }
    }

    /// Makes a new key and its file, which has reached the disk when this returns.
    pub(super) fn make(path: &Path) -> Result<Self> {
        let refused = |error| StoreError::Open(path.to_owned(), error);
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| refused(io::Error::other(error)))?;
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut new = path.to_owned().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        // Whoever died here has left one that was never used.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .map_err(refused)?;
        writeln!(file, "{text}")
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, path))
            .and_then(|()| File::open(place::folder_of(path))?.sync_all())
            .map_err(refused)?;
        Ok(Self(key))
    }
}

/// Returns where the key of a database lies.
pub fn key_path(database: &Path) -> PathBuf {
    // Beside the file itself, whichever way it was reached.
    let database = database
        .canonicalize()
        .unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(".key");
    PathBuf::from(name)
}

/// Returns the key that the database's hashes were made with; `None` if there are none.
pub(super) fn known_key(tx: &Tx<'_>, database: &Path) -> Result<Option<Key>> {
    let check: Option<[u8; 32]> =
        tx.0.query_row("SELECT key_check FROM erasure WHERE one = 1", [], |row| {
            row.get(0)
        })?;
    let Some(check) = check else {
        return Ok(None);
    };
    let path = key_path(database);
    let key = Key::read(&path)?.filter(|key| key.check() == check);
    key.map(Some).ok_or(StoreError::KeyWrong(path))
}

/// Returns the key that the database's hashes are made with, made now if this is the first.
pub(super) fn key(tx: &Tx<'_>, database: &Path) -> Result<Key> {
    if let Some(key) = known_key(tx, database)? {
        return Ok(key);
    }
    let path = key_path(database);
    // One that is there already was made by somebody who died before the commit, or belongs to a backup.
    let key = match Key::read(&path) {
        Ok(Some(key)) => key,
        Ok(None) | Err(StoreError::KeyMissing(_)) => Key::make(&path)?,
        Err(error) => return Err(error),
    };
    let changed = tx.0.execute(
        "UPDATE erasure SET key_check = ?1 WHERE one = 1",
        [key.check()],
    )?;
    exactly_one("keep the check of the key", changed)?;
    Ok(key)
}
