//! A person's story in plain words, for a terminal of 80 columns or more.
//!
//! Pure: the same story at the same moment is always the same text.

use jiff::Timestamp;

use crate::cli::view::{counted, exact_time, shown_caller_id, typed_name};
use crate::domain::attempt::StateName;
use crate::domain::call::Outcome;
use crate::domain::campaign::CampaignState;
use crate::domain::contact::ContactState;
use crate::domain::retry::Reason;
use crate::store::campaigns::PausedBy;
use crate::store::candidates::NamedBy;
use crate::store::doubts::Look;
use crate::store::evidence::{Decided, NamedCall, Said, Standing};
use crate::store::forget::Forgotten;
use crate::store::story::{AttemptStory, Chapter, Event, Story};
use crate::ui::{harmless, wrapped};

/// What is read on most terminals without a line being broken by it.
const WIDTH: usize = 96;

/// Tells a person's story.
pub(super) fn story(story: &Story, now: Timestamp) -> String {
    let name = story
        .chapters
        .iter()
        .find_map(|chapter| chapter.name.as_deref());
    let name = name
        .map(|name| format!(", {}", harmless(name)))
        .unwrap_or_default();
    let mut text = format!("{}{name}\n", story.number);
    for chapter in &story.chapters {
        text += "\n";
        text += &told(chapter, now);
    }
    text
}

/// Tells of who was forgotten.
pub(super) fn forgotten(forgotten: &Forgotten, now: Timestamp) -> String {
    let (at, by) = (exact_time(forgotten.at, now), harmless(&forgotten.by));
    let text = format!(
        "This person was forgotten {at}, by {by}. They are never called again, and nothing else is known of them."
    );
    wrapped("", &text, WIDTH)
}

fn told(chapter: &Chapter, now: Timestamp) -> String {
    let Chapter {
        campaign,
        file,
        line,
        ..
    } = chapter;
    let mut text = wrapped(
        "",
        &format!(
            "Campaign {}, of {}",
            campaign.name,
            harmless(&campaign.owner)
        ),
        WIDTH,
    );
    let imported = exact_time(chapter.imported_at, now);
    let row = match file.as_str() {
        "(typed)" => format!("Typed at `call`, {imported}."),
        "-" => format!("Line {line} of standard input, imported {imported}."),
        file => format!("Line {line} of {}, imported {imported}.", harmless(file)),
    };
    text += &wrapped("  ", &row, WIDTH);
    text += &wrapped("  ", &standing(chapter, now), WIDTH);
    for attempt in &chapter.attempts {
        text += &format!("\n  Attempt {}\n", attempt.attempt);
        for (at, what) in timeline(attempt, now) {
            let at = format!("    {}  ", exact_time(at, now));
            text += &wrapped(&at, &harmless(&what), WIDTH);
        }
    }
    text += "\n";
    text += &wrapped("  Next: ", &next(chapter, now), WIDTH);
    text
}

