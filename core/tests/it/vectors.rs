//! Reading `tests/vectors`.
#![expect(clippy::panic, clippy::arithmetic_side_effects, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use countersign_core::{jwk::Jwk, jws::Alg, token::SignatureVerifier};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The word of a vector that its signature is right
pub(crate) struct Word(pub(crate) bool);

impl SignatureVerifier for Word {
    fn verify(&self, _: Alg, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        self.0
    }
}

/// Runs all cases of a kind and shows all that are answered otherwise than they want
pub(crate) fn run<G: DeserializeOwned, R: DeserializeOwned>(kind: &str, answer: impl Fn(G, R) -> Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(kind);
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let list: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in list {
            cases += 1;
            let read = |part: &str| case[part].clone();
            let (given, request) = (read("given"), read("request"));
            let got = match (serde_json::from_value(given), serde_json::from_value(request)) {
                (Ok(given), Ok(request)) => answer(given, request),
                (Err(error), _) | (_, Err(error)) => panic!("{case}: {error}"),
            };
            if got != case["want"] {
                wrong.push(format!(
                    "{}: {}\n  want {}\n  got  {got}",
                    case["spec"], case["note"], case["want"]
                ));
            }
        }
    }
    assert!(cases > 0, "no vectors of kind {kind}");
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}
