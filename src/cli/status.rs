//! `status`: counts that add up, then the contacts and what became of them.

use jiff::Timestamp;

use super::args;
use super::failure::{Exit, Failure};
use super::list;
use super::view::{
    ContactView, DetailedStatusView, IncidentView, StatusView, clock_time, counted, next_attempt,
    shown_caller_id, typed_name,
};
use super::workspace::{Workspace, read};
use crate::domain::contact::ContactState;
use crate::domain::phone::PhoneNumber;
use crate::domain::report::Counts;
use crate::domain::retry::Reason;
use crate::store::campaigns::{self, PausedBy};
use crate::store::evidence;
use crate::store::incidents::{self, Incident};
use crate::store::reports::{self, ContactFilter, ContactReport, ExoPhoneFigures, Progress};
use crate::store::schedules::{Outcome, Schedule};
use crate::ui::Format;
use crate::ui::table::{self, Column};

pub(super) fn run(workspace: &Workspace, args: &args::Status) -> Result<Exit, Failure> {
    let Some(name) = &args.campaign else {
        return list::run(workspace);
    };
    let number = args.number.as_deref().map(parse_number).transpose()?;
    let limit = (args.limit > 0).then_some(args.limit);
    let filter = ContactFilter {
        states: args.state.clone(),
        outcomes: args.outcome.clone(),
        number,
        limit,
    };
    show(workspace, name, &filter)
}

/// Reads a number that a person has typed.
pub(super) fn parse_number(text: &str) -> Result<PhoneNumber, Failure> {
    PhoneNumber::parse(text).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string())
            .context("Invalid phone number format")
            .hint(error.hint())
    })
}

/// Shows a campaign and its contacts.
pub(super) fn show(
    workspace: &Workspace,
    name: &str,
    filter: &ContactFilter,
) -> Result<Exit, Failure> {
    let mut store = workspace.open_store_to_read()?;
    let (progress, mut contacts, calendar, incidents, doubts) = read(&mut store, |tx| {
        let campaign = workspace.campaign(tx, name)?;
        let progress = reports::progress(tx, campaign.id)?;
        let doubts = match progress.counts.held {
            0 => 0,
            _ => evidence::count_waiting(tx, campaign.id)?,
        };
        Ok((
            progress,
            reports::contacts(tx, campaign.id, filter)?,
            campaigns::policy(tx, campaign.id)?.calendar(),
            incidents::of_campaign(tx, campaign.id)?,
            doubts,
        ))
    })?;
    let now = workspace.clock.wall();
    for contact in &mut contacts {
        if contact.state == ContactState::Pending {
            contact.next_attempt_at = next_attempt(contact.next_attempt_at, &calendar, now);
        }
    }
    let ui = &workspace.ui;
    let status = list::status(workspace, &progress.campaign);
    match ui.format {
        Format::Json => {
            let contacts = contacts.into_iter().map(ContactView::from).collect();
            ui.json(&DetailedStatusView {
                status: StatusView::new(&progress, status),
                incidents: incidents.iter().map(IncidentView::from).collect(),
                contacts,
            })?;
        }
        Format::Csv => ui.data(&as_csv(contacts))?,
        Format::Table => {
            let mut facts = facts(workspace, &progress, status);
            if !incidents.is_empty() {
                facts.push(("incidents", format!("{} – see below", incidents.len())));
            }
            ui.data(&table::facts(&facts))?;
            ui.data("\n")?;
            let shown = contacts.len();
            ui.data(&as_table(workspace, contacts))?;
            let all = usize::try_from(progress.counts.total()).unwrap_or(usize::MAX);
            if filter.limit.is_some_and(|limit| shown == limit as usize) && shown < all {
                ui.note(&format!("{shown} of {all} contacts; `--limit 0` shows all"));
            }
            if !incidents.is_empty() {
                ui.data("\n")?;
                ui.data(&incidents_as_table(workspace, &incidents))?;
            }
        }
    }
    if doubts > 0 {
        let (calls, name) = (counted(doubts, "call"), typed_name(&progress.campaign.name));
        ui.note(&format!(
            "{calls} may or may not have been placed: `exocamp doubts list {name}`"
        ));
    }
    Ok(Exit::Done)
}

fn incidents_as_table(workspace: &Workspace, incidents: &[Incident]) -> String {
    let columns = [
        Column::Word("Incident"),
        Column::Word("Number"),
        Column::Number("Attempt"),
        Column::Text("Call"),
        Column::Text("What"),
    ];
    let now = workspace.clock.wall();
    let rows: Vec<_> = incidents
        .iter()
        .map(|incident| {
            vec![
                clock_time(incident.at, now),
                incident.number.to_string(),
                incident.attempt.to_string(),
                incident.sid.to_string(),
                incident.detail.clone(),
            ]
        })
        .collect();
    table::table(&columns, &rows)
}

/// Returns a campaign's head lines.
pub(super) fn facts(
    workspace: &Workspace,
    progress: &Progress,
    status: &'static str,
) -> Vec<(&'static str, String)> {
    let now = workspace.clock.wall();
    let mut facts = vec![
        ("campaign", shown_name(workspace, &progress.campaign.name)),
        ("status", describe(progress, status)),
        ("contacts", sum(&progress.counts)),
    ];
    facts.extend(cost(progress).map(|cost| ("cost", cost)));
    if progress.exophones.len() > 1 {
        let figures = |of: &ExoPhoneFigures| {
            let (shown, calls) = (shown_caller_id(of.caller_id), counted(of.calls, "call"));
            format!(
                "{shown}: {calls}, {} answered, {} open",
                of.answered, of.open
            )
        };
        facts.extend(progress.exophones.iter().map(|of| ("from", figures(of))));
    }
    facts.extend(
        progress
            .schedule
            .as_ref()
            .map(|schedule| ("scheduled", scheduled(schedule, now))),
    );
    let times = [
        ("started", progress.campaign.started_at),
        ("finished", progress.campaign.finished_at),
    ];
    facts.extend(
        times
            .into_iter()
            .filter_map(|(name, at)| Some((name, clock_time(at?, now)))),
    );
    facts
}

