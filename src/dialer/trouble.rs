//! What a run does about trouble with the provider: pause, hold back, or give up.
//!
//! Pure like `turn`. Trouble is never a reason to call anybody, nor to charge them.

use std::time::Duration;

use super::event::Trouble;
use super::hear::{self, Scene};
use super::run::Task;
use crate::domain::breaker::Verdict;
use crate::domain::campaign::CampaignState;
use crate::domain::ending::StoppedBecause;
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::Phase;
use crate::domain::rejection::{Blame, Rejection};
use crate::provider::LookUpFailure;
use crate::store::attempts::AttemptId;
use crate::store::campaigns::{self, PausedBy};
use crate::store::{Result, looks, runs};

/// Refusals that blame nobody, one after another, that pause a campaign.
const REFUSALS_THAT_PAUSE: u32 = 3;

/// Times, one after another and ever further apart, that the provider could not be reached before a run gives up.
const UNREACHABLE_THAT_END: u32 = 5;

/// Look-ups without a readable answer, one after another, that end a run; but not within less than a minute.
const FAILED_LOOK_UPS_THAT_END: u32 = 10;
const FAILED_LOOK_UPS_TAKE: Duration = Duration::from_secs(60);

/// The same while settling, where nothing else goes on.
const FAILED_SETTLING: u32 = 3;

/// Returns what a look-up's failure says of the provider.
pub(super) fn of(failure: &LookUpFailure) -> Trouble {
    match failure {
        LookUpFailure::Refused(rejection) => refusal(rejection, None),
        LookUpFailure::Unreachable(_) | LookUpFailure::Unreadable(_) => {
            Trouble::Unreachable(failure.to_string())
        }
    }
}

fn refusal(rejection: &Rejection, caller_id: Option<PhoneNumber>) -> Trouble {
    Trouble::Refused {
        rejection: rejection.clone(),
        caller_id,
    }
}

/// Something was refused.
///
/// `shown` is the ExoPhone of the call that was refused, if it was a call.
pub(super) fn refused(
    scene: &mut Scene<'_, '_>,
    rejection: &Rejection,
    shown: Option<PhoneNumber>,
) -> Result<()> {
    match rejection.class.blame() {
        Blame::Account => account_refused(scene, rejection, shown),
        Blame::Contact => {
            scene.run.phase = Phase::Open;
            scene.run.in_a_row.refusals = 0;
            Ok(())
        }
        Blame::Nobody => {
            scene.run.in_a_row.refusals += 1;
            let pauses = scene.run.in_a_row.refusals >= REFUSALS_THAT_PAUSE;
            if pauses {
                account_refused(scene, rejection, shown)
            } else {
                Ok(())
            }
        }
        Blame::Allowance => {
            let doublings = scene.run.in_a_row.rate_limits;
            let wait = rejection.retry_after.unwrap_or_else(|| doubled(doublings));
            let was_open = shut_account(scene, wait)?;
            scene.run.in_a_row.rate_limits += u32::from(was_open);
            Ok(())
        }
    }
}

/// Pauses the campaign at once; the next start whose first GET succeeds takes it up again.
pub(super) fn account_refused(
    scene: &mut Scene<'_, '_>,
    rejection: &Rejection,
    shown: Option<PhoneNumber>,
) -> Result<()> {
    let trouble = refusal(rejection, shown);
    scene.run.end_in_trouble(trouble, scene.now);
    pause(scene, &rejection.to_string())
}

fn pause(scene: &Scene<'_, '_>, why: &str) -> Result<()> {
    let id = scene.run.assignment.campaign;
    let campaign = campaigns::get(scene.tx, id)?;
    // What a person has decided stands, and so does what a person has to look at.
    let decided = campaign.state == CampaignState::Cancelled
        || matches!(
            campaign.paused_by,
            Some(PausedBy::Person | PausedBy::Quality(_))
        );
    if scene.run.assignment.task == Task::Settle || decided {
        return Ok(());
    }
    campaigns::pause(
        scene.tx,
        id,
        &PausedBy::Exocamp(why.to_owned()),
        scene.now.wall,
    )
}

/// The provider could not be reached: nothing is sent for a while, then one call alone.
pub(super) fn unreachable(scene: &mut Scene<'_, '_>, trouble: &Trouble) -> Result<()> {
    scene.run.phase = Phase::Alone;
    // All that failed while the way was already known to be shut counts once.
    if shut_account(scene, doubled(scene.run.in_a_row.unreachable))? {
        scene.run.in_a_row.unreachable += 1;
    }
    if scene.run.in_a_row.unreachable >= UNREACHABLE_THAT_END {
        scene.run.end_in_trouble(trouble.clone(), scene.now);
    }
    Ok(())
}

