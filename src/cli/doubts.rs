//! `doubts list`: the attempts that may or may not have been placed, and what is known of each.

mod resolve;
mod sentence;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::view::{clock_time, counted, shown_number, shown_time, typed_name};
use super::workspace::{Workspace, read};
use crate::domain::attempt::StateName;
use crate::store::evidence::{self, NamedCall, Standing, Waiting};
use crate::ui::Format;
use crate::ui::table::{self, Column};

pub(super) fn run(workspace: &Workspace, args: &args::Doubts) -> Result<Exit, Failure> {
    match args {
        args::Doubts::List(args) => list(workspace, args),
        args::Doubts::Resolve(args) => resolve::run(workspace, args),
    }
}

fn list(workspace: &Workspace, args: &args::DoubtsList) -> Result<Exit, Failure> {
    let mut store = workspace.open_store_to_read()?;
    let waiting = read(&mut store, |tx| {
        let campaign = args
            .campaign
            .as_deref()
            .map(|name| workspace.campaign(tx, name))
            .transpose()?;
        Ok(evidence::waiting(tx, campaign.map(|campaign| campaign.id))?)
    })?;
    let ui = &workspace.ui;
    match ui.format {
        Format::Json => {
            let views: Vec<_> = waiting
                .iter()
                .map(|doubt| DoubtView::new(workspace, doubt))
                .collect();
            ui.json(&views)?;
        }
        Format::Csv => ui.data(&as_csv(workspace, &waiting))?,
        Format::Table => {
            if ui.sandbox {
                ui.data("SANDBOX")?;
            }
            if waiting.is_empty() {
                ui.note("nothing is in doubt");
            }
            // A terminal has little room, and a campaign that was just typed need not be said. Programs count columns.
            let with_campaign = args.campaign.is_none() || !table::is_drawn();
            ui.data(&as_table(workspace, &waiting, with_campaign))?;
        }
    }
    advise(workspace, &waiting);
    Ok(Exit::Done)
}

/// Says what can be done about what was shown.
fn advise(workspace: &Workspace, waiting: &[Waiting]) {
    let ui = &workspace.ui;
    if ui.quiet {
        return;
    }
    let now = workspace.clock.wall();
    let to_look_for: BTreeSet<_> = waiting
        .iter()
        .filter(|doubt| doubt.search.look_at.is_some_and(|at| at <= now))
        .map(|doubt| typed_name(&doubt.campaign_name))
        .collect();
    for name in to_look_for {
        ui.hint(&format!("`exocamp settle {name}` looks for them now"));
    }
    let mut held = 0;
    let mut asked: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for doubt in waiting.iter().filter(|doubt| is_held(doubt)) {
        match candidates(doubt).find(|call| call.standing == Standing::Asked) {
            Some(call) => asked
                .entry(typed_name(&doubt.campaign_name))
                .or_default()
                .push(&call.sid),
            None => held += 1,
        }
    }
    for (name, sids) in asked {
        let calls = match sids.as_slice() {
            [sid] => format!("call {sid}"),
            _ => counted(sids.len() as u64, "call"),
        };
        ui.hint(&format!(
            "exocamp asks Exotel about {calls}; `exocamp settle {name}` asks now"
        ));
    }
    if held > 0 {
        let (wait, them) = match held {
            1 => ("waits", "it"),
            _ => ("wait", "them"),
        };
        ui.hint(&format!(
            "{} {wait} for a decision: look for {them} in Exotel's own call log, then `exocamp doubts resolve ATTEMPT` with \
             `--placed SID`, `--not-placed` or `--give-up`",
            counted(held, "attempt")
        ));
    }
}

fn is_held(doubt: &Waiting) -> bool {
    doubt.state == StateName::Held
}

/// Returns the calls that may be the attempt's: those that are known not to be are left out.
fn candidates(doubt: &Waiting) -> impl Iterator<Item = &NamedCall> {
    let named = doubt.named.iter();
    named.filter(|call| call.standing != Standing::Refuted)
}