/// Returns where a contact stands.
fn standing(chapter: &Chapter, now: Timestamp) -> String {
    let last = chapter.attempts.last();
    let reason = chapter.reason.as_deref();
    let is = |known: Reason| reason == Some(known.as_str());
    let otherwise = |text: &str| match reason {
        Some(reason) => format!("{text}: {reason}."),
        None => format!("{text}."),
    };
    match chapter.state {
        ContactState::Pending if is(Reason::BusyElsewhere) => {
            "Pending: another campaign has a call to this number, or a doubt about one.".to_owned()
        }
        ContactState::Pending if is(Reason::NotSent) => {
            "Pending: the last attempt never left this machine.".to_owned()
        }
        ContactState::Pending if is(Reason::ProviderRefused) => {
            "Pending: Exotel refused the last attempt without blaming this number.".to_owned()
        }
        ContactState::Pending if is(Reason::Cap) => {
            "Pending: the number has got as many calls as it may for now, over all campaigns."
                .to_owned()
        }
        ContactState::Pending if is(Reason::Retry) && was_answered(last) => {
            "Pending: the last call was answered, too briefly to count as reached.".to_owned()
        }
        ContactState::Pending => match last.map(|attempt| attempt.state) {
            None => "Pending: never called.".to_owned(),
            Some(StateName::NotPlaced) => {
                "Pending: the last attempt was decided not to have been placed.".to_owned()
            }
            Some(_) => "Pending: waits for another attempt.".to_owned(),
        },
        ContactState::Initiated => "Initiated: a call is being placed, or is under way.".to_owned(),
        ContactState::Completed if is(Reason::PresumedPlaced) => {
            "Completed: it was decided that the call counts as placed.".to_owned()
        }
        ContactState::Completed => "Completed: the call was answered.".to_owned(),
        ContactState::Failed if is(Reason::BadNumber) => {
            "Failed: Exotel says that this is no number.".to_owned()
        }
        ContactState::Failed if is(Reason::TooShort) => {
            "Failed: the last permitted call was answered, too briefly to count as reached."
                .to_owned()
        }
        ContactState::Failed => match last.and_then(|attempt| attempt.state.outcome()) {
            Some(outcome) => format!("Failed: the last permitted call ended {outcome}."),
            None => otherwise("Failed"),
        },
        ContactState::Skipped if is(Reason::Ndnc) => match chapter.registered_at {
            Some(at) if !was_refused(last) => format!(
                "Skipped, and not called because of it: Exotel said {} that this number is registered as do-not-disturb.",
                exact_time(at, now)
            ),
            _ => "Skipped: Exotel may not call this number (TRAI NDNC).".to_owned(),
        },
        ContactState::Skipped if is(Reason::DoNotCall) => {
            "Skipped: the number was on the do-not-call list; `exocamp dnd check` says more."
                .to_owned()
        }
        ContactState::Skipped if is(Reason::Cap) => {
            "Skipped: the number had got as many calls as it may, over all campaigns.".to_owned()
        }
        ContactState::Skipped if is(Reason::Expired) => {
            "Skipped: no calling hours were left before the campaign's end.".to_owned()
        }
        ContactState::Skipped => otherwise("Skipped"),
        ContactState::Held if is(Reason::OutcomeUnknown) => {
            "Held: a call was placed, and its end was never seen.".to_owned()
        }
        ContactState::Held => "Held: a call may or may not have been placed.".to_owned(),
    }
}

fn was_answered(last: Option<&AttemptStory>) -> bool {
    last.is_some_and(|attempt| attempt.state == StateName::Completed)
}

fn was_refused(last: Option<&AttemptStory>) -> bool {
    last.is_some_and(|attempt| attempt.state == StateName::Rejected)
}

/// Returns what happens next.
pub(super) fn next(chapter: &Chapter, now: Timestamp) -> String {
    let name = typed_name(&chapter.campaign.name);
    match chapter.state {
        ContactState::Pending => {
            format!("{}{}", due(chapter, &name, now), kept_back(chapter))
        }
        ContactState::Initiated => {
            format!(
                "the run that is going on asks what becomes of the call; so does `exocamp settle {name}`."
            )
        }
        ContactState::Held => match chapter.attempts.last() {
            Some(attempt) => next_of_a_doubt(attempt, &name, now),
            None => "nothing is known of the attempt.".to_owned(),
        },
        ContactState::Completed | ContactState::Failed | ContactState::Skipped => {
            "nothing; this contact is finished.".to_owned()
        }
    }
}

fn due(chapter: &Chapter, name: &str, now: Timestamp) -> String {
    match chapter.next_attempt_at {
        Some(at) if at > now => {
            let at = exact_time(at, now);
            format!("an attempt is due {at}, by the run that is going on then.")
        }
        _ if chapter.reason.as_deref() == Some(Reason::BusyElsewhere.as_str()) => {
            "an attempt is due as soon as that is over.".to_owned()
        }
        _ => format!(
            "an attempt is due now, by the run that is going on or the next `exocamp start {name}`."
        ),
    }
}

