//! The telephone exchange: accepts calls, lets them end, and tells of them.
//!
//! It is plain data: no clock, no sockets, no threads. Every method is given the time, which should not run backwards.
//! How a call ends depends on the script's seed, on the number, and on how often that number was called before, and on
//! nothing else: whoever comes first or asks more often changes nobody else's fate.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, Callback, Placed, Placement, Refusal, how_it_goes};
use super::call::{Call, CallView, new_sid};
use super::chance::Chance;
use super::fate::{CallbackTrouble, Fate, GetTrouble, Outcome, Trouble};
use super::listing::{self, Lags, ListFilter, Page};
use super::number::Number;
use super::register::Register;
use super::script::Script;

/// A telephone exchange and everything it has accepted.
#[derive(Clone, Debug)]
pub struct Exchange {
    script: Script,
    exophone: Option<Number>,
    register: Register,
    /// How often each number met its fate, accepted or not; this picks the trouble it meets next.
    posts: HashMap<String, u64>,
    gets: u64,
    ends: BinaryHeap<Reverse<Timestamp>>,
    admitted: VecDeque<Timestamp>,
    callbacks: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Where the report about the call at a place goes, and whether as JSON.
    callback_targets: HashMap<usize, (String, bool)>,
}

impl Exchange {
    /// Returns an exchange without any call, which takes every caller id for one of the account's.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            exophone: None,
            register: Register::default(),
            posts: HashMap::new(),
            gets: 0,
            ends: BinaryHeap::new(),
            admitted: VecDeque::new(),
            callbacks: BinaryHeap::new(),
            callback_targets: HashMap::new(),
        }
    }

    /// Returns the same exchange for an account that owns just this ExoPhone.
    pub fn with_exophone(mut self, exophone: &str) -> Self {
        self.exophone = Number::parse(exophone);
        self
    }

    /// Changes what the phones and the network do from now on.
    pub fn change_script(&mut self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script);
    }

    /// Answers a request to call somebody.
    pub fn place(&mut self, now: Timestamp, placement: &Placement) -> Answer {
        let mut answer = Answer {
            placed: Placed::GatewayError,
            after: Duration::ZERO,
        };
        if let Err(refusal) = self.admit(now) {
            return Answer {
                placed: Placed::Refused(refusal),
                ..answer
            };
        }
        let number = match self.check(placement) {
            Ok(number) => number.as_str().to_owned(),
            Err(refusal) => {
                return Answer {
                    placed: Placed::Refused(refusal),
                    ..answer
                };
            }
        };

        let posts_before = self.posts.get(&number).copied().unwrap_or(0);
        let chance = |purpose| Chance::new(self.script.seed, purpose, &number, posts_before);
        answer.after = self.script.reply_delay.pick(&mut chance("reply"));
        let fate = self.script.fate_of(&number).or_else(|| {
            self.script
                .post_trouble(&mut chance("post"))
                .map(Fate::Meets)
        });
        let (outcome, trouble) = match fate {
            None => (None, None),
            Some(Fate::Ends(outcome)) => (Some(outcome), None),
            Some(Fate::Meets(trouble)) => (None, Some(trouble)),
        };
        if trouble == Some(Trouble::Slow) {
            answer.after += self.script.slow;
        }

        answer.placed = match how_it_goes(trouble, &placement.from) {
            Ok(delivery) => {
                // What happens above the limit is told in two ways: an error, or a queue. This is the error, in the
                // form in which a 503 was seen. It must not count as a POST, or others' calls would change the fate.
                if self
                    .script
                    .lines
                    .is_some_and(|lines| self.live(now) >= lines as usize)
                {
                    answer.placed = Placed::Refused(Refusal::unavailable());
                    return answer;
                }
                Placed::Accepted {
                    sid: self.accept(now, placement, &number, outcome),
                    delivery,
                }
            }
            Err(placed) => placed,
        };
        self.posts.insert(number, posts_before + 1);
        answer
    }

    /// Looks up one call.
    ///
    /// # Errors
    /// 404 where there is no such call, 429 above the rate limit.
    pub fn details(&mut self, now: Timestamp, sid: &str) -> Result<CallView, Refusal> {
        self.admit(now)?;
        self.view(now, sid).ok_or_else(Refusal::not_found)
    }

    /// Lists ended calls.
    ///
    /// # Errors
    /// 400 where the filter makes no sense, 429 above the rate limit.
    pub fn list(&mut self, now: Timestamp, filter: &ListFilter) -> Result<Page, Refusal> {
        self.admit(now)?;
        let lags = Lags {
            list: self.script.list_lag,
            price: self.script.price_lag,
        };
        listing::list(&self.register, now, lags, filter)
    }

    /// Draws the trouble that the next GET meets; to be asked once for each, before what it asks for is looked up.
    pub fn get_trouble(&mut self) -> Option<GetTrouble> {
        let mut chance = Chance::new(self.script.seed, "get", "", self.gets);
        self.gets += 1;
        self.script.get_trouble(&mut chance)
    }

    /// Counts a request against the rate limit; [`place`](Self::place), [`details`](Self::details) and
    /// [`list`](Self::list) do so themselves.
    ///
    /// # Errors
    /// 429 where the 60 seconds that end now are full. A refused request does not count.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Refusal> {
        const WINDOW: SignedDuration = SignedDuration::from_mins(1);
        let Some(limit) = self.script.rate_limit else {
            return Ok(());
        };
        while self
            .admitted
            .front()
            .is_some_and(|first| *first + WINDOW <= now)
        {
            self.admitted.pop_front();
        }
        if self.admitted.len() < limit as usize {
            self.admitted.push_back(now);
            return Ok(());
        }
        let opens = self
            .admitted
            .front()
            .map_or(WINDOW, |first| (*first + WINDOW).duration_since(now));
        // Rounded up: whoever comes back when told must get in.
        let seconds = opens.as_millis().max(1).unsigned_abs().div_ceil(1_000);
        Err(Refusal::rate_limited(u64::try_from(seconds).unwrap_or(60)))
    }

    /// Returns and forgets the callbacks that are due.
    pub fn callbacks_due(&mut self, now: Timestamp) -> Vec<Callback> {
        let mut due = Vec::new();
        while let Some(Reverse((due_at, place))) = self.callbacks.peek().copied() {
            if due_at > now {
                break;
            }
            self.callbacks.pop();
            let (url, json) = self.callback_targets[&place].clone();
            let call = self.register.at(place).view(now, self.script.price_lag);
            due.push(Callback {
                url,
                json,
                due_at,
                call,
            });
        }
        due
    }

    /// Returns when the next callback is due.
    pub fn next_callback_at(&self) -> Option<Timestamp> {
        self.callbacks.peek().map(|Reverse((due_at, _))| *due_at)
    }

    /// Returns every accepted call in the order of acceptance: the truth to hold a client's records against.
    pub fn calls(&self) -> &[Call] {
        self.register.calls()
    }

    /// Returns the accepted call of this name, with all that will become of it.
    pub fn call(&self, sid: &str) -> Option<&Call> {
        self.register
            .place_of(sid)
            .map(|place| self.register.at(place))
    }

    /// Returns what can be seen of a call, without counting as a request.
    pub fn view(&self, now: Timestamp, sid: &str) -> Option<CallView> {
        self.call(sid)
            .map(|call| call.view(now, self.script.price_lag))
    }

    /// Returns how many calls are live.
    pub fn live(&mut self, now: Timestamp) -> usize {
        while self
            .ends
            .peek()
            .is_some_and(|Reverse(ends_at)| *ends_at <= now)
        {
            self.ends.pop();
        }
        self.ends.len()
    }

    /// Returns whether this number, in any spelling, is registered as "do not disturb"; `None` if it is no number.
    pub fn is_dnd(&self, number: &str) -> Option<bool> {
        Number::parse(number).map(|number| self.script.is_dnd(number.as_str()))
    }

    /// Checks the fields of a request, and returns whom it is for.
    fn check(&self, placement: &Placement) -> Result<Number, Refusal> {
        let number = Number::parse(&placement.from);
        let number = number.ok_or_else(|| Refusal::bad_number(&placement.from))?;
        let caller_id = Number::parse(&placement.caller_id);
        if caller_id.is_none() || (self.exophone.is_some() && caller_id != self.exophone) {
            let problem = format!(
                "CallerId {} is not an ExoPhone of the account",
                placement.caller_id
            );
            return Err(Refusal::invalid(&problem));
        }
        if placement.url.is_empty() {
            return Err(Refusal::invalid("Mandatory parameter Url is missing"));
        }
        if placement
            .custom_field
            .as_ref()
            .is_some_and(|field| field.chars().count() > 128)
        {
            return Err(Refusal::invalid(
                "CustomField must not be longer than 128 characters",
            ));
        }
        if placement.time_limit.is_some_and(|limit| limit > 14_400) {
            return Err(Refusal::invalid("TimeLimit must not exceed 14400"));
        }
        Ok(number)
    }

    /// Begins a call and returns its name.
    fn accept(
        &mut self,
        now: Timestamp,
        placement: &Placement,
        number: &str,
        outcome: Option<Outcome>,
    ) -> String {
        let calls_before = self.register.places_of(number).len();
        let calls_before = u64::try_from(calls_before).expect("fewer calls than 64 bits can count");
        let chance = |purpose| Chance::new(self.script.seed, purpose, number, calls_before);
        let mut outcome = outcome.unwrap_or_else(|| self.script.mix.pick(&mut chance("outcome")));
        // An address that is no flow was seen to be accepted, and to drop the call as soon as it is answered.
        if !is_flow(&placement.url) {
            outcome = Outcome::Failed;
        }
        let mut hold = self.script.hold.pick(&mut chance("hold"));
        let bound = match outcome {
            Outcome::Completed => placement.time_limit,
            Outcome::NoAnswer => placement.time_out,
            Outcome::Busy | Outcome::Failed | Outcome::Canceled => None,
        };
        if let Some(bound) = bound {
            hold = hold.min(Duration::from_secs(bound.into()));
        }
        let duration_s = match outcome {
            Outcome::Completed => hold.as_millis().div_ceil(1_000),
            Outcome::Busy | Outcome::NoAnswer | Outcome::Failed | Outcome::Canceled => 0,
        };

        // A wall clock that is set back must not disturb the order of the register.
        let accepted_at = self
            .register
            .last_accepted_at()
            .map_or(now, |last| last.max(now));
        let ends_at = accepted_at + hold;
        let sid = new_sid(self.script.seed, self.register.calls().len(), accepted_at);
        let place = self.register.add(Call {
            sid: sid.clone(),
            number: number.to_owned(),
            from: placement.from.clone(),
            caller_id: placement.caller_id.clone(),
            url: placement.url.clone(),
            custom_field: placement.custom_field.clone(),
            record: placement.record,
            accepted_at,
            ends_at,
            outcome,
            duration_s: u32::try_from(duration_s).unwrap_or(u32::MAX),
        });
        self.ends.push(Reverse(ends_at));
        if let Some(url) = &placement.status_callback {
            let trouble = self.script.callback_trouble(&mut chance("callback"));
            self.plan_callback(place, ends_at, trouble);
            let content_type = placement.status_callback_content_type.as_deref();
            let target = (url.clone(), content_type == Some("application/json"));
            self.callback_targets.insert(place, target);
        }
        sid
    }

    /// Plans the reports about a call.
    fn plan_callback(
        &mut self,
        place: usize,
        ends_at: Timestamp,
        trouble: Option<CallbackTrouble>,
    ) {
        let mut plan = |due_at| self.callbacks.push(Reverse((due_at, place)));
        match trouble {
            None => plan(ends_at),
            Some(CallbackTrouble::Late) => plan(ends_at + self.script.callback_delay),
            Some(CallbackTrouble::Duplicate) => {
                plan(ends_at);
                plan(ends_at + SignedDuration::from_secs(1));
            }
            Some(CallbackTrouble::Missing) => {}
        }
    }
}

/// Returns whether this is the address of a flow: `http://my.exotel.com/<account>/exoml/start_voice/<id>`.
fn is_flow(url: &str) -> bool {
    let path = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let parts: Vec<_> = path.unwrap_or_default().split('/').collect();
    matches!(
        parts.as_slice(),
        ["my.exotel.com" | "my.in.exotel.com", account, "exoml", "start_voice", flow]
            if !account.is_empty() && !flow.is_empty()
    )
}

#[cfg(test)]
mod tests;
