//! `--scrub-dnd`: nobody is called before Exotel has said that the number is not registered as do-not-disturb.

use crate::support::answers::{assert_adds_up, contact};
use crate::support::binary::{FAST, Folder, number};
use crate::support::exotel::{Exotel, rung_once};
use crate::support::wiretap::Wiretap;

#[test]
fn whoever_is_registered_is_skipped_without_a_call_and_each_question_is_one_request() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 07=ndnc");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    folder.import_people("leads", 12);
    let line = format!("start leads {FAST} --scrub-dnd --yes -vv --format json");
    let ran = folder.run(&line).exits(0);
    let summary = ran.json();

    let status = folder.status("leads");
    assert_adds_up(&status);
    let registered = contact(&status, 7);
    assert_eq!(registered["call_status"], "skipped", "{registered:#}");
    assert_eq!(registered["reason"], "ndnc", "{registered:#}");
    assert_eq!(registered["attempts"], 0, "{registered:#}");
    assert_eq!(summary["counts"]["completed"], 11);
    let told = folder.run(&format!("why {}", number(7))).exits(0).stdout;
    assert!(
        told.contains("Skipped, and not called because of it"),
        "{told}"
    );
    let rung = rung_once(&exotel.ledger());
    assert_eq!(rung.len(), 11);
    assert!(!rung.contains(&number(7)));
    assert_eq!(wire.posts(), 11, "the registered number was never sent");

    let requests = wire.requests();
    let asked = |ending: u32| {
        let question = format!("GET /v1/Accounts/exampleco1/Numbers/098765{ending:05}.json");
        let is_it = |line: &&String| line.starts_with(&question);
        requests.iter().filter(is_it).count()
    };
    for ending in 0..12 {
        assert_eq!(asked(ending), 1, "{ending}: {requests:?}");
        let national = format!("98765{ending:05}");
        assert!(!ran.stderr.contains(&national), "{}", ran.stderr);
    }
    // The greeting, a question and a call each, and whatever was asked about the ends of calls; of these the last ones
    // may not have left any more.
    let counted = summary["requests"].as_u64().expect("a number");
    let sent = u64::try_from(requests.len()).expect("few requests");
    assert!(counted >= sent && sent > 1 + 12 + 11, "{counted} {sent}");
}

#[test]
fn the_answers_serve_the_next_campaign_and_are_asked_for_only_where_it_was_wished() {
    let exotel = Exotel::start("--hold 50ms --mix completed=1 --fate 07=ndnc");
    let wire = Wiretap::before(&exotel);
    let mut folder = Folder::calling(&exotel);
    folder.set("EXOTEL_API_BASE", wire.base());
    for campaign in ["first", "second", "third"] {
        folder.import_people(campaign, 10);
    }
    let questions = || {
        let requests = wire.requests();
        let questions = requests.iter().filter(|line| line.contains("/Numbers/"));
        questions.count()
    };
    let started = |flags: &str| folder.run(&format!("start {flags} {FAST} --yes")).exits(0);
    started("first --scrub-dnd");
    assert_eq!(questions(), 10);
    started("second --scrub-dnd=yes");
    assert_eq!(questions(), 10, "the answers are good for seven days");
    assert_eq!(contact(&folder.status("second"), 7)["reason"], "ndnc");
    assert_eq!(wire.posts(), 18);
    started("third");
    assert_eq!(questions(), 10);
    assert_eq!(
        wire.posts(),
        28,
        "nobody asked, so Exotel was left to refuse"
    );
}
