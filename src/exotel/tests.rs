//! The client against raw listeners: what it sends, how often, and what it makes of every way to fail.
//!
//! Loopback only, on ports the system picks. Nothing here waits for time to pass, except for time-outs themselves.

mod listener;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::SecretString;

use self::listener::{Line, Listener};
use super::*;
use crate::domain::call::Outcome;
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::RejectionClass;

const KEY: &str = "canary-key-3f";
const TOKEN: &str = "canary-token-9d";
const SID: &str = "c5797dcbaaeed7678c4062a4a3ed142k";
const ACCEPTED: &str = include_str!("../../fixtures/exotel/connect_accepted.json");

/// Long enough never to be reached by a test that passes.
const PATIENT: Timeouts = Timeouts {
    connect: Duration::from_secs(30),
    reply: Duration::from_secs(30),
};

/// Short enough for a test that waits for it.
const HASTY: Timeouts = Timeouts {
    connect: Duration::from_millis(100),
    reply: Duration::from_millis(400),
};

fn account(base: &str) -> Account {
    Account {
        sid: "exampleco1".to_owned(),
        key: SecretString::from(KEY),
        token: SecretString::from(TOKEN),
        base: BaseUrl::parse(base).unwrap(),
    }
}

fn client(exotel: &Listener, timeouts: Timeouts) -> Client {
    Client::new(&account(&exotel.base()), timeouts).unwrap()
}

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

fn order() -> CallOrder {
    CallOrder {
        number: PhoneNumber::parse_caller_id("+919876543210").unwrap(),
        caller_id: PhoneNumber::parse_caller_id("08098765000").unwrap(),
        flow_url: "http://my.exotel.com/exampleco1/exoml/start_voice/112233".to_owned(),
        talk_limit: Duration::from_secs(900),
        ring: Duration::from_secs(30),
        record: false,
        custom_field: "c7:000123:2".to_owned(),
        status_callback: None,
    }
}

fn sid(text: &str) -> CallSid {
    text.parse().unwrap()
}

fn is_not_sent(reply: &Reply) -> bool {
    matches!(reply, Reply::NotSent(NotSent::NoConnection(_)))
}

// What is sent.

#[tokio::test]
async fn a_call_is_one_form_with_the_credentials_in_a_header_only() {
    let exotel = Listener::always(http("200 OK", "", ACCEPTED));
    let reply = client(&exotel, PATIENT).connect(&order()).await;
    assert_eq!(reply, Reply::Accepted(sid(SID)));

    let requests = exotel.requests();
    assert_eq!(requests.len(), 1);
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /v1/Accounts/exampleco1/Calls/connect.json HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded"),
        "{head}"
    );
    assert!(
        head.contains(concat!("user-agent: exocamp/", env!("CARGO_PKG_VERSION"))),
        "{head}"
    );
    let basic = STANDARD
        .encode(format!("{KEY}:{TOKEN}"))
        .to_ascii_lowercase();
    assert!(
        head.contains(&format!("authorization: basic {basic}")),
        "{head}"
    );
    assert!(!head.contains(KEY) && !body.contains(KEY) && !body.contains(TOKEN));
    assert_eq!(
        body,
        "From=09876543210&CallerId=08098765000\
         &Url=http%3A%2F%2Fmy.exotel.com%2Fexampleco1%2Fexoml%2Fstart_voice%2F112233\
         &CallType=trans&TimeLimit=900&TimeOut=30&Record=false&CustomField=c7%3A000123%3A2"
    );
}

