//! The columns of a list: which one holds the number, which the name, and what the others are called.
//!
//! Never looks at the rows below the header to find out: a column of order numbers looks like phones too. Two equally good
//! columns are refused, not chosen between, and so are the numbers of two different people.

mod usual;

use std::borrow::Cow;
use std::collections::HashMap;

use csv::StringRecord;

use super::error::ImportError;
use super::map::ColumnMap;
use super::names::normalised;
use super::{Header, Options, choice, repaired, shown};
use crate::domain::contact::Fields;
use crate::domain::phone::PhoneNumber;
use crate::domain::spreadsheet::unprotected;

/// Where things are in a row.
#[derive(Debug)]
pub(super) struct Columns {
    count: usize,
    phone: usize,
    /// One column, or those of a first, middle and last name in this order.
    name: Vec<usize>,
    /// The other columns.
    fields: Vec<Field>,
    /// The room that the names of the fields take in a contact's JSON, in bytes.
    names_room: usize,
    /// The source's header; `None` where the first row is a contact.
    header: Option<StringRecord>,
    /// How many columns the source had, where this is its file of refused rows.
    repaired: Option<usize>,
}

#[derive(Debug)]
struct Field {
    index: usize,
    name: String,
    /// The header left it blank: an empty cell below is nothing, not an empty value.
    unnamed: bool,
}

impl Columns {
    /// Finds the columns in the first row, which stands on the given line.
    pub(super) fn find(
        first: &StringRecord,
        options: &Options,
        line: u64,
    ) -> Result<Self, ImportError> {
        if first.as_slice().contains('\0') {
            // UTF-16 without a mark, or no text at all.
            return Err(ImportError::NotUtf8 { line });
        }
        let repaired = repaired::source_columns(first);
        // A file of refused rows always has a header, also where its source had none.
        if options.header == Header::Missing && repaired.is_none() {
            return Self::by_place(first, &options.columns);
        }
        let count = repaired.map_or(first.len(), repaired::columns);
        let header: StringRecord = match repaired {
            Some(source) => repaired::source_header(first, source),
            None => first.clone(),
        };
        let names: Vec<String> = header.iter().map(normalised).collect();
        let phone = match &options.columns.phone {
            Some(column) => named(&header, "phone", column)?,
            None => usual::phone(&header, &names, line)?,
        };
        if header.get(phone).is_some_and(is_number) {
            return Err(no_header(&header, line));
        }
        let name = match &options.columns.name {
            Some(column) => vec![named(&header, "name", column)?],
            None => usual::name(&names, phone),
        };
        let fields = fields(&header, |index| index == phone || name.contains(&index));
        Ok(Self {
            count,
            phone,
            name,
            names_room: room(&fields),
            fields,
            header: Some(header),
            repaired,
        })
    }

    /// Finds the columns of a list without a header, by the places that a person named.
    fn by_place(first: &StringRecord, map: &ColumnMap) -> Result<Self, ImportError> {
        let count = first.len();
        let at = |column: &String| {
            choice::place(column, count).ok_or_else(|| ImportError::NoSuchPlace {
                column: shown::name(column),
                columns: count,
            })
        };
        let Some(phone) = &map.phone else {
            return Err(ImportError::NoPlace {
                suggestion: places(first),
            });
        };
        let phone = at(phone)?;
        let name: Vec<usize> = map.name.iter().map(at).collect::<Result<_, _>>()?;
        let blank: StringRecord = vec![""; count].into();
        let fields = fields(&blank, |index| index == phone || name.contains(&index));
        Ok(Self {
            count,
            phone,
            name,
            names_room: room(&fields),
            fields,
            header: None,
            repaired: None,
        })
    }

    /// Returns the source's header; `None` where the first row is a contact already.
    pub(super) fn header(&self) -> Option<&StringRecord> {
        self.header.as_ref()
    }

    /// Returns how many columns the header has.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Returns a header for a list that has none, in which the same columns are found without a word.
    pub(super) fn stand_in(&self) -> StringRecord {
        let title = |index| match index {
            _ if index == self.phone => "phone".to_owned(),
            _ if self.name.contains(&index) => "name".to_owned(),
            _ => format!("column_{}", index + 1),
        };
        (0..self.count).map(title).collect()
    }

    /// Returns the index of the phone column.
    pub(super) fn phone(&self) -> usize {
        self.phone
    }

