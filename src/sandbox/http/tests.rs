//! The sandbox over real connections on this machine.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;

const FLOW: &str = "http://my.exotel.com/exampleco1/exoml/start_voice/112233";

/// A sandbox on a free port, and a client that asks it.
struct Rig {
    sandbox: Sandbox,
    client: Client,
}

impl Rig {
    async fn new(script: Script) -> Self {
        Self::with(Config {
            script,
            credentials: None,
            exophone: None,
            ledger: None,
            clock: Clock::open().unwrap(),
        })
        .await
    }

    async fn with(config: Config) -> Self {
        let sandbox = Sandbox::bind((Ipv4Addr::LOCALHOST, 0).into(), config)
            .await
            .unwrap();
        let redirects = reqwest::redirect::Policy::none();
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(redirects);
        Self {
            sandbox,
            client: client.build().unwrap(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.address())
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(self.url(path))
            .basic_auth("key", Some("token"))
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client
            .post(self.url(path))
            .basic_auth("key", Some("token"))
    }

    fn connect(&self, from: &str) -> RequestBuilder {
        let form = [("From", from), ("CallerId", "08098765000"), ("Url", FLOW)];
        self.post("/v1/Accounts/exampleco1/Calls/connect.json")
            .form(&form)
    }

    async fn place(&self, from: &str) -> Response {
        self.connect(from).send().await.unwrap()
    }

    async fn sid(&self, from: &str) -> String {
        let reply: Value = self.place(from).await.json().await.unwrap();
        reply["Call"]["Sid"].as_str().unwrap().to_owned()
    }
}

/// Returns a script whose calls end at once and as these rules say.
fn at_once(rules: &[&str]) -> Script {
    let fates = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Script {
        fates,
        hold: "0s".parse().unwrap(),
        ..Script::default()
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_reply_has_the_shape_of_the_documented_one() {
    let rig = Rig::new(Script {
        hold: "1h".parse().unwrap(),
        ..Script::default()
    })
    .await;
    let reply: Value = rig.place("+919876543210").await.json().await.unwrap();
    let mut fields = keys(&reply["Call"]);
    fields.retain(|field| *field != "SubResourceUris");
    assert_eq!(
        fields.join(" "),
        "Sid ParentCallSid DateCreated DateUpdated AccountSid To From PhoneNumberSid Status \
         StartTime EndTime Duration Price Direction AnsweredBy ForwardedFrom CallerName Uri \
         RecordingUrl"
    );
    let call = &reply["Call"];
    assert_eq!(call["From"], "09876543210");
    assert_eq!(call["To"], "08098765000");
    assert_eq!(call["PhoneNumberSid"], "08098765000");
    assert_eq!(call["AccountSid"], "exampleco1");
    assert_eq!(call["Direction"], "outbound-api");
    assert_eq!(call["StartTime"], call["DateCreated"]);
    assert!(["in-progress", "queued"].contains(&call["Status"].as_str().unwrap()));
    let sid = call["Sid"].as_str().unwrap();
    assert_eq!(
        call["Uri"],
        format!("/v1/Accounts/exampleco1/Calls/{sid}.json")
    );
}

#[tokio::test]
async fn details_follow_the_call_and_bring_the_legs_when_asked() {
    let rig = Rig::new(at_once(&["0=completed"])).await;
    let sid = rig.sid("09876543210").await;
    let path = format!("/v1/Accounts/exampleco1/Calls/{sid}.json");
    let plain = rig.json(&path).await;
    assert_eq!(plain["Call"]["Status"], "completed");
    assert_eq!(plain["Call"]["AnsweredBy"], "human");
    assert_eq!(plain["Call"].get("Details"), None);
    let detailed = rig.json(&format!("{path}?details=true")).await;
    let details = &detailed["Call"]["Details"];
    assert_eq!(
        keys(details),
        ["ConversationDuration", "Leg1Status", "Leg2Status", "Legs"]
    );
    assert_eq!(details["Legs"][0]["Leg"]["Id"], 1);

    let unknown = rig
        .get("/v1/Accounts/exampleco1/Calls/0123.json")
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
    let body: Value = unknown.json().await.unwrap();
    assert_eq!(
        body,
        json!({"RestException": {"Status": 404, "Message": "No matching results"}})
    );
}

#[tokio::test]
async fn without_the_json_suffix_calls_and_refusals_are_xml() {
    let rig = Rig::new(at_once(&["9=ndnc"])).await;
    let connect = async |from| {
        let form = [("From", from), ("CallerId", "08098765000"), ("Url", FLOW)];
        let request = rig
            .post("/v1/Accounts/exampleco1/Calls/connect")
            .form(&form);
        request.send().await.unwrap().text().await.unwrap()
    };
    let placed = connect("09876543210").await;
    let sid = &rig.sandbox.calls()[0].sid;
    assert!(
        placed.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TwilioResponse><Call>")
    );
    assert!(
        placed.contains(&format!("<Sid>{sid}</Sid><ParentCallSid/>")),
        "{placed}"
    );
    let details = rig
        .get(&format!("/v1/Accounts/exampleco1/Calls/{sid}"))
        .send()
        .await
        .unwrap();
    assert!(
        details
            .text()
            .await
            .unwrap()
            .contains("<Direction>outbound-api</Direction>")
    );
    assert!(connect("09876543219").await.contains(
        "<TwilioResponse><RestException><Status>403</Status><Message>Call to [09876543219] \
         cannot be made because of TRAI NDNC regulations</Message></RestException>"
    ));
}

#[tokio::test]
async fn a_multipart_form_places_the_same_call_as_an_encoded_one() {
    let rig = Rig::new(Script::default()).await;
    let form = reqwest::multipart::Form::new()
        .text("From", "09876543210")
        .text("CallerId", "08098765000")
        .text("Url", FLOW)
        .text("CustomField", "c7:000123:2")
        .text("Record", "true");
    let request = rig
        .post("/v1/Accounts/exampleco1/Calls/connect.json")
        .multipart(form);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let call = &rig.sandbox.calls()[0];
    assert_eq!(
        (&*call.from, &*call.url, call.record),
        ("09876543210", FLOW, true)
    );
    assert_eq!(call.custom_field.as_deref(), Some("c7:000123:2"));
}

#[tokio::test]
async fn credentials_are_needed_and_must_fit_where_they_are_known() {
    let list = "/v1/Accounts/exampleco1/Calls.json";
    let open = Rig::new(Script::default()).await;
    let status = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(open.client.get(open.url(list))).await, 401);
    let v2 = open
        .client
        .get(open.url("/v2_beta/Accounts/exampleco1/IncomingPhoneNumbers"));
    let v2: Value = v2.send().await.unwrap().json().await.unwrap();
    assert_eq!(v2["RestException"]["Status"], 401);
    assert_eq!(status(open.get(list)).await, 200);
    assert_eq!(status(open.get("/v1/Accounts/other/Calls.json")).await, 200);
    assert_eq!(
        status(open.get("/v1/Accounts/exampleco1/Nothing.json")).await,
        404
    );

    let known = Rig::with(Config {
        script: Script::default(),
        credentials: Some(Credentials {
            key: "key".to_owned(),
            token: "token".into(),
            account_sid: "exampleco1".to_owned(),
        }),
        exophone: Some("08098765000".to_owned()),
        ledger: None,
        clock: Clock::open().unwrap(),
    })
    .await;
    let wrong = || {
        known
            .client
            .get(known.url(list))
            .basic_auth("key", Some("other"))
    };
    assert_eq!(status(wrong()).await, 401);
    assert_eq!(status(known.get(list)).await, 200);
    assert_eq!(
        status(known.get("/v1/Accounts/other/Calls.json")).await,
        404
    );
    let foreign = [
        ("From", "09876543210"),
        ("CallerId", "08098765001"),
        ("Url", FLOW),
    ];
    let refused = known
        .post("/v1/Accounts/exampleco1/Calls/connect.json")
        .form(&foreign);
    let refused: Value = refused.send().await.unwrap().json().await.unwrap();
    assert_eq!(refused["RestException"]["Status"], 400);
    assert!(
        refused["RestException"]["Message"]
            .as_str()
            .unwrap()
            .contains("CallerId")
    );
}

#[tokio::test]
async fn the_small_endpoints_have_their_documented_shapes() {
    let rig = Rig::new(at_once(&["88=ndnc"])).await;
    let number = rig
        .json("/v1/Accounts/exampleco1/Numbers/09876543288.json")
        .await;
    assert_eq!(
        number,
        json!({"Numbers": {"PhoneNumber": "09876543288", "Circle": "KA", "CircleName": "Karnataka",
            "Type": "Mobile", "Operator": "A", "OperatorName": "Airtel", "DND": "Yes"}})
    );
    let v2 = rig
        .json("/v2_beta/Accounts/exampleco1/IncomingPhoneNumbers")
        .await;
    assert_eq!(
        v2["incoming_phone_numbers"][0]["phone_number"],
        "+918098765000"
    );
    assert_eq!(v2["incoming_phone_numbers"][0]["voice_url"], FLOW);
    let v1 = rig
        .json("/v1/Accounts/exampleco1/IncomingPhoneNumbers.json")
        .await;
    let v1 = &v1["IncomingPhoneNumbers"][0]["IncomingPhoneNumber"];
    assert_eq!(
        *v1,
        json!({"PhoneNumber": "08098765000", "FriendlyName": "08098765000"})
    );
    let balance = rig.json("/v1/Accounts/exampleco1/Balance.json").await;
    assert_eq!(balance["Account"]["BalanceData"]["Currency"], "INR");
}

#[tokio::test]
async fn a_lost_reply_is_a_connection_cut_without_a_byte_and_a_placed_call() {
    let rig = Rig::new(at_once(&["1=lost-reply", "2=lost-request"])).await;
    for from in ["09876543211", "09876543212"] {
        let body = format!(
            "From={from}&CallerId=08098765000&Url=http%3A%2F%2Fmy.exotel.com%2Fexampleco1\
             %2Fexoml%2Fstart_voice%2F112233"
        );
        let request = format!(
            "POST /v1/Accounts/exampleco1/Calls/connect.json HTTP/1.1\r\nHost: sandbox\r\n\
             Authorization: Basic a2V5OnRva2Vu\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let address = rig.sandbox.address();
        let received = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut received = Vec::new();
            // The end may come as a close or as a reset; what counts is that nothing came before it.
            stream.read_to_end(&mut received).ok();
            received
        });
        assert_eq!(received.await.unwrap(), b"");
        let error = rig.connect(from).send().await.unwrap_err();
        assert!(error.is_request() && error.status().is_none(), "{error:?}");
    }
    let numbers: Vec<_> = rig
        .sandbox
        .calls()
        .into_iter()
        .map(|call| call.number)
        .collect();
    assert_eq!(numbers, ["9876543211", "9876543211"]);
}

#[tokio::test]
async fn every_other_trouble_of_a_post_looks_as_it_should() {
    let rules = [
        "1=429",
        "2=503",
        "3=503-placed",
        "4=truncated",
        "5=xml",
        "6=error-in-200",
        "7=redirect",
    ];
    let rig = Rig::new(at_once(&rules)).await;
    let mut seen = Vec::new();
    for digit in 1..=7 {
        let before = rig.sandbox.calls().len();
        let response = rig.place(&format!("0987654321{digit}")).await;
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").cloned();
        let kind = kind.map_or(String::new(), |kind| kind.to_str().unwrap().to_owned());
        let hint = ["retry-after", "location"].map(|name| response.headers().get(name).cloned());
        let hint = hint
            .into_iter()
            .flatten()
            .map(|value| value.to_str().unwrap().to_owned());
        let hint = hint.collect::<String>();
        let body = response.text().await.unwrap();
        let parses = serde_json::from_str::<Value>(&body).is_ok();
        let placed = rig.sandbox.calls().len() - before;
        let rule = rules[digit - 1];
        let line = format!("{rule}: {status} {kind} json={parses} placed={placed} {hint}");
        seen.push(line.trim_end().to_owned());
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
        1=429: 429 application/json json=true placed=0 1
        2=503: 503 text/html json=false placed=0
        3=503-placed: 503 text/html json=false placed=1
        4=truncated: 200 application/json json=false placed=1
        5=xml: 200 application/xml json=false placed=1
        6=error-in-200: 200 application/json json=true placed=0
        7=redirect: 302  json=false placed=0 /v1/Accounts/exampleco1/Calls/connect.json
        ");
}

#[tokio::test]
async fn a_slow_reply_is_about_a_call_that_exists_already() {
    let slow = Script {
        slow: Duration::from_secs(3_600),
        ..at_once(&["1=slow"])
    };
    let rig = Rig::new(slow).await;
    let request = tokio::spawn(rig.connect("09876543211").send());
    while rig.sandbox.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!request.is_finished());
    // A sandbox that is shut down does not make its clients wait for the hour to be over.
    rig.sandbox.shutdown().await;
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn troubles_of_gets_hit_look_ups_and_leave_posts_alone() {
    for (fault, expected) in [
        ("get-503=100%", 503),
        ("get-429=100%", 429),
        ("get-truncated=100%", 200),
    ] {
        let faults = vec![fault.parse().unwrap()];
        let rig = Rig::new(Script {
            faults,
            ..Script::default()
        })
        .await;
        assert_eq!(rig.place("09876543210").await.status(), 200);
        let response = rig
            .get("/v1/Accounts/exampleco1/Calls.json")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), expected, "{fault}");
        let parses = response.json::<Value>().await.is_ok();
        assert_eq!(parses, fault == "get-429=100%", "{fault}");
    }
    let faults = vec!["get-short-list=100%".parse().unwrap()];
    let rig = Rig::new(Script {
        faults,
        ..at_once(&[])
    })
    .await;
    let mut sids = Vec::new();
    for from in ["09876543210", "09876543211", "09876543212"] {
        sids.push(rig.sid(from).await);
    }
    let list = "/v1/Accounts/exampleco1/Calls.json?SortBy=DateCreated:asc";
    for (query, shown) in [("", 1), ("&PageSize=2", 1), ("&PageSize=1", 0)] {
        let page = rig.json(&format!("{list}{query}")).await;
        assert_eq!(page["Metadata"]["Total"], 3, "{query}");
        assert_eq!(page["Metadata"]["NextPageUri"], "", "{query}");
        let rows = page["Calls"].as_array().unwrap();
        assert_eq!(rows.len(), shown, "{query}");
        assert!(rows.iter().all(|row| row["Sid"] == sids[1]), "{query}");
    }
    let call = rig
        .json(&format!("/v1/Accounts/exampleco1/Calls/{}.json", sids[0]))
        .await;
    assert_eq!(call["Call"]["Sid"], sids[0]);

