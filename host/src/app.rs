//! What every handler shares.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::http::{StatusCode, header, request::Parts};
use countersign_core::{
    ticket::{Ticket, TicketClaims, TicketError, UnverifiedTicket},
    time::UnixTime,
    token::SignatureOk,
};
use tokio::sync::watch;

use crate::{
    audit::Trail,
    auth::client_keys::FetchedKeys,
    clock::Clock,
    config::Operations,
    error::ApiError,
    keys::{Keyrings, MasterKey},
    limit::Limits,
    metrics::{Exposure, Metrics},
    outside::Outside,
    password::Passwords,
    pdp::Pdp,
    proxy::{self, Origin, Proxies},
    realm::Realm,
    script::Scripts,
    status::StatusLists,
    store::{self, Store, StoreError},
};

/// The state of the server; handlers take it as `State<Arc<App>>`
#[derive(Debug)]
pub struct App {
    /// What is kept
    pub store: Store,
    /// The time
    pub clock: Clock,
    /// Which issuer a request sees
    pub issuers: IssuerPolicy,
    /// Decides
    pub pdp: Pdp,
    /// The keys of realms
    pub keys: Keyrings,
    /// Checks passwords
    pub passwords: Passwords,
    /// What is fetched from elsewhere
    pub outside: Outside,
    /// Keys of clients that are kept elsewhere
    pub client_keys: FetchedKeys,
    /// Policies that are programs
    pub scripts: Scripts,
    /// What guards learn of withdrawals
    pub status: StatusLists,
    /// What is counted
    pub metrics: Metrics,
    /// Who may read that
    pub exposure: Exposure,
    /// Decisions on their way into the audit trail
    pub trail: Trail,
    /// How often somebody may ask
    pub limits: Limits,
    /// Proxies that are believed
    pub proxies: Proxies,
    /// Set when the server stops: answers that would not end do
    pub stopping: watch::Sender<bool>,
    realms: RealmCache,
}

impl App {
    /// The state of a server on this store
    pub fn new(store: Store, clock: Clock, issuers: IssuerPolicy, pdp: Pdp, master: Arc<MasterKey>) -> Self {
        let (keys, passwords) = (Keyrings::new(master), Passwords::new());
        let metrics = Metrics::new(store.measures(), pdp.measures(), &pdp.sha256().to_string());
        let usual = Operations::default();
        Self {
            metrics,
            exposure: usual.metrics,
            trail: Trail::new(usual.audit),
            limits: Limits::new(usual.rates),
            proxies: usual.proxies,
            store,
            clock,
            issuers,
            pdp,
            keys,
            passwords,
            outside: Outside::new(Vec::new()),
            client_keys: FetchedKeys::default(),
            scripts: Scripts::default(),
            status: StatusLists::default(),
            stopping: watch::Sender::new(false),
            realms: RealmCache::default(),
        }
    }

    /// With the hosts that may be private from which documents are fetched
    #[must_use]
    pub fn with_private_hosts(self, hosts: Vec<String>) -> Self {
        Self { outside: Outside::new(hosts), ..self }
    }

    /// With what its operator wants
    #[must_use]
    pub fn with_operations(self, operations: Operations) -> Self {
        Self {
            exposure: operations.metrics,
            trail: Trail::new(operations.audit),
            limits: Limits::new(operations.rates),
            proxies: operations.proxies,
            ..self
        }
    }

    /// With scripts
    #[must_use]
    pub fn with_scripts(self, scripts: Scripts) -> Self {
        Self { scripts, ..self }
    }

    /// A permission ticket, signed for this server only
    pub fn sign_ticket(&self, realm: &Realm, ticket: &TicketClaims) -> Result<String, ApiError> {
        let signed = self.keys.current(&self.store, realm)?.sign_internal(ticket)?;
        self.metrics.tickets.inc();
        Ok(signed)
    }

    /// Checks a permission ticket: signature, issuer and time; whether it is spent, the store says
    pub fn verify_ticket(
        &self,
        realm: &Realm,
        issuer: &str,
        text: &str,
        now: UnixTime,
    ) -> Result<Result<Ticket, TicketError>, ApiError> {
        let ticket = match UnverifiedTicket::parse(text) {
            Ok(ticket) => ticket,
            Err(error) => return Ok(Err(error)),
        };
        let ring = self.keys.current(&self.store, realm)?;
        if !ring.verify_internal(ticket.jws()) {
            return Ok(Err(TicketError::Foreign));
        }
        Ok(ticket.accept(SignatureOk::i_have_verified_the_signature(), issuer, now))
    }

    /// Nothing of a realm that was deleted stays in memory
    pub fn forget(&self, realm: &Realm) {
        self.realms.0.write().unwrap_or_else(PoisonError::into_inner).remove(&realm.name);
        self.keys.forget(&realm.id);
    }

    /// The realm of this name, as of now
    pub fn realm(&self, name: &str) -> Result<Option<Arc<Realm>>, StoreError> {
        self.realms.get(&self.store, name)
    }
}

/// Realms as last read: asking whether one has changed costs less than reading it
#[derive(Debug, Default)]
struct RealmCache(RwLock<HashMap<String, Arc<Realm>>>);

