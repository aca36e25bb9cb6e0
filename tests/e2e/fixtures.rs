//! Files that were written elsewhere, where this machine has them (issue "Real input").

use std::{collections::BTreeMap, fs};

use countersign_tests::{
    folder,
    forge::claims,
    http::Answer,
    server::{Builder, Server},
    world::{RPT_HINT, UMA, document},
};
use serde_json::{Value, json};

const DOCUMENT: &str = "c1000001-0000-0000-0000-000000000001";
const SERVER: (&str, &str) = ("uma-resource-server", "uma-resource-server-secret");
const APP: (&str, &str) = ("uma-client-app", "uma-client-app-secret");

/// A file of the fixtures, or nothing where they are not
fn file(name: &str) -> Option<String> {
    let Some(folder) = folder::fixtures() else {
        println!("not here: ../shared/fixtures");
        return None;
    };
    Some(fs::read_to_string(folder.join("realms").join(name)).unwrap())
}

/// The .NET sample on a server of its own
struct Sample {
    server: Server,
}

impl Sample {
    fn start(users: &str) -> Option<Self> {
        let realm = file("dotnet-uma-realm.json")?;
        let builder = Server::builder().secret(SERVER.1).secret(APP.1);
        // As Keycloak's directory import takes them, users first here.
        let builder = builder.import_text("dotnet-uma-users.json", users);
        Some(Self { server: builder.import_text("dotnet-uma-realm.json", &realm).start() })
    }

    fn url(&self, path: &str) -> String {
        format!("{}/realms/Test/{path}", self.server.base())
    }

    fn token(&self, client: (&str, &str), fields: &[(&str, &str)]) -> Answer {
        let url = self.url("protocol/openid-connect/token");
        self.server.http.post(&url).basic(client.0, client.1).form(fields).send()
    }

    fn pat(&self) -> String {
        self.token(SERVER, &[("grant_type", "client_credentials")]).expect(200).member("access_token")
    }

    fn sign_in(&self, client: (&str, &str), user: &str) -> String {
        let fields = [("grant_type", "password"), ("username", user), ("password", user)];
        self.token(client, &fields).expect(200).member("access_token")
    }

    fn protect(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let url = self.url(&format!("authz/protection/{path}"));
        self.server.http.request(method, &url).bearer(token).json(body).send()
    }

    fn list(&self, path: &str, token: &str) -> Value {
        let url = self.url(&format!("authz/protection/{path}"));
        self.server.http.get(&url).bearer(token).send().expect(200).json()
    }

    fn exchange(&self, token: &str, resource: &str, scopes: &[&str]) -> Answer {
        let body = json!([{ "resource_id": resource, "resource_scopes": scopes }]);
        let ticket = self.protect("POST", "permission", &self.pat(), &body).expect(201).member("ticket");
        let url = self.url("protocol/openid-connect/token");
        let form = [("grant_type", UMA), ("ticket", &ticket)];
        self.server.http.post(&url).bearer(token).form(&form).send()
    }

    fn introspect(&self, token: &str) -> Value {
        let url = self.url("protocol/openid-connect/token/introspect");
        let form = [("token", token), ("token_type_hint", RPT_HINT)];
        self.server.http.post(&url).basic(SERVER.0, SERVER.1).form(&form).send().expect(200).json()
    }
}

fn scopes(answer: Answer) -> Value {
    let claims = claims(&answer.expect(200).member("access_token"));
    let permissions = claims["authorization"]["permissions"].as_array().unwrap().clone();
    let [one] = &permissions[..] else { panic!("{permissions:?}") };
    let mut scopes: Vec<String> = serde_json::from_value(one["scopes"].clone()).unwrap();
    scopes.sort();
    scopes.into()
}

