//! The shared vectors of kind `dpop`, on the word of each vector that its signature is right.

use countersign_core::{
    dpop::{ProofError, ProofRequest, UnverifiedProof},
    time::UnixTime,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::vectors::{self, Word};

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn answer(given: &Value, request: &Value) -> Value {
    let uri = request["uri"].as_str().unwrap().parse().unwrap();
    let nonces = texts(&given["nonces"]);
    let mut expected = ProofRequest::new(request["method"].as_str().unwrap(), &uri).nonces(&nonces);
    if let Some(token) = request["token"].as_str() {
        expected = expected.access_token(token);
    }
    let now = UnixTime(request["now"].as_u64().unwrap());
    let verifier = Word(request["signature_ok"].as_bool().unwrap());
    let proof = UnverifiedProof::parse(texts(&request["proofs"]), &expected, now)
        .and_then(|pending| pending.verify_with(&verifier).map_err(|_| ProofError::Signature));
    match proof {
        Ok(proof) => json!({ "accepted": true, "thumbprint": proof.thumbprint() }),
        Err(error) => json!({ "accepted": false, "error": error.oauth_code() }),
    }
}

#[test]
fn every_dpop_vector_is_answered_as_written() {
    vectors::run("dpop", |given: Value, request: Value| answer(&given, &request));
}

proptest! {
    #[test]
    fn no_bytes_panic_the_parser_of_proofs(bytes in vec(any::<u8>(), 0..400), uri in "(https?://)?[ -~]{0,40}") {
        let given = uri.parse();
        let uri = given.unwrap_or_else(|_| "https://a.example".parse().unwrap());
        let _ = UnverifiedProof::parse([bytes], &ProofRequest::new("GET", &uri), UnixTime(10));
    }

    /// Whatever is an address has one spelling, and that one is its own.
    #[test]
    fn a_spelling_is_final(uri in "https?://[a-z.]{1,9}(:[0-9]{0,5})?(/|/[.a%2fF/~]{0,20})?(\\?[a-z=%41]{0,9})?") {
        if let Ok(uri) = uri.parse::<countersign_core::uri::HttpUri>() {
            prop_assert_eq!(uri.to_string().parse(), Ok(uri));
        }
    }
}
