//! A campaign: its name, its state, and the settings that are remembered with it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::due::Rules;
use super::hours::{Calendar, Holidays, Hours};
use super::money::{Money, Tariff};
use super::pace::Pace;
use super::phone::PhoneNumber;
use super::purpose::Purpose;
use super::quality::ShortCalls;
use super::retry::RetryPolicy;

/// A campaign's name: 1–64 letters, digits, spaces, `-`, `_`, `.`; it neither begins nor ends with a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignName(String);

impl CampaignName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CampaignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no campaign name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no campaign name; use 1 to 64 letters, digits, spaces, `-`, `_` or `.`")]
pub struct NotAName(pub String);

impl FromStr for CampaignName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let fits = (1..=64).contains(&text.chars().count()) && text.trim() == text;
        // Vowel signs and such (as in Hindi words) belong to a letter and are not letters themselves.
        let plain = text
            .chars()
            .all(|c| c.is_alphanumeric() || " -_.".contains(c) || is_indic_mark(c));
        if fits && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName(text.to_owned()))
        }
    }
}

/// Returns whether the character is within the blocks of the Indian scripts.
fn is_indic_mark(c: char) -> bool {
    ('\u{0900}'..='\u{0DFF}').contains(&c)
}

/// Where a campaign stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CampaignState {
    /// Not running; may be started.
    Stopped,
    /// A runner has it.
    Running,
    /// Nothing new is dialled until it is resumed (by a person) or started again (where exocamp paused it).
    Paused,
    /// Every contact is finished.
    Completed,
    /// Ended for good.
    Cancelled,
}

impl CampaignState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Stopped,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Cancelled,
    ];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The text names no state of a campaign.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no state of a campaign")]
pub struct NotACampaignState(pub String);

impl FromStr for CampaignState {
    type Err = NotACampaignState;

    fn from_str(text: &str) -> Result<Self, NotACampaignState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| NotACampaignState(text.to_owned()))
    }
}

/// The remembered settings by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Setting {
    /// The pace of starts.
    Rate,
    /// Calls live at once.
    Lines,
    /// Calling hours.
    Hours,
    /// Calling days.
    Days,
    /// Dates on which nobody is called.
    Holidays,
    /// What the campaign calls for.
    Purpose,
    /// When the campaign is over.
    Ends,
    /// Tries after the first.
    Retries,
    /// The wait before the next try.
    RetryAfter,
    /// How that wait grows.
    RetryMechanism,
    /// Outcomes that are tried again.
    RetryOn,
    /// How long a call must have lasted to count.
    ReachedAfter,
    /// The longest conversation.
    TalkLimit,
    /// How long it rings.
    Ring,
    /// The ExoPhones to show.
    CallerId,
    /// The pace of starts from each ExoPhone.
    CallerIdRate,
    /// The flow's address.
    Flow,
    /// How many are called before the outcomes are looked at.
    Canary,
    /// What to do about short calls.
    ShortCalls,
    /// What the campaign may cost.
    Budget,
    /// What a call costs.
    Tariff,
    /// Whether the provider is asked for its do-not-disturb mark.
    ScrubDnd,
    /// Whether a call is placed anew that was proven not to have been placed.
    RedialIfProvenNotPlaced,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 23] = [
        Self::Rate,
        Self::Lines,
        Self::Hours,
        Self::Days,
        Self::Holidays,
        Self::Purpose,
        Self::Ends,
        Self::Retries,
        Self::RetryAfter,
        Self::RetryMechanism,
        Self::RetryOn,
        Self::ReachedAfter,
        Self::TalkLimit,
        Self::Ring,
        Self::CallerId,
        Self::CallerIdRate,
        Self::Flow,
        Self::Canary,
        Self::ShortCalls,
        Self::Budget,
        Self::Tariff,
        Self::ScrubDnd,
        Self::RedialIfProvenNotPlaced,
    ];

    /// Returns the key as flags and the database spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Lines => "lines",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Holidays => "holidays",
            Self::Purpose => "purpose",
            Self::Ends => "ends",
            Self::Retries => "retries",
            Self::RetryAfter => "retry-after",
            Self::RetryMechanism => "retry-mechanism",
            Self::RetryOn => "retry-on",
            Self::ReachedAfter => "reached-after",
            Self::TalkLimit => "talk-limit",
            Self::Ring => "ring",
            Self::CallerId => "caller-id",
            Self::CallerIdRate => "caller-id-rate",
            Self::Flow => "flow",
            Self::Canary => "canary",
            Self::ShortCalls => "short-calls",
            Self::Budget => "budget",
            Self::Tariff => "tariff",
            Self::ScrubDnd => "scrub-dnd",
            Self::RedialIfProvenNotPlaced => "redial-if-proven-not-placed",
        }
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        Self::ALL
            .into_iter()
            .find(|key| key.as_str() == text)
            .ok_or_else(|| SettingError(format!("`{text}` is no setting")))
    }
}

