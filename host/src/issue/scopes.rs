//! Client scopes: which ones a token has, and what they bring along (OpenID Connect Core §5.4).

use std::collections::BTreeSet;

use rusqlite::Transaction;

use crate::{
    realm::{Client, ClientScope, Realm, Role},
    store::{self, StoreError},
};

/// Asks for an ID token
pub const OPENID: &str = "openid";
/// Asks for tokens that outlive the browser; who asks needs the realm role of the same name
pub const OFFLINE_ACCESS: &str = "offline_access";
/// What every client with a service account has
const SERVICE_ACCOUNT: &str = "service_account";

/// A scope was asked for that the client does not have
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client does not have this scope")]
pub struct ScopeRefused;

/// The scopes of a token
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    all: BTreeSet<String>,
    shown: BTreeSet<String>,
    /// Those that a refresh token keeps though this access token has fewer
    kept: BTreeSet<String>,
}

impl Scopes {
    /// The client's default scopes, and those that were asked for (RFC 6749 §3.3)
    pub fn resolve(realm: &Realm, client: &Client, asked: Option<&str>) -> Result<Self, ScopeRefused> {
        let settings = &client.settings;
        let defaults =
            settings.default_client_scopes.as_ref().unwrap_or(&realm.settings.default_default_client_scopes);
        let optional = settings
            .optional_client_scopes
            .as_ref()
            .unwrap_or(&realm.settings.default_optional_client_scopes);
        let mut scopes = Self::default();
        let account = settings.service_accounts_enabled.then_some(SERVICE_ACCOUNT);
        for name in defaults.iter().map(String::as_str).chain(account) {
            if let Some(scope) = client_scope(realm, name) {
                scopes.add(scope);
            }
        }
        for name in asked.unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
            if name == OPENID {
                scopes.all.insert(name.to_owned());
                scopes.shown.insert(name.to_owned());
            } else if !scopes.all.contains(name) {
                let known = optional.iter().find(|known| *known == name);
                scopes.add(known.and_then(|name| client_scope(realm, name)).ok_or(ScopeRefused)?);
            }
        }
        Ok(scopes)
    }

    /// Every client scope that a client may ask for
    pub fn registered<'a>(realm: &'a Realm, client: &'a Client) -> Vec<&'a str> {
        let settings = &client.settings;
        let defaults =
            settings.default_client_scopes.as_ref().unwrap_or(&realm.settings.default_default_client_scopes);
        let optional = settings
            .optional_client_scopes
            .as_ref()
            .unwrap_or(&realm.settings.default_optional_client_scopes);
        defaults.iter().chain(optional).map(String::as_str).collect()
    }

    fn add(&mut self, scope: &ClientScope) {
        self.all.insert(scope.name.clone());
        if scope.in_token() {
            self.shown.insert(scope.name.clone());
        }
    }

    /// Those of a refresh token, as far as the client still has them
    pub fn again(realm: &Realm, client: &Client, scope: &str) -> Self {
        let mut kept = Self::resolve(realm, client, None).unwrap_or_default();
        for name in scope.split(' ').filter(|name| !name.is_empty()) {
            if let Ok(more) = Self::resolve(realm, client, Some(name)) {
                kept.all.extend(more.all);
                kept.shown.extend(more.shown);
            }
        }
        kept
    }

    /// The client's default scopes and those of these that are asked for; a refresh token keeps all
    pub fn narrowed(self, realm: &Realm, client: &Client, asked: &str) -> Result<Self, ScopeRefused> {
        if asked.split(' ').any(|name| !name.is_empty() && !self.all.contains(name)) {
            return Err(ScopeRefused);
        }
        Ok(Self { kept: self.all, ..Self::resolve(realm, client, Some(asked))? })
    }

    /// Without those whose role mappings the user shares nothing with: they are not for him
    pub(crate) fn permitted(
        mut self,
        tx: &Transaction<'_>,
        realm: &Realm,
        roles: &[Role],
    ) -> Result<Self, StoreError> {
        let ids: Vec<_> = self.client_scopes(realm).map(|scope| scope.id.as_str()).collect();
        let mapped = store::scope_role::mapped(tx, &ids)?;
        let foreign: Vec<_> = self
            .client_scopes(realm)
            .filter(|scope| {
                let wanted = mapped.get(&scope.id);
                wanted.is_some_and(|wanted| !roles.iter().any(|role| wanted.contains(&role.id)))
            })
            .map(|scope| scope.name.clone())
            .collect();
        for name in foreign {
            self.all.remove(&name);
            self.shown.remove(&name);
            self.kept.remove(&name);
        }
        Ok(self)
    }

    /// Whether the token has this scope
    pub fn has(&self, name: &str) -> bool {
        self.all.contains(name)
    }

    /// Every scope by its name
    pub fn names(&self) -> BTreeSet<String> {
        self.all.clone()
    }

    /// The `scope` of a token and of its answer
    pub fn in_token(&self) -> String {
        joined(&self.shown)
    }

    /// The `scope` of a refresh token: every name (wire §6.12)
    pub fn all(&self) -> String {
        joined(&self.all.union(&self.kept).cloned().collect())
    }

    /// The client scopes of the realm among them
    pub(super) fn client_scopes<'a>(&'a self, realm: &'a Realm) -> impl Iterator<Item = &'a ClientScope> {
        realm.settings.client_scopes.iter().filter(|scope| self.all.contains(&scope.name))
    }
}

