//! What the phones and the network do: a script of plain data.
//!
//! A script is made of pieces that a person can type as flags, and every piece says what is wrong with it when it does
//! not parse. The default script is kind: no number is special, no fault is on, there are no limits.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::chance::Chance;
use super::fate::{CallbackTrouble, Ending, Fate, FateRule, Fault, GetTrouble, Outcome, Trouble};

/// Everything that decides how an exchange behaves.
///
/// The same script and the same calls give the same story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Where all chance comes from.
    pub seed: u64,
    /// How calls end.
    pub mix: Mix,
    /// How long calls last, from acceptance to end, ringing included.
    pub hold: Hold,
    /// Numbers with a fate of their own. The rule with the most digits wins; among equals, the first.
    pub fates: Vec<FateRule>,
    /// Troubles that hit by chance. Numbers with a fate of their own are spared those of POSTs.
    pub faults: Vec<Fault>,
    /// Numbers whose metadata says that they are registered as "do not disturb".
    ///
    /// That alone does not have them refused (an account may be exempt); the fate `ndnc` does both.
    pub dnd: Vec<Ending>,
    /// How long each reply to a POST takes.
    pub reply_delay: Hold,
    /// How long a slow reply takes.
    pub slow: Duration,
    /// Requests admitted in any 60 seconds, POSTs and GETs together; above it 429.
    pub rate_limit: Option<u32>,
    /// Calls that can be live at once; a POST above it gets a 503 that says so.
    pub lines: Option<u32>,
    /// How long after its end a call appears in the list.
    pub list_lag: Duration,
    /// How long after its end a call gets its price.
    pub price_lag: Duration,
    /// How late a late callback is.
    pub callback_delay: Duration,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 0,
            mix: Mix::default(),
            hold: Hold::default(),
            fates: Vec::new(),
            faults: Vec::new(),
            dnd: Vec::new(),
            reply_delay: Hold::ZERO,
            slow: Duration::from_secs(45),
            rate_limit: None,
            lines: None,
            list_lag: Duration::ZERO,
            price_lag: Duration::from_secs(2),
            callback_delay: Duration::from_secs(30),
        }
    }
}

impl Script {
    /// Returns the fate that this number has whenever it is called.
    pub(super) fn fate_of(&self, number: &str) -> Option<Fate> {
        let matching = self.fates.iter().filter(|rule| rule.ending.matches(number));
        // Of equal maxima `max_by_key` takes the last, hence the reversal: the first rule is to win.
        matching
            .rev()
            .max_by_key(|rule| rule.ending.digits())
            .map(|rule| rule.fate)
    }

    /// Returns whether this number is registered as "do not disturb".
    pub(super) fn is_dnd(&self, number: &str) -> bool {
        self.dnd.iter().any(|ending| ending.matches(number))
            || self.fate_of(number) == Some(Fate::Meets(Trouble::Ndnc))
    }

    /// Draws the trouble a POST meets, if any.
    pub(super) fn post_trouble(&self, chance: &mut Chance) -> Option<Trouble> {
        pick(
            chance,
            self.faults.iter().filter_map(|fault| match fault {
                Fault::Post(trouble, share) => Some((*trouble, *share)),
                Fault::Get(..) | Fault::Callback(..) => None,
            }),
        )
    }

    /// Draws the trouble a GET meets, if any.
    pub(super) fn get_trouble(&self, chance: &mut Chance) -> Option<GetTrouble> {
        pick(
            chance,
            self.faults.iter().filter_map(|fault| match fault {
                Fault::Get(trouble, share) => Some((*trouble, *share)),
                Fault::Post(..) | Fault::Callback(..) => None,
            }),
        )
    }

    /// Draws the trouble a callback meets, if any.
    pub(super) fn callback_trouble(&self, chance: &mut Chance) -> Option<CallbackTrouble> {
        pick(
            chance,
            self.faults.iter().filter_map(|fault| match fault {
                Fault::Callback(trouble, share) => Some((*trouble, *share)),
                Fault::Post(..) | Fault::Get(..) => None,
            }),
        )
    }
}

/// Draws at most one trouble; where the shares exceed the whole, the last ones are cut.
///
/// One draw for all, so that two faults of 10 % each hit exactly 20 % of the requests.
fn pick<T>(chance: &mut Chance, troubles: impl Iterator<Item = (T, Share)>) -> Option<T> {
    let mut drawn = chance.below(Share::WHOLE);
    for (trouble, share) in troubles {
        match drawn.checked_sub(u64::from(share.0)) {
            None => return Some(trouble),
            Some(rest) => drawn = rest,
        }
    }
    None
}

/// How often each outcome occurs, as in `completed=70,busy=10,no-answer=15,failed=4,canceled=1`.
///
/// The figures are weights: they need not add up to 100, and an outcome left out does not occur.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mix([u32; Outcome::ALL.len()]);

