//! Searches: who may, upon what, and what (AuthZEN §8).
//!
//! Candidates are gone through in the order of their ids and judged one by one, by the same engine as every other
//! question, so that each way to a permission counts: shares, owners' policies, roles, types. So many are looked at for
//! one page; a page may be short, or empty, and not the last.

use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Document,
    caller::Caller,
    entity::{Entities, Entity, Wants},
    judge::{CLIENT, Judge, USER},
};
use crate::{
    app::App,
    decide::Purpose,
    error::ApiError,
    http::{Family, json as answer},
    realm::Sealed,
    sign_in::fingerprint,
    store,
};

/// Most results of one page
const RESULTS: usize = 100;
/// Most candidates that are looked at for one page
const CANDIDATES: usize = 500;
/// Candidates that are read, and where one decision can tell of several, judged at once
const BATCH: usize = 50;

/// Where the next page begins
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    after: String,
    limit: usize,
}

/// Part of a search
#[derive(Debug, Clone)]
struct Page {
    cursor: Cursor,
    /// To whom and to which search its tokens belong
    place: String,
}

impl Page {
    /// Reads `page`; its token is good for the same search by the same client alone (AZ-8.2-02, -03, -05)
    fn read(app: &App, caller: &Caller, kind: &str, document: &Document) -> Result<Self, ApiError> {
        let invalid = |text: &str| ApiError::invalid_request(text.to_owned());
        let Document(members) = document;
        let search: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| *name != "page")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let digest = fingerprint(Value::from(search).to_string().as_bytes());
        let place = format!("authzen:{}:{}:{kind}:{digest}", caller.realm.id, caller.client.id);
        let page = match members.get("page") {
            None | Some(Value::Null) => &Map::new(),
            Some(Value::Object(page)) => page,
            Some(_) => return Err(invalid("`page` must be an object")),
        };
        let limit = match page.get("limit") {
            None | Some(Value::Null) => None,
            Some(limit) => {
                let limit = limit.as_u64().filter(|limit| *limit > 0);
                let limit = limit.ok_or_else(|| invalid("`page.limit` must be a number above zero"))?;
                Some(usize::try_from(limit).unwrap_or(RESULTS).min(RESULTS))
            }
        };
        let cursor = match page.get("token") {
            None | Some(Value::Null) => Cursor { after: String::new(), limit: limit.unwrap_or(RESULTS) },
            Some(Value::String(token)) if token.is_empty() => {
                Cursor { after: String::new(), limit: limit.unwrap_or(RESULTS) }
            }
            Some(token) => {
                let refused = || invalid("`page.token` does not belong to this search");
                let sealed =
                    URL_SAFE_NO_PAD.decode(token.as_str().ok_or_else(refused)?).map_err(|_| refused())?;
                let bytes = app.keys.master().open(&place, &Sealed(sealed)).map_err(|_| refused())?;
                let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| refused())?;
                if limit.is_some_and(|limit| limit != cursor.limit) {
                    return Err(invalid("`page.limit` must stay as it was"));
                }
                cursor
            }
        };
        Ok(Self { cursor, place })
    }

    /// The token of what comes behind a candidate
    fn token(&self, app: &App, after: &str) -> Result<String, ApiError> {
        let cursor = Cursor { after: after.to_owned(), limit: self.cursor.limit };
        let bytes = serde_json::to_vec(&cursor).map_err(|_| ApiError::server_error())?;
        Ok(URL_SAFE_NO_PAD.encode(app.keys.master().seal(&self.place, &bytes)?.0))
    }
}

/// One page of results
struct Found {
    results: Vec<Value>,
    /// The last candidate that was looked at, if there are more
    more: Option<String>,
}

fn rendered(app: &App, page: &Page, found: Found) -> Result<Response, ApiError> {
    let next = found.more.map(|after| page.token(app, &after)).transpose()?.unwrap_or_default();
    let document = json!({
        "page": { "next_token": next, "count": found.results.len() }, "results": found.results,
    });
    Ok(answer(StatusCode::OK, Family::Introspection, &document))
}

fn nothing(app: &App, page: &Page) -> Result<Response, ApiError> {
    rendered(app, page, Found { results: Vec::new(), more: None })
}

/// Goes through candidates until a page is full, enough were looked at, or there are no more
fn walk(
    page: &Page,
    read: impl Fn(&str, usize) -> Result<Vec<String>, ApiError>,
    judge: impl Fn(&[String]) -> Result<BTreeSet<String>, ApiError>,
    show: impl Fn(&str) -> Value,
) -> Result<Found, ApiError> {
    let mut after = page.cursor.after.clone();
    let (mut results, mut looked_at) = (Vec::new(), 0_usize);
    loop {
        let candidates = read(&after, BATCH)?;
        let is_end = candidates.len() < BATCH;
        let fitting = judge(&candidates)?;
        for candidate in &candidates {
            if fitting.contains(candidate) {
                if results.len() >= page.cursor.limit {
                    return Ok(Found { results, more: Some(after) });
                }
                results.push(show(candidate));
            }
            after.clone_from(candidate);
        }
        if is_end {
            return Ok(Found { results, more: None });
        }
        looked_at = looked_at.saturating_add(candidates.len());
        if looked_at >= CANDIDATES {
            return Ok(Found { results, more: Some(after) });
        }
    }
}