#[tokio::test]
async fn look_ups_ask_exactly_this() {
    let exotel = Listener::always(http("200 OK", "", r#"{"Calls": []}"#));
    let client = client(&exotel, PATIENT);
    let window = Window {
        from: "2025-12-23T18:30:00Z".parse().unwrap(),
        to: "2025-12-24T18:29:59Z".parse().unwrap(),
    };
    client.greet().await.unwrap();
    client.ended_calls(&[sid("a1"), sid("b2")]).await.unwrap();
    client
        .ended_calls_within(&[sid("a1")], window)
        .await
        .unwrap();
    client.ended_calls(&[]).await.unwrap();
    let _ = client.call(&sid("a1")).await;
    let lines: Vec<String> = exotel
        .requests()
        .iter()
        .map(|r| r.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v1/Accounts/exampleco1/Calls.json?PageSize=1 HTTP/1.1",
            "GET /v1/Accounts/exampleco1/Calls.json?Sid=a1%2Cb2&PageSize=100 HTTP/1.1",
            "GET /v1/Accounts/exampleco1/Calls.json?Sid=a1&PageSize=100\
             &DateCreated=gte%3A2025-12-24%2000%3A00%3A00%3Blte%3A2025-12-24%2023%3A59%3A59 HTTP/1.1",
            "GET /v1/Accounts/exampleco1/Calls/a1.json HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_number_is_asked_about_in_its_national_form_and_one_abroad_not_at_all() {
    let registered = include_str!("../../fixtures/exotel/number_registered.json");
    let exotel = Listener::always(http("200 OK", "", registered));
    let client = client(&exotel, PATIENT);
    for spelling in ["9876543210", "+919876543210", "09876543210"] {
        let number = PhoneNumber::parse(spelling).unwrap();
        assert_eq!(client.dnd(number).await.unwrap(), Some(Dnd::Registered));
    }
    let abroad = PhoneNumber::from_digits(6_581_234_567).unwrap();
    assert_eq!(client.dnd(abroad).await.unwrap(), None);
    let requests = exotel.requests();
    assert_eq!(requests.len(), 3);
    let asked = "GET /v1/Accounts/exampleco1/Numbers/09876543210.json HTTP/1.1\r\n";
    assert!(requests.iter().all(|request| request.starts_with(asked)));
}

#[tokio::test]
async fn a_question_about_a_number_that_fails_does_not_tell_the_number() {
    let number = PhoneNumber::parse("9876543210").unwrap();
    let echo = r#"{"RestException": {"Status": 400, "Message": "bad request for 09876543210"}}"#;
    let echoing = Listener::always(http("400 Bad Request", "", echo));
    let garbled = Listener::always(http("200 OK", "", "<p>09876543210</p>"));
    let gone = client(&Listener::always(""), HASTY);
    for client in [client(&echoing, PATIENT), client(&garbled, PATIENT), gone] {
        let failure = client.dnd(number).await.unwrap_err();
        let told = format!("{failure} {failure:?}");
        assert!(!told.contains("9876543210"), "{told}");
    }
}

#[tokio::test]
async fn a_greeting_tells_exotels_clock() {
    let date = "Date: Wed, 24 Dec 2025 05:50:00 GMT\r\n";
    let exotel = Listener::always(http("200 OK", date, r#"{"Metadata": {}, "Calls": []}"#));
    let greeting = client(&exotel, PATIENT).greet().await.unwrap();
    assert_eq!(
        greeting.date,
        Some("2025-12-24T05:50:00Z".parse::<Timestamp>().unwrap())
    );
}

#[tokio::test]
async fn a_list_is_read_without_the_calls_of_strangers() {
    let exotel = Listener::always(http(
        "200 OK",
        "",
        include_str!("../../fixtures/exotel/list_two.json"),
    ));
    let client = client(&exotel, PATIENT);
    let asked = sid("b6a1f0e2d3c4958677a8b9c0d1e219cp");
    let found = client
        .ended_calls(std::slice::from_ref(&asked))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].sid, &found[0].status),
        (
            &asked,
            &crate::domain::call::CallStatus::Ended(Outcome::NoAnswer)
        )
    );
}

const FIRST_PAGE: &str = include_str!("../../fixtures/exotel/page_first.json");
const LAST_PAGE: &str = include_str!("../../fixtures/exotel/page_last.json");
const NEXT_ELSEWHERE: &str = include_str!("../../fixtures/exotel/page_next_elsewhere.json");

fn search(numbers: &[&str]) -> Search {
    let number = |text: &&str| PhoneNumber::parse_caller_id(text).unwrap();
    Search {
        window: Window {
            from: "2025-12-24T05:48:00.7Z".parse().unwrap(),
            to: "2025-12-24T05:55:00.7Z".parse().unwrap(),
        },
        caller_id: number(&"08098765000"),
        numbers: numbers.iter().map(number).collect(),
    }
}

fn sids(page: &Page) -> Vec<&str> {
    let calls = page.calls.iter();
    calls.map(|call| call.report.sid.as_str()).collect()
}

#[tokio::test]
async fn a_search_asks_for_both_spellings_and_turns_pages_by_their_cursor() {
    let exotel = Listener::new(|line| {
        while let Some(request) = line.hear() {
            let page = if request.contains("After=") {
                LAST_PAGE
            } else {
                FIRST_PAGE
            };
            let date = "Date: Wed, 24 Dec 2025 06:00:00 GMT\r\n";
            line.say(http("200 OK", date, page).as_bytes());
        }
    });
    let client = client(&exotel, PATIENT);
    let search = search(&["09876543210", "09876543211"]);

    let first = client.search(&search, None).await.unwrap();
    assert_eq!(
        sids(&first),
        [
            "b6a1f0e2d3c4958677a8b9c0d1e219cp",
            "0a9b8c7d6e5f40312233445566771a8r"
        ]
    );
    assert_eq!((first.total, first.unreadable), (Some(3), 0));
    assert_eq!(first.date, Some("2025-12-24T06:00:00Z".parse().unwrap()));
    let next = first.next.unwrap();
    assert_eq!(next, PageMark("MTYx".to_owned()));

    let last = client.search(&search, Some(&next)).await.unwrap();
    assert_eq!(sids(&last), [SID]);
    assert_eq!(last.next, None);

    let asked = "GET /v1/Accounts/exampleco1/Calls.json\
        ?From=09876543210%2C%2B919876543210%2C09876543211%2C%2B919876543211\
        &PhoneNumber=08098765000&Direction=outbound-api\
        &DateCreated=gte%3A2025-12-24%2011%3A18%3A00%3Blte%3A2025-12-24%2011%3A25%3A00\
        &PageSize=100&SortBy=DateCreated%3Aasc";
    let requests = exotel.requests();
    let lines: Vec<_> = requests
        .iter()
        .map(|request| request.lines().next().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            format!("{asked} HTTP/1.1"),
            format!("{asked}&After=MTYx HTTP/1.1")
        ]
    );
}

#[tokio::test]
async fn a_search_for_everybody_names_no_number_and_a_cursor_is_sent_encoded_whole() {
    let exotel = Listener::always(http("200 OK", "", LAST_PAGE));
    let client = client(&exotel, PATIENT);
    let mark = PageMark("a+b/c==&From=x".to_owned());
    client.search(&search(&[]), Some(&mark)).await.unwrap();
    let requests = exotel.requests();
    let line = requests[0].lines().next().unwrap();
    assert!(
        line.contains("Calls.json?PhoneNumber=08098765000&"),
        "{line}"
    );
    assert!(
        line.ends_with("&After=a%2Bb%2Fc%3D%3D%26From%3Dx HTTP/1.1"),
        "{line}"
    );
}

#[tokio::test]
async fn a_next_page_on_another_host_is_asked_for_where_we_are() {
    let elsewhere = Listener::always(http("200 OK", "", LAST_PAGE));
    let page = NEXT_ELSEWHERE.replace("https://calls.example.com", &elsewhere.base());
    assert_ne!(page, NEXT_ELSEWHERE);
    let exotel = Listener::always(http("200 OK", "", &page));
    let client = client(&exotel, PATIENT);
    let next = client
        .search(&search(&[]), None)
        .await
        .unwrap()
        .next
        .unwrap();
    // The same cursor again: pages that would never end.
    let Err(LookUpFailure::Unreadable(_)) = client.search(&search(&[]), Some(&next)).await else {
        panic!("the page begins where it ends")
    };
    assert_eq!(exotel.requests().len(), 2);
    assert!(exotel.requests()[1].starts_with("GET /v1/Accounts/exampleco1/Calls.json?PhoneNumber"));
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_search_that_finds_nothing_is_an_empty_page() {
    let nothing = include_str!("../../fixtures/exotel/refused_404_no_results.json");
    let exotel = Listener::always(http(
        "404 Not Found",
        "Date: Wed, 24 Dec 2025 06:00:00 GMT\r\n",
        nothing,
    ));
    let page = client(&exotel, PATIENT)
        .search(&search(&[]), None)
        .await
        .unwrap();
    let empty = Page {
        calls: Vec::new(),
        unreadable: 0,
        total: Some(0),
        next: None,
        date: Some("2025-12-24T06:00:00Z".parse().unwrap()),
    };
    assert_eq!(page, empty);
}

#[tokio::test]
async fn a_search_that_brings_nothing_says_why() {
    let exotel = Listener::new(|line| while line.hear().is_some() {});
    let answer = client(&exotel, HASTY).search(&search(&[]), None).await;
    assert_eq!(
        answer,
        Err(LookUpFailure::Unreachable("no reply in time".to_owned()))
    );
    let exotel = Listener::always(http("429 Too Many Requests", "Retry-After: 30\r\n", ""));
    let Err(LookUpFailure::Refused(rejection)) =
        client(&exotel, PATIENT).search(&search(&[]), None).await
    else {
        panic!("429 is a refusal")
    };
    assert_eq!(rejection.retry_after, Some(Duration::from_secs(30)));
}

// What is proven unsent, and what is not.

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    // Bound, so that nobody else gets the port, and not listening.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", held.local_addr().unwrap());
    let client = Client::new(&account(&base), PATIENT).unwrap();
    let reply = client.connect(&order()).await;
    assert!(is_not_sent(&reply), "{reply:?}");
    let Err(LookUpFailure::Unreachable(why)) = client.greet().await else {
        panic!("nobody is there")
    };
    assert!(!why.contains("exampleco1") && !why.contains('\n'), "{why}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    let plain = Listener::new(|line| {
        line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        line.hang_up();
    });
    let base = format!("https://{}", plain.address);
    let reply = Client::new(&account(&base), PATIENT)
        .unwrap()
        .connect(&order())
        .await;
    assert!(is_not_sent(&reply), "{reply:?}");
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_not_sent() {
    let silent = Listener::new(|line| while line.hear().is_some() {});
    let base = format!("https://{}", silent.address);
    let reply = Client::new(&account(&base), HASTY)
        .unwrap()
        .connect(&order())
        .await;
    assert!(is_not_sent(&reply), "{reply:?}");
}

#[tokio::test]
async fn a_connection_that_closes_without_a_byte_is_in_doubt() {
    let exotel = Listener::new(Line::hang_up);
    assert_eq!(
        client(&exotel, PATIENT).connect(&order()).await,
        Reply::InDoubt(Doubt::Broken)
    );
}

#[tokio::test]
async fn a_reply_that_never_comes_is_in_doubt() {
    let exotel = Listener::new(|line| while line.hear().is_some() {});
    assert_eq!(
        client(&exotel, HASTY).connect(&order()).await,
        Reply::InDoubt(Doubt::TimedOut)
    );
    assert_eq!(exotel.requests().len(), 1);
    let answer = client(&exotel, HASTY).greet().await;
    assert_eq!(
        answer,
        Err(LookUpFailure::Unreachable("no reply in time".to_owned()))
    );
}

#[tokio::test]
async fn a_reply_that_stops_halfway_is_in_doubt() {
    let half = http("200 OK", "", ACCEPTED);
    let exotel = Listener::new(move |line| {
        line.hear();
        line.say(&half.as_bytes()[..half.len() - 100]);
        line.hang_up();
    });
    let client = client(&exotel, PATIENT);
    assert_eq!(
        client.connect(&order()).await,
        Reply::InDoubt(Doubt::Broken)
    );
    assert!(matches!(
        client.call(&sid(SID)).await,
        Err(LookUpFailure::Unreachable(_))
    ));
    assert_eq!(exotel.requests().len(), 2);
}

#[tokio::test]
async fn a_reply_that_is_no_http_is_in_doubt() {
    let exotel = Listener::always("220 smtp ready\r\n");
    assert_eq!(
        client(&exotel, PATIENT).connect(&order()).await,
        Reply::InDoubt(Doubt::Broken)
    );
    assert_eq!(exotel.requests().len(), 1);
}

#[tokio::test]
async fn a_reply_without_end_is_in_doubt_and_not_read_to_the_end() {
    let endless = |head: &'static str| {
        move |line: &mut Line| {
            line.hear();
            line.say(head.as_bytes());
            while line.say(b"400\r\n") && line.say(&[b'x'; 1024]) && line.say(b"\r\n") {}
        }
    };
    let exotel = Listener::new(endless(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ));
    let client = client(&exotel, PATIENT);
    let Reply::InDoubt(Doubt::Unreadable {
        status: 200,
        excerpt,
    }) = client.connect(&order()).await
    else {
        panic!("the reply has no end")
    };
    assert!(excerpt.starts_with("longer than 64 KiB: xxx"), "{excerpt}");
    assert!(matches!(
        client.call(&sid(SID)).await,
        Err(LookUpFailure::Unreadable(_))
    ));
    let Err(LookUpFailure::Unreadable(why)) = client.ended_calls(&[sid(SID)]).await else {
        panic!("the list has no end")
    };
    assert!(
        why.starts_with("HTTP 200: longer than 512 KiB: xxx"),
        "{why}"
    );
}