#[test]
fn the_dotnet_sample_shares_a_document_of_the_resource_server() {
    let Some(users) = file("dotnet-uma-users.json") else { return };
    let Some(sample) = Sample::start(&users) else { return };
    let (alice, bob, pat) = (sample.sign_in(APP, "alice"), sample.sign_in(APP, "bob"), sample.pat());

    // It belongs to the resource server; alice holds it by `owner-policy`.
    let read = sample.list(&format!("resource_set/{DOCUMENT}"), &pat);
    assert_eq!(read["name"], "shared-document");
    assert_eq!(
        sample.list(&format!("resource_set?deep=true&_id={DOCUMENT}"), &pat)[0]["owner"]["name"],
        SERVER.0
    );
    assert_eq!(scopes(sample.exchange(&alice, DOCUMENT, &["read", "write"])), json!(["read", "write"]));

    // Bob's exchange answers `request_submitted` and stores nothing (wire §6.7).
    sample.exchange(&bob, DOCUMENT, &["read"]).refused(403, "access_denied", "request_submitted");
    assert_eq!(sample.list("permission/ticket", &pat), json!([]));

    // The resource server creates the stored ticket and approves it.
    let bob_id = claims(&bob)["sub"].clone();
    let body = json!({ "resource": DOCUMENT, "requester": bob_id, "scopeName": "read", "granted": false });
    let row = sample.protect("POST", "permission/ticket", &pat, &body).expect(200).json();
    assert_eq!(row["granted"], false);
    sample.exchange(&bob, DOCUMENT, &["read"]).refused(403, "access_denied", "request_submitted");

    // Alice's own token is refused that approval: she lacks the client role (wire §4).
    let approval = json!({ "id": row["id"], "granted": true });
    let own = sample.sign_in(SERVER, "alice");
    sample.protect("PUT", "permission/ticket", &own, &approval).refused(
        403,
        "invalid_scope",
        "Requires uma_protection scope.",
    );
    _ = sample.protect("PUT", "permission/ticket", &pat, &approval).expect(204);

    // Bob reads and may not write.
    let answer = sample.exchange(&bob, DOCUMENT, &["read"]).expect(200);
    let rpt = answer.member("access_token");
    assert_eq!(scopes(answer), json!(["read"]));
    sample.exchange(&bob, DOCUMENT, &["write"]).refused(403, "access_denied", "request_submitted");
    assert_eq!(scopes(sample.exchange(&bob, DOCUMENT, &["read", "write"])), json!(["read"]));
    assert_eq!(sample.introspect(&rpt)["permissions"][0]["scopes"], json!(["read"]));
    // Alice goes on as before.
    assert_eq!(scopes(sample.exchange(&alice, DOCUMENT, &["read", "write"])), json!(["read", "write"]));

    // The end of it: the resource server takes it back.
    _ = sample
        .protect("PUT", "permission/ticket", &pat, &json!({ "id": row["id"], "granted": false }))
        .expect(204);
    assert_eq!(sample.introspect(&rpt)["permissions"], json!([]));
    sample.exchange(&bob, DOCUMENT, &["read"]).refused(403, "access_denied", "request_submitted");
}

