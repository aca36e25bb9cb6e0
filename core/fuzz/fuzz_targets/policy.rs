//! Rows of policies, as a store or an import may hold them.
#![no_main]

use countersign_core::{
    assessment::{Assessment, Question, assess_with},
    permission::Claims,
    policy::{Outcome, PolicyDelta, PolicyRow, PolicySet, Said},
    scope::ScopeSet,
};
use countersign_core_fuzz::has_fraction;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// Beyond this the fuzzer measures its own patience
const ROWS: usize = 48;

fuzz_target!(|data: &[u8]| {
    let Ok(rows) = serde_json::from_slice::<Vec<PolicyRow>>(data) else { return };
    if rows.len() > ROWS {
        return;
    }
    let document = serde_json::to_vec(&rows).expect("rows have a JSON form");
    let again = serde_json::from_slice::<Vec<PolicyRow>>(&document).expect("and are read from it");
    assert!(again == rows || rows.iter().any(|row| has_fraction(&row.config)));

    let mut set = PolicySet::new(&rows);
    assert!(set.len() <= rows.len() && set.iter().count() == set.len());
    let questions = ["rs", "alice"].map(|owner| question(owner, &rows));
    let answers = questions.each_ref().map(|question| granted(question, &set));
    one_by_one(&rows, &set, &questions, &answers);
    a_broken_leaf_never_helps(&mut set, &questions, &answers);
});

/// However the set came to hold its rows, it says the same.
fn one_by_one(rows: &[PolicyRow], set: &PolicySet<'_>, questions: &[Question; 2], answers: &[ScopeSet; 2]) {
    let again = PolicySet::from_snapshot(&set.snapshot()).expect("a snapshot");
    let mut grown = PolicySet::default();
    for row in rows {
        grown.apply([PolicyDelta::Put(Box::new(row.clone()))]);
    }
    let faults = |set: &PolicySet<'_>| {
        let mut faults: Vec<_> =
            set.faults().map(|(row, fault)| (row.id.to_string(), fault.to_string())).collect();
        faults.sort();
        faults
    };
    for other in [&again, &grown] {
        assert_eq!(faults(other), faults(set));
        assert_eq!(questions.each_ref().map(|question| granted(question, other)), *answers);
    }
    grown.apply(rows.iter().map(|row| PolicyDelta::Remove(row.id.clone())));
    assert!(grown.is_empty() && grown.faults().count() == 0);
    assert!(questions.iter().all(|question| granted(question, &grown).is_empty()));
}

/// A leaf that nobody can read any more helps nobody, also not turned around.
fn a_broken_leaf_never_helps(set: &mut PolicySet<'_>, questions: &[Question; 2], answers: &[ScopeSet; 2]) {
    // A permission less may well grant more, and a broken aggregate breaks the circle that it was part of.
    let is_leaf = |row: &PolicyRow| !row.is_permission() && row.kind != "aggregate";
    let leaves: Vec<_> = set.iter().map(|policy| &*policy.row).filter(|row| is_leaf(row)).cloned().collect();
    for row in leaves {
        let broken = PolicyRow { kind: "unheard-of".into(), ..row.clone() };
        set.apply([PolicyDelta::Put(Box::new(broken))]);
        for (question, before) in questions.iter().zip(answers) {
            assert!(granted(question, set).is_subset(before), "{} helps to grant once it is broken", row.id);
        }
        set.apply([PolicyDelta::Put(Box::new(row))]);
    }
    assert_eq!(questions.each_ref().map(|question| granted(question, set)), *answers);
}

/// Bob asks for the document; every script says yes.
fn question(owner: &str, rows: &[PolicyRow]) -> Question {
    let question = json!({
        "now": 1_700_000_000,
        "server": { "id": "rs" },
        "requester": {
            "id": "bob", "client": "app", "groups": ["/staff/ops"],
            "claims": { "groups": ["ops"], "tenant": "acme", "scope": "email profile" },
            "roles": { "realm": ["admin", "user"], "client": { "rs": ["editor"] } },
            "recorded_roles": { "realm": ["admin"] }
        },
        "context": { "kc.realm.name": ["demo"] },
        "asks": [{ "by": "id", "resource": "doc-42" }],
        "facts": {
            "scopes": ["read", "write"],
            "resources": [{ "id": "doc-42", "name": "document 42", "type": "urn:doc", "owner": owner,
                            "owner_managed": owner == "alice", "scopes": ["read", "write"] }],
            "parents": [{ "id": "docs", "name": "documents", "type": "urn:doc", "owner": "rs",
                          "scopes": ["print"] }],
            "directory": { "groups": { "g1": "/staff" }, "roles": { "r1": { "name": "admin" } } }
        }
    });
    let mut question: Question = serde_json::from_value(question).expect("a question");
    question.facts.outcomes = rows
        .iter()
        .map(|row| Outcome {
            policy: row.id.clone(),
            resource: None,
            said: Said::Permit,
            claims: Claims::new(),
        })
        .collect();
    question
}

/// What Bob gets
fn granted(question: &Question, set: &PolicySet<'_>) -> ScopeSet {
    match assess_with(question, set) {
        Assessment::Granted { permissions, .. } => {
            permissions.into_iter().flat_map(|one| one.scopes).collect()
        }
        Assessment::Denied { .. } | Assessment::Refused(_) => ScopeSet::new(),
    }
}
