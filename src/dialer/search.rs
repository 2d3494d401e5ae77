//! The part of a turn that looks for the calls of doubts in the provider's list, and judges what it shows.
//!
//! Pure like `turn`. What is found is a candidate and is asked about before it counts; what is not found is absent only
//! when `domain::doubt` says so.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::event::{Effect, Quest};
use super::hear::{self, Scene};
use super::run::{Run, Task};
use super::trouble;
use super::turn::Seen;
use crate::clock::Moment;
use crate::domain::attempt::{Decision, Evidence, StateName};
use crate::domain::call::{CallSid, Window};
use crate::domain::clocks::{self, earlier, later};
use crate::domain::doubt::{Clear, Grade, Patience, Scan, Silence, judge_silence};
use crate::domain::phone::PhoneNumber;
use crate::provider::{Answer, MOST_NUMBERS, Page, Search};
use crate::store::attempts::{self, AttemptId, Source};
use crate::store::candidates::{self, Candidate, NamedBy, Verdict};
use crate::store::doubts::{self, Decider, Doubt, Look};
use crate::store::{Result, Tx};

/// A search that takes more pages than this is given up: it would eat the allowance, and prove nothing in the end.
const MOST_PAGES: u32 = 200;

/// A page is asked for so often again before the search is given up.
const TRIES_OF_A_PAGE: u32 = 3;

/// The longest stretch of time that one search covers.
const LONGEST_WINDOW: Duration = Duration::from_secs(3600);

/// The provider's list does not go back further (developer.exotel.com, "Bulk call details": six months).
const OLDEST: Duration = Duration::from_secs(180 * 86_400);

/// When a search is looked for anew whose answer never came, because the process died.
const ANSWERED_WITHIN: Duration = Duration::from_secs(300);

/// A search that was refused or unreadable is made again after this long.
const AFTER_A_FAILURE: Duration = Duration::from_secs(30);

/// Asks for the next page of the search under way, or begins the search that is due.
pub(super) fn about_doubts(
    tx: &Tx<'_>,
    run: &mut Run,
    now: &Moment,
    seen: &Seen<'_>,
) -> Result<Option<Effect>> {
    if run.is_searching {
        return Ok(run.next_page.take().map(Effect::Search));
    }
    let mut due = Vec::new();
    for doubt in doubts::due(tx, seen.campaign.id, now.wall)? {
        let caller_id = doubt.caller_id.or(seen.policy.caller_ids.first().copied());
        let too_old = doubt.doubted.sent.to < earlier(now.wall, OLDEST);
        match caller_id {
            Some(caller_id) if !too_old => due.push((doubt, caller_id)),
            // Nothing can be looked for any more: a person decides.
            _ => doubts::look_again(tx, doubt.attempt, None)?,
        }
    }
    let Some(quest) = plan(&due, &run.assignment.patience, now.wall) else {
        return Ok(None);
    };
    for attempt in &quest.doubts {
        doubts::look_again(tx, *attempt, Some(later(now.wall, ANSWERED_WITHIN)))?;
    }
    run.is_searching = true;
    Ok(Some(Effect::Search(Box::new(quest))))
}

/// Returns one search for the first of these doubts and for as many others as it can serve.
///
/// One or two are asked for by number. More, and those past their horizon, by a scan of everything in their time: only
/// that can show that the search works, by the other calls in it. A doubt that two such scans have not shown is asked
/// for by number once more, up to now: an order can wait in a queue for longer than anybody thinks.
fn plan(due: &[(Doubt, PhoneNumber)], patience: &Patience, now: Timestamp) -> Option<Quest> {
    let (first, caller_id) = due.first()?;
    let last = is_last_look(first);
    let mut window = created(first, patience, now);
    let mut together = Vec::new();
    for (doubt, theirs) in due {
        let other = created(doubt, patience, now);
        let wider = Window {
            from: window.from.min(other.from),
            to: window.to.max(other.to),
        };
        let length = Duration::try_from(wider.to.duration_since(wider.from)).unwrap_or_default();
        let fits = if last {
            together.len() < MOST_NUMBERS
        } else {
            other.from <= window.to && length <= LONGEST_WINDOW
        };
        let is_first = doubt.attempt == first.attempt;
        let is_alike = theirs == caller_id && is_last_look(doubt) == last;
        if is_first || (is_alike && fits) {
            window = wider;
            together.push(doubt);
        }
    }
    let early = |doubt: &&&Doubt| now < doubt.doubted.settles_at;
    let few = together.len() <= MOST_NUMBERS && together.iter().all(|doubt| early(&doubt));
    let numbers = together.iter().map(|doubt| doubt.number);
    Some(Quest {
        search: Search {
            window,
            caller_id: *caller_id,
            numbers: if few || last {
                numbers.collect()
            } else {
                Vec::new()
            },
        },
        doubts: together.iter().map(|doubt| doubt.attempt).collect(),
        scan: Scan::default(),
        page: None,
        tries: 0,
    })
}

