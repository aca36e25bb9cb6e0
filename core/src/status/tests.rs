use alloc::{
    format,
    string::{String, ToString},
    vec,
};

use serde_json::json;

use super::*;
use crate::{
    jws::{Alg, Header, compact, signing_input},
    limits::{CHANGES, CHANGES_BYTES, STATUS_LIST_BYTES},
    token::{Payload, SignatureOk},
};

const ISSUER: &str = "https://as.example/realms/demo";
const URI: &str = "https://as.example/realms/demo/status";
const NOW: UnixTime = UnixTime(1_793_500_000);
/// 1,2,0,3,0,1,0,1,1,2,3,3 at two bits (Token Status List §4.1)
const TWO_BITS: &str = "eNo76fITAAPfAgc";
const EDDSA: Header<'_> = Header { alg: Alg::EdDsa, typ: Some("statuslist+jwt"), kid: None };

fn keys() -> Jwks {
    let keys =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    Jwks::parse(keys).unwrap()
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": URI, "iat": NOW.0 - 10, "exp": NOW.0 + 60, "ttl": 5, "seq": 7,
        "status_list": { "bits": 2, "lst": TWO_BITS } })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn list_of(bits: u64, lst: &str) -> Value {
    with("status_list", json!({ "bits": bits, "lst": lst }))
}

fn parse_with(header: &Header<'_>, claims: &Value, now: UnixTime) -> Result<StatusList, StatusListError> {
    let token = compact(signing_input(header, claims.to_string()), &[7; 64]);
    let pending = UnverifiedStatusList::parse(token, &keys(), ISSUER, URI, now)?;
    Ok(pending.accept(SignatureOk::i_have_verified_the_signature()))
}

fn parse(claims: &Value) -> Result<StatusList, StatusListError> {
    parse_with(&EDDSA, claims, NOW)
}

fn refused(claims: &Value) -> StatusListError {
    parse(claims).unwrap_err()
}

fn values(list: &StatusList, count: u64) -> Vec<u8> {
    (0..count).map(|idx| list.value(idx).unwrap()).collect()
}

fn changes(text: &str) -> Changes {
    Changes::parse(text.as_bytes()).unwrap()
}

fn compressed(content: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(content, 9)
}

