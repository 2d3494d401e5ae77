//! Whether this database may call from here: it is of this machine, and it has lost nothing.
//!
//! A run claims the database before it writes anything; one that was moved or put back is refused until a person adopts
//! it. Whoever only reads may ask how it stands.

use std::fmt;

use jiff::Timestamp;
use rusqlite::params;

use super::machine::MachineId;
use super::mark::{self, Found, Mark, MarkFile};
use super::place::{self, FileSystem};
use super::{Result, Store, StoreError, Tx, exactly_one, to_ms};
use crate::domain::phone::mask_numbers;

pub use super::mark::{Behind, Level};

/// How a database stands, seen from this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// It was bound to another machine.
    pub is_moved: bool,
    /// It knows less than its mark says it has known.
    pub behind: Option<Behind>,
    /// When the mark was written that it is behind: the calls that it does not know of were placed before.
    pub marked_at: Option<Timestamp>,
    /// This machine, as the database knows machines.
    here: Option<String>,
    binding: Binding,
    found: Found,
}

impl Standing {
    /// Returns how a database stands that may not call from here, in words that fit no other time: every call and every
    /// adoption changes them, and so does the machine.
    pub fn of_an_astray(&self) -> Option<String> {
        if self.is_at_home() {
            return None;
        }
        let level = |level: Level| format!("{}.{}", level.adoptions, level.event);
        let mark = match &self.found {
            Found::Mark(mark) if mark.database == self.binding.database => level(mark.level),
            Found::Mark(_) | Found::Nothing | Found::Unreadable => "none".to_owned(),
        };
        let here = self.here.as_deref().unwrap_or("unnamed");
        let own = level(self.binding.level);
        Some(format!("level {own}, mark {mark}, machine {here}"))
    }

    /// Returns whether a run may begin.
    pub fn is_at_home(&self) -> bool {
        !self.is_moved && self.behind.is_none()
    }

    /// Returns what somebody should know even though a run may begin.
    fn caution(&self) -> Option<Caution> {
        match &self.found {
            // Before the first call there is nothing that a mark could say.
            Found::Nothing if self.binding.level.event == 0 => None,
            Found::Nothing => Some(Caution::NoMark),
            Found::Unreadable => Some(Caution::UnreadableMark),
            Found::Mark(mark) if mark.database == self.binding.database => None,
            Found::Mark(_) => Some(Caution::MarkOfAnother),
        }
    }
}

/// What keeps nobody from calling, and may explain much afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caution {
    /// Calls were made, and there is no mark.
    NoMark,
    /// The mark is torn.
    UnreadableMark,
    /// The mark is another database's.
    MarkOfAnother,
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMark => {
                "there is no mark beside the database; if it is an older copy, calls it does not know of will be repeated"
            }
            Self::UnreadableMark => {
                "the mark beside the database cannot be read, and is written anew; if the database is an older copy, calls \
                 it does not know of will be repeated"
            }
            Self::MarkOfAnother => {
                "the mark beside the database is of another one, which has lain here before; calls of that one are unknown \
                 to this one"
            }
        })
    }
}

/// What is written down of a database itself.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Binding {
    database: String,
    machine: Option<String>,
    level: Level,
}

fn binding(tx: &Tx<'_>) -> Result<Binding> {
    let sql = "SELECT database_id, machine FROM binding WHERE one = 1";
    let (database, machine) =
        tx.0.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Binding {
        database,
        machine,
        level: level(tx)?,
    })
}

/// Returns how far the database has got: to be read in the transaction whose commit the mark is to follow.
///
/// # Errors
/// When the database cannot be read.
pub fn level(tx: &Tx<'_>) -> Result<Level> {
    let mut statement = tx.0.prepare_cached(
        "SELECT (SELECT coalesce(max(id), 0) FROM adoption), (SELECT coalesce(max(id), 0) FROM attempt_event)",
    )?;
    Ok(statement.query_row([], |row| {
        Ok(Level {
            adoptions: row.get(0)?,
            event: row.get(1)?,
        })
    })?)
}

/// Binds the database to this machine, or to none.
fn bind(tx: &Tx<'_>, database: &str, machine: Option<&MachineId>, now: Timestamp) -> Result<()> {
    let machine = machine.map(|machine| machine.as_known_to(database));
    let sql = "UPDATE binding SET machine = ?1, bound_at = ?2 WHERE one = 1";
    exactly_one(
        "bind the database",
        tx.0.execute(sql, params![machine, to_ms(now)])?,
    )
}

