//! Resources, scopes, policies, permissions and shares of a resource server (`admin-surface` §10-§12).

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::{
    AdminError,
    api::Api,
    args::{Pairs, Resource, Rule, Scope, Share, Why},
    identity::{find_client, find_user},
    members::{set, set_policy},
    show::{Shown, printable},
};
use crate::percent::segment;

/// A resource server by its `clientId`
struct Server<'a> {
    api: &'a Api,
    path: String,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl<'a> Server<'a> {
    fn of(api: &'a Api, client_id: &str) -> Result<Self, AdminError> {
        let client = find_client(api, client_id)?;
        let path = api.at(&["clients", text(&client, "id"), "authz", "resource-server"])?;
        Ok(Self { api, path })
    }

    fn at(&self, parts: &[&str]) -> String {
        parts.iter().fold(self.path.clone(), |path, part| format!("{path}/{}", segment(part)))
    }

    /// By its name
    fn named(&self, kind: &'static str, name: &str) -> Result<Value, AdminError> {
        let found = self.api.get(&self.at(&[kind, "search"]), &[("name", name)])?;
        if found.is_object() { Ok(found) } else { Err(AdminError::Missing(kind, name.to_owned())) }
    }

    /// By its name or its id
    fn resource(&self, name: &str) -> Result<Value, AdminError> {
        match self.named("resource", name) {
            Err(AdminError::Missing(..)) => {
                self.api.get(&self.at(&["resource", name]), &[]).map_err(|error| {
                    if matches!(error, AdminError::Refused { status: 404, .. }) {
                        AdminError::Missing("resource", name.to_owned())
                    } else {
                        error
                    }
                })
            }
            found => found,
        }
    }
}

fn done(what: &str, name: &str, verb: &str) -> Shown {
    Shown::Done(format!("{what} `{name}` was {verb}"))
}

/// `countersign admin resource`
pub(super) fn resource(api: &Api, command: &Resource) -> Result<Shown, AdminError> {
    const COLUMNS: &[&str] = &["name", "type", "owner.name", "uris", "scopes", "_id"];
    Ok(match command {
        Resource::List { server, name } => {
            let server = Server::of(api, server)?;
            let mut query = vec![("max", "-1")];
            query.extend(name.as_deref().map(|name| ("name", name)));
            Shown::Table(COLUMNS, api.get(&server.at(&["resource"]), &query)?)
        }
        Resource::Show { server, resource } => Shown::One(Server::of(api, server)?.resource(resource)?),
        Resource::Create { server, name, members } => {
            let server = Server::of(api, server)?;
            let mut body = Map::from_iter([("name".to_owned(), name.as_str().into())]);
            set(&mut body, &members.members)?;
            api.post(&server.at(&["resource"]), &body.into())?;
            done("resource", name, "made")
        }
        Resource::Set { server, resource, members } => {
            let server = Server::of(api, server)?;
            let mut known = server.resource(resource)?;
            let id = text(&known, "_id").to_owned();
            if let Some(document) = known.as_object_mut() {
                set(document, &members.members)?;
            }
            api.put(&server.at(&["resource", &id]), &known)?;
            done("resource", resource, "changed")
        }
        Resource::Delete { server, resource } => {
            let server = Server::of(api, server)?;
            let known = server.resource(resource)?;
            api.delete(&server.at(&["resource", text(&known, "_id")]), None)?;
            done("resource", resource, "deleted")
        }
    })
}

/// `countersign admin scope`
pub(super) fn scope(api: &Api, command: &Scope) -> Result<Shown, AdminError> {
    Ok(match command {
        Scope::List { server } => {
            let all = api.get(&Server::of(api, server)?.at(&["scope"]), &[("max", "-1")])?;
            Shown::Table(&["name", "displayName", "id"], all)
        }
        Scope::Create { server, name, members } => {
            let mut body = Map::from_iter([("name".to_owned(), name.as_str().into())]);
            set(&mut body, &members.members)?;
            api.post(&Server::of(api, server)?.at(&["scope"]), &body.into())?;
            done("scope", name, "stored")
        }
        Scope::Delete { server, name } => {
            let server = Server::of(api, server)?;
            let known = server.named("scope", name)?;
            api.delete(&server.at(&["scope", text(&known, "id")]), None)?;
            done("scope", name, "deleted")
        }
    })
}

