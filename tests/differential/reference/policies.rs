//! Policies: logic, decision strategies, aggregates, and what a broken one counts for.

use serde_json::Value;

use super::{
    leaves,
    question::{list, text, texts},
    units::{Consulted, Unit},
};

/// Most aggregates inside each other
const DEEPEST: usize = 16;

/// What a policy says
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Verdict {
    Permit,
    Deny,
    /// It cannot be read or asked: a denial that no logic turns around
    Broken,
}

const LEAVES: [&str; 8] = ["user", "role", "group", "client", "client-scope", "time", "regex", "js"];

/// Whether a row of this type is a policy that can be asked
pub(super) fn is_known(of_type: &str) -> bool {
    LEAVES.contains(&of_type) || of_type == "aggregate" || of_type.starts_with("script-")
}

/// Whether the logic is positive; nothing if it is no logic
pub(super) fn logic(row: &Value) -> Option<bool> {
    match row.get("logic").map(Value::as_str) {
        None | Some(Some("POSITIVE")) => Some(true),
        Some(Some("NEGATIVE")) => Some(false),
        _ => None,
    }
}

/// The decision strategy; nothing if it is none
pub(super) fn strategy(row: &Value) -> Option<&'static str> {
    match row.get("strategy").map(Value::as_str) {
        None | Some(Some("UNANIMOUS")) => Some("UNANIMOUS"),
        Some(Some("AFFIRMATIVE")) => Some("AFFIRMATIVE"),
        Some(Some("CONSENSUS")) => Some("CONSENSUS"),
        _ => None,
    }
}

/// R3: no denial; one permit; more permits than the rest. A broken policy is one denial.
pub(super) fn combine(strategy: &str, verdicts: &[Verdict]) -> Verdict {
    let permits = verdicts.iter().filter(|verdict| **verdict == Verdict::Permit).count();
    let others = verdicts.len() - permits;
    let permitted = match strategy {
        "AFFIRMATIVE" => permits > 0,
        "CONSENSUS" => permits > others,
        _ => permits > 0 && others == 0,
    };
    if permitted { Verdict::Permit } else { Verdict::Deny }
}

/// The verdicts of the policies that the row names, each once
pub(super) fn associated(
    question: &Value,
    unit: &Unit<'_>,
    row: &Value,
    consulted: &mut Consulted,
) -> Vec<Verdict> {
    children(row).iter().map(|id| verdict(question, unit, id, consulted)).collect()
}

/// What a `uma` policy holds itself: one result for each kind (N38: any of them inside a kind)
pub(super) fn of_uma(
    question: &Value,
    unit: &Unit<'_>,
    row: &Value,
    consulted: &mut Consulted,
) -> Vec<Verdict> {
    let config = &row["config"];
    let mut verdicts = Vec::new();
    for (member, kind) in [("users", "user"), ("clients", "client"), ("roles", "role"), ("groups", "group")] {
        if let Some(value) = config.get(member) {
            let part = serde_json::json!({member: value});
            verdicts.push(leaves::verdict(question, unit, kind, text(row, "id"), &part, consulted));
        }
    }
    if let Some(condition) = config.get("condition") {
        let script = condition.as_str().unwrap_or_default();
        verdicts.push(if script.starts_with("script-") {
            leaves::verdict(question, unit, script, text(row, "id"), &Value::Null, consulted)
        } else {
            Verdict::Broken
        });
    }
    verdicts
}

fn children(row: &Value) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in texts(row, "apply") {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

fn row<'q>(question: &'q Value, id: &str) -> Option<&'q Value> {
    list(&question["facts"], "policies").iter().find(|row| text(row, "id") == id)
}

/// What the policy of this id says about the unit
fn verdict(question: &Value, unit: &Unit<'_>, id: &str, consulted: &mut Consulted) -> Verdict {
    let Some(row) = row(question, id) else { return Verdict::Broken };
    let of_type = text(row, "type");
    let (Some(positive), Some(strategy)) = (logic(row), strategy(row)) else { return Verdict::Broken };
    if !is_known(of_type) {
        return Verdict::Broken;
    }
    let before_logic = if of_type == "aggregate" {
        if is_on_cycle(question, id) || height(question, id) > DEEPEST {
            return Verdict::Broken;
        }
        let verdicts = associated(question, unit, row, consulted);
        let together = combine(strategy, &verdicts);
        if verdicts.is_empty() || verdicts.contains(&Verdict::Broken) && together != Verdict::Permit {
            Verdict::Broken
        } else {
            together
        }
    } else {
        leaves::verdict(question, unit, of_type, id, row.get("config").unwrap_or(&Value::Null), consulted)
    };
    match (before_logic, positive) {
        (Verdict::Permit, true) | (Verdict::Deny, false) => Verdict::Permit,
        (Verdict::Deny, true) | (Verdict::Permit, false) => Verdict::Deny,
        (Verdict::Broken, _) => Verdict::Broken,
    }
}

/// The children of an aggregate, none of any other row
fn below(question: &Value, id: &str) -> Vec<String> {
    match row(question, id) {
        Some(row) if text(row, "type") == "aggregate" => children(row),
        _ => Vec::new(),
    }
}

/// Whether one comes back to the aggregate by following children
fn is_on_cycle(question: &Value, id: &str) -> bool {
    let mut seen: Vec<String> = Vec::new();
    let mut next = below(question, id);
    while let Some(other) = next.pop() {
        if other == id {
            return true;
        }
        if !seen.contains(&other) {
            next.extend(below(question, &other));
            seen.push(other);
        }
    }
    false
}

/// How many aggregates stand inside each other, this one included; those on a cycle count as one
fn height(question: &Value, id: &str) -> usize {
    let Some(row) = row(question, id) else { return 0 };
    if text(row, "type") != "aggregate" {
        return 0;
    }
    if is_on_cycle(question, id) {
        return 1;
    }
    1 + children(row).iter().map(|child| height(question, child)).max().unwrap_or(0)
}
