//! What can become of a call: its outcome, or the trouble it meets on the way.
//!
//! Everything here has one name, used in flags, messages and the ledger alike. Which fate a call meets is decided
//! elsewhere: a [`FateRule`] ties it to a number's last digits, a [`Fault`] to a share of all requests.

use std::fmt;
use std::str::FromStr;

use super::script::{ScriptError, Share};

/// How a call ended, in Exotel's words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The customer's leg was picked up.
    Completed,
    /// The line was engaged.
    Busy,
    /// It rang until the ring time was over.
    NoAnswer,
    /// It could not be connected as dialled.
    Failed,
    /// It was called off before it was picked up.
    Canceled,
}

impl Outcome {
    /// Every outcome, in the order in which a mix is written.
    pub const ALL: [Self; 5] = [
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Failed,
        Self::Canceled,
    ];

    /// Returns Exotel's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let found = Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            ScriptError::new(format!("`{text}` is not an outcome; these are: {names}"))
        })
    }
}

/// What can go wrong with a POST, beyond how the call ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trouble {
    /// 403: the number is registered as "do not disturb".
    Ndnc,
    /// 400 that names `From`.
    BadNumber,
    /// 400 that does not say what it dislikes.
    Refused,
    /// 403: the account is not KYC compliant.
    Kyc,
    /// 402: no balance left.
    Balance,
    /// The call is placed; the connection is cut before any byte of the reply.
    LostReply,
    /// No call is placed; the connection is cut before any byte of a reply.
    LostRequest,
    /// 429; no call is placed.
    RateLimited,
    /// 503 from a gateway, as bare HTML; no call is placed.
    Bare503,
    /// 503 from a gateway, as bare HTML; the call *is* placed.
    Bare503Placed,
    /// 503 with a parsed refusal in Exotel's own words; no call is placed.
    Unavailable,
    /// The call is placed; the reply's JSON stops in the middle.
    Truncated,
    /// The call is placed; the reply is XML although JSON was asked for.
    Xml,
    /// The call is placed; the reply takes as long as the script's `slow`.
    Slow,
    /// A refusal under HTTP 200; no call is placed.
    ErrorIn200,
    /// 302 to the same address; no call is placed.
    Redirect,
}

impl Trouble {
    /// Every trouble and its name.
    pub const ALL: [(&'static str, Self); 16] = [
        ("ndnc", Self::Ndnc),
        ("bad-number", Self::BadNumber),
        ("refused", Self::Refused),
        ("kyc", Self::Kyc),
        ("balance", Self::Balance),
        ("lost-reply", Self::LostReply),
        ("lost-request", Self::LostRequest),
        ("429", Self::RateLimited),
        ("503", Self::Bare503),
        ("503-placed", Self::Bare503Placed),
        ("unavailable", Self::Unavailable),
        ("truncated", Self::Truncated),
        ("xml", Self::Xml),
        ("slow", Self::Slow),
        ("error-in-200", Self::ErrorIn200),
        ("redirect", Self::Redirect),
    ];
}

/// What can go wrong with a GET.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GetTrouble {
    /// 503 from a gateway, as bare HTML.
    Bare503,
    /// 429.
    RateLimited,
    /// The reply's JSON stops in the middle.
    Truncated,
    /// The reply takes as long as the script's `slow`.
    Slow,
    /// The connection is cut before any byte of the reply.
    Lost,
    /// A page of the list lacks half its rows and names no next page; other look-ups are spared.
    ShortList,
}

impl GetTrouble {
    /// Every trouble and its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("get-503", Self::Bare503),
        ("get-429", Self::RateLimited),
        ("get-truncated", Self::Truncated),
        ("get-slow", Self::Slow),
        ("get-lost", Self::Lost),
        ("get-short-list", Self::ShortList),
    ];
}

/// What can go wrong with a status callback.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallbackTrouble {
    /// It comes as long after the end as the script's `callback_delay`.
    Late,
    /// It comes twice.
    Duplicate,
    /// It never comes.
    Missing,
}

impl CallbackTrouble {
    /// Every trouble and its name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("late-callback", Self::Late),
        ("duplicate-callback", Self::Duplicate),
        ("missing-callback", Self::Missing),
    ];
}

/// What a call to one particular number meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The call is placed and ends like this.
    Ends(Outcome),
    /// The request runs into this.
    Meets(Trouble),
}

impl FromStr for Fate {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        if let Ok(outcome) = text.parse() {
            return Ok(Self::Ends(outcome));
        }
        named(text, &Trouble::ALL).map(Self::Meets).ok_or_else(|| {
            let outcomes = Outcome::ALL.map(Outcome::as_str).join(", ");
            let troubles = Trouble::ALL.map(|(name, _)| name).join(", ");
            ScriptError::new(format!(
                "`{text}` is not a fate; these are: {outcomes}, {troubles}"
            ))
        })
    }
}

/// The last digits of a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending(String);

