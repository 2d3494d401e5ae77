//! The tests' own test: the program is broken on purpose, in one way after another, and each must be noticed by the
//! checkers that the other tests trust. Each check is also done with the program whole, and must find nothing then.
//!
//! `cargo test --features sabotage --test it sabotage -- --nocapture` shows what was caught, and by what.

use std::env;
use std::panic;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use exocamp::clock::Clock;
use exocamp::domain::campaign::Setting;
use exocamp::sabotage::{Sabotage, VARIABLE};
use exocamp::store::Store;
use exocamp::store::callbacks::{self, Taken};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::commands::taken::{self, Before};
use crate::support::binary::{FAST, Folder};
use crate::support::exotel::Exotel;
use crate::support::history::{History, List, Rule, Search};
use crate::support::strace::Strace;
use crate::support::wiretap::Wiretap;

/// Checks that go on side by side.
const AT_ONCE: usize = 6;

const START: &str =
    "--rate max --allowance max --lines 40 --hours 00:00-24:00 --ring 5s --talk-limit 5s";

/// How far apart two readings of the list are that prove absence together.
const SCANS_APART: SignedDuration = SignedDuration::from_millis(300);

/// What no program may do, however it ends: the rest is unfinished business where it was stopped.
const HARM: [Rule; 6] = [
    Rule::Unpermitted,
    Rule::CalledTwice,
    Rule::Denied,
    Rule::Unproven,
    Rule::Invented,
    Rule::Miscounted,
];

/// What a check has found.
enum Finding {
    /// What is wrong; nothing, if that is nothing.
    Breaches(Vec<String>),
    /// It cannot be done on this machine.
    Skipped(&'static str),
}

/// The program in the state in which it is checked: broken in one way, or whole.
#[derive(Clone, Copy)]
struct Subject {
    broken: Option<Sabotage>,
}

impl Subject {
    /// Sees to it that commands of the folder are broken like this.
    fn break_in(self, folder: &mut Folder) {
        if let Some(sabotage) = self.broken {
            folder.set(VARIABLE, sabotage.as_str());
        }
    }

    /// Returns whether a failure is the one that is looked for. Broken, the program may fail in other ways, which show
    /// nothing; whole, it may fail in none.
    fn is_about(self, failure: &str, words: &[&str]) -> bool {
        self.broken.is_none() || words.iter().any(|word| failure.contains(word))
    }

