//! A database that is built aside and put in its place whole: the first import into a folder.
//!
//! Nobody sees it before it is finished, so it needs no log, and one sync is enough; whoever dies in the middle leaves
//! nothing that could be taken for a database. Refuses to replace anything: if somebody else has made the database
//! meanwhile, theirs stays.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rusqlite::OpenFlags;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::{Builder, TempPath};

use super::{Result, Store, StoreError, place};

/// How long the disk is left alone while a draft is filled.
const BETWEEN_SYNCS: Duration = Duration::from_millis(200);

/// What every draft's name ends in.
const SUFFIX: &str = ".draft";

/// A database without a place.
#[derive(Debug)]
pub struct Draft {
    store: Store,
    file: TempPath,
    /// The same file; its lock is held for as long as somebody works at it.
    lock: File,
    target: PathBuf,
}

impl Draft {
    /// Begins a database for this place, in a file beside it.
    ///
    /// # Errors
    /// When no database may lie there, or the folder cannot be written to.
    pub fn begin(target: &Path) -> Result<Self> {
        let target = &place::followed(target);
        let folder = place::folder_of(target);
        let folder = folder
            .canonicalize()
            .map_err(|error| StoreError::Open(target.to_owned(), error))?;
        place::refuse_orphans(target)?;
        place::file_system(&folder)?;
        place::check_folder(&folder)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        remove_abandoned(&folder, &prefix);
        let (lock, path) = locked_file(&folder, &prefix)
            .map_err(|error| StoreError::Open(target.to_owned(), error))?;
        let mut store = Store::connect(path.to_path_buf(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.connection.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;",
        )?;
        store.migrate()?;
        let target = folder.join(target.file_name().unwrap_or_default());
        Ok(Self {
            store,
            file: path,
            lock,
            target,
        })
    }

    /// Has the database filled. What a transaction in it has written is not taken back when it fails: throw the draft away.
    ///
    /// # Errors
    /// Whatever the closure returns, and when the disk refuses.
    pub fn fill<T, E: From<StoreError>>(
        &mut self,
        body: impl FnOnce(&mut Store) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (store, lock) = (&mut self.store, &self.lock);
        let (filled, synced) = thread::scope(|scope| {
            let (done, is_done) = channel::<()>();
            // The disk writes while the list is still read, so that there is little left to wait for at the end.
            let syncs = scope.spawn(move || {
                while is_done.recv_timeout(BETWEEN_SYNCS) == Err(RecvTimeoutError::Timeout) {
                    lock.sync_data()?;
                }
                Ok(())
            });
            let filled = body(store);
            drop(done);
            (filled, syncs.join())
        });
        let filled = filled?;
        // The system tells of a write that failed only once.
        let synced: io::Result<()> = synced.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        synced.map_err(|error| StoreError::Open(self.target.clone(), error))?;
        Ok(filled)
    }

    /// Puts the database in its place; it is on the disk when this returns.
    ///
    /// # Errors
    /// When somebody else has made one there meanwhile, or the disk refuses.
    pub fn publish(self) -> Result<()> {
        let Self {
            store,
            file,
            lock,
            target,
        } = self;
        drop(store);
        let disk = |error: io::Error| StoreError::Open(target.clone(), error);
        lock.sync_all().map_err(disk)?;
        place::refuse_orphans(&target)?;
        put_in_place(&file, &target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::MadeMeanwhile(target.clone()),
            _ => disk(error),
        })?;
        let folder = place::folder_of(&target);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(disk)
    }
}

/// Makes a file for this process alone, mode 0600, and takes its lock.
fn locked_file(folder: &Path, prefix: &str) -> io::Result<(File, TempPath)> {
    loop {
        let file = Builder::new()
            .prefix(prefix)
            .suffix(SUFFIX)
            .tempfile_in(folder)?;
        let (lock, path) = file.into_parts();
        lock.lock()?;
        // Before it had its lock, it could be taken for one that was abandoned.
        let is_there = fs::metadata(&path).is_ok_and(|found| {
            lock.metadata()
                .is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()))
        });
        if is_there {
            return Ok((lock, path));
        }
    }
}

/// Gives the file its name, which nothing may have yet.
fn put_in_place(file: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(file, target) {
        // Some file systems have no second names for a file.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Ok(renameat_with(
            CWD,
            file,
            CWD,
            target,
            RenameFlags::NOREPLACE,
        )?),
        linked => linked,
    }
}

/// Removes what was left by those who died at it: people's numbers are in there.
fn remove_abandoned(folder: &Path, prefix: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(SUFFIX) {
            let abandoned = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if abandoned {
                // Whoever cannot remove it must not be kept from importing.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use jiff::Timestamp;

    use super::*;
    use crate::store::campaigns;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn fill(draft: &mut Draft) {
        let name = "leads".parse().unwrap();
        draft
            .fill(|store| {
                store.write(|tx| campaigns::create(tx, &name, "asha", Timestamp::UNIX_EPOCH))
            })
            .unwrap();
    }

    #[test]
    fn a_draft_is_nowhere_until_it_is_a_whole_database() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("exocamp.db");
        let mut draft = Draft::begin(&target).unwrap();
        fill(&mut draft);
        assert!(!target.exists());
        draft.publish().unwrap();
        assert_eq!(files(folder.path()), ["exocamp.db"]);
        let mode = target.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut store = Store::open(&target).unwrap();
        let found = store.read(|tx| campaigns::find(tx, "leads")).unwrap();
        assert!(found.is_some());
    }

    #[test]
    fn a_draft_that_is_thrown_away_or_abandoned_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("exocamp.db");
        let abandoned = folder.path().join(".exocamp.db.abc.draft");
        fs::write(&abandoned, "numbers").unwrap();
        let draft = Draft::begin(&target).unwrap();
        // One that somebody still works at stays.
        let other = Draft::begin(&target).unwrap();
        assert_eq!(files(folder.path()).len(), 2);
        drop((draft, other));
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn what_another_database_left_behind_does_not_get_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("exocamp.db");
        let log = folder.path().join("exocamp.db-wal");
        fs::write(&log, "the end of another story").unwrap();
        let refused = Draft::begin(&target).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Orphan(file) if *file == log),
            "{refused}"
        );
        fs::remove_file(&log).unwrap();
        let draft = Draft::begin(&target).unwrap();
        fs::write(&log, "the end of another story").unwrap();
        assert!(matches!(draft.publish(), Err(StoreError::Orphan(_))));
        assert!(!target.exists());
    }

    #[test]
    fn a_link_to_nowhere_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("exocamp.db");
        fs::create_dir(folder.path().join("data")).unwrap();
        std::os::unix::fs::symlink("data/real.db", &link).unwrap();
        Draft::begin(&link).unwrap().publish().unwrap();
        assert_eq!(files(&folder.path().join("data")), ["real.db"]);
        assert!(Store::open(&link).is_ok());
    }

    #[test]
    fn a_draft_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("exocamp.db");
        let mut draft = Draft::begin(&target).unwrap();
        fill(&mut draft);
        drop(Store::open_or_create(&target).unwrap());
        let refused = draft.publish().unwrap_err();
        assert!(matches!(refused, StoreError::MadeMeanwhile(_)), "{refused}");
        let mut store = Store::open(&target).unwrap();
        assert_eq!(store.read(|tx| campaigns::find(tx, "leads")).unwrap(), None);
    }
}
