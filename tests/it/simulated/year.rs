//! A year of campaigns, as a team makes them: lists that overlap, settings that are changed in the middle, pauses,
//! opt-outs, machines that die, clocks that are set, a provider that loses replies, and a cron line every few minutes.
//!
//! What people were promised is held against what the exchange saw, by this file's own reckoning of hours, caps and
//! money.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use exocamp::domain::campaign::{CampaignState, Setting};
use exocamp::domain::eligibility::Caps;
use exocamp::domain::ending::RunLimits;
use exocamp::domain::phone::PhoneNumber;
use exocamp::sandbox::Script;
use exocamp::store::campaigns::CampaignId;
use exocamp::store::costs;
use exocamp::store::do_not_call::{self, Entry, Source};
use exocamp::store::steering::{self, Hand};
use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::support::world::{LONGEST_COMMIT, World};

/// So many people are on the lists of the year.
const PEOPLE: u64 = 160;

/// The farthest that the wall clock is off without being noticed: Exotel's `Date` is held against it (PRODUCT §2).
const UNNOTICED: SignedDuration = SignedDuration::from_secs(100);

/// Hours as a person writes them, and as minutes of the day.
const HOURS: [(&str, &[(i64, i64)]); 4] = [
    ("09:00-21:00", &[(540, 1260)]),
    ("10:00-12:30,16:00-19:30", &[(600, 750), (960, 1170)]),
    ("00:00-24:00", &[(0, 1440)]),
    (
        "07:30-11:00,11:00-13:00,18:00-22:00",
        &[(450, 780), (1080, 1320)],
    ),
];

const DAYS: [(&str, &[Weekday]); 2] = [("mon-sun", &[]), ("mon-sat", &[Weekday::Sunday])];

/// Purposes and the hours that no setting can widen.
const PURPOSES: [(&str, (i64, i64)); 3] = [
    ("service", (0, 1440)),
    ("promotional", (540, 1260)),
    ("collections", (480, 1140)),
];

const RATES: [(&str, Duration); 3] = [
    ("30/min", Duration::from_secs(2)),
    ("2/s", Duration::from_millis(500)),
    ("6/min", Duration::from_secs(10)),
];

/// What a begun minute costs, in paise, as the exchange charges it.
const PAISE_A_MINUTE: u64 = 60;

const HOLIDAYS: &str = "2026-01-26,2026-08-15,2026-10-02,2026-11-08";

/// A campaign with what its people were promised.
struct Promise {
    id: CampaignId,
    bands: &'static [(i64, i64)],
    closed_days: &'static [Weekday],
    outer: (i64, i64),
    interval: Duration,
    /// Since the pace was changed no two starts have shown it yet.
    pace_is_new: bool,
    last_start: Option<Timestamp>,
    budget_paise: u64,
    is_held_back: bool,
    run: Option<usize>,
}

struct Year {
    world: World,
    chance: fastrand::Rng,
    promises: Vec<Promise>,
    opted_out: HashSet<PhoneNumber>,
    /// So many POSTs were looked at.
    seen: usize,
    clock_is_off: SignedDuration,
    figures: HashMap<&'static str, u64>,
}

fn indian(at: Timestamp) -> (Date, i64) {
    let zone = TimeZone::fixed(Offset::from_seconds(19_800).unwrap());
    let zoned = at.to_zoned(zone);
    let time = zoned.time();
    (
        zoned.date(),
        i64::from(time.hour()) * 60 + i64::from(time.minute()),
    )
}

impl Year {
    fn of(seed: u64) -> Self {
        let script = Script {
            seed,
            mix: "completed=45,busy=20,no-answer=25,failed=9,canceled=1"
                .parse()
                .unwrap(),
            hold: "1s..3m".parse().unwrap(),
            reply_delay: "50ms..2s".parse().unwrap(),
            ..Script::default()
        };
        let mut world = World::new("2026-01-01 06:00", script);
        world.caps = Caps { day: 2, week: 5 };
        world.account_lines = 8;
        // Every terminal's change is seen within half a second.
        world.looks_up_every = Some(Duration::from_millis(500));
        Self {
            world,
            chance: fastrand::Rng::with_seed(seed),
            promises: Vec::new(),
            opted_out: HashSet::new(),
            seen: 0,
            clock_is_off: SignedDuration::ZERO,
            figures: HashMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.figures.entry(what).or_default() += 1;
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.chance.usize(..choices.len())]
    }