/// Returns when a campaign is to start, or what it has missed.
fn scheduled(schedule: &Schedule, now: Timestamp) -> String {
    let at = clock_time(schedule.start_at, now);
    let latest = schedule.not_after.map(|latest| clock_time(latest, now));
    let latest = latest.map_or_else(String::new, |latest| format!(", not after {latest}"));
    match schedule.outcome {
        Some(Outcome::Missed) => format!("{at}{latest}: missed, nobody is called until `start`"),
        _ => format!("{at}{latest}"),
    }
}

/// Returns what a campaign has spent and may spend, if anybody has said what a call costs.
fn cost(progress: &Progress) -> Option<String> {
    let tariff = progress.tariff?;
    let spent = progress.cost.unwrap_or_default();
    Some(match progress.budget {
        Some(budget) => format!("{spent} of {budget}, at {tariff}"),
        None => format!("{spent}, at {tariff}"),
    })
}

/// Returns a campaign's name, marked where nobody real is called.
pub(super) fn shown_name(workspace: &Workspace, name: &str) -> String {
    if workspace.ui.sandbox {
        format!("{name} (SANDBOX)")
    } else {
        name.to_owned()
    }
}

fn describe(progress: &Progress, status: &'static str) -> String {
    match &progress.campaign.paused_by {
        Some(PausedBy::Person) => format!("{status} until `resume`"),
        Some(PausedBy::Exocamp(why) | PausedBy::Quality(why)) => {
            format!("{status} by exocamp: {why}")
        }
        None => status.to_owned(),
    }
}

/// Returns the counts as a sum, so that everybody can check it.
pub(super) fn sum(counts: &Counts) -> String {
    let Counts {
        pending,
        initiated,
        completed,
        failed,
        skipped,
        held,
    } = counts;
    format!(
        "{} = {pending} pending + {initiated} initiated + {completed} completed + {failed} failed + {skipped} skipped + {held} held",
        counts.total()
    )
}

fn as_table(workspace: &Workspace, contacts: Vec<ContactReport>) -> String {
    let columns = [
        Column::Word("Number"),
        Column::Name("Name"),
        Column::Word("State"),
        Column::Word("Outcome"),
        Column::Number("Attempts"),
        Column::Word("Called"),
        Column::Number("Length"),
        Column::Text("Note"),
    ];
    let now = workspace.clock.wall();
    let rows: Vec<_> = contacts
        .into_iter()
        .map(|contact| {
            let note = note(workspace, &contact);
            vec![
                contact.number.to_string(),
                contact.name.unwrap_or_default(),
                contact.state.as_str().to_owned(),
                contact
                    .outcome
                    .map(|outcome| outcome.to_string())
                    .unwrap_or_default(),
                contact.attempts.to_string(),
                contact
                    .call_started_at
                    .map(|at| clock_time(at, now))
                    .unwrap_or_default(),
                // Nobody talked for no seconds; the outcome says why.
                contact
                    .duration_s
                    .filter(|seconds| *seconds > 0)
                    .map(|seconds| format!("{seconds}s"))
                    .unwrap_or_default(),
                note,
            ]
        })
        .collect();
    table::table(&columns, &rows)
}

/// Returns what a person should know of a contact beyond its state.
fn note(workspace: &Workspace, contact: &ContactReport) -> String {
    let now = workspace.clock.wall();
    let next = contact
        .next_attempt_at
        .filter(|at| *at > now)
        .map(|at| format!("next {}", clock_time(at, now)));
    // `retry` says no more than the time of the next attempt does, and `in_doubt` no more than why it is.
    let says_more = |reason: &str| {
        let is_told = reason == Reason::InDoubt.as_str() && contact.call_error.is_some();
        reason != Reason::Retry.as_str() && !is_told
    };
    let reason = contact.reason.clone().filter(|reason| says_more(reason));
    let parts: Vec<_> = [reason, contact.call_error.clone(), next]
        .into_iter()
        .flatten()
        .collect();
    parts.join(": ")
}

fn as_csv(contacts: Vec<ContactReport>) -> String {
    let header = [
        "id",
        "number",
        "name",
        "call_status",
        "outcome",
        "reason",
        "attempts",
        "call_sid",
        "call_started_at",
        "call_ended_at",
        "call_error",
        "duration_s",
        "price",
        "next_attempt_at",
    ];
    let rows: Vec<_> = contacts
        .into_iter()
        .map(|contact| {
            let number = contact.number.to_string();
            let view = ContactView::from(contact);
            let text = Option::<String>::unwrap_or_default;
            vec![
                view.id.to_string(),
                number,
                text(view.name),
                view.call_status.to_owned(),
                view.outcome.unwrap_or_default().to_owned(),
                text(view.reason),
                view.attempts.to_string(),
                text(view.call_sid),
                text(view.call_started_at),
                text(view.call_ended_at),
                text(view.call_error),
                view.duration_s
                    .map(|seconds| seconds.to_string())
                    .unwrap_or_default(),
                text(view.price),
                text(view.next_attempt_at),
            ]
        })
        .collect();
    table::csv(&header, &rows)
}
