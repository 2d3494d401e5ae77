//! A simulated world: the real turns, real SQLite, the sandbox's phones, and a clock that jumps.
//!
//! A plain loop over a queue of (time, sequence, what happens). There is no runtime, no thread, no waiting; the same seed
//! plays the same story. It does what the dialer's shell does, with the shell's own figures, and nothing more: commit a
//! turn, then perform its effects, then hear what came of them.

mod network;
mod records;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use exocamp::clock::{BootId, Moment};
use exocamp::dialer::event::{Effect, Ending, Event, Progress};
use exocamp::dialer::rolls::Rolls;
use exocamp::dialer::run::{AccountLines, Assignment, Callbacks, Dialling, Run, Task};
use exocamp::dialer::turn::{Turned, turn};
use exocamp::domain::attempt::Doubt;
use exocamp::domain::doubt::Patience;
use exocamp::domain::eligibility::Caps;
use exocamp::domain::ending::RunLimits;
use exocamp::domain::money::Money;
use exocamp::domain::pace::Allowance;
use exocamp::domain::phone::PhoneNumber;
use exocamp::exotel::callback::TokenHash;
use exocamp::provider::Reply;
use exocamp::sandbox::{Exchange, Placed, Script};
use exocamp::store::attempts::AttemptId;
use exocamp::store::callbacks;
use exocamp::store::campaigns::CampaignId;
use exocamp::store::{Store, costs, runs};
use jiff::{SignedDuration, Timestamp};

/// How long the machine has been up when the story begins.
const UP_ALREADY: Duration = Duration::from_secs(100_000);

/// The account that everything happens in.
const ACCOUNT: &str = "exampleco1";

/// The longest that a turn's commit takes; less than the jitter that the pace allows for.
pub(crate) const LONGEST_COMMIT: Duration = Duration::from_millis(5);

/// One POST as it left this machine.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) campaign: CampaignId,
    pub(crate) attempt: AttemptId,
    pub(crate) number: PhoneNumber,
    pub(crate) caller_id: PhoneNumber,
    pub(crate) key: String,
    /// The true time.
    pub(crate) at: Timestamp,
    /// What became of it, whether or not we heard.
    pub(crate) placed: Placed,
    /// What we heard of it, or will have heard if the process lives.
    pub(crate) reply: Reply,
}

/// One question whether a number is registered as do-not-disturb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scrub {
    pub(crate) number: PhoneNumber,
    /// The true time.
    pub(crate) asked_at: Timestamp,
    /// When the provider said something of use, if it did.
    pub(crate) answered_at: Option<Timestamp>,
}

/// What is wrong with the way to the provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Network {
    Works,
    Down,
    WrongToken,
}

/// What is wrong with the list when lost calls are looked for in it; all other look-ups are spared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Searches {
    Work,
    Unreadable,
}

/// Whether the provider says when a call ended as soon as it says that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EndTimes {
    AtOnce,
    /// As Exotel's often do, they come minutes later: too late for these stories.
    Later,
}

/// When an ended call's length is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lengths {
    AtOnce,
    WithThePrice,
}

/// Dies after this turn's commit, when so many of its effects were performed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    pub(crate) turn: u64,
    pub(crate) effects: usize,
}

/// How running on came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stopped {
    /// Every run is over.
    AtRest,
    /// The process died; the last turn had asked for so many effects.
    Cut { asked: usize },
}

struct Runner {
    run: Run,
    rolls: Rolls,
    total: u64,
    heard: Vec<Event>,
    wake_at: Option<Duration>,
    busy_until: Duration,
    last_turn: Duration,
    spins: u32,
    last_progress: Option<Progress>,
    over: Option<Ending>,
}

enum Item {
    Perform(usize, Effect),
    Heard(usize, Event),
}