/// 200 KiB of the letter x, compressed.
const SWELLING: &str = "\
    H4sIAAAAAAACA+3BAQ0AAADCoNqPbw8HFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAE8G6irD3AAgAwA=";

#[tokio::test]
async fn a_small_reply_that_swells_is_bounded_by_what_it_swells_to() {
    let packed = STANDARD.decode(SWELLING).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    let exotel = Listener::always([head.as_bytes(), &packed].concat());
    let reply = client(&exotel, PATIENT).connect(&order()).await;
    let Reply::InDoubt(Doubt::Unreadable { excerpt, .. }) = reply else {
        panic!("{reply:?}")
    };
    assert!(excerpt.starts_with("longer than 64 KiB: xxx"), "{excerpt}");
}

#[tokio::test]
async fn a_redirect_is_in_doubt_and_never_followed() {
    let elsewhere = Listener::always(http("200 OK", "", ACCEPTED));
    // Also to an address that is none: whatever the library thinks of it, the request was answered.
    for location in [
        format!("http://{}/x", elsewhere.address),
        "/x".to_owned(),
        "http://256.256.256.256/".to_owned(),
    ] {
        for status in [
            "301 Moved Permanently",
            "302 Found",
            "307 Temporary Redirect",
            "308 Permanent Redirect",
        ] {
            let exotel = Listener::always(http(status, &format!("Location: {location}\r\n"), ""));
            let reply = client(&exotel, PATIENT).connect(&order()).await;
            assert!(
                matches!(reply, Reply::InDoubt(_)),
                "{status} {location}: {reply:?}"
            );
            assert_eq!(exotel.requests().len(), 1);
        }
    }
    assert!(elsewhere.requests().is_empty());
}

