//! The program as a process: its exit code, its two streams, and the signals it is sent.
//!
//! Every wait has an end: a child that hangs is killed and fails its test with what it said.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::canary;

/// The longest that anything is waited for; it is reached only by what would never come.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A command that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) line: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails unless it ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.shown());
        self
    }

    /// Returns what it wrote to standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("no JSON: {error}\n{}", self.shown()))
    }

    /// Returns the error object it wrote to standard error, after the notices if there are any.
    #[track_caller]
    pub(crate) fn error_json(&self) -> Value {
        let parsed = serde_json::from_str(self.stderr.lines().last().unwrap_or_default());
        parsed.unwrap_or_else(|error| panic!("no JSON error: {error}\n{}", self.shown()))
    }

    fn shown(&self) -> String {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        format!("$ {line}\n{stdout}--- stderr\n{stderr}--- exit {code:?}")
    }
}

/// A command under way; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    line: String,
    child: Child,
    /// Its streams go to files, so that a full pipe never stops it.
    streams: TempDir,
}

impl Running {
    /// Starts it, with its two streams kept.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let streams = TempDir::new().expect("a temporary folder can be made");
        let file = |name: &str| {
            File::create(streams.path().join(name)).expect("a temporary file can be made")
        };
        let child = command
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        Self {
            line: words.join(" "),
            child: child.expect("the program can be run"),
            streams,
        }
    }

    /// Returns what it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.streams.path().join("stdout")).expect("its output is text")
    }

    /// Returns what it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.streams.path().join("stderr")).expect("its output is text")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs and is ours");
    }

    /// Takes what is piped into it.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.child
            .stdin
            .take()
            .expect("its standard input is a pipe")
    }

    /// Returns whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait().expect("it can be waited for");
        status.is_some()
    }

    /// Kills it as a power cut would, and returns when it is dead; with an exit code if it had ended before.
    pub(crate) fn kill(mut self) -> Ran {
        self.child.kill().expect("it can be killed");
        let status = self.child.wait().expect("it can be waited for");
        self.ran(Some(status))
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(self) -> Ran {
        self.end_within(LIMIT)
    }

    /// Waits for its end for so long.
    #[track_caller]
    pub(crate) fn end_within(mut self, limit: Duration) -> Ran {
        let deadline = Instant::now() + limit;
        let status = loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let ran = self.ran(status);
        assert!(status.is_some(), "it hangs\n{}", ran.shown());
        ran
    }

    fn ran(&self, status: Option<ExitStatus>) -> Ran {
        Ran {
            line: self.line.clone(),
            code: status.and_then(|status| status.code()),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        canary::assert_none_in_files(self.streams.path(), &BTreeMap::new());
    }
}

/// Looks again and again until there is something to be seen.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
