//! The life of an attempt, and the one way it moves.
//!
//! An attempt permits at most one POST, ever. What is known of it only grows: evidence raises its rank or changes
//! nothing, in whatever order it comes. Silence is not failure: an attempt whose reply was lost is in doubt, and no
//! clock ever makes it diallable again.

use std::fmt;
use std::str::FromStr;

use super::call::{CallReport, CallSid, CallStatus, Outcome};
use super::doubt::Grade;
use super::rejection::Rejection;

/// Why an attempt may or may not have been placed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Doubt {
    /// No reply within the reply time-out.
    #[error("no reply in time")]
    TimedOut,
    /// The connection broke after the request had begun to leave.
    #[error("the connection broke before the reply was whole")]
    Broken,
    /// The reply came and cannot be read: a bare 5xx, a redirect, a 2xx without a usable Sid.
    #[error("unreadable reply (HTTP {status}): {excerpt}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body, on one line, numbers masked.
        excerpt: String,
    },
    /// The program ended between the commit of the intent and the reply.
    #[error("exocamp was stopped while the request was under way")]
    Interrupted,
}

/// Why it is certain that nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotSent {
    /// The connection was never made. The text has no secrets in it.
    #[error("cannot connect to the provider: {0}")]
    NoConnection(String),
    /// The time to send it had passed before it was sent: the machine slept or was stopped.
    #[error("this machine slept or was stopped before the call could be sent")]
    Late,
    /// The wall clock was set between the permission and the sending, so that the permission is worth nothing.
    #[error("this machine's clock was set before the call could be sent")]
    ClockSet,
    /// The calling hours or the campaign's time were over before it was sent.
    #[error("the calling hours or the campaign ended before the call could be sent")]
    Closed,
    /// Between the permission and the sending the campaign was paused or cancelled, or the person opted out.
    #[error("the permission was withdrawn before the call was sent")]
    Withdrawn,
    /// Whether the permission still stood could not be read.
    #[error("the database could not be read just before the call was to be sent")]
    CannotLook,
}

/// What a person says of an attempt that nobody can say anything else about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It was not placed: its contact may be rung again.
    NotPlaced,
    /// It was placed, or is to be taken for placed: its contact is done.
    PresumedPlaced,
}

/// What somebody learnt about one attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// The POST was never sent.
    NotSent(NotSent),
    /// The POST was accepted under this Sid.
    Placed(CallSid),
    /// The POST was refused.
    Rejected(Rejection),
    /// The POST may have been sent, and nobody can say what became of it.
    Silent(Doubt),
    /// An authenticated GET shows the call. Whoever hands this in has checked that its number is the attempt's.
    Seen(CallReport),
    /// A day has passed since the call was accepted, and no look-up has shown its end.
    NeverEnded,
    /// The provider's list was read to its end, twice, when the call must have been in it, and did not show it.
    Absent(Grade),
    /// The provider's list shows several calls that may be this one, or contradicts itself.
    Ambiguous,
    /// A person has decided.
    Decided(Decision),
}

/// How far an attempt is, with what must be known at that point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttemptState {
    /// Permitted and written down; the POST may be under way.
    Intent,
    /// Proven: nothing was sent.
    NotSent,
    /// Refused in so many words.
    Rejected,
    /// May or may not have been placed.
    InDoubt,
    /// In doubt for good: a person decides.
    Held,
    /// A person decided that it was not placed.
    NotPlaced,
    /// A person decided that it was placed.
    PresumedPlaced,
    /// Accepted by the provider for dialling.
    Accepted(CallSid),
    /// Seen to be under way.
    InProgress(CallSid),
    /// Placed, and its end was never seen.
    OutcomeUnknown(CallSid),
    /// Ended.
    Ended(CallSid, Outcome),
}

