//! Group policies: by path, with or without the groups below.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use serde_json::Value;

use super::{
    super::{Circumstances, Effect, Fault, config::Config},
    texts,
};
use crate::requester::{Directory, Requester};

/// Configuration of a `group` policy
#[derive(Debug)]
pub struct GroupRule {
    /// The groups
    pub groups: Vec<GroupRef>,
    /// The claim that lists the requester's groups; where it is absent or empty, his record does
    pub claim: Option<String>,
}

/// One group of a policy
#[derive(Debug)]
pub struct GroupRef {
    name: Reference,
    /// The groups below it count as well
    pub extend: bool,
}

#[derive(Debug)]
enum Reference {
    Path(String),
    Id(String),
}

impl GroupRef {
    fn read(item: &Value) -> Result<Self, Fault> {
        let config = Config(item);
        let extend = config.flag("extendChildren").map_err(|_| Fault::Configuration("groups"))?;
        let text = |name| config.text(name).map_err(|_| Fault::Configuration("groups"));
        let name = match (text("path")?, text("id")?) {
            (Some(path), _) => Reference::Path(path.to_owned()),
            (None, Some(id)) => Reference::Id(id.to_owned()),
            (None, None) => return Err(Fault::Configuration("groups")),
        };
        Ok(Self { name, extend })
    }

    /// The group's path; none if it was given by an id that nobody knows any more
    pub fn path<'a>(&'a self, directory: &'a Directory) -> Option<&'a str> {
        match &self.name {
            Reference::Path(path) => Some(path),
            Reference::Id(id) => directory.groups.get(id).map(String::as_str),
        }
    }

    /// Whether the requester's record has the group, or one below it where those count
    pub(super) fn has(&self, requester: &Requester, directory: &Directory) -> Option<bool> {
        let path = self.path(directory)?;
        Some(requester.groups.iter().any(|group| covers(path, self.extend, group)))
    }

    /// A bare name counts only for a group of that name in which the user really is (`keycloak-wire` N23)
    fn claimed(&self, values: &[&str], requester: &Requester, directory: &Directory) -> Option<bool> {
        let path = self.path(directory)?;
        Some(values.iter().any(|value| {
            if value.contains('/') {
                covers(path, self.extend, value)
            } else {
                path.rsplit('/').next() == Some(value) && requester.groups.iter().any(|group| group == path)
            }
        }))
    }
}

/// Equal, or below (`keycloak-wire` N26)
fn covers(path: &str, extend: bool, other: &str) -> bool {
    match other.strip_prefix(path) {
        Some("") => true,
        Some(rest) => extend && rest.starts_with('/'),
        None => false,
    }
}

pub(super) fn refs(list: &[Cow<'_, Value>]) -> Result<Vec<GroupRef>, Fault> {
    list.iter().map(|item| GroupRef::read(item)).collect()
}

impl GroupRule {
    pub(super) fn read(config: Config<'_>) -> Result<Self, Fault> {
        let claim = config.text("groupsClaim")?.map(ToOwned::to_owned);
        Ok(Self { groups: refs(&config.some("groups")?)?, claim })
    }

    pub(super) fn effect(&self, at: &Circumstances<'_>) -> Effect {
        let claimed = self.claim.as_ref().and_then(|name| at.requester.claims.get(name)).map(texts);
        let claimed = claimed.filter(|values| !values.is_empty());
        let (mut any, mut known) = (false, false);
        for group in &self.groups {
            let inside = match &claimed {
                Some(values) => group.claimed(values, at.requester, at.directory),
                None => group.has(at.requester, at.directory),
            };
            known |= inside.is_some();
            any |= inside == Some(true);
        }
        if known { Effect::of(any) } else { Effect::Broken }
    }
}
