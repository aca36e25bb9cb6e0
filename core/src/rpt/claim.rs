//! From a claim to a permission, by hand: serde's way with all its messages would double the guard's size.

use alloc::{string::String, vec::Vec};

use crate::{
    json::Json,
    permission::{Claims, Permission},
    scope::{Scope, ScopeSet},
    time::UnixTime,
};

/// How a permission names its resource and scopes
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `rsid` and `scopes`, as in Keycloak's tokens
    Token,
    /// So, or `resource_id` and `resource_scopes` (FedAuthz §5.1.1)
    Introspection,
}

/// The same that `Permission` is by serde, or nothing; a property test compares the two
pub(super) fn permission(entry: Json<'_>, spelling: Spelling) -> Option<Permission> {
    let mut permission = Permission::default();
    let (mut resource, mut resource_scopes) = (None, None);
    let (mut has_id, mut has_scopes) = (false, false);
    for (name, value) in entry.members()? {
        match &*name {
            "rsid" => (has_id, permission.rsid) = (true, optional(value, id)?),
            "rsname" => permission.rsname = optional(value, |name| Some(name.text()?.into_owned()))?,
            "rsowned" => permission.rsowned = value.truth()?,
            "scopes" => (has_scopes, permission.scopes) = (true, scopes(value)?),
            "claims" => permission.claims = claims(value)?,
            "exp" => permission.exp = optional(value, time)?,
            "nbf" => permission.nbf = optional(value, time)?,
            "resource_id" => resource = Some(value),
            "resource_scopes" => resource_scopes = Some(value),
            _ => {}
        }
    }
    if spelling == Spelling::Introspection {
        if let Some(value) = resource.filter(|_| !has_id) {
            permission.rsid = optional(value, id)?;
        }
        if let Some(value) = resource_scopes.filter(|_| !has_scopes) {
            permission.scopes = scopes(value)?;
        }
    }
    Some(permission)
}

/// A member that may be absent or `null`, but not malformed
#[expect(
    clippy::option_option,
    reason = "malformed and absent are two things, and both are let through by `?`"
)]
fn optional<'a, T>(value: Json<'a>, read: impl Fn(Json<'a>) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() { Some(None) } else { read(value).map(Some) }
}

fn id<T: core::str::FromStr>(value: Json<'_>) -> Option<T> {
    value.text()?.parse().ok()
}

fn time(value: Json<'_>) -> Option<UnixTime> {
    value.whole().map(UnixTime)
}

fn scopes(value: Json<'_>) -> Option<ScopeSet> {
    let mut set = ScopeSet::new();
    for name in value.items()? {
        set.insert(id::<Scope>(name)?);
    }
    Some(set)
}

fn claims(value: Json<'_>) -> Option<Claims> {
    let mut claims = Claims::new();
    for (name, values) in value.members()? {
        let texts: Option<Vec<String>> =
            values.items()?.map(|text| Some(text.text()?.into_owned())).collect();
        claims.insert(name.into_owned(), texts?);
    }
    Some(claims)
}
