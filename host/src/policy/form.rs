//! Reading: the generic form, where every value of `config` is a text, and the form that each type has
//! (`admin-surface` §11).

use countersign_core::policy::Strategy;
use serde_json::{Map, Value, json};

use super::{Draft, Links, Logic, Member, Refused, Shape, is_permission, members};

/// Members that every policy has
const COMMON: [&str; 14] = [
    "id",
    "name",
    "description",
    "type",
    "logic",
    "decisionStrategy",
    "resources",
    "scopes",
    "policies",
    "owner",
    "resourceType",
    "resourcesData",
    "scopesData",
    "resourcesName",
];

/// Entries of `config` that are links
const LINKS: [&str; 4] = ["resources", "scopes", "applyPolicies", "defaultResourceType"];

/// Whether the generic form has such a member
pub fn is_generic(member: &str) -> bool {
    member == "config" || COMMON.contains(&member)
}

/// Whether the form of this type has such a member
pub fn is_typed(kind: &str, name: &str) -> bool {
    COMMON.contains(&name) || members(kind).iter().any(|member| member.typed == name)
}

/// Keycloak's name for the form of a type
pub fn class(kind: &str) -> &'static str {
    match kind {
        "user" => "UserPolicyRepresentation",
        "role" => "RolePolicyRepresentation",
        "group" => "GroupPolicyRepresentation",
        "client" => "ClientPolicyRepresentation",
        "client-scope" => "ClientScopePolicyRepresentation",
        "time" => "TimePolicyRepresentation",
        "regex" => "RegexPolicyRepresentation",
        "aggregate" => "AggregatePolicyRepresentation",
        "resource" => "ResourcePermissionRepresentation",
        "scope" => "ScopePermissionRepresentation",
        "js" => "JSPolicyRepresentation",
        _ => "PolicyRepresentation",
    }
}

/// Members of a form, taken one by one
struct Members(Map<String, Value>);

impl Members {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            // Times and days are numbers in some clients.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null) => Err(wrong(name)),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Refused> {
        self.take(name).map(|value| texts(value, name)).transpose()
    }
}

fn wrong(name: &str) -> Refused {
    Refused::Member(name.to_owned())
}

fn texts(value: Value, name: &str) -> Result<Vec<String>, Refused> {
    let Value::Array(items) = value else { return Err(wrong(name)) };
    let text = |item| if let Value::String(text) = item { Ok(text) } else { Err(wrong(name)) };
    items.into_iter().map(text).collect()
}

fn common(kind: &str, members: &mut Members) -> Result<Draft, Refused> {
    let name = members.text("name")?.ok_or(Refused::Nameless)?;
    if name.len() > 255 {
        return Err(wrong("name"));
    }
    let logic = members.text("logic")?;
    let logic = logic.map(|logic| Logic::from_name(&logic).ok_or_else(|| wrong("logic"))).transpose()?;
    let strategy = members.text("decisionStrategy")?;
    let strategy = strategy.map(|name| Strategy::from_name(&name).ok_or_else(|| wrong("decisionStrategy")));
    Ok(Draft {
        id: members.text("id")?,
        name,
        description: members.text("description")?,
        kind: kind.to_owned(),
        logic: logic.unwrap_or_default(),
        strategy: strategy.transpose()?.unwrap_or_default(),
        config: Map::new(),
        kept: Map::new(),
        links: Links {
            resources: members.texts("resources")?,
            resource_type: members.text("resourceType")?,
            scopes: members.texts("scopes")?,
            policies: members.texts("policies")?,
        },
    })
}

