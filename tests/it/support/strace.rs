//! Makes system calls of the program fail, with strace.
//!
//! Where strace is missing or may not trace, tests that need it say so and prove nothing.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::binary::Folder;
use super::process::Running;

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
}
