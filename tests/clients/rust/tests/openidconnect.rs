//! Crate `openidconnect`: discovery, code flow with PKCE, a checked ID token, userinfo.

use countersign_clients::{CALLBACK, Failure, administrator, http, realm, required, sign_in};
use openidconnect::{
    AuthorizationCode, ClientId, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
    core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims},
};

async fn call(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = http().execute(reqwest::Request::try_from(request)?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

#[tokio::test]
async fn somebody_signs_in() -> Result<(), Failure> {
    let admin = administrator().await?;
    let name = realm(&admin).await?;
    let issuer = IssuerUrl::new(format!("{}/realms/{name}", required("CLIENTS_BASE")))?;
    let metadata = CoreProviderMetadata::discover_async(issuer, &call).await?;
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new("spa".to_owned()), None)
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let back = sign_in(url, "alice").await?;
    let parameter = |wanted: &str| {
        back.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    assert_eq!(parameter("state"), *state.secret());
    let tokens = client
        .exchange_code(AuthorizationCode::new(parameter("code")))?
        .set_pkce_verifier(verifier)
        .request_async(&call)
        .await?;
    let claims = tokens.id_token().ok_or("no ID token")?.claims(&client.id_token_verifier(), &nonce)?;
    let info: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))?
        .request_async(&call)
        .await?;
    assert_eq!(info.email().map(|email| email.as_str()), Some("alice@test.example"));
    admin.realm(&name).delete().await?;
    Ok(())
}
