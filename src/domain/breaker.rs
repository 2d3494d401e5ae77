//! The circuit breaker: when replies get lost one after another, nobody is called until the way is known to work again.
//!
//! Each lost reply is a person who may have been called and cannot be called again. Whatever loses them, calling on
//! makes more of them. So new calls stop; then a GET must succeed, the calls in doubt are looked for, and one call is
//! tried alone. If its reply comes, all is well. What a crash left in doubt says nothing about the way and is not
//! counted.

use std::collections::VecDeque;
use std::time::Duration;

/// Doubts among the last so many dials that trip it.
const DOUBTS: usize = 3;
const DIALS: usize = 20;

/// The share of doubts that trips it, in per cent of a window with enough dials to tell.
const PERCENT: usize = 1;
const ENOUGH_DIALS: usize = 200;
const WINDOW: Duration = Duration::from_secs(600);

/// When trying again has failed for this long, the run gives up.
const GIVES_UP_AFTER: Duration = Duration::from_secs(600);

/// Doubts this old must have been looked for before another call is tried.
pub const LOOKED_FOR_AFTER: Duration = Duration::from_secs(120);

/// The shortest and the longest wait before another call is tried.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Watches over the replies of one run.
#[derive(Clone, Default, Debug)]
pub struct Breaker {
    /// When each reply of the window came, and whether it was lost.
    dials: VecDeque<(Duration, bool)>,
    doubts: usize,
    tripped: Option<Tripped>,
}

#[derive(Clone, Copy, Debug)]
struct Tripped {
    since: Duration,
    /// No call is tried before this.
    tries_at: Duration,
    /// How long is waited before a call is tried.
    length: Duration,
    /// Whether a GET has succeeded since the last lost reply.
    reached: bool,
    /// Whether the one call is under way. Replies to earlier ones say nothing new.
    trying: bool,
    /// Whether trying has failed for too long.
    in_vain: bool,
}

impl Tripped {
    fn at(now: Duration) -> Self {
        Self {
            since: now,
            tries_at: now + WAITS[0],
            length: WAITS[0],
            reached: false,
            trying: false,
            in_vain: false,
        }
    }

    /// One more of the calls that were under way when it tripped was lost: the wait begins anew and grows no longer by
    /// that. However many were under way, they are one trouble.
    fn begin_anew(&mut self, now: Duration) {
        self.tries_at = self.tries_at.max(now + self.length);
        self.reached = false;
    }

    /// Trying was in vain: the next time is later.
    fn wait(&mut self, now: Duration) {
        self.length = (self.length * 2).min(WAITS[1]);
        self.tries_at = now + self.length;
        (self.reached, self.trying) = (false, false);
        // Only what has failed counts: nobody may have been due all that time.
        self.in_vain = now >= self.since + GIVES_UP_AFTER;
    }
}

/// What the breaker says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Go on.
    Closed,
    /// Nobody is called; it asks for a GET, unless one is under way.
    NeedsGet,
    /// Nobody is called before this time since boot.
    Waits(Duration),
    /// The one call is under way.
    Tries,
    /// One call may be tried, alone, as soon as the doubts were looked for.
    MayTry,
    /// Trying has failed for too long.
    GivesUp,
}

impl Breaker {
    /// Notes that a call was answered as calls should be; if it was the one that was tried, all is well.
    pub fn answered(&mut self, now: Duration) {
        if self.tripped.is_some_and(|tripped| tripped.trying) {
            *self = Self::default();
        }
        self.note(now, false);
    }

    /// Notes that a call was answered by a refusal that says nothing of the call, or was not sent at all: if it was the
    /// one that was tried, nothing is known yet.
    pub fn not_answered(&mut self, now: Duration) {
        if let Some(tripped) = self.tripped.as_mut().filter(|tripped| tripped.trying) {
            tripped.wait(now);
        }
    }

