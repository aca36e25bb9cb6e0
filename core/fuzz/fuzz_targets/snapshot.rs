//! Rows of shares, snapshots of them, and snapshots that somebody has tampered with.
//!
//! Input: two bytes that say where, one that says how a byte of the snapshot changes, and the rows as JSON. What is no
//! such rows is taken for a snapshot itself.
#![no_main]

use countersign_core::{
    ids::{ResourceId, ShareId},
    requester::Requester,
    scope::Scope,
    share::{
        Share,
        index::{Seed, ShareDelta, Shares},
    },
    time::UnixTime,
};
use libfuzzer_sys::fuzz_target;

const NOW: UnixTime = UnixTime(1_700_000_000);
/// Beyond this the fuzzer measures its own patience
const ROWS: usize = 32;

fn seed() -> Seed {
    Seed::new(*b"16 random bytes.")
}

fuzz_target!(|data: &[u8]| {
    stable(data);
    let Some((change, json)) = data.split_first_chunk::<3>() else { return };
    let Ok(rows) = serde_json::from_slice::<Vec<Share>>(json) else { return };
    if rows.len() > ROWS {
        return;
    }
    let Ok(shares) = Shares::from_rows(rows.iter().cloned(), seed()) else { return };
    let mut bytes = shares.snapshot();
    let again = Shares::from_snapshot(&bytes, seed()).expect("a snapshot");
    for share in &rows {
        as_a_look_at_all_rows(&rows, share, &shares, &again);
    }
    let mut emptied = again;
    emptied.apply(rows.iter().map(|share| ShareDelta::Remove(share.id.clone()))).expect("removing fits");
    assert_eq!(emptied.iter().count(), 0);

    let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= change[2];
    }
    stable(&bytes);
    stable(bytes.get(..at).unwrap_or_default());
});

/// What is read is written and read as the same.
fn stable(bytes: &[u8]) {
    if let Ok(shares) = Shares::from_snapshot(bytes, seed()) {
        let written = shares.snapshot();
        let again = Shares::from_snapshot(&written, seed()).expect("what was written");
        assert!(again.snapshot() == written);
        assert!(again.iter().count() == shares.iter().count());
    }
}

/// The index says what a look at all rows says, whoever asks.
fn as_a_look_at_all_rows(rows: &[Share], about: &Share, shares: &Shares, again: &Shares) {
    let find = |id: &ShareId| rows.iter().find(|share| share.id == *id);
    let ask = |requester: &Requester, resource: &ResourceId, scope: Option<&Scope>| {
        let known = rows.iter().any(|share| {
            share.resource == *resource
                && share.scope.as_ref() == scope
                && share.requester.includes(requester)
                && share.stands_at(NOW, find)
        });
        for index in [shares, again] {
            assert_eq!(index.permits(resource, requester, scope, NOW), known);
        }
    };
    for asks in ["bob", "alice"] {
        let requester = serde_json::from_value(serde_json::json!({ "id": asks, "client": "app",
            "groups": ["/staff"], "roles": { "realm": ["editor"] } }));
        ask(&requester.expect("a requester"), &about.resource, about.scope.as_ref());
    }
}
