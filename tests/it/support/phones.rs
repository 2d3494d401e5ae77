//! Joins the exchange to the dialer without a wire: what its answers mean in the words of `provider`.
//!
//! Written by hand from PRODUCT §2, sharing nothing with the classifier of the client: it is the wire's tests that hold
//! the classifier to the same table.

use std::time::Duration;

use exocamp::domain::attempt::Doubt;
use exocamp::domain::call::{CallReport, CallStatus, ListedCall, Outcome};
use exocamp::domain::phone::PhoneNumber;
use exocamp::domain::rejection::{Rejection, RejectionClass};
use exocamp::provider::{CallOrder, LookUpFailure, Reply};
use exocamp::sandbox::{CallView, Delivery, GetTrouble, Placed, Placement, Refusal};
use jiff::{Timestamp, Unit};

/// Returns the request that the order becomes.
pub(crate) fn placement(order: &CallOrder) -> Placement {
    let seconds = |length: Duration| u32::try_from(length.as_secs()).unwrap();
    Placement {
        from: order.number.to_string(),
        caller_id: format!("0{}", order.caller_id.national().unwrap()),
        url: order.flow_url.clone(),
        time_limit: Some(seconds(order.talk_limit)),
        time_out: Some(seconds(order.ring)),
        record: order.record,
        custom_field: Some(order.custom_field.clone()),
        status_callback: order.status_callback.as_ref().map(|url| url.0.clone()),
        status_callback_content_type: None,
    }
}

/// Returns what the client would make of the answer.
pub(crate) fn reply(placed: &Placed) -> Reply {
    let unreadable = |status, excerpt: &str| {
        let excerpt = excerpt.to_owned();
        Reply::InDoubt(Doubt::Unreadable { status, excerpt })
    };
    match placed {
        Placed::Accepted { sid, delivery } => match delivery {
            Delivery::Whole | Delivery::Xml => Reply::Accepted(sid.parse().unwrap()),
            Delivery::Truncated => unreadable(200, "{\"Call\": {\"Sid\": "),
            Delivery::GatewayError => unreadable(503, "503 Service Temporarily Unavailable"),
            Delivery::Cut => Reply::InDoubt(Doubt::Broken),
        },
        Placed::Refused(refusal) | Placed::RefusedIn200(refusal) => {
            Reply::Rejected(rejection(refusal))
        }
        Placed::GatewayError => unreadable(503, "503 Service Temporarily Unavailable"),
        Placed::Redirected => unreadable(302, ""),
        Placed::Cut => Reply::InDoubt(Doubt::Broken),
    }
}

/// Returns what a refusal blames.
pub(crate) fn rejection(refusal: &Refusal) -> Rejection {
    let says = |words| refusal.message.contains(words);
    let class = match refusal.status {
        403 if says("TRAI NDNC") => RejectionClass::Ndnc,
        400 if says("CallerId") => RejectionClass::CallerId,
        400 if says("Url") => RejectionClass::Flow,
        400 if refusal.code == Some(34001) => RejectionClass::BadNumber,
        401 => RejectionClass::Credentials,
        402 => RejectionClass::Balance,
        403 => RejectionClass::Account,
        404 => RejectionClass::AccountNotFound,
        429 => RejectionClass::RateLimited,
        503 => RejectionClass::Unavailable,
        _ => RejectionClass::Generic,
    };
    Rejection {
        class,
        status: refusal.status,
        code: refusal.code.map(|code| code.to_string()),
        message: refusal.message.clone(),
        retry_after: refusal.retry_after_s.map(Duration::from_secs),
    }
}

/// Returns why a look-up that ran into this trouble brought nothing; a slow one brings its answer in the end, a short
/// list one that lacks something.
pub(crate) fn failure(trouble: GetTrouble) -> Option<LookUpFailure> {
    match trouble {
        GetTrouble::Bare503 => Some(LookUpFailure::Unreadable("HTTP 503".to_owned())),
        GetTrouble::Truncated => Some(LookUpFailure::Unreadable("HTTP 200: {\"Cal".to_owned())),
        GetTrouble::Lost => Some(LookUpFailure::Unreachable("connection reset".to_owned())),
        GetTrouble::RateLimited => Some(LookUpFailure::Refused(Rejection {
            class: RejectionClass::RateLimited,
            status: 429,
            code: None,
            message: "Too many requests".to_owned(),
            retry_after: Some(Duration::from_secs(1)),
        })),
        GetTrouble::Slow | GetTrouble::ShortList => None,
    }
}

/// Returns what an authenticated GET says of a call, its times in whole seconds.
pub(crate) fn report(view: &CallView) -> CallReport {
    let outcome = view.end.as_ref().map(|end| outcome(end.outcome));
    let price = view.end.as_ref().and_then(|end| end.price_thousandths);
    CallReport {
        sid: view.sid.parse().unwrap(),
        status: outcome.map_or(CallStatus::Running, CallStatus::Ended),
        number: Some(number(&view.number)),
        started_at: Some(whole_second(view.accepted_at)),
        ended_at: view.end.as_ref().map(|end| whole_second(end.at)),
        duration_s: view.end.as_ref().map(|end| end.duration_s),
        price: price.map(|price| format!("{}.{:03}", price / 1000, price % 1000)),
    }
}

/// Returns what a page of the list says of a call.
pub(crate) fn listed(view: &CallView) -> ListedCall {
    ListedCall {
        report: report(view),
        created_at: Some(whole_second(view.accepted_at)),
        caller_id: Some(PhoneNumber::parse_caller_id(&view.caller_id).unwrap()),
    }
}

/// Returns the number that the exchange writes as ten national digits.
pub(crate) fn number(national: &str) -> PhoneNumber {
    PhoneNumber::from_digits(910_000_000_000 + national.parse::<u64>().unwrap()).unwrap()
}

/// Returns the outcome in our words.
pub(crate) fn outcome(theirs: exocamp::sandbox::Outcome) -> Outcome {
    theirs.as_str().parse().unwrap()
}

fn whole_second(at: Timestamp) -> Timestamp {
    at.round(
        jiff::TimestampRound::new()
            .smallest(Unit::Second)
            .mode(jiff::RoundMode::Trunc),
    )
    .unwrap()
}
