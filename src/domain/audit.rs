//! An audit: our ledger of a campaign's calls held against the provider's list, both ways.
//!
//! The list shows ended calls only, and those some minutes late. So a call that it lacks is missing only if it ended
//! long enough ago, and a call that nobody owns is nobody's only if no attempt that waits for its reply can own it. An
//! audit finds; it moves nobody, and is never a reason to dial.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::call::{CallReport, CallSid, CallStatus, ListedCall, Outcome, Window};
use super::clocks::{earlier, later};
use super::phone::PhoneNumber;
use super::tracking::PRICE_SETTLES_AFTER;

/// The widest window that the list is asked for: Exotel takes a month at most (developer.exotel.com, "Bulk call
/// details").
pub const WIDEST_WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// How far the provider's list goes back: six months (the same page).
pub const LIST_GOES_BACK: Duration = Duration::from_secs(180 * 86_400);

/// Returns the windows that cover a period, the oldest first. Each ends where the next begins.
///
/// The last one is short: calls that end while its pages are turned change its total, and such a reading is not whole.
pub fn walk(period: Window, recent: Duration) -> Vec<Window> {
    let mut windows = Vec::new();
    let settled = earlier(period.to, recent).max(period.from);
    let mut from = period.from;
    while from < settled {
        let to = later(from, WIDEST_WINDOW).min(settled);
        windows.push(Window { from, to });
        from = to;
    }
    if from < period.to || windows.is_empty() {
        let to = period.to;
        windows.push(Window { from, to });
    }
    windows
}

/// A call of the campaign whose end we know. `A` names attempts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OurCall<A> {
    /// Whose call it is.
    pub attempt: A,
    /// The call.
    pub sid: CallSid,
    /// Who was rung.
    pub number: PhoneNumber,
    /// How it ended.
    pub outcome: Outcome,
    /// Its length, as the provider gave it.
    pub duration_s: Option<u32>,
    /// Its price, as the provider gave it.
    pub price: Option<String>,
    /// When it was permitted.
    pub intent_at: Timestamp,
    /// When it ended, as the provider gave it.
    pub ended_at: Option<Timestamp>,
    /// When we learnt that it had.
    pub closed_at: Timestamp,
}

/// An attempt that may own a call that nobody owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimant<A> {
    /// The attempt.
    pub attempt: A,
    /// Who may have been rung.
    pub number: PhoneNumber,
    /// The ExoPhone that was to be shown, where somebody wrote it down.
    pub caller_id: Option<PhoneNumber>,
    /// When its call was created, if there is one, by the provider's clock.
    pub created: Window,
}

impl<A> Claimant<A> {
    fn may_own(&self, call: &ListedCall) -> bool {
        let from_there = match (self.caller_id, call.caller_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        call.report.number == Some(self.number)
            && from_there
            && call.created_at.is_none_or(|at| self.created.contains(at))
    }
}

/// What we have written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger<A> {
    /// The campaign's calls whose end is known.
    pub ended: Vec<OurCall<A>>,
    /// Calls of the list that other attempts own: of other campaigns, or not known to have ended.
    pub owned_elsewhere: HashSet<CallSid>,
    /// Attempts of all campaigns that may or may not have placed a call.
    pub unresolved: Vec<Claimant<A>>,
    /// Attempts of all campaigns that wait for the reply to their POST.
    pub unanswered: Vec<Claimant<A>>,
    /// Those of the numbers in the list that are contacts of the campaign.
    pub contacts: HashSet<PhoneNumber>,
}

/// When the list was read, and how late it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// When the reading began.
    pub began_at: Timestamp,
    /// How long after its end a call may be missing.
    pub record_lag: Duration,
}

impl Reading {
    /// Returns whether the list must show a call.
    fn must_show<A>(&self, call: &OurCall<A>) -> bool {
        call.closed_at <= earlier(self.began_at, self.record_lag)
    }
}

