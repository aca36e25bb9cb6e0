//! `authz/resource-server/policy` and `…/permission` (`admin-surface` §11).

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{
    super::answer::{self, no_content},
    Authz, Thing, created, found, resource, scope,
};
use crate::{
    app::App,
    error::ApiError,
    http::extract::{Members, Query},
    policy::{Draft, Noun, Refused, form, is_known, show},
    script::{INLINE, is_script},
    store::{
        StoreError,
        policy::{PolicyFilter, PolicyRecord, reference},
    },
};

type One = Path<(String, String, String)>;
type Two = Path<(String, String, String, String)>;
type Three = Path<(String, String, String, String, String)>;

/// Types as the console's menus group them
const PROVIDERS: [(&str, &str, &str); 10] = [
    ("user", "User", "Identity Based"),
    ("role", "Role", "Identity Based"),
    ("group", "Group", "Identity Based"),
    ("client", "Client", "Identity Based"),
    ("client-scope", "Client Scope", "Identity Based"),
    ("regex", "Regex", "Identity Based"),
    ("time", "Time", "Time Based"),
    ("aggregate", "Aggregated", "Others"),
    ("resource", "Resource", "Permission"),
    ("scope", "Scope-Based", "Permission"),
];

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::RoleTwice(_) | Refused::Date(_) | Refused::DateOrder => {
                Self::bare(StatusCode::BAD_REQUEST, refused.to_string())
            }
            Refused::Nameless
            | Refused::Member(_)
            | Refused::Unknown(..)
            | Refused::Cycle(_)
            | Refused::Kind(_)
            | Refused::Script(_)
            | Refused::Code(_)
            | Refused::Broken(_) => Self::invalid_request(refused.to_string()),
        }
    }
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> ApiError + use<> {
    let text = format!("Policy with name [{name}] already exists");
    move |error| {
        if matches!(error, StoreError::Conflict(_)) {
            ApiError::new(StatusCode::CONFLICT, text, "Conflicting policy")
        } else {
            error.into()
        }
    }
}

/// Whether a path names a type here, and not a policy
fn is_type(text: &str) -> bool {
    is_known(text) || text == INLINE
}

/// Whether the type of a path means a policy of that type: `js` is the path of every script
fn is_meant(path: &str, kind: &str) -> bool {
    if path == INLINE { is_script(kind) } else { kind == path }
}

fn load(app: &App, authz: &Authz, id: &str, kind: Option<&str>) -> Result<PolicyRecord, ApiError> {
    let record = app
        .store
        .policy(authz.id(), id)?
        .filter(|record| kind.is_none_or(|kind| is_meant(kind, &record.kind)));
    record.ok_or_else(ApiError::not_found)
}

/// The generic form, with what it names if `fields=*` asks for it
fn generic(app: &App, authz: &Authz, record: &PolicyRecord, query: &Query) -> Result<Value, ApiError> {
    let mut form = show::generic(record);
    if query.get("fields") == Some("*") {
        let resources = record.resources.iter().map(|named| named.id.as_str());
        let resources = json!(resource::by_ids(app, authz, resources)?);
        let scopes = scope::by_ids(app, authz, record.scopes.iter().map(|named| named.id.as_str()))?;
        form.insert("resourcesData".to_owned(), resources);
        form.insert("scopesData".to_owned(), json!(scopes.iter().map(scope::show).collect::<Vec<_>>()));
    }
    Ok(form.into())
}

/// A list in the generic form
pub(super) fn brief_list(records: &[PolicyRecord]) -> Response {
    answer::list(&records.iter().map(show::generic).collect::<Vec<_>>())
}

/// `GET policy`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let permission = query.flag("permission");
    listed(&app, &authz, &query, permission)
}

/// `GET permission`
pub(super) async fn list_permissions(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    listed(&app, &authz, &query, Some(true))
}

