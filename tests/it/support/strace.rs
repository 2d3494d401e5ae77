//! Makes system calls of the program fail, and watches them, with strace.
//!
//! Where strace is missing or may not trace, tests that need it say so and prove nothing.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::binary::Folder;
use super::process::Running;

/// The order in which a log was written and synced, and requests were sent.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Trace {
    pub(crate) posts: u32,
    /// Those that left while something in the log was not on the disk yet.
    pub(crate) unsynced_posts: u32,
    pub(crate) syncs: u32,
}

impl Trace {
    /// Reads what strace wrote: `PID CALL(FD<PATH>, …`, and a second line for the end of a call that took longer.
    fn read(text: &str, log: &str) -> Self {
        let on_the_log = format!("/{log}>");
        let mut trace = Self::default();
        let (mut is_dirty, mut syncing) = (false, BTreeSet::new());
        for line in text.lines() {
            let (pid, call) = line.split_once(char::is_whitespace).unwrap_or_default();
            let call = call.trim_start();
            let name = call.split('(').next().unwrap_or_default();
            let is_sync = ["fdatasync", "fsync"].contains(&name) && call.contains(&on_the_log);
            let is_synced = if is_sync && call.ends_with("<unfinished ...>") {
                syncing.insert(pid);
                false
            } else {
                let is_end = call.starts_with("<... f") && syncing.remove(pid);
                (is_sync || is_end) && call.ends_with("= 0")
            };
            if is_synced {
                is_dirty = false;
                trace.syncs += 1;
            } else if name == "pwrite64" && call.contains(&on_the_log) {
                is_dirty = true;
            } else if call.contains("\"POST /") {
                trace.posts += 1;
                trace.unsynced_posts += u32::from(is_dirty);
            }
        }
        trace
    }
}

/// A strace that works on this machine.
#[derive(Debug)]
pub(crate) struct Strace(PathBuf);

impl Strace {
    /// Returns one, or says that a test is skipped.
    pub(crate) fn find() -> Option<Self> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let strace = env::split_paths(&folders).map(|folder| folder.join("strace"));
        let works = |strace: &PathBuf| {
            let mut command = Command::new(strace);
            command.args([
                "-f",
                "--seccomp-bpf",
                "-e",
                "trace=statfs",
                "-o",
                "/dev/null",
            ]);
            command.args(["-e", "inject=statfs:poke_exit=@arg2=6969", "true"]);
            let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
            quiet.status().is_ok_and(|status| status.success())
        };
        let found = strace.into_iter().find(works);
        if found.is_none() {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: there is no strace that works here"
            );
        }
        found.map(Self)
    }

    /// Runs a command some of whose system calls fail; those on `file` alone, if one is named.
    pub(crate) fn run(
        &self,
        folder: &Folder,
        fault: &str,
        file: Option<&str>,
        line: &str,
    ) -> Running {
        let (calls, _) = fault.split_once(':').expect("CALLS:FAULT");
        let mut words: Vec<_> = ["-f", "-o", "/dev/null"].map(str::to_owned).into();
        if !fault.contains("signal=") {
            // Stops at these calls alone, which is faster; signals do not get through that way.
            words.push("--seccomp-bpf".to_owned());
        }
        words.push(format!("--trace={calls}"));
        words.push(format!("--inject={fault}"));
        if let Some(file) = file {
            let path = folder.path().canonicalize().expect("the folder is there");
            words.push(format!("--trace-path={}", path.join(file).display()));
        }
        Running::spawn(folder.command_under(&self.0, &words, line))
    }

    /// Runs a command to its end, and returns what it sent before its `log` was on the disk.
    pub(crate) fn posts_and_syncs(&self, folder: &Folder, log: &str, line: &str) -> Trace {
        let trace = folder.path().join("trace");
        let mut words: Vec<_> = ["-f", "-y", "-s", "16", "--seccomp-bpf"].into();
        words.push("--trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg");
        words.extend(["-o", trace.to_str().expect("a path is text")]);
        let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        let running = Running::spawn(folder.command_under(&self.0, &words, line));
        running.end().exits(0);
        let text = fs::read(&trace).expect("there is a trace");
        Trace::read(&String::from_utf8_lossy(&text), log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_before_the_end_of_a_sync_is_told_from_one_after_it() {
        let trace = |lines: &[&str]| Trace::read(&lines.join("\n"), "exocamp.db-wal");
        let write = "7 pwrite64(5</f/exocamp.db-wal>, \"x\"..., 24, 0) = 24";
        let post = "8 sendto(9<socket:[1]>, \"POST /v1/Account\"..., 300, 0, NULL, 0) = 300";
        let begun = "7 fdatasync(5</f/exocamp.db-wal> <unfinished ...>";
        let done = "7 <... fdatasync resumed>) = 0";
        let whole = "7 fdatasync(5</f/exocamp.db-wal>) = 0";
        let failed = "7 fdatasync(5</f/exocamp.db-wal>) = -1 EIO (Input/output error)";
        let other = "7 fdatasync(4</f/exocamp.db>) = 0";
        for (lines, unsynced_posts, syncs) in [
            (&[write, whole, post] as &[_], 0, 1),
            (&[write, begun, done, post], 0, 1),
            (&[write, begun, post, done], 1, 1),
            (&[write, post, whole], 1, 1),
            (&[write, other, post], 1, 0),
            (&[write, failed, post], 1, 0),
        ] {
            let expected = Trace {
                posts: 1,
                unsynced_posts,
                syncs,
            };
            assert_eq!(trace(lines), expected, "{lines:#?}");
        }
    }
}
