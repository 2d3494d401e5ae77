//! The sandbox's phones as the dialer hears of them, without a wire in between.
//!
//! No fault of a network is played here: a call is accepted or refused, and every reply arrives.

use std::time::Duration;

use jiff::{Timestamp, Unit};

use crate::domain::attempt::Doubt;
use crate::domain::call::{CallReport, CallSid, CallStatus};
use crate::domain::phone::PhoneNumber;
use crate::domain::rejection::{Rejection, RejectionClass};
use crate::provider::{CallOrder, Reply};
use crate::sandbox::{CallView, Exchange, Placed, Placement};

/// Accepted wherever a flow is needed; which one it is makes no difference to the phones.
const FLOW: &str = "http://my.exotel.com/exampleco1/exoml/start_voice/112233";

/// What the exchange says of a number that it cannot dial.
const BAD_NUMBER: u32 = 34001;

/// Places a call, and returns what is heard of it.
pub(super) fn dial(exchange: &mut Exchange, now: Timestamp, order: &CallOrder) -> Reply {
    let seconds = |length: Duration| u32::try_from(length.as_secs()).ok();
    let placement = Placement {
        from: order.number.to_string(),
        caller_id: order.caller_id.to_string(),
        url: FLOW.to_owned(),
        time_limit: seconds(order.talk_limit),
        time_out: seconds(order.ring),
        record: order.record,
        custom_field: Some(order.custom_field.clone()),
        ..Placement::default()
    };
    let lost = Reply::InDoubt(Doubt::Broken);
    match exchange.place(now, &placement).placed {
        Placed::Accepted { sid, .. } => sid.parse().map_or(lost, Reply::Accepted),
        Placed::Refused(refusal) | Placed::RefusedIn200(refusal) => {
            let class = match refusal.code {
                Some(BAD_NUMBER) => RejectionClass::BadNumber,
                _ => RejectionClass::Generic,
            };
            Reply::Rejected(Rejection {
                class,
                status: refusal.status,
                code: refusal.code.map(|code| code.to_string()),
                message: refusal.message,
                retry_after: refusal.retry_after_s.map(Duration::from_secs),
            })
        }
        Placed::GatewayError | Placed::Redirected | Placed::Cut => lost,
    }
}

/// Returns what can be seen of a call; nothing if the exchange does not know it.
pub(super) fn look(exchange: &Exchange, now: Timestamp, sid: &CallSid) -> Option<CallReport> {
    let view = exchange.view(now, sid.as_str())?;
    report(&view, sid)
}

fn report(view: &CallView, sid: &CallSid) -> Option<CallReport> {
    let status = match &view.end {
        None => CallStatus::Running,
        Some(end) => CallStatus::Ended(end.outcome.as_str().parse().ok()?),
    };
    let price = view.end.as_ref().and_then(|end| end.price_thousandths);
    Some(CallReport {
        sid: sid.clone(),
        status,
        number: number(&view.number),
        started_at: Some(whole_second(view.accepted_at)),
        ended_at: view.end.as_ref().map(|end| whole_second(end.at)),
        duration_s: view.end.as_ref().map(|end| end.duration_s),
        price: price.map(|price| format!("{}.{:03}", price / 1000, price % 1000)),
    })
}

/// Returns the number that the exchange writes as ten national digits, or in E.164 where it is abroad.
fn number(theirs: &str) -> Option<PhoneNumber> {
    match theirs.strip_prefix('+') {
        Some(digits) => PhoneNumber::from_digits(digits.parse().ok()?),
        None => PhoneNumber::from_digits(910_000_000_000 + theirs.parse::<u64>().ok()?),
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    let down = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    at.round(down).unwrap_or(at)
}
