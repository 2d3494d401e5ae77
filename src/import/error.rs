//! What can be wrong with a file, and what with one of its rows.
//!
//! Errors of a file end its import; errors of a row are counted and shown. Both have a hint, and neither shows a whole
//! phone number.

use std::borrow::Cow;
use std::io;

use csv::StringRecord;

use crate::domain::phone::{PhoneError, mask_numbers};
use crate::domain::shown::{harmless, shortened};

/// How much is said of what is wrong inside a workbook, in characters.
const LONGEST_DETAIL: usize = 200;

/// The file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Reading failed.
    #[error("cannot read it")]
    Read(#[source] io::Error),
    /// Somebody has written to it meanwhile.
    #[error("the file was changed while it was read")]
    Changed,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Another encoding, or no text at all.
    #[error("line {line} is not UTF-8 text")]
    NotUtf8 {
        /// Where it was noticed.
        line: u64,
    },
    /// Not in the encoding that its mark or a person says it is in.
    #[error("line {line} is not {encoding} text")]
    Malformed {
        /// Where it was noticed.
        line: u64,
        /// The encoding's name.
        encoding: &'static str,
    },
    /// Two bytes to a character, and nothing that says in which order.
    #[error("this looks like {encoding} without a byte order mark")]
    NoMark {
        /// The encoding's name.
        encoding: &'static str,
    },
    /// More than one sign could separate the columns.
    #[error("cannot tell which sign separates the columns; the header has {seen}")]
    AmbiguousDelimiter {
        /// The signs and how often they occur: `2 commas, 2 semicolons`.
        seen: String,
    },
    /// The first row is no header.
    #[error("line {line} has a phone number where the names of the columns should be")]
    NoHeader {
        /// The line of the first row.
        line: u64,
        /// What to type for a list without a header.
        suggestion: Option<String>,
    },
    /// No known name among the columns.
    #[error("no column looks like a phone number; the header has {header}")]
    NoPhoneColumn {
        /// The names of the columns.
        header: String,
        /// What the rows below the header make likely.
        suggestion: Option<String>,
    },
    /// Several columns could be meant.
    #[error("more than one column could be the phone number: {columns}")]
    AmbiguousColumn {
        /// Their names.
        columns: String,
        /// The options that choose between them.
        suggestion: String,
    },
    /// `--map` names a column that is not there.
    #[error("no column is called `{column}`; the header has {header}")]
    MissingColumn {
        /// The name that was asked for.
        column: String,
        /// The names of the columns.
        header: String,
        /// The option that names the column most like it.
        suggestion: Option<String>,
    },
    /// `--map` names a column that is there more than once.
    #[error("{count} columns are called `{column}`")]
    RepeatedColumn {
        /// The name that was asked for.
        column: String,
        /// How many have it.
        count: usize,
        /// The options that choose between them.
        suggestion: String,
    },
    /// `--no-header` without the place of the numbers.
    #[error("without a header no column is known to be the phone number")]
    NoPlace {
        /// What the first row makes likely.
        suggestion: Option<String>,
    },
    /// `--no-header`, and `--map` has a name, or a place beyond the last column.
    #[error(
        "`{column}` is no place of a column; without a header columns are called 1 to {columns}"
    )]
    NoSuchPlace {
        /// The place that was asked for.
        column: String,
        /// How many columns the first row has.
        columns: usize,
    },
    /// Where the header ends cannot be told.
    #[error("the header on line {line} has a quote that never closes")]
    UnclosedQuote {
        /// Where the header begins.
        line: u64,
    },
    /// A header that no list of people has.
    #[error("the header on line {line} is larger than a mebibyte")]
    HeaderTooLarge {
        /// Where it begins.
        line: u64,
    },
    /// More columns than a spreadsheet has.
    #[error("the header has {columns} columns")]
    TooManyColumns {
        /// How many.
        columns: usize,
    },
    /// Tags instead of rows, whatever the file is called.
    #[error("the file is a web page or XML, not a list")]
    Markup,
    /// `--sheet` for a file without sheets.
    #[error("a text has no sheets")]
    SheetOfText,
    /// A zip archive of something else.
    #[error("the file is a zip archive, but neither an XLSX nor an ODS workbook")]
    NotAWorkbook,
    /// Nobody can read it without its password.
    #[error("the workbook is protected by a password")]
    EncryptedWorkbook,
    /// Not whole, or not built as a workbook is.
    #[error("the workbook is damaged: {detail}")]
    DamagedWorkbook {
        /// What was noticed.
        detail: String,
    },
    /// More than a list of people has.
    #[error("the workbook is too large: {detail}")]
    WorkbookTooLarge {
        /// What of it.
        detail: String,
    },
    /// `--sheet` names a sheet that is not there.
    #[error("no sheet is called `{sheet}`; the workbook has {sheets}")]
    MissingSheet {
        /// The name or place that was asked for.
        sheet: String,
        /// The names of the sheets.
        sheets: String,
    },
    /// Nothing in the sheet, but there are others.
    #[error("the sheet {sheet} is empty; the workbook also has {others}")]
    EmptySheet {
        /// Its name, as it may be shown.
        sheet: String,
        /// The names of the others that can be seen.
        others: String,
    },
    /// No sheet can be seen, so none is the first.
    #[error("every sheet of the workbook is hidden: {sheets}")]
    HiddenSheets {
        /// The names of the sheets.
        sheets: String,
    },
}

