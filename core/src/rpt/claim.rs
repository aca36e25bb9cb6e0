//! From a claim to a permission, by hand: serde's way with all its messages would double the guard's size.

use alloc::{string::String, vec::Vec};

use serde_json::{Map, Value};

use crate::{
    permission::{Claims, Permission},
    scope::{Scope, ScopeSet},
    time::UnixTime,
};

/// The same that `Permission` is by serde, or nothing; a property test compares the two
pub(super) fn permission(entry: &Value) -> Option<Permission> {
    let members = entry.as_object()?;
    let time = |value: &Value| value.as_u64().map(UnixTime);
    Some(Permission {
        rsid: optional(members, "rsid", |value| value.as_str()?.parse().ok())?,
        rsname: optional(members, "rsname", |value| value.as_str().map(Into::into))?,
        rsowned: members.get("rsowned").map_or(Some(false), Value::as_bool)?,
        scopes: members.get("scopes").map_or(Some(ScopeSet::new()), scopes)?,
        claims: members.get("claims").map_or(Some(Claims::new()), claims)?,
        exp: optional(members, "exp", time)?,
        nbf: optional(members, "nbf", time)?,
    })
}

/// A member that may be absent or `null`, but not malformed
#[expect(
    clippy::option_option,
    reason = "malformed and absent are two things, and both are let through by `?`"
)]
fn optional<T>(
    members: &Map<String, Value>,
    name: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<Option<T>> {
    match members.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn scopes(value: &Value) -> Option<ScopeSet> {
    let mut set = ScopeSet::new();
    for name in value.as_array()? {
        set.insert(name.as_str()?.parse::<Scope>().ok()?);
    }
    Some(set)
}

fn claims(value: &Value) -> Option<Claims> {
    let mut claims = Claims::new();
    for (name, values) in value.as_object()? {
        let texts: Option<Vec<String>> =
            values.as_array()?.iter().map(|text| Some(text.as_str()?.into())).collect();
        claims.insert(name.clone(), texts?);
    }
    Some(claims)
}
