//! Sign-ins, events and required actions over HTTP (`admin-surface` §9).

use countersign_tests::{
    admin::{Admin, usual},
    forge,
    world::World,
};
use serde_json::json;

#[test]
fn a_session_or_all_of_them_end() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let (alice, bob) = (world.token("alice"), world.token("bob"));
    let sid = forge::claims(&alice)["sid"].as_str().unwrap().to_owned();
    _ = root.delete(&format!("sessions/{sid}?isOffline=false")).expect(204);
    root.delete(&format!("sessions/{sid}")).bare(404, "Session not found");
    assert_eq!(world.introspect(&alice)["active"], false);
    assert_eq!(world.introspect(&bob)["active"], true);
    let answer = root.request("POST", "logout-all").send().expect(200);
    assert_eq!(answer.json(), json!({}));
    assert_eq!(world.introspect(&bob)["active"], false);
}

#[test]
fn required_actions_are_read_and_put_back() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let path = "authentication/required-actions/VERIFY_PROFILE";
    let mut action = root.read(path);
    assert_eq!(
        action,
        json!({
            "alias": "VERIFY_PROFILE", "name": "Verify Profile", "providerId": "VERIFY_PROFILE", "enabled": true,
            "defaultAction": false, "priority": 100, "config": {},
        })
    );
    action["enabled"] = false.into();
    _ = root.put(path, &action).expect(204);
    assert_eq!(root.read(path), action);
    root.get("authentication/required-actions/NOTHING").bare(404, "Failed to find required action");
    root.put("authentication/required-actions/NOTHING", &action).bare(404, "Failed to find required action");
    assert_eq!(root.read("authentication/required-actions").as_array().unwrap().len(), 12);
}

#[test]
fn what_administrators_do_is_kept_where_the_realm_wants_it() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let config = root.read("events/config");
    assert_eq!((&config["eventsEnabled"], &config["adminEventsEnabled"]), (&json!(false), &json!(false)));
    _ = root.create("users", &json!({ "username": "before" }));
    let mut config = config;
    config["adminEventsEnabled"] = true.into();
    config["eventsEnabled"] = true.into();
    _ = root.put("events/config", &config).expect(204);
    assert_eq!(root.read("events/config"), config);
    let id = root.create("users", &json!({ "username": "after" }));
    _ = root.delete(&format!("users/{id}")).expect(204);
    let events = root.read("admin-events");
    let kinds: Vec<_> =
        events.as_array().unwrap().iter().map(|one| one["operationType"].as_str().unwrap()).collect();
    assert_eq!(&kinds[..2], ["DELETE", "CREATE"], "{events}");
    assert_eq!(events[1]["resourcePath"], format!("users/{id}"));
    assert!(events[1]["authDetails"]["userId"].is_string(), "{events}");
    _ = root.delete("admin-events").expect(204);
    assert_eq!(root.read("admin-events"), json!([]));
    assert_eq!(root.read("events?type=LOGIN&first=0&max=5&dateFrom=2026-01-01"), json!([]));
    root.get("events?dateFrom=yesterday").refused(400, "invalid_request", "Invalid dateFrom");
    _ = root.delete("events").expect(204);
}

/// `adminEventsDetailsEnabled`
#[test]
fn what_administrators_send_is_kept_without_secrets_where_the_realm_wants_it() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let kept = || root.read("admin-events?max=1")[0].clone();
    _ = root.put("events/config", &json!({ "adminEventsEnabled": true })).expect(204);
    _ = root.create("users", &json!({ "username": "plain" }));
    assert_eq!(kept().get("representation"), None);
    _ = root.put("events/config", &json!({ "adminEventsDetailsEnabled": true })).expect(204);
    let credentials = json!([{ "type": "password", "value": "hush-hush-hush" }]);
    let id =
        root.create("users", &json!({ "username": "erin", "firstName": "Erin", "credentials": credentials }));
    let event = kept();
    let shown: serde_json::Value = serde_json::from_str(event["representation"].as_str().unwrap()).unwrap();
    assert_eq!((&event["operationType"], &shown["username"]), (&json!("CREATE"), &json!("erin")));
    assert_eq!((&shown["firstName"], &shown["credentials"]), (&json!("Erin"), &json!("**********")));
    let password = json!({ "type": "password", "value": "hush-hush-hush", "temporary": false });
    _ = root.put(&format!("users/{id}/reset-password"), &password).expect(204);
    assert_eq!((kept()["operationType"].clone(), kept().get("representation")), (json!("ACTION"), None));
    _ = root.create("clients", &json!({ "clientId": "shop", "secret": "hush-hush-hush", "name": "Shop" }));
    let shown = kept()["representation"].as_str().unwrap().to_owned();
    assert!(shown.contains("Shop") && !shown.contains("hush"), "{shown}");
    _ = root
        .put("", &json!({ "smtpServer": { "host": "mail.example", "password": "hush-hush-hush" } }))
        .expect(204);
    let shown = kept()["representation"].as_str().unwrap().to_owned();
    assert!(shown.contains("mail.example") && !shown.contains("hush"), "{shown}");
    _ = root.delete(&format!("users/{id}")).expect(204);
    assert_eq!((kept()["operationType"].clone(), kept().get("representation")), (json!("DELETE"), None));
    // What is refused is not kept.
    _ = root.post("users", &json!({ "username": "plain" })).expect(409);
    assert_eq!(kept()["operationType"], "DELETE");
    assert!(!root.read("admin-events").to_string().contains("hush"));
}
