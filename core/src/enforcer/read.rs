//! From JSON to a configuration, by hand: the errors name the member and the cure.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use serde_json::{Map, Value};

use super::{
    ParseConfigError,
    claims::{ClaimInformationPoint, HttpSource, Templates},
    config::{Config, EnforcementMode, MethodConfig, PathCache, PathConfig, ScopesEnforcementMode, pattern},
    error,
    template::{Pointer, Template},
};
use crate::{
    json::object,
    limits::{ENFORCER_CLAIMS, ENFORCER_CONFIG_BYTES, ENFORCER_PATHS},
    path::Patterns,
    scope::Scope,
};

const CONNECTION: [&str; 4] = ["realm", "auth-server-url", "resource", "credentials"];
const ENFORCER: [&str; 8] = [
    "enforcement-mode",
    "paths",
    "path-cache",
    "lazy-load-paths",
    "on-deny-redirect-to",
    "user-managed-access",
    "claim-information-point",
    "http-method-as-scope",
];
/// What an adapter's file has beside
const ADAPTER: [&str; 38] = [
    "adapter-state-cookie-path",
    "allow-any-hostname",
    "always-refresh-token",
    "autodetect-bearer-only",
    "bearer-only",
    "client-key-password",
    "client-keystore",
    "client-keystore-password",
    "confidential-port",
    "connection-pool-size",
    "connection-timeout-millis",
    "connection-ttl-millis",
    "cors-allowed-headers",
    "cors-allowed-methods",
    "cors-exposed-headers",
    "cors-max-age",
    "disable-trust-manager",
    "enable-basic-auth",
    "enable-cors",
    "enable-pkce",
    "expose-token",
    "ignore-oauth-query-parameter",
    "min-time-between-jwks-requests",
    "policy-enforcer",
    "principal-attribute",
    "proxy-url",
    "public-client",
    "public-key-cache-ttl",
    "realm-public-key",
    "redirect-rewrite-rules",
    "register-node-at-startup",
    "register-node-period",
    "socket-timeout-millis",
    "ssl-required",
    "token-minimum-time-to-live",
    "token-store",
    "truststore",
    "turn-off-change-session-id-on-login",
];
const ADAPTER_MORE: [&str; 3] =
    ["truststore-password", "use-resource-role-mappings", "verify-token-audience"];
const PATH: [&str; 10] = [
    "name",
    "path",
    "type",
    "id",
    "scopes",
    "methods",
    "enforcement-mode",
    "claim-information-point",
    "invalidated",
    "static",
];

type Read<T> = Result<T, ParseConfigError>;

/// A message stays on one line.
fn shown(c: char) -> char {
    if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }
}

