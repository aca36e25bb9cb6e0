//! The authorization code grant (RFC 6749 §4.1.3, RFC 7636, RFC 9700 §4.5).

use std::thread;

use countersign_tests::{
    browser::{Browser, VERIFIER, challenge, realm},
    forge::claims,
    world::World,
};

fn code(world: &World, client: &str, parameters: &[(&str, &str)]) -> String {
    let url = world.authorize(client, parameters);
    world.sign_in_by(&mut Browser::new(world), &url, "alice").parameter("code")
}

#[test]
fn tokens_of_a_code_are_those_of_the_user_and_his_sign_in() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let url = world.authorize("web", &[("scope", "openid email"), ("nonce", "n-1")]);
    let back = world.sign_in_by(&mut browser, &url, "alice");
    let answer = world.redeem("web", &back.parameter("code"), &[]).expect(200);
    let access = claims(&answer.member("access_token"));
    assert_eq!(access["preferred_username"], "alice");
    assert_eq!(access["azp"], "web");
    assert_eq!(access["sid"], back.parameter("session_state"));
    assert!(access["jti"].as_str().unwrap().starts_with("onrtac:"), "{access}");
    assert!(access["scope"].as_str().unwrap().contains("openid"), "{access}");
    let id = claims(&answer.member("id_token"));
    assert_eq!((&id["nonce"], &id["aud"]), (&"n-1".into(), &"web".into()));
    assert_eq!(id["sid"], back.parameter("session_state"));
    assert!(id["auth_time"].as_u64().unwrap() <= id["iat"].as_u64().unwrap(), "{id}");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &answer.member("refresh_token"))];
    _ = world.post_token().basic("web", "web-secret").form(&form).send().expect(200);
}

/// RFC6749-4.1.2-01, TRAP-OAUTH-05; wire §1.4
#[test]
fn a_code_is_good_once_and_its_second_use_ends_the_sign_in() {
    let world = World::of(&realm());
    let code = code(&world, "web", &[]);
    let first = world.redeem("web", &code, &[]).expect(200);
    assert_eq!(world.introspect(&first.member("access_token"))["active"], true);
    world.redeem("web", &code, &[]).refused(400, "invalid_grant", "Code not valid");
    assert_eq!(world.introspect(&first.member("access_token"))["active"], false);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &first.member("refresh_token"))];
    world.post_token().basic("web", "web-secret").form(&form).send().refused(
        400,
        "invalid_grant",
        "Session not active",
    );
    world.redeem("web", &code, &[]).refused(400, "invalid_grant", "Code not valid");
}

/// A stranger who has seen a spent code cannot end the sign-in with it
#[test]
fn a_replay_by_another_client_ends_nothing() {
    let world = World::of(&realm());
    let code = code(&world, "web", &[]);
    let first = world.redeem("web", &code, &[]).expect(200);
    world.redeem("app", &code, &[]).refused(400, "invalid_grant", "Code not valid");
    assert_eq!(world.introspect(&first.member("access_token"))["active"], true);
}

/// TRAP-OAUTH-05: code injection. Whoever guesses has one guess; a wrong secret is no guess.
#[test]
fn a_code_is_bound_to_its_client_its_place_and_its_verifier() {
    let world = World::of(&realm());
    let proof = challenge(VERIFIER);
    let with = [("code_challenge", proof.as_str()), ("code_challenge_method", "S256")];
    let short = "a".repeat(42);
    let long = "a".repeat(129);
    let other = "a".repeat(43);
    let mismatch = "PKCE verification failed: Code mismatch";
    let invalid = "PKCE verification failed: Invalid code verifier";
    let foreign = "Auth error: Found different client_id in clientSession";
    let missing = "PKCE code verifier not specified";
    let unasked = "PKCE code verifier specified but challenge not present in authorization";
    let place = "Incorrect redirect_uri";
    for (asked, client, fields, text) in [
        (&with[..], "web", &[("redirect_uri", "https://app.example/other")][..], place),
        (&with, "web", &[("redirect_uri", "")], place),
        (&with, "web", &[], missing),
        (&with, "web", &[("code_verifier", other.as_str())], mismatch),
        (&with, "web", &[("code_verifier", &proof)], mismatch),
        (&with, "web", &[("code_verifier", &short)], invalid),
        (&with, "web", &[("code_verifier", &long)], invalid),
        (&with, "app", &[("code_verifier", VERIFIER)], foreign),
        // The challenge was taken away on its way here (RFC7636-4.6-02).
        (&[], "web", &[("code_verifier", VERIFIER)], unasked),
    ] {
        let code = code(&world, "web", asked);
        world.redeem(client, &code, fields).refused(400, "invalid_grant", text);
        // It is spent now.
        let right = if asked.is_empty() { vec![] } else { vec![("code_verifier", VERIFIER)] };
        world.redeem("web", &code, &right).refused(400, "invalid_grant", "Code not valid");
    }
    let code = code(&world, "web", &with);
    let right = [("code_verifier", VERIFIER)];
    let wrong = [("code_verifier", VERIFIER), ("client_secret", "guess")];
    assert_eq!(world.redeem("web", &code, &wrong).status, 401);
    _ = world.redeem("web", &code, &right).expect(200);
    world.redeem("web", "", &right).refused(400, "invalid_request", "Missing parameter: code");
    world.redeem("web", "nonsense", &right).refused(400, "invalid_grant", "Code not valid");
}

/// TRAP-OAUTH-05: concurrent redemption
#[test]
fn of_many_at_once_one_gets_tokens_at_most() {
    let world = World::of(&realm());
    let code = code(&world, "web", &[]);
    let redeem = || world.redeem("web", &code, &[]).status;
    let statuses: Vec<_> = thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(redeem)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.iter().filter(|status| **status == 200).count() <= 1, "{statuses:?}");
}

/// HTTP-04, TRAP-OAUTH-11: codes and cookies are in the database as digests only
#[test]
fn the_database_knows_no_code_and_no_cookie() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let back = world.sign_in_by(&mut browser, &world.authorize("web", &[]), "alice");
    let secrets = [back.parameter("code"), browser.cookie("IDENTITY").unwrap().to_owned()];
    let folder = world.server.folder();
    for name in ["test.db", "test.db-wal"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name}");
        }
    }
}
