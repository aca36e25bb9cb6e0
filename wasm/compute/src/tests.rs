//! A service over a platform of its own: a clock that is set, a cache, and a server that is asked.

use core::cell::{Cell, RefCell};
use std::{collections::BTreeMap, rc::Rc};

use countersign_core::{
    edge::{Answer, Arrival, Forward, RequestId},
    time::UnixTime,
};
use countersign_edge::{Call, Settings};
use serde_json::{Value, json};

use crate::{Outcome, Platform, Service};

const ISSUER: &str = "https://as.example/realms/demo";

/// A value, when it ends, and whether it is secret
type Kept = (Vec<u8>, u64, bool);

/// What one data centre has
#[derive(Default)]
struct Place {
    now: Cell<u64>,
    is_away: Cell<bool>,
    asked: RefCell<Vec<String>>,
    kept: RefCell<BTreeMap<String, Kept>>,
    /// Answers by the end of the path
    answers: BTreeMap<&'static str, Value>,
}

impl Platform for Rc<Place> {
    fn now(&self) -> UnixTime {
        UnixTime(self.now.get())
    }

    fn call(&self, call: &Call) -> Option<(u16, Vec<u8>)> {
        let path = call.target.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        self.asked.borrow_mut().push(path.clone());
        let answer = self.answers.get(path.as_str());
        (!self.is_away.get())
            .then(|| (200, answer.map_or_else(Vec::new, |answer| answer.to_string().into_bytes())))
    }

    fn load(&self, name: &str) -> Option<Vec<u8>> {
        let kept = self.kept.borrow();
        kept.get(name).filter(|(_, until, _)| self.now.get() < *until).map(|(value, ..)| value.clone())
    }

    fn keep(&self, name: &str, value: &[u8], seconds: u64, is_secret: bool) {
        let kept = (value.to_vec(), self.now.get().saturating_add(seconds), is_secret);
        self.kept.borrow_mut().insert(name.to_owned(), kept);
    }
}

fn place(issuer: &str) -> Place {
    let at = |end: &str| format!("{issuer}/{end}");
    let metadata = json!({ "issuer": issuer, "jwks_uri": at("keys"), "token_endpoint": at("token"),
        "permission_endpoint": at("permission"), "resource_registration_endpoint": at("resources") });
    let pat = json!({ "access_token": "s3cret-pat", "token_type": "Bearer", "expires_in": 300 });
    let found = json!([{ "_id": "42", "name": "x", "resource_scopes": [{ "name": "read" }] }]);
    let answers = BTreeMap::from([
        ("uma2-configuration", metadata),
        ("token", pat),
        ("permission", json!({ "ticket": "t.i.c" })),
        ("resources", found),
    ]);
    Place { now: Cell::new(1_000), answers, ..Place::default() }
}

fn settings(changes: &Value) -> Settings {
    let mut settings = json!({ "issuer": ISSUER, "resource": "documents", "withdrawals": "none",
        "credentials": { "secret": "s3cret" }, "rules": { "bearer-only": true, "user-managed-access": {},
        "paths": [{ "path": "/open", "enforcement-mode": "DISABLED" }, { "path": "/p", "id": "42" }, { "path": "/d/{id}" }] } });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Settings::parse(settings.to_string().as_bytes(), &|_| None).unwrap()
}

/// What becomes of a request in an instance of its own, and what the server was asked on the way
fn ask(
    place: &Rc<Place>,
    settings: Settings,
    target: &str,
    headers: &[(&str, &str)],
) -> (Outcome, Vec<String>) {
    let mut service = Service::new(settings, Rc::clone(place));
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let arrival = Arrival {
        id: RequestId(1),
        method: "GET".into(),
        target: target.into(),
        headers,
        ..Arrival::default()
    };
    place.asked.take();
    let outcome = service.judge(arrival);
    let asked = place.asked.take();
    service.renew();
    (outcome, asked)
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(forward) => panic!("{forward:?}"),
    }
}

