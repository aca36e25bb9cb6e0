//! The engine against components that misbehave, and the embedded one.

use core::time::Duration;
use std::{sync::Arc, thread, time::Instant};

use countersign_core::assessment::{Assessment, Question};

use super::{EngineFailure, Origin, Pdp, PdpError, PdpSource, engine, origin};

const QUESTION: &[u8] = br#"{
    "now": 1700000000,
    "server": { "id": "rs" },
    "requester": { "id": "bob", "client": "app" },
    "asks": [{ "by": "id", "resource": "doc-42", "scopes": ["read"] }],
    "facts": {
        "scopes": ["read"],
        "resources": [
            { "id": "doc-42", "name": "document 42", "owner": "alice", "owner_managed": true, "scopes": ["read"] }
        ],
        "shares": [{ "id": "s1", "resource": "doc-42", "scope": "read", "requester": { "user": "bob" },
                     "state": "granted" }]
    }
}"#;

fn question() -> Question {
    serde_json::from_slice(QUESTION).unwrap()
}

macro_rules! guest {
    ($name:literal) => {
        pdp(include_str!(concat!("../../../tests/guests/", $name, ".wat")))
    };
}

fn pdp(text: &str) -> Pdp {
    Pdp::new(PdpSource::Bytes(wat::parse_str(text).unwrap())).unwrap()
}

/// The failure is what it is the second time too: the first left nothing behind.
fn fails_twice(pdp: &Pdp, failure: &EngineFailure) {
    assert_eq!(pdp.assess(QUESTION).as_ref(), Err(failure));
    assert_eq!(pdp.assess(QUESTION).as_ref(), Err(failure));
}

#[test]
fn guest_that_gives_up_is_a_trap() {
    fails_twice(&guest!("trap"), &EngineFailure::Trap);
}

#[test]
fn guest_that_never_ends_is_stopped_at_the_deadline() {
    let pdp = guest!("loop");
    let begin = Instant::now();
    fails_twice(&pdp, &EngineFailure::Deadline);
    assert!(begin.elapsed() >= Duration::from_millis(100));
}

#[test]
fn guest_that_hoards_memory_is_stopped_at_the_cap() {
    fails_twice(&guest!("hoard"), &EngineFailure::Memory);
}

#[test]
fn answer_outside_of_the_memory_is_undecodable() {
    fails_twice(&guest!("wild"), &EngineFailure::Undecodable);
}

#[test]
fn answer_that_is_no_json_is_undecodable() {
    let pdp = guest!("garbage");
    assert_eq!(pdp.assess(QUESTION).as_deref(), Ok(b"permit: yes".as_slice()));
    assert_eq!(pdp.decide(&question()), Err(EngineFailure::Undecodable));
}

#[test]
fn refusal_of_the_guest_keeps_its_code() {
    fails_twice(&guest!("refuse"), &EngineFailure::Refused("invalid_question".into()));
}

#[test]
fn failures_use_no_place_of_the_pool_up() {
    let pdp = guest!("trap");
    for _ in 0..engine::slots() * 3 {
        assert_eq!(pdp.assess(QUESTION), Err(EngineFailure::Trap));
    }
}

#[test]
fn more_threads_than_places_wait_for_their_turn() {
    let pdp = Arc::new(guest!("garbage"));
    let threads: Vec<_> = (0..engine::slots() * 2)
        .map(|_| {
            let pdp = Arc::clone(&pdp);
            thread::spawn(move || (0..50).all(|_| pdp.assess(QUESTION).is_ok()))
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn embedded_component_refuses_what_is_no_question() {
    let pdp = Pdp::new(PdpSource::Embedded).unwrap();
    let wanted = if origin::PRECOMPILED.is_empty() { Origin::Compiled } else { Origin::Precompiled };
    assert_eq!(*pdp.origin(), wanted);
    assert_eq!(pdp.sha256().to_string().len(), 64);
    assert_eq!(pdp.assess(b"no json"), Err(EngineFailure::Refused("invalid_question".into())));
}

#[test]
fn embedded_component_answers_like_the_core_itself() {
    let pdp = Pdp::new(PdpSource::Embedded).unwrap();
    let answer = pdp.decide(&question()).unwrap();
    assert!(matches!(answer, Assessment::Granted { .. }));
    assert_eq!(answer, countersign_core::assessment::assess(&question()));
}

#[test]
fn embedded_component_is_held_to_its_memory() {
    let pdp = Pdp::new(PdpSource::Embedded).unwrap();
    let question = vec![b' '; 65 * 1024 * 1024];
    assert_eq!(pdp.assess(&question), Err(EngineFailure::Memory));
    assert!(pdp.decide(&self::question()).is_ok());
}

#[test]
fn machine_code_made_before_answers_like_the_component() {
    let engine = engine::engine().unwrap();
    let component = wat::parse_str(include_str!("../../../tests/guests/garbage.wat")).unwrap();
    let sealed = super::precompile(&component).unwrap();
    assert!(origin::open(&engine, &component, &sealed).unwrap().is_ok());
    assert!(origin::open(&engine, b"another component", &sealed).is_none());
    assert!(origin::open(&engine, &component, &sealed[..7]).is_none());
}

#[test]
fn machine_code_that_wasmtime_did_not_make_is_refused() {
    let engine = engine::engine().unwrap();
    let sealed = origin::seal(b"component", b"machine code");
    assert!(origin::open(&engine, b"component", &sealed).unwrap().is_err());
}

#[test]
fn component_of_another_world_is_refused_at_the_start() {
    let empty = wat::parse_str("(component)").unwrap();
    assert!(matches!(Pdp::new(PdpSource::Bytes(empty)), Err(PdpError::Contract(_))));
    let importing = wat::parse_str(r#"(component (import "now" (func)))"#).unwrap();
    assert!(matches!(Pdp::new(PdpSource::Bytes(importing)), Err(PdpError::Contract(_))));
    assert!(matches!(Pdp::new(PdpSource::Bytes(b"text".to_vec())), Err(PdpError::Compile(_))));
    let missing = PdpSource::File("no/such/file.wasm".into());
    assert!(matches!(Pdp::new(missing), Err(PdpError::File { .. })));
}