fn listed(app: &App, authz: &Authz, query: &Query, permission: Option<bool>) -> Result<Response, ApiError> {
    let part = query.page()?;
    let text = |name| query.get(name).map(str::to_owned);
    let mut filter = PolicyFilter {
        id: text("policyId"),
        name: text("name"),
        kind: text("type"),
        owner: text("owner"),
        permission,
        ..PolicyFilter::default()
    };
    // What nobody knows is named by nothing.
    for (name, noun) in [("resource", Noun::Resource), ("scope", Noun::Scope)] {
        let Some(given) = query.get(name) else { continue };
        let id = app.store.read(|tx| reference::find(tx, authz.realm_id(), authz.id(), noun, given))?;
        let Some(id) = id else { return Ok(answer::list::<Value>(&[])) };
        if noun == Noun::Resource {
            filter.resource = Some(id);
        } else {
            filter.scope = Some(id);
        }
    }
    let records = app.store.policies(authz.id(), &filter, part)?;
    let forms = records.iter().map(|record| generic(app, authz, record, query));
    Ok(answer::list(&forms.collect::<Result<Vec<_>, _>>()?))
}

/// `GET policy/search`
pub(super) async fn search(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let record = named(&app, &authz, &query, None)?;
    Ok(found(record.map(|record| generic(&app, &authz, &record, &query)).transpose()?))
}

fn named(
    app: &App,
    authz: &Authz,
    query: &Query,
    kind: Option<&str>,
) -> Result<Option<PolicyRecord>, ApiError> {
    let name = query.get("name").ok_or_else(|| ApiError::empty(StatusCode::BAD_REQUEST))?;
    let record = app.store.policy_named(authz.id(), name)?;
    Ok(record.filter(|record| record.owner.is_none() && kind.is_none_or(|kind| is_meant(kind, &record.kind))))
}

/// `GET policy/providers`
pub(super) async fn providers(State(app): State<Arc<App>>, authz: Authz) -> Response {
    let form = |kind: &str, name: &str, group: &str| json!({ "type": kind, "name": name, "group": group });
    let built_in = PROVIDERS.iter().map(|(kind, name, group)| form(kind, name, group));
    let scripts = app.scripts.all(authz.caller.realm.uma.scripts);
    let scripts = scripts.map(|(kind, script)| form(kind, &script.name, "Others"));
    answer::list(&built_in.chain(scripts).collect::<Vec<_>>())
}

/// `POST policy`, the generic form
pub(super) async fn create(
    State(app): State<Arc<App>>,
    authz: Authz,
    body: Members,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let sent = body.read(form::class(""), form::is_generic)?;
    let users = sent.get("config").and_then(|config| config.get("users")).and_then(Value::as_str);
    // Clients of Keycloak wait for exactly this failure (`admin-surface` §13).
    let nobody = sent.get("type").is_some_and(|kind| kind == "user") && users.is_none_or(str::is_empty);
    if nobody {
        return Err(ApiError::server_error());
    }
    let draft = form::generic(sent)?;
    let kind = draft.kind.clone();
    let record = match store(&app, &authz, draft).await {
        Err(Failure::Refused(Refused::Unknown(Noun::User, _))) if kind == "user" => {
            return Err(ApiError::server_error());
        }
        stored => stored?,
    };
    Ok(created(&show::generic(&record)))
}

/// Why a policy is not stored
enum Failure {
    Refused(Refused),
    Other(ApiError),
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refused) => refused.into(),
            Failure::Other(error) => error,
        }
    }
}

/// Whether such a policy can be evaluated here
fn accepted(app: &App, authz: &Authz, draft: &Draft) -> Result<(), Refused> {
    let kind = draft.kind.as_str();
    if !is_script(kind) {
        return if is_known(kind) { Ok(()) } else { Err(Refused::Kind(kind.to_owned())) };
    }
    let config = Value::Object(draft.config.clone());
    app.scripts.accept(authz.caller.realm.uma.scripts, kind, &config).map_err(|mishap| {
        if kind == INLINE { Refused::Code(mishap) } else { Refused::Script(kind.to_owned()) }
    })
}

