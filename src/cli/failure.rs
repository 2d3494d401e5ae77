//! How a command ends badly: what failed, the remedy, and the exit code. One place prints it.

use std::fmt;

use crate::config::ConfigError;
use crate::store::StoreError;
use crate::store::lock::LockError;
use crate::ui::{Format, Ui};

/// The exit codes, PRODUCT §1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// Nothing is left to do.
    Done,
    /// A fault of ours.
    Internal,
    /// Usage, configuration, nothing there to act on.
    Usage,
    /// Stopped by a rule with contacts left.
    Stopped,
    /// Finished, but doubts or differences of an audit wait for a person.
    Doubts,
    /// The provider refuses or cannot be reached.
    Provider,
    /// The store.
    Storage,
    /// The campaign is already running.
    AlreadyRunning,
    /// Stopped by ctrl-C, cleanly.
    Interrupted,
    /// Stopped by SIGTERM or SIGHUP, cleanly.
    Terminated,
}

impl Exit {
    /// Returns the number that the shell sees.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Stopped => 3,
            Self::Doubts => 4,
            Self::Provider => 5,
            Self::Storage => 6,
            Self::AlreadyRunning => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// A command that failed.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// Returns a failure with this message.
    pub(super) fn new(
        exit: Exit,
        message: impl fmt::Display + fmt::Debug + Send + Sync + 'static,
    ) -> Self {
        Self {
            exit,
            error: anyhow::Error::msg(message),
            hint: None,
        }
    }

    /// Returns a failure that this error is the reason of, with whatever is beneath it.
    pub(super) fn caused_by(
        exit: Exit,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            exit,
            error: error.into(),
            hint: None,
        }
    }

    /// Adds what was being done when it failed.
    pub(super) fn context(self, message: impl fmt::Display + Send + Sync + 'static) -> Self {
        Self {
            error: self.error.context(message),
            ..self
        }
    }

    /// Adds the remedy.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Returns the exit code.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints what failed, why beneath it, and the remedy last.
    pub(super) fn print(&self, ui: &Ui) {
        let causes: Vec<_> = self
            .error
            .chain()
            .skip(1)
            .map(ToString::to_string)
            .collect();
        let text = self.error.to_string();
        if ui.format == Format::Json {
            ui.error_as_json(&serde_json::json!({
                "error": text, "causes": causes, "hint": self.hint, "exit": self.exit.code(),
            }));
            return;
        }
        ui.error(&text, &causes);
        if let Some(hint) = &self.hint {
            ui.hint(hint);
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Missing(_) | StoreError::NotDecidable { .. } => Exit::Usage,
            StoreError::Superseded => Exit::AlreadyRunning,
            _ => Exit::Storage,
        };
        let hint = remedy(&error).map(str::to_owned);
        Self {
            exit,
            error: error.into(),
            hint,
        }
    }
}

/// Returns what to do about it, in one sentence.
fn remedy(error: &StoreError) -> Option<&'static str> {
    Some(match error {
        StoreError::Missing(_) => "import a list first, or name the folder with `-C DIR`",
        StoreError::NotAFile(_) | StoreError::NotOurs(_) => "name another file with `--db PATH`",
        StoreError::Newer { .. } => "install the newer exocamp that wrote it",
        StoreError::Open(..) => "check that the folder exists and is yours",
        StoreError::Orphan(_) => "put its database back beside it, or move the file away",
        StoreError::MadeMeanwhile(_) => "run the same command again",
        StoreError::Network { .. } | StoreError::NoWal(_) => {
            "keep the database on a disk of this machine: `--db PATH`"
        }
        StoreError::ReadOnly(..) | StoreError::Unwritable(_) => {
            "check owner and mode of the database and its folder, and that the disk is not mounted read-only"
        }
        StoreError::Moved(_) => {
            "see that the other machine calls no more and run `exocamp audit CAMPAIGN`, then `exocamp adopt`"
        }
        StoreError::Behind(..) => {
            "put the newest copy back; if there is none, run `exocamp audit CAMPAIGN`, then `exocamp adopt`"
        }
        StoreError::DiskFull(_) => "free some space, then run the same command again: it goes on",
        StoreError::Disk(_) => {
            "see that the disk has room and is sound (`dmesg`), then run the same command again: it goes on"
        }
        StoreError::Corrupt(_) => {
            "put a backup in its place and run `exocamp adopt`, or save what is left with `sqlite3 FILE .recover`"
        }
        StoreError::Busy(_) => {
            "close whatever has the database open, a database browser for example (`fuser FILE` names it)"
        }
        StoreError::NotDecidable { until: Some(_), .. } => {
            "its call may still be under way; `exocamp doubts list` shows when it is looked for"
        }
        StoreError::NotDecidable { until: None, .. } => {
            "`exocamp doubts list` shows those that wait for a decision"
        }
        StoreError::KeyMissing(_) | StoreError::KeyWrong(_) => {
            "put the key file back where it was, from the backup of the database's folder; no other one can replace it"
        }
        StoreError::Superseded => "look for the other run with `exocamp status`",
        StoreError::OldSqlite(_) => "build exocamp with the SQLite it brings along",
        StoreError::Sqlite(_) | StoreError::Nonsense(_) | StoreError::NotOneRow { .. } => {
            return None;
        }
    })
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(_) => Self::new(Exit::AlreadyRunning, error.to_string())
                .hint("wait for it, or stop it with ctrl-C where it runs"),
            LockError::Io(..) => Self {
                exit: Exit::Storage,
                error: error.into(),
                hint: Some(
                    "check owner and mode of the folder, and that its disk has room".to_owned(),
                ),
            },
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.into(),
            hint: None,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self {
            exit: Exit::Internal,
            error: error.into(),
            hint: None,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            exit: Exit::Internal,
            error,
            hint: None,
        }
    }
}
