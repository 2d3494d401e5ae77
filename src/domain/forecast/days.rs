//! A timetable: on which days how many calls start, and from when to when.

use std::collections::VecDeque;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::domain::hours::indian_time;

/// A day of calling, in Indian time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// When its first call starts.
    pub from: Timestamp,
    /// When its last call starts.
    pub to: Timestamp,
    /// How many calls start.
    pub calls: u64,
}

/// Counts calls by the day, in the order in which they start, and how fast they start at best.
#[derive(Clone, Default, Debug)]
pub struct Days {
    days: Vec<Day>,
    /// When the last of the days is over.
    over_at: Option<Timestamp>,
    /// The calls that started within the stretch that ends now.
    lately: VecDeque<Timestamp>,
    most: usize,
}

/// As long as this calls have to go on starting for a pace to be called one.
const STRETCH: SignedDuration = SignedDuration::from_mins(10);

impl Days {
    /// Counts a call that starts then, not before the one counted last.
    pub fn note(&mut self, at: Timestamp) {
        while self
            .lately
            .front()
            .is_some_and(|first| at.duration_since(*first) >= STRETCH)
        {
            self.lately.pop_front();
        }
        self.lately.push_back(at);
        self.most = self.most.max(self.lately.len());
        match self.days.last_mut() {
            Some(day) if self.over_at.is_some_and(|over| at < over) => {
                day.to = at;
                day.calls += 1;
            }
            _ => {
                let date = at.to_zoned(indian_time()).date();
                let midnight = date
                    .tomorrow()
                    .and_then(|next| next.to_zoned(indian_time()));
                self.over_at = midnight.ok().map(|midnight| midnight.timestamp());
                self.days.push(Day {
                    date,
                    from: at,
                    to: at,
                    calls: 1,
                });
            }
        }
    }

    /// Returns how many calls start in a minute of the ten that have most; of all the time, if that is shorter. Nothing
    /// can be said of a single call.
    pub fn calls_per_minute(&self) -> Option<f64> {
        let (first, last) = (self.days.first()?.from, self.days.last()?.to);
        let span = last.duration_since(first);
        if span >= STRETCH {
            return Some(self.most as f64 * 60.0 / STRETCH.as_secs_f64());
        }
        let calls: u64 = self.days.iter().map(|day| day.calls).sum();
        (calls > 1 && !span.is_zero()).then(|| (calls - 1) as f64 * 60.0 / span.as_secs_f64())
    }

    /// Returns the days that have calls.
    pub fn into_days(self) -> Vec<Day> {
        self.days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_in_india() {
        let at = |text: &str| {
            format!("2026-03-{text}+05:30")
                .parse::<Timestamp>()
                .unwrap()
        };
        let mut days = Days::default();
        for time in ["02T09:00:00", "02T23:59:59", "03T00:00:00", "05T10:00:00"] {
            days.note(at(time));
        }
        let shown = days.into_days().into_iter();
        let shown = shown.map(|day| (day.date.to_string(), day.from, day.to, day.calls));
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                (
                    "2026-03-02".to_owned(),
                    at("02T09:00:00"),
                    at("02T23:59:59"),
                    2
                ),
                (
                    "2026-03-03".to_owned(),
                    at("03T00:00:00"),
                    at("03T00:00:00"),
                    1
                ),
                (
                    "2026-03-05".to_owned(),
                    at("05T10:00:00"),
                    at("05T10:00:00"),
                    1
                ),
            ]
        );
    }
}