/// A search takes its time: off the threads that answer others
async fn apart(
    search: impl FnOnce() -> Result<Response, ApiError> + Send + 'static,
) -> Result<Response, ApiError> {
    tokio::task::spawn_blocking(search).await.map_err(|_| ApiError::server_error())?
}

fn read(document: &Document, wants: [Wants; 3]) -> Result<Entities, ApiError> {
    Entities::of(document, wants).map_err(|malformed| ApiError::invalid_request(malformed.to_string()))
}

fn batch(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// `POST search/subject`: who may do this (§8.4)
pub(super) async fn subjects(
    State(app): State<Arc<App>>,
    caller: Caller,
    document: Result<Document, ApiError>,
) -> Result<Response, ApiError> {
    caller.require_itself()?;
    let document = document?;
    let Entities { subject: Some(subject), resource: Some(resource), action: Some(action), attributes } =
        read(&document, [Wants::Type, Wants::Whole, Wants::Whole])?
    else {
        return Err(ApiError::server_error());
    };
    let page = Page::read(&app, &caller, "subject", &document)?;
    apart(move || {
        let judge = Judge { app: &app, caller: &caller };
        let resource = if caller.is_server { judge.resource(&resource)? } else { None };
        let known = [USER, CLIENT].contains(&subject.kind.as_str());
        let Some(resource) = resource.filter(|_| known) else { return nothing(&app, &page) };
        let resources = [resource];
        let kind = subject.kind.as_str();
        let candidates = |after: &str, most: usize| {
            let realm_id = caller.realm.id.as_str();
            Ok(app.store.read(|tx| {
                if kind == USER {
                    store::authzen::people(tx, realm_id, after, batch(most))
                } else {
                    store::authzen::clients(tx, realm_id, after, batch(most))
                }
            })?)
        };
        let judged = |ids: &[String]| {
            let mut fitting = BTreeSet::new();
            for id in ids {
                let subject = Entity::new(kind, id);
                let Some(party) = judge.party(&subject)? else { continue };
                let permitted = judge.permitted(&party, &resources, &action, &attributes, Purpose::Search)?;
                if !permitted.is_empty() {
                    fitting.insert(id.clone());
                }
            }
            Ok(fitting)
        };
        let found = walk(&page, candidates, judged, |id| json!({ "type": kind, "id": id }))?;
        rendered(&app, &page, found)
    })
    .await
}

/// `POST search/resource`: upon which resources may he do this (§8.5)
pub(super) async fn resources(
    State(app): State<Arc<App>>,
    caller: Caller,
    document: Result<Document, ApiError>,
) -> Result<Response, ApiError> {
    caller.require_itself()?;
    let document = document?;
    let Entities { subject: Some(subject), resource: Some(resource), action: Some(action), attributes } =
        read(&document, [Wants::Whole, Wants::Type, Wants::Whole])?
    else {
        return Err(ApiError::server_error());
    };
    let page = Page::read(&app, &caller, "resource", &document)?;
    apart(move || {
        let judge = Judge { app: &app, caller: &caller };
        let party = if caller.is_server { judge.party(&subject)? } else { None };
        let Some(party) = party else { return nothing(&app, &page) };
        let kind = resource.kind.as_str();
        let candidates = |after: &str, most: usize| {
            Ok(app
                .store
                .read(|tx| store::authzen::resources(tx, &caller.client.id, kind, after, batch(most)))?)
        };
        let judged = |ids: &[String]| judge.permitted(&party, ids, &action, &attributes, Purpose::Search);
        let found = walk(&page, candidates, judged, |id| json!({ "type": kind, "id": id }))?;
        rendered(&app, &page, found)
    })
    .await
}

/// `POST search/action`: what may he do with it (§8.6)
pub(super) async fn actions(
    State(app): State<Arc<App>>,
    caller: Caller,
    document: Result<Document, ApiError>,
) -> Result<Response, ApiError> {
    caller.require_itself()?;
    let document = document?;
    let Entities { subject: Some(subject), resource: Some(resource), attributes, .. } =
        read(&document, [Wants::Whole, Wants::Whole, Wants::Nothing])?
    else {
        return Err(ApiError::server_error());
    };
    let page = Page::read(&app, &caller, "action", &document)?;
    let judge = Judge { app: &app, caller: &caller };
    let party = if caller.is_server { judge.party(&subject)? } else { None };
    let resource = judge.resource(&resource)?;
    let (Some(party), Some(resource)) = (party, resource) else { return nothing(&app, &page) };
    let names = judge.actions(&party, &resource, &attributes)?;
    let mut behind = names.into_iter().filter(|name| *name > page.cursor.after);
    let names: Vec<String> = behind.by_ref().take(page.cursor.limit).collect();
    let more = behind.next().and(names.last().cloned());
    let results = names.into_iter().map(|name| json!({ "name": name })).collect();
    rendered(&app, &page, Found { results, more })
}
