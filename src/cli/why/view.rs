//! A person's story, for programs.

use jiff::Timestamp;
use serde::Serialize;

use super::told;
use crate::cli::view::{IncidentView, shown_time};
use crate::domain::call::Outcome;
use crate::store::candidates::NamedBy;
use crate::store::evidence::{Decided, NamedCall, Reading, Said, Search};
use crate::store::forget::Forgotten;
use crate::store::story::{AttemptStory, Chapter, Event, Story};

/// A person's story.
#[derive(Serialize, Debug)]
pub(super) struct StoryView<'a> {
    number: String,
    campaigns: Vec<ChapterView<'a>>,
}

impl<'a> StoryView<'a> {
    pub(super) fn new(story: &'a Story, now: Timestamp) -> Self {
        let chapters = story.chapters.iter();
        Self {
            number: story.number.to_string(),
            campaigns: chapters.map(|it| ChapterView::new(it, now)).collect(),
        }
    }
}

/// All there is to say of who was forgotten.
#[derive(Serialize, Debug)]
pub(super) struct ForgottenView<'a> {
    number: Option<String>,
    forgotten: bool,
    forgotten_at: String,
    forgotten_by: &'a str,
    campaigns: [(); 0],
}

impl<'a> From<&'a Forgotten> for ForgottenView<'a> {
    fn from(forgotten: &'a Forgotten) -> Self {
        Self {
            number: None,
            forgotten: true,
            forgotten_at: shown_time(forgotten.at),
            forgotten_by: &forgotten.by,
            campaigns: [],
        }
    }
}

#[derive(Serialize, Debug)]
struct ChapterView<'a> {
    campaign: &'a str,
    owner: &'a str,
    id: i64,
    name: Option<&'a str>,
    file: &'a str,
    line: u64,
    imported_at: String,
    call_status: &'static str,
    reason: Option<&'a str>,
    next_attempt_at: Option<String>,
    next: String,
    attempts: Vec<AttemptView<'a>>,
}

impl<'a> ChapterView<'a> {
    fn new(chapter: &'a Chapter, now: Timestamp) -> Self {
        Self {
            campaign: &chapter.campaign.name,
            owner: &chapter.campaign.owner,
            id: chapter.contact,
            name: chapter.name.as_deref(),
            file: &chapter.file,
            line: chapter.line,
            imported_at: shown_time(chapter.imported_at),
            call_status: chapter.state.as_str(),
            reason: chapter.reason.as_deref(),
            next_attempt_at: chapter.next_attempt_at.map(shown_time),
            next: told::next(chapter, now),
            attempts: chapter.attempts.iter().map(AttemptView::from).collect(),
        }
    }
}

#[derive(Serialize, Debug)]
struct AttemptView<'a> {
    attempt: i64,
    state: &'static str,
    outcome: Option<&'static str>,
    call_sid: Option<&'a str>,
    permitted_at: String,
    sent_at: String,
    caller_id: Option<String>,
    call_started_at: Option<String>,
    call_ended_at: Option<String>,
    duration_s: Option<u32>,
    price: Option<&'a str>,
    error: Option<&'a str>,
    events: Vec<EventView<'a>>,
    doubt: Option<SearchView<'a>>,
    named_calls: Vec<NamedView<'a>>,
    decisions: Vec<DecisionView<'a>>,
    incidents: Vec<IncidentView>,
}

impl<'a> From<&'a AttemptStory> for AttemptView<'a> {
    fn from(attempt: &'a AttemptStory) -> Self {
        let search = attempt.search.as_ref();
        Self {
            attempt: attempt.attempt.get(),
            state: attempt.state.as_str(),
            outcome: attempt.state.outcome().map(Outcome::as_str),
            call_sid: attempt.call_sid.as_ref().map(|sid| sid.as_str()),
            permitted_at: shown_time(attempt.permitted_at),
            sent_at: shown_time(attempt.send_at),
            caller_id: attempt.caller_id.map(|number| number.to_string()),
            call_started_at: attempt.call_started_at.map(shown_time),
            call_ended_at: attempt.call_ended_at.map(shown_time),
            duration_s: attempt.duration_s,
            price: attempt.price.as_deref(),
            error: attempt.error.as_deref(),
            events: attempt.events.iter().map(EventView::from).collect(),
            doubt: search.map(|search| SearchView::new(search, &attempt.readings)),
            named_calls: attempt.named.iter().map(NamedView::from).collect(),
            decisions: attempt.decisions.iter().map(DecisionView::from).collect(),
            incidents: attempt.incidents.iter().map(IncidentView::from).collect(),
        }
    }
}

#[derive(Serialize, Debug)]
struct EventView<'a> {
    at: String,
    state: &'static str,
    source: &'a str,
    detail: Option<&'a str>,
}

impl<'a> From<&'a Event> for EventView<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            at: shown_time(event.at),
            state: event.state.as_str(),
            source: &event.source,
            detail: event.detail.as_deref(),
        }
    }
}

#[derive(Serialize, Debug)]
struct SearchView<'a> {
    why: Option<&'a str>,
    sent_from: String,
    sent_to: String,
    settles_at: String,
    next_look_at: Option<String>,
    grade: Option<&'static str>,
    looks: Vec<ReadingView>,
}

impl<'a> SearchView<'a> {
    fn new(search: &'a Search, readings: &[Reading]) -> Self {
        Self {
            why: search.why.as_deref(),
            sent_from: shown_time(search.doubted.sent.from),
            sent_to: shown_time(search.doubted.sent.to),
            settles_at: shown_time(search.doubted.settles_at),
            next_look_at: search.look_at.map(shown_time),
            grade: search.grade.map(|grade| grade.as_str()),
            looks: readings.iter().map(ReadingView::from).collect(),
        }
    }
}

#[derive(Serialize, Debug)]
struct ReadingView {
    at: String,
    asked_for: &'static str,
    calls: u64,
    total: Option<u64>,
    complete: bool,
    known_calls: u64,
    known_calls_shown: u64,
    found: &'static str,
}

impl From<&Reading> for ReadingView {
    fn from(reading: &Reading) -> Self {
        let look = &reading.look;
        Self {
            at: shown_time(reading.at),
            asked_for: if look.of_window { "window" } else { "number" },
            calls: look.calls,
            total: look.total,
            complete: look.is_complete,
            known_calls: look.known,
            known_calls_shown: look.known_shown,
            found: match look.candidates {
                0 => "nothing",
                1 => "one",
                _ => "several",
            },
        }
    }
}

#[derive(Serialize, Debug)]
struct NamedView<'a> {
    at: String,
    call_sid: &'a str,
    named_by: &'static str,
    verdict: &'static str,
}

impl<'a> From<&'a NamedCall> for NamedView<'a> {
    fn from(call: &'a NamedCall) -> Self {
        Self {
            at: shown_time(call.at),
            call_sid: call.sid.as_str(),
            named_by: NamedBy::as_str(call.by),
            verdict: call.standing.as_str(),
        }
    }
}

#[derive(Serialize, Debug)]
struct DecisionView<'a> {
    at: String,
    by: &'a str,
    decision: &'static str,
    call_sid: Option<&'a str>,
    because: &'a str,
}

impl<'a> From<&'a Decided> for DecisionView<'a> {
    fn from(decided: &'a Decided) -> Self {
        Self {
            at: shown_time(decided.at),
            by: &decided.by,
            decision: decided.said.as_str(),
            call_sid: match &decided.said {
                Said::Placed(sid) => Some(sid.as_str()),
                Said::NotPlaced | Said::GiveUp => None,
            },
            because: &decided.because,
        }
    }
}