/// The generic form
pub fn generic(members: Map<String, Value>) -> Result<Draft, Refused> {
    let mut members = Members(members);
    let kind = members.text("type")?.ok_or_else(|| wrong("type"))?;
    let mut draft = common(&kind, &mut members)?;
    match members.take("config") {
        None => {}
        Some(Value::Object(entries)) => {
            for (name, value) in entries {
                let value = match value {
                    Value::String(text) => text,
                    other @ (Value::Bool(_) | Value::Number(_)) => other.to_string(),
                    Value::Null => continue,
                    Value::Array(_) | Value::Object(_) => return Err(wrong(&format!("config.{name}"))),
                };
                entry(&mut draft, &name, value)?;
            }
        }
        Some(_) => return Err(wrong("config")),
    }
    Ok(draft)
}

/// One entry of a configuration in which every value is a text
pub fn entry(draft: &mut Draft, name: &str, text: String) -> Result<(), Refused> {
    if LINKS.contains(&name) {
        let Links { resources, resource_type, scopes, policies } = &mut draft.links;
        if name == "defaultResourceType" {
            if resource_type.is_none() {
                *resource_type = Some(text).filter(|text| !text.is_empty());
            }
            return Ok(());
        }
        let list = match name {
            "resources" => resources,
            "scopes" => scopes,
            _ => policies,
        };
        // A list beside `config` comes first.
        if list.is_none() {
            *list = Some(texts(listed(&text, name)?, &format!("config.{name}"))?);
        }
        return Ok(());
    }
    let Some(member) = members(&draft.kind).iter().find(|member| member.name == name) else {
        draft.kept.insert(name.to_owned(), text.into());
        return Ok(());
    };
    let value = match member.shape {
        Shape::References(_) | Shape::Flagged(..) => listed(&text, name)?,
        Shape::Flag => match text.as_str() {
            "true" => Value::Bool(true),
            "false" | "" => Value::Bool(false),
            _ => return Err(wrong(&format!("config.{name}"))),
        },
        Shape::Text => text.into(),
    };
    put(draft, member, value)
}

/// A list inside a text; an empty text is an empty list
fn listed(text: &str, name: &str) -> Result<Value, Refused> {
    if text.trim().is_empty() {
        return Ok(json!([]));
    }
    serde_json::from_str(text).map_err(|_| wrong(&format!("config.{name}")))
}

/// The form of a type
pub fn typed(kind: &str, members: Map<String, Value>) -> Result<Draft, Refused> {
    let mut rest = Members(members);
    let mut draft = common(kind, &mut rest)?;
    for member in super::members(kind) {
        let Some(value) = rest.take(member.typed) else { continue };
        put(&mut draft, member, value)?;
    }
    Ok(draft)
}

/// Checks what a member holds and puts it into the draft
fn put(draft: &mut Draft, member: &Member, value: Value) -> Result<(), Refused> {
    let wrong = || wrong(member.typed);
    let value = match (member.shape, value) {
        (Shape::References(_), value) => json!(texts(value, member.typed)?),
        (Shape::Flagged(_, flag), Value::Array(items)) => {
            let items = items.into_iter().map(|item| flagged(item, flag).ok_or_else(wrong));
            items.collect::<Result<Vec<_>, _>>()?.into()
        }
        (Shape::Flag, Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
            (text == "true").into()
        }
        (Shape::Text, Value::String(text)) if text.is_empty() => return Ok(()),
        (Shape::Flag, value @ Value::Bool(_)) | (Shape::Text, value @ Value::String(_)) => value,
        (Shape::Text, Value::Number(number)) => number.to_string().into(),
        (Shape::Flagged(..) | Shape::Flag | Shape::Text, _) => return Err(wrong()),
    };
    draft.config.insert(member.name.to_owned(), value);
    Ok(())
}

