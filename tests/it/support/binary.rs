//! A folder to run the program in, as its users meet it: files, an environment, a command line.
//!
//! Nothing of this machine's environment reaches the program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use exocamp::domain::campaign::Setting;
use exocamp::store::campaigns::{self, CampaignId, PausedBy};
use exocamp::store::{Store, StoreError, Tx};
use insta::Settings;
use jiff::{Timestamp, Zoned};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::canary;
use super::exotel::Exotel;
use super::process::{LIMIT, Ran, Running, eventually};

/// What `start` needs to call as fast as it can, at any hour, people who are on the phone for a moment only.
pub(crate) const FAST: &str =
    "--rate max --allowance max --lines 50 --hours 00:00-24:00 --short-calls off";

/// A folder to work in, with the environment that commands find there.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    environment: BTreeMap<String, String>,
    /// What the test itself has put there.
    written: Mutex<BTreeMap<PathBuf, String>>,
}

impl Folder {
    /// Returns an empty folder of the user `asha`.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut new = Self {
            folder,
            environment: BTreeMap::new(),
            written: Mutex::default(),
        };
        new.set("EXOCAMP_USER", "asha");
        // Whatever a command leaves behind lies where the tests' own folders do.
        let temporary = std::env::temp_dir();
        new.set("TMPDIR", temporary.to_str().expect("a path is text"));
        new
    }

    /// Returns an empty folder whose commands call through this Exotel.
    pub(crate) fn calling(exotel: &Exotel) -> Self {
        let mut new = Self::new();
        for (name, value) in exotel.environment() {
            new.set(name, value);
        }
        new
    }

    /// Sets a variable for all commands from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable away.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the names of the files, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the folder is there");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.expect("the folder can be read");
            entry.file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("the folder can be written to");
        if canary::found_in(text.as_bytes()).is_some() {
            let mut written = self.written.lock().expect("nobody panics over a list");
            written.insert(path.clone(), text.to_owned());
        }
        path
    }

    /// Imports so many people into a campaign: the numbers 9876500000, 9876500001 …
    pub(crate) fn import_people(&self, campaign: &str, count: u32) {
        self.write("people.csv", &people(0..count));
        self.run(&format!("import people.csv --campaign {campaign}"))
            .exits(0);
    }

    /// Runs a command line, whose words are separated by spaces, to its end.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.spawn(line).end()
    }

    /// Runs a command with this text as its standard input.
    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(line.split_whitespace()));
        let output = command.timeout(LIMIT).write_stdin(input).output();
        let output = output.expect("the program can be run");
        canary::assert_none_in(line, &output.stdout);
        canary::assert_none_in(line, &output.stderr);
        Ran {
            line: line.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }

    /// Runs a command some of whose words have spaces in them.
    pub(crate) fn run_words(&self, words: &[&str]) -> Ran {
        Running::spawn(self.command(words)).end()
    }

    /// Starts a command and lets it run.
    pub(crate) fn spawn(&self, line: &str) -> Running {
        Running::spawn(self.command(line.split_whitespace()))
    }

    /// Returns such a command run by another program, whose own words come first.
    pub(crate) fn command_under(&self, program: &Path, words: &[String], line: &str) -> Command {
        let command = self.command(line.split_whitespace());
        let mut under = Command::new(program);
        under
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .args(words)
            .arg(command.get_program())
            .args(command.get_args());
        under
    }

    /// Copies the database as it is now, as a person makes a backup.
    pub(crate) fn back_up(&self, to: &str) {
        let database = self.database();
        let to = self.path().join(to);
        database
            .execute("VACUUM INTO ?1", [to.to_str().expect("a path is text")])
            .expect("the database can be copied");
    }

    /// Puts a backup in the database's place.
    pub(crate) fn put_back(&self, from: &str) {
        for beside in ["exocamp.db-wal", "exocamp.db-shm"] {
            // They are there only if somebody died.
            let _ = fs::remove_file(self.path().join(beside));
        }
        fs::copy(self.path().join(from), self.path().join("exocamp.db"))
            .expect("the backup can be copied");
    }

    /// Opens the database as anybody can who has SQLite.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.path().join("exocamp.db")).expect("the database can be opened")
    }

    /// Starts a command that begins only when its standard input is closed, and is ready to.
    pub(crate) fn spawn_held_back(&self, line: &str) -> Running {
        let command = self.command(line.split_whitespace());
        let mut shell = Command::new("/bin/sh");
        shell
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .args(["-c", "echo ready; read -r _; exec \"$@\"", "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        let running = Running::spawn(shell);
        eventually("a shell", || (running.stdout() == "ready\n").then_some(()));
        running
    }

    /// Returns a command that works in this folder.
    pub(crate) fn command<'a>(
        &self,
        words: impl IntoIterator<Item = impl AsRef<str> + 'a>,
    ) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("exocamp"));
        command
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path())
            .stdin(Stdio::null());
        for word in words {
            command.arg(word.as_ref());
        }
        command
    }

    /// Pauses a campaign as a person at another terminal does.
    pub(crate) fn pause(&self, campaign: &str) {
        self.change(campaign, |tx, id| {
            campaigns::pause(tx, id, &PausedBy::Person, Timestamp::now())
        });
    }

    /// Remembers a setting with a campaign.
    pub(crate) fn remember(&self, campaign: &str, key: Setting, value: &str) {
        self.change(campaign, |tx, id| {
            campaigns::remember(tx, id, key, value, "asha", Timestamp::now())
        });
    }

    /// Changes a campaign as another process does.
    pub(crate) fn change(
        &self,
        campaign: &str,
        change: impl FnOnce(&Tx<'_>, CampaignId) -> Result<(), StoreError>,
    ) {
        let mut store = Store::open(&self.path().join("exocamp.db")).expect("there is a database");
        let changed = store.write(|tx| {
            let found = campaigns::find(tx, campaign)?;
            change(tx, found.expect("the campaign is there").id)
        });
        changed.expect("the database can be written to");
    }

    /// Returns a campaign's `status` as an object, with all its contacts.
    pub(crate) fn status(&self, campaign: &str) -> Value {
        self.run(&format!("status {campaign} --limit 0 --format json"))
            .exits(0)
            .json()
    }

    /// Hides from snapshots, until dropped, what differs from run to run.
    pub(crate) fn snapshots(&self) -> impl Drop + use<> {
        let mut settings = Settings::clone_current();
        let shown = self.path().display().to_string();
        settings.add_filter(&shown.replace('.', r"\."), "[FOLDER]");
        for (pattern, shown) in [
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+05:30|Z)", "[TIME]"),
            (r"\b\d\d:\d\d:\d\d\b", "[TIME]"),
            (r"\b\d\d [A-Z][a-z]{2} \d\d:\d\d\b", "[TIME]"),
            (r"pid \d+ on [^,]+", "pid [PID] on [HOST]"),
            (r"by \d+ events", "by [N] events"),
            (r"in [\d.hms ]+, \d+ requests?", "in [LENGTH], [N] requests"),
        ] {
            settings.add_filter(pattern, shown);
        }
        settings.bind_to_scope()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let written = self.written.lock().expect("nobody panics over a list");
        canary::assert_none_in_files(self.path(), &written);
    }
}

