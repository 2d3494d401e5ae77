//! Many small campaigns, each with its own size, pace, lines, retries, outcomes and faults, all from one seed.

use std::time::Duration;

use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::ending::{RunLimits, StoppedBecause};
use exocamp::domain::pace::{Allowance, LEAD, Pace};
use exocamp::sandbox::Script;
use exocamp::store::campaigns::{self, CampaignId, PausedBy};

use crate::support::outside;
use crate::support::world::{LONGEST_COMMIT, World};

/// A campaign as chance made it.
struct Story {
    world: World,
    campaign: CampaignId,
    pace: Pace,
    lines: u32,
    retries: u32,
    chance: fastrand::Rng,
}

const POST_FAULTS: [&str; 14] = [
    "lost-reply",
    "lost-request",
    "503",
    "503-placed",
    "truncated",
    "xml",
    "slow",
    "error-in-200",
    "refused",
    "unavailable",
    "redirect",
    "ndnc",
    "bad-number",
    "429",
];

const GET_FAULTS: [&str; 6] = [
    "get-503",
    "get-429",
    "get-truncated",
    "get-slow",
    "get-lost",
    "get-short-list",
];

fn one_of<'a>(chance: &mut fastrand::Rng, choices: &[&'a str]) -> &'a str {
    choices[chance.usize(..choices.len())]
}

impl Story {
    fn of(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut faults = Vec::new();
        for (names, most) in [(&POST_FAULTS[..], 4), (&GET_FAULTS[..], 2)] {
            for _ in 0..chance.usize(..=most) {
                let (name, share) = (one_of(&mut chance, names), chance.u32(1..12));
                faults.push(format!("{name}={share}%").parse().unwrap());
            }
        }
        let hold = one_of(&mut chance, &["0s", "1s..3s", "1s..20s", "10s..2m"]);
        let mix = [
            "completed=1",
            "busy=1",
            "completed=70,busy=10,no-answer=15,failed=4,canceled=1",
        ];
        let script = Script {
            seed,
            mix: one_of(&mut chance, &mix).parse().unwrap(),
            hold: hold.parse().unwrap(),
            faults,
            reply_delay: one_of(&mut chance, &["0s", "50ms..2s", "1s"])
                .parse()
                .unwrap(),
            list_lag: Duration::from_secs(chance.u64(..6)),
            rate_limit: chance.bool().then(|| chance.u32(20..200)),
            ..Script::default()
        };
        let at = format!(
            "2026-03-02 {:02}:{:02}",
            chance.u32(9..21),
            chance.u32(..60)
        );
        let mut world = World::new(&at, script);
        if chance.bool() {
            world.allowance = Allowance::PerMinute(chance.u32(5..90));
        }
        world.account_lines = chance.u32(1..12);
        let rate = one_of(
            &mut chance,
            &["max", "12/min", "30/min", "200/min", "5/s", "50/s"],
        );
        let lines = chance.u32(1..12);
        let retries = chance.u32(..3);
        let campaign = world.campaign(
            "leads",
            0..chance.u64(1..26),
            &[
                (Setting::Rate, rate),
                (Setting::Lines, &lines.to_string()),
                (Setting::Retries, &retries.to_string()),
                (
                    Setting::RetryAfter,
                    one_of(&mut chance, &["1m", "10m", "3h"]),
                ),
            ],
        );
        Self {
            world,
            campaign,
            pace: rate.parse().unwrap(),
            lines,
            retries,
            chance,
        }
    }

    /// Starts again whenever a run has ended with somebody left, as a cron line would.
    fn play(&mut self) {
        let waiting = RunLimits {
            wait: true,
            ..RunLimits::default()
        };
        for _ in 0..200 {
            let run = self.world.start(self.campaign, waiting);
            if self.chance.u32(..4) == 0 {
                self.pause_in_the_middle(run);
            }
            self.world.run();
            match self.world.ending(run).because {
                StoppedBecause::Finished | StoppedBecause::OnlyDoubts => return,
                StoppedBecause::Provider | StoppedBecause::Breaker | StoppedBecause::Paused => {
                    self.world.sleep(Duration::from_secs(20));
                }
                because => panic!("stopped because of {because}"),
            }
        }
        panic!(
            "the campaign does not come to rest: {:?}",
            self.world.ending(199)
        );
    }

    fn pause_in_the_middle(&mut self, run: usize) {
        let campaign = self.campaign;
        self.world.looks_up_every = Some(Duration::from_millis(500));
        let running = Duration::from_millis(self.chance.u64(..30_000));
        self.world.run_for(running);
        let paused_at = self.world.time();
        let is_running = self.world.state(campaign).state == CampaignState::Running;
        if is_running {
            self.world
                .write(|tx| campaigns::pause(tx, campaign, &PausedBy::Person, paused_at));
            let paused_for = Duration::from_secs(self.chance.u64(..200));
            self.world.run_for(paused_for);
            let late = paused_at + LEAD + LONGEST_COMMIT;
            let calls = self.world.exchange.calls().iter();
            let rung = calls.filter(|call| call.accepted_at > late).count();
            assert_eq!(rung, 0, "rung after a pause was committed");
            let now = self.world.time();
            let next = if self.world.is_over(run) {
                CampaignState::Stopped
            } else {
                CampaignState::Running
            };
            self.world
                .write(|tx| campaigns::set_state(tx, campaign, next, now));
        }
        self.world.looks_up_every = None;
    }

    fn check(&mut self) {
        let counts = self.world.counts(self.campaign);
        assert_eq!((counts.pending, counts.initiated), (0, 0), "{counts:?}");
        let world = &mut self.world;
        outside::nobody_is_rung_too_often(world, 1 + self.retries as usize);
        outside::the_pace_is_kept(world, self.campaign, self.pace);
        if let Allowance::PerMinute(requests) = world.allowance {
            outside::the_allowance_is_kept(world, requests);
        }
        outside::the_lines_are_kept(world, self.lines);
        outside::every_call_is_inside(world, 9, 21);
        outside::outcomes_agree(world, self.campaign);
    }
}

fn play(seeds: std::ops::Range<u64>) {
    let broken: Vec<u64> = seeds
        .filter(|seed| {
            let played = std::panic::catch_unwind(|| {
                let mut story = Story::of(*seed);
                story.play();
                story.check();
            });
            played.is_err()
        })
        .collect();
    // What broke is said above, once for each seed.
    assert_eq!(broken, Vec::<u64>::new(), "seeds that break a rule");
}

#[test]
fn whatever_happens_every_rule_is_kept_and_the_campaign_comes_to_rest() {
    play(0..160);
}

#[test]
fn whatever_else_happens_every_rule_is_kept_and_the_campaign_comes_to_rest() {
    play(160..320);
}