/// Returns what keeps the whole campaign from calling, if something does.
fn kept_back(chapter: &Chapter) -> String {
    match (&chapter.campaign.paused_by, chapter.campaign.state) {
        (Some(PausedBy::Person), _) => " But a person has paused the campaign.".to_owned(),
        (Some(PausedBy::Exocamp(why) | PausedBy::Quality(why)), _) => {
            format!(" But exocamp has paused the campaign: {}.", harmless(why))
        }
        (None, CampaignState::Cancelled) => " But the campaign was cancelled.".to_owned(),
        (None, _) => String::new(),
    }
}

fn next_of_a_doubt(attempt: &AttemptStory, name: &str, now: Timestamp) -> String {
    let is_open = matches!(attempt.state, StateName::InDoubt | StateName::Held);
    if let Some(call) = attempt.named.iter().find(|call| is_asked(call))
        && is_open
    {
        return format!(
            "exocamp asks Exotel about call {}; `exocamp settle {name}` asks now.",
            call.sid
        );
    }
    let id = attempt.attempt;
    let decide = format!(
        "look in Exotel's own call log, then `exocamp doubts resolve {id}` with `--placed SID`, `--not-placed` or `--give-up`"
    );
    let horizon = attempt
        .search
        .as_ref()
        .map(|search| search.doubted.settles_at);
    match (attempt.state, horizon) {
        (StateName::InDoubt, Some(horizon)) => {
            let look_at = attempt.search.as_ref().and_then(|search| search.look_at);
            let looks = match look_at {
                Some(at) if at > now => format!("exocamp looks for it {}", exact_time(at, now)),
                _ => format!("`exocamp settle {name}` looks for it now"),
            };
            if now < horizon {
                let until = exact_time(horizon, now);
                format!(
                    "waits for evidence: the call may turn up in Exotel's list until {until}; {looks}."
                )
            } else {
                format!("waits for evidence: {looks}. Or a person decides: {decide}.")
            }
        }
        (StateName::InDoubt | StateName::Held, _) => format!("a person has to decide: {decide}."),
        (StateName::OutcomeUnknown, _) => {
            "a person looks the call up in Exotel's own call log; nobody is called because of it."
                .to_owned()
        }
        _ => "waits for the end of the call.".to_owned(),
    }
}

fn is_asked(call: &NamedCall) -> bool {
    call.standing == Standing::Asked
}

/// Returns all that happened about an attempt, in order.
fn timeline(attempt: &AttemptStory, now: Timestamp) -> Vec<(Timestamp, String)> {
    let mut told = Vec::new();
    for event in &attempt.events {
        told.extend(step(attempt, event, now).map(|what| (event.at, 2, what)));
    }
    told.extend(
        attempt
            .readings
            .iter()
            .map(|it| (it.at, 0, reading(&it.look))),
    );
    let by_others = attempt
        .named
        .iter()
        .filter(|call| call.by != NamedBy::Person);
    told.extend(by_others.map(|call| (call.at, 1, named(call))));
    told.extend(
        attempt
            .decisions
            .iter()
            .map(|it| (it.at, 3, decided(attempt, it))),
    );
    told.extend(attempt.incidents.iter().map(|it| {
        (
            it.at,
            4,
            format!("incident: {} (call {})", it.detail, it.sid),
        )
    }));
    // What was seen comes before what it has led to, within one moment.
    told.sort_by_key(|(at, order, _)| (*at, *order));
    told.into_iter().map(|(at, _, what)| (at, what)).collect()
}