fn as_table(workspace: &Workspace, waiting: &[Waiting], with_campaign: bool) -> String {
    let mut columns = vec![
        Column::Number("Attempt"),
        Column::Word("Number"),
        Column::Word("Sent"),
        Column::Word("State"),
        Column::Text("Evidence"),
    ];
    if with_campaign {
        columns.insert(1, Column::Text("Campaign"));
    }
    let now = workspace.clock.wall();
    let rows: Vec<_> = waiting
        .iter()
        .map(|doubt| {
            let mut row = vec![
                doubt.attempt.to_string(),
                doubt.number.to_string(),
                clock_time(doubt.sent_at, now),
                doubt.state.as_str().replace('_', " "),
                sentence::of(doubt, now),
            ];
            if with_campaign {
                row.insert(1, doubt.campaign_name.clone());
            }
            row
        })
        .collect();
    table::table(&columns, &rows)
}

fn as_csv(workspace: &Workspace, waiting: &[Waiting]) -> String {
    let header = [
        "attempt",
        "campaign",
        "number",
        "sent_at",
        "state",
        "evidence",
        "candidates",
    ];
    let now = workspace.clock.wall();
    let rows: Vec<_> = waiting
        .iter()
        .map(|doubt| {
            let sids: Vec<_> = candidates(doubt).map(|call| call.sid.as_str()).collect();
            vec![
                doubt.attempt.to_string(),
                doubt.campaign_name.clone(),
                doubt.number.to_string(),
                shown_time(doubt.sent_at),
                doubt.state.as_str().to_owned(),
                sentence::of(doubt, now),
                sids.join(" "),
            ]
        })
        .collect();
    table::csv(&header, &rows)
}

/// A doubt, for programs.
#[derive(Serialize, Debug)]
struct DoubtView<'a> {
    attempt: i64,
    campaign: &'a str,
    number: Option<String>,
    sent_at: String,
    state: &'static str,
    evidence: EvidenceView<'a>,
    candidates: Vec<&'a str>,
}

/// What is known of a doubt.
#[derive(Serialize, Debug)]
struct EvidenceView<'a> {
    summary: String,
    why: Option<&'a str>,
    sent_from: String,
    sent_to: String,
    settles_at: String,
    can_be_decided: bool,
    looks: u32,
    last_look_at: Option<String>,
    next_look_at: Option<String>,
    grade: Option<&'static str>,
    /// Of the last complete scan; without one, `null`.
    known_calls: Option<u64>,
    known_calls_shown: Option<u64>,
    last_scan_complete: Option<bool>,
}

impl<'a> DoubtView<'a> {
    fn new(workspace: &Workspace, doubt: &'a Waiting) -> Self {
        let now = workspace.clock.wall();
        let search = &doubt.search;
        let scan = sentence::last_complete_scan(doubt);
        let mut readings = doubt.readings.iter().rev();
        let last_scan = readings.find(|reading| reading.look.of_window);
        Self {
            attempt: doubt.attempt.get(),
            campaign: &doubt.campaign_name,
            number: shown_number(doubt.number),
            sent_at: shown_time(doubt.sent_at),
            state: doubt.state.as_str(),
            evidence: EvidenceView {
                summary: sentence::of(doubt, now),
                why: search.why.as_deref(),
                sent_from: shown_time(search.doubted.sent.from),
                sent_to: shown_time(search.doubted.sent.to),
                settles_at: shown_time(search.doubted.settles_at),
                can_be_decided: is_held(doubt) || search.doubted.settles_at <= now,
                looks: search.looks,
                last_look_at: search.looked_at.map(shown_time),
                next_look_at: search.look_at.map(shown_time),
                grade: search.grade.map(|grade| grade.as_str()),
                known_calls: scan.map(|look| look.known),
                known_calls_shown: scan.map(|look| look.known_shown),
                last_scan_complete: last_scan.map(|reading| reading.look.is_complete),
            },
            candidates: candidates(doubt).map(|call| call.sid.as_str()).collect(),
        }
    }
}