    let faults = vec!["get-lost=100%".parse().unwrap()];
    let rig = Rig::new(Script {
        faults,
        ..Script::default()
    })
    .await;
    assert!(
        rig.get("/v1/Accounts/exampleco1/Calls.json")
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_ledger_has_the_call_before_the_client_has_the_reply() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let rig = Rig::with(Config {
        script: at_once(&["10=busy", "11=lost-request", "12=503-placed"]),
        credentials: None,
        exophone: None,
        ledger: Some(path.clone()),
        clock: Clock::open().unwrap(),
    })
    .await;
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let sid = rig.sid("09876543210").await;
    let written = lines();
    assert_eq!(written.len(), 1);
    assert_eq!(
        keys(&written[0]).join(" "),
        "at sid number from caller_id flow custom_field outcome ends_at duration_s"
    );
    assert_eq!(written[0]["sid"], sid);
    assert_eq!(written[0]["number"], "+919876543210");
    assert_eq!(written[0]["from"], "09876543210");
    assert_eq!(written[0]["outcome"], "busy");
    let at = written[0]["at"].as_str().unwrap();
    assert!(at.ends_with("+05:30"), "{at}");
    assert_eq!(
        at.parse::<Timestamp>().unwrap(),
        rig.sandbox.calls()[0].accepted_at
    );

    rig.connect("09876543211").send().await.unwrap_err();
    assert_eq!(lines().len(), 1);
    assert_eq!(rig.place("09876543212").await.status(), 503);
    assert_eq!(lines().len(), 2);
}

#[tokio::test]
async fn pages_are_walked_by_the_addresses_they_give() {
    let rig = Rig::new(at_once(&["5=busy"])).await;
    for nth in 0..5 {
        rig.place(&format!("0987654321{nth}")).await;
    }
    let mut path = "/v1/Accounts/exampleco1/Calls.json?PageSize=2".to_owned();
    let mut rows = Vec::new();
    loop {
        let page = rig.json(&path).await;
        assert_eq!(page["Metadata"]["Total"], 5);
        assert_eq!(page["Metadata"]["PageSize"], 2);
        rows.extend(page["Calls"].as_array().unwrap().clone());
        match page["Metadata"]["NextPageUri"].as_str() {
            None | Some("") => break,
            Some(next) => path = next.to_owned(),
        }
    }
    let newest_first: Vec<_> = rig
        .sandbox
        .calls()
        .into_iter()
        .rev()
        .map(|call| call.sid)
        .collect();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| row["Sid"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen, newest_first);
    assert_eq!(
        keys(&rows[0]).join(" "),
        "Sid ParentCallSid DateCreated DateUpdated AccountSid To From PhoneNumber PhoneNumberSid \
         Status StartTime EndTime Duration Price Direction AnsweredBy Uri RecordingUrl"
    );
}

#[tokio::test]
async fn a_bad_filter_and_a_full_minute_are_refused_over_http_too() {
    let rig = Rig::new(Script {
        rate_limit: Some(1),
        ..Script::default()
    })
    .await;
    let list = "/v1/Accounts/exampleco1/Calls.json";
    let bad = rig
        .get(&format!("{list}?Direction=sideways"))
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    let bad: Value = bad.json().await.unwrap();
    let message = bad["RestException"]["Message"].as_str().unwrap();
    assert!(
        message.contains("inbound, outbound-dial, outbound-api"),
        "{message}"
    );
    let full = rig.get(list).send().await.unwrap();
    assert_eq!(full.status(), 429);
    let wait: u64 = full.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait));
}