/// Returns when the call of a doubt may have been created; for its last look, any time since.
fn created(doubt: &Doubt, patience: &Patience, now: Timestamp) -> Window {
    let window = patience.created(doubt.doubted.sent);
    if !is_last_look(doubt) {
        return window;
    }
    Window {
        to: window.to.max(later(now, clocks::MAY_DIFFER)),
        ..window
    }
}

/// Two scans have not shown it, and nobody has concluded anything yet.
fn is_last_look(doubt: &Doubt) -> bool {
    doubt.state == StateName::InDoubt && doubt.grade.is_some()
}

/// Takes in a page: the search goes on with the next one, or is judged.
pub(super) fn searched(
    scene: &mut Scene<'_, '_>,
    quest: &Quest,
    answer: &Answer<Page>,
) -> Result<()> {
    scene.run.look_ups_under_way = scene.run.look_ups_under_way.saturating_sub(1);
    let page = match answer {
        Ok(page) => page,
        Err(failure) if quest.tries < TRIES_OF_A_PAGE => {
            // What earlier pages have shown stays shown; beginning anew, a long search might never come to its end.
            scene.run.next_page = Some(Box::new(Quest {
                tries: quest.tries + 1,
                ..quest.clone()
            }));
            return trouble::look_up_failed(scene, &[], failure);
        }
        Err(failure) => {
            scene.run.is_searching = false;
            let settles = scene.run.assignment.task == Task::Settle;
            let wait = if settles {
                Duration::from_secs(1)
            } else {
                AFTER_A_FAILURE
            };
            for attempt in &quest.doubts {
                doubts::look_again(scene.tx, *attempt, Some(later(scene.now.wall, wait)))?;
            }
            return trouble::look_up_failed(scene, &[], failure);
        }
    };
    scene.run.in_a_row.look_ups_have_succeeded();
    let mut scan = quest.scan.clone();
    scan.add(
        page.calls.clone(),
        page.unreadable,
        page.total,
        page.date,
        scene.now.wall,
    );
    if page.next.is_some() && scan.pages() < MOST_PAGES {
        scene.run.next_page = Some(Box::new(Quest {
            scan,
            page: page.next.clone(),
            tries: 0,
            ..quest.clone()
        }));
        return Ok(());
    }
    scene.run.is_searching = false;
    judge(scene, quest, &scan)
}

/// Judges a search that was read to its end, or as far as it goes.
fn judge(scene: &mut Scene<'_, '_>, quest: &Quest, scan: &Scan) -> Result<()> {
    let unresolved = doubts::unresolved(scene.tx, &scene.run.assignment.account)?;
    let mut claims = claims(scene, scan, &unresolved)?;
    let asked: HashSet<_> = quest.doubts.iter().collect();
    for doubt in &unresolved {
        let calls = claims.remove(&doubt.attempt).unwrap_or_default();
        if asked.contains(&doubt.attempt) {
            judge_doubt(scene, quest, scan, doubt, &calls)?;
        } else if let [
            Claim {
                sid,
                contested: false,
            },
        ] = calls.as_slice()
        {
            // It was not looked for and turned up all the same.
            candidates::note(scene.tx, doubt.attempt, sid, NamedBy::List, scene.now.wall)?;
        }
    }
    Ok(())
}