#[test]
fn with_the_role_alice_approves_what_is_hers_and_not_what_is_the_servers() {
    let Some(users) = file("dotnet-uma-users.json") else { return };
    let mut users: Value = serde_json::from_str(&users).unwrap();
    let alice = users["users"].as_array_mut().unwrap().iter_mut().find(|user| user["username"] == "alice");
    alice.unwrap()["clientRoles"] = json!({ "uma-resource-server": ["uma_protection"] });
    let Some(sample) = Sample::start(&users.to_string()) else { return };
    let (alice, bob, pat) = (sample.sign_in(SERVER, "alice"), sample.sign_in(APP, "bob"), sample.pat());
    let bob_id = claims(&bob)["sub"].clone();

    let body = json!({ "resource": DOCUMENT, "requester": bob_id, "scopeName": "read" });
    let row = sample.protect("POST", "permission/ticket", &pat, &body).expect(200).json();
    let approval = json!({ "id": row["id"], "granted": true });
    let text = "permissions for [null] can be updated only by the owner or by the resource server";
    sample.protect("PUT", "permission/ticket", &alice, &approval).refused(403, "not_authorised", text);

    // The same walk on a document of hers.
    let hers =
        sample.protect("POST", "resource_set", &pat, &document("hers", "alice")).expect(201).member("_id");
    sample.exchange(&bob, &hers, &["read"]).refused(403, "access_denied", "request_submitted");
    let rows = sample.list(&format!("permission/ticket?resourceId={hers}&returnNames=true"), &alice);
    let [pending] = &rows.as_array().unwrap()[..] else { panic!("{rows}") };
    assert_eq!((&pending["requesterName"], &pending["granted"]), (&json!("bob"), &json!(false)));
    let approval = json!({ "id": pending["id"], "granted": true });
    _ = sample.protect("PUT", "permission/ticket", &alice, &approval).expect(204);
    let answer = sample.exchange(&bob, &hers, &["read"]).expect(200);
    let rpt = answer.member("access_token");
    assert_eq!(scopes(answer), json!(["read"]));
    sample.exchange(&bob, &hers, &["write"]).refused(403, "access_denied", "request_submitted");
    let taken = json!({ "id": pending["id"], "granted": false });
    _ = sample.protect("PUT", "permission/ticket", &alice, &taken).expect(204);
    assert_eq!(sample.introspect(&rpt)["permissions"], json!([]));
    sample.exchange(&bob, &hers, &["read"]).refused(403, "access_denied", "request_submitted");
}

/// A server that is started as said, with the realm of a file
fn on(builder: Builder, name: &str) -> Option<Server> {
    let mut import: Value = serde_json::from_str(&file(name)?).unwrap();
    for client in import["clients"].as_array_mut().unwrap() {
        // People sign in through a page there; the tests do it by password.
        client["directAccessGrantsEnabled"] = true.into();
    }
    Some(builder.import_text(name, &import.to_string()).start())
}

/// What is not supported yet is listed, in one warning each
fn imports(name: &str, realm: &str, warned: &[&str]) -> Option<Server> {
    let server = on(Server::builder(), name)?;
    let log = server.log();
    _ = server.http.get(&format!("{}/realms/{realm}", server.base())).send().expect(200);
    for word in warned {
        let lines = log.lines().filter(|line| line.contains("WARN") && line.contains(word)).count();
        assert_eq!(lines, 1, "{word}\n{log}");
    }
    Some(server)
}

fn password(server: &Server, realm: &str, client: (&str, &str), user: &str) -> Answer {
    let url = format!("{}/realms/{realm}/protocol/openid-connect/token", server.base());
    let form = [("grant_type", "password"), ("username", user), ("password", user)];
    server.http.post(&url).basic(client.0, client.1).form(&form).send()
}

#[test]
fn photoz_imports_and_names_its_scripts() {
    let scripts = ["requiredCredentials", "script-only-owner.js"];
    let Some(server) = imports("photoz-realm.json", "photoz", &scripts) else { return };
    let log = server.log();
    let realm: Value = serde_json::from_str(&file("photoz-realm.json").unwrap()).unwrap();
    let clients = realm["clients"].as_array().unwrap().iter();
    let policies =
        clients.filter_map(|client| client["authorizationSettings"]["policies"].as_array()).flatten();
    for policy in policies.filter(|policy| policy["type"].as_str().unwrap().starts_with("script")) {
        let name = policy["name"].as_str().unwrap();
        assert_eq!(
            log.lines().filter(|line| line.contains(&format!("`{name}`"))).count(),
            1,
            "{name}\n{log}"
        );
    }
}

