//! How a person names a column in `--map`, and how one is named to a person.
//!
//! What is suggested can be pasted into a shell as it stands: it means exactly the column it was made for, and nothing in
//! it is taken for a command. Suggestions go into errors only; no column is ever chosen by likeness.

use csv::StringRecord;

use super::map::ColumnMap;
use super::names::normalised;
use super::shown::listed;
use crate::domain::phone::mask_numbers;
use crate::domain::shown::harmless;

/// The longest name that is suggested, in characters; a column with a longer one is named by its place.
const LONGEST: usize = 60;
/// So alike must two names be for one to be a mistyping of the other; 1 is equal.
const ALIKE: f64 = 0.8;

/// Returns the columns that are meant: as written, or else apart from punctuation and spaces, or else by their place.
pub(super) fn chosen(header: &StringRecord, column: &str) -> Vec<usize> {
    let wanted = column.trim().to_lowercase();
    let exact = positions(header, |name| name.trim().to_lowercase() == wanted);
    if !exact.is_empty() {
        return exact;
    }
    let wanted = normalised(column);
    if !wanted.is_empty() {
        let alike = positions(header, |name| normalised(name) == wanted);
        if !alike.is_empty() {
            return alike;
        }
    }
    place(column, header.len()).into_iter().collect()
}

/// Returns the index of the column at this place, the first being 1.
pub(super) fn place(column: &str, count: usize) -> Option<usize> {
    let index = column.trim().parse::<usize>().ok()?.checked_sub(1)?;
    (index < count).then_some(index)
}

/// Returns the option that names a column under a key: `--map phone="Reach At"`, or by its place where its name will not do.
pub(super) fn option(header: &StringRecord, key: &str, index: usize) -> String {
    let name = header
        .get(index)
        .and_then(|name| by_name(header, key, name));
    match name {
        Some(name) => format!("`--map {key}={name}`"),
        None => format!("`--map {key}={}`", index + 1),
    }
}

/// Returns the options that name some columns under a key, any of which may be meant.
pub(super) fn options(header: &StringRecord, key: &str, indexes: &[usize]) -> String {
    listed(indexes.iter(), |index| option(header, key, *index), " or ")
}

/// Returns the column whose name is most like one that no column has.
pub(super) fn nearest(header: &StringRecord, column: &str) -> Option<usize> {
    let wanted = Some(normalised(column)).filter(|wanted| !wanted.is_empty())?;
    let alike = header.iter().enumerate().map(|(index, name)| {
        let name: String = normalised(name).chars().take(LONGEST).collect();
        (strsim::jaro_winkler(&wanted, &name), index)
    });
    alike
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, first), (other, second)| one.total_cmp(other).then(second.cmp(first)))
        .map(|(_, index)| index)
}

/// Returns a name as it can be typed, if it means this column only.
fn by_name(header: &StringRecord, key: &str, name: &str) -> Option<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = !name.is_empty() && name.chars().count() <= LONGEST;
    if !short || mask_numbers(&name) != name || !is_inert(&name) {
        return None;
    }
    // A number would be taken for a place once the header is gone.
    let is_number = name.parse::<usize>().is_ok();
    let map: ColumnMap = format!("{key}={name}").parse().ok()?;
    let typed = map.phone.or(map.name)?;
    if is_number || typed != name || chosen(header, &name).len() != 1 {
        return None;
    }
    let is_word = |character: char| character.is_alphanumeric() || "_-.".contains(character);
    Some(if name.chars().all(is_word) {
        name
    } else {
        format!("\"{name}\"")
    })
}

/// Returns whether a shell leaves a text alone between double quotes, and a terminal too.
fn is_inert(text: &str) -> bool {
    harmless(text) == text && !text.contains(['"', '$', '`', '\\', '!', '%'])
}

fn positions(header: &StringRecord, matches: impl Fn(&str) -> bool) -> Vec<usize> {
    let matching = header.iter().enumerate().filter(|(_, name)| matches(name));
    matching.map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(names: &[&str]) -> StringRecord {
        names.to_vec().into()
    }

    #[test]
    fn a_column_is_meant_by_its_name_before_its_place() {
        let names = header(&["1", "Reach At", "reach-at", "3", "a\nb"]);
        assert_eq!(chosen(&names, "1"), [0]);
        assert_eq!(chosen(&names, "3"), [3]);
        assert_eq!(chosen(&names, "2"), [1]);
        assert_eq!(chosen(&names, "REACH AT"), [1]);
        assert_eq!(chosen(&names, "reach_at"), [1, 2]);
        assert_eq!(chosen(&names, "A B"), [4]);
        for nothing in ["0", "6", "-7", "phone", "18446744073709551616", "#"] {
            assert_eq!(chosen(&names, nothing), [0; 0], "{nothing}");
        }
    }

    #[test]
    fn a_suggested_option_can_be_pasted() {
        let cases = [
            ("Mobile", "`--map phone=Mobile`"),
            ("Reach At", "`--map phone=\"Reach At\"`"),
            (" Father's\n no. ", "`--map phone=\"Father's no.\"`"),
            ("पिता का नं.", "`--map phone=\"पिता का नं.\"`"),
            ("$(reboot)", "`--map phone=2`"),
            ("say `who`", "`--map phone=2`"),
            ("%PATH%", "`--map phone=2`"),
            ("ring!\"", "`--map phone=2`"),
            ("\u{1b}[2J", "`--map phone=2`"),
            ("\u{202e}enohp", "`--map phone=2`"),
            ("a,name=b", "`--map phone=2`"),
            ("9876500001", "`--map phone=2`"),
            ("7", "`--map phone=2`"),
            ("WHO", "`--map phone=2`"),
            ("", "`--map phone=2`"),
        ];
        for (name, expected) in cases {
            assert_eq!(
                option(&header(&["who", name]), "phone", 1),
                expected,
                "{name}"
            );
        }
        assert_eq!(
            option(&header(&["x", &"y".repeat(61)]), "name", 1),
            "`--map name=2`"
        );
    }

    #[test]
    fn a_mistyped_name_finds_the_nearest() {
        let names = header(&["Customer", "Mobile Number", "Mobil", "City", ""]);
        assert_eq!(nearest(&names, "mobile"), Some(2));
        assert_eq!(nearest(&names, "Moblie Number"), Some(1));
        assert_eq!(nearest(&names, "ctiy"), Some(3));
        assert_eq!(nearest(&names, "handy"), None);
        assert_eq!(nearest(&names, ""), None);
    }

    proptest! {
        #[test]
        fn whatever_is_suggested_means_its_column(
            names in prop::collection::vec("[a-bA-B1-3 ,='\"$.\n]{0,4}|phone=a|name=b", 1..6),
            place in any::<prop::sample::Index>(),
        ) {
            let index = place.index(names.len());
            let header: StringRecord = names.into();
            let option = option(&header, "phone", index);
            let typed = option.trim_matches('`').strip_prefix("--map ").unwrap().replace('"', "");
            let map: ColumnMap = typed.parse().unwrap();
            let taken = chosen(&header, &map.phone.unwrap());
            // Where names are numbers too, a place may be a name; then no option can mean the column.
            let hidden = header.iter().any(|name| normalised(name) == (index + 1).to_string());
            prop_assert!(taken == [index] || hidden, "{option} means {taken:?}, not {index}");
        }
    }
}
