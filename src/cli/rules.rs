//! `rules`: the rules of calling that exocamp keeps, with source and date; and what `start` and `set` have to heed of them.
//!
//! Hours, caps and the do-not-call list are kept by every turn of a run, and nothing overrides them. What is left to
//! check before it is from whose numbers people are called: [`check_caller_ids`].

use serde::Serialize;

use super::failure::{Exit, Failure};
use super::provider;
use super::view::shown_caller_id;
use super::workspace::Workspace;
use crate::domain::campaign::Policy;
use crate::domain::purpose::Purpose;
use crate::domain::rules::{Hold, IN_FORCE, Rule, against_caller_ids};
use crate::store::Tx;
use crate::store::campaigns::Campaign;
use crate::store::steering::{self, Steering};
use crate::ui::results_width;
use crate::ui::table::{self, Column};
use crate::ui::{Format, Ui};

/// A rule as programs read it.
#[derive(Serialize, Debug)]
struct RuleView {
    id: &'static str,
    title: &'static str,
    says: &'static str,
    purposes: Vec<&'static str>,
    since: Option<String>,
    source: &'static str,
    address: Option<&'static str>,
    held: &'static str,
}

impl RuleView {
    fn of(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            title: rule.title,
            says: rule.says,
            purposes: rule
                .purposes
                .iter()
                .map(|purpose| purpose.as_str())
                .collect(),
            since: rule.since.map(|date| date.to_string()),
            source: rule.source,
            address: rule.address,
            held: rule.held.as_str(),
        }
    }
}

