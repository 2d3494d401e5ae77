//! A pretend Exotel in a process of its own, as a person starts one: `exocamp sandbox`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::binary::Folder;
use super::canary;
use super::process::{Running, eventually};

/// A sandbox that is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Exotel {
    environment: BTreeMap<String, String>,
    ledger: PathBuf,
    running: Running,
    _folder: Folder,
}

/// A call as the phones heard it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    #[serde(deserialize_with = "time")]
    pub(crate) at: Timestamp,
    #[serde(deserialize_with = "time")]
    pub(crate) ends_at: Timestamp,
    pub(crate) sid: String,
    pub(crate) number: String,
    pub(crate) caller_id: String,
    pub(crate) flow: String,
    pub(crate) custom_field: Option<String>,
    pub(crate) outcome: String,
}

fn time<'de, D: Deserializer<'de>>(json: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(json)?;
    text.parse().map_err(D::Error::custom)
}

impl Exotel {
    /// Starts one that takes any credentials.
    pub(crate) fn start(flags: &str) -> Self {
        Self::in_folder(Folder::new(), flags)
    }

    /// Starts one that takes nothing but the right credentials.
    pub(crate) fn with_credentials(flags: &str) -> Self {
        let mut folder = Folder::new();
        for (name, value) in [
            ("EXOTEL_AUTH_KEY", canary::KEY),
            ("EXOTEL_AUTH_TOKEN", canary::TOKEN),
            ("EXOTEL_ACCOUNT_SID", "exampleco1"),
            ("EXOTEL_CALLER_ID", "08098765000"),
        ] {
            folder.set(name, value);
        }
        Self::in_folder(folder, flags)
    }

    fn in_folder(folder: Folder, flags: &str) -> Self {
        let ledger = folder.path().join("ledger.jsonl");
        let running = folder.spawn(&format!(
            "sandbox --port 0 --ledger {} {flags}",
            ledger.display()
        ));
        // The last of the lines to paste.
        let printed = eventually("the sandbox's settings", || {
            let printed = running.stdout();
            (printed.contains("EXOTEL_URL=") && printed.ends_with('\n')).then_some(printed)
        });
        let lines = printed.lines().filter(|line| !line.starts_with('#'));
        let environment = lines.filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        let mut environment: BTreeMap<_, _> = environment.collect();
        // Any would do, or these must be.
        for (name, value) in [
            ("EXOTEL_AUTH_KEY", canary::KEY),
            ("EXOTEL_AUTH_TOKEN", canary::TOKEN),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        Self {
            environment,
            ledger,
            running,
            _folder: folder,
        }
    }

    /// Returns what its clients have to set.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns its address, without `http://`.
    pub(crate) fn address(&self) -> &str {
        let base = &self.environment["EXOTEL_API_BASE"];
        base.strip_prefix("http://")
            .expect("the sandbox speaks HTTP")
    }

    /// Returns all that it has said so far.
    pub(crate) fn said(&self) -> String {
        self.running.stdout() + &self.running.stderr()
    }

    /// Returns the calls it has accepted, in order.
    pub(crate) fn ledger(&self) -> Vec<Call> {
        let text = fs::read_to_string(&self.ledger).expect("the ledger is there");
        // Whoever reads while a line is written may see its beginning.
        let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
        let call = |line| serde_json::from_str(line).expect("a line of the ledger is JSON");
        whole.lines().map(call).collect()
    }

    /// Returns how long the ledger is: it grows with every call.
    pub(crate) fn ledger_length(&self) -> u64 {
        let ledger = fs::metadata(&self.ledger).expect("the ledger is there");
        ledger.len()
    }

    /// Waits until so many calls were accepted.
    #[track_caller]
    pub(crate) fn has_accepted(&self, calls: usize) {
        eventually("calls in the ledger", || {
            (self.ledger().len() >= calls).then_some(())
        });
    }

    /// Waits until all calls accepted so far are over.
    pub(crate) fn calls_are_over(&self) {
        let last = self.ledger().into_iter().map(|call| call.ends_at).max();
        eventually("the ends of all calls", || {
            last.is_none_or(|end| Timestamp::now() > end).then_some(())
        });
    }
}

/// Returns the numbers that were rung, failing if one was rung twice.
#[track_caller]
pub(crate) fn rung_once(ledger: &[Call]) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for call in ledger {
        assert!(
            numbers.insert(call.number.clone()),
            "{} was rung twice",
            call.number
        );
    }
    numbers
}
