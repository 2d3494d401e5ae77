//! The do-not-disturb marks of people who are to be called soon: whose to ask for, and when.
//!
//! Pure like `turn`. Marks are asked for ahead of the calls, so that the pace is kept, and not far ahead: calls and
//! their marks then share what the allowance leaves. Nobody is called before theirs is in the database.

use std::time::Duration;

use jiff::Timestamp;

use super::dial::Dialled;
use super::event::{Effect, WaitsFor};
use super::hear::Scene;
use super::run::Run;
use super::trouble;
use super::turn::Seen;
use crate::clock::Moment;
use crate::domain::campaign::Policy;
use crate::domain::eligibility::{Dnd, Scrubbing};
use crate::domain::pace::{self, Allowance, Pace};
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::Limit;
use crate::provider::Answer;
use crate::store::{Result, Tx, runs, scrubs};

/// So many people are kept ready: whoever may be called and was not yet, and whoever's mark is on its way.
const READY: u32 = 20;

/// So many of the due people are looked at, beside those whose marks were asked for.
const PEOPLE_TO_LOOK_AT: usize = 64;

/// How long after a question that was not answered it is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The questions that a run has asked, or will ask again.
#[derive(Clone, Default, Debug)]
pub(super) struct Questions(Vec<(PhoneNumber, Question)>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    /// Its answer is on its way.
    UnderWay,
    /// Was not answered; to be asked again then.
    Again(Duration),
}

impl Questions {
    fn under_way(&self) -> u32 {
        let all = self.0.iter();
        let under_way = all.filter(|(_, question)| *question == Question::UnderWay);
        u32::try_from(under_way.count()).unwrap_or(u32::MAX)
    }

    fn of(&self, number: PhoneNumber) -> Option<Question> {
        let found = self.0.iter().find(|(asked, _)| *asked == number);
        found.map(|(_, question)| *question)
    }

    /// Forgets what was to be asked again by now: it is asked like any other.
    fn forget_until(&mut self, now: Duration) {
        self.0
            .retain(|(_, question)| !matches!(question, Question::Again(at) if *at <= now));
    }

    fn set(&mut self, number: PhoneNumber, question: Option<Question>) {
        self.0.retain(|(asked, _)| *asked != number);
        self.0.extend(question.map(|question| (number, question)));
    }
}

/// Returns whether the campaign's people need a mark.
pub(super) fn scrubbing(policy: &Policy) -> Scrubbing {
    match policy.scrubs_dnd {
        true => Scrubbing::On,
        false => Scrubbing::Off,
    }
}

/// Returns how many of the due people to look at, where dialling by itself would look at so many.
pub(super) fn people_to_look_at(run: &Run, policy: &Policy, most: usize) -> usize {
    match scrubbing(policy) {
        Scrubbing::Off => most,
        // Those who wait for an answer must not hide those who could be asked about.
        Scrubbing::On => most.max(PEOPLE_TO_LOOK_AT + run.questions.0.len()),
    }
}

/// Returns how many calls the allowance permits right now: with marks to ask for, both leave the look-ups their tenth.
pub(super) fn calls_allowed(run: &Run, seen: &Seen<'_>) -> u32 {
    let (allowance, last) = (run.assignment.allowance, seen.last_minute);
    match scrubbing(seen.policy) {
        Scrubbing::Off => pace::calls_allowed(allowance, last),
        Scrubbing::On => pace::allowed_beside_look_ups(allowance, last),
    }
}

/// Returns how many requests the calls of the coming minute may want, marks included.
///
/// `by_pace` is how many calls the pace permits in it, `by_lately` how many requests the last minute lets expect.
pub(super) fn requests_for_calls(policy: &Policy, by_pace: u32, by_lately: u32) -> u32 {
    if scrubbing(policy) == Scrubbing::Off {
        return by_pace.min(by_lately);
    }
    let wanted = by_pace.saturating_mul(2).saturating_add(READY);
    match policy.pace {
        // All of it, from the first second on: what look-ups took of it would be missed before the minute is over.
        Pace::Every(_) => wanted,
        Pace::Max => wanted.min(by_lately),
    }
}

