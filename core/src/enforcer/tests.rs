use alloc::{
    format,
    string::{String, ToString},
    vec,
};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    limits::{
        ENFORCER_BODY_BYTES, ENFORCER_CLAIM_BYTES, ENFORCER_CLAIMS, ENFORCER_CONFIG_BYTES, ENFORCER_PATHS,
        JSON_DEPTH,
    },
    rpt::{NotPermitted, Rpt},
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};

const NOW: UnixTime = UnixTime(1_000);

fn enforcer(config: &Value) -> Enforcer {
    Enforcer::new(Config::parse(config.to_string().as_bytes()).unwrap())
}

fn rpt(permissions: &Value) -> Rpt {
    let keys =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let claims = json!({ "iss": "as", "typ": "Bearer", "exp": 1_300, "authorization": { "permissions": permissions } });
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
    let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
    let (keys, expect) = (Jwks::parse(keys).unwrap(), Expect::bearer("as"));
    let pending = UnverifiedToken::parse_as::<Rpt>(token, &keys, &expect, NOW).unwrap();
    pending.accept(SignatureOk::i_have_verified_the_signature())
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

#[test]
fn the_rest_of_a_configuration_is_kept() {
    let config = Config::parse(
        br#"{
            "realm": "demo", "auth-server-url": "https://as.example", "resource": "outer", "bearer-only": true,
            "credentials": { "secret": "do not keep" },
            "policy-enforcer": { "resource": "rs", "path-cache": {}, "lazy-load-paths": true, "user-managed-access": {} }
        }"#,
    )
    .unwrap();
    assert_eq!(config.realm.as_deref(), Some("demo"));
    assert_eq!(config.auth_server_url.as_deref(), Some("https://as.example"));
    assert_eq!(config.resource.as_deref(), Some("rs"), "what stands closer goes before");
    assert_eq!(config.path_cache, Some(PathCache { max_entries: 1000, lifespan: 30_000 }));
    assert!(config.bearer_only && config.lazy_load_paths && config.user_managed_access);
    assert!(!format!("{config:?}").contains("do not keep"));
}

#[test]
fn a_configuration_ends_at_the_limits() {
    let path = |n: usize| json!({ "path": format!("/{n}"), "id": "x" });
    let paths = |count: usize| json!({ "paths": (0..count).map(path).collect::<Vec<_>>() }).to_string();
    assert!(Config::parse(paths(ENFORCER_PATHS).as_bytes()).is_ok());
    let too_many = ParseConfigError::TooMany { at: "paths".into() };
    assert_eq!(Config::parse(paths(ENFORCER_PATHS + 1).as_bytes()), Err(too_many));
    let claims = |count: usize| {
        let claims: serde_json::Map<_, _> = (0..count).map(|n| (n.to_string(), json!("x"))).collect();
        json!({ "claim-information-point": { "claims": claims } }).to_string()
    };
    assert!(Config::parse(claims(ENFORCER_CLAIMS).as_bytes()).is_ok());
    let too_many = ParseConfigError::TooMany { at: "claim-information-point.claims".into() };
    assert_eq!(Config::parse(claims(ENFORCER_CLAIMS + 1).as_bytes()), Err(too_many));
    let long = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    assert!(Config::parse(long(ENFORCER_CONFIG_BYTES).as_bytes()).is_ok());
    assert_eq!(Config::parse(long(ENFORCER_CONFIG_BYTES + 1).as_bytes()), Err(ParseConfigError::TooLong));
}

