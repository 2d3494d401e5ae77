//! The file of refused rows: what `--rejects FILE` writes, for a person with a spreadsheet.
//!
//! Each row as its source has it, then `line`, `reason` and `hint`; to be repaired and imported again. Always UTF-8 with a
//! byte order mark and commas, whatever the source was: that is what a spreadsheet opens, so the flags that told how to
//! read the source are not needed again. Cells that could be formulas are [`protected`].
//!
//! Refuses to replace what is neither empty nor an earlier file of refused rows: somebody may have meant another file.
//!
//! Invariant: nothing of a row is lost, and nothing changes at the path until [`RejectsFile::finish`].

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::iter;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use csv::{QuoteStyle, StringRecord, WriterBuilder};
use tempfile::NamedTempFile;

use super::RowError;
use crate::domain::spreadsheet::protected;

/// The columns behind those of the source.
pub(super) const ADDED: [&str; 3] = ["line", "reason", "hint"];

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How much of a file that is there already is looked at; a header is never longer.
const HEADER: u64 = 64 * 1024;

/// The refused rows cannot be written down.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// Writing failed.
    #[error("cannot write it")]
    Write(#[from] io::Error),
    /// `-` was given.
    #[error("refused rows cannot go to standard output, where the counts go")]
    StandardOutput,
    /// A folder, a pipe, a device.
    #[error("it is no file")]
    NotAFile,
    /// A file with something else in it.
    #[error("it is there already, and holds something else than refused rows")]
    SomethingElse,
    /// Files with different columns.
    #[error("the files have different columns, and the refused rows of all go to one file")]
    OtherColumns,
}

impl RejectsError {
    /// Returns what a person can do about it, where something can be done.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Write(_) => None,
            Self::StandardOutput | Self::NotAFile => {
                Some("name a file, such as `--rejects rejects.csv`")
            }
            Self::SomethingElse => Some("choose another name for it, or move the old file away"),
            Self::OtherColumns => {
                Some("import the files one by one, each with a `--rejects FILE` of its own")
            }
        }
    }
}

/// A file of refused rows that is being written; dropped or killed before its end, it leaves no trace.
#[derive(Debug)]
pub struct RejectsFile {
    target: PathBuf,
    /// Has no name: whoever dies in the middle leaves nobody's numbers behind.
    file: File,
    /// Writes to `file` behind the header.
    rows: csv::Writer<File>,
    header: Option<StringRecord>,
}

impl RejectsFile {
    /// Begins a file that will be found at this path, and that only its owner can read.
    ///
    /// # Errors
    /// When it could not be written there, or should not be.
    pub fn create(path: &Path) -> Result<Self, RejectsError> {
        if path == Path::new("-") {
            return Err(RejectsError::StandardOutput);
        }
        // A link goes on pointing to its file.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        check_replaceable(&target)?;
        let file = tempfile::tempfile_in(folder_of(&target))?;
        let rows = WriterBuilder::new()
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_writer(file.try_clone()?);
        Ok(Self {
            target,
            file,
            rows,
            header: None,
        })
    }

    /// Begins the rows of a source file; all must have the same header, which is written once.
    ///
    /// # Errors
    /// When this is another header, or when writing fails.
    pub fn begin(&mut self, header: &StringRecord) -> Result<(), RejectsError> {
        match &self.header {
            Some(known) if known == header => return Ok(()),
            Some(_) => return Err(RejectsError::OtherColumns),
            None => {}
        }
        // Another sign in a name must not be taken for the one that separates the columns.
        let is_ambiguous = header.as_slice().contains([';', '\t', '|']);
        let mut line = WriterBuilder::new()
            .quote_style(if is_ambiguous {
                QuoteStyle::Always
            } else {
                QuoteStyle::Necessary
            })
            .from_writer(BYTE_ORDER_MARK.to_vec());
        let titles = header.iter().chain(ADDED);
        let line = line
            .write_record(titles.map(|title| protected(title).into_owned()))
            .map_err(io::Error::from)
            .and_then(|()| line.into_inner().map_err(|error| error.into_error()))?;
        self.file.write_all(&line)?;
        self.header = Some(header.clone());
        Ok(())
    }

    /// Writes a refused row of the source that was begun last.
    ///
    /// # Errors
    /// When writing fails.
    ///
    /// # Panics
    /// When no source was begun.
    pub fn write(&mut self, row: &RowError) -> Result<(), RejectsError> {
        let columns = self.header.as_ref().expect("a source was begun").len();
        let padding = iter::repeat_n("", columns.saturating_sub(row.cells.len()));
        let known = row.cells.iter().take(columns).chain(padding);
        // A surplus cell stays behind everything else: the row is refused again until a person has moved it.
        let surplus = row.cells.iter().skip(columns);
        let line = row.line.to_string();
        let hint = format!("{}; {}", row.reason, row.reason.hint());
        let added = [line.as_str(), row.reason.name(), &hint];
        for cell in known.chain(added).chain(surplus) {
            self.rows
                .write_field(protected(cell).as_bytes())
                .map_err(io::Error::from)?;
        }
        self.rows
            .write_record(iter::empty::<&[u8]>())
            .map_err(io::Error::from)?;
        Ok(())
    }

    /// Puts the file in its place, in one step; it is on the disk then.
    ///
    /// # Errors
    /// When writing or renaming fails, or something else has come to lie there; nothing has changed at the path then.
    pub fn finish(mut self) -> Result<(), RejectsError> {
        self.rows.flush()?;
        self.file.rewind()?;
        // Beside the target: a file can be renamed within its file system only.
        let mut named = NamedTempFile::new_in(folder_of(&self.target))?;
        io::copy(&mut self.file, named.as_file_mut())?;
        named.as_file().sync_all()?;
        check_replaceable(&self.target)?;
        named.persist(&self.target).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Refuses a path at which something lies that is no file of refused rows.
fn check_replaceable(target: &Path) -> Result<(), RejectsError> {
    match fs::metadata(target) {
        Ok(found) if !found.is_file() => Err(RejectsError::NotAFile),
        Ok(found) if found.len() > 0 && !holds_rejects(target)? => Err(RejectsError::SomethingElse),
        _ => Ok(()),
    }
}

/// Returns whether a file that is there already was written here, and may be replaced.
fn holds_rejects(path: &Path) -> io::Result<bool> {
    let mut header = StringRecord::new();
    let found = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(File::open(path)?.take(HEADER))
        .read_record(&mut header);
    let added = header.iter().skip(header.len().saturating_sub(ADDED.len()));
    Ok(matches!(found, Ok(true)) && added.eq(ADDED))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Returns whether the refused rows would replace the file they come from, by whatever names the two are called; `-` is
/// what standard input is read from.
pub fn is_same_file(rejects: &Path, source: &Path) -> bool {
    let source = if source == Path::new("-") {
        Path::new("/dev/stdin")
    } else {
        source
    };
    match (fs::metadata(rejects), fs::metadata(source)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
