//! Holds what the database says against what the phones heard, and tells in words where they disagree.
//!
//! The rules are the product's promises, not the program's code: nothing of the program is used but its file. So the
//! same checker serves the program and any build of it that was broken on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags};

use super::exotel::Call;

/// What can be wrong with a history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Rule {
    /// A phone rang that no attempt had permitted.
    Unpermitted,
    /// Somebody was called twice, or could have been.
    CalledTwice,
    /// A phone rang, and the database does not say how that ended.
    Lost,
    /// The database is certain that nothing was placed, or has evidence on which a person would decide so, and a phone
    /// rang.
    Denied,
    /// Somebody is left to a person, or called again, without the evidence that this takes.
    Unproven,
    /// The database knows of a call that never was.
    Invented,
    /// The figures do not add up.
    Miscounted,
    /// Somebody still waits.
    Unfinished,
}

/// One breach of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    /// The number it is about, if it is about one.
    pub(crate) whom: Option<String>,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

/// The figures of a history.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Figures {
    /// Contacts.
    pub(crate) contacts: usize,
    /// Calls that the phones heard.
    pub(crate) calls: usize,
    /// Runs that died with a POST under way.
    pub(crate) runs_cut_off: usize,
    /// Attempts that were ever in doubt.
    pub(crate) doubted: usize,
    /// Those of them whose call was found.
    pub(crate) resolved: usize,
    /// Attempts that are still in doubt, and looked for.
    pub(crate) in_doubt: usize,
    /// Attempts that wait for a person.
    pub(crate) held: usize,
    /// Attempts that the program itself took for proven never to have been placed.
    pub(crate) proven_absent: usize,
}

/// How lost calls were looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    /// How far apart two readings of the list are that prove absence together.
    pub(crate) scans_apart: SignedDuration,
    pub(crate) list: List,
}

/// What the provider's list was like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum List {
    /// Whatever had ended was shown to whoever asked.
    Whole,
    /// It may have lacked calls.
    MayLack,
}

impl Default for Search {
    /// As it is where nobody has said anything.
    fn default() -> Self {
        Self {
            scans_apart: SignedDuration::from_mins(10),
            list: List::MayLack,
        }
    }
}

/// A database and a ledger.
#[derive(Debug)]
pub(crate) struct History<'a> {
    ledger: &'a [Call],
    search: Search,
    contacts: BTreeMap<i64, Contact>,
    /// In the order in which they were permitted.
    attempts: Vec<Attempt>,
    /// Their places by their keys, and the calls by the keys they carry.
    permitted: BTreeMap<String, Vec<usize>>,
    heard: BTreeMap<&'a str, Vec<&'a Call>>,
    campaigns: BTreeMap<i64, Terms>,
    runs: Vec<Run>,
    tally: BTreeMap<(i64, String), usize>,
}

/// One process's work at a campaign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    id: i64,
    pub(crate) pid: u32,
    /// To the millisecond.
    pub(crate) began_at: Timestamp,
}

#[derive(Debug)]
struct Contact {
    campaign: i64,
    number: String,
    state: String,
    last_attempt: Option<i64>,
}

#[derive(Debug)]
struct Attempt {
    id: i64,
    key: String,
    run: i64,
    contact: i64,
    number: String,
    state: String,
    sid: Option<String>,
    /// Why it is where it is.
    evidence: Option<String>,
    /// Whether the program itself took it for proven that this was never placed.
    proven_absent: bool,
    steps: Vec<Step>,
    /// The search for its call, if it was ever in doubt.
    doubt: Option<Doubt>,
    candidates: Vec<Candidate>,
}

/// What was found out about a doubt.
#[derive(Debug)]
struct Doubt {
    /// From then on absence means something.
    settles_at: i64,
    /// The first reading that counts, by the provider's clock.
    clear_at: Option<i64>,
    /// What absence from two readings is worth.
    grade: Option<String>,
    readings: Vec<Reading>,
}

/// A reading of the whole list, from its first page to its last, that did not show the call.
#[derive(Debug)]
struct Reading {
    at: i64,
    /// How many other calls of that time were known, and how many of them it has shown.
    known: i64,
    shown: i64,
}

/// A call that may be an attempt's.
#[derive(Debug)]
struct Candidate {
    sid: String,
    /// Whether it is kept for a person, or was asked about and is somebody else's.
    is_kept: bool,
}

