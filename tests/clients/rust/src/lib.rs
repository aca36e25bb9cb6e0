//! What the tests of this folder share: where the server is, a realm for one test, a browser without script.

use std::{collections::BTreeMap, env, error::Error};

use keycloak::{
    KeycloakAdmin, KeycloakAdminToken,
    types::{ClientRepresentation, CredentialRepresentation, RealmRepresentation, UserRepresentation},
};
use reqwest::{Client, Response, Url, header, redirect::Policy};

/// Where sign-ins return to; nobody listens there
pub const CALLBACK: &str = "http://127.0.0.1/callback";

/// Whatever went wrong
pub type Failure = Box<dyn Error + Send + Sync>;

/// What `cargo xtask clients` says
///
/// # Panics
///
/// Where it was not run by that command
pub fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests are run by `cargo xtask clients`"))
}

/// A client that does not follow redirects
pub fn http() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap_or_default()
}

/// An administrator of the realm `master`
pub async fn administrator() -> Result<KeycloakAdmin, Failure> {
    let base = required("CLIENTS_BASE");
    let (user, password) = (required("CLIENTS_ADMIN"), required("CLIENTS_PASSWORD"));
    let token = KeycloakAdminToken::acquire(&base, &user, &password, &http()).await?;
    Ok(KeycloakAdmin::new(&base, token, http()))
}

/// A realm with alice and a public client `spa`; gives its name
pub async fn realm(admin: &KeycloakAdmin) -> Result<String, Failure> {
    let name = format!("clients-{}", uuid::Uuid::new_v4());
    admin
        .post(RealmRepresentation { realm: Some(name.clone()), enabled: Some(true), ..RealmRepresentation::default() })
        .await?;
    let realm = admin.realm(&name);
    realm
        .clients_post(ClientRepresentation {
            client_id: Some("spa".into()),
            enabled: Some(true),
            public_client: Some(true),
            redirect_uris: Some(vec![CALLBACK.into()]),
            ..ClientRepresentation::default()
        })
        .await?;
    realm
        .users_post(UserRepresentation {
            username: Some("alice".into()),
            enabled: Some(true),
            email: Some("alice@test.example".into()),
            first_name: Some("Alice".into()),
            last_name: Some("Test".into()),
            credentials: Some(vec![CredentialRepresentation {
                type_: Some("password".into()),
                value: Some("alice-password".into()),
                temporary: Some(false),
                ..CredentialRepresentation::default()
            }]),
            ..UserRepresentation::default()
        })
        .await?;
    Ok(name)
}

/// Signs somebody in at an authorization request as a browser without script does; gives the address to which it
/// returns
pub async fn sign_in(authorize: Url, username: &str) -> Result<Url, Failure> {
    let mut cookies = BTreeMap::new();
    let http = http();
    let page = http.get(authorize.clone()).send().await?;
    remember(&mut cookies, &page);
    let text = page.text().await?;
    let (_, form) = text.split_once("<form").ok_or("there is no form")?;
    let (_, action) = form.split_once("action=\"").ok_or("the form has no action")?;
    let action = action.split('"').next().unwrap_or_default().replace("&amp;", "&");
    let password = format!("{username}-password");
    let mut fields = vec![("username".to_owned(), username.to_owned()), ("password".to_owned(), password)];
    for input in form.split("<input").filter(|input| input.contains("type=\"hidden\"")) {
        let attribute = |name: &str| {
            let (_, rest) = input.split_once(&format!("{name}=\""))?;
            rest.split('"').next().map(|value| value.replace("&amp;", "&"))
        };
        fields.extend(attribute("name").map(|name| (name, attribute("value").unwrap_or_default())));
    }
    let mut request = http.post(authorize.join(&action)?).form(&fields);
    for _ in 0..5 {
        let cookie: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(header::COOKIE, cookie.join("; ")).send().await?;
        remember(&mut cookies, &answer);
        let location = answer.headers().get(header::LOCATION).ok_or("the sign-in was refused")?;
        let location = authorize.join(location.to_str()?)?;
        if location.as_str().starts_with(CALLBACK) {
            return Ok(location);
        }
        request = http.get(location);
    }
    Err("too many redirects".into())
}

fn remember(cookies: &mut BTreeMap<String, String>, answer: &Response) {
    for line in answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
        let pair = line.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}