/// What an audit has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit<A> {
    /// Calls that both know, differences among them included.
    pub matched: u64,
    /// Calls that the provider does not know, or does not show.
    pub only_ours: Vec<OurCall<A>>,
    /// Calls that no attempt owns.
    pub only_theirs: Vec<Stranger<A>>,
    /// What we and the provider say otherwise of a call that both know.
    pub different: Vec<Difference<A>>,
    /// Calls that are not compared yet: the list may not show them, or their reply may be under way.
    pub recent: u64,
}

impl<A> Audit<A> {
    /// Returns how many calls of ours were compared.
    pub fn ours(&self) -> u64 {
        self.matched + self.only_ours.len() as u64
    }

    /// Returns how many calls of the list concern the campaign.
    pub fn theirs(&self) -> u64 {
        self.matched + self.only_theirs.len() as u64
    }

    /// Returns whether both say the same.
    pub fn is_clean(&self) -> bool {
        self.only_ours.is_empty() && self.only_theirs.is_empty() && self.different.is_empty()
    }
}

/// A call that no attempt owns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stranger<A> {
    /// As the list shows it.
    pub call: ListedCall,
    /// Whether the campaign has this number.
    pub is_contact: bool,
    /// The attempts whose call it may be.
    pub claimants: Vec<A>,
    /// Whether it may be one attempt's alone, and that attempt has no other.
    pub is_clear: bool,
}

/// Something that we and the provider say otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference<A> {
    /// Whose call it is.
    pub attempt: A,
    /// Who was rung, as we know it.
    pub number: PhoneNumber,
    /// What is said otherwise.
    pub what: What,
    /// In our words.
    pub ours: String,
    /// In theirs.
    pub theirs: String,
    /// The call as they show it.
    pub report: CallReport,
}

/// What can be said otherwise of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Who was rung.
    Number,
    /// How it ended.
    Outcome,
    /// How long it took.
    Duration,
    /// What it cost.
    Price,
}

impl What {
    /// Returns the word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Outcome => "outcome",
            Self::Duration => "duration_s",
            Self::Price => "price",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns our calls that the list must show and does not: to be asked for by name before anything is said of them.
pub fn missing<'a, A>(
    ledger: &'a Ledger<A>,
    theirs: &[ListedCall],
    reading: Reading,
) -> Vec<&'a OurCall<A>> {
    let shown: HashSet<_> = theirs.iter().map(|call| &call.report.sid).collect();
    let ended = ledger.ended.iter();
    ended
        .filter(|call| !shown.contains(&call.sid) && reading.must_show(call))
        .collect()
}

/// Holds the ledger against the list; a call that is listed several times counts as it was listed last.
pub fn compare<A: Copy + Eq + std::hash::Hash>(
    ledger: &Ledger<A>,
    theirs: &[ListedCall],
    reading: Reading,
) -> Audit<A> {
    let listed: HashMap<&CallSid, &ListedCall> =
        theirs.iter().map(|call| (&call.report.sid, call)).collect();
    let mut audit = Audit {
        matched: 0,
        only_ours: Vec::new(),
        only_theirs: Vec::new(),
        different: Vec::new(),
        recent: 0,
    };
    let mut owned: HashSet<&CallSid> = ledger.owned_elsewhere.iter().collect();
    for ours in &ledger.ended {
        owned.insert(&ours.sid);
        match listed.get(&ours.sid) {
            Some(theirs) => {
                audit.matched += 1;
                let found = differences(ours, &theirs.report, reading.began_at);
                audit.different.extend(found);
            }
            None if reading.must_show(ours) => audit.only_ours.push(ours.clone()),
            None => audit.recent += 1,
        }
    }
    let mut seen = HashSet::new();
    for call in theirs {
        let sid = &call.report.sid;
        if owned.contains(sid) || !seen.insert(sid) {
            continue;
        }
        let call = listed.get(sid).copied().unwrap_or(call);
        if ledger.unanswered.iter().any(|one| one.may_own(call)) {
            audit.recent += 1;
            continue;
        }
        let claimants = ledger.unresolved.iter().filter(|one| one.may_own(call));
        audit.only_theirs.push(Stranger {
            claimants: claimants.map(|one| one.attempt).collect(),
            is_contact: (call.report.number)
                .is_some_and(|number| ledger.contacts.contains(&number)),
            is_clear: false,
            call: call.clone(),
        });
    }
    audit.only_theirs.sort_by_key(|one| one.call.created_at);
    mark_clear_claims(&mut audit.only_theirs);
    audit
}

