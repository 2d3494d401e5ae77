//! Calling hours: may anybody be rung now, until when, and when next.
//!
//! All hours are Indian Standard Time, the recipients' own zone, whatever zone the machine is set to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// Indian Standard Time: +05:30 the whole year.
pub fn indian_time() -> TimeZone {
    #[cfg(feature = "sabotage")]
    if crate::sabotage::is(crate::sabotage::Sabotage::HostZone) {
        return TimeZone::system();
    }
    TimeZone::fixed(
        Offset::from_seconds(19_800).expect("five and a half hours are less than a day"),
    )
}

/// The bands of a day in which people may be rung, as minutes after midnight.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hours {
    /// In order, apart from each other, none empty; `until` is at most 1440.
    bands: Vec<(u16, u16)>,
}

const DAY: u16 = 24 * 60;

impl Default for Hours {
    fn default() -> Self {
        Self {
            bands: vec![(9 * 60, 21 * 60)],
        }
    }
}

impl Hours {
    /// Returns the hours that never close.
    pub fn always() -> Self {
        Self {
            bands: vec![(0, DAY)],
        }
    }

    /// Returns the hours that never open.
    pub(super) fn never() -> Self {
        Self { bands: Vec::new() }
    }

    /// Returns one band, in minutes after midnight; `from` comes before `until`.
    pub(super) fn between(from: u16, until: u16) -> Self {
        Self {
            bands: vec![(from, until.min(DAY))],
        }
    }

    /// Returns what of these hours lies within the others; `None` if nothing does.
    pub fn within(&self, outer: &Self) -> Option<Self> {
        let both = |(from, until): (u16, u16), (first, last): (u16, u16)| {
            let (from, until) = (from.max(first), until.min(last));
            (from < until).then_some((from, until))
        };
        let bands: Vec<_> = self
            .bands
            .iter()
            .flat_map(|band| outer.bands.iter().filter_map(|limit| both(*band, *limit)))
            .collect();
        (!bands.is_empty()).then_some(Self { bands })
    }

    /// Returns whether the whole day is open.
    pub fn are_always(&self) -> bool {
        self.bands == [(0, DAY)]
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (from, until)) in self.bands.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(
                f,
                "{comma}{:02}:{:02}-{:02}:{:02}",
                from / 60,
                from % 60,
                until / 60,
                until % 60
            )?;
        }
        Ok(())
    }
}

/// The text names no calling hours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` are no calling hours; write for example `09:00-21:00` or `09:30-12:30,15:00-19:00`")]
pub struct NotHours(pub String);

impl FromStr for Hours {
    type Err = NotHours;

    fn from_str(text: &str) -> Result<Self, NotHours> {
        let wrong = || NotHours(text.to_owned());
        let mut bands = Vec::new();
        for band in text.split(',') {
            let (from, until) = band.trim().split_once('-').ok_or_else(wrong)?;
            bands.push((
                parse_minute(from).ok_or_else(wrong)?,
                parse_minute(until).ok_or_else(wrong)?,
            ));
        }
        bands.sort_unstable();
        let in_order = bands.iter().all(|(from, until)| from < until);
        let apart = bands.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        if in_order && apart {
            Ok(Self {
                bands: join_adjoining(bands),
            })
        } else {
            Err(wrong())
        }
    }
}

/// Joins `09:00-12:00,12:00-18:00` into one band: nothing closes where the next band begins.
fn join_adjoining(bands: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    let mut joined: Vec<(u16, u16)> = Vec::new();
    for (from, until) in bands {
        match joined.last_mut() {
            Some(last) if last.1 == from => last.1 = until,
            _ => joined.push((from, until)),
        }
    }
    joined
}

fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let digits =
        |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || minutes.len() != 2 || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

/// The days of the week on which people may be rung.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days {
    /// Monday first.
    open: [bool; 7],
}

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Default for Days {
    fn default() -> Self {
        Self { open: [true; 7] }
    }
}

