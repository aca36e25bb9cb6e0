//! The crate against the witness, on generated worlds.
//!
//! 10,000 worlds; 100,000 with `COUNTERSIGN_TEST_LONG=1`, or as many as `COUNTERSIGN_WORLDS` says, from the seed in
//! `COUNTERSIGN_SEED` on. A difference is shrunk before it is printed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../../core/tests/it/worlds.rs"]
mod generated;

use std::env;

use countersign_core::assessment::{Assessment, Question, assess};
use serde_json::Value;

use self::generated::{in_order, shrink, world};
use crate::reference;

/// What the crate says; `None` where it does not read the question
fn crate_says(question: &Value) -> Option<Value> {
    let question: Question = serde_json::from_value(question.clone()).ok()?;
    Some(in_order(&serde_json::to_value(assess(&question)).unwrap()))
}

/// What the witness says, read and written by the same types, so that absent members do not matter
fn witness_says(question: &Value) -> Value {
    let said = reference::assess(question);
    let read: Assessment =
        serde_json::from_value(said.clone()).unwrap_or_else(|error| panic!("{error}: {said}"));
    in_order(&serde_json::to_value(read).unwrap())
}

/// Whether the facts still know every asked scope that one of the resources has, as a store's facts do
fn is_consistent(question: &Value) -> bool {
    let scopes = |value: &Value| value.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
    let listed = |value: Option<&Value>| -> Vec<Value> {
        value.and_then(Value::as_array).into_iter().flatten().flat_map(scopes).collect()
    };
    let Some(facts) = question.get("facts") else { return true };
    let known = scopes(facts);
    let mut asked = scopes(question);
    asked.extend(listed(question.get("asks")));
    asked.extend(listed(question.get("rpt")));
    let mut existing = listed(facts.get("resources"));
    existing.extend(listed(facts.get("parents")));
    asked.iter().all(|scope| !existing.contains(scope) || known.contains(scope))
}

fn differs(question: &Value) -> bool {
    is_consistent(question) && crate_says(question).is_some_and(|said| said != witness_says(question))
}

#[test]
fn the_crate_and_the_witness_agree_on_generated_worlds() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = number("COUNTERSIGN_SEED").unwrap_or(0);
    let usual =
        if env::var("COUNTERSIGN_TEST_LONG").is_ok_and(|long| long == "1") { 100_000 } else { 10_000 };
    let last = first.saturating_add(number("COUNTERSIGN_WORLDS").unwrap_or(usual));
    let mut granted = 0_u64;
    for seed in first..last {
        let question = world(seed);
        let said = crate_says(&question);
        assert!(said.is_some(), "seed {seed}: the crate does not read {question}");
        granted = granted.saturating_add(u64::from(said.is_some_and(|said| said["outcome"] == "granted")));
        if differs(&question) {
            let small = shrink(question, differs);
            panic!(
                "seed {seed}: {small}\n  the crate   {:?}\n  the witness {}",
                crate_says(&small),
                witness_says(&small)
            );
        }
    }
    let share = granted.saturating_mul(100).checked_div(last.saturating_sub(first)).unwrap_or(0);
    assert!((30..=70).contains(&share), "{share} of 100 worlds grant something");
}
