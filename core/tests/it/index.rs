//! The index of shares beside a look at all rows.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    ids::{ResourceId, ShareId},
    requester::{Requester, RoleName},
    scope::Scope,
    share::{
        Grantee, Share, ShareState,
        index::{Page, Seed, ShareDelta, Shares},
    },
    time::UnixTime,
};
use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree};

const SEED: Seed = Seed::new([7; 16]);
const NOW: UnixTime = UnixTime(1_700_000_000);
const SCOPES: [&str; 3] = ["read", "write", "5c1b7a52-0000-4000-8000-000000000001"];

/// Ids of all spellings: UUIDs, texts that are almost UUIDs, and others
fn id(number: usize) -> String {
    match number % 4 {
        0 => format!("{number:08x}-0000-4000-8000-00000000abcd"),
        1 => format!("{number:08X}-0000-4000-8000-00000000ABCD"),
        2 => format!("{number:08x}0000-4000-8000-00000000abcdef"),
        _ => format!("nr{number}"),
    }
}

fn share_id(number: usize) -> ShareId {
    id(number).parse().unwrap()
}

fn resource(number: usize) -> ResourceId {
    id(number).parse().unwrap()
}

/// Names that are one another's, or parts of one another's, as different kinds of grantees
fn grantee(number: usize) -> Grantee {
    let role = |client: Option<&str>, name: &str| {
        Grantee::Role(RoleName { client: client.map(Into::into), name: name.into() })
    };
    match number {
        0 => Grantee::User(id(0).parse().unwrap()),
        1 => Grantee::User("bob".parse().unwrap()),
        2 => Grantee::User("carol".parse().unwrap()),
        3 => Grantee::Group("bob".into()),
        4 => Grantee::Group(String::new()),
        5 => role(None, "bob"),
        6 => role(None, ""),
        7 => role(Some("app"), "bob"),
        8 => role(Some(""), "appbob"),
        9 => role(Some("appbob"), ""),
        10 => role(None, &id(0)),
        other => Grantee::Group(format!("/staff/{other}")),
    }
}
const GRANTEES: usize = 24;

fn requester(user: &str, meant: impl IntoIterator<Item = usize>) -> Requester {
    let mut requester: Requester =
        serde_json::from_value(serde_json::json!({ "id": user, "client": "app" })).unwrap();
    for grantee in meant.into_iter().map(grantee) {
        match grantee {
            Grantee::User(id) => requester.id = id,
            Grantee::Group(path) => requester.groups.push(path),
            Grantee::Role(RoleName { client: None, name }) => {
                requester.roles.realm.insert(name);
            }
            Grantee::Role(RoleName { client: Some(client), name }) => {
                requester.roles.client.entry(client).or_default().insert(name);
            }
        }
    }
    requester
}

fn shares() -> impl Strategy<Value = Share> {
    let state = select(vec![
        ShareState::Granted,
        ShareState::Granted,
        ShareState::Granted,
        ShareState::Pending,
        ShareState::Denied,
        ShareState::Blocked,
    ]);
    let end = select(vec![None, None, None, Some(NOW), Some(NOW.plus(1)), Some(UnixTime(u64::MAX))]);
    let parent = prop_oneof![2 => Just(None), 1 => (0..64_usize).prop_map(Some)];
    (0..60_usize, select(vec![0, 0, 0, 1, 2]), 0..4_usize, 0..GRANTEES, state, end, parent).prop_map(
        |(id, of, scope, whom, state, expires_at, parent)| Share {
            id: share_id(id),
            resource: resource(of),
            scope: SCOPES.get(scope).map(|scope| scope.parse().unwrap()),
            requester: grantee(whom),
            state,
            expires_at,
            parent: parent.map(share_id),
        },
    )
}

/// What an index must answer: a look at all rows
#[derive(Default)]
struct Rows(BTreeMap<ShareId, Share>);

impl Rows {
    fn apply(&mut self, delta: &ShareDelta) {
        match delta {
            ShareDelta::Put(share) => self.0.insert(share.id.clone(), (**share).clone()),
            ShareDelta::Remove(id) => self.0.remove(id),
        };
    }

    fn follow(&mut self, deltas: &[ShareDelta]) {
        for delta in deltas {
            self.apply(delta);
        }
    }

    fn all(&self, is_meant: impl Fn(&Share) -> bool) -> Vec<Share> {
        self.0.values().filter(|share| is_meant(share)).cloned().collect()
    }

    fn granted(&self, of: &ResourceId, requester: &Requester, now: UnixTime) -> BTreeSet<Option<Scope>> {
        let stands = |share: &Share| {
            share.resource == *of
                && share.requester.includes(requester)
                && share.stands_at(now, |id| self.0.get(id))
        };
        self.all(stands).into_iter().map(|share| share.scope).collect()
    }
}

fn sorted(shares: impl Iterator<Item = Share>) -> Vec<Share> {
    let mut shares: Vec<Share> = shares.collect();
    shares.sort_by(|a, b| a.id.cmp(&b.id));
    shares
}

