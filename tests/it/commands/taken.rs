//! One runner per campaign.

use crate::support::binary::{FAST, Folder, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::eventually;

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

#[test]
fn of_many_starts_at_once_one_runs() {
    let exotel = Exotel::start("--hold 500ms --mix completed=1");
    let folder = Folder::calling(&exotel);
    folder.import_people("leads", 4);
    let starts: Vec<_> = (0..4)
        .map(|_| folder.spawn(&format!("start leads {FAST}")))
        .collect();
    let mut codes: Vec<_> = starts.into_iter().map(|start| start.end().code).collect();
    codes.sort();
    // One that is late may find everything done.
    assert!(
        codes.iter().all(|code| [Some(0), Some(75)].contains(code)),
        "{codes:?}"
    );
    assert_eq!(codes[0], Some(0));
    assert_eq!(rung_once(&exotel.ledger()).len(), 4);
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