impl Mix {
    /// Draws an outcome.
    pub(super) fn pick(&self, chance: &mut Chance) -> Outcome {
        let total = self.0.iter().map(|weight| u64::from(*weight)).sum();
        let mut drawn = chance.below(total);
        for (outcome, weight) in Outcome::ALL.into_iter().zip(self.0) {
            match drawn.checked_sub(u64::from(weight)) {
                None => return outcome,
                Some(rest) => drawn = rest,
            }
        }
        unreachable!("a number below the sum of the weights falls into one of them")
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self([70, 10, 15, 4, 1])
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = Outcome::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, weight)| *weight > 0);
        let parts: Vec<_> = parts
            .map(|(outcome, weight)| format!("{outcome}={weight}"))
            .collect();
        f.write_str(&parts.join(","))
    }
}

impl FromStr for Mix {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut weights = [None; Outcome::ALL.len()];
        for part in text.split(',').map(str::trim) {
            let (outcome, weight) = part.split_once('=').ok_or_else(|| {
                ScriptError::new(format!("`{part}` has no weight; write it like `{part}=10`"))
            })?;
            let (outcome, weight) = (outcome.trim().parse::<Outcome>()?, weight.trim());
            let weight = weight.parse::<u32>().map_err(|_| {
                let problem = format!("`{weight}` is not a weight; write a whole number");
                ScriptError::new(problem)
            })?;
            let place = Outcome::ALL.iter().position(|other| *other == outcome);
            let place = place.expect("every outcome is among all outcomes");
            if weights[place].replace(weight).is_some() {
                return Err(ScriptError::new(format!("`{outcome}` is given twice")));
            }
        }
        let weights = weights.map(Option::unwrap_or_default);
        if weights.iter().all(|weight| *weight == 0) {
            return Err(ScriptError::new(
                "a mix needs at least one outcome that occurs".to_owned(),
            ));
        }
        Ok(Self(weights))
    }
}

/// A range of lengths of time, as in `1s..3s` or just `2s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    shortest: Duration,
    longest: Duration,
}

impl Hold {
    /// No time at all.
    pub const ZERO: Self = Self {
        shortest: Duration::ZERO,
        longest: Duration::ZERO,
    };

    /// Draws a length, to the millisecond.
    pub(super) fn pick(&self, chance: &mut Chance) -> Duration {
        let spread = (self.longest - self.shortest).as_millis();
        let spread = u64::try_from(spread).unwrap_or(u64::MAX - 1);
        self.shortest + Duration::from_millis(chance.below(spread + 1))
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(1),
            longest: Duration::from_secs(3),
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The standard library writes no time at all as `0ns`.
        match (self.shortest, self.longest) {
            (_, Duration::ZERO) => f.write_str("0s"),
            (Duration::ZERO, longest) => write!(f, "0s..{longest:?}"),
            (shortest, longest) if shortest == longest => write!(f, "{shortest:?}"),
            (shortest, longest) => write!(f, "{shortest:?}..{longest:?}"),
        }
    }
}

impl FromStr for Hold {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
        let (shortest, longest) = (length(shortest)?, length(longest)?);
        if shortest > longest {
            let problem = format!("`{text}` runs backwards; write the shorter time first");
            return Err(ScriptError::new(problem));
        }
        Ok(Self { shortest, longest })
    }
}

/// Reads a length of time such as `200ms`, `2s` or `1m30s`.
///
/// # Errors
/// When the text is something else, or longer than a day.
pub fn length(text: &str) -> Result<Duration, ScriptError> {
    let text = text.trim();
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let parsed = parsed.and_then(|length| Duration::try_from(length).ok());
    // The upper bound keeps every sum of a moment and some lengths inside the calendar.
    parsed
        .filter(|length| *length <= Duration::from_secs(24 * 60 * 60))
        .ok_or_else(|| {
            let problem =
                "is not a length of time up to a day; write it like `200ms`, `2s` or `1m30s`";
            ScriptError::new(format!("`{text}` {problem}"))
        })
}

/// A part of the whole, as in `5%` or `0.05`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share(u32);

impl Share {
    /// Shares are counted in millionths.
    const WHOLE: u64 = 1_000_000;
}

impl FromStr for Share {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let (figure, unit) = match text.strip_suffix('%') {
            Some(figure) => (figure, 10_000.0),
            None => (text, 1_000_000.0),
        };
        let millionths = figure
            .trim()
            .parse::<f64>()
            .ok()
            .map(|figure| (figure * unit).round());
        match millionths {
            // In range and whole, so nothing is cut off.
            Some(millionths @ 0.0..=1_000_000.0) => Ok(Self(millionths as u32)),
            _ => Err(ScriptError::new(format!(
                "`{text}` is not a share of the whole; write it like `5%` or `0.05`"
            ))),
        }
    }
}

