//! The samples in `fixtures/exotel/`, each against what `cases.tsv` says it means.
//!
//! The sandbox is held to the same samples, so two readings of Exotel's documentation meet here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::classify::{
    Received, classify_call, classify_connect, classify_list, classify_number, classify_search,
};
use super::tidy::Tidy;
use crate::domain::call::{CallReport, CallSid, CallStatus};
use crate::domain::eligibility::Dnd;
use crate::domain::rejection::Rejection;
use crate::provider::{LookUpFailure, Page, PageMark, Reply};

const TABLE: &str = "cases.tsv";

/// The call that the samples of a look-up are about.
const ASKED: &str = "b6a1f0e2d3c4958677a8b9c0d1e219cp";

/// The number that the samples of its metadata are about.
const ASKED_NUMBER: &str = "09876543210";

struct Case {
    file: String,
    request: String,
    status: u16,
    means: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/exotel")
}

fn cases() -> Vec<Case> {
    let table = fs::read_to_string(folder().join(TABLE)).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| {
            let [file, request, status, means] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not four columns: {line}")
            };
            Case {
                file: file.to_owned(),
                request: request.to_owned(),
                status: status.parse().unwrap(),
                means: means.to_owned(),
            }
        })
        .collect()
}

fn received(status: u16, body: Vec<u8>) -> Received {
    Received {
        status,
        date: None,
        retry_after: None,
        body,
    }
}

fn refusal(rejection: &Rejection) -> String {
    let code = rejection
        .code
        .as_ref()
        .map(|code| format!(" code {code}"))
        .unwrap_or_default();
    format!("{} {}{code}", rejection.class.as_str(), rejection.status)
}

fn reply_in_words(reply: &Reply) -> String {
    match reply {
        Reply::Accepted(sid) => format!("accepted {sid}"),
        Reply::Rejected(rejection) => format!("rejected {}", refusal(rejection)),
        Reply::InDoubt(_) => "in doubt".to_owned(),
        Reply::NotSent(_) => "not sent".to_owned(),
    }
}

fn failure_in_words(failure: &LookUpFailure) -> String {
    match failure {
        LookUpFailure::Refused(rejection) => format!("refused {}", refusal(rejection)),
        LookUpFailure::Unreachable(_) => "unreachable".to_owned(),
        LookUpFailure::Unreadable(_) => "unreadable".to_owned(),
    }
}

fn status_in_words(status: &CallStatus) -> String {
    match status {
        CallStatus::Running => "running".to_owned(),
        CallStatus::Ended(outcome) => outcome.to_string(),
        CallStatus::Other(word) => format!("`{word}`"),
    }
}

fn report_in_words(report: &CallReport) -> String {
    let mut words = format!("call {} {}", report.sid, status_in_words(&report.status));
    if let Some(number) = report.number {
        write!(words, " from {number}").unwrap();
    }
    if let Some(at) = report.started_at {
        write!(words, " start {at}").unwrap();
    }
    if let Some(at) = report.ended_at {
        write!(words, " end {at}").unwrap();
    }
    if let Some(seconds) = report.duration_s {
        write!(words, " {seconds} s").unwrap();
    }
    if let Some(price) = &report.price {
        write!(words, " price {price}").unwrap();
    }
    words
}

fn page_in_words(page: &Page) -> String {
    let mut words = "page".to_owned();
    for call in &page.calls {
        let (sid, number) = (&call.report.sid, call.report.number.unwrap());
        let status = status_in_words(&call.report.status);
        let created_at = call.created_at.unwrap();
        write!(words, " {sid}={status} from {number} at {created_at}").unwrap();
        if let Some(caller_id) = call.caller_id {
            write!(words, " shown {caller_id}").unwrap();
        }
        words.push(',');
    }
    write!(words, " {} unreadable", page.unreadable).unwrap();
    match page.total {
        Some(total) => write!(words, " of {total}").unwrap(),
        None => words.push_str(" of ?"),
    }
    if let Some(PageMark(mark)) = &page.next {
        write!(words, " next {mark}").unwrap();
    }
    words
}

