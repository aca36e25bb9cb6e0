//! Random questions, dense enough that things collide: few ids, names, scopes and people, many rows.
//!
//! A seed gives the same question everywhere, so a failing seed is a test case.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small numbers and documents made here; a test that cannot go on has failed"
)]

#[path = "worlds/people.rs"]
mod people;
#[path = "worlds/policies.rs"]
mod policies;
#[path = "worlds/shrink.rs"]
mod shrinking;

use serde_json::{Map, Value, json};

pub(crate) use self::shrinking::shrink;

/// The moment of every question: 2024-05-17 10:30:00 UTC, a Friday
pub(crate) const NOW: i64 = 1_715_941_800;
/// Scopes that the resource server has; no resource has the last one
const SCOPES: [&str; 4] = ["view", "edit", "print", "spare"];

/// A small generator of numbers (`SplitMix64`)
pub(crate) struct Dice(u64);

impl Dice {
    /// The same sequence for the same seed
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.next().checked_rem(end).unwrap()).unwrap()
    }

    /// Yes, in so many of a hundred cases
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of.get(self.below(of.len())).unwrap().clone()
    }

    /// Each of these in so many of a hundred cases, in their order
    pub(crate) fn some<T: Clone>(&mut self, percent: usize, of: &[T]) -> Vec<T> {
        of.iter().filter(|_| self.chance(percent)).cloned().collect()
    }

    /// Any order of these
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at.saturating_add(1)));
        }
    }
}

/// A question about a small, crowded world
pub(crate) fn world(seed: u64) -> Value {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    let requester = people::requester(dice);
    let mut facts = Map::new();
    let resources = resources(dice);
    let mut question = json!({
        "now": NOW,
        "server": server(dice),
        "requester": requester,
        "context": {"kc.realm.name": ["demo"], "kc.client.network.ip_address": ["10.0.0.7"]},
    });
    if dice.chance(30) {
        question["utc_offset"] = dice.pick(&[3600, -7200, 50_400]).into();
    }
    if dice.chance(12) {
        question["everything"] = true.into();
        let first = resources.iter().filter_map(|resource| resource["id"].as_str()).min().unwrap_or_default();
        let last = resources.iter().filter_map(|resource| resource["id"].as_str()).max().unwrap_or_default();
        if dice.chance(30) && first < last {
            question["after"] = dice.pick(&[first, "r"]).into();
        }
        facts.insert("more".into(), dice.chance(30).into());
    } else {
        let forms = if dice.chance(94) { dice.pick(&[1_usize, 1, 2, 3]) } else { 0 };
        let asks: Vec<Value> = (0..forms).map(|_| ask(dice, &resources)).collect();
        question["asks"] = asks.into();
        if dice.chance(22) {
            question["rpt"] = earlier(dice, &resources);
        }
    }
    switches(dice, &mut question);
    people::claims(dice, &mut question);

    let known: Vec<&str> = SCOPES.iter().copied().filter(|scope| is_asked(&question, scope)).collect();
    facts.insert("scopes".into(), json!(known));
    facts.insert("parents".into(), parents(dice, &resources));
    facts.insert("shares".into(), people::shares(dice, &question, &resources));
    facts.insert("shared_with_others".into(), people::others(dice, &resources));
    policies::add(dice, &mut facts, &resources);
    facts.insert("resources".into(), resources.into());
    if dice.chance(1) {
        facts.insert("truncated".into(), true.into());
    }
    question["facts"] = facts.into();
    question
}

fn server(dice: &mut Dice) -> Value {
    let mut server = json!({"id": "rs", "strategy": dice.pick(&["UNANIMOUS", "UNANIMOUS", "AFFIRMATIVE", "AFFIRMATIVE", "CONSENSUS"])});
    server["mode"] = dice.pick(&["ENFORCING"; 8]).into();
    if dice.chance(15) {
        server["mode"] = dice.pick(&["PERMISSIVE", "PERMISSIVE", "DISABLED"]).into();
    }
    if dice.chance(10) {
        server["owner_access"] = dice.pick(&["always", "policy"]).into();
    }
    server
}

fn resources(dice: &mut Dice) -> Vec<Value> {
    let mut resources: Vec<Value> = Vec::new();
    let mut ids = ["r-1", "r-2", "r-3", "r-4", "r-5", "r6"];
    dice.shuffle(&mut ids);
    let most = 2_usize.saturating_add(dice.below(4));
    for id in ids.iter().take(most) {
        let owner = dice.pick(&["rs", "rs", "ann", "ann", "bob"]);
        let name = dice.pick(&["album", "album", "photo", "r-1"]);
        // A name is unique per owner.
        if resources.iter().any(|other| other["owner"] == owner && other["name"] == name) {
            continue;
        }
        let mut resource = json!({"id": id, "name": name, "owner": owner});
        if dice.chance(if owner == "rs" { 25 } else { 80 }) {
            resource["owner_managed"] = true.into();
        }
        if dice.chance(85) {
            resource["scopes"] = dice.some(65, SCOPES.split_last().unwrap().1).into();
        }
        if dice.chance(40) {
            resource["type"] = dice.pick(&["urn:t", "urn:t", "urn:u"]).into();
        }
        resource["uris"] = dice.some(25, &URIS).into();
        resources.push(resource);
    }
    resources
}