/// One event of an attempt's story.
#[derive(Debug)]
struct Step {
    /// Counts over all attempts, so it tells what came before what.
    id: i64,
    at: i64,
    state: String,
    source: String,
}

/// How often a contact may be called.
#[derive(Debug)]
struct Terms {
    tries: usize,
    again_after: BTreeSet<String>,
}

impl Attempt {
    /// Returns when nobody was kept from calling this number any more, as the place among all events.
    fn closed(&self) -> Option<i64> {
        let closing = self.steps.iter().find(|step| !is_live(&step.state))?;
        Some(closing.id)
    }

    fn was_in_doubt(&self) -> bool {
        self.steps.iter().any(|step| step.state == "in_doubt")
    }

    /// Returns what is missing of the evidence on which it is left to a person or called again.
    fn unproven(&self, scans_apart: SignedDuration) -> Option<String> {
        let Some(doubt) = &self.doubt else {
            return Some("nobody looked for its call".to_owned());
        };
        let Some(grade) = doubt.grade.as_deref() else {
            let is_kept = self.candidates.iter().any(|candidate| candidate.is_kept);
            return (!is_kept || self.proven_absent)
                .then(|| "neither its absence nor any call is on record".to_owned());
        };
        // On one machine with its provider: what happens after a moment of the one clock does so by the other.
        let clear_at = doubt.clear_at.unwrap_or(i64::MAX);
        let second_at = clear_at.saturating_add(scans_apart.as_millis() as i64);
        let counts = |reading: &Reading| {
            let shows_others = reading.known > 0 && reading.shown == reading.known;
            reading.at >= clear_at && (grade != "strong" || shows_others)
        };
        let mut readings = doubt.readings.iter().filter(|reading| counts(reading));
        let twice = readings.next().is_some() && readings.any(|reading| reading.at >= second_at);
        if !twice || clear_at < doubt.settles_at {
            let settles_at = doubt.settles_at;
            return Some(format!(
                "its absence is `{grade}`, and since {settles_at} the list was not read twice, {scans_apart:#} apart"
            ));
        }
        (self.proven_absent && grade != "strong").then(|| "its absence is not proven".to_owned())
    }

    /// Returns whether a person is shown that this call may be its.
    fn may_be(&self, sid: &str) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|candidate| candidate.sid == sid)
    }

    /// Returns whether this is the evidence on which a person would have them called again.
    fn seems_absent(&self) -> bool {
        let grade = self.doubt.as_ref().and_then(|doubt| doubt.grade.as_deref());
        grade == Some("strong")
    }

    /// Returns whether it uses up one of its contact's tries, as far as the state alone tells.
    fn counts(&self) -> bool {
        !["not_sent", "not_placed", "rejected"].contains(&self.state.as_str())
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, number, state) = (self.id, &self.number, &self.state);
        write!(
            f,
            "attempt {id} (run {}) to {number} is `{state}`",
            self.run
        )?;
        let evidence = self.evidence.as_deref().unwrap_or("no evidence");
        let sid = self.sid.as_deref().unwrap_or("no Sid");
        write!(f, " with {sid}, {evidence}, after")?;
        for step in &self.steps {
            write!(f, " {}:{}:{}", step.at, step.state, step.source)?;
        }
        if let Some(doubt) = &self.doubt {
            write!(f, ", {doubt:?}, {:?}", self.candidates)?;
        }
        Ok(())
    }
}

fn is_live(state: &str) -> bool {
    ["intent", "in_doubt", "accepted", "in_progress"].contains(&state)
}

fn is_ended(state: &str) -> bool {
    ["completed", "busy", "no_answer", "failed", "canceled"].contains(&state)
}

/// Returns the states in which a contact may be whose last attempt is in this one.
fn states_after(attempt: Option<&str>) -> &'static [&'static str] {
    match attempt {
        None | Some("not_sent" | "not_placed") => &["pending", "skipped"],
        Some("intent" | "accepted" | "in_progress") => &["initiated"],
        Some("in_doubt" | "held" | "outcome_unknown") => &["held"],
        Some("completed" | "presumed_placed") => &["completed"],
        Some("busy" | "no_answer" | "failed" | "canceled") => &["failed", "pending", "skipped"],
        Some("rejected") => &["pending", "failed", "skipped"],
        Some(_) => &[],
    }
}

