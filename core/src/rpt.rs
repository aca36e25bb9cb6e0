//! What a requesting party token permits (FedAuthz §5.1.1, the `authorization.permissions` of Keycloak).

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    denial::Denial,
    ids::ResourceId,
    json::{Document, Json},
    limits::{EDGE_ANSWER_BYTES, RPT_PERMISSIONS},
    permission::Permission,
    scope::{Scope, ScopeSet},
    time::UnixTime,
    token::{FromClaims, RawClaims},
};

use claim::Spelling;

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
pub struct Granted<P = Permission> {
    /// Everything that the token permits on the resource, put together
    pub permission: P,
    /// Last second for which this answer holds without asking again
    pub until: UnixTime,
}

/// The same as long as the RPT is there, which has the permission in one piece most of the time
pub type GrantedBy<'a> = Granted<Cow<'a, Permission>>;

impl GrantedBy<'_> {
    /// The same, to keep
    pub fn into_owned(self) -> Granted {
        Granted { permission: self.permission.into_owned(), until: self.until }
    }
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
/// let expect = Expect::bearer("https://as.example");
/// let pending = UnverifiedToken::parse_as::<Rpt>(&token, &keys, &expect, now)?;
/// // Here somebody checks the signature of `pending`.
/// let rpt = pending.accept(SignatureOk::i_have_verified_the_signature());
///
/// let (document, read, write) = ("42".parse()?, "read".parse()?, "write".parse()?);
/// assert!(rpt.permits(&document, &[read], now).is_ok());
/// assert!(rpt.permits(&document, &[write], now).is_err());
/// assert!(rpt.permits(&"report".parse()?, &[], now).is_err(), "a name is no id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rpt {
    expires_at: UnixTime,
    permissions: Vec<Permission>,
}

/// Reads the permissions; a token that has none permits nothing.
///
/// An entry that is malformed permits nothing and leaves the others as they are; nothing is bent into shape.
impl FromClaims for Rpt {
    fn from_claims(claims: &RawClaims<'_>, expires_at: UnixTime) -> Self {
        let entries = claims.authorization.and_then(|claim| claim.get("permissions"));
        Self { expires_at, permissions: permissions(entries, Spelling::Token) }
    }
}

/// What introspection says of an RPT (RFC 7662 §2.2, FedAuthz §5.1.1)
#[derive(Debug, Clone, PartialEq)]
pub enum Introspected {
    /// Nothing, or not to whoever asked
    Inactive,
    /// It is active, and this is what it still permits
    Active(Rpt),
}

impl Rpt {
    /// The same token with what an introspection answer says that it still permits, by either of two spellings
    /// (FedAuthz §5.1.1); nothing where the answer is longer than [`EDGE_ANSWER_BYTES`], no JSON object with one meaning,
    /// or does not say whether the token is active
    #[must_use]
    pub fn introspected(&self, answer: &[u8]) -> Option<Introspected> {
        let document = Document::parse(answer).filter(|_| answer.len() <= EDGE_ANSWER_BYTES)?;
        let answer = document.root();
        if !answer.get("active")?.truth()? {
            return Some(Introspected::Inactive);
        }
        let permissions = permissions(answer.get("permissions"), Spelling::Introspection);
        Some(Introspected::Active(Self { permissions, ..*self }))
    }

    /// Its last good second
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
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
        self.permits_texts(resource, scopes.iter().map(Scope::as_str), now).map(Granted::into_owned)
    }

    /// Like [`permits`](Self::permits), of texts that nobody has looked at, and without a copy where that can be: what is no
    /// id or no scope was granted to nobody
    pub fn permits_texts<'a>(
        &self,
        resource: &str,
        scopes: impl Iterator<Item = &'a str>,
        now: UnixTime,
    ) -> Result<GrantedBy<'_>, NotPermitted> {
        self.all_of(|permission| permission.rsid.as_deref() == Some(resource), scopes, now)
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
            return Ok(granted.into_owned());
        }
        Err(NotPermitted::Scopes(set_of(scopes.iter().cloned())))
    }

    /// Like [`permits`](Self::permits), by name, and only by permissions marked `rsowned`: names are unique only per
    /// owner, so anybody's resource could bear the name of somebody else's
    pub fn permits_named(
        &self,
        name: &str,
        scopes: &[Scope],
        now: UnixTime,
    ) -> Result<Granted, NotPermitted> {
        self.permits_named_texts(name, scopes.iter().map(Scope::as_str), now).map(Granted::into_owned)
    }

    /// Like [`permits_named`](Self::permits_named), of scopes that nobody has looked at, and without a copy where that can be
    pub fn permits_named_texts<'a>(
        &self,
        name: &str,
        scopes: impl Iterator<Item = &'a str>,
        now: UnixTime,
    ) -> Result<GrantedBy<'_>, NotPermitted> {
        self.all_of(
            |permission| permission.rsowned && permission.rsname.as_deref() == Some(name),
            scopes,
            now,
        )
    }

    fn all_of<'a>(
        &self,
        is_it: impl Fn(&Permission) -> bool,
        scopes: impl Iterator<Item = &'a str>,
        now: UnixTime,
    ) -> Result<GrantedBy<'_>, NotPermitted> {
        let granted = self.granted(is_it, now)?;
        let mut missing = ScopeSet::new();
        for scope in scopes.filter(|scope| !granted.permission.scopes.contains(*scope)) {
            missing.insert(scope.parse().map_err(|_| NotPermitted::Resource)?);
        }
        if missing.is_empty() { Ok(granted) } else { Err(NotPermitted::Scopes(missing)) }
    }

    pub(crate) fn granted(
        &self,
        is_it: impl Fn(&Permission) -> bool,
        now: UnixTime,
    ) -> Result<GrantedBy<'_>, NotPermitted> {
        if self.expires_at < now {
            return Err(NotPermitted::Expired);
        }
        let mut live =
            self.permissions.iter().filter(|permission| is_it(permission) && permission.is_live_at(now));
        let mut permission = Cow::Borrowed(live.next().ok_or(NotPermitted::Resource)?);
        for more in live {
            let whole = permission.to_mut();
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
        let until = permission.exp.map_or(self.expires_at, |exp| exp.min(self.expires_at));
        Ok(Granted { permission, until })
    }
}

fn permissions(entries: Option<Json<'_>>, spelling: Spelling) -> Vec<Permission> {
    let entries = entries.and_then(Json::items).into_iter().flatten();
    entries.take(RPT_PERMISSIONS).filter_map(|entry| claim::permission(entry, spelling)).collect()
}

/// One by one: collecting sorts, which costs a guard 4 KB of code for a handful of scopes.
pub(crate) fn set_of(scopes: impl Iterator<Item = Scope>) -> ScopeSet {
    let mut set = ScopeSet::new();
    for scope in scopes {
        set.insert(scope);
    }
    set
}

#[cfg(test)]
mod tests;
