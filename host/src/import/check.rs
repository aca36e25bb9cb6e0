//! What can be seen to be wrong with a realm before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{GroupFile, RealmFile, RoleFile};
use crate::{
    password::policy::{Owner, PasswordPolicy},
    realm::{ClientSettings, RealmSettings, SettingError, UmaSettings},
    representation::WrongMember,
};

/// Most of each noun in one import: what is more is refused before memory is spent on it
const MOST: [(&str, usize); 5] = [
    ("clients", 20_000),
    ("groups", 100_000),
    ("roles", 100_000),
    ("composites", 1_000_000),
    ("users", 1_000_000),
];
/// How deep groups may be nested
const DEPTH: usize = 32;
/// Longest name, in characters
const NAME: usize = 255;

/// Looks at every member that stands for itself; the path in a refusal is that of the document
pub fn members(file: &RealmFile) -> Result<(), WrongMember> {
    if file.realm.is_none() {
        return Err(WrongMember::new("realm", "a realm file names its realm"));
    }
    counts(file)?;
    file.settings(&RealmSettings::default())?;
    for (place, client) in file.clients.iter().flatten().enumerate() {
        let path = format!("clients[{place}]");
        name(&format!("{path}.clientId"), client.client_id.as_deref())?;
        client.settings(&ClientSettings::default()).map_err(|error| below(&path, error))?;
    }
    roles("roles.realm", &file.roles.realm)?;
    for (client, listed) in &file.roles.client {
        roles(&format!("roles.client.{client}"), listed)?;
    }
    groups("groups", &file.groups, 1)?;
    let mut users = BTreeSet::new();
    for (place, user) in file.users.iter().enumerate() {
        let path = format!("users[{place}].username");
        name(&path, user.username.as_deref())?;
        if !users.insert(user.username()) {
            return Err(WrongMember::new(&path, "this user is listed twice"));
        }
    }
    Ok(())
}

/// A wrong member of a document inside another
fn below(path: &str, error: WrongMember) -> WrongMember {
    WrongMember { member: format!("{path}.{}", error.member), ..error }
}

fn name(path: &str, given: Option<&str>) -> Result<(), WrongMember> {
    match given {
        None | Some("") => Err(WrongMember::new(path, "a name is missing")),
        Some(name) if name.chars().count() > NAME => {
            Err(WrongMember::new(path, format!("longer than {NAME} characters")))
        }
        Some(name) if name.chars().any(char::is_control) => {
            Err(WrongMember::new(path, "a name has no control characters"))
        }
        Some(_) => Ok(()),
    }
}

fn roles(path: &str, listed: &[RoleFile]) -> Result<(), WrongMember> {
    let mut names = BTreeSet::new();
    for (place, role) in listed.iter().enumerate() {
        let path = format!("{path}[{place}].name");
        name(&path, role.name.as_deref())?;
        if !names.insert(role.name()) {
            return Err(WrongMember::new(&path, format!("role `{}` is listed twice", role.name())));
        }
    }
    Ok(())
}

fn groups(path: &str, listed: &[GroupFile], depth: usize) -> Result<(), WrongMember> {
    if depth > DEPTH && !listed.is_empty() {
        return Err(WrongMember::new(path, format!("groups are nested deeper than {DEPTH}")));
    }
    let mut names = BTreeSet::new();
    for (place, group) in listed.iter().enumerate() {
        let here = format!("{path}[{place}]");
        name(&format!("{here}.name"), group.name.as_deref())?;
        let known = group.name.as_deref().unwrap_or_default();
        if known.contains('/') {
            return Err(WrongMember::new(&format!("{here}.name"), "the name of a group has no slash"));
        }
        if !names.insert(known) {
            return Err(WrongMember::new(
                &format!("{here}.name"),
                format!("group `{known}` is listed twice"),
            ));
        }
        groups(&format!("{here}.subGroups"), &group.sub_groups, depth.saturating_add(1))?;
    }
    Ok(())
}

fn counts(file: &RealmFile) -> Result<(), WrongMember> {
    fn nested(groups: &[GroupFile], depth: usize) -> usize {
        if depth > DEPTH {
            return 0;
        }
        groups.iter().fold(groups.len(), |sum, group| {
            sum.saturating_add(nested(&group.sub_groups, depth.saturating_add(1)))
        })
    }
    let roles = || file.roles.realm.iter().chain(file.roles.client.values().flatten());
    let found = |kind: &str| match kind {
        "clients" => file.clients.as_ref().map_or(0, Vec::len),
        "groups" => nested(&file.groups, 1),
        "roles" => roles().count(),
        "composites" => roles()
            .filter_map(|role| role.composites.as_ref())
            .fold(0, |sum: usize, composites| sum.saturating_add(composites.iter().count())),
        _ => file.users.len(),
    };
    for (kind, most) in MOST {
        let count = found(kind);
        if count > most {
            let member = if kind == "composites" { "roles" } else { kind };
            return Err(WrongMember::new(member, format!("{count} {kind}; at most {most} are taken")));
        }
    }
    Ok(())
}