#[test]
fn entries_are_read_from_the_least_significant_bit_up() {
    let two = parse(&claims()).unwrap();
    assert_eq!(values(&two, 12), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    let one = parse(&list_of(1, "eNrbuRgAAhcBXQ")).unwrap();
    assert_eq!(values(&one, 16), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    let bytes = URL_SAFE_NO_PAD.encode(compressed(&[0x21, 0xF3]));
    assert_eq!(values(&parse(&list_of(4, &bytes)).unwrap(), 4), [1, 2, 3, 15]);
    assert_eq!(values(&parse(&list_of(8, &bytes)).unwrap(), 2), [0x21, 0xF3]);
}

#[test]
fn only_zero_is_valid() {
    let bytes: Vec<u8> = (0..=255).collect();
    let list = parse(&list_of(8, &URL_SAFE_NO_PAD.encode(compressed(&bytes)))).unwrap();
    for idx in 0..300 {
        let want = match idx {
            0 => Status::Valid,
            1 => Status::Invalid,
            3 => Status::Narrowed,
            _ => Status::Other,
        };
        assert_eq!(list.status(idx), want, "{idx}");
    }
}

#[test]
fn trap_jwt_48_places_outside_the_list_are_not_valid() {
    let list = parse(&claims()).unwrap();
    for idx in [12, 13, 1 << 32, 1 << 53, u64::MAX / 2, u64::MAX] {
        assert_eq!(list.status(idx), Status::Other, "{idx}");
    }
}

#[test]
fn trap_jwt_48_a_place_is_a_whole_number_and_an_address() {
    let place = |status: Value| {
        let payload = json!({ "status": status }).to_string();
        StatusRef::of(&Payload::parse(payload.as_bytes()).unwrap().claims().unwrap())
    };
    for idx in [json!(-1), json!(1_u64 << 53), json!("1"), json!(1.5), json!(null), json!([1]), json!(true)] {
        let refused = place(json!({ "status_list": { "idx": idx, "uri": URI } }));
        assert_eq!(refused, Err(ParseStatusRefError), "{idx}");
    }
    for status in [
        json!({ "status_list": { "idx": 1 } }),
        json!({ "status_list": { "uri": URI } }),
        json!({ "status_list": { "idx": 1, "uri": 2 } }),
        json!({ "status_list": null }),
        json!({ "status_assertion": {} }),
        json!({}),
        json!(null),
        json!("x"),
    ] {
        assert_eq!(place(status.clone()), Err(ParseStatusRefError), "{status}");
    }
    assert_eq!(StatusRef::of(&RawClaims::default()), Ok(None));
    let good = place(json!({ "status_list": { "idx": 0, "uri": URI } })).unwrap().unwrap();
    assert_eq!((good.idx(), good.uri()), (0, URI));
}

#[test]
fn trap_jwt_48_only_one_whole_bounded_stream_is_a_list() {
    let whole = compressed(&(0..64).collect::<Vec<u8>>());
    let mut wrong_sum = whole.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let cut = whole[..whole.len() - 1].to_vec();
    let half = whole[..whole.len() / 2].to_vec();
    let more = [whole.as_slice(), &[0]].concat();
    let raw = whole[2..whole.len() - 4].to_vec();
    for (note, bytes) in [("sum", wrong_sum), ("cut", cut), ("half", half), ("more", more), ("raw", raw)] {
        assert_eq!(
            refused(&list_of(2, &URL_SAFE_NO_PAD.encode(bytes))),
            StatusListError::Compression,
            "{note}"
        );
    }
    assert_eq!(refused(&list_of(2, "AAAA")), StatusListError::Compression);
    assert_eq!(refused(&list_of(2, "")), StatusListError::Compression);
    assert_eq!(refused(&list_of(2, "eNo76fITAAPfAgc=")), StatusListError::Member("lst"));
}

#[test]
fn trap_jwt_48_a_bomb_does_not_go_off() {
    let bomb = |length| compressed(&vec![0; length]);
    assert_eq!(inflate::zlib(&bomb(STATUS_LIST_BYTES)).map(|bytes| bytes.len()), Some(STATUS_LIST_BYTES));
    assert_eq!(inflate::zlib(&bomb(STATUS_LIST_BYTES + 1)), None);
    let token = list_of(2, &URL_SAFE_NO_PAD.encode(bomb(5 * STATUS_LIST_BYTES)));
    assert_eq!(refused(&token), StatusListError::Compression);
}

#[test]
fn trap_jwt_48_width_and_ttl_are_of_the_few_that_make_sense() {
    for bits in [json!(0), json!(3), json!(16), json!(258), json!("2"), json!(-1), json!(null)] {
        let list = with("status_list", json!({ "bits": bits, "lst": TWO_BITS }));
        assert_eq!(refused(&list), StatusListError::Member("bits"), "{bits}");
    }
    for ttl in [json!(0), json!(1_000_000_000_000_u64), json!(86_401), json!(-5), json!("5"), json!(0.5)] {
        assert_eq!(refused(&with("ttl", ttl.clone())), StatusListError::Member("ttl"), "{ttl}");
    }
    assert_eq!(parse(&with("ttl", json!(86_400))).unwrap().ttl(), 86_400);
    let mut silent = claims();
    silent.as_object_mut().unwrap().remove("ttl");
    assert_eq!(parse(&silent).unwrap().ttl(), STATUS_TTL_DEFAULT);
}

#[test]
fn trap_jwt_48_the_list_is_that_address_of_that_issuer() {
    assert_eq!(refused(&with("sub", json!(format!("{URI}/")))), StatusListError::Uri);
    assert_eq!(refused(&with("iss", json!("https://evil.example"))), TokenError::Issuer.into());
    let mut foreign = claims();
    foreign.as_object_mut().unwrap().remove("sub");
    assert_eq!(refused(&foreign), StatusListError::Uri);
    for typ in [Some("JWT"), Some("at+jwt"), None] {
        assert_eq!(
            parse_with(&Header { typ, ..EDDSA }, &claims(), NOW),
            Err(TokenError::Kind.into()),
            "{typ:?}"
        );
    }
    for header in [Header { alg: Alg::Es256, ..EDDSA }, Header { kid: Some("k"), ..EDDSA }] {
        assert_eq!(parse_with(&header, &claims(), NOW), Err(TokenError::UnknownKey.into()));
    }
}

#[test]
fn trap_jwt_48_an_expired_list_is_refused() {
    let at = |seconds| parse_with(&EDDSA, &claims(), UnixTime(seconds)).map(|_| ());
    assert_eq!(at(NOW.0 + 60), Ok(()));
    assert_eq!(at(NOW.0 + 61), Err(TokenError::Expired.into()));
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    let last = NOW.plus(STATUS_LIST_SECONDS - 10);
    assert!(parse_with(&EDDSA, &endless, last).is_ok());
    assert_eq!(parse_with(&EDDSA, &endless, last.plus(1)), Err(TokenError::Expired.into()));
    let long = with("exp", json!(NOW.0 + 10 * STATUS_LIST_SECONDS));
    assert_eq!(parse_with(&EDDSA, &long, last.plus(1)), Err(TokenError::Expired.into()), "`exp` is capped");
    assert_eq!(refused(&with("iat", json!(NOW.0 + 61))), TokenError::NotYetValid.into());
    assert_eq!(refused(&with("iat", json!("x"))), TokenError::Claims(ParseClaimsError::Claim("iat")).into());
}

#[test]
fn trap_jwt_48_nobody_fetches_an_address_of_a_token() {
    let claims = br#"{ "status": { "status_list": { "idx": 1, "uri": "http://169.254.169.254/" } } }"#;
    let place = StatusRef::of(&Payload::parse(claims).unwrap().claims().unwrap()).unwrap().unwrap();
    // It is there to be compared; the list for it was refused before its signature was looked at.
    let token = compact(signing_input(&EDDSA, super::tests::claims().to_string()), &[7; 64]);
    let refused = UnverifiedStatusList::parse(token, &keys(), ISSUER, place.uri(), NOW).map(|_| ());
    assert_eq!(refused, Err(StatusListError::Uri));
}

#[test]
fn trap_jwt_49_an_older_list_never_replaces_a_newer_one() {
    let at = |iat: u64, seq: Option<u64>| {
        let mut claims = with("iat", json!(iat));
        claims["seq"] = json!(seq);
        if seq.is_none() {
            claims.as_object_mut().unwrap().remove("seq");
        }
        parse(&claims).unwrap()
    };
    let now = NOW.0;
    let present = at(now - 5, Some(7));
    assert!(at(now - 4, Some(7)).may_replace(&present));
    assert!(at(now - 5, Some(7)).may_replace(&present));
    assert!(at(now - 4, Some(8)).may_replace(&present));
    assert!(!at(now - 6, Some(7)).may_replace(&present));
    assert!(!at(now - 6, Some(8)).may_replace(&present));
    assert!(!at(now, Some(6)).may_replace(&present), "it lacks a change");
    assert!(!at(now, None).may_replace(&present), "nobody knows what it lacks");
    let elsewhere = StatusList { uri: "https://as.example/other".into(), ..at(now, Some(9)) };
    assert!(!elsewhere.may_replace(&present));
}

#[test]
fn changes_are_put_in_one_after_the_other() {
    let mut list = parse(&claims()).unwrap();
    assert_eq!(list.follow(&changes(r#"{"seq":8,"changes":[[2,1],[4,3],[3,0]]}"#)), Followed::Current);
    assert_eq!(values(&list, 12), [1, 2, 1, 0, 3, 1, 0, 1, 1, 2, 3, 3]);
    assert_eq!(list.seq(), Some(8));
    assert_eq!(list.follow(&changes(r#"{"seq":8,"changes":[[2,0]]}"#)), Followed::Known, "twice");
    assert_eq!(list.follow(&changes(r#"{"seq":3,"changes":[[2,0]]}"#)), Followed::Known, "out of order");
    assert_eq!(list.follow(&changes(r#"{"seq":8}"#)), Followed::Current, "alive");
    assert_eq!(list.follow(&changes(r#"{"seq":7}"#)), Followed::Known);
    assert_eq!(list.status(2), Status::Invalid);
}

#[test]
fn a_gap_is_found_and_takes_away_all_the_same() {
    let mut list = parse(&claims()).unwrap();
    assert_eq!(list.follow(&changes(r#"{"seq":9,"changes":[[2,1],[3,0],[4,9],[99,1]]}"#)), Followed::Gap);
    assert_eq!(list.status(2), Status::Invalid, "what is known to be withdrawn is withdrawn");
    assert_eq!(list.status(3), Status::Narrowed, "nothing is given back by half a story");
    assert_eq!(list.status(4), Status::Valid, "no such value at two bits");
    assert_eq!(list.seq(), Some(7), "it waits to be loaded again");
    assert_eq!(list.follow(&changes(r#"{"seq":9}"#)), Followed::Gap, "a heartbeat tells as well");
    assert_eq!(list.follow(&changes(r#"{"seq":8,"changes":[[12,1]]}"#)), Followed::Gap, "the list has grown");
    assert_eq!(list.follow(&changes(r#"{"seq":8,"changes":[[6,1],[0,4]]}"#)), Followed::Gap, "no such value");
    let mut uncounted = StatusList { seq: None, ..list };
    assert_eq!(uncounted.follow(&changes(r#"{"seq":1}"#)), Followed::Gap);
}

#[test]
fn messages_of_other_shapes_are_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"seq":-1}"#,
        r#"{"seq":"1"}"#,
        r#"{"seq":1,"seq":2}"#,
        r#"{"seq":1,"changes":{}}"#,
        r#"{"seq":1,"changes":[1]}"#,
        r#"{"seq":1,"changes":[[1]]}"#,
        r#"{"seq":1,"changes":[[1,2,3]]}"#,
        r#"{"seq":1,"changes":[[1,256]]}"#,
        r#"{"seq":1,"changes":[[-1,1]]}"#,
    ] {
        assert_eq!(Changes::parse(text.as_bytes()), Err(ParseChangesError::Malformed), "{text}");
    }
    assert_eq!(Changes::parse(&vec![b' '; CHANGES_BYTES + 1]), Err(ParseChangesError::TooLong));
    let pairs: Vec<String> = (0..=CHANGES).map(|idx| format!("[{idx},1]")).collect();
    let many = format!(r#"{{"seq":1,"changes":[{}]}}"#, pairs.join(","));
    assert_eq!(Changes::parse(many.as_bytes()), Err(ParseChangesError::TooLong));
}