fn meaning(case: &Case) -> String {
    let received = received(case.status, fs::read(folder().join(&case.file)).unwrap());
    let tidy = Tidy::default();
    match case.request.as_str() {
        "connect" => reply_in_words(&classify_connect(&received, &tidy)),
        "call" => match classify_call(&received, &ASKED.parse().unwrap(), &tidy) {
            Ok(Some(report)) => report_in_words(&report),
            Ok(None) => "unknown call".to_owned(),
            Err(failure) => failure_in_words(&failure),
        },
        "list" => match classify_list(&received, &tidy) {
            Ok(reports) => reports.iter().fold("calls".to_owned(), |words, report| {
                format!("{words} {}={}", report.sid, status_in_words(&report.status))
            }),
            Err(failure) => failure_in_words(&failure),
        },
        "number" => match classify_number(&received, ASKED_NUMBER.parse().unwrap(), &tidy) {
            Ok(Some(Dnd::Registered)) => "registered".to_owned(),
            Ok(Some(Dnd::NotRegistered)) => "not registered".to_owned(),
            Ok(None) => "no mark".to_owned(),
            Err(failure) => failure_in_words(&failure),
        },
        search if search.starts_with("search") => {
            let mark = search.strip_prefix("search after ");
            let mark = mark.map(|mark| PageMark(mark.to_owned()));
            match classify_search(&received, mark.as_ref(), &tidy) {
                Ok(page) => page_in_words(&page),
                Err(failure) => failure_in_words(&failure),
            }
        }
        other => panic!("no such request: {other}"),
    }
}

#[test]
fn every_sample_means_what_the_table_says() {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| {
            let read = meaning(case);
            let place = format!("{} as {} under {}", case.file, case.request, case.status);
            (read != case.means).then(|| format!("{place}:\n  read {read}\n  not  {}", case.means))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sample_is_in_the_table() {
    let named: BTreeSet<String> = cases().into_iter().map(|case| case.file).collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != TABLE)
        .collect();
    assert_eq!(named, there);
}

#[test]
fn no_sample_names_a_person_or_breaks_a_line_when_it_is_told() {
    for case in cases() {
        let body = fs::read(folder().join(&case.file)).unwrap();
        let told = match classify_connect(&received(case.status, body), &Tidy::default()) {
            Reply::Rejected(rejection) => rejection.to_string(),
            Reply::InDoubt(doubt) => doubt.to_string(),
            Reply::Accepted(_) | Reply::NotSent(_) => continue,
        };
        assert!(
            !told.contains("9876543210") && !told.contains("8098765000"),
            "{}: {told}",
            case.file
        );
        assert!(
            !told.contains('\n') && told.chars().count() < 280,
            "{}: {told}",
            case.file
        );
    }
}

#[test]
fn an_acceptance_cut_short_anywhere_is_a_doubt() {
    for file in ["connect_accepted.json", "connect_accepted.xml"] {
        let body = fs::read(folder().join(file)).unwrap();
        let whole = body.trim_ascii_end().len();
        for cut in 0..whole {
            let reply = classify_connect(&received(200, body[..cut].to_vec()), &Tidy::default());
            assert!(
                matches!(reply, Reply::InDoubt(_)),
                "{file} cut at {cut}: {reply:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_body_under_a_server_fault_or_a_success_without_a_sid_is_taken_as_a_refusal(
        status in prop_oneof![200_u16..400, 500_u16..600],
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let reply = classify_connect(&received(status, body), &Tidy::default());
        prop_assert!(matches!(reply, Reply::InDoubt(_)), "{:?}", reply);
    }

    #[test]
    fn only_a_usable_sid_under_a_2xx_is_an_acceptance(status in any::<u16>(), sid in "[0-9a-zA-Z -]{0,70}") {
        let body = serde_json::json!({"Call": {"Sid": sid}}).to_string().into_bytes();
        let reply = classify_connect(&received(status, body), &Tidy::default());
        let usable = sid.trim().parse::<CallSid>().is_ok_and(|sid| sid.as_str() != "null");
        let accepted = matches!(reply, Reply::Accepted(_));
        prop_assert_eq!(accepted, usable && (200..300).contains(&status));
    }
}
