//! One runner per campaign.

use std::thread;

use crate::support::binary::{FAST, Folder, number, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::history::History;
use crate::support::process::{Running, eventually};

#[test]
fn a_second_start_is_told_who_runs_the_campaign_and_calls_nobody() {
    let exotel = Exotel::start("--hold 30s");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 3);
    let running = folder.spawn(&format!("start leads {FAST} --lines 1").replace("--lines 50 ", ""));
    exotel.has_accepted(1);

    let ran = folder.run("start leads").exits(75);
    assert!(
        ran.stderr.contains(&format!("(pid {} on ", running.pid())),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
    {
        let _filters = folder.snapshots();
        insta::assert_snapshot!(ran.stderr, @"
        error: Campaign is already running (pid [PID] on [HOST], since [TIME])
        hint: wait for it, or stop it with ctrl-C where it runs
        ");
    }
    let ran = folder.run("start leads --skip-if-running").exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    folder.run("settle leads").exits(75);
    assert_eq!(exotel.ledger().len(), 1);
    // More may be added while it runs.
    folder.import_people("leads", 5);
    assert_eq!(folder.status("leads")["status"], "running");

    // A runner that died frees its place at once.
    running.kill();
    assert_eq!(folder.status("leads")["status"], "stopped");
    let _running = folder.spawn(&format!("start leads {FAST}"));
    exotel.has_accepted(5);
    assert_eq!(rung_once(&exotel.ledger()).len(), 5);
}

/// What there is when four dialers are let loose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Before {
    Nothing,
    /// A dialer that was killed before the reply to its first call.
    ADeadRun,
}

/// Starts four dialers of one campaign at once; returns how many of them were told that it is running.
#[track_caller]
pub(crate) fn four_at_once(before: Before, prepare: impl FnOnce(&mut Folder)) -> usize {
    // Replies take long enough that calls are under way when the three that lose look.
    let exotel = Exotel::start("--hold 800ms --reply-delay 300ms --mix completed=1");
    let mut folder = Folder::calling(&exotel);
    prepare(&mut folder);
    folder.import_people("leads", 6);
    let line = format!("start leads {FAST}");
    let dead = match before {
        Before::Nothing => 0,
        Before::ADeadRun => {
            let running = folder.spawn(&line);
            exotel.has_accepted(1);
            running.kill();
            1
        }
    };

    let mut starts: Vec<_> = (0..4).map(|_| folder.spawn_held_back(&line)).collect();
    let barrier: Vec<_> = starts.iter_mut().map(Running::take_stdin).collect();
    drop(barrier);
    let ended = starts.into_iter().map(|start| (start.pid(), start.end()));
    let ended: Vec<_> = ended.collect();

    let ledger = exotel.ledger();
    assert_eq!(rung_once(&ledger), (0..6).map(number).collect());
    let history = History::read(&folder.path().join("exocamp.db"), &ledger);
    let violations = history.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    // Those that lost have begun nothing, and taken nothing of the winner's for a leftover.
    let figures = history.figures();
    let taken = (figures.runs_cut_off, figures.doubted);
    assert_eq!(taken, (dead, dead), "runs cut off, and their doubts");
    let [run] = history.runs()[dead..] else {
        panic!("of all runs one dials: {:?}", history.runs())
    };
    for (pid, ran) in &ended {
        let code = ran.code.unwrap_or_default();
        let done = [0, 4].contains(&code);
        assert!(done || *pid != run.pid, "the one that dials: {ran:?}");
        // One that is late may find everything done.
        assert!(done || code == 75, "{ran:?}");
    }
    let told = ended.iter().filter(|(_, ran)| ran.code == Some(75));
    told.count()
}

#[test]
fn of_four_dialers_at_once_one_dials_and_the_others_touch_nothing() {
    let rounds = |before| move || (0..2).map(|_| four_at_once(before, |_| {})).sum::<usize>();
    let told: usize = thread::scope(|scope| {
        let both = [Before::Nothing, Before::ADeadRun];
        let rounds = both.map(|before| [(); 2].map(|()| scope.spawn(rounds(before))));
        let rounds = rounds.into_iter().flatten();
        rounds
            .map(|rounds| rounds.join().expect("all rounds go well"))
            .sum()
    });
    assert!(told > 12, "of 24 that could lose only {told} came in time");
}

#[test]
fn two_campaigns_run_side_by_side() {
    let exotel = Exotel::start("--hold 100ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("first", 3);
    folder.write("others.csv", &people(100..103));
    folder.run("import others.csv --campaign second").exits(0);
    let first = folder.spawn(&format!("start first {FAST}"));
    let second = folder.spawn(&format!("start second {FAST}"));
    first.end().exits(0);
    second.end().exits(0);
    eventually("six calls", || {
        (rung_once(&exotel.ledger()).len() == 6).then_some(())
    });
}
