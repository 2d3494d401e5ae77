//! What an audit has found, for people and programs.

use std::time::Duration;

use serde::Serialize;

use super::shown_time;
use crate::cli::failure::Failure;
use crate::cli::status::shown_name;
use crate::cli::view::{clock_time, shown_number};
use crate::cli::workspace::Workspace;
use crate::domain::audit::{Audit, Difference, OurCall, Stranger};
use crate::domain::call::{CallStatus, Window};
use crate::domain::campaign::show_length;
use crate::domain::hours::indian_time;
use crate::store::attempts::AttemptId;
use crate::store::audits::NotCompared;
use crate::ui::Format;
use crate::ui::table::{self, Column};

/// An audit to be shown.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) campaign: &'a str,
    pub(super) audit: &'a Audit<AttemptId>,
    pub(super) period: Window,
    pub(super) is_complete: bool,
    pub(super) not_compared: NotCompared,
    pub(super) record_lag: Duration,
}

impl Report<'_> {
    /// Shows the figures, the differences, and what could not be compared.
    pub(super) fn show(&self, workspace: &Workspace) -> Result<(), Failure> {
        let ui = &workspace.ui;
        if ui.format == Format::Json {
            ui.json(&self.as_object())?;
        } else if !(ui.quiet && self.audit.is_clean()) {
            ui.data(&table::facts(&self.facts(workspace)))?;
            let rows = self.rows(workspace);
            if !rows.is_empty() {
                ui.data("\n")?;
                ui.data(&table::table(&COLUMNS, &rows))?;
            }
        }
        if !self.is_complete {
            ui.warn("the provider's list could not be read whole: it may have more calls than were compared");
        }
        if self.not_compared.older > 0 {
            ui.warn(&format!(
                "{} calls are older than the provider's list goes back, and are not compared",
                self.not_compared.older
            ));
        }
        if self.audit.recent > 0 {
            let (recent, lag) = (self.audit.recent, show_length(self.record_lag));
            ui.note(&format!(
                "{recent} calls are too recent to be compared: the list may lack them for {lag} after their end"
            ));
        }
        if let Some(contacts) = self.contacts_called_unknown() {
            ui.note(&contacts);
        }
        Ok(())
    }

    /// Returns what matters most of calls that nobody owns: these people would be called again.
    fn contacts_called_unknown(&self) -> Option<String> {
        let strangers = self.audit.only_theirs.iter();
        let called = strangers.filter(|one| one.is_contact && one.claimants.is_empty());
        let called = called.count();
        (called > 0).then(|| {
            format!(
                "calls to contacts of `{}` that no attempt knows of: {called}; whoever of them is pending will be called again",
                self.campaign
            )
        })
    }

    fn facts(&self, workspace: &Workspace) -> Vec<(&'static str, String)> {
        let now = workspace.clock.wall();
        let audit = self.audit;
        let NotCompared {
            open,
            doubts,
            older,
        } = self.not_compared;
        let left: Vec<_> = [
            (open, "open"),
            (doubts, "in doubt or decided"),
            (audit.recent, "too recent"),
            (older, "too old"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let mut facts = vec![
            ("campaign", shown_name(workspace, self.campaign)),
            (
                "period",
                format!(
                    "{} to {}",
                    // The day also where it is today: this is kept with other papers.
                    self.period
                        .from
                        .to_zoned(indian_time())
                        .strftime("%d %b %Y %H:%M"),
                    clock_time(self.period.to, now)
                ),
            ),
            (
                "ours",
                format!(
                    "{} = {} matched + {} only ours",
                    audit.ours(),
                    audit.matched,
                    audit.only_ours.len()
                ),
            ),
            (
                "theirs",
                format!(
                    "{} = {} matched + {} only theirs",
                    audit.theirs(),
                    audit.matched,
                    audit.only_theirs.len()
                ),
            ),
            ("different", audit.different.len().to_string()),
        ];
        if !left.is_empty() {
            facts.push(("not compared", left.join(", ")));
        }
        facts
    }

    fn rows(&self, workspace: &Workspace) -> Vec<Vec<String>> {
        let now = workspace.clock.wall();
        let audit = self.audit;
        let ours = audit.only_ours.iter().map(|call| {
            vec![
                call.number.to_string(),
                call.sid.to_string(),
                "only ours".to_owned(),
                clock_time(call.intent_at, now),
                call.outcome.to_string(),
                format!("attempt {}; the provider does not know it", call.attempt),
            ]
        });
        let theirs = audit.only_theirs.iter().map(|stranger| {
            let call = &stranger.call;
            let number = call.report.number.map(|number| number.to_string());
            vec![
                number.unwrap_or_default(),
                call.report.sid.to_string(),
                "only theirs".to_owned(),
                call.created_at
                    .map(|at| clock_time(at, now))
                    .unwrap_or_default(),
                word(&call.report.status),
                note(stranger),
            ]
        });
        let different = audit.different.iter().map(|one| {
            let at = one.report.started_at.map(|at| clock_time(at, now));
            vec![
                one.number.to_string(),
                one.report.sid.to_string(),
                "different".to_owned(),
                at.unwrap_or_default(),
                word(&one.report.status),
                format!(
                    "attempt {}; {}: ours {}, theirs {}",
                    one.attempt, one.what, one.ours, one.theirs
                ),
            ]
        });
        theirs.chain(ours).chain(different).collect()
    }

    fn as_object(&self) -> AuditView<'_> {
        let NotCompared {
            open,
            doubts,
            older,
        } = self.not_compared;
        let audit = self.audit;
        AuditView {
            campaign: self.campaign,
            from: shown_time(self.period.from),
            to: shown_time(self.period.to),
            complete: self.is_complete,
            ours: audit.ours(),
            theirs: audit.theirs(),
            matched: audit.matched,
            open,
            doubts,
            recent: audit.recent,
            older,
            only_ours: audit.only_ours.iter().map(OnlyOurs::from).collect(),
            only_theirs: audit.only_theirs.iter().map(OnlyTheirs::from).collect(),
            different: audit.different.iter().map(Different::from).collect(),
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::Word("Number"),
    Column::Text("Sid"),
    Column::Text("Found"),
    Column::Word("When"),
    Column::Word("Outcome"),
    Column::Text("Note"),
];

/// Returns what a person should know of a call that no attempt owns.
fn note(stranger: &Stranger<AttemptId>) -> String {
    let whose = if stranger.is_contact {
        "a contact; "
    } else {
        ""
    };
    let attempts: Vec<_> = stranger.claimants.iter().map(ToString::to_string).collect();
    match attempts.as_slice() {
        [] => format!("{whose}no attempt knows of it"),
        [attempt] if stranger.is_clear => {
            format!("{whose}may be attempt {attempt}, noted: `exocamp settle` asks about it")
        }
        _ => format!(
            "{whose}may be attempt {}, as others may: a person decides",
            attempts.join(" or ")
        ),
    }
}

fn word(status: &CallStatus) -> String {
    match status {
        CallStatus::Ended(outcome) => outcome.to_string(),
        CallStatus::Running => "in-progress".to_owned(),
        CallStatus::Other(text) => text.clone(),
    }
}

/// An audit, for programs.
#[derive(Serialize, Debug)]
struct AuditView<'a> {
    campaign: &'a str,
    from: String,
    to: String,
    complete: bool,
    ours: u64,
    theirs: u64,
    matched: u64,
    open: u64,
    doubts: u64,
    recent: u64,
    older: u64,
    only_ours: Vec<OnlyOurs>,
    only_theirs: Vec<OnlyTheirs>,
    different: Vec<Different>,
}

#[derive(Serialize, Debug)]
struct OnlyOurs {
    sid: String,
    number: Option<String>,
    attempt: i64,
    outcome: &'static str,
    ended_at: Option<String>,
}

impl From<&OurCall<AttemptId>> for OnlyOurs {
    fn from(call: &OurCall<AttemptId>) -> Self {
        Self {
            sid: call.sid.to_string(),
            number: shown_number(call.number),
            attempt: call.attempt.get(),
            outcome: call.outcome.as_str(),
            ended_at: call.ended_at.map(shown_time),
        }
    }
}

#[derive(Serialize, Debug)]
struct OnlyTheirs {
    sid: String,
    number: Option<String>,
    created_at: Option<String>,
    outcome: String,
    is_contact: bool,
    attempt: Option<i64>,
}

impl From<&Stranger<AttemptId>> for OnlyTheirs {
    fn from(stranger: &Stranger<AttemptId>) -> Self {
        let call = &stranger.call;
        Self {
            sid: call.report.sid.to_string(),
            number: call.report.number.map(|number| number.to_string()),
            created_at: call.created_at.map(shown_time),
            outcome: word(&call.report.status),
            is_contact: stranger.is_contact,
            attempt: stranger.claimants.first().copied().map(AttemptId::get),
        }
    }
}

#[derive(Serialize, Debug)]
struct Different {
    sid: String,
    number: Option<String>,
    attempt: i64,
    what: &'static str,
    ours: String,
    theirs: String,
}

impl From<&Difference<AttemptId>> for Different {
    fn from(different: &Difference<AttemptId>) -> Self {
        Self {
            sid: different.report.sid.to_string(),
            number: shown_number(different.number),
            attempt: different.attempt.get(),
            what: different.what.as_str(),
            ours: different.ours.clone(),
            theirs: different.theirs.clone(),
        }
    }
}
