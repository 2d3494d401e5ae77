//! Performs effects on the exchange, and decides what is heard of them, and when.

use std::time::Duration;

use exocamp::dialer::event::{Effect, Event};
use exocamp::domain::attempt::{Doubt, NotSent};
use exocamp::domain::rejection::{Rejection, RejectionClass};
use exocamp::provider::{Answer, CallOrder, Greeting, LookUpFailure, Reply};
use exocamp::sandbox::{Exchange, GetTrouble, ListFilter, Page, Refusal};
use exocamp::store::attempts::AttemptId;
use jiff::{SignedDuration, Timestamp};

use super::{Item, Network, Post, World};
use crate::support::phones;

/// The shell's: a reply that takes longer is not waited for.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

impl World {
    /// Performs an effect, and has its answer heard later.
    pub(super) fn perform(&mut self, place: usize, effect: Effect) {
        if self.runners[place].over.is_some() {
            return;
        }
        let (event, after) = match effect {
            Effect::Greet { .. } => {
                let (answer, after) = self.greet();
                (Event::Greeted(answer), after)
            }
            Effect::Dial {
                attempt,
                order,
                send_at,
                ..
            } => {
                let late = (self.now - self.booted_at).saturating_sub(send_at);
                let (reply, after) = if late > exocamp::dialer::LATEST_SEND {
                    (Reply::NotSent(NotSent::Late), Duration::ZERO)
                } else {
                    self.dial(place, attempt, &order)
                };
                (Event::Replied { attempt, reply }, after)
            }
            Effect::List { calls, since } => {
                self.asked_about
                    .extend(calls.iter().map(|(attempt, _)| *attempt));
                let month_ago = self.moment().wall - SignedDuration::from_hours(31 * 24);
                let filter = ListFilter {
                    sids: calls.iter().map(|(_, sid)| sid.to_string()).collect(),
                    page_size: Some(100),
                    created_from: (since <= month_ago).then_some(since),
                    ..ListFilter::default()
                };
                let (answer, after) = self.look_up(|exchange, time, trouble| {
                    let page = exchange.list(time, &filter);
                    match trouble {
                        Some(GetTrouble::ShortList) => page.map(Page::cut_short),
                        _ => page,
                    }
                });
                let answer = answer.map(|page| page.rows.iter().map(phones::report).collect());
                let asked = calls;
                (Event::Listed { asked, answer }, after)
            }
            Effect::LookUp { attempt, sid } => {
                let (answer, after) =
                    self.look_up(
                        |exchange, time, _| match exchange.details(time, sid.as_str()) {
                            Ok(view) => Ok(Some(view)),
                            Err(refusal) if refusal.status == 404 => Ok(None),
                            Err(refusal) => Err(refusal),
                        },
                    );
                let answer = answer.map(|view| view.as_ref().map(phones::report));
                (Event::LookedUp { attempt, answer }, after)
            }
        };
        let latency = Duration::from_millis(self.chance.u64(self.latency_ms.clone()));
        self.push(self.now + after + latency, Item::Heard(place, event));
    }

    fn greet(&mut self) -> (Answer<Greeting>, Duration) {
        let date = self.time() + self.provider_is_ahead;
        let (answer, after) = self.look_up(|exchange, time, _| exchange.admit(time));
        let greeting = Greeting { date: Some(date) };
        (answer.map(|()| greeting), after)
    }

    fn dial(&mut self, place: usize, attempt: AttemptId, order: &CallOrder) -> (Reply, Duration) {
        if self.network == Network::Down {
            let why = "no route to host".to_owned();
            return (Reply::NotSent(NotSent::NoConnection(why)), Duration::ZERO);
        }
        self.requests.push(self.now);
        let time = self.time();
        let answer = self.exchange.place(time, &phones::placement(order));
        // A connection that is cut can also just fall silent.
        let silent =
            phones::reply(&answer.placed) == Reply::InDoubt(Doubt::Broken) && self.chance.bool();
        let (reply, after) = if silent || answer.after > REPLY_TIMEOUT {
            (Reply::InDoubt(Doubt::TimedOut), REPLY_TIMEOUT)
        } else {
            (phones::reply(&answer.placed), answer.after)
        };
        self.posts.push(Post {
            campaign: self.runners[place].run.assignment.campaign,
            attempt,
            number: order.number,
            key: order.custom_field.clone(),
            at: time,
            placed: answer.placed,
            reply: reply.clone(),
        });
        (reply, after)
    }

    fn look_up<T>(
        &mut self,
        ask: impl FnOnce(&mut Exchange, Timestamp, Option<GetTrouble>) -> Result<T, Refusal>,
    ) -> (Answer<T>, Duration) {
        match self.network {
            Network::Works => {}
            Network::Down => {
                let why = "no route to host".to_owned();
                return (Err(LookUpFailure::Unreachable(why)), Duration::ZERO);
            }
            Network::WrongToken => {
                self.requests.push(self.now);
                return (Err(LookUpFailure::Refused(wrong_token())), Duration::ZERO);
            }
        }
        self.requests.push(self.now);
        self.look_ups += 1;
        let time = self.time();
        let trouble = self.exchange.get_trouble();
        if let Some(failure) = trouble.and_then(phones::failure) {
            return (Err(failure), Duration::ZERO);
        }
        let answer = ask(&mut self.exchange, time, trouble);
        let answer = answer.map_err(|refusal| LookUpFailure::Refused(phones::rejection(&refusal)));
        match trouble {
            Some(GetTrouble::Slow) if self.slow > REPLY_TIMEOUT => {
                let why = Doubt::TimedOut.to_string();
                (Err(LookUpFailure::Unreachable(why)), REPLY_TIMEOUT)
            }
            Some(GetTrouble::Slow) => (answer, self.slow),
            _ => (answer, Duration::ZERO),
        }
    }
}

fn wrong_token() -> Rejection {
    Rejection {
        class: RejectionClass::Credentials,
        status: 401,
        code: None,
        message: "Authentication failed".to_owned(),
        retry_after: None,
    }
}
