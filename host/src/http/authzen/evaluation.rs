//! `evaluation` and `evaluations`: may this subject do this? (AuthZEN §6, §7)

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use countersign_core::trace::Trace;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Document,
    caller::Caller,
    entity::{Entities, Malformed, Wants},
    judge::{CLIENT, Judge, USER},
};
use crate::{
    app::App,
    decide::Purpose,
    error::ApiError,
    http::{Family, extract::Query, json as answer},
};

/// Most questions of one request
const QUESTIONS: usize = 1_000;
const WANTS: [Wants; 3] = [Wants::Whole; 3];

/// The answer to one question
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::http) struct Decision {
    decision: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Value>,
}

impl From<bool> for Decision {
    fn from(decision: bool) -> Self {
        Self { decision, context: None }
    }
}

impl From<Malformed> for Decision {
    /// What is wrong with one question is no matter of the others (AZ-7.2.1-01)
    fn from(malformed: Malformed) -> Self {
        let context = json!({ "error": { "status": 400, "message": malformed.to_string() } });
        Self { decision: false, context: Some(context) }
    }
}

/// When several questions are over (AZ-7.1.2-01)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn read(document: &Map<String, Value>) -> Result<Self, ApiError> {
        let options = match document.get("options") {
            None | Some(Value::Null) => return Ok(Self::ExecuteAll),
            Some(Value::Object(options)) => options,
            Some(_) => return Err(ApiError::invalid_request("`options` must be an object")),
        };
        match options.get("evaluations_semantic") {
            None | Some(Value::Null) => Ok(Self::ExecuteAll),
            Some(Value::String(text)) if text == "execute_all" => Ok(Self::ExecuteAll),
            Some(Value::String(text)) if text == "deny_on_first_deny" => Ok(Self::DenyOnFirstDeny),
            Some(Value::String(text)) if text == "permit_on_first_permit" => Ok(Self::PermitOnFirstPermit),
            Some(_) => Err(ApiError::invalid_request(
                "`options.evaluations_semantic` must be execute_all, deny_on_first_deny or permit_on_first_permit",
            )),
        }
    }

    /// Its name, if this decision is the last one that it wants
    const fn ends_with(self, decision: bool) -> Option<&'static str> {
        match self {
            Self::DenyOnFirstDeny if !decision => Some("deny_on_first_deny"),
            Self::PermitOnFirstPermit if decision => Some("permit_on_first_permit"),
            Self::ExecuteAll | Self::DenyOnFirstDeny | Self::PermitOnFirstPermit => None,
        }
    }
}

/// For whom a decision says why (query `reasons`)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reasons {
    /// For nobody: it costs no more than the decision
    None,
    /// For whoever asked: how far he got, and nothing of policies, nor whether anything exists
    Requester,
    /// For the operator: everything
    Operator,
}

impl Reasons {
    fn read(query: &Query, caller: &Caller) -> Result<Self, ApiError> {
        match query.get("reasons") {
            None => Ok(Self::None),
            Some("requester") => Ok(Self::Requester),
            Some("operator") => caller.require_itself().map(|()| Self::Operator),
            Some(_) => Err(ApiError::invalid_request("`reasons` must be requester or operator")),
        }
    }

    /// The context of a decision
    fn context(self, trace: &Trace) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Requester => Some(json!({ "reason_user": trace.for_requester() })),
            Self::Operator => Some(json!({ "reason_admin": trace })),
        }
    }
}

fn judged(app: &App, caller: &Caller, entities: &Entities, reasons: Reasons) -> Result<Decision, ApiError> {
    // What is not there is denied in the same words.
    let nothing = || Decision { decision: false, context: reasons.context(&Trace::default()) };
    let Entities { subject: Some(subject), resource: Some(resource), action: Some(action), attributes } =
        entities
    else {
        return Ok(nothing());
    };
    if !caller.is_server {
        return Ok(nothing());
    }
    let judge = Judge { app, caller };
    let Some(resource) = judge.resource(resource)? else { return Ok(nothing()) };
    let Some(party) = judge.party(subject)? else { return Ok(nothing()) };
    if reasons != Reasons::None {
        let explained = judge.explained(&party, &resource, action, attributes)?;
        return Ok(explained.map_or_else(nothing, |(decision, trace)| Decision {
            decision,
            context: reasons.context(&trace),
        }));
    }
    let resources = [resource];
    let permitted = judge.permitted(&party, &resources, action, attributes, Purpose::Access)?;
    Ok(resources.iter().all(|resource| permitted.contains(resource)).into())
}

/// `POST evaluation`
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Query,
    document: Result<Document, ApiError>,
) -> Result<Response, ApiError> {
    single(&app, &caller, Reasons::read(&query, &caller)?, &document?)
}

fn single(app: &App, caller: &Caller, reasons: Reasons, document: &Document) -> Result<Response, ApiError> {
    let entities = Entities::of(document, WANTS)
        .map_err(|malformed| ApiError::invalid_request(malformed.to_string()))?;
    if entities.subject.as_ref().is_some_and(|subject| ![USER, CLIENT].contains(&subject.kind.as_str())) {
        return Err(ApiError::invalid_request("`subject.type` must be user or client"));
    }
    let decision = judged(app, caller, &entities, reasons)?;
    Ok(answer(StatusCode::OK, Family::Introspection, &decision))
}

/// `POST evaluations`; without any it is one (AZ-7.1-01)
pub(super) async fn several(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Query,
    document: Result<Document, ApiError>,
) -> Result<Response, ApiError> {
    let reasons = Reasons::read(&query, &caller)?;
    let document = document?;
    let semantic = Semantic::read(&document.0)?;
    let items = match document.0.get("evaluations") {
        None | Some(Value::Null) => return single(&app, &caller, reasons, &document),
        Some(Value::Array(items)) if items.is_empty() => return single(&app, &caller, reasons, &document),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(ApiError::invalid_request("`evaluations` must be a list")),
    };
    if items.len() > QUESTIONS {
        let text = format!("`evaluations` holds more than {QUESTIONS} questions");
        return Err(ApiError::invalid_request(text));
    }
    let mut decisions = Vec::with_capacity(items.len());
    for item in items {
        let item = item.as_object().ok_or_else(|| Malformed("an evaluation must be an object".to_owned()));
        let entities = item.and_then(|item| Entities::read(item, &document.0, WANTS));
        let mut decision = match entities {
            Ok(entities) => judged(&app, &caller, &entities, reasons)?,
            Err(malformed) => Decision::from(malformed),
        };
        let end = semantic.ends_with(decision.decision);
        if let Some(reason) = end {
            let context = decision.context.get_or_insert_with(|| json!({}));
            if let Some(members) = context.as_object_mut() {
                members.insert("reason".to_owned(), reason.into());
            }
        }
        decisions.push(decision);
        if end.is_some() {
            break;
        }
        // Others have their turn between two decisions.
        tokio::task::yield_now().await;
    }
    Ok(answer(StatusCode::OK, Family::Introspection, &json!({ "evaluations": decisions })))
}
