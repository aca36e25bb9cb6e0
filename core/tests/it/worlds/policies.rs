//! Policies of every type, good and broken, aggregates that may go round, and permissions over them.

use serde_json::{Map, Value, json};

use super::{Dice, NOW, SCOPES};

const STRATEGIES: [&str; 4] = ["UNANIMOUS", "UNANIMOUS", "AFFIRMATIVE", "CONSENSUS"];

/// Adds `policies`, `outcomes` and `directory` to the facts
pub(super) fn add(dice: &mut Dice, facts: &mut Map<String, Value>, resources: &[Value]) {
    let mut rows: Vec<Value> = Vec::new();
    let mut outcomes: Vec<Value> = Vec::new();
    // Most worlds are friendly, that is most of their policies permit; so about half of all questions grant something.
    let friendly = dice.chance(70);
    let leaves = 1_usize.saturating_add(dice.below(6));
    for number in 0..leaves {
        let id = format!("leaf-{number}");
        let row = if friendly && dice.chance(75) {
            json!({"id": id, "type": "user", "config": {"users": ["ann", "bob", "rs"]}})
        } else {
            leaf(dice, &id)
        };
        if row["type"].as_str().is_some_and(|of| of.starts_with("script-") || of == "js") {
            outcome(dice, &mut outcomes, &id, resources);
        }
        rows.push(row);
    }
    let aggregates = if dice.chance(40) { 1_usize.saturating_add(dice.below(3)) } else { 0 };
    let named = |rows: &[Value]| -> Vec<Value> { rows.iter().map(|row| row["id"].clone()).collect() };
    let mut ids = named(&rows);
    ids.extend((0..aggregates).map(|number| Value::from(format!("set-{number}"))));
    for number in 0..aggregates {
        let mut row = json!({"id": format!("set-{number}"), "type": "aggregate", "apply": apply(dice, &ids)});
        finish(dice, &mut row);
        rows.push(row);
    }
    if dice.chance(3) {
        tower(dice, &mut rows, &mut ids);
    }
    for number in 0..1_usize.saturating_add(dice.below(5)) {
        let id = format!("perm-{number}");
        let row = permission(dice, &id, &ids, resources);
        if row["config"].get("condition").is_some() {
            outcome(dice, &mut outcomes, &id, resources);
        }
        rows.push(row);
    }
    if friendly && dice.chance(60) {
        let all: Vec<Value> = resources.iter().map(|resource| resource["id"].clone()).collect();
        rows.push(json!({"id": "perm-all", "type": "resource", "resources": all, "apply": ["leaf-0"]}));
    }
    if dice.chance(2) {
        // A permission that is applied like a policy
        rows.push(json!({"id": "leaf-9", "type": "resource", "resources": []}));
    }
    dice.shuffle(&mut rows);
    facts.insert("policies".into(), rows.into());
    facts.insert("outcomes".into(), outcomes.into());
    let mut directory = json!({
        "groups": {"g1": "/staff", "g2": "/staff/ops"},
        "roles": {"o1": {"name": "admin"}, "o2": {"name": "reader", "client": "app"}},
    });
    if dice.chance(25) {
        // Two roles that contain each other among them
        let all = [
            json!({"role": {"name": "user"}, "contains": [{"name": "reader", "client": "app"}]}),
            json!({"role": {"name": "reader", "client": "app"}, "contains": [{"name": "admin"}, {"name": "lost"}]}),
            json!({"role": {"name": "admin"}, "contains": [{"name": "user"}]}),
        ];
        directory["composites"] = dice.some(50, &all).into();
    }
    facts.insert("directory".into(), directory);
}

/// Logic and strategy, now and then unknown ones
fn finish(dice: &mut Dice, row: &mut Value) {
    if dice.chance(13) {
        row["logic"] = "NEGATIVE".into();
    }
    if dice.chance(60) {
        row["strategy"] = dice.pick(&STRATEGIES).into();
    }
}

fn apply(dice: &mut Dice, ids: &[Value]) -> Value {
    let mut chosen = dice.some(18, ids);
    if chosen.is_empty() && dice.chance(80) {
        chosen.push(dice.pick(ids));
    }
    if dice.chance(3) {
        chosen.push(dice.pick(&["missing", "perm-0", "leaf-9"]).into());
    }
    chosen.into()
}

/// Aggregates inside each other, about as many as may be
fn tower(dice: &mut Dice, rows: &mut Vec<Value>, ids: &mut Vec<Value>) {
    let height = dice.pick(&[15, 16, 17]);
    for floor in 0..height {
        let below = if floor == 0 { "leaf-0".to_owned() } else { format!("floor-{}", floor - 1) };
        rows.push(json!({"id": format!("floor-{floor}"), "type": "aggregate", "apply": [below]}));
    }
    *ids = vec![format!("floor-{}", height - 1).into()];
}

