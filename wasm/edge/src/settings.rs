//! The settings of a filter: one JSON object, its members named as in Keycloak's files.

use core::fmt;

use countersign_core::{
    edge::{Config, ConfigError, OnStale, Withdrawals},
    enforcer::{self, ParseConfigError},
    ids::ClientId,
    jwk::{Jwks, ParseJwksError},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Credentials;

/// Longest that settings may say a stale list is believed, in seconds
const STALENESS_MOST: u64 = 24 * 3_600;

/// Why settings are refused: one readable line
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No JSON, a member of another kind than it should be, missing or unknown
    #[error("settings: {0}")]
    Json(serde_json::Error),
    /// `resource` is no client id
    #[error("settings: `resource` is not the client id of the resource server")]
    Resource,
    /// `jwks` are no keys
    #[error("settings: `jwks`: {0}")]
    Keys(ParseJwksError),
    /// `rules` are none
    #[error("settings: `rules`: {0}")]
    Rules(ParseConfigError),
    /// The issuer, the realm, or rules that a filter cannot keep
    #[error("settings: {0}")]
    Guard(ConfigError),
    /// `public-url` is no address without path
    #[error("settings: `public-url` is not an address such as `https://files.example`")]
    PublicUrl,
    /// `max-staleness` is too long
    #[error("settings: `max-staleness` is more than a day, in seconds")]
    Staleness,
    /// The secret is in no place where it can be found
    #[error("settings: `credentials`: {0}")]
    Secret(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    issuer: String,
    resource: String,
    credentials: Option<Secret>,
    realm: Option<String>,
    jwks: Option<Map<String, Value>>,
    leeway: Option<u64>,
    #[serde(default)]
    withdrawals: Hear,
    #[serde(default)]
    on_stale: Stale,
    max_staleness: Option<u64>,
    public_url: Option<String>,
    rules: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    #[serde(rename = "secret")]
    given: Option<String>,
    #[serde(rename = "secret-env")]
    env: Option<String>,
    #[serde(rename = "secret-store")]
    store: Option<String>,
}

/// Where the secret is that settings name and do not hold; each filter has one of these
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPlace<'a> {
    /// A variable of the environment
    Env(&'a str),
    /// An entry of the platform's secret store
    Store(&'a str),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Hear {
    #[default]
    List,
    None,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stale {
    #[default]
    Deny,
    UntilExp,
}

/// Whom to ask, and as whom
pub(crate) struct Connection {
    pub(crate) issuer: String,
    pub(crate) credentials: Option<Credentials>,
}

/// Finds the secret that settings name and do not hold
pub type FindSecret<'a> = &'a dyn Fn(SecretPlace<'_>) -> Option<String>;

/// The settings of a filter
///
/// ```
/// use countersign_edge::Settings;
///
/// let settings = r#"{ "issuer": "http://localhost:8080/realms/demo", "resource": "documents",
///     "rules": { "paths": [{ "path": "/documents/*", "id": "42" }] } }"#;
/// assert!(Settings::parse(settings.as_bytes(), &|_| None).is_ok());
/// let refused = Settings::parse(settings.replace("path\"", "pathh\"").as_bytes(), &|_| None).unwrap_err();
/// assert_eq!(refused.to_string(), "settings: `rules`: `paths[0].pathh` is not known; did you mean `path`?");
/// ```
pub struct Settings {
    pub(crate) guard: Config,
    client: ClientId,
    pub(crate) connection: Connection,
    pub(crate) public_url: Option<String>,
}

impl Settings {
    /// Reads settings; `secret` finds what `credentials` name and do not hold.
    pub fn parse(json: &[u8], secret: FindSecret<'_>) -> Result<Self, SettingsError> {
        let file: File = serde_json::from_slice(json).map_err(SettingsError::Json)?;
        let client: ClientId = file.resource.parse().map_err(|_| SettingsError::Resource)?;
        let credentials = file.credentials.map(|credentials| found(&credentials, secret)).transpose()?;
        let credentials = credentials.map(|secret| Credentials { client: file.resource, secret });
        let rules = Value::Object(file.rules).to_string();
        let rules = enforcer::Config::parse(rules.as_bytes()).map_err(SettingsError::Rules)?;
        let withdrawals = match file.withdrawals {
            Hear::List => Withdrawals::List,
            Hear::None => Withdrawals::None,
        };
        let on_stale = match file.on_stale {
            Stale::Deny => OnStale::Deny,
            Stale::UntilExp => OnStale::UntilExp,
        };
        let guard = Config::new(&file.issuer, client.clone()).map_err(SettingsError::Guard)?;
        let mut guard = guard.withdrawals(withdrawals).rules(rules).map_err(SettingsError::Guard)?;
        if let Some(realm) = &file.realm {
            guard = guard.realm(realm).map_err(SettingsError::Guard)?;
        }
        if let Some(leeway) = file.leeway {
            guard = guard.leeway(leeway);
        }
        let staleness = file.max_staleness.unwrap_or(60);
        if staleness > STALENESS_MOST {
            return Err(SettingsError::Staleness);
        }
        guard = guard.on_stale(on_stale, staleness);
        if let Some(keys) = file.jwks {
            let keys = Jwks::parse(Value::Object(keys).to_string().as_bytes());
            guard = guard.keys(keys.map_err(SettingsError::Keys)?);
        }
        if credentials.is_some() {
            guard = guard.credentials();
        }
        let public_url = file.public_url.map(|url| base(&url)).transpose()?;
        Ok(Self { guard, client, connection: Connection { issuer: file.issuer, credentials }, public_url })
    }

    /// For a filter that lives for one request: what it would ask for again and again, it keeps.
    #[must_use]
    pub fn for_one_request(self) -> Self {
        Self { guard: self.guard.keeps_pat(), ..self }
    }

    /// The client id of the resource server
    pub const fn resource(&self) -> &ClientId {
        &self.client
    }

    /// The issuer
    pub fn issuer(&self) -> &str {
        &self.connection.issuer
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("guard", &self.guard).finish_non_exhaustive()
    }
}

fn found(named: &Secret, find: FindSecret<'_>) -> Result<String, SettingsError> {
    let refused = |why| Err(SettingsError::Secret(why));
    let (place, absent) = match (&named.given, &named.env, &named.store) {
        (Some(secret), None, None) if !secret.is_empty() => return Ok(secret.clone()),
        (None, Some(name), None) => {
            (SecretPlace::Env(name), "the secret that `secret-env` names is not there")
        }
        (None, None, Some(name)) => {
            (SecretPlace::Store(name), "the secret that `secret-store` names is not there")
        }
        (None | Some(_), _, _) => {
            return refused("one of `secret`, `secret-env` and `secret-store` is needed");
        }
    };
    find(place).filter(|secret| !secret.is_empty()).map_or_else(|| refused(absent), Ok)
}

/// Scheme and host, without a slash at the end
fn base(url: &str) -> Result<String, SettingsError> {
    let uri: countersign_core::uri::HttpUri = url.parse().map_err(|_| SettingsError::PublicUrl)?;
    let text = uri.to_string();
    let base = text.strip_suffix('/').filter(|base| base.matches('/').count() == 2 && !uri.has_query());
    base.map(ToOwned::to_owned).ok_or(SettingsError::PublicUrl)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(change: &Value) -> String {
        let mut settings = json!({ "issuer": "https://as.example", "resource": "documents",
                                   "credentials": { "secret-env": "SECRET" }, "rules": {} });
        settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let find =
            |place: SecretPlace<'_>| (place == SecretPlace::Env("SECRET")).then(|| "s3cret".to_owned());
        match Settings::parse(settings.to_string().as_bytes(), &find) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_one_line() {
        for (change, words) in [
            (json!({ "issuer": "http://as.example" }), "`issuer` is neither https nor on this machine"),
            (json!({ "issuer": 1 }), "expected a string"),
            (json!({ "isuer": "x" }), "unknown field `isuer`"),
            (json!({ "resource": "" }), "`resource` is not the client id"),
            (json!({ "credentials": {} }), "one of `secret`, `secret-env` and `secret-store`"),
            (
                json!({ "credentials": { "secret": "a", "secret-store": "b" } }),
                "one of `secret`, `secret-env`",
            ),
            (json!({ "credentials": { "secret-store": "SECRET" } }), "`secret-store` names is not there"),
            (json!({ "credentials": { "secret-env": "OTHER" } }), "`secret-env` names is not there"),
            (json!({ "realm": "a\r\nb" }), "`realm` has a character"),
            (json!({ "jwks": {} }), "`jwks`: "),
            (json!({ "withdrawals": "stream" }), "unknown variant `stream`"),
            (json!({ "max-staleness": 100_000 }), "`max-staleness` is more than a day"),
            (json!({ "public-url": "https://files.example/x" }), "`public-url` is not an address"),
            (json!({ "rules": { "paths": [{ "path": "x" }] } }), "`rules`: "),
            (
                json!({ "rules": { "claim-information-point": { "http": { "url": "http://x" } } } }),
                "`claim-information-point.http` is not served here",
            ),
        ] {
            let line = refused(&change);
            assert!(line.contains(words) && !line.contains('\n') && !line.contains("s3cret"), "{line}");
        }
        assert!(refused(&json!({})).starts_with("Settings"));
        assert!(!refused(&json!({})).contains("s3cret"));
    }
}
