//! What every realm has from its beginning, as Keycloak makes it (`admin-surface` §8).

pub mod clients;

use std::collections::BTreeMap;

use super::{ClientScope, ProtocolMapper};

/// The client scopes of a new realm with their mappers
pub fn client_scopes() -> Vec<ClientScope> {
    vec![
        scope("profile", Consent::Asked, true, profile()),
        scope("email", Consent::Asked, true, email()),
        scope("address", Consent::Asked, true, vec![address()]),
        scope("phone", Consent::Asked, true, phone()),
        scope("offline_access", Consent::Asked, true, Vec::new()),
        scope("microprofile-jwt", Consent::NotAsked, true, microprofile()),
        scope("roles", Consent::Asked, false, roles()),
        scope("web-origins", Consent::NotAsked, false, vec![origins()]),
        scope("acr", Consent::NotAsked, false, vec![acr()]),
        scope("basic", Consent::NotAsked, false, basic()),
        scope("service_account", Consent::NotAsked, false, service_account()),
        scope("organization", Consent::Asked, true, vec![organization()]),
    ]
}

/// Whether people are asked before a client gets it
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    Asked,
    NotAsked,
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn scope(name: &str, consent: Consent, in_token: bool, mappers: Vec<ProtocolMapper>) -> ClientScope {
    let mut attributes = map(&[
        ("include.in.token.scope", if in_token { "true" } else { "false" }),
        ("display.on.consent.screen", if consent == Consent::Asked { "true" } else { "false" }),
    ]);
    if consent == Consent::Asked {
        // The name of a text, which is in camel case.
        let text = if name == "offline_access" { "offlineAccess" } else { name };
        let text = format!("${{{text}ScopeConsentText}}");
        attributes.insert("consent.screen.text".to_owned(), text);
    }
    ClientScope {
        id: new_id(),
        name: name.to_owned(),
        description: Some(description(name).to_owned()),
        protocol: Some("openid-connect".to_owned()),
        attributes,
        protocol_mappers: mappers,
        ..ClientScope::default()
    }
}

fn description(name: &str) -> &'static str {
    match name {
        "profile" => "OpenID Connect built-in scope: profile",
        "email" => "OpenID Connect built-in scope: email",
        "address" => "OpenID Connect built-in scope: address",
        "phone" => "OpenID Connect built-in scope: phone",
        "offline_access" => "OpenID Connect built-in scope: offline_access",
        "microprofile-jwt" => "Microprofile - JWT built-in scope",
        "roles" => "OpenID Connect scope for add user roles to the access token",
        "web-origins" => "OpenID Connect scope for add allowed web origins to the access token",
        "acr" => "OpenID Connect scope for add acr (authentication context class reference) to the token",
        "basic" => "OpenID Connect scope for add all basic claims to the token",
        "service_account" => "Specific scope for a client enabled for service accounts",
        _ => "Additional claims about the organization a subject belongs to",
    }
}

fn mapper(name: &str, kind: &str, config: &[(&str, &str)]) -> ProtocolMapper {
    ProtocolMapper {
        id: Some(new_id()),
        name: name.to_owned(),
        protocol: Some("openid-connect".to_owned()),
        protocol_mapper: kind.to_owned(),
        config: map(config),
        ..ProtocolMapper::default()
    }
}

/// Into which tokens a mapper puts its claim
const EVERYWHERE: &[(&str, &str)] = &[
    ("access.token.claim", "true"),
    ("id.token.claim", "true"),
    ("userinfo.token.claim", "true"),
    ("introspection.token.claim", "true"),
];
const TOKENS: &[(&str, &str)] =
    &[("access.token.claim", "true"), ("id.token.claim", "true"), ("introspection.token.claim", "true")];
const ACCESS: &[(&str, &str)] = &[("access.token.claim", "true"), ("introspection.token.claim", "true")];

fn with<'a>(
    own: &[(&'a str, &'a str)],
    tokens: &'static [(&'static str, &'static str)],
) -> Vec<(&'a str, &'a str)> {
    own.iter().chain(tokens).copied().collect()
}

/// An attribute of a user as a claim
fn attribute(name: &str, attribute: &str, claim: &str, label: &str) -> ProtocolMapper {
    user(name, "oidc-usermodel-attribute-mapper", attribute, claim, label)
}

fn user(name: &str, kind: &str, attribute: &str, claim: &str, label: &str) -> ProtocolMapper {
    let own = [("user.attribute", attribute), ("claim.name", claim), ("jsonType.label", label)];
    mapper(name, kind, &with(&own, EVERYWHERE))
}

/// A note of the sign-in as a claim
fn note(name: &str, note: &str, claim: &str, label: &str) -> ProtocolMapper {
    let own = [("user.session.note", note), ("claim.name", claim), ("jsonType.label", label)];
    mapper(name, "oidc-usersessionmodel-note-mapper", &with(&own, TOKENS))
}

