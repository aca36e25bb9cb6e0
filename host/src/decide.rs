//! From a question without facts to an assessment: load, ask the engine, read its answer.

use core::net::IpAddr;
use std::collections::BTreeSet;

use countersign_core::{
    assessment::{Assessment, Facts, Question, ResourceServer, explain},
    ids::{PartyId, ResourceId},
    limits::RESOURCES,
    permission::{Claims, Permission},
    requester::{Requester, Roles},
    scope::ScopeSet,
    time::UnixTime,
    token::Claims as TokenClaims,
    trace::Trace,
};
use serde_json::{Map, Value};

use crate::{
    app::App,
    audit,
    error::ApiError,
    issue::{self, IssueContext, Origin, Scopes},
    realm::{Client, OwnerAccess, Realm, RoleNames, User},
    script,
    store::{
        self, StoreError,
        facts::{FactsRequest, LoadedFacts},
        server::Version,
    },
};

/// A requesting party as its token, or its record, describes it
#[derive(Debug, Clone)]
pub struct Party {
    /// Its part in the question
    pub requester: Requester,
    /// The account behind it
    pub user_id: String,
    /// How the client that it asks through names itself: `kc.client.id` (`keycloak-wire` §8.8)
    pub client_id: String,
    /// It has no token: what one would say is found out where a policy looks at that
    pub untold: Option<Untold>,
}

/// How a party would have come by a token
#[derive(Debug, Clone)]
pub struct Untold {
    /// Through this client
    pub client: Client,
    /// Of this issuer
    pub issuer: String,
    /// From there
    pub address: IpAddr,
}

/// What is asked, before facts are there; members as in [`Question`]
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "as in the question: each is a member of its own")]
pub struct Request {
    /// What is asked for
    pub asks: Vec<countersign_core::assessment::Ask>,
    /// Everything is asked for
    pub everything: bool,
    /// Scopes that are asked for in addition
    pub scopes: ScopeSet,
    /// Permissions of an earlier RPT
    pub rpt: Option<Vec<Permission>>,
    /// Claims of the ticket
    pub ticket_claims: Claims,
    /// Claims of the client
    pub pushed_claims: Claims,
    /// What the server knows of the request itself (`keycloak-wire` §8.8)
    pub context: Claims,
    /// Most permissions of the answer
    pub limit: Option<usize>,
    /// Permissions go without the resource's name
    pub nameless: bool,
    /// What is not granted becomes a request
    pub submit: bool,
    /// What the answer is for
    pub purpose: Purpose,
    /// Scopes that the client is registered for; absent: that is not looked at
    pub registered: Option<ScopeSet>,
    /// Names of claims that the requester may be asked for
    pub gatherable: BTreeSet<String>,
    /// An owner was asked for the same with the ticket before
    pub polling: bool,
}

/// What a decision is for, which says who else writes it down
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// An RPT
    #[default]
    Grant,
    /// `response_mode=decision`
    Decision,
    /// `response_mode=permissions`
    Permissions,
    /// Introspection
    Introspection,
    /// Somebody who asks for a decision by another protocol
    Access,
    /// A search, which lets nobody in and keeps nobody out
    Search,
}

impl Purpose {
    /// Its name in the audit trail
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Decision => "decision",
            Self::Permissions => "permissions",
            Self::Introspection => "introspection",
            Self::Access => "access",
            Self::Search => "search",
        }
    }
}

impl Party {
    /// The party that a verified access token speaks for (`keycloak-wire` §2.1, §8.8)
    pub fn of_token(user: &User, client: &Client, claims: &TokenClaims) -> Result<Self, ApiError> {
        let mut party = Self::bare(user, client)?;
        party.requester.roles = roles_of_claims(&claims.other);
        party.requester.claims = all_claims(claims);
        Ok(party)
    }

    /// The party of an RPT as its record stands now, with the claims that the RPT carries: what introspection assesses
    pub fn of_rpt(app: &App, user: &User, client: &Client, claims: &TokenClaims) -> Result<Self, ApiError> {
        let mut party = Self::of_record(app, user, client)?;
        party.requester.claims = all_claims(claims);
        Ok(party)
    }

    /// The party as its record stands now
    pub fn of_record(app: &App, user: &User, client: &Client) -> Result<Self, ApiError> {
        let mut party = Self::bare(user, client)?;
        party.requester.roles = recorded_roles(app, &user.id)?;
        Ok(party)
    }

    fn bare(user: &User, client: &Client) -> Result<Self, ApiError> {
        let requester = Requester {
            id: party_id(user.identity())?,
            client: party_id(&client.id)?,
            roles: Roles::default(),
            recorded_roles: None,
            groups: Vec::new(),
            claims: Map::new(),
        };
        Ok(Self { requester, user_id: user.id.clone(), client_id: client.client_id.clone(), untold: None })
    }
}

