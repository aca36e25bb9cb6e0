//! Who presents a ticket: always a client, and a requesting party if the request says who that is.

use axum::http::HeaderMap;
use countersign_core::permission::Claims;
use serde_json::Value;

use super::super::{Asker, ID_TOKEN_FORMAT};
use crate::{
    app::App,
    auth::{self, Verified},
    decide::Party,
    error::ApiError,
    http::extract::{Form, InRealm},
    realm::Client,
};

/// The same format as documentation in the field writes it (GRANT-3.3.1-05)
const ID_TOKEN_ALIAS: &str = "https://openid.net/specs/openid-connect-core-1_0.html#IDToken";

/// Who asks: always a client, and a requesting party if it says who that is
pub(super) struct Presenter {
    pub(super) client: Client,
    pub(super) asker: Option<Asker>,
    /// What an ID token says of the party
    pub(super) claims: Claims,
}

/// By bearer token (KC-01), or by client authentication with or without an ID token as claim
pub(super) async fn presenter(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Presenter, ApiError> {
    if let Some(token) = auth::bearer(headers).ok().flatten() {
        let refused = || ApiError::unauthorized("invalid_client", "Invalid bearer token");
        let verified = auth::verify_access_token(app, &place.realm, &place.issuer, token)
            .map_err(|error| error.or_else(refused))?;
        let (client, claims) = (verified.client.clone(), Claims::new());
        let public_client = client.settings.public_client;
        return Ok(Presenter { client, asker: Some(Asker::of(verified, public_client)?), claims });
    }
    let client = auth::authenticate_client(app, place, headers, form).await?;
    let format = form.get("claim_token_format");
    let token = form.get("claim_token").filter(|_| matches!(format, Some(ID_TOKEN_FORMAT | ID_TOKEN_ALIAS)));
    let Some(token) = token else { return Ok(Presenter { client, asker: None, claims: Claims::new() }) };
    match auth::verify_id_token(app, &place.realm, &place.issuer, token) {
        // A token for somebody else says nothing here (GRANT-5.7-02).
        Ok(verified) if verified.client.id == client.id => {
            let claims = claims_of(place, &verified);
            let party = Party::of_rpt(app, &verified.user, &client, verified.token.claims())?;
            let Verified { user, session, .. } = verified;
            let public_client = client.settings.public_client;
            let asker = Asker { user, client: client.clone(), session, party, public_client };
            Ok(Presenter { client, asker: Some(asker), claims })
        }
        Ok(_) => Ok(Presenter { client, asker: None, claims: Claims::new() }),
        // One that cannot be relied on is no claim at all (GRANT-3.3.1-07).
        Err(refused) => {
            refused.or_inactive()?;
            Ok(Presenter { client, asker: None, claims: Claims::new() })
        }
    }
}

/// Those claims of an ID token that the realm asks for: policies look at them as at any that is gathered
fn claims_of(place: &InRealm, verified: &Verified) -> Claims {
    let said = &verified.token.claims().other;
    let texts = |value: &Value| match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    };
    let names = place.realm.uma.required_claims.iter().filter_map(|claim| claim.name.as_ref());
    names.filter_map(|name| Some((name.clone(), texts(said.get(name)?)))).collect()
}