/// A call is clearly an attempt's if it can be no other attempt's, nor the attempt's any other call.
fn mark_clear_claims<A: Copy + Eq + std::hash::Hash>(strangers: &mut [Stranger<A>]) {
    let mut calls: HashMap<A, u32> = HashMap::new();
    for attempt in strangers.iter().flat_map(|one| &one.claimants) {
        *calls.entry(*attempt).or_default() += 1;
    }
    for stranger in strangers {
        stranger.is_clear = match stranger.claimants.as_slice() {
            [attempt] => calls.get(attempt) == Some(&1),
            _ => false,
        };
    }
}

fn differences<A: Copy>(
    ours: &OurCall<A>,
    theirs: &CallReport,
    now: Timestamp,
) -> Vec<Difference<A>> {
    let mut found = Vec::new();
    let mut say = |what, ours_says: String, theirs_says: String| {
        found.push(Difference {
            attempt: ours.attempt,
            number: ours.number,
            what,
            ours: ours_says,
            theirs: theirs_says,
            report: theirs.clone(),
        });
    };
    if let Some(number) = theirs
        .number
        .filter(|number| *number != ours.number && !ours.number.is_forgotten())
    {
        say(What::Number, ours.number.to_string(), number.to_string());
    }
    let ended = match &theirs.status {
        CallStatus::Ended(outcome) => outcome.as_str(),
        CallStatus::Running => "in-progress",
        CallStatus::Other(text) => text,
    };
    if theirs.status != CallStatus::Ended(ours.outcome) {
        say(What::Outcome, ours.outcome.to_string(), ended.to_owned());
    }
    let ended_at = theirs.ended_at.or(ours.ended_at).unwrap_or(ours.closed_at);
    let learnt_after = ours.closed_at.max(ended_at);
    if later(learnt_after, PRICE_SETTLES_AFTER) > now {
        // Both are filled in late, and corrected until then.
        return found;
    }
    if let (Some(ours), Some(theirs)) = (ours.duration_s, theirs.duration_s)
        && ours != theirs
    {
        say(What::Duration, ours.to_string(), theirs.to_string());
    }
    if let (Some(ours), Some(theirs)) = (&ours.price, &theirs.price)
        && !is_same_price(ours, theirs)
    {
        say(What::Price, ours.clone(), theirs.clone());
    }
    found
}