impl AttemptState {
    /// Returns the state's name.
    pub fn name(&self) -> StateName {
        match self {
            Self::Intent => StateName::Intent,
            Self::NotSent => StateName::NotSent,
            Self::Rejected => StateName::Rejected,
            Self::InDoubt => StateName::InDoubt,
            Self::Held => StateName::Held,
            Self::NotPlaced => StateName::NotPlaced,
            Self::PresumedPlaced => StateName::PresumedPlaced,
            Self::Accepted(_) => StateName::Accepted,
            Self::InProgress(_) => StateName::InProgress,
            Self::OutcomeUnknown(_) => StateName::OutcomeUnknown,
            Self::Ended(_, outcome) => StateName::of_outcome(*outcome),
        }
    }

    /// Returns the call's Sid, where there is one.
    pub fn sid(&self) -> Option<&CallSid> {
        match self {
            Self::Accepted(sid)
            | Self::InProgress(sid)
            | Self::OutcomeUnknown(sid)
            | Self::Ended(sid, _) => Some(sid),
            Self::Intent
            | Self::NotSent
            | Self::Rejected
            | Self::InDoubt
            | Self::Held
            | Self::NotPlaced
            | Self::PresumedPlaced => None,
        }
    }

    /// Puts a state together from its name and its Sid; `None` where the name needs a Sid and there is none.
    pub fn from_parts(name: StateName, sid: Option<CallSid>) -> Option<Self> {
        Some(match name {
            StateName::Intent => Self::Intent,
            StateName::NotSent => Self::NotSent,
            StateName::Rejected => Self::Rejected,
            StateName::InDoubt => Self::InDoubt,
            StateName::Held => Self::Held,
            StateName::NotPlaced => Self::NotPlaced,
            StateName::PresumedPlaced => Self::PresumedPlaced,
            StateName::Accepted => Self::Accepted(sid?),
            StateName::InProgress => Self::InProgress(sid?),
            StateName::OutcomeUnknown => Self::OutcomeUnknown(sid?),
            StateName::Completed => Self::Ended(sid?, Outcome::Completed),
            StateName::Busy => Self::Ended(sid?, Outcome::Busy),
            StateName::NoAnswer => Self::Ended(sid?, Outcome::NoAnswer),
            StateName::Failed => Self::Ended(sid?, Outcome::Failed),
            StateName::Canceled => Self::Ended(sid?, Outcome::Canceled),
        })
    }
}

/// The states by name alone, as they stand in the database.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "`AttemptState` says what each means")]
pub enum StateName {
    Intent,
    NotSent,
    Rejected,
    InDoubt,
    Held,
    NotPlaced,
    PresumedPlaced,
    Accepted,
    InProgress,
    OutcomeUnknown,
    Completed,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}

impl StateName {
    /// All names.
    pub const ALL: [Self; 15] = [
        Self::Intent,
        Self::NotSent,
        Self::Rejected,
        Self::InDoubt,
        Self::Held,
        Self::NotPlaced,
        Self::PresumedPlaced,
        Self::Accepted,
        Self::InProgress,
        Self::OutcomeUnknown,
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Failed,
        Self::Canceled,
    ];

    /// Returns the name as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::NotSent => "not_sent",
            Self::Rejected => "rejected",
            Self::InDoubt => "in_doubt",
            Self::Held => "held",
            Self::NotPlaced => "not_placed",
            Self::PresumedPlaced => "presumed_placed",
            Self::Accepted => "accepted",
            Self::InProgress => "in_progress",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Returns whether the person may be on the phone, so that nobody may ring them.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Intent | Self::InDoubt | Self::Accepted | Self::InProgress
        )
    }

    /// Returns how the call ended, if this is the state of an ended call.
    pub fn outcome(self) -> Option<Outcome> {
        Outcome::ALL
            .into_iter()
            .find(|outcome| Self::of_outcome(*outcome) == self)
    }

    fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed,
            Outcome::Busy => Self::Busy,
            Outcome::NoAnswer => Self::NoAnswer,
            Outcome::Failed => Self::Failed,
            Outcome::Canceled => Self::Canceled,
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no state of an attempt.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no state of an attempt")]
pub struct NotAState(pub String);

impl FromStr for StateName {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| NotAState(text.to_owned()))
    }
}