    fn new_campaign(&mut self) {
        let (purpose, outer) = self.one_of(&PURPOSES);
        // Hours that reach beyond the purpose's are refused; the default is cut.
        let fits = |bands: &[(i64, i64)]| {
            bands
                .iter()
                .all(|(from, to)| outer.0 <= *from && *to <= outer.1)
        };
        let (hours, bands) = loop {
            let (hours, bands) = self.one_of(&HOURS);
            if fits(bands) || hours == "09:00-21:00" {
                break (hours, bands);
            }
        };
        let (days, closed_days) = self.one_of(&DAYS);
        let (rate, interval) = self.one_of(&RATES);
        let budget_paise = self.chance.u64(20..60) * 100;
        let first = self.chance.u64(..PEOPLE - 40);
        let people = first..first + self.chance.u64(8..40);
        let name = format!("campaign {}", self.promises.len());
        let retries = self.chance.u32(..3).to_string();
        let settings = [
            (Setting::Purpose, purpose),
            (Setting::Hours, hours),
            (Setting::Days, days),
            (Setting::Holidays, HOLIDAYS),
            (Setting::Rate, rate),
            (Setting::Retries, retries.as_str()),
            (
                Setting::RetryAfter,
                self.one_of(&["20m", "busy=5m,no-answer=3h", "1d"]),
            ),
            (
                Setting::RetryMechanism,
                self.one_of(&["linear", "exponential"]),
            ),
            (Setting::TalkLimit, "4m"),
            (Setting::Tariff, "0.60/min"),
            (Setting::Budget, &(budget_paise / 100).to_string()),
            (Setting::ShortCalls, "off"),
        ];
        let id = self.world.campaign(&name, people, &settings);
        // A list that comes in leaves out whoever is on the do-not-call list; the turn would as well.
        self.promises.push(Promise {
            id,
            bands,
            closed_days,
            outer,
            interval,
            pace_is_new: false,
            last_start: None,
            budget_paise,
            is_held_back: false,
            run: None,
        });
        self.count("campaigns");
    }