fn profile() -> Vec<ProtocolMapper> {
    let mut mappers = vec![mapper("full name", "oidc-full-name-mapper", EVERYWHERE)];
    let attributes = [
        ("family name", "lastName", "family_name", "String"),
        ("given name", "firstName", "given_name", "String"),
        ("middle name", "middleName", "middle_name", "String"),
        ("nickname", "nickname", "nickname", "String"),
        ("username", "username", "preferred_username", "String"),
        ("profile", "profile", "profile", "String"),
        ("picture", "picture", "picture", "String"),
        ("website", "website", "website", "String"),
        ("gender", "gender", "gender", "String"),
        ("birthdate", "birthdate", "birthdate", "String"),
        ("zoneinfo", "zoneinfo", "zoneinfo", "String"),
        ("locale", "locale", "locale", "String"),
        ("updated at", "updatedAt", "updated_at", "long"),
    ];
    mappers.extend(attributes.map(|(name, of, claim, label)| attribute(name, of, claim, label)));
    mappers
}

fn email() -> Vec<ProtocolMapper> {
    let verified = "oidc-usermodel-property-mapper";
    vec![
        attribute("email", "email", "email", "String"),
        user("email verified", verified, "emailVerified", "email_verified", "boolean"),
    ]
}

fn address() -> ProtocolMapper {
    let own = [
        ("user.attribute.formatted", "formatted"),
        ("user.attribute.street", "street"),
        ("user.attribute.locality", "locality"),
        ("user.attribute.region", "region"),
        ("user.attribute.postal_code", "postal_code"),
        ("user.attribute.country", "country"),
    ];
    mapper("address", "oidc-address-mapper", &with(&own, EVERYWHERE))
}

fn phone() -> Vec<ProtocolMapper> {
    vec![
        attribute("phone number", "phoneNumber", "phone_number", "String"),
        attribute("phone number verified", "phoneNumberVerified", "phone_number_verified", "boolean"),
    ]
}

fn microprofile() -> Vec<ProtocolMapper> {
    let groups = [("multivalued", "true"), ("claim.name", "groups"), ("jsonType.label", "String")];
    vec![
        attribute("upn", "username", "upn", "String"),
        mapper("groups", "oidc-usermodel-realm-role-mapper", &with(&groups, TOKENS)),
    ]
}

fn roles() -> Vec<ProtocolMapper> {
    let of = |claim| [("multivalued", "true"), ("claim.name", claim), ("jsonType.label", "String")];
    let realm = of("realm_access.roles");
    let client = of("resource_access.${client_id}.roles");
    vec![
        mapper("realm roles", "oidc-usermodel-realm-role-mapper", &with(&realm, ACCESS)),
        mapper("client roles", "oidc-usermodel-client-role-mapper", &with(&client, ACCESS)),
        mapper("audience resolve", "oidc-audience-resolve-mapper", ACCESS),
    ]
}

fn origins() -> ProtocolMapper {
    mapper("allowed web origins", "oidc-allowed-origins-mapper", ACCESS)
}

fn acr() -> ProtocolMapper {
    mapper("acr loa level", "oidc-acr-mapper", TOKENS)
}

fn basic() -> Vec<ProtocolMapper> {
    vec![mapper("sub", "oidc-sub-mapper", ACCESS), note("auth_time", "AUTH_TIME", "auth_time", "long")]
}

fn service_account() -> Vec<ProtocolMapper> {
    vec![
        note("Client ID", "client_id", "client_id", "String"),
        note("Client Host", "clientHost", "clientHost", "String"),
        note("Client IP Address", "clientAddress", "clientAddress", "String"),
    ]
}

/// Nobody belongs to an organization here: it stands for settings that name it
fn organization() -> ProtocolMapper {
    let own = [("multivalued", "true"), ("claim.name", "organization"), ("jsonType.label", "String")];
    mapper("organization", "oidc-organization-membership-mapper", &with(&own, TOKENS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::RealmSettings;

    #[test]
    fn every_scope_that_new_clients_get_is_there_once() {
        let scopes = client_scopes();
        let settings = RealmSettings::default();
        for name in
            settings.default_default_client_scopes.iter().chain(&settings.default_optional_client_scopes)
        {
            assert_eq!(scopes.iter().filter(|scope| scope.name == *name).count(), 1, "{name}");
        }
        let mut ids: Vec<_> = scopes.iter().map(|scope| &scope.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), scopes.len());
    }

    #[test]
    fn scopes_for_machines_are_neither_shown_nor_in_tokens() {
        for name in ["roles", "web-origins", "acr", "basic", "service_account"] {
            let scope = client_scopes().into_iter().find(|scope| scope.name == name).unwrap();
            assert!(!scope.in_token(), "{name}");
        }
    }
}