/// A value does not fit its setting; the text says what would.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl SettingError {
    /// Returns an error that says this, which names what would fit.
    pub(super) fn new(says: &impl ToString) -> Self {
        Self(says.to_string())
    }
}

/// How a campaign's people are called: every remembered setting, or its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How fast calls start.
    pub pace: Pace,
    /// Calls live at once; `None` for the account's.
    pub lines: Option<u32>,
    /// When people shall be rung; [`Self::calendar`] is when they may.
    pub asked_calendar: Calendar,
    /// What the campaign calls for.
    pub purpose: Purpose,
    /// Nobody is called from then on, and who is left is skipped.
    pub ends: Option<Timestamp>,
    /// When they are tried again.
    pub retry: RetryPolicy,
    /// Who was on the phone for less than this counts as not reached.
    pub reached_after: Option<Duration>,
    /// Cuts the conversation. Exotel allows up to four hours.
    pub talk_limit: Duration,
    /// How long it rings.
    pub ring: Duration,
    /// The ExoPhones to show, each to the same people; the configured one if empty.
    pub caller_ids: Vec<PhoneNumber>,
    /// How fast calls start from each ExoPhone.
    pub caller_id_pace: Pace,
    /// The flow's address; `None` for the configured one.
    pub flow: Option<String>,
    /// So many are called before anybody looks at what came of it; `None` for no such stop.
    pub canary: Option<u32>,
    /// What to do when most calls end within seconds.
    pub short_calls: ShortCalls,
    /// What the campaign may cost, calls under way at their worst; `None` for any amount.
    pub budget: Option<Money>,
    /// What a call costs, as long as the provider has not said.
    pub tariff: Option<Tariff>,
    /// Whether the provider is asked for each number's do-not-disturb mark before it is called.
    pub scrubs_dnd: bool,
    /// Whether a doubt whose call is proven absent, by strong evidence, counts as not placed without asking a person.
    pub redial_if_proven_not_placed: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            pace: Pace::DEFAULT,
            lines: None,
            asked_calendar: Calendar::default(),
            purpose: Purpose::default(),
            ends: None,
            retry: RetryPolicy::default(),
            reached_after: None,
            talk_limit: Duration::from_secs(15 * 60),
            ring: Duration::from_secs(30),
            caller_ids: Vec::new(),
            caller_id_pace: Pace::Max,
            flow: None,
            canary: None,
            short_calls: ShortCalls::default(),
            budget: None,
            tariff: None,
            scrubs_dnd: false,
            redial_if_proven_not_placed: false,
        }
    }
}

impl Policy {
    /// Returns when people may be rung: when they shall, inside the outer hours of the campaign's purpose.
    pub fn calendar(&self) -> Calendar {
        let asked = &self.asked_calendar;
        let hours = match self.purpose.outer_hours() {
            None => Some(asked.hours.clone()),
            Some(outer) => asked.hours.within(&outer),
        };
        Calendar {
            hours: hours.unwrap_or_else(Hours::never),
            ..asked.clone()
        }
    }

