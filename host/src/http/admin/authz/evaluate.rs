//! `policy/evaluate`: what somebody would get, and why (`admin-surface` §12).
//!
//! The decision is the engine's; what it looked at comes with it.

mod answer;

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use countersign_core::{
    assessment::{Ask, Assessment, Question, Refusal, Whose},
    permission::Permission,
    scope::{Scope, ScopeSet},
    time::{UnixTime, WallClock},
    trace::Trace,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{super::answer::one, Authz};
use crate::{
    app::App,
    decide::{self, Party, Request},
    error::ApiError,
    http::extract::{Json, Query, Represents},
    issue::{self, IssueContext, Origin, Scopes, Subject},
    realm::{Client, Role, User},
    store::{self, policy::reference},
};

/// Sets the clock of time policies
const CLOCK: &str = "kc.time.date_time";

/// What is to be evaluated
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PolicyEvaluationRequest"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::http) struct Representation {
    user_id: Option<String>,
    client_id: Option<String>,
    role_ids: Option<Vec<String>>,
    entitlements: Option<bool>,
    resources: Option<Vec<Asked>>,
    #[serde(rename = "resourceType")]
    _resource_type: Option<String>,
    context: Option<BTreeMap<String, BTreeMap<String, Values>>>,
}

impl Represents for Representation {
    const CLASS: &'static str = "PolicyEvaluationRequest";
}

/// A resource as a representation has it; what names it is read, the rest passed over
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "EvaluatedResource"))]
struct Asked {
    #[serde(rename = "_id")]
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    scopes: Option<Vec<AskedScope>>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "EvaluatedScope"))]
#[serde(untagged)]
enum AskedScope {
    Name(String),
    Object { id: Option<String>, name: Option<String> },
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ContextValues"))]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl From<Values> for Vec<String> {
    fn from(values: Values) -> Self {
        match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        }
    }
}

fn unknown(noun: &str, name: &str) -> ApiError {
    ApiError::invalid_request(format!("{noun} [{name}] does not exist"))
}

fn failed() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Error while evaluating permissions.")
}

/// Who is to be evaluated, and through which client
struct Who {
    client: Client,
    subject: Subject,
    party: Party,
}

/// `POST policy/evaluate`
pub(super) async fn evaluate(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
    Json(body): Json<Representation>,
) -> Result<Response, ApiError> {
    let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let given = body.context.into_iter().filter_map(|mut context| context.remove("attributes"));
    attributes.extend(given.flatten().map(|(name, values)| (name, values.into())));
    let now = clock(&attributes, authz.now())?;
    let who = who(
        &app,
        &authz,
        body.user_id.as_deref(),
        body.client_id.as_deref(),
        &body.role_ids.unwrap_or_default(),
    )?;
    let asked = body.resources.unwrap_or_default();
    let asks = asked.into_iter().map(|asked| ask(&app, &authz, asked)).collect::<Result<Vec<_>, _>>()?;
    let asks: Vec<Ask> = asks.into_iter().flatten().collect();
    let request = Request { everything: asks.is_empty(), asks, context: attributes, ..Request::default() };
    let realm = &authz.caller.realm;
    let (question, _) = decide::question_page(&app, realm, &authz.server, &who.party, &request, None, now)?;
    let (permissions, trace) = decided(&app, &question)?;
    let rpt = rpt(&app, &authz, &who, &permissions)?;
    let with_trace = query.flag("trace").unwrap_or(false);
    let answer = answer::Answer { app: &app, authz: &authz, trace: &trace };
    let mut document = answer.document(body.entitlements.unwrap_or(false), rpt)?;
    if with_trace {
        let told = serde_json::to_value(&trace).map_err(|_| failed())?;
        document.insert("trace".to_owned(), told);
    }
    Ok(one(&document))
}

