//! The profile of people: which attributes they have, what values these take, and what of it is their own business
//! (`admin-surface` §4).

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::ApiError,
    http::{
        Family,
        admin::{
            answer::{one, refused},
            caller::{Caller, Role},
        },
        extract::{Json, Represents},
        json as answer,
    },
    realm::{Realm, User},
    representation::lenient::{self, Values},
    store,
};

/// A profile as it is sent and stored
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(in crate::http::admin) struct Document(Value);

impl Represents for Document {
    const CLASS: &'static str = "UPConfig";
}

/// The part of it that is acted on
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::http) struct Profile {
    attributes: Vec<Attribute>,
    groups: Vec<Value>,
    unmanaged_attribute_policy: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attribute {
    name: String,
    display_name: Option<String>,
    validations: BTreeMap<String, Value>,
    required: Option<Required>,
    permissions: Rights,
    multivalued: bool,
    group: Option<String>,
    annotations: Option<Value>,
}

/// Who sees and who changes an attribute: `admin`, `user`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Rights {
    view: Vec<String>,
    edit: Vec<String>,
}

/// Who changes a profile
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Administrator,
    Herself,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "admin",
            Self::Herself => "user",
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Required {
    roles: Vec<String>,
    scopes: Vec<String>,
}

/// The profile of a realm that says nothing of it
fn usual() -> Value {
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
pub(in crate::http) fn of(realm: &Realm) -> Profile {
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
    pub(super) fn apply(
        &self,
        user: &mut User,
        given: Option<&BTreeMap<String, Option<Values>>>,
        is_update: bool,
    ) -> Result<(), ApiError> {
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
            return Err(violation("username", "error-user-attribute-required", &[]));
        }
        self.attributes.iter().try_for_each(|attribute| attribute.check(user, By::Administrator))
    }

    /// What a person changes of herself: `given` attributes in the place of those that she may change, and the rest of
    /// her, which was `before` something else
    pub(in crate::http) fn apply_own(
        &self,
        before: &User,
        user: &mut User,
        given: Option<&BTreeMap<String, Option<Values>>>,
    ) -> Result<(), ApiError> {
        const READ_ONLY: &str = "error-user-attribute-read-only";
        if let Some(given) = given {
            user.attributes.retain(|name, _| !self.edits(name));
            let given = lenient::attributes(given).into_iter();
            for (name, values) in given.filter(|(name, _)| !OWN.contains(&name.as_str())) {
                if self.edits(&name) {
                    user.attributes.insert(name, values);
                } else if self.sees(&name) && before.attributes.get(&name) != Some(&values) {
                    return Err(violation(&name, READ_ONLY, &[]));
                }
            }
        }
        for name in OWN {
            // The name by which somebody signs in is not hers to change.
            let is_hers = name != "username" && self.edits(name);
            if !is_hers && own(before, name) != own(user, name) {
                return Err(violation(name, READ_ONLY, &[]));
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
    pub(in crate::http) fn seen(&self, user: &User) -> BTreeMap<String, Vec<String>> {
        let all = user.attributes.iter().filter(|(name, _)| self.sees(name));
        all.map(|(name, values)| (name.clone(), values.clone())).collect()
    }

    /// What a form for her needs to know (`userProfileMetadata`)
    pub(in crate::http) fn metadata(&self) -> Value {
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
    fn refusal(&self) -> Option<String> {
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
fn own<'a>(user: &'a User, name: &str) -> Option<&'a str> {
    match name {
        "username" => Some(user.username.as_str()),
        "email" => user.email.as_deref(),
        "firstName" => user.first_name.as_deref(),
        "lastName" => user.last_name.as_deref(),
        _ => None,
    }
}

impl Attribute {
    fn values<'a>(&self, user: &'a User) -> Vec<&'a str> {
        if OWN.contains(&self.name.as_str()) {
            return own(user, &self.name).into_iter().collect();
        }
        user.attributes.get(&self.name).into_iter().flatten().map(String::as_str).collect()
    }

    fn is_required(&self, by: By) -> bool {
        self.required.as_ref().is_some_and(|required| {
            required.scopes.is_empty()
                && (required.roles.is_empty() || required.roles.iter().any(|role| role == by.name()))
        })
    }

    fn check(&self, user: &User, by: By) -> Result<(), ApiError> {
        let values = self.values(user);
        if values.iter().all(|value| value.trim().is_empty()) {
            // What belongs to a client has no profile to fill.
            if self.is_required(by) && user.service_client.is_none() {
                return Err(violation(&self.name, "error-user-attribute-required", &[]));
            }
            return Ok(());
        }
        for value in values {
            for (kind, settings) in &self.validations {
                self.validate(kind, settings, value)?;
            }
        }
        Ok(())
    }

    fn validate(&self, kind: &str, settings: &Value, value: &str) -> Result<(), ApiError> {
        let number = |name: &str| {
            let given = settings.get(name)?;
            given.as_u64().or_else(|| given.as_str()?.parse().ok())
        };
        match kind {
            "length" => {
                let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
                let (min, max) = (number("min").unwrap_or(0), number("max").unwrap_or(2_048));
                if length < min || length > max {
                    return Err(violation(&self.name, "error-invalid-length", &[json!(min), json!(max)]));
                }
            }
            "email" if !is_address(value) => {
                return Err(violation(&self.name, "error-invalid-email", &[json!(value)]));
            }
            "integer" if value.parse::<i64>().is_err() => {
                return Err(violation(&self.name, "error-not-a-number", &[json!(value)]));
            }
            "double" if value.parse::<f64>().is_err() => {
                return Err(violation(&self.name, "error-not-a-number", &[json!(value)]));
            }
            "options" => {
                let options = settings.get("options").and_then(Value::as_array);
                if options.is_some_and(|options| !options.iter().any(|option| option == value)) {
                    return Err(violation(&self.name, "error-invalid-value", &[json!(value)]));
                }
            }
            "username-prohibited-characters"
                if value.contains([
                    '<', '>', '&', '"', '\'', '$', '%', '!', '#', '?', '§', ',', ';', ':', '*', '~', '/',
                    '\\', '|', '^', '=', '[', ']', '{', '}', '(', ')', '`', '\t',
                ]) =>
            {
                return Err(violation(&self.name, "error-username-invalid-character", &[json!(value)]));
            }
            "person-name-prohibited-characters"
                if value.contains([
                    '<', '>', '&', '"', '$', '%', '!', '#', '?', '§', ';', '*', '~', '/', '\\', '|', '^',
                    '=', '[', ']', '{', '}', '(', ')',
                ]) =>
            {
                return Err(violation(&self.name, "error-person-name-invalid-character", &[json!(value)]));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Something before and something behind one `@`, without blanks
fn is_address(text: &str) -> bool {
    match text.rsplit_once('@') {
        Some((local, host)) => {
            !local.is_empty()
                && local.len() <= 64
                && !host.is_empty()
                && !text.chars().any(|c| c.is_whitespace() || c.is_control())
                && !local.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
        }
        None => false,
    }
}

/// 400 that names the member (`admin-surface` §2)
fn violation(field: &str, message: &'static str, rest: &[Value]) -> ApiError {
    let mut params = vec![json!(field)];
    params.extend(rest.iter().cloned());
    ApiError::violation(field, message, &params)
}

pub(in crate::http::admin) async fn read(
    State(_): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    if !caller.may(Role::ViewRealm) {
        caller.require(Role::QueryUsers)?;
    }
    Ok(one(&caller.realm.settings.user_profile.clone().unwrap_or_else(usual)))
}

pub(in crate::http::admin) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(Document(given)): Json<Document>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    let profile: Profile =
        serde_json::from_value(given.clone()).map_err(|_| refused("UserProfile configuration is invalid"))?;
    if let Some(text) = profile.refusal() {
        return Err(refused(format!("UserProfile configuration is invalid. Errors: [{text}]")));
    }
    let note = caller.note("realm.profile", "UPDATE", "USER_PROFILE", "users/profile");
    let (realm, stored) = (caller.realm.id.clone(), given.clone());
    app.store
        .write(move |tx| {
            let mut settings = store::realm::settings(tx, &realm)?;
            settings.user_profile = Some(stored);
            store::realm::set_settings(tx, &realm, &settings)?;
            note.record(tx)
        })
        .await?;
    Ok(answer(StatusCode::OK, Family::Api, &given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_sign_with_something_on_both_sides() {
        for good in ["a@b", "a.b+c@example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@@b", "a@.b"] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn the_usual_profile_is_one() {
        let profile: Profile = serde_json::from_value(usual()).unwrap();
        assert_eq!(profile.refusal(), None);
        assert!(!profile.takes_others());
    }
}