    /// Returns a folder that calls through this Exotel and is impatient, as is permitted on this machine.
    fn folder(self, exotel: &Exotel) -> Folder {
        let mut folder = Folder::calling(exotel);
        for (name, value) in [
            ("EXOCAMP_REPLY_TIMEOUT", "1s"),
            ("EXOCAMP_QUEUE_ALLOWANCE", "0s"),
            ("EXOCAMP_RECORD_LAG", "0s"),
            ("EXOCAMP_DOUBT_LOOKS", "200ms"),
            (
                "EXOCAMP_DOUBT_SCANS_APART",
                &format!("{}ms", SCANS_APART.as_millis()),
            ),
        ] {
            folder.set(name, value);
        }
        self.break_in(&mut folder);
        folder
    }
}

/// Returns the check that notices this sabotage.
fn check_for(sabotage: Sabotage) -> fn(Subject) -> Finding {
    match sabotage {
        Sabotage::PostBeforeCommit => killed_as_a_phone_rings,
        Sabotage::SynchronousNormal => synced_before_each_post,
        Sabotage::TimeoutIsFailure => a_slow_reply,
        Sabotage::FollowRedirects => a_redirect,
        Sabotage::NoGuards => many_dialers,
        Sabotage::HorizonZero => a_hidden_call_that_goes_on,
        Sabotage::HostZone => a_host_in_another_zone,
        Sabotage::TrustCallbacks => a_forged_callback,
        Sabotage::ResetLeftovers => killed_and_started_again,
        Sabotage::IncompleteIsProof => a_list_cut_short,
        Sabotage::LogTheToken => a_chatty_log,
    }
}

/// Returns the harm that the database and the ledger show.
fn harm(folder: &Folder, exotel: &Exotel) -> Finding {
    let ledger = exotel.ledger();
    assert!(!ledger.is_empty(), "nobody was called, so nothing is shown");
    let history = History::read(&folder.path().join("exocamp.db"), &ledger).searched(Search {
        scans_apart: SCANS_APART,
        list: List::MayLack,
    });
    let mut harm = history.violations();
    harm.retain(|violation| HARM.contains(&violation.rule));
    harm.sort_by_key(|violation| violation.rule);
    Finding::Breaches(harm.iter().map(ToString::to_string).collect())
}

/// Runs commands one after another, again and again, until nobody waits, more phones rang than should, or it is over.
fn play(folder: &Folder, exotel: &Exotel, lines: &[&str], calls: usize, at_most: Duration) {
    let begun = Instant::now();
    let is_over = || exotel.ledger().len() > calls || begun.elapsed() > at_most;
    while !is_over() && waits(folder) {
        for line in lines {
            let mut running = folder.spawn(line);
            while !running.has_ended() && !is_over() {
                thread::sleep(Duration::from_millis(10));
            }
            running.kill();
        }
    }
}

fn waits(folder: &Folder) -> bool {
    let sql = "SELECT EXISTS (SELECT 1 FROM contact WHERE state IN ('pending', 'initiated'))
                   OR EXISTS (SELECT 1 FROM attempt WHERE state = 'in_doubt')";
    let waits = folder.database().query_row(sql, [], |row| row.get(0));
    waits.expect("the database can be read")
}

/// What permits a call must be there whenever the process dies, even in the moment in which the phone begins to ring.
fn killed_as_a_phone_rings(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 100ms --reply-delay 2s --mix completed=1");
    let folder = subject.folder(&exotel);
    folder.import_people("leads", 1);
    let running = folder.spawn(&format!("start leads {START}"));
    exotel.has_accepted(1);
    running.kill();
    harm(&folder, &exotel)
}

/// The log has to be on the disk before the request leaves.
fn synced_before_each_post(subject: Subject) -> Finding {
    let Some(strace) = Strace::find() else {
        return Finding::Skipped("no strace");
    };
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = subject.folder(&exotel);
    folder.import_people("leads", 1);
    let trace = strace.posts_and_syncs(&folder, "exocamp.db-wal", &format!("start leads {START}"));
    assert!(trace.posts > 0, "nothing was sent: {trace:?}");
    let early = (trace.unsynced_posts > 0).then(|| {
        let (early, posts) = (trace.unsynced_posts, trace.posts);
        format!("{early} of {posts} POSTs left before the log was synced")
    });
    Finding::Breaches(early.into_iter().collect())
}

/// The call goes on although its reply takes too long.
fn a_slow_reply(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=slow --slow 3s");
    let folder = subject.folder(&exotel);
    folder.import_people("leads", 1);
    let lines = [&format!("start leads {START}"), "settle leads"];
    play(&folder, &exotel, &lines, 1, Duration::from_secs(9));
    harm(&folder, &exotel)
}

/// One attempt, one request, whatever the answer says.
fn a_redirect(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=redirect");
    let wire = Wiretap::before(&exotel);
    let mut folder = subject.folder(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 1);
    let line = format!("start leads {START} --max-calls 1");
    play(&folder, &exotel, &[&line], 0, Duration::from_secs(2));
    let requests = wire.requests().into_iter();
    let about_the_call: Vec<_> = requests.filter(|it| it.contains("/connect")).collect();
    assert!(!about_the_call.is_empty(), "nothing was sent");
    let again = about_the_call.into_iter().skip(1);
    Finding::Breaches(again.map(|it| format!("and then it sent {it}")).collect())
}

/// Two campaigns with the same people, and four dialers of one campaign.
fn many_dialers(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 1s --mix completed=1");
    let folder = subject.folder(&exotel);
    let campaigns = ["leads", "others"];
    for campaign in campaigns {
        folder.import_people(campaign, 4);
    }
    let starts = campaigns.map(|it| folder.spawn(&format!("start {it} {START} --once")));
    for start in starts {
        start.end();
    }
    let Finding::Breaches(mut breaches) = harm(&folder, &exotel) else {
        unreachable!("a history can be read on every machine");
    };
    let four = move || taken::four_at_once(Before::Nothing, |folder| subject.break_in(folder));
    let told = quietly(subject, four).err();
    let told = told.filter(|told| subject.is_about(told, &["rung twice", "CalledTwice", "runs"]));
    if subject.broken.is_some() && (breaches.is_empty() || told.is_none()) {
        // These are two guards, and each has to be missed.
        return Finding::Breaches(Vec::new());
    }
    breaches.extend(told);
    Finding::Breaches(breaches)
}

/// The list shows ended calls only, and all that are known; one goes on whose reply was lost.
fn a_hidden_call_that_goes_on(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 4s --mix completed=1 --fate 02=lost-reply");
    let folder = subject.folder(&exotel);
    folder.import_people("known", 2);
    folder.run(&format!("start known {START}")).exits(0);
    folder.write("people.csv", "name,phone\nPerson 2,9876500002\n");
    folder.run("import people.csv --campaign leads").exits(0);
    folder.remember("leads", Setting::RedialIfProvenNotPlaced, "yes");
    let lines = [&format!("start leads {START}"), "settle leads"];
    play(&folder, &exotel, &lines, 3, Duration::from_secs(3));
    harm(&folder, &exotel)
}

/// It is night in India, and day where the machine is.
fn a_host_in_another_zone(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 50ms --mix completed=1");
    let mut folder = subject.folder(&exotel);
    folder.set("TZ", "UTC");
    folder.import_people("leads", 2);
    // Three hours around now; India is five and a half ahead.
    let now = Timestamp::now().in_tz("UTC").expect("that zone is known");
    let (from, until) = ((now.hour() - 1).max(0), now.hour() + 2);
    let hours = if until > 24 {
        // Nothing closes at midnight.
        format!("{from:02}:00-24:00,00:00-{:02}:00", until - 24)
    } else {
        format!("{from:02}:00-{until:02}:00")
    };
    let line = format!("start leads {FAST}").replace("00:00-24:00", &hours);
    let ran = folder.run(&line);
    assert!([Some(0), Some(3)].contains(&ran.code), "{ran:?}");
    let rung = exotel.ledger().into_iter();
    let rung = rung.map(|call| format!("{} was rung outside {hours} in India", call.number));
    Finding::Breaches(rung.collect())
}

/// Somebody says that a call in doubt became one that never was.
fn a_forged_callback(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 00=lost-reply");
    let mut folder = subject.folder(&exotel);
    // Nobody listens there; the attempt has an address all the same.
    folder.set("EXOCAMP_CALLBACK_URL", "http://127.0.0.1:9/exotel");
    folder.import_people("leads", 1);
    folder.run(&format!("start leads {START} --once"));
    assert!(waits(&folder), "there is no doubt");
    let mut callback = Command::new(env::current_exe().expect("this is a program"));
    callback
        .args(["--exact", "--ignored", "sabotage::a_callback_comes"])
        .env(DATABASE, folder.path().join("exocamp.db"));
    if let Some(sabotage) = subject.broken {
        callback.env(VARIABLE, sabotage.as_str());
    }
    let came = callback.output().expect("this program can be run");
    assert!(came.status.success(), "{came:?}");
    play(
        &folder,
        &exotel,
        &["settle leads"],
        1,
        Duration::from_secs(4),
    );
    harm(&folder, &exotel)
}

/// Names the database that [`a_callback_comes`] to.
const DATABASE: &str = "EXOCAMP_TEST_DATABASE";

/// The store as whoever receives callbacks uses it: a process, so that it can be broken by itself.
#[test]
#[ignore = "a part of the check of callbacks"]
fn a_callback_comes() {
    let Some(database) = env::var_os(DATABASE).map(PathBuf::from) else {
        return;
    };
    let hash: [u8; 32] = Connection::open(&database)
        .and_then(|database| {
            database.query_row("SELECT callback_hash FROM attempt", [], |row| row.get(0))
        })
        .expect("the attempt has an address");
    let mut store = Store::open(&database).unwrap();
    let forged = "f".repeat(32).parse().unwrap();
    let now = Clock::open().unwrap().moment();
    let taken = store.write(|tx| callbacks::take_in(tx, &hash, &forged, &now));
    assert_eq!(taken.unwrap(), Taken::WillAsk);
}

/// What a dead run left open may have been placed.
fn killed_and_started_again(subject: Subject) -> Finding {
    let exotel = Exotel::start("--hold 50ms --reply-delay 500ms --mix completed=1");
    let folder = subject.folder(&exotel);
    folder.import_people("leads", 3);
    let line = format!("start leads {START}");
    let running = folder.spawn(&line);
    exotel.has_accepted(1);
    running.kill();
    play(
        &folder,
        &exotel,
        &[&line, "settle leads"],
        3,
        Duration::from_secs(8),
    );
    harm(&folder, &exotel)
}

/// The list lacks every other call, and says by its total only that it does.
fn a_list_cut_short(subject: Subject) -> Finding {
    let flags = "--hold 50ms --mix completed=1 --fate 00=lost-reply --fault get-short-list=100%";
    let exotel = Exotel::start(flags);
    let folder = subject.folder(&exotel);
    folder.import_people("leads", 3);
    folder.remember("leads", Setting::RedialIfProvenNotPlaced, "yes");
    // One after another: of three the second is shown, and the first, which is in doubt, is not. The third is never
    // seen to end, so that the run goes on.
    let line = format!("start leads {START}").replace("--rate max", "--rate 2/s");
    play(&folder, &exotel, &[&line], 3, Duration::from_secs(15));
    harm(&folder, &exotel)
}

/// Everything that can be said is said.
fn a_chatty_log(subject: Subject) -> Finding {
    let told = quietly(subject, move || {
        let exotel = Exotel::with_credentials("-vv --hold 50ms --mix completed=1");
        let folder = subject.folder(&exotel);
        folder.import_people("leads", 2);
        folder.run(&format!("-vv start leads {START}")).exits(0);
        assert_eq!(exotel.ledger().len(), 2);
    });
    let told = told.err();
    let told = told.filter(|told| subject.is_about(told, &["holds the token", "holds the pair"]));
    Finding::Breaches(told.into_iter().collect())
}

/// Does something that may fail as a test does; returns what it said then.
fn quietly<T: Send + 'static>(
    subject: Subject,
    check: impl FnOnce() -> T + Send + 'static,
) -> Result<(), String> {
    let name = subject.broken.map_or("whole", |_| SABOTAGED).to_owned();
    let checked = thread::Builder::new().name(name).spawn(check);
    let checked = checked.expect("a thread can be started").join();
    checked.map(drop).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()))
            .unwrap_or_default()
    })
}