fn forward(outcome: Outcome) -> Forward {
    match outcome {
        Outcome::Forward(forward) => forward,
        Outcome::Answer(answer) => panic!("{answer:?}"),
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

#[test]
fn the_second_instance_asks_for_a_ticket_alone() {
    let place = Rc::new(place(ISSUER));
    for asked in [vec!["uma2-configuration", "token", "permission"], vec!["permission"]] {
        let (outcome, really) = ask(&place, settings(&json!({})), "/p", &[]);
        let answer = answer(outcome);
        assert_eq!((answer.status, really), (401, asked.into_iter().map(ToOwned::to_owned).collect()));
        assert!(header(&answer, "www-authenticate").unwrap().contains("t.i.c"));
    }
    for (name, (value, _, is_secret)) in place.kept.borrow().iter() {
        let holds_it = String::from_utf8_lossy(value).contains("s3cret-pat");
        assert_eq!(holds_it, *is_secret, "{name}");
    }
}

#[test]
fn what_another_resource_server_keeps_is_not_taken() {
    let place = Rc::new(place(ISSUER));
    ask(&place, settings(&json!({})), "/p", &[]);
    let (_, asked) = ask(&place, settings(&json!({ "resource": "other" })), "/p", &[]);
    assert_eq!(asked, ["uma2-configuration", "token", "permission"]);
}

#[test]
fn an_answer_about_a_path_serves_thirty_seconds() {
    let place = Rc::new(place(ISSUER));
    let asked = |settings| ask(&place, settings, "/d/7", &[]).1;
    assert_eq!(asked(settings(&json!({}))), ["uma2-configuration", "token", "resources", "permission"]);
    assert_eq!(asked(settings(&json!({}))), ["permission"]);
    place.now.set(1_030);
    assert_eq!(asked(settings(&json!({}))), ["resources", "permission"]);
    let unkept = json!({ "rules": { "bearer-only": true, "user-managed-access": {}, "paths": [{ "path": "/d/{id}" }],
        "path-cache": { "lifespan": 0 } } });
    assert_eq!(asked(settings(&unkept)), ["resources", "permission"]);
}

#[test]
fn a_server_that_is_away_is_not_asked_by_every_request() {
    let place = Rc::new(place(ISSUER));
    place.is_away.set(true);
    for asked in [1, 0] {
        let (outcome, really) = ask(&place, settings(&json!({})), "/p", &[]);
        let answer = answer(outcome);
        assert_eq!((answer.status, really.len()), (403, asked));
        assert!(header(&answer, "warning").is_some() && header(&answer, "www-authenticate").is_none());
    }
    place.is_away.set(false);
    place.now.set(1_001);
    assert_eq!(answer(ask(&place, settings(&json!({})), "/p", &[]).0).status, 401);
}

#[test]
fn an_open_path_waits_for_nobody_and_loses_forged_headers() {
    let place = Rc::new(place(ISSUER));
    let (outcome, asked) = ask(&place, settings(&json!({})), "/open", &[("X_Countersign-Sub", "alice")]);
    assert_eq!((forward(outcome).remove, asked), (vec![b"X_Countersign-Sub".to_vec()], vec![]));
    assert_eq!(place.asked.take(), ["uma2-configuration"], "once the client has its answer");
}

#[test]
fn keys_are_kept_for_the_next_instance() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/vectors/token/claims.json")).unwrap();
    let vector = vectors.iter().find(|vector| vector["want"]["accepted"] == true).unwrap();
    let (given, request) = (&vector["given"], &vector["request"]);
    let issuer = given["issuer"].as_str().unwrap();
    let mut place = place(issuer);
    place.answers.insert("keys", given["keys"].clone());
    place.now.set(request["now"].as_u64().unwrap());
    let place = Rc::new(place);
    let changes = json!({ "issuer": issuer, "resource": given["audience"], "leeway": given["leeway"],
        "rules": { "enforcement-mode": "DISABLED" } });
    let token = format!("Bearer {}", request["token"].as_str().unwrap());
    for asked in [vec!["uma2-configuration", "keys"], vec![]] {
        let (outcome, really) = ask(&place, settings(&changes), "/p", &[("Authorization", &token)]);
        let sub = forward(outcome).set.into_iter().find(|(name, _)| *name == "x-countersign-sub");
        assert_eq!(sub.map(|(_, value)| value).as_deref(), vector["want"]["sub"].as_str());
        assert_eq!(really, asked);
    }
}
