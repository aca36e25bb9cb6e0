//! Keycloak's representations: what administrators, realm files and exports say, one module a noun.
//!
//! The settings documents of the store have Keycloak's member names already (`realm`), so a representation reads the
//! members that stand beside them and leaves the rest to [`change`]: what the settings know is set, what only
//! Keycloak knows is kept and given back, what nobody knows is refused where Keycloak refuses it.

pub mod client;
pub mod client_scope;
pub mod credential;
pub mod event;
pub mod fields;
pub mod group;
pub mod lenient;
pub mod locate;
pub mod mapper;
pub mod realm;
pub mod role;
pub mod session;
pub mod user;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Members by name
pub type Members = Map<String, Value>;

/// A member that Keycloak knows and that has no effect here, with what it would have done
pub type Idle = (&'static str, &'static str);

/// A member that is not what it should be
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("member `{member}`: {message}")]
pub struct WrongMember {
    /// Its name
    pub member: String,
    /// What is wrong with it, without its value
    pub message: String,
}

impl WrongMember {
    /// A member and what is wrong with it
    pub fn new(member: &str, message: impl Into<String>) -> Self {
        Self { member: member.to_owned(), message: message.into() }
    }
}

/// A document that administrators send
pub trait Representation: DeserializeOwned {
    /// Keycloak's name for it, which stands in refusals
    const CLASS: &'static str;
    /// Longest body of a request with one
    const BYTES: usize = crate::http::BODY_BYTES;

    /// Path of the first member that Keycloak does not know either: names and places, from the document's root
    fn unknown(&self) -> Option<Vec<String>>;
}

/// The first of `members` that none of these lists names
pub fn stranger(members: &Members, known: &[&[&str]], idle: &[Idle]) -> Option<Vec<String>> {
    members
        .keys()
        .find(|name| {
            !known.iter().any(|names| names.contains(&name.as_str()))
                && !idle.iter().any(|(known, _)| known == name)
        })
        .map(|name| vec![name.clone()])
}

/// Looks for a stranger in each of a list's documents
pub fn stranger_in<T: Representation>(name: &str, list: &[T]) -> Option<Vec<String>> {
    list.iter().enumerate().find_map(|(place, one)| {
        let mut path = vec![name.to_owned(), place.to_string()];
        path.extend(one.unknown()?);
        Some(path)
    })
}

/// Settings after a change: members that they have are set, `null` and what is absent stays as it was; the rest is
/// given back to be kept
pub fn change<S>(before: &S, given: &Members) -> Result<(S, Members), WrongMember>
where
    S: Serialize + DeserializeOwned,
{
    let known = fields::of::<S>();
    let Ok(Value::Object(mut merged)) = serde_json::to_value(before) else {
        return Err(WrongMember::new(".", "the stored settings have no JSON form"));
    };
    let mut rest = Members::new();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        if known.contains(&name.as_str()) {
            merged.insert(name.clone(), value.clone());
        } else {
            rest.insert(name.clone(), value.clone());
        }
    }
    match serde_json::from_value(Value::Object(merged)) {
        Ok(settings) => Ok((settings, rest)),
        Err(error) => Err(culprit::<S>(given, known)
            .unwrap_or_else(|| WrongMember::new(".", without_value(&error.to_string())))),
    }
}

/// The member that makes settings unreadable, found by reading each alone
fn culprit<S: DeserializeOwned>(given: &Members, known: &[&str]) -> Option<WrongMember> {
    given.iter().filter(|(name, value)| known.contains(&name.as_str()) && !value.is_null()).find_map(
        |(name, value)| {
            let alone = Members::from_iter([(name.clone(), value.clone())]);
            let error = serde_json::from_value::<S>(Value::Object(alone)).err()?;
            Some(WrongMember::new(name, without_value(&error.to_string())))
        },
    )
}

/// serde's sentence without the value that it quotes: it may be a secret
pub fn without_value(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    match (message.split_once(": "), message.rsplit_once(", expected ")) {
        (Some((kind, _)), Some((_, expected))) => format!("{kind}, expected {expected}"),
        _ => message.to_owned(),
    }
}

/// What a document says in members that are set: the others are left out
pub fn rendered(document: &impl Serialize) -> Members {
    match serde_json::to_value(document) {
        Ok(Value::Object(members)) => members.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Members::new(),
    }
}

/// How a schema says that: no member has to be there
#[cfg(test)]
fn as_set(schema: &mut schemars::Schema) {
    schema.remove("required");
}

/// Members of the second where the first has none
pub fn fill(members: &mut Members, more: &Members) {
    for (name, value) in more {
        members.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

/// What is kept after a change: `null` takes a kept member away, another value replaces it
pub fn keep(kept: &mut Members, given: &Members) {
    for (name, value) in given {
        if value.is_null() {
            kept.remove(name);
        } else {
            kept.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::realm::ClientSettings;

    fn members(value: Value) -> Members {
        let Value::Object(members) = value else { panic!("no object") };
        members
    }

    #[test]
    fn what_is_absent_or_null_stays_as_it_was() {
        let before = ClientSettings { base_url: Some("/x".to_owned()), ..ClientSettings::default() };
        let given = members(json!({ "publicClient": true, "baseUrl": null, "surrogateAuthRequired": false }));
        let (after, rest) = change(&before, &given).unwrap();
        assert!(after.public_client);
        assert_eq!(after.base_url.as_deref(), Some("/x"));
        assert_eq!(rest, members(json!({ "surrogateAuthRequired": false })));
    }

    #[test]
    fn a_wrong_member_is_named_without_its_value() {
        let given = members(json!({ "name": "x", "redirectUris": "hunter22" }));
        let error = change(&ClientSettings::default(), &given).unwrap_err();
        assert_eq!(error.member, "redirectUris");
        assert!(!error.message.contains("hunter22"), "{error}");
    }
}