pub(super) fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    let ui: &Ui = &workspace.ui;
    match ui.format {
        Format::Json => {
            let rules: Vec<_> = IN_FORCE.iter().map(RuleView::of).collect();
            ui.json(&serde_json::json!({ "rules": rules }))?;
        }
        Format::Csv => {
            let header = [
                "id", "title", "says", "purposes", "since", "source", "address", "held",
            ];
            let rows: Vec<_> = IN_FORCE.iter().map(row).collect();
            ui.data(&table::csv(&header, &rows))?;
        }
        Format::Table => {
            if ui.sandbox {
                ui.data("SANDBOX\n")?;
            }
            if results_width().is_some() {
                let blocks: Vec<_> = IN_FORCE.iter().map(block).collect();
                ui.data(&blocks.join("\n"))?;
            } else {
                let titles = ["rule", "says", "for", "since", "source", "held"];
                let rows: Vec<_> = IN_FORCE.iter().map(short_row).collect();
                ui.data(&table::table(&titles.map(Column::Text), &rows))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(rule: &Rule) -> Vec<String> {
    let view = RuleView::of(rule);
    vec![
        view.id.to_owned(),
        view.title.to_owned(),
        view.says.to_owned(),
        view.purposes.join(" "),
        view.since.unwrap_or_default(),
        view.source.to_owned(),
        view.address.unwrap_or_default().to_owned(),
        view.held.to_owned(),
    ]
}

/// Titles and addresses are in the other formats.
fn short_row(rule: &Rule) -> Vec<String> {
    let view = RuleView::of(rule);
    vec![
        view.id.to_owned(),
        view.says.to_owned(),
        purposes(rule, &view),
        view.since.unwrap_or_default(),
        view.source.to_owned(),
        view.held.to_owned(),
    ]
}

fn purposes(rule: &Rule, view: &RuleView) -> String {
    if rule.purposes.len() == Purpose::ALL.len() {
        "all".to_owned()
    } else {
        view.purposes.join(", ")
    }
}

/// A rule as people read it: a few lines each, which no table could hold.
fn block(rule: &Rule) -> String {
    let view = RuleView::of(rule);
    let purposes = purposes(rule, &view);
    let since = view.since.map(|since| format!(", since {since}"));
    table::facts(&[
        ("rule", view.id.to_owned()),
        ("says", view.says.to_owned()),
        ("held", format!("{}, for {purposes}", view.held)),
        (
            "source",
            format!("{}{}", view.source, since.unwrap_or_default()),
        ),
    ])
}

/// A start, or a change, whose caller ids are to be checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intended<'a> {
    pub(super) typed: Typed,
    pub(super) campaign: &'a Campaign,
    /// How its people were called so far.
    pub(super) before: &'a Policy,
    /// How they shall be from now on.
    pub(super) policy: &'a Policy,
    /// Why a rule is overridden.
    pub(super) because: Option<&'a str>,
}

/// How purpose and ExoPhones are typed where they are checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Typed {
    /// As `start` takes them.
    Flags,
    /// As `set` takes them.
    Keys,
}

impl Typed {
    fn hint(self) -> String {
        let (caller_id, purpose) = match self {
            Self::Flags => ("--caller-id", "--purpose"),
            Self::Keys => ("caller-id=NUMBER", "purpose=WORD"),
        };
        format!(
            "show another ExoPhone with `{caller_id}`, declare another purpose with `{purpose}` if it is another, or say \
             why with `--because TEXT`, which is kept"
        )
    }
}

/// What is kept of a rule that was overridden: `override`.
const OVERRIDE: &str = "override";

/// Checks that people may be called for the campaign's purpose from its ExoPhones, and returns what is to be kept of a
/// rule that is overridden now.
///
/// An override goes on for as long as purpose and ExoPhones stay what they were, so that cron need not repeat it.
pub(super) fn check_caller_ids(
    workspace: &Workspace,
    tx: &Tx<'_>,
    start: Intended<'_>,
) -> Result<Option<Steering>, Failure> {
    let purpose = start.policy.purpose;
    // What is not configured is told where calls need it.
    let caller_ids = provider::caller_ids(workspace, start.policy).unwrap_or_default();
    let rule = against_caller_ids(purpose, &caller_ids);
    let shown: Vec<_> = caller_ids.iter().map(|id| shown_caller_id(*id)).collect();
    let shown = shown.join(" and ");
    let rule = match rule {
        Some(rule) if rule.held != Hold::Warned => rule,
        Some(rule) => {
            if is_new(start) {
                let Rule { says, id, .. } = rule;
                let from = format!("people are called for the purpose `{purpose}` from {shown}");
                workspace.ui.warn(&format!("{from}; {says} (rule `{id}`)"));
            }
            return Ok(unneeded(workspace, start));
        }
        None => return Ok(unneeded(workspace, start)),
    };
    let kept = Steering {
        at: workspace.clock.wall(),
        by: workspace.owner().to_owned(),
        what: OVERRIDE.to_owned(),
        detail: Some(format!("{} for {purpose} from {shown}", rule.id)),
        because: start.because.map(str::to_owned),
    };
    if kept.because.is_some() {
        return Ok(Some(kept));
    }
    let earlier = steering::of_campaign(tx, start.campaign.id)?;
    let same = |earlier: &Steering| earlier.what == OVERRIDE && earlier.detail == kept.detail;
    if earlier.iter().any(same) {
        return Ok(None);
    }
    let name = &start.campaign.name;
    let broken = format!("{} (rule `{}`, {})", rule.says, rule.id, rule.source);
    Err(Failure::new(Exit::Usage, broken)
        .context(format!(
            "campaign `{name}` may not call for the purpose `{purpose}` from {shown}"
        ))
        .hint(start.typed.hint()))
}

/// The same for a change of a campaign, whose other settings are no matter of these rules.
pub(super) fn check_changed_caller_ids(
    workspace: &Workspace,
    tx: &Tx<'_>,
    change: Intended<'_>,
) -> Result<Option<Steering>, Failure> {
    let Intended { before, policy, .. } = change;
    if before.purpose == policy.purpose && before.caller_ids == policy.caller_ids {
        return Ok(unneeded(workspace, change));
    }
    check_caller_ids(workspace, tx, change)
        .map_err(|failure| failure.context("nothing was changed"))
}

/// Returns whether this is the first start with this purpose or these ExoPhones, the purpose being one that was declared.
fn is_new(start: Intended<'_>) -> bool {
    let Intended { before, policy, .. } = start;
    let has_changed = before.purpose != policy.purpose || before.caller_ids != policy.caller_ids;
    has_changed && (policy.purpose, before.purpose) != (Purpose::default(), Purpose::default())
}

/// There is nothing to keep; whoever has given a reason is told what it is not good for.
fn unneeded(workspace: &Workspace, start: Intended<'_>) -> Option<Steering> {
    if start.because.is_some() {
        workspace.ui.note(
            "`--because` has nothing to override; calling hours, caps and the do-not-call list cannot be overridden",
        );
    }
    None
}
