//! What holds of every assessment, on generated worlds.
//!
//! `COUNTERSIGN_WORLDS` is the number of worlds, `COUNTERSIGN_SEED` the first seed. A failure names its seed and prints
//! the smallest question that still fails.

use std::{collections::BTreeSet, env};

use countersign_core::assessment::{Assessment, Question, assess};
use serde_json::{Value, json};

use crate::worlds::{Dice, in_order, shrink, world};

/// What the module answers; `None` where it does not read the question
fn answer(question: &Value) -> Option<Value> {
    let question: Question = serde_json::from_value(question.clone()).ok()?;
    serde_json::to_value(assess(&question)).ok()
}

/// Checks a law on all worlds. The law gets a question and dice, and answers with what is wrong.
fn holds(law: impl Fn(&Value, &mut Dice) -> Result<(), String>) {
    let number = |name: &str, default| env::var(name).ok().map_or(default, |text| text.parse().unwrap());
    let first: u64 = number("COUNTERSIGN_SEED", 0);
    for seed in (first..).take(usize::try_from(number("COUNTERSIGN_WORLDS", 1_000)).unwrap()) {
        let question = world(seed);
        assert!(answer(&question).is_some(), "seed {seed}: the question is not read: {question}");
        let broken = |question: &Value| law(question, &mut Dice::new(seed)).err();
        if broken(&question).is_some() {
            let small = shrink(question, |question| broken(question).is_some());
            let wrong = broken(&small).unwrap_or_default();
            assert!(wrong.is_empty(), "seed {seed}: {wrong}\n{small}\n{:?}", answer(&small));
        }
    }
}

/// What is granted: each scope of each resource, and a permission without scopes by itself
fn grants(answer: &Value) -> BTreeSet<(String, String)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut grants = BTreeSet::new();
    for permission in answer.get("permissions").and_then(Value::as_array).into_iter().flatten() {
        let resource = text(permission.get("rsid"));
        let scopes = permission.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
        if scopes.is_empty() {
            grants.insert((resource.clone(), String::new()));
        }
        grants.extend(scopes.iter().map(|scope| (resource.clone(), text(Some(scope)))));
    }
    grants
}

/// Fails if the second question grants what the first does not
fn never_wider(first: &Value, second: &Value, what: &str) -> Result<(), String> {
    let (Some(before), Some(after)) = (answer(first), answer(second)) else { return Ok(()) };
    let more: Vec<_> = grants(&after).difference(&grants(&before)).cloned().collect();
    if more.is_empty() { Ok(()) } else { Err(format!("{what} widens: {more:?}")) }
}

/// The question without what makes the answers of two questions incomparable: a limit shows other permissions when
/// some go away
fn unlimited(question: &Value) -> Value {
    let mut question = question.clone();
    question.as_object_mut().unwrap().remove("limit");
    question
}

fn rows<'v>(question: &'v mut Value, member: &str) -> Option<&'v mut Vec<Value>> {
    question.get_mut("facts")?.get_mut(member)?.as_array_mut()
}

fn count(question: &Value, member: &str) -> usize {
    question["facts"][member].as_array().map_or(0, Vec::len)
}

#[test]
fn withdrawing_a_share_never_widens() {
    holds(|question, _| {
        let mut question = unlimited(question);
        // Where nothing applies, PERMISSIVE opens; and what is no longer found by its name is no longer demanded.
        if question["server"]["mode"] == "PERMISSIVE" {
            question["server"]["mode"] = "ENFORCING".into();
        }
        question.as_object_mut().unwrap().remove("all_or_nothing");
        let requester = question["requester"]["id"].clone();
        for at in 0..count(&question, "shares") {
            let mut withdrawn = question.clone();
            let row = rows(&mut withdrawn, "shares").unwrap().remove(at);
            if row["requester"].get("user") == Some(&requester) {
                never_wider(&question, &withdrawn, &format!("withdrawing {}", row["id"]))?;
            }
        }
        Ok(())
    });
}

#[test]
fn a_broken_policy_never_widens() {
    holds(|question, _| {
        let question = unlimited(question);
        for at in 0..count(&question, "policies") {
            let mut broken = question.clone();
            let row = rows(&mut broken, "policies").unwrap().get_mut(at).unwrap();
            row["type"] = "unheard-of".into();
            let what = format!("breaking {}", row["id"]);
            never_wider(&question, &broken, &what)?;
        }
        Ok(())
    });
}

