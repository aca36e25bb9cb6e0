//! The public keys of a client: from its settings, from its certificate, or from an address (RFC 7591 §2, `jwks_uri`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{rsa, signature::RsaPublicKeyComponents};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use countersign_core::{
    json,
    jwk::Jwk,
    limits::{JWKS_BYTES, JWKS_KEYS},
    time::UnixTime,
};
use serde_json::{Map, Value, json};
use x509_cert::{
    Certificate,
    der::{Decode as _, Encode as _, asn1::ObjectIdentifier},
    spki::SubjectPublicKeyInfoRef,
};

use super::assertion::Assertion;
use crate::{app::App, outside::Outside, realm::Client};

/// Seconds for which a fetched key set is good without a question
const FRESH: u64 = 600;
/// Seconds between two fetches of one address, whatever came of the first
const COOL_DOWN: u64 = 10;
/// Seconds for which the last good set stands where the address does not answer
const STALE: u64 = 86_400;
/// Most addresses whose sets are kept
const ADDRESSES: usize = 1_000;

/// A public key
#[derive(Debug)]
pub(super) enum ClientKey {
    /// Of an algorithm that this server signs by too
    Known(Box<Jwk>),
    /// An uncompressed point on P-521
    P521(Vec<u8>),
}

/// The keys of a client, as JWK members: which algorithm one is for may be left open there
#[derive(Debug, Default)]
pub(super) struct ClientKeys(Vec<Map<String, Value>>);

impl ClientKeys {
    /// Reads a key set
    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > JWKS_BYTES {
            return None;
        }
        let set = json::object(bytes).ok()?;
        let keys = set.get("keys")?.as_array()?.iter().filter_map(Value::as_object);
        Some(Self(keys.take(JWKS_KEYS).cloned().collect()))
    }

    /// The one key that may have made the signature: by `kid`, if the assertion has one, and by algorithm
    fn select(&self, assertion: &Assertion) -> Option<ClientKey> {
        let of_name = |key: &&Map<String, Value>| {
            assertion.kid().is_none_or(|kid| key.get("kid").and_then(Value::as_str) == Some(kid))
        };
        let mut fitting = self.0.iter().filter(of_name).filter_map(|key| read(key, assertion.alg()));
        let first = fitting.next();
        if fitting.next().is_some() { None } else { first }
    }
}

/// A key for this algorithm; one that names none is for it if its type fits
fn read(members: &Map<String, Value>, alg: &str) -> Option<ClientKey> {
    let mut members = members.clone();
    members.entry("alg").or_insert_with(|| alg.into());
    if alg == "ES512" {
        return p521(&members).map(ClientKey::P521);
    }
    let key = Jwk::from_members(&members).ok()?;
    let wanted = countersign_core::jws::Alg::from_name(alg)?;
    (key.alg() == wanted).then(|| ClientKey::Known(Box::new(key)))
}

/// The point of a P-521 key (RFC 7518 §6.2)
fn p521(members: &Map<String, Value>) -> Option<Vec<u8>> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let usable = text("kty") == Some("EC")
        && text("crv") == Some("P-521")
        && text("alg") == Some("ES512")
        && members.get("use").is_none_or(|usage| usage == "sig")
        && !members.contains_key("d");
    if !usable {
        return None;
    }
    let coordinate = |name| URL_SAFE_NO_PAD.decode(text(name)?).ok().filter(|bytes| bytes.len() == 66);
    let mut point = vec![4];
    point.extend(coordinate("x")?);
    point.extend(coordinate("y")?);
    Some(point)
}

