//! The store: one SQLite file, and the only module that knows SQL.
//!
//! Everything that matters is in here and nowhere else, so that the process may die at any moment. `write` is one
//! IMMEDIATE transaction with a full sync before it returns; what its closure returns can be acted on only after the
//! commit. Each submodule has one function per intention, taking the transaction, so that a turn can compose them.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::domain::attempt::StateName;

pub mod attempts;
pub mod campaigns;
pub mod candidates;
pub mod contacts;
pub mod copy;
pub mod doubts;
pub mod incidents;
pub mod live;
pub mod lock;
pub mod looks;
pub mod reports;
pub mod runs;

/// Marks a database file as ours: `exoc`.
const APPLICATION_ID: i32 = 0x6578_6f63;

/// All migrations in order; the schema's version is how many of them were applied.
const MIGRATIONS: [&str; 2] = [
    include_str!("migrations/0001_init.sql"),
    include_str!("migrations/0003_doubts.sql"),
];

/// Before this version SQLite could corrupt a WAL that two processes reset at the same time.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a writer waits for another process to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// What can be wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file, and reading commands never create one.
    #[error("no database at `{0}`")]
    Missing(PathBuf),
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
    /// The file system cannot do what SQLite's log needs.
    #[error("`{0}` lies on a file system that cannot share memory between processes")]
    NoWal(PathBuf),
    /// SQLite refuses.
    #[error("the database refuses")]
    Sqlite(#[from] rusqlite::Error),
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
    #[error("attempt {attempt} is {state}; only one that is held can be decided about")]
    NotDecidable {
        /// The attempt's id.
        attempt: i64,
        /// Where it stands.
        state: StateName,
        /// Until when its call may be under way or not yet be listed, if it is in doubt.
        until: Option<Timestamp>,
    },
    /// A statement meant for one row met another number of rows.
    #[error("{what}: expected one row, changed {changed}")]
    NotOneRow {
        /// What the statement does.
        what: &'static str,
        /// How many rows it changed.
        changed: usize,
    },
}

/// What the functions of the store return.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An open database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// A transaction; the functions of the submodules take it.
#[derive(Debug)]
pub struct Tx<'a>(Transaction<'a>);

impl Store {
    /// Opens the database, creating it (mode 0600) if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file is not ours, is from a newer exocamp, or cannot be opened.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        file.map_err(|error| StoreError::Open(path.to_owned(), error))?;
        Self::open_file(path)
    }

    /// Opens a database that exists.
    ///
    /// # Errors
    /// As [`Self::open_or_create`], and when there is no file.
    pub fn open(path: &Path) -> Result<Self> {
        match path.metadata() {
            Ok(_) => Self::open_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Missing(path.to_owned()))
            }
            Err(error) => Err(StoreError::Open(path.to_owned(), error)),
        }
    }

    /// Opens a database in memory, for tests and simulations.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn in_memory() -> Result<Self> {
        Self::prepare(Connection::open_in_memory()?, PathBuf::from(":memory:"))
    }

    fn open_file(path: &Path) -> Result<Self> {
        // The locks beside it must be the same ones, whichever way the file was reached.
        let path = &path
            .canonicalize()
            .map_err(|error| StoreError::Open(path.to_owned(), error))?;
        // No SQLITE_OPEN_URI: `file:x?mode=memory` is a file name like any other.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        Self::prepare(connection, path.to_owned())
    }

    fn prepare(connection: Connection, path: PathBuf) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(StoreError::OldSqlite(rusqlite::version()));
        }
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(128);
        let mut store = Self { connection, path };
        store.check_ownership()?;
        let mode: String =
            store
                .connection
                .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" && mode != "memory" {
            return Err(StoreError::NoWal(store.path));
        }
        // An intent must outlive a power cut, or the same person is rung twice.
        store
            .connection
            .pragma_update(None, "synchronous", "FULL")?;
        store.connection.pragma_update(None, "foreign_keys", true)?;
        store.migrate()?;
        Ok(store)
    }

    /// Refuses other programs' files before anything is written to them.
    fn check_ownership(&self) -> Result<()> {
        let not_ours = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotOurs(self.path.clone()),
            _ => StoreError::Sqlite(error),
        };
        let id: i32 = self
            .connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(not_ours)?;
        let objects: i64 =
            self.connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if id == APPLICATION_ID || (id == 0 && objects == 0) {
            Ok(())
        } else {
            Err(StoreError::NotOurs(self.path.clone()))
        }
    }

    fn migrate(&mut self) -> Result<()> {
        let known = MIGRATIONS.len() as i64;
        let version = |connection: &Connection| {
            connection.pragma_query_value(None, "user_version", |row| row.get(0))
        };
        let found: i64 = version(&self.connection)?;
        if found == known {
            return Ok(());
        }
        if found > known {
            return Err(StoreError::Newer {
                path: self.path.clone(),
                found,
                known,
            });
        }
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated while this one waited for the lock.
        let found: i64 = version(&tx)?;
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known)?;
        tx.commit()?;
        Ok(())
    }

    /// Returns the database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads in one transaction: everything seen is of one moment.
    ///
    /// # Errors
    /// Whatever the closure returns, and when SQLite refuses.
    pub fn read<T>(&mut self, body: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let tx = Tx(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)?);
        body(&tx)
    }

    /// Writes in one IMMEDIATE transaction; returns only after the commit has reached the disk.
    ///
    /// # Errors
    /// Whatever the closure returns, and when SQLite refuses; nothing is written then.
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        body: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let sqlite = |error: rusqlite::Error| E::from(StoreError::Sqlite(error));
        let tx = Tx(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sqlite)?);
        let value = body(&tx)?;
        tx.0.commit().map_err(sqlite)?;
        Ok(value)
    }
}

