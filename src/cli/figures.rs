//! The figures that `plan` foresees and `rehearse` plays out, shown in the same way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::args;
use super::conduct;
use super::failure::Failure;
use super::moment;
use super::provider;
use super::settings;
use super::start;
use super::view::{clock_time, shown_time};
use super::workspace::Workspace;
use crate::domain::campaign::{self, Policy};
use crate::domain::eligibility::Caps;
use crate::domain::forecast::{Assumptions, Conditions, Cost, Day};
use crate::domain::hours::indian_time;
use crate::domain::money::Money;
use crate::domain::pace::Allowance;
use crate::domain::phone::PhoneNumber;
use crate::store::campaigns::{self, Campaign};
use crate::store::{Tx, costs};
use crate::ui::table::{self, Column};

/// What both commands reckon with.
pub(super) struct Outlook {
    pub(super) campaign: Campaign,
    pub(super) policy: Policy,
    /// The settings that were typed, which are not remembered.
    pub(super) settings: Vec<(campaign::Setting, String)>,
    pub(super) caps: Caps,
    pub(super) account: conduct::Account,
    pub(super) caller_ids: Vec<PhoneNumber>,
    pub(super) assumptions: Assumptions,
    pub(super) spent: Money,
    pub(super) now: Timestamp,
}

impl Outlook {
    /// Reads what the command line and the campaign say.
    pub(super) fn read(
        workspace: &Workspace,
        tx: &Tx<'_>,
        args: &args::Outlook,
    ) -> Result<Self, Failure> {
        let settings = settings::typed(workspace, &args.settings)?;
        let wall = workspace.clock.wall();
        let now = match &args.at {
            Some(text) => moment::parse(text, wall)?,
            None => wall,
        };
        let account = conduct::Account::configured(workspace, args.allowance)?;
        let caps = conduct::caps(workspace)?;
        let campaign = workspace.campaign(tx, &args.campaign)?;
        let mut policy = campaigns::policy(tx, campaign.id)?;
        start::apply(&mut policy, &settings)?;
        let learnt = campaign.typical_call.filter(|call| !call.is_zero());
        Ok(Self {
            caller_ids: provider::presumed_caller_ids(workspace, &policy)?,
            assumptions: Assumptions {
                reach: args.reach.unwrap_or(Assumptions::REACH),
                hold: args.hold.or(learnt).unwrap_or(Assumptions::HOLD),
            },
            spent: costs::spent(tx, campaign.id)?,
            campaign,
            policy,
            settings,
            caps,
            account,
            now,
        })
    }

    /// Returns what decides how the list is called.
    pub(super) fn conditions(&self) -> Conditions<'_> {
        let (campaign_lines, account_lines) = self.account.lines().limits(self.policy.lines);
        Conditions {
            policy: &self.policy,
            caps: self.caps,
            allowance: self.account.allowance(),
            lines: campaign_lines.min(account_lines),
            exophones: u32::try_from(self.caller_ids.len()).unwrap_or(1),
            spent: self.spent,
            assumptions: self.assumptions,
            now: self.now,
        }
    }

    /// Returns what is assumed, in words.
    pub(super) fn assumed(&self) -> String {
        let allowance = match self.account.allowance() {
            Allowance::Max => String::new(),
            some => format!(", {some} requests"),
        };
        format!(
            "{} of the calls are picked up, a call takes {}{allowance}",
            self.assumptions.reach,
            campaign::show_length(self.assumptions.hold)
        )
    }
}

/// The figures, foreseen or played.
#[derive(Serialize, Debug)]
pub(super) struct Figures {
    pub(super) callable: u64,
    pub(super) skipped: BTreeMap<String, u64>,
    pub(super) limited_by: Option<&'static str>,
    pub(super) calls_per_minute: Option<f64>,
    pub(super) days: Vec<DayView>,
    pub(super) finishes_at: Option<String>,
    pub(super) cost: CostView,
    pub(super) hash: String,
}

/// A day of the timetable.
#[derive(Serialize, Debug)]
pub(super) struct DayView {
    date: String,
    from: String,
    to: String,
    calls: u64,
}

impl From<&Day> for DayView {
    fn from(day: &Day) -> Self {
        Self {
            date: day.date.to_string(),
            from: shown_time(day.from),
            to: shown_time(day.to),
            calls: day.calls,
        }
    }
}

/// What it costs; nothing is known without a tariff.
#[derive(Serialize, Debug)]
pub(super) struct CostView {
    low: Option<f64>,
    likely: Option<f64>,
    worst: Option<f64>,
    currency: &'static str,
}

impl From<Option<Cost>> for CostView {
    fn from(cost: Option<Cost>) -> Self {
        let rupees = |money: fn(&Cost) -> Money| {
            cost.as_ref()
                .map(|cost| money(cost).as_micros() as f64 / 1e6)
        };
        Self {
            low: rupees(|cost| cost.low),
            likely: rupees(|cost| cost.likely),
            worst: rupees(|cost| cost.worst),
            currency: "INR",
        }
    }
}

/// Returns a number of calls in a minute, without needless digits.
pub(super) fn rounded(calls_per_minute: f64) -> f64 {
    (calls_per_minute * 100.0).round() / 100.0
}

impl Figures {
    /// Returns the lines for a person.
    pub(super) fn facts(
        &self,
        finishes_at: Option<Timestamp>,
        cost: Option<Cost>,
        now: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let skipped: u64 = self.skipped.values().sum();
        let reasons: Vec<_> = self
            .skipped
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let skipped = match skipped {
            0 => "0".to_owned(),
            some => format!("{some} = {}", reasons.join(" + ")),
        };
        let calls: u64 = self.days.iter().map(|day| day.calls).sum();
        let pace = match (self.limited_by, self.calls_per_minute) {
            (Some(limit), Some(rate)) => format!("{rate} calls a minute; limited by {limit}"),
            (Some(limit), None) => format!("limited by {limit}"),
            (None, _) => "nobody is called".to_owned(),
        };
        let mut facts = vec![
            ("callable", self.callable.to_string()),
            ("skipped", skipped),
            ("pace", pace),
            ("calls", format!("{calls}, retries included")),
        ];
        if let Some(at) = finishes_at {
            facts.push(("finishes", clock_time(at, now)));
        }
        facts.push((
            "cost",
            match cost {
                Some(Cost { low, likely, worst }) => {
                    format!("INR {likely} likely, {low} at the least, {worst} at the most")
                }
                None => "unknown; name a tariff with `--tariff 0.60/min`".to_owned(),
            },
        ));
        facts.push(("hash", self.hash.clone()));
        facts
    }
}

/// Returns the timetable for a person.
pub(super) fn timetable(days: &[Day]) -> String {
    let columns = [
        Column::Word("Day"),
        Column::Word("First call"),
        Column::Word("Last call"),
        Column::Number("Calls"),
    ];
    let zone: TimeZone = indian_time();
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
    let rows: Vec<_> = days
        .iter()
        .map(|day| {
            vec![
                day.date.strftime("%a %d %b %Y").to_string(),
                time(day.from),
                time(day.to),
                day.calls.to_string(),
            ]
        })
        .collect();
    table::table(&columns, &rows)
}
