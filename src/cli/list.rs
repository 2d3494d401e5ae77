//! `list`: the campaigns with their progress.

use super::failure::{Exit, Failure};
use super::view::{CampaignView, clock_time, shown_time};
use super::workspace::Workspace;
use crate::domain::campaign::CampaignState;
use crate::store::campaigns::Campaign;
use crate::store::lock;
use crate::store::reports::{self, Progress};
use crate::ui::table::{self, Column};
use crate::ui::{Format, Ui, results_width};

pub(super) fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    let mut store = workspace.open_store_to_read()?;
    let campaigns = store.read(reports::all_progress)?;
    let ui: &Ui = &workspace.ui;
    match ui.format {
        Format::Json => {
            let views: Vec<_> = campaigns
                .iter()
                .map(|progress| CampaignView::new(progress, status(workspace, &progress.campaign)))
                .collect();
            ui.json(&views)?;
        }
        Format::Csv => {
            let header = [
                "campaign",
                "status",
                "owner",
                "total_contacts",
                "pending",
                "initiated",
                "completed",
                "failed",
                "skipped",
                "held",
                "created_at",
                "started_at",
            ];
            let rows: Vec<_> = campaigns
                .iter()
                .map(|progress| row(workspace, progress, shown_time))
                .collect();
            ui.data(&table::csv(&header, &rows))?;
        }
        Format::Table => {
            let columns = [
                Column::Text("Campaign"),
                Column::Word("Status"),
                Column::Text("Owner"),
                Column::Number("Total"),
                Column::Number("Pending"),
                Column::Number("Initiated"),
                Column::Number("Completed"),
                Column::Number("Failed"),
                Column::Number("Skipped"),
                Column::Number("Held"),
                Column::Word("Created"),
                Column::Word("Started"),
            ];
            let now = workspace.clock.wall();
            let mut columns = columns.to_vec();
            let mut rows: Vec<_> = campaigns
                .iter()
                .map(|progress| row(workspace, progress, |at| clock_time(at, now)))
                .collect();
            if results_width().is_some_and(|width| width < 100) {
                // Titles that are broken in the middle of a word help nobody; the other formats have everything.
                for place in [11, 10, 2] {
                    columns.remove(place);
                    rows.iter_mut().for_each(|row| drop(row.remove(place)));
                }
            }
            if ui.sandbox {
                ui.data("SANDBOX")?;
            }
            ui.data(&table::table(&columns, &rows))?;
        }
    }
    Ok(Exit::Done)
}

fn row(
    workspace: &Workspace,
    progress: &Progress,
    time: impl Fn(jiff::Timestamp) -> String,
) -> Vec<String> {
    let Progress {
        campaign, counts, ..
    } = progress;
    vec![
        campaign.name.clone(),
        status(workspace, campaign).to_owned(),
        campaign.owner.clone(),
        counts.total().to_string(),
        counts.pending.to_string(),
        counts.initiated.to_string(),
        counts.completed.to_string(),
        counts.failed.to_string(),
        counts.skipped.to_string(),
        counts.held.to_string(),
        time(campaign.created_at),
        campaign.started_at.map(time).unwrap_or_default(),
    ]
}

/// Returns where a campaign stands: one whose runner was killed is stopped, whatever it last wrote.
pub(super) fn status(workspace: &Workspace, campaign: &Campaign) -> &'static str {
    let abandoned = campaign.state == CampaignState::Running
        && lock::is_held(&workspace.database(), campaign.id).is_none();
    let state = if abandoned {
        CampaignState::Stopped
    } else {
        campaign.state
    };
    state.as_str()
}
