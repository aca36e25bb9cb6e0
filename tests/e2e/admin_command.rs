//! `countersign admin`: the real program against the real server.

use countersign_tests::{
    authz::Authz,
    realm::{password, secret},
    terminal::run,
    world::UMA,
};
use serde_json::{Value, json};

#[test]
fn a_resource_server_is_set_up_and_explained_from_a_terminal() {
    let authz = Authz::new();
    let say = |arguments: &str| -> String {
        let words: Vec<_> = arguments.split(' ').collect();
        authz.admin(&words).good()
    };
    assert!(
        say("client create album-api --resource-server directAccessGrantsEnabled=true").contains("was made")
    );
    let made = say("client create album-app --public --redirect-uri https://app.example/*");
    assert_eq!(made, "public client `album-app` was made; it must use PKCE with S256\n");
    let app: Value = authz.admin(&["--json", "client", "show", "album-app"]).json();
    assert_eq!(app["attributes"]["pkce.code.challenge.method"], "S256");
    assert_eq!(
        (&app["publicClient"], &app["redirectUris"]),
        (&json!(true), &json!(["https://app.example/*"]))
    );

    _ = say("scope create album-api view");
    _ = say("resource create album-api Album type=urn:album uris=/album/* scopes=view,delete");
    _ = say("policy create album-api user owners users=alice");
    _ = say("policy create album-api role managers roles=manager");
    _ = say("policy create album-api aggregate either policies=owners,managers decisionStrategy=AFFIRMATIVE");
    _ = say("permission create album-api resource albums resources=Album policies=either");
    let table = say("resource list album-api");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("NAME"), "{table}");
    assert!(
        lines[1].starts_with("Album  urn:album  album-api") && lines[1].contains("delete, view"),
        "{table}"
    );
    assert!(say("policy list album-api").contains("aggregate"));
    let shown = authz.admin(&["--json", "permission", "show", "album-api", "albums"]).json();
    assert_eq!((&shown["resources"], &shown["policies"]), (&json!(["Album"]), &json!(["either"])));
    assert_eq!(say("permission list album-api").lines().count(), 2);

    let told = say("why alice Album --server album-api");
    assert!(told.starts_with("alice may use Album: asked delete, view; granted delete, view\n"), "{told}");
    let told = say("why bob Album view --server album-api");
    assert!(told.starts_with("bob may not use Album: asked view; granted nothing\n"), "{told}");
    for line in ["  resource `albums` denies", "    aggregate `either` denies", "      user `owners` denies"]
    {
        assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
    }
    assert!(told.contains("to change: permission `albums` denies: policy `either` must permit"), "{told}");
    let trace = authz.admin(&["--json", "why", "carol", "Album", "--server", "album-api"]).json();
    assert_eq!(trace["status"], "PERMIT");

    // What the terminal set up decides on the wire.
    let key = authz.admin(&["client", "secret", "album-api"]).good();
    let password = password("carol");
    let form = [("grant_type", "password"), ("username", "carol"), ("password", password.as_str())];
    let answer = authz.world.post_token().basic("album-api", key.trim()).form(&form).send().expect(200);
    let form = [
        ("grant_type", UMA),
        ("audience", "album-api"),
        ("permission", "Album#view"),
        ("response_mode", "decision"),
    ];
    let token = answer.member("access_token");
    _ = authz.world.post_token().bearer(&token).form(&form).send().expect(200);

    _ = say("policy set album-api either policies=owners");
    assert!(say("why carol Album --server album-api").starts_with("carol may not use Album"));
    _ = say("permission delete album-api albums");
    _ = say("resource set album-api Album scopes=view displayName=Albums");
    _ = say("scope delete album-api delete");
    _ = say("resource delete album-api Album");
    assert_eq!(say("resource list album-api").lines().count(), 1);
    let renewed = authz.admin(&["client", "secret", "album-api", "--renew"]).good();
    assert_ne!(renewed, key);
    _ = say("client delete album-api");
    authz.admin(&["client", "show", "album-api"]).bad("client `album-api` does not exist");
}

