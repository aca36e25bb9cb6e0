//! Realms, people, clients, roles and sign-ins (`admin-surface` §3-§9).

use serde_json::{Map, Value, json};

use super::{
    AdminError,
    api::Api,
    args::{Client, Keys, Realm, Role, Session, User},
    members::set,
    prompt,
    show::Shown,
};
use crate::percent::segment;

fn done(text: String) -> Shown {
    Shown::Done(text)
}

fn id_of(value: &Value) -> String {
    value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A representation with some members changed
fn changed(mut known: Value, pairs: &[String]) -> Result<Value, AdminError> {
    if let Some(members) = known.as_object_mut() {
        set(members, pairs)?;
    }
    Ok(known)
}

fn fresh(name: &str, value: &str, pairs: &[String]) -> Result<Map<String, Value>, AdminError> {
    let mut members = Map::from_iter([(name.to_owned(), value.into()), ("enabled".to_owned(), true.into())]);
    set(&mut members, pairs)?;
    Ok(members)
}

/// `countersign admin realm`
pub(super) fn realm(api: &Api, command: &Realm) -> Result<Shown, AdminError> {
    let path = |name: &str| format!("/{}", segment(name));
    Ok(match command {
        Realm::List => {
            let all = api.get("", &[("briefRepresentation", "true")])?;
            Shown::Table(&["realm", "enabled", "displayName"], all)
        }
        Realm::Show { name } => Shown::One(api.get(&path(name), &[])?),
        Realm::Create { name, members } => {
            api.post("", &fresh("realm", name, &members.members)?.into())?;
            done(format!("realm `{name}` was made"))
        }
        Realm::Set { name, members } => {
            let known = api.get(&path(name), &[])?;
            api.put(&path(name), &changed(known, &members.members)?)?;
            done(format!("realm `{name}` was changed"))
        }
        Realm::Delete { name } => {
            api.delete(&path(name), None)?;
            done(format!("realm `{name}` was deleted"))
        }
    })
}

/// The user of this name, or of this id
pub(super) fn find_user(api: &Api, name: &str) -> Result<Value, AdminError> {
    let found = api.get(&api.at(&["users"])?, &[("username", name), ("exact", "true")])?;
    let lower = name.to_lowercase();
    let mut list = found.as_array().into_iter().flatten();
    let known = list.find(|user| user.get("username").and_then(Value::as_str) == Some(&lower)).cloned();
    known.ok_or_else(|| AdminError::Missing("user", name.to_owned()))
}

/// `countersign admin user`
pub(super) fn user(api: &Api, command: &User) -> Result<Shown, AdminError> {
    let at = |user: &Value| api.at(&["users", &id_of(user)]);
    Ok(match command {
        User::List { search } => {
            let query: Vec<_> = search.iter().map(|text| ("search", text.as_str())).collect();
            let all = api.get(&api.at(&["users"])?, &query)?;
            Shown::Table(&["username", "email", "firstName", "lastName", "enabled", "id"], all)
        }
        User::Show { user } => Shown::One(find_user(api, user)?),
        User::Create { user, members } => {
            api.post(&api.at(&["users"])?, &fresh("username", user, &members.members)?.into())?;
            done(format!("user `{user}` was made; `user password {user}` gives a password"))
        }
        User::Set { user, members } => {
            let known = find_user(api, user)?;
            api.put(&at(&known)?, &changed(known.clone(), &members.members)?)?;
            done(format!("user `{user}` was changed"))
        }
        User::Password { user, temporary } => {
            let known = find_user(api, user)?;
            let password = prompt::secret(&format!("New password of {user}"))?;
            let body = json!({ "type": "password", "value": password, "temporary": temporary });
            api.put(&format!("{}/reset-password", at(&known)?), &body)?;
            done(format!("the password of user `{user}` was set"))
        }
        User::Delete { user } => {
            api.delete(&at(&find_user(api, user)?)?, None)?;
            done(format!("user `{user}` was deleted"))
        }
        User::Grant { user, roles } => {
            let path = at(&find_user(api, user)?)?;
            for (where_to, role) in mappings(api, roles)? {
                api.post(&format!("{path}/role-mappings/{where_to}"), &json!([role]))?;
            }
            done(format!("user `{user}` has {}", roles.join(", ")))
        }
        User::Revoke { user, roles } => {
            let path = at(&find_user(api, user)?)?;
            for (where_to, role) in mappings(api, roles)? {
                api.delete(&format!("{path}/role-mappings/{where_to}"), Some(&json!([role])))?;
            }
            done(format!("user `{user}` has no longer {}", roles.join(", ")))
        }
    })
}

/// `role` and `client/role` as representations, and below which path they are mapped
fn mappings(api: &Api, names: &[String]) -> Result<Vec<(String, Value)>, AdminError> {
    let missing = |error, name: &str| match error {
        AdminError::Refused { status: 404, .. } => AdminError::Missing("role", name.to_owned()),
        other @ (AdminError::Refused { .. }
        | AdminError::Unreachable { .. }
        | AdminError::Missing(..)
        | AdminError::Usage(_)
        | AdminError::Secret(_)
        | AdminError::Output(_)) => other,
    };
    let find = |name: &String| {
        if let Ok(role) = api.get(&api.at(&["roles", name])?, &[]) {
            return Ok(("realm".to_owned(), role));
        }
        let Some((client, role)) = name.split_once('/') else {
            return Err(AdminError::Missing("role", name.clone()));
        };
        let id = id_of(&find_client(api, client)?);
        let found = api.get(&api.at(&["clients", &id, "roles", role])?, &[]);
        Ok((format!("clients/{}", segment(&id)), found.map_err(|error| missing(error, name))?))
    };
    names.iter().map(find).collect()
}

/// The client of this `clientId`
pub(super) fn find_client(api: &Api, client_id: &str) -> Result<Value, AdminError> {
    let found = api.get(&api.at(&["clients"])?, &[("clientId", client_id)])?;
    let mut list = found.as_array().into_iter().flatten();
    let known =
        list.find(|client| client.get("clientId").and_then(Value::as_str) == Some(client_id)).cloned();
    known.ok_or_else(|| AdminError::Missing("client", client_id.to_owned()))
}

/// `countersign admin client`
pub(super) fn client(api: &Api, command: &Client) -> Result<Shown, AdminError> {
    let at = |client: &Value| api.at(&["clients", &id_of(client)]);
    Ok(match command {
        Client::List => {
            let all = api.get(&api.at(&["clients"])?, &[])?;
            let columns = &[
                "clientId",
                "publicClient",
                "authorizationServicesEnabled",
                "serviceAccountsEnabled",
                "enabled",
                "id",
            ];
            Shown::Table(columns, all)
        }
        Client::Show { client } => {
            let mut known = find_client(api, client)?;
            if let Some(members) = known.as_object_mut() {
                members.remove("secret");
            }
            Shown::One(known)
        }
        Client::Create { client, public, resource_server, redirect_uris, members } => {
            let mut body = Map::from_iter([("redirectUris".to_owned(), json!(redirect_uris))]);
            body.insert("publicClient".to_owned(), (*public).into());
            body.insert("standardFlowEnabled".to_owned(), (!redirect_uris.is_empty()).into());
            if *public {
                // A code that others may see is of no use without its verifier (RFC 9700 §2.1.1).
                body.insert("attributes".to_owned(), json!({ "pkce.code.challenge.method": "S256" }));
            }
            if *resource_server {
                body.insert("serviceAccountsEnabled".to_owned(), true.into());
                body.insert("authorizationServicesEnabled".to_owned(), true.into());
            }
            body.extend(fresh("clientId", client, &[])?);
            set(&mut body, &members.members)?;
            api.post(&api.at(&["clients"])?, &body.into())?;
            done(if *public {
                format!("public client `{client}` was made; it must use PKCE with S256")
            } else {
                format!("client `{client}` was made; `client secret {client}` shows its secret")
            })
        }
        Client::Set { client, members } => {
            let known = find_client(api, client)?;
            api.put(&at(&known)?, &changed(known.clone(), &members.members)?)?;
            done(format!("client `{client}` was changed"))
        }
        Client::Secret { client, renew } => {
            let path = format!("{}/client-secret", at(&find_client(api, client)?)?);
            let answer = if *renew { api.do_it(&path)? } else { api.get(&path, &[])? };
            let secret = answer.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
            Shown::Lines(vec![secret], answer)
        }
        Client::Delete { client } => {
            api.delete(&at(&find_client(api, client)?)?, None)?;
            done(format!("client `{client}` was deleted"))
        }
    })
}

/// `countersign admin role`
pub(super) fn role(api: &Api, command: &Role) -> Result<Shown, AdminError> {
    let base = |client: &Option<String>| match client {
        None => api.at(&["roles"]),
        Some(client) => api.at(&["clients", &id_of(&find_client(api, client)?), "roles"]),
    };
    Ok(match command {
        Role::List { client } => {
            let all = api.get(&base(client)?, &[])?;
            Shown::Table(&["name", "description", "composite", "id"], all)
        }
        Role::Create { name, client, description } => {
            api.post(&base(client)?, &json!({ "name": name, "description": description }))?;
            done(format!("role `{name}` was made"))
        }
        Role::Delete { name, client } => {
            api.delete(&format!("{}/{}", base(client)?, segment(name)), None)?;
            done(format!("role `{name}` was deleted"))
        }
    })
}

/// `countersign admin keys`
pub(super) fn keys(api: &Api, command: &Keys) -> Result<Shown, AdminError> {
    Ok(match command {
        Keys::List => {
            let answer = api.get(&api.at(&["keys"])?, &[])?;
            let list = answer.get("keys").cloned().unwrap_or_default();
            Shown::Table(&["kid", "algorithm", "status", "use"], list)
        }
        Keys::Rotate { algorithm } => {
            let body = algorithm.as_ref().map_or_else(|| json!({}), |name| json!({ "algorithm": name }));
            api.post(&api.at(&["keys", "rotate"])?, &body)?;
            done("new keys sign from now on".to_owned())
        }
    })
}

/// `countersign admin session`
pub(super) fn session(api: &Api, command: &Session) -> Result<Shown, AdminError> {
    Ok(match command {
        Session::List { user } => {
            let path = api.at(&["users", &id_of(&find_user(api, user)?), "sessions"])?;
            Shown::Table(&["id", "ipAddress", "start", "lastAccess"], api.get(&path, &[])?)
        }
        Session::End { user: Some(user), .. } => {
            api.do_it(&api.at(&["users", &id_of(&find_user(api, user)?), "logout"])?)?;
            done(format!("the sign-ins of user `{user}` have ended"))
        }
        Session::End { user: None, .. } => {
            api.do_it(&api.at(&["logout-all"])?)?;
            done("all sign-ins have ended".to_owned())
        }
    })
}
