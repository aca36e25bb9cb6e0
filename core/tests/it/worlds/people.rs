//! Who asks, and what owners gave to whom.

use serde_json::{Map, Value, json};

use super::{Dice, NOW};

const GROUPS: [&str; 5] = ["/staff", "/staff/ops", "/staff/ops/night", "/night", "/staffing"];

/// The requester: Bob as a rule, now and then Ann who owns much, or the resource server itself
pub(super) fn requester(dice: &mut Dice) -> Value {
    let id = dice.pick(&["bob", "bob", "bob", "bob", "ann", "rs"]);
    let mut claims = Map::new();
    if dice.chance(80) {
        claims.insert("scope".into(), dice.pick(&["openid email", "email phone", "", "openid"]).into());
    }
    if dice.chance(70) {
        claims.insert("dept".into(), dice.pick(&["ops", "opsec", "OPS", "sales"]).into());
    }
    if dice.chance(50) {
        let flag = dice.pick(&[json!(true), json!(false), json!(7), json!("7"), json!(["ops", "x"])]);
        claims.insert("card".into(), json!({"level": flag, "list": ["none", "ops"], "deep": {"er": "ops"}}));
    }
    if dice.chance(20) {
        claims.insert("card.level".into(), "ops".into());
    }
    if dice.chance(20) {
        claims.insert("text".into(), "{\"level\":\"ops\",\"list\":[\"ops\"]}".into());
    }
    if dice.chance(40) {
        let shapes = [
            json!(["/staff/ops"]),
            json!(["ops"]),
            json!(["night", "ops"]),
            json!([]),
            json!("/staff/ops/night"),
            json!("night"),
        ];
        claims.insert("groups".into(), dice.pick(&shapes));
    }
    let mut requester = json!({
        "id": id,
        "client": dice.pick(&["web", "web", "app"]),
        "roles": roles(dice),
        "groups": dice.some(35, &GROUPS),
        "claims": claims,
    });
    if dice.chance(60) {
        requester["recorded_roles"] = roles(dice);
    }
    requester
}

fn roles(dice: &mut Dice) -> Value {
    json!({
        "realm": dice.some(55, &["admin", "user"]),
        "client": {"app": dice.some(50, &["reader", "user"])},
    })
}

/// What the ticket and the client say, and what the requester may be asked for
pub(super) fn claims(dice: &mut Dice, question: &mut Value) {
    let values = [json!(["ops"]), json!(["sales"]), json!(["ops", "x"]), json!([])];
    for source in ["ticket_claims", "pushed_claims"] {
        if dice.chance(30) {
            let mut claims = Map::new();
            for name in dice.some(40, &["dept", "order.total", "kc.realm.name", "badge"]) {
                claims.insert(name.into(), dice.pick(&values));
            }
            if dice.chance(15) {
                claims.insert("order".into(), json!(["{\"total\":7,\"lines\":[\"ops\"]}"]));
            }
            question[source] = claims.into();
        }
    }
    if dice.chance(50) {
        question["gatherable"] = dice.some(80, &["dept", "badge", "order.total", "unheard"]).into();
    }
}

/// Shares in every state, with ends near now, some of them resting on others
pub(super) fn shares(dice: &mut Dice, question: &Value, resources: &[Value]) -> Value {
    let mut shares: Vec<Value> = Vec::new();
    let requester = question["requester"]["id"].clone();
    for number in 0..dice.below(9) {
        let resource = dice.pick(resources);
        if resource["owner"] == requester && dice.chance(90) {
            continue;
        }
        let to = match dice.below(10) {
            0..=5 => json!({"user": requester}),
            6 => json!({"user": "cid"}),
            7 => json!({"group": dice.pick(&GROUPS)}),
            8 => json!({"role": {"name": dice.pick(&["admin", "user"])}}),
            _ => json!({"role": {"name": dice.pick(&["reader", "user"]), "client": "app"}}),
        };
        let mut share = json!({"id": format!("s-{number}"), "resource": resource["id"], "requester": to});
        share["state"] =
            dice.pick(&["granted", "granted", "granted", "granted", "pending", "denied", "blocked"]).into();
        if let Some(scope) = scope(dice, &resource) {
            share["scope"] = scope;
        }
        if dice.chance(20) {
            share["expires_at"] = dice.pick(&[NOW - 1, NOW, NOW + 1, NOW + 500]).into();
        }
        if dice.chance(20) {
            share["parent"] = format!("s-{}", dice.below(9)).into();
        }
        let same = |other: &Value| {
            ["resource", "scope", "requester"].iter().all(|member| other.get(member) == share.get(member))
        };
        if !shares.iter().any(same) {
            shares.push(share);
        }
    }
    if dice.chance(10) {
        chain(dice, &mut shares, &requester, resources);
    }
    dice.shuffle(&mut shares);
    shares.into()
}

/// A scope that the resource has as a rule; none for a resource without scopes
fn scope(dice: &mut Dice, resource: &Value) -> Option<Value> {
    let scopes = resource.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
    match dice.below(20) {
        0 => Some("print".into()),
        1 => None,
        _ if scopes.is_empty() => None,
        _ => Some(dice.pick(&scopes)),
    }
}

/// A share that was passed on from hand to hand, about as often as may be
fn chain(dice: &mut Dice, shares: &mut Vec<Value>, requester: &Value, resources: &[Value]) {
    let resource = dice.pick(resources);
    let scope = scope(dice, &resource);
    let length = dice.pick(&[3, 7, 8, 9, 10]);
    for hand in 0..length {
        let last = hand == length - 1;
        let to = if last { requester.clone() } else { format!("friend-{hand}").into() };
        let mut share = json!({
            "id": format!("c-{hand}"), "resource": resource["id"], "requester": {"user": to}, "state": "granted",
        });
        if let Some(scope) = &scope {
            share["scope"] = scope.clone();
        }
        if hand > 0 {
            share["parent"] = format!("c-{}", hand - 1).into();
        }
        if dice.chance(8) {
            share["expires_at"] = dice.pick(&[NOW, NOW + 1, NOW + 500]).into();
        }
        let same = |other: &Value| {
            ["resource", "scope", "requester"].iter().all(|member| other.get(member) == share.get(member))
        };
        shares.retain(|other| !same(other));
        shares.push(share);
    }
}

/// What is shared with others than the requester
pub(super) fn others(dice: &mut Dice, resources: &[Value]) -> Value {
    let mut rows = Vec::new();
    for resource in dice.some(15, resources) {
        let scopes = resource.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
        let given = dice.some(60, &scopes);
        if scopes.is_empty() || !given.is_empty() {
            rows.push(json!({"resource": resource["id"], "scopes": given}));
        }
    }
    rows.into()
}