/// Albums belong to people; their owners and administrators may do all, others what an owner approves
#[test]
fn photoz_walks_with_its_scripts() {
    let Some(server) = on(Server::builder().scripts(), "photoz-realm.json") else { return };
    assert!(!server.log().contains("it denies"), "{}", server.log());
    let api = ("photoz-restful-api", "secret");
    let issuer = format!("{}/realms/photoz", server.base());
    let token_url = format!("{issuer}/protocol/openid-connect/token");
    let pat = server.http.post(&token_url).basic(api.0, api.1).form(&[("grant_type", "client_credentials")]);
    let pat = pat.send().expect(200).member("access_token");
    let token = |user: &str| password(&server, "photoz", api, user).expect(200).member("access_token");
    let (alice, jdoe, admin) = (token("alice"), token("jdoe"), token("admin"));
    let protect = |method: &str, path: &str, token: &str, body: &Value| {
        let url = format!("{issuer}/authz/protection/{path}");
        server.http.request(method, &url).bearer(token).json(body).send()
    };
    let grant = |token: &str, fields: &[(&str, &str)]| {
        let mut form = vec![("grant_type", UMA)];
        form.extend_from_slice(fields);
        server.http.post(&token_url).bearer(token).form(&form).send()
    };
    let asks = |token: &str, permission: &str| {
        grant(token, &[("audience", api.0), ("permission", permission), ("response_mode", "decision")]).status
    };

    // What the application itself guards: profiles for those on this machine, its back room for administrators.
    for (token, profile, back_room) in [(&alice, 200, 403), (&jdoe, 200, 403), (&admin, 200, 200)] {
        assert_eq!(asks(token, "User Profile Resource#profile:view"), profile);
        assert_eq!(asks(token, "Admin Resources#admin:manage"), back_room);
    }

    // Alice makes an album: it is hers by the script of its type.
    let album = json!({ "name": "Alice's family", "type": "http://photoz.com/album", "uris": ["/album/1"],
                        "owner": "alice", "ownerManagedAccess": true,
                        "scopes": ["album:view", "album:delete"] });
    let album = protect("POST", "resource_set", &pat, &album).expect(201).member("_id");
    let (view, delete) = (format!("{album}#album:view"), format!("{album}#album:delete"));
    for (token, want) in [(&alice, 200), (&jdoe, 403), (&admin, 200)] {
        assert_eq!(asks(token, &view), want);
        assert_eq!(asks(token, &delete), want);
    }

    // Jdoe asks for it; Alice approves what she wants.
    let wanted = json!([{ "resource_id": album, "resource_scopes": ["album:view", "album:delete"] }]);
    let ticket = protect("POST", "permission", &pat, &wanted).expect(201).member("ticket");
    grant(&jdoe, &[("ticket", &ticket)]).refused(403, "access_denied", "request_submitted");
    let list = |query: &str| {
        let url = format!("{issuer}/authz/protection/permission/ticket?{query}");
        server.http.get(&url).bearer(&pat).send().expect(200).json()
    };
    let asked = list("granted=false&returnNames=true");
    let asked = asked.as_array().unwrap();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let approve = asked.iter().find(|row| row["scopeName"] == "album:view").unwrap();
    let approval = json!({ "id": approve["id"], "granted": true, "requester": approve["requester"] });
    assert_eq!(protect("PUT", "permission/ticket", &pat, &approval).status, 204);
    assert_eq!((asks(&jdoe, &view), asks(&jdoe, &delete)), (200, 403));
    let ticket = protect("POST", "permission", &pat, &wanted).expect(201).member("ticket");
    assert_eq!(scopes(grant(&jdoe, &[("ticket", &ticket)])), json!(["album:view"]));

    // She takes it back, and it is hers alone again.
    let withdrawal = json!({ "id": approve["id"], "granted": false });
    assert_eq!(protect("PUT", "permission/ticket", &pat, &withdrawal).status, 204);
    assert_eq!((asks(&jdoe, &view), asks(&alice, &view), asks(&admin, &delete)), (403, 200, 200));
}

#[test]
fn servlet_authz_imports_and_decides_by_roles() {
    let Some(server) = imports("servlet-authz-realm.json", "quickstart", &["requiredCredentials"]) else {
        return;
    };
    decides(&server, "jakarta-servlet-authz-client", "servlet-authz-realm.json");
}

