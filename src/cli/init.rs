//! `init`: writes a `.env` to fill in.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use super::failure::{Exit, Failure};
use super::provider::{FOR_CALLS, FOR_THE_ACCOUNT};
use super::workspace::Workspace;
use crate::config::TEMPLATE;

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
    let missing: Vec<_> = FOR_THE_ACCOUNT
        .into_iter()
        .chain(FOR_CALLS)
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
