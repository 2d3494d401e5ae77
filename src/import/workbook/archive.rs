//! What a zip holds, and that it is whole.
//!
//! Every part that will be read is unpacked once before: calamine stops where the rows end, and would never come to the
//! checksum, which is all that tells a digit that has changed from one that was typed. What would not fit into memory is
//! refused here as well, by what it unpacks to and not by what it says it does.
//!
//! Refuses every zip that is neither XLSX nor ODS, such as a document, or the binary kind of workbook, XLSB.

use std::io::{self, BufReader, Read, Seek, Write};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::ods;
use crate::import::ImportError;

/// The most that a part may unpack to: a sheet is read as it goes, everything else is held.
const LARGEST_SHEET: u64 = 4 << 30;
const LARGEST_PART: u64 = 512 << 20;
/// The longest stretch without a tag; a cell has room for 32,767 characters.
const LONGEST_TEXT: usize = 16 << 20;

/// The list of what a package holds, and what it says of an XLSX, its templates and those with macros.
const CONTENT_TYPES: &str = "[Content_Types].xml";
const XLSX: [&str; 4] = [
    "spreadsheetml.sheet.main+xml",
    "spreadsheetml.template.main+xml",
    "ms-excel.sheet.macroenabled.main+xml",
    "ms-excel.template.macroenabled.main+xml",
];
const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";

/// A kind of workbook in a zip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Archive {
    Xlsx,
    Ods,
}

/// Finds out what kind of workbook this is, and checks that all of it is there.
pub(super) fn check(input: impl Read + Seek) -> Result<Archive, ImportError> {
    let mut zip = ZipArchive::new(input).map_err(|error| match error {
        ZipError::InvalidArchive(_) => ImportError::damaged("it is not whole"),
        other => broken(other),
    })?;
    let kind = kind(&mut zip)?;
    for index in 0..zip.len() {
        let mut part = zip.by_index(index).map_err(broken)?;
        let name = part.name().map_err(broken)?.to_lowercase();
        if !name.ends_with(".xml") && !name.ends_with(".rels") {
            continue;
        }
        let most = match name.contains("worksheets/") {
            true => LARGEST_SHEET,
            false => LARGEST_PART,
        };
        // What is unpacked beyond the size that is stated, the archive refuses itself.
        if part.size() > most {
            let detail = format!(
                "`{}` in it has more than {} MiB",
                name.escape_debug(),
                most >> 20
            );
            return Err(ImportError::too_large(detail));
        }
        if name.ends_with("sharedstrings.xml") {
            believable(&mut part)?;
            drop(part);
            part = zip.by_index(index).map_err(broken)?;
        }
        match kind {
            Archive::Ods if name == "content.xml" => ods::check(BufReader::new(part))?,
            _ => {
                io::copy(&mut part, &mut Tags::default()).map_err(unpacking)?;
            }
        }
    }
    Ok(kind)
}

fn kind(zip: &mut ZipArchive<impl Read + Seek>) -> Result<Archive, ImportError> {
    let types = text_of(zip, CONTENT_TYPES)?.to_lowercase();
    if XLSX.iter().any(|kind| types.contains(kind)) {
        let parts: Vec<String> = zip
            .file_names_raw()
            .map(|name| String::from_utf8_lossy(name).to_lowercase())
            .collect();
        // calamine would go on without them, and dates would be numbers.
        let needed = types
            .split("partname=\"/")
            .filter_map(|rest| rest.split('"').next())
            .filter(|part| part.ends_with("styles.xml") || part.ends_with("sharedstrings.xml"));
        for part in needed {
            if !parts.iter().any(|name| name == part) {
                let detail = format!("`{part}` is missing");
                return Err(ImportError::damaged(&detail));
            }
        }
        return Ok(Archive::Xlsx);
    }
    if !text_of(zip, "mimetype")?.starts_with(ODS) {
        return Err(ImportError::NotAWorkbook);
    }
    // Otherwise its parts would pass for damaged.
    match text_of(zip, "META-INF/manifest.xml")?.contains("encryption-data") {
        true => Err(ImportError::EncryptedWorkbook),
        false => Ok(Archive::Ods),
    }
}

/// Returns the text of a small part, whatever the case of its name; nothing if it is not there.
fn text_of(zip: &mut ZipArchive<impl Read + Seek>, name: &str) -> Result<String, ImportError> {
    let found = zip
        .file_names_raw()
        .position(|found| found.eq_ignore_ascii_case(name.as_bytes()));
    let Some(index) = found else {
        return Ok(String::new());
    };
    let part = zip.by_index(index).map_err(broken)?;
    let mut bytes = Vec::new();
    part.take(1 << 20)
        .read_to_end(&mut bytes)
        .map_err(unpacking)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Refuses a table of texts that announces more of them than it has room for: memory is set aside for all.
fn believable(part: &mut ZipFile<'_, impl Read>) -> Result<(), ImportError> {
    let room = part.size();
    let mut start = Vec::new();
    part.take(4096).read_to_end(&mut start).map_err(unpacking)?;
    let start = String::from_utf8_lossy(&start);
    let announced = start.split_once("uniqueCount=").and_then(|(_, rest)| {
        rest.get(1..)?
            .split(['"', '\''])
            .next()?
            .parse::<u64>()
            .ok()
    });
    match announced {
        Some(texts) if texts > room => {
            Err(ImportError::damaged("it announces more texts than it has"))
        }
        _ => Ok(()),
    }
}

fn broken(error: ZipError) -> ImportError {
    match error {
        ZipError::Io(error) => unpacking(error),
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => ImportError::EncryptedWorkbook,
        other => ImportError::damaged(&other.to_string()),
    }
}

/// What cannot be unpacked is damaged; what cannot be read is the disk's affair.
pub(super) fn unpacking(error: io::Error) -> ImportError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            ImportError::damaged(&error.to_string())
        }
        io::ErrorKind::FileTooLarge => ImportError::too_large(error.to_string()),
        _ => ImportError::Read(error),
    }
}

/// Takes what is unpacked, and looks at nothing but where tags begin.
#[derive(Default)]
struct Tags {
    since: usize,
}

impl Write for Tags {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.since = match bytes.iter().rposition(|byte| *byte == b'<') {
            Some(last) => bytes.len() - last,
            None => self.since + bytes.len(),
        };
        if self.since > LONGEST_TEXT {
            let detail = "a single text in it has more than 16 MiB";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