/// The name of threads that are expected to fail, which need not be told.
const SABOTAGED: &str = "sabotaged";

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the report is what the checks are run for"
)]
fn every_sabotage_is_caught_and_the_whole_program_is_not() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() != Some(SABOTAGED) {
            loud(info);
        }
    }));
    let mut waiting: Vec<_> = Sabotage::ALL
        .into_iter()
        .flat_map(|sabotage| [None, Some(sabotage)].map(|broken| (sabotage, Subject { broken })))
        .collect();
    // Taken from the end: the longest first.
    waiting.sort_by_key(|(sabotage, _)| *sabotage == Sabotage::IncompleteIsProof);
    let waiting = Mutex::new(waiting);
    let findings = Mutex::new(Vec::new());
    let work = || {
        while let Some((sabotage, subject)) = { waiting.lock().unwrap().pop() } {
            let begun = Instant::now();
            let finding = check_for(sabotage)(subject);
            let found = (sabotage, subject.broken.is_some(), finding, begun.elapsed());
            findings.lock().unwrap().push(found);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });

    let mut findings = findings.into_inner().unwrap();
    findings.sort_by_key(|(sabotage, is_broken, ..)| (*sabotage, *is_broken));
    let (mut caught, mut skipped, mut wrong) = (0, Vec::new(), Vec::new());
    for (sabotage, is_broken, finding, took) in findings {
        let seconds = took.as_secs_f32();
        match (is_broken, finding) {
            (false, Finding::Skipped(_)) => {}
            (true, Finding::Skipped(why)) => {
                println!("skipped {sabotage}: {why}");
                skipped.push(why);
            }
            (true, Finding::Breaches(breaches)) => match breaches.first() {
                None => wrong.push(format!("{sabotage} was not noticed")),
                Some(first) => {
                    let first: String = first.chars().take(150).collect();
                    let first = first.replace('\n', " ");
                    println!("caught {sabotage:20} {seconds:4.1}s  {first}");
                    caught += 1;
                }
            },
            (false, Finding::Breaches(breaches)) if breaches.is_empty() => {}
            (false, Finding::Breaches(breaches)) => {
                let breaches = breaches.join("\n");
                wrong.push(format!(
                    "the whole program fails the check for {sabotage}:\n{breaches}"
                ));
            }
        }
    }
    let all = Sabotage::ALL.len();
    let but = match skipped.as_slice() {
        [] => String::new(),
        skipped => format!(", {} skipped: {}", skipped.len(), skipped.join(", ")),
    };
    println!("sabotage caught {caught}/{all}{but}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(caught + skipped.len(), all);
}