/// The key of this client that may have signed this assertion
pub(super) async fn find(app: &App, client: &Client, assertion: &Assertion) -> Option<ClientKey> {
    let is_on = |name| client.attribute(name) == Some("true");
    if is_on("use.jwks.url") {
        let url = client.attribute("jwks.url")?;
        return app.client_keys.select(&app.outside, url, assertion, app.clock.now()).await;
    }
    if is_on("use.jwks.string") {
        return ClientKeys::parse(client.attribute("jwks.string")?.as_bytes())?.select(assertion);
    }
    // A certificate is here for its key alone; it has one, whatever the assertion calls it.
    let key =
        match (client.attribute("jwt.credential.certificate"), client.attribute("jwt.credential.public.key"))
        {
            (Some(certificate), _) => certificate_key(&der(certificate)?),
            (None, Some(key)) => public_key(&der(key)?),
            (None, None) => None,
        };
    read(&key?, assertion.alg())
}

/// Base64 of DER, with or without the lines of PEM
fn der(text: &str) -> Option<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.flat_map(str::split_whitespace).collect::<String>()).ok()
}

fn certificate_key(der: &[u8]) -> Option<Map<String, Value>> {
    let certificate = Certificate::from_der(der).ok()?;
    public_key(&certificate.tbs_certificate().subject_public_key_info().to_der().ok()?)
}

/// The members of a key in `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7)
fn public_key(der: &[u8]) -> Option<Map<String, Value>> {
    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let bits = info.subject_public_key.as_bytes()?;
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let members = match info.algorithm.oid {
        RSA => {
            let key = rsa::PublicKey::from_der(der).ok()?;
            let key = RsaPublicKeyComponents::<Vec<u8>>::from(&key);
            json!({ "kty": "RSA", "n": b64(&key.n), "e": b64(&key.e) })
        }
        EC => {
            let point = bits.strip_prefix(&[4])?;
            let (crv, length) = match point.len() {
                64 => ("P-256", 32),
                96 => ("P-384", 48),
                132 => ("P-521", 66),
                _ => return None,
            };
            let (x, y) = point.split_at_checked(length)?;
            json!({ "kty": "EC", "crv": crv, "x": b64(x), "y": b64(y) })
        }
        ED25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(bits) }),
        _ => return None,
    };
    members.as_object().cloned()
}

/// Key sets of clients, as last fetched
#[derive(Debug, Default)]
pub struct FetchedKeys(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Fetched>>>>);

#[derive(Debug, Default)]
struct Fetched {
    keys: Option<(ClientKeys, UnixTime)>,
    tried_at: Option<UnixTime>,
}

impl FetchedKeys {
    /// The key for an assertion from the set at this address. A set that lacks it is fetched again, though not at once
    /// after the last time: whoever makes up key names cannot make this server call another one for each.
    async fn select(
        &self,
        outside: &Outside,
        url: &str,
        assertion: &Assertion,
        now: UnixTime,
    ) -> Option<ClientKey> {
        let entry = self.entry(url);
        let mut fetched = entry.lock().await;
        let known = fetched.select(assertion, now, FRESH);
        if known.is_some() || fetched.tried_at.is_some_and(|at| now < at.plus(COOL_DOWN)) {
            return known.or_else(|| fetched.select(assertion, now, STALE));
        }
        fetched.tried_at = Some(now);
        match outside.fetch(url).await {
            Ok(bytes) => {
                if let Some(keys) = ClientKeys::parse(&bytes) {
                    fetched.keys = Some((keys, now));
                } else {
                    tracing::warn!("a client's key set is not readable");
                }
            }
            Err(error) => tracing::warn!("a client's key set cannot be fetched: {error}"),
        }
        fetched.select(assertion, now, STALE)
    }

    fn entry(&self, url: &str) -> Arc<tokio::sync::Mutex<Fetched>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Addresses come from clients' settings; when there are too many, all begin anew.
        if all.len() >= ADDRESSES && !all.contains_key(url) {
            all.clear();
        }
        Arc::clone(all.entry(url.to_owned()).or_default())
    }
}

impl Fetched {
    fn select(&self, assertion: &Assertion, now: UnixTime, age: u64) -> Option<ClientKey> {
        let (keys, at) = self.keys.as_ref()?;
        if now <= at.plus(age) { keys.select(assertion) } else { None }
    }
}
