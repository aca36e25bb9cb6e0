//! Keycloak's policy enforcer for JavaScript: one call from a request to a verdict.

use countersign_core::{
    enforcer::{
        Answer, Config, Demand, Enforcer, Found, HttpSource, Query, Request, ScopesEnforcementMode, Target,
        Verdict,
    },
    ids::ResourceId,
    json,
    permission::{Claims, Permission},
    scope::Scope,
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{GuardModule, failure, moment, to_js};

/// The rules of one resource server, as `keycloak.json` has them
#[wasm_bindgen]
#[derive(Debug)]
pub struct EnforcerModule {
    enforcer: Enforcer,
}

/// A request, with what claims may be made of
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    method: String,
    target: String,
    uri: String,
    relative_path: String,
    secure: bool,
    remote_addr: String,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    id: ResourceId,
    #[serde(default)]
    scopes: Vec<Scope>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Question<'a> {
    Name(&'a str),
    Uri(&'a str),
    MatchingUri(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection<'a> {
    realm: Option<&'a str>,
    auth_server_url: Option<&'a str>,
    resource: Option<&'a str>,
    user_managed_access: bool,
    /// Milliseconds to keep answers about paths; 0 keeps nothing, -1 for ever
    path_lifespan: i64,
    path_entries: u64,
    claim_services: Vec<&'a str>,
}

/// A call to another service for claims about a request
#[derive(Serialize)]
struct Source<'a> {
    url: &'a str,
    method: &'a str,
    headers: Claims,
    parameters: Claims,
}

#[derive(Serialize)]
struct Decision<'a> {
    demand: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup: Option<Vec<Question<'a>>>,
    /// Services that have more claims about the request
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a ResourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [Scope]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Claims::is_empty")]
    claims: &'a Claims,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
}

#[wasm_bindgen]
impl EnforcerModule {
    /// Reads a `policy-enforcer` object, a whole `keycloak.json`, or a `policy-enforcer.json`.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &[u8]) -> Result<EnforcerModule, JsValue> {
        let config =
            Config::parse(config).map_err(|error| failure("invalid_configuration", &error.to_string()))?;
        Ok(Self { enforcer: Enforcer::new(config) })
    }

    /// What the file says about the connection: `realm`, `authServerUrl`, `resource`, `userManagedAccess`,
    /// `pathLifespan`, `pathEntries`, and `claimServices`, the addresses of services that have claims
    pub fn connection(&self) -> Result<JsValue, JsValue> {
        let config = self.enforcer.config();
        let cache = config.path_cache;
        let points = core::iter::once(&config.claims).chain(config.paths.iter().map(|path| &path.claims));
        to_js(&Connection {
            realm: config.realm.as_deref(),
            auth_server_url: config.auth_server_url.as_deref(),
            resource: config.resource.as_deref(),
            user_managed_access: config.user_managed_access,
            path_lifespan: cache.map_or(30_000, |cache| cache.lifespan),
            path_entries: cache.map_or(1_000, |cache| cache.max_entries),
            claim_services: points.filter_map(|point| Some(point.http.as_ref()?.url.as_str())).collect(),
        })
    }

    /// Whether a request passes with the RPT of `handle`, of which there is none at -1; `found` is the answer to an
    /// earlier decision's `lookup`, or `undefined`; `answers` are the objects, as JSON texts in order, that the `sources`
    /// of an earlier decision have answered with, and where there are fewer the decision names its sources.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that a decision rests on, in one call into the module"
    )]
    pub fn decide(
        &self,
        guard: &GuardModule,
        handle: i32,
        request: JsValue,
        body: &[u8],
        found: JsValue,
        answers: Vec<String>,
        now: f64,
    ) -> Result<JsValue, JsValue> {
        let unreadable = |_| failure("invalid_configuration", "the request cannot be carried over");
        let asked: Asked = serde_wasm_bindgen::from_value(request).map_err(unreadable)?;
        let found: Option<Vec<Resource>> = serde_wasm_bindgen::from_value(found).map_err(unreadable)?;
        let (parameters, headers, cookies) =
            (pairs(&asked.parameters), pairs(&asked.headers), pairs(&asked.cookies));
        let request = Request {
            method: &asked.method,
            target: asked.target.as_bytes(),
            uri: &asked.uri,
            relative_path: &asked.relative_path,
            secure: asked.secure,
            remote_addr: &asked.remote_addr,
            parameters: &parameters,
            headers: &headers,
            cookies: &cookies,
            body,
            access_token: asked.access_token.as_deref(),
        };
        let mut demand = self.enforcer.demand_of(&request);
        if let Some(found) = found {
            let found: Vec<Found> =
                found.into_iter().map(|Resource { id, scopes }| Found { id, scopes }).collect();
            demand = self.enforcer.resolve(demand, &found);
        }
        let mut claims = self.enforcer.claims(&demand, &request);
        let sources: Vec<&HttpSource> = self.enforcer.http_sources(&demand).collect();
        let is_complete = sources.len() == answers.len();
        if is_complete {
            for (source, answer) in sources.iter().zip(answers) {
                let answer = json::object(answer.as_bytes())
                    .map_err(|_| failure("engine_failed", "claims of a service are no JSON object"))?;
                source.resolve(answer, &mut claims);
            }
        }
        let verdict = demand.decide(guard.tokens.rpt(handle), &claims, moment(now));
        let mut decision = self.decision(&demand, &claims, verdict);
        if !is_complete {
            decision.sources = sources.iter().map(|source| described(source, &request)).collect();
        }
        to_js(&decision)
    }

    fn decision<'a>(&'a self, demand: &'a Demand<'_>, claims: &'a Claims, verdict: Verdict) -> Decision<'a> {
        let mut decision = Decision {
            demand: name_of(demand),
            lookup: demand.lookup().map(|lookup| lookup.0.iter().map(question).collect()),
            sources: Vec::new(),
            resource: None,
            scopes: None,
            mode: None,
            claims,
            verdict: "permitted",
            code: None,
            message: None,
            permission: None,
            answer: None,
            location: None,
        };
        if let Demand::Protected(protected) = demand {
            if let Target::Known(id) = &protected.resource {
                decision.resource = Some(id);
            }
            decision.scopes = Some(&protected.scopes);
            decision.mode = Some(match protected.mode {
                ScopesEnforcementMode::All => "ALL",
                ScopesEnforcementMode::Any => "ANY",
                ScopesEnforcementMode::Disabled => "DISABLED",
            });
        }
        match verdict {
            Verdict::Permitted { granted } => decision.permission = granted.map(|granted| granted.permission),
            Verdict::Refused(refusal) => {
                decision.verdict = refusal.code();
                decision.code = Some(refusal.denial().code());
                decision.message = Some(refusal.to_string());
                let (answer, location) = match self.enforcer.answer(demand, &refusal) {
                    Answer::Unauthorized => ("unauthorized", None),
                    Answer::Challenge => ("challenge", None),
                    Answer::Redirect(location) => ("redirect", Some(location)),
                    Answer::Forbidden => ("forbidden", None),
                };
                (decision.answer, decision.location) = (Some(answer), location);
            }
        }
        decision
    }
}

const fn name_of(demand: &Demand<'_>) -> &'static str {
    match demand {
        Demand::Open => "open",
        Demand::Authenticated => "authenticated",
        Demand::Unmapped(_) => "unmapped",
        Demand::Protected(_) => "protected",
        Demand::Unreadable => "unreadable",
    }
}

fn question(query: &Query) -> Question<'_> {
    match query {
        Query::Name(name) => Question::Name(name),
        Query::Uri(uri) => Question::Uri(uri),
        Query::MatchingUri(uri) => Question::MatchingUri(uri),
    }
}

fn described<'a>(source: &'a HttpSource, request: &Request<'_>) -> Source<'a> {
    let (headers, parameters) = source.prepare(request);
    Source { url: &source.url, method: &source.method, headers, parameters }
}

fn pairs(texts: &[(String, String)]) -> Vec<(&str, &str)> {
    texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
