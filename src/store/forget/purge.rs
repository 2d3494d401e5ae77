//! Bytes of what was erased, which stay in a database's file until something else is written over them.

use std::time::Duration;

use rusqlite::ErrorCode;

use crate::store::{BUSY_TIMEOUT, Result, Store, exactly_one};

/// Whether bytes of what was erased are left in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purged {
    /// Nothing was erased since the last time.
    Nothing,
    /// They are gone.
    Gone,
    /// They may still be there: somebody kept the database busy.
    NotYet,
}

/// How long a purge waits for others to leave the database alone.
const PURGE_TIMEOUT: Duration = Duration::from_secs(10);

impl Store {
    /// Lets SQLite overwrite what it deletes from now on, for whoever is about to erase something.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn overwrite_what_is_deleted(&self) -> Result<()> {
        let set = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        self.connection
            .pragma_update_and_check(None, "secure_delete", "ON", set)?;
        Ok(())
    }

    /// Sees to it that no byte of what was erased is left: not in pages that are not used any more, and not in the log.
    ///
    /// Others may have the database open, and even be calling; they wait while it is written anew.
    ///
    /// # Errors
    /// When the database refuses, a full disk for example; what was erased stays so.
    pub fn purge(&mut self) -> Result<Purged> {
        let is_due = self.read(|tx| {
            let sql = "SELECT unpurged_at IS NOT NULL FROM erasure WHERE one = 1";
            Ok(tx.0.query_row(sql, [], |row| row.get::<_, bool>(0))?)
        })?;
        if !is_due {
            return Ok(Purged::Nothing);
        }
        self.connection.busy_timeout(PURGE_TIMEOUT)?;
        let purged = self.write_anew();
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        if purged? == Purged::NotYet {
            return Ok(Purged::NotYet);
        }
        self.write(|tx| -> Result<()> {
            let sql = "UPDATE erasure SET unpurged_at = NULL WHERE one = 1";
            exactly_one("keep that no bytes are left", tx.0.execute(sql, [])?)
        })?;
        Ok(Purged::Gone)
    }

    pub(super) fn write_anew(&self) -> Result<Purged> {
        match self.connection.execute_batch("VACUUM") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                return Ok(Purged::NotYet);
            }
            written => written?,
        }
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: bool = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(match is_busy {
            true => Purged::NotYet,
            false => Purged::Gone,
        })
    }
}
