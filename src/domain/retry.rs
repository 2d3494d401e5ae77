//! What becomes of a contact when its attempt has moved: another try, done, or a wait for evidence.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::attempt::AttemptState;
use super::call::{NotAnOutcome, Outcome};
use super::campaign::{SettingError, show_length};
use super::rejection::{Blame, RejectionClass};

/// How often, after which outcomes and how soon a contact is tried again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RetryPolicy {
    /// Tries after the first one.
    pub retries: u32,
    /// How long after the end of one try the next may start.
    pub after: RetryAfter,
    /// How that wait grows from try to try.
    pub mechanism: Mechanism,
    /// The outcomes that are tried again.
    pub on: RetryOn,
}

/// No wait between two tries is longer than this, whatever it is set to and however it grows.
pub const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// How long to wait after each outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryAfter {
    /// After every outcome that is not named.
    general: Duration,
    named: Vec<(Outcome, Duration)>,
}

impl RetryAfter {
    const DEFAULT: Duration = Duration::from_secs(30 * 60);

    /// Returns the wait after this outcome.
    pub fn wait(&self, outcome: Outcome) -> Duration {
        let named = self.named.iter().find(|(named, _)| *named == outcome);
        named.map_or(self.general, |(_, wait)| *wait)
    }
}

impl Default for RetryAfter {
    fn default() -> Self {
        Self {
            general: Self::DEFAULT,
            named: Vec::new(),
        }
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_length(self.general))?;
        for (outcome, wait) in &self.named {
            write!(f, ",{outcome}={}", show_length(*wait))?;
        }
        Ok(())
    }
}

impl FromStr for RetryAfter {
    type Err = SettingError;

    /// Reads `30m`, `busy=10m,no-answer=2h`, or both: `30m,busy=10m`.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let mut after = Self::default();
        for part in text.split(',') {
            let wait = |length: &str| super::campaign::length(length, Duration::ZERO, LONGEST_WAIT);
            match part.split_once('=') {
                None => after.general = wait(part)?,
                Some((outcome, length)) => {
                    let outcome: Outcome = outcome
                        .trim()
                        .parse()
                        .map_err(|error: NotAnOutcome| SettingError::new(&error))?;
                    after.named.retain(|(named, _)| *named != outcome);
                    after.named.push((outcome, wait(length)?));
                }
            }
        }
        Ok(after)
    }
}

/// How the wait grows from try to try, in Exotel's own words for its campaigns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Mechanism {
    /// Each wait is as long as the first.
    #[default]
    Linear,
    /// Each wait is twice as long as the one before.
    Exponential,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear => "linear",
            Self::Exponential => "exponential",
        })
    }
}

impl FromStr for Mechanism {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text.trim() {
            "linear" => Ok(Self::Linear),
            "exponential" => Ok(Self::Exponential),
            _ => Err(SettingError::new(&format!(
                "`{text}` does not fit; write `linear` or `exponential`"
            ))),
        }
    }
}

/// The outcomes after which a contact is tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryOn(Vec<Outcome>);

impl Default for RetryOn {
    fn default() -> Self {
        Self(vec![Outcome::Busy, Outcome::NoAnswer])
    }
}

impl fmt::Display for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|outcome| outcome.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

/// The text names no outcomes to try again after.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotRetryOn {
    /// A word that is no outcome.
    #[error(transparent)]
    Unknown(#[from] NotAnOutcome),
    /// Who has picked up was reached.
    #[error("`completed` is not tried again: that person was reached")]
    Reached,
}

impl FromStr for RetryOn {
    type Err = NotRetryOn;

    fn from_str(text: &str) -> Result<Self, NotRetryOn> {
        let outcomes: Vec<Outcome> = text
            .split(',')
            .map(|word| word.trim().parse())
            .collect::<Result<_, _>>()?;
        if outcomes.contains(&Outcome::Completed) {
            Err(NotRetryOn::Reached)
        } else {
            Ok(Self(outcomes))
        }
    }
}