#[test]
fn people_roles_and_sign_ins_from_a_terminal() {
    let authz = Authz::new();
    _ = authz.admin(&["user", "create", "erin", "email=erin@test.example", "firstName=Erin"]).good();
    let key = "a-password-of-erin";
    _ = authz.admin_with(&["user", "password", "erin"], &format!("{key}\n")).good();
    let sign_in = || {
        let form =
            [("grant_type", "password"), ("client_id", "reader"), ("username", "erin"), ("password", key)];
        authz.world.post_token().form(&form).send()
    };
    _ = sign_in().expect(200);
    let shown = authz.admin(&["--json", "user", "show", "erin"]).json();
    assert_eq!((&shown["email"], &shown["enabled"]), (&json!("erin@test.example"), &json!(true)));
    assert!(authz.admin(&["user", "list", "eri"]).good().contains("erin@test.example"));

    _ = authz.admin(&["role", "create", "auditor", "--description", "looks"]).good();
    _ = authz.admin(&["user", "grant", "erin", "auditor", "documents/editor"]).good();
    let token = sign_in().expect(200).member("access_token");
    let claims = countersign_tests::forge::claims(&token);
    assert!(claims["realm_access"]["roles"].to_string().contains("auditor"), "{claims}");
    assert_eq!(claims["resource_access"]["documents"]["roles"], json!(["editor"]));
    _ = authz.admin(&["user", "revoke", "erin", "auditor"]).good();
    let claims = countersign_tests::forge::claims(&sign_in().expect(200).member("access_token"));
    assert!(!claims["realm_access"]["roles"].to_string().contains("auditor"), "{claims}");
    assert!(authz.admin(&["role", "list"]).good().contains("looks"));
    assert!(authz.admin(&["role", "list", "--client", "documents"]).good().contains("editor"));
    _ = authz.admin(&["role", "delete", "auditor"]).good();

    assert!(authz.admin(&["session", "list", "erin"]).good().lines().count() > 1);
    _ = authz.admin(&["session", "end", "erin"]).good();
    assert_eq!(authz.admin(&["session", "list", "erin"]).good().lines().count(), 1);
    _ = authz.admin(&["user", "set", "erin", "enabled=false"]).good();
    assert_eq!(sign_in().status, 400);
    _ = authz.admin(&["user", "delete", "erin"]).good();
    authz.admin(&["user", "show", "erin"]).bad("user `erin` does not exist");
}

#[test]
fn realms_and_their_settings_from_a_terminal() {
    let authz = Authz::new();
    _ = authz.admin(&["realm", "create", "second", "displayName=Two", "accessTokenLifespan=60"]).good();
    _ = authz
        .admin(&[
            "realm",
            "set",
            "second",
            "attributes.countersign.ticket_lifespan=120",
            "displayName=Second",
        ])
        .good();
    let shown = authz.admin(&["--json", "realm", "show", "second"]).json();
    assert_eq!((&shown["displayName"], &shown["accessTokenLifespan"]), (&json!("Second"), &json!(60)));
    assert_eq!(shown["attributes"]["countersign.ticket_lifespan"], "120");
    assert!(authz.admin(&["realm", "list"]).good().contains("second"));
    _ = authz.admin(&["realm", "delete", "second"]).good();
    authz.admin(&["realm", "show", "second"]).bad("404: Realm not found.");
}

#[test]
fn shares_are_seen_and_ended_from_a_terminal() {
    let authz = Authz::new();
    let hers = authz.world.document("hers");
    let id = authz.world.share(&hers, "read", "bob");
    let bob = authz.world.token_by("reader", "bob");
    let rpt = authz.world.ask(&bob, &[&hers]).expect(200).member("access_token");
    let list =
        authz.admin(&["share", "list", "documents", "--resource", "hers", "--requester", "bob"]).good();
    assert!(list.lines().nth(1).unwrap().starts_with("hers"), "{list}");
    assert!(list.contains(id.as_str().unwrap()), "{list}");
    for none in [["--resource", "nothing"], ["--requester", "carol"], ["--owner", "bob"]] {
        let words: Vec<_> = ["share", "list", "documents"].into_iter().chain(none).collect();
        assert_eq!(authz.admin(&words).good().lines().count(), 1, "{none:?}");
    }
    assert_eq!(authz.admin(&["share", "list", "documents", "--pending"]).good().lines().count(), 1);
    _ = authz.admin(&["share", "end", "documents", id.as_str().unwrap()]).good();
    assert_eq!(authz.world.introspect(&rpt)["permissions"], json!([]));
    assert_eq!(authz.admin(&["share", "list", "documents"]).good().lines().count(), 1);
    authz.admin(&["share", "end", "documents", "nothing"]).bad("404");
}

#[test]
fn what_goes_wrong_is_one_line_and_no_secret() {
    let authz = Authz::new();
    let base = authz.world.server.base();
    authz.admin(&["user", "set", "alice", "credentials=x"]).bad("is not set on the command line");
    authz.admin(&["client", "set", "backend", "secret=x"]).bad("is not set on the command line");
    authz.admin(&["user", "set", "alice", "enabled"]).bad("`enabled` is no KEY=VALUE");
    authz
        .admin(&["policy", "create", "documents", "user", "p", "users=nobody"])
        .bad("User [nobody] does not exist");
    authz.admin(&["resource", "show", "documents", "nothing"]).bad("resource `nothing` does not exist");
    authz.admin(&["resource", "list", "backend"]).bad("404: HTTP 404 Not Found");
    authz.admin(&["--url", "http://127.0.0.1:1", "realm", "list"]).bad("cannot reach http://127.0.0.1:1");
    authz.admin(&["--realm", "nothing", "user", "list"]).bad("404: Realm not found.");
    let wrong = secret("wrong");
    let variables = [("COUNTERSIGN_ADMIN_URL", base.as_str()), ("COUNTERSIGN_ADMIN_USERNAME", "root")];
    let ended = run(&["admin", "realm", "list"], &variables, &format!("{wrong}\n"));
    assert!(!ended.err.contains(&wrong), "{}", ended.err);
    ended.bad("Invalid user credentials");
    run(&["admin", "realm", "list"], &variables, "").bad("Password of root: nothing was given");
    run(&["admin", "user", "list"], &variables, &format!("{}\n", secret("root")))
        .bad("name the realm by --realm");

    // A token from a file, in the place of a password
    let folder = authz.world.server.folder();
    let file = folder.write("token", authz.token());
    let variables =
        [("COUNTERSIGN_ADMIN_URL", base.as_str()), ("COUNTERSIGN_ADMIN_TOKEN_FILE", file.to_str().unwrap())];
    assert!(run(&["admin", "realm", "list"], &variables, "").good().contains("master"));
    let variables =
        [("COUNTERSIGN_ADMIN_URL", base.as_str()), ("COUNTERSIGN_ADMIN_TOKEN_FILE", "/nowhere/token")];
    run(&["admin", "realm", "list"], &variables, "").bad("/nowhere/token");
}