/// A look-up about these brought nothing.
pub(super) fn look_up_failed(
    scene: &mut Scene<'_, '_>,
    asked: &[AttemptId],
    failure: &LookUpFailure,
) -> Result<()> {
    tracing::debug!("a look-up failed: {failure}");
    let settles = scene.run.assignment.task == Task::Settle;
    if settles {
        // Whoever settles wants an answer, and asks again soon.
        for attempt in asked {
            looks::again(
                scene.tx,
                *attempt,
                scene.now.since_boot + Duration::from_secs(1),
            )?;
        }
    }
    match failure {
        LookUpFailure::Refused(rejection)
            if matches!(rejection.class.blame(), Blame::Account | Blame::Allowance) =>
        {
            refused(scene, rejection, None)
        }
        LookUpFailure::Unreachable(_) => {
            let trouble = of(failure);
            unreachable(scene, &trouble)
        }
        LookUpFailure::Refused(_) | LookUpFailure::Unreadable(_) => {
            let now = scene.now.since_boot;
            let row = &mut scene.run.in_a_row;
            row.failed_look_ups += 1;
            let since = *row.look_ups_fail_since.get_or_insert(now);
            let gives_up = if settles {
                row.failed_look_ups >= FAILED_SETTLING
            } else {
                row.failed_look_ups >= FAILED_LOOK_UPS_THAT_END
                    && now - since >= FAILED_LOOK_UPS_TAKE
            };
            if gives_up {
                let trouble = of(failure);
                scene.run.end_in_trouble(trouble, scene.now);
            }
            Ok(())
        }
    }
}

/// Does what the breaker wants: a GET, or the end of the run.
pub(super) fn mind_the_breaker(scene: &mut Scene<'_, '_>) -> Result<()> {
    match scene.run.breaker.verdict(scene.now.since_boot) {
        Verdict::NeedsGet if !scene.run.is_probing && scene.run.ending.is_none() => {
            scene.run.is_probing = true;
            hear::greet(scene, Duration::ZERO)
        }
        Verdict::GivesUp if scene.run.ending.is_none() => {
            scene.run.trouble.get_or_insert(Trouble::RepliesLost);
            scene.run.end(StoppedBecause::Breaker, scene.now);
            pause(scene, "the replies to calls get lost")
        }
        _ => Ok(()),
    }
}

fn doubled(times: u32) -> Duration {
    Duration::from_secs(1 << times.min(6))
}

/// Shuts the account's allowance for so long and a little more; returns whether it was open before.
fn shut_account(scene: &mut Scene<'_, '_>, wait: Duration) -> Result<bool> {
    let account = &scene.run.assignment.account;
    let was_open = runs::account_shut_until(scene.tx, account, scene.now)?.is_none();
    let until = scene.now.since_boot + scene.rolls.jittered(wait);
    runs::shut_account(scene.tx, account, until, scene.now)?;
    Ok(was_open)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::clock::{BootId, Moment};
    use crate::dialer::event::{Effect, Event};
    use crate::dialer::rolls::Rolls;
    use crate::dialer::run::{AccountLines, Assignment, Dialling, Run};
    use crate::dialer::turn::turn;
    use crate::domain::contact::{Fields, NewContact};
    use crate::domain::doubt::Patience;
    use crate::domain::ending::RunLimits;
    use crate::domain::pace::Allowance;
    use crate::domain::phone::PhoneNumber;
    use crate::domain::rejection::RejectionClass;
    use crate::store::{Store, StoreError, contacts};

    #[test]
    fn nobody_is_called_unless_a_first_get_succeeded() {
        let wall: Timestamp = "2026-03-02T12:00:00+05:30".parse().unwrap();
        for class in RejectionClass::ALL {
            let mut store = Store::in_memory().unwrap();
            let setup = store.write(|tx| -> Result<_> {
                let id = campaigns::create(tx, &"leads".parse().unwrap(), "asha", wall)?;
                let source = contacts::add_source(tx, id, "a.csv", wall)?;
                let number: PhoneNumber = "9876500000".parse().unwrap();
                let contact = NewContact {
                    number,
                    name: None,
                    fields: Fields::default(),
                    more_numbers: Vec::new(),
                    line: 2,
                };
                contacts::add(tx, id, source, &contact)?;
                contacts::count_new(tx, id, 1)?;
                Ok((id, runs::begin(tx, id, 1, "desk", wall)?))
            });
            let (campaign, run) = setup.unwrap();
            let dialling = Dialling {
                caller_ids: vec![PhoneNumber::parse_caller_id("08098765000").unwrap()],
                flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
                limits: RunLimits::default(),
            };
            let assignment = Assignment {
                run,
                campaign,
                account: "exampleco1".to_owned(),
                task: Task::Dial(dialling),
                allowance: Allowance::DEFAULT,
                account_lines: AccountLines::Assumed(10),
                sids_per_look_up: 20,
                caps: crate::domain::eligibility::Caps::default(),
                patience: Patience::default(),
                callbacks: None,
            };
            let mut now = Moment {
                wall,
                since_boot: Duration::from_secs(100),
                boot: BootId::from_bits(1),
            };
            let (mut run, mut rolls) = (Run::new(assignment, now), Rolls::seeded(1));
            let rejection = Rejection {
                class,
                status: 400,
                code: None,
                message: "no".to_owned(),
                retry_after: None,
            };
            let mut heard = Event::Started;
            for _ in 0..9 {
                let turned = store
                    .write(|tx| turn(tx, &mut run, &now, &mut rolls, std::slice::from_ref(&heard)))
                    .unwrap_or_else(|error: StoreError| panic!("{error}"));
                let dials = turned
                    .effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Dial { .. }));
                assert!(!dials, "{}", class.as_str());
                if turned.over.is_some() {
                    break;
                }
                heard = Event::Greeted(Err(LookUpFailure::Refused(rejection.clone())));
                now.since_boot += Duration::from_secs(1);
            }
            assert_eq!(
                run.ending.map(|(because, _)| because.as_str()),
                Some("provider"),
                "{}",
                class.as_str()
            );
        }
    }
}