impl ImportError {
    /// Says what is wrong with a workbook, in words that may repeat what is in a cell.
    pub(super) fn damaged(detail: &str) -> Self {
        Self::DamagedWorkbook {
            detail: harmless(&mask_numbers(&shortened(detail, LONGEST_DETAIL))).into_owned(),
        }
    }

    /// Says what of a workbook is too large.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::WorkbookTooLarge {
            detail: detail.into(),
        }
    }

    /// Returns what a person can do about it, where something can be done.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        self.suggestion()
            .map(Cow::Owned)
            .or_else(|| self.remedy().map(Cow::Borrowed))
    }

    /// Returns what this very file makes likely, with the option to type.
    fn suggestion(&self) -> Option<String> {
        match self {
            Self::NoHeader { suggestion, .. } => suggestion.as_ref().map(|places| {
                format!("if there is no header, say so: {places}; else check the first line")
            }),
            Self::NoPhoneColumn { suggestion, .. } => suggestion.clone(),
            Self::AmbiguousColumn { suggestion, .. } => Some(format!("choose one: {suggestion}")),
            Self::MissingColumn { suggestion, .. } => suggestion
                .as_ref()
                .map(|option| format!("did you mean {option}?")),
            Self::RepeatedColumn { suggestion, .. } => {
                Some(format!("choose one by its place: {suggestion}"))
            }
            Self::NoPlace { suggestion } => suggestion
                .as_ref()
                .map(|places| format!("the first row has a number there: {places}")),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<&'static str> {
        match self {
            // These always come with a suggestion.
            Self::AmbiguousColumn { .. } | Self::RepeatedColumn { .. } => None,
            Self::Read(_) => None,
            Self::Changed => Some("import it again once it is complete"),
            Self::Empty => Some("the first line names the columns, such as `phone,name`"),
            Self::NotUtf8 { .. } => Some(
                "read it with `--encoding windows-1252`, or save it as \"CSV UTF-8\" in the spreadsheet",
            ),
            Self::Malformed { .. } => Some("save it as \"CSV UTF-8\" in the spreadsheet"),
            Self::NoMark { encoding } => Some(match *encoding {
                "UTF-16BE" => "read it with `--encoding utf-16be`",
                _ => "read it with `--encoding utf-16le`",
            }),
            Self::AmbiguousDelimiter { .. } => Some(
                "name the sign with `--delimiter`, or put names that contain another into double quotes",
            ),
            Self::NoHeader { .. } => {
                Some("add a first line that names the columns, such as `phone,name`")
            }
            Self::NoPhoneColumn { .. } => Some("name it with `--map phone=COLUMN`"),
            Self::MissingColumn { .. } => Some("name a column of the header in `--map`"),
            Self::NoPlace { .. } => {
                Some("name the place of the numbers, the first being 1: `--map phone=N`")
            }
            Self::NoSuchPlace { .. } => {
                Some("name a place, the first being 1: `--map phone=N,name=N`")
            }
            Self::UnclosedQuote { .. } => {
                Some("close the quote, or double it if it is meant as a sign: `\"\"`")
            }
            Self::HeaderTooLarge { .. } | Self::TooManyColumns { .. } => {
                Some("check the file: it may not be a list of contacts")
            }
            Self::Markup => {
                Some("open it in the spreadsheet, and save it as XLSX or \"CSV UTF-8\"")
            }
            Self::SheetOfText => Some("leave `--sheet` out, or import a workbook"),
            Self::NotAWorkbook => {
                Some("save the list as XLSX, ODS or \"CSV UTF-8\" in the spreadsheet")
            }
            Self::EncryptedWorkbook => {
                Some("open it in the spreadsheet, and save it without a password")
            }
            Self::DamagedWorkbook { .. } => {
                Some("save or download it again; the spreadsheet may be able to repair it")
            }
            Self::WorkbookTooLarge { .. } => {
                Some("save the sheet with the contacts as \"CSV UTF-8\", and import that")
            }
            Self::MissingSheet { .. } | Self::EmptySheet { .. } | Self::HiddenSheets { .. } => {
                Some("name one of them with `--sheet NAME`")
            }
        }
    }
}