/// `1.5` and `1.500` are one price.
fn is_same_price(one: &str, other: &str) -> bool {
    let amount = |text: &str| text.trim().parse::<f64>().ok();
    match (amount(one), amount(other)) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    const LAG: i64 = 300;
    const NOW: i64 = 10_000;

    fn reading() -> Reading {
        Reading {
            began_at: at(NOW),
            record_lag: Duration::from_secs(LAG.unsigned_abs()),
        }
    }

    fn ours(attempt: i64, sid: &str) -> OurCall<i64> {
        OurCall {
            attempt,
            sid: sid.parse().unwrap(),
            number: "9876500000".parse().unwrap(),
            outcome: Outcome::Completed,
            duration_s: Some(20),
            price: Some("0.50".to_owned()),
            intent_at: at(0),
            ended_at: Some(at(30)),
            closed_at: at(31),
        }
    }

    fn theirs(sid: &str) -> ListedCall {
        ListedCall {
            report: CallReport {
                sid: sid.parse().unwrap(),
                status: CallStatus::Ended(Outcome::Completed),
                number: Some("9876500000".parse().unwrap()),
                started_at: Some(at(0)),
                ended_at: Some(at(30)),
                duration_s: Some(20),
                price: Some("0.500".to_owned()),
            },
            created_at: Some(at(0)),
            caller_id: PhoneNumber::parse_caller_id("08098765000").ok(),
        }
    }

    fn ledger(ended: Vec<OurCall<i64>>) -> Ledger<i64> {
        Ledger {
            ended,
            owned_elsewhere: HashSet::new(),
            unresolved: Vec::new(),
            unanswered: Vec::new(),
            contacts: HashSet::new(),
        }
    }

    fn claimant(attempt: i64, from: i64, to: i64) -> Claimant<i64> {
        Claimant {
            attempt,
            number: "9876500000".parse().unwrap(),
            caller_id: None,
            created: Window {
                from: at(from),
                to: at(to),
            },
        }
    }

    /// Returns what the two make, as `matched only_ours only_theirs different recent`.
    fn figures(ledger: &Ledger<i64>, theirs: &[ListedCall]) -> [u64; 5] {
        let audit = compare(ledger, theirs, reading());
        assert_eq!(audit.ours(), audit.matched + audit.only_ours.len() as u64);
        assert_eq!(
            audit.theirs(),
            audit.matched + audit.only_theirs.len() as u64
        );
        [
            audit.matched,
            audit.only_ours.len() as u64,
            audit.only_theirs.len() as u64,
            audit.different.len() as u64,
            audit.recent,
        ]
    }

    #[test]
    fn calls_that_both_know_match_and_the_others_are_named() {
        let known = ledger(vec![ours(1, "a1"), ours(2, "b2")]);
        for (shown, expected) in [
            (vec!["a1", "b2"], [2, 0, 0, 0, 0]),
            (vec!["a1", "b2", "a1"], [2, 0, 0, 0, 0]),
            (vec!["a1"], [1, 1, 0, 0, 0]),
            (vec!["a1", "b2", "c3", "c3"], [2, 0, 1, 0, 0]),
            (vec![], [0, 2, 0, 0, 0]),
        ] {
            let shown: Vec<_> = shown.into_iter().map(theirs).collect();
            assert_eq!(figures(&known, &shown), expected, "{shown:?}");
        }
    }

    #[test]
    fn what_the_list_may_lack_is_not_missed() {
        for (closed, expected) in [
            (NOW - LAG, [0, 1, 0, 0, 0]),
            (NOW - LAG + 1, [0, 0, 0, 0, 1]),
        ] {
            let call = OurCall {
                closed_at: at(closed),
                ..ours(1, "a1")
            };
            let known = ledger(vec![call]);
            assert_eq!(figures(&known, &[]), expected, "{closed}");
            assert_eq!(missing(&known, &[], reading()).len() as u64, expected[1]);
            assert!(missing(&known, &[theirs("a1")], reading()).is_empty());
        }
    }

    #[test]
    fn calls_of_others_are_no_difference() {
        let mut known = ledger(Vec::new());
        known.owned_elsewhere.insert("a1".parse().unwrap());
        assert_eq!(figures(&known, &[theirs("a1")]), [0, 0, 0, 0, 0]);
        // Its reply may be under way: whose it is will be known in a moment.
        known.unanswered.push(claimant(7, -120, 300));
        assert_eq!(figures(&known, &[theirs("b2")]), [0, 0, 0, 0, 1]);
        known.unanswered[0].created.from = at(1);
        assert_eq!(figures(&known, &[theirs("b2")]), [0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_stranger_names_whose_it_may_be() {
        let other: PhoneNumber = "9876500001".parse().unwrap();
        let mut known = ledger(Vec::new());
        known.unresolved = vec![claimant(1, -120, 300), claimant(2, 1, 300)];
        let one = |known: &Ledger<i64>, calls: &[ListedCall]| {
            let audit = compare(known, calls, reading());
            let found = audit.only_theirs.into_iter();
            found
                .map(|one| (one.claimants, one.is_clear, one.is_contact))
                .collect::<Vec<_>>()
        };
        assert_eq!(one(&known, &[theirs("a1")]), [(vec![1], true, false)]);
        // Two calls, and nobody can tell which of them it is.
        let two = [theirs("a1"), theirs("b2")];
        let expected = (vec![1], false, false);
        assert_eq!(one(&known, &two), [expected.clone(), expected]);
        known.unresolved[1].created.from = at(0);
        known.contacts.insert("9876500000".parse().unwrap());
        assert_eq!(one(&known, &two[..1]), [(vec![1, 2], false, true)]);
        known.unresolved.iter_mut().for_each(|one| {
            one.caller_id = PhoneNumber::parse_caller_id("08098765001").ok();
        });
        assert_eq!(one(&known, &two[..1]), [(vec![], false, true)]);
        let mut elsewhere = theirs("c3");
        elsewhere.report.number = Some(other);
        assert_eq!(one(&known, &[elsewhere]), [(vec![], false, false)]);
    }

    #[test]
    fn what_is_said_otherwise_is_named() {
        let said = |change: &dyn Fn(&mut OurCall<i64>, &mut CallReport)| {
            let (mut ours, mut theirs) = (ours(1, "a1"), theirs("a1"));
            change(&mut ours, &mut theirs.report);
            let audit = compare(&ledger(vec![ours]), &[theirs], reading());
            assert_eq!(audit.matched, 1);
            let found = audit.different.iter();
            found
                .map(|one| format!("{}: {} / {}", one.what, one.ours, one.theirs))
                .collect::<Vec<_>>()
        };
        assert!(said(&|_, _| ()).is_empty(), "0.50 is 0.500");
        assert_eq!(
            said(&|_, theirs| theirs.number = "9876500001".parse().ok()),
            ["number: +919876500000 / +919876500001"]
        );
        assert!(said(&|_, theirs| theirs.number = None).is_empty());
        assert_eq!(
            said(&|ours, _| ours.outcome = Outcome::Busy),
            ["outcome: busy / completed"]
        );
        assert_eq!(
            said(&|_, theirs| theirs.status = CallStatus::Running),
            ["outcome: completed / in-progress"]
        );
        assert_eq!(
            said(&|_, theirs| {
                theirs.duration_s = Some(21);
                theirs.price = Some("1.5".to_owned());
            }),
            ["duration_s: 20 / 21", "price: 0.50 / 1.5"]
        );
        assert!(
            said(&|ours, theirs| {
                (ours.duration_s, ours.price) = (None, None);
                theirs.price = None;
            })
            .is_empty(),
            "one of them does not know it"
        );
        let fresh = NOW - 15 * 60 + 1;
        assert!(
            said(&|ours, theirs| {
                ours.closed_at = at(fresh);
                theirs.ended_at = Some(at(fresh));
                theirs.duration_s = Some(21);
            })
            .is_empty(),
            "it is filled in late"
        );
    }

    #[test]
    fn a_period_is_walked_in_windows_without_a_gap() {
        let day = 86_400;
        for (length, recent, expected) in [
            (0, 1_400, vec![0]),
            (600, 1_400, vec![600]),
            (3_600, 1_400, vec![2_200, 1_400]),
            (30 * day + 1_400, 1_400, vec![30 * day, 1_400]),
            (
                70 * day,
                1_400,
                vec![30 * day, 30 * day, 10 * day - 1_400, 1_400],
            ),
            (600, 0, vec![600]),
        ] {
            let period = Window {
                from: at(0),
                to: at(length),
            };
            let windows = walk(period, Duration::from_secs(recent));
            let lengths: Vec<_> = windows
                .iter()
                .map(|window| window.to.duration_since(window.from).as_secs())
                .collect();
            assert_eq!(lengths, expected, "{length}");
            assert_eq!(windows[0].from, period.from);
            assert_eq!(windows[windows.len() - 1].to, period.to);
            assert!(windows.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
    }
}
