//! The torture: the real program, against a pretend Exotel that loses, cuts and delays, killed again and again at
//! moments drawn by chance, and started again at once.
//!
//! `EXOCAMP_KILLS` is how often it is killed, `EXOCAMP_SEED` where the chance comes from; what the phones heard is then
//! held against the database, contact by contact. The report is shown with `--nocapture`.

use std::collections::BTreeSet;
use std::env;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::support::binary::{self, Folder};
use crate::support::exotel::Exotel;
use crate::support::history::{Figures, History, List, Rule, Search, Violation};
use crate::support::process::{Ran, Running};

/// Kills in a plain `cargo test`; the proof takes a thousand.
const KILLS: usize = 25;

/// After so many kills a folder and its sandbox are done with, so that each database stays small.
const KILLS_PER_BATCH: usize = 50;

/// Batches that go on side by side.
const AT_ONCE: usize = 4;

/// How late a slow reply is: later than a reply is waited for.
const SLOW: &str = "3s";

/// Within this time after the last kill everybody has to be called and every doubt found or held: a request may be lost,
/// proven not to have been placed, made again, and be lost again.
const ENDS_WITHIN: Duration = Duration::from_secs(240);

/// How far apart two readings of the list are that prove absence together.
const SCANS_APART: SignedDuration = SignedDuration::from_secs(1);

/// Troubles and how often they occur. The list itself is whole whenever it can be read: whoever rang is in it. What closes
/// the way for a second or more is rare, or kills would hit idleness.
const FAULTS: [(&str, &str); 14] = [
    ("lost-reply", "3%"),
    ("lost-request", "2%"),
    ("503", "1%"),
    ("503-placed", "2%"),
    ("truncated", "2%"),
    ("slow", "1%"),
    ("xml", "3%"),
    ("unavailable", "1%"),
    ("429", "0.3%"),
    ("get-503", "1%"),
    ("get-lost", "0.5%"),
    ("get-truncated", "1%"),
    ("get-429", "0.3%"),
    ("get-slow", "0.5%"),
];

/// What every second batch says besides, so that there is a way back from a doubt to another call.
const REDIAL: &str = "--redial-if-proven-not-placed";

const START: &str = "start leads --rate max --lines 40 --hours 00:00-24:00 --short-calls off \
                     --retries 1 --retry-on busy --retry-after 1s --ring 5s --talk-limit 5s";

/// Done, stopped with contacts left, only doubts, trouble with the provider: each is a reason to start again.
const ENDS: [i32; 4] = [0, 3, 4, 5];

/// People who are there to be called before every start, and how many come at once.
const IN_STOCK: usize = 60;
const DELIVERY: usize = 60;

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its birth.
    After(Duration),
    /// So long after a phone rang for it.
    AfterACall(Duration),
}

impl Moment {
    fn draw(chance: &mut Rng) -> Self {
        let mut up_to = |from, to| Duration::from_micros(chance.u64(from..to));
        let [start_up, first_call, under_way] =
            [up_to(0, 25_000), up_to(0, 5_000), up_to(25_000, 700_000)];
        match chance.u32(0..100) {
            0..15 => Self::After(start_up),
            15..35 => Self::AfterACall(first_call),
            _ => Self::After(under_way),
        }
    }

    /// Waits for it, or for the end of the run, or for a second.
    fn wait(self, running: &mut Running, exotel: &Exotel) {
        let born = Instant::now();
        let length = exotel.ledger_length();
        let pause = Duration::from_millis(1);
        match self {
            Self::After(delay) => thread::sleep(delay),
            Self::AfterACall(delay) => {
                while exotel.ledger_length() == length
                    && born.elapsed() < Duration::from_secs(1)
                    && !running.has_ended()
                {
                    thread::sleep(pause);
                }
                thread::sleep(delay);
            }
        }
    }
}

/// What strong evidence means that somebody was not called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Redials {
    /// A person is told.
    Never,
    /// They are called again.
    IfProven,
}

/// A folder with one campaign and a sandbox of its own.
struct Batch {
    exotel: Exotel,
    folder: Folder,
    redials: Redials,
    /// The command line that is started again and again.
    start: String,
    imported: usize,
    chance: Rng,
    strange_ends: Vec<String>,
}

