//! `plan`: who would be called, at what pace, until when and for how much; calls nobody, and needs no network.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;

use super::args;
use super::conduct;
use super::failure::{Exit, Failure};
use super::figures::{Figures, Outlook, rounded, timetable};
use super::status::shown_name;
use super::view::{clock_time, shown_time, typed_name};
use super::workspace::{Workspace, read};
use crate::domain::campaign::Policy;
use crate::domain::contact::ContactState;
use crate::domain::eligibility::{Caps, Eligibility, Scrubbing, judge};
use crate::domain::forecast::{Fingerprint, Forecast, Waiting, forecast};
use crate::domain::hours::Calendar;
use crate::store::campaigns::{Campaign, CampaignId};
use crate::store::prospects::{self, Prospect};
use crate::store::{Store, Tx};
use crate::ui::Format;
use crate::ui::table::{self, Column};

pub(super) fn run(workspace: &Workspace, args: &args::Plan) -> Result<Exit, Failure> {
    let mut store = workspace.open_store_to_read()?;
    let listed = match (args.contacts, args.limit) {
        (false, _) => 0,
        (true, 0) => usize::MAX,
        (true, limit) => limit as usize,
    };
    let (outlook, census) = read(&mut store, |tx| {
        let outlook = Outlook::read(workspace, tx, &args.outlook)?;
        let census = Census::take(tx, &outlook, listed)?;
        Ok((outlook, census))
    })?;
    let forecast = forecast(&outlook.conditions(), &census.waiting());
    show(workspace, &outlook, census, &forecast, args.contacts)?;
    Ok(Exit::Done)
}

/// Refuses a campaign whose list or rules are not those that a plan showed.
pub(super) fn check_unchanged(
    workspace: &Workspace,
    store: &mut Store,
    campaign: &Campaign,
    policy: &Policy,
    planned: &str,
) -> Result<(), Failure> {
    let caps = conduct::caps(workspace)?;
    let hash = read(store, |tx| hash(tx, campaign.id, policy, caps))?;
    if hash == planned.trim().to_ascii_lowercase() {
        return Ok(());
    }
    let name = &campaign.name;
    let message = format!("the list or the rules of `{name}` have changed since that plan");
    Err(Failure::new(Exit::Usage, message).hint(format!(
        "look at `exocamp plan {}` again, with the settings that `start` is given",
        typed_name(name)
    )))
}

/// Returns the hash of a list and its rules.
pub(super) fn hash(
    tx: &Tx<'_>,
    campaign: CampaignId,
    policy: &Policy,
    caps: Caps,
) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::new(policy, caps);
    // Whom the last days have called is no part of it.
    prospects::each(tx, campaign, Timestamp::MAX, |prospect| {
        note(&mut fingerprint, &prospect);
    })?;
    Ok(fingerprint.finish())
}

fn note(fingerprint: &mut Fingerprint, prospect: &Prospect) {
    fingerprint.note(
        prospect.number,
        prospect.state,
        prospect.due_at,
        prospect.charged,
        prospect.person.is_do_not_call,
    );
}

/// What becomes of a contact, in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Callable,
    Waits,
    Skipped,
    Done,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Callable => "callable",
            Self::Waits => "waits",
            Self::Skipped => "skipped",
            Self::Done => "done",
        }
    }
}

/// What becomes of a contact, why, and from when on it may be called, whatever the hours.
struct Judged {
    verdict: Verdict,
    reason: Option<&'static str>,
    from: Option<Timestamp>,
}

