//! The shared vectors of kind `status`, and lists and changes against a plain list of values.

use countersign_core::{
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    status::{Changes, Followed, Status, StatusList, UnverifiedStatusList},
    time::UnixTime,
    token::SignatureOk,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::vectors::{self, Word};

fn name(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Invalid => "invalid",
        Status::Narrowed => "narrowed",
        Status::Other => "other",
    }
}

fn answer(given: &Value, request: &Value) -> Value {
    let keys = Jwks::parse(given["keys"].to_string().as_bytes()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (issuer, uri) = (text(&given["issuer"]), text(&given["uri"]));
    let now = UnixTime(request["now"].as_u64().unwrap());
    let pending = UnverifiedStatusList::parse(text(&request["token"]), &keys, &issuer, &uri, now);
    let verifier = Word(request["signature_ok"].as_bool().unwrap());
    let Some(list) = pending.ok().and_then(|pending| pending.verify_with(&verifier).ok()) else {
        return json!({ "accepted": false });
    };
    let places = request["idx"].as_array().unwrap().iter().map(|idx| idx.as_u64().unwrap());
    json!({ "accepted": true, "status": places.map(|idx| name(list.status(idx))).collect::<Vec<_>>() })
}

#[test]
fn every_status_vector_is_answered_as_written() {
    vectors::run("status", |given: Value, request: Value| answer(&given, &request));
}

fn list(bits: u8, content: &[u8]) -> Option<StatusList> {
    let keys = Jwks::parse(
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    );
    let lst = String::from_utf8_lossy(content);
    let claims = json!({ "sub": "s", "iat": 1, "seq": 0, "status_list": { "bits": bits, "lst": lst } });
    let header = Header { alg: Alg::EdDsa, typ: Some("statuslist+jwt"), kid: None };
    let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
    let pending = UnverifiedStatusList::parse(token, &keys.ok()?, "as", "s", UnixTime(2)).ok()?;
    Some(pending.accept(SignatureOk::i_have_verified_the_signature()))
}

proptest! {
    #[test]
    fn no_bytes_panic_a_list_or_a_message(bits in any::<u8>(), content in "(eN)?[A-Za-z0-9_-]{0,60}", message in vec(any::<u8>(), 0..80), idx in any::<u64>()) {
        if let Some(list) = list(bits, content.as_bytes()) {
            let _ = list.status(idx);
        }
        let _ = Changes::parse(&message);
    }

    /// A list that follows every message says what a plain list of values says.
    #[test]
    fn a_followed_list_is_the_sum_of_its_changes(messages in vec(vec((0_u64..12, 0_u8..4), 1..6), 0..20)) {
        // 1,2,0,3,0,1,0,1,1,2,3,3 at two bits
        let mut list = list(2, b"eNo76fITAAPfAgc").unwrap();
        let mut plain = [1_u8, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
        for (changes, seq) in messages.iter().zip(1_u64..) {
            let message = json!({ "seq": seq, "changes": changes }).to_string();
            let message = Changes::parse(message.as_bytes()).unwrap();
            prop_assert_eq!(list.follow(&message), Followed::Current);
            prop_assert_eq!(list.follow(&message), Followed::Known);
            for (idx, value) in changes {
                plain[usize::try_from(*idx).unwrap()] = *value;
            }
        }
        let want = plain.map(|value| match value {
            0 => Status::Valid,
            1 => Status::Invalid,
            3 => Status::Narrowed,
            _ => Status::Other,
        });
        let got: Vec<_> = (0..12).map(|idx| list.status(idx)).collect();
        prop_assert_eq!(got, want);
    }

    /// Whatever is lost, doubled or late: nothing that a message took away is ever called valid unless a later
    /// message in full order gave it back, and a list that missed something never calls itself current.
    #[test]
    fn a_lost_message_is_always_noticed(order in vec(1_u64..9, 1..30)) {
        let mut list = list(2, b"eNo76fITAAPfAgc").unwrap();
        let mut seen = 0;
        for seq in order {
            let message = Changes::parse(json!({ "seq": seq, "changes": [[2, 1]] }).to_string().as_bytes()).unwrap();
            let followed = list.follow(&message);
            let want = match seq {
                _ if seq <= seen => Followed::Known,
                _ if seq.abs_diff(seen) == 1 => Followed::Current,
                _ => Followed::Gap,
            };
            prop_assert_eq!(followed, want);
            seen = if followed == Followed::Current { seq } else { seen };
            prop_assert_eq!(list.seq(), Some(seen));
            prop_assert_eq!(list.status(2), Status::Invalid);
        }
    }
}
