//! `init`: writes a `.env` to fill in.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use crate::config::TEMPLATE;

/// What a call cannot do without.
pub(super) const NEEDED: [&str; 5] = [
    "EXOTEL_AUTH_KEY",
    "EXOTEL_AUTH_TOKEN",
    "EXOTEL_ACCOUNT_SID",
    "EXOTEL_CALLER_ID",
    "EXOTEL_URL",
];

pub(super) fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    let path = workspace.folder.join(".env");
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
    {
        Ok(mut file) => {
            file.write_all(TEMPLATE.as_bytes())?;
            workspace.ui.note(&format!(
                "wrote `{}`, readable by you alone",
                path.display()
            ));
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            workspace.ui.note(&format!(
                "`{}` is there already and stays as it is",
                path.display()
            ));
        }
        Err(error) => {
            return Err(Failure::from(error).context(format!("cannot write `{}`", path.display())));
        }
    }
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|name| workspace.config.secret(name).is_none())
        .collect();
    if missing.is_empty() {
        workspace.ui.note("everything that a call needs is set");
    } else {
        workspace
            .ui
            .note(&format!("fill in {}", missing.join(", ")));
    }
    Ok(Exit::Done)
}
