//! Doubts: attempts that may or may not have been placed, and what a search of the provider's list says of them.
//!
//! The list shows ended calls only. So a call that is in it was placed; a call that is not in it proves nothing before
//! the horizon, when it must have ended and been written down. And even then absence is believed only if the whole list
//! was read, twice, and showed the calls that we know of. Nothing in here makes anybody diallable.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::call::{CallSid, ListedCall, Window};
use super::clocks::{self, earlier, later};
use super::phone::PhoneNumber;

/// How long lost calls are given to show up, and how often is looked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patience {
    /// How long a reply is waited for.
    pub reply_timeout: Duration,
    /// How long the provider may keep an order in a queue before it dials.
    pub queue_allowance: Duration,
    /// How long after its end a call may be missing from the list (Exotel's details settle within minutes).
    pub record_lag: Duration,
    /// When to look, counted from the moment the request may have left; the horizon is always looked at.
    pub looks: Vec<Duration>,
    /// How far apart two scans must be that prove absence together.
    pub scans_apart: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            reply_timeout: Duration::from_secs(30),
            queue_allowance: minutes(2),
            record_lag: minutes(5),
            looks: [1, 3, 10, 30].map(minutes).to_vec(),
            scans_apart: minutes(10),
        }
    }
}

impl Patience {
    /// Returns how long after a request may have left its call must have ended and been listed, if there is one.
    pub fn horizon(&self, ring: Duration, talk_limit: Duration) -> Duration {
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::HorizonZero) {
            return Duration::ZERO;
        }
        self.reply_timeout + self.queue_allowance + ring + talk_limit + self.record_lag
    }

    /// Returns when the call of a request that left within `sent` was created, by the provider's clock.
    pub fn created(&self, sent: Window) -> Window {
        let latest = self.reply_timeout + self.queue_allowance + clocks::MAY_DIFFER;
        Window {
            from: earlier(sent.from, clocks::MAY_DIFFER),
            to: later(sent.to, latest),
        }
    }

    /// Returns when to look first.
    pub fn first_look(&self, doubted: &Doubted) -> Timestamp {
        self.next_look(doubted, doubted.sent.from)
    }

    /// Returns when to look again, after a look at `now` that has settled nothing.
    pub fn next_look(&self, doubted: &Doubted, now: Timestamp) -> Timestamp {
        if let Some(clear) = doubted.clear {
            let second = later(clear.at, self.scans_apart);
            return second.max(self.once_more(doubted, now));
        }
        let planned = self
            .looks
            .iter()
            .map(|after| later(doubted.sent.from, *after));
        planned
            .chain([doubted.settles_at])
            .filter(|at| *at > now)
            .min()
            .unwrap_or_else(|| self.once_more(doubted, now))
    }

    /// A look at the horizon or later was not complete: again soon, and ever more rarely.
    fn once_more(&self, doubted: &Doubted, now: Timestamp) -> Timestamp {
        let overdue = Duration::try_from(now.duration_since(doubted.settles_at));
        let wait = overdue.unwrap_or_default() / 2;
        let soonest = Duration::from_secs(10).min(self.scans_apart);
        later(now, wait.clamp(soonest, self.scans_apart))
    }
}

/// What is known of a doubt besides whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubted {
    /// When the request may have left.
    pub sent: Window,
    /// The horizon: before it, absence from the list proves nothing.
    pub settles_at: Timestamp,
    /// The first complete scan at the horizon or later that did not show the call.
    pub clear: Option<Clear>,
}

/// A complete scan that did not show a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clear {
    /// When it began, by the provider's clock.
    pub at: Timestamp,
    /// How much its silence is worth.
    pub grade: Grade,
}

/// How much the absence of a call is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Grade {
    /// The search itself may not work: nothing that we know of was there to be shown, or not all of it was, or not in
    /// both scans.
    Weak,
    /// All other calls of that time that we know of were shown.
    Strong,
}

impl Grade {
    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no grade.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no grade of evidence")]
pub struct NotAGrade(pub String);

impl FromStr for Grade {
    type Err = NotAGrade;

    fn from_str(text: &str) -> Result<Self, NotAGrade> {
        [Self::Weak, Self::Strong]
            .into_iter()
            .find(|grade| grade.as_str() == text)
            .ok_or_else(|| NotAGrade(text.to_owned()))
    }
}

/// What a search has shown so far, page by page.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scan {
    calls: Vec<ListedCall>,
    sids: HashSet<CallSid>,
    /// What the first page gave as the total; later pages must agree.
    total: Option<u64>,
    pages: u32,
    has_gaps: bool,
    began_at: Option<Timestamp>,
}

