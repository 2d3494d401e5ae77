//! The store: one SQLite file, and the only module that knows SQL.
//!
//! Everything that matters is in here and nowhere else, so that the process may die at any moment. `write` is one
//! IMMEDIATE transaction with a full sync before it returns; what its closure returns can be acted on only after the
//! commit. Each submodule has one function per intention, taking the transaction, so that a turn can compose them.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub mod attempts;
pub mod audits;
pub mod binding;
pub mod callbacks;
pub mod campaigns;
pub mod candidates;
pub mod contacts;
pub mod copy;
pub mod costs;
pub mod do_not_call;
pub mod doubts;
pub mod draft;
mod error;
pub mod evidence;
pub mod forget;
pub mod imports;
pub mod incidents;
mod judgement;
pub mod live;
pub mod lock;
pub mod looks;
pub mod machine;
mod mark;
pub mod offers;
pub mod permission;
mod place;
pub mod prospects;
pub mod quality;
pub mod rehearsal;
pub mod reports;
pub mod runs;
pub mod schedules;
pub mod scrubs;
pub mod settings;
pub mod steering;
pub mod story;

pub use self::error::StoreError;
use self::mark::MarkFile;

/// Marks a database file as ours: `exoc`.
const APPLICATION_ID: i32 = 0x6578_6f63;

/// All migrations in order; the schema's version is how many of them were applied.
const MIGRATIONS: [&str; 6] = [
    include_str!("migrations/0001_init.sql"),
    include_str!("migrations/0002_binding.sql"),
    include_str!("migrations/0003_doubts.sql"),
    include_str!("migrations/0004_audits.sql"),
    include_str!("migrations/0005_rules.sql"),
    include_str!("migrations/0006_imports.sql"),
];

/// The schema after all of them.
const KNOWN_SCHEMA: i64 = MIGRATIONS.len() as i64;

/// Before this version SQLite could corrupt a WAL that two processes reset at the same time.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a writer waits for another process to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// How much of the database is held in memory while a list is added: most of the index of a million numbers.
const LIST_CACHE_KIB: u32 = 16 * 1024;

/// How long a reader beside a writer waits, which it hardly ever has to.
const READER_TIMEOUT: Duration = Duration::from_millis(500);

/// What the functions of the store return.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An open database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// What a run raises after each turn; other commands keep none.
    mark: Option<MarkFile>,
}

/// A transaction; the functions of the submodules take it.
#[derive(Debug)]
pub struct Tx<'a>(Transaction<'a>);

