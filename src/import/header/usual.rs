//! The columns that are found by their usual names.
//!
//! A wrong number rings a stranger, so where two columns are as good as each other a person decides. A wrong name rings
//! nobody.

use csv::StringRecord;

use super::{is_number, no_header};
use crate::import::error::ImportError;
use crate::import::names::{name_part, name_rank, phone_name};
use crate::import::{choice, shown};

/// Returns the column with the numbers to call.
pub(super) fn phone(
    header: &StringRecord,
    names: &[String],
    line: u64,
) -> Result<usize, ImportError> {
    let known: Vec<_> = names
        .iter()
        .enumerate()
        .filter_map(|(index, name)| phone_name(name).map(|name| (index, name)))
        .collect();
    let Some(best) = known.iter().map(|(_, name)| name.rank).min() else {
        return Err(if header.iter().any(is_number) {
            no_header(header, line)
        } else {
            ImportError::NoPhoneColumn {
                header: shown::names(header.iter()),
                suggestion: None,
            }
        });
    };
    // The father's mobile is no better than the mother's landline: they are different people.
    let person = known
        .iter()
        .find(|(_, name)| name.rank == best)
        .and_then(|(_, name)| name.person);
    let is_other = |other: Option<&str>| person.is_some() && other.is_some() && other != person;
    let candidates: Vec<usize> = known
        .iter()
        .filter(|(_, name)| name.rank == best || is_other(name.person))
        .map(|(index, _)| *index)
        .collect();
    match candidates.as_slice() {
        [index] => Ok(*index),
        several => Err(ImportError::AmbiguousColumn {
            columns: shown::names(several.iter().filter_map(|index| header.get(*index))),
            suggestion: choice::options(header, "phone", several),
        }),
    }
}

/// Returns the columns with the name: one, or its parts in their order.
///
/// A wrong name harms nobody, so the first of several equally good columns is taken.
pub(super) fn name(names: &[String], phone: usize) -> Vec<usize> {
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
        .filter(|(index, _)| *index != phone)
        .filter_map(|(index, name)| name_part(name).map(|part| (part, index)))
        .collect();
    parts.sort_unstable();
    parts.dedup_by_key(|(part, _)| *part);
    match best {
        Some((rank, index)) if rank == 0 || parts.is_empty() => vec![index],
        _ => parts.into_iter().map(|(_, index)| index).collect(),
    }
}
