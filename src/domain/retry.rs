//! What becomes of a contact when its attempt has moved: another try, done, or a wait for evidence.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::attempt::AttemptState;
use super::call::{NotAnOutcome, Outcome};
use super::campaign::{SettingError, show_length};
use super::due::{self, Missed, Rules};
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

/// The text names no reason.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no reason")]
pub struct NotAReason(pub String);

impl FromStr for Reason {
    type Err = NotAReason;

    fn from_str(text: &str) -> Result<Self, NotAReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| NotAReason(text.to_owned()))
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

/// A contact's latest attempt, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Where it stands.
    pub state: &'a AttemptState,
    /// What the provider's refusal blames, if it was one.
    pub rejection: Option<RejectionClass>,
    /// The tries that used one up, this one included.
    pub charged: u32,
    /// The length of the call, which may come later than its end; until then it counts as long enough.
    pub talked: Option<Duration>,
    /// When the person was called.
    pub called_at: Timestamp,
    /// When it ended, from which the wait for the next try counts.
    pub ended_at: Timestamp,
    /// The present: nobody is due before it.
    pub now: Timestamp,
    /// Chance: 0 to 1. The same attempt must always be given the same.
    pub roll: f64,
}

/// Returns what becomes of a contact whose latest attempt is this one.
pub fn after(tried: &Tried<'_>, rules: &Rules<'_>) -> Verdict {
    let later = |wait: Duration, reason| {
        let at = super::clocks::later(tried.ended_at, wait);
        if rules.are_over(at) {
            Verdict::Skipped(Reason::Expired)
        } else {
            Verdict::Pending(at, Some(reason))
        }
    };
    match tried.state {
        AttemptState::Intent | AttemptState::Accepted(_) | AttemptState::InProgress(_) => {
            Verdict::Initiated
        }
        AttemptState::InDoubt | AttemptState::Held => Verdict::Held(Reason::InDoubt),
        AttemptState::OutcomeUnknown(_) => Verdict::Held(Reason::OutcomeUnknown),
        AttemptState::PresumedPlaced => Verdict::Completed(Some(Reason::PresumedPlaced)),
        AttemptState::Ended(_, Outcome::Completed) => {
            let least = rules.reached_after.unwrap_or_default();
            if tried.talked.is_some_and(|talked| talked < least) {
                // Whoever hung up at once heard as little as one who did not pick up.
                missed(tried, Outcome::NoAnswer, Some(Reason::TooShort), rules)
            } else {
                Verdict::Completed(None)
            }
        }
        AttemptState::Ended(_, outcome) => missed(tried, *outcome, None, rules),
        AttemptState::NotSent => later(AFTER_NOTHING_SENT, Reason::NotSent),
        AttemptState::NotPlaced => later(Duration::ZERO, Reason::Retry),
        AttemptState::Rejected => match tried.rejection {
            Some(RejectionClass::Ndnc) => Verdict::Skipped(Reason::Ndnc),
            Some(RejectionClass::BadNumber) => Verdict::Failed(Some(Reason::BadNumber)),
            Some(class) if class.blame() == Blame::Nobody => {
                later(AFTER_A_REFUSAL, Reason::ProviderRefused)
            }
            _ => later(Duration::ZERO, Reason::ProviderRefused),
        },
    }
}