impl Store {
    /// Opens the database, creating it (mode 0600) if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file is not ours, is from a newer exocamp, lies where no database may lie, or cannot be written to.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        match Self::open(path) {
            Err(StoreError::Missing(_)) => {}
            opened => return opened,
        }
        let folder = place::folder_of(path);
        let folder = folder
            .canonicalize()
            .map_err(|error| StoreError::Open(path.to_owned(), error))?;
        place::file_system(&folder)?;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        file.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly(folder, error)
            }
            _ => StoreError::Open(path.to_owned(), error),
        })?;
        Self::open(path)
    }

    /// Opens a database that exists.
    ///
    /// # Errors
    /// As [`Self::open_or_create`], and when there is no file.
    pub fn open(path: &Path) -> Result<Self> {
        let path = place::find(path)?;
        place::file_system(&path)?;
        place::check_writable(&path)?;
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.prepare()?;
        Ok(store)
    }

    /// Opens a database that exists, for whoever only reads: it need not be writable then.
    ///
    /// # Errors
    /// As [`Self::open`], and when it cannot be written to and something would have to be: its schema is older, or its
    /// log was left by somebody who died.
    pub fn open_to_read(path: &Path) -> Result<Self> {
        let path = place::find(path)?;
        place::file_system(&path)?;
        match place::check_writable(&path) {
            Ok(()) => Self::open(&path),
            Err(unwritable) => Self::open_unwritable(path, unwritable),
        }
    }

    fn open_unwritable(path: PathBuf, unwritable: StoreError) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let store = if place::has_no_log(&path) {
            // Nobody writes, and the file alone is the whole database. Otherwise SQLite would make the log's files, which
            // would be ours then and keep its owner out.
            let name = place::as_immutable(&path);
            Self::connect_by(&name, path, flags | OpenFlags::SQLITE_OPEN_URI)?
        } else {
            Self::connect(path, flags)?
        };
        match store.check_ownership() {
            Err(StoreError::Unwritable(_)) => return Err(unwritable),
            checked => checked?,
        }
        if store.schema()? < KNOWN_SCHEMA {
            return Err(unwritable);
        }
        Ok(store)
    }

    /// Opens a database in memory, for tests and simulations.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn in_memory() -> Result<Self> {
        let mut store =
            Self::connect(PathBuf::from(":memory:"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.prepare()?;
        Ok(store)
    }

    /// Opens a database in memory to play a story in that is thrown away afterwards, and at the first error.
    ///
    /// What the schema checks of values and references is not checked here, and nothing can be taken back, which saves a
    /// third of the time: the rows come from a database that checks them, or from turns that are tested with one.
    /// Whatever keeps people from being called twice stays: the unique indexes and the triggers.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn for_rehearsal() -> Result<Self> {
        let store = Self::in_memory()?;
        store.connection.execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA journal_mode = OFF;",
        )?;
        Ok(store)
    }

    /// Prepares this connection to add a whole list, and for nothing else.
    ///
    /// What the schema checks of values and references is not checked: the rows are made by [`imports`] alone, from types
    /// that cannot hold anything else, and a test has SQLite check a list of them afterwards. It saves a third of the
    /// time. The unique indexes stay.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn prepare_for_list(&mut self) -> Result<()> {
        self.connection.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA cache_size = -{LIST_CACHE_KIB};"
        ))?;
        Ok(())
    }

    /// Does what [`Self::write`] would do, and takes it back: nothing is changed.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn try_out<T, E: From<StoreError>>(
        &mut self,
        body: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
        let tx = Tx(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sqlite)?);
        let value = body(&tx)?;
        tx.0.rollback().map_err(sqlite)?;
        Ok(value)
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<Self> {
        // No SQLITE_OPEN_URI: `file:x?mode=memory` is a file name like any other.
        Self::connect_by(&path.clone(), path, flags)
    }

    fn connect_by(name: &Path, path: PathBuf, flags: OpenFlags) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(StoreError::OldSqlite(rusqlite::version()));
        }
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(name, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(128);
        // A plan that hung on the values bound would be made anew with every value that may or may not fit a partial
        // index: more than half of a turn's time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self {
            connection,
            path,
            mark: None,
        })
    }

    fn prepare(&mut self) -> Result<()> {
        self.check_ownership()?;
        let mode: String =
            self.connection
                .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" && mode != "memory" {
            return Err(StoreError::NoWal(self.path.clone()));
        }
        // An intent must outlive a power cut, or the same person is rung twice.
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::SynchronousNormal) {
            self.connection
                .pragma_update(None, "synchronous", "NORMAL")?;
        }
        self.connection.pragma_update(None, "foreign_keys", true)?;
        self.migrate()?;
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::NoGuards) {
            let drop = "DROP INDEX IF EXISTS one_live_attempt_per_number";
            self.connection.execute_batch(drop)?;
        }
        Ok(())
    }

    /// Refuses other programs' files, and those of a newer exocamp, before anything is written to them.
    fn check_ownership(&self) -> Result<()> {
        let not_ours = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotOurs(self.path.clone()),
            _ => StoreError::from(error),
        };
        let id: i32 = self
            .connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(not_ours)?;
        let objects: i64 =
            self.connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if id != APPLICATION_ID && (id != 0 || objects != 0) {
            return Err(StoreError::NotOurs(self.path.clone()));
        }
        match self.schema()? {
            found if found > KNOWN_SCHEMA => Err(StoreError::Newer {
                path: self.path.clone(),
                found,
                known: KNOWN_SCHEMA,
            }),
            _ => Ok(()),
        }
    }

    fn schema(&self) -> Result<i64> {
        Ok(self
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    fn migrate(&mut self) -> Result<()> {
        if self.schema()? == KNOWN_SCHEMA {
            return Ok(());
        }
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated while this one waited for the lock.
        let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found >= KNOWN_SCHEMA {
            drop(tx);
            return self.check_ownership();
        }
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", KNOWN_SCHEMA)?;
        tx.commit()?;
        Ok(())
    }

    /// Opens the same file once more, to read beside whoever writes: a reader sees what is committed, and waits for
    /// nobody.
    ///
    /// # Errors
    /// When it cannot be opened; one in memory is a database of its own, and never the same.
    pub fn open_beside(&self) -> Result<Self> {
        let beside = Self::connect(self.path.clone(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // Only a log that must be recovered could keep it waiting, and whoever asks cannot wait for long.
        beside.connection.busy_timeout(READER_TIMEOUT)?;
        match beside.schema()? {
            KNOWN_SCHEMA => Ok(beside),
            _ => Err(StoreError::Missing(self.path.clone())),
        }
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
        #[cfg(feature = "sabotage")]
        self.commit_late()?;
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
        let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
        #[cfg(feature = "sabotage")]
        self.commit_late()?;
        let tx = Tx(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sqlite)?);
        let value = body(&tx)?;
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::PostBeforeCommit) {
            tx.leave_open();
            return Ok(value);
        }
        tx.0.commit().map_err(sqlite)?;
        Ok(value)
    }
}

#[cfg(feature = "sabotage")]
impl Tx<'_> {
    /// Lets the transaction go on without an owner: its commit comes with the next one, after the effects.
    fn leave_open(mut self) {
        self.0.set_drop_behavior(rusqlite::DropBehavior::Ignore);
    }
}

