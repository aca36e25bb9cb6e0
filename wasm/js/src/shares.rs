//! Many shares at hand, for a program that holds those of a resource server itself.

use countersign_core::{
    requester::Requester,
    scope::Scope,
    share::{
        Share,
        index::{Seed, ShareDelta, Shares},
    },
};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{failure, moment};

/// Shares, indexed by all that is asked of them
#[wasm_bindgen]
#[derive(Debug)]
pub struct SharesModule(Shares);

/// Who asks, read once for many questions
#[wasm_bindgen]
#[derive(Debug)]
pub struct RequesterModule(Requester);

#[wasm_bindgen]
impl RequesterModule {
    /// From `{ id, client, roles, groups, claims }` as JSON; throws `{ code, message }`.
    #[wasm_bindgen(constructor)]
    pub fn new(requester: &[u8]) -> Result<Self, JsValue> {
        read(requester, "requester").map(Self)
    }
}

#[wasm_bindgen]
impl SharesModule {
    /// From rows as JSON; throws `{ code, message }`.
    #[wasm_bindgen(constructor)]
    pub fn new(rows: &[u8]) -> Result<Self, JsValue> {
        let rows: Vec<Share> = read(rows, "shares")?;
        Shares::from_rows(rows, seed()?).map(Self).map_err(|error| refused(&error))
    }

    /// From what [`snapshot`](Self::snapshot) gave; throws `{ code, message }`.
    pub fn from_snapshot(snapshot: &[u8]) -> Result<Self, JsValue> {
        Shares::from_snapshot(snapshot, seed()?).map(Self).map_err(|error| refused(&error))
    }

    /// Everything, as bytes that are read much faster than rows
    pub fn snapshot(&self) -> Vec<u8> {
        self.0.snapshot()
    }

    /// Takes changes, `{ put: share }` or `{ remove: id }`, as JSON; throws `{ code, message }`, and has taken the others.
    pub fn apply(&mut self, deltas: &[u8]) -> Result<(), JsValue> {
        let deltas: Vec<ShareDelta> = read(deltas, "changes")?;
        self.0.apply(deltas).map_err(|error| refused(&error))
    }

    /// Whether the requester may use that scope of the resource, or, without a scope, a resource that has none. What is
    /// no id and no scope is a thing that nobody was granted.
    pub fn permits(
        &self,
        resource: &str,
        requester: &RequesterModule,
        scope: Option<String>,
        now: f64,
    ) -> bool {
        let Ok(resource) = resource.parse() else { return false };
        let Ok(scope) = scope.map(Scope::try_from).transpose() else { return false };
        self.0.permits(&resource, &requester.0, scope.as_ref(), moment(now))
    }
}

/// Drawn from the platform, so that nobody can choose names that make the index slow
fn seed() -> Result<Seed, JsValue> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)
        .map_err(|_| failure("engine_failed", "the platform has no random numbers"))?;
    Ok(Seed::new(entropy))
}

/// Says where it is wrong and not what stands there.
fn read<T: DeserializeOwned>(json: &[u8], what: &str) -> Result<T, JsValue> {
    serde_json::from_slice(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        failure(
            "invalid_configuration",
            &format!("the {what} cannot be read at line {line}, column {column}"),
        )
    })
}

fn refused(error: &dyn core::error::Error) -> JsValue {
    failure("invalid_configuration", &error.to_string())
}
