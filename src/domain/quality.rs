//! Whether a campaign's calls do what they are meant to: the canary at its start, and short calls all along.
//!
//! A broken flow answers every call with success and drops it after a few seconds (seen live), so that only the shares
//! of what came of the calls tell.

use std::fmt;
use std::str::FromStr;

use super::rejection::{Blame, RejectionClass};

/// What to do when most calls that are picked up end within seconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ShortCalls {
    /// Pause the campaign.
    #[default]
    Pause,
    /// Say so and go on.
    Warn,
    /// Nothing: the message is that short.
    Off,
}

impl ShortCalls {
    const ALL: [Self; 3] = [Self::Pause, Self::Warn, Self::Off];

    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for ShortCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no way to deal with short calls.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` does not fit; write `pause`, `warn` or `off`")]
pub struct NotShortCalls(pub String);

impl FromStr for ShortCalls {
    type Err = NotShortCalls;

    fn from_str(text: &str) -> Result<Self, NotShortCalls> {
        Self::ALL
            .into_iter()
            .find(|way| way.as_str() == text.trim())
            .ok_or_else(|| NotShortCalls(text.to_owned()))
    }
}

/// Nobody has heard a message in less: a flow that is broken was seen to drop its calls within 2 to 4 seconds.
const SHORT_S: u32 = 5;

/// So many answered calls are looked at together: of fewer, chance alone makes half of them short now and then.
const LOOKED_AT_TOGETHER: u32 = 20;

/// A canary is small, and its message may be short for a few: below this many nothing is said of lengths.
const FEWEST_OF_A_CANARY: u32 = 4;

/// Where fewer than one in this many is answered, it is the ExoPhone or the list and not the people.
const ONE_ANSWERS_IN: u32 = 10;

/// Returns what Exotel's length of a call that counts as short is less than, in whole seconds.
pub fn short_seconds() -> u32 {
    SHORT_S
}

/// Returns whether a refusal of this class, as it is stored, is for the sake of the number that was to be rung.
pub fn is_charged_to_the_number(class: &str) -> bool {
    RejectionClass::ALL
        .into_iter()
        .any(|known| known.as_str() == class && known.blame() == Blame::Contact)
}

/// Calls that were answered and whose length is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Answered {
    /// All of them.
    pub answered: u32,
    /// Those that ended within seconds.
    pub short: u32,
}

impl Answered {
    /// Returns whether there are enough of them to say anything.
    pub fn are_enough(self) -> bool {
        self.answered >= LOOKED_AT_TOGETHER
    }

    /// Returns whether more than half of them were short.
    pub fn are_mostly_short(self) -> bool {
        self.short > self.answered / 2
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, short } = self;
        write!(
            f,
            "{short} of {answered} calls that were answered ended within {SHORT_S} s; the flow may be broken"
        )
    }
}

/// What has come of a canary's attempts so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sample {
    /// Those that rang somebody or may have, and those that were refused for their number.
    pub dialled: u32,
    /// Those whose end will be known before long; doubts are not waited for.
    pub open: u32,
    /// Those whose end is known, refusals for the number included.
    pub ended: u32,
    /// Those that were picked up.
    pub answered: u32,
    /// Those that failed, were canceled, or were refused for their number.
    pub failed: u32,
    /// Those that were picked up and whose length is known.
    pub timed: Answered,
}

/// What is wrong with what came of a canary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ailment {
    /// Nobody knows how any of them ended.
    Unknown(u32),
    /// So many of so many failed.
    Failed(u32, u32),
    /// So many of so many were answered.
    Unanswered(u32, u32),
    /// Most of those that were answered ended within seconds.
    Short(Answered),
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the canary: ")?;
        match self {
            Self::Unknown(dialled) => write!(f, "it is not known how any of {dialled} calls ended"),
            Self::Failed(failed, ended) => write!(f, "{failed} of {ended} calls failed"),
            Self::Unanswered(answered, ended) => {
                write!(f, "{answered} of {ended} calls were answered")
            }
            Self::Short(answered) => answered.fmt(f),
        }
    }
}

impl Sample {
    /// Returns what is wrong, if something is.
    pub fn ailment(&self) -> Option<Ailment> {
        if self.ended == 0 {
            return Some(Ailment::Unknown(self.dialled));
        }
        if self.failed > self.ended / 2 {
            return Some(Ailment::Failed(self.failed, self.ended));
        }
        if self.answered.saturating_mul(ONE_ANSWERS_IN) < self.ended {
            return Some(Ailment::Unanswered(self.answered, self.ended));
        }
        let says_something = self.timed.answered >= FEWEST_OF_A_CANARY;
        (says_something && self.timed.are_mostly_short()).then_some(Ailment::Short(self.timed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_judged_by_the_calls_that_ended() {
        let sample = |ended, answered, failed, timed, short| Sample {
            dialled: ended,
            open: 0,
            ended,
            answered,
            failed,
            timed: Answered {
                answered: timed,
                short,
            },
        };
        for (sample, wrong) in [
            (sample(10, 7, 3, 7, 0), None),
            (sample(10, 1, 5, 1, 1), None),
            (sample(10, 1, 9, 1, 0), Some("9 of 10 calls failed")),
            (sample(10, 0, 0, 0, 0), Some("0 of 10 calls were answered")),
            (sample(21, 2, 10, 2, 0), Some("2 of 21 calls were answered")),
            (sample(20, 2, 10, 2, 0), None),
            (sample(10, 8, 2, 3, 3), None),
            (sample(10, 8, 2, 8, 4), None),
            (
                sample(10, 8, 2, 8, 5),
                Some("5 of 8 calls that were answered ended within 5 s; the flow may be broken"),
            ),
            (
                sample(0, 0, 0, 0, 0),
                Some("it is not known how any of 0 calls ended"),
            ),
        ] {
            let said = sample.ailment().map(|ailment| ailment.to_string());
            assert_eq!(said, wrong.map(|wrong| format!("the canary: {wrong}")));
        }
    }

    #[test]
    fn short_calls_are_told_from_twenty_on_and_by_more_than_half() {
        let answered = |answered, short| Answered { answered, short };
        assert!(!answered(19, 19).are_enough());
        assert!(answered(20, 0).are_enough());
        for (all, short, mostly) in [
            (20, 10, false),
            (20, 11, true),
            (21, 11, true),
            (0, 0, false),
        ] {
            assert_eq!(
                answered(all, short).are_mostly_short(),
                mostly,
                "{short} of {all}"
            );
        }
        assert_eq!(
            answered(24, 14).to_string(),
            "14 of 24 calls that were answered ended within 5 s; the flow may be broken"
        );
    }

    #[test]
    fn only_refusals_for_the_number_are_charged_to_it() {
        let charged = RejectionClass::ALL.map(RejectionClass::as_str);
        let charged: Vec<_> = charged
            .into_iter()
            .filter(|class| is_charged_to_the_number(class))
            .collect();
        assert_eq!(charged, ["ndnc", "bad_number"]);
    }
}