impl<'a> History<'a> {
    /// Reads a database, without writing to it.
    pub(crate) fn read(database: &Path, ledger: &'a [Call]) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(database, flags).expect("there is a database");
        // One moment for all that is read.
        db.execute_batch("BEGIN").expect("the database can be read");
        let mut heard: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for call in ledger {
            if let Some(key) = &call.custom_field {
                heard.entry(key.as_str()).or_default().push(call);
            }
        }
        let read = || -> rusqlite::Result<Self> {
            let attempts = attempts(&db)?;
            let mut permitted: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for (place, attempt) in attempts.iter().enumerate() {
                permitted
                    .entry(attempt.key.clone())
                    .or_default()
                    .push(place);
            }
            Ok(Self {
                ledger,
                search: Search::default(),
                contacts: contacts(&db)?,
                attempts,
                permitted,
                heard,
                campaigns: campaigns(&db)?,
                runs: runs(&db)?,
                tally: tally(&db)?,
            })
        };
        read().expect("the database has the tables that exocamp makes")
    }

    /// The same, where lost calls were looked for like this.
    pub(crate) fn searched(self, search: Search) -> Self {
        Self { search, ..self }
    }

    /// Returns the figures.
    pub(crate) fn figures(&self) -> Figures {
        let count = |is: &dyn Fn(&Attempt) -> bool| self.attempts.iter().filter(|a| is(a)).count();
        let cut_off = self.attempts.iter().filter(|attempt| {
            let mut steps = attempt.steps.iter();
            steps.any(|step| step.source == "recovery")
        });
        let cut_off: BTreeSet<_> = cut_off.map(|attempt| attempt.run).collect();
        Figures {
            contacts: self.contacts.len(),
            calls: self.ledger.len(),
            runs_cut_off: cut_off.len(),
            doubted: count(&Attempt::was_in_doubt),
            resolved: count(&|attempt| attempt.was_in_doubt() && is_ended(&attempt.state)),
            in_doubt: count(&|attempt| attempt.state == "in_doubt"),
            held: count(&|attempt| attempt.state == "held"),
            proven_absent: count(&|attempt| attempt.proven_absent),
        }
    }

    /// Returns the runs in the order in which they began.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns when the phones heard a run's first call.
    pub(crate) fn first_call_of(&self, run: &Run) -> Option<Timestamp> {
        let first = self.ledger.iter().find(|call| {
            let attempt = self.attempt_of(call);
            attempt.is_some_and(|attempt| attempt.run == run.id)
        });
        first.map(|call| call.at)
    }

