//! Where `import --rejects` may write, and what is said when it cannot.
//!
//! Refuses the files that are imported and the names that exocamp keeps for itself: there may be nothing to lose yet, and
//! something that matters by the end.

use std::path::{Path, PathBuf};

use crate::cli::failure::{Exit, Failure};
use crate::cli::workspace::Workspace;
use crate::import::{RejectsError, RejectsFile, is_same_file};
use crate::ui::harmless;

/// Refused rows, and the path at which a person will look for them.
pub(super) type Rejects = (String, RejectsFile);

/// Begins the file that a person has named, unless it is one that they cannot mean.
pub(super) fn begin(
    workspace: &Workspace,
    path: &Path,
    sources: &[PathBuf],
) -> Result<Rejects, Failure> {
    let shown = shown_path(path);
    let seen = match path == Path::new("-") {
        true => path.to_owned(),
        false => workspace.path(path),
    };
    let is_source = |source: &PathBuf| match source == Path::new("-") {
        true => is_same_file(&seen, source),
        false => is_same_file(&seen, &workspace.path(source)),
    };
    let refused = |what: &str| {
        Failure::new(Exit::Usage, format!("`{shown}` is {what}"))
            .hint("name another file: `--rejects FILE`")
    };
    if sources.iter().any(is_source) {
        return Err(refused("one of the files to import"));
    }
    if is_of_the_workspace(workspace, &seen) {
        return Err(refused("a name that exocamp keeps for itself"));
    }
    let file = RejectsFile::create(&seen).map_err(|error| unwritten(&shown, error))?;
    Ok((shown, file))
}

/// Returns a path as it may be shown.
pub(super) fn shown_path(path: &Path) -> String {
    harmless(&path.to_string_lossy()).into_owned()
}

/// Returns whether a file would be taken for settings, a database, or what lies beside one: there may be none yet.
fn is_of_the_workspace(workspace: &Workspace, path: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let Some(wanted) = name(path) else {
        return false;
    };
    let databases = [
        workspace.real_database().to_owned(),
        workspace.sandbox_database(),
    ];
    let is_beside = |database: &PathBuf| {
        name(database).is_some_and(|database| {
            wanted
                .strip_prefix(&database)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        })
    };
    matches!(wanted.as_str(), ".env" | ".env.local") || databases.iter().any(is_beside)
}

/// Returns the failure that refused rows could not be written down.
pub(super) fn unwritten(path: &str, error: RejectsError) -> Failure {
    let hint = error.hint();
    let exit = match error {
        RejectsError::Write(_) => Exit::Storage,
        _ => Exit::Usage,
    };
    let failure = Failure::caused_by(exit, error)
        .context(format!("cannot write the refused rows to `{path}`"));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