/// Returns a time as the database holds it.
fn to_ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Returns the time that the database holds.
fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Returns a time since boot as the database holds it.
fn to_us(since_boot: Duration) -> i64 {
    i64::try_from(since_boot.as_micros()).unwrap_or(i64::MAX)
}

/// Returns the time since boot that the database holds.
fn from_us(us: i64) -> Duration {
    Duration::from_micros(us.unsigned_abs())
}

/// Checks that a statement meant for one row has changed one row: a forgotten `WHERE` must not pass.
fn exactly_one(what: &'static str, changed: usize) -> Result<()> {
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotOneRow { what, changed })
    }
}

/// Checks that a statement meant for one row at most has changed no more.
fn at_most_one(what: &'static str, changed: usize) -> Result<()> {
    if changed <= 1 {
        Ok(())
    } else {
        Err(StoreError::NotOneRow { what, changed })
    }
}

/// Reads a stored word as one of ours.
fn word<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| StoreError::Nonsense(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_database_is_private_and_durable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        let store = Store::open_or_create(&path).unwrap();
        for name in ["exocamp.db", "exocamp.db-wal"] {
            let mode = folder
                .path()
                .join(name)
                .metadata()
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let pragma = |name| {
            store
                .connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(pragma("synchronous"), 2);
        assert_eq!(pragma("foreign_keys"), 1);
        assert_eq!(pragma("application_id"), i64::from(APPLICATION_ID));
        let mode: String = store
            .connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn every_table_is_strict() {
        let store = Store::in_memory().unwrap();
        let lax: i64 = store
            .connection
            .query_row(
                "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%' AND strict = 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(lax, 0);
    }

    #[test]
    fn files_that_are_not_ours_are_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.txt");
        std::fs::write(
            &text,
            "not a database, but longer than a header of a hundred bytes would be ".repeat(4),
        )
        .unwrap();
        let before = std::fs::read(&text).unwrap();
        assert!(matches!(Store::open(&text), Err(StoreError::NotOurs(_))));
        assert_eq!(std::fs::read(&text).unwrap(), before);

        let other = folder.path().join("other.db");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE theirs (x)")
            .unwrap();
        assert!(matches!(Store::open(&other), Err(StoreError::NotOurs(_))));
        assert!(matches!(
            Store::open(&folder.path().join("nothing")),
            Err(StoreError::Missing(_))
        ));
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        let store = Store::open_or_create(&path).unwrap();
        store
            .connection
            .pragma_update(None, "user_version", 99)
            .unwrap();
        drop(store);
        assert!(matches!(
            Store::open(&path),
            Err(StoreError::Newer { found: 99, .. })
        ));
    }

    #[test]
    fn an_error_in_a_write_leaves_nothing_behind() {
        let mut store = Store::in_memory().unwrap();
        let failed: Result<()> = store.write(|tx| {
            tx.0.execute("INSERT INTO person (number) VALUES (919876500000)", [])?;
            Err(StoreError::Superseded)
        });
        assert!(failed.is_err());
        let people: i64 = store
            .read(|tx| {
                Ok(tx
                    .0
                    .query_row("SELECT count(*) FROM person", [], |row| row.get(0))?)
            })
            .unwrap();
        assert_eq!(people, 0);
    }
}