/// A call that nobody owns and that may be an attempt's.
struct Claim {
    sid: CallSid,
    /// Whether it may be another attempt's as well.
    contested: bool,
}

/// Returns for each attempt the calls that may be its.
fn claims(
    scene: &Scene<'_, '_>,
    scan: &Scan,
    unresolved: &[Doubt],
) -> Result<HashMap<AttemptId, Vec<Claim>>> {
    let mut owners: HashMap<CallSid, Vec<AttemptId>> = HashMap::new();
    for doubt in unresolved {
        let created = created(doubt, scene.patience, scene.now.wall);
        for call in scan.matching(doubt.number, doubt.caller_id, created) {
            let claimants = owners.entry(call.report.sid.clone()).or_default();
            claimants.push(doubt.attempt);
        }
    }
    let mut claims: HashMap<AttemptId, Vec<Claim>> = HashMap::new();
    for (sid, claimants) in owners {
        let several = claimants.len() > 1;
        for attempt in claimants {
            // A newer call to the same person may be the one that is shown: its own reply has not named it yet.
            let contested = several || attempts::is_reply_awaited(scene.tx, attempt)?;
            if !attempts::is_owned_by_another(scene.tx, &sid, attempt)? {
                let sid = sid.clone();
                let claim = Claim { sid, contested };
                claims.entry(attempt).or_default().push(claim);
            }
        }
    }
    Ok(claims)
}

fn judge_doubt(
    scene: &mut Scene<'_, '_>,
    quest: &Quest,
    scan: &Scan,
    doubt: &Doubt,
    calls: &[Claim],
) -> Result<()> {
    let (tx, now) = (scene.tx, scene.now.wall);
    let patience = scene.patience;
    let known = doubts::known_calls(tx, doubt, patience, now)?;
    let shown = known.iter().filter(|call| scan.shows(&call.sid)).count();
    let by_window = quest.search.numbers.is_empty();
    let complete_since = scan.complete_since();
    let look = Look {
        of_window: by_window,
        calls: scan.calls().len() as u64,
        total: scan.total(),
        is_complete: complete_since.is_some(),
        known: known.len() as u64,
        known_shown: shown as u64,
        candidates: calls.len() as u64,
    };
    doubts::looked(tx, doubt.attempt, &look, now)?;
    let in_doubt = doubt.state == StateName::InDoubt;
    let again = patience.next_look(&doubt.doubted, now);
    doubts::look_again(tx, doubt.attempt, in_doubt.then_some(again))?;

    if !calls.is_empty() {
        return judge_calls(scene, doubt, calls);
    }
    let Some(at) = complete_since.filter(|_| in_doubt) else {
        return Ok(());
    };
    if let Some(grade) = doubt.grade {
        let is_followed = known.iter().any(|call| call.is_later);
        return absent(scene, doubt.attempt, grade, is_followed);
    }
    if !by_window {
        return Ok(());
    }
    let all_shown = !known.is_empty() && shown == known.len();
    let grade = if all_shown {
        Grade::Strong
    } else {
        Grade::Weak
    };
    match judge_silence(&doubt.doubted, Clear { at, grade }, patience) {
        Silence::MeansNothing => Ok(()),
        Silence::Noted(clear) => {
            doubts::note_clear(tx, doubt.attempt, clear)?;
            let mut doubted = doubt.doubted;
            doubted.clear = Some(clear);
            let again = patience.next_look(&doubted, now);
            doubts::look_again(tx, doubt.attempt, Some(again))
        }
        Silence::Absent(grade) => {
            doubts::note_absent(tx, doubt.attempt, grade)?;
            doubts::look_again(tx, doubt.attempt, Some(now))
        }
    }
}