impl Ending {
    /// Returns whether `number` ends like this.
    pub fn matches(&self, number: &str) -> bool {
        number.ends_with(&self.0)
    }

    /// Returns how many digits it fixes: more of them make it more particular.
    pub fn digits(&self) -> usize {
        self.0.len()
    }
}

impl FromStr for Ending {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        if text.is_empty() || text.len() > 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let problem = format!("`{text}` is not the end of a number; write 1 to 10 digits");
            return Err(ScriptError::new(problem));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Numbers that end in certain digits meet a certain fate, as in `99=busy`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FateRule {
    /// The digits the number ends in.
    pub ending: Ending,
    /// What a call to it meets.
    pub fate: Fate,
}

impl FromStr for FateRule {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let (ending, fate) = text.split_once('=').ok_or_else(|| {
            ScriptError::new(format!(
                "`{text}` is not a rule; write DIGITS=FATE, as in `99=busy`"
            ))
        })?;
        Ok(Self {
            ending: ending.trim().parse()?,
            fate: fate.trim().parse()?,
        })
    }
}

/// A trouble that hits a share of all requests or callbacks, as in `lost-reply=5%`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A share of the POSTs that would place a call.
    Post(Trouble, Share),
    /// A share of the GETs.
    Get(GetTrouble, Share),
    /// A share of the status callbacks.
    Callback(CallbackTrouble, Share),
}

impl FromStr for Fault {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let (name, share) = text.split_once('=').ok_or_else(|| {
            let problem = format!("`{text}` is not a fault; write NAME=SHARE, as in `503=5%`");
            ScriptError::new(problem)
        })?;
        let (name, share) = (name.trim(), share.trim().parse()?);
        let post = named(name, &Trouble::ALL).map(|trouble| Self::Post(trouble, share));
        let get = || named(name, &GetTrouble::ALL).map(|trouble| Self::Get(trouble, share));
        let callback =
            || named(name, &CallbackTrouble::ALL).map(|trouble| Self::Callback(trouble, share));
        post.or_else(get).or_else(callback).ok_or_else(|| {
            let names = [
                Trouble::ALL.map(|(name, _)| name).join(", "),
                GetTrouble::ALL.map(|(name, _)| name).join(", "),
                CallbackTrouble::ALL.map(|(name, _)| name).join(", "),
            ];
            ScriptError::new(format!(
                "`{name}` is not a fault; these are: {}",
                names.join(", ")
            ))
        })
    }
}

/// Returns what goes by this name.
fn named<T: Copy>(name: &str, all: &[(&'static str, T)]) -> Option<T> {
    all.iter()
        .find(|(other, _)| *other == name)
        .map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_what_it_names() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(Fate::Ends(outcome)));
        }
        let share = "5%".parse().unwrap();
        for (name, trouble) in Trouble::ALL {
            assert_eq!(name.parse(), Ok(Fate::Meets(trouble)));
            assert_eq!(
                format!("{name}=5%").parse(),
                Ok(Fault::Post(trouble, share))
            );
        }
        for (name, trouble) in GetTrouble::ALL {
            assert_eq!(format!("{name}=5%").parse(), Ok(Fault::Get(trouble, share)));
        }
        for (name, trouble) in CallbackTrouble::ALL {
            assert_eq!(
                format!("{name}=0.05").parse(),
                Ok(Fault::Callback(trouble, share))
            );
        }
    }

    #[test]
    fn a_rule_or_fault_that_makes_no_sense_says_how_to_write_one() {
        let said = [
            "99".parse::<FateRule>().unwrap_err(),
            "9x=busy".parse::<FateRule>().unwrap_err(),
            "=busy".parse::<FateRule>().unwrap_err(),
            "99=engaged".parse::<FateRule>().unwrap_err(),
            "lost-reply".parse::<Fault>().unwrap_err(),
            "busy=5%".parse::<Fault>().unwrap_err(),
            "503=5".parse::<Fault>().unwrap_err(),
        ];
        insta::assert_snapshot!(said.map(|error| error.to_string()).join("\n"), @r"
        `99` is not a rule; write DIGITS=FATE, as in `99=busy`
        `9x` is not the end of a number; write 1 to 10 digits
        `` is not the end of a number; write 1 to 10 digits
        `engaged` is not a fate; these are: completed, busy, no-answer, failed, canceled, ndnc, bad-number, refused, kyc, balance, lost-reply, lost-request, 429, 503, 503-placed, unavailable, truncated, xml, slow, error-in-200, redirect
        `lost-reply` is not a fault; write NAME=SHARE, as in `503=5%`
        `busy` is not a fault; these are: ndnc, bad-number, refused, kyc, balance, lost-reply, lost-request, 429, 503, 503-placed, unavailable, truncated, xml, slow, error-in-200, redirect, get-503, get-429, get-truncated, get-slow, get-lost, get-short-list, late-callback, duplicate-callback, missing-callback
        `5` is not a share of the whole; write it like `5%` or `0.05`
        ");
    }
}