// Never twice.

#[tokio::test]
async fn an_idle_connection_is_used_again() {
    let connections = Arc::new(Mutex::new(0));
    let count = Arc::clone(&connections);
    let exotel = Listener::new(move |line| {
        *count.lock().unwrap() += 1;
        while line.hear().is_some() {
            line.say(http("200 OK", "", ACCEPTED).as_bytes());
        }
    });
    let client = client(&exotel, PATIENT);
    for _ in 0..3 {
        assert_eq!(client.connect(&order()).await, Reply::Accepted(sid(SID)));
    }
    assert_eq!(
        (exotel.requests().len(), *connections.lock().unwrap()),
        (3, 1)
    );
}

#[tokio::test]
async fn a_kept_connection_that_takes_the_second_call_and_closes_leaves_it_in_doubt() {
    let exotel = Listener::new(|line| {
        line.hear();
        line.say(http("200 OK", "", ACCEPTED).as_bytes());
        line.hear();
        line.hang_up();
    });
    let client = client(&exotel, PATIENT);
    assert_eq!(client.connect(&order()).await, Reply::Accepted(sid(SID)));
    assert_eq!(
        client.connect(&order()).await,
        Reply::InDoubt(Doubt::Broken)
    );
    assert_eq!(exotel.requests().len(), 2);
}