impl Scan {
    /// Takes in a page: its calls, how many rows could not be read, how many calls there are in all, and what the
    /// provider's clock and ours showed.
    pub fn add(
        &mut self,
        calls: Vec<ListedCall>,
        unreadable: u64,
        total: Option<u64>,
        theirs: Option<Timestamp>,
        ours: Timestamp,
    ) {
        let clocks_agree = theirs.is_some_and(|theirs| clocks::disagree(ours, theirs).is_none());
        if self.pages == 0 {
            self.total = total;
            // The earlier of the two: neither clock alone may bring the horizon nearer.
            self.began_at = theirs.map(|theirs| theirs.min(ours));
        }
        // Calls that end while the pages are read change the total: such a scan may have missed one.
        self.has_gaps |= unreadable > 0 || total.is_none() || total != self.total || !clocks_agree;
        self.pages += 1;
        for call in calls {
            if self.sids.insert(call.report.sid.clone()) {
                self.calls.push(call);
            }
        }
    }

    /// Returns how many pages were read.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Returns all calls that were shown.
    pub fn calls(&self) -> &[ListedCall] {
        &self.calls
    }

    /// Returns how many calls the provider counts.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Returns whether this call was shown.
    pub fn shows(&self, sid: &CallSid) -> bool {
        self.sids.contains(sid)
    }

    /// Returns when the scan began by the provider's clock, if it has shown every call there is.
    ///
    /// That is: every page was read and every row on it, as many different calls as the provider counts, and the clocks
    /// agree.
    pub fn complete_since(&self) -> Option<Timestamp> {
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::IncompleteIsProof) {
            return self.began_at;
        }
        let seen = self.sids.len() as u64;
        let complete = !self.has_gaps && self.pages > 0 && self.total == Some(seen);
        self.began_at.filter(|_| complete)
    }

    /// Returns the calls that may be this one: rung there, from there, created then.
    pub fn matching(
        &self,
        number: PhoneNumber,
        caller_id: Option<PhoneNumber>,
        created: Window,
    ) -> impl Iterator<Item = &ListedCall> {
        self.calls.iter().filter(move |call| {
            let from_us = match (caller_id, call.caller_id) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            };
            call.report.number == Some(number)
                && from_us
                && call.created_at.is_none_or(|at| created.contains(at))
        })
    }
}

/// What a complete scan without the call comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// Nothing: the call may still be under way, or the last scan was just now.
    MeansNothing,
    /// The first of the two that are needed.
    Noted(Clear),
    /// The call is not there, and this is what that is worth.
    Absent(Grade),
}

/// Judges a complete scan that did not show the call.
pub fn judge_silence(doubted: &Doubted, scan: Clear, patience: &Patience) -> Silence {
    if scan.at < doubted.settles_at {
        return Silence::MeansNothing;
    }
    match doubted.clear {
        None => Silence::Noted(scan),
        Some(first) if scan.at < later(first.at, patience.scans_apart) => Silence::MeansNothing,
        Some(first) => Silence::Absent(first.grade.min(scan.grade)),
    }
}