impl Days {
    fn includes(self, weekday: Weekday) -> bool {
        self.open[usize::from(weekday.to_monday_zero_offset().unsigned_abs())]
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.open == [true; 7] {
            return f.write_str("mon-sun");
        }
        let names: Vec<_> = NAMES
            .iter()
            .zip(self.open)
            .filter(|(_, open)| *open)
            .map(|(name, _)| *name)
            .collect();
        f.write_str(&names.join(","))
    }
}

/// The text names no days.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` are no days; write for example `mon-sat` or `mon,wed,fri`")]
pub struct NotDays(pub String);

impl FromStr for Days {
    type Err = NotDays;

    fn from_str(text: &str) -> Result<Self, NotDays> {
        let wrong = || NotDays(text.to_owned());
        let day = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            NAMES
                .iter()
                .position(|known| *known == name)
                .ok_or_else(wrong)
        };
        let mut open = [false; 7];
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (day(first)?, day(last)?),
                None => (day(part)?, day(part)?),
            };
            // `sat-mon` goes round the end of the week.
            let count = (last + 7 - first) % 7 + 1;
            (0..count).for_each(|step| open[(first + step) % 7] = true);
        }
        Ok(Self { open })
    }
}

/// Dates on which nobody is rung.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Holidays(BTreeSet<Date>);

impl fmt::Display for Holidays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let dates: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&dates.join(","))
    }
}

/// The text names no dates.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no date; write for example `2026-01-26,2026-08-15`, or `none`")]
pub struct NotADate(pub String);

impl FromStr for Holidays {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        if text.trim() == "none" {
            return Ok(Self::default());
        }
        let date = |word: &str| word.trim().parse().map_err(|_| NotADate(word.to_owned()));
        text.split(',')
            .map(date)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// When people may be rung: hours on certain days, in Indian time.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Calendar {
    /// The bands of each open day.
    pub hours: Hours,
    /// The open days.
    pub days: Days,
    /// The dates among them that are closed.
    pub holidays: Holidays,
}

