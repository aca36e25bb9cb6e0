#![expect(clippy::arithmetic_side_effects, reason = "a test whose numbers run over fails")]

use alloc::{format, string::ToString, vec, vec::Vec};

use proptest::{collection::vec as list, prelude::*, sample::Index};
use serde_json::json;

use super::{
    Bounds, LoadSharesError, Page, PutShareError, Seed, ShareDelta, Shares, Sizes,
    name::{Kind, Name},
    snapshot::reseal,
    uuid,
};
use crate::{
    limits::{GRANTEE_BYTES, SHARE_DEPTH, SHARES, SHARES_SNAPSHOT_BYTES, SHARES_TEXT_BYTES},
    requester::Requester,
    scope::Scope,
    share::{Grantee, Share},
    time::UnixTime,
};

const SEED: Seed = Seed::new([3; 16]);
const UUID: &str = "7f1c0a52-9b3e-4f6d-8a21-0123456789ab";

fn share(id: &str, resource: &str, scope: &str, user: &str) -> Share {
    serde_json::from_value(json!({ "id": id, "resource": resource, "scope": scope,
        "requester": { "user": user }, "state": "granted" }))
    .unwrap()
}

fn bob() -> Requester {
    serde_json::from_value(json!({ "id": "bob", "client": "app" })).unwrap()
}

/// Three shares, one with everything that a share may have
fn small() -> Shares {
    let mut first = share("a", "doc-1", "read", "bob");
    first.parent = Some(UUID.parse().unwrap());
    first.expires_at = Some(UnixTime(5));
    let mut second = share("b", "doc-1", "read", UUID);
    second.requester = Grantee::Group("/staff".into());
    Shares::from_rows([first, second, share("c", UUID, "write", "bob")], SEED).unwrap()
}

#[test]
fn only_the_usual_spelling_of_a_uuid_is_packed() {
    let packed = uuid::pack(UUID.as_bytes()).unwrap();
    assert_eq!(packed[..4], [0x7f, 0x1c, 0x0a, 0x52]);
    assert_eq!(uuid::spell(packed), UUID.as_bytes());
    for (at, letter) in [(0, 'F'), (0, 'g'), (8, '0'), (9, '-'), (23, '_'), (35, '/'), (35, ':'), (35, '`')] {
        let mut text = UUID.as_bytes().to_vec();
        text[at] = u8::try_from(letter).unwrap();
        assert_eq!(uuid::pack(&text), None, "{letter} at {at}");
    }
    assert_eq!(uuid::pack(&UUID.as_bytes()[..35]), None);
    assert_eq!(uuid::pack(format!("{UUID}0").as_bytes()), None);
}

#[test]
fn a_full_index_takes_nothing_and_keeps_nothing_of_what_it_refuses() {
    let bounds = Bounds { shares: 2, ..Bounds::MOST };
    let mut shares = Shares::with_room(SEED, bounds, Sizes::default());
    shares.put(&share("1", "doc", "read", "bob")).unwrap();
    shares.put(&share("2", "doc", "write", "bob")).unwrap();
    let before = shares.snapshot();
    assert_eq!(shares.put(&share("3", "other", "print", "carol")), Err(PutShareError::Full));
    assert_eq!(shares.snapshot(), before);
    // What was there is changed as before, and what is refused does not keep the rest from being done.
    let deltas = [
        ShareDelta::Put(share("3", "other", "print", "carol").into()),
        ShareDelta::Put(share("2", "doc", "print", "bob").into()),
        ShareDelta::Remove("1".parse().unwrap()),
    ];
    assert_eq!(shares.apply(deltas), Err(PutShareError::Full));
    assert_eq!(shares.iter().collect::<Vec<_>>(), [share("2", "doc", "print", "bob")]);
}

#[test]
fn texts_are_bounded_and_a_share_that_outgrows_them_is_gone() {
    let bounds = Bounds { text_bytes: 30, ..Bounds::MOST };
    let mut shares = Shares::with_room(SEED, bounds, Sizes::default());
    shares.put(&share("1", "doc", "read", "bob")).unwrap();
    let longer = share("1", &"d".repeat(20), "read", "bob");
    assert_eq!(shares.put(&longer), Err(PutShareError::Full));
    assert!(shares.is_empty());
    let scope = share("1", "doc", &"s".repeat(20), "bob");
    assert_eq!(shares.put(&scope), Err(PutShareError::Full));
    for _ in 0..10 {
        shares.put(&share("1", "doc", "read", "bob")).unwrap();
        shares.put(&share("1", "doc", "write", "bob")).unwrap();
    }
}

