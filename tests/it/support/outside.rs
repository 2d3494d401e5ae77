//! What the outside saw of a story: the exchange's own list of calls and the requests as they left, held against the
//! rules and, last, against the database.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use exocamp::domain::attempt::StateName;
use exocamp::domain::contact::ContactState;
use exocamp::domain::doubt::Grade;
use exocamp::domain::pace::Pace;
use exocamp::provider::Reply;
use exocamp::sandbox::{Call, Placed};
use exocamp::store::campaigns::CampaignId;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::phones;
use super::world::{LONGEST_COMMIT, World};

const MINUTE: Duration = Duration::from_secs(60);

/// Nobody is rung twice for one attempt, more often than permitted, or while a call to them is live.
pub(crate) fn nobody_is_rung_too_often(world: &World, tries: usize) {
    let mut keys = HashSet::new();
    for post in &world.posts {
        assert!(
            keys.insert(&post.key),
            "one attempt was sent twice: {post:?}"
        );
    }
    let mut marks = HashSet::new();
    let mut by_number: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in world.exchange.calls() {
        assert!(
            marks.insert(call.custom_field.as_ref().unwrap()),
            "{call:?}"
        );
        by_number.entry(&call.number).or_default().push(call);
    }
    for calls in by_number.values() {
        assert!(calls.len() <= tries, "{} calls: {calls:?}", calls.len());
        for pair in calls.windows(2) {
            assert!(
                pair[0].ends_at <= pair[1].accepted_at,
                "rung while on the phone: {pair:?}"
            );
        }
    }
}

/// Returns what a campaign's starts are like: each interval in order.
fn starts_of(world: &World, campaign: CampaignId) -> Vec<Timestamp> {
    let posts = world.posts.iter();
    posts
        .filter(|post| post.campaign == campaign)
        .map(|post| post.at)
        .collect()
}

/// Starts are evenly spaced, and no rolling minute holds more of them than the pace says.
pub(crate) fn the_pace_is_kept(world: &World, campaign: CampaignId, pace: Pace) {
    let Pace::Every(interval) = pace else { return };
    let starts = starts_of(world, campaign);
    for pair in starts.windows(2) {
        let apart = pair[1].duration_since(pair[0]);
        let least = SignedDuration::try_from(interval - LONGEST_COMMIT).unwrap();
        assert!(
            apart >= least,
            "{apart:?} apart instead of {interval:?}, at {}",
            pair[1]
        );
    }
    let per_minute = (MINUTE.as_secs_f64() / interval.as_secs_f64()).floor() as usize;
    for window in starts.windows(per_minute + 1) {
        let (first, last) = (window[0], window[per_minute]);
        assert!(
            last.duration_since(first) >= SignedDuration::from_secs(60),
            "{} starts in the minute from {first}",
            per_minute + 1
        );
    }
}

/// No rolling minute holds more requests than the account's allowance.
pub(crate) fn the_allowance_is_kept(world: &World, allowance: u32) {
    let mut sent = world.requests.clone();
    sent.sort_unstable();
    for window in sent.windows(allowance as usize + 1) {
        let (first, last) = (window[0], window[allowance as usize]);
        let mut reboots = world.reboots.iter();
        if reboots.any(|reboot| (first..=last).contains(reboot)) {
            continue;
        }
        assert!(
            last - first >= MINUTE,
            "{} requests within {:?} from {first:?}",
            allowance + 1,
            last - first
        );
    }
}

/// The calls that are live never outnumber the lines. A doubt holds its line as long as it may ring and two minutes
/// more, and doubts never hold more than half the lines.
pub(crate) fn the_lines_are_kept(world: &World, lines: u32) {
    let doubtful: HashSet<&str> = world
        .posts
        .iter()
        .filter(|post| matches!(post.reply, Reply::InDoubt(_)))
        .filter_map(|post| match &post.placed {
            Placed::Accepted { sid, .. } => Some(sid.as_str()),
            _ => None,
        })
        .collect();
    let calls = world.exchange.calls();
    for call in calls {
        let at = call.accepted_at;
        let live = calls
            .iter()
            .filter(|other| other.accepted_at <= at && at < other.ends_at);
        let (doubts, known): (Vec<_>, Vec<_>) =
            live.partition(|other| doubtful.contains(other.sid.as_str()));
        let held_for = SignedDuration::from_secs(150);
        let young = doubts
            .iter()
            .filter(|doubt| at.duration_since(doubt.accepted_at) < held_for);
        let held = known.len() + young.count().min(lines as usize / 2);
        assert!(held <= lines as usize, "{held} lines of {lines} at {at}");
    }
}

/// Every phone rang between these hours of an Indian day.
pub(crate) fn every_call_is_inside(world: &World, from: i8, until: i8) {
    let india = TimeZone::fixed(Offset::from_seconds(19_800).unwrap());
    for call in world.exchange.calls() {
        let at = call.accepted_at.to_zoned(india.clone());
        assert!((from..until).contains(&at.hour()), "rung at {at}");
    }
}