    /// Returns whether calls go out one at a time, if at all.
    pub fn has_tripped(&self) -> bool {
        self.tripped.is_some()
    }

    /// Notes that a call is permitted: if it has tripped, that is the one that is tried.
    pub fn tries(&mut self) {
        if let Some(tripped) = &mut self.tripped {
            tripped.trying = true;
        }
    }

    /// Notes that a GET was not answered.
    pub fn not_reached(&mut self, now: Duration) {
        if let Some(tripped) = &mut self.tripped {
            tripped.wait(now);
        }
    }

    /// Notes that the reply to a call was lost.
    pub fn lost(&mut self, now: Duration) {
        self.note(now, true);
        match self.tripped.as_mut() {
            Some(tripped) if tripped.trying => tripped.wait(now),
            Some(tripped) => tripped.begin_anew(now),
            None => self.tripped = self.is_too_much().then(|| Tripped::at(now)),
        }
    }

    /// Notes that a GET has succeeded.
    pub fn reached(&mut self) {
        if let Some(tripped) = &mut self.tripped {
            tripped.reached = true;
        }
    }

    /// Returns what to do now.
    pub fn verdict(&self, now: Duration) -> Verdict {
        match self.tripped {
            None => Verdict::Closed,
            Some(tripped) if tripped.in_vain => Verdict::GivesUp,
            Some(tripped) if tripped.trying => Verdict::Tries,
            Some(tripped) if now < tripped.tries_at => Verdict::Waits(tripped.tries_at),
            Some(tripped) if !tripped.reached => Verdict::NeedsGet,
            Some(_) => Verdict::MayTry,
        }
    }

    fn note(&mut self, now: Duration, lost: bool) {
        while let Some((at, was_lost)) = self.dials.front().copied() {
            // The last few dials count however long ago they were.
            if at + WINDOW > now || self.dials.len() < DIALS {
                break;
            }
            self.dials.pop_front();
            self.doubts -= usize::from(was_lost);
        }
        self.dials.push_back((now, lost));
        self.doubts += usize::from(lost);
    }