/// Returns a list of people with the numbers 98765xxxxx that end in these.
pub(crate) fn people(endings: impl IntoIterator<Item = u32>) -> String {
    let mut list = "name,phone\n".to_owned();
    for ending in endings {
        writeln!(list, "Person {ending},98765{ending:05}").expect("a text grows");
    }
    list
}

/// Returns the number of the person whose number ends like this.
pub(crate) fn number(ending: u32) -> String {
    format!("+9198765{ending:05}")
}

/// Returns an hour of the day that neither is now nor will be soon, in Indian time.
pub(crate) fn closed_hours() -> &'static str {
    if indian_now().hour() < 12 {
        "22:00-23:00"
    } else {
        "01:00-02:00"
    }
}

/// Returns what the clocks in India show.
pub(crate) fn indian_now() -> Zoned {
    let now = Timestamp::now().in_tz("Asia/Kolkata");
    now.expect("that zone is known")
}

/// Returns hours that begin and end so many minutes from now: a band, or two that meet at midnight.
pub(crate) fn hours_from_now(begin: i32, end: i32) -> String {
    const DAY: i32 = 24 * 60;
    let now = indian_now();
    let now = i32::from(now.hour()) * 60 + i32::from(now.minute());
    let from = (now + begin).rem_euclid(DAY);
    let until = from + end - begin;
    let clock = |minute: i32| format!("{:02}:{:02}", minute / 60, minute % 60);
    if until <= DAY {
        format!("{}-{}", clock(from), clock(until))
    } else {
        format!("{}-24:00,00:00-{}", clock(from), clock(until - DAY))
    }
}
