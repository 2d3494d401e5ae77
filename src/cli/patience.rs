//! How long lost calls are waited and looked for, as the settings say.
//!
//! The defaults follow from what is known of Exotel. Shorter ones would take a call that is still under way for one
//! that was never placed, so they are accepted only towards a test server on this machine.

use std::time::Duration;

use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use crate::domain::campaign::{length, show_length};
use crate::domain::doubt::Patience;
use crate::exotel::BaseUrl;

/// Longer than this is a typing error.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Returns the configured patience.
pub(super) fn configured(workspace: &Workspace) -> Result<Patience, Failure> {
    let standard = Patience::default();
    let read = |name: &str, standard: Duration| -> Result<Duration, Failure> {
        let Some(text) = workspace.config.text(name) else {
            return Ok(standard);
        };
        let value = length(text, Duration::ZERO, LONGEST).map_err(|error| unusable(name, error))?;
        if value < standard && !is_rehearsal(workspace) {
            let shortest = show_length(standard);
            let why = format!("`{text}` is too short for Exotel; write {shortest} or more");
            return Err(unusable(name, why));
        }
        Ok(value)
    };
    let looks = match workspace.config.text("EXOCAMP_DOUBT_LOOKS") {
        None => standard.looks,
        Some(text) => text
            .split(',')
            .map(|look| length(look, Duration::from_millis(100), LONGEST))
            .collect::<Result<_, _>>()
            .map_err(|error| unusable("EXOCAMP_DOUBT_LOOKS", error))?,
    };
    Ok(Patience {
        reply_timeout: read("EXOCAMP_REPLY_TIMEOUT", standard.reply_timeout)?,
        queue_allowance: read("EXOCAMP_QUEUE_ALLOWANCE", standard.queue_allowance)?,
        record_lag: read("EXOCAMP_RECORD_LAG", standard.record_lag)?,
        looks,
        scans_apart: read("EXOCAMP_DOUBT_SCANS_APART", standard.scans_apart)?,
    })
}

fn is_rehearsal(workspace: &Workspace) -> bool {
    let base = workspace.config.text("EXOTEL_API_BASE");
    workspace.ui.sandbox
        || base.is_some_and(|base| BaseUrl::parse(base).is_ok_and(|base| base.is_loopback()))
}

fn unusable(name: &str, why: impl ToString) -> Failure {
    Failure::new(Exit::Usage, why.to_string()).context(format!("`{name}` cannot be used"))
}
