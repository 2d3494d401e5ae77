//! A campaign: its name, its state, and the settings that are remembered with it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use super::hours::Calendar;
use super::pace::Pace;
use super::phone::PhoneNumber;
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
    /// Tries after the first.
    Retries,
    /// The wait before the next try.
    RetryAfter,
    /// Outcomes that are tried again.
    RetryOn,
    /// The longest conversation.
    TalkLimit,
    /// How long it rings.
    Ring,
    /// The ExoPhone to show.
    CallerId,
    /// The flow's address.
    Flow,
    /// Whether a call is placed anew that was proven not to have been placed.
    RedialIfProvenNotPlaced,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 12] = [
        Self::Rate,
        Self::Lines,
        Self::Hours,
        Self::Days,
        Self::Retries,
        Self::RetryAfter,
        Self::RetryOn,
        Self::TalkLimit,
        Self::Ring,
        Self::CallerId,
        Self::Flow,
        Self::RedialIfProvenNotPlaced,
    ];

    /// Returns the key as flags and the database spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Lines => "lines",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Retries => "retries",
            Self::RetryAfter => "retry-after",
            Self::RetryOn => "retry-on",
            Self::TalkLimit => "talk-limit",
            Self::Ring => "ring",
            Self::CallerId => "caller-id",
            Self::Flow => "flow",
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

/// How a campaign's people are called: every remembered setting, or its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How fast calls start.
    pub pace: Pace,
    /// Calls live at once; `None` for the account's.
    pub lines: Option<u32>,
    /// When people may be rung.
    pub calendar: Calendar,
    /// When they are tried again.
    pub retry: RetryPolicy,
    /// Cuts the conversation. Exotel allows up to four hours.
    pub talk_limit: Duration,
    /// How long it rings.
    pub ring: Duration,
    /// The ExoPhone to show; `None` for the configured one.
    pub caller_id: Option<PhoneNumber>,
    /// The flow's address; `None` for the configured one.
    pub flow: Option<String>,
    /// Whether a doubt whose call is proven absent, by strong evidence, counts as not placed without asking a person.
    pub redial_if_proven_not_placed: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            pace: Pace::DEFAULT,
            lines: None,
            calendar: Calendar::default(),
            retry: RetryPolicy::default(),
            talk_limit: Duration::from_secs(15 * 60),
            ring: Duration::from_secs(30),
            caller_id: None,
            flow: None,
            redial_if_proven_not_placed: false,
        }
    }
}

impl Policy {
    /// Changes one setting to the value that the text names.
    ///
    /// # Errors
    /// When the text does not fit; nothing is changed then.
    pub fn set(&mut self, key: Setting, value: &str) -> Result<(), SettingError> {
        match key {
            Setting::Rate => self.pace = parsed(value)?,
            Setting::Lines => self.lines = Some(whole(value, 1, 10_000, "lines")?),
            Setting::Hours => self.calendar.hours = parsed(value)?,
            Setting::Days => self.calendar.days = parsed(value)?,
            Setting::Retries => self.retry.retries = whole(value, 0, 20, "retries")?,
            Setting::RetryAfter => {
                self.retry.after = length(value, Duration::ZERO, Duration::from_secs(30 * 86_400))?
            }
            Setting::RetryOn => self.retry.on = parsed(value)?,
            Setting::TalkLimit => {
                self.talk_limit =
                    length(value, Duration::from_secs(5), Duration::from_secs(14_400))?
            }
            Setting::Ring => {
                self.ring = length(value, Duration::from_secs(5), Duration::from_secs(120))?
            }
            Setting::CallerId => {
                self.caller_id = Some(
                    PhoneNumber::parse_caller_id(value).map_err(|e| SettingError(e.to_string()))?,
                );
            }
            Setting::Flow => self.flow = Some(flow_url(value)?),
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
        assert_eq!(policy.retry.after, Duration::from_secs(600));
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
