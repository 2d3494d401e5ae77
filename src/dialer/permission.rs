//! The last look before a call leaves: whether what was permitted a moment ago still is.
//!
//! Once `pause`, `cancel` or an opt-out has been acknowledged, no call may begin. The look has a connection of its own,
//! which waits for no writer, and reads three rows by their keys: a fraction of a millisecond, so that it is taken where
//! the call leaves and not handed to a thread that may block.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::attempt::NotSent;
use crate::store::attempts::AttemptId;
use crate::store::{Result, Store, permission};

/// What looks. A clone shares the connection.
#[derive(Clone, Debug)]
pub(super) struct LastLook(Arc<Mutex<Store>>);

impl LastLook {
    /// Returns one that looks into the same database.
    ///
    /// # Errors
    /// When it cannot be opened once more.
    pub(super) fn beside(store: &Store) -> Result<Self> {
        Ok(Self(Arc::new(Mutex::new(store.open_beside()?))))
    }

    /// Looks whether the call of this attempt may still leave.
    ///
    /// # Errors
    /// When its permission was withdrawn. When that cannot be read, it may not leave either.
    pub(super) fn permits(&self, attempt: AttemptId) -> std::result::Result<(), NotSent> {
        // The look would find out that the intent is not committed.
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::PostBeforeCommit) {
            return Ok(());
        }
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match store.read(|tx| permission::stands(tx, attempt)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotSent::Withdrawn),
            Err(error) => {
                tracing::warn!(attempt = %attempt, %error, "a call is not sent: its permission cannot be read");
                Err(NotSent::CannotLook)
            }
        }
    }
}