const URIS: [&str; 8] = ["/a", "/a/*", "/a/{id}", "/a/b", "/a/{id}/*", "/*", "/a/*.html", "/a/{id}/{part}"];
const ASKED_URIS: [&str; 11] = [
    "/a",
    "/a/",
    "/a/b",
    "/a/c?q=1",
    "/a//b",
    "/a/x;v=1/b",
    "/a/b;v=1",
    "/a/%62",
    "/a/b/c.html",
    "/A/b",
    "/a/%zz",
];

/// The resource server's resources of the types that occur; those in `resources` among them
fn parents(dice: &mut Dice, resources: &[Value]) -> Value {
    let mut parents: Vec<Value> = resources
        .iter()
        .filter(|resource| resource["owner"] == "rs" && resource.get("type").is_some())
        .cloned()
        .collect();
    let typed: Vec<Value> = resources.iter().filter_map(|resource| resource.get("type")).cloned().collect();
    if !typed.is_empty() && dice.chance(40) {
        let scopes = dice.some(60, &SCOPES);
        parents.push(
            json!({"id": "p-1", "name": "all", "owner": "rs", "type": dice.pick(&typed), "scopes": scopes}),
        );
    }
    parents.into()
}

fn ask(dice: &mut Dice, resources: &[Value]) -> Value {
    let scopes = scopes(dice);
    let id = match dice.chance(98).then(|| dice.pick(resources)) {
        Some(resource) => resource["id"].clone(),
        None => dice.pick(&["r-9", "gone"]).into(),
    };
    match dice.below(10) {
        0..=3 => json!({"by": "id", "resource": id, "scopes": scopes}),
        4 | 5 => {
            let known = dice.pick(resources)["name"].clone();
            let name = if dice.chance(30) { id } else { dice.pick(&[known.clone(), known, "album".into()]) };
            json!({"by": "name", "resource": name, "scopes": scopes})
        }
        6 => {
            let known = dice.pick(resources)["uris"].get(0).cloned();
            let uri = match known {
                Some(known) if dice.chance(40) => known,
                None if dice.chance(60) => return json!({"by": "id", "resource": id, "scopes": scopes}),
                _ if dice.chance(3) => "".into(),
                _ => dice.pick(&ASKED_URIS).into(),
            };
            json!({"by": "uri", "uri": uri, "scopes": scopes, "matching": dice.chance(90)})
        }
        7 => {
            let whose = dice.pick(&["server", "requester", "instance", "any"]);
            json!({"by": "type", "type": dice.pick(&["urn:t", "urn:u"]), "whose": whose, "scopes": scopes})
        }
        _ if scopes.is_empty() => json!({"by": "scopes", "scopes": ["view"]}),
        _ => json!({"by": "scopes", "scopes": scopes}),
    }
}

fn scopes(dice: &mut Dice) -> Vec<&'static str> {
    match dice.below(20) {
        0..=5 => Vec::new(),
        6..=17 => dice.some(60, SCOPES.split_last().unwrap().1),
        18 => vec!["ghost", "view"],
        _ => dice.some(50, &["ghost", "spare", "edit"]),
    }
}

/// Permissions of an earlier RPT, some of them over
fn earlier(dice: &mut Dice, resources: &[Value]) -> Value {
    let mut permissions = Vec::new();
    let mut ids: Vec<Value> = resources.iter().map(|resource| resource["id"].clone()).collect();
    ids.push("r-9".into());
    for id in dice.some(35, &ids) {
        let mut permission = json!({"rsid": id});
        let scopes = dice.some(50, SCOPES.split_last().unwrap().1);
        if !scopes.is_empty() {
            permission["scopes"] = scopes.into();
        }
        match dice.below(12) {
            0 => permission["exp"] = dice.pick(&[NOW, NOW - 1, NOW + 1]).into(),
            1 => permission["nbf"] = dice.pick(&[NOW, NOW - 1, NOW + 1]).into(),
            2 => permission["rsname"] = "album".into(),
            _ => {}
        }
        permissions.push(permission);
    }
    if dice.chance(4) {
        permissions.push(json!({"scopes": ["view"]}));
    }
    permissions.into()
}

fn switches(dice: &mut Dice, question: &mut Value) {
    for (name, percent) in [("all_or_nothing", 9), ("submit", 35), ("polling", 20)] {
        if dice.chance(percent) {
            question[name] = true.into();
        }
    }
    if dice.chance(20) {
        question["scopes"] = dice.some(40, &["view", "edit", "spare", "ghost", "openid"]).into();
        if dice.chance(50) {
            question["registered"] = dice.some(60, &["view", "edit", "print", "spare"]).into();
        }
    }
    if dice.chance(12) {
        let least = i32::from(question.get("everything").is_some());
        question["limit"] = dice.pick(&[1, 1, 2, 3, least]).into();
    }
    if dice.chance(10) {
        question["names"] = false.into();
    }
}

/// Whether the scope is named anywhere in what is asked
fn is_asked(question: &Value, scope: &str) -> bool {
    let names = |value: &Value| {
        value
            .get("scopes")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|name| name == scope))
    };
    let any = |member: &str| {
        question.get(member).and_then(Value::as_array).is_some_and(|list| list.iter().any(names))
    };
    names(question) || any("asks") || any("rpt")
}

/// The answer with its lists of scopes and of values in order
pub(crate) fn in_order(answer: &Value) -> Value {
    match answer {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(in_order).collect();
            if items.iter().all(Value::is_string) {
                items.sort_by_key(Value::to_string);
                items.dedup();
            }
            items.into()
        }
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), in_order(member))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.clone(),
    }
}
