//! Sends status callbacks when calls end.
//!
//! Only to loopback addresses, without redirects, within bounded times, at most three times each. A pretend Exotel that
//! posted to real servers would tell them of calls that nobody made.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Url};
use tokio::sync::Semaphore;

use super::answer::Callback;
use super::wire;

/// How often a callback is sent before it is given up.
const SENDS: usize = 3;

/// Sends callbacks.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    client: Client,
    account: Arc<str>,
    under_way: Arc<Semaphore>,
    warned: Arc<AtomicBool>,
}

impl Courier {
    /// Returns a courier that signs recordings' addresses with this account.
    pub(super) fn new(account: &str) -> anyhow::Result<Self> {
        // `localhost` is whatever the resolver says; here it is this machine. And no certificate authorities: a machine
        // without any could not build the client, and plain http is all that is spoken.
        let here = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ];
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .resolve_to_addrs(
                "localhost",
                &here.map(|address| SocketAddr::new(address, 0)),
            )
            .timeout(Duration::from_secs(5))
            .build()
            .context("cannot prepare status callbacks")?;
        Ok(Self {
            client,
            account: account.into(),
            under_way: Arc::new(Semaphore::new(32)),
            warned: Arc::default(),
        })
    }

    /// Sends one callback, and again if it is not acknowledged.
    pub(super) async fn deliver(self, callback: Callback) {
        let Some(url) = loopback(&callback.url) else {
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!("the sandbox sends status callbacks to http on this machine only");
            }
            return;
        };
        let Ok(_permit) = self.under_way.acquire().await else {
            return;
        };
        for send in 0..SENDS {
            if send > 0 {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            match self.send(url.clone(), &callback).await {
                Ok(status) if status.is_success() => return,
                Ok(status) => tracing::debug!(%status, "a status callback was not accepted"),
                // Without its address, which has the client's secret in it.
                Err(error) => {
                    let error = error.without_url();
                    tracing::debug!(%error, "a status callback was not delivered");
                }
            }
        }
    }

    async fn send(
        &self,
        url: Url,
        callback: &Callback,
    ) -> Result<reqwest::StatusCode, reqwest::Error> {
        let fields = wire::callback_fields(&callback.call, &self.account);
        let request = self.client.post(url);
        let request = if callback.json {
            let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
            request.json(&serde_json::Map::from_iter(fields))
        } else {
            let form = fields
                .into_iter()
                .fold(reqwest::multipart::Form::new(), |form, (name, value)| {
                    form.text(name, value)
                });
            request.multipart(form)
        };
        Ok(request.send().await?.status())
    }
}

/// Returns the address if it is plain http on this machine.
fn loopback(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    (here && url.scheme() == "http").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_go_to_this_machine_only() {
        for url in [
            "http://127.0.0.1:9/cb",
            "http://localhost/cb",
            "http://[::1]:9/",
            "http://127.1/",
        ] {
            assert!(loopback(url).is_some(), "{url}");
        }
        for url in [
            "http://hooks.example.com/cb",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "http://192.168.1.1/",
            "http://0.0.0.0/",
            "http://[::ffff:192.168.1.1]/",
            "https://127.0.0.1/",
            "127.0.0.1/cb",
        ] {
            assert!(loopback(url).is_none(), "{url}");
        }
    }
}