#[test]
fn a_requester_whose_name_is_too_long_gets_no_access() {
    let name = |length: usize| "g".repeat(length);
    let role = |client: usize, role: usize| {
        serde_json::from_value(json!({ "role": { "client": name(client), "name": name(role) } })).unwrap()
    };
    let (most, more) = (GRANTEE_BYTES, GRANTEE_BYTES + 1);
    let mut long = share("1", "doc", "read", "bob");
    for (requester, is_taken) in [
        (Grantee::Group(name(most)), true),
        (Grantee::Group(name(more)), false),
        (role(most, most), true),
        (role(more, 1), false),
        (role(1, more), false),
    ] {
        let mut shares = Shares::from_rows([share("1", "doc", "read", "bob")], SEED).unwrap();
        long.requester = requester;
        let want = if is_taken { Ok(()) } else { Err(PutShareError::RequesterTooLong) };
        assert_eq!(shares.put(&long), want);
        assert_eq!(shares.get(&long.id), is_taken.then(|| long.clone()));
        let again = Shares::from_snapshot(&shares.snapshot(), SEED).unwrap();
        assert_eq!(again.get(&long.id), is_taken.then(|| long.clone()));
    }
}

#[test]
fn two_rows_of_one_id_are_an_error() {
    let rows = [share(UUID, "doc", "read", "bob"), share(UUID, "doc", "write", "bob")];
    assert_eq!(Shares::from_rows(rows, SEED).err(), Some(PutShareError::Duplicate));
}

#[test]
fn what_is_removed_makes_room() {
    let mut shares = Shares::new(SEED);
    let name = |number: usize| format!("{number:08x}-0000-4000-8000-000000000000");
    let mut oldest = 0;
    for newest in 0..10_000 {
        let id = name(newest);
        shares.put(&share(&id, &id, &id, &id)).unwrap();
        while shares.len() > 500 - newest % 100 {
            assert!(shares.remove(&name(oldest).parse().unwrap()));
            oldest += 1;
        }
    }
    while shares.remove(&name(oldest).parse().unwrap()) {
        oldest += 1;
    }
    assert!(shares.is_empty() && !small().is_empty());
    let places =
        [shares.rows.0.places(), shares.resources.places(), shares.grantees.places(), shares.scopes.places()];
    assert!(places.into_iter().all(|places| places <= 501), "{places:?}");
    assert!(shares.texts.size() <= 2 * 500 * 51 + 2 * 4096, "{}", shares.texts.size());
    assert!(shares.ids.words() < 2000 && shares.pairs.len() == 0 && shares.triples.len() == 0);
}

#[test]
fn runs_stay_together_whatever_goes_first() {
    // Two rows of each scope, in all orders of leaving that matter: the first, the middle, the last.
    let rows = ["read", "write", "read", "print", "write", "print"];
    for gone in 0..rows.len() {
        for then in 0..rows.len() {
            let all = rows.iter().enumerate().map(|(at, scope)| share(&at.to_string(), "doc", scope, "bob"));
            let mut shares = Shares::from_rows(all, SEED).unwrap();
            shares.remove(&gone.to_string().parse().unwrap());
            shares.remove(&then.to_string().parse().unwrap());
            let left: Vec<&str> = rows
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != gone && *at != then)
                .map(|(_, scope)| *scope)
                .collect();
            let (doc, bob) = ("doc".parse().unwrap(), bob());
            let mut granted: Vec<&str> =
                shares.granted(&doc, &bob, UnixTime(0)).flatten().map(Scope::as_str).collect();
            granted.sort_unstable();
            let mut want = left.clone();
            want.sort_unstable();
            assert_eq!(granted, want);
            for scope in ["read", "write", "print"] {
                let permits = shares.permits(&doc, &bob, scope.parse().ok().as_ref(), UnixTime(0));
                assert_eq!(permits, left.contains(&scope), "{scope} without {gone} and {then}");
            }
        }
    }
}

#[test]
fn a_chain_of_shares_ends_at_the_limit_and_in_a_circle() {
    let chain = |length: usize, last: Option<usize>| {
        let rows = (0..=length).map(|at| {
            let mut share = share(&at.to_string(), "doc", "read", if at == 0 { "bob" } else { "carol" });
            let parent = if at < length { Some(at + 1) } else { last };
            share.parent = parent.map(|parent| parent.to_string().parse().unwrap());
            share
        });
        let shares = Shares::from_rows(rows, SEED).unwrap();
        shares.permits(&"doc".parse().unwrap(), &bob(), "read".parse().ok().as_ref(), UnixTime(0))
    };
    assert!(chain(SHARE_DEPTH, None));
    assert!(!chain(SHARE_DEPTH + 1, None));
    assert!(!chain(0, Some(0)));
    assert!(!chain(3, Some(1)));
}

