//! The objects that programs read, PRODUCT §3: stable names, `null` where nothing is known.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::dialer::Summary;
use crate::domain::hours::{Calendar, indian_time};
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::Limit;
use crate::domain::report::Counts;
use crate::store::incidents::Incident;
use crate::store::reports::{ContactReport, ExoPhoneFigures, Progress};

/// Contacts by state.
#[derive(Serialize, Debug)]
pub(super) struct CountsView {
    pending: u64,
    initiated: u64,
    completed: u64,
    failed: u64,
    skipped: u64,
    held: u64,
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        let Counts {
            pending,
            initiated,
            completed,
            failed,
            skipped,
            held,
        } = counts;
        Self {
            pending,
            initiated,
            completed,
            failed,
            skipped,
            held,
        }
    }
}

/// Returns when somebody who is due then may be called: not before the hours open. `None` for at once.
pub(super) fn next_attempt(
    due_at: Option<Timestamp>,
    calendar: &Calendar,
    now: Timestamp,
) -> Option<Timestamp> {
    let earliest = due_at.map_or(now, |due| due.max(now));
    match calendar.next_opening(earliest) {
        Some(opening) if opening > earliest => Some(opening),
        _ => due_at,
    }
}

/// A campaign in `list`.
#[derive(Serialize, Debug)]
pub(super) struct CampaignView {
    pub(super) campaign: String,
    pub(super) status: &'static str,
    pub(super) owner: String,
    pub(super) total_contacts: u64,
    pub(super) calls_completed: u64,
    pub(super) calls_failed: u64,
    pub(super) counts: CountsView,
    pub(super) created_at: String,
    pub(super) started_at: Option<String>,
}

impl CampaignView {
    pub(super) fn new(progress: &Progress, status: &'static str) -> Self {
        let Progress {
            campaign, counts, ..
        } = progress;
        Self {
            campaign: campaign.name.clone(),
            status,
            owner: campaign.owner.clone(),
            total_contacts: counts.total(),
            calls_completed: counts.completed,
            calls_failed: counts.failed,
            counts: (*counts).into(),
            created_at: shown_time(campaign.created_at),
            started_at: campaign.started_at.map(shown_time),
        }
    }
}

/// A campaign in `status` and in the summaries.
#[derive(Serialize, Debug)]
pub(super) struct StatusView {
    pub(super) campaign: String,
    pub(super) status: &'static str,
    pub(super) started_at: Option<String>,
    pub(super) finished_at: Option<String>,
    /// When `run` starts it, or should have.
    pub(super) scheduled_at: Option<String>,
    pub(super) total_contacts: u64,
    pub(super) calls_completed: u64,
    pub(super) calls_failed: u64,
    pub(super) counts: CountsView,
    pub(super) spent: Option<String>,
    pub(super) budget: Option<String>,
    pub(super) caller_ids: Vec<ExoPhoneView>,
}

/// What one ExoPhone of a campaign has done.
#[derive(Serialize, Debug)]
pub(super) struct ExoPhoneView {
    caller_id: String,
    calls: u64,
    answered: u64,
    open: u64,
    refused: u64,
}

impl From<&ExoPhoneFigures> for ExoPhoneView {
    fn from(figures: &ExoPhoneFigures) -> Self {
        Self {
            caller_id: figures.caller_id.to_string(),
            calls: figures.calls,
            answered: figures.answered,
            open: figures.open,
            refused: figures.refused,
        }
    }
}

impl StatusView {
    pub(super) fn new(progress: &Progress, status: &'static str) -> Self {
        let Progress {
            campaign,
            counts,
            exophones,
            schedule,
            ..
        } = progress;
        Self {
            campaign: campaign.name.clone(),
            status,
            caller_ids: exophones.iter().map(ExoPhoneView::from).collect(),
            started_at: campaign.started_at.map(shown_time),
            finished_at: campaign.finished_at.map(shown_time),
            scheduled_at: schedule
                .as_ref()
                .map(|schedule| shown_time(schedule.start_at)),
            total_contacts: counts.total(),
            calls_completed: counts.completed,
            calls_failed: counts.failed,
            counts: (*counts).into(),
            spent: progress.cost.map(|cost| cost.to_string()),
            budget: progress.budget.map(|budget| budget.to_string()),
        }
    }
}

/// `status` with its contacts and what should not have happened.
#[derive(Serialize, Debug)]
pub(super) struct DetailedStatusView {
    #[serde(flatten)]
    pub(super) status: StatusView,
    pub(super) incidents: Vec<IncidentView>,
    pub(super) contacts: Vec<ContactView>,
}

/// What came to light and should not have.
#[derive(Serialize, Debug)]
pub(super) struct IncidentView {
    pub(super) at: String,
    pub(super) number: Option<String>,
    pub(super) attempt: i64,
    pub(super) kind: &'static str,
    pub(super) call_sid: String,
    pub(super) detail: String,
}

