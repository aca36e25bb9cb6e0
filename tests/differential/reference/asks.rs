//! From what was asked for to the resources and scopes that are assessed (Keycloak wire §6.3, §6.5, §6.6; R7, R9, R10).

use serde_json::Value;

use super::{
    question::{self, Scopes, is_the_requesters, is_the_servers, list, text, texts},
    shares,
    units::{self, Granted, Unit, available},
    uris,
};

/// Why a question is refused before anything is assessed (Keycloak wire §6.5 rows 3, 8, 9)
pub(super) enum Refusal {
    Resource(String),
    Uri(String),
    MissingUri,
    Scopes(Vec<String>),
}

/// What one ask demands: of which units which scopes
pub(super) struct Demand {
    /// Scopes by name, also those that do not exist
    named: Vec<String>,
    /// Position of a unit, and what is wanted of it; nothing if the resource has no scopes
    wanted: Vec<(usize, Scopes)>,
}

impl Demand {
    /// Every unit is granted, with one of the scopes that were named at least
    pub(super) fn is_met_in_part(&self, answers: &[Option<Granted>]) -> bool {
        !self.wanted.is_empty()
            && self.wanted.iter().all(|(unit, _)| {
                answers[*unit].as_ref().is_some_and(|granted| {
                    // N21: without named scopes, whatever is granted on the resource
                    self.named.is_empty() || self.named.iter().any(|scope| granted.scopes.contains(scope))
                })
            })
    }

    /// Every unit is granted with all that was wanted of it, and with every scope that was named
    pub(super) fn is_met_in_full(&self, answers: &[Option<Granted>]) -> bool {
        !self.wanted.is_empty()
            && self.wanted.iter().all(|(unit, scopes)| {
                answers[*unit].as_ref().is_some_and(|granted| {
                    scopes.iter().chain(&self.named).all(|scope| granted.scopes.contains(scope))
                })
            })
    }
}

/// One unit for each resource that the asks name, in their order
pub(super) fn resolve<'q>(question: &'q Value, units: &mut Vec<Unit<'q>>) -> Result<Vec<Demand>, Refusal> {
    let asks = list(question, "asks");
    // Row 3 comes first: URIs are looked up while the parameters are read.
    for ask in asks.iter().filter(|ask| ask["by"] == "uri") {
        if text(ask, "uri").is_empty() {
            return Err(Refusal::MissingUri);
        }
        if uris::find(question, ask).is_empty() {
            return Err(Refusal::Uri(text(ask, "uri").to_owned()));
        }
    }
    let extra = client_scopes(question);
    let mut demands = Vec::new();
    let mut touched = Vec::new();
    for ask in asks {
        let named = texts(ask, "scopes");
        // Row 8: only if none of them exists; unknown ones beside a known one are dropped.
        if !named.is_empty() && !named.iter().any(|scope| exists(question, scope)) {
            return Err(Refusal::Scopes(named));
        }
        let mut demand = Demand { wanted: Vec::new(), named };
        for resource in hits(question, ask, &demand.named) {
            touched.push(resource);
            ask_for(question, units, &mut demand, &extra, resource);
        }
        if ask["by"] == "scopes" && demand.wanted.is_empty() {
            // R7: no resource has them; scopes alone.
            let scopes: Scopes =
                demand.named.iter().filter(|scope| exists(question, scope)).cloned().collect();
            if !scopes.is_empty() {
                let at = units::place(units, None);
                units[at].assessed = true;
                units[at].scopes.extend(scopes.iter().cloned());
                demand.wanted.push((at, scopes));
            }
        }
        // Row 9: raised while nothing at all has been collected.
        if let Some(resource) = missing(question, ask, &demand)
            && units.is_empty()
        {
            return Err(Refusal::Resource(resource));
        }
        demands.push(demand);
    }
    refuse_scopes_of_no_resource(question, &touched)?;
    Ok(demands)
}