struct Queued {
    at: Duration,
    sequence: u64,
    item: Item,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) exchange: Exchange,
    pub(crate) slow: Duration,
    pub(crate) patience: Patience,
    pub(crate) caps: Caps,
    /// Where the exchange reports the ends of calls; whatever it reports is taken in as `serve` would.
    pub(crate) callbacks: Option<Callbacks>,
    pub(crate) allowance: Allowance,
    pub(crate) account_lines: u32,
    /// A request and its reply take at least and at most so long on the way, in milliseconds.
    pub(crate) latency_ms: Range<u64>,
    pub(crate) network: Network,
    pub(crate) searches: Searches,
    pub(crate) end_times: EndTimes,
    pub(crate) lengths: Lengths,
    /// How far the provider's clock is ahead.
    pub(crate) provider_is_ahead: SignedDuration,
    /// How often the runs look whether another terminal has changed something; the jumps are not cut short without it.
    pub(crate) looks_up_every: Option<Duration>,
    pub(crate) cut: Option<Cut>,
    /// What a campaign never spends more than, after whatever turn.
    pub(crate) budget: Option<(CampaignId, Money)>,
    pub(crate) posts: Vec<Post>,
    /// When each request left, in all runs.
    pub(crate) requests: Vec<Duration>,
    /// When the machine was booted: what was asked in the minute before is forgotten.
    pub(crate) reboots: Vec<Duration>,
    pub(crate) look_ups: u64,
    /// Every question whether a number is registered as do-not-disturb.
    pub(crate) scrubs: Vec<Scrub>,
    /// When a search was answered last.
    pub(crate) searched_at: Option<Timestamp>,
    /// The attempts that were ever asked about.
    pub(crate) asked_about: HashSet<AttemptId>,
    pub(crate) turns: u64,
    store: Store,
    began: Timestamp,
    now: Duration,
    booted_at: Duration,
    boot: u128,
    wall_is_ahead: SignedDuration,
    chance: fastrand::Rng,
    queue: BinaryHeap<Reverse<Queued>>,
    sequence: u64,
    runners: Vec<Runner>,
}

impl World {
    /// Returns a world at this Indian time, with its database in memory.
    pub(crate) fn new(at: &str, script: Script) -> Self {
        Self::with_store(at, script, Store::in_memory().unwrap())
    }

    /// Returns a world at this Indian time, with its database in a file.
    pub(crate) fn in_file(at: &str, script: Script, path: &Path) -> Self {
        Self::with_store(at, script, Store::open_or_create(path).unwrap())
    }

    fn with_store(at: &str, script: Script, store: Store) -> Self {
        let chance = fastrand::Rng::with_seed(script.seed);
        Self {
            slow: script.slow,
            patience: Patience::default(),
            caps: Caps::default(),
            callbacks: None,
            exchange: Exchange::new(script).with_exophone("08098765000"),
            allowance: Allowance::Max,
            account_lines: 10,
            latency_ms: 5..200,
            network: Network::Works,
            searches: Searches::Work,
            end_times: EndTimes::AtOnce,
            lengths: Lengths::AtOnce,
            provider_is_ahead: SignedDuration::ZERO,
            looks_up_every: None,
            cut: None,
            budget: None,
            posts: Vec::new(),
            requests: Vec::new(),
            reboots: Vec::new(),
            look_ups: 0,
            scrubs: Vec::new(),
            searched_at: None,
            asked_about: HashSet::new(),
            turns: 0,
            store,
            began: indian(at),
            now: UP_ALREADY,
            booted_at: Duration::ZERO,
            boot: 1,
            wall_is_ahead: SignedDuration::ZERO,
            chance,
            queue: BinaryHeap::new(),
            sequence: 0,
            runners: Vec::new(),
        }
    }

    /// Begins a run that dials, and returns its place among the runs.
    pub(crate) fn start(&mut self, campaign: CampaignId, limits: RunLimits) -> usize {
        let dialling = Dialling {
            caller_ids: vec![PhoneNumber::parse_caller_id("08098765000").unwrap()],
            flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
            limits,
        };
        self.begin(campaign, Task::Dial(dialling))
    }

    /// Begins a run that dials nobody.
    pub(crate) fn settle(&mut self, campaign: CampaignId) -> usize {
        self.begin(campaign, Task::Settle)
    }

    fn begin(&mut self, campaign: CampaignId, task: Task) -> usize {
        let moment = self.moment();
        let run = self.write(|tx| runs::begin(tx, campaign, 1, "desk", moment.wall));
        let total = self.counts(campaign).total();
        let assignment = Assignment {
            run,
            campaign,
            account: ACCOUNT.to_owned(),
            task,
            allowance: self.allowance,
            account_lines: AccountLines::Assumed(self.account_lines),
            sids_per_look_up: 20,
            caps: self.caps,
            patience: self.patience.clone(),
            callbacks: self.callbacks.clone(),
        };
        self.runners.push(Runner {
            run: Run::new(assignment, moment),
            rolls: Rolls::seeded(self.chance.u64(..)),
            total,
            heard: vec![Event::Started],
            wake_at: None,
            busy_until: self.now,
            last_turn: self.now,
            spins: 0,
            last_progress: None,
            over: None,
        });
        self.runners.len() - 1
    }