/// Looks at what only the whole realm shows
pub fn whole(file: &RealmFile) -> Result<(), String> {
    let name = file.name();
    if name.is_empty() || name.len() > NAME || name.chars().any(|c| c.is_control() || c == '/') {
        return Err("the name of a realm has 1 to 255 characters and no slash".to_owned());
    }
    let (settings, _) = file.settings(&RealmSettings::default()).map_err(|error| error.to_string())?;
    UmaSettings::read(&settings.attributes)
        .map_err(|error: SettingError| format!("member `attributes`: {error}"))?;
    let mut clients = BTreeSet::new();
    for client in file.clients.iter().flatten() {
        if !clients.insert(client.client_id()) {
            return Err(format!("client `{}` is listed twice", client.client_id()));
        }
    }
    let policy = PasswordPolicy::read(&settings.password_policy).map_err(|error| error.to_string())?;
    passwords(file, &policy)?;
    no_cycles(file)
}

/// Plain passwords are new ones: they are what the realm demands
pub fn passwords(file: &RealmFile, policy: &PasswordPolicy) -> Result<(), String> {
    for (place, user) in file.users.iter().enumerate() {
        let username = user.username();
        let owner = Owner { username: &username, email: user.email.as_deref() };
        for (number, given) in user.credentials.iter().flatten().enumerate() {
            if let (Some(plain), true) = (&given.value, given.is_password()) {
                policy.check(&plain.0, owner).map_err(|violation| {
                    format!("member `users[{place}].credentials[{number}].value`: {violation}")
                })?;
            }
        }
    }
    Ok(())
}

/// A role, by the client that it belongs to and its name
type Key<'a> = (Option<&'a str>, &'a str);

/// Roles that contain themselves, however far around, are refused: nobody could say what they are
fn no_cycles(file: &RealmFile) -> Result<(), String> {
    let of_clients = file
        .roles
        .client
        .iter()
        .flat_map(|(client, roles)| roles.iter().map(move |role| (Some(client), role)));
    let listed = file.roles.realm.iter().map(|role| (None, role)).chain(of_clients);
    let graph: BTreeMap<Key<'_>, Vec<Key<'_>>> = listed
        .filter_map(|(client, role)| {
            let below = role.composites.as_ref()?.iter().collect();
            Some(((client.map(String::as_str), role.name()), below))
        })
        .collect();
    // Depth first, without recursion: the depth is the file's to choose.
    let mut done: BTreeSet<Key<'_>> = BTreeSet::new();
    for start in graph.keys() {
        let mut way: Vec<(Key<'_>, usize)> = vec![(*start, 0)];
        let mut on_the_way: BTreeSet<Key<'_>> = BTreeSet::from([*start]);
        while let Some((here, next)) = way.last_mut() {
            let below =
                if done.contains(here) { None } else { graph.get(here).and_then(|all| all.get(*next)) };
            match below {
                Some(below) if on_the_way.contains(below) => {
                    let (client, name) = below;
                    let of = client.map(|client| format!(" of client `{client}`")).unwrap_or_default();
                    return Err(format!("member `roles`: role `{name}`{of} contains itself"));
                }
                Some(below) => {
                    *next = next.saturating_add(1);
                    on_the_way.insert(*below);
                    way.push((*below, 0));
                }
                None => {
                    done.insert(*here);
                    on_the_way.remove(here);
                    way.pop();
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(document: serde_json::Value) -> RealmFile {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_role_that_contains_itself_is_named() {
        let of = |a: &str, b: &str| json!({ "name": a, "composites": { "realm": [b] } });
        let realm = |roles: serde_json::Value| file(json!({ "realm": "r", "roles": { "realm": roles } }));
        assert_eq!(whole(&realm(json!([of("a", "b"), of("b", "c"), { "name": "c" }]))), Ok(()));
        let error = whole(&realm(json!([of("a", "b"), of("b", "c"), of("c", "a")]))).unwrap_err();
        assert_eq!(error, "member `roles`: role `a` contains itself");
        let error = whole(&realm(json!([of("a", "a")]))).unwrap_err();
        assert_eq!(error, "member `roles`: role `a` contains itself");
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let role =
            |n: usize| json!({ "name": n.to_string(), "composites": { "realm": [(n + 1).to_string()] } });
        let chain: Vec<_> = (0..50_000).map(role).collect();
        assert_eq!(whole(&file(json!({ "realm": "r", "roles": { "realm": chain } }))), Ok(()));
    }

    #[test]
    fn members_are_named_by_their_path() {
        let wrong = |document| members(&file(document)).unwrap_err().member;
        assert_eq!(wrong(json!({})), "realm");
        assert_eq!(wrong(json!({ "realm": "r", "clients": [{}] })), "clients[0].clientId");
        assert_eq!(wrong(json!({ "realm": "r", "accessTokenLifespan": "x" })), "accessTokenLifespan");
        let client = json!([{ "clientId": "c", "redirectUris": 1 }]);
        assert_eq!(wrong(json!({ "realm": "r", "clients": client })), "clients[0].redirectUris");
        let users = json!([{ "username": "a" }, { "username": "A" }]);
        assert_eq!(wrong(json!({ "realm": "r", "users": users })), "users[1].username");
        let groups = json!([{ "name": "a", "subGroups": [{ "name": "b/c" }] }]);
        assert_eq!(wrong(json!({ "realm": "r", "groups": groups })), "groups[0].subGroups[0].name");
    }
}