/// Why we did or did not call, or what a contact waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// The number is live in another campaign.
    BusyElsewhere,
    /// Waits for its next try.
    Retry,
    /// The last try never left this machine.
    NotSent,
    /// The provider refused without blaming the contact.
    ProviderRefused,
    /// The provider may not call this number (TRAI NDNC).
    Ndnc,
    /// The provider says that this is no number.
    BadNumber,
    /// Nobody knows yet whether the last try was placed.
    InDoubt,
    /// Placed, but its end was never seen.
    OutcomeUnknown,
    /// A person decided that the call counts as placed.
    PresumedPlaced,
    /// A person took it back before it was tried.
    Cancelled,
    /// The number is on the do-not-call list.
    DoNotCall,
    /// The number got as many calls as it may, from all campaigns together.
    Cap,
    /// There is no opening left before the campaign's end.
    Expired,
    /// Picked up, but not for long enough to count as reached.
    TooShort,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 14] = [
        Self::BusyElsewhere,
        Self::Retry,
        Self::NotSent,
        Self::ProviderRefused,
        Self::Ndnc,
        Self::BadNumber,
        Self::InDoubt,
        Self::OutcomeUnknown,
        Self::PresumedPlaced,
        Self::Cancelled,
        Self::DoNotCall,
        Self::Cap,
        Self::Expired,
        Self::TooShort,
    ];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BusyElsewhere => "busy_elsewhere",
            Self::Retry => "retry",
            Self::NotSent => "not_sent",
            Self::ProviderRefused => "provider_refused",
            Self::Ndnc => "ndnc",
            Self::BadNumber => "bad_number",
            Self::InDoubt => "in_doubt",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::PresumedPlaced => "presumed_placed",
            Self::Cancelled => "cancelled",
            Self::DoNotCall => "do_not_call",
            Self::Cap => "cap",
            Self::Expired => "expired",
            Self::TooShort => "too_short",
        }
    }
}

/// What becomes of a contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Somebody may be ringing them.
    Initiated,
    /// Waits for evidence or a person.
    Held(Reason),
    /// To be rung (again) at this time.
    Pending(Timestamp, Option<Reason>),
    /// Reached; the reason where nobody has seen it.
    Completed(Option<Reason>),
    /// Not reached, and no further try is permitted; no reason where the outcome says it.
    Failed(Option<Reason>),
    /// Not to be rung.
    Skipped(Reason),
}

/// How long a contact waits that was refused without being blamed for it.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(60);

/// How long a contact waits whose request could not leave this machine.
const AFTER_NOTHING_SENT: Duration = Duration::from_secs(5);

/// Returns whether an attempt in this state uses up one of its contact's tries.
pub fn charges(state: &AttemptState, rejection: Option<RejectionClass>) -> bool {
    match state {
        AttemptState::NotSent | AttemptState::NotPlaced => false,
        AttemptState::Rejected => rejection.is_some_and(|class| class.blame() == Blame::Contact),
        _ => true,
    }
}

