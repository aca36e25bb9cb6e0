//! Regex policies: a claim of the token, or an attribute of the circumstances, has a form.

use alloc::{
    borrow::{Cow, ToOwned},
    string::{String, ToString},
};

use serde_json::Value;

use super::{
    super::{Circumstances, Fault, config::Config},
    pattern::Pattern,
};
use crate::{
    limits::{CLAIM_PATH_DEPTH, REGEX_INPUT_BYTES},
    permission::Claims,
    requester::Roles,
};

/// Configuration of a `regex` policy
#[derive(Debug)]
pub struct RegexRule {
    /// Name of the claim, or the way to it: `userinfo.tenant`, `groups[1]`
    pub claim: String,
    /// The attribute is one of the circumstances, not of the token
    pub of_context: bool,
    pattern: Pattern,
}

impl RegexRule {
    pub(super) fn read(config: Config<'_>) -> Result<Self, Fault> {
        let claim = config.text("targetClaim")?.ok_or(Fault::Configuration("targetClaim"))?;
        let pattern = config.text("pattern")?.ok_or(Fault::Configuration("pattern"))?;
        Ok(Self {
            claim: claim.to_owned(),
            of_context: config.flag("targetContextAttributes")?,
            pattern: Pattern::new(pattern)?,
        })
    }

    /// The value that it looks at: the first, as text. An attribute of exactly that name comes before a way into
    /// one (`keycloak-wire` N12).
    pub fn value<'a>(&self, at: &Circumstances<'a>) -> Option<Cow<'a, str>> {
        if self.of_context {
            let first = |claims: &'a Claims| claims.get(&self.claim).and_then(|values| values.first());
            // The server's own word comes before what anybody pushes.
            return first(at.context)
                .or_else(|| first(at.claims))
                .map(|value| Cow::Borrowed(value.as_str()))
                .or_else(|| (self.claim == "kc.time.date_time").then(|| at.wall_clock.to_string().into()));
        }
        let claims = &at.requester.claims;
        if let Some(value) = claims.get(&self.claim) {
            return first_text(value);
        }
        if let Some(role) = first_role(at.token_roles, &self.claim) {
            return Some(Cow::Borrowed(role));
        }
        let mut way = self.claim.split('.');
        let (name, indexes) = segment(way.next()?)?;
        let mut value = indexes.fold(claims.get(name), into_item)?;
        for (depth, step) in way.enumerate() {
            if depth >= CLAIM_PATH_DEPTH {
                return None;
            }
            let (name, indexes) = segment(step)?;
            value = indexes.fold(value.get(name), into_item)?;
        }
        first_text(value)
    }

    /// Whether the whole value has the form; one that is absent or longer than
    /// [`REGEX_INPUT_BYTES`] has none
    pub(super) fn permits(&self, at: &Circumstances<'_>) -> bool {
        self.value(at).is_some_and(|value| value.len() <= REGEX_INPUT_BYTES && self.pattern.matches(&value))
    }
}

/// `kc.realm.roles` and `kc.client.<client_id>.roles` (`keycloak-wire` §8.8)
fn first_role<'a>(roles: &'a Roles, name: &str) -> Option<&'a str> {
    let roles = if name == "kc.realm.roles" {
        &roles.realm
    } else {
        let client = name.strip_prefix("kc.client.")?.strip_suffix(".roles")?;
        roles.client.get(client)?
    };
    roles.first().map(String::as_str)
}

/// `name[1][2]`: the name and the indexes after it
fn segment(step: &str) -> Option<(&str, impl Iterator<Item = Option<usize>>)> {
    let (name, rest) = step.find('[').map_or((step, ""), |at| step.split_at(at));
    let well_formed = rest.is_empty() || (rest.starts_with('[') && rest.ends_with(']'));
    let inner = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let indexes = inner.into_iter().flat_map(|inner| inner.split("][")).map(|index| index.parse().ok());
    well_formed.then_some((name, indexes))
}

fn into_item(value: Option<&Value>, index: Option<usize>) -> Option<&Value> {
    value?.get(index?)
}

/// The first value as text: what is no text is shown as JSON
fn first_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(items) => match items.first()? {
            Value::Null | Value::Array(_) => None,
            first @ (Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                first_text(first)
            }
        },
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(Cow::Owned(value.to_string())),
    }
}
