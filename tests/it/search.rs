//! The client's search against the sandbox's list, over real connections on this machine.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use exocamp::clock::Clock;
use exocamp::domain::call::{CallStatus, Window};
use exocamp::domain::phone::PhoneNumber;
use exocamp::exotel::{Account, BaseUrl, Client, Timeouts};
use exocamp::provider::{CallOrder, MOST_NUMBERS, Page, Reply, Search};
use exocamp::sandbox::{Call, Config, Sandbox, Script};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

const CALLER_ID: &str = "08098765000";

/// A sandbox whose calls end at once, and a client that asks it.
struct Rig {
    sandbox: Sandbox,
    client: Client,
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse_caller_id(text).unwrap()
}

/// Returns the number of the nth person.
fn person(nth: usize) -> PhoneNumber {
    number(&format!("098765{nth:05}"))
}

fn search(numbers: &[PhoneNumber]) -> Search {
    let now = Timestamp::now();
    Search {
        window: Window {
            from: now - SignedDuration::from_mins(10),
            to: now + SignedDuration::from_mins(1),
        },
        caller_id: number(CALLER_ID),
        numbers: numbers.to_vec(),
    }
}

impl Rig {
    async fn new(faults: &[&str]) -> Self {
        let script = Script {
            hold: "0s".parse().unwrap(),
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Script::default()
        };
        let config = Config {
            script,
            credentials: None,
            exophone: None,
            ledger: None,
            clock: Clock::open().unwrap(),
        };
        let sandbox = Sandbox::bind((Ipv4Addr::LOCALHOST, 0).into(), config);
        let sandbox = sandbox.await.unwrap();
        let account = Account {
            sid: "exampleco1".to_owned(),
            key: SecretString::from("key"),
            token: SecretString::from("token"),
            base: BaseUrl::parse(&format!("http://{}", sandbox.address())).unwrap(),
        };
        let client = Client::new(&account, Timeouts::default()).unwrap();
        Self { sandbox, client }
    }

    async fn call(&self, person: PhoneNumber, caller_id: &str) {
        let order = CallOrder {
            number: person,
            caller_id: number(caller_id),
            flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
            talk_limit: Duration::from_secs(60),
            ring: Duration::from_secs(30),
            record: false,
            custom_field: "a1".to_owned(),
            status_callback: None,
        };
        let reply = self.client.connect(&order).await;
        assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
    }

    /// Returns all pages.
    async fn pages(&self, search: &Search) -> Vec<Page> {
        let mut pages: Vec<Page> = Vec::new();
        loop {
            let mark = pages.last().and_then(|page| page.next.clone());
            if !pages.is_empty() && mark.is_none() {
                return pages;
            }
            let page = self.client.search(search, mark.as_ref()).await.unwrap();
            pages.push(page);
            assert!(pages.len() < 10, "the pages have no end");
        }
    }
}

fn sids(pages: &[Page]) -> Vec<&str> {
    let calls = pages.iter().flat_map(|page| &page.calls);
    calls.map(|call| call.report.sid.as_str()).collect()
}

fn names(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.sid.as_str()).collect()
}

#[tokio::test]
async fn two_hundred_and_fifty_calls_are_found_whole_in_three_pages() {
    let rig = Rig::new(&[]).await;
    for nth in 0..250 {
        rig.call(person(nth), CALLER_ID).await;
    }
    let pages = rig.pages(&search(&[])).await;
    assert_eq!(
        pages
            .iter()
            .map(|page| page.calls.len())
            .collect::<Vec<_>>(),
        [100, 100, 50]
    );
    let calls = rig.sandbox.calls();
    assert_eq!(sids(&pages), names(&calls));
    for page in &pages {
        assert_eq!((page.total, page.unreadable), (Some(250), 0));
        assert!(page.date.is_some());
    }
    for (found, call) in pages.iter().flat_map(|page| &page.calls).zip(&calls) {
        assert_eq!(found.report.number, Some(number(&call.number)));
        assert_eq!(found.caller_id, Some(number(CALLER_ID)));
        assert!(matches!(found.report.status, CallStatus::Ended(_)));
        let created_at = found.created_at.unwrap();
        assert_eq!(created_at.as_second(), call.accepted_at.as_second());
    }
    rig.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_search_finds_by_number_exophone_and_window_alone() {
    let rig = Rig::new(&[]).await;
    for (nth, caller_id) in [
        (1, CALLER_ID),
        (2, CALLER_ID),
        (3, CALLER_ID),
        (1, CALLER_ID),
        (1, "08098765001"),
    ] {
        rig.call(person(nth), caller_id).await;
    }
    let calls = rig.sandbox.calls();
    let all = names(&calls);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 5);

    let asked: Vec<_> = [1, 2].map(person).into();
    assert_eq!(asked.len(), MOST_NUMBERS);
    let pages = rig.pages(&search(&asked)).await;
    assert_eq!(sids(&pages), [all[0], all[1], all[3]]);
    assert_eq!(pages[0].total, Some(3));

    let other = Search {
        caller_id: number("08098765001"),
        ..search(&asked)
    };
    assert_eq!(sids(&rig.pages(&other).await), [all[4]]);

    let from = Timestamp::now() - SignedDuration::from_hours(2);
    let earlier = Search {
        window: Window {
            from,
            to: from + SignedDuration::from_hours(1),
        },
        ..search(&[])
    };
    let nothing = rig.pages(&earlier).await;
    assert_eq!(
        (nothing.len(), nothing[0].calls.len(), nothing[0].total),
        (1, 0, Some(0))
    );
    rig.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_short_list_can_be_told_by_its_total_alone() {
    let rig = Rig::new(&["get-short-list=100%"]).await;
    for nth in 0..5 {
        rig.call(person(nth), CALLER_ID).await;
    }
    let pages = rig.pages(&search(&[])).await;
    assert_eq!((pages.len(), pages[0].calls.len()), (1, 2));
    assert_eq!((pages[0].total, pages[0].unreadable), (Some(5), 0));
    rig.sandbox.shutdown().await;
}