    /// Goes on until every run is over, or the process dies.
    pub(crate) fn run(&mut self) -> Stopped {
        self.go_on(Duration::MAX)
    }

    /// Goes on for so long.
    pub(crate) fn run_for(&mut self, length: Duration) {
        let until = self.now + length;
        assert_eq!(self.go_on(until), Stopped::AtRest);
        self.now = self.now.max(until);
    }

    /// Lets time pass in which this machine does nothing.
    pub(crate) fn sleep(&mut self, length: Duration) {
        self.now += length;
    }

    /// Moves this machine's wall clock, and nobody else's.
    pub(crate) fn set_wall_clock(&mut self, by: SignedDuration) {
        self.wall_is_ahead += by;
    }

    /// Somebody presses ctrl-C, or presses it again.
    pub(crate) fn ask_to_stop(&mut self, runner: usize, event: Event) {
        self.push(self.now, Item::Heard(runner, event));
    }

    /// Forgets everything that is not in the database or at the exchange.
    pub(crate) fn forget(&mut self) {
        for Reverse(queued) in self.queue.drain() {
            if let Item::Heard(_, Event::Replied { attempt, .. }) = queued.item {
                let unheard = self.posts.iter_mut().filter(|post| post.attempt == attempt);
                unheard.for_each(|post| post.reply = Reply::InDoubt(Doubt::Interrupted));
            }
        }
        self.runners.clear();
        self.cut = None;
    }

    /// Boots the machine: the time since boot begins anew.
    pub(crate) fn reboot(&mut self) {
        self.boot += 1;
        self.booted_at = self.now;
        self.reboots.push(self.now);
        self.now += Duration::from_secs(20);
    }

    /// Returns how a run ended.
    pub(crate) fn ending(&self, runner: usize) -> &Ending {
        self.runners[runner].over.as_ref().expect("the run is over")
    }

    pub(crate) fn is_over(&self, runner: usize) -> bool {
        self.runners[runner].over.is_some()
    }

    pub(crate) fn calls_placed(&self, runner: usize) -> u64 {
        self.runners[runner].run.calls_placed()
    }

    /// Returns what this machine's wall clock shows.
    pub(crate) fn wall_clock(&self) -> Timestamp {
        self.moment().wall
    }

    /// Returns the true time.
    pub(crate) fn time(&self) -> Timestamp {
        self.began + (self.now - UP_ALREADY)
    }

