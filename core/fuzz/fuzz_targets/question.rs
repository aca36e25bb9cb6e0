//! A question with all its facts, as it crosses into the component.
#![no_main]

use std::collections::BTreeSet;

use countersign_core::{
    assessment::{Assessment, Facts, Mode, OwnerAccess, Question, assess, explain},
    ids::ResourceId,
    scope::Scope,
};
use countersign_core_fuzz::has_fraction;
use libfuzzer_sys::fuzz_target;

/// Beyond this the fuzzer measures its own patience
const SHARES: usize = 16;

fuzz_target!(|data: &[u8]| {
    let Ok(question) = serde_json::from_slice::<Question>(data) else { return };
    let document = serde_json::to_vec(&question).expect("a question has a JSON form");
    let again = serde_json::from_slice::<Question>(&document).expect("and is read from it");
    assert!(again == question || serde_json::from_slice(&document).is_ok_and(|value| has_fraction(&value)));

    let answer = assess(&question);
    let document = serde_json::to_vec(&answer).expect("an answer has a JSON form");
    assert_eq!(serde_json::from_slice::<Assessment>(&document).expect("and is read from it"), answer);

    let (explained, trace) = explain(&question);
    assert_eq!(explained, answer, "who asks why gets no other answer");
    serde_json::to_vec(&trace).expect("a trace has a JSON form");

    bounded(&question, &answer);
    no_facts_no_grant(&question);
    withdrawn(&question, &answer);
});

/// What is granted exists, has its scopes from somewhere, and carries no claim that is Keycloak's own.
fn bounded(question: &Question, answer: &Assessment) {
    let Assessment::Granted { permissions, .. } = answer else { return };
    assert!(!question.facts.truncated);
    assert!(question.limit.is_none_or(|limit| permissions.len() <= limit));
    for permission in permissions {
        // What scripts add is theirs to name; of what is pushed, the server's own names are left out.
        let is_servers = |name: &String| name.starts_with("kc.");
        assert!(!question.facts.outcomes.is_empty() || !permission.claims.keys().any(is_servers));
        let Some(id) = &permission.rsid else { continue };
        let its = question.facts.resources.iter().filter(|resource| resource.id == *id);
        let kinds: Vec<_> = its.clone().filter_map(|resource| resource.kind.as_ref()).collect();
        let parents = question.facts.parents.iter();
        let parents = parents.filter(|parent| parent.kind.as_ref().is_some_and(|kind| kinds.contains(&kind)));
        let known: BTreeSet<&Scope> = its.chain(parents).flat_map(|resource| &resource.scopes).collect();
        assert!(permission.scopes.iter().all(|scope| known.contains(scope)));
    }
}

/// Without all facts, or without any that grants, nothing is granted.
fn no_facts_no_grant(question: &Question) {
    let granted = |question: &Question| matches!(assess(question), Assessment::Granted { .. });
    let mut truncated = question.clone();
    truncated.facts.truncated = true;
    assert!(!granted(&truncated));

    let mut bare = question.clone();
    bare.server.mode = Mode::Enforcing;
    bare.server.owner_access = OwnerAccess::Policy;
    bare.facts =
        Facts { shares: Vec::new(), shared_with_others: Vec::new(), policies: Vec::new(), ..bare.facts };
    assert!(!granted(&bare));
}

/// A share less never gives more.
fn withdrawn(question: &Question, answer: &Assessment) {
    // Where what nobody has ruled on is open, a rule less may open it; a limit makes room for others; and what is
    // no longer meant by a name no longer stands in the way of all or nothing.
    let depends = question.server.mode == Mode::Permissive
        || question.limit.is_some()
        || question.rpt.is_some()
        || question.all_or_nothing;
    let shares = &question.facts.shares;
    let ids: BTreeSet<_> = shares.iter().map(|share| share.id.as_str()).collect();
    if depends || ids.len() < shares.len() {
        return;
    }
    let before = access(answer);
    for place in 0..question.facts.shares.len().min(SHARES) {
        let mut after = question.clone();
        after.facts.shares.remove(place);
        assert!(access(&assess(&after)).is_subset(&before), "withdrawing share {place} widens the answer");
    }
}

/// Each granted scope of each resource
fn access(answer: &Assessment) -> BTreeSet<(Option<&ResourceId>, Option<&Scope>)> {
    let Assessment::Granted { permissions, .. } = answer else { return BTreeSet::new() };
    permissions
        .iter()
        .flat_map(|one| {
            let id = one.rsid.as_ref();
            one.scopes.iter().map(move |scope| (id, Some(scope))).chain([(id, None)])
        })
        .collect()
}