async fn store(app: &App, authz: &Authz, mut draft: Draft) -> Result<PolicyRecord, Failure> {
    accepted(app, authz, &draft).map_err(Failure::Refused)?;
    if draft.id.as_ref().is_some_and(|id| id.len() > 255 || id.chars().any(char::is_control)) {
        return Err(Failure::Refused(Refused::Member("id".to_owned())));
    }
    let conflict = taken(&draft.name);
    let id = draft.id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
    let event = authz.event("policy.created", "CREATE", &Thing::Policy(&draft.kind, id));
    let stored = app.store.create_policy(authz.realm_id(), authz.id(), draft, event).await;
    stored.map_err(|error| Failure::Other(conflict(error)))?.map_err(Failure::Refused)
}

/// `POST policy/{type}`, `POST permission/{type}`
pub(super) async fn create_typed(
    State(app): State<Arc<App>>,
    Path((_, _, kind)): One,
    authz: Authz,
    body: Members,
) -> Result<Response, ApiError> {
    authz.manage()?;
    if !is_type(&kind) {
        return Err(ApiError::not_found());
    }
    let sent =
        body.read(form::class(&kind), |name| form::is_typed(&kind, name) || is_of_script(&kind, name))?;
    let kind = if kind == INLINE { script_kind(&sent, None)? } else { kind };
    let draft = form::typed(&kind, sent.clone())?;
    let record = store(&app, &authz, draft).await?;
    let mut form = show::created(&record, &sent);
    show_script(&app, &authz, &record, &mut form);
    Ok(created(&form))
}

fn is_of_script(kind: &str, name: &str) -> bool {
    kind == INLINE && name == "code"
}

/// Which kind of script a form means: the deployed one of its `type`, or the code that it brings
fn script_kind(sent: &Map<String, Value>, before: Option<&str>) -> Result<String, Refused> {
    let named = sent.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    match named.or(before).unwrap_or(INLINE) {
        kind if is_script(kind) => Ok(kind.to_owned()),
        kind => Err(Refused::Script(kind.to_owned())),
    }
}

/// Adds what a deployed script brings along (`admin-surface` §11)
fn show_script(app: &App, authz: &Authz, record: &PolicyRecord, form: &mut Map<String, Value>) {
    let Ok(script) = app.scripts.deployed(authz.caller.realm.uma.scripts, &record.kind) else { return };
    form.insert("code".to_owned(), Value::from(&*script.code));
    if let Some(description) = &script.description {
        form.entry("description").or_insert_with(|| description.as_str().into());
    }
}

/// `GET policy/{id}`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Path((_, _, id)): One,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let record = load(&app, &authz, &id, None)?;
    Ok(answer::one(&generic(&app, &authz, &record, &query)?))
}

/// `PUT policy/{id}`, the generic form
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    Path((_, _, id)): One,
    authz: Authz,
    body: Members,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let before = load(&app, &authz, &id, None)?;
    let mut sent = body.read(form::class(""), form::is_generic)?;
    // The type is known already.
    let kind = sent.entry("type").or_insert_with(|| before.kind.as_str().into());
    if *kind != before.kind {
        return Err(Refused::Member("type".to_owned()).into());
    }
    store_over(&app, &authz, &before, form::generic(sent)?).await
}

async fn store_over(
    app: &App,
    authz: &Authz,
    before: &PolicyRecord,
    draft: Draft,
) -> Result<Response, ApiError> {
    if before.owner.is_some() {
        return Err(ApiError::invalid_request("Policies of owners are changed by their owners."));
    }
    // A policy whose script is gone can still be renamed: it denies as before.
    if draft.kind == INLINE {
        accepted(app, authz, &draft)?;
    }
    let conflict = taken(&draft.name);
    let event = authz.event("policy.replaced", "UPDATE", &Thing::Policy(&before.kind, &before.id));
    let draft = draft.as_replacement();
    app.store
        .replace_policy(authz.realm_id(), authz.id(), &before.id, draft, event)
        .await
        .map_err(conflict)??;
    // As Keycloak has it: 201 without a body
    Ok(StatusCode::CREATED.into_response())
}

