//! Permissions: what is asked for, and what an RPT carries.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{ids::ResourceId, scope::ScopeSet, time::UnixTime};

/// Pushed claims: name to values (the `claims` of a permission ticket and of a granted permission)
pub type Claims = BTreeMap<String, Vec<String>>;

/// One granted permission: an element of `authorization.permissions` of an RPT
///
/// ```
/// use countersign_core::permission::Permission;
///
/// let json = r#"{"rsid":"7f1c-42","rsname":"document 42","scopes":["read"]}"#;
/// let permission: Permission = serde_json::from_str(json)?;
/// assert!(permission.scopes.contains("read"));
/// assert!(!permission.rsowned);
/// assert_eq!(serde_json::to_string(&permission)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The resource; absent where scopes are granted that no resource has
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsid: Option<ResourceId>,
    /// Its name, unique only per owner
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsname: Option<String>,
    /// The resource server owns the resource, so that its name is unique at this resource server
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rsowned: bool,
    /// The granted scopes
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// Pushed claims that the decision was made with
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub claims: Claims,
    /// End of this permission, where it ends before the token (FedAuthz §5.1.1)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<UnixTime>,
    /// Begin of this permission, where it begins after the token
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<UnixTime>,
}

impl Permission {
    /// Whether it holds at that moment by its own times; the token's are another matter (FedAuthz §5.1.1)
    pub fn is_live_at(&self, now: UnixTime) -> bool {
        self.exp.is_none_or(|exp| now <= exp) && self.nbf.is_none_or(|nbf| nbf <= now)
    }
}

/// Adds claims to others: values that a name has already are not added twice
#[cfg(feature = "pdp")]
pub fn add_claims(to: &mut Claims, more: &Claims) {
    for (name, values) in more {
        let known = to.entry(name.clone()).or_default();
        for value in values {
            if !known.contains(value) {
                known.push(value.clone());
            }
        }
    }
}
