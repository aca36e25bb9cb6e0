//! What an import keeps without effect, said once and with what it would have done.

use std::collections::BTreeMap;

use countersign_core::policy::EVALUATED;
use serde_json::{Value, json};

use super::{RealmImport, document::PolicyFile};
use crate::{
    password::policy::PasswordPolicy,
    realm::{ScriptUse, UmaSettings},
    representation::{Idle, Members, client, credential, group, mapper, realm, role, user},
    script::{Scripts, is_script},
    sign_in::{
        passkey,
        required::{self, VERIFY_EMAIL},
    },
    store::user::people::EARLIER,
};

/// A member that is kept, with how often and what for
#[derive(Debug, Default)]
struct Kept(BTreeMap<String, (usize, Option<&'static str>)>);

impl Kept {
    fn note(&mut self, place: &str, members: &Members, idle: &[Idle]) {
        for (name, _) in members.iter().filter(|(_, value)| !is_nothing(value)) {
            let meaning = idle.iter().find(|(known, _)| known == name).map(|(_, meaning)| *meaning);
            let known = self.0.entry(format!("{place}{name}")).or_insert((0, meaning));
            known.0 = known.0.saturating_add(1);
        }
    }
}

/// Values that ask for nothing
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_i64() == Some(-1),
        Value::Bool(true) => false,
    }
}

/// One line for each member that has no effect, and for each policy that denies for that reason
pub(super) fn lines(import: &RealmImport, scripts: Option<&Scripts>) -> Vec<String> {
    let file = &import.file;
    let mut kept = Kept::default();
    kept.note("", &import.kept, realm::IDLE);
    for role in file.roles.realm.iter().chain(file.roles.client.values().flatten()) {
        kept.note("roles[].", &role.other, role::IDLE);
    }
    let mut groups: Vec<_> = file.groups.iter().collect();
    while let Some(group) = groups.pop() {
        kept.note("groups[].", &group.other, group::IDLE);
        groups.extend(&group.sub_groups);
    }
    for one in &file.users {
        kept.note("users[].", &one.kept(), user::IDLE);
        for given in one.credentials.iter().flatten() {
            let kind = given.kind.as_deref().unwrap_or_default();
            if !given.is_password() && !matches!(kind, "otp" | EARLIER | passkey::KIND) {
                let known = kept
                    .0
                    .entry(format!("users[].credentials[] of type {kind}"))
                    .or_insert((0, Some("let the user sign in with more than a password")));
                known.0 = known.0.saturating_add(1);
            }
            let mut other = given.other.clone();
            other.remove("id");
            kept.note("users[].credentials[].", &other, credential::IDLE);
        }
    }
    for scope in &import.settings.client_scopes {
        kept.note("clientScopes[].", &scope.other, &[]);
        for mapper in &scope.protocol_mappers {
            kept.note("clientScopes[].protocolMappers[].", &mapper.other, mapper::IDLE);
        }
    }
    for (settings, members) in &import.clients {
        kept.note("clients[].", members, client::IDLE);
        for mapper in &settings.protocol_mappers {
            kept.note("clients[].protocolMappers[].", &mapper.other, mapper::IDLE);
        }
    }
    for path in &import.ignored {
        let known = kept.0.entry(general(path)).or_default();
        known.0 = known.0.saturating_add(1);
    }
    let mut lines: Vec<String> = kept
        .0
        .into_iter()
        .map(|(member, (count, meaning))| {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            let meaning = meaning.map(|meaning| format!(": in Keycloak it {meaning}")).unwrap_or_default();
            format!("member `{member}`{times} is kept, but has no effect yet{meaning}")
        })
        .collect();
    // A setting that cannot be read is refused elsewhere.
    let used = UmaSettings::read(&import.settings.attributes).map_or(ScriptUse::Off, |of| of.scripts);
    let policy = PasswordPolicy::read(&import.settings.password_policy).unwrap_or_default();
    lines.extend(policy.idle().map(|name| {
        let instead = match name {
            "hashAlgorithm" | "hashIterations" => "; passwords are hashed by argon2id as OWASP advises",
            _ => "",
        };
        format!("`{name}` in member `passwordPolicy` is kept, but has no effect{instead}")
    }));
    lines.extend(kept_out(import));
    for client in file.clients.iter().flatten() {
        for policy in client.authorization_settings.iter().flat_map(|settings| &settings.policies) {
            if let Some(why) = denies(policy, scripts, used) {
                lines.push(format!(
                    "policy `{}` of client `{}` has type `{}`: {why}",
                    policy.name,
                    client.client_id(),
                    policy.kind
                ));
            }
        }
    }
    lines
}

/// People who cannot sign in because of what they would have to do first
fn kept_out(import: &RealmImport) -> Vec<String> {
    let undoable = required::undoable(&import.settings);
    let mut people: BTreeMap<&str, usize> = BTreeMap::new();
    for user in &import.file.users {
        let verified = user.email_verified == Some(true);
        let listed = user.required_actions.iter().flatten().filter(|alias| undoable.contains(*alias));
        for alias in listed.filter(|alias| !verified || *alias != VERIFY_EMAIL) {
            let count = people.entry(alias).or_default();
            *count = count.saturating_add(1);
        }
    }
    let lines = people.into_iter().map(|(alias, count)| {
        format!(
            "`{alias}` in members `users[].requiredActions` ({count} times) cannot be carried out here: \
             who has it cannot sign in until it is taken from him, or switched off for the realm"
        )
    });
    lines.collect()
}

/// Why a policy denies whoever asks
fn denies(policy: &PolicyFile, scripts: Option<&Scripts>, used: ScriptUse) -> Option<String> {
    let kind = policy.kind.as_str();
    if is_script(kind) {
        let code = policy.config.get("code").map(|code| json!({ "code": code.0 }));
        return match scripts {
            Some(scripts) => {
                let refused = scripts.accept(used, kind, &code.unwrap_or_default()).err()?;
                Some(format!("{refused}: it denies"))
            }
            None => Some("it denies wherever scripts are off or this one is not deployed".to_owned()),
        };
    }
    (!EVALUATED.contains(&kind)).then(|| "nothing evaluates that: it denies".to_owned())
}

/// A path without the places of lists
fn general(path: &str) -> String {
    let parts = path.split('.').map(|part| if part.parse::<usize>().is_ok() { "[]" } else { part });
    parts.collect::<Vec<_>>().join(".").replace(".[]", "[]")
}