/// Every claim of a token by its name, as policies look at them (`keycloak-wire` §8.8)
fn all_claims(claims: &TokenClaims) -> Map<String, Value> {
    let registered = [
        ("iss", claims.iss.as_deref()),
        ("sub", claims.sub.as_deref()),
        ("azp", claims.azp.as_deref()),
        ("sid", claims.sid.as_deref()),
        ("scope", claims.scope.as_deref()),
    ];
    let mut all = claims.other.clone();
    all.extend(registered.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    all
}

/// An internal id as the core takes it
pub fn party_id(id: &str) -> Result<PartyId, ApiError> {
    id.parse().map_err(|_| ApiError::server_error())
}

fn roles_of_claims(claims: &Map<String, Value>) -> Roles {
    let names = |access: &Value| -> std::collections::BTreeSet<String> {
        let roles = access.get("roles").and_then(Value::as_array);
        roles.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let clients = claims.get("resource_access").and_then(Value::as_object);
    Roles {
        realm: claims.get("realm_access").map(names).unwrap_or_default(),
        client: clients.into_iter().flatten().map(|(client, roles)| (client.clone(), names(roles))).collect(),
    }
}

fn recorded_roles(app: &App, user_id: &str) -> Result<Roles, ApiError> {
    let roles = app.store.read(|tx| store::user::effective_roles(tx, user_id))?;
    let RoleNames { realm, clients } = RoleNames::of(&roles);
    Ok(Roles { realm, client: clients })
}

/// What a token of this party would say
fn claims_of_record(
    app: &App,
    realm: &Realm,
    party: &Party,
    untold: &Untold,
    now: UnixTime,
) -> Result<Map<String, Value>, ApiError> {
    let Untold { client, issuer, address } = untold;
    let scopes = Scopes::resolve(realm, client, None).unwrap_or_default();
    let claims = app.store.read(|tx| {
        let user = store::user::by_id(tx, &realm.id, &party.user_id)?.ok_or(StoreError::Missing)?;
        let subject = issue::subject(tx, user)?;
        let context = IssueContext {
            realm,
            issuer,
            client,
            scopes_of: client,
            subject: &subject,
            sign_in: None,
            scopes: &scopes,
            address: *address,
            origin: Origin::Uma,
            key: None,
            now,
        };
        issue::access_claims(tx, &context)
    })?;
    Ok(claims)
}

/// Loads the facts of a request and asks the engine; counts the answer, and takes down what nothing else does
pub fn decide(
    app: &App,
    realm: &Realm,
    server: &Client,
    party: &Party,
    request: &Request,
    now: UnixTime,
) -> Result<(Assessment, Version), ApiError> {
    let decided = every_page(app, realm, server, party, request, now);
    let assessment = decided.as_ref().map(|(assessment, _)| assessment).ok();
    tell(app, audit::Asked { realm, server, party, request, now }, assessment);
    decided
}

/// As [`decide`], with what was looked at; of everything, the first page
pub fn decide_and_explain(
    app: &App,
    realm: &Realm,
    server: &Client,
    party: &Party,
    request: &Request,
    now: UnixTime,
) -> Result<(Assessment, Trace), ApiError> {
    let decided = question_page(app, realm, server, party, request, None, now)
        .and_then(|(question, _)| explained(app, &question));
    let assessment = decided.as_ref().map(|(assessment, _)| assessment).ok();
    tell(app, audit::Asked { realm, server, party, request, now }, assessment);
    decided
}

/// Counts an answer, or that there is none, and takes down what nothing else does
fn tell(app: &App, asked: audit::Asked<'_>, decided: Option<&Assessment>) {
    app.metrics.decided(match decided {
        Some(Assessment::Granted { .. }) => "granted",
        Some(Assessment::Denied { .. }) => "denied",
        Some(Assessment::Refused(_)) => "refused",
        None => "failed",
    });
    if let Some(assessment) = decided {
        audit::note(app, asked, assessment);
    }
}

fn every_page(
    app: &App,
    realm: &Realm,
    server: &Client,
    party: &Party,
    request: &Request,
    now: UnixTime,
) -> Result<(Assessment, Version), ApiError> {
    let mut page = assess_page(app, realm, server, party, request, None, now)?;
    // Everything is read in pages, until so many permissions are found as anybody can use.
    let enough = request.limit.unwrap_or(RESOURCES);
    while let Some(next) = next_page(&page.0, enough) {
        let (more, _) = assess_page(app, realm, server, party, request, Some(&next), now)?;
        page.0 = joined(page.0, more, enough);
    }
    Ok(page)
}

/// The engine's decision, and what it looked at: told by the same core, asked the same question in this process. Where
/// the two do not agree there is no answer.
pub fn explained(app: &App, question: &Question) -> Result<(Assessment, Trace), ApiError> {
    let assessment = app.pdp.decide(question).map_err(|_| ApiError::temporarily_unavailable())?;
    let (told, trace) = explain(question);
    if told == assessment { Ok((assessment, trace)) } else { Err(ApiError::server_error()) }
}

/// After which resource there is more to look at
fn next_page(assessment: &Assessment, enough: usize) -> Option<ResourceId> {
    match assessment {
        Assessment::Granted { permissions, next, .. } if permissions.len() < enough => next.clone(),
        Assessment::Denied { next, .. } => next.clone(),
        Assessment::Granted { .. } | Assessment::Refused(_) => None,
    }
}

/// Two pages of everything as one answer
fn joined(first: Assessment, second: Assessment, enough: usize) -> Assessment {
    match (first, second) {
        (
            Assessment::Granted { mut permissions, upgraded, pending, .. },
            Assessment::Granted { permissions: more, next, .. },
        ) => {
            permissions.extend(more);
            permissions.truncate(enough);
            Assessment::Granted { permissions, upgraded, pending, next }
        }
        (Assessment::Granted { permissions, upgraded, pending, .. }, Assessment::Denied { next, .. }) => {
            Assessment::Granted { permissions, upgraded, pending, next }
        }
        (Assessment::Granted { permissions, upgraded, pending, .. }, Assessment::Refused(_)) => {
            Assessment::Granted { permissions, upgraded, pending, next: None }
        }
        (Assessment::Denied { .. } | Assessment::Refused(_), second) => second,
    }
}

fn assess_page(
    app: &App,
    realm: &Realm,
    server: &Client,
    party: &Party,
    request: &Request,
    after: Option<&ResourceId>,
    now: UnixTime,
) -> Result<(Assessment, Version), ApiError> {
    let (question, version) = question_page(app, realm, server, party, request, after, now)?;
    // An engine that fails has said nothing: nothing is stored, no ticket is spent.
    let assessment = app.pdp.decide(&question).map_err(|_| ApiError::temporarily_unavailable())?;
    Ok((assessment, version))
}

/// A request with the facts that its answer depends on; of everything, what comes after a resource
pub fn question_page(
    app: &App,
    realm: &Realm,
    server: &Client,
    party: &Party,
    request: &Request,
    after: Option<&ResourceId>,
    now: UnixTime,
) -> Result<(Question, Version), ApiError> {
    let loaded = app.store.facts(&FactsRequest {
        server_id: &server.id,
        requester: &party.requester,
        asks: &request.asks,
        everything: request.everything,
        after,
        scopes: &request.scopes,
        rpt: request.rpt.as_deref().unwrap_or_default(),
        now,
    })?;
    let Some(LoadedFacts { facts, server: settings, version, wanted }) = loaded else {
        return Err(ApiError::invalid_request("Client does not support permissions"));
    };
    let mut requester = party.requester.clone();
    if wanted.recorded_roles {
        requester.recorded_roles = Some(recorded_roles(app, &party.user_id)?);
    }
    if wanted.groups {
        let groups = app.store.read(|tx| store::user::groups(tx, &party.user_id))?;
        requester.groups = groups.into_iter().map(|group| group.path).collect();
    }
    if !wanted.claims {
        requester.claims = Map::new();
    } else if let Some(untold) = &party.untold {
        requester.claims = claims_of_record(app, realm, party, untold, now)?;
    }
    let of_server = settings.in_question(party_id(&server.id)?, realm.uma.owner_access);
    let mut question = question(request, requester, of_server, facts, now);
    question.after = after.cloned();
    question.context.insert("kc.realm.name".to_owned(), vec![realm.name.clone()]);
    question.context.insert("kc.client.id".to_owned(), vec![party.client_id.clone()]);
    question.context.extend(request.context.clone());
    script::hear(app, realm, server, party, &mut question)?;
    Ok((question, version))
}

fn question(
    request: &Request,
    requester: Requester,
    server: ResourceServer,
    facts: Facts,
    now: UnixTime,
) -> Question {
    Question {
        now,
        // Keycloak reads the clock of its own machine; ours is UTC, wherever it stands.
        utc_offset: 0,
        server,
        requester,
        context: Claims::new(),
        asks: request.asks.clone(),
        everything: request.everything,
        after: None,
        scopes: request.scopes.clone(),
        registered: request.registered.clone(),
        all_or_nothing: false,
        rpt: request.rpt.clone(),
        ticket_claims: request.ticket_claims.clone(),
        pushed_claims: request.pushed_claims.clone(),
        gatherable: request.gatherable.clone(),
        limit: request.limit,
        names: !request.nameless,
        submit: request.submit,
        polling: request.polling,
        facts,
    }
}

impl From<OwnerAccess> for countersign_core::assessment::OwnerAccess {
    fn from(access: OwnerAccess) -> Self {
        match access {
            OwnerAccess::Policy => Self::Policy,
            OwnerAccess::Always => Self::Always,
        }
    }
}
