//! The ledger: one line of JSON for each accepted call.
//!
//! It is what the phones heard, independent of what any client was told. A line is handed to the operating system
//! before any byte of the reply leaves, so it outlives the process, and a client killed at any moment can be held to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::call::Call;
use super::number::Number;
use super::wire;

/// An open ledger.
#[derive(Debug)]
pub(super) struct Ledger(File);

impl Ledger {
    /// Opens a ledger for more lines, and creates it, for its owner's eyes only, where there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map(Self)
    }

    /// Writes down a call.
    pub(super) fn write(&mut self, call: &Call) -> io::Result<()> {
        let time = |at: Timestamp| at.display_with_offset(wire::india()).to_string();
        let line = json!({
            "at": time(call.accepted_at),
            "sid": call.sid,
            "number": Number::e164(&call.number),
            "from": call.from,
            "caller_id": call.caller_id,
            "flow": call.url,
            "custom_field": call.custom_field,
            "outcome": call.outcome.as_str(),
            "ends_at": time(call.ends_at),
            "duration_s": call.duration_s,
        });
        // One write for the whole line: two of them never mix. Who reads at that moment may see only its beginning.
        self.0.write_all(format!("{line}\n").as_bytes())
    }
}
