//! The smallest document that still fails.

use serde_json::Value;

/// A step into a document
#[derive(Clone)]
enum Step {
    Member(String),
    Item(usize),
}

/// Takes away array items and members, and makes what is left plainer, as long as `fails` stays true.
pub(crate) fn shrink(document: Value, fails: impl Fn(&Value) -> bool) -> Value {
    let mut best = document;
    loop {
        let smaller = candidates(&best).into_iter().find(|candidate| fails(candidate));
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// All documents that are one step smaller, the boldest steps first
fn candidates(document: &Value) -> Vec<Value> {
    let mut paths = Vec::new();
    walk(document, &mut Vec::new(), &mut paths);
    paths.sort_by_key(Vec::len);
    let mut found = Vec::new();
    for path in &paths {
        found.extend(without(document, path));
    }
    for path in &paths {
        found.extend(plainer(document, path));
    }
    found
}

fn walk(value: &Value, here: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
    let steps: Vec<(Step, &Value)> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (Step::Item(at), item)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (Step::Member(name.clone()), member)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (step, below) in steps {
        here.push(step);
        paths.push(here.clone());
        walk(below, here, paths);
        here.pop();
    }
}

fn reach<'v>(document: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(document, |place, step| match step {
        Step::Member(name) => place.get_mut(name),
        Step::Item(at) => place.get_mut(*at),
    })
}

fn without(document: &Value, path: &[Step]) -> Option<Value> {
    let mut copy = document.clone();
    let (last, above) = path.split_last()?;
    match (reach(&mut copy, above)?, last) {
        (Value::Array(items), Step::Item(at)) => {
            items.remove(*at);
        }
        (Value::Object(members), Step::Member(name)) => {
            members.remove(name);
        }
        _ => return None,
    }
    Some(copy)
}

fn plainer(document: &Value, path: &[Step]) -> Option<Value> {
    let mut copy = document.clone();
    let place = reach(&mut copy, path)?;
    let plain = match place {
        Value::Bool(true) => Value::Bool(false),
        Value::Number(number) if number.as_i64().is_some_and(|number| number > 1) => 1.into(),
        Value::String(text) if text == "NEGATIVE" => "POSITIVE".into(),
        Value::String(text) if text == "AFFIRMATIVE" || text == "CONSENSUS" => "UNANIMOUS".into(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            return None;
        }
    };
    *place = plain;
    Some(copy)
}