    /// Returns whether the settings make sense together; each was found to fit by itself when it was set.
    ///
    /// Hours that nobody has set are cut to the purpose's own by [`Self::calendar`], and are no mistake.
    ///
    /// # Errors
    /// When they do not; the text says what to change.
    pub fn check(&self) -> Result<(), SettingError> {
        let hours = &self.asked_calendar.hours;
        if let Some(outer) = self.purpose.outer_hours()
            && *hours != Hours::default()
            && !hours.lie_within(&outer)
        {
            let purpose = self.purpose;
            return Err(SettingError(format!(
                "the hours `{hours}` go beyond {outer}, outside which nobody is called for the purpose `{purpose}` and \
                 which nothing overrides; set hours within them, or another purpose if it is another"
            )));
        }
        if self.budget.is_some() && self.tariff.is_none() {
            return Err(SettingError(
                "a budget needs a tariff to be kept; set one, for example `0.60/min`, or the budget to `none`".to_owned(),
            ));
        }
        Ok(())
    }

    /// Returns whether nobody will be called any more: the campaign's end has come, or comes before the next opening.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends.is_some() && Rules::of(self).are_over(now)
    }

    /// Changes one setting to the value that the text names.
    ///
    /// # Errors
    /// When the text does not fit; nothing is changed then.
    pub fn set(&mut self, key: Setting, value: &str) -> Result<(), SettingError> {
        match key {
            Setting::Rate => self.pace = parsed(value)?,
            Setting::Lines => self.lines = Some(whole(value, 1, 10_000, "lines")?),
            Setting::Hours => self.asked_calendar.hours = parsed(value)?,
            Setting::Days => self.asked_calendar.days = parsed(value)?,
            Setting::Holidays => self.asked_calendar.holidays = parsed::<Holidays>(value)?,
            Setting::Purpose => self.purpose = parsed(value)?,
            Setting::Ends => self.ends = or_none(value, moment)?,
            Setting::Retries => self.retry.retries = whole(value, 0, 20, "retries")?,
            Setting::RetryAfter => self.retry.after = parsed(value)?,
            Setting::RetryMechanism => self.retry.mechanism = parsed(value)?,
            Setting::RetryOn => self.retry.on = parsed(value)?,
            Setting::ReachedAfter => {
                let longest = Duration::from_secs(3600);
                self.reached_after = or_none(value, |value| length(value, Duration::ZERO, longest))?
            }
            Setting::TalkLimit => {
                self.talk_limit =
                    length(value, Duration::from_secs(5), Duration::from_secs(14_400))?
            }
            Setting::Ring => {
                self.ring = length(value, Duration::from_secs(5), Duration::from_secs(120))?
            }
            Setting::CallerId => self.caller_ids = caller_ids(value)?,
            Setting::CallerIdRate => self.caller_id_pace = parsed(value)?,
            Setting::Flow => self.flow = Some(flow_url(value)?),
            Setting::Canary => {
                self.canary = or_none(value, |value| whole(value, 1, 100_000, "calls"))?
            }
            Setting::ShortCalls => self.short_calls = parsed(value)?,
            Setting::Budget => self.budget = or_none(value, parsed)?,
            Setting::Tariff => self.tariff = or_none(value, parsed)?,
            Setting::ScrubDnd => self.scrubs_dnd = yes_or_no(value)?,
            Setting::RedialIfProvenNotPlaced => {
                self.redial_if_proven_not_placed = yes_or_no(value)?
            }
        }
        Ok(())
    }
}

fn parsed<T: FromStr<Err: fmt::Display>>(value: &str) -> Result<T, SettingError> {
    value
        .parse()
        .map_err(|error: T::Err| SettingError(error.to_string()))
}

/// Returns nothing for `none`, which takes a setting back.
fn or_none<T>(
    value: &str,
    read: impl FnOnce(&str) -> Result<T, SettingError>,
) -> Result<Option<T>, SettingError> {
    match value.trim() {
        "none" => Ok(None),
        value => read(value).map(Some),
    }
}

