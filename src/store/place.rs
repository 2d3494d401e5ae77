//! Where a database may lie: in a file, in a folder that can be written to, on a disk of this machine.
//!
//! Looked at before SQLite opens anything, because what it says about the same trouble afterwards names no remedy.
//! Nothing in here writes.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statfs};

use super::{Result, StoreError};

/// File systems whose files several machines see: locks and shared memory do not reach from one to the other, and a
/// sync may be over before the server's disk has the data. The numbers are those of `statfs(2)`.
const NETWORK: [(u32, &str); 13] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x564c, "ncp"),
    (0x7375_7245, "coda"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
];

/// File systems behind which anything may be: a disk of this machine as well as one at the other end of `sshfs` or of a
/// virtual machine. An encrypted home and many containers lie on one of these, so they are not refused.
const UNCERTAIN: [(u32, &str); 3] = [
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x786f_4256, "vboxsf"),
];

/// What a file system is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileSystem {
    /// A disk of this machine, as far as can be known.
    Local,
    /// It may be a network's.
    Uncertain(&'static str),
    /// A network's.
    Network(&'static str),
}

impl FileSystem {
    fn of_kind(kind: u32) -> Self {
        let named = |systems: &[(u32, &'static str)]| {
            let mut found = systems.iter().filter(|(known, _)| *known == kind);
            found.next().map(|(_, name)| *name)
        };
        match (named(&NETWORK), named(&UNCERTAIN)) {
            (Some(name), _) => Self::Network(name),
            (None, Some(name)) => Self::Uncertain(name),
            (None, None) => Self::Local,
        }
    }
}

/// Returns the real path of a database that exists: what lies beside it must be the same whichever way it was reached.
///
/// # Errors
/// When there is nothing, or something that is not a file.
pub(super) fn find(path: &Path) -> Result<PathBuf> {
    let metadata = path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => StoreError::Open(path.to_owned(), error),
    })?;
    // A pipe would be waited for, for ever.
    if !metadata.is_file() {
        return Err(StoreError::NotAFile(path.to_owned()));
    }
    path.canonicalize()
        .map_err(|error| StoreError::Open(path.to_owned(), error))
}

/// Returns what kind of file system a file or folder lies on.
///
/// # Errors
/// When it is a network's, or there is nothing.
pub(super) fn file_system(path: &Path) -> Result<FileSystem> {
    let found = statfs(path).map_err(|error| StoreError::Open(path.to_owned(), error.into()))?;
    // The type's width differs between machines; the numbers are of 32 bits.
    match FileSystem::of_kind(found.f_type as u32) {
        FileSystem::Network(system) => Err(StoreError::Network {
            path: path.to_owned(),
            system,
        }),
        system => Ok(system),
    }
}

/// Returns where a path leads, also if there is nothing yet; links that go round in circles lead nowhere new.
pub(super) fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..8 {
        match path.read_link() {
            Ok(to) => path = folder_of(&path).join(to),
            Err(_) => break,
        }
    }
    path
}

/// Refuses a place for a new database beside which another one's log lies: SQLite would write it into the new one.
///
/// # Errors
/// When there is such a file, which may be all that is left of a database.
pub(super) fn refuse_orphans(database: &Path) -> Result<()> {
    if database.exists() {
        return Ok(());
    }
    for suffix in ["-wal", "-journal"] {
        let mut name = database.to_owned().into_os_string();
        name.push(suffix);
        let file = PathBuf::from(name);
        if file.exists() {
            return Err(StoreError::Orphan(file));
        }
    }
    Ok(())
}

/// Returns the folder a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Checks that the database can be written to, and its log beside it.
///
/// # Errors
/// When it cannot, saying which of the two.
pub(super) fn check_writable(path: &Path) -> Result<()> {
    access(path, Access::READ_OK | Access::WRITE_OK)
        .map_err(|error| StoreError::ReadOnly(path.to_owned(), error.into()))?;
    check_folder(folder_of(path))
}

/// Checks that files can be made in a folder.
///
/// # Errors
/// When they cannot.
pub(super) fn check_folder(folder: &Path) -> Result<()> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| StoreError::ReadOnly(folder.to_owned(), error.into()))
}

/// Returns whether a database has no log beside it that holds anything.
pub(super) fn has_no_log(database: &Path) -> bool {
    let mut log = database.to_owned().into_os_string();
    log.push("-wal");
    PathBuf::from(log).metadata().map_or_else(
        |error| error.kind() == io::ErrorKind::NotFound,
        |log| log.len() == 0,
    )
}

/// Returns the name by which SQLite opens a file that nobody writes: <https://sqlite.org/uri.html>.
pub(super) fn as_immutable(path: &Path) -> PathBuf {
    let escaped = path.as_os_str().as_bytes().iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
            char::from(*byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    PathBuf::from(format!("file:{}?immutable=1", escaped.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_several_machines_are_told_from_disks() {
        for (kind, found) in [
            (0xef53, FileSystem::Local),
            (0x9123_683e, FileSystem::Local),
            (0x0102_1994, FileSystem::Local),
            (0x794c_7630, FileSystem::Local),
            (0x6969, FileSystem::Network("nfs")),
            (0xff53_4d42, FileSystem::Network("cifs")),
            (0xfe53_4d42, FileSystem::Network("smb2")),
            (0x0bd0_0bd0, FileSystem::Network("lustre")),
            (0x6573_5546, FileSystem::Uncertain("fuse")),
            (0x0102_1997, FileSystem::Uncertain("9p")),
        ] {
            assert_eq!(FileSystem::of_kind(kind), found, "{kind:x}");
        }
    }

    #[test]
    fn a_path_survives_being_an_address() {
        assert_eq!(
            as_immutable(Path::new("/srv/my calls?/exocamp.db")),
            Path::new("file:/srv/my%20calls%3F/exocamp.db?immutable=1")
        );
    }

    #[test]
    fn a_bare_name_lies_in_the_working_folder() {
        assert_eq!(folder_of(Path::new("exocamp.db")), Path::new("."));
        assert_eq!(folder_of(Path::new("calls/exocamp.db")), Path::new("calls"));
    }
}
