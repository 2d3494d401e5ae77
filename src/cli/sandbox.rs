//! `sandbox`: a pretend Exotel over HTTP, until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::args;
use super::conduct;
use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use crate::sandbox::{Config, Credentials, Sandbox, Script};
use crate::ui::Format;

pub(super) fn run(workspace: &Workspace, args: &args::Sandbox) -> Result<Exit, Failure> {
    let ledger = match &args.ledger {
        Some(path) => workspace.path(path),
        None => new_ledger()?,
    };
    let script = Script {
        seed: args.seed,
        mix: args.mix.clone(),
        hold: args.hold,
        fates: args.fate.clone(),
        faults: args.fault.clone(),
        reply_delay: args.reply_delay,
        slow: args.slow,
        rate_limit: args.rate_limit,
        lines: args.lines,
        list_lag: args.list_lag,
        callback_delay: args.callback_delay,
        ..Script::default()
    };
    let text = |name| workspace.config.text(name).map(str::to_owned);
    let known = text("EXOTEL_AUTH_KEY").zip(workspace.config.secret("EXOTEL_AUTH_TOKEN").cloned());
    let account_sid = text("EXOTEL_ACCOUNT_SID").unwrap_or_else(|| "exampleco1".to_owned());
    let credentials = known.map(|(key, token)| Credentials {
        key,
        token,
        account_sid: account_sid.clone(),
    });
    // A token is never printed; whoever set it here has it.
    let omitted = credentials.as_ref().map_or(
        "",
        |_| "# EXOTEL_AUTH_KEY and EXOTEL_AUTH_TOKEN: as they are set here\n",
    );
    let exophone = text("EXOTEL_CALLER_ID");
    let environment = [
        // What the client has already is not repeated: a token is never printed.
        (
            "EXOTEL_AUTH_KEY",
            credentials.is_none().then(|| "sandbox".to_owned()),
        ),
        (
            "EXOTEL_AUTH_TOKEN",
            credentials.is_none().then(|| "sandbox".to_owned()),
        ),
        ("EXOTEL_ACCOUNT_SID", Some(account_sid.clone())),
        (
            "EXOTEL_CALLER_ID",
            Some(exophone.clone().unwrap_or_else(|| "08098765000".to_owned())),
        ),
        (
            "EXOTEL_URL",
            Some(format!(
                "http://my.exotel.com/{account_sid}/exoml/start_voice/112233"
            )),
        ),
    ];
    let config = Config {
        script,
        credentials,
        exophone,
        ledger: Some(ledger.clone()),
        clock: workspace.clock,
    };
    conduct::runtime()?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let sandbox = Sandbox::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)), config).await;
        let sandbox = sandbox.map_err(|error| {
            Failure::new(Exit::Usage, format!("{error:#}")).context("cannot open the sandbox").hint("`--port 0` finds a free port")
        })?;
        let address = format!("http://{}", sandbox.address());
        let lines = std::iter::once(("EXOTEL_API_BASE", address.clone()))
            .chain(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if workspace.ui.format == Format::Json {
            let environment: serde_json::Map<_, _> = lines.map(|(name, value)| (name.to_owned(), value.into())).collect();
            workspace.ui.json(&json!({"address": address, "ledger": ledger, "environment": environment}))?;
        } else {
            let lines: String = lines.map(|(name, value)| format!("{name}={value}\n")).collect();
            let shown = ledger.display();
            workspace.ui.data(&format!("# SANDBOX at {address}: nobody is called. Ctrl-C ends it.\n# ledger: {shown}\n{omitted}{lines}"))?;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let calls = sandbox.calls().len();
        sandbox.shutdown().await;
        workspace.ui.note(&format!("{calls} calls were accepted; they are in `{}`", ledger.display()));
        Ok(Exit::Done)
    })
}

/// Returns a new, empty ledger that outlives this process.
fn new_ledger() -> Result<PathBuf, Failure> {
    let file = tempfile::Builder::new()
        .prefix("exocamp-sandbox-")
        .suffix(".jsonl")
        .tempfile()?;
    let (_, path) = file.keep().map_err(|error| Failure::from(error.error))?;
    Ok(path)
}
