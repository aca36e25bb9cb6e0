//! What mappers find of a user and of a client.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::realm::{Client, User};

/// Attributes with their values
pub(super) type Attributes = BTreeMap<String, Vec<String>>;

/// The user's own values of an attribute
pub(super) fn attribute(user: &User, name: &str) -> Vec<String> {
    match name {
        "username" | "email" | "firstName" | "lastName" => property(user, name).into_iter().collect(),
        name => user.attributes.get(name).cloned().unwrap_or_default(),
    }
}

/// What every account has
pub(super) fn property(user: &User, name: &str) -> Option<String> {
    match name {
        "id" => Some(user.id.clone()),
        "username" => Some(user.username.clone()),
        "email" => user.email.clone(),
        "firstName" => user.first_name.clone(),
        "lastName" => user.last_name.clone(),
        "emailVerified" => Some(user.email_verified.to_string()),
        "enabled" => Some(user.enabled.to_string()),
        _ => None,
    }
}

/// Given and family name, whichever are known
pub(super) fn full_name(user: &User) -> Option<String> {
    let names = [&user.first_name, &user.last_name].into_iter().flatten().map(|name| name.trim());
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// The address claim (OpenID Connect Core §5.1.1) from the attributes that the mapper names
pub(super) fn address<'a>(user: &User, config: impl Fn(&str) -> Option<&'a str>) -> Map<String, Value> {
    const MEMBERS: [(&str, &str, &str); 6] = [
        ("formatted", "user.attribute.formatted", "formatted"),
        ("street_address", "user.attribute.street", "street"),
        ("locality", "user.attribute.locality", "locality"),
        ("region", "user.attribute.region", "region"),
        ("postal_code", "user.attribute.postal_code", "postal_code"),
        ("country", "user.attribute.country", "country"),
    ];
    let value = |(member, setting, usual): (&str, &str, &str)| {
        let values = user.attributes.get(config(setting).unwrap_or(usual))?;
        Some((member.to_owned(), values.first()?.as_str().into()))
    };
    MEMBERS.into_iter().filter_map(value).collect()
}

/// Origins of scripts that may call with tokens of this client; `+` stands for those of its redirect URIs
pub(super) fn allowed_origins(client: &Client) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    for origin in &client.settings.web_origins {
        if origin == "+" {
            origins.extend(client.settings.redirect_uris.iter().filter_map(|uri| origin_of(uri)));
        } else {
            origins.push(origin.clone());
        }
    }
    origins.sort_unstable();
    origins.dedup();
    origins
}

/// Scheme, host and port of a URL (RFC 6454 §4)
fn origin_of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_redirects_stand_for_a_plus() {
        assert_eq!(origin_of("https://app.example/cb/*").as_deref(), Some("https://app.example"));
        assert_eq!(origin_of("*"), None);
    }
}
