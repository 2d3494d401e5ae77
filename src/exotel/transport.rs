//! One request out, one whole reply back, or why not.
//!
//! The only place that sends. It sends a request at most once and reads no more of a reply than it was told to. Its
//! invariant: [`Failure::NotSent`] is said only where no byte of the request can have left; the table in the parent
//! module tells which errors those are.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Certificate, Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};

use super::account::{Account, Timeouts};
use super::address::BaseUrl;
use super::classify::{Received, http_date, patience};
use super::tidy::Tidy;

/// Shorter than the idle time-outs of common servers and gateways, of which five seconds is the shortest.
const IDLE: Duration = Duration::from_secs(3);

/// Why a request brought no whole reply. The texts are tidy.
#[derive(Debug)]
pub(super) enum Failure {
    /// Proven: no byte of it left.
    NotSent(String),
    /// No whole reply in time.
    TimedOut,
    /// The connection broke, or what came over it was no HTTP.
    Broken(String),
    /// The reply outgrew its bound.
    TooLong { status: u16, excerpt: String },
}

/// The connections to one account. A clone shares them.
#[derive(Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    key: SecretString,
    token: SecretString,
    tidy: Tidy,
}

impl Transport {
    pub(super) fn new(account: &Account, timeouts: Timeouts) -> anyhow::Result<Self> {
        let tidy = Tidy::new(&account.key, &account.token);
        let http = http_client(&account.base, timeouts)
            .map_err(|error| anyhow::Error::msg(tidy.error(&error)))?;
        Ok(Self {
            http,
            key: account.key.clone(),
            token: account.token.clone(),
            tidy,
        })
    }

    /// Returns what makes the texts of replies and errors fit to be shown.
    pub(super) fn tidy(&self) -> &Tidy {
        &self.tidy
    }

    /// Returns a request to be filled and sent.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends one request, once, and reads its reply whole, up to `most` bytes of decompressed body.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        most: usize,
    ) -> Result<Received, Failure> {
        let request = request
            .basic_auth(self.key.expose_secret(), Some(self.token.expose_secret()))
            .build()
            .map_err(|error| Failure::NotSent(self.tidy.error(&error.without_url())))?;
        #[cfg(feature = "sabotage")]
        if crate::sabotage::is(crate::sabotage::Sabotage::LogTheToken) {
            tracing::debug!("signed in with {}", self.token.expose_secret());
        }
        let sent = self.http.execute(request).await;
        let mut response = sent.map_err(|error| {
            // Nothing else proves it. Least of all `is_builder`, its name notwithstanding: the library also gives
            // that kind to the address of a redirect, which it looks at when the request has been answered.
            if error.is_connect() {
                Failure::NotSent(self.tidy.error(&error.without_url()))
            } else {
                self.failure_after_sending(error)
            }
        })?;

        let status = response.status().as_u16();
        let date = header(response.headers(), &DATE).and_then(http_date);
        let retry_after =
            header(response.headers(), &RETRY_AFTER).and_then(|text| patience(text, date));
        let mut body = Vec::new();
        // Chunks come decompressed, so the bound holds for what a small body swells to.
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failure_after_sending(error))?
        {
            if body.len() + chunk.len() > most {
                let excerpt = self.tidy.excerpt(&body);
                let excerpt = format!("longer than {} KiB: {excerpt}", most / 1024);
                return Err(Failure::TooLong { status, excerpt });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Received {
            status,
            date,
            retry_after,
            body,
        })
    }

    fn failure_after_sending(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() {
            Failure::TimedOut
        } else {
            Failure::Broken(self.tidy.error(&error.without_url()))
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn http_client(base: &BaseUrl, timeouts: Timeouts) -> reqwest::Result<reqwest::Client> {
    // The roots that come with the program stand in where the machine has none (a bare container); without any, the
    // library cannot even build a client for plain http.
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|root| Certificate::from_der(root))
        .collect::<Result<Vec<_>, _>>()?;
    let builder = reqwest::Client::builder()
        .user_agent(concat!("exocamp/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(roots)
        .http1_only()
        .https_only(!base.is_loopback())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timeouts.connect)
        // This one runs while connecting as well. The other is much shorter, so that a slow connection is noticed by
        // that one first, which proves that nothing was sent; this one would leave a doubt.
        .timeout(timeouts.reply)
        .pool_idle_timeout(IDLE);
    #[cfg(feature = "sabotage")]
    let builder = match crate::sabotage::is(crate::sabotage::Sabotage::FollowRedirects) {
        true => builder.redirect(reqwest::redirect::Policy::limited(10)),
        false => builder,
    };
    if base.is_loopback() {
        builder.no_proxy().build()
    } else {
        builder.build()
    }
}