    /// Returns every breach of a rule.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut note = |rule, whom: Option<&String>, what| {
            let whom = whom.cloned();
            found.push(Violation { rule, whom, what });
        };
        self.check_permissions(&mut note);
        self.check_numbers(&mut note);
        self.check_contacts(&mut note);
        self.check_calls(&mut note);
        self.check_evidence(&mut note);
        self.check_attempts(&mut note);
        self.check_counts(&mut note);
        found
    }

    fn attempt_of(&self, call: &Call) -> Option<&Attempt> {
        let places = self.permitted.get(call.custom_field.as_ref()?)?;
        Some(&self.attempts[*places.first()?])
    }

    fn calls_of(&self, attempt: &Attempt) -> &[&'a Call] {
        let calls = self.heard.get(attempt.key.as_str());
        calls.map_or(&[], Vec::as_slice)
    }

    /// A call has one attempt, which was there before, and an attempt has at most one call.
    fn check_permissions(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        let mut keys = BTreeSet::new();
        for call in self.ledger {
            let Call { sid, number, .. } = call;
            let Some(key) = &call.custom_field else {
                let what = format!("the call {sid} to {number} carries no attempt's key");
                note(Rule::Unpermitted, Some(number), what);
                continue;
            };
            if !keys.insert(key) {
                let what = format!("{number} was called twice for the attempt `{key}`");
                note(Rule::CalledTwice, Some(number), what);
            }
            match self.permitted.get(key).map_or(0, Vec::len) {
                1 => {}
                count => {
                    let what = format!("the call {sid} to {number} belongs to {count} attempts");
                    note(Rule::Unpermitted, Some(number), what);
                }
            }
            let attempt = self.attempt_of(call);
            if let Some(attempt) = attempt.filter(|attempt| attempt.number != *number) {
                let what = format!("the call {sid} rang {number}, but {attempt}");
                note(Rule::Unpermitted, Some(number), what);
            }
        }
    }

    /// No number is rung by two calls at once, nor may any be.
    fn check_numbers(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        let mut calls: Vec<_> = self.ledger.iter().collect();
        calls.sort_by_key(|call| (&call.number, call.at));
        for pair in calls.windows(2) {
            let [first, second] = [pair[0], pair[1]];
            if first.number == second.number && second.at < first.ends_at {
                let (one, other, number) = (&first.sid, &second.sid, &first.number);
                let what = format!("{number} was rung by {other} while {one} was going on");
                note(Rule::CalledTwice, Some(number), what);
            }
        }
        let mut attempts: Vec<_> = self.attempts.iter().collect();
        attempts.sort_by_key(|attempt| (&attempt.number, attempt.id));
        for pair in attempts.windows(2) {
            let [first, second] = [pair[0], pair[1]];
            if first.number != second.number {
                continue;
            }
            let begun = second.steps.first().map(|step| step.id);
            if first
                .closed()
                .is_none_or(|closed| begun.is_some_and(|begun| begun < closed))
            {
                let what = format!("{second}, and it was permitted while {first}");
                note(Rule::CalledTwice, Some(&first.number), what);
            }
        }
    }

    /// Nobody is called more often than permitted, nor once they were reached or may have been.
    fn check_contacts(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        let mut attempts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for attempt in &self.attempts {
            attempts.entry(attempt.contact).or_default().push(attempt);
        }
        for (id, contact) in &self.contacts {
            let number = &contact.number;
            let terms = &self.campaigns[&contact.campaign];
            let attempts = attempts.remove(id).unwrap_or_default();
            for pair in attempts.windows(2) {
                let [first, second] = [pair[0], pair[1]];
                let may_have_been = match first.state.as_str() {
                    "held" | "presumed_placed" | "outcome_unknown" => true,
                    // What the program did not know of was no reason to wait.
                    "not_sent" | "rejected" => !self.calls_of(first).is_empty(),
                    _ => false,
                };
                if may_have_been {
                    let what = format!("{second}, although {first}");
                    note(Rule::CalledTwice, Some(number), what);
                }
            }
            // That a call was not placed is a person's decision, and theirs is the next one; the program must be right.
            let counted = attempts
                .iter()
                .filter(|attempt| attempt.state != "not_placed" || attempt.proven_absent);
            let mut calls: Vec<_> = counted.flat_map(|a| self.calls_of(a)).copied().collect();
            calls.sort_by_key(|call| call.at);
            if calls.len() > terms.tries {
                let (calls, tries) = (calls.len(), terms.tries);
                let what = format!("{number} was called {calls} times and may be called {tries}");
                note(Rule::CalledTwice, Some(number), what);
            }
            for pair in calls.windows(2) {
                let outcome = &pair[0].outcome;
                if !terms.again_after.contains(outcome) {
                    let what = format!("{number} was called again after `{outcome}`");
                    note(Rule::CalledTwice, Some(number), what);
                }
            }
            let last = contact.last_attempt;
            let last = attempts.iter().find(|attempt| Some(attempt.id) == last);
            let state = contact.state.as_str();
            if !states_after(last.map(|last| last.state.as_str())).contains(&state) {
                let last = last.map_or("there is no last attempt".to_owned(), |a| a.to_string());
                let what = format!("{number} is `{state}`, but {last}");
                note(Rule::Miscounted, Some(number), what);
            }
            let tried = attempts.iter().filter(|attempt| attempt.counts()).count();
            let again =
                last.is_some_and(|a| terms.again_after.contains(&a.state.replace('_', "-")));
            if state == "failed" && again && tried < terms.tries {
                let tries = terms.tries;
                let what = format!("{number} was given up after {tried} tries of {tries}");
                note(Rule::Lost, Some(number), what);
            }
            if ["pending", "initiated"].contains(&state) {
                note(
                    Rule::Unfinished,
                    Some(number),
                    format!("{number} is still `{state}`"),
                );
            }
        }
    }

    /// What the phones heard is known, or known to be doubtful.
    fn check_calls(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        for call in self.ledger {
            // A call without an attempt is a breach of its own.
            let Some(attempt) = self.attempt_of(call) else {
                continue;
            };
            let Call {
                sid,
                number,
                outcome,
                ..
            } = call;
            let known =
                attempt.sid.as_ref() == Some(sid) && attempt.state.replace('_', "-") == *outcome;
            match attempt.state.as_str() {
                _ if attempt.proven_absent => {
                    let what = format!(
                        "{number} was rung by {sid} from {} to {}, and it was proven that it was not: {attempt}",
                        call.at, call.ends_at
                    );
                    note(Rule::Denied, Some(number), what);
                }
                _ if known => {}
                "held" if attempt.seems_absent() => {
                    let what = format!("{number} was rung by {sid}, and seems not to: {attempt}");
                    note(Rule::Denied, Some(number), what);
                }
                "held" if self.search.list == List::Whole && !attempt.may_be(sid) => {
                    let what = format!("{sid} was in the list and was not found: {attempt}");
                    note(Rule::Lost, Some(number), what);
                }
                "in_doubt" | "held" if attempt.evidence.is_some() && attempt.was_in_doubt() => {}
                // A person's word.
                "not_placed" | "presumed_placed" => {}
                "not_sent" | "rejected" => {
                    let what = format!("the call {sid} ended `{outcome}`, but {attempt}");
                    note(Rule::Denied, Some(number), what);
                }
                _ => {
                    let what = format!("the call {sid} ended `{outcome}`, but {attempt}");
                    note(Rule::Lost, Some(number), what);
                }
            }
        }
    }

    /// Nobody is left to a person, or called again without one, but on evidence.
    fn check_evidence(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        let waits = |attempt: &&Attempt| attempt.state == "held" || attempt.proven_absent;
        for attempt in self.attempts.iter().filter(waits) {
            if let Some(missing) = attempt.unproven(self.search.scans_apart) {
                let what = format!("{missing}: {attempt}");
                note(Rule::Unproven, Some(&attempt.number), what);
            }
        }
    }

    /// No call is known that never was, and none twice.
    fn check_attempts(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        let heard: BTreeSet<_> = self.ledger.iter().map(|call| &call.sid).collect();
        let mut known = BTreeSet::new();
        for attempt in &self.attempts {
            match &attempt.sid {
                Some(sid) if !heard.contains(sid) => {
                    note(
                        Rule::Invented,
                        Some(&attempt.number),
                        format!("no phone heard {sid}, but {attempt}"),
                    );
                }
                Some(sid) if !known.insert(sid) => {
                    note(
                        Rule::Invented,
                        Some(&attempt.number),
                        format!("{sid} has two attempts: {attempt}"),
                    );
                }
                None if is_ended(&attempt.state) => {
                    note(
                        Rule::Invented,
                        Some(&attempt.number),
                        format!("{attempt}, without a call"),
                    );
                }
                _ => {}
            }
        }
    }

    /// Every contact is counted, once, where it is.
    fn check_counts(&self, note: &mut impl FnMut(Rule, Option<&String>, String)) {
        let mut counts: BTreeMap<(i64, String), usize> = BTreeMap::new();
        for contact in self.contacts.values() {
            let place = (contact.campaign, contact.state.clone());
            *counts.entry(place).or_default() += 1;
        }
        let places: BTreeSet<_> = counts.keys().chain(self.tally.keys()).collect();
        for place in places {
            let [there, counted] = [&counts, &self.tally].map(|by| by.get(place).unwrap_or(&0));
            if there != counted {
                let state = &place.1;
                let what = format!("{there} contacts are `{state}`, and {counted} are counted");
                note(Rule::Miscounted, None, what);
            }
        }
    }
}

