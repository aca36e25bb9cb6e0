//! Rate limits (design D11): 429 with `Retry-After`, by address and by client.

use countersign_tests::{
    http::Answer,
    realm::{Realm, password, secret},
    server::{Builder, Server},
    world::World,
};

fn world(change: impl FnOnce(Builder) -> Builder) -> World {
    World::on(change(Server::builder()), &Realm::new("test"))
}

fn service(world: &World, client: &str) -> Answer {
    let form = [("grant_type", "client_credentials")];
    world.post_token().basic(client, &secret(client)).form(&form).send()
}

fn limited(answer: Answer) {
    let answer = answer.expect(429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    answer.refused(429, "too_many_requests", "Too many requests. Come back later.");
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let world = world(|builder| builder.arg("--limit-client").arg("3/m"));
    for _ in 0..3 {
        _ = service(&world, "documents").expect(200);
    }
    limited(service(&world, "documents"));
    // Introspection and revocation have the same bucket, other clients have their own.
    let form = [("token", "x")];
    let introspect = world.post_introspect().basic("documents", &secret("documents")).form(&form);
    limited(introspect.send());
    _ = service(&world, "robot").expect(200);
    // Whoever only names a public client stands in nobody's way but his own.
    let sign_in = || {
        let form = [
            ("grant_type", "password"),
            ("client_id", "reader"),
            ("username", "bob"),
            ("password", &*password("bob")),
        ];
        world.post_token().form(&form).send()
    };
    for _ in 0..3 {
        _ = sign_in().expect(200);
    }
    limited(sign_in());
    let metrics = world.server.http.get(&format!("{}/metrics", world.server.base())).send().text();
    assert!(metrics.contains("countersign_rate_limited_total{by=\"client\"} 3"), "{metrics}");
}

#[test]
fn an_address_that_asks_too_often_is_refused_before_its_request_is_read() {
    let world = world(|builder| builder.arg("--limit-address").arg("2/m"));
    _ = service(&world, "documents").expect(200);
    limited_after(&world);
}

fn limited_after(world: &World) {
    _ = world.request("GET", "protocol/openid-connect/auth").send();
    limited(service(world, "robot"));
    limited(world.request("GET", "protocol/openid-connect/auth").send());
    limited(world.request("POST", "protocol/openid-connect/token/introspect").send());
    // Documents and the protection API are not limited.
    _ = world.request("GET", ".well-known/uma2-configuration").send().expect(200);
}

#[test]
fn nobody_is_limited_who_does_not_fail_unless_the_operator_wants_it() {
    let world = world(|builder| builder);
    for _ in 0..200 {
        _ = service(&world, "documents").expect(200);
    }
    Server::builder().arg("--limit-client").arg("many").refused().says(&["--limit-client", "50/s"]);
    let builder = Server::builder();
    builder.folder().write("countersign.toml", "[limit]\nclient = 5\n");
    builder.refused().says(&["limit.client"]);
}
