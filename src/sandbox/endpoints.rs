//! Exotel's voice endpoints.
//!
//! Handlers read the request, ask the exchange under its lock with one reading of the clock, and write the reply. The
//! lock is never held across an `.await`, and an accepted call is in the ledger before the lock is released.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;

use super::answer::{Delivery, Placed, Refusal};
use super::connection::Cord;
use super::fate::GetTrouble;
use super::http::{Front, Phones};
use super::reply::{Format, cut, gateway_error, json, refusal, truncated, xml};
use super::wire::Shown;
use super::{form, query, wire};

/// Returns all endpoints.
pub(super) fn router(front: Arc<Front>) -> Router {
    let v1 = Router::new()
        .route("/Calls/connect.json", post(connect_for_json))
        .route("/Calls/connect", post(connect_for_xml))
        .route("/Calls/{call}", get(details))
        .route("/Calls.json", get(list))
        .route("/Numbers/{number}", get(number))
        .route("/IncomingPhoneNumbers.json", get(exophones_v1))
        .route("/Balance.json", get(balance));
    let v2_beta = Router::new().route("/IncomingPhoneNumbers", get(exophones_v2));
    Router::new()
        .nest("/v1/Accounts/{account}", v1)
        .nest("/v2_beta/Accounts/{account}", v2_beta)
        .route_layer(middleware::from_fn_with_state(front.clone(), guard))
        .fallback(async || refusal(&Refusal::not_found(), Format::Json))
        .with_state(front)
}

/// Stands before every endpoint: checks who asks, and lets GETs run into their troubles.
async fn guard(
    State(front): State<Arc<Front>>,
    ConnectInfo(cord): ConnectInfo<Cord>,
    parameters: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let account = parameters.iter().find(|(name, _)| *name == "account");
    let account = account.map_or("", |(_, account)| account);
    if let Err(problem) = check_credentials(&front, request.headers(), account) {
        let mut response = refusal(&problem, Format::of(request.uri().path()));
        if problem.status == 401 {
            let realm = "Basic realm=\"Exotel\""
                .parse()
                .expect("plain text is a header");
            response.headers_mut().insert(WWW_AUTHENTICATE, realm);
        }
        return response;
    }
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let trouble = front.phones().exchange.get_trouble();
    match trouble {
        None => next.run(request).await,
        Some(GetTrouble::Bare503) => gateway_error(),
        Some(GetTrouble::RateLimited) => refusal(&Refusal::rate_limited(1), Format::Json),
        Some(GetTrouble::Truncated) => truncated(next.run(request).await).await,
        Some(GetTrouble::Slow) => {
            let response = next.run(request).await;
            front.pause(front.slow).await;
            response
        }
        Some(GetTrouble::Lost) => cut(&cord),
        Some(GetTrouble::ShortList) => {
            request.extensions_mut().insert(CutShort);
            next.run(request).await
        }
    }
}

/// Marks a request whose list is to be cut short.
#[derive(Clone, Copy)]
struct CutShort;

/// Checks the key and token, and whether they belong to the account in the path.
fn check_credentials(front: &Front, headers: &HeaderMap, account: &str) -> Result<(), Refusal> {
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|header| header.to_str().ok());
    let shown = shown.and_then(|header| header.strip_prefix("Basic "));
    let shown = shown.and_then(|encoded| STANDARD.decode(encoded.trim()).ok());
    let shown = shown.and_then(|bytes| String::from_utf8(bytes).ok());
    let shown = shown.as_deref().and_then(|pair| pair.split_once(':'));
    let wrong = || Refusal::new(401, "Authentication failed");
    let (key, token) = shown.ok_or_else(wrong)?;
    let Some(known) = &front.credentials else {
        return Ok(());
    };
    if (key, token) != (&known.key, known.token.expose_secret()) {
        return Err(wrong());
    }
    if account != known.account_sid {
        return Err(Refusal::not_found());
    }
    Ok(())
}

async fn connect_for_json(
    front: State<Arc<Front>>,
    cord: ConnectInfo<Cord>,
    account: Path<String>,
    request: Request,
) -> Response {
    connect(front, cord, account, request, Format::Json).await
}

async fn connect_for_xml(
    front: State<Arc<Front>>,
    cord: ConnectInfo<Cord>,
    account: Path<String>,
    request: Request,
) -> Response {
    connect(front, cord, account, request, Format::Xml).await
}

