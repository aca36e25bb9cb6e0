//! A token as it arrives, and a line of JOSE header above the claims of one.
#![no_main]

use std::sync::LazyLock;

use countersign_core::{
    ids::ResourceId,
    json,
    jwk::Jwks,
    jws::{Alg, UnverifiedJws, compact, signing_input},
    permission::Permission,
    rpt::Rpt,
    scope::Scope,
    time::UnixTime,
    token::{Expect, Pending, SignatureOk, TokenError, UnverifiedToken},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const ISSUER: &str = "https://as.example/realms/demo";
const AUDIENCE: &str = "documents";
const NOW: UnixTime = UnixTime(1_800_000_000);

/// One key of each kind, under the names that the vectors use
static KEYS: LazyLock<Jwks> = LazyLock::new(|| {
    let (point, long, modulus) = ("A".repeat(43), "A".repeat(64), format!("{}w", "_".repeat(341)));
    let keys = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": point },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": point, "y": point },
        { "kty": "EC", "crv": "P-384", "kid": "ec384", "x": long, "y": long },
        { "kty": "RSA", "kid": "rsa", "n": modulus, "e": "AQAB" },
        { "kty": "RSA", "kid": "pss", "alg": "PS256", "n": modulus, "e": "AQAB" },
    ] });
    let keys = Jwks::parse(keys.to_string().as_bytes()).expect("a key set");
    assert_eq!(keys.keys().len(), 5);
    keys
});

fuzz_target!(|data: &[u8]| {
    if let Ok(members) = json::object(data) {
        let by_serde: Value = serde_json::from_slice(data).expect("what was read is JSON");
        assert_eq!(without_doubles(Value::Object(members)), without_doubles(by_serde));
    }
    if let Ok(jws) = UnverifiedJws::parse(data) {
        assert_eq!(compact(jws.signing_input().into(), jws.signature()).as_bytes(), data, "one spelling");
    }
    if let Ok(pending) = parse(data) {
        assert_eq!(pending.alg(), pending.key().alg());
    }
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (header, claims) = (&data[..end], &data[end + 1..]);
    if let Ok(pending) = parse(assembled(header, claims)) {
        assert_ne!(pending.alg(), Alg::Hs512, "no published key is a secret");
        holds(&pending.accept(SignatureOk::i_have_verified_the_signature()), claims);
    }
});

fn parse(token: impl AsRef<[u8]>) -> Result<Pending<Rpt>, TokenError> {
    let expect = Expect::bearer(ISSUER).audience(AUDIENCE.parse().expect("a client id")).leeway(5);
    UnverifiedToken::parse_as(token, &KEYS, &expect, NOW)
}

/// Two readers may take a double for neighbours.
fn without_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::Null,
        Value::Array(items) => items.into_iter().map(without_doubles).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_doubles(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The compact form of these two, with a signature as long as the named algorithm makes it
fn assembled(header: &[u8], claims: &[u8]) -> String {
    let alg = serde_json::from_slice::<Value>(header).ok();
    let length = match alg.as_ref().and_then(|header| header["alg"].as_str()) {
        Some("ES384") => 96,
        Some(name) if name.starts_with('R') || name.starts_with('P') => 256,
        _ => 64,
    };
    // An own header is written first, to take its place afterwards.
    let template = countersign_core::jws::Header { alg: Alg::EdDsa, typ: None, kid: None };
    let with_claims = signing_input(&template, claims);
    let with_header = signing_input(&template, header);
    let part = |text: &str| text.split_once('.').map(|(_, part)| part.to_owned()).unwrap_or_default();
    compact(format!("{}.{}", part(&with_header), part(&with_claims)), &vec![0; length])
}

/// An accepted token says what was expected of it, and permits what its claims say by serde's reading, no more.
fn holds(rpt: &Rpt, claims: &[u8]) {
    let claims: Value = serde_json::from_slice(claims).expect("what was read is JSON");
    assert_eq!(claims["iss"], ISSUER);
    let is_audience = |aud: &Value| aud == AUDIENCE;
    assert!(
        is_audience(&claims["aud"])
            || claims["aud"].as_array().is_some_and(|all| all.iter().any(is_audience))
    );
    assert!(claims.get("cnf").is_none());
    let exp = rpt.expires_at();
    assert!(NOW <= exp);

    let entries = claims["authorization"]["permissions"].as_array();
    // Serde would read a permission from an array, too; a claim has to name its members.
    let objects = entries.into_iter().flatten().filter(|entry| entry.is_object());
    let read: Vec<Permission> =
        objects.filter_map(|entry| serde_json::from_value(entry.clone()).ok()).collect();
    assert_eq!(rpt.permissions(), read);
    for permission in read.iter().take(8) {
        let Some(resource) = &permission.rsid else { continue };
        let own = [permission.exp, permission.nbf].into_iter().flatten();
        for now in own.flat_map(|time| [time, time.plus(1)]).chain([NOW, exp, exp.plus(1)]) {
            permits(rpt, resource, now);
            if let Some(name) = &permission.rsname {
                let owned = read.iter().any(|one| one.rsowned && one.rsname.as_ref() == Some(name));
                assert!(owned || rpt.permits_named(name, &[], now).is_err());
            }
        }
    }
}

/// Each scope of any entry is permitted where a live entry of this resource has it, and nowhere else.
fn permits(rpt: &Rpt, resource: &ResourceId, now: UnixTime) {
    let alive = |one: &&Permission| {
        now <= rpt.expires_at()
            && one.exp.is_none_or(|exp| now <= exp)
            && one.nbf.is_none_or(|nbf| nbf <= now)
    };
    let live: Vec<_> =
        rpt.permissions().iter().filter(|one| one.rsid.as_ref() == Some(resource)).filter(alive).collect();
    assert_eq!(rpt.permits(resource, &[], now).is_ok(), !live.is_empty());
    for scope in rpt.permissions().iter().flat_map(|one| &one.scopes).take(16) {
        let asked = [scope.clone()];
        let answer = rpt.permits(resource, &asked, now);
        assert_eq!(answer.is_ok(), live.iter().any(|one| one.scopes.contains(scope)));
        assert_eq!(answer, rpt.permits_any(resource, &asked, now).map_err(|_| answer.clone().unwrap_err()));
        if let Ok(granted) = answer {
            assert!(now <= granted.until && granted.until <= rpt.expires_at());
            assert!(rpt.permits(resource, &asked, granted.until).is_ok(), "it holds until then");
        }
    }
}