fn outcome(dice: &mut Dice, outcomes: &mut Vec<Value>, id: &str, resources: &[Value]) {
    if dice.chance(8) {
        return;
    }
    let said = |dice: &mut Dice| dice.pick(&["permit", "permit", "permit", "deny", "failed"]);
    let mut any = json!({"policy": id, "said": said(dice)});
    if dice.chance(40) {
        any["claims"] = json!({dice.pick(&["said", "dept"]): [dice.pick(&["a", "b", "ops"])]});
    }
    if dice.chance(20) {
        let one = dice.pick(resources);
        outcomes
            .push(json!({"policy": id, "resource": one["id"], "said": said(dice), "claims": {"one": ["1"]}}));
    }
    outcomes.push(any);
}

/// A permission of any kind, on anything
fn permission(dice: &mut Dice, id: &str, ids: &[Value], resources: &[Value]) -> Value {
    let of_type = dice.pick(&["resource", "resource", "scope", "scope", "uma"]);
    let mut row = json!({"id": id, "type": of_type, "apply": apply(dice, ids)});
    let targets: Vec<Value> =
        dice.some(60, resources).iter().map(|resource| resource["id"].clone()).collect();
    if of_type == "uma" {
        let target = dice.pick(resources);
        row["resources"] = json!([target["id"]]);
        row["owner"] = if dice.chance(95) { target["owner"].clone() } else { "cid".into() };
        row["scopes"] =
            dice.some(60, target.get("scopes").and_then(Value::as_array).unwrap_or(&Vec::new())).into();
        row["config"] = shared_with(dice);
        if dice.chance(25) {
            row["expires_at"] = dice.pick(&[NOW - 1, NOW, NOW + 1, NOW + 500]).into();
        }
        if dice.chance(80) {
            row["apply"] = json!([]);
        }
    } else if dice.chance(65) && !targets.is_empty() {
        row["resources"] = targets.into();
    } else if of_type == "resource" || dice.chance(30) {
        row["resource_type"] = dice.pick(&["urn:t", "urn:t", "urn:u"]).into();
        if dice.chance(20) {
            row["resources"] = json!(["p-1"]);
        }
    }
    if of_type == "scope" {
        let mut scopes = dice.some(50, &SCOPES);
        if scopes.is_empty() {
            scopes.push("view");
        }
        row["scopes"] = scopes.into();
    }
    if dice.chance(60) {
        row["strategy"] = dice.pick(&STRATEGIES).into();
    }
    if dice.chance(4) {
        row["logic"] = "NEGATIVE".into();
    }
    if dice.chance(2) {
        row["strategy"] = "PLURALITY".into();
    }
    if dice.chance(1) {
        row["type"] = "unheard-of".into();
    }
    row
}

/// What an owner's policy holds itself
fn shared_with(dice: &mut Dice) -> Value {
    let mut config = Map::new();
    if dice.chance(60) {
        config.insert(
            "users".into(),
            dice.pick(&[json!(["bob"]), json!(["bob", "ann"]), json!(["cid"]), json!([])]),
        );
    }
    if dice.chance(25) {
        config.insert(
            "roles".into(),
            dice.pick(&[json!([{"name": "admin"}]), json!([{"name": "user", "client": "app"}])]),
        );
    }
    if dice.chance(20) {
        config.insert("groups".into(), json!([{"path": "/staff"}, {"id": "g2"}]));
    }
    if dice.chance(15) {
        config.insert("clients".into(), json!(["web"]));
    }
    if dice.chance(15) {
        config.insert("condition".into(), "script-hours.js".into());
    }
    config.into()
}

/// A policy of any type; one in eight is broken
fn leaf(dice: &mut Dice, id: &str) -> Value {
    let of_type = dice.pick(&[
        "user",
        "user",
        "user",
        "role",
        "role",
        "group",
        "client",
        "client-scope",
        "time",
        "regex",
        "regex",
        "script-x.js",
        "js",
    ]);
    let config = if dice.chance(7) { broken(dice, of_type) } else { good(dice, of_type) };
    let mut row = json!({"id": id, "name": id, "type": of_type, "config": config});
    finish(dice, &mut row);
    match dice.below(60) {
        0 => row["type"] = "unheard-of".into(),
        1 => row["logic"] = "MAYBE".into(),
        _ => {}
    }
    row
}

