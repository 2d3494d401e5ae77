//! Settings as they are typed → as they are remembered.
//!
//! What is remembered says the same wherever and whenever it is read again: a file of holidays becomes the dates in it,
//! and a time of day becomes a moment.

use std::fs;
use std::io::ErrorKind;

use super::args;
use super::failure::{Exit, Failure};
use super::moment;
use super::view::shown_time;
use super::workspace::Workspace;
use crate::domain::campaign::{Policy, Setting};
use crate::domain::hours::{Holidays, parse_date};
use crate::domain::phone::mask_numbers;

/// Returns the settings that were typed, each of which fits by itself.
pub(super) fn typed(
    workspace: &Workspace,
    settings: &args::Settings,
) -> Result<Vec<(Setting, String)>, Failure> {
    let resolved = |(key, typed): (Setting, String)| match resolve(workspace, key, &typed) {
        Ok(value) => Ok((key, value)),
        Err(failure) => Err(failure.context(format!("`--{}` cannot be used", key.as_str()))),
    };
    let mut settings: Vec<_> = settings
        .typed()
        .into_iter()
        .map(resolved)
        .collect::<Result<_, _>>()?;
    if workspace.ui.sandbox {
        pretend(&mut settings);
    }
    Ok(settings)
}

/// Pretend phones may ring at night, unless it is the hours that are rehearsed; and how long pretend calls last says
/// nothing about the flow.
fn pretend(settings: &mut Vec<(Setting, String)>) {
    let is_typed = |key| settings.iter().any(|(typed, _)| *typed == key);
    let pretended = [
        (Setting::Hours, "00:00-24:00"),
        (Setting::Days, "mon-sun"),
        (Setting::Holidays, "none"),
        (Setting::ShortCalls, "off"),
    ];
    let mut added: Vec<_> = pretended
        .into_iter()
        .filter(|(key, _)| !is_typed(*key))
        .collect();
    if is_typed(Setting::Purpose) {
        // Its outer hours are rehearsed with it, and no hours beyond them.
        added.retain(|(key, _)| *key != Setting::Hours);
    } else if !is_typed(Setting::Hours) {
        added.push((Setting::Purpose, "service"));
    }
    settings.extend(
        added
            .into_iter()
            .map(|(key, value)| (key, value.to_owned())),
    );
}

/// Returns what is remembered of a setting that was typed.
pub(super) fn resolve(workspace: &Workspace, key: Setting, typed: &str) -> Result<String, Failure> {
    let value = match key {
        Setting::Holidays => holidays(workspace, typed)?.to_string(),
        Setting::Ends if typed.trim() != "none" => {
            shown_time(moment::parse(typed, workspace.clock.wall())?)
        }
        _ => typed.to_owned(),
    };
    match Policy::default().set(key, &value) {
        Ok(()) => Ok(value),
        Err(error) => Err(Failure::new(Exit::Usage, error.to_string())),
    }
}

/// Reads dates, or a file of them.
fn holidays(workspace: &Workspace, typed: &str) -> Result<Holidays, Failure> {
    let no_dates = match typed.parse() {
        Ok(holidays) => return Ok(holidays),
        Err(error) => error,
    };
    let path = workspace.folder.join(typed);
    let shown = path.display().to_string();
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidFilename => Failure::new(
            Exit::Usage,
            format!("there is no file `{shown}`, and {no_dates}"),
        ),
        _ => Failure::new(Exit::Usage, error.to_string()).context(format!("cannot read `{shown}`")),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(Exit::Usage, format!("`{shown}` is no plain text")).hint(EACH_LINE)
    })?;
    dates_in(&text)
        .map_err(|wrong| Failure::new(Exit::Usage, format!("`{shown}`, {wrong}")).hint(EACH_LINE))
}

const EACH_LINE: &str =
    "write one date such as `2026-01-26` on each line; what follows a space or `#` is a comment";

/// Returns the dates in a file's text, or what is wrong with it.
fn dates_in(text: &str) -> Result<Holidays, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut dates = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words = line
            .trim_start()
            .split(|c: char| c.is_whitespace() || c == '#');
        let word = words.into_iter().next().unwrap_or_default();
        if word.is_empty() {
            continue;
        }
        let wrong = |_| format!("line {number}: `{}` is no date", without_numbers(word));
        dates.push(parse_date(word).map_err(wrong)?);
    }
    if dates.is_empty() {
        return Err("which was to name holidays, has no date in it".to_owned());
    }
    Ok(Holidays::on(dates))
}

/// Returns a word that may be shown: somebody may name a list of contacts by mistake. No date is as long as a number.
fn without_numbers(word: &str) -> String {
    match word.bytes().filter(u8::is_ascii_digit).count() {
        0..10 => word.to_owned(),
        _ => mask_numbers(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_date_on_each_line_and_comments() {
        let text = "\u{feff}# Holidays\r\n2026-01-26 Republic Day\r\n\r\n  2026-08-15# Independence Day\n2026-01-26\n";
        assert_eq!(dates_in(text).unwrap().to_string(), "2026-01-26,2026-08-15");
    }

    #[test]
    fn what_is_no_date_is_named_with_its_line_and_no_number_is_shown() {
        for (text, said) in [
            (
                "2026-01-26\n26.01.2026 Republic Day\n",
                "line 2: `26.01.2026` is no date",
            ),
            ("2026-02-29", "line 1: `2026-02-29` is no date"),
            ("2026-1-26", "line 1: `2026-1-26` is no date"),
            ("20260126", "line 1: "),
            ("2026-01-26,2026-08-15", "line 1: "),
            ("# nothing\n\n", "no date in it"),
            ("", "no date in it"),
        ] {
            let wrong = dates_in(text).unwrap_err();
            assert!(wrong.contains(said), "{wrong}");
        }
        let wrong = dates_in("9876500000").unwrap_err();
        assert!(!wrong.contains("98765"), "{wrong}");
    }

    #[test]
    fn pretend_phones_ring_at_any_hour_unless_the_hours_are_rehearsed() {
        let opened = |typed: &[(Setting, &str)]| {
            let mut settings = typed
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect();
            pretend(&mut settings);
            let mut policy = Policy::default();
            policy.set(Setting::Hours, "10:00-11:00").unwrap();
            policy.set(Setting::Purpose, "collections").unwrap();
            for (key, value) in settings {
                policy.set(key, &value).unwrap();
            }
            assert_eq!(policy.check(), Ok(()));
            policy.calendar().hours.to_string()
        };
        assert_eq!(opened(&[]), "00:00-24:00");
        assert_eq!(opened(&[(Setting::Hours, "12:00-13:00")]), "12:00-13:00");
        assert_eq!(opened(&[(Setting::Purpose, "promotional")]), "10:00-11:00");
    }
}
