use countersign_core::challenge::UmaChallenge;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::vectors;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    realm: String,
    as_uri: String,
    ticket: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Build(Build),
    Find(Vec<String>),
}

fn shown(uma: &UmaChallenge) -> Value {
    let mut members = Map::new();
    if let Some(realm) = uma.realm() {
        members.insert("realm".into(), realm.into());
    }
    members.insert("as_uri".into(), uma.as_uri().into());
    members.insert("ticket".into(), uma.ticket().into());
    members.into()
}

#[test]
fn challenges_are_written_and_read_alike() {
    vectors::run("challenge", |vector| {
        let _: &Map<String, Value> = &vector.given;
        let answer = match &vector.request {
            Request::Build(Build { realm, as_uri, ticket }) => UmaChallenge::new(realm, as_uri, ticket)
                .map(|challenge| json!({ "header": challenge.to_string() }))
                .map_err(|_| ()),
            Request::Find(values) => UmaChallenge::find(values)
                .map(|found| json!({ "challenge": found.as_ref().map(shown) }))
                .map_err(|_| ()),
        };
        answer.unwrap_or_else(|()| json!({ "code": "invalid_challenge" }))
    });
}