#[test]
fn help_has_examples_and_shells_have_completions() {
    for (arguments, words) in [
        (&["--help"][..], ["countersign serve", "countersign admin realm list"]),
        (&["admin", "--help"], ["COUNTERSIGN_ADMIN_TOKEN_FILE", "why bob Album view --server album-api"]),
        (&["admin", "why", "--help"], ["--server", "Example:"]),
    ] {
        let help = run(arguments, &[], "").good();
        assert!(words.iter().all(|word| help.contains(word)), "{help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell], &[], "").good();
        assert!(script.contains("countersign") && script.contains("permission"), "{shell}");
    }
}

#[test]
fn an_administrator_shares_takes_back_and_renews_keys_from_a_terminal() {
    let authz = Authz::new();
    let id = authz.world.document("plan");
    let bob = authz.world.token_by("reader", "bob");
    let may = |scope: &str| authz.world.ask(&bob, &[&format!("{id}#{scope}")]).status == 200;
    assert!(!may("read"));
    let told = authz.admin(&["share", "give", "documents", "plan", "bob", "read", "write"]).good();
    assert_eq!(told, "user `bob` has read, write of resource `plan`\n");
    assert!(may("read") && may("write"));
    // Again is no error; a request that waits is approved.
    _ = authz.admin(&["share", "give", "documents", &id, "bob", "read"]).good();
    let carol = authz.world.token_by("reader", "carol");
    authz.world.knock(&carol, &id, &["read"]).refused(403, "access_denied", "request_submitted");
    _ = authz.admin(&["share", "give", "documents", "plan", "carol", "read"]).good();
    let pending = authz.admin(&["--json", "share", "list", "documents", "--pending"]).json();
    assert_eq!(pending, json!([]));
    let told = authz.admin(&["share", "take", "documents", "plan", "bob", "write"]).good();
    assert_eq!(told, "user `bob` has lost write of resource `plan`\n");
    assert!(may("read") && !may("write"));
    _ = authz.admin(&["share", "take", "documents", "plan", "bob"]).good();
    assert!(!may("read"));
    for (resource, user, scope, says) in [
        ("nothing", "bob", "read", "Resource [nothing] does not exist"),
        ("plan", "nobody", "read", "User [nobody] does not exist"),
        ("plan", "service-account-documents", "read", "User [service-account-documents] does not exist"),
        ("plan", "alice", "read", "User [alice] is the owner"),
        ("plan", "bob", "print", "Scope [print] is none of the resource"),
    ] {
        authz.admin(&["share", "give", "documents", resource, user, scope]).bad(says);
    }
    authz.admin(&["share", "take", "documents", "plan", "bob"]).bad("share with `bob` does not exist");

    let before = authz.admin(&["--json", "keys", "list"]).json();
    assert_eq!(authz.admin(&["keys", "rotate"]).good(), "new keys sign from now on\n");
    let after = authz.admin(&["--json", "keys", "list"]).json();
    assert_eq!(after.as_array().unwrap().len(), before.as_array().unwrap().len() * 2, "{after}");
    authz.admin(&["keys", "rotate", "--algorithm", "MD5"]).bad("Invalid algorithm: MD5");
}

#[test]
fn an_address_is_http_or_https_and_an_authority_is_a_certificate() {
    let variables = [("COUNTERSIGN_ADMIN_PASSWORD", "x"), ("COUNTERSIGN_ADMIN_USERNAME", "root")];
    let say = |arguments: &[&str]| run(arguments, &variables, "");
    say(&["admin", "--url", "ftp://x", "realm", "list"]).bad("`ftp://x` is no http:// or https:// URL");
    let https = ["admin", "--url", "https://127.0.0.1:1", "--ca-file"];
    let with = |file: &str| say(&[&https[..], &[file, "realm", "list"]].concat());
    with("/nowhere.pem").bad("/nowhere.pem");
    let folder = countersign_tests::folder::Folder::new();
    let file = folder.write("no.pem", "no certificate");
    with(file.to_str().unwrap()).bad("there is no certificate in it");
    say(&["admin", "--url", "https://127.0.0.1:1", "realm", "list"]).bad("cannot reach https://127.0.0.1:1");
}