#[test]
fn a_denying_permission_never_widens_where_all_must_agree() {
    holds(|question, dice| {
        let mut question = unlimited(question);
        question["server"]["strategy"] = "UNANIMOUS".into();
        let Some(resources) = rows(&mut question, "resources").filter(|list| !list.is_empty()) else {
            return Ok(());
        };
        let resource = dice.pick(resources)["id"].clone();
        let permissions = [
            json!({"id": "aa", "type": "resource", "resources": [resource], "apply": ["nobody"]}),
            json!({"id": "zz", "type": "scope", "resources": [resource], "scopes": ["view"], "apply": ["nobody"]}),
            json!({"id": "mm", "type": "scope", "scopes": ["edit"], "apply": ["nobody"]}),
            json!({"id": "nn", "type": "resource", "resource_type": "urn:t", "apply": ["nobody"]}),
        ];
        for permission in permissions {
            let mut denied = question.clone();
            let what = format!("adding {permission}");
            let Some(policies) = rows(&mut denied, "policies") else { return Ok(()) };
            policies.push(permission);
            policies.push(json!({"id": "nobody", "type": "user", "config": {"users": ["nobody"]}}));
            never_wider(&question, &denied, &what)?;
        }
        Ok(())
    });
}

/// Turns round every list whose order says nothing
fn reordered(question: &Value, dice: &mut Dice) -> Value {
    let mut question = question.clone();
    for member in ["resources", "parents", "shares", "shared_with_others", "policies", "outcomes", "scopes"] {
        let Some(list) = rows(&mut question, member) else { continue };
        dice.shuffle(list);
        for row in list {
            for inner in ["scopes", "apply", "resources"] {
                if let Some(inner) = row.get_mut(inner).and_then(Value::as_array_mut) {
                    dice.shuffle(inner);
                }
            }
        }
    }
    for ask in question.get_mut("asks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(scopes) = ask.get_mut("scopes").and_then(Value::as_array_mut) {
            dice.shuffle(scopes);
        }
    }
    question
}

#[test]
fn the_order_of_rows_and_scopes_says_nothing() {
    holds(|question, dice| {
        let (Some(one), Some(other)) = (answer(question), answer(&reordered(question, dice))) else {
            return Ok(());
        };
        if in_order(&one) == in_order(&other) {
            Ok(())
        } else {
            Err(format!("another order answers {other}"))
        }
    });
}

#[test]
fn the_order_of_asks_only_orders() {
    holds(|question, dice| {
        let question = unlimited(question);
        let mut turned = question.clone();
        let Some(asks) = turned.get_mut("asks").and_then(Value::as_array_mut) else { return Ok(()) };
        dice.shuffle(asks);
        let (Some(one), Some(other)) = (answer(&question), answer(&turned)) else { return Ok(()) };
        // A resource that does not exist is told only if nothing has been found before it.
        if one["outcome"] == "refused" || other["outcome"] == "refused" {
            return Ok(());
        }
        let same = one["outcome"] == other["outcome"]
            && one["upgraded"] == other["upgraded"]
            && grants(&one) == grants(&other);
        if same { Ok(()) } else { Err(format!("another order of asks answers {other}")) }
    });
}

#[test]
fn an_upgrade_never_exceeds_a_fresh_request() {
    holds(|question, _| {
        let mut fresh = unlimited(question);
        fresh.as_object_mut().unwrap().remove("all_or_nothing");
        let mut upgrade = fresh.clone();
        let Some(Value::Array(old)) = fresh.as_object_mut().unwrap().remove("rpt") else { return Ok(()) };
        let known = |id: &Value| {
            question["facts"]["resources"]
                .as_array()
                .is_some_and(|list| list.iter().any(|one| one["id"] == *id))
        };
        let asks: Vec<Value> = old
            .iter()
            .filter(|entry| entry.get("rsid").is_some_and(known))
            .map(|entry| {
                let scopes = entry.get("scopes").cloned().unwrap_or_else(|| json!([]));
                json!({"by": "id", "resource": entry["rsid"], "scopes": scopes})
            })
            .collect();
        // A permission without resource has no equal among fresh requests.
        if let Some(entries) = upgrade["rpt"].as_array_mut() {
            entries.retain(|entry| entry.get("rsid").is_some());
        }
        let Some(list) = fresh.get_mut("asks").and_then(Value::as_array_mut) else { return Ok(()) };
        list.extend(asks);
        never_wider(&fresh, &upgrade, "asking with an earlier token")
    });
}

#[test]
fn a_limit_that_was_hit_denies() {
    holds(|question, _| {
        let mut question = question.clone();
        question["facts"]["truncated"] = true.into();
        match answer(&question) {
            Some(answer) if answer["outcome"] != "denied" => {
                Err("half the facts are answered otherwise".to_owned())
            }
            _ => Ok(()),
        }
    });
}

#[test]
fn questions_and_assessments_survive_their_json() {
    holds(|question, _| {
        let Ok(read) = serde_json::from_value::<Question>(question.clone()) else { return Ok(()) };
        let written = serde_json::to_value(&read).map_err(|error| error.to_string())?;
        let again: Question = serde_json::from_value(written).map_err(|error| error.to_string())?;
        let assessment = assess(&read);
        let json = serde_json::to_string(&assessment).map_err(|error| error.to_string())?;
        let back: Assessment = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        if back != assessment {
            return Err(format!("the assessment changed: {json}"));
        }
        if assess(&again) == assessment { Ok(()) } else { Err("the question changed".to_owned()) }
    });
}
