//! Whom a run talks to: Exotel with the configured account, or a sandbox in this process.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::failure::{Exit, Failure};
use super::patience;
use super::workspace::Workspace;
use crate::dialer::run::Dialling;
use crate::domain::campaign::{Policy, caller_ids as parse_caller_ids, flow_url};
use crate::domain::ending::RunLimits;
use crate::domain::phone::PhoneNumber;
use crate::exotel::{Account, BaseUrl, Client, Timeouts};
use crate::sandbox::{Config, Sandbox, Script};

/// What talking to Exotel cannot do without.
pub(super) const FOR_THE_ACCOUNT: [&str; 3] =
    ["EXOTEL_AUTH_KEY", "EXOTEL_AUTH_TOKEN", "EXOTEL_ACCOUNT_SID"];

/// What calling needs beyond that, unless the campaign has its own.
pub(super) const FOR_CALLS: [&str; 2] = ["EXOTEL_CALLER_ID", "EXOTEL_URL"];

/// The other end.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) client: Client,
    pub(super) account: String,
    /// Kept for as long as it is talked to.
    pub(super) sandbox: Option<Sandbox>,
}

/// The sandbox's own account; any credentials will do there.
const PRETEND_ACCOUNT: &str = "exampleco1";
const PRETEND_CALLER_ID: &str = "08098765000";
const PRETEND_FLOW: &str = "http://my.exotel.com/exampleco1/exoml/start_voice/112233";

impl Provider {
    /// Returns the configured account at Exotel. Nothing is sent yet.
    pub(super) fn configured(workspace: &Workspace) -> Result<Self, Failure> {
        require(workspace, &FOR_THE_ACCOUNT).map_err(cannot_ask)?;
        let config = &workspace.config;
        let base = match config.text("EXOTEL_API_BASE") {
            Some(base) => {
                BaseUrl::parse(base).map_err(|error| unusable("EXOTEL_API_BASE", &error))?
            }
            None => {
                let subdomain = config.text("EXOTEL_SUBDOMAIN").unwrap_or("api.exotel.com");
                BaseUrl::from_subdomain(subdomain)
                    .map_err(|error| unusable("EXOTEL_SUBDOMAIN", &error))?
            }
        };
        if base.is_loopback() {
            workspace.ui.note(&format!(
                "requests go to {base} on this machine, not to Exotel"
            ));
        }
        let secret = |name| config.secret(name).cloned().unwrap_or_default();
        let sid = config
            .text("EXOTEL_ACCOUNT_SID")
            .unwrap_or_default()
            .to_owned();
        let account = Account {
            sid,
            key: secret("EXOTEL_AUTH_KEY"),
            token: secret("EXOTEL_AUTH_TOKEN"),
            base,
        };
        Self::new(workspace, &account, None)
    }

    /// Opens a sandbox in this process. Needs a runtime.
    pub(super) async fn pretended(workspace: &Workspace, script: Script) -> Result<Self, Failure> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = Config {
            script,
            credentials: None,
            exophone: None,
            ledger: None,
            clock: workspace.clock,
        };
        let sandbox = Sandbox::bind(anywhere, config).await?;
        let base = BaseUrl::parse(&format!("http://{}", sandbox.address()));
        let base = base.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        let any = || SecretString::from("sandbox");
        let account = Account {
            sid: PRETEND_ACCOUNT.to_owned(),
            key: any(),
            token: any(),
            base,
        };
        Self::new(workspace, &account, Some(sandbox))
    }

    fn new(
        workspace: &Workspace,
        account: &Account,
        sandbox: Option<Sandbox>,
    ) -> Result<Self, Failure> {
        let timeouts = Timeouts {
            reply: patience::configured(workspace)?.reply_timeout,
            ..Timeouts::default()
        };
        let client = Client::new(account, timeouts);
        let client = client.map_err(|error| {
            Failure::new(Exit::Usage, format!("{error:#}"))
                .context("cannot set up the way to Exotel")
        })?;
        Ok(Self {
            client,
            account: account.sid.clone(),
            sandbox,
        })
    }
}

