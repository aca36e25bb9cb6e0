//! For tests alone: a request that brings settings, clock and question along, so that the vectors which all engines share
//! go through a filter as real requests.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{
    challenge::UmaChallenge,
    edge::Arrival,
    jwk::{Jwk, Jwks},
    jws::Alg,
    rpt::Rpt,
    time::UnixTime,
    token::{AccessToken, Expect, SignatureVerifier, UnverifiedToken},
};
use countersign_signature::is_right;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Settings, SettingsError};

const HEADER: &[u8] = b"x-countersign-vector";

/// What comes with a request
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    #[serde(default)]
    settings: Map<String, Value>,
    now: u64,
    /// What no request can carry is given here.
    #[serde(default)]
    instead: Instead,
    direct: Option<Direct>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Instead {
    method: Option<String>,
    target: Option<String>,
    uri: Option<String>,
    remote_addr: Option<String>,
    secure: Option<bool>,
    body: Option<String>,
}

/// What filters never do themselves, or no header can carry
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Direct {
    /// A token that is in no header
    Token(Presented),
    /// Challenges that a client reads
    Find(Vec<String>),
    /// The end of the program
    Trap,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Presented {
    token: String,
    issuer: String,
    audience: String,
    leeway: u64,
    keys: Value,
    named: Option<Named>,
}

/// A permission by the name of a resource
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    scopes: Vec<String>,
}

struct Platform;

impl SignatureVerifier for Platform {
    fn verify(&self, alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool {
        is_right(alg, key, input, signature)
    }
}

impl Scenario {
    /// The scenario of a request, if it has one
    pub fn of(headers: &[(Vec<u8>, Vec<u8>)]) -> Option<Result<Self, String>> {
        let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(HEADER))?;
        let json = URL_SAFE_NO_PAD.decode(value).map_err(|error| error.to_string());
        Some(json.and_then(|json| serde_json::from_slice(&json).map_err(|error| error.to_string())))
    }

    /// Its own settings
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let settings = Value::Object(self.settings.clone()).to_string();
        Settings::parse(settings.as_bytes(), &|_| None)
    }

    /// Its clock, which stands still
    pub const fn now(&self) -> UnixTime {
        UnixTime(self.now)
    }

    /// Puts in what no request can carry.
    pub fn change(&self, arrival: &mut Arrival) {
        let Instead { method, target, uri, remote_addr, secure, body } = &self.instead;
        let bytes = |text: &String| text.clone().into_bytes();
        arrival.method = method.as_ref().map_or_else(|| core::mem::take(&mut arrival.method), bytes);
        arrival.target = target.as_ref().map_or_else(|| core::mem::take(&mut arrival.target), bytes);
        arrival.body = body.as_ref().map_or_else(|| core::mem::take(&mut arrival.body), bytes);
        arrival.uri = uri.clone().unwrap_or_else(|| core::mem::take(&mut arrival.uri));
        arrival.remote_addr =
            remote_addr.clone().unwrap_or_else(|| core::mem::take(&mut arrival.remote_addr));
        arrival.is_secure = secure.unwrap_or(arrival.is_secure);
    }

    /// The answer without any guard, where one is asked for: status, code, body
    pub fn direct(&self) -> Option<(u16, String, String)> {
        Some(match self.direct.as_ref()? {
            Direct::Trap => std::process::abort(),
            Direct::Find(values) => match UmaChallenge::find(values) {
                Ok(None) => (200, "found".into(), "null".into()),
                Ok(Some(found)) => {
                    let mut members = json!({ "as_uri": found.as_uri(), "ticket": found.ticket() });
                    if let Some((realm, members)) = found.realm().zip(members.as_object_mut()) {
                        members.insert("realm".into(), realm.into());
                    }
                    (200, "found".into(), members.to_string())
                }
                Err(_) => (403, "invalid_challenge".into(), String::new()),
            },
            Direct::Token(token) => match token.judge(self.now()) {
                Ok(members) => (200, "permitted".into(), members.to_string()),
                Err(code) => (403, code.into(), String::new()),
            },
        })
    }
}

impl Presented {
    fn judge(&self, now: UnixTime) -> Result<Value, &'static str> {
        let keys = Jwks::parse(self.keys.to_string().as_bytes()).map_err(|_| "invalid_settings")?;
        let audience = self.audience.parse().map_err(|_| "invalid_settings")?;
        let expect = Expect::bearer(&self.issuer).audience(audience).leeway(self.leeway);
        let pending = UnverifiedToken::parse_as::<(AccessToken, Rpt)>(&self.token, &keys, &expect, now);
        let (token, rpt) = pending
            .and_then(|pending| pending.verify_with(&Platform))
            .map_err(|error| error.denial().code())?;
        let sub = &token.claims().sub;
        let Some(Named { name, scopes }) = &self.named else { return Ok(json!({ "sub": sub })) };
        let scopes: Result<Vec<_>, _> = scopes.iter().map(|scope| scope.parse()).collect();
        let scopes = scopes.map_err(|_| "not_permitted")?;
        let granted = rpt.permits_named(name, &scopes, now).map_err(|refused| refused.denial().code())?;
        Ok(json!({ "scopes": granted.permission.scopes, "until": granted.until.0 }))
    }
}
