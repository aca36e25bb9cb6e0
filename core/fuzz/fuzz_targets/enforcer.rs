//! Method and target of a request, and below them the configuration of an enforcer.
#![no_main]

use core::str;
use std::sync::LazyLock;

use countersign_core::{
    enforcer::{Config, Demand, EnforcementMode, Enforcer, Found, ScopesEnforcementMode, Target, Verdict},
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    permission::Claims,
    rpt::Rpt,
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime(1_000);

/// A good token that permits nothing, and one that permits to read what has the id `x`
static TOKENS: LazyLock<[Rpt; 2]> = LazyLock::new(|| {
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43) }] });
    let keys = Jwks::parse(keys.to_string().as_bytes()).expect("a key set");
    [json!([]), json!([{ "rsid": "x", "scopes": ["read"] }])].map(|permissions: Value| {
        let claims = json!({ "iss": "as", "typ": "Bearer", "exp": NOW.0 + 300,
                             "authorization": { "permissions": permissions } });
        let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
        let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
        let pending =
            UnverifiedToken::parse_as(token, &keys, &Expect::bearer("as"), NOW).expect("a good token");
        pending.accept(SignatureOk::i_have_verified_the_signature())
    })
});

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (line, json) = (&data[..end], &data[end + 1..]);
    let Ok(config) = Config::parse(json) else { return };
    let enforcer = Enforcer::new(config);
    let (method, target) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or_default());
    let Ok(method) = str::from_utf8(method) else { return };
    let target = target.get(1..).unwrap_or_default();

    let demand = enforcer.demand(method, target);
    holds(&enforcer, &demand);
    let found = |id: &str| Found { id: id.parse().expect("an id"), scopes: Vec::new() };
    for found in [vec![], vec![found("x")], vec![found("x"), found("y")]] {
        let resolved = enforcer.resolve(demand.clone(), &found);
        holds(&enforcer, &resolved);
        if let (Demand::Protected(protected), 2..) = (&resolved, found.len()) {
            assert!(!matches!(protected.resource, Target::Lookup(_)), "two resources are as good as none");
        }
    }
});

/// Only what is open passes without a token, and only by a permission what nothing has switched off.
fn holds(enforcer: &Enforcer, demand: &Demand<'_>) {
    let config = enforcer.config();
    let passes = |rpt: Option<&Rpt>, now| demand.decide(rpt, &Claims::new(), now);
    let is_permitted = |verdict: &Verdict| matches!(verdict, Verdict::Permitted { .. });
    let is_open = *demand == Demand::Open;
    let [bare, reader] = &*TOKENS;
    assert_eq!(is_permitted(&passes(None, NOW)), is_open);
    assert_eq!(is_permitted(&passes(Some(reader), UnixTime(1_301))), is_open, "an expired token is none");
    if is_open {
        let page = config.on_deny_redirect_to.is_some();
        assert!(page || config.paths.iter().any(|entry| entry.mode == EnforcementMode::Disabled));
    }
    let Demand::Protected(protected) = demand else { return };
    let own = protected.config.map_or(EnforcementMode::Enforcing, |entry| entry.mode);
    let by_mode = own == EnforcementMode::Permissive || protected.mode == ScopesEnforcementMode::Disabled;
    assert!(by_mode || !is_permitted(&passes(Some(bare), NOW)));
    if let Verdict::Permitted { granted } = passes(Some(reader), NOW) {
        let has = |scope: &countersign_core::scope::Scope| scope.as_str() == "read";
        let enough = match protected.mode {
            ScopesEnforcementMode::All => protected.scopes.iter().all(has),
            ScopesEnforcementMode::Any => protected.scopes.is_empty() || protected.scopes.iter().any(has),
            ScopesEnforcementMode::Disabled => true,
        };
        let is_x = matches!(&protected.resource, Target::Known(id) if id.as_str() == "x");
        assert!(by_mode || (granted.is_some() && is_x && enough));
    }
}