#[cfg(feature = "sabotage")]
impl Store {
    /// Commits what was left open.
    fn commit_late(&self) -> Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }
}

#[cfg(feature = "sabotage")]
impl Drop for Store {
    fn drop(&mut self) {
        // Nobody is told any more, and SQLite itself undoes what was not committed.
        let _ = self.commit_late();
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
    fn what_sqlite_refuses_is_told_by_its_cause() {
        use rusqlite::ffi::{
            Error, SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR_FSYNC,
            SQLITE_NOMEM, SQLITE_READONLY_DBMOVED,
        };
        let told = |code| {
            let error = rusqlite::Error::SqliteFailure(Error::new(code), None);
            StoreError::from(error).to_string()
        };
        for (code, message) in [
            (SQLITE_FULL, "the disk is full"),
            (SQLITE_IOERR_FSYNC, "the disk fails"),
            (SQLITE_CORRUPT, "the database is damaged"),
            (SQLITE_READONLY_DBMOVED, "the database cannot be written to"),
            (SQLITE_CANTOPEN, "the database cannot be written to"),
            (SQLITE_NOMEM, "the database refuses"),
        ] {
            assert_eq!(told(code), message, "{code}");
        }
        assert!(told(SQLITE_BUSY).contains("locked for too long"));
    }

    #[test]
    fn a_database_that_another_program_locks_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exocamp.db");
        let mut store = Store::open_or_create(&path).unwrap();
        store.connection.busy_timeout(Duration::ZERO).unwrap();
        let browser = Connection::open(&path).unwrap();
        browser.execute_batch("BEGIN IMMEDIATE").unwrap();
        let refused: Result<()> = store.write(|_| Ok(()));
        assert!(matches!(refused, Err(StoreError::Busy(_))));
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
