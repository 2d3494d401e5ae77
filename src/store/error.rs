//! What can be wrong with the store.
//!
//! SQLite's codes become variants here, so that a caller can name the remedy. Whatever it is, nothing of the
//! transaction was written.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::ErrorCode;

use super::binding::Behind;
use crate::domain::attempt::StateName;

/// What can be wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file, and reading commands never create one.
    #[error("no database at `{0}`")]
    Missing(PathBuf),
    /// There is something else than a file, a folder for example.
    #[error("`{0}` is not a file")]
    NotAFile(PathBuf),
    /// The file is something else.
    #[error("`{0}` is not an exocamp database")]
    NotOurs(PathBuf),
    /// Written by a newer exocamp.
    #[error("`{path}` has schema {found}; this exocamp knows schema {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file cannot be created or opened.
    #[error("cannot open `{0}`")]
    Open(PathBuf, #[source] io::Error),
    /// Another process has made the database while this one was about to.
    #[error("somebody else has made `{0}` meanwhile")]
    MadeMeanwhile(PathBuf),
    /// The log of a database that is not there.
    #[error("`{0}` lies there without its database")]
    Orphan(PathBuf),
    /// Somebody else's server keeps the file.
    #[error("`{path}` lies on a network file system ({system})")]
    Network {
        /// The file, or the folder it was to be made in.
        path: PathBuf,
        /// The file system's name.
        system: &'static str,
    },
    /// The file system cannot do what SQLite's log needs.
    #[error("`{0}` lies on a file system that cannot share memory between processes")]
    NoWal(PathBuf),
    /// The file, or the folder that its log must lie in, cannot be written to.
    #[error("`{0}` cannot be written to")]
    ReadOnly(PathBuf, #[source] io::Error),
    /// The database was bound to another machine.
    #[error("`{0}` belongs to another machine")]
    Moved(PathBuf),
    /// The database knows less than its mark says it has known.
    #[error("`{0}` is an older copy: it is behind its mark by {1}")]
    Behind(PathBuf, Behind),
    /// No room is left for the database.
    #[error("the disk is full")]
    DiskFull(#[source] rusqlite::Error),
    /// The disk fails.
    #[error("the disk fails")]
    Disk(#[source] rusqlite::Error),
    /// What is in the file makes no sense to SQLite.
    #[error("the database is damaged")]
    Corrupt(#[source] rusqlite::Error),
    /// Another program keeps the database to itself.
    #[error("another program has kept the database locked for too long")]
    Busy(#[source] rusqlite::Error),
    /// The file stopped being writable while it was open.
    #[error("the database cannot be written to")]
    Unwritable(#[source] rusqlite::Error),
    /// SQLite refuses for a reason that no user can do much about.
    #[error("the database refuses")]
    Sqlite(#[source] rusqlite::Error),
    /// The linked SQLite has a known bug.
    #[error("SQLite {0} can corrupt the database; 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// A row says what no row may say.
    #[error("the database holds `{0}`, which this exocamp does not understand")]
    Nonsense(String),
    /// Another run has taken this run's place.
    #[error("another run has taken over this campaign")]
    Superseded,
    /// Nobody may decide about this attempt (yet).
    #[error("attempt {attempt} is {}; only one that is held can be decided about", .state.as_str().replace('_', " "))]
    NotDecidable {
        /// The attempt's id.
        attempt: i64,
        /// Where it stands.
        state: StateName,
        /// Until when its call may be under way or not yet be listed, if it is in doubt.
        until: Option<Timestamp>,
    },
    /// Without the key nobody can tell who asked to be forgotten.
    #[error("`{0}` is missing: without it, nobody can tell who asked to be forgotten")]
    KeyMissing(PathBuf),
    /// The file holds no key, or another database's.
    #[error("`{0}` is not the key by which this database knows who asked to be forgotten")]
    KeyWrong(PathBuf),
    /// A statement meant for one row met another number of rows.
    #[error("{what}: expected one row, changed {changed}")]
    NotOneRow {
        /// What the statement does.
        what: &'static str,
        /// How many rows it changed.
        changed: usize,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull(error),
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
            // Its log or shared memory cannot be made or opened any more.
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => Self::Unwritable(error),
            _ => Self::Sqlite(error),
        }
    }
}
