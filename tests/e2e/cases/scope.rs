//! ENT-18 to ENT-24, ENT-33, ENT-37: which scopes a request without a ticket gets.

use countersign_tests::{
    authz::Authz,
    case::{granted, permissions},
    http::Answer,
};
use serde_json::{Value, json};

const THREE: [&str; 3] = ["sensors:view", "sensors:update", "sensors:delete"];

fn ask(authz: &Authz, user: &str, permissions: &[&str]) -> Answer {
    authz.world.ask(&authz.world.token(user), permissions)
}

#[test]
fn ent_18_scopes_alone_mean_every_resource_that_has_them() {
    let authz = Authz::of_cases();
    _ = authz.resource("One", &THREE);
    _ = authz.resource("Two", &THREE[..2]);
    _ = authz.permit_scopes(None, &THREE[..2], "always");
    let both = ["One: sensors:update sensors:view", "Two: sensors:update sensors:view"];
    assert_eq!(granted(ask(&authz, "marta", &["#sensors:view"])), ["One: sensors:view", "Two: sensors:view"]);
    for wanted in [
        vec!["#sensors:view,sensors:update"],
        vec!["#sensors:view,sensors:update,sensors:delete"],
        vec!["#sensors:view", "#sensors:update"],
    ] {
        assert_eq!(granted(ask(&authz, "marta", &wanted)), both, "{wanted:?}");
    }
}

#[test]
fn ent_19_a_scope_of_no_resource_is_a_permission_without_one() {
    let authz = Authz::of_cases();
    _ = authz.make("scope", &json!({ "name": "sensors:view" }));
    _ = authz.permit_scopes(None, &["sensors:view"], "always");
    let list = permissions(ask(&authz, "marta", &["#sensors:view"]));
    assert_eq!(list, [json!({ "scopes": ["sensors:view"] })]);
}

#[test]
fn ent_20_what_a_resource_no_longer_has_is_left_out() {
    let authz = Authz::of_cases();
    let id = authz.open("Sensors", &THREE);
    let all = format!("#{}", THREE.join(","));
    assert_eq!(
        granted(ask(&authz, "marta", &[&all])),
        ["Sensors: sensors:delete sensors:update sensors:view"]
    );
    let fewer = json!({ "name": "Sensors", "scopes": THREE[..2] });
    _ = authz.put(&format!("resource/{id}"), &fewer).expect(204);
    for wanted in [all.clone(), format!("{id}{all}")] {
        assert_eq!(
            granted(ask(&authz, "marta", &[&wanted])),
            ["Sensors: sensors:update sensors:view"],
            "{wanted}"
        );
    }
}

#[test]
fn ent_21_scope_permissions_of_a_resource_and_of_a_type() {
    let authz = Authz::of_cases();
    let untyped = authz.resource("Untyped", &THREE);
    let typed = authz.make("resource", &json!({ "name": "Typed", "type": "type-one", "scopes": THREE }));
    _ = authz.permit_scopes(Some(&untyped), &THREE[..1], "always");
    let update = json!({
        "name": "of a type", "resourceType": "type-one", "scopes": ["sensors:update"], "policies": ["always"],
    });
    _ = authz.make("permission/scope", &update);
    let all = THREE.join(",");
    assert_eq!(granted(ask(&authz, "marta", &[&format!("{untyped}#{all}")])), ["Untyped: sensors:view"]);
    assert_eq!(granted(ask(&authz, "marta", &[&format!("{typed}#{all}")])), ["Typed: sensors:update"]);
}

/// Steps that change what is decided about marta's resource of a type
#[test]
fn ent_24_a_resources_own_permission_goes_over_that_of_its_type() {
    let authz = Authz::of_cases();
    let scopes = ["read", "update"];
    let typed = authz.make("resource", &json!({ "name": "Typed", "type": "thing", "scopes": scopes }));
    let body = json!({
        "name": "Hers", "type": "thing", "owner": "marta", "ownerManagedAccess": true, "resource_scopes": scopes,
    });
    let hers = authz.world.register(&authz.world.pat(), &body);
    _ = authz.user_policy("only owner", "marta");
    _ = authz.user_policy("kolo", "kolo");
    let kind = json!({ "name": "of the type", "resourceType": "thing", "policies": ["only owner"] });
    let of_type = authz.make("permission/resource", &kind);
    let both = "Hers: read update";
    let marta = || granted(ask(&authz, "marta", &[&hers]));
    let kolo = || ask(&authz, "kolo", &[&hers]);
    assert_eq!(marta(), [both]);
    kolo().denied();

    let own = authz.permit(&[&hers], "kolo");
    assert_eq!(granted(kolo()), [both]);
    let parent =
        json!({ "id": of_type, "name": "of the type", "resources": [typed], "policies": ["only owner"] });
    authz.put_policy(&format!("permission/resource/{of_type}"), &parent);
    assert_eq!(granted(kolo()), [both]);

    let update = authz.permit_scopes(Some(&hers), &["update"], "only owner");
    assert_eq!(granted(kolo()), ["Hers: read"]);
    authz.delete(&format!("permission/resource/{own}"));
    kolo().denied();
    let wider = json!({
        "id": update, "name": "update", "resources": [hers], "scopes": ["update"],
        "policies": ["only owner", "kolo"], "decisionStrategy": "AFFIRMATIVE",
    });
    authz.put_policy(&format!("permission/scope/{update}"), &wider);
    assert_eq!(granted(kolo()), ["Hers: update"]);
    assert_eq!(marta(), [both]);
    authz.delete(&format!("permission/scope/{update}"));
    kolo().denied();
}

#[test]
fn ent_33_a_scope_that_no_permission_covers_is_denied() {
    let authz = Authz::of_cases();
    let id = authz.resource("Sensors", &THREE);
    _ = authz.permit_scopes(Some(&id), &["sensors:view"], "always");
    let ask = |scope: &str| {
        let wanted = format!("{id}#{scope}");
        authz.world.uma_by("documents", &[("audience", "documents"), ("permission", &wanted)])
    };
    assert_eq!(granted(ask("sensors:view")), ["Sensors: sensors:view"]);
    ask("sensors:update").denied();
}

#[test]
fn ent_37_by_id_and_by_name_the_same() {
    let authz = Authz::of_cases();
    let body =
        json!({ "name": "Shared", "ownerManagedAccess": true, "resource_scopes": ["scope1", "scope2"] });
    let id = authz.world.register(&authz.world.pat(), &body);
    _ = authz.user_policy("marta", "marta");
    _ = authz.permit_scopes(Some(&id), &["scope1"], "marta");
    _ = authz.world.share(&id, "scope1", "marta");
    for wanted in [id.as_str(), "Shared"] {
        let list = permissions(ask(&authz, "marta", &[wanted]));
        let got: Vec<_> = list.iter().map(|one| (&one["rsid"], &one["scopes"])).collect();
        let want: (Value, Value) = (json!(id), json!(["scope1"]));
        assert_eq!(got, [(&want.0, &want.1)], "{wanted}");
    }
}