/// Places a call, and then does with the reply what the script says.
async fn connect(
    State(front): State<Arc<Front>>,
    ConnectInfo(cord): ConnectInfo<Cord>,
    Path(account): Path<String>,
    request: Request,
    format: Format,
) -> Response {
    let placement = match form::read(request).await.and_then(form::placement) {
        Ok(placement) => placement,
        Err(problem) => return refusal(&problem, format),
    };
    let (answer, view) = {
        let mut phones = front.phones();
        let Phones { exchange, ledger } = &mut *phones;
        let now = front.clock.wall();
        let answer = exchange.place(now, &placement);
        let call = answer.sid().and_then(|sid| exchange.call(sid));
        if let (Some(call), Some(ledger)) = (call, ledger)
            && let Err(error) = ledger.write(call)
        {
            // The call exists, and nobody can prove it: better no answer than one that hides that.
            tracing::warn!(%error, "the ledger cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let view = answer.sid().and_then(|sid| exchange.view(now, sid));
        (answer, view)
    };
    if view.is_some() && placement.status_callback.is_some() {
        front.callback_planned.notify_one();
    }
    front.pause(answer.after).await;

    let whole = |format| {
        let call = view.as_ref().expect("an accepted call can be seen");
        match format {
            Format::Json => json(&wire::call_json(call, &account, Shown::Accepted)),
            Format::Xml => xml(
                StatusCode::OK,
                wire::call_xml(call, &account, Shown::Accepted),
            ),
        }
    };
    match answer.placed {
        Placed::Accepted {
            delivery: Delivery::Whole,
            ..
        } => whole(format),
        Placed::Accepted {
            delivery: Delivery::Xml,
            ..
        } => whole(Format::Xml),
        Placed::Accepted {
            delivery: Delivery::Truncated,
            ..
        } => truncated(whole(format)).await,
        Placed::Accepted {
            delivery: Delivery::GatewayError,
            ..
        }
        | Placed::GatewayError => gateway_error(),
        Placed::Accepted {
            delivery: Delivery::Cut,
            ..
        }
        | Placed::Cut => cut(&cord),
        Placed::Refused(problem) => refusal(&problem, format),
        Placed::RefusedIn200(problem) => {
            let mut response = refusal(&problem, format);
            *response.status_mut() = StatusCode::OK;
            response
        }
        Placed::Redirected => {
            let itself = match format {
                Format::Json => "connect.json",
                Format::Xml => "connect",
            };
            let location = format!("/v1/Accounts/{account}/Calls/{itself}");
            (StatusCode::FOUND, [(LOCATION, location)]).into_response()
        }
    }
}

/// One call: `<Sid>.json`, or `<Sid>` for XML.
async fn details(
    State(front): State<Arc<Front>>,
    Path((account, call)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    let format = Format::of(&call);
    let sid = call.strip_suffix(".json").unwrap_or(&call);
    let looked_up = front.phones().exchange.details(front.clock.wall(), sid);
    match (looked_up, format) {
        (Ok(call), Format::Json) => {
            let mut reply = wire::call_json(&call, &account, Shown::Alone);
            let parameters = query::parameters(&uri).unwrap_or_default();
            if parameters
                .iter()
                .any(|(name, value)| name == "details" && value == "true")
            {
                wire::add_details(&mut reply, &call);
            }
            json(&reply)
        }
        (Ok(call), Format::Xml) => xml(
            StatusCode::OK,
            wire::call_xml(&call, &account, Shown::Alone),
        ),
        (Err(problem), format) => refusal(&problem, format),
    }
}

/// The bulk list.
async fn list(
    State(front): State<Arc<Front>>,
    Path(account): Path<String>,
    cut_short: Option<Extension<CutShort>>,
    uri: Uri,
) -> Response {
    let asked = query::parameters(&uri)
        .and_then(|parameters| query::filter(&parameters).map(|filter| (parameters, filter)));
    let (parameters, filter) = match asked {
        Ok(asked) => asked,
        Err(problem) => return refusal(&problem, Format::Json),
    };
    let listed = front.phones().exchange.list(front.clock.wall(), &filter);
    match listed {
        Ok(page) => {
            let page = match cut_short {
                Some(Extension(CutShort)) => page.cut_short(),
                None => page,
            };
            let metadata = query::metadata(&account, &parameters, &filter, &page);
            json(&wire::list_json(metadata, &page.rows, &account))
        }
        Err(problem) => refusal(&problem, Format::Json),
    }
}

/// A number's metadata, which shares the rate limit of the voice endpoints.
async fn number(
    State(front): State<Arc<Front>>,
    Path((_, number)): Path<(String, String)>,
) -> Response {
    let number = number.strip_suffix(".json").unwrap_or(&number);
    let looked_up = {
        let mut phones = front.phones();
        let admitted = phones.exchange.admit(front.clock.wall());
        admitted.and_then(|()| {
            phones
                .exchange
                .is_dnd(number)
                .ok_or_else(Refusal::not_found)
        })
    };
    match looked_up {
        Ok(dnd) => json(&wire::number_json(number, dnd)),
        Err(problem) => refusal(&problem, Format::Json),
    }
}

async fn exophones_v1(State(front): State<Arc<Front>>) -> Response {
    json(&wire::exophones_v1(&front.exophone))
}

async fn exophones_v2(State(front): State<Arc<Front>>, Path(account): Path<String>) -> Response {
    json(&wire::exophones_v2(&front.exophone, &account))
}

async fn balance(State(front): State<Arc<Front>>, Path(account): Path<String>) -> Response {
    json(&wire::balance_json(&account, front.clock.wall()))
}
