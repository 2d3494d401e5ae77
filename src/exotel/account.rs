//! Who calls, where, and how long to wait.
//!
//! Holds the credentials and never shows them: neither type has a `Display`, and `Debug` leaves them out.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::address::BaseUrl;

/// Who calls, and where.
#[derive(Clone)]
pub struct Account {
    /// The account's Sid, part of every address.
    pub sid: String,
    /// The API key; not the same as the Sid.
    pub key: SecretString,
    /// The API token.
    pub token: SecretString,
    /// The cluster the account lives on.
    pub base: BaseUrl,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("sid", &self.sid)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// How long to wait for Exotel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// From the start until a connection is there: name resolution, TCP and TLS together.
    pub connect: Duration,
    /// For the whole exchange, connecting included, to the last byte of the reply.
    pub reply: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(30),
        }
    }
}
