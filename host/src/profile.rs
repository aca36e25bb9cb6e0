//! The profile of people: which attributes they have, what values these take, and what of it is their own business
//! (`admin-surface` §4).

mod attribute;
pub mod change;
mod violation;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use self::attribute::{Attribute, By};
pub use self::{attribute::Field, violation::Violation};
use crate::{
    realm::{Realm, User},
    representation::lenient::{self, Values},
};

/// The part of it that is acted on
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    attributes: Vec<Attribute>,
    groups: Vec<Value>,
    unmanaged_attribute_policy: Option<String>,
}

/// The profile of a realm that says nothing of it
pub fn usual() -> Value {
    let length = |min: Option<u64>| match min {
        Some(min) => json!({ "min": min, "max": 255 }),
        None => json!({ "max": 255 }),
    };
    let rights = json!({ "view": ["admin", "user"], "edit": ["admin", "user"] });
    let person = json!({ "length": length(None), "person-name-prohibited-characters": {} });
    json!({
        "attributes": [
            {
                "name": "username", "displayName": "${username}",
                "validations": {
                    "length": length(Some(3)), "username-prohibited-characters": {},
                    "up-username-not-idn-homograph": {},
                },
                "permissions": rights, "multivalued": false,
            },
            {
                "name": "email", "displayName": "${email}",
                "validations": { "email": {}, "length": length(None) },
                "required": { "roles": ["user"] }, "permissions": rights, "multivalued": false,
            },
            {
                "name": "firstName", "displayName": "${firstName}", "validations": person,
                "required": { "roles": ["user"] }, "permissions": rights, "multivalued": false,
            },
            {
                "name": "lastName", "displayName": "${lastName}", "validations": person,
                "required": { "roles": ["user"] }, "permissions": rights, "multivalued": false,
            },
        ],
        "groups": [{
            "name": "user-metadata", "displayHeader": "User metadata",
            "displayDescription": "Attributes, which refer to user metadata",
        }],
    })
}

/// The profile of a realm
pub fn of(realm: &Realm) -> Profile {
    let document = realm.settings.user_profile.clone().unwrap_or_else(usual);
    // Checked when it was stored; one that an import brought and nobody can read lets nothing through but the names
    // that every profile has.
    serde_json::from_value(document).unwrap_or_default()
}

/// Members of a user that are no attributes
const OWN: [&str; 4] = ["username", "email", "firstName", "lastName"];

impl Profile {
    /// Whether administrators may set attributes that the profile does not name
    fn takes_others(&self) -> bool {
        matches!(self.unmanaged_attribute_policy.as_deref(), Some("ENABLED" | "ADMIN_EDIT"))
    }

    /// Puts the given attributes in the place of a user's and looks at all of him
    pub fn apply(
        &self,
        user: &mut User,
        given: Option<&BTreeMap<String, Option<Values>>>,
        is_update: bool,
    ) -> Result<(), Violation> {
        if let Some(given) = given {
            let mut attributes = lenient::attributes(given);
            attributes.retain(|name, _| {
                !OWN.contains(&name.as_str())
                    && (self.takes_others() || self.attributes.iter().any(|known| known.name == *name))
            });
            if !self.takes_others() {
                // Whoever may not set them does not remove them either.
                let kept = core::mem::take(&mut user.attributes).into_iter();
                let kept = kept.filter(|(name, _)| !self.attributes.iter().any(|known| known.name == *name));
                attributes.extend(kept.filter(|_| is_update));
            }
            user.attributes = attributes;
        }
        if user.username.is_empty() {
            return Err(Violation::new("username", "error-user-attribute-required", &[]));
        }
        self.attributes.iter().try_for_each(|attribute| attribute.check(user, By::Administrator))
    }

