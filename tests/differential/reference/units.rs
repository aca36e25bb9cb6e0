//! One unit of assessment: a resource or none, and the scopes that are wanted of it (Keycloak wire §8.1).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    permissions,
    question::{Scopes, flag, is_the_requesters, is_the_servers, list, text, texts},
    shares,
};

/// A resource or none, and what is wanted of it
#[derive(Default)]
pub(super) struct Unit<'q> {
    pub(super) resource: Option<&'q Value>,
    /// Whether permissions are asked at all
    pub(super) assessed: bool,
    /// What permissions are asked about
    pub(super) scopes: Scopes,
    /// What a share that the resource was found by gives
    pub(super) shared: Scopes,
    /// The same for a resource without scopes
    pub(super) shared_without_scopes: bool,
    /// What is here by an earlier permission alone, and its last second; no scopes for a resource without any
    pub(super) carried: Vec<(Scopes, i64)>,
    /// Whether owners' policies and shares are left out (R8: everything)
    pub(super) without_owners: bool,
}

/// What a unit is granted; no scopes only if the resource has none
pub(super) struct Granted {
    pub(super) scopes: Scopes,
    pub(super) claims: Claims,
    /// Its last good second, if it ends
    pub(super) exp: Option<i64>,
}

/// Claims of a permission; each value once
pub(super) type Claims = BTreeMap<String, Vec<String>>;

/// What the policies that were asked left behind
#[derive(Default)]
pub(super) struct Consulted {
    pub(super) claims: Claims,
    pub(super) needs: BTreeSet<String>,
    /// PERMISSIVE opened, for want of anything to ask
    pub(super) opened: bool,
    /// Scopes that owners' policies give for a time, and the first second without them; no scopes for the resource
    pub(super) ends: Vec<(Scopes, i64)>,
}

/// Where the unit of a resource stands; a new one at the end if there is none
pub(super) fn place<'q>(units: &mut Vec<Unit<'q>>, resource: Option<&'q Value>) -> usize {
    let id = |resource: Option<&'q Value>| resource.map(|resource| text(resource, "id"));
    if let Some(at) = units.iter().position(|unit| id(unit.resource) == id(resource)) {
        return at;
    }
    units.push(Unit { resource, ..Unit::default() });
    units.len() - 1
}

/// Its own scopes, and for somebody's resource those of the resource server's of the same type (R6, Keycloak wire §8.6)
pub(super) fn available(question: &Value, resource: &Value) -> Scopes {
    let mut scopes: Scopes = texts(resource, "scopes").into_iter().collect();
    for parent in parents(question, resource) {
        scopes.extend(texts(parent, "scopes"));
    }
    scopes
}

/// The resource server's resources of the same type, if the resource is not the server's own
pub(super) fn parents<'q>(question: &'q Value, resource: &Value) -> Vec<&'q Value> {
    if is_the_servers(question, resource) || resource.get("type").is_none() {
        return Vec::new();
    }
    list(&question["facts"], "parents")
        .iter()
        .filter(|parent| parent.get("type") == resource.get("type") && is_the_servers(question, parent))
        .collect()
}

/// The unit of a resource where everything is asked for; none if it is not the requester's to have
pub(super) fn of_everything<'q>(question: &'q Value, resource: &'q Value) -> Option<Unit<'q>> {
    let shared = shares::of_requester(question, resource);
    let assessed = is_the_servers(question, resource) || is_the_requesters(question, resource);
    if !assessed && shared.is_none() {
        return None;
    }
    let available = available(question, resource);
    Some(Unit {
        resource: Some(resource),
        assessed,
        shared: shared.as_ref().map(|given| &given.scopes & &available).unwrap_or_default(),
        shared_without_scopes: available.is_empty() && shared.is_some_and(|given| given.without_scopes),
        scopes: available,
        without_owners: true,
        carried: Vec::new(),
    })
}