impl RealmCache {
    fn get(&self, store: &Store, name: &str) -> Result<Option<Arc<Realm>>, StoreError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let fresh = store.read(|tx| {
            let Some((id, version)) = store::realm::version(tx, name)? else { return Ok(None) };
            match known {
                Some(known) if known.id == id && known.version == version => Ok(Some(known)),
                _ => Ok(store::realm::by_name(tx, name)?.map(Arc::new)),
            }
        })?;
        // Names come from callers, so only those of realms are kept.
        if let Some(realm) = &fresh {
            let mut realms = self.0.write().unwrap_or_else(PoisonError::into_inner);
            realms.insert(name.to_owned(), Arc::clone(realm));
        }
        Ok(fresh)
    }
}

/// Which issuer a request sees.
///
/// A token is good only under the issuer that made it, so the caller must not choose freely: either the operator names
/// the public URL, or the server listens on loopback and follows a `Host` header that names loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerPolicy {
    /// `--public-url`
    Fixed(String),
    /// Follows `Host` on loopback
    Loopback {
        /// On which the server listens
        port: u16,
        /// `http`, or `https` with a certificate
        scheme: &'static str,
    },
    /// Only what proxies say that are believed
    Proxied {
        /// `http`, or `https` with a certificate: where they say nothing of that
        scheme: &'static str,
    },
}

impl IssuerPolicy {
    /// The base of every URL that this request is answered with
    pub fn base(&self, parts: &Parts) -> Result<String, ApiError> {
        let headers = &parts.headers;
        let passed_on = |own: &'static str| {
            let origin = parts.extensions.get::<Origin>()?;
            let host = || proxy::host(headers.get(header::HOST)?.to_str().ok()?);
            let host = origin.host.clone().or_else(host)?;
            Some(format!("{}://{host}", origin.scheme.unwrap_or(own)))
        };
        match self {
            Self::Fixed(base) => Ok(base.clone()),
            Self::Proxied { scheme } => passed_on(scheme).ok_or_else(|| {
                ApiError::invalid_request(
                    "This server answers through its proxies; for others set --public-url",
                )
            }),
            Self::Loopback { port, scheme } => {
                if let Some(base) = passed_on(scheme) {
                    return Ok(base);
                }
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
                let (name, given) = split(host);
                let usual = if *scheme == "https" { 443 } else { 80 };
                let right_port = given.map_or(*port == usual, |given| given == port.to_string());
                if right_port && matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
                    Ok(format!("{scheme}://{host}"))
                } else {
                    Err(ApiError::new(
                        StatusCode::BAD_REQUEST,
                        "invalid_request",
                        "Host must be localhost, 127.0.0.1 or [::1] with the listening port; \
                         for others set --public-url",
                    ))
                }
            }
        }
    }
}

fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(policy: &IssuerPolicy, host: &str) -> Option<String> {
        let request = axum::http::Request::builder().header(header::HOST, host);
        policy.base(&request.body(()).unwrap().into_parts().0).ok()
    }

    #[test]
    fn what_a_proxy_says_that_is_believed_goes_over_the_host() {
        let base = |policy: &IssuerPolicy, origin: Option<Origin>| {
            let mut request = axum::http::Request::builder().header(header::HOST, "inner.example:1");
            if let Some(origin) = origin {
                request = request.extension(origin);
            }
            policy.base(&request.body(()).unwrap().into_parts().0).ok()
        };
        let said = |scheme, host: Option<&str>| {
            let address = [192, 0, 2, 1].into();
            Some(Origin { address, scheme, host: host.map(str::to_owned) })
        };
        let proxied = IssuerPolicy::Proxied { scheme: "http" };
        let loopback = IssuerPolicy::Loopback { port: 8080, scheme: "http" };
        for policy in [&proxied, &loopback] {
            assert_eq!(base(policy, None), None);
            let all = said(Some("https"), Some("as.example"));
            assert_eq!(base(policy, all).as_deref(), Some("https://as.example"));
            assert_eq!(base(policy, said(None, None)).as_deref(), Some("http://inner.example:1"));
        }
        let fixed = IssuerPolicy::Fixed("https://as.example".to_owned());
        assert_eq!(base(&fixed, said(None, Some("evil.example"))).as_deref(), Some("https://as.example"));
    }

    #[test]
    fn loopback_follows_only_loopback_hosts_on_the_listening_port() {
        let policy = IssuerPolicy::Loopback { port: 8080, scheme: "http" };
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(base(&policy, host), Some(format!("http://{host}")));
        }
        for host in [
            "localhost",
            "localhost:08080",
            "localhost:+8080",
            "localhost:80",
            "evil.example:8080",
            "127.0.0.1.evil:8080",
            "",
            "[::1]",
            "::1",
        ] {
            assert_eq!(base(&policy, host), None, "{host}");
        }
    }

    #[test]
    fn a_public_url_stands_whatever_host_is_sent() {
        let policy = IssuerPolicy::Fixed("https://as.example".to_owned());
        assert_eq!(base(&policy, "evil.example").as_deref(), Some("https://as.example"));
    }
}
