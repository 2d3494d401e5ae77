//! Whom a run talks to: Exotel with the configured account, or a sandbox in this process.

use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::failure::{Exit, Failure};
use super::workspace::Workspace;
use crate::domain::campaign::{Policy, flow_url};
use crate::domain::phone::PhoneNumber;
use crate::exotel::{Account, BaseUrl, Client, Timeouts};
use crate::sandbox::{Config, Sandbox, Script};

/// The other end, and what is shown to the people who are rung.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) client: Client,
    pub(super) account: String,
    pub(super) caller_id: PhoneNumber,
    pub(super) flow_url: String,
    /// Kept for as long as it is talked to.
    pub(super) sandbox: Option<Sandbox>,
}

/// The sandbox's own account; any credentials will do there.
const PRETEND_ACCOUNT: &str = "exampleco1";
const PRETEND_CALLER_ID: &str = "08098765000";
const PRETEND_FLOW: &str = "http://my.exotel.com/exampleco1/exoml/start_voice/112233";

impl Provider {
    /// Returns the configured account at Exotel. Nothing is sent yet.
    pub(super) fn configured(workspace: &Workspace, policy: &Policy) -> Result<Self, Failure> {
        let config = &workspace.config;
        let mut missing = Vec::new();
        let mut secret = |name: &'static str| {
            let value = config.secret(name);
            if value.is_none() {
                missing.push(name);
            }
            value.cloned().unwrap_or_default()
        };
        let (key, token) = (secret("EXOTEL_AUTH_KEY"), secret("EXOTEL_AUTH_TOKEN"));
        secret("EXOTEL_ACCOUNT_SID");
        if policy.caller_id.is_none() {
            secret("EXOTEL_CALLER_ID");
        }
        if policy.flow.is_none() {
            secret("EXOTEL_URL");
        }
        if !missing.is_empty() {
            let message = format!("not set: {}", missing.join(", "));
            return Err(Failure::new(Exit::Usage, message)
                .context("cannot call anybody yet")
                .hint("run `exocamp init` and fill in `.env`; or try it first with `--sandbox`"));
        }
        let text = |name| config.text(name).unwrap_or_default();
        let wrong = |name: &str, error: &dyn std::fmt::Display| {
            Failure::new(Exit::Usage, error.to_string()).context(format!("`{name}` cannot be used"))
        };
        let caller_id = match policy.caller_id {
            Some(number) => number,
            None => PhoneNumber::parse_caller_id(text("EXOTEL_CALLER_ID"))
                .map_err(|e| wrong("EXOTEL_CALLER_ID", &e))?,
        };
        let flow = match &policy.flow {
            Some(flow) => flow.clone(),
            None => flow_url(text("EXOTEL_URL")).map_err(|e| wrong("EXOTEL_URL", &e))?,
        };
        let base = match config.text("EXOTEL_API_BASE") {
            Some(base) => BaseUrl::parse(base).map_err(|e| wrong("EXOTEL_API_BASE", &e))?,
            None => {
                let subdomain = config.text("EXOTEL_SUBDOMAIN").unwrap_or("api.exotel.com");
                BaseUrl::from_subdomain(subdomain).map_err(|e| wrong("EXOTEL_SUBDOMAIN", &e))?
            }
        };
        let sid = text("EXOTEL_ACCOUNT_SID").to_owned();
        let account = Account {
            sid,
            key,
            token,
            base,
        };
        Self::new(&account, caller_id, flow, None)
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
        let caller_id = PhoneNumber::parse_caller_id(PRETEND_CALLER_ID);
        let caller_id =
            caller_id.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        Self::new(&account, caller_id, PRETEND_FLOW.to_owned(), Some(sandbox))
    }

    fn new(
        account: &Account,
        caller_id: PhoneNumber,
        flow_url: String,
        sandbox: Option<Sandbox>,
    ) -> Result<Self, Failure> {
        let client = Client::new(account, Timeouts::default()).map_err(|error| {
            Failure::new(Exit::Usage, format!("{error:#}"))
                .context("cannot set up the way to Exotel")
        })?;
        Ok(Self {
            client,
            account: account.sid.clone(),
            caller_id,
            flow_url,
            sandbox,
        })
    }
}