    /// Returns how long the story has gone on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - UP_ALREADY
    }

    fn moment(&self) -> Moment {
        Moment {
            wall: self.time() + self.wall_is_ahead,
            since_boot: self.now - self.booted_at,
            boot: BootId::from_bits(self.boot),
        }
    }

    fn push(&mut self, at: Duration, item: Item) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.queue.push(Reverse(Queued { at, sequence, item }));
    }

    fn go_on(&mut self, until: Duration) -> Stopped {
        for _ in 0..400_000 {
            if self.runners.iter().all(|runner| runner.over.is_some()) {
                return Stopped::AtRest;
            }
            let queued = self.queue.peek().map(|Reverse(queued)| queued.at);
            let turn = self.next_turn();
            let callback = self.next_callback();
            let all = [queued, turn.map(|(at, _)| at), callback];
            let Some(at) = all.into_iter().flatten().min() else {
                panic!(
                    "a run is not over, and waits for nothing: {:?}",
                    self.waiting()
                );
            };
            if at > until {
                return Stopped::AtRest;
            }
            self.now = self.now.max(at);
            if callback.is_some_and(|callback| callback <= at) {
                self.take_in_callbacks();
                continue;
            }
            // What comes in at the same time shares the turn.
            match (queued, turn) {
                (Some(queued), turn) if turn.is_none_or(|(turn, _)| queued <= turn) => {
                    let Reverse(queued) = self.queue.pop().unwrap();
                    match queued.item {
                        Item::Heard(runner, event) => self.runners[runner].heard.push(event),
                        Item::Perform(runner, effect) => self.perform(runner, effect),
                    }
                }
                (_, Some((_, runner))) => {
                    if let Some(asked) = self.take_turn(runner) {
                        return Stopped::Cut { asked };
                    }
                }
                (_, None) => unreachable!("something is next"),
            }
        }
        panic!("the story does not come to an end: {:?}", self.waiting());
    }

    /// Returns when the exchange reports the next end of a call.
    fn next_callback(&self) -> Option<Duration> {
        let at = self.exchange.next_callback_at()?;
        Some(UP_ALREADY + Duration::try_from(at.duration_since(self.began)).unwrap())
    }

    fn take_in_callbacks(&mut self) {
        let moment = self.moment();
        // A report is due at its nanosecond, and the jump to it may have been rounded.
        let time = self.time() + Duration::from_micros(1);
        for callback in self.exchange.callbacks_due(time) {
            let (_, token) = callback.url.rsplit_once('/').unwrap();
            let hash = TokenHash::of(token).0;
            let sid = callback.call.sid.parse().unwrap();
            self.write(|tx| callbacks::take_in(tx, &hash, &sid, &moment));
        }
        // Runs look twice a second whether another process has changed something.
        let look = moment.since_boot + Duration::from_millis(500);
        for runner in &mut self.runners {
            runner.wake_at = Some(runner.wake_at.map_or(look, |wake| wake.min(look)));
        }
    }

    fn waiting(&self) -> Vec<&Option<Progress>> {
        let open = self.runners.iter().filter(|runner| runner.over.is_none());
        open.map(|runner| &runner.last_progress).collect()
    }

    /// Returns the next turn and whose it is.
    fn next_turn(&self) -> Option<(Duration, usize)> {
        let runners = self.runners.iter().enumerate();
        let open = runners.filter(|(_, runner)| runner.over.is_none());
        open.filter_map(|(place, runner)| {
            let at = if runner.heard.is_empty() {
                let wake = runner.wake_at.map(|at| self.booted_at + at);
                let look = self.looks_up_every.map(|every| runner.last_turn + every);
                [wake, look].into_iter().flatten().min()?
            } else {
                runner.busy_until
            };
            Some((at.max(runner.busy_until), place))
        })
        .min()
    }

    /// Takes one turn; returns how many effects it asked for if the process died after it.
    fn take_turn(&mut self, place: usize) -> Option<usize> {
        let moment = self.moment();
        let runner = &mut self.runners[place];
        let mut events = std::mem::take(&mut runner.heard);
        let woke = events.is_empty();
        if woke {
            events.push(Event::Woke);
        }
        let Runner { run, rolls, .. } = runner;
        let turned = self
            .store
            .write(|tx| turn(tx, run, &moment, rolls, &events))
            .unwrap();
        self.turns += 1;
        let Turned {
            effects,
            wake_at,
            progress,
            over,
        } = turned;
        assert_eq!(progress.counts.total(), runner.total, "{progress:?}");
        if let Some((campaign, budget)) = self.budget {
            let spent = self.store.read(|tx| costs::spent(tx, campaign)).unwrap();
            assert!(spent <= budget, "{spent} of {budget}");
        }

        let in_vain =
            woke && effects.is_empty() && wake_at.is_some_and(|at| at <= moment.since_boot);
        runner.spins = if in_vain { runner.spins + 1 } else { 0 };
        assert!(
            runner.spins < 9,
            "turns are taken in vain: {progress:?}, {:?}",
            moment.wall
        );
        runner.wake_at = wake_at;
        runner.last_turn = self.now;
        runner.last_progress = Some(progress);
        runner.over = over;
        if runner.over.is_some() {
            // The shell drops whatever is under way.
            return None;
        }
        let commit = self
            .chance
            .u64(..u64::try_from(LONGEST_COMMIT.as_micros()).unwrap());
        let committed = self.now + Duration::from_micros(commit);
        runner.busy_until = committed;
        if let Some(cut) = self.cut
            && cut.turn == self.turns
        {
            let asked = effects.len();
            self.now = committed;
            for effect in effects.into_iter().take(cut.effects) {
                self.now = self.now.max(self.booted_at + due(&effect));
                self.perform(place, effect);
            }
            self.forget();
            return Some(asked);
        }
        for effect in effects {
            let at = committed.max(self.booted_at + due(&effect));
            self.push(at, Item::Perform(place, effect));
        }
        None
    }
}

fn due(effect: &Effect) -> Duration {
    match effect {
        Effect::Greet { at } => *at,
        Effect::Dial { send_at, .. } => *send_at,
        Effect::List { .. } | Effect::LookUp { .. } | Effect::Search(_) | Effect::Scrub { .. } => {
            Duration::ZERO
        }
    }
}

/// Returns the moment of an Indian time such as `2026-03-02 10:00`.
pub(crate) fn indian(at: &str) -> Timestamp {
    format!("{}:00+05:30", at.replace(' ', "T"))
        .parse()
        .unwrap()
}