/// Asks everything that can be asked
fn agree(index: &Shares, rows: &Rows, requesters: &[Requester]) {
    assert_eq!(index.len(), rows.0.len());
    assert_eq!(sorted(index.iter()), rows.all(|_| true));
    for id in (0..64).map(share_id) {
        assert_eq!(index.get(&id), rows.0.get(&id).cloned());
    }
    let resources: Vec<ResourceId> = (0..4).map(resource).collect();
    for of in &resources {
        assert_eq!(sorted(index.of_resource(of)), rows.all(|share| share.resource == *of));
        for requester in requesters {
            for now in [UnixTime(0), NOW, UnixTime(u64::MAX)] {
                let granted = rows.granted(of, requester, now);
                let got: BTreeSet<Option<Scope>> =
                    index.granted(of, requester, now).map(Option::<&Scope>::cloned).collect();
                assert_eq!(got, granted);
                for scope in [None, Some("other")].into_iter().chain(SCOPES.map(Some)) {
                    let scope: Option<Scope> = scope.map(|scope| scope.parse().unwrap());
                    let permits = index.permits(of, requester, scope.as_ref(), now);
                    assert_eq!(permits, granted.contains(&scope), "{scope:?}");
                }
            }
        }
    }
    let some = resources.get(1..).unwrap();
    let is_pending = |share: &Share| share.state == ShareState::Pending && some.contains(&share.resource);
    assert_eq!(sorted(index.pending_of(some)), rows.all(is_pending));
    for most in [1, 3, 100] {
        for grantee in (0..GRANTEES).map(grantee) {
            let got = pages(most, |page| index.of_grantee(&grantee, page));
            assert_eq!(got, rows.all(|share| share.requester == grantee));
        }
        for requester in requesters {
            let got = pages(most, |page| index.of_requester(requester, page));
            assert_eq!(got, rows.all(|share| share.requester.includes(requester)));
        }
    }
}

fn pages(most: usize, page: impl Fn(Page<'_>) -> Vec<Share>) -> Vec<Share> {
    let mut all: Vec<Share> = Vec::new();
    loop {
        let more = page(Page { after: all.last().map(|share| &share.id), most });
        assert!(more.len() <= most);
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

fn deltas(most: usize) -> impl Strategy<Value = Vec<ShareDelta>> {
    let delta = prop_oneof![
        3 => shares().prop_map(|share| ShareDelta::Put(Box::new(share))),
        1 => (0..60_usize).prop_map(|id| ShareDelta::Remove(share_id(id))),
    ];
    vec(delta, 0..most)
}

fn requesters() -> impl Strategy<Value = Vec<Requester>> {
    let one = (select(vec!["alice", "bob"]), vec(0..GRANTEES, 0..12));
    let everybody = requester("alice", 3..GRANTEES);
    vec(one.prop_map(|(user, meant)| requester(user, meant)), 3)
        .prop_map(move |some| some.into_iter().chain([everybody.clone()]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn an_index_answers_as_a_look_at_all_rows(
        before in deltas(80), after in deltas(80), requesters in requesters(),
    ) {
        let mut rows = Rows::default();
        rows.follow(&before);
        let built = Shares::from_rows(rows.0.values().cloned(), SEED).unwrap();
        agree(&built, &rows, &requesters);

        // The way of an edge worker: a snapshot, and what happened since
        let bytes = built.snapshot();
        let mut followed = Shares::from_snapshot(&bytes, Seed::new([9; 16])).unwrap();
        prop_assert_eq!(followed.snapshot(), bytes);
        rows.follow(&after);
        followed.apply(after.clone()).unwrap();
        agree(&followed, &rows, &requesters);

        let rebuilt = Shares::from_rows(rows.0.values().rev().cloned(), SEED).unwrap();
        prop_assert_eq!(rebuilt.snapshot(), followed.snapshot());
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), head in any::<bool>()) {
        let mut all = if head { Shares::new(SEED).snapshot() } else { Vec::new() };
        all.extend(bytes);
        if let Ok(shares) = Shares::from_snapshot(&all, SEED) {
            prop_assert_eq!(shares.snapshot(), all);
        }
    }
}

#[test]
fn a_world_that_changes_a_thousand_times_leaves_nothing_behind() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut index, mut rows) = (Shares::new(SEED), Rows::default());
    for _ in 0..20 {
        let some = deltas(100).new_tree(&mut runner).unwrap().current();
        rows.follow(&some);
        index.apply(some).unwrap();
        agree(&index, &rows, &[requester("bob", 2..14), requester("alice", 3..GRANTEES)]);
    }
    let gone: Vec<ShareDelta> = rows.0.keys().cloned().map(ShareDelta::Remove).collect();
    assert!(!gone.is_empty());
    index.apply(gone).unwrap();
    assert_eq!(index.snapshot(), Shares::new(SEED).snapshot());
}

#[test]
fn a_delta_has_the_form_of_those_of_policies() {
    let share = serde_json::json!({ "id": "1", "resource": "doc-42", "requester": { "user": "bob" }, "state": "granted" });
    for delta in [serde_json::json!({ "put": share }), serde_json::json!({ "remove": "1" })] {
        let read: ShareDelta = serde_json::from_value(delta.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), delta);
    }
}