fn moment(value: &str) -> Result<Timestamp, SettingError> {
    value.parse().map_err(|_| {
        SettingError(format!(
            "`{value}` is no time; write for example `2026-03-31T19:00:00+05:30`, or `none`"
        ))
    })
}

/// Reads ExoPhones, separated by commas; one that occurs twice counts once.
///
/// # Errors
/// When one of them cannot be an ExoPhone.
pub fn caller_ids(value: &str) -> Result<Vec<PhoneNumber>, SettingError> {
    let mut ids = Vec::new();
    for text in value.split(',') {
        let id = PhoneNumber::parse_caller_id(text.trim()).map_err(|e| SettingError::new(&e))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn yes_or_no(value: &str) -> Result<bool, SettingError> {
    match value.trim() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(SettingError(format!(
            "`{value}` does not fit; write `yes` or `no`"
        ))),
    }
}

fn whole(value: &str, least: u32, most: u32, what: &str) -> Result<u32, SettingError> {
    let number = value
        .trim()
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        SettingError(format!(
            "`{value}` is no number of {what}; write {least} to {most}"
        ))
    })
}

/// Reads a length of time such as `30s`, `15m`, `2h` or `1d`, and keeps it between two bounds.
///
/// # Errors
/// When the text is no length of time or lies outside the bounds.
pub fn length(value: &str, least: Duration, most: Duration) -> Result<Duration, SettingError> {
    let wrong = || {
        let shown = |length: Duration| show_length(length);
        SettingError(format!(
            "`{value}` does not fit; write a length such as `90s`, `30m` or `2h`, from {} to {}",
            shown(least),
            shown(most)
        ))
    };
    let trimmed = value.trim();
    let days = trimmed
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    let length = match days {
        Some(days) => Duration::from_secs(u64::from(days) * 86_400),
        None => trimmed
            .parse::<SignedDuration>()
            .ok()
            .and_then(|d| Duration::try_from(d).ok())
            .ok_or_else(wrong)?,
    };
    if (least..=most).contains(&length) {
        Ok(length)
    } else {
        Err(wrong())
    }
}

/// Returns a length of time as people write it: `1h 30m`, `45s`, `200ms`.
pub fn show_length(length: Duration) -> String {
    SignedDuration::try_from(length).map_or_else(
        |_| format!("{}s", length.as_secs()),
        |signed| format!("{signed:#}"),
    )
}

