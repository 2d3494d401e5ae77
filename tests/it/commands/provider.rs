//! The provider refuses, or cannot be reached.

use std::net::TcpListener;

use crate::support::binary::{FAST, Folder};
use crate::support::canary;
use crate::support::exotel::{Exotel, rung_once};
use crate::support::wiretap::Wiretap;

#[test]
fn a_wrong_token_costs_one_request_and_nobody_a_try() {
    let exotel = Exotel::with_credentials("--hold 50ms --mix completed=1");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.set("EXOTEL_AUTH_TOKEN", "another");
    folder.import_people("leads", 3);

    let ran = folder.run(&format!("start leads {FAST}")).exits(5);
    let requests = wire.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0].starts_with("GET /v1/Accounts/exampleco1/"),
        "{requests:?}"
    );
    for cause in ["key", "token", "account", "region"] {
        assert!(ran.stderr.contains(cause), "{cause}: {}", ran.stderr);
    }
    {
        let _filters = folder.snapshots();
        insta::assert_snapshot!(ran.stdout, @"
        campaign  leads
        status    paused by exocamp: Authentication failed (401)
        contacts  3 = 3 pending + 0 initiated + 0 completed + 0 failed + 0 skipped + 0 held
        stopped   the provider refuses or cannot be reached
        calls     0 in [LENGTH], [N] requests
        ");
        insta::assert_snapshot!(ran.stderr, @"
        warning: calling hours never close for this campaign: people may be rung at night
        requests go to http://127.0.0.1:[PORT] on this machine, not to Exotel
        error: the provider refuses the key and token
          caused by: Authentication failed (401)
        hint: any of these may be wrong: the key (EXOTEL_AUTH_KEY), the token (EXOTEL_AUTH_TOKEN), the account (EXOTEL_ACCOUNT_SID), the region (EXOTEL_SUBDOMAIN: api.exotel.com or api.in.exotel.com)
        ");
    }
    let status = folder.status("leads");
    assert_eq!(status["status"], "paused");
    assert_eq!(status["counts"]["pending"], 3);
    assert!(
        status["contacts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|contact| contact["attempts"] == 0)
    );

    folder.set("EXOTEL_AUTH_TOKEN", canary::TOKEN);
    folder.run(&format!("start leads {FAST}")).exits(0);
    assert_eq!(rung_once(&exotel.ledger()).len(), 3);
}

#[test]
fn a_refusal_of_the_account_stops_at_the_first_call_and_the_next_start_goes_on() {
    for (fate, said) in [("balance", "balance or plan is used up"), ("kyc", "KYC")] {
        let exotel = Exotel::start(&format!("--hold 50ms --fate 00={fate}"));
        let wire = Wiretap::before(&exotel);
        let mut folder = Folder::calling(&exotel);
        folder.set("EXOTEL_API_BASE", wire.base());
        folder.import_people("leads", 3);
        let ran = folder
            .run(&format!("start leads {FAST} --format json"))
            .exits(5);
        let summary = ran.json();
        assert_eq!(summary["stopped_because"], "provider");
        assert_eq!(summary["status"], "paused");
        assert_eq!(summary["counts"]["pending"], 3, "nobody is charged");
        assert!(ran.stderr.contains(said), "{fate}: {}", ran.stderr);
        assert_eq!(ran.error_json()["exit"], 5);
        assert_eq!(wire.posts(), 1, "{fate}");
        // Once the account works again, an ordinary start is all it takes.
        let mended = Exotel::start("--hold 50ms --mix completed=1");
        folder.set("EXOTEL_API_BASE", &format!("http://{}", mended.address()));
        folder.run("start leads --allowance max").exits(0);
        assert_eq!(rung_once(&mended.ledger()).len(), 3);
    }
}

#[test]
fn three_refusals_in_a_row_that_blame_nobody_pause_the_campaign() {
    for fate in ["refused", "unavailable"] {
        let exotel = Exotel::start(&format!(
            "--fate 0={fate} --fate 1={fate} --fate 2={fate} --fate 3={fate}"
        ));
        let wire = Wiretap::before(&exotel);
        let mut folder = Folder::calling(&exotel);
        folder.set("EXOTEL_API_BASE", wire.base());
        folder.import_people("leads", 4);
        let ran = folder
            .run(&format!("start leads {FAST} --format json"))
            .exits(5);
        let summary = ran.json();
        assert_eq!(summary["status"], "paused", "{fate}");
        assert_eq!(summary["counts"]["pending"], 4, "{fate}");
        // A 503 with code 35008 is an overload, or one caller id that is broken: so that one is named.
        let hint = ran.error_json()["hint"].to_string();
        let names_the_caller_id = hint.contains("08098765000");
        assert_eq!(names_the_caller_id, fate == "unavailable", "{hint}");
        assert_eq!(wire.posts(), 3, "{fate}");
        assert!(exotel.ledger().is_empty());
    }
}

#[test]
fn a_provider_that_cannot_be_reached_is_named_and_nobody_is_charged() {
    let mut folder = Folder::calling(&Exotel::start(""));
    // A port that was free a moment ago and listens to nobody.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    folder.set("EXOTEL_API_BASE", &format!("http://{nobody}"));
    folder.import_people("leads", 2);
    let ran = folder.run(&format!("start leads {FAST}")).exits(5);
    assert!(
        ran.stderr.contains("the provider cannot be reached"),
        "{}",
        ran.stderr
    );
    let status = folder.status("leads");
    assert_eq!(status["counts"]["pending"], 2);
    assert_eq!(status["contacts"][0]["attempts"], 0);
}
