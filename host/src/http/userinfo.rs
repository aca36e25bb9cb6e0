//! The userinfo endpoint (OpenID Connect Core §5.3; wire §1.4).

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use countersign_core::{dpop, jws::Alg};
use serde_json::{Map, Value};

use super::{
    Family,
    extract::{Form, InRealm},
    json,
    token::cors,
};
use crate::{
    app::App,
    auth::{
        self, Presented, TokenRefused, Verified,
        proof::{self, ProofRefused},
    },
    error::ApiError,
    issue::{self, IssueContext, OPENID, Origin, Scopes},
    store::StoreError,
};

/// `GET` and `POST …/protocol/openid-connect/userinfo`
pub async fn show(
    State(app): State<Arc<App>>,
    place: InRealm,
    method: Method,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let answer = read(&app, &place, &method, &headers, &form).await;
    let (mut response, verified) = match answer {
        Ok((response, verified)) => (response, Some(verified)),
        Err(refused) => (refused.into_response(&place.realm.name), None),
    };
    let origin = headers.get(header::ORIGIN);
    if let (Some(origin), Some(verified)) = (origin, verified)
        && cors::allows(&verified.client.settings, origin.to_str().unwrap_or_default())
    {
        cors::allow(response.headers_mut(), origin.clone());
    }
    response
}

/// Why nothing is said (RFC 6750 §3.1, RFC 9449 §7.1)
enum Refused {
    /// No token, or the header is none
    NoToken,
    /// Two ways at once to send a token (RFC 6750 §2)
    TwoTokens,
    /// The token is good for nothing
    Token(&'static str),
    /// The proof is
    Proof,
    /// It was not made for this endpoint
    Scope,
    /// Not the caller's fault
    Failed(ApiError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ProofRefused> for Refused {
    fn from(refused: ProofRefused) -> Self {
        match refused {
            ProofRefused::Proof(_) => Self::Proof,
            ProofRefused::Store(error) => error.into(),
        }
    }
}

impl From<TokenRefused> for Refused {
    fn from(refused: TokenRefused) -> Self {
        let text = if refused == TokenRefused::Session {
            "user_session_not_found"
        } else {
            "Token verification failed"
        };
        match refused.or_inactive() {
            Ok(()) => Self::Token(text),
            Err(error) => Self::Failed(error),
        }
    }
}

impl Refused {
    /// No body: the challenge says it
    fn into_response(self, realm: &str) -> Response {
        use axum::response::IntoResponse as _;
        let (status, scheme, error, text) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "Bearer", None, ""),
            Self::TwoTokens => {
                let text = "More than one method used for including an access token";
                (StatusCode::BAD_REQUEST, "Bearer", Some("invalid_request"), text)
            }
            Self::Token(text) => (StatusCode::UNAUTHORIZED, "Bearer", Some("invalid_token"), text),
            Self::Proof => {
                (StatusCode::UNAUTHORIZED, "DPoP", Some("invalid_dpop_proof"), "DPoP proof is invalid")
            }
            Self::Scope => {
                (StatusCode::FORBIDDEN, "Bearer", Some("insufficient_scope"), "Missing openid scope")
            }
            Self::Failed(error) => return error.into_response(),
        };
        // A realm's name may hold anything but a slash: what would end the quotes is left out.
        let realm: String =
            realm.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).collect();
        let error = error
            .map_or_else(String::new, |error| format!(", error=\"{error}\", error_description=\"{text}\""));
        let algs = if scheme == "DPoP" { format!(", algs=\"{}\"", dpop::ALGS) } else { String::new() };
        let challenge = format!("{scheme} realm=\"{realm}\"{error}{algs}");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

async fn read(
    app: &App,
    place: &InRealm,
    method: &Method,
    headers: &HeaderMap,
    form: &Form,
) -> Result<(Response, Verified), Refused> {
    let token = presented(headers, form)?;
    let url = place.endpoint("userinfo");
    let with = token.with_proof.then_some(token.token);
    let proof = proof::proof(app, headers, (method.as_str(), &url), with).await?;
    let held = match (&proof, token.with_proof) {
        (Some(proof), true) => proof::possession(Some(proof)),
        (None, true) => return Err(Refused::Proof),
        // A proof beside a bearer token proves nothing of it.
        (_, false) => proof::possession(None),
    };
    let verified = auth::verify_presented(app, &place.realm, &place.issuer, token.token, held)?;
    let scope = verified.token.claims().scope.as_deref().unwrap_or_default();
    if !scope.split(' ').any(|name| name == OPENID) {
        return Err(Refused::Scope);
    }
    let claims = app.store.read(|tx| {
        let subject = issue::subject(tx, verified.user.clone())?;
        let scopes = Scopes::again(&place.realm, &verified.client, scope);
        let scopes = scopes.permitted(tx, &place.realm, &subject.roles)?;
        let context = IssueContext {
            realm: &place.realm,
            issuer: &place.issuer,
            client: &verified.client,
            scopes_of: &verified.client,
            subject: &subject,
            sign_in: verified.sign_in(),
            scopes: &scopes,
            address: place.address,
            key: None,
            origin: Origin::Refresh,
            now: app.clock.now(),
        };
        issue::user_info_claims(tx, &context)
    })?;
    let response = match signing_alg(&verified) {
        None => json(StatusCode::OK, Family::Introspection, &claims),
        Some(alg) => signed(app, place, &verified, alg, claims).await.map_err(Refused::Failed)?,
    };
    Ok((response, verified))
}

/// The token, sent in exactly one way: in the header or in a form (RFC 6750 §2)
fn presented<'a>(headers: &'a HeaderMap, form: &'a Form) -> Result<Presented<'a>, Refused> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, more) = (values.next(), values.next().is_some());
    let in_form = form.get("access_token");
    if more || (first.is_some() && in_form.is_some()) || form.all("access_token").count() > 1 {
        return Err(Refused::TwoTokens);
    }
    if let Some(token) = in_form {
        return Ok(Presented { token, with_proof: false });
    }
    let value = first.and_then(|value| value.to_str().ok()).ok_or(Refused::NoToken)?;
    Presented::read(value).ok_or(Refused::NoToken)
}

/// By what the client wants its answers signed
fn signing_alg(verified: &Verified) -> Option<Alg> {
    let client = &verified.client;
    client
        .attribute("user.info.response.signature.alg")
        .or_else(|| client.attribute("userinfo.signed.response.alg"))
        .and_then(issue::signing_alg)
}

/// The answer as a JWT (OpenID Connect Core §5.3.2)
async fn signed(
    app: &App,
    place: &InRealm,
    verified: &Verified,
    alg: Alg,
    mut claims: Map<String, Value>,
) -> Result<Response, ApiError> {
    claims.insert("iss".to_owned(), place.issuer.as_str().into());
    claims.insert("aud".to_owned(), verified.client.client_id.as_str().into());
    let ring = app.keys.with(&app.store, &place.realm, alg).await?;
    let mut response = Response::new(Body::from(Bytes::from(ring.sign(alg, &claims)?)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
