//! Where Exotel is.
//!
//! An address is `https://` and a host, nothing more: no path, no query, and above all no credentials, since addresses
//! end up in logs. Plain `http://` is refused except towards this machine, where test servers listen.

use std::fmt;

use reqwest::Url;

/// The root of Exotel's API, such as `https://api.in.exotel.com`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is no address of an API.
///
/// Never repeats the text: people paste `https://key:token@host` here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BaseUrlError {
    /// No host could be read from it.
    #[error("the API address is no URL; write it as `https://api.in.exotel.com`")]
    NotAnAddress,
    /// Plain http to another machine, or a scheme that is no HTTP at all.
    #[error("the API address must begin with https (http is for 127.0.0.1 only)")]
    NotHttps,
    /// A user or a password in the address.
    #[error("the API address must hold no credentials; key and token have settings of their own")]
    HoldsCredentials,
    /// A path, a query or a fragment after the host.
    #[error("the API address must end after the host")]
    HoldsMore,
}

impl BaseUrl {
    /// Returns the address of a cluster by its subdomain: `api.exotel.com` (Singapore) or `api.in.exotel.com` (Mumbai).
    ///
    /// Exotel's dashboard shows it with a leading `@`, which is accepted.
    pub fn from_subdomain(subdomain: &str) -> Result<Self, BaseUrlError> {
        let host = subdomain.trim();
        let host = host.strip_prefix('@').unwrap_or(host);
        if host.contains("://") {
            return Self::parse(host);
        }
        Self::parse(&format!("https://{host}"))
    }

    /// Returns the address written out in full.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| BaseUrlError::NotAnAddress)?;
        if url.cannot_be_a_base() || url.host_str().is_none_or(str::is_empty) {
            return Err(BaseUrlError::NotAnAddress);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::HoldsCredentials);
        }
        let base = Self(url);
        let encrypted = base.0.scheme() == "https";
        let plain_at_home = base.0.scheme() == "http" && base.is_loopback();
        if !encrypted && !plain_at_home {
            return Err(BaseUrlError::NotHttps);
        }
        if base.0.path() != "/" || base.0.query().is_some() || base.0.fragment().is_some() {
            return Err(BaseUrlError::HoldsMore);
        }
        Ok(base)
    }

    /// Returns whether the address is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Returns the address of a resource; each segment is encoded, so that none can reach outside its place.
    pub(super) fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut()
            .expect("an address with a host can have a path")
            .pop_if_empty()
            .extend(segments);
        url
    }
}

/// Returns whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host == "localhost",
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subdomain_becomes_an_https_address() {
        for text in [
            "api.in.exotel.com",
            "@api.in.exotel.com",
            " https://api.in.exotel.com/ ",
        ] {
            assert_eq!(
                BaseUrl::from_subdomain(text).unwrap().to_string(),
                "https://api.in.exotel.com"
            );
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for here in [
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://localhost:9",
        ] {
            assert!(BaseUrl::parse(here).is_ok(), "{here}");
        }
        for elsewhere in [
            "http://api.exotel.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
        ] {
            assert_eq!(
                BaseUrl::parse(elsewhere),
                Err(BaseUrlError::NotHttps),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused_and_never_repeated() {
        for (text, why) in [
            ("", BaseUrlError::NotAnAddress),
            ("api exotel", BaseUrlError::NotAnAddress),
            ("mailto:a@example.com", BaseUrlError::NotAnAddress),
            (
                "https://canary-key-3f:canary-token-9d@api.exotel.com",
                BaseUrlError::HoldsCredentials,
            ),
            ("https://api.exotel.com/v1", BaseUrlError::HoldsMore),
            ("https://api.exotel.com?x=1", BaseUrlError::HoldsMore),
        ] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!format!("{error}{error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_segment_cannot_climb_out_of_its_place() {
        let base = BaseUrl::parse("http://127.0.0.1:1").unwrap();
        assert_eq!(
            base.join(["v1", "a/b?c", "x"]).as_str(),
            "http://127.0.0.1:1/v1/a%2Fb%3Fc/x"
        );
    }
}
