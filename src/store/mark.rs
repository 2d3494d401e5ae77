//! The mark beside a database: how far that database was once known to have got.
//!
//! A backup that is put back lacks the calls that were placed since, and would place them again. It cannot know that by
//! itself; the mark, which is no part of it, does. It is written after the commit, so it never says more than the disk
//! holds, and it may lag: only a database *behind* its mark has lost something. A mark that cannot be read is none.

use std::cmp::Ordering;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::machine::digest;

/// A mark is this long, and so always written in one go, within one sector.
const LENGTH: usize = 256;

/// How far a database has got. Both numbers only grow: adoptions and attempt events are never deleted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize, Deserialize)]
pub struct Level {
    /// How often it was adopted. What was written before an adoption is older than anything after it.
    pub(super) adoptions: i64,
    /// The highest attempt event.
    pub(super) event: i64,
}

/// By how much a database is behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behind {
    /// So many attempt events.
    Events(u64),
    /// It is from before an adoption.
    Adoption,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(1) => f.write_str("1 event"),
            Self::Events(events) => write!(f, "{events} events"),
            Self::Adoption => f.write_str("an adoption"),
        }
    }
}

impl Level {
    /// Returns by how much this is behind the other, if it is.
    pub(super) fn behind(self, other: Self) -> Option<Behind> {
        match self.cmp(&other) {
            Ordering::Less if self.adoptions < other.adoptions => Some(Behind::Adoption),
            Ordering::Less => Some(Behind::Events(self.event.abs_diff(other.event))),
            Ordering::Equal | Ordering::Greater => None,
        }
    }
}

/// What a mark says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Whose mark it is.
    pub(super) database: String,
    #[serde(flatten)]
    pub(super) level: Level,
}

/// What there is beside a database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// No mark.
    Nothing,
    /// Something that is no whole mark.
    Unreadable,
    /// A mark.
    Mark(Mark),
}

/// A mark as it stands in its file.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    mark: Mark,
    /// Tells a whole mark from one that a power cut has torn.
    check: String,
}

fn check(mark: &Mark) -> String {
    let Level { adoptions, event } = mark.level;
    digest(&format!("{} {adoptions} {event}", mark.database))
}

/// Reads the mark beside a database.
pub(super) fn read(database: &Path) -> Found {
    let mut bytes = Vec::new();
    let read = File::open(path_beside(database))
        .and_then(|file| file.take(LENGTH as u64).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
        Err(_) => Found::Unreadable,
        Ok(_) => match serde_json::from_slice::<Record>(&bytes) {
            Ok(Record { mark, check: found }) if found == check(&mark) => Found::Mark(mark),
            _ => Found::Unreadable,
        },
    }
}

/// Returns when the mark beside a database was last written, as its file system says.
pub(super) fn written_at(database: &Path) -> Option<Timestamp> {
    let metadata = path_beside(database).metadata().ok()?;
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

/// The mark of an open database, to be advanced.
#[derive(Debug)]
pub(super) struct MarkFile {
    file: File,
    mark: Mark,
}

impl MarkFile {
    /// Writes the mark beside a database, and keeps it at hand.
    pub(super) fn write(database: &Path, mark: Mark) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path_beside(database))?;
        let new = Self { file, mark };
        new.store()?;
        Ok(new)
    }

    /// Raises the mark to what has just been committed.
    pub(super) fn advance(&mut self, level: Level) -> io::Result<()> {
        if level <= self.mark.level {
            return Ok(());
        }
        self.mark.level = level;
        self.store()
    }

    /// No sync: the commit it speaks of was synced before, and a mark that lags locks nobody out.
    fn store(&self) -> io::Result<()> {
        let record = Record {
            check: check(&self.mark),
            mark: self.mark.clone(),
        };
        let mut bytes = serde_json::to_vec(&record)?;
        bytes.resize(LENGTH - 1, b' ');
        bytes.push(b'\n');
        self.file.write_all_at(&bytes, 0)
    }
}

/// Returns the path of a database's mark.
pub(super) fn path_beside(database: &Path) -> PathBuf {
    let mut name = database.to_owned().into_os_string();
    name.push(".mark");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn level(adoptions: i64, event: i64) -> Level {
        Level { adoptions, event }
    }

    #[test]
    fn what_is_older_is_behind() {
        for (database, mark, behind) in [
            (level(0, 5), level(0, 5), None),
            (level(0, 9), level(0, 5), None),
            (level(0, 4), level(0, 5), Some(Behind::Events(1))),
            (level(1, 4), level(0, 5), None),
            (level(0, 9), level(1, 5), Some(Behind::Adoption)),
        ] {
            assert_eq!(database.behind(mark), behind, "{database:?} {mark:?}");
        }
    }

    #[test]
    fn a_mark_is_read_back_and_a_torn_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("exocamp.db");
        assert_eq!(read(&database), Found::Nothing);
        let mark = Mark {
            database: "0123456789abcdef0123456789abcdef".to_owned(),
            level: level(i64::MAX, 41),
        };
        let mut file = MarkFile::write(&database, mark.clone()).unwrap();
        assert_eq!(read(&database), Found::Mark(mark.clone()));
        file.advance(level(i64::MAX, 42)).unwrap();
        file.advance(level(i64::MAX, 40)).unwrap();
        let path = path_beside(&database);
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len(), LENGTH);
        match read(&database) {
            Found::Mark(mark) => assert_eq!(mark.level.event, 42),
            other => panic!("{other:?}"),
        }
        let of_another = String::from_utf8(whole.clone())
            .unwrap()
            .replace("42", "52");
        for torn in [&b""[..], &whole[..100], &[0; LENGTH], of_another.as_bytes()] {
            fs::write(&path, torn).unwrap();
            assert_eq!(read(&database), Found::Unreadable);
        }
        MarkFile::write(&database, mark.clone()).unwrap();
        assert_eq!(read(&database), Found::Mark(mark));
    }
}
