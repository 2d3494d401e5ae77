//! Calling hours: may anybody be rung now, until when, and when next.
//!
//! All hours are Indian Standard Time, the recipients' own zone, whatever zone the machine is set to.
//!
//! # The end guard
//!
//! Whoever is rung right before closing is on the phone after it. So nobody new is rung in the last five minutes, and
//! not in the second half of a stretch shorter than ten. A stretch is all that is open without a gap: where the next
//! band adjoins, also across midnight (`18:00-24:00,00:00-06:00` on two open days), nothing closes and there is no guard.
//! Neither is there one at the end of a day that is open throughout: such hours name no closing.
//!
//! [`Calendar`] answers with the guard taken off already: its closing is when the last person may be rung, and nobody who
//! asks it needs to know more.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound::{Excluded, Unbounded};
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

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

/// Nobody new is rung in so many seconds before closing.
const GUARD: i64 = 5 * 60;

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

    /// Returns whether nothing of these hours is outside the others.
    pub(super) fn lie_within(&self, outer: &Self) -> bool {
        self.within(outer).is_some_and(|both| both == *self)
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

impl Holidays {
    /// Returns the holidays on these dates.
    pub fn on(dates: impl IntoIterator<Item = Date>) -> Self {
        Self(dates.into_iter().collect())
    }

    fn first_after(&self, date: Date) -> Option<Date> {
        self.0.range((Excluded(date), Unbounded)).next().copied()
    }
}

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

/// Reads one date such as `2026-01-26`.
///
/// # Errors
/// When the text is anything else, though a date could be made out in it.
pub fn parse_date(text: &str) -> Result<Date, NotADate> {
    let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| NotADate(text.to_owned()))
}