#[test]
fn spring_authz_imports_and_decides_by_roles() {
    let Some(server) = imports("spring-authz-realm.json", "quickstart", &["requiredCredentials"]) else {
        return;
    };
    decides(&server, "authz-servlet", "spring-authz-realm.json");
}

/// Premium is for jdoe, not for alice
fn decides(server: &Server, client: &str, name: &str) {
    let realm: Value = serde_json::from_str(&file(name).unwrap()).unwrap();
    let settings = realm["clients"].as_array().unwrap().iter().find(|one| one["clientId"] == client).unwrap();
    let key = settings["secret"].as_str().unwrap();
    let resources = settings["authorizationSettings"]["resources"].as_array().unwrap();
    let premium = resources
        .iter()
        .map(|resource| resource["name"].as_str().unwrap())
        .find(|name| name.to_lowercase().contains("premium"))
        .unwrap();
    for (user, open) in [("jdoe", true), ("alice", false)] {
        let answer = password(server, "quickstart", (client, key), user);
        let token = answer.expect(200).member("access_token");
        let url = format!("{}/realms/quickstart/protocol/openid-connect/token", server.base());
        let form = [
            ("grant_type", UMA),
            ("audience", client),
            ("permission", premium),
            ("response_mode", "decision"),
        ];
        let answer = server.http.post(&url).bearer(&token).form(&form).send();
        assert_eq!(answer.status, if open { 200 } else { 403 }, "{user} {premium}: {answer}");
    }
}

/// Every name in a file by the id beside it
fn names_by_id(value: &Value, names: &mut BTreeMap<String, String>) {
    if let Some(members) = value.as_object() {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let id = text("id").or(text("_id"));
        let name = text("username").or(text("clientId")).or(text("path")).or(text("name"));
        names.extend(id.zip(name).map(|(id, name)| (id.to_owned(), name.to_owned())));
        members.values().for_each(|value| names_by_id(value, names));
    }
    value.as_array().into_iter().flatten().for_each(|value| names_by_id(value, names));
}

/// A value of `config` as a list without order, with names for ids and flags that are absent as `false`; texts as
/// they are
fn config_value(value: &Value, names: &BTreeMap<String, String>) -> Value {
    let Some(Ok(Value::Array(mut items))) = value.as_str().map(serde_json::from_str::<Value>) else {
        return value.clone();
    };
    let put_name = |text: &mut Value| {
        if let Some(name) = text.as_str().and_then(|id| names.get(id)) {
            *text = name.as_str().into();
        }
    };
    for item in &mut items {
        put_name(item);
        if let Some(members) = item.as_object_mut() {
            members.retain(|_, value| *value != false);
            members.values_mut().for_each(put_name);
        }
    }
    items.sort_by_key(ToString::to_string);
    items.into()
}