/// An object and the way to it
struct Members<'a> {
    at: String,
    members: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    fn of(value: &'a Value, at: String) -> Read<Self> {
        match value.as_object() {
            Some(members) => Ok(Self { at, members }),
            None => Err(ParseConfigError::Value { at, expected: "an object" }),
        }
    }

    fn at(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    fn know(&self, lists: &[&[&'static str]]) -> Read<()> {
        let known = || lists.iter().flat_map(|list| list.iter().copied());
        match self.members.keys().find(|name| !known().any(|known| known == name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let nearest = error::nearest(known(), name);
                let shown: String = name.chars().take(64).map(shown).collect();
                Err(ParseConfigError::Unknown { at: self.at(&shown), nearest })
            }
        }
    }

    /// A member that is there, `null` counting as not there
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Read<Option<T>> {
        match self.get(name).map(read) {
            None => Ok(None),
            Some(None) => Err(ParseConfigError::Value { at: self.at(name), expected }),
            Some(value) => Ok(value),
        }
    }

    fn text(&self, name: &str) -> Read<Option<String>> {
        self.read(name, "a text", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
        })
    }

    fn flag(&self, name: &str) -> Read<bool> {
        Ok(self.read(name, "true or false", Value::as_bool)?.unwrap_or_default())
    }

    /// An object below, as if empty where it is not there
    fn below(&self, name: &str) -> Read<Option<Self>> {
        self.get(name).map(|value| Self::of(value, self.at(name))).transpose()
    }

    fn list(&self, name: &str) -> Read<Vec<Self>> {
        let values =
            self.read(name, "a list of objects", Value::as_array)?.map(Vec::as_slice).unwrap_or_default();
        if values.len() > ENFORCER_PATHS {
            return Err(ParseConfigError::TooMany { at: self.at(name) });
        }
        let at = |index| format!("{}[{index}]", self.at(name));
        values.iter().enumerate().map(|(index, value)| Self::of(value, at(index))).collect()
    }

    fn mode(&self) -> Read<EnforcementMode> {
        let mode = self.read("enforcement-mode", "`ENFORCING`, `PERMISSIVE` or `DISABLED`", |value| {
            match value.as_str()? {
                "ENFORCING" => Some(EnforcementMode::Enforcing),
                "PERMISSIVE" => Some(EnforcementMode::Permissive),
                "DISABLED" => Some(EnforcementMode::Disabled),
                _ => None,
            }
        });
        Ok(mode?.unwrap_or_default())
    }

    fn scopes(&self) -> Read<Vec<Scope>> {
        let scopes = self.read("scopes", "a list of scopes", |value| {
            value.as_array()?.iter().map(|scope| scope.as_str()?.parse().ok()).collect()
        });
        Ok(scopes?.unwrap_or_default())
    }

    /// The members of an object below, each a text or a list of texts with placeholders
    fn templates(&self, name: &str) -> Read<Templates> {
        let mut templates = Templates::new();
        let Some(below) = self.below(name)? else { return Ok(templates) };
        if below.members.len() > ENFORCER_CLAIMS {
            return Err(ParseConfigError::TooMany { at: self.at(name) });
        }
        for member in below.members.keys() {
            let expected = "a text or a list of texts, with placeholders such as `{request.parameter['a']}`";
            let read = |value: &Value| match value {
                Value::Array(values) => {
                    values.iter().map(|value| Template::parse(value.as_str()?)).collect::<Option<Vec<_>>>()
                }
                Value::String(text) => Some(alloc::vec![Template::parse(text)?]),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
            };
            templates.push((member.clone(), below.read(member, expected, read)?.unwrap_or_default()));
        }
        Ok(templates)
    }

    fn claims(&self) -> Read<ClaimInformationPoint> {
        let Some(point) = self.below("claim-information-point")? else {
            return Ok(ClaimInformationPoint::default());
        };
        point.know(&[&["claims", "http"]])?;
        let http = point.below("http")?.map(|http| http.http()).transpose()?;
        Ok(ClaimInformationPoint { claims: point.templates("claims")?, http })
    }

    fn http(&self) -> Read<HttpSource> {
        self.know(&[&["url", "method", "headers", "parameters", "claims"]])?;
        let missing =
            || ParseConfigError::Missing { at: self.at("url"), expected: "the address of the service" };
        let mut claims = Vec::new();
        if let Some(below) = self.below("claims")? {
            for name in below.members.keys() {
                let pointer = below
                    .read(name, "a JSON pointer such as `/a/b`", |value| Pointer::parse(value.as_str()?));
                claims.extend(pointer?.map(|pointer| (name.clone(), pointer)));
            }
        }
        Ok(HttpSource {
            url: self.text("url")?.ok_or_else(missing)?,
            method: self.method()?.unwrap_or_else(|| "GET".to_owned()),
            headers: self.templates("headers")?,
            parameters: self.templates("parameters")?,
            claims,
        })
    }

    fn method(&self) -> Read<Option<String>> {
        self.read("method", "an HTTP method in upper case, such as `GET`", |value| {
            value.as_str().filter(|text| super::is_method(text)).map(ToOwned::to_owned)
        })
    }

    fn method_config(&self) -> Read<MethodConfig> {
        self.know(&[&["method", "scopes", "scopes-enforcement-mode"]])?;
        let mode = self.read("scopes-enforcement-mode", "`ALL`, `ANY` or `DISABLED`", |value| {
            match value.as_str()? {
                "ALL" => Some(ScopesEnforcementMode::All),
                "ANY" => Some(ScopesEnforcementMode::Any),
                "DISABLED" => Some(ScopesEnforcementMode::Disabled),
                _ => None,
            }
        });
        let expected = "an HTTP method in upper case, such as `GET`";
        let missing = || ParseConfigError::Missing { at: self.at("method"), expected };
        Ok(MethodConfig {
            method: self.method()?.ok_or_else(missing)?,
            scopes: self.scopes()?,
            mode: mode?.unwrap_or_default(),
        })
    }

    fn path_config(&self) -> Read<PathConfig> {
        self.know(&[&PATH])?;
        let expected = "a path that begins with `/`, such as `/api/*`";
        let missing = || ParseConfigError::Missing { at: self.at("path"), expected };
        let path = pattern(&self.text("path")?.ok_or_else(missing)?)
            .map_err(|source| ParseConfigError::Pattern { at: self.at("path"), source })?
            .ok_or_else(|| ParseConfigError::Value { at: self.at("path"), expected })?;
        let mut methods: Vec<MethodConfig> = Vec::new();
        for entry in self.list("methods")? {
            let method = entry.method_config()?;
            if methods.iter().any(|known| known.method == method.method) {
                return Err(ParseConfigError::Twice { at: entry.at("method") });
            }
            methods.push(method);
        }
        Ok(PathConfig {
            path,
            name: self.text("name")?,
            kind: self.text("type")?,
            id: self.read("id", "the `_id` of a resource", |value| value.as_str()?.parse().ok())?,
            scopes: self.scopes()?,
            methods,
            mode: self.mode()?,
            claims: self.claims()?,
        })
    }
}

pub(super) fn config(json: &[u8]) -> Read<Config> {
    if json.len() > ENFORCER_CONFIG_BYTES {
        return Err(ParseConfigError::TooLong);
    }
    let file = object(json)?;
    let file = Members { at: String::new(), members: &file };
    file.know(&[&CONNECTION, &ENFORCER, &ADAPTER, &ADAPTER_MORE])?;
    let below = match file.members.get("policy-enforcer") {
        Some(value) => Some(Members::of(value, "policy-enforcer".to_owned())?),
        None => None,
    };
    if below.is_some() {
        // Rules beside the object would be forgotten without a word.
        file.know(&[&CONNECTION, &ADAPTER, &ADAPTER_MORE])?;
    }
    let enforcer = below.as_ref().unwrap_or(&file);
    if below.is_some() {
        enforcer.know(&[&CONNECTION, &ENFORCER])?;
    }
    let connection = |name| -> Read<_> { Ok(enforcer.text(name)?.or(file.text(name)?)) };
    let mut config = Config {
        mode: enforcer.mode()?,
        paths: Vec::new(),
        claims: enforcer.claims()?,
        http_method_as_scope: enforcer.flag("http-method-as-scope")?,
        on_deny_redirect_to: enforcer.read("on-deny-redirect-to", "a URL without blanks", |value| {
            let is_header =
                |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            value.as_str().filter(is_header).map(ToOwned::to_owned)
        })?,
        user_managed_access: enforcer.below("user-managed-access")?.is_some(),
        bearer_only: file.flag("bearer-only")?,
        path_cache: enforcer.below("path-cache")?.map(|cache| path_cache(&cache)).transpose()?,
        lazy_load_paths: enforcer.flag("lazy-load-paths")?,
        realm: connection("realm")?,
        auth_server_url: connection("auth-server-url")?,
        resource: connection("resource")?,
    };
    let mut known = Patterns::default();
    for entry in enforcer.list("paths")? {
        let path = entry.path_config()?;
        let first = known.insert(&path.path, config.paths.len()).first().copied();
        match first.and_then(|at| config.paths.get_mut(at)) {
            None => config.paths.push(path),
            Some(first) => {
                if !first.merge(path) {
                    return Err(ParseConfigError::Twice { at: entry.at });
                }
            }
        }
    }
    Ok(config)
}

fn path_cache(members: &Members<'_>) -> Read<PathCache> {
    members.know(&[&["max-entries", "lifespan"]])?;
    let lifespan = members
        .read("lifespan", "milliseconds, 0 or -1", |value| value.as_i64().filter(|time| *time >= -1))?;
    Ok(PathCache {
        max_entries: members.read("max-entries", "a number", Value::as_u64)?.unwrap_or(1000),
        lifespan: lifespan.unwrap_or(30_000),
    })
}
