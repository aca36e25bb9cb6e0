//! Rows of policies, as a store or an import may hold them.
#![no_main]

use countersign_core::{
    assessment::{Assessment, Question, assess},
    policy::{PolicyRow, PolicySet},
    scope::ScopeSet,
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// Beyond this the fuzzer measures its own patience
const ROWS: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Ok(rows) = serde_json::from_slice::<Vec<PolicyRow>>(data) else { return };
    if rows.len() > ROWS {
        return;
    }
    let document = serde_json::to_vec(&rows).expect("rows have a JSON form");
    assert_eq!(serde_json::from_slice::<Vec<PolicyRow>>(&document).expect("and are read from it"), rows);

    let set = PolicySet::new(&rows);
    assert_eq!(set.iter().count(), rows.len(), "what cannot be read is there all the same");
    assert!(set.broken().count() <= rows.len());

    for owner in ["rs", "alice"] {
        let before = granted(&rows, owner);
        for place in 0..rows.len() {
            assert!(
                granted(&broken(&rows, place), owner).is_subset(&before),
                "row {place}, broken, helps to grant"
            );
        }
    }
});

/// The rows with one that nobody can read any more, also not turned around
fn broken(rows: &[PolicyRow], place: usize) -> Vec<PolicyRow> {
    let mut rows = rows.to_vec();
    let row = &mut rows[place];
    // A permission is combined with others, and a row less of them may well grant more.
    if !["resource", "scope", "uma"].contains(&row.kind.as_str()) {
        row.kind = "unheard-of".into();
    }
    rows
}

/// What Bob gets on the document
fn granted(rows: &[PolicyRow], owner: &str) -> ScopeSet {
    let question = json!({
        "now": 1_700_000_000,
        "server": { "id": "rs" },
        "requester": {
            "id": "bob", "client": "app", "groups": ["/staff/ops"], "claims": { "groups": ["ops"] },
            "roles": { "realm": ["admin", "user"], "client": { "rs": ["editor"] } },
            "recorded_roles": { "realm": ["admin"] }
        },
        "asks": [{ "by": "id", "resource": "doc-42" }],
        "facts": {
            "scopes": ["read", "write"],
            "resources": [{ "id": "doc-42", "name": "document 42", "type": "urn:doc", "owner": owner,
                            "owner_managed": owner == "alice", "scopes": ["read", "write"] }],
            "parents": [{ "id": "docs", "name": "documents", "type": "urn:doc", "owner": "rs",
                          "scopes": ["print"] }]
        }
    });
    let mut question: Question = serde_json::from_value(question).expect("a question");
    question.facts.policies = rows.to_vec();
    match assess(&question) {
        Assessment::Granted { permissions, .. } => {
            permissions.into_iter().flat_map(|one| one.scopes).collect()
        }
        Assessment::Denied { .. } | Assessment::Refused(_) => ScopeSet::new(),
    }
}