/// Judges calls that may be the one in doubt: a single one is asked about, several are kept for a person.
fn judge_calls(scene: &mut Scene<'_, '_>, doubt: &Doubt, calls: &[Claim]) -> Result<()> {
    let (tx, now, attempt) = (scene.tx, scene.now.wall, doubt.attempt);
    let early = now < doubt.doubted.settles_at;
    // What turns up outside the time in which it should have been created is for a person to look at.
    if let [Claim { sid, contested }] = calls
        && !contested
        && !is_last_look(doubt)
    {
        match candidates::verdict(tx, attempt, sid)? {
            None => return candidates::note(tx, attempt, sid, NamedBy::List, now),
            Some(Verdict::Confirmed) => return Ok(()),
            Some(Verdict::OneOfSeveral) => return candidates::ask_again(tx, attempt, sid, now),
            Some(Verdict::Unknown) if early => return candidates::ask_again(tx, attempt, sid, now),
            // The list shows a call that is not there when it is asked for, or is another's: it contradicts itself.
            Some(Verdict::Unknown | Verdict::Refuted) => {}
        }
    }
    for claim in calls {
        candidates::keep(tx, attempt, &claim.sid, now)?;
    }
    if early {
        // The call itself may be under way still, so that its number stays taken.
        return Ok(());
    }
    hear::merge(scene, attempt, &Evidence::Ambiguous, Source::Search).map(drop)
}

/// The call is not in the list. A person decides, unless the campaign has said beforehand, and says still, what strong
/// evidence means. That is believed only where a later call was listed: a list that stands still shows no new ones.
fn absent(
    scene: &mut Scene<'_, '_>,
    attempt: AttemptId,
    grade: Grade,
    is_followed: bool,
) -> Result<()> {
    hear::merge(scene, attempt, &Evidence::Absent(grade), Source::Search)?;
    let says_so = scene.policy.redial_if_proven_not_placed;
    let proven = grade == Grade::Strong && is_followed;
    if proven && says_so && doubts::may_be_redialled(scene.tx, attempt)? {
        let decider = Decider {
            by: "exocamp",
            because: "the campaign says `redial-if-proven-not-placed`, and the evidence is strong",
        };
        let terms = hear::terms(scene);
        let decision = Decision::NotPlaced;
        doubts::decide(
            scene.tx,
            attempt,
            decision,
            &decider,
            &terms,
            scene.now.wall,
        )?;
    }
    Ok(())
}

/// Asks about calls that somebody says are an attempt's: new ones many at once, the others each by itself.
pub(super) fn about_candidates(
    tx: &Tx<'_>,
    run: &Run,
    now: &Moment,
    seen: &Seen<'_>,
    most: usize,
) -> Result<Vec<Effect>> {
    let (id, sids) = (seen.campaign.id, run.assignment.sids_per_look_up);
    let mut effects = Vec::new();
    let fresh = candidates::take_new(tx, id, now.wall, sids)?;
    if let Some(since) = fresh.iter().map(|candidate| candidate.since).min() {
        let calls = fresh.into_iter().map(pair).collect();
        effects.push(Effect::List { calls, since });
    }
    let alone = candidates::take_asked(tx, id, now.wall, most.saturating_sub(effects.len()))?;
    effects.extend(alone.into_iter().map(|candidate| {
        let (attempt, sid) = pair(candidate);
        Effect::LookUp { attempt, sid }
    }));
    Ok(effects)
}

fn pair(candidate: Candidate) -> (AttemptId, CallSid) {
    (candidate.attempt, candidate.sid)
}

/// Returns whether something is being looked for, or is to be looked for now.
pub(super) fn goes_on(tx: &Tx<'_>, run: &Run, now: &Moment) -> Result<bool> {
    let id = run.assignment.campaign;
    let due = [
        doubts::next_look_at(tx, id)?,
        candidates::next_ask_at(tx, id)?,
    ];
    let is_due = due.into_iter().flatten().any(|at| at <= now.wall);
    Ok(run.is_searching || is_due)
}

/// Returns when something is to be looked for next, since boot.
pub(super) fn next_at(tx: &Tx<'_>, run: &Run, now: &Moment) -> Result<Option<Duration>> {
    let id = run.assignment.campaign;
    let search = match &run.next_page {
        Some(_) => Some(now.wall),
        None if run.is_searching => None,
        None => doubts::next_look_at(tx, id)?,
    };
    let next = [search, candidates::next_ask_at(tx, id)?];
    Ok(next
        .into_iter()
        .flatten()
        .min()
        .map(|at| now.since_boot_at(at)))
}