/// `{"id":…}`, `{"path":…}` or `{"name":…}` with a flag: what it refers to as `id`
fn flagged(item: Value, flag: &str) -> Option<Value> {
    let (reference, set) = match item {
        Value::String(text) => (text, false),
        Value::Object(mut members) => {
            let reference = ["id", "path", "name"].iter().find_map(|name| match members.remove(*name) {
                Some(Value::String(text)) if !text.is_empty() => Some(text),
                _ => None,
            })?;
            let set = match members.remove(flag) {
                None | Some(Value::Null) => false,
                Some(Value::Bool(set)) => set,
                Some(Value::String(text)) if matches!(text.as_str(), "true" | "false") => text == "true",
                Some(_) => return None,
            };
            (reference, set)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    Some(json!({ "id": reference, flag: set }))
}

impl Draft {
    /// As it is written over one that is there: naming a type in the place of resources, or the other way round,
    /// takes the others off
    #[must_use]
    pub fn as_replacement(mut self) -> Self {
        if is_permission(&self.kind) && self.links.resource_type.is_some() && self.links.resources.is_none() {
            self.links.resources = Some(Vec::new());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[test]
    fn both_forms_of_a_type_say_the_same() {
        for (kind, config, members) in [
            (
                "role",
                json!({ "roles": "[{\"id\":\"user\",\"required\":true},{\"id\":\"c/r\"}]", "fetchRoles": "true" }),
                json!({ "roles": [{ "id": "user", "required": true }, { "id": "c/r" }], "fetchRoles": true }),
            ),
            ("user", json!({ "users": "[\"alice\"]" }), json!({ "users": ["alice"] })),
            (
                "group",
                json!({ "groups": "[{\"path\":\"/a\",\"extendChildren\":true}]", "groupsClaim": "g" }),
                json!({ "groups": [{ "path": "/a", "extendChildren": true }], "groupsClaim": "g" }),
            ),
            (
                "time",
                json!({ "nbf": "2026-01-01 00:00:00", "hour": "8", "hourEnd": "17" }),
                json!({ "notBefore": "2026-01-01 00:00:00", "hour": "8", "hourEnd": 17 }),
            ),
            (
                "regex",
                json!({ "targetClaim": "a", "pattern": "b", "targetContextAttributes": "true" }),
                json!({ "targetClaim": "a", "pattern": "b", "targetContextAttributes": true }),
            ),
            ("aggregate", json!({ "applyPolicies": "[\"one\"]" }), json!({ "policies": ["one"] })),
            (
                "scope",
                json!({ "scopes": "[\"read\"]", "defaultResourceType": "t" }),
                json!({ "scopes": ["read"], "resourceType": "t" }),
            ),
        ] {
            let one = generic(map(json!({ "name": "n", "type": kind, "config": config }))).unwrap();
            let mut members = map(members);
            members.insert("name".to_owned(), "n".into());
            assert_eq!(one, typed(kind, members).unwrap(), "{kind}");
        }
    }

    #[test]
    fn wrong_members_are_named() {
        for (body, want) in [
            (json!({ "type": "user" }), "Policy name not provided."),
            (json!({ "name": "n" }), "Invalid type"),
            (json!({ "name": "n", "type": "user", "logic": "MAYBE" }), "Invalid logic"),
            (json!({ "name": "n", "type": "user", "decisionStrategy": "X" }), "Invalid decisionStrategy"),
            (json!({ "name": "n", "type": "user", "config": { "users": "alice" } }), "Invalid config.users"),
            (json!({ "name": "n", "type": "user", "config": { "users": "[1]" } }), "Invalid users"),
            (json!({ "name": "n", "type": "role", "config": { "roles": "[{}]" } }), "Invalid roles"),
            (json!({ "name": "n", "type": "user", "config": [] }), "Invalid config"),
            (json!({ "name": "n", "type": "user", "resources": "r" }), "Invalid resources"),
        ] {
            assert_eq!(generic(map(body.clone())).unwrap_err().to_string(), want, "{body}");
        }
    }

    #[test]
    fn entries_that_a_type_does_not_have_are_kept() {
        let body = json!({ "name": "n", "type": "scope", "config": { "configA": "a", "scopes": "[]" } });
        let draft = generic(map(body)).unwrap();
        assert_eq!(draft.kept, map(json!({ "configA": "a" })));
        assert_eq!(draft.links.scopes, Some(Vec::new()));
        assert_eq!(draft.links.resources, None);
    }
}