/// The moment that the policies see
fn clock(attributes: &BTreeMap<String, Vec<String>>, now: UnixTime) -> Result<UnixTime, ApiError> {
    let Some(text) = attributes.get(CLOCK).and_then(|values| values.first()) else { return Ok(now) };
    let invalid = || ApiError::invalid_request(format!("Invalid {CLOCK}"));
    let wanted: WallClock = text.parse().map_err(|_| invalid())?;
    // The clock of this server is UTC: the second that shows this is found by halving.
    let (mut low, mut high) = (0_u64, 253_402_300_799);
    while low < high {
        let middle = low.midpoint(high);
        if WallClock::at(UnixTime(middle), 0) < wanted {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    if WallClock::at(UnixTime(low), 0) == wanted { Ok(UnixTime(low)) } else { Err(invalid()) }
}

fn who(
    app: &App,
    authz: &Authz,
    user_id: Option<&str>,
    client_id: Option<&str>,
    role_ids: &[String],
) -> Result<Who, ApiError> {
    let realm_id = authz.realm_id();
    let client = match client_id.filter(|text| !text.is_empty()) {
        None => authz.server.clone(),
        Some(id) => {
            let known = app.store.read(|tx| store::realm::client_by_any_id(tx, realm_id, id))?;
            known.ok_or_else(|| unknown("Client", id))?
        }
    };
    let user: User =
        match user_id.filter(|text| !text.is_empty()) {
            Some(id) => {
                let known = app.store.read(|tx| {
                    let found = reference::user(tx, realm_id, id)?;
                    found.map(|id| store::user::by_id(tx, realm_id, &id)).transpose().map(Option::flatten)
                })?;
                known.ok_or_else(|| unknown("User", id))?
            }
            None => app.store.read(|tx| store::user::service_account(tx, realm_id, &client.id))?.ok_or_else(
                || ApiError::invalid_request("Neither a user nor a client with a service account is named."),
            )?,
        };
    let mut party = Party::of_record(app, &user, &client)?;
    let mut subject = app.store.read(|tx| issue::subject(tx, user))?;
    for id in role_ids {
        let name = app.store.read(|tx| {
            let found = reference::role(tx, realm_id, id)?;
            found
                .map(|id| reference::name(tx, crate::policy::Noun::Role, &id))
                .transpose()
                .map(Option::flatten)
        })?;
        let name = name.ok_or_else(|| unknown("Role", id))?;
        add_role(app, authz, &name, &mut party, &mut subject)?;
    }
    let realm = &authz.caller.realm;
    let scopes = Scopes::resolve(realm, &client, None).unwrap_or_default();
    let claims = claims(app, authz, &client, &client, &subject, &scopes)?;
    party.requester.claims = claims;
    Ok(Who { client, subject, party })
}

/// As if the user had this role, and what it is made of
fn add_role(
    app: &App,
    authz: &Authz,
    name: &str,
    party: &mut Party,
    subject: &mut Subject,
) -> Result<(), ApiError> {
    let found = app.store.read(|tx| {
        let id = reference::role(tx, authz.realm_id(), name)?.unwrap_or_default();
        store::user::with_composites(tx, &id)
    })?;
    for role in found {
        let Role { name, client_id, .. } = &role;
        let roles = &mut party.requester.roles;
        match client_id {
            None => roles.realm.insert(name.clone()),
            Some(client) => roles.client.entry(client.clone()).or_default().insert(name.clone()),
        };
        if !subject.roles.contains(&role) {
            subject.roles.push(role);
        }
    }
    Ok(())
}

/// What a token of this client for this user would say, in the shape that `scopes_of` gives it
fn claims(
    app: &App,
    authz: &Authz,
    client: &Client,
    scopes_of: &Client,
    subject: &Subject,
    scopes: &Scopes,
) -> Result<Map<String, Value>, ApiError> {
    let caller = &authz.caller;
    let context = IssueContext {
        realm: &caller.realm,
        issuer: &caller.issuer,
        client,
        scopes_of,
        subject,
        sign_in: None,
        scopes,
        address: caller.admin.address,
        origin: Origin::Uma,
        key: None,
        now: authz.now(),
    };
    Ok(app.store.read(|tx| issue::access_claims(tx, &context))?)
}

/// Every claim that the RPT would have
fn rpt(app: &App, authz: &Authz, who: &Who, permissions: &[Permission]) -> Result<Value, ApiError> {
    let scopes = Scopes::resolve(&authz.caller.realm, &authz.server, None).unwrap_or_default();
    let mut claims = claims(app, authz, &who.client, &authz.server, &who.subject, &scopes)?;
    issue::set_rpt_audience(&mut claims, &authz.server.client_id);
    claims.insert("authorization".to_owned(), serde_json::json!({ "permissions": permissions }));
    Ok(claims.into())
}

/// What one entry of the request means; a resource by name is the resource server's own first
fn ask(app: &App, authz: &Authz, asked: Asked) -> Result<Vec<Ask>, ApiError> {
    let mut scopes = ScopeSet::new();
    for scope in asked.scopes.into_iter().flatten() {
        let text = match scope {
            AskedScope::Name(text)
            | AskedScope::Object { name: Some(text), .. }
            | AskedScope::Object { id: Some(text), name: None } => text,
            AskedScope::Object { id: None, name: None } => String::new(),
        };
        let known = app.store.scope(authz.id(), &text)?.ok_or_else(|| unknown("Scope", &text))?;
        scopes.insert(known.name.parse::<Scope>().map_err(|_| unknown("Scope", &text))?);
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let id = match (given(asked.id), given(asked.name)) {
        (Some(id), _) => {
            Some(app.store.resource(authz.id(), &id)?.ok_or_else(|| unknown("Resource", &id))?.id)
        }
        (None, Some(name)) => {
            Some(app.store.resource_of_name(authz.id(), &name)?.ok_or_else(|| unknown("Resource", &name))?)
        }
        (None, None) => None,
    };
    Ok(match (id, given(asked.kind)) {
        (Some(id), _) => {
            let resource = id.parse().map_err(|_| unknown("Resource", &id))?;
            vec![Ask::Id { resource, scopes }]
        }
        (None, Some(kind)) => vec![Ask::Type { kind, whose: Whose::Any, scopes }],
        (None, None) if !scopes.is_empty() => vec![Ask::Scopes { scopes }],
        (None, None) => Vec::new(),
    })
}

/// The engine's decision and the core's account of it
fn decided(app: &App, question: &Question) -> Result<(Vec<Permission>, Trace), ApiError> {
    let (assessment, trace) = decide::explained(app, question).map_err(|_| failed())?;
    match assessment {
        Assessment::Granted { permissions, .. } => Ok((permissions, trace)),
        Assessment::Denied { .. } => Ok((Vec::new(), trace)),
        Assessment::Refused(Refusal::InvalidResource { resource }) => Err(unknown("Resource", &resource)),
        Assessment::Refused(
            Refusal::InvalidScope { .. } | Refusal::InvalidUri { .. } | Refusal::MissingUri,
        ) => Err(ApiError::invalid_request("Invalid scopes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<UnixTime, ApiError> {
        clock(&BTreeMap::from([(CLOCK.to_owned(), vec![text.to_owned()])]), UnixTime(5))
    }

    #[test]
    fn the_clock_can_be_set_to_any_second_since_1970() {
        assert_eq!(clock(&BTreeMap::new(), UnixTime(5)), Ok(UnixTime(5)));
        assert_eq!(at("1970-01-01 00:00:00"), Ok(UnixTime(0)));
        assert_eq!(at("2024-02-29 12:30:15"), Ok(UnixTime(1_709_209_815)));
        assert_eq!(at("9999-12-31 23:59:59"), Ok(UnixTime(253_402_300_799)));
        assert!(at("1969-12-31 23:59:59").is_err());
        assert!(at("tomorrow").is_err());
    }
}
