//! `rehearse`: the real engine in simulated time against the sandbox's phones, on a copy of what is still to be done.
//!
//! Nothing is sent anywhere, and the real database is only read.

mod phones;
mod play;

use jiff::Timestamp;
use serde::Serialize;

use self::play::Stage;
use super::args;
use super::conclusion::{exit_of, explain};
use super::failure::{Exit, Failure};
use super::figures::{Figures, Outlook, rounded, timetable};
use super::plan::hash;
use super::provider;
use super::status::sum;
use super::view::{StatusView, SummaryView, shown_time, took};
use super::workspace::{Workspace, read};
use crate::dialer::Summary;
use crate::dialer::run::{Assignment, Dialling, Task};
use crate::domain::campaign::Setting;
use crate::domain::doubt::Patience;
use crate::domain::ending::{RunLimits, StoppedBecause};
use crate::domain::forecast::{Assumptions, Binding, Cost, Days};
use crate::domain::plan::Limit;
use crate::sandbox::{Exchange, Hold, Mix, Script, ScriptError};
use crate::store::campaigns::CampaignId;
use crate::store::rehearsal::{self, PlayedCall};
use crate::store::reports::{self, Progress};
use crate::store::{Store, runs};
use crate::ui::table;
use crate::ui::{Format, Ui};

/// The account that the copy is played in.
const ACCOUNT: &str = "exampleco1";

/// Rules that judge by outcomes have nothing to judge where the phones are pretended, and nobody can be asked for marks.
const OFF: [(Setting, &str); 3] = [
    (Setting::Canary, "none"),
    (Setting::ShortCalls, "off"),
    (Setting::ScrubDnd, "no"),
];

pub(super) fn run(workspace: &Workspace, args: &args::Rehearse) -> Result<Exit, Failure> {
    let mut real = workspace.open_store_to_read()?;
    let (outlook, hash) = read(&mut real, |tx| {
        let outlook = Outlook::read(workspace, tx, &args.outlook)?;
        let hash = hash(tx, outlook.campaign.id, &outlook.policy, outlook.caps)?;
        Ok((outlook, hash))
    })?;
    let mut settings = outlook.settings.clone();
    settings.extend(OFF.map(|(key, value)| (key, value.to_owned())));
    let mut store = Store::for_rehearsal()?;
    let name = &outlook.campaign.name;
    let copy = store.copy_for_rehearsal(&mut real, name, &settings, outlook.now)?;
    let copy = copy.ok_or_else(|| workspace.no_campaign(name, real.path()))?;
    drop(real);

    let run =
        store.write(|tx| runs::begin(tx, copy, std::process::id(), "rehearsal", outlook.now))?;
    let assignment = Assignment {
        run,
        campaign: copy,
        account: ACCOUNT.to_owned(),
        task: Task::Dial(Dialling {
            caller_ids: outlook.caller_ids.clone(),
            flow_url: provider::presumed_flow(workspace, &outlook.policy),
            limits: RunLimits {
                wait: true,
                ..RunLimits::default()
            },
        }),
        allowance: outlook.account.allowance(),
        account_lines: outlook.account.lines(),
        sids_per_look_up: outlook.account.sids_per_look_up(),
        caps: outlook.caps,
        patience: Patience::default(),
        callbacks: None,
    };
    let mut stage = Stage {
        store,
        exchange: Exchange::new(script(&outlook.assumptions, args.seed)?),
        began: outlook.now,
        seed: args.seed,
    };
    let summary = stage.play(assignment)?;
    let played = Played::read(&mut stage.store, copy)?;
    show(workspace.ui, &outlook, &summary, played, hash)?;
    Ok(match summary.ending.because {
        // What waits for a person did so before.
        StoppedBecause::OnlyDoubts => Exit::Done,
        _ => exit_of(&outlook.campaign, &summary, None)?,
    })
}

