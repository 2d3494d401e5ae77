//! Refusals: who is to blame, and so what happens next.

use std::fmt;
use std::time::Duration;

/// What kind of refusal it was; decides who is to blame and what happens next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RejectionClass {
    /// 401: key, token or region.
    Credentials,
    /// 402: balance or plan used up.
    Balance,
    /// 403: KYC, suspended, address not on the allow-list.
    Account,
    /// 404 on a POST: account Sid or region.
    AccountNotFound,
    /// 400 that names the caller id, or 503 with code 35008.
    CallerId,
    /// 400 that names the flow.
    Flow,
    /// 403 with TRAI NDNC: this number must not be called.
    Ndnc,
    /// 400 that names the number.
    BadNumber,
    /// Any other 4xx.
    Generic,
    /// A 503 with a readable refusal.
    Unavailable,
    /// 429.
    RateLimited,
}

/// Whom a refusal concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// The account: the campaign pauses at once and no contact is charged.
    Account,
    /// This contact only.
    Contact,
    /// Nobody: the contact is offered again later; three in a row pause the campaign.
    Nobody,
    /// The pace: the shared allowance closes for a while.
    Allowance,
}

impl RejectionClass {
    /// All classes.
    pub const ALL: [Self; 11] = [
        Self::Credentials,
        Self::Balance,
        Self::Account,
        Self::AccountNotFound,
        Self::CallerId,
        Self::Flow,
        Self::Ndnc,
        Self::BadNumber,
        Self::Generic,
        Self::Unavailable,
        Self::RateLimited,
    ];

    /// Returns the name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Balance => "balance",
            Self::Account => "account",
            Self::AccountNotFound => "account_not_found",
            Self::CallerId => "caller_id",
            Self::Flow => "flow",
            Self::Ndnc => "ndnc",
            Self::BadNumber => "bad_number",
            Self::Generic => "refused",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
        }
    }

    /// Returns whom a refusal of this class concerns.
    pub fn blame(self) -> Blame {
        match self {
            Self::Credentials
            | Self::Balance
            | Self::Account
            | Self::AccountNotFound
            | Self::CallerId
            | Self::Flow => Blame::Account,
            Self::Ndnc | Self::BadNumber => Blame::Contact,
            Self::Generic | Self::Unavailable => Blame::Nobody,
            Self::RateLimited => Blame::Allowance,
        }
    }
}

/// A refusal in so many words: no call was placed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// What kind it was.
    pub class: RejectionClass,
    /// The status it carried: the body's own where it has one, else HTTP's.
    pub status: u16,
    /// Exotel's code, as text; often absent.
    pub code: Option<String>,
    /// Exotel's words on one line, numbers masked, at most 200 characters.
    pub message: String,
    /// How long the provider asks us to wait (429), already clamped to 1–300 s.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.message, self.status)?;
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }
        f.write_str(")")
    }
}