/// The client scope of this name, if it is one for OpenID Connect
fn client_scope<'a>(realm: &'a Realm, name: &str) -> Option<&'a ClientScope> {
    let scope = realm.settings.client_scopes.iter().find(|scope| scope.name == name)?;
    scope.protocol.as_deref().is_none_or(|protocol| protocol == "openid-connect").then_some(scope)
}

/// `openid` first, then in alphabetical order
fn joined(names: &BTreeSet<String>) -> String {
    let openid = names.iter().filter(|name| *name == OPENID);
    let others = names.iter().filter(|name| *name != OPENID);
    openid.chain(others).map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use countersign_core::time::UnixTime;

    use super::*;
    use crate::realm::{ClientSettings, RealmSettings, built_in};

    fn realm() -> Realm {
        Realm::with(RealmSettings { client_scopes: built_in::client_scopes(), ..RealmSettings::default() })
    }

    fn client(settings: ClientSettings) -> Client {
        Client {
            id: "c".to_owned(),
            client_id: "c".to_owned(),
            enabled: true,
            secret: None,
            not_before: UnixTime(0),
            settings,
        }
    }

    #[test]
    fn a_token_has_the_default_scopes_and_those_that_were_asked_for() {
        let (realm, client) = (realm(), client(ClientSettings::default()));
        let of = |asked| Scopes::resolve(&realm, &client, asked).map(|scopes| scopes.in_token());
        assert_eq!(of(None).unwrap(), "email profile");
        assert_eq!(of(Some("openid phone profile phone")).unwrap(), "openid email phone profile");
        for foreign in ["service_account", "Email", "uma_protection", "email\tphone", "\"email\""] {
            assert_eq!(of(Some(foreign)), Err(ScopeRefused), "{foreign}");
        }
    }

    #[test]
    fn a_client_with_a_service_account_has_its_scope_and_nobody_has_what_the_realm_lacks() {
        let settings = ClientSettings {
            service_accounts_enabled: true,
            default_client_scopes: Some(vec!["email".to_owned(), "gone".to_owned()]),
            ..ClientSettings::default()
        };
        let scopes = Scopes::resolve(&realm(), &client(settings), None).unwrap();
        assert_eq!(scopes.all(), "email service_account");
    }

    #[test]
    fn fewer_scopes_may_be_asked_for_but_the_refresh_token_keeps_all() {
        let (realm, client) = (realm(), client(ClientSettings::default()));
        let first = Scopes::resolve(&realm, &client, Some("openid phone")).unwrap();
        let fewer = first.clone().narrowed(&realm, &client, "phone").unwrap();
        assert_eq!(fewer.in_token(), "email phone profile");
        assert_eq!(fewer.all(), first.all());
        assert_eq!(first.narrowed(&realm, &client, "address"), Err(ScopeRefused));
    }
}
