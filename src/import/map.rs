//! What `--map` says: `phone=COLUMN,name=COLUMN`.
//!
//! Only the form is checked here; whether the columns exist is the header's business.

use std::str::FromStr;

/// The columns a person named; what is `None` is found by its usual names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ColumnMap {
    /// The header of the column with the numbers.
    pub phone: Option<String>,
    /// The header of the column with the names.
    pub name: Option<String>,
}

/// The text is no column map.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadColumnMap {
    /// A part without `phone=` or `name=`.
    #[error("`{0}` is not `phone=COLUMN` or `name=COLUMN`")]
    UnknownKey(String),
    /// Nothing after the equals sign.
    #[error("`{0}=` names no column")]
    NoColumn(&'static str),
    /// The same key twice.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
}

impl FromStr for ColumnMap {
    type Err = BadColumnMap;

    fn from_str(text: &str) -> Result<Self, BadColumnMap> {
        // A header may contain a comma, so a part that begins with neither key belongs to the column before it.
        let mut parts: Vec<(&'static str, String)> = Vec::new();
        for part in text.split(',') {
            if let Some((key, column)) = split_key(part) {
                parts.push((key, column.to_owned()));
            } else if let Some((_, column)) = parts.last_mut() {
                column.push(',');
                column.push_str(part);
            } else {
                return Err(BadColumnMap::UnknownKey(part.trim().to_owned()));
            }
        }
        let mut map = Self::default();
        for (key, column) in parts {
            let place = if key == "phone" {
                &mut map.phone
            } else {
                &mut map.name
            };
            let column = column.trim();
            if column.is_empty() {
                return Err(BadColumnMap::NoColumn(key));
            }
            if place.replace(column.to_owned()).is_some() {
                return Err(BadColumnMap::Twice(key));
            }
        }
        Ok(map)
    }
}

fn split_key(part: &str) -> Option<(&'static str, &str)> {
    let (key, column) = part.split_once('=')?;
    ["phone", "name"]
        .into_iter()
        .find(|known| key.trim().eq_ignore_ascii_case(known))
        .map(|known| (known, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_names_one_column_for_each_key() {
        let map = |phone: Option<&str>, name: Option<&str>| {
            Ok(ColumnMap {
                phone: phone.map(str::to_owned),
                name: name.map(str::to_owned),
            })
        };
        let cases = [
            ("phone=Mob", map(Some("Mob"), None)),
            (" Phone = Mob , NAME = Who ", map(Some("Mob"), Some("Who"))),
            (
                "name=Last, First,phone=a=b",
                map(Some("a=b"), Some("Last, First")),
            ),
            ("", Err(BadColumnMap::UnknownKey(String::new()))),
            ("Mob", Err(BadColumnMap::UnknownKey("Mob".to_owned()))),
            (
                "email=x",
                Err(BadColumnMap::UnknownKey("email=x".to_owned())),
            ),
            ("phone=", Err(BadColumnMap::NoColumn("phone"))),
            ("phone=a,phone=b", Err(BadColumnMap::Twice("phone"))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<ColumnMap>(), expected, "{text}");
        }
    }
}