/// Returns phones that do as it is assumed.
fn script(assumptions: &Assumptions, seed: u64) -> Result<Script, Failure> {
    let wrong = |error: ScriptError| Failure::new(Exit::Internal, error.to_string());
    let parts = |share: f64| (share * 1e6).round();
    let reach = assumptions.reach.get();
    let busy = (1.0 - reach) * Assumptions::BUSY.get();
    let mix = format!(
        "completed={},busy={},no-answer={}",
        parts(reach),
        parts(busy),
        parts(1.0 - reach - busy)
    );
    let mix: Mix = mix.parse().map_err(wrong)?;
    let (shortest, longest) = assumptions.hold_range();
    let ms = |length: std::time::Duration| format!("{}ms", length.as_millis());
    let hold: Hold = format!("{}..{}", ms(shortest), ms(longest))
        .parse()
        .map_err(wrong)?;
    Ok(Script {
        seed,
        mix,
        hold,
        ..Script::default()
    })
}

/// What was played, as the copy has it.
struct Played {
    progress: Progress,
    callable: u64,
    skipped: std::collections::BTreeMap<String, u64>,
    calls: Vec<PlayedCall>,
}

impl Played {
    fn read(store: &mut Store, copy: CampaignId) -> Result<Self, Failure> {
        Ok(store.read(|tx| {
            Ok(Self {
                progress: reports::progress(tx, copy)?,
                callable: rehearsal::callable(tx, copy)?,
                skipped: rehearsal::left_out(tx, copy)?,
                calls: rehearsal::played_calls(tx, copy)?,
            })
        })?)
    }

    fn days(&self) -> Days {
        let mut days = Days::default();
        self.calls.iter().for_each(|call| days.note(call.sent_at));
        days
    }

    /// Returns what it has cost, in the same three ways as a plan.
    fn cost(&self, outlook: &Outlook) -> Option<Cost> {
        let tariff = outlook.policy.tariff?;
        let mut cost = Cost::default();
        for call in &self.calls {
            let price = tariff.cost(call.talk);
            cost.likely = cost.likely + price;
            cost.low = cost.low + price.min(tariff.per_minute());
        }
        cost.worst = outlook
            .conditions()
            .worst(tariff, self.callable)
            .max(cost.likely);
        Some(cost)
    }

    fn finished_at(&self) -> Option<Timestamp> {
        self.calls.iter().filter_map(|call| call.ended_at).max()
    }
}

/// `rehearse` for programs: how the run ended, and the figures of a plan.
#[derive(Serialize, Debug)]
struct RehearsalView {
    #[serde(flatten)]
    summary: SummaryView,
    #[serde(flatten)]
    figures: Figures,
}

fn show(
    ui: Ui,
    outlook: &Outlook,
    summary: &Summary,
    played: Played,
    hash: String,
) -> Result<(), Failure> {
    // Whatever is shown says that nobody was called.
    let ui = Ui {
        sandbox: true,
        ..ui
    };
    let because = summary.ending.because.as_str();
    let limited_by = match summary.ending.limited_by {
        // What ended it bound it most, whatever bound it until then.
        Some(_) if because == Binding::Budget.as_str() => Some(Binding::Budget.as_str()),
        limit => limit.map(Limit::as_str),
    };
    let (days, cost, finished_at) = (
        played.days().into_days(),
        played.cost(outlook),
        played.finished_at(),
    );
    let figures = Figures {
        callable: played.callable,
        skipped: played.skipped.clone(),
        limited_by,
        calls_per_minute: played.days().calls_per_minute().map(rounded),
        days: days.iter().map(Into::into).collect(),
        finishes_at: finished_at.map(shown_time),
        cost: cost.into(),
        hash,
    };
    let status = played.progress.campaign.state.as_str();
    if ui.format == Format::Json {
        let status = StatusView::new(&played.progress, status);
        ui.json(&RehearsalView {
            summary: SummaryView::new(status, summary),
            figures,
        })?;
        return Ok(());
    }
    ui.note("SANDBOX: played in simulated time against pretended phones; nobody was called");
    let mut facts = vec![
        ("campaign", format!("{} (SANDBOX)", outlook.campaign.name)),
        ("contacts", sum(&played.progress.counts)),
        ("stopped", explain(summary.ending.because).to_owned()),
        (
            "took",
            format!(
                "{} as played, {} requests",
                took(summary.elapsed),
                summary.requests
            ),
        ),
    ];
    facts.extend(figures.facts(finished_at, cost, outlook.now));
    facts.push(("assumed", outlook.assumed()));
    let mut text = table::facts(&facts);
    if !days.is_empty() {
        text += "\n";
        text += &timetable(&days);
    }
    ui.data(&text)?;
    Ok(())
}