/// What a turn has seen of the people who are due.
#[derive(Default)]
pub(super) struct Ahead {
    /// Could be called, and are not in this turn.
    callable: u32,
    /// Need a mark, in the order in which they are due.
    unmarked: Vec<PhoneNumber>,
}

impl Ahead {
    /// Somebody could be called, and is not in this turn.
    pub(super) fn is_callable(&mut self) {
        self.callable += 1;
    }

    /// Somebody cannot be called before their mark is known.
    pub(super) fn needs_mark(&mut self, number: PhoneNumber) {
        self.unmarked.push(number);
    }

    /// Asks for marks, and says in `dialled` when to ask for more. Where calls could have started for which there was
    /// nobody, marks are all that is waited for.
    pub(super) fn ask(
        self,
        tx: &Tx<'_>,
        run: &mut Run,
        now: &Moment,
        seen: &Seen<'_>,
        room_left: RoomLeft,
        dialled: &mut Dialled,
    ) -> Result<Vec<Effect>> {
        if self.unmarked.is_empty() {
            return Ok(Vec::new());
        }
        run.questions.forget_until(now.since_boot);
        let made = run.calls_made() + u64::from(seen.live.intents + dialled.intents);
        let calls_left = run.limits().max_calls.map(|most| most.saturating_sub(made));
        let ready = calls_left.map_or(READY, |left| u64::from(READY).min(left) as u32);
        let wanted = ready.saturating_sub(self.callable + run.questions.under_way());
        // Whoever is ready has the request of their call kept for them.
        let kept = dialled.intents + self.callable;
        let allowed = calls_allowed(run, seen).saturating_sub(kept);

        let mut again_at = None;
        let mut asked = Vec::new();
        let mut is_held_back = false;
        for number in self.unmarked {
            match run.questions.of(number) {
                Some(Question::UnderWay) => {}
                Some(Question::Again(at)) => {
                    again_at = Some(again_at.map_or(at, |soonest: Duration| soonest.min(at)));
                }
                None if asked.len() >= wanted as usize => {}
                None if asked.len() >= allowed as usize => is_held_back = true,
                None => {
                    run.questions.set(number, Some(Question::UnderWay));
                    let asked_at = now.wall;
                    asked.push(Effect::Scrub { number, asked_at });
                }
            }
        }
        if run.assignment.allowance != Allowance::Max {
            // No look-ups, of which a tenth is always kept for the ends of calls: it is calls that they make way for.
            let at = vec![now.since_boot; asked.len()];
            runs::note_requests(tx, &run.assignment.account, &at, false, now)?;
        }
        if room_left == RoomLeft::Some && self.callable == 0 {
            dialled.limit = is_held_back.then_some(Limit::Allowance);
            dialled.wake_at = None;
            if dialled.intents == 0 && !is_held_back {
                dialled.waits_for = WaitsFor::DndMarks;
            }
        }
        let soon = now.since_boot + Duration::from_secs(1);
        let eases_at = is_held_back.then(|| seen.last_minute.eases_at.unwrap_or(soon));
        let wakes = [dialled.wake_at, again_at, eases_at];
        dialled.wake_at = wakes.into_iter().flatten().min();
        Ok(asked)
    }
}

/// The starts of a turn for which there was nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RoomLeft {
    Some,
    None,
}

/// Takes in what the provider says of a number, or that it did not.
pub(super) fn scrubbed(
    scene: &mut Scene<'_, '_>,
    number: PhoneNumber,
    asked_at: Timestamp,
    answer: &Answer<Option<Dnd>>,
) -> Result<()> {
    match answer {
        Ok(dnd) => {
            scene.run.in_a_row.look_ups_have_succeeded();
            scene.run.questions.set(number, None);
            scrubs::remember(scene.tx, number, *dnd, asked_at)
        }
        Err(failure) => {
            let again_at = scene.now.since_boot + AGAIN_AFTER;
            let again = Some(Question::Again(again_at));
            scene.run.questions.set(number, again);
            trouble::look_up_failed(scene, &[], failure)
        }
    }
}
