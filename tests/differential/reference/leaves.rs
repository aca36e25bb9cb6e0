//! What each type of policy says (Keycloak wire §8.7), before its logic is applied.

use serde_json::Value;

use super::{
    attributes, clock,
    policies::Verdict::{self, Broken, Deny, Permit},
    question::{self, list, text, texts},
    regexes,
    units::{Consulted, Unit},
};

/// The verdict of a policy of this type and configuration
pub(super) fn verdict(
    question: &Value,
    unit: &Unit<'_>,
    of_type: &str,
    id: &str,
    config: &Value,
    consulted: &mut Consulted,
) -> Verdict {
    let said = match of_type {
        "user" => ids(config, "users").map(|users| contains(&users, text(&question["requester"], "id"))),
        "client" => {
            ids(config, "clients").map(|clients| contains(&clients, text(&question["requester"], "client")))
        }
        "role" => role(question, config),
        "group" => group(question, config),
        "client-scope" => client_scope(question, config),
        "time" => clock::verdict(question, config),
        "regex" => regex(question, config, consulted),
        _ => script(question, unit, id, consulted),
    };
    match said {
        Some(true) => Permit,
        Some(false) => Deny,
        None => Broken,
    }
}

fn contains(list: &[String], id: &str) -> bool {
    list.iter().any(|entry| entry == id)
}

/// A list of texts that is there, not empty, and holds nothing else
fn ids(config: &Value, member: &str) -> Option<Vec<String>> {
    let list = config.get(member)?.as_array()?;
    let texts = texts(config, member);
    (!texts.is_empty() && texts.len() == list.len()).then_some(texts)
}

/// A flag of a configuration, which may be given as text; off where it is absent
fn flag(config: &Value, member: &str) -> Option<bool> {
    match config.get(member) {
        None | Some(Value::Bool(false)) => Some(false),
        Some(Value::Bool(true)) => Some(true),
        Some(Value::String(text)) if text == "true" => Some(true),
        Some(Value::String(text)) if text == "false" => Some(false),
        Some(_) => None,
    }
}

/// Any of what is listed must be held, and all of it that is required
fn any_and_required(entries: &[(bool, bool)]) -> Option<bool> {
    if entries.is_empty() {
        return None;
    }
    let missing = entries.iter().any(|(required, held)| *required && !held);
    Some(!missing && entries.iter().any(|(_, held)| *held))
}

/// Roles of the token, or of the user's record with `fetchRoles`
fn role(question: &Value, config: &Value) -> Option<bool> {
    let requester = &question["requester"];
    let from =
        if flag(config, "fetchRoles")? { requester.get("recorded_roles")? } else { &requester["roles"] };
    let mut entries = Vec::new();
    for entry in config.get("roles")?.as_array()? {
        let required = flag(entry, "required")?;
        let role = match (entry.get("name"), entry.get("id")) {
            (Some(_), _) => entry,
            (None, Some(id)) => match question["facts"]["directory"]["roles"].get(id.as_str()?) {
                Some(role) => role,
                // References to what no longer exists are passed over.
                None => continue,
            },
            (None, None) => return None,
        };
        role.get("name")?.as_str()?;
        if let Some(client) = role.get("client") {
            client.as_str()?;
        }
        entries.push((required, question::holds_role(question, from, role)));
    }
    any_and_required(&entries)
}

/// Groups of the token's claim; of the user's record where there is no such claim
fn group(question: &Value, config: &Value) -> Option<bool> {
    let requester = &question["requester"];
    let record = texts(requester, "groups");
    let claim = match config.get("groupsClaim") {
        None => Vec::new(),
        Some(name) => attributes::claim_texts(requester["claims"].get(name.as_str()?)),
    };
    let from_claim = !claim.is_empty();
    let values = if from_claim { claim } else { record.clone() };
    let (mut resolved, mut permitted) = (false, false);
    for entry in config.get("groups")?.as_array()? {
        let children = flag(entry, "extendChildren")?;
        let path = match (entry.get("path"), entry.get("id")) {
            (Some(path), _) => path.as_str()?,
            (None, Some(id)) => match question["facts"]["directory"]["groups"].get(id.as_str()?) {
                Some(path) => path.as_str()?,
                None => continue,
            },
            (None, None) => return None,
        };
        resolved = true;
        permitted |= values.iter().any(|value| {
            if from_claim && !value.contains('/') {
                // N23: a bare name counts for a group of that name in which the user really is.
                path.rsplit('/').next() == Some(value) && contains(&record, path)
            } else {
                // N26: below `/a/`, not merely beginning with `/a`.
                value == path || children && value.starts_with(&format!("{path}/"))
            }
        });
    }
    resolved.then_some(permitted)
}

/// Words of the token's `scope`; a token without it has none (N11)
fn client_scope(question: &Value, config: &Value) -> Option<bool> {
    let claim = text(&question["requester"]["claims"], "scope");
    let mut entries = Vec::new();
    for entry in config.get("clientScopes")?.as_array()? {
        let name = entry.get("name")?.as_str()?;
        entries
            .push((flag(entry, "required")?, claim.split(' ').any(|word| !word.is_empty() && word == name)));
    }
    any_and_required(&entries)
}

/// Full match of the first value; an attribute that is not there says nothing
fn regex(question: &Value, config: &Value, consulted: &mut Consulted) -> Option<bool> {
    let target = config.get("targetClaim")?.as_str().filter(|target| !target.is_empty())?;
    let pattern = config.get("pattern")?.as_str().filter(|pattern| !pattern.is_empty())?;
    let in_context = flag(config, "targetContextAttributes")?;
    let regex = regexes::compile(pattern)?;
    let value = if in_context {
        attributes::of_context(question, target)
    } else {
        attributes::of_identity(question, target)
    };
    if value.is_none() && in_context && texts(question, "gatherable").iter().any(|name| name == target) {
        consulted.needs.insert(target.to_owned());
    }
    Some(value.is_some_and(|value| regex.is_match(&value)))
}

/// What the script said of this resource, or of any; the worst where it said several things
fn script(question: &Value, unit: &Unit<'_>, id: &str, consulted: &mut Consulted) -> Option<bool> {
    let of_policy: Vec<&Value> =
        list(&question["facts"], "outcomes").iter().filter(|outcome| text(outcome, "policy") == id).collect();
    let here = unit.resource.map(|resource| text(resource, "id"));
    let mut outcomes: Vec<&Value> = of_policy
        .iter()
        .copied()
        .filter(|outcome| here.is_some() && outcome.get("resource").and_then(Value::as_str) == here)
        .collect();
    if outcomes.is_empty() {
        outcomes = of_policy.into_iter().filter(|outcome| outcome.get("resource").is_none()).collect();
    }
    if outcomes.is_empty()
        || outcomes.iter().any(|outcome| outcome["said"] != "permit" && outcome["said"] != "deny")
    {
        return None;
    }
    // CLM-2, R15: claims are added also by one that denies.
    for outcome in &outcomes {
        let Some(claims) = outcome.get("claims").and_then(Value::as_object) else { continue };
        for name in claims.keys() {
            let known = consulted.claims.entry(name.clone()).or_default();
            known.extend(texts(&outcome["claims"], name));
        }
    }
    Some(outcomes.iter().all(|outcome| outcome["said"] == "permit"))
}