impl Calendar {
    /// Returns whether people may be rung at this moment; the closing minute itself is closed.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.closes_at(at).is_some()
    }

    /// Returns when the band that is open now closes; `None` when closed. Bands that meet at midnight are one.
    pub fn closes_at(&self, at: Timestamp) -> Option<Timestamp> {
        let mut end = self.band_end(at)?;
        // A day that is open throughout runs on into the next; seven of them never close, so a week is enough.
        for _ in 0..8 {
            match self.band_end(end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    /// Returns the next moment, `at` included, when people may be rung.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let zone = indian_time();
        let mut date = at.to_zoned(zone).date();
        for _ in 0..8 {
            if self.days.includes(date.weekday()) {
                let openings = self.hours.bands.iter().map(|(from, _)| moment(date, *from));
                if let Some(opening) = openings.into_iter().find(|opening| *opening > at) {
                    return Some(opening);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn band_end(&self, at: Timestamp) -> Option<Timestamp> {
        let date = at.to_zoned(indian_time()).date();
        if !self.days.includes(date.weekday()) {
            return None;
        }
        let band = self
            .hours
            .bands
            .iter()
            .find(|(from, until)| (moment(date, *from)..moment(date, *until)).contains(&at));
        band.map(|(_, until)| moment(date, *until))
    }
}

/// Returns the moment so many minutes after a date's midnight in Indian time.
fn moment(date: Date, minute: u16) -> Timestamp {
    let midnight = date
        .to_zoned(indian_time())
        .map(|zoned| zoned.timestamp())
        .unwrap_or(Timestamp::MAX);
    midnight
        .checked_add(i64::from(minute).minutes())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}+05:30").parse().unwrap()
    }

    fn calendar(hours: &str, days: &str) -> Calendar {
        Calendar {
            hours: hours.parse().unwrap(),
            days: days.parse().unwrap(),
            ..Calendar::default()
        }
    }

    // 2026-03-02 is a Monday.
    #[test]
    fn each_boundary_holds_to_the_second() {
        let calendar = calendar("09:00-13:00,15:30-21:00", "mon-sat");
        for (time, open) in [
            ("2026-03-02T08:59:59", false),
            ("2026-03-02T09:00:00", true),
            ("2026-03-02T12:59:59", true),
            ("2026-03-02T13:00:00", false),
            ("2026-03-02T15:29:59", false),
            ("2026-03-02T15:30:00", true),
            ("2026-03-02T20:59:59", true),
            ("2026-03-02T21:00:00", false),
            ("2026-03-07T10:00:00", true),
            ("2026-03-08T10:00:00", false),
        ] {
            assert_eq!(calendar.is_open(at(time)), open, "{time}");
        }
    }

    #[test]
    fn the_next_opening_skips_closed_days() {
        let calendar = calendar("09:00-13:00,15:30-21:00", "mon-sat");
        for (time, opening) in [
            ("2026-03-02T03:00:00", "2026-03-02T09:00:00"),
            ("2026-03-02T10:00:00", "2026-03-02T10:00:00"),
            ("2026-03-02T13:00:00", "2026-03-02T15:30:00"),
            ("2026-03-02T21:00:00", "2026-03-03T09:00:00"),
            ("2026-03-07T22:00:00", "2026-03-09T09:00:00"),
        ] {
            assert_eq!(calendar.next_opening(at(time)), Some(at(opening)), "{time}");
        }
    }

    #[test]
    fn hours_that_never_close_do_not_close_at_midnight() {
        let always = calendar("00:00-24:00", "mon-sun");
        assert!(always.hours.are_always());
        let closing = always.closes_at(at("2026-03-02T23:59:59")).unwrap();
        assert!(closing > at("2026-03-09T00:00:00"));
        let weekdays = calendar("00:00-24:00", "mon-fri");
        assert_eq!(
            weekdays.closes_at(at("2026-03-02T12:00:00")),
            Some(at("2026-03-07T00:00:00"))
        );
    }

    #[test]
    fn hours_and_days_are_read_as_people_write_them() {
        for (text, shown) in [
            ("9:00-21:00", "09:00-21:00"),
            ("14:00-20:00,09:00-12:00", "09:00-12:00,14:00-20:00"),
            ("09:00-12:00,12:00-18:00", "09:00-18:00"),
            ("00:00-24:00", "00:00-24:00"),
        ] {
            assert_eq!(text.parse::<Hours>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "9-21",
            "21:00-09:00",
            "09:00-25:00",
            "09:60-10:00",
            "09:00-12:00,11:00-13:00",
            "09:00",
        ] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
        for (text, shown) in [
            ("mon-sun", "mon-sun"),
            ("Sat-mon", "mon,sat,sun"),
            ("tue, thu", "tue,thu"),
        ] {
            assert_eq!(text.parse::<Days>().unwrap().to_string(), shown);
        }
        assert!("mon-funday".parse::<Days>().is_err());
    }

    proptest! {
        #[test]
        fn an_opening_is_open_and_the_second_before_it_is_not(second in 0_i64..31_536_000, from in 0_u16..1439) {
            let hours = Hours { bands: vec![(from, from + 1)] };
            let calendar = Calendar { hours, days: "mon,thu".parse().unwrap(), ..Calendar::default() };
            let time = Timestamp::from_second(1_770_000_000 + second).unwrap();
            let opening = calendar.next_opening(time).unwrap();
            prop_assert!(calendar.is_open(opening));
            if opening > time {
                prop_assert!(!calendar.is_open(opening - 1.second()));
            }
            let closing = calendar.closes_at(opening).unwrap();
            prop_assert!(!calendar.is_open(closing));
            prop_assert!(calendar.is_open(closing - 1.second()));
        }
    }
}
