//! One runner per campaign: a file lock that the kernel frees when its holder dies.
//!
//! The lock is on a small file beside the database, one per campaign; what is written in it only names the holder for
//! the message. Should the file be deleted under a runner, the database has a guard of its own: a run that is no longer
//! its campaign's `current_run` cannot write (see `runs`).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::campaigns::CampaignId;

/// Who holds a lock, as written in its file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("Campaign is already running{}", describe(.0.as_ref()))]
    Held(Option<Holder>),
    /// The lock file cannot be used.
    #[error("cannot lock `{0}`")]
    Io(PathBuf, #[source] io::Error),
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |h| {
        format!(" (pid {} on {}, since {})", h.pid, h.host, h.since)
    })
}

/// Holds a campaign for one runner until dropped or dead.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes the lock of a campaign.
    ///
    /// # Errors
    /// When another process holds it, and when its file cannot be used.
    pub fn take(database: &Path, campaign: CampaignId, me: &Holder) -> Result<Self, LockError> {
        let path = lock_path(database, campaign);
        let io_error = |error| LockError::Io(path.clone(), error);
        let mut file = open(&path).map_err(io_error)?;
        // `is_held` looks by locking for an instant; a few tries tell such a look from a holder.
        for patience in (0..5).rev() {
            match file.try_lock() {
                Ok(()) => break,
                #[cfg(feature = "sabotage")]
                Err(_) if crate::sabotage::is(crate::sabotage::Sabotage::NoGuards) => break,
                Err(TryLockError::WouldBlock) if patience > 0 => {
                    std::thread::sleep(Duration::from_millis(10))
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held(read_holder(&mut file)));
                }
                Err(TryLockError::Error(error)) => return Err(io_error(error)),
            }
        }
        let text = serde_json::to_vec(me).map_err(|error| io_error(error.into()))?;
        file.set_len(0)
            .and_then(|()| file.write_all(&text))
            .map_err(io_error)?;
        Ok(Self { file })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // A name that no longer holds the lock would only mislead; the lock itself goes with the file's handle.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!("cannot empty the lock file: {error}");
        }
    }
}

/// Returns whether a runner holds the campaign now, and who.
pub fn is_held(database: &Path, campaign: CampaignId) -> Option<Option<Holder>> {
    let mut file = OpenOptions::new()
        .read(true)
        .open(lock_path(database, campaign))
        .ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read_holder(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn lock_path(database: &Path, campaign: CampaignId) -> PathBuf {
    // One lock for one file, whichever way it was reached.
    let database = database
        .canonicalize()
        .unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(format!(".run-{campaign}.lock"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_runner_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("exocamp.db");
        let campaign = CampaignId::from(7);
        let me = Holder {
            pid: 42,
            host: "desk".into(),
            since: "2026-03-02T10:00:00+05:30".into(),
        };
        assert_eq!(is_held(&database, campaign), None);
        let lock = RunLock::take(&database, campaign, &me).unwrap();
        assert_eq!(is_held(&database, campaign), Some(Some(me.clone())));
        let refused = RunLock::take(&database, campaign, &me)
            .unwrap_err()
            .to_string();
        assert_eq!(
            refused,
            "Campaign is already running (pid 42 on desk, since 2026-03-02T10:00:00+05:30)"
        );
        assert!(
            RunLock::take(&database, CampaignId::from(8), &me).is_ok(),
            "another campaign has a lock of its own"
        );
        drop(lock);
        assert_eq!(is_held(&database, campaign), None);
        assert!(RunLock::take(&database, campaign, &me).is_ok());
    }
}