/// Returns the names of the campaigns whose people may have been called without the database knowing: all that have
/// called, and all that have somebody left to call, since they may have called for the first time after it was copied.
///
/// # Errors
/// When the database cannot be read.
pub fn campaigns_to_audit(tx: &Tx<'_>) -> Result<Vec<String>> {
    let mut statement = tx.0.prepare(
        "SELECT name FROM campaign
         WHERE EXISTS (SELECT 1 FROM attempt WHERE attempt.campaign_id = campaign.id)
            OR EXISTS (SELECT 1 FROM contact WHERE contact.campaign_id = campaign.id AND contact.state = 'pending')
         ORDER BY id",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// A person's decision to go on with a database that was moved or put back.
#[derive(Clone, Copy, Debug)]
pub struct Adoption<'a> {
    /// Who decides.
    pub by: &'a str,
    /// Why it is safe.
    pub because: &'a str,
}

impl Store {
    /// Returns how the database stands on this machine.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn standing(&mut self, machine: Option<&MachineId>) -> Result<Standing> {
        // The mark first: whoever runs meanwhile raises the database before the mark.
        let found = mark::read(&self.path);
        let binding = self.read(binding)?;
        let here = machine.map(|machine| machine.as_known_to(&binding.database));
        let behind = match &found {
            Found::Mark(mark) if mark.database == binding.database => {
                binding.level.behind(mark.level)
            }
            Found::Mark(_) | Found::Nothing | Found::Unreadable => None,
        };
        Ok(Standing {
            // One that was bound and finds itself where machines have no id has been moved, too.
            is_moved: binding.machine.is_some() && binding.machine != here,
            behind,
            marked_at: behind.and_then(|_| mark::written_at(&self.path)),
            here,
            binding,
            found,
        })
    }

    /// Refuses unless the database may call from here; the first to ask binds it to this machine.
    ///
    /// To be done with the campaign's lock, before the run writes anything. From then on the mark can be raised.
    ///
    /// # Errors
    /// When the database was moved or put back, or refuses.
    pub fn claim(
        &mut self,
        machine: Option<&MachineId>,
        now: Timestamp,
    ) -> Result<Option<Caution>> {
        let standing = self.standing(machine)?;
        if standing.is_moved {
            return Err(StoreError::Moved(self.path.clone()));
        }
        if let Some(behind) = standing.behind {
            return Err(StoreError::Behind(self.path.clone(), behind));
        }
        let Binding {
            database,
            machine: bound,
            level,
        } = &standing.binding;
        if machine.is_some() && bound.is_none() {
            self.write(|tx| bind(tx, database, machine, now))?;
        }
        self.keep_mark(database.clone(), *level);
        Ok(standing.caution())
    }

    /// Raises the mark to what has just been committed, if this run keeps one.
    pub fn raise_mark(&mut self, level: Level) {
        let raised = self.mark.as_mut().map(|mark| mark.advance(level));
        if let Some(Err(error)) = raised {
            // It lags from now on, which locks nobody out. Said once.
            self.mark = None;
            tracing::warn!("cannot write the mark beside the database: {error}");
        }
    }

    /// Accepts the database as it is, on this machine.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn adopt(
        &mut self,
        machine: Option<&MachineId>,
        adoption: Adoption<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let Standing {
            is_moved,
            binding: Binding { database, .. },
            found,
            ..
        } = self.standing(machine)?;
        let mark_event = match found {
            Found::Mark(mark) if mark.database == database => Some(mark.level.event),
            Found::Mark(_) | Found::Nothing | Found::Unreadable => None,
        };
        let level = self.write(|tx| {
            bind(tx, &database, machine, now)?;
            tx.0.execute(
                "INSERT INTO adoption (adopted_at, adopted_by, because, was_moved, event, mark_event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    to_ms(now),
                    adoption.by,
                    // Never changed, so that it could not be cleared of somebody who is forgotten.
                    mask_numbers(adoption.because),
                    is_moved,
                    level(tx)?.event,
                    mark_event
                ],
            )?;
            level(tx)
        })?;
        // Whoever dies here has adopted it: the old mark is from before the adoption.
        self.keep_mark(database, level);
        Ok(())
    }

    /// Returns the name of the file system if nobody can tell whether it is a network's.
    ///
    /// # Errors
    /// When it is one.
    pub fn uncertain_file_system(&self) -> Result<Option<&'static str>> {
        Ok(match place::file_system(&self.path)? {
            FileSystem::Uncertain(name) => Some(name),
            FileSystem::Local | FileSystem::Network(_) => None,
        })
    }

    fn keep_mark(&mut self, database: String, level: Level) {
        // A run of another process may have raised it meanwhile.
        let level = match mark::read(&self.path) {
            Found::Mark(mark) if mark.database == database => level.max(mark.level),
            _ => level,
        };
        match MarkFile::write(&self.path, Mark { database, level }) {
            Ok(mark) => self.mark = Some(mark),
            Err(error) => tracing::warn!("cannot write the mark beside the database: {error}"),
        }
    }
}

#[cfg(test)]
mod tests;
