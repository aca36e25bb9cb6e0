//! DISC: the discovery document.

use countersign_tests::{authz::Authz, case, world::World};
use serde_json::Value;

const UNCACHED: &str = "no-cache, must-revalidate, no-transform, no-store";

fn document(world: &World, name: &str) -> Value {
    let answer = world.request("GET", &format!(".well-known/{name}")).send().expect(200);
    assert_eq!(answer.header("cache-control"), Some(UNCACHED));
    answer.json()
}

#[test]
fn disc_1_the_document_is_that_of_openid_with_the_protection_api() {
    let Authz { world, .. } = Authz::of_cases();
    let (uma, openid) = (document(&world, "uma2-configuration"), document(&world, "openid-configuration"));
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "introspection_endpoint"] {
        assert!(uma[name].is_string(), "{name}");
        assert_eq!(uma[name], openid[name], "{name}");
    }
    for (name, path) in [
        ("permission_endpoint", "authz/protection/permission"),
        ("resource_registration_endpoint", "authz/protection/resource_set"),
        ("policy_endpoint", "authz/protection/uma-policy"),
    ] {
        assert_eq!(uma[name], world.url(path), "{name}");
    }
}

#[test]
fn disc_2_a_realm_with_an_address_of_its_own_names_no_other() {
    let front = "https://mykeycloak/auth";
    let Authz { world, .. } = Authz::of(&case::realm().attribute("frontendUrl", front));
    for name in ["uma2-configuration", "openid-configuration"] {
        let document = document(&world, name);
        let addresses: Vec<_> = document
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(name, value)| {
                value.as_str().filter(|text| text.starts_with("http")).map(|text| (name, text))
            })
            .collect();
        assert!(addresses.len() > 5, "{addresses:?}");
        for (name, address) in addresses {
            assert!(address.starts_with(front), "{name}: {address}");
        }
    }
}