/// Returns whether an attempt may ever step from one state to the other.
///
/// The database holds the same table (`attempt_step`) and refuses every other step, whoever asks; a test holds the two
/// together.
pub fn is_legal_step(from: StateName, to: StateName) -> bool {
    use StateName as S;
    let ended = to.outcome().is_some();
    match from {
        S::Intent => matches!(to, S::NotSent | S::Rejected | S::InDoubt | S::Accepted),
        S::InDoubt => matches!(to, S::Accepted | S::Held),
        S::Held => matches!(to, S::NotPlaced | S::PresumedPlaced | S::OutcomeUnknown),
        S::NotPlaced | S::PresumedPlaced => to == S::OutcomeUnknown,
        S::Accepted => ended || matches!(to, S::InProgress | S::OutcomeUnknown),
        S::InProgress => ended || to == S::OutcomeUnknown,
        S::OutcomeUnknown => ended,
        S::NotSent
        | S::Rejected
        | S::Completed
        | S::Busy
        | S::NoAnswer
        | S::Failed
        | S::Canceled => false,
    }
}

/// Returns the next step that the evidence justifies, or `None` if it says nothing new.
///
/// One piece of evidence can justify two steps (a call seen ended whose reply was lost is accepted, then ended): hand
/// it in until nothing moves. A report about another Sid than the attempt's never moves it.
pub fn merge(state: &AttemptState, evidence: &Evidence) -> Option<AttemptState> {
    use AttemptState as S;
    match (state, evidence) {
        (S::Intent, Evidence::NotSent(_)) => Some(S::NotSent),
        (S::Intent, Evidence::Rejected(_)) => Some(S::Rejected),
        (S::Intent, Evidence::Silent(_)) => Some(S::InDoubt),
        (S::Intent | S::InDoubt, Evidence::Placed(sid)) => Some(S::Accepted(sid.clone())),
        (S::Intent | S::InDoubt, Evidence::Seen(report)) => Some(S::Accepted(report.sid.clone())),
        (S::Held | S::NotPlaced | S::PresumedPlaced, Evidence::Seen(report)) => {
            Some(S::OutcomeUnknown(report.sid.clone()))
        }
        (
            S::Accepted(sid) | S::InProgress(sid) | S::OutcomeUnknown(sid),
            Evidence::Seen(report),
        ) if *sid == report.sid => match &report.status {
            CallStatus::Ended(outcome) => Some(S::Ended(sid.clone(), *outcome)),
            CallStatus::Running if matches!(state, S::Accepted(_)) => {
                Some(S::InProgress(sid.clone()))
            }
            CallStatus::Running | CallStatus::Other(_) => None,
        },
        (S::Accepted(sid) | S::InProgress(sid), Evidence::NeverEnded) => {
            Some(S::OutcomeUnknown(sid.clone()))
        }
        // However the search ends, it is a person who decides.
        (S::InDoubt, Evidence::Absent(_) | Evidence::Ambiguous | Evidence::Decided(_)) => {
            Some(S::Held)
        }
        (S::Held, Evidence::Decided(Decision::NotPlaced)) => Some(S::NotPlaced),
        (S::Held, Evidence::Decided(Decision::PresumedPlaced)) => Some(S::PresumedPlaced),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sid(text: &str) -> CallSid {
        text.parse().unwrap()
    }

    fn report(name: &str, status: CallStatus) -> CallReport {
        CallReport {
            sid: sid(name),
            status,
            number: None,
            started_at: None,
            ended_at: None,
            duration_s: None,
            price: None,
        }
    }

    fn any_evidence() -> impl Strategy<Value = Evidence> {
        let report = |status: CallStatus| {
            prop_oneof![Just("a1"), Just("b2")]
                .prop_map(move |name| Evidence::Seen(report(name, status.clone())))
        };
        prop_oneof![
            Just(Evidence::NotSent(NotSent::Late)),
            Just(Evidence::Silent(Doubt::TimedOut)),
            Just(Evidence::NeverEnded),
            Just(Evidence::Absent(Grade::Strong)),
            Just(Evidence::Ambiguous),
            Just(Evidence::Decided(Decision::NotPlaced)),
            Just(Evidence::Decided(Decision::PresumedPlaced)),
            prop_oneof![Just("a1"), Just("b2")].prop_map(|name| Evidence::Placed(sid(name))),
            report(CallStatus::Running),
            report(CallStatus::Ended(Outcome::Busy)),
            report(CallStatus::Ended(Outcome::Completed)),
            report(CallStatus::Other("missed".into())),
        ]
    }

    proptest! {
        #[test]
        fn evidence_in_any_order_takes_only_legal_steps_and_never_swaps_the_sid(
            evidence in proptest::collection::vec(any_evidence(), 0..20),
        ) {
            let mut state = AttemptState::Intent;
            for piece in &evidence {
                while let Some(next) = merge(&state, piece) {
                    prop_assert!(is_legal_step(state.name(), next.name()), "{} -> {}", state.name(), next.name());
                    if let Some(known) = state.sid() {
                        prop_assert_eq!(Some(known), next.sid());
                    }
                    state = next;
                }
            }
        }
    }

    #[test]
    fn no_ended_attempt_ever_moves() {
        for outcome in Outcome::ALL {
            let state = AttemptState::Ended(sid("a1"), outcome);
            for status in [
                CallStatus::Running,
                CallStatus::Ended(Outcome::Completed),
                CallStatus::Ended(Outcome::Busy),
            ] {
                assert_eq!(merge(&state, &Evidence::Seen(report("a1", status))), None);
            }
            assert_eq!(merge(&state, &Evidence::NeverEnded), None);
        }
    }

    #[test]
    fn silence_leads_to_doubt_and_no_clock_leads_out_of_it() {
        let doubt = merge(&AttemptState::Intent, &Evidence::Silent(Doubt::TimedOut)).unwrap();
        assert_eq!(doubt, AttemptState::InDoubt);
        for nothing in [
            Evidence::NeverEnded,
            Evidence::Silent(Doubt::Broken),
            Evidence::NotSent(NotSent::Late),
        ] {
            assert_eq!(merge(&doubt, &nothing), None);
        }
    }

    #[test]
    fn only_a_person_leads_from_doubt_to_another_call() {
        let held = [Evidence::Absent(Grade::Strong), Evidence::Ambiguous]
            .map(|evidence| merge(&AttemptState::InDoubt, &evidence));
        assert_eq!(held, [Some(AttemptState::Held), Some(AttemptState::Held)]);
        for evidence in [
            Evidence::Absent(Grade::Strong),
            Evidence::Ambiguous,
            Evidence::Silent(Doubt::TimedOut),
            Evidence::NeverEnded,
        ] {
            assert_eq!(merge(&AttemptState::Held, &evidence), None, "{evidence:?}");
        }
        let decided = Evidence::Decided(Decision::NotPlaced);
        assert_eq!(
            merge(&AttemptState::Held, &decided),
            Some(AttemptState::NotPlaced)
        );
        let placed = AttemptState::Accepted(sid("a1"));
        for state in [AttemptState::Intent, placed, AttemptState::NotPlaced] {
            assert_eq!(merge(&state, &decided), None, "{}", state.name());
        }
    }

    #[test]
    fn a_report_overtaking_its_own_reply_is_taken_in_two_steps() {
        let seen = Evidence::Seen(report("a1", CallStatus::Ended(Outcome::NoAnswer)));
        let accepted = merge(&AttemptState::Intent, &seen).unwrap();
        assert_eq!(accepted, AttemptState::Accepted(sid("a1")));
        assert_eq!(
            merge(&accepted, &seen),
            Some(AttemptState::Ended(sid("a1"), Outcome::NoAnswer))
        );
    }

    #[test]
    fn names_survive_the_round_trip() {
        for name in StateName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            let state = AttemptState::from_parts(name, Some(sid("a1"))).unwrap();
            assert_eq!(state.name(), name);
        }
        assert!("ringing".parse::<StateName>().is_err());
        assert!("A1".parse::<CallSid>().is_err());
    }
}