/// Policies or permissions: the same calls below two paths
struct Family<'a> {
    server: Server<'a>,
    /// `policy` or `permission`
    kind: &'static str,
}

impl<'a> Family<'a> {
    fn of(api: &'a Api, client_id: &str, kind: &'static str) -> Result<Self, AdminError> {
        Ok(Self { server: Server::of(api, client_id)?, kind })
    }

    fn list(&self) -> Result<Shown, AdminError> {
        let permissions = if self.kind == "permission" { "true" } else { "false" };
        let query = [("permission", permissions), ("max", "-1")];
        let all = self.server.api.get(&self.server.at(&["policy"]), &query)?;
        Ok(Shown::Table(&["name", "type", "logic", "decisionStrategy", "description"], all))
    }

    fn known(&self, name: &str) -> Result<Value, AdminError> {
        let found = self.server.api.get(&self.server.at(&["policy", "search"]), &[("name", name)])?;
        let is_permission = matches!(text(&found, "type"), "resource" | "scope");
        if found.is_object() && is_permission == (self.kind == "permission") {
            Ok(found)
        } else {
            Err(AdminError::Missing(self.kind, name.to_owned()))
        }
    }

    /// In the form of its type, with what it hangs together with
    fn show(&self, name: &str) -> Result<Shown, AdminError> {
        let known = self.known(name)?;
        let (kind, id) = (text(&known, "type"), text(&known, "id"));
        let mut form = self.server.api.get(&self.server.at(&[self.kind, kind, id]), &[])?;
        for (member, list) in
            [("policies", "associatedPolicies"), ("resources", "resources"), ("scopes", "scopes")]
        {
            let all = self.server.api.get(&self.server.at(&["policy", id, list]), &[])?;
            let names: Vec<_> = all.as_array().into_iter().flatten().map(|one| text(one, "name")).collect();
            if !names.is_empty()
                && let Some(members) = form.as_object_mut()
            {
                members.insert(member.to_owned(), json!(names));
            }
        }
        Ok(Shown::One(form))
    }

    fn create(&self, kind: &str, name: &str, pairs: &Pairs) -> Result<Shown, AdminError> {
        let mut body = Map::from_iter([("name".to_owned(), name.into())]);
        set_policy(&mut body, &pairs.members)?;
        self.server.api.post(&self.server.at(&[self.kind, kind]), &body.into())?;
        Ok(done(self.kind, name, "made"))
    }

    fn set(&self, name: &str, pairs: &Pairs) -> Result<Shown, AdminError> {
        let known = self.known(name)?;
        let path = self.server.at(&[self.kind, text(&known, "type"), text(&known, "id")]);
        let mut form = self.server.api.get(&path, &[])?;
        if let Some(members) = form.as_object_mut() {
            set_policy(members, &pairs.members)?;
        }
        self.server.api.put(&path, &form)?;
        Ok(done(self.kind, name, "changed"))
    }

    fn delete(&self, name: &str) -> Result<Shown, AdminError> {
        let known = self.known(name)?;
        self.server.api.delete(&self.server.at(&["policy", text(&known, "id")]), None)?;
        Ok(done(self.kind, name, "deleted"))
    }
}