    /// Returns a cell of a row as the source has it; one that the row does not have is empty.
    pub(super) fn cell<'a>(&self, record: &'a StringRecord, index: usize) -> &'a str {
        let cell = record.get(index).unwrap_or_default();
        match self.repaired {
            Some(_) => unprotected(cell),
            None => cell,
        }
    }

    /// Returns a row as the source has it.
    pub(super) fn source_row(&self, record: &StringRecord) -> StringRecord {
        match self.repaired {
            Some(source) => repaired::source_row(record, source),
            None => record.clone(),
        }
    }

    /// Returns the name in a row, its parts joined by spaces.
    pub(super) fn name_in(&self, record: &StringRecord) -> Option<String> {
        let mut parts = self
            .name
            .iter()
            .map(|index| self.cell(record, *index).trim())
            .filter(|part| !part.is_empty());
        let mut name = parts.next()?.to_owned();
        for part in parts {
            name.push(' ');
            name.push_str(part);
        }
        Some(name)
    }

    /// Returns the other cells of a row as they are; those the row does not have are empty.
    pub(super) fn fields_in(&self, record: &StringRecord) -> Fields {
        if self.fields.is_empty() {
            return Fields::default();
        }
        let mut fields = Fields::with_room(self.names_room + record.as_slice().len());
        for field in &self.fields {
            let value = self.cell(record, field.index);
            if !field.unnamed || !value.is_empty() {
                fields.push(&field.name, value);
            }
        }
        fields
    }
}

/// Returns whether a first row that was split at some sign can be understood.
pub(super) fn fits(first: &StringRecord, options: &Options) -> bool {
    Columns::find(first, options, 1).is_ok_and(|columns| {
        // Without a header only a contact is a first row.
        columns.header.is_some() || first.get(columns.phone).is_some_and(is_number)
    })
}

/// Returns the column a person named under a key.
fn named(header: &StringRecord, key: &str, column: &str) -> Result<usize, ImportError> {
    match choice::chosen(header, column).as_slice() {
        [index] => Ok(*index),
        [] => Err(ImportError::MissingColumn {
            column: shown::name(column),
            header: shown::names(header.iter()),
            suggestion: choice::nearest(header, column)
                .map(|index| choice::option(header, key, index)),
        }),
        several => Err(ImportError::RepeatedColumn {
            column: shown::name(column),
            count: several.len(),
            suggestion: choice::options(header, key, several),
        }),
    }
}

fn is_number(cell: &str) -> bool {
    PhoneNumber::parse(cell).is_ok()
}

fn no_header(first: &StringRecord, line: u64) -> ImportError {
    ImportError::NoHeader {
        line,
        suggestion: places(first),
    }
}

/// Returns what to type for a list without a header, as far as its first row tells.
fn places(first: &StringRecord) -> Option<String> {
    let numbers = first.iter().enumerate().filter(|(_, cell)| is_number(cell));
    let place = |(index, _)| format!("`--no-header --map phone={}`", index + 1);
    Some(shown::listed(numbers, place, " or ")).filter(|places| !places.is_empty())
}

/// Names the columns that are neither number nor name, each differently.
fn fields(header: &StringRecord, taken: impl Fn(usize) -> bool) -> Vec<Field> {
    let others = header
        .iter()
        .enumerate()
        .filter(|(index, _)| !taken(*index));
    let mut fields: Vec<Field> = Vec::new();
    // Each name that is taken, and the copy of it to try next.
    let mut copies: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for (index, header) in others {
        let unnamed = header.trim().is_empty();
        let first = if unnamed {
            Cow::Owned(format!("column_{}", index + 1))
        } else {
            Cow::Borrowed(header.trim())
        };
        let mut name = first.clone();
        while copies.contains_key(&name) {
            let copy = copies.entry(first.clone()).or_insert(2);
            name = Cow::Owned(format!("{first}_{copy}"));
            *copy += 1;
        }
        copies.insert(name.clone(), 2);
        fields.push(Field {
            index,
            name: name.into_owned(),
            unnamed,
        });
    }
    fields
}

/// Returns how many bytes the names of fields take in JSON, with what stands around names and values.
fn room(fields: &[Field]) -> usize {
    let around = r#"{"":""}"#.len();
    fields.iter().map(|field| field.name.len() + around).sum()
}

#[cfg(test)]
mod tests;