/// A row that cannot be called.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RowError {
    /// The physical line of the file on which the row begins, the first being 1.
    pub line: u64,
    /// Why.
    pub reason: RowReason,
    /// The phone cell as it may be shown: digits hidden, cut short.
    pub cell: String,
    /// The row's cells as the source has them, for the file of refused rows; never shown.
    pub cells: StringRecord,
}

/// The reason why a row was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RowReason {
    /// Its phone cell is no number that can be called.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// It has cells beyond the last column: some cell has probably slipped.
    #[error("{cells} cells in {columns} columns")]
    Ragged {
        /// The row's cells.
        cells: usize,
        /// The header's columns.
        columns: usize,
    },
    /// The total below a list, or a part of one.
    #[error("a row of totals, not a person")]
    TotalsRow,
    /// The names of the columns once more, as where lists were joined.
    #[error("the header again, not a person")]
    HeaderAgain,
    /// It has a byte that no text has.
    #[error("a NUL byte in the row")]
    NulByte,
    /// It has a cell of more than 64 KiB.
    #[error("a cell is larger than 64 KiB")]
    CellTooLarge,
    /// It has a quote that opens a cell and none that could close it, or stands between two that may not be meant.
    #[error("a quote opens and never closes, or takes whole rows in")]
    UnclosedQuote,
    /// It has more than a mebibyte.
    #[error("the row is larger than a mebibyte")]
    RecordTooLarge,
}

impl RowReason {
    /// Returns the reason's stable name, as in `rejected_by_reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phone(error) => error.name(),
            Self::Ragged { .. } => "ragged",
            Self::TotalsRow => "totals_row",
            Self::HeaderAgain => "header_again",
            Self::NulByte => "nul_byte",
            Self::CellTooLarge => "cell_too_large",
            Self::UnclosedQuote => "unclosed_quote",
            Self::RecordTooLarge => "record_too_large",
        }
    }

    /// Returns what a person can do about it.
    pub fn hint(self) -> Cow<'static, str> {
        let hint = match self {
            Self::Phone(error) => return error.hint(),
            Self::Ragged { .. } => {
                "put each cell below its own title; in a CSV file, one that has the delimiter in it needs double quotes"
            }
            Self::TotalsRow | Self::HeaderAgain => "nothing needs repair: leave the row out",
            Self::NulByte => "take it out of its cell, or save the file again as \"CSV UTF-8\"",
            Self::CellTooLarge => {
                "shorten the cell; in a CSV file a quote that is never closed also has this effect"
            }
            Self::UnclosedQuote => "close the quote, or double it if it is meant as a sign: `\"\"`",
            Self::RecordTooLarge => "shorten the row, or add it by itself",
        };
        hint.into()
    }
}
