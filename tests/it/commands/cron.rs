//! The line that the README gives for a crontab, as cron runs it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::binary::{Folder, people};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::process::{Ran, Running};

const README: &str = include_str!("../../../README.md");

/// The README's line for one campaign.
const ONE: &str = "*/5 ";

/// The README's line for all campaigns of a folder.
const ALL: &str = "* * * * * ";

/// Runs the README's line that begins like this for a folder: no terminal, another working folder, and almost no
/// environment.
fn as_cron_does(folder: &Path, beginning: &str) -> Ran {
    let is_line = |line: &&str| line.starts_with(beginning);
    let line = README
        .lines()
        .find(is_line)
        .expect("the README shows a crontab line");
    let command = line
        .split_whitespace()
        .skip(5)
        .collect::<Vec<_>>()
        .join(" ");
    let binary = assert_cmd::cargo::cargo_bin!("exocamp")
        .display()
        .to_string();
    let command = command
        .replace("/usr/local/bin/exocamp", &binary)
        .replace("/srv/calls", &folder.display().to_string());
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &command])
        .env_clear()
        .env("SHELL", "/bin/sh")
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::null());
    Running::spawn(shell).end()
}

/// Returns a folder whose settings are all in its `.env`: cron's environment has none.
fn folder_of_cron(exotel: &Exotel) -> Folder {
    let mut folder = Folder::new();
    folder.unset("EXOCAMP_USER");
    let settings: String = exotel
        .environment()
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect();
    folder.write(".env", &settings);
    folder
}

#[test]
fn the_readmes_crontab_line_calls_everybody_and_says_nothing_while_all_is_well() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 02=busy");
    let folder = folder_of_cron(&exotel);
    folder.write("contacts.csv", &people(0..4));
    folder.run("import contacts.csv").exits(0);
    // Made once by hand: what is remembered goes for every run after it.
    let first =
        "start contacts --hours 00:00-24:00 --rate max --retries 1 --retry-after 1h --max-calls 1";
    folder.run(first).exits(3);

    let ran = as_cron_does(folder.path(), ONE).exits(3);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("", ""),
        "a retry that is not due is no trouble"
    );
    assert_eq!(rung_once(&exotel.ledger()).len(), 4);
    let ran = as_cron_does(folder.path(), ONE).exits(3);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let status = folder.status("contacts");
    assert_eq!(status["counts"]["completed"], 3);
    assert_eq!(status["counts"]["pending"], 1);
}

#[test]
fn the_readmes_line_for_all_campaigns_beside_a_long_run_is_silent_and_calls_nobody_twice() {
    let exotel = Exotel::start("--hold 2s --mix completed=1");
    let folder = folder_of_cron(&exotel);
    folder.write("contacts.csv", &people(0..20));
    folder.run("import contacts.csv").exits(0);
    let running = folder.spawn("start contacts --hours 00:00-24:00 --rate 5/s --allowance max");
    for minute in 1..=5 {
        exotel.has_accepted(minute * 3);
        let ran = as_cron_does(folder.path(), ALL).exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    running.end().exits(0);
    let ran = as_cron_does(folder.path(), ALL).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(rung_once(&exotel.ledger()).len(), 20);
}

#[test]
fn a_crontab_line_is_silent_about_a_campaign_that_is_done_or_running() {
    let exotel = Exotel::start("--hold 2s --mix completed=1");
    let folder = folder_of_cron(&exotel);
    folder.write("contacts.csv", &people(0..1));
    folder.run("import contacts.csv").exits(0);
    let running = folder.spawn("start contacts --hours 00:00-24:00");
    exotel.has_accepted(1);
    let ran = as_cron_does(folder.path(), ONE).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    running.end().exits(0);
    let ran = as_cron_does(folder.path(), ONE).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(exotel.ledger().len(), 1);
}

#[test]
fn trouble_is_told_even_where_quiet_is_asked_for() {
    let folder = Folder::new();
    folder.write("contacts.csv", &people(0..1));
    folder.run("import contacts.csv").exits(0);
    let ran = folder.run("start contacts --hours 00:00-24:00 -q").exits(2);
    assert!(
        ran.stderr.contains("error: cannot call anybody yet"),
        "{}",
        ran.stderr
    );
}
