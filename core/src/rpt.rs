//! What a requesting party token permits (FedAuthz §5.1.1, the `authorization.permissions` of Keycloak).

use alloc::{string::String, vec::Vec};

use serde_json::Value;

use crate::{
    denial::Denial,
    ids::ResourceId,
    limits::RPT_PERMISSIONS,
    permission::Permission,
    scope::{Scope, ScopeSet},
    time::UnixTime,
    token::AccessToken,
};

mod claim;

/// Why a request is not permitted by an RPT
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPermitted {
    /// The token's time is over
    #[error("token has expired")]
    Expired,
    /// It has no live permission for this resource
    #[error("token has no permission for this resource")]
    Resource,
    /// It has permissions for this resource, and none of them has these scopes
    #[error("token permits this resource without the scopes {names}", names = display(.0))]
    Scopes(ScopeSet),
}

impl NotPermitted {
    /// The code that every binding shows
    pub const fn denial(&self) -> Denial {
        match self {
            Self::Expired => Denial::Expired,
            Self::Resource | Self::Scopes(_) => Denial::NotPermitted,
        }
    }
}

fn display(scopes: &ScopeSet) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| alloc::format!("`{scope}`")).collect();
    names.join(", ")
}

/// A permission that covers a request, and until when it surely does
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Everything that the token permits on the resource, put together
    pub permission: Permission,
    /// Last second for which this answer holds without asking again
    pub until: UnixTime,
}

/// A requesting party token whose issuer stands for it
///
/// ```
/// use countersign_core::{
///     jwk::Jwks, jws::{Alg, Header, compact, signing_input}, rpt::Rpt, time::UnixTime,
///     token::{Expect, SignatureOk, UnverifiedToken},
/// };
///
/// let keys = Jwks::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let claims = r#"{"iss":"https://as.example","typ":"Bearer","exp":60,
///     "authorization":{"permissions":[{"rsid":"42","rsname":"report","scopes":["read"]}]}}"#;
/// let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
/// let token = compact(signing_input(&header, claims), &[0; 64]);
///
/// let now = UnixTime(50);
/// let pending = UnverifiedToken::parse(&token, &keys, &Expect::bearer("https://as.example"), now)?;
/// // Here somebody checks the signature of `pending`.
/// let rpt = Rpt::new(pending.accept(SignatureOk::i_have_verified_the_signature()));
///
/// let (document, read, write) = ("42".parse()?, "read".parse()?, "write".parse()?);
/// assert!(rpt.permits(&document, &[read], now).is_ok());
/// assert!(rpt.permits(&document, &[write], now).is_err());
/// assert!(rpt.permits(&"report".parse()?, &[], now).is_err(), "a name is no id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rpt {
    token: AccessToken,
    permissions: Vec<Permission>,
}

impl Rpt {
    /// Reads the permissions of a token; one that has none permits nothing.
    ///
    /// An entry that is malformed permits nothing and leaves the others as they are; nothing is bent into shape.
    pub fn new(token: AccessToken) -> Self {
        let entries = token.claims().other.get("authorization").and_then(|claim| claim.get("permissions"));
        Self { permissions: permissions(entries), token }
    }

    /// The same token with what introspection says that it still permits, by either of two spellings
    /// (FedAuthz §5.1.1)
    #[must_use]
    pub fn as_introspected(&self, entries: Option<&Value>) -> Self {
        let mut entries = entries.cloned().unwrap_or_default();
        for entry in entries.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            for (name, other) in [("rsid", "resource_id"), ("scopes", "resource_scopes")] {
                if let (false, Some(value)) = (entry.contains_key(name), entry.remove(other)) {
                    entry.insert(name.into(), value);
                }
            }
        }
        Self { permissions: permissions(Some(&entries)), token: self.token.clone() }
    }

    /// The same without claims, for caches: permissions and life time are all that a check looks at
    #[must_use]
    pub fn without_claims(self) -> Self {
        Self { token: self.token.without_claims(), ..self }
    }

    /// The token itself
    pub const fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Its well-formed permissions, live or not, in the token's order
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// Whether it permits all of these scopes on this resource, compared with `rsid` only.
    ///
    /// The scopes of several entries for one resource add up. An entry without scopes permits only a check that
    /// names none, so that it is never more than it says.
    pub fn permits(
        &self,
        resource: &ResourceId,
        scopes: &[Scope],
        now: UnixTime,
    ) -> Result<Granted, NotPermitted> {
        self.all_of(|permission| permission.rsid.as_ref() == Some(resource), scopes, now)
    }

    /// Like [`permits`](Self::permits), and one of the scopes is enough; of no scopes, none is
    pub fn permits_any(
        &self,
        resource: &ResourceId,
        scopes: &[Scope],
        now: UnixTime,
    ) -> Result<Granted, NotPermitted> {
        let granted = self.granted(|permission| permission.rsid.as_ref() == Some(resource), now)?;
        if scopes.iter().any(|scope| granted.permission.scopes.contains(scope)) {
            return Ok(granted);
        }
        Err(NotPermitted::Scopes(set_of(scopes.iter())))
    }

    /// Like [`permits`](Self::permits), by name, and only by permissions marked `rsowned`: names are unique only per
    /// owner, so anybody's resource could bear the name of somebody else's
    pub fn permits_named(
        &self,
        name: &str,
        scopes: &[Scope],
        now: UnixTime,
    ) -> Result<Granted, NotPermitted> {
        self.all_of(
            |permission| permission.rsowned && permission.rsname.as_deref() == Some(name),
            scopes,
            now,
        )
    }

    fn all_of(
        &self,
        is_it: impl Fn(&Permission) -> bool,
        scopes: &[Scope],
        now: UnixTime,
    ) -> Result<Granted, NotPermitted> {
        let granted = self.granted(is_it, now)?;
        let missing = set_of(scopes.iter().filter(|scope| !granted.permission.scopes.contains(*scope)));
        if missing.is_empty() { Ok(granted) } else { Err(NotPermitted::Scopes(missing)) }
    }

    pub(crate) fn granted(
        &self,
        is_it: impl Fn(&Permission) -> bool,
        now: UnixTime,
    ) -> Result<Granted, NotPermitted> {
        if self.token.expires_at() < now {
            return Err(NotPermitted::Expired);
        }
        let mut live =
            self.permissions.iter().filter(|permission| is_it(permission) && permission.is_live_at(now));
        let mut whole = live.next().ok_or(NotPermitted::Resource)?.clone();
        for more in live {
            for scope in &more.scopes {
                whole.scopes.insert(scope.clone());
            }
            // The first to end ends the answer, not the access: whoever asks again then gets what is left.
            whole.exp = [whole.exp, more.exp].into_iter().flatten().min();
            whole.nbf = [whole.nbf, more.nbf].into_iter().flatten().max();
            for (name, values) in &more.claims {
                whole.claims.entry(name.clone()).or_default().extend(values.iter().cloned());
            }
        }
        let until = whole.exp.map_or(self.token.expires_at(), |exp| exp.min(self.token.expires_at()));
        Ok(Granted { permission: whole, until })
    }
}

fn permissions(entries: Option<&Value>) -> Vec<Permission> {
    let entries = entries.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().take(RPT_PERMISSIONS).filter_map(claim::permission).collect()
}

/// One by one: collecting sorts, which costs a guard 4 KB of code for a handful of scopes.
fn set_of<'a>(scopes: impl Iterator<Item = &'a Scope>) -> ScopeSet {
    let mut set = ScopeSet::new();
    for scope in scopes {
        set.insert(scope.clone());
    }
    set
}

#[cfg(test)]
mod tests;