fn judged(prospect: &Prospect, outlook: &Outlook) -> Judged {
    let (caps, now) = (outlook.caps, outlook.now);
    let scrubbing = match outlook.policy.scrubs_dnd {
        true => Scrubbing::On,
        false => Scrubbing::Off,
    };
    let reason = prospect.reason.map(|reason| reason.as_str());
    let is = |verdict, reason, from| Judged {
        verdict,
        reason,
        from,
    };
    match prospect.state {
        ContactState::Pending => {
            let due_at = prospect.due_at.unwrap_or(now);
            match judge(&prospect.person, caps, scrubbing, due_at.max(now)) {
                Eligibility::Skipped(why) => is(Verdict::Skipped, Some(why.as_str()), None),
                Eligibility::Waits(until, why) => {
                    is(Verdict::Waits, Some(why.as_str()), Some(until))
                }
                // Whether Exotel knows them as registered is asked when their turn comes.
                Eligibility::Callable | Eligibility::NeedsScrub if due_at > now => {
                    is(Verdict::Waits, reason, Some(due_at))
                }
                Eligibility::Callable | Eligibility::NeedsScrub => {
                    is(Verdict::Callable, None, Some(due_at))
                }
            }
        }
        ContactState::Completed | ContactState::Failed => is(Verdict::Done, reason, None),
        ContactState::Skipped => is(Verdict::Skipped, reason, None),
        // For the end of a call, for evidence or for a person.
        state @ (ContactState::Initiated | ContactState::Held) => {
            is(Verdict::Waits, reason.or(Some(state.as_str())), None)
        }
    }
}

/// A whole list, judged.
struct Census {
    total: u64,
    done: u64,
    /// To be called, now or later.
    callable: u64,
    skipped: BTreeMap<String, u64>,
    waiting: HashMap<(Timestamp, u32), u64>,
    hash: String,
    contacts: Vec<ContactVerdict>,
}

impl Census {
    /// Judges every contact, and keeps as many of the verdicts as are to be shown.
    fn take(tx: &Tx<'_>, outlook: &Outlook, listed: usize) -> Result<Self, Failure> {
        let mut census = Self {
            total: 0,
            done: 0,
            callable: 0,
            skipped: BTreeMap::new(),
            waiting: HashMap::new(),
            hash: String::new(),
            contacts: Vec::new(),
        };
        let mut fingerprint = Fingerprint::new(&outlook.policy, outlook.caps);
        let calendar = outlook.policy.calendar();
        prospects::each(tx, outlook.campaign.id, outlook.now, |prospect| {
            note(&mut fingerprint, &prospect);
            let judged = judged(&prospect, outlook);
            census.count(&prospect, &judged);
            if census.contacts.len() < listed {
                let verdict = ContactVerdict::new(&prospect, &judged, &calendar, outlook.now);
                census.contacts.push(verdict);
            }
        })?;
        census.hash = fingerprint.finish();
        Ok(census)
    }

    fn count(&mut self, prospect: &Prospect, judged: &Judged) {
        self.total += 1;
        match (judged.verdict, judged.from) {
            (Verdict::Callable | Verdict::Waits, Some(from)) => {
                self.callable += 1;
                *self.waiting.entry((from, prospect.charged)).or_default() += 1;
            }
            (Verdict::Callable | Verdict::Waits, None) => {}
            (Verdict::Done, _) => self.done += 1,
            (Verdict::Skipped, _) => {
                let reason = judged.reason.unwrap_or(ContactState::Skipped.as_str());
                match self.skipped.get_mut(reason) {
                    Some(count) => *count += 1,
                    None => {
                        self.skipped.insert(reason.to_owned(), 1);
                    }
                }
            }
        }
    }

    /// Returns those to be called, by when they may be.
    fn waiting(&self) -> Vec<Waiting> {
        let groups = self.waiting.iter();
        let group = |((due_at, charged), people): (&(Timestamp, u32), &u64)| Waiting {
            due_at: *due_at,
            charged: *charged,
            people: *people,
        };
        groups.map(group).collect()
    }
}

/// A contact's verdict.
#[derive(Serialize, Debug)]
struct ContactVerdict {
    id: i64,
    number: String,
    verdict: &'static str,
    reason: Option<&'static str>,
    at: Option<String>,
    #[serde(skip)]
    may_be_called_at: Option<Timestamp>,
}