/// Returns what becomes of a contact who was not reached; `otherwise` is why not, if there is no other try.
fn missed(
    tried: &Tried<'_>,
    outcome: Outcome,
    otherwise: Option<Reason>,
    rules: &Rules<'_>,
) -> Verdict {
    if tried.charged > rules.retry.retries || !rules.retry.on.0.contains(&outcome) {
        return Verdict::Failed(otherwise);
    }
    let missed = Missed {
        outcome,
        tries: tried.charged,
        called_at: tried.called_at,
        ended_at: tried.ended_at,
        now: tried.now,
        roll: tried.roll,
    };
    match due::next_try(&missed, rules) {
        Some(due) => Verdict::Pending(due, Some(Reason::Retry)),
        None => Verdict::Skipped(Reason::Expired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::domain::campaign::{Policy, Setting};

    fn policy(settings: &[(Setting, &str)]) -> Policy {
        let mut policy = Policy::default();
        for (key, value) in settings {
            policy.set(*key, value).unwrap();
        }
        policy
    }

    fn retries(retries: &str) -> Policy {
        policy(&[
            (Setting::Retries, retries),
            (Setting::RetryAfter, "10m"),
            (Setting::Hours, "00:00-24:00"),
        ])
    }

    fn ended(outcome: Outcome) -> AttemptState {
        AttemptState::Ended("a1".parse().unwrap(), outcome)
    }

    /// A first try that ended at once.
    fn tried(state: &AttemptState) -> Tried<'_> {
        let at = Timestamp::UNIX_EPOCH;
        Tried {
            state,
            rejection: None,
            charged: 1,
            talked: None,
            called_at: at,
            ended_at: at,
            now: at,
            roll: 0.0,
        }
    }

    fn verdict(tried: &Tried<'_>, policy: &Policy) -> Verdict {
        after(tried, &Rules::of(policy))
    }

    #[test]
    fn only_the_named_outcomes_are_tried_again() {
        for (outcome, again) in [
            (Outcome::Completed, false),
            (Outcome::Busy, true),
            (Outcome::NoAnswer, true),
            (Outcome::Failed, false),
            (Outcome::Canceled, false),
        ] {
            let verdict = verdict(&tried(&ended(outcome)), &retries("1"));
            assert_eq!(matches!(verdict, Verdict::Pending(..)), again, "{outcome}");
        }
        assert!("completed,busy".parse::<RetryOn>().is_err());
        assert_eq!(
            "no-answer, failed".parse::<RetryOn>().unwrap().to_string(),
            "no-answer,failed"
        );
    }

    #[test]
    fn a_call_that_was_too_short_counts_as_not_answered() {
        let reached = (Setting::ReachedAfter, "5s");
        let waits = (Setting::RetryAfter, "30m,no-answer=2h");
        let hours = (Setting::Hours, "00:00-24:00");
        let once = policy(&[reached, hours]);
        let twice = policy(&[reached, waits, hours, (Setting::Retries, "1")]);
        let only_busy = policy(&[
            reached,
            hours,
            (Setting::Retries, "1"),
            (Setting::RetryOn, "busy"),
        ]);
        let any_length = policy(&[hours, (Setting::Retries, "1")]);
        let in_two_hours = Timestamp::from_second(7200).unwrap();
        let completed = Verdict::Completed(None);
        let too_short = Verdict::Failed(Some(Reason::TooShort));
        for (talked, policy, expected) in [
            (Some(5), &twice, completed),
            (Some(4), &any_length, completed),
            (None, &twice, completed),
            (
                Some(4),
                &twice,
                Verdict::Pending(in_two_hours, Some(Reason::Retry)),
            ),
            (
                Some(0),
                &twice,
                Verdict::Pending(in_two_hours, Some(Reason::Retry)),
            ),
            (Some(4), &only_busy, too_short),
            (Some(4), &once, too_short),
        ] {
            let state = ended(Outcome::Completed);
            let tried = Tried {
                talked: talked.map(Duration::from_secs),
                ..tried(&state)
            };
            assert_eq!(verdict(&tried, policy), expected, "{talked:?}");
        }
    }

    #[test]
    fn whoever_waits_without_being_charged_expires_as_well() {
        let ends = policy(&[(Setting::Ends, "1970-01-01T21:00:00+05:30")]);
        let noon: Timestamp = "1970-01-01T12:00:00+05:30".parse().unwrap();
        let evening: Timestamp = "1970-01-01T20:59:58+05:30".parse().unwrap();
        for (ended_at, expires) in [(noon, false), (evening, true)] {
            let tried = Tried {
                ended_at,
                now: ended_at,
                ..tried(&AttemptState::NotSent)
            };
            let expired = verdict(&tried, &ends) == Verdict::Skipped(Reason::Expired);
            assert_eq!(expired, expires, "{ended_at}");
        }
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
            let refused = Tried {
                rejection: Some(class),
                ..tried(&AttemptState::Rejected)
            };
            assert_eq!(
                matches!(verdict(&refused, &retries("0")), Verdict::Pending(..)),
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
            let verdict = verdict(&tried(&state), &retries("9"));
            assert!(matches!(verdict, Verdict::Held(_)), "{}", state.name());
            assert!(charges(&state, None));
        }
    }
}