    /// Somebody, or something, does something.
    fn something_happens(&mut self) {
        if self.promises.is_empty() {
            return;
        }
        // Mostly to a campaign of these days.
        let recent = self.promises.len().saturating_sub(6);
        let place = self.chance.usize(recent..self.promises.len());
        let now = self.world.wall_clock();
        let hand = Hand {
            at: now,
            by: "asha",
            because: None,
        };
        match self.chance.u32(..12) {
            0 => {
                let id = self.promises[place].id;
                self.world.write(|tx| steering::pause(tx, id, &hand));
                self.promises[place].is_held_back = true;
                self.count("pauses");
            }
            1..=3 => {
                let id = self.promises[place].id;
                let state = CampaignState::Stopped;
                self.world
                    .write(|tx| steering::resume(tx, id, state, &hand));
                self.promises[place].is_held_back = false;
            }
            4 | 5 => {
                let number = self.world.person(self.chance.u64(..PEOPLE));
                // Not everybody, or nobody is left by the summer.
                if self.opted_out.len() < PEOPLE as usize / 3 {
                    let entry = Entry {
                        by: "asha",
                        source: Source::Person,
                        note: None,
                    };
                    self.world
                        .write(|tx| do_not_call::add(tx, number, &entry, now));
                    self.opted_out.insert(number);
                    self.count("opt-outs");
                }
            }
            6 => {
                let (rate, interval) = self.one_of(&RATES);
                let promise = &mut self.promises[place];
                (promise.interval, promise.pace_is_new) = (interval, true);
                let id = promise.id;
                self.world.remember(id, Setting::Rate, rate);
                self.count("edits");
            }
            7 => {
                let (hours, bands) = self.one_of(&HOURS);
                let promise = &mut self.promises[place];
                let outer = promise.outer;
                if bands
                    .iter()
                    .all(|(from, to)| outer.0 <= *from && *to <= outer.1)
                {
                    promise.bands = bands;
                    let id = promise.id;
                    self.world.remember(id, Setting::Hours, hours);
                    self.count("edits");
                }
            }
            8 => {
                // A clock that is set by little is not noticed, one that is set by much is.
                let off = match self.chance.bool() {
                    true => self.chance.i64(-50..50),
                    false => self.one_of(&[-7200, 5400, 86_400]),
                };
                let off = SignedDuration::from_secs(off);
                self.world.set_wall_clock(off - self.clock_is_off);
                self.clock_is_off = off;
                self.count("clocks set");
            }
            9 => {
                self.world.set_wall_clock(-self.clock_is_off);
                self.clock_is_off = SignedDuration::ZERO;
            }
            10 => {
                self.world.forget();
                self.promises
                    .iter_mut()
                    .for_each(|promise| promise.run = None);
                if self.chance.bool() {
                    self.world.reboot();
                }
                self.count("kills");
            }
            _ => {
                let fault = self.one_of(&["lost-reply=4%", "503=4%", "get-503=10%", "slow=4%", ""]);
                self.world.exchange.change_script(|script| {
                    script.faults = match fault {
                        "" => Vec::new(),
                        fault => vec![fault.parse().unwrap()],
                    };
                });
            }
        }
    }

    /// Starts what is not running, as a cron line does.
    fn cron(&mut self) {
        for place in 0..self.promises.len() {
            let id = self.promises[place].id;
            let is_running = self.promises[place]
                .run
                .is_some_and(|run| !self.world.is_over(run));
            let counts = self.world.counts(id);
            let has_work = counts.pending + counts.initiated > 0;
            if is_running || !has_work || self.promises[place].is_held_back {
                continue;
            }
            let limits = RunLimits {
                once: true,
                ..RunLimits::default()
            };
            self.promises[place].run = Some(self.world.start(id, limits));
            self.count("runs");
        }
    }

    /// Holds every POST since the last look against what was promised, none of which has changed since.
    fn keep_promises(&mut self) {
        let posts = self.world.posts[self.seen..].to_vec();
        self.seen = self.world.posts.len();
        for post in &posts {
            let place = self
                .promises
                .iter()
                .position(|promise| promise.id == post.campaign);
            let promise = &mut self.promises[place.unwrap()];
            let at = post.at;
            assert!(!promise.is_held_back, "called while paused: {post:?}");
            assert!(
                !self.opted_out.contains(&post.number),
                "called after an opt-out: {post:?}"
            );
            // Whoever is early by a clock that is off by no more than anybody notices, is not outside the hours.
            let latest = at + UNNOTICED;
            let is_within = [at, latest].into_iter().any(|at| {
                let (date, minute) = indian(at);
                let inside = |(from, to): (i64, i64)| (from..to).contains(&minute);
                let is_holiday = HOLIDAYS.contains(&date.to_string());
                !is_holiday
                    && !promise.closed_days.contains(&date.weekday())
                    && promise.bands.iter().any(|band| inside(*band))
                    && inside(promise.outer)
            });
            assert!(is_within, "called outside the hours: {post:?}");
            if let Some(before) = promise.last_start
                && !promise.pace_is_new
            {
                let least = SignedDuration::try_from(promise.interval - LONGEST_COMMIT).unwrap();
                let apart = at.duration_since(before);
                assert!(
                    apart >= least,
                    "{apart:?} apart instead of {:?}",
                    promise.interval
                );
            }
            (promise.last_start, promise.pace_is_new) = (Some(at), false);
        }
        for place in 0..self.promises.len() {
            let (id, budget) = (self.promises[place].id, self.promises[place].budget_paise);
            let spent = self.world.write(|tx| costs::spent(tx, id));
            let paise = u64::try_from(spent.as_micros() / 10_000).unwrap();
            assert!(paise <= budget, "{spent} spent of {budget} paise");
        }
    }