/// The word of a type on the command line, which is the server's too
fn word(kind: &impl ValueEnum) -> String {
    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// `countersign admin policy` and `countersign admin permission`, which is what `kind` says
pub(super) fn rule<T>(api: &Api, kind: &'static str, command: &Rule<T>) -> Result<Shown, AdminError>
where
    T: ValueEnum + Send + Sync + 'static,
{
    let family = |server: &str| Family::of(api, server, kind);
    match command {
        Rule::List { server } => family(server)?.list(),
        Rule::Show { server, name } => family(server)?.show(name),
        Rule::Create { server, kind, name, members } => family(server)?.create(&word(kind), name, members),
        Rule::Set { server, name, members } => family(server)?.set(name, members),
        Rule::Delete { server, name } => family(server)?.delete(name),
    }
}

/// `countersign admin share`
pub(super) fn share(api: &Api, command: &Share) -> Result<Shown, AdminError> {
    Ok(match command {
        Share::List { server, resource, owner, requester, pending } => {
            let server = Server::of(api, server)?;
            let mut query = vec![("max", "-1")];
            for (name, value) in [("resource", resource), ("owner", owner), ("requester", requester)] {
                query.extend(value.as_deref().map(|value| (name, value)));
            }
            if *pending {
                query.push(("granted", "false"));
            }
            let all = api.get(&server.at(&["share"]), &query)?;
            Shown::Table(&["resourceName", "scopeName", "ownerName", "requesterName", "granted", "id"], all)
        }
        Share::Give { server, resource, user, scopes } => {
            let body = json!({ "resource": resource, "requester": user, "scopes": scopes });
            api.post(&Server::of(api, server)?.at(&["share"]), &body)?;
            Shown::Done(format!("user `{user}` has {} of resource `{resource}`", scopes.join(", ")))
        }
        Share::Take { server, resource, user, scopes } => {
            take(&Server::of(api, server)?, resource, user, scopes)?
        }
        Share::End { server, id } => {
            api.delete(&Server::of(api, server)?.at(&["share", id]), None)?;
            done("share", id, "ended")
        }
    })
}

/// Ends what somebody has, or waits for, on a resource
fn take(server: &Server<'_>, resource: &str, user: &str, scopes: &[String]) -> Result<Shown, AdminError> {
    let query = [("resource", resource), ("requester", user), ("max", "-1")];
    let known = server.api.get(&server.at(&["share"]), &query)?;
    let meant =
        |share: &&Value| scopes.is_empty() || scopes.iter().any(|name| name == text(share, "scopeName"));
    let ended: Vec<_> = known.as_array().into_iter().flatten().filter(meant).collect();
    if ended.is_empty() {
        return Err(AdminError::Missing("share with", user.to_owned()));
    }
    for share in &ended {
        server.api.delete(&server.at(&["share", text(share, "id")]), None)?;
    }
    let names: Vec<_> = ended.iter().map(|share| text(share, "scopeName")).collect();
    Ok(Shown::Done(format!("user `{user}` has lost {} of resource `{resource}`", names.join(", "))))
}

/// `countersign admin why`
pub(super) fn why(api: &Api, command: &Why) -> Result<Shown, AdminError> {
    let server = Server::of(api, &command.server)?;
    let user = find_user(api, &command.user)?;
    let resource = server.resource(&command.resource)?;
    let body = json!({
        "userId": text(&user, "id"),
        "resources": [{ "_id": text(&resource, "_id"), "scopes": command.scopes }],
    });
    let answer = api.ask(&server.at(&["policy", "evaluate"]), &[("trace", "true")], &body)?;
    Ok(Shown::Lines(lines(command, &resource, &answer), answer))
}

fn lines(command: &Why, resource: &Value, answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let names = |value: Option<&Value>| -> String {
        let all = value.and_then(Value::as_array).into_iter().flatten();
        let names: Vec<_> = all.map(|one| one.as_str().unwrap_or_else(|| text(one, "name"))).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let results = answer.get("results").and_then(Value::as_array).into_iter().flatten();
    let units = answer.pointer("/trace/units").and_then(Value::as_array).into_iter().flatten();
    for (result, unit) in results.zip(units) {
        let may = if text(result, "status") == "PERMIT" { "may" } else { "may not" };
        lines.push(format!(
            "{} {may} use {}: asked {}; granted {}",
            command.user,
            text(resource, "name"),
            names(result.get("scopes")),
            names(result.get("allowedScopes")),
        ));
        for permission in result.get("policies").and_then(Value::as_array).into_iter().flatten() {
            tell(permission, 1, &mut lines);
        }
        let changes = unit.get("to_change").and_then(Value::as_array).into_iter().flatten();
        lines.extend(changes.filter_map(Value::as_str).map(|change| format!("  to change: {change}")));
    }
    lines.iter().map(|line| printable(line)).collect()
}

/// A permission or policy with those below it
fn tell(entry: &Value, depth: usize, lines: &mut Vec<String>) {
    let Some(policy) = entry.get("policy") else { return };
    let indent = "  ".repeat(depth);
    let status = if text(entry, "status") == "PERMIT" { "permits" } else { "denies" };
    let about = match text(policy, "description") {
        "" => String::new(),
        text => format!(" ({text})"),
    };
    lines.push(format!("{indent}{} `{}`{about} {status}", text(policy, "type"), text(policy, "name")));
    for below in entry.get("associatedPolicies").and_then(Value::as_array).into_iter().flatten() {
        tell(below, depth.saturating_add(1), lines);
    }
}
