use alloc::string::String;

use super::metadata::Metadata;
use crate::{
    enforcer::{self, Enforcer},
    ids::ClientId,
    jwk::Jwks,
    limits::EDGE_STALENESS_SECONDS,
    uri::{HttpUri, ParseUriError},
};

/// How a guard hears of tokens that were taken back
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Withdrawals {
    /// By a stream of changes, and by the list where there is no stream
    #[default]
    Stream,
    /// By the status list, fetched again after its `ttl`
    List,
    /// Not at all: a token is good until its `exp`
    None,
}

/// What a guard does when it cannot hear of withdrawals for longer than it should
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnStale {
    /// It denies
    #[default]
    Deny,
    /// It permits until the token's `exp` what was not withdrawn as far as it knows
    UntilExp,
}

/// Why a configuration is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The issuer is no address, or has a query
    #[error("`issuer` is not an address without query")]
    Issuer,
    /// The issuer would be asked without TLS on another machine
    #[error("`issuer` is neither https nor on this machine")]
    Insecure,
    /// The realm holds a character that no header can carry safely
    #[error("`realm` has a character that a header cannot carry")]
    Realm,
    /// Rules with claims of another service
    #[error("`claim-information-point.http` is not served here: use the provider `claims`")]
    ForeignClaims,
}

impl From<ParseUriError> for ConfigError {
    fn from(_: ParseUriError) -> Self {
        Self::Issuer
    }
}

/// What a guard needs to know
///
/// ```
/// use countersign_core::edge::{Config, ConfigError, Withdrawals};
///
/// let config = Config::new("https://as.example/realms/demo", "documents".parse()?)?
///     .realm("documents")?
///     .credentials()
///     .withdrawals(Withdrawals::List);
/// let refused = Config::new("http://as.example", "documents".parse()?);
/// assert_eq!(refused.map(|_| ()), Err(ConfigError::Insecure));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) issuer: String,
    pub(super) audience: ClientId,
    pub(super) realm: String,
    pub(super) has_credentials: bool,
    pub(super) keeps_pat: bool,
    pub(super) leeway: u64,
    pub(super) withdrawals: Withdrawals,
    pub(super) on_stale: OnStale,
    pub(super) max_staleness: u64,
    pub(super) metadata: Option<Metadata>,
    pub(super) keys: Option<Jwks>,
    pub(super) rules: Option<Enforcer>,
}

impl Config {
    /// A guard that takes bearer tokens of this issuer, exactly as its tokens name it, for this audience
    pub fn new(issuer: &str, audience: ClientId) -> Result<Self, ConfigError> {
        let uri: HttpUri = issuer.parse()?;
        if uri.has_query() {
            return Err(ConfigError::Issuer);
        }
        if !uri.is_https() && !uri.is_loopback() {
            return Err(ConfigError::Insecure);
        }
        Ok(Self {
            realm: audience.as_str().into(),
            issuer: issuer.into(),
            audience,
            has_credentials: false,
            keeps_pat: false,
            leeway: 5,
            withdrawals: Withdrawals::default(),
            on_stale: OnStale::default(),
            max_staleness: EDGE_STALENESS_SECONDS,
            metadata: None,
            keys: None,
            rules: None,
        })
    }

    /// The realm of challenges; the audience by default
    pub fn realm(self, realm: &str) -> Result<Self, ConfigError> {
        if realm.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Ok(Self { realm: realm.into(), ..self })
        } else {
            Err(ConfigError::Realm)
        }
    }

    /// The runtime has the resource server's credentials, and attaches them where a
    /// [`Credential::Client`](super::Credential::Client) is asked for. Without them there are no tickets, and a
    /// narrowed token permits nothing.
    #[must_use]
    pub fn credentials(self) -> Self {
        Self { has_credentials: true, ..self }
    }

    /// The resource server's token is kept as well, by a [`Cache`](super::Cache) step that says so: for a guard that lives
    /// for one request, and would ask for a token for each.
    #[must_use]
    pub fn keeps_pat(self) -> Self {
        Self { keeps_pat: true, ..self }
    }

    /// Seconds by which the issuer's clock may be ahead: 5 by default, a minute at most
    #[must_use]
    pub fn leeway(self, seconds: u64) -> Self {
        Self { leeway: seconds, ..self }
    }

    /// How the guard hears of withdrawals
    #[must_use]
    pub fn withdrawals(self, withdrawals: Withdrawals) -> Self {
        Self { withdrawals, ..self }
    }

    /// What the guard does when it cannot hear of them for longer than `max_staleness` seconds (60 by default)
    #[must_use]
    pub fn on_stale(self, on_stale: OnStale, max_staleness: u64) -> Self {
        Self { on_stale, max_staleness, ..self }
    }

    /// The issuer's metadata, which is then not fetched
    #[must_use]
    pub fn metadata(self, metadata: Metadata) -> Self {
        Self { metadata: Some(metadata), ..self }
    }

    /// The issuer's keys, which are then not fetched and never change
    #[must_use]
    pub fn keys(self, keys: Jwks) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// What requests need that come as [`Arrival`](super::Arrival); without rules, none of these passes.
    ///
    /// The authorization server is asked for tickets and for the resources of paths, in the guard's own name and never
    /// in that of a client: what a token lacks without `user-managed-access` stays refused.
    pub fn rules(self, rules: enforcer::Config) -> Result<Self, ConfigError> {
        if rules.claims.http.is_some() || rules.paths.iter().any(|path| path.claims.http.is_some()) {
            return Err(ConfigError::ForeignClaims);
        }
        Ok(Self { rules: Some(Enforcer::new(rules)), ..self })
    }

    /// Whether rules make claims of the request's body
    pub fn reads_body(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.config().reads_body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_by_tls_or_on_this_machine() {
        let new = |issuer: &str| Config::new(issuer, "documents".parse().unwrap()).map(|_| ());
        for good in ["https://as.example/realms/demo", "http://localhost:8080/realms/demo", "http://[::1]"] {
            assert_eq!(new(good), Ok(()), "{good}");
        }
        for bad in ["http://as.example", "http://10.0.0.1/", "http://localhost.example"] {
            assert_eq!(new(bad), Err(ConfigError::Insecure), "{bad}");
        }
        for bad in ["", "as.example", "https://as.example/?x", "https://u@as.example", "ftp://as.example"] {
            assert_eq!(new(bad), Err(ConfigError::Issuer), "{bad}");
        }
    }

    #[test]
    fn trap_oauth_18_a_realm_breaks_out_of_no_header() {
        for realm in ["a\r\nb", "\u{e9}", "a\0"] {
            let config = Config::new("https://as.example", "documents".parse().unwrap()).unwrap();
            assert_eq!(config.realm(realm).map(|_| ()), Err(ConfigError::Realm), "{realm:?}");
        }
    }
}
