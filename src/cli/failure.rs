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
    /// Finished, but doubts wait for a person.
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
        let (exit, hint) = match &error {
            StoreError::Missing(_) => (
                Exit::Usage,
                Some("import a list first, or name the folder with `-C DIR`"),
            ),
            StoreError::NotOurs(_) => (Exit::Storage, Some("name another file with `--db PATH`")),
            StoreError::Newer { .. } => (
                Exit::Storage,
                Some("install the newer exocamp that wrote it"),
            ),
            StoreError::NotDecidable { until: Some(_), .. } => (
                Exit::Usage,
                Some("its call may still be under way; `exocamp settle CAMPAIGN` looks for it"),
            ),
            StoreError::NotDecidable { until: None, .. } => (
                Exit::Usage,
                Some("`exocamp doubts list` shows those that wait for a decision"),
            ),
            StoreError::Superseded => (
                Exit::AlreadyRunning,
                Some("look for the other run with `exocamp status`"),
            ),
            StoreError::NoWal(_) => (
                Exit::Storage,
                Some("keep the database on a local disk: `--db PATH`"),
            ),
            StoreError::Open(..) => (
                Exit::Storage,
                Some("check that the folder exists and may be written to"),
            ),
            StoreError::Sqlite(_) | StoreError::OldSqlite(_) => (Exit::Storage, None),
            StoreError::Nonsense(_) | StoreError::NotOneRow { .. } => (Exit::Storage, None),
        };
        Self {
            exit,
            error: error.into(),
            hint: hint.map(str::to_owned),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(_) => Self::new(Exit::AlreadyRunning, error.to_string())
                .hint("wait for it, or stop it with ctrl-C where it runs"),
            LockError::Io(..) => Self {
                exit: Exit::Storage,
                error: error.into(),
                hint: None,
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