/// Returns what becomes of a contact whose latest attempt is in this state.
///
/// `charged` counts the tries that used one up, this one included; `ended_at` is when this one ended, from which the
/// wait for the next counts.
pub fn after(
    state: &AttemptState,
    rejection: Option<RejectionClass>,
    charged: u32,
    policy: &RetryPolicy,
    ended_at: Timestamp,
) -> Verdict {
    let later = |wait: Duration, reason| {
        Verdict::Pending(
            ended_at.saturating_add(wait).unwrap_or(ended_at),
            Some(reason),
        )
    };
    match state {
        AttemptState::Intent | AttemptState::Accepted(_) | AttemptState::InProgress(_) => {
            Verdict::Initiated
        }
        AttemptState::InDoubt | AttemptState::Held => Verdict::Held(Reason::InDoubt),
        AttemptState::OutcomeUnknown(_) => Verdict::Held(Reason::OutcomeUnknown),
        AttemptState::PresumedPlaced => Verdict::Completed(Some(Reason::PresumedPlaced)),
        AttemptState::Ended(_, Outcome::Completed) => Verdict::Completed(None),
        AttemptState::Ended(_, outcome) => {
            let again = charged <= policy.retries && policy.on.0.contains(outcome);
            if again {
                later(policy.after.wait(*outcome), Reason::Retry)
            } else {
                Verdict::Failed(None)
            }
        }
        AttemptState::NotSent => later(AFTER_NOTHING_SENT, Reason::NotSent),
        AttemptState::NotPlaced => later(Duration::ZERO, Reason::Retry),
        AttemptState::Rejected => match rejection {
            Some(RejectionClass::Ndnc) => Verdict::Skipped(Reason::Ndnc),
            Some(RejectionClass::BadNumber) => Verdict::Failed(Some(Reason::BadNumber)),
            Some(class) if class.blame() == Blame::Nobody => {
                later(AFTER_A_REFUSAL, Reason::ProviderRefused)
            }
            _ => later(Duration::ZERO, Reason::ProviderRefused),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(retries: u32) -> RetryPolicy {
        RetryPolicy {
            retries,
            after: "10m".parse().unwrap(),
            ..RetryPolicy::default()
        }
    }

    fn ended(outcome: Outcome) -> AttemptState {
        AttemptState::Ended("a1".parse().unwrap(), outcome)
    }

    #[test]
    fn two_retries_make_three_tries_ten_minutes_apart() {
        let mut at = Timestamp::UNIX_EPOCH;
        let mut schedule = vec!["0s".to_owned()];
        for charged in 1.. {
            match after(&ended(Outcome::Busy), None, charged, &policy(2), at) {
                Verdict::Pending(due, Some(Reason::Retry)) => {
                    schedule.push(format!("{}m", due.as_second() / 60));
                    at = due;
                }
                verdict => {
                    assert_eq!(verdict, Verdict::Failed(None));
                    schedule.push("failed".to_owned());
                    break;
                }
            }
        }
        assert_eq!(schedule, ["0s", "10m", "20m", "failed"]);
    }

    #[test]
    fn only_the_named_outcomes_are_tried_again() {
        let now = Timestamp::UNIX_EPOCH;
        for (outcome, again) in [
            (Outcome::Completed, false),
            (Outcome::Busy, true),
            (Outcome::NoAnswer, true),
            (Outcome::Failed, false),
            (Outcome::Canceled, false),
        ] {
            let verdict = after(&ended(outcome), None, 1, &policy(1), now);
            assert_eq!(matches!(verdict, Verdict::Pending(..)), again, "{outcome}");
        }
        assert!("completed,busy".parse::<RetryOn>().is_err());
        assert_eq!(
            "no-answer, failed".parse::<RetryOn>().unwrap().to_string(),
            "no-answer,failed"
        );
    }

    #[test]
    fn a_refusal_is_charged_to_the_contact_only_if_it_names_the_contact() {
        for class in RejectionClass::ALL {
            let blamed = matches!(class, RejectionClass::Ndnc | RejectionClass::BadNumber);
            assert_eq!(
                charges(&AttemptState::Rejected, Some(class)),
                blamed,
                "{}",
                class.as_str()
            );
            let verdict = after(
                &AttemptState::Rejected,
                Some(class),
                1,
                &policy(0),
                Timestamp::UNIX_EPOCH,
            );
            assert_eq!(
                matches!(verdict, Verdict::Pending(..)),
                !blamed,
                "{}",
                class.as_str()
            );
        }
    }

    #[test]
    fn doubt_never_becomes_another_try() {
        for state in [
            AttemptState::InDoubt,
            AttemptState::Held,
            AttemptState::OutcomeUnknown("a1".parse().unwrap()),
        ] {
            let verdict = after(&state, None, 1, &policy(9), Timestamp::UNIX_EPOCH);
            assert!(matches!(verdict, Verdict::Held(_)), "{}", state.name());
            assert!(charges(&state, None));
        }
    }
}
