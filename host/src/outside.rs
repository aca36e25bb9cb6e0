//! What this server fetches from others: a document at an address that a client's administrator wrote down.
//!
//! Such an address could make the server call what only it can reach (server-side request forgery). So: `https` only,
//! one request, no redirect, short and soon over; and every address that a name stands for is looked at after it was
//! resolved, and that very address is called. Hosts that the operator names (`private_hosts`) may be private, and
//! may be called by `http`.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use std::sync::{Arc, OnceLock};

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, Uri, header, uri::Scheme},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// How long a fetch may take, from the name to the last byte
const TIME: Duration = Duration::from_secs(5);
/// Longest document, in bytes
const BYTES: usize = countersign_core::limits::JWKS_BYTES;

/// Why nothing was fetched
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not `https`, or no plain host
    #[error("the address is not https with a plain host")]
    Address,
    /// It is private, and the operator has not named it
    #[error("the address is not public, and `private_hosts` does not name it")]
    Private,
    /// Nobody is there, or the certificate is wrong
    #[error("the host does not answer")]
    Unreachable,
    /// An answer other than 200; redirects are not followed
    #[error("the answer is not 200")]
    Status,
    /// The answer is too long
    #[error("the answer is too long")]
    TooLong,
    /// The answer took too long
    #[error("the answer did not come in time")]
    TooLate,
}

/// Fetches documents
pub struct Outside {
    private_hosts: Vec<String>,
    tls: OnceLock<Option<TlsConnector>>,
}

impl core::fmt::Debug for Outside {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outside").field("private_hosts", &self.private_hosts).finish_non_exhaustive()
    }
}

impl Outside {
    /// With the hosts, each with its port where that is not the usual one, that may be private
    pub const fn new(private_hosts: Vec<String>) -> Self {
        Self { private_hosts, tls: OnceLock::new() }
    }

    /// The document at this address
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        tokio::time::timeout(TIME, self.fetch_now(url)).await.map_err(|_| FetchError::TooLate)?
    }

    async fn fetch_now(&self, url: &str) -> Result<Bytes, FetchError> {
        let target = Target::read(url, &self.private_hosts)?;
        let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
        let all = found.map_err(|_| FetchError::Unreachable)?;
        let allowed: Vec<SocketAddr> =
            all.filter(|address| target.may_be_private || is_public(address.ip())).collect();
        if allowed.is_empty() {
            return Err(FetchError::Private);
        }
        let stream = TcpStream::connect(&*allowed).await.map_err(|_| FetchError::Unreachable)?;
        if !target.tls {
            return get(stream, &target).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_| FetchError::Address)?;
        let tls = self.tls.get_or_init(connector).as_ref().ok_or(FetchError::Unreachable)?;
        let stream = tls.connect(name, stream).await.map_err(|_| FetchError::Unreachable)?;
        get(stream, &target).await
    }
}

/// TLS with the authorities that this system trusts
fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        tracing::warn!("this system trusts no certificate authority: nothing can be fetched by https");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = versions.with_root_certificates(roots).with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

/// An address that may be looked up
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    authority: String,
    path: String,
    tls: bool,
    may_be_private: bool,
}

impl Target {
    fn read(url: &str, private_hosts: &[String]) -> Result<Self, FetchError> {
        let uri: Uri = url.parse().map_err(|_| FetchError::Address)?;
        let authority = uri.authority().ok_or(FetchError::Address)?.as_str();
        let host = uri.host().ok_or(FetchError::Address)?;
        // A name in front of the host is there to deceive.
        if authority.contains('@') || host.is_empty() {
            return Err(FetchError::Address);
        }
        let may_be_private = private_hosts.iter().any(|named| named.eq_ignore_ascii_case(authority));
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP && may_be_private => false,
            _ => return Err(FetchError::Address),
        };
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            tls,
            may_be_private,
        })
    }
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
) -> Result<Bytes, FetchError> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| FetchError::Unreachable)?;
    let driver = tokio::spawn(connection);
    let request = Request::get(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::ACCEPT, "application/json, application/jwk-set+json")
        .header(header::USER_AGENT, "countersign")
        .body(Body::empty())
        .map_err(|_| FetchError::Address)?;
    let answer = read(sender.send_request(request)).await;
    driver.abort();
    answer
}

async fn read(
    answer: impl Future<Output = hyper::Result<hyper::Response<hyper::body::Incoming>>>,
) -> Result<Bytes, FetchError> {
    let response = answer.await.map_err(|_| FetchError::Unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status);
    }
    let body = Limited::new(response.into_body(), BYTES).collect().await;
    Ok(body.map_err(|_| FetchError::TooLong)?.to_bytes())
}

/// Whether everybody can reach this address; what is special in any way cannot be (RFC 6890)
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        // This network; shared and protocol addresses; benchmarks; relays; reserved and broadcast.
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        || a >= 240;
    !special
}

/// Global unicast, without the ranges that stand for others: protocols and Teredo, documentation, 6to4
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || a == 0x3fff;
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_everybody_can_reach_are_public() {
        for address in ["1.1.1.1", "100.63.0.1", "198.20.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_https_with_a_plain_host() {
        let read = |url: &str| Target::read(url, &["localhost:9000".to_owned()]);
        let target = read("https://keys.example/jwks?x=1#y").unwrap();
        assert_eq!((target.port, target.path.as_str(), target.tls), (443, "/jwks?x=1", true));
        assert!(!target.may_be_private);
        let target = read("http://LOCALHOST:9000/jwks").unwrap();
        assert_eq!((target.port, target.tls, target.may_be_private), (9_000, false, true));
        for url in [
            "http://keys.example/jwks",
            "http://localhost:9001/jwks",
            "file:///etc/passwd",
            "https://user@keys.example/",
            "https://localhost:9000@evil.example/",
            "//keys.example/",
            "/jwks",
            "",
        ] {
            assert_eq!(read(url), Err(FetchError::Address), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_for_a_private_address_is_not_called() {
        let outside = Outside::new(Vec::new());
        for url in
            ["https://localhost/jwks", "https://127.0.0.1/jwks", "https://[::1]/jwks", "https://2130706433/"]
        {
            let refused = outside.fetch(url).await.unwrap_err();
            assert!(matches!(refused, FetchError::Private | FetchError::Unreachable), "{url}: {refused}");
        }
    }
}