/// Why a piece of a script cannot be understood, with the way to write it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScriptError(String);

impl ScriptError {
    pub(super) fn new(problem: String) -> Self {
        Self(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_back_as_it_was_written() {
        let written = "completed=70,busy=10,no-answer=15,failed=4,canceled=1";
        assert_eq!(Mix::default().to_string(), written);
        assert_eq!(written.parse(), Ok(Mix::default()));
        assert_eq!(
            "busy=1, failed=3".parse::<Mix>().unwrap().to_string(),
            "busy=1,failed=3"
        );
    }

    #[test]
    fn outcomes_occur_as_often_as_the_mix_says() {
        let mix = Mix::default();
        let mut completed = 0;
        for nth in 0..10_000 {
            completed +=
                u32::from(mix.pick(&mut Chance::new(1, "outcome", "", nth)) == Outcome::Completed);
        }
        assert!((6_800..7_200).contains(&completed), "{completed}");
    }

    #[test]
    fn a_hold_is_a_range_or_a_single_length() {
        let cases = ["1s..3s", "200ms..500ms", "2s", "0s..0s", "1m30s", "0s"];
        let shown = cases.map(|text| text.parse::<Hold>().unwrap().to_string());
        assert_eq!(shown, ["1s..3s", "200ms..500ms", "2s", "0s", "90s", "0s"]);
        let hold: Hold = "200ms..500ms".parse().unwrap();
        for nth in 0..1_000 {
            let drawn = hold.pick(&mut Chance::new(1, "hold", "", nth)).as_millis();
            assert!((200..=500).contains(&drawn), "{drawn}");
        }
    }

    #[test]
    fn faults_hit_their_share_and_never_two_at_once() {
        let faults = ["503=10%", "lost-reply=0.2"].map(|text| text.parse().unwrap());
        let script = Script {
            faults: faults.to_vec(),
            ..Script::default()
        };
        let hits: Vec<_> = (0..10_000)
            .filter_map(|nth| script.post_trouble(&mut Chance::new(1, "post", "", nth)))
            .collect();
        let lost = hits
            .iter()
            .filter(|hit| **hit == Trouble::LostReply)
            .count();
        assert!((2_800..3_200).contains(&hits.len()), "{}", hits.len());
        assert!((1_850..2_150).contains(&lost), "{lost}");
    }

    #[test]
    fn the_longest_ending_wins_and_among_equals_the_first() {
        let fates = ["0=busy", "10=ndnc", "10=failed", "3210=slow"];
        let fates = fates.map(|text| text.parse().unwrap()).to_vec();
        let script = Script {
            fates,
            ..Script::default()
        };
        assert_eq!(
            script.fate_of("9876543210"),
            Some(Fate::Meets(Trouble::Slow))
        );
        assert_eq!(
            script.fate_of("9876540010"),
            Some(Fate::Meets(Trouble::Ndnc))
        );
        assert_eq!(
            script.fate_of("9876540000"),
            Some(Fate::Ends(Outcome::Busy))
        );
        assert_eq!(script.fate_of("9876540001"), None);
    }

    #[test]
    fn a_piece_that_makes_no_sense_says_how_to_write_it() {
        let said = [
            "completed".parse::<Mix>().unwrap_err(),
            "ringing=5".parse::<Mix>().unwrap_err(),
            "busy=-1".parse::<Mix>().unwrap_err(),
            "busy=1,busy=2".parse::<Mix>().unwrap_err(),
            "busy=0".parse::<Mix>().unwrap_err(),
            "3".parse::<Hold>().unwrap_err(),
            "-2s".parse::<Hold>().unwrap_err(),
            "3s..1s".parse::<Hold>().unwrap_err(),
            "100h".parse::<Hold>().unwrap_err(),
            "105%".parse::<Share>().unwrap_err(),
            "some".parse::<Share>().unwrap_err(),
        ];
        insta::assert_snapshot!(said.map(|error| error.to_string()).join("\n"), @r"
        `completed` has no weight; write it like `completed=10`
        `ringing` is not an outcome; these are: completed, busy, no-answer, failed, canceled
        `-1` is not a weight; write a whole number
        `busy` is given twice
        a mix needs at least one outcome that occurs
        `3` is not a length of time up to a day; write it like `200ms`, `2s` or `1m30s`
        `-2s` is not a length of time up to a day; write it like `200ms`, `2s` or `1m30s`
        `3s..1s` runs backwards; write the shorter time first
        `100h` is not a length of time up to a day; write it like `200ms`, `2s` or `1m30s`
        `105%` is not a share of the whole; write it like `5%` or `0.05`
        `some` is not a share of the whole; write it like `5%` or `0.05`
        ");
    }
}