/// Returns how long a doubt holds its line: as long as its call may ring, and two minutes more.
pub fn holds_line_for(ring: Duration) -> Duration {
    ring + Duration::from_secs(120)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::{CallReport, CallStatus, Outcome};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn doubted(clear: Option<i64>) -> Doubted {
        let patience = Patience::default();
        let horizon = patience.horizon(Duration::from_secs(30), Duration::from_secs(900));
        Doubted {
            sent: Window {
                from: at(0),
                to: at(0),
            },
            settles_at: later(at(0), horizon),
            clear: clear.map(|seconds| Clear {
                at: at(seconds),
                grade: Grade::Strong,
            }),
        }
    }

    fn listed(sid: &str, number: &str, created: i64) -> ListedCall {
        ListedCall {
            report: CallReport {
                sid: sid.parse().unwrap(),
                status: CallStatus::Ended(Outcome::Completed),
                number: Some(number.parse().unwrap()),
                started_at: None,
                ended_at: None,
                duration_s: None,
                price: None,
            },
            created_at: Some(at(created)),
            caller_id: None,
        }
    }

    #[test]
    fn looks_are_rare_and_the_horizon_is_among_them() {
        let patience = Patience::default();
        let mut looks = Vec::new();
        let mut now = patience.first_look(&doubted(None));
        while now < at(40 * 60) {
            looks.push(now.duration_since(at(0)).as_secs());
            now = patience.next_look(&doubted(None), now);
        }
        // 23 min are 30 s for the reply, 2 min in a queue, 30 s of ringing, 15 min of talk, 5 min of lag.
        assert_eq!(looks[..5], [60, 180, 600, 1380, 1800]);
        assert!(looks.len() < 12, "{looks:?}");
        let second = patience.next_look(&doubted(Some(1380)), at(1380));
        assert_eq!(second, at(1380 + 600));
    }

    #[test]
    fn silence_before_the_horizon_means_nothing_and_after_it_only_twice() {
        let patience = Patience::default();
        let scan = |seconds, grade| Clear {
            at: at(seconds),
            grade,
        };
        for (clear, scan, expected) in [
            (None, scan(1379, Grade::Strong), Silence::MeansNothing),
            (
                None,
                scan(1380, Grade::Strong),
                Silence::Noted(scan(1380, Grade::Strong)),
            ),
            (Some(1380), scan(1979, Grade::Strong), Silence::MeansNothing),
            (
                Some(1380),
                scan(1980, Grade::Strong),
                Silence::Absent(Grade::Strong),
            ),
            (
                Some(1380),
                scan(1980, Grade::Weak),
                Silence::Absent(Grade::Weak),
            ),
        ] {
            assert_eq!(judge_silence(&doubted(clear), scan, &patience), expected);
        }
    }

    #[test]
    fn only_a_scan_that_was_read_to_its_end_is_complete() {
        let call = |sid| listed(sid, "9876500000", 5);
        let scan = |pages: &[(Vec<ListedCall>, u64, Option<u64>, i64)]| {
            let mut scan = Scan::default();
            for (calls, unreadable, total, theirs) in pages {
                scan.add(calls.clone(), *unreadable, *total, Some(at(*theirs)), at(0));
            }
            scan.complete_since()
        };
        let whole = scan(&[
            (vec![call("a1")], 0, Some(2), 7),
            (vec![call("b2")], 0, Some(2), 9),
        ]);
        assert_eq!(
            whole,
            Some(at(0)),
            "as of its first page, by the clock that is behind"
        );
        assert_eq!(scan(&[(vec![], 0, Some(0), -9)]), Some(at(-9)));
        assert_eq!(scan(&[(vec![], 0, Some(0), 0)]), Some(at(0)));
        for (pages, why) in [
            (vec![], "nothing was read"),
            (vec![(vec![call("a1")], 0, None, 0)], "no total"),
            (vec![(vec![call("a1")], 0, Some(2), 0)], "a row is missing"),
            (
                vec![(vec![call("a1"), call("a1")], 0, Some(2), 0)],
                "one call twice is no two calls",
            ),
            (
                vec![(vec![call("a1")], 1, Some(1), 0)],
                "a row that cannot be read may be ours",
            ),
            (
                vec![
                    (vec![call("a1")], 0, Some(1), 0),
                    (vec![call("b2")], 0, Some(2), 0),
                ],
                "the list grew while it was read",
            ),
            (
                vec![(vec![call("a1")], 0, Some(1), 121)],
                "clocks that disagree",
            ),
        ] {
            assert_eq!(scan(&pages), None, "{why}");
        }
    }

    #[test]
    fn a_match_has_the_number_the_exophone_and_the_time() {
        let number: PhoneNumber = "9876500000".parse().unwrap();
        let exophone = PhoneNumber::parse_caller_id("08098765000").unwrap();
        let other = PhoneNumber::parse_caller_id("08098765001").unwrap();
        let created = Patience::default().created(Window {
            from: at(0),
            to: at(5),
        });
        let mut scan = Scan::default();
        let from = |caller_id, call| ListedCall {
            caller_id: Some(caller_id),
            ..call
        };
        let calls = vec![
            from(exophone, listed("ok1", "9876500000", 0)),
            listed("ok2", "9876500000", -120),
            listed("ok3", "9876500000", 5 + 30 + 120 + 120),
            listed("early", "9876500000", -121),
            listed("late", "9876500000", 5 + 30 + 120 + 121),
            listed("else", "9876500001", 0),
            from(other, listed("foreign", "9876500000", 0)),
        ];
        scan.add(calls, 0, Some(7), Some(at(0)), at(0));
        let found: Vec<_> = scan
            .matching(number, Some(exophone), created)
            .map(|call| call.report.sid.as_str())
            .collect();
        assert_eq!(found, ["ok1", "ok2", "ok3"]);
    }
}