/// Returns a step of an attempt in words; `None` where a decision says more.
fn step(attempt: &AttemptStory, event: &Event, now: Timestamp) -> Option<String> {
    let detail = event.detail.as_deref();
    let with = |text: &str| match detail {
        Some(detail) => format!("{text}: {detail}"),
        None => text.to_owned(),
    };
    let sid = attempt
        .call_sid
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    if event.source == "person" {
        return None;
    }
    Some(match event.state {
        StateName::Intent => permitted(attempt, now),
        StateName::NotSent => with("not sent"),
        StateName::Rejected => with("refused by Exotel"),
        StateName::InDoubt => with("may or may not have been placed"),
        StateName::Accepted if event.source == "reply" => {
            format!("accepted by Exotel as call {sid}")
        }
        StateName::Accepted => format!("found at Exotel as call {sid}"),
        StateName::InProgress => "seen to be under way".to_owned(),
        StateName::OutcomeUnknown => match detail {
            Some(detail) => format!("call {sid} is given up: {detail}"),
            None => format!("found at Exotel as call {sid}, late"),
        },
        StateName::Held => with("left to a person"),
        StateName::NotPlaced | StateName::PresumedPlaced => with("decided"),
        StateName::Completed => ended(attempt, Outcome::Completed, now),
        StateName::Busy => ended(attempt, Outcome::Busy, now),
        StateName::NoAnswer => ended(attempt, Outcome::NoAnswer, now),
        StateName::Failed => ended(attempt, Outcome::Failed, now),
        StateName::Canceled => ended(attempt, Outcome::Canceled, now),
    })
}

fn permitted(attempt: &AttemptStory, now: Timestamp) -> String {
    let from = attempt
        .caller_id
        .map(|number| format!(" from {}", shown_caller_id(number)));
    let from = from.unwrap_or_default();
    let late = attempt
        .send_at
        .duration_since(attempt.permitted_at)
        .as_secs()
        > 0;
    if late {
        format!(
            "permitted, to be sent{from} at {}",
            exact_time(attempt.send_at, now)
        )
    } else {
        format!("permitted, to be sent{from} at once")
    }
}

fn ended(attempt: &AttemptStory, outcome: Outcome, now: Timestamp) -> String {
    let mut text = format!("seen to have ended: {outcome}");
    if let Some(at) = attempt.call_ended_at {
        text += &format!(" at {}", exact_time(at, now));
    }
    if let Some(seconds) = attempt.duration_s.filter(|seconds| *seconds > 0) {
        text += &format!(", after {seconds} s");
    }
    if let Some(price) = &attempt.price {
        text += &format!(", for {price}");
    }
    text
}

fn reading(look: &Look) -> String {
    let found = match look.candidates {
        0 => "no such call",
        1 => "one call may be it",
        _ => "several calls may be it",
    };
    if !look.of_window {
        return format!("Exotel's list was asked for the number: {found}");
    }
    let end = if look.is_complete {
        "to its end"
    } else {
        "not to its end"
    };
    let calls = counted(look.calls, "call");
    let known = match look.known {
        0 => String::new(),
        known => format!("; {} of {known} known calls were shown", look.known_shown),
    };
    format!("Exotel's list of that time was read {end}, {calls}: {found}{known}")
}

fn named(call: &NamedCall) -> String {
    let by = match call.by {
        NamedBy::List => "Exotel's list",
        NamedBy::Callback => "a callback",
        NamedBy::Person => "a person",
    };
    let sid = &call.sid;
    format!("{by} names call {sid}{}", shown_to_be(call.standing))
}

fn shown_to_be(standing: Standing) -> &'static str {
    match standing {
        Standing::Asked => ", and Exotel is asked about it",
        Standing::Confirmed => ", which a look-up has confirmed",
        Standing::Refuted => ", which a look-up has refuted",
        Standing::Unknown => ", which Exotel does not know",
        Standing::OneOfSeveral => ", which may be this one or another's",
    }
}

fn decided(attempt: &AttemptStory, decision: &Decided) -> String {
    let Decided { by, because, .. } = decision;
    let what = match &decision.said {
        Said::NotPlaced => "it was not placed".to_owned(),
        Said::GiveUp => "it counts as placed".to_owned(),
        Said::Placed(sid) => {
            let call = attempt.named.iter().find(|call| call.sid == *sid);
            let shown = call
                .map(|call| shown_to_be(call.standing))
                .unwrap_or_default();
            format!("it was placed as call {sid}{shown}")
        }
    };
    format!("{by} has decided: {what}; because: {because}")
}

#[cfg(test)]
mod tests;