/// `DELETE policy/{id}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((_, _, id)): One,
    authz: Authz,
) -> Result<Response, ApiError> {
    remove(&app, &authz, &id, None).await
}

async fn remove(app: &App, authz: &Authz, id: &str, kind: Option<&str>) -> Result<Response, ApiError> {
    authz.manage()?;
    let before = load(app, authz, id, kind)?;
    let event = authz.event("policy.deleted", "DELETE", &Thing::Policy(&before.kind, id));
    app.store.delete_policy(authz.id(), id, authz.now(), event).await?;
    Ok(no_content())
}

/// `PUT policy/{type}/{id}`
pub(super) async fn replace_typed(
    State(app): State<Arc<App>>,
    Path((_, _, kind, id)): Two,
    authz: Authz,
    body: Members,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let before = load(&app, &authz, &id, Some(&kind))?;
    let sent =
        body.read(form::class(&kind), |name| form::is_typed(&kind, name) || is_of_script(&kind, name))?;
    let kind = if kind == INLINE { script_kind(&sent, Some(&before.kind))? } else { kind };
    if kind != before.kind {
        return Err(Refused::Member("type".to_owned()).into());
    }
    store_over(&app, &authz, &before, form::typed(&kind, sent)?).await
}

/// `DELETE policy/{type}/{id}`
pub(super) async fn delete_typed(
    State(app): State<Arc<App>>,
    Path((_, _, kind, id)): Two,
    authz: Authz,
) -> Result<Response, ApiError> {
    remove(&app, &authz, &id, Some(&kind)).await
}

/// `GET policy/{type}/{id}`, `GET policy/{type}/search`, `GET policy/{id}/{list}`
pub(super) async fn read_below(
    State(app): State<Arc<App>>,
    Path((_, _, one, two)): Two,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    if !is_type(&one) {
        let record = load(&app, &authz, &one, None)?;
        return below(&app, &authz, &record, &two);
    }
    if two == "search" {
        let record = named(&app, &authz, &query, Some(&one))?;
        return Ok(found(record.as_ref().map(|record| typed(&app, &authz, record, &query)).transpose()?));
    }
    let record = load(&app, &authz, &two, Some(&one))?;
    Ok(answer::one(&typed(&app, &authz, &record, &query)?))
}

/// The form of its type, with what it names if `fields=*` asks for it
fn typed(app: &App, authz: &Authz, record: &PolicyRecord, query: &Query) -> Result<Value, ApiError> {
    let mut form: Map<String, Value> = show::typed(record);
    show_script(app, authz, record, &mut form);
    if query.get("fields") == Some("*")
        && let Value::Object(generic) = generic(app, authz, record, query)?
    {
        form.extend(generic.into_iter().filter(|(name, _)| name.ends_with("Data")));
    }
    Ok(form.into())
}

/// `GET policy/{type}/{id}/{list}`
pub(super) async fn read_below_typed(
    State(app): State<Arc<App>>,
    Path((_, _, kind, id, list)): Three,
    authz: Authz,
) -> Result<Response, ApiError> {
    let record = load(&app, &authz, &id, Some(&kind))?;
    below(&app, &authz, &record, &list)
}

/// What a policy hangs together with
fn below(app: &App, authz: &Authz, record: &PolicyRecord, list: &str) -> Result<Response, ApiError> {
    match list {
        "associatedPolicies" => Ok(brief_list(&app.store.associated_policies(authz.id(), &record.id)?)),
        "dependentPolicies" => Ok(brief_list(&app.store.dependent_policies(authz.id(), &record.id)?)),
        "resources" => {
            let ids = record.resources.iter().map(|named| named.id.as_str());
            Ok(answer::list(&resource::by_ids(app, authz, ids)?))
        }
        "scopes" => {
            let scopes = scope::by_ids(app, authz, record.scopes.iter().map(|named| named.id.as_str()))?;
            Ok(answer::list(&scopes.iter().map(scope::show).collect::<Vec<_>>()))
        }
        _ => Err(ApiError::not_found()),
    }
}
