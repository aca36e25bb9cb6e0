//! Client scopes: which ones a token has, and what they bring along (OpenID Connect Core §5.4).

use std::collections::BTreeSet;

use crate::realm::{Client, ProtocolMapper, Realm};

/// Scopes that every realm has and that a token's `scope` does not name
const SILENT: &[&str] = &["web-origins", "acr", "roles", "basic", "service_account"];

/// A scope was asked for that the client does not have
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client does not have this scope")]
pub struct ScopeRefused;

/// The scopes of a token
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    all: BTreeSet<String>,
    shown: BTreeSet<String>,
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
        let mut all: BTreeSet<String> = defaults.iter().cloned().collect();
        for name in asked.unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
            if name != "openid" && !all.contains(name) && !optional.iter().any(|known| known == name) {
                return Err(ScopeRefused);
            }
            all.insert(name.to_owned());
        }
        let shown = all
            .iter()
            .filter(|name| match realm.settings.client_scopes.iter().find(|scope| scope.name == **name) {
                Some(scope) => scope.in_token(),
                None => !SILENT.contains(&name.as_str()),
            })
            .cloned()
            .collect();
        Ok(Self { all, shown })
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

    /// Whether the token has this scope
    pub fn has(&self, name: &str) -> bool {
        self.all.contains(name)
    }

    /// The `scope` of a token and of its answer
    pub fn in_token(&self) -> String {
        joined(&self.shown)
    }

    /// The `scope` of a refresh token: every name (wire §6.12)
    pub fn all(&self) -> String {
        joined(&self.all)
    }

    /// The mappers of the client and of these scopes
    pub(super) fn mappers<'a>(
        &'a self,
        realm: &'a Realm,
        client: &'a Client,
    ) -> impl Iterator<Item = &'a ProtocolMapper> {
        let scopes = realm.settings.client_scopes.iter().filter(|scope| self.all.contains(&scope.name));
        scopes.flat_map(|scope| &scope.protocol_mappers).chain(&client.settings.protocol_mappers)
    }
}

/// `openid` first, then in alphabetical order
fn joined(names: &BTreeSet<String>) -> String {
    let openid = names.iter().filter(|name| *name == "openid");
    let others = names.iter().filter(|name| *name != "openid");
    openid.chain(others).map(String::as_str).collect::<Vec<_>>().join(" ")
}