fn contacts(db: &Connection) -> rusqlite::Result<BTreeMap<i64, Contact>> {
    let mut rows = db.prepare(
        "SELECT contact.id, campaign_id, number, state, last_attempt_id
         FROM contact JOIN person ON person.id = person_id",
    )?;
    let contacts = rows.query_map([], |row| {
        let contact = Contact {
            campaign: row.get(1)?,
            number: format!("+{}", row.get::<_, i64>(2)?),
            state: row.get(3)?,
            last_attempt: row.get(4)?,
        };
        Ok((row.get(0)?, contact))
    })?;
    contacts.collect()
}

fn attempts(db: &Connection) -> rusqlite::Result<Vec<Attempt>> {
    let mut steps: BTreeMap<i64, Vec<Step>> = BTreeMap::new();
    let mut rows =
        db.prepare("SELECT attempt_id, id, at, state, source FROM attempt_event ORDER BY id")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        steps.entry(row.get(0)?).or_default().push(Step {
            id: row.get(1)?,
            at: row.get(2)?,
            state: row.get(3)?,
            source: row.get(4)?,
        });
    }
    let mut doubts = doubts(db)?;
    let mut candidates = candidates(db)?;
    let mut rows = db.prepare(
        "SELECT attempt.id, key, run_id, contact_id, number, state, call_sid,
                coalesce(error, (SELECT max(detail) FROM attempt_event WHERE attempt_id = attempt.id)),
                EXISTS (SELECT 1 FROM decision
                        WHERE attempt_id = attempt.id AND decision = 'not_placed' AND by = 'exocamp')
         FROM attempt JOIN person ON person.id = person_id ORDER BY attempt.id",
    )?;
    let attempts = rows.query_map([], |row| {
        let id = row.get(0)?;
        Ok(Attempt {
            id,
            key: row.get(1)?,
            run: row.get(2)?,
            contact: row.get(3)?,
            number: format!("+{}", row.get::<_, i64>(4)?),
            state: row.get(5)?,
            sid: row.get(6)?,
            evidence: row.get(7)?,
            proven_absent: row.get(8)?,
            steps: steps.remove(&id).unwrap_or_default(),
            doubt: doubts.remove(&id),
            candidates: candidates.remove(&id).unwrap_or_default(),
        })
    })?;
    attempts.collect()
}