    fn is_too_much(&self) -> bool {
        let latest = self.dials.iter().rev().take(DIALS);
        let many = latest.filter(|(_, lost)| *lost).count() >= DOUBTS;
        let share =
            self.dials.len() >= ENOUGH_DIALS && self.doubts * 100 > self.dials.len() * PERCENT;
        many || share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Notes a reply a second, lost where it says `x`.
    fn after(story: &str) -> Breaker {
        let mut breaker = Breaker::default();
        for (at, reply) in (0..).zip(story.chars()) {
            match reply {
                'x' => breaker.lost(second(at)),
                _ => breaker.answered(second(at)),
            }
        }
        breaker
    }

    #[test]
    fn three_lost_replies_in_twenty_dials_trip_it() {
        let nineteen = ".".repeat(17);
        for (story, trips) in [
            ("xx".to_owned(), false),
            ("xxx".to_owned(), true),
            (format!("xx{nineteen}x"), true),
            (format!("xx{nineteen}.x"), false),
            ("..x..x..x".to_owned(), true),
        ] {
            let tripped = after(&story).tripped.is_some();
            assert_eq!(tripped, trips, "{story}");
        }
    }

    #[test]
    fn more_than_one_in_a_hundred_trips_it_once_there_are_two_hundred() {
        let spaced = |times: usize| format!("x{}", ".".repeat(39)).repeat(times);
        assert!(after(&spaced(4)).tripped.is_none(), "160 dials");
        assert!(
            after(&(spaced(4) + &".".repeat(40) + "x"))
                .tripped
                .is_some()
        );
        let rare = format!("{}x", ".".repeat(109)).repeat(5);
        assert!(after(&rare).tripped.is_none(), "one in 110");
    }

    #[test]
    fn a_window_forgets() {
        let mut breaker = Breaker::default();
        for n in 0..200 {
            if n % 50 == 0 {
                breaker.lost(second(n));
            } else {
                breaker.answered(second(n));
            }
        }
        assert!(
            breaker.tripped.is_none(),
            "the fourth came before there were two hundred"
        );
        for n in 0..30 {
            breaker.answered(second(2_000 + n));
        }
        breaker.lost(second(2_030));
        assert!(breaker.tripped.is_none());
        assert!(breaker.dials.len() < 60, "{}", breaker.dials.len());
    }

    #[test]
    fn it_waits_for_a_get_and_then_lets_one_call_be_tried() {
        let mut breaker = after("xxx");
        assert_eq!(breaker.verdict(second(2)), Verdict::Waits(second(3)));
        assert_eq!(breaker.verdict(second(3)), Verdict::NeedsGet);
        breaker.reached();
        assert_eq!(breaker.verdict(second(3)), Verdict::MayTry);
        breaker.answered(second(3));
        assert_eq!(
            breaker.verdict(second(3)),
            Verdict::MayTry,
            "an earlier call's reply"
        );
        breaker.tries();
        assert_eq!(breaker.verdict(second(3)), Verdict::Tries, "one at a time");
        breaker.lost(second(4));
        assert_eq!(breaker.verdict(second(4)), Verdict::Waits(second(6)));
        assert_eq!(breaker.verdict(second(6)), Verdict::NeedsGet);
        breaker.reached();
        breaker.tries();
        breaker.answered(second(7));
        assert_eq!(breaker.verdict(second(7)), Verdict::Closed);
        breaker.lost(second(8));
        assert_eq!(
            breaker.verdict(second(8)),
            Verdict::Closed,
            "it counts anew"
        );
    }

    #[test]
    fn however_many_calls_were_under_way_the_first_wait_is_the_shortest() {
        let mut breaker = after(&"x".repeat(40));
        assert_eq!(breaker.verdict(second(39)), Verdict::Waits(second(40)));
        breaker.reached();
        breaker.lost(second(40));
        assert_eq!(breaker.verdict(second(40)), Verdict::Waits(second(41)));
        let verdict = breaker.verdict(second(41));
        assert_eq!(verdict, Verdict::NeedsGet, "what is known is from before");
        breaker.reached();
        breaker.tries();
        breaker.lost(second(42));
        assert_eq!(breaker.verdict(second(42)), Verdict::Waits(second(44)));
    }

    #[test]
    fn a_refusal_of_the_call_that_is_tried_is_no_success() {
        let mut breaker = after("xxx");
        breaker.reached();
        breaker.tries();
        breaker.not_answered(second(3));
        assert_eq!(breaker.verdict(second(3)), Verdict::Waits(second(5)));
        assert!(breaker.has_tripped());
    }

    #[test]
    fn nobody_due_for_an_hour_is_no_failure() {
        let mut breaker = after("xxx");
        breaker.reached();
        assert_eq!(breaker.verdict(second(3_600)), Verdict::MayTry);
        breaker.tries();
        breaker.answered(second(3_601));
        assert_eq!(breaker.verdict(second(3_601)), Verdict::Closed);
    }

    #[test]
    fn it_gives_up_after_ten_minutes_of_trying() {
        let mut breaker = after("xxx");
        let (mut now, mut tries) = (second(2), Vec::new());
        loop {
            match breaker.verdict(now) {
                Verdict::Waits(until) => now = until,
                Verdict::NeedsGet => breaker.reached(),
                Verdict::MayTry => {
                    tries.push(now.as_secs());
                    breaker.tries();
                    breaker.lost(now);
                }
                Verdict::GivesUp => break,
                verdict @ (Verdict::Closed | Verdict::Tries) => panic!("{verdict:?}"),
            }
        }
        assert!(now >= second(602), "{now:?}");
        assert_eq!(tries[..7], [3, 5, 9, 17, 33, 65, 125]);
        assert!(tries.len() < 17, "{tries:?}");
    }
}