/// Reads a flow's address: `http://my.exotel.com/<sid>/exoml/start_voice/<app_id>`.
///
/// # Errors
/// When the text is no such address. Exotel accepts any `Url`, rings the person and then drops the call (seen live).
pub fn flow_url(value: &str) -> Result<String, SettingError> {
    let wrong = || {
        // The text is not repeated: somebody may have put credentials into the address.
        SettingError(
            "this is no flow; write `http://my.exotel.com/<account sid>/exoml/start_voice/<flow id>`".to_owned(),
        )
    };
    let rest = value
        .strip_prefix("http://")
        .or_else(|| value.strip_prefix("https://"))
        .ok_or_else(wrong)?;
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default();
    let exotel = host == "my.exotel.com" || host == "my.exotel.in" || host == "my.in.exotel.com";
    let parts: Vec<_> = parts.collect();
    match parts.as_slice() {
        [account, "exoml", "start_voice", app]
            if exotel
                && !account.is_empty()
                && !app.is_empty()
                && app.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            Ok(value.to_owned())
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Outcome;

    #[test]
    fn names_of_campaigns_are_plain() {
        for name in ["leads", "Fee reminder 2026-03", "clinic_2.b", "फीस", "a"] {
            assert!(name.parse::<CampaignName>().is_ok(), "{name}");
        }
        for name in ["", " a", "a ", "a/b", "a\nb", "a;b", &"x".repeat(65)] {
            assert!(name.parse::<CampaignName>().is_err(), "{name}");
        }
    }

    #[test]
    fn settings_are_read_by_name_and_bad_values_name_the_remedy() {
        let mut policy = Policy::default();
        for (key, value) in [
            ("rate", "5/s"),
            ("lines", "50"),
            ("hours", "10:00-18:00"),
            ("days", "mon-fri"),
            ("retries", "2"),
            ("retry-after", "10m"),
            ("retry-on", "busy"),
            ("talk-limit", "5m"),
            ("ring", "45s"),
            (
                "flow",
                "http://my.exotel.com/exampleco1/exoml/start_voice/112233",
            ),
        ] {
            policy.set(key.parse().unwrap(), value).unwrap();
        }
        let wait = policy.retry.after.wait(Outcome::Busy);
        assert_eq!(wait, Duration::from_secs(600));
        assert_eq!(policy.lines, Some(50));
        let before = policy.clone();
        for (key, value) in [
            ("rate", "fast"),
            ("lines", "0"),
            ("hours", "always"),
            ("retries", "-1"),
            ("ring", "1s"),
            ("talk-limit", "5h"),
            ("flow", "https://example.com/flow"),
            ("redial-if-proven-not-placed", "perhaps"),
        ] {
            let error = policy
                .set(key.parse().unwrap(), value)
                .unwrap_err()
                .to_string();
            assert!(error.contains("write"), "{error}");
            assert_eq!(error.contains(value), key != "flow", "{error}");
        }
        assert_eq!(policy, before);
        assert!("colour".parse::<Setting>().is_err());
    }

    #[test]
    fn hours_that_were_set_beyond_those_of_the_purpose_are_refused_and_the_default_ones_are_cut() {
        for (purpose, hours, fits) in [
            ("service", "00:00-24:00", true),
            ("transactional", "05:00-23:00", true),
            ("promotional", "09:00-21:00", true),
            ("promotional", "10:00-12:00,20:00-21:00", true),
            ("promotional", "08:59-21:00", false),
            ("promotional", "09:00-21:01", false),
            ("promotional", "00:00-24:00", false),
            ("collections", "08:00-19:00", true),
            // The default, set or not.
            ("collections", "09:00-21:00", true),
            ("collections", "08:00-12:00,18:00-19:01", false),
            ("collections", "19:00-20:00", false),
        ] {
            let mut policy = Policy::default();
            policy.set(Setting::Purpose, purpose).unwrap();
            assert_eq!(policy.check(), Ok(()), "{purpose}");
            policy.set(Setting::Hours, hours).unwrap();
            assert_eq!(policy.check().is_ok(), fits, "{purpose} {hours}");
            if let Err(error) = policy.check() {
                let said = error.to_string();
                assert!(said.contains(hours) && said.contains("set hours"), "{said}");
            }
        }
        let mut collections = Policy::default();
        collections.set(Setting::Purpose, "collections").unwrap();
        assert_eq!(collections.calendar().hours.to_string(), "09:00-19:00");
    }

    #[test]
    fn a_budget_without_a_tariff_is_refused() {
        let mut policy = Policy::default();
        policy.set(Setting::Budget, "5000").unwrap();
        let said = policy.check().unwrap_err().to_string();
        assert!(said.contains("0.60/min"), "{said}");
        policy.set(Setting::Tariff, "0.60/min").unwrap();
        assert_eq!(policy.check(), Ok(()));
    }

    #[test]
    fn lengths_are_shown_as_they_are_written() {
        for text in ["90s", "30m", "2h", "1h 30m", "200ms"] {
            let length = length(text, Duration::ZERO, Duration::MAX).unwrap();
            let again = super::length(&show_length(length), Duration::ZERO, Duration::MAX);
            assert_eq!(again, Ok(length), "{text}");
        }
        assert_eq!(
            length("2d", Duration::ZERO, Duration::MAX),
            Ok(Duration::from_secs(172_800))
        );
    }
}