#[test]
fn an_empty_page_is_empty() {
    let page = Page { after: None, most: 0 };
    assert_eq!(small().of_grantee(&Grantee::User("bob".parse().unwrap()), page), []);
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?} {SEED:?}", small());
    assert_eq!(shown, "Shares { len: 3, .. } Seed(..)");
}

/// A name as the documentation says
fn name(kind: u8, text: &str) -> Vec<u8> {
    [&[kind, u8::try_from(text.len()).unwrap(), 0], text.as_bytes()].concat()
}

fn packed(kind: u8) -> Vec<u8> {
    [&[kind + 0x80][..], &uuid::pack(UUID.as_bytes()).unwrap()].concat()
}

#[test]
fn a_snapshot_is_what_the_documentation_says() {
    let mut want = Vec::from(*b"CSSHARES");
    for number in [2_u32, 0, 3, 2, 2, 3, 3, 3 * 4 + 17 + 8 + 6 + 9] {
        want.extend(number.to_le_bytes());
    }
    let (first, end) = ([0; 4].to_vec(), [5, 0, 0, 0, 0, 0, 0, 0].to_vec());
    want.extend(
        [
            [vec![1 + 4 + 8 + 16 + 32 + 64 + 128], name(0, "a"), name(1, "doc-1"), name(2, "bob")].concat(),
            [name(5, "read"), end, packed(0)].concat(),
            [vec![1 + 4 + 64], name(0, "b"), first.clone(), name(3, "/staff"), first.clone()].concat(),
            [vec![1 + 4 + 32 + 128], name(0, "c"), packed(1), first, name(5, "write")].concat(),
        ]
        .concat(),
    );
    want.extend([0; 8]);
    reseal(&mut want);
    assert_eq!(small().snapshot(), want);
}

#[test]
fn a_snapshot_takes_the_memory_at_once_that_it_needs() {
    let name = |number: usize| format!("{number:08x}-0000-4000-8000-000000000000");
    let rows = |number| share(&name(number), &name(number), "read", &name(number));
    let snapshot = Shares::from_rows((0..100).map(rows), SEED).unwrap().snapshot();
    // There is room for an end, and for numbers of a resource and a requester, which these shares have not.
    assert!(snapshot.capacity() - snapshot.len() <= 100 * 16, "{}", snapshot.capacity());
}

#[test]
fn every_snapshot_fits_its_limit() {
    // A head, and for each share a byte, two UUIDs, a number and an end; no text is longer than in the index.
    const { assert!(48 + SHARES * (1 + 2 * 17 + 4 + 8) + SHARES_TEXT_BYTES <= SHARES_SNAPSHOT_BYTES) };
}

#[test]
fn a_snapshot_that_is_cut_off_or_touched_is_refused() {
    let bytes = small().snapshot();
    for length in 0..bytes.len() {
        assert!(Shares::from_snapshot(&bytes[..length], SEED).is_err(), "{length}");
    }
    assert_eq!(Shares::from_snapshot(&bytes[..bytes.len() - 1], SEED).err(), Some(LoadSharesError::CutOff));
    assert_eq!(Shares::from_snapshot(&[], SEED).err(), Some(LoadSharesError::NotASnapshot));
    let longer = [&bytes[..], &[0]].concat();
    let malformed = LoadSharesError::Malformed { at: longer.len() };
    assert_eq!(Shares::from_snapshot(&longer, SEED).err(), Some(malformed));
    for bit in 0..bytes.len() * 8 {
        let mut touched = bytes.clone();
        touched[bit / 8] ^= 1 << (bit % 8);
        assert!(Shares::from_snapshot(&touched, SEED).is_err(), "bit {bit}");
    }
    let mut newer = bytes.clone();
    newer[8] = 3;
    assert_eq!(Shares::from_snapshot(&newer, SEED).err(), Some(LoadSharesError::Version(3)));
}

/// A snapshot with other bytes in the place of some, and everything in order again but what they say
fn forged(bytes: &[u8], at: usize, length: usize, with: &[u8]) -> Result<Shares, LoadSharesError> {
    let mut forged = [&bytes[..at], with, &bytes[at + length..]].concat();
    reseal(&mut forged);
    Shares::from_snapshot(&forged, SEED)
}