/// What became of a batch.
#[derive(Default)]
struct Outcome {
    kills: usize,
    figures: Figures,
    violations: Vec<Violation>,
    /// People who were called twice, and people of whose calls the database does not know the truth.
    called_twice: usize,
    lost: usize,
    /// Runs that ended by themselves as no run may.
    strange_ends: Vec<String>,
    /// From the birth of a run to its first call.
    first_calls: Vec<Duration>,
    /// Runs that were killed before they had placed a call.
    without_a_call: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        let Figures {
            contacts,
            calls,
            runs_cut_off,
            doubted,
            resolved,
            in_doubt,
            held,
            proven_absent,
        } = other.figures;
        self.kills += other.kills;
        self.figures.contacts += contacts;
        self.figures.calls += calls;
        self.figures.runs_cut_off += runs_cut_off;
        self.figures.doubted += doubted;
        self.figures.resolved += resolved;
        self.figures.in_doubt += in_doubt;
        self.figures.held += held;
        self.figures.proven_absent += proven_absent;
        self.called_twice += other.called_twice;
        self.lost += other.lost;
        self.violations.extend(other.violations);
        self.strange_ends.extend(other.strange_ends);
        self.first_calls.extend(other.first_calls);
        self.without_a_call += other.without_a_call;
    }
}

impl Batch {
    fn new(seed: u64, redials: Redials) -> Self {
        let mut flags = format!(
            "--seed {seed} --hold 50ms..500ms --reply-delay 0s..150ms --slow {SLOW} \
             --mix completed=60,busy=25,no-answer=10,failed=4,canceled=1"
        );
        for (name, share) in FAULTS {
            write!(flags, " --fault {name}={share}").expect("a text grows");
        }
        let exotel = Exotel::start(&flags);
        let mut folder = Folder::calling(&exotel);
        be_impatient(&mut folder);
        let start = match redials {
            Redials::Never => START.to_owned(),
            Redials::IfProven => format!("{START} {REDIAL}"),
        };
        Self {
            exotel,
            folder,
            redials,
            start,
            imported: 0,
            chance: Rng::with_seed(seed),
            strange_ends: Vec::new(),
        }
    }