#[tokio::test]
async fn the_end_of_a_call_is_reported_in_four_fields_as_asked() {
    // The listener refuses each first delivery, so each report must come twice.
    let (sender, mut received) = mpsc::unbounded_channel();
    let turns = Arc::new(AtomicUsize::new(0));
    let hear = async move |headers: HeaderMap, body: Bytes| {
        let kind = headers["content-type"].to_str().unwrap().to_owned();
        sender
            .send((kind, String::from_utf8(body.to_vec()).unwrap()))
            .unwrap();
        let first = turns.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        if first {
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::OK
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let callback = format!("http://{}/exotel/cb/7f3a9c", listener.local_addr().unwrap());
    let hearing = Router::new().route("/exotel/cb/7f3a9c", post(hear));
    tokio::spawn(async move { axum::serve(listener, hearing).await });

    let rig = Rig::new(at_once(&["0=no-answer"])).await;
    for content_type in ["multipart/form-data", "application/json"] {
        let form = [
            ("From", "09876543210"),
            ("CallerId", "08098765000"),
            ("Url", FLOW),
            ("StatusCallback", &callback),
            ("StatusCallbackContentType", content_type),
        ];
        let request = rig
            .post("/v1/Accounts/exampleco1/Calls/connect.json")
            .form(&form);
        let reply: Value = request.send().await.unwrap().json().await.unwrap();
        let sid = reply["Call"]["Sid"].as_str().unwrap();
        let (_, refused) = received.recv().await.unwrap();
        let (kind, body) = received.recv().await.unwrap();
        assert!(kind.starts_with(content_type), "{kind}");
        assert!(refused.contains(sid) && body.contains(sid));
        if content_type == "application/json" {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                keys(&body),
                ["CallSid", "Status", "RecordingUrl", "DateUpdated"]
            );
            assert_eq!(
                (&body["Status"], &body["RecordingUrl"]),
                (&json!("no-answer"), &json!(""))
            );
        } else {
            assert!(
                body.contains("name=\"Status\"\r\n\r\nno-answer\r\n"),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn an_address_in_use_and_a_ledger_that_cannot_be_are_named() {
    let rig = Rig::new(Script::default()).await;
    let config = Config {
        script: Script::default(),
        credentials: None,
        exophone: None,
        ledger: None,
        clock: Clock::open().unwrap(),
    };
    let taken = Sandbox::bind(rig.sandbox.address(), config.clone())
        .await
        .unwrap_err();
    assert_eq!(
        taken.to_string(),
        format!("cannot listen on `{}`", rig.sandbox.address())
    );
    let ledger = Some(PathBuf::from("/nowhere/ledger.jsonl"));
    let nowhere = Sandbox::bind((Ipv4Addr::LOCALHOST, 0).into(), Config { ledger, ..config }).await;
    assert_eq!(
        nowhere.unwrap_err().to_string(),
        "cannot open ledger `/nowhere/ledger.jsonl`"
    );
}