/// The race itself: whether the client sees the end of the idle connection before or after it writes is up to the
/// machine. Either way the other side has read each call once, or not at all and we say so.
#[tokio::test]
async fn a_kept_connection_that_closes_between_two_calls_never_doubles_one() {
    let exotel = Listener::new(|line| {
        line.hear();
        line.say(http("200 OK", "", ACCEPTED).as_bytes());
        line.hang_up();
    });
    let client = client(&exotel, PATIENT);
    let mut accepted = 0;
    for round in 0..200 {
        let custom_field = format!("round {round}.");
        match client
            .connect(&CallOrder {
                custom_field,
                ..order()
            })
            .await
        {
            Reply::Accepted(_) => accepted += 1,
            Reply::InDoubt(Doubt::Broken) => {}
            other => panic!("round {round}: {other:?}"),
        }
    }
    let requests = exotel.requests();
    assert_eq!(requests.len(), accepted);
    for round in 0..200 {
        let mark = format!("CustomField=round+{round}.");
        assert!(
            requests
                .iter()
                .filter(|request| request.ends_with(&mark))
                .count()
                <= 1,
            "round {round}"
        );
    }
}

// What is told.

#[tokio::test]
async fn a_rate_limit_tells_how_long_to_wait() {
    let exotel = Listener::always(http("429 Too Many Requests", "Retry-After: 30\r\n", ""));
    let Reply::Rejected(rejection) = client(&exotel, PATIENT).connect(&order()).await else {
        panic!("429 is a refusal")
    };
    assert_eq!(rejection.class, RejectionClass::RateLimited);
    assert_eq!(rejection.retry_after, Some(Duration::from_secs(30)));
}