impl From<&Incident> for IncidentView {
    fn from(incident: &Incident) -> Self {
        Self {
            at: shown_time(incident.at),
            number: shown_number(incident.number),
            attempt: incident.attempt.get(),
            kind: incident.kind.as_str(),
            call_sid: incident.sid.to_string(),
            detail: incident.detail.clone(),
        }
    }
}

/// The end of a run.
#[derive(Serialize, Debug)]
pub(super) struct SummaryView {
    #[serde(flatten)]
    pub(super) status: StatusView,
    pub(super) stopped_because: &'static str,
    pub(super) limited_by: Option<&'static str>,
    pub(super) calls_placed: u64,
    pub(super) requests: u64,
    pub(super) elapsed_s: f64,
}

impl SummaryView {
    pub(super) fn new(status: StatusView, summary: &Summary) -> Self {
        Self {
            status,
            stopped_because: summary.ending.because.as_str(),
            limited_by: summary.ending.limited_by.map(Limit::as_str),
            calls_placed: summary.calls_placed,
            requests: summary.requests,
            elapsed_s: (summary.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        }
    }
}

/// A contact.
#[derive(Serialize, Debug)]
pub(super) struct ContactView {
    pub(super) id: i64,
    pub(super) number: Option<String>,
    /// Said only of those who were.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) forgotten: bool,
    pub(super) name: Option<String>,
    pub(super) call_status: &'static str,
    pub(super) outcome: Option<&'static str>,
    pub(super) reason: Option<String>,
    pub(super) attempts: u32,
    pub(super) call_sid: Option<String>,
    pub(super) call_started_at: Option<String>,
    pub(super) call_ended_at: Option<String>,
    pub(super) call_error: Option<String>,
    pub(super) duration_s: Option<u32>,
    pub(super) price: Option<String>,
    pub(super) next_attempt_at: Option<String>,
    pub(super) fields: serde_json::Value,
}

impl From<ContactReport> for ContactView {
    fn from(report: ContactReport) -> Self {
        Self {
            id: report.id,
            number: shown_number(report.number),
            forgotten: report.number.is_forgotten(),
            name: report.name,
            call_status: report.state.as_str(),
            outcome: report.outcome.map(crate::domain::call::Outcome::as_str),
            reason: report.reason,
            attempts: report.attempts,
            call_sid: report.call_sid,
            call_started_at: report.call_started_at.map(shown_time),
            call_ended_at: report.call_ended_at.map(shown_time),
            call_error: report.call_error,
            duration_s: report.duration_s,
            price: report.price,
            next_attempt_at: report.next_attempt_at.map(shown_time),
            fields: report
                .fields
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_else(|| serde_json::json!({})),
        }
    }
}

/// Returns a person's number for programs; `None` if they were forgotten.
pub(super) fn shown_number(number: PhoneNumber) -> Option<String> {
    (!number.is_forgotten()).then(|| number.to_string())
}

/// Returns an ExoPhone as Exotel and the people who bought it write it.
pub(super) fn shown_caller_id(caller_id: PhoneNumber) -> String {
    caller_id
        .national()
        .map_or_else(|| caller_id.to_string(), |national| format!("0{national}"))
}

/// Returns a time as RFC 3339 in Indian time, whole seconds.
pub(super) fn shown_time(at: Timestamp) -> String {
    at.to_zoned(indian_time())
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// Returns a time for people: the day only where it is not today.
pub(super) fn clock_time(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned(indian_time()), now.to_zoned(indian_time()));
    let pattern = if at.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%d %b %H:%M"
    };
    at.strftime(pattern).to_string()
}

/// Returns a time for people who compare it with other records: the day and the second, the year where it is not this
/// one.
pub(super) fn exact_time(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned(indian_time()), now.to_zoned(indian_time()));
    let pattern = if at.year() == now.year() {
        "%d %b %H:%M:%S"
    } else {
        "%d %b %Y %H:%M:%S"
    };
    at.strftime(pattern).to_string()
}

/// Returns a campaign's name as it can be typed in a shell.
pub(super) fn typed_name(name: &str) -> String {
    if name.contains(' ') {
        format!("'{name}'")
    } else {
        name.to_owned()
    }
}

/// Returns so many of something: `1 call`, `2 calls`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// Returns how long something took, without needless digits.
pub(super) fn took(elapsed: Duration) -> String {
    let whole = Duration::from_secs(elapsed.as_secs());
    if elapsed < Duration::from_secs(10) {
        format!("{:.1}s", elapsed.as_secs_f64())
    } else {
        crate::domain::campaign::show_length(whole)
    }
}