impl FromStr for Holidays {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        if text.trim() == "none" {
            return Ok(Self::default());
        }
        text.split(',')
            .map(|word| parse_date(word.trim()))
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
    /// Returns whether somebody may be rung at this moment; the moment of closing itself is closed.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.closes_at(at).is_some()
    }

    /// Returns from when on nobody is rung any more; `None` when that is so already, [`Timestamp::MAX`] when never.
    pub fn closes_at(&self, at: Timestamp) -> Option<Timestamp> {
        let today = at.to_zoned(indian_time()).date();
        let (from, until) = self.band_at(today, at)?;
        if self.hours.are_always() {
            let closed = self.first_closed_after(today);
            return Some(closed.map_or(Timestamp::MAX, |date| moment(date, 0)));
        }
        // A day has gaps, so no stretch goes through more than one midnight.
        let (mut length, mut closing) = (until - from, moment(today, until));
        if until == DAY
            && let Some((date, until)) = self.morning_after(today)
        {
            length += until;
            closing = moment(date, until);
        }
        if from == 0 {
            length += self.evening_before(today).unwrap_or_default();
        }
        let half = i64::from(length) * 60 / 2;
        let last = closing - SignedDuration::from_secs(half.min(GUARD));
        (at < last).then_some(last)
    }

    /// Returns the next moment, `at` included, when somebody may be rung.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let mut date = at.to_zoned(indian_time()).date();
        // Any seven dates have an open weekday among them, and no more of those are holidays than there are holidays.
        for _ in 0..7 * (self.holidays.0.len() + 2) {
            if self.opens_on(date) {
                let openings = self.hours.bands.iter().map(|(from, _)| moment(date, *from));
                // A few minutes after midnight may belong to the guard of the evening before.
                let opening = openings.filter(|opening| *opening > at);
                if let Some(opening) = opening.into_iter().find(|opening| self.is_open(*opening)) {
                    return Some(opening);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Returns the first opening from `at` on that lies in another band of the day than `before`; `None` if there is none
    /// up to `latest`.
    pub(super) fn opening_in_another_band(
        &self,
        at: Timestamp,
        before: Timestamp,
        latest: Timestamp,
    ) -> Option<Timestamp> {
        let avoided = self.band_of(before);
        let mut opening = self.next_opening(at)?;
        while opening <= latest {
            if self.band_of(opening) != avoided {
                return Some(opening);
            }
            opening = self.next_opening(self.closes_at(opening)?)?;
        }
        None
    }

    /// Returns which band of the day a moment lies in, whatever day it is. Bands that meet at midnight are one.
    fn band_of(&self, at: Timestamp) -> Option<usize> {
        let bands = &self.hours.bands;
        let date = at.to_zoned(indian_time()).date();
        let band = bands
            .iter()
            .position(|(from, until)| (moment(date, *from)..moment(date, *until)).contains(&at))?;
        let round_midnight = bands[0].0 == 0 && bands[bands.len() - 1].1 == DAY;
        let is_last = band + 1 == bands.len();
        Some(if round_midnight && is_last { 0 } else { band })
    }

    fn opens_on(&self, date: Date) -> bool {
        self.days.includes(date.weekday()) && !self.holidays.0.contains(&date)
    }

    /// Returns the band of the date that the moment lies in.
    fn band_at(&self, date: Date, at: Timestamp) -> Option<(u16, u16)> {
        if !self.opens_on(date) {
            return None;
        }
        let mut bands = self.hours.bands.iter().copied();
        bands.find(|(from, until)| (moment(date, *from)..moment(date, *until)).contains(&at))
    }

    /// Returns the next date, and until when it is open from its midnight on.
    fn morning_after(&self, date: Date) -> Option<(Date, u16)> {
        let next = date.tomorrow().ok().filter(|next| self.opens_on(*next))?;
        let (from, until) = self.hours.bands.first()?;
        (*from == 0).then_some((next, *until))
    }

    /// Returns for how long the date before was open up to its last midnight.
    fn evening_before(&self, date: Date) -> Option<u16> {
        let before = date.yesterday().ok()?;
        let (from, until) = self.hours.bands.last()?;
        (self.opens_on(before) && *until == DAY).then_some(DAY - from)
    }

    /// Returns the first date after this one on which nobody is rung.
    fn first_closed_after(&self, date: Date) -> Option<Date> {
        let week = date.series(1.day()).skip(1).take(7);
        let closed = week.into_iter().find(|date| !self.opens_on(*date));
        // Whoever calls on each day of the week rests on holidays only.
        closed.or_else(|| self.holidays.first_after(date))
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

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    fn without(calendar: Calendar, holidays: &str) -> Calendar {
        Calendar {
            holidays: holidays.parse().unwrap(),
            ..calendar
        }
    }

    /// Fails unless the calendar opens or closes at each of these moments, and not a second earlier or later.
    #[track_caller]
    fn assert_turns(calendar: &Calendar, turns: &[(&str, bool)]) {
        for (time, open) in turns {
            let time = at(time);
            assert_eq!(calendar.is_open(time - SECOND), !open, "before {time}");
            assert_eq!(calendar.is_open(time), *open, "at {time}");
            assert_eq!(calendar.is_open(time + SECOND), *open, "after {time}");
        }
    }

    /// Fails unless all of these moments and the seconds around them are as said.
    #[track_caller]
    fn assert_all(calendar: &Calendar, times: &[&str], open: bool) {
        for time in times.iter().map(|time| at(time)) {
            for time in [time - SECOND, time, time + SECOND] {
                assert_eq!(calendar.is_open(time), open, "{time}");
            }
        }
    }

    // 2026-03-02 is a Monday.
    #[test]
    fn each_boundary_holds_to_the_second() {
        let calendar = calendar("09:00-13:00,15:30-21:00", "mon-sat");
        let turns = [
            ("2026-03-02T09:00:00", true),
            ("2026-03-02T12:55:00", false),
            ("2026-03-02T15:30:00", true),
            ("2026-03-02T20:55:00", false),
            ("2026-03-07T09:00:00", true),
            ("2026-03-07T20:55:00", false),
        ];
        assert_turns(&calendar, &turns);
        let closed = [
            "2026-03-02T00:00:00",
            "2026-03-02T13:00:00",
            "2026-03-02T21:00:00",
            "2026-03-08T00:00:00",
            "2026-03-08T09:00:00",
            "2026-03-08T20:55:00",
        ];
        assert_all(&calendar, &closed, false);
        let noon = at("2026-03-02T12:00:00");
        assert_eq!(calendar.closes_at(noon), Some(at("2026-03-02T12:55:00")));
        assert_eq!(calendar.closes_at(at("2026-03-02T12:55:00")), None);
    }

    #[test]
    fn a_short_band_opens_for_its_first_half() {
        for (hours, closing) in [
            ("10:00-10:01", "2026-03-02T10:00:30"),
            ("10:00-10:09", "2026-03-02T10:04:30"),
            ("10:00-10:10", "2026-03-02T10:05:00"),
            ("10:00-10:11", "2026-03-02T10:06:00"),
        ] {
            let calendar = calendar(hours, "mon-sun");
            assert_turns(
                &calendar,
                &[("2026-03-02T10:00:00", true), (closing, false)],
            );
        }
    }

    #[test]
    fn bands_that_meet_at_midnight_are_one_where_both_days_are_open() {
        let night = calendar("18:00-24:00,00:00-06:00", "mon,tue");
        let turns = [
            // Sunday is closed, so Monday begins at its midnight; Wednesday is, so Tuesday ends before its own.
            ("2026-03-02T00:00:00", true),
            ("2026-03-02T05:55:00", false),
            ("2026-03-02T18:00:00", true),
            ("2026-03-03T05:55:00", false),
            ("2026-03-03T23:55:00", false),
        ];
        assert_turns(&night, &turns);
        let joined = ["2026-03-02T23:55:00", "2026-03-03T00:00:00"];
        assert_all(&night, &joined, true);
        assert_all(&night, &["2026-03-04T00:00:00"], false);
        let evening = at("2026-03-02T20:00:00");
        assert_eq!(night.closes_at(evening), Some(at("2026-03-03T05:55:00")));

        // A holiday takes the join away on either side of it.
        let night = without(night, "2026-03-03");
        assert_turns(&night, &[("2026-03-02T23:55:00", false)]);
        assert_all(&night, &["2026-03-03T00:00:00"], false);
    }

    #[test]
    fn a_few_minutes_beyond_midnight_have_the_guard_of_the_whole_night() {
        let calendar = calendar("23:00-24:00,00:00-00:04", "mon-sun");
        assert_turns(&calendar, &[("2026-03-02T23:59:00", false)]);
        let midnight = at("2026-03-03T00:00:00");
        assert!(!calendar.is_open(midnight));
        let next = calendar.next_opening(at("2026-03-02T23:59:30"));
        assert_eq!(next, Some(at("2026-03-03T23:00:00")));
        // Both parts count for how short the stretch is.
        let short = super::tests::calendar("23:57-24:00,00:00-00:01", "mon-sun");
        assert_turns(&short, &[("2026-03-02T23:57:00", true)]);
        assert_turns(&short, &[("2026-03-02T23:59:00", false)]);
        assert_all(&short, &["2026-03-03T00:00:00"], false);
    }

    #[test]
    fn the_next_opening_skips_closed_days() {
        let calendar = calendar("09:00-13:00,15:30-21:00", "mon-sat");
        for (time, opening) in [
            ("2026-03-02T03:00:00", "2026-03-02T09:00:00"),
            ("2026-03-02T10:00:00", "2026-03-02T10:00:00"),
            ("2026-03-02T12:55:00", "2026-03-02T15:30:00"),
            ("2026-03-02T13:00:00", "2026-03-02T15:30:00"),
            ("2026-03-02T20:56:00", "2026-03-03T09:00:00"),
            ("2026-03-02T21:00:00", "2026-03-03T09:00:00"),
            ("2026-03-07T22:00:00", "2026-03-09T09:00:00"),
        ] {
            assert_eq!(calendar.next_opening(at(time)), Some(at(opening)), "{time}");
        }
    }

    #[test]
    fn a_holiday_is_closed_from_its_first_second_to_its_last() {
        let always = without(calendar("00:00-24:00", "mon-sun"), "2026-03-04,2026-03-06");
        let turns = [
            ("2026-03-04T00:00:00", false),
            ("2026-03-05T00:00:00", true),
            ("2026-03-06T00:00:00", false),
            ("2026-03-07T00:00:00", true),
        ];
        assert_turns(&always, &turns);
        for (time, closing) in [
            ("2026-01-01T12:00:00", at("2026-03-04T00:00:00")),
            ("2026-03-05T12:00:00", at("2026-03-06T00:00:00")),
            ("2026-03-07T12:00:00", Timestamp::MAX),
        ] {
            assert_eq!(always.closes_at(at(time)), Some(closing), "{time}");
        }
        let day = without(calendar("09:00-21:00", "mon-sun"), "2026-03-04");
        let closed = ["2026-03-04T09:00:00", "2026-03-04T20:55:00"];
        assert_all(&day, &closed, false);
        let next = day.next_opening(at("2026-03-03T20:55:00"));
        assert_eq!(next, Some(at("2026-03-05T09:00:00")));
    }

    #[test]
    fn an_opening_is_found_after_however_long_a_run_of_holidays() {
        let first: Date = "2026-03-02".parse().unwrap();
        for days in [1, 30, 400, 1500] {
            let holidays = Holidays::on(first.series(1.day()).take(days));
            // The 6th of April 2030 is a Saturday, and the run may end on any day.
            let calendar = Calendar {
                holidays,
                ..calendar("09:00-21:00", "sat")
            };
            let opening = calendar.next_opening(at("2026-03-02T10:00:00")).unwrap();
            let after = first.series(1.day()).skip(days);
            let date = after
                .into_iter()
                .find(|date| date.weekday() == Weekday::Saturday);
            assert_eq!(opening, moment(date.unwrap(), 9 * 60), "{days} days");
        }
        let never = Calendar {
            hours: Hours::never(),
            ..Calendar::default()
        };
        assert_eq!(never.next_opening(at("2026-03-02T10:00:00")), None);
    }

    #[test]
    fn a_day_that_is_open_throughout_has_no_guard_and_hours_that_never_close_do_not_close_at_midnight()
     {
        let always = calendar("00:00-24:00", "mon-sun");
        assert!(always.hours.are_always());
        let night = at("2026-03-02T23:59:59");
        assert_eq!(always.closes_at(night), Some(Timestamp::MAX));
        let weekdays = calendar("00:00-24:00", "mon-fri");
        let saturday = at("2026-03-07T00:00:00");
        assert_eq!(
            weekdays.closes_at(at("2026-03-02T12:00:00")),
            Some(saturday)
        );
        assert_turns(&weekdays, &[("2026-03-07T00:00:00", false)]);
        assert_turns(&weekdays, &[("2026-03-09T00:00:00", true)]);
        // Typed as two bands they are the same hours.
        let halves = calendar("00:00-12:00,12:00-24:00", "mon-fri");
        assert_eq!(halves, weekdays);
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

    /// Bands, days and holidays within these two weeks from Monday, the 2nd of March 2026.
    fn calendars() -> impl Strategy<Value = Calendar> {
        let edge = prop_oneof![3 => 0..=DAY, 1 => Just(0), 1 => Just(DAY), 1 => 0..12_u16, 1 => DAY - 12..=DAY];
        let edges = proptest::collection::btree_set(edge, 2..8);
        let hours = edges.prop_map(|edges| {
            let edges: Vec<_> = edges.into_iter().collect();
            Hours {
                bands: edges
                    .chunks_exact(2)
                    .map(|band| (band[0], band[1]))
                    .collect(),
            }
        });
        let days = proptest::array::uniform7(proptest::bool::weighted(0.8));
        let days = days.prop_filter("a day is open", |open| open.contains(&true));
        let monday: Date = "2026-03-02".parse().unwrap();
        let holidays = proptest::collection::btree_set(0..14_i64, 0..5);
        (hours, days, holidays).prop_map(move |(hours, open, holidays)| Calendar {
            hours,
            days: Days { open },
            holidays: Holidays::on(holidays.into_iter().map(|day| monday + day.days())),
        })
    }

    /// Whether the moment is within the hours, days and holidays as they are written, the guard aside.
    fn is_within(calendar: &Calendar, at: Timestamp) -> bool {
        let at = at.to_zoned(indian_time());
        let minute = i16::from(at.hour()) * 60 + i16::from(at.minute());
        let mut bands = calendar.hours.bands.iter();
        bands.any(|(from, until)| (*from..*until).contains(&minute.unsigned_abs()))
            && calendar.days.includes(at.weekday())
            && !calendar.holidays.0.contains(&at.date())
    }

    /// The guard as its rule reads, minute by minute: the seconds before this closing in which nobody is rung.
    fn guard_before(calendar: &Calendar, closing: Timestamp) -> i64 {
        let minute = SignedDuration::from_mins(1);
        let minutes = (1..=i64::from(DAY)).take_while(|back| {
            let back = i32::try_from(*back).unwrap();
            is_within(calendar, closing - minute * back)
        });
        match minutes.count() {
            // Midnight to midnight.
            1440 if closing.to_zoned(indian_time()).time() == jiff::civil::Time::midnight() => 0,
            open => 300.min(30 * i64::try_from(open).unwrap()),
        }
    }

    proptest! {
        #[test]
        fn nobody_is_rung_but_within_the_bands_on_open_days_and_before_the_guard(
            calendar in calendars(), second in 0_i64..14 * 86_400,
        ) {
            let time = at("2026-03-02T00:00:00") + SignedDuration::from_secs(second);
            let within = is_within(&calendar, time);
            let ahead = (1..=300_i64).map(|ahead| time + SignedDuration::from_secs(ahead));
            let closing = ahead.into_iter().find(|ahead| !is_within(&calendar, *ahead));
            let guarded = closing.is_some_and(|closing| {
                closing.duration_since(time).as_secs() <= guard_before(&calendar, closing)
            });
            prop_assert_eq!(calendar.is_open(time), within && !guarded);
        }

        #[test]
        fn an_opening_is_open_and_the_second_before_it_is_not(
            calendar in calendars(), second in 0_i64..14 * 86_400,
        ) {
            let time = at("2026-03-02T00:00:00") + SignedDuration::from_secs(second);
            let opening = calendar.next_opening(time).unwrap();
            prop_assert!(calendar.is_open(opening));
            if opening > time {
                prop_assert!(!calendar.is_open(time));
                prop_assert!(!calendar.is_open(opening - SECOND));
                let between = time + opening.duration_since(time) / 2;
                prop_assert!(!calendar.is_open(between), "{} comes first", between);
            }
        }

        #[test]
        fn a_closing_is_closed_and_all_up_to_it_is_open(
            calendar in calendars(), second in 0_i64..14 * 86_400, share in 0_i32..100,
        ) {
            let time = at("2026-03-02T00:00:00") + SignedDuration::from_secs(second);
            let closing = calendar.closes_at(time);
            prop_assert_eq!(closing.is_some(), calendar.is_open(time));
            if let Some(closing) = closing.filter(|closing| *closing < Timestamp::MAX) {
                prop_assert!(!calendar.is_open(closing));
                prop_assert!(calendar.is_open(closing - SECOND));
                let between = time + closing.duration_since(time) / 100 * share;
                prop_assert!(calendar.is_open(between), "{}", between);
            }
        }
    }
}