#[test]
fn a_snapshot_that_says_what_cannot_be_is_refused_though_it_is_sealed() {
    let bytes = small().snapshot();
    let find = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).unwrap();
    let (a, b, c) = (find(&[253, 0, 1, 0, b'a']), find(&[69, 0, 1, 0, b'b']), find(&[165, 0, 1, 0, b'c']));
    let (doc, third) = (find(b"doc-1"), find(&packed(1)));
    let head = |number: usize| 8 + 4 * number;
    let many = u32::try_from(SHARES + 1).unwrap().to_le_bytes();
    let (whole, malformed) = (bytes.len(), |at| LoadSharesError::Malformed { at });
    for (note, at, length, with, want) in [
        ("more shares than are taken", head(2), 4, &many[..], LoadSharesError::TooMany),
        ("more text than is taken", head(7), 4, &[255; 4], LoadSharesError::TooMany),
        ("more shares than there can be", head(2), 4, &[255, 0, 0, 0], malformed(whole)),
        ("more resources than shares", head(3), 4, &[4, 0, 0, 0], malformed(whole)),
        ("a share less", head(2), 4, &[2, 0, 0, 0], malformed(whole)),
        ("a pair less", head(5), 4, &[2, 0, 0, 0], malformed(whole)),
        ("a new scope and no scope", b, 1, &[1 + 64 + 128], malformed(b)),
        ("the id of the share before", b + 4, 1, b"a", malformed(b)),
        ("an id that is no id", a + 4, 1, b"\n", malformed(a)),
        ("a share that is called as a resource", a + 1, 1, &[1], malformed(a)),
        ("a resource that is no text", doc, 1, &[255], malformed(a)),
        ("a resource that was not mentioned", b + 5, 1, &[1], malformed(b)),
        ("a resource as requester", b + 9, 1, &[1], malformed(b)),
        ("a requester as resource", doc - 3, 1, &[2], malformed(a)),
        ("a kind that does not exist", b + 9, 1, &[7], malformed(b)),
        ("a group that is packed", b + 9, 9, &packed(3), malformed(b)),
        ("a resource that is new again", third, 17, &name(1, "doc-1"), malformed(c)),
        ("a requester that is new again", b + 9, 9, &name(2, "bob"), malformed(b)),
        ("a scope that is new again", whole - 16, 8, &name(5, "read"), malformed(c)),
        ("a name that is longer than all that follows", a + 2, 2, &[255, 255], malformed(a)),
        ("one byte more", whole - 8, 0, &[0], malformed(whole + 1)),
        // Another name than the same UUID in a question
        ("a UUID that is not packed", third, 17, &name(1, UUID), malformed(c)),
    ] {
        assert_eq!(forged(&bytes, at, length, with).err(), Some(want), "{note}");
    }
    assert!(forged(&bytes, a, 0, &[]).is_ok(), "what is forged in no way is read");
}

proptest! {
    #[test]
    fn what_is_read_of_forged_bytes_is_what_they_say(
        places in list((any::<Index>(), any::<u8>()), 1..4), cut in proptest::option::of(any::<Index>()),
    ) {
        let mut bytes = small().snapshot();
        for (at, byte) in places {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()).max(48));
        }
        reseal(&mut bytes);
        if let Ok(shares) = Shares::from_snapshot(&bytes, SEED) {
            prop_assert_eq!(shares.snapshot(), bytes);
        }
    }

    #[test]
    fn names_are_read_as_they_are_written(bytes in list(any::<u8>(), 0..40)) {
        if let Some((name, rest)) = Name::read(&bytes) {
            let mut written = Vec::new();
            name.write(&mut written);
            prop_assert_eq!(written.len(), name.size());
            prop_assert_eq!([&written, rest].concat(), bytes);
        }
    }

    #[test]
    fn ids_stand_in_the_order_of_their_texts(a in "[0-9a-f]{0,2}", b in "[-0-9a-z]{1,3}", at in 0_usize..34) {
        // Texts that differ from a UUID in a few letters
        let changed = |text: &str| {
            let mut id = UUID.to_string();
            let end = (at + text.len()).min(id.len());
            id.replace_range(at..end, text);
            id
        };
        let (a, b) = (changed(&a), changed(&b));
        let (of_a, of_b) = (a.parse().unwrap(), b.parse().unwrap());
        prop_assert_eq!(Name::share(&of_a).cmp_ids(&Name::share(&of_b)), a.cmp(&b));
        prop_assert_eq!(Name::share(&of_a).to_share(), Some(of_a.clone()));
        prop_assert!(Name::share(&of_a).is(Kind::Share) && Name::share(&of_a).holds());
    }
}