impl ContactVerdict {
    fn new(prospect: &Prospect, judged: &Judged, calendar: &Calendar, now: Timestamp) -> Self {
        let from = judged.from.map(|from| from.max(now));
        let at = from.and_then(|from| calendar.next_opening(from));
        Self {
            id: prospect.id,
            number: prospect.number.to_string(),
            verdict: judged.verdict.as_str(),
            reason: judged.reason,
            at: at.map(shown_time),
            may_be_called_at: at,
        }
    }
}

/// `plan` for programs.
#[derive(Serialize, Debug)]
struct PlanView {
    campaign: String,
    #[serde(flatten)]
    figures: Figures,
    total_contacts: u64,
    done: u64,
    left: u64,
    assumed: AssumedView,
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<Vec<ContactVerdict>>,
}

#[derive(Serialize, Debug)]
struct AssumedView {
    reach: f64,
    hold_s: f64,
}

fn show(
    workspace: &Workspace,
    outlook: &Outlook,
    census: Census,
    forecast: &Forecast,
    with_contacts: bool,
) -> Result<(), Failure> {
    let mut skipped = census.skipped;
    if forecast.expired > 0 {
        *skipped.entry("expired".to_owned()).or_default() += forecast.expired;
    }
    let is_called = forecast.calls > 0;
    let figures = Figures {
        callable: census.callable - forecast.expired,
        skipped,
        limited_by: is_called.then(|| forecast.limited_by.as_str()),
        calls_per_minute: forecast.calls_per_minute.filter(|_| is_called).map(rounded),
        days: forecast.days.iter().map(Into::into).collect(),
        finishes_at: forecast.finishes_at.map(shown_time),
        cost: forecast.cost.into(),
        hash: census.hash,
    };
    let ui = &workspace.ui;
    if ui.format == Format::Json {
        ui.json(&PlanView {
            campaign: outlook.campaign.name.clone(),
            figures,
            total_contacts: census.total,
            done: census.done,
            left: forecast.left,
            assumed: AssumedView {
                reach: outlook.assumptions.reach.get(),
                hold_s: outlook.assumptions.hold.as_secs_f64(),
            },
            contacts: with_contacts.then_some(census.contacts),
        })?;
        return Ok(());
    }
    let mut facts = vec![
        ("campaign", shown_name(workspace, &outlook.campaign.name)),
        (
            "contacts",
            format!("{}, {} of them done", census.total, census.done),
        ),
    ];
    facts.extend(figures.facts(forecast.finishes_at, forecast.cost, outlook.now));
    if forecast.left > 0 {
        facts.push(("left", format!("{} for lack of budget", forecast.left)));
    }
    facts.push(("assumed", outlook.assumed()));
    let mut text = table::facts(&facts);
    if !forecast.days.is_empty() {
        text += "\n";
        text += &timetable(&forecast.days);
    }
    if with_contacts {
        text += "\n";
        text += &verdicts(&census.contacts, outlook.now);
    }
    ui.data(&text)?;
    if with_contacts && (census.contacts.len() as u64) < census.total {
        ui.note(&format!(
            "{} of {} contacts; `--limit 0` shows all",
            census.contacts.len(),
            census.total
        ));
    }
    Ok(())
}

fn verdicts(contacts: &[ContactVerdict], now: Timestamp) -> String {
    let columns = [
        Column::Word("Number"),
        Column::Word("Verdict"),
        Column::Word("Reason"),
        Column::Word("Not before"),
    ];
    let rows: Vec<_> = contacts
        .iter()
        .map(|contact| {
            let at = contact.may_be_called_at.map(|at| clock_time(at, now));
            vec![
                contact.number.clone(),
                contact.verdict.to_owned(),
                contact.reason.unwrap_or_default().to_owned(),
                at.unwrap_or_default(),
            ]
        })
        .collect();
    table::table(&columns, &rows)
}
