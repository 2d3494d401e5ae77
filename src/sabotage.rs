//! Ways to break the program on purpose, so that the tests can show that they would notice.
//!
//! The one place where the house rule bends that production code never asks whether it is being tested, and only in a
//! build with the feature `sabotage`: without it none of this exists, nor any hook. A hook is one statement or one arm
//! under `#[cfg(feature = "sabotage")]`, at the place where the property lives, and asks [`is`]; what more it needs
//! stands near by under the same attribute. Nothing stands in its place in other builds, so what is built without the
//! feature is what is tested with it, minus the hooks (`tests/it/architecture.rs` holds all this).
//!
//! Which one is chosen is said when the program starts, by `EXOCAMP_SABOTAGE`; nothing chosen, the program is whole.
//! `tests/it/sabotage.rs` has a check for each.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

#[cfg(not(debug_assertions))]
compile_error!(
    "the feature `sabotage` breaks the program on purpose: it is for tests, never for a release"
);

/// The variable that names the sabotage.
pub const VARIABLE: &str = "EXOCAMP_SABOTAGE";

/// A property of the program that is broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sabotage {
    /// A POST leaves before the intent that permits it is committed.
    PostBeforeCommit,
    /// A commit does not wait for the disk.
    SynchronousNormal,
    /// No reply in time is taken for "never sent", so that its contact is called again.
    TimeoutIsFailure,
    /// The HTTP client goes where a redirect sends it.
    FollowRedirects,
    /// The lock of a campaign keeps nobody out, and nothing keeps a number from being live twice.
    NoGuards,
    /// A call is looked for as if it had to have ended the moment it was sent.
    HorizonZero,
    /// The calling hours are those of the machine's own zone.
    HostZone,
    /// What a callback says is believed without asking the provider.
    TrustCallbacks,
    /// What a dead run left open is taken for "never sent".
    ResetLeftovers,
    /// A part of the list is taken for all of it.
    IncompleteIsProof,
    /// A line of the log holds the token.
    LogTheToken,
}

impl Sabotage {
    /// Every sabotage.
    pub const ALL: [Self; 11] = [
        Self::PostBeforeCommit,
        Self::SynchronousNormal,
        Self::TimeoutIsFailure,
        Self::FollowRedirects,
        Self::NoGuards,
        Self::HorizonZero,
        Self::HostZone,
        Self::TrustCallbacks,
        Self::ResetLeftovers,
        Self::IncompleteIsProof,
        Self::LogTheToken,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PostBeforeCommit => "post-before-commit",
            Self::SynchronousNormal => "synchronous-normal",
            Self::TimeoutIsFailure => "timeout-is-failure",
            Self::FollowRedirects => "follow-redirects",
            Self::NoGuards => "no-guards",
            Self::HorizonZero => "horizon-zero",
            Self::HostZone => "host-zone",
            Self::TrustCallbacks => "trust-callbacks",
            Self::ResetLeftovers => "reset-leftovers",
            Self::IncompleteIsProof => "incomplete-is-proof",
            Self::LogTheToken => "log-the-token",
        }
    }
}

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no sabotage.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{VARIABLE}` is `{0}`, which is no sabotage")]
pub struct NotASabotage(pub String);

impl FromStr for Sabotage {
    type Err = NotASabotage;

    fn from_str(text: &str) -> Result<Self, NotASabotage> {
        Self::ALL
            .into_iter()
            .find(|sabotage| sabotage.as_str() == text)
            .ok_or_else(|| NotASabotage(text.to_owned()))
    }
}

/// What this process was told at its start.
static CHOSEN: LazyLock<Option<Sabotage>> = LazyLock::new(|| {
    let name = env::var(VARIABLE).ok()?;
    // A name that nobody knows would leave the program whole, and its check would prove nothing.
    Some(name.parse().unwrap_or_else(|error| panic!("{error}")))
});

/// Returns whether the program is to be broken in this way.
pub fn is(sabotage: Sabotage) -> bool {
    *CHOSEN == Some(sabotage)
}
