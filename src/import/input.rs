//! The bytes of a list: a file, or what came through a pipe.
//!
//! A workbook is read back and forth, and its kind is told by its first bytes, so a pipe is written down first, into a file
//! without a name. A file that changes while it is read is refused: half of it would be of one list and half of another.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::ImportError;
use crate::domain::contact::Provenance;

/// How many bytes are hashed at a time.
const AT_A_TIME: usize = 64 * 1024;

/// The bytes of one list.
#[derive(Debug)]
pub struct Input {
    file: File,
    stamp: Stamp,
    position: Arc<AtomicU64>,
}

/// Length, and when it was last written to, to the nanosecond.
type Stamp = (u64, i64, i64);

/// What tells whether a file is still the one that was read.
#[derive(Debug)]
pub struct Seal {
    file: File,
    stamp: Stamp,
}

impl Input {
    /// Opens a file; what can be read only once is written down in the given folder.
    ///
    /// # Errors
    /// When it cannot be read, or is a folder.
    pub fn open(path: &Path, folder: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match kind.is_file() {
            true => Self::of_file(file),
            false => Self::written_down(file, folder),
        }
    }

    /// Reads a pipe to its end, and writes it down in the given folder under no name.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn written_down(mut pipe: impl Read, folder: &Path) -> io::Result<Self> {
        let mut file = tempfile::tempfile_in(folder)?;
        io::copy(&mut pipe, &mut file)?;
        file.rewind()?;
        Self::of_file(file)
    }

    fn of_file(file: File) -> io::Result<Self> {
        Ok(Self {
            stamp: stamp(&file.metadata()?),
            file,
            position: Arc::default(),
        })
    }

    /// Returns how many bytes there are.
    pub fn size(&self) -> u64 {
        self.stamp.0
    }

    /// Returns up to where the bytes were read, kept up to date while somebody else reads them.
    pub fn position(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.position)
    }

    /// Returns what tells afterwards whether the file has stayed as it was.
    ///
    /// # Errors
    /// When the system has no handles left.
    pub fn seal(&self) -> io::Result<Seal> {
        Ok(Seal {
            file: self.file.try_clone()?,
            stamp: self.stamp,
        })
    }
}

impl Seal {
    /// Checks, once all was read, that the file is the one that was opened, and says what it was.
    ///
    /// # Errors
    /// When it has changed since it was opened, or cannot be read.
    pub fn provenance(&self) -> Result<Provenance, ImportError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; AT_A_TIME];
        let mut bytes = 0;
        loop {
            let count = self
                .file
                .read_at(&mut buffer, bytes)
                .map_err(ImportError::Read)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            bytes += count as u64;
        }
        let metadata = self.file.metadata().map_err(ImportError::Read)?;
        if stamp(&metadata) != self.stamp {
            return Err(ImportError::Changed);
        }
        Ok(Provenance {
            bytes,
            sha256: hash.finalize().into(),
            sheet: None,
        })
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.file.seek(to)?;
        self.position.store(position, Ordering::Relaxed);
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_pipe_is_read_like_a_file_and_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut input = Input::written_down(&b"phone\n9876500001\n"[..], folder.path()).unwrap();
        assert_eq!(input.size(), 17);
        let seal = input.seal().unwrap();
        let (mut text, position) = (String::new(), input.position());
        input.read_to_string(&mut text).unwrap();
        assert_eq!(text, "phone\n9876500001\n");
        assert_eq!(position.load(Ordering::Relaxed), 17);
        let provenance = seal.provenance().unwrap();
        assert_eq!(provenance.bytes, 17);
        // What `sha256sum` says.
        assert_eq!(
            provenance.sha256[..4],
            [0x78, 0xa5, 0x45, 0xd4],
            "{:02x?}",
            &provenance.sha256[..4]
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_changes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        std::fs::write(&path, "phone\n").unwrap();
        let seal = Input::open(&path, folder.path()).unwrap().seal().unwrap();
        assert!(seal.provenance().is_ok());
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"9876500001\n").unwrap();
        assert!(matches!(seal.provenance(), Err(ImportError::Changed)));
    }

    #[test]
    fn a_folder_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let error = Input::open(folder.path(), folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
}
