//! What the fuzz targets begin with: the vectors, in the form that each target reads.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{layout::Layout, wasm::hex};

/// Issuer, audience and moment that the targets expect
const ISSUER: &str = "https://as.example/realms/demo";
const NOW: u64 = 1_800_000_000;

/// Writes the seeds of a target anew and answers with their number.
pub(super) fn write(layout: &Layout, target: &str, folder: &Path) -> Result<usize> {
    fs::remove_dir_all(folder)?;
    fs::create_dir_all(folder)?;
    let mut count: usize = 0;
    for vector in vectors(&layout.root.join("tests/vectors"))? {
        for seed in of(target, &vector) {
            fs::write(folder.join(hex(&Sha256::digest(&seed))), seed)?;
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

/// Every case of every file, whatever else lies beside them
fn vectors(folder: &Path) -> Result<Vec<Value>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            all.extend(vectors(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let cases: Vec<Value> = serde_json::from_slice(&fs::read(&path)?)
                .with_context(|| format!("`{}` holds no vectors", path.display()))?;
            all.extend(cases);
        }
    }
    Ok(all)
}

/// The inputs of a target that one vector gives
fn of(target: &str, vector: &Value) -> Vec<String> {
    let part = |name: &str| vector.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let (given, request) = (part("given"), part("request"));
    let kind = vector.get("kind").and_then(Value::as_str).unwrap_or_default();
    match (target, kind) {
        ("challenge", "challenge") => challenges(&request),
        ("jwk", "token") => keys(&given),
        ("enforcer", "enforcer") => enforced(&given, &request).into_iter().collect(),
        ("path", "enforcer") => paths(&given, &request).into_iter().collect(),
        ("policy", "assess") => facts(&given, "policies").map(Value::to_string).into_iter().collect(),
        ("question", "assess") => {
            vec![Value::Object(given.into_iter().chain(request).collect()).to_string()]
        }
        // Three bytes say what is changed in the snapshot, here nothing.
        ("snapshot", "assess") => {
            facts(&given, "shares").map(|rows| format!("\0\0\0{rows}")).into_iter().collect()
        }
        ("ticket", "assess") => ticket(&request).into_iter().collect(),
        ("token", "token") => tokens(&request),
        ("token", "permits") => {
            let permissions = given.get("permissions").cloned().unwrap_or_default();
            let claims = json!({ "iss": ISSUER, "aud": "documents", "typ": "Bearer", "exp": NOW,
                                 "authorization": { "permissions": permissions } });
            vec![format!("{}\n{claims}", json!({ "alg": "EdDSA", "typ": "JWT" }))]
        }
        _ => Vec::new(),
    }
}

fn facts<'a>(given: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    given.get("facts")?.get(name)
}

/// Method and target, and the configuration below them
fn enforced(given: &Map<String, Value>, request: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    Some(format!("{} {}\n{}", text("method")?, text("target")?, given.get("config")?))
}

/// The target, and a configured pattern on each line
fn paths(given: &Map<String, Value>, request: &Map<String, Value>) -> Option<String> {
    let entries = given.get("config")?.get("paths")?.as_array()?;
    let patterns = entries.iter().filter_map(|entry| entry.get("path")?.as_str());
    let lines = request.get("target").and_then(Value::as_str).into_iter().chain(patterns);
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Header values as they are; what is to be written, as three lines
fn challenges(request: &Map<String, Value>) -> Vec<String> {
    let text =
        |build: &Value, name: &str| build.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = request.get("find").and_then(Value::as_array).into_iter().flatten();
    let found = found.filter_map(Value::as_str).map(str::to_owned);
    let built = request
        .get("build")
        .map(|build| ["realm", "as_uri", "ticket"].map(|name| text(build, name)).join("\n"));
    found.chain(built).collect()
}

/// The set, and each of its keys
fn keys(given: &Map<String, Value>) -> Vec<String> {
    let Some(set) = given.get("keys") else { return Vec::new() };
    let each = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    each.chain([set]).map(Value::to_string).collect()
}

/// A ticket's claims that ask for the same
fn ticket(request: &Map<String, Value>) -> Option<String> {
    let asks = request.get("asks")?.as_array()?;
    let permissions: Vec<Value> = asks
        .iter()
        .filter_map(|ask| Some(json!({ "rsid": ask.get("resource")?, "scopes": ask.get("scopes")? })))
        .collect();
    let claims = request.get("ticket_claims").cloned().unwrap_or_else(|| json!({}));
    let ticket = json!({ "exp": NOW, "iat": 1_700_000_000, "jti": "t:1", "aud": ISSUER, "sub": "rs",
                         "azp": "documents", "permissions": permissions, "claims": claims });
    Some(ticket.to_string())
}

/// The token as it is, and its header above its claims
fn tokens(request: &Map<String, Value>) -> Vec<String> {
    let Some(token) = request.get("token").and_then(Value::as_str) else { return Vec::new() };
    let decoded = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let mut parts = token.split('.').map(decoded);
    let lines = parts.next().flatten().zip(parts.next().flatten());
    let lines = lines.map(|(header, claims)| format!("{header}\n{claims}"));
    [token.to_owned()].into_iter().chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_becomes_what_its_targets_read() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#);
        let vector = json!({ "kind": "token", "given": { "keys": { "keys": [{ "kty": "OKP" }] } },
                             "request": { "token": format!("{header}.e30.AAAA") } });
        assert_eq!(of("jwk", &vector), [r#"{"kty":"OKP"}"#, r#"{"keys":[{"kty":"OKP"}]}"#]);
        let token = of("token", &vector);
        assert_eq!(token.get(1).map(String::as_str), Some("{\"alg\":\"EdDSA\"}\n{}"));
        assert!(of("challenge", &vector).is_empty());

        let vector = json!({ "kind": "challenge",
                             "request": { "build": { "realm": "r", "as_uri": "a", "ticket": "t" } } });
        assert_eq!(of("challenge", &vector), ["r\na\nt"]);
    }

    #[test]
    fn every_target_has_seeds() -> Result<()> {
        let layout = Layout::find()?;
        let vectors = vectors(&layout.root.join("tests/vectors"))?;
        for target in super::super::targets(&layout)? {
            let count = vectors.iter().flat_map(|vector| of(&target, vector)).count();
            assert!(count > 0, "{target} begins with nothing");
        }
        Ok(())
    }
}
