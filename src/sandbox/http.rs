//! The exchange as a server.
//!
//! A sandbox is a server on the current runtime and a task that sends the status callbacks. It serves a test or a demo in
//! the same process as well as a client in another one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::call::Call;
use super::callback::Courier;
use super::connection::{Cord, Door};
use super::endpoints::router;
use super::exchange::Exchange;
use super::ledger::Ledger;
use super::script::Script;
use crate::clock::Clock;

/// The account and the ExoPhone of a sandbox that was not told any.
const ACCOUNT: &str = "exampleco1";
const EXOPHONE: &str = "08098765000";

/// What a sandbox is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the phones and the network do.
    pub script: Script,
    /// Who may use it. Without any, every pair of key and token is taken, and every account; but some pair is needed.
    pub credentials: Option<Credentials>,
    /// The account's only ExoPhone. Without one, every caller id is taken.
    pub exophone: Option<String>,
    /// Where accepted calls are written down, after what is there already.
    pub ledger: Option<PathBuf>,
    /// What the time is.
    pub clock: Clock,
}

/// The credentials that a client must show.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The API key.
    pub key: String,
    /// The API token.
    pub token: SecretString,
    /// The account in the path.
    pub account_sid: String,
}

/// A pretend Exotel that listens.
///
/// It runs on the current runtime until it is shut down or dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    front: Arc<Front>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    reporting: JoinHandle<()>,
}

impl Sandbox {
    /// Opens a sandbox at this address; port 0 finds a free one.
    ///
    /// # Errors
    /// When the address is taken or the ledger cannot be opened.
    pub async fn bind(address: SocketAddr, config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on `{address}`"))?;
        let address = listener
            .local_addr()
            .context("cannot tell the sandbox's own address")?;
        let ledger = config.ledger.as_deref().map(|path| {
            Ledger::open(path).with_context(|| format!("cannot open ledger `{}`", path.display()))
        });
        let mut exchange = Exchange::new(config.script.clone());
        if let Some(exophone) = &config.exophone {
            exchange = exchange.with_exophone(exophone);
        }
        let (stop, stopped) = watch::channel(false);
        let account = config
            .credentials
            .as_ref()
            .map_or(ACCOUNT, |known| &known.account_sid);
        let courier = Courier::new(account)?;
        let front = Arc::new(Front {
            phones: Mutex::new(Phones {
                exchange,
                ledger: ledger.transpose()?,
            }),
            slow: config.script.slow,
            credentials: config.credentials,
            exophone: config.exophone.unwrap_or_else(|| EXOPHONE.to_owned()),
            clock: config.clock,
            stopped: stopped.clone(),
            callback_planned: Notify::new(),
        });

        let service = router(front.clone()).into_make_service_with_connect_info::<Cord>();
        let server = axum::serve(Door(listener), service).with_graceful_shutdown(wait(stopped));
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::warn!(%error, "the sandbox has stopped");
            }
        });
        let reporting = tokio::spawn({
            let front = front.clone();
            async move {
                tokio::select! {
                    () = wait(front.stopped.clone()) => {}
                    () = report_ends(&front, courier) => {}
                }
            }
        });
        Ok(Self {
            address,
            front,
            stop,
            serving,
            reporting,
        })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns every accepted call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.front.phones().exchange.calls().to_vec()
    }

    /// Stops listening, lets the replies under way leave, and forgets the callbacks that are not due yet.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        // A client that keeps its half of a request to itself is not waited for.
        tokio::time::timeout(Duration::from_secs(1), self.serving)
            .await
            .ok();
        self.reporting.await.ok();
    }
}

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Front {
    phones: Mutex<Phones>,
    pub(super) slow: Duration,
    pub(super) credentials: Option<Credentials>,
    pub(super) exophone: String,
    pub(super) clock: Clock,
    stopped: watch::Receiver<bool>,
    pub(super) callback_planned: Notify,
}

/// The exchange and the ledger, under one lock so that both have the same order.
#[derive(Debug)]
pub(super) struct Phones {
    pub(super) exchange: Exchange,
    pub(super) ledger: Option<Ledger>,
}

impl Front {
    /// Takes the lock; to be let go before anything is awaited.
    pub(super) fn phones(&self) -> MutexGuard<'_, Phones> {
        self.phones
            .lock()
            .expect("nothing panics while it holds the exchange")
    }

    /// Waits, but not beyond the end of the sandbox.
    pub(super) async fn pause(&self, length: Duration) {
        if !length.is_zero() {
            tokio::time::timeout(length, wait(self.stopped.clone()))
                .await
                .ok();
        }
    }
}

/// Waits for the sandbox to be shut down or dropped.
async fn wait(mut stopped: watch::Receiver<bool>) {
    stopped.wait_for(|stopped| *stopped).await.ok();
}

/// Sends the status callbacks as they fall due.
async fn report_ends(front: &Front, courier: Courier) {
    let mut deliveries = JoinSet::new();
    loop {
        let next_at = {
            let mut phones = front.phones();
            for callback in phones.exchange.callbacks_due(front.clock.wall()) {
                deliveries.spawn(courier.clone().deliver(callback));
            }
            phones.exchange.next_callback_at()
        };
        while deliveries.try_join_next().is_some() {}
        let planned = front.callback_planned.notified();
        match next_at {
            None => planned.await,
            Some(next_at) => {
                tokio::time::timeout(until(next_at, front.clock.wall()), planned)
                    .await
                    .ok();
            }
        }
    }
}

/// Returns how long to sleep until `at`: rounded up to the timer's milliseconds, and short, since clocks jump.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    (left + Duration::from_millis(1)).min(Duration::from_secs(1))
}

#[cfg(test)]
mod tests;