    /// What a person changes of herself: `given` attributes in the place of those that she may change, and the rest of
    /// her, which was `before` something else
    pub fn apply_own(
        &self,
        before: &User,
        user: &mut User,
        given: Option<&BTreeMap<String, Vec<String>>>,
    ) -> Result<(), Violation> {
        const READ_ONLY: &str = "error-user-attribute-read-only";
        if let Some(given) = given {
            user.attributes.retain(|name, _| !self.edits(name));
            for (name, values) in given.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
                if self.edits(name) {
                    user.attributes.insert(name.clone(), values.clone());
                } else if self.sees(name) && before.attributes.get(name) != Some(values) {
                    return Err(Violation::new(name, READ_ONLY, &[]));
                }
            }
        }
        for name in OWN {
            // The name by which somebody signs in is not hers to change.
            let is_hers = name != "username" && self.edits(name);
            if !is_hers && member(before, name) != member(user, name) {
                return Err(Violation::new(name, READ_ONLY, &[]));
            }
        }
        let mut hers = self.attributes.iter().filter(|attribute| self.edits(&attribute.name));
        hers.try_for_each(|attribute| attribute.check(user, By::Herself))
    }

    /// Whether she may change an attribute
    fn edits(&self, name: &str) -> bool {
        match self.attributes.iter().find(|known| known.name == name) {
            Some(known) => known.permissions.edit.iter().any(|role| role == By::Herself.name()),
            None => self.unmanaged_attribute_policy.as_deref() == Some("ENABLED"),
        }
    }

    /// Whether she may see it
    fn sees(&self, name: &str) -> bool {
        let known = self.attributes.iter().find(|known| known.name == name);
        self.edits(name)
            || known.is_some_and(|known| known.permissions.view.iter().any(|role| role == By::Herself.name()))
    }

    /// The attributes that a person sees of herself
    pub fn seen(&self, user: &User) -> BTreeMap<String, Vec<String>> {
        let all = user.attributes.iter().filter(|(name, _)| self.sees(name));
        all.map(|(name, values)| (name.clone(), values.clone())).collect()
    }

    /// What a page asks her for, in the profile's order; an attribute with several values has no field
    pub fn fields(&self, user: &User) -> Vec<Field> {
        let hers = self.attributes.iter().filter(|one| one.name != "username" && self.edits(&one.name));
        hers.filter_map(|attribute| attribute.field(user)).collect()
    }

    /// Whether she has all that the profile demands of her
    pub fn is_filled(&self, user: &User) -> bool {
        let mut hers = self.attributes.iter().filter(|attribute| self.edits(&attribute.name));
        hers.all(|attribute| attribute.check(user, By::Herself).is_ok())
    }

    /// What a form for her needs to know (`userProfileMetadata`)
    pub fn metadata(&self) -> Value {
        let shown = self.attributes.iter().filter(|attribute| self.sees(&attribute.name));
        let attributes: Vec<Value> = shown
            .map(|attribute| {
                let mut document = json!({
                    "name": attribute.name,
                    "displayName": attribute.display_name,
                    "required": attribute.is_required(By::Herself),
                    "readOnly": attribute.name == "username" || !self.edits(&attribute.name),
                    "validators": attribute.validations,
                    "multivalued": attribute.multivalued,
                    "group": attribute.group,
                    "annotations": attribute.annotations,
                });
                if let Some(members) = document.as_object_mut() {
                    members.retain(|_, value| !value.is_null());
                }
                document
            })
            .collect();
        json!({ "attributes": attributes, "groups": self.groups })
    }

    /// Whether this can be a profile
    pub fn refusal(&self) -> Option<String> {
        let has = |name: &str| self.attributes.iter().any(|known| known.name == name);
        if !has("username") || !has("email") {
            return Some("The attributes 'username' and 'email' can not be removed".to_owned());
        }
        let mut names: Vec<_> = self.attributes.iter().map(|attribute| &attribute.name).collect();
        names.sort_unstable();
        if names.iter().any(|name| name.is_empty()) {
            return Some("Attribute configuration without 'name' is not allowed".to_owned());
        }
        if let Some(twice) = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        }) {
            return Some(format!("Duplicate attribute configuration with 'name':'{twice}'"));
        }
        match self.unmanaged_attribute_policy.as_deref() {
            None | Some("ENABLED" | "ADMIN_EDIT" | "ADMIN_VIEW") => None,
            Some(_) => Some("unmanagedAttributePolicy must be ENABLED, ADMIN_EDIT or ADMIN_VIEW".to_owned()),
        }
    }
}

/// A member of a user that the profile calls an attribute
fn member<'a>(user: &'a User, name: &str) -> Option<&'a str> {
    match name {
        "username" => Some(user.username.as_str()),
        "email" => user.email.as_deref(),
        "firstName" => user.first_name.as_deref(),
        "lastName" => user.last_name.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_profile_is_one() {
        let profile: Profile = serde_json::from_value(usual()).unwrap();
        assert_eq!(profile.refusal(), None);
        assert!(!profile.takes_others());
    }
}
