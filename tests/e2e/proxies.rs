//! `--trusted-proxies`: whose word counts for addresses and issuers; `sslRequired`.

use countersign_tests::{
    http::Answer,
    realm::{Realm, secret},
    server::{Builder, Server},
    world::World,
};
use serde_json::json;

const DISCOVERY: &str = ".well-known/uma2-configuration";

fn world(change: impl FnOnce(Builder) -> Builder, ssl: &str) -> World {
    World::on(change(Server::builder()), &Realm::new("test").set("sslRequired", json!(ssl)))
}

fn trusting(builder: Builder) -> Builder {
    builder.arg("--trusted-proxies").arg("127.0.0.0/8,10.0.0.0/8")
}

fn discover(world: &World, headers: &[(&str, &str)]) -> Answer {
    let request = world.request("GET", DISCOVERY);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

fn issuer(world: &World, headers: &[(&str, &str)]) -> String {
    discover(world, headers).expect(200).member("issuer")
}

const THROUGH: [(&str, &str); 3] =
    [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "as.example")];

#[test]
fn only_proxies_that_are_trusted_say_what_the_issuer_is() {
    let open = world(|builder| builder, "none");
    assert_eq!(issuer(&open, &THROUGH), open.issuer(), "nobody is trusted");
    drop(open);
    let trusting = world(trusting, "none");
    assert_eq!(issuer(&trusting, &THROUGH), "https://as.example/realms/test");
    assert_eq!(issuer(&trusting, &[]), trusting.issuer());
    let forwarded = [("forwarded", "for=198.51.100.7;proto=https;host=\"as.example:8443\", for=10.0.0.3")];
    assert_eq!(issuer(&trusting, &forwarded), "https://as.example:8443/realms/test");
    let claimed =
        [("forwarded", "for=10.0.0.9;host=evil.example, for=198.51.100.7;proto=https;host=as.example")];
    assert_eq!(issuer(&trusting, &claimed), "https://as.example/realms/test");
    drop(trusting);
    let fixed =
        world(|builder| self::trusting(builder).arg("--public-url").arg("https://one.example"), "none");
    assert_eq!(issuer(&fixed, &THROUGH), "https://one.example/realms/test");
}

/// Tokens that were made through the proxy are good through the proxy
#[test]
fn a_walk_through_a_proxy() {
    let world = world(trusting, "external");
    let through = |request: countersign_tests::http::Request| {
        THROUGH.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let form = [("grant_type", "client_credentials")];
    let basic = world.post_token().basic("documents", &secret("documents"));
    let token = through(basic).form(&form).send().expect(200).member("access_token");
    _ = through(world.protection("GET", "resource_set", &token)).send().expect(200);
    _ = world.protection("GET", "resource_set", &token).send().expect(403);
}

#[test]
fn ssl_required_is_honoured() {
    let plain = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "http")];
    let private = [("x-forwarded-for", "192.168.3.4"), ("x-forwarded-proto", "http")];
    for (ssl, public_status, private_status) in
        [("none", 200, 200), ("external", 403, 200), ("all", 403, 403)]
    {
        let world = world(trusting, ssl);
        for (headers, status) in [(&plain, public_status), (&private, private_status)] {
            let answer = discover(&world, headers);
            assert_eq!(answer.status, status, "{ssl} {headers:?} {answer}");
            if status == 403 {
                answer.refused(403, "invalid_request", "HTTPS required");
            }
        }
        assert_eq!(discover(&world, &THROUGH).status, 200, "{ssl}: TLS ends at the proxy");
    }
}

/// Behind proxies the server may listen for others without a public URL, and then answers through them only
#[test]
fn an_address_for_others_needs_a_public_url_or_a_proxy() {
    let listen = |builder: Builder| builder.listen("0.0.0.0:0");
    listen(Server::builder()).refused().says(&["--public-url"]);
    Server::builder()
        .arg("--trusted-proxies")
        .arg("10.0.0.0/33")
        .refused()
        .says(&["--trusted-proxies", "10.0.0.0/33"]);
}

/// What somebody claims of his address does not get him past the brake on guessing
#[test]
fn failures_are_counted_for_the_address_behind_the_proxy() {
    let world = world(|builder| trusting(builder).arg("--limit-failures").arg("3/m"), "none");
    let guess = |headers: &[(&str, &str)]| {
        let form =
            [("grant_type", "client_credentials"), ("client_id", "documents"), ("client_secret", "wrong")];
        let request =
            headers.iter().fold(world.post_token(), |request, (name, value)| request.header(name, value));
        request.form(&form).send()
    };
    for claimed in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
        let whence = format!("{claimed}, 198.51.100.7");
        assert_eq!(guess(&[("x-forwarded-for", &whence)]).status, 401);
    }
    let answer = guess(&[("x-forwarded-for", "4.4.4.4, 198.51.100.7")]).expect(429);
    assert!((1..=60).contains(&answer.header("retry-after").unwrap().parse::<u64>().unwrap()), "{answer}");
    assert_eq!(answer.json()["error"], "too_many_requests");
    // Not even the right secret is looked at now; others go on.
    let form = [("grant_type", "client_credentials")];
    let right = world.post_token().basic("documents", &secret("documents"));
    _ = right.header("x-forwarded-for", "198.51.100.7").form(&form).send().expect(429);
    assert_eq!(guess(&[("x-forwarded-for", "198.51.100.8")]).status, 401);
    for _ in 0..5 {
        assert_eq!(guess(&[]).status, 401, "this machine may");
    }
}
