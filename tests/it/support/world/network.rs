//! Performs effects on the exchange, and decides what is heard of them, and when.

use std::time::Duration;

use exocamp::dialer::event::{Effect, Event, Quest};
use exocamp::domain::attempt::{Doubt, NotSent};
use exocamp::domain::call::CallReport;
use exocamp::domain::eligibility::Dnd;
use exocamp::domain::pace;
use exocamp::domain::phone::PhoneNumber;
use exocamp::domain::rejection::{Rejection, RejectionClass};
use exocamp::provider::{Answer, CallOrder, Greeting, LookUpFailure, Page, PageMark, Reply};
use exocamp::sandbox::{self, CallView, Cursor, Exchange, GetTrouble, ListFilter, Order, Refusal};
use exocamp::store::attempts::AttemptId;
use exocamp::store::permission;
use jiff::{SignedDuration, Timestamp};

use super::{EndTimes, Item, Lengths, Network, Post, Scrub, Searches, World};
use crate::support::phones;

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
                send_at_wall,
                permitted_until,
                ..
            } => {
                let moment = self.moment();
                let late = moment.since_boot.saturating_sub(send_at);
                let late_by_the_wall = moment.wall.duration_since(send_at_wall);
                let in_time = pace::may_still_be_sent(late, late_by_the_wall)
                    .and_then(|()| pace::is_still_open(moment.wall, permitted_until));
                let (reply, after) = match in_time {
                    Err(why) => (Reply::NotSent(why), Duration::ZERO),
                    Ok(()) if !self.is_still_permitted(attempt) => {
                        (Reply::NotSent(NotSent::Withdrawn), Duration::ZERO)
                    }
                    Ok(()) => self.dial(place, attempt, &order),
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
                let (answer, after) = self.list(&filter);
                let mut answer: Answer<Vec<_>> =
                    answer.map(|page| page.rows.iter().map(|row| self.report(row)).collect());
                if let (EndTimes::Later, Ok(reports)) = (self.end_times, &mut answer) {
                    reports.iter_mut().for_each(|report| report.ended_at = None);
                }
                let asked = calls;
                (Event::Listed { asked, answer }, after)
            }
            Effect::Search(quest) => {
                let (answer, after) = self.search(&quest);
                (Event::Searched { quest, answer }, after)
            }
            Effect::Scrub { number, asked_at } => {
                let (answer, after) = self.scrub(number);
                let event = Event::Scrubbed {
                    number,
                    asked_at,
                    answer,
                };
                (event, after)
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
                let answer = answer.map(|view| view.as_ref().map(|row| self.report(row)));
                (Event::LookedUp { attempt, answer }, after)
            }
        };
        let latency = Duration::from_millis(self.chance.u64(self.latency_ms.clone()));
        self.push(self.now + after + latency, Item::Heard(place, event));
    }

    /// Returns what an authenticated GET says of a call now.
    fn report(&self, view: &CallView) -> CallReport {
        let report = phones::report(view);
        let is_late = self.lengths == Lengths::WithThePrice && report.price.is_none();
        CallReport {
            duration_s: report.duration_s.filter(|_| !is_late),
            ..report
        }
    }

    /// Takes the shell's last look.
    fn is_still_permitted(&mut self, attempt: AttemptId) -> bool {
        self.store
            .read(|tx| permission::stands(tx, attempt))
            .unwrap()
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
        self.check_that_it_may_leave(attempt, order);
        self.requests.push(self.now);
        let time = self.time();
        let answer = self.exchange.place(time, &phones::placement(order));
        // A connection that is cut can also just fall silent.
        let silent =
            phones::reply(&answer.placed) == Reply::InDoubt(Doubt::Broken) && self.chance.bool();
        let longest = self.patience.reply_timeout;
        let (reply, after) = if silent || answer.after > longest {
            (Reply::InDoubt(Doubt::TimedOut), longest)
        } else {
            (phones::reply(&answer.placed), answer.after)
        };
        self.posts.push(Post {
            campaign: self.runners[place].run.assignment.campaign,
            attempt,
            number: order.number,
            caller_id: order.caller_id,
            key: order.custom_field.clone(),
            at: time,
            placed: answer.placed,
            reply: reply.clone(),
        });
        (reply, after)
    }

    /// Reads a page of the list as the client does, and as the wire's own tests hold it to.
    fn search(&mut self, quest: &Quest) -> (Answer<Page>, Duration) {
        let Quest { search, page, .. } = quest;
        let numbers = search.numbers.iter();
        let filter = ListFilter {
            from: numbers.map(ToString::to_string).collect(),
            phone_number: vec![search.caller_id.to_string()],
            direction: Some("outbound-api".to_owned()),
            created_from: Some(search.window.from),
            created_to: Some(search.window.to),
            page_size: Some(100),
            order: Order::OldestFirst,
            cursor: page
                .as_ref()
                .map(|mark| Cursor::After(mark.0.parse().unwrap())),
            ..ListFilter::default()
        };
        let date = self.time() + self.provider_is_ahead;
        let (answer, after) = match self.searches {
            Searches::Work => self.list(&filter),
            Searches::Unreadable => {
                self.requests.push(self.now);
                let why = "not JSON".to_owned();
                (Err(LookUpFailure::Unreadable(why)), Duration::ZERO)
            }
        };
        if answer.is_ok() {
            self.searched_at = Some(self.time());
        }
        let answer = answer.map(|page| Page {
            calls: page.rows.iter().map(phones::listed).collect(),
            unreadable: 0,
            total: Some(page.total as u64),
            next: page.next.map(|cursor| match cursor {
                Cursor::After(place) => PageMark(place.to_string()),
                Cursor::Before(_) => unreachable!("pages are read forwards"),
            }),
            date: Some(date),
        });
        (answer, after)
    }

    fn scrub(&mut self, number: PhoneNumber) -> (Answer<Option<Dnd>>, Duration) {
        let asked_at = self.time();
        let (answer, after) = self.look_up(|exchange, time, _| {
            exchange.admit(time)?;
            Ok(exchange.is_dnd(&number.to_string()))
        });
        let mark = |registered| match registered {
            true => Dnd::Registered,
            false => Dnd::NotRegistered,
        };
        let answer: Answer<_> = answer.map(|registered| registered.map(mark));
        let answered_at = answer.is_ok().then_some(asked_at + after);
        self.scrubs.push(Scrub {
            number,
            asked_at,
            answered_at,
        });
        (answer, after)
    }

    fn list(&mut self, filter: &ListFilter) -> (Answer<sandbox::Page>, Duration) {
        self.look_up(|exchange, time, trouble| {
            let page = exchange.list(time, filter);
            match trouble {
                Some(GetTrouble::ShortList) => page.map(sandbox::Page::cut_short),
                _ => page,
            }
        })
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
            Some(GetTrouble::Slow) if self.slow > self.patience.reply_timeout => {
                let why = Doubt::TimedOut.to_string();
                let longest = self.patience.reply_timeout;
                (Err(LookUpFailure::Unreachable(why)), longest)
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