/// Returns what people are shown and connected to: the campaign's own, or what is configured.
pub(super) fn dialling(
    workspace: &Workspace,
    policy: &Policy,
    limits: RunLimits,
) -> Result<Dialling, Failure> {
    if !workspace.ui.sandbox {
        let [caller_id, flow] = FOR_CALLS;
        let needed = FOR_THE_ACCOUNT
            .into_iter()
            .chain(policy.caller_ids.is_empty().then_some(caller_id))
            .chain(policy.flow.is_none().then_some(flow));
        // All that is missing is said at once.
        require(workspace, &needed.collect::<Vec<_>>()).map_err(|missing| {
            missing
                .context("cannot call anybody yet")
                .hint("run `exocamp init` and fill in `.env`; or try it first with `--sandbox`")
        })?;
    }
    let text = |name, pretended| {
        if workspace.ui.sandbox {
            pretended
        } else {
            workspace.config.text(name).unwrap_or_default()
        }
    };
    let caller_ids = match policy.caller_ids.as_slice() {
        [] => read_caller_ids(text("EXOTEL_CALLER_ID", PRETEND_CALLER_ID))?,
        own => own.to_vec(),
    };
    let flow_url = match &policy.flow {
        Some(flow) => flow.clone(),
        None => flow_url(text("EXOTEL_URL", PRETEND_FLOW))
            .map_err(|error| unusable("EXOTEL_URL", &error))?,
    };
    Ok(Dialling {
        caller_ids,
        flow_url,
        limits,
    })
}

/// Returns the ExoPhones that people would be shown, to ask for their calls.
pub(super) fn caller_ids(
    workspace: &Workspace,
    policy: &Policy,
) -> Result<Vec<PhoneNumber>, Failure> {
    let [configured, _] = FOR_CALLS;
    if !policy.caller_ids.is_empty() {
        return Ok(policy.caller_ids.clone());
    }
    require(workspace, &[configured]).map_err(cannot_ask)?;
    read_caller_ids(workspace.config.text(configured).unwrap_or_default())
}

/// Returns the ExoPhones that people would be shown; a pretended one where none is configured yet.
pub(super) fn presumed_caller_ids(
    workspace: &Workspace,
    policy: &Policy,
) -> Result<Vec<PhoneNumber>, Failure> {
    if !policy.caller_ids.is_empty() {
        return Ok(policy.caller_ids.clone());
    }
    let [configured, _] = FOR_CALLS;
    read_caller_ids(
        workspace
            .config
            .text(configured)
            .unwrap_or(PRETEND_CALLER_ID),
    )
}

/// Returns the flow that people would be connected to; a pretended one where none is configured yet.
pub(super) fn presumed_flow(workspace: &Workspace, policy: &Policy) -> String {
    let configured = workspace.config.text("EXOTEL_URL");
    let flow = policy.flow.as_deref().or(configured);
    flow.unwrap_or(PRETEND_FLOW).to_owned()
}

fn read_caller_ids(text: &str) -> Result<Vec<PhoneNumber>, Failure> {
    parse_caller_ids(text).map_err(|error| unusable("EXOTEL_CALLER_ID", &error))
}

fn require(workspace: &Workspace, names: &[&str]) -> Result<(), Failure> {
    let missing: Vec<_> = names
        .iter()
        .copied()
        .filter(|name| workspace.config.secret(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("not set: {}", missing.join(", "));
    Err(Failure::new(Exit::Usage, message))
}

fn cannot_ask(missing: Failure) -> Failure {
    missing
        .context("cannot ask Exotel yet")
        .hint("run `exocamp init` and fill in `.env`")
}

fn unusable(name: &str, error: &dyn Display) -> Failure {
    Failure::new(Exit::Usage, error.to_string()).context(format!("`{name}` cannot be used"))
}