/// Settings in one form, whatever was left out and in which order they are
fn settled(settings: &Value, names: &BTreeMap<String, String>) -> Value {
    let list = |name: &str| settings[name].as_array().cloned().unwrap_or_default();
    let name_of = |value: &Value| value["name"].as_str().or(value.as_str()).unwrap().to_owned();
    let mut scopes: Vec<_> = list("scopes")
        .iter()
        .map(|scope| json!({ "name": scope["name"], "displayName": scope["displayName"], "iconUri": scope["iconUri"] }))
        .collect();
    let mut resources: Vec<_> = list("resources")
        .iter()
        .map(|one| {
            let texts = |name: &str| -> Vec<String> {
                let mut all: Vec<_> = one[name].as_array().into_iter().flatten().map(name_of).collect();
                all.sort();
                all
            };
            let mut uris = texts("uris");
            uris.extend(one["uri"].as_str().map(str::to_owned));
            json!({
                "name": one["name"], "type": one["type"], "displayName": one["displayName"], "uris": uris,
                "icon_uri": one["icon_uri"], "scopes": texts("scopes"), "owner": one["owner"]["name"],
                "managed": one["ownerManagedAccess"] == true,
                "attributes": one["attributes"].as_object().cloned().unwrap_or_default(),
            })
        })
        .collect();
    // A scope that only a resource names is made with it.
    for name in resources.iter().flat_map(|one| one["scopes"].as_array().unwrap().clone()).collect::<Vec<_>>()
    {
        if !scopes.iter().any(|scope| scope["name"] == name) {
            scopes.push(json!({ "name": name, "displayName": null, "iconUri": null }));
        }
    }
    let mut policies: Vec<_> = list("policies")
        .iter()
        .map(|one| {
            let config = one["config"].as_object().cloned().unwrap_or_default().into_iter();
            let config: serde_json::Map<_, _> = config
                .map(|(name, value)| (name, config_value(&value, names)))
                .filter(|(_, value)| *value != json!([]) && *value != "")
                .collect();
            json!({
                "name": one["name"], "type": one["type"], "description": one["description"],
                "logic": one["logic"].as_str().unwrap_or("POSITIVE"),
                "strategy": one["decisionStrategy"].as_str().unwrap_or("UNANIMOUS"), "config": config,
            })
        })
        .collect();
    for list in [&mut scopes, &mut resources, &mut policies] {
        list.sort_by_key(|one| one["name"].as_str().unwrap().to_owned());
    }
    json!({
        "remote": settings["allowRemoteResourceManagement"].as_bool().unwrap_or(true),
        "mode": settings["policyEnforcementMode"].as_str().unwrap_or("ENFORCING"),
        "strategy": settings["decisionStrategy"].as_str().unwrap_or("UNANIMOUS"),
        "scopes": scopes, "resources": resources, "policies": policies,
    })
}

#[test]
fn settings_of_every_fixture_come_out_as_they_went_in() {
    let mut seen = 0;
    for name in
        ["dotnet-uma-realm.json", "photoz-realm.json", "servlet-authz-realm.json", "spring-authz-realm.json"]
    {
        let Some(text) = file(name) else { return };
        let realm: Value = serde_json::from_str(&text).unwrap();
        let builder = Server::builder()
            .env("COUNTERSIGN_ADMIN_USERNAME", "root")
            .env("COUNTERSIGN_ADMIN_PASSWORD", "a-long-password");
        let builder = match name {
            "dotnet-uma-realm.json" => {
                builder.import_text("dotnet-uma-users.json", &file("dotnet-uma-users.json").unwrap())
            }
            _ => builder,
        };
        let server = builder.import_text(name, &text).start();
        let mut names = BTreeMap::new();
        names_by_id(&realm, &mut names);
        if let Some(users) = file("dotnet-uma-users.json") {
            names_by_id(&serde_json::from_str(&users).unwrap(), &mut names);
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "root"),
            ("password", "a-long-password"),
        ];
        let url = format!("{}/realms/master/protocol/openid-connect/token", server.base());
        let token = server.http.post(&url).form(&form).send().expect(200).member("access_token");
        let base = format!("{}/admin/realms/{}/clients", server.base(), realm["realm"].as_str().unwrap());
        let get =
            |path: &str| server.http.get(&format!("{base}{path}")).bearer(&token).send().expect(200).json();
        for client in realm["clients"].as_array().unwrap() {
            let Some(given) = client.get("authorizationSettings") else { continue };
            let id = get(&format!("?clientId={}", client["clientId"].as_str().unwrap()));
            let id = id[0]["id"].as_str().unwrap();
            let export = get(&format!("/{id}/authz/resource-server/settings"));
            assert_eq!(settled(&export, &names), settled(given, &names), "{name}: {}", client["clientId"]);
            // And in again, over what is there
            let path = format!("{base}/{id}/authz/resource-server/import");
            _ = server.http.post(&path).bearer(&token).json(&export).send().expect(204);
            assert_eq!(get(&format!("/{id}/authz/resource-server/settings")), export, "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}
