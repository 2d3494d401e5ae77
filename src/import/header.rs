//! The header of a list: which column holds the number, which the name, and what the others are called.
//!
//! Never looks at the rows below to find out: a column of order numbers looks like phones too. Two equally good columns
//! are refused, not chosen between.

use csv::StringRecord;

use super::error::ImportError;
use super::map::ColumnMap;
use super::names::{name_part, name_rank, normalised, phone_rank};
use crate::domain::contact::Fields;
use crate::domain::phone::{PhoneNumber, mask_numbers};

/// How many columns an error lists.
const LISTED: usize = 20;

/// Where things are in a row.
#[derive(Debug)]
pub(super) struct Columns {
    count: usize,
    phone: usize,
    /// One column, or those of a first, middle and last name in this order.
    name: Vec<usize>,
    /// The other columns: index, name, and whether the header gave them one.
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    index: usize,
    name: String,
    /// The header left it blank: an empty cell below is nothing, not an empty value.
    unnamed: bool,
}

impl Columns {
    /// Finds the columns in the header, which stands on the given line.
    pub(super) fn find(
        header: &StringRecord,
        map: &ColumnMap,
        line: u64,
    ) -> Result<Self, ImportError> {
        if header.as_slice().contains('\0') {
            // UTF-16 without a mark, or no text at all.
            return Err(ImportError::NotUtf8 { line });
        }
        let names: Vec<String> = header.iter().map(normalised).collect();
        let phone = match &map.phone {
            Some(column) => named(header, &names, column)?,
            None => usual_phone(header, &names, line)?,
        };
        let name = match &map.name {
            Some(column) => vec![named(header, &names, column)?],
            None => usual_name(&names, phone),
        };
        let fields = fields(header, |index| index == phone || name.contains(&index));
        Ok(Self {
            count: header.len(),
            phone,
            name,
            fields,
        })
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

    /// Returns the name in a row, its parts joined by spaces.
    pub(super) fn name_in(&self, record: &StringRecord) -> Option<String> {
        let mut parts = self
            .name
            .iter()
            .filter_map(|index| record.get(*index))
            .map(str::trim);
        let mut name = parts.find(|part| !part.is_empty())?.to_owned();
        for part in parts.filter(|part| !part.is_empty()) {
            name.push(' ');
            name.push_str(part);
        }
        Some(name)
    }

    /// Returns the other cells of a row as they are; those the row does not have are empty.
    pub(super) fn fields_in(&self, record: &StringRecord) -> Fields {
        let mut fields = Fields::default();
        for field in &self.fields {
            let value = record.get(field.index).unwrap_or_default();
            if !field.unnamed || !value.is_empty() {
                fields.push(&field.name, value);
            }
        }
        fields
    }
}

/// Returns the column a person named: as written, or else apart from punctuation and spaces.
fn named(header: &StringRecord, names: &[String], column: &str) -> Result<usize, ImportError> {
    let wanted = column.trim().to_lowercase();
    let exact = positions(header.iter(), |name| name.trim().to_lowercase() == wanted);
    let alike = || {
        let wanted = normalised(column);
        positions(names.iter(), |name| !wanted.is_empty() && *name == wanted)
    };
    let found = if exact.is_empty() { alike() } else { exact };
    match found.as_slice() {
        [index] => Ok(*index),
        [] => Err(ImportError::MissingColumn {
            column: column.to_owned(),
            header: listed(header.iter()),
        }),
        several => Err(ImportError::RepeatedColumn {
            column: column.to_owned(),
            count: several.len(),
        }),
    }
}

fn usual_phone(header: &StringRecord, names: &[String], line: u64) -> Result<usize, ImportError> {
    let Some(best) = names.iter().filter_map(|name| phone_rank(name)).min() else {
        let holds_number = header.iter().any(|cell| PhoneNumber::parse(cell).is_ok());
        return Err(if holds_number {
            ImportError::NoHeader { line }
        } else {
            ImportError::NoPhoneColumn {
                header: listed(header.iter()),
            }
        });
    };
    match positions(names.iter(), |name| phone_rank(name) == Some(best)).as_slice() {
        [index] => Ok(*index),
        several => {
            let columns = several.iter().filter_map(|index| header.get(*index));
            Err(ImportError::AmbiguousColumn {
                columns: listed(columns),
            })
        }
    }
}

/// A wrong name harms nobody, so the first of several equally good columns is taken.
fn usual_name(names: &[String], phone: usize) -> Vec<usize> {
    let whole = names
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != phone);
    let best = whole
        .filter_map(|(index, name)| name_rank(name).map(|rank| (rank, index)))
        .min();
    // A column `customer` often holds a code; first and last name say more than it does.
    let mut parts: Vec<(usize, usize)> = names
        .iter()
        .enumerate()
        .filter_map(|(index, name)| name_part(name).map(|part| (part, index)))
        .collect();
    parts.sort_unstable();
    parts.dedup_by_key(|(part, _)| *part);
    match best {
        Some((rank, index)) if rank == 0 || parts.is_empty() => vec![index],
        _ => parts.into_iter().map(|(_, index)| index).collect(),
    }
}

/// Names the columns that are neither number nor name, each differently.
fn fields(header: &StringRecord, taken: impl Fn(usize) -> bool) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (index, name) in header
        .iter()
        .enumerate()
        .filter(|(index, _)| !taken(*index))
    {
        let unnamed = name.trim().is_empty();
        let first = if unnamed {
            format!("column_{}", index + 1)
        } else {
            name.trim().to_owned()
        };
        let mut name = first.clone();
        let mut copy = 2;
        while fields.iter().any(|field| field.name == name) {
            name = format!("{first}_{copy}");
            copy += 1;
        }
        fields.push(Field {
            index,
            name,
            unnamed,
        });
    }
    fields
}

fn positions<T>(items: impl Iterator<Item = T>, matches: impl Fn(T) -> bool) -> Vec<usize> {
    items
        .enumerate()
        .filter_map(|(index, item)| matches(item).then_some(index))
        .collect()
}

/// Lists names for an error; a file without a header has people in its first row, so numbers are hidden.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut shown: Vec<String> = names
        .map(|name| format!("`{}`", mask_numbers(name.trim()).escape_debug()))
        .collect();
    let more = shown.len().saturating_sub(LISTED);
    shown.truncate(LISTED);
    let list = shown.join(", ");
    if more > 0 {
        format!("{list} and {more} more")
    } else {
        list
    }
}
