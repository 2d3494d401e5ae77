//! Status callbacks from the sandbox, over real connections on this machine, as the client reads them.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use exocamp::clock::Clock;
use exocamp::domain::call::{CallStatus, Outcome};
use exocamp::exotel::callback::{self, Callback, CallbackBase, CallbackSecret, TokenHash};
use exocamp::sandbox::{Config, Sandbox, Script};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const FLOW: &str = "http://my.exotel.com/exampleco1/exoml/start_voice/112233";

#[tokio::test]
async fn a_callback_in_either_form_leads_to_its_attempt_and_its_call() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let hook = async move |Path(token): Path<String>, headers: HeaderMap, body: Bytes| {
        let content_type = headers[CONTENT_TYPE].to_str().unwrap();
        let callback = callback::read(Some(content_type), &body).unwrap();
        assert_eq!(callback::read(None, &body).unwrap(), callback);
        let heard = (TokenHash::of(&token), content_type.to_owned(), callback);
        tell.send(heard).unwrap();
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}/exotel/", listener.local_addr().unwrap());
    let base = CallbackBase::parse(&base).unwrap();
    let router = Router::new().route("/exotel/{token}", post(hook));
    tokio::spawn(async { axum::serve(listener, router).await });

    let config = Config {
        script: Script {
            hold: "0s".parse().unwrap(),
            mix: "busy=1".parse().unwrap(),
            ..Script::default()
        },
        credentials: None,
        exophone: None,
        ledger: None,
        clock: Clock::open().unwrap(),
    };
    let sandbox = Sandbox::bind((Ipv4Addr::LOCALHOST, 0).into(), config);
    let sandbox = sandbox.await.unwrap();
    let connect = format!(
        "http://{}/v1/Accounts/exampleco1/Calls/connect.json",
        sandbox.address()
    );
    let secret = CallbackSecret::new().unwrap();
    let exotel = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    for (key, form) in [
        ("c7:000001:1", "application/json"),
        ("c7:000002:1", "multipart/form-data"),
    ] {
        let token = secret.token(key);
        let form_fields = [
            ("From", "09876543210"),
            ("CallerId", "08098765000"),
            ("Url", FLOW),
            ("StatusCallback", &token.url(&base)),
            ("StatusCallbackContentType", form),
        ];
        let placed = exotel
            .post(&connect)
            .basic_auth("key", Some("token"))
            .form(&form_fields);
        assert_eq!(placed.send().await.unwrap().status(), 200);
        let heard = tokio::time::timeout(Duration::from_secs(30), told.recv());
        let (hash, content_type, callback) = heard.await.unwrap().unwrap();
        assert_eq!(hash, token.hash());
        assert!(content_type.starts_with(form), "{content_type}");
        let expected = Callback {
            sid: sandbox.calls().last().unwrap().sid.parse().unwrap(),
            status: CallStatus::Ended(Outcome::Busy),
            number: None,
            event: None,
        };
        assert_eq!(callback, expected);
    }
    sandbox.shutdown().await;
}
