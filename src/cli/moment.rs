//! A moment as a person types it.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};

use super::failure::{Exit, Failure};
use crate::domain::hours::indian_time;

/// Returns an RFC 3339 time as it stands, a date and time without an offset in Indian time, and `20:30` as that time
/// today in Indian time.
///
/// Anything else is a usage error. Whatever has a date is never taken for one of today's times, though it also reads
/// as one.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    in_full(text)
        .or_else(|| in_india(text, now))
        .ok_or_else(|| {
            Failure::new(Exit::Usage, format!("`{text}` is no time"))
                .hint("write `20:30` for today in Indian time, or `2026-03-02T20:30:00+05:30`")
        })
}

fn in_full(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn in_india(text: &str, now: Timestamp) -> Option<Timestamp> {
    let zone = indian_time();
    let has_date = text.contains('-');
    let wall: DateTime = if has_date && text.contains(':') {
        text.parse().ok()?
    } else if has_date {
        // A day alone does not say when.
        return None;
    } else {
        let time: Time = text.parse().ok()?;
        now.to_zoned(zone.clone()).date().to_datetime(time)
    };
    wall.to_zoned(zone).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_keeps_its_day_and_a_bare_time_is_todays() {
        // In India it is the 23rd already, and before any of these times.
        let now = at("2026-11-22T18:55:00Z");
        for (typed, meant) in [
            ("2026-01-05T10:00:00+05:30", "2026-01-05T04:30:00Z"),
            ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z"),
            ("2027-01-05 10:00:00+05:30", "2027-01-05T04:30:00Z"),
            ("2026-01-05T10:00", "2026-01-05T04:30:00Z"),
            ("2026-01-05 10:00:00", "2026-01-05T04:30:00Z"),
            ("10:00", "2026-11-23T04:30:00Z"),
            ("20:30", "2026-11-23T15:00:00Z"),
        ] {
            assert_eq!(parse(typed, now).ok(), Some(at(meant)), "{typed}");
        }
    }

    #[test]
    fn whatever_is_no_time_is_refused() {
        let now = at("2026-11-22T18:55:00Z");
        for typed in ["tomorrow", "", "25:00", "10:00 2026", "2026-01-05", "-1:00"] {
            assert!(parse(typed, now).is_err(), "{typed}");
        }
    }
}
