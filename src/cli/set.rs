//! `set`: changes what is remembered with a campaign, also while it runs; or shows what is in force.

use serde::Serialize;

use super::args;
use super::failure::{Exit, Failure};
use super::list;
use super::rules::{self, Intended, Typed};
use super::settings::resolve;
use super::steer::say;
use super::view::{clock_time, shown_time};
use super::workspace::{Workspace, read};
use crate::domain::campaign::{CampaignState, Policy, Setting, SettingError};
use crate::store::campaigns::{self, Campaign};
use crate::store::settings::{self, Changed, InForce};
use crate::store::steering;
use crate::ui::Format;
use crate::ui::table::{self, Column};

/// What was changed, for programs.
#[derive(Serialize, Debug)]
struct SetView<'a> {
    campaign: &'a str,
    status: &'static str,
    changed: Vec<ChangedView<'a>>,
    by: &'a str,
    at: String,
}

#[derive(Serialize, Debug)]
struct ChangedView<'a> {
    key: &'static str,
    before: Option<&'a str>,
    value: &'a str,
}

/// A setting in force, for programs.
#[derive(Serialize, Debug)]
struct SettingView<'a> {
    key: &'static str,
    value: Option<&'a str>,
    set_by: Option<&'a str>,
    set_at: Option<String>,
}

pub(super) fn run(workspace: &Workspace, args: &args::Set) -> Result<Exit, Failure> {
    if args.settings.is_empty() {
        return view(workspace, &args.campaign);
    }
    if workspace.ui.format == Format::Csv {
        let message = "what was changed is no list of rows";
        return Err(Failure::new(Exit::Usage, message).hint("use `--format json`"));
    }
    let typed = args
        .settings
        .iter()
        .map(|text| typed(workspace, text))
        .collect::<Result<Vec<_>, _>>()?;
    let mut store = workspace.open_store()?;
    let now = workspace.clock.moment();
    let (campaign, changed) = store.write(|tx| -> Result<_, Failure> {
        let campaign = workspace.changed_campaign(tx, &args.campaign)?;
        if campaign.state == CampaignState::Cancelled {
            let message = format!("campaign `{}` was cancelled", campaign.name);
            return Err(Failure::new(Exit::Usage, message));
        }
        let before = campaigns::policy(tx, campaign.id)?;
        let after = check(before.clone(), &typed)?;
        // As `start` does: whoever changes a run that goes on goes round none of its rules.
        if !workspace.ui.sandbox {
            let change = Intended {
                typed: Typed::Keys,
                campaign: &campaign,
                before: &before,
                policy: &after,
                because: args.because.as_deref(),
            };
            let overridden = rules::check_changed_caller_ids(workspace, tx, change)?;
            if let Some(overridden) = overridden {
                steering::record(tx, campaign.id, &overridden)?;
            }
        }
        let changed = settings::change(tx, campaign.id, &typed, workspace.owner(), &now)?;
        Ok((campaign, changed))
    })?;
    show(workspace, &campaign, &changed, shown_time(now.wall))?;
    Ok(Exit::Done)
}

/// Reads `key=value`, and returns what is remembered of it.
fn typed(workspace: &Workspace, text: &str) -> Result<(Setting, String), Failure> {
    let Some((key, value)) = text.split_once('=') else {
        let message = format!("`{text}` does not say what to set");
        return Err(Failure::new(Exit::Usage, message).hint("write for example `rate=30/min`"));
    };
    let key: Setting = key.trim().parse().map_err(|error: SettingError| {
        let keys: Vec<_> = Setting::ALL.into_iter().map(Setting::as_str).collect();
        Failure::new(Exit::Usage, error.to_string())
            .hint(format!("the settings are {}", keys.join(", ")))
    })?;
    let value = resolve(workspace, key, value.trim()).map_err(|failure| {
        let cannot = format!("`{}` cannot be set", key.as_str());
        failure.context(cannot)
    })?;
    Ok((key, value))
}

/// Returns what is in force with these settings, unless they make no sense together with those that are remembered; none
/// is changed then.
fn check(mut policy: Policy, typed: &[(Setting, String)]) -> Result<Policy, Failure> {
    let set = typed
        .iter()
        .try_for_each(|(key, value)| policy.set(*key, value));
    set.and_then(|()| policy.check()).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string()).hint("nothing was changed")
    })?;
    Ok(policy)
}

fn show(
    workspace: &Workspace,
    campaign: &Campaign,
    changed: &[Changed],
    at: String,
) -> Result<(), Failure> {
    let name = &campaign.name;
    if workspace.ui.format == Format::Json {
        let changed = changed.iter().map(|changed| ChangedView {
            key: changed.key.as_str(),
            before: changed.before.as_deref(),
            value: &changed.now,
        });
        return Ok(workspace.ui.json(&SetView {
            campaign: name,
            status: list::status(workspace, campaign),
            changed: changed.collect(),
            by: workspace.owner(),
            at,
        })?);
    }
    if changed.is_empty() {
        return say(workspace, &format!("`{name}` has it like that already"));
    }
    let changes: Vec<_> = changed.iter().map(in_words).collect();
    say(workspace, &format!("`{name}`: {}", changes.join(", ")))
}

fn in_words(changed: &Changed) -> String {
    let (key, now) = (changed.key.as_str(), &changed.now);
    match &changed.before {
        Some(before) => format!("{key} {now} (was {before})"),
        None => format!("{key} {now}"),
    }
}

/// Shows every setting in force.
fn view(workspace: &Workspace, name: &str) -> Result<Exit, Failure> {
    let mut store = workspace.open_store_to_read()?;
    let all = read(&mut store, |tx| {
        let campaign = workspace.campaign(tx, name)?;
        Ok(settings::in_force(tx, campaign.id)?)
    })?;
    let ui = &workspace.ui;
    match ui.format {
        Format::Json => {
            let views: Vec<_> = all
                .iter()
                .map(|setting| SettingView {
                    key: setting.key.as_str(),
                    value: setting.value.as_deref(),
                    set_by: setting.set.as_ref().map(|(by, _)| by.as_str()),
                    set_at: setting.set.as_ref().map(|(_, at)| shown_time(*at)),
                })
                .collect();
            ui.json(&views)?;
        }
        Format::Csv => {
            let rows: Vec<_> = all.iter().map(|setting| row(setting, shown_time)).collect();
            ui.data(&table::csv(&["key", "value", "set_by", "set_at"], &rows))?;
        }
        Format::Table => {
            let columns = [
                Column::Word("Key"),
                Column::Text("Value"),
                Column::Text("Set by"),
                Column::Word("Set at"),
            ];
            let now = workspace.clock.wall();
            let rows: Vec<_> = all
                .iter()
                .map(|setting| row(setting, |at| clock_time(at, now)))
                .collect();
            if ui.sandbox {
                ui.data("SANDBOX")?;
            }
            ui.data(&table::table(&columns, &rows))?;
        }
    }
    Ok(Exit::Done)
}

fn row(setting: &InForce, time: impl Fn(jiff::Timestamp) -> String) -> Vec<String> {
    let (by, at) = match &setting.set {
        Some((by, at)) => (by.clone(), time(*at)),
        None => (String::new(), String::new()),
    };
    vec![
        setting.key.as_str().to_owned(),
        setting.value.clone().unwrap_or_default(),
        by,
        at,
    ]
}