/// Everything that can be told of an account whose server echoes the credentials in every form it has seen them.
#[tokio::test]
async fn no_text_that_leaves_the_client_holds_the_key_or_the_token() {
    let basic = STANDARD.encode(format!("{KEY}:{TOKEN}"));
    let echo = format!(
        "Authorization: Basic {basic}; {KEY} {TOKEN}; {}",
        "x ".repeat(80) + TOKEN
    );
    let refusal = |status: u16| {
        serde_json::json!({"RestException": {"Status": status, "Message": echo, "Code": TOKEN}})
            .to_string()
    };
    let answers = [
        http("200 OK", "", &echo),
        http("401 Unauthorized", "", &echo),
        http("401 Unauthorized", "", &refusal(401)),
        http("503 Service Unavailable", "", &refusal(503)),
        http(
            "502 Bad Gateway",
            "",
            &format!("<p title=\"{basic}\">{echo}</p>"),
        ),
        http("200 OK", "", &format!("{}{}", " ".repeat(70_000), echo)),
        http(
            "200 OK",
            "",
            &serde_json::json!({"Call": {"Sid": "a1", "Status": TOKEN}}).to_string(),
        ),
        format!("{echo}\r\n\r\n"),
    ];
    let mut told = Vec::new();
    for answer in answers {
        let exotel = Listener::always(answer);
        let client = client(&exotel, PATIENT);
        told.push(format!("{:?} {client:?}", account(&exotel.base())));
        let reply = client.connect(&order()).await;
        told.push(format!("{reply:?}"));
        match reply {
            Reply::Rejected(rejection) => told.push(rejection.to_string()),
            Reply::InDoubt(doubt) => told.push(doubt.to_string()),
            Reply::NotSent(why) => told.push(why.to_string()),
            Reply::Accepted(_) => {}
        }
        told.push(format!("{:?}", client.greet().await));
        told.push(format!("{:?}", client.search(&search(&[]), None).await));
        let report = client.call(&sid("a1")).await;
        told.push(format!("{report:?}"));
        if let Err(failure) = report {
            told.push(failure.to_string());
        }
    }
    for text in told {
        for secret in [
            KEY,
            TOKEN,
            &basic,
            &STANDARD.encode(KEY),
            &STANDARD.encode(TOKEN),
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn an_account_sid_that_could_change_the_address_is_refused() {
    for sid in ["", "..", "a/b", "a?b", "a b"] {
        let account = Account {
            sid: sid.to_owned(),
            ..account("https://api.exotel.com")
        };
        assert!(Client::new(&account, PATIENT).is_err(), "{sid}");
    }
}