#[test]
fn an_error_shows_no_more_of_a_name_than_it_must() {
    let error = Config::parse(br#"{"a\nb":1}"#).unwrap_err();
    assert_eq!(error.to_string(), "`a\u{FFFD}b` is not known");
    let error = Config::parse(format!(r#"{{"{}":1}}"#, "x".repeat(1_000)).as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 100, "{error}");
}

#[test]
fn values_of_claims_end_at_the_limits() {
    let of = |text: &str, request: &Request<'_>| template(text).resolve(request);
    let body = |length: usize| format!(r#"{{"a":"x","b":"{}"}}"#, "y".repeat(length - 16));
    let at = |length: usize| {
        of("{request.body['/a']}", &Request { body: body(length).as_bytes(), ..Request::default() })
    };
    assert_eq!(at(ENFORCER_BODY_BYTES), ["x"]);
    assert!(at(ENFORCER_BODY_BYTES + 1).is_empty());
    let long = "x".repeat(ENFORCER_CLAIM_BYTES);
    let request = Request { parameters: &[("a", &long)], ..Request::default() };
    assert_eq!(of("{request.parameter['a']}", &request).len(), 1);
    assert!(of("{request.parameter['a']}.", &request).is_empty());
    let longer = format!("{long}x");
    let request = Request { parameters: &[("a", &longer), ("a", "b")], ..Request::default() };
    assert!(of("{request.parameter['a']}", &request).is_empty());
    let many = vec![("a", "b"); ENFORCER_CLAIMS + 1];
    assert!(of("{request.parameter['a']}", &Request { parameters: &many, ..Request::default() }).is_empty());
    let deep = |depth: usize| format!("{{request.body['{}']}}", "/a".repeat(depth));
    assert!(Template::parse(&deep(JSON_DEPTH)).is_some());
    assert_eq!(Template::parse(&deep(JSON_DEPTH + 1)), None);
}

#[test]
fn a_placeholder_is_known_and_closed() {
    for bad in [
        "{",
        "{}",
        "{request}",
        "{request.method",
        "{request.method['a']}",
        "{request.header}",
        "{request.header['']}",
        "{request.header['a'}",
        "{request.header[a]}",
        "{request.body['a']}",
        "{keycloak.foo}",
        "a{b}c",
        "{request.Method}",
    ] {
        assert_eq!(Template::parse(bad), None, "{bad}");
    }
    let request = Request { method: "GET", ..Request::default() };
    assert_eq!(template("} {request.method} {request.method} }").resolve(&request), ["} GET GET }"]);
    assert_eq!(template("").resolve(&request), [""]);
    assert!(template("{request.remoteAddr}").resolve(&request).is_empty());
}

#[test]
fn a_service_is_described_and_not_called() {
    let enforcer = enforcer(&json!({
        "claim-information-point": { "http": {
            "url": "https://claims.example/", "method": "POST",
            "headers": { "Authorization": "Bearer {keycloak.access_token}", "X-S": ["secret", "b"] },
            "parameters": { "user": "{keycloak.access_token['/sub']}" },
            "claims": { "a": "/x/0", "b": "/y" }
        } },
        "paths": [
            { "path": "/own", "id": "own", "claim-information-point": { "http": { "url": "https://own.example/" } } },
            { "path": "/open", "enforcement-mode": "DISABLED" },
        ],
    }));
    let demand = enforcer.demand("GET", b"/own");
    let sources: Vec<_> = enforcer.http_sources(&demand).collect();
    let [general, own] = sources.as_slice() else { panic!("{sources:?}") };
    assert_eq!((general.method.as_str(), own.method.as_str()), ("POST", "GET"));
    assert!(!format!("{general:?}").contains("secret"));
    let (headers, parameters) = general.prepare(&Request { access_token: Some("t"), ..Request::default() });
    assert_eq!(headers.get("Authorization").unwrap(), &["Bearer t"]);
    assert_eq!(headers.get("X-S").unwrap(), &["secret", "b"]);
    assert!(parameters.is_empty(), "what is no token has no claims");

    let answer = json!({ "x": ["1"], "y": { "z": 1 }, "a/b": "c" });
    let mut claims = Claims::from([("b".into(), vec!["old".into()])]);
    general.resolve(answer.as_object().unwrap().clone(), &mut claims);
    assert_eq!(claims, Claims::from([("a".into(), vec!["1".into()])]));
    own.resolve(answer.as_object().unwrap().clone(), &mut claims);
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["a", "a/b", "x"], "without a list, all members");
    assert_eq!(enforcer.http_sources(&enforcer.demand("GET", b"/open")).count(), 0);
}

#[test]
fn a_request_shows_no_secret() {
    let request = Request {
        headers: &[("Authorization", "hidden")],
        access_token: Some("hidden"),
        body: b"hidden",
        ..Request::default()
    };
    assert!(!format!("{request:?}").contains("hidden"));
}

#[test]
fn equal_paths_of_a_configuration_by_hand_are_refused() {
    let one = Config::parse(br#"{ "paths": [{ "path": "/a/{x}", "id": "a" }] }"#).unwrap();
    let other = Config::parse(br#"{ "paths": [{ "path": "/a/{y}", "id": "b" }] }"#).unwrap();
    let both = Config { paths: [one.paths, other.paths].concat(), ..Config::default() };
    assert_eq!(Enforcer::new(both).demand("GET", b"/a/1"), Demand::Unreadable);
}

#[test]
fn the_missing_scopes_are_named() {
    let enforcer = enforcer(
        &json!({ "paths": [{ "path": "/m", "id": "m", "methods": [{ "method": "GET", "scopes": ["a", "b"] }] }] }),
    );
    let verdict = enforcer.demand("GET", b"/m").decide(
        Some(&rpt(&json!([{ "rsid": "m", "scopes": ["a"] }]))),
        &Claims::new(),
        NOW,
    );
    let Verdict::Refused(Refusal::NotPermitted(why)) = &verdict else { panic!("{verdict:?}") };
    assert_eq!(*why, NotPermitted::Scopes(["b".parse().unwrap()].into()));
    assert_eq!(why.to_string(), "token permits this resource without the scopes `b`");
    assert_eq!(why.denial().code(), "not_permitted");
}

fn fixture() -> Enforcer {
    enforcer(&json!({ "paths": [
        { "path": "/", "enforcement-mode": "DISABLED" },
        { "path": "/public/*", "enforcement-mode": "DISABLED" },
        { "path": "/admin/*", "id": "admin", "scopes": ["admin"] },
        { "path": "/public/secret", "id": "secret" },
        { "path": "/album/{id}" },
    ] }))
}

proptest! {
    #[test]
    fn no_configuration_panics(text in r#"\{("(paths|path|id|methods|claim-information-point|claims|x)":(\[|\{|\}|\]|"/a"|1|null|,)){0,8}\}?"#) {
        let _ = Config::parse(text.as_bytes());
    }

    #[test]
    fn no_template_panics(text in r"[{}\[\]'a./]{0,8}(\{(request|keycloak)\.(body|header|method|access_token)(\['/?a?'\])?\}?){0,3}") {
        if let Some(template) = Template::parse(&text) {
            let body = br#"{"a":[1]}"#;
            let _ = template.resolve(&Request { method: "GET", body, access_token: Some("a.b.c"), ..Request::default() });
        }
    }

    /// However a request is spelled, it does not get out of a protected path.
    #[test]
    fn no_spelling_opens_what_is_protected(
        up in "(|/public/\\.\\.|/x;y|//public|/public/%2e%2e|/\\.|//|/public/\\.\\.;)",
        path in "/(ad%6din|admin|admin;x=1|%61dmin)(/|//|%2F|%5C|;/)x",
        end in "(|/|\\?/public/|#|#/public/|/\\.|;v=1|%00|\\.)",
        method in "(GET|HEAD|OPTIONS|POST|get|TRACE)",
    ) {
        let enforcer = fixture();
        let target = format!("{up}{path}{end}");
        let demand = enforcer.demand(&method, target.as_bytes());
        for token in [None, Some(rpt(&json!([{ "rsid": "admin" }, { "rsid": "secret", "scopes": ["admin"] }])))] {
            let verdict = demand.decide(token.as_ref(), &Claims::new(), NOW);
            prop_assert!(matches!(verdict, Verdict::Refused(_)), "{method} {target}: {demand:?}");
        }
        // With the right token, no other resource is checked.
        if let Demand::Protected(protected) = &demand {
            prop_assert_eq!(&protected.resource, &Target::Known("admin".parse().unwrap()), "{}", target);
        }
    }

    /// What is granted is what an RPT says of this very resource, whatever else it says.
    #[test]
    fn only_scopes_of_the_resource_count(
        entries in proptest::collection::vec(("[ab]", proptest::collection::vec("[rw]", 0..3)), 0..5),
        needed in proptest::collection::vec("[rw]", 0..3),
        any in any::<bool>(),
    ) {
        let mode = if any { "ANY" } else { "ALL" };
        let enforcer = enforcer(&json!({ "paths": [{ "path": "/a", "id": "a", "methods": [
            { "method": "GET", "scopes": needed, "scopes-enforcement-mode": mode },
        ] }] }));
        let permissions: Vec<_> = entries.iter().map(|(id, scopes)| json!({ "rsid": id, "scopes": scopes })).collect();
        let verdict = enforcer.demand("GET", b"/a").decide(Some(&rpt(&json!(permissions))), &Claims::new(), NOW);
        let mine: Vec<&String> = entries.iter().filter(|(id, _)| id == "a").flat_map(|(_, scopes)| scopes).collect();
        let has = |scope: &String| mine.contains(&scope);
        let is_enough = if any { needed.is_empty() || needed.iter().any(has) } else { needed.iter().all(has) };
        let expected = is_enough && entries.iter().any(|(id, _)| id == "a");
        prop_assert_eq!(matches!(verdict, Verdict::Permitted { granted: Some(_) }), expected);
    }
}
