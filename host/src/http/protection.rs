//! Who calls the protection API, and for which resource server (`keycloak-wire` §2.1).

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use countersign_core::{
    ids::PartyId,
    share::{Grantee, Standing},
    time::UnixTime,
    token::Possession,
};

use super::extract::InRealm;
use crate::{
    app::App,
    auth::{self, TokenRefused, proof},
    error::ApiError,
    realm::{Client, Dialect, Realm, UMA_PROTECTION},
    store::{self, audit::Event, server::ServerSettings},
};

/// A caller whose token was issued to a resource server, or is for one
#[derive(Debug)]
pub struct Caller {
    /// The realm
    pub realm: Arc<Realm>,
    /// Its issuer
    pub issuer: String,
    /// The resource server: the client that the token was issued to, or, where [`ByAudience`] allows it, is for
    pub server: Client,
    /// Its settings
    pub settings: ServerSettings,
    /// A user, or the resource server itself
    pub id: String,
    /// `sub` of the token
    pub subject: String,
    /// The time of the request
    pub now: UnixTime,
    has_role: bool,
}

impl Caller {
    /// The caller is the resource server itself, not a person who uses it
    pub fn is_server(&self) -> bool {
        self.id == self.server.id
    }

    /// Demands the role; the resource server itself needs none
    pub fn need_role(&self) -> Result<(), ApiError> {
        if self.has_role || self.is_server() {
            Ok(())
        } else {
            Err(match self.realm.uma.dialect {
                Dialect::Keycloak => {
                    ApiError::forbidden("invalid_scope", format!("Requires {UMA_PROTECTION} scope."))
                }
                // RFC 6750 §3.1
                Dialect::Uma2 => {
                    let text = format!("Requires {UMA_PROTECTION} scope.");
                    ApiError::forbidden("insufficient_scope", text)
                        .with_member("scope", UMA_PROTECTION.into())
                }
            })
        }
    }

    /// How the caller stands to what `owner` shares with `requester`
    pub fn standing(&self, owner: &str, requester: Option<&str>) -> Standing {
        let party = |id: &str| id.parse::<PartyId>().ok();
        let (Some(actor), Some(owner), Some(server)) =
            (party(&self.id), party(owner), party(&self.server.id))
        else {
            return Standing::Stranger;
        };
        let requester = requester.and_then(party).map(Grantee::User);
        Standing::of(&actor, &owner, &server, requester.as_ref())
    }

    /// An audit entry of something that the caller does
    pub fn event(&self, name: &'static str) -> Event {
        Event::new(name, &self.realm.id, &self.id, self.now)
    }
}

/// Marks routes that also take a person's token whose `aud` names exactly one resource server, where the client that
/// it was issued to is none (design D7)
#[derive(Debug, Clone, Copy)]
pub struct ByAudience;

/// The one resource server among those for whom a token is
fn of_audience(
    app: &App,
    realm: &Realm,
    audience: &[String],
) -> Result<Option<(Client, ServerSettings)>, ApiError> {
    let mut found = None;
    for name in audience {
        let client = app.store.read(|tx| store::realm::client_by_client_id(tx, &realm.id, name))?;
        let Some(client) = client.filter(|client| client.enabled) else { continue };
        let Some(settings) = app.store.resource_server(&client.id)? else { continue };
        if found.replace((client, settings)).is_some() {
            return Ok(None);
        }
    }
    Ok(found)
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let place = InRealm::from_request_parts(parts, app).await?;
        let uma2 = place.realm.uma.dialect == Dialect::Uma2;
        let refused = || {
            if uma2 {
                // RFC 6750 §3.1, FED-1.3-07
                return ApiError::bare(StatusCode::UNAUTHORIZED, "invalid_token")
                    .challenged("Bearer error=\"invalid_token\"");
            }
            ApiError::forbidden("invalid_bearer_token", "Could not obtain bearer access_token from request.")
        };
        let presented = match auth::presented(&parts.headers) {
            Ok(None) if uma2 => {
                return Err(ApiError::empty(StatusCode::UNAUTHORIZED).challenged("Bearer"));
            }
            presented => presented?.ok_or_else(refused)?,
        };
        let url = format!("{}{}", place.base, parts.uri.path());
        let held = proof::held(app, &parts.headers, (parts.method.as_str(), &url), presented).await?;
        let by_audience = parts.extensions.get::<ByAudience>().is_some();
        Self::of(app, &place, presented.token, held, by_audience, refused)
    }
}

impl Caller {
    /// Whose token this is, presented with what its sender holds; `refused` where it is none
    pub fn of(
        app: &App,
        place: &InRealm,
        token: &str,
        held: Possession,
        by_audience: bool,
        refused: impl Fn() -> ApiError,
    ) -> Result<Self, ApiError> {
        let uma2 = place.realm.uma.dialect == Dialect::Uma2;
        let verified =
            auth::verify_presented(app, &place.realm, &place.issuer, token, held).map_err(|error| {
                if let (TokenRefused::UnknownClient(name), false) = (&error, uma2) {
                    let realm = &place.realm.name;
                    let text =
                        format!("Client application with id [{name}] does not exist in realm [{realm}]");
                    return ApiError::bad_request("invalid_clientId", text);
                }
                error.or_else(&refused)
            })?;
        let id = verified.user.identity().to_owned();
        let now = app.clock.now();
        let claims = verified.token.claims();
        let by_audience = by_audience && verified.user.service_client.is_none();
        let found = match app.store.resource_server(&verified.client.id)? {
            Some(settings) => Some((verified.client.clone(), settings)),
            None if by_audience => of_audience(app, &place.realm, &claims.aud)?,
            None => None,
        };
        let Some((server, settings)) = found else {
            let name = &verified.client.client_id;
            return Err(ApiError::forbidden(
                "invalid_clientId",
                format!("Client application [{name}] is not registered as a resource server."),
            ));
        };
        if claims.iat.is_some_and(|issued| issued.0 < settings.not_before) {
            return Err(refused());
        }
        let has_role = claims
            .other
            .get("resource_access")
            .and_then(|access| access.get(&server.client_id))
            .and_then(|access| access.get("roles"))
            .and_then(serde_json::Value::as_array)
            .is_some_and(|roles| roles.iter().any(|role| role == UMA_PROTECTION))
            // FED-1.2-01
            || uma2 && claims.scope.as_deref().unwrap_or_default().split(' ').any(|name| name == UMA_PROTECTION);
        let subject = verified.user.id;
        let (realm, issuer) = (Arc::clone(&place.realm), place.issuer.clone());
        Ok(Self { realm, issuer, server, settings, id, subject, now, has_role })
    }
}