/// Every phone that rang is known by its call, or is left to a person who is shown that call among several; whoever is
/// left to a person otherwise, or was called again without one, was not called.
///
/// That is so where everything is at rest, nothing is in the way of looking any more, and the list lags less than it is
/// given time to.
pub(crate) fn every_call_was_found(world: &mut World) {
    let unresolved = world.unresolved();
    let calls = world.posts.iter().map(|post| match &post.placed {
        Placed::Accepted { sid, .. } => (post.attempt, Some(sid.clone())),
        _ => (post.attempt, None),
    });
    let calls: HashMap<_, _> = calls.collect();
    for doubt in &unresolved {
        let candidates = world.candidates_of(doubt.attempt);
        // One that died before it was sent has rung nobody.
        let rang = calls.get(&doubt.attempt).cloned().flatten();
        let others = unresolved
            .iter()
            .filter(|other| other.number == doubt.number && other.attempt != doubt.attempt);
        match (doubt.state, rang) {
            // Two attempts in doubt, and either may have become the call: no evidence tells which.
            (StateName::Held, Some(sid)) => {
                assert!(
                    candidates.contains(&sid),
                    "{sid}: {candidates:?}, {doubt:?}"
                );
                assert!(others.count() > 0, "it was the only one: {doubt:?}");
                assert_eq!(doubt.grade, None, "{doubt:?}");
            }
            (StateName::Held, None) => {
                let is_known = doubt.grade.is_some() || !candidates.is_empty();
                assert!(is_known, "held without evidence: {doubt:?}");
            }
            (StateName::NotPlaced, None) => assert_eq!(doubt.grade, Some(Grade::Strong)),
            (_, rang) => panic!("{rang:?}: {doubt:?}"),
        }
    }
    let is_unresolved = |attempt| unresolved.iter().any(|doubt| doubt.attempt == attempt);
    for (attempt, rang) in calls {
        if !is_unresolved(attempt) {
            let state = world.attempt_state(attempt);
            assert_eq!(state.sid().map(|sid| sid.as_str()), rang.as_deref());
        }
    }
}

/// What the database says of each contact is what the exchange knows of the last call to it.
///
/// `campaign` must be the only one that called its numbers.
pub(crate) fn outcomes_agree(world: &mut World, campaign: CampaignId) {
    let contacts = world.contacts(campaign);
    let unresolved = world.unresolved();
    let last_posts: HashMap<_, _> = world.posts.iter().map(|post| (post.number, post)).collect();
    for contact in &contacts {
        let post = last_posts.get(&contact.number);
        let state = contact.state;
        let Some(post) = post else {
            assert!(contact.call_sid.is_none(), "{contact:?}");
            assert!(
                matches!(state, ContactState::Pending | ContactState::Held),
                "{contact:?}"
            );
            continue;
        };
        let posts = world.posts.iter();
        let sent = posts.filter(|post| post.number == contact.number).count();
        match (&post.reply, &post.placed) {
            // The latest attempt died before it was sent, which nobody can know.
            _ if contact.attempts as usize > sent && state == ContactState::Held => {}
            // Nobody heard that it was accepted, and the search goes on, or could not tell, or has not shown it.
            (Reply::InDoubt(_), placed) if state == ContactState::Held => {
                let attempt = post.attempt;
                let doubt = unresolved.iter().find(|doubt| doubt.attempt == attempt);
                let strong = doubt.is_some_and(|doubt| doubt.grade == Some(Grade::Strong));
                let rang = matches!(placed, Placed::Accepted { .. });
                assert!(!(strong && rang), "it rang, and seems not to: {doubt:?}");
            }
            (Reply::InDoubt(_), placed) if contact.call_sid.is_none() => {
                panic!("{placed:?} became {contact:?}")
            }
            (Reply::Accepted(_), Placed::Accepted { sid, .. })
            | (Reply::InDoubt(_), Placed::Accepted { sid, .. }) => {
                let call = world.exchange.call(sid).unwrap();
                assert_eq!(contact.call_sid.as_deref(), Some(sid.as_str()));
                assert_eq!(phones::number(&call.number), contact.number);
                let Some(ours) = contact.outcome else {
                    assert_eq!(state, ContactState::Initiated, "{contact:?}");
                    continue;
                };
                assert_eq!(ours, phones::outcome(call.outcome), "{contact:?}");
                let reached = call.outcome == exocamp::sandbox::Outcome::Completed;
                assert_eq!(state == ContactState::Completed, reached, "{contact:?}");
            }
            (Reply::Accepted(_) | Reply::InDoubt(_), placed) => {
                panic!("{placed:?} became {contact:?}")
            }
            (Reply::Rejected(_), placed) => {
                let rings = matches!(placed, Placed::Accepted { .. });
                assert!(!rings && contact.call_sid.is_none(), "{contact:?}");
            }
            (Reply::NotSent(_), _) => unreachable!("what was not sent is no POST"),
        }
    }
}
