//! What a file says, as an error may repeat it: short, on one line, without numbers and signs that move a terminal's cursor.

use crate::domain::phone::mask_numbers;
use crate::domain::shown::{harmless, shortened};

/// How much of a column's name is shown, in characters.
const SHOWN: usize = 60;
/// How many things are listed.
const LISTED: usize = 20;

/// Returns some names of columns.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    listed(names, |text| format!("`{}`", name(text)), ", ")
}

/// Returns the name of a column; a file without a header has people in its first row, so numbers are hidden.
pub(super) fn name(text: &str) -> String {
    harmless(&mask_numbers(&shortened(text.trim(), SHOWN))).into_owned()
}

/// Returns a list of things, as many as a person would read.
pub(super) fn listed<T>(
    mut things: impl Iterator<Item = T>,
    show: impl Fn(T) -> String,
    joined_by: &str,
) -> String {
    let shown: Vec<String> = things.by_ref().take(LISTED).map(show).collect();
    let list = shown.join(joined_by);
    // Those that nobody sees are not shown one by one either: a header may have a hundred thousand of them.
    match things.count() {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}