fn doubts(db: &Connection) -> rusqlite::Result<BTreeMap<i64, Doubt>> {
    let mut rows = db.prepare("SELECT attempt_id, settles_at, clear_at, grade FROM doubt")?;
    let doubts = rows.query_map([], |row| {
        let doubt = Doubt {
            settles_at: row.get(1)?,
            clear_at: row.get(2)?,
            grade: row.get(3)?,
            readings: Vec::new(),
        };
        Ok((row.get(0)?, doubt))
    })?;
    let mut doubts = doubts.collect::<rusqlite::Result<BTreeMap<i64, _>>>()?;
    let mut rows = db.prepare(
        "SELECT attempt_id, at, known, known_shown FROM doubt_look
         WHERE asked_for = 'window' AND is_complete = 1 AND finding = 'nothing' ORDER BY id",
    )?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let reading = Reading {
            at: row.get(1)?,
            known: row.get(2)?,
            shown: row.get(3)?,
        };
        let doubt = doubts.get_mut(&row.get(0)?);
        doubt
            .expect("only doubts are looked for")
            .readings
            .push(reading);
    }
    Ok(doubts)
}

fn candidates(db: &Connection) -> rusqlite::Result<BTreeMap<i64, Vec<Candidate>>> {
    let mut candidates: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut rows = db.prepare(
        "SELECT attempt_id, call_sid, coalesce(verdict IN ('one_of_several', 'refuted'), 0)
         FROM candidate ORDER BY id",
    )?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        candidates.entry(row.get(0)?).or_default().push(Candidate {
            sid: row.get(1)?,
            is_kept: row.get(2)?,
        });
    }
    Ok(candidates)
}

fn campaigns(db: &Connection) -> rusqlite::Result<BTreeMap<i64, Terms>> {
    let setting = |campaign: i64, key: &str| {
        let mut rows = db.prepare(
            "SELECT value FROM setting WHERE campaign_id = ?1 AND key = ?2 ORDER BY id DESC LIMIT 1",
        )?;
        let mut values = rows.query_map((campaign, key), |row| row.get::<_, String>(0))?;
        values.next().transpose()
    };
    let mut rows = db.prepare("SELECT id FROM campaign")?;
    let ids: Vec<i64> = rows
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let terms = ids.into_iter().map(|id| {
        let retries = setting(id, "retries")?.unwrap_or("0".to_owned());
        let again_after = setting(id, "retry-on")?.unwrap_or("busy,no-answer".to_owned());
        let words = again_after.split(',').map(|word| word.trim().to_owned());
        let terms = Terms {
            tries: 1 + retries.parse::<usize>().expect("retries are a number"),
            again_after: words.collect(),
        };
        Ok((id, terms))
    });
    terms.collect()
}

fn runs(db: &Connection) -> rusqlite::Result<Vec<Run>> {
    let mut rows = db.prepare("SELECT id, pid, started_at FROM run ORDER BY id")?;
    let runs = rows.query_map([], |row| {
        let began_at = Timestamp::from_millisecond(row.get(2)?);
        Ok(Run {
            id: row.get(0)?,
            pid: row.get(1)?,
            began_at: began_at.expect("a run began at some time"),
        })
    })?;
    runs.collect()
}

fn tally(db: &Connection) -> rusqlite::Result<BTreeMap<(i64, String), usize>> {
    let mut rows = db.prepare("SELECT campaign_id, state, contacts FROM tally")?;
    let tally = rows.query_map([], |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get::<_, u32>(2)? as usize))
    })?;
    tally.collect()
}

#[cfg(test)]
mod tests;
