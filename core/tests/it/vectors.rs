//! Reading `tests/vectors`.

use std::{fs, path::Path};

use countersign_core::{jwk::Jwk, jws::Alg, token::SignatureVerifier};
use serde_json::Value;

/// The word of a vector that its signature is right
pub(crate) struct Word(pub(crate) bool);

impl SignatureVerifier for Word {
    fn verify(&self, _: Alg, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        self.0
    }
}

/// Compares the answers to all vectors of a kind with what is wanted, and says how many there were
pub(crate) fn run(kind: &str, answer: impl Fn(&Value) -> Value) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(kind);
    let (mut answered, mut wrong) = (Vec::new(), Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let list: Vec<Value> = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for case in list {
            assert_eq!(case["kind"], kind, "{}", case["note"]);
            let got = answer(&case);
            if got != case["want"] {
                wrong.push(format!(
                    "{}: {}\n  want {}\n  got  {got}",
                    case["spec"], case["note"], case["want"]
                ));
            }
            answered.push(got);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    answered.len()
}