    fn live(&mut self) {
        for day in 0..365 {
            if day % 4 == 0 {
                self.new_campaign();
            }
            for _ in 0..6 {
                self.cron();
                // In the middle of what has just begun, and again when it is long over.
                let seconds = self.chance.u64(1..240);
                self.world.run_for(Duration::from_secs(seconds));
                self.keep_promises();
                self.something_happens();
                let minutes = self.chance.u64(5..300);
                self.world.run_for(Duration::from_secs(minutes * 60));
                self.keep_promises();
                self.something_happens();
            }
            self.night();
        }
    }

    /// Everything rests until six in the morning.
    fn night(&mut self) {
        self.world.run_for(Duration::from_secs(1800));
        self.keep_promises();
        self.world.forget();
        self.promises
            .iter_mut()
            .for_each(|promise| promise.run = None);
        let (date, _) = indian(self.world.time());
        let morning = date.tomorrow().unwrap().at(6, 0, 0, 0);
        let zone = TimeZone::fixed(Offset::from_seconds(19_800).unwrap());
        let morning = morning.to_zoned(zone).unwrap().timestamp();
        let rest = morning.duration_since(self.world.time());
        self.world.sleep(Duration::try_from(rest).unwrap());
    }

    /// The exchange's own list of all calls, held against the caps and the budgets.
    fn audit(&mut self) {
        let mut by_number: HashMap<&str, Vec<Timestamp>> = HashMap::new();
        for call in self.world.exchange.calls() {
            by_number
                .entry(&call.number)
                .or_default()
                .push(call.accepted_at);
        }
        let caps = self.world.caps;
        // Our clock may be off by what nobody notices, once one way and once the other.
        let slack = UNNOTICED * 2 + SignedDuration::from_secs(60);
        for (number, calls) in &by_number {
            for (most, window) in [(caps.day, 24), (caps.week, 7 * 24)] {
                let window = SignedDuration::from_hours(window) - slack;
                for pair in calls.windows(most as usize + 1) {
                    let apart = pair[most as usize].duration_since(pair[0]);
                    assert!(
                        apart >= window,
                        "{number}: {} calls within {apart:?}",
                        most + 1
                    );
                }
            }
        }
        let of_campaign: HashMap<&str, CampaignId> = self
            .world
            .posts
            .iter()
            .map(|post| (post.key.as_str(), post.campaign))
            .collect();
        let mut cost: HashMap<CampaignId, u64> = HashMap::new();
        for call in self.world.exchange.calls() {
            let campaign = of_campaign[call.custom_field.as_deref().unwrap()];
            let minutes = u64::from(call.duration_s.div_ceil(60));
            *cost.entry(campaign).or_default() += minutes * PAISE_A_MINUTE;
        }
        for promise in &self.promises {
            let cost = cost.get(&promise.id).copied().unwrap_or_default();
            assert!(
                cost <= promise.budget_paise,
                "{cost} of {}",
                promise.budget_paise
            );
        }
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures of a year are wanted as well"
)]
fn a_year_of_campaigns_keeps_every_promise() {
    let seed = std::env::var("EXOCAMP_SEED").map_or(2026, |seed| seed.parse().unwrap());
    let mut year = Year::of(seed);
    year.live();
    year.audit();
    let calls = year.world.exchange.calls().len();
    let figures = &year.figures;
    println!("a year, seed {seed}: {calls} calls, {figures:?}");
    // A year in which nothing happens keeps every promise.
    assert!(calls > 1000, "{calls}");
    for what in [
        "campaigns",
        "pauses",
        "opt-outs",
        "edits",
        "clocks set",
        "kills",
        "runs",
    ] {
        assert!(
            figures.get(what).is_some_and(|count| *count > 20),
            "{what}: {figures:?}"
        );
    }
}