/// The resources that an ask means. What was found by its name is then assessed as if by its id (R9 "all hits are
/// evaluated", N19, N20, ENT-37).
fn hits<'q>(question: &'q Value, ask: &Value, named: &[String]) -> Vec<&'q Value> {
    match text(ask, "by") {
        "id" => question::resource(question, text(ask, "resource")).into_iter().collect(),
        "name" => by_name(question, text(ask, "resource")),
        "uri" => uris::find(question, ask),
        "type" => those(question, |resource| {
            resource.get("type") == ask.get("type")
                && match text(ask, "whose") {
                    "server" => is_the_servers(question, resource),
                    "requester" => is_the_requesters(question, resource),
                    "instance" => !is_the_servers(question, resource),
                    _ => ask["whose"] == "any",
                }
        }),
        "scopes" => {
            those(question, |resource| texts(resource, "scopes").iter().any(|scope| named.contains(scope)))
        }
        _ => Vec::new(),
    }
}

/// R9: an id if it has a dash; else the requester's own, those shared with him, the resource server's
fn by_name<'q>(question: &'q Value, name: &str) -> Vec<&'q Value> {
    if name.contains('-')
        && let Some(resource) = question::resource(question, name)
    {
        return vec![resource];
    }
    let own = those(question, |resource| resource["name"] == name && is_the_requesters(question, resource));
    let server = those(question, |resource| {
        resource["name"] == name
            && is_the_servers(question, resource)
            && !is_the_requesters(question, resource)
    });
    let shared = those(question, |resource| {
        resource["name"] == name
            && !is_the_servers(question, resource)
            && !is_the_requesters(question, resource)
            && question["requester"]["id"] != question["server"]["id"]
            && shares::of_requester(question, resource).is_some()
    });
    [own, shared, server].concat()
}

/// Those resources that fit, in the order of their ids
fn those(question: &Value, fits: impl Fn(&Value) -> bool) -> Vec<&Value> {
    let mut found: Vec<&Value> =
        list(&question["facts"], "resources").iter().filter(|resource| fits(resource)).collect();
    found.sort_by_key(|resource| text(resource, "id"));
    found
}

/// Adds what the ask wants of a resource. A resource that has none of the scopes is skipped (Keycloak wire §6.6).
fn ask_for<'q>(
    question: &'q Value,
    units: &mut Vec<Unit<'q>>,
    demand: &mut Demand,
    extra: &Scopes,
    resource: &'q Value,
) {
    let available = available(question, resource);
    let named: Scopes = demand.named.iter().cloned().collect();
    let asked = &named | extra;
    let wanted = if asked.is_empty() { available } else { &asked & &available };
    if wanted.is_empty() && !asked.is_empty() {
        return;
    }
    let at = units::place(units, Some(resource));
    units[at].assessed = true;
    units[at].scopes.extend(wanted.iter().cloned());
    demand.wanted.push((at, wanted));
}

/// The name under which an ask found nothing, if it is one that names a resource
fn missing(question: &Value, ask: &Value, demand: &Demand) -> Option<String> {
    let name = text(ask, "resource");
    match text(ask, "by") {
        // By id, a resource that has none of the scopes is denied, not unknown (SEC-10).
        "id" => question::resource(question, name).is_none().then(|| name.to_owned()),
        "name" if name.contains('-') && question::resource(question, name).is_some() => None,
        "name" => demand.wanted.is_empty().then(|| name.to_owned()),
        "type" => demand.wanted.is_empty().then(|| text(ask, "type").to_owned()),
        _ => None,
    }
}

fn exists(question: &Value, scope: &str) -> bool {
    texts(&question["facts"], "scopes").iter().any(|known| known == scope)
}

/// UMA Grant §3.3.4 step 4: what the client asks for in addition and is registered for
fn client_scopes(question: &Value) -> Scopes {
    let asked = texts(question, "scopes").into_iter().filter(|scope| exists(question, scope));
    match question.get("registered") {
        None => asked.collect(),
        Some(_) => asked.filter(|scope| texts(question, "registered").contains(scope)).collect(),
    }
}

/// UMA Grant §3.3.4: a registered scope that is available on no resource that was asked for
pub(super) fn refuse_scopes_of_no_resource(question: &Value, touched: &[&Value]) -> Result<(), Refusal> {
    if question.get("registered").is_none() {
        return Ok(());
    }
    let registered = texts(question, "registered");
    let strange: Vec<String> = texts(question, "scopes")
        .into_iter()
        .filter(|scope| registered.contains(scope))
        .filter(|scope| !touched.iter().any(|resource| available(question, resource).contains(scope)))
        .collect();
    if strange.is_empty() { Ok(()) } else { Err(Refusal::Scopes(strange)) }
}