fn good(dice: &mut Dice, of_type: &str) -> Value {
    match of_type {
        "user" => {
            json!({"users": dice.pick(&[json!(["bob"]), json!(["bob", "ann"]), json!(["bob", "ann", "rs"]), json!(["cid"])])})
        }
        "client" => json!({"clients": dice.pick(&[json!(["web"]), json!(["app", "web"]), json!(["app"])])}),
        "role" => {
            let all = [
                json!({"name": "admin"}),
                json!({"name": "user", "client": "app"}),
                json!({"name": "user", "required": true}),
                json!({"id": "o1"}),
                json!({"id": "o2", "required": "true"}),
                json!({"id": "lost"}),
            ];
            let mut roles = dice.some(30, &all);
            if roles.is_empty() {
                roles.push(json!({"name": "user"}));
            }
            json!({"roles": roles, "fetchRoles": dice.pick(&[json!(false), json!(false), json!("true")])})
        }
        "group" => {
            let all = [
                json!({"path": "/staff", "extendChildren": true}),
                json!({"path": "/staff/ops"}),
                json!({"path": "/staff/ops/night"}),
                json!({"path": "/night", "extendChildren": "false"}),
                json!({"id": "g1", "extendChildren": "true"}),
                json!({"id": "lost"}),
            ];
            let mut groups = dice.some(30, &all);
            if groups.is_empty() {
                groups.push(json!({"id": "g2", "extendChildren": true}));
            }
            let mut config = json!({"groups": groups});
            if dice.chance(40) {
                config["groupsClaim"] = "groups".into();
            }
            config
        }
        "client-scope" => {
            let all = [
                json!({"name": "email"}),
                json!({"name": "phone", "required": true}),
                json!({"name": "openid"}),
            ];
            let mut scopes = dice.some(50, &all);
            if scopes.is_empty() {
                scopes.push(json!({"name": "email", "required": "true"}));
            }
            json!({"clientScopes": scopes})
        }
        "time" => time(dice),
        "regex" => regex(dice),
        _ => json!({}),
    }
}

/// Conditions around 2024-05-17 10:30:00
fn time(dice: &mut Dice) -> Value {
    let mut config = Map::new();
    let edges =
        ["2024-05-17 10:30:00", "2024-05-17 10:30:01", "2024-05-17 10:29:59", "2024-05-17", "2024-05-18"];
    if dice.chance(40) {
        config.insert("nbf".into(), dice.pick(&edges).into());
    }
    if dice.chance(40) {
        config.insert("noa".into(), dice.pick(&edges).into());
    }
    let fields = [("dayMonth", 17), ("month", 5), ("year", 2024), ("hour", 10), ("minute", 30)];
    for (name, value) in fields {
        if !dice.chance(25) {
            continue;
        }
        let begin = value - dice.pick(&[0, 0, 0, 0, 1, 5, 5, -1]);
        let number = |dice: &mut Dice, number: i64| {
            if dice.chance(50) { json!(number) } else { json!(number.to_string()) }
        };
        config.insert(name.into(), number(dice, begin));
        if dice.chance(50) {
            let end = value + dice.pick(&[0, 1, 2, 2, -2]);
            config.insert(format!("{name}End"), number(dice, end));
        }
    }
    if config.is_empty() {
        config.insert("year".into(), "2024".into());
    }
    config.into()
}

fn regex(dice: &mut Dice) -> Value {
    let targets = [
        "dept",
        "dept",
        "card.level",
        "card.list[1]",
        "card.deep.er",
        "card",
        "badge",
        "order.total",
        "order.lines[0]",
        "kc.realm.name",
        "kc.realm.roles",
        "kc.client.app.roles",
        "text.level",
        "text.list[0]",
        "nothing",
        "unheard",
    ];
    let patterns = [
        "ops",
        "^op.*$",
        "(?i)ops",
        "[a-z]+",
        r"\d",
        "true|ops|demo",
        "a*(ops|sales)?",
        "o{1}p+?s",
        r"\w+",
        "op",
        "admin|user|7",
    ];
    let mut config = json!({"targetClaim": dice.pick(&targets), "pattern": dice.pick(&patterns)});
    if dice.chance(50) {
        config["targetContextAttributes"] = dice.pick(&[json!(true), json!("true")]);
        if dice.chance(60) {
            config["targetClaim"] = dice.pick(&["dept", "badge", "order.total", "kc.realm.name"]).into();
        }
    }
    config
}

/// What cannot be read, or names nothing
fn broken(dice: &mut Dice, of_type: &str) -> Value {
    let shapes: &[Value] = match of_type {
        "user" => &[json!({}), json!({"users": []}), json!({"users": "bob"}), json!({"users": [7]})],
        "client" => &[json!({"clients": []}), json!({"clients": {}})],
        "role" => &[
            json!({"roles": [{"id": "lost"}]}),
            json!({"roles": []}),
            json!({"roles": [{"required": true}]}),
        ],
        "group" => &[json!({"groups": [{"id": "lost"}]}), json!({"groups": []}), json!({"groups": [{}]})],
        "client-scope" => &[json!({"clientScopes": []}), json!({}), json!({"clientScopes": [{"name": 7}]})],
        "time" => &[
            json!({}),
            json!({"monthEnd": 5}),
            json!({"month": 13}),
            json!({"hour": 24}),
            json!({"minute": "half"}),
            json!({"nbf": "2024-02-30"}),
            json!({"noa": "soon"}),
            json!({"dayMonth": 0, "year": 2024}),
        ],
        "regex" => &[
            json!({"targetClaim": "dept", "pattern": "("}),
            json!({"targetClaim": "dept", "pattern": "(?=o)ops"}),
            json!({"targetClaim": "dept", "pattern": r"(o)\1"}),
            json!({"targetClaim": "dept", "pattern": "o++ps"}),
            json!({"pattern": "ops"}),
            json!({"targetClaim": "dept"}),
        ],
        _ => &[json!({})],
    };
    dice.pick(shapes)
}
