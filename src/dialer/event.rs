//! Everything the dialer can hear, and everything it can ask for, on one page.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::call::{CallReport, CallSid};
use crate::domain::doubt::Scan;
use crate::domain::eligibility::Dnd;
use crate::domain::ending::StoppedBecause;
use crate::domain::phone::PhoneNumber;
use crate::domain::plan::Limit;
use crate::domain::quality::Answered;
use crate::domain::rejection::Rejection;
use crate::domain::report::Counts;
use crate::provider::{Answer, CallOrder, Greeting, Page, PageMark, Reply, Search};
use crate::store::attempts::AttemptId;

/// Something that happened. A turn hears a batch of them, so that many replies and intents share one sync.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The run has its lock. Always the first event, and it comes once.
    Started,
    /// The answer to [`Effect::Greet`].
    Greeted(Answer<Greeting>),
    /// The answer to [`Effect::Dial`].
    Replied {
        /// Whose POST it was.
        attempt: AttemptId,
        /// What became of it.
        reply: Reply,
    },
    /// The answer to [`Effect::List`].
    Listed {
        /// What was asked about.
        asked: Vec<(AttemptId, CallSid)>,
        /// The ended ones among them.
        answer: Answer<Vec<CallReport>>,
    },
    /// The answer to [`Effect::LookUp`].
    LookedUp {
        /// Whose call it was.
        attempt: AttemptId,
        /// The call, if the provider knows it.
        answer: Answer<Option<CallReport>>,
    },
    /// The answer to [`Effect::Search`].
    Searched {
        /// What was looked for, and what earlier pages have shown.
        quest: Box<Quest>,
        /// The page.
        answer: Answer<Page>,
    },
    /// The answer to [`Effect::Scrub`].
    Scrubbed {
        /// Whose mark it is.
        number: PhoneNumber,
        /// When it was asked for.
        asked_at: Timestamp,
        /// The mark, if the provider has one.
        answer: Answer<Option<Dnd>>,
    },
    /// The planned time has come, or it is time to look whether another terminal has changed something.
    Woke,
    /// Somebody asked to stop: nothing new, but open POSTs are waited for.
    StopAsked,
    /// Somebody asked again: leave at once.
    LeaveAsked,
}

/// Something to do, which may be done only after the turn that asks for it was committed.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// One GET that shows whether the account can be used.
    Greet {
        /// Not before this time since boot.
        at: Duration,
    },
    /// The one POST of an attempt.
    Dial {
        /// The attempt that permits it.
        attempt: AttemptId,
        /// What to send.
        order: CallOrder,
        /// Not before this time since boot; much later than this, it must not be sent at all.
        send_at: Duration,
        /// What the wall clock will show then, unless somebody sets it.
        send_at_wall: Timestamp,
        /// By the wall clock, it must not be sent from then on: the hours close, or the campaign ends.
        permitted_until: Timestamp,
        /// How many calls of this campaign may start in any minute, if that is limited.
        per_minute: Option<u32>,
    },
    /// Ask the bulk list which of these calls have ended.
    List {
        /// The calls.
        calls: Vec<(AttemptId, CallSid)>,
        /// The earliest time any of them was accepted: the list looks back a month unless told.
        since: Timestamp,
    },
    /// Ask about one call by itself.
    LookUp {
        /// The attempt.
        attempt: AttemptId,
        /// Its call.
        sid: CallSid,
    },
    /// Read a page of the provider's list for the sake of doubts.
    Search(Box<Quest>),
    /// Ask whether a number is registered as do-not-disturb.
    Scrub {
        /// The number.
        number: PhoneNumber,
        /// What the wall clock shows now: the age of the answer counts from here.
        asked_at: Timestamp,
    },
}

/// A search for the calls of doubts, page by page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quest {
    /// What to look for.
    pub search: Search,
    /// The doubts it is for.
    pub doubts: Vec<AttemptId>,
    /// What earlier pages have shown.
    pub scan: Scan,
    /// The page to read next; the first if none.
    pub page: Option<PageMark>,
    /// How often that page was asked for in vain.
    pub tries: u32,
}

/// What a run waits for when it does not dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitsFor {
    /// Nothing: it dials as fast as it may.
    Nothing,
    /// The provider: its first answer, or to be reached again.
    Greeting,
    /// The reply to its first call.
    FirstReply,
    /// What comes of its first calls.
    Canary,
    /// That lost replies stop: it looks for the calls, then tries one.
    Breaker,
    /// The calling hours; opening then, if ever.
    Hours(Option<Timestamp>),
    /// `resume`.
    Resume,
    /// The next contact that is due.
    Due(Timestamp),
    /// The provider's do-not-disturb marks of those who are due.
    DndMarks,
    /// The ends of the calls that are live.
    LiveCalls,
}

/// How a run is getting on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// The campaign's contacts by state.
    pub counts: Counts,
    /// Calls that are live, and POSTs that are not answered yet.
    pub live: u32,
    /// Calls placed by this run.
    pub calls_placed: u64,
    /// Requests sent by this run, look-ups included.
    pub requests: u64,
    /// What keeps the next call from starting at once.
    pub limit: Option<Limit>,
    /// What it waits for.
    pub waits_for: WaitsFor,
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ending {
    /// Why.
    pub because: StoppedBecause,
    /// What the provider said, where that is why.
    pub trouble: Option<Trouble>,
    /// What bound it for the longest time.
    pub limited_by: Option<Limit>,
    /// Most calls were short, and the campaign went on all the same.
    pub caution: Option<Answered>,
}

/// What is wrong with the provider or the way to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// It refuses; the class says whom it blames.
    Refused {
        /// What it said.
        rejection: Rejection,
        /// The ExoPhone that was shown, where people were being called.
        caller_id: Option<PhoneNumber>,
    },
    /// One reply after another was lost.
    RepliesLost,
    /// It cannot be reached or understood.
    Unreachable(String),
    /// Its clock and ours are too far apart, by this many seconds (positive: ours is ahead).
    Clocks(i64),
}