    /// Adds people until there are enough who were never called.
    fn restock(&mut self) {
        // Somebody may have been called twice, and somebody's request lost: it need not be exact.
        let called = self.exotel.ledger().len();
        while self.imported < called + IN_STOCK {
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let endings = self.imported..self.imported + DELIVERY;
        let endings = endings.map(|ending| u32::try_from(ending).expect("five digits"));
        self.folder.write("people.csv", &binary::people(endings));
        self.folder
            .run("import people.csv --campaign leads")
            .exits(0);
        self.imported += DELIVERY;
    }

    /// Kills and restarts until it was done so often; returns when and as which process each run was born.
    fn torture(&mut self, kills: usize) -> Vec<(Timestamp, u32)> {
        let mut births = Vec::new();
        let mut killed = 0;
        while killed < kills {
            assert!(
                births.len() < 3 * kills + 30,
                "runs end before they can be killed"
            );
            self.restock();
            let moment = Moment::draw(&mut self.chance);
            let born_at = Timestamp::now();
            let mut running = self.folder.spawn(&self.start);
            births.push((born_at, running.pid()));
            moment.wait(&mut running, &self.exotel);
            let ran = running.kill();
            if ran.code.is_none() {
                killed += 1;
                continue;
            }
            self.note_the_end(&ran);
            if [Some(0), Some(4)].contains(&ran.code) {
                self.deliver();
            }
        }
        births
    }

    /// Goes on without kills until nobody waits any more, and no doubt does, or in vain.
    fn settle(&mut self) {
        let begun = Instant::now();
        loop {
            self.skip_the_wait_after_a_refusal();
            for line in [&format!("{} --once", self.start), "settle leads"] {
                // Calls whose end was not seen are followed for two minutes.
                let ran = self.folder.spawn(line).end_within(ENDS_WITHIN);
                self.note_the_end(&ran);
            }
            let waiting = self.count("contact WHERE state IN ('pending', 'initiated')");
            let in_doubt = self.count("attempt WHERE state = 'in_doubt'");
            if waiting + in_doubt == 0 || begun.elapsed() >= ENDS_WITHIN {
                return;
            }
            // Somebody whose time comes soon, or nobody but doubts.
            let pause = if waiting > 0 { 100 } else { 1_000 };
            thread::sleep(Duration::from_millis(pause));
        }
    }

    /// Remembers an end that is none of those a run may have.
    fn note_the_end(&mut self, ran: &Ran) {
        if !ran.code.is_some_and(|code| ENDS.contains(&code)) {
            self.strange_ends.push(format!("{ran:#?}"));
        }
    }

    fn database(&self) -> Connection {
        let database = Connection::open(self.folder.path().join("exocamp.db"));
        database.expect("there is a database")
    }

    fn count(&self, what: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {what}");
        let count = self.database().query_row(&sql, [], |row| row.get(0));
        count.expect("the database can be read")
    }

    /// Whoever was refused without being blamed waits a minute, which this test has not got.
    fn skip_the_wait_after_a_refusal(&self) {
        let sql =
            "UPDATE contact SET due_at = 0 WHERE state = 'pending' AND reason = 'provider_refused'";
        let moved = self.database().execute(sql, []);
        moved.expect("the database can be written to");
    }

    fn judge(self, kills: usize, births: &[(Timestamp, u32)]) -> Outcome {
        let ledger = self.exotel.ledger();
        let search = Search {
            scans_apart: SCANS_APART,
            list: List::Whole,
        };
        let history = History::read(&self.folder.path().join("exocamp.db"), &ledger);
        let history = history.searched(search);
        let violations = history.violations();
        let figures = history.figures();
        assert!(
            self.redials == Redials::IfProven || figures.proven_absent == 0,
            "nobody has said that absence means another call"
        );
        let mut outcome = Outcome {
            kills,
            figures,
            called_twice: people(&violations, &[Rule::CalledTwice]),
            lost: people(&violations, &[Rule::Lost, Rule::Denied, Rule::Unpermitted]),
            violations,
            strange_ends: self.strange_ends,
            ..Outcome::default()
        };
        assert_eq!(outcome.figures.contacts, self.imported, "contacts are kept");
        // The very first is no restart.
        for (born_at, pid) in births.iter().skip(1) {
            let since_birth = |at: Timestamp| at.duration_since(*born_at);
            let run = history.runs().iter().find(|run| {
                // The beginning is known to the millisecond, and a process id comes again some day.
                run.pid == *pid && since_birth(run.began_at).as_millis() >= -1
            });
            match run.and_then(|run| history.first_call_of(run)) {
                Some(at) => outcome.first_calls.push(since_birth(at).unsigned_abs()),
                None => outcome.without_a_call += 1,
            }
        }
        outcome
    }
}

/// Returns how many people are wronged by breaches of these rules; what is about nobody in particular counts as one.
fn people(violations: &[Violation], rules: &[Rule]) -> usize {
    let broken = violations.iter().filter(|it| rules.contains(&it.rule));
    let people: BTreeSet<_> = broken.map(|it| &it.whom).collect();
    people.len()
}

/// Shortens the waits for replies and evidence, as is permitted where the other end is on this machine.
///
/// The allowance is for `settle`, which has no flag for it: settling again and again uses up that of a minute, and waits
/// for the rest of it.
fn be_impatient(folder: &mut Folder) {
    for (name, value) in [
        ("EXOCAMP_ALLOWANCE", "max"),
        ("EXOCAMP_REPLY_TIMEOUT", "1s"),
        ("EXOCAMP_QUEUE_ALLOWANCE", "1s"),
        ("EXOCAMP_RECORD_LAG", "1s"),
        ("EXOCAMP_DOUBT_LOOKS", "1s,2s"),
        (
            "EXOCAMP_DOUBT_SCANS_APART",
            &format!("{}s", SCANS_APART.as_secs()),
        ),
    ] {
        folder.set(name, value);
    }
}

/// The sum over all batches.
struct Report {
    seed: u64,
    took: Duration,
    all: Outcome,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            kills,
            figures,
            violations,
            called_twice,
            lost,
            first_calls,
            without_a_call,
            ..
        } = &self.all;
        let mut first_calls = first_calls.clone();
        first_calls.sort();
        let median = first_calls.get(first_calls.len() / 2).copied();
        let worst = first_calls.last().copied();
        let lines = [
            ("seed", self.seed.to_string()),
            (
                "kills",
                format!(
                    "{kills}, {} of them with a POST under way",
                    figures.runs_cut_off
                ),
            ),
            ("contacts", figures.contacts.to_string()),
            ("calls", figures.calls.to_string()),
            ("called twice", called_twice.to_string()),
            ("lost", lost.to_string()),
            ("broken rules", violations.len().to_string()),
            ("in doubt, ever", figures.doubted.to_string()),
            ("found by evidence", figures.resolved.to_string()),
            ("held for a person", figures.held.to_string()),
            (
                "proven not placed",
                format!("{}, and called again", figures.proven_absent),
            ),
            ("still in doubt", figures.in_doubt.to_string()),
            // The rule of three: what was never seen in N trials has at most this chance, 19 times out of 20.
            (
                "chance of harm",
                format!(
                    "at most {:.4} a kill (3/N, 95 %) where nothing was found",
                    3.0 / *kills as f64
                ),
            ),
            (
                "first call after a restart",
                format!(
                    "median {:?}, worst {:?} in {}; {without_a_call} were killed before it",
                    median.unwrap_or_default(),
                    worst.unwrap_or_default(),
                    first_calls.len()
                ),
            ),
            ("took", format!("{:?}", self.took)),
        ];
        for (name, value) in lines {
            writeln!(f, "{name:27} {value}")?;
        }
        Ok(())
    }
}

fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let parsed = text.parse().ok();
    Some(parsed.unwrap_or_else(|| panic!("`{name}` is `{text}`, which is no number")))
}

/// Cuts the kills into batches, with a seed for each; every second one calls again who was not called.
fn batches(kills: usize, chance: &mut Rng) -> Vec<(usize, u64, Redials)> {
    let count = kills.div_ceil(KILLS_PER_BATCH).max(AT_ONCE);
    (0..count)
        .map(|nth| {
            let redials = [Redials::Never, Redials::IfProven];
            (
                kills / count + usize::from(nth < kills % count),
                chance.u64(..),
                redials[nth % redials.len()],
            )
        })
        .collect()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the report is what the full proof is run for"
)]
fn torture_finds_nobody_called_twice_and_nothing_lost() {
    let kills = from_environment("EXOCAMP_KILLS").unwrap_or(KILLS);
    let seed = from_environment("EXOCAMP_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("EXOCAMP_KILLS={kills} EXOCAMP_SEED={seed}");
    let begun = Instant::now();
    let waiting = Mutex::new(batches(kills, &mut Rng::with_seed(seed)));
    let all = Mutex::new(Outcome::default());
    let work = || {
        while let Some((kills, seed, redials)) = { waiting.lock().unwrap().pop() } {
            let mut batch = Batch::new(seed, redials);
            let births = batch.torture(kills);
            batch.settle();
            let outcome = batch.judge(kills, &births);
            all.lock().unwrap().add(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let report = Report {
        seed,
        took: begun.elapsed(),
        all: all.into_inner().unwrap(),
    };
    println!("{report}");
    let violations = report.all.violations.iter().map(ToString::to_string);
    let found: Vec<_> = violations.chain(report.all.strange_ends.clone()).collect();
    assert!(found.is_empty(), "{}\n{report}", found.join("\n"));
    assert_eq!(
        report.all.figures.in_doubt, 0,
        "every doubt is found or held\n{report}"
    );
    if kills >= KILLS {
        let Figures {
            runs_cut_off,
            resolved,
            ..
        } = report.all.figures;
        assert!(runs_cut_off > 0, "no kill hit a POST\n{report}");
        assert!(resolved > 0, "no lost call was found again\n{report}");
    }
}
