//! Client-scope policies: the words of the token's `scope`.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use serde_json::Value;

use super::super::{Fault, config::Config};
use crate::requester::Requester;

/// Configuration of a `client-scope` policy
#[derive(Debug)]
pub struct ClientScopeRule {
    /// Names of client scopes, and whether they are required
    pub scopes: Vec<(String, bool)>,
}

impl ClientScopeRule {
    pub(super) fn read(config: Config<'_>) -> Result<Self, Fault> {
        const FAULT: Fault = Fault::Configuration("clientScopes");
        let read = |item: &Value| {
            let item = Config(item);
            let name = item.text("name").map_err(|_| FAULT)?.ok_or(FAULT)?;
            Ok((name.to_owned(), item.flag("required").map_err(|_| FAULT)?))
        };
        let scopes = config.some("clientScopes")?.iter().map(|item| read(item)).collect::<Result<_, _>>()?;
        Ok(Self { scopes })
    }

    /// Whether the requester's token has the client scope; a token without `scope` has none (`keycloak-wire` N11)
    pub fn has(requester: &Requester, name: &str) -> bool {
        let scope = requester.claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        scope.split(' ').any(|word| word == name)
    }

    pub(super) fn permits(&self, requester: &Requester) -> bool {
        let mut any = false;
        for (name, required) in &self.scopes {
            let has = Self::has(requester, name);
            if *required && !has {
                return false;
            }
            any |= has;
        }
        any
    }
}