/// Adds the permissions of an earlier RPT after the new ones, to be assessed again (R11). Returns all of them as they
/// were, for `upgraded`.
pub(super) fn merge_earlier_rpt<'q>(question: &'q Value, units: &mut Vec<Unit<'q>>) -> &'q [Value] {
    let now = question["now"].as_i64().unwrap_or(i64::MAX);
    let old = list(question, "rpt");
    for entry in old {
        // UMA Grant §3.3.5.1: not beyond its own last second.
        let time = |member| entry.get(member).and_then(Value::as_i64);
        if time("exp").is_some_and(|exp| exp < now) || time("nbf").is_some_and(|nbf| nbf > now) {
            continue;
        }
        let scopes: Scopes = texts(entry, "scopes").into_iter().collect();
        let resource = match entry.get("rsid").and_then(Value::as_str) {
            None => None,
            Some(id) => match super::question::resource(question, id) {
                Some(resource) => Some(resource),
                None => continue,
            },
        };
        let available = match resource {
            Some(resource) => available(question, resource),
            None => scopes.clone(),
        };
        let wanted = &scopes & &available;
        // An entry without scopes is for a resource without scopes, and the other way round.
        if wanted.is_empty() && (resource.is_none() || !scopes.is_empty() || !available.is_empty()) {
            continue;
        }
        let known = units.len();
        let at = place(units, resource);
        let unit = &mut units[at];
        let alone: Scopes = &wanted - &unit.scopes;
        if let Some(exp) = time("exp")
            && (at == known || !alone.is_empty())
        {
            unit.carried.push((alone, exp));
        }
        unit.assessed = true;
        unit.scopes.extend(wanted);
    }
    old
}

/// What the unit is granted (Keycloak wire §8.2)
pub(super) fn assess(question: &Value, unit: &Unit<'_>, needs: &mut BTreeSet<String>) -> Option<Granted> {
    let mut consulted = Consulted::default();
    let decided = scopes(question, unit, &mut consulted);
    needs.extend(consulted.needs);
    let Decided { scopes, by_shares } = decided?;
    // N22: never a permission without scopes where some were wanted.
    let without_scopes = unit.scopes.is_empty() && unit.shared.is_empty();
    if scopes.is_empty() && !without_scopes {
        return None;
    }
    let policies_end = consulted.ends.iter().filter(|(of, _)| of.is_empty() || !of.is_disjoint(&scopes));
    let policies_end = policies_end.map(|(_, end)| end - 1).min().filter(|_| by_shares);
    let mut claims = base_claims(question);
    for (name, values) in consulted.claims {
        let known = claims.entry(name).or_default();
        for value in values {
            if !known.contains(&value) {
                known.push(value);
            }
        }
    }
    let shares_end = unit
        .resource
        .filter(|_| by_shares)
        .and_then(|resource| shares::last_second(question, resource, &scopes));
    let carried = unit.carried.iter().filter(|(alone, _)| alone.is_empty() || !alone.is_disjoint(&scopes));
    let exp = carried.map(|(_, exp)| *exp).chain(shares_end).chain(policies_end).min();
    Some(Granted { scopes, claims, exp })
}

struct Decided {
    scopes: Scopes,
    /// Not by the mode, nor because he is the owner: shares may have a part in it
    by_shares: bool,
}

fn scopes(question: &Value, unit: &Unit<'_>, consulted: &mut Consulted) -> Option<Decided> {
    let all = || unit.scopes.clone();
    let server = &question["server"];
    if text(server, "mode") == "DISABLED" {
        return Some(Decided { scopes: all(), by_shares: false });
    }
    if let Some(resource) = unit.resource
        && text(server, "owner_access") == "always"
        && is_the_requesters(question, resource)
    {
        return Some(Decided { scopes: all(), by_shares: false });
    }
    // A share counts only while its owner manages the access (Keycloak wire §8.5, N22).
    let managed = unit.resource.is_some_and(|resource| flag(resource, "owner_managed"));
    let mut granted = None;
    if managed && (unit.shared_without_scopes || !unit.shared.is_empty()) {
        granted = Some(unit.shared.clone());
    }
    if unit.assessed
        && let Some(more) = permissions::granted(question, unit, consulted)
    {
        granted.get_or_insert_with(Scopes::new).extend(more);
    }
    granted.map(|scopes| Decided { scopes, by_shares: !consulted.opened })
}

/// Claims of the ticket and of the client: the ticket's win (N25), names that begin `kc.` are dropped (N24)
pub(super) fn base_claims(question: &Value) -> Claims {
    let mut claims = Claims::new();
    for source in ["ticket_claims", "pushed_claims"] {
        let Some(members) = question.get(source).and_then(Value::as_object) else { continue };
        for name in members.keys().filter(|name| !name.starts_with("kc.")) {
            claims.entry(name.clone()).or_insert_with(|| texts(&question[source], name));
        }
    }
    claims
}
