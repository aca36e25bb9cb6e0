//! The decision engine: `countersign-core` as a WebAssembly component, run in wasmtime.
//!
//! One [`Pdp`] serves the whole process. Each decision gets a store of its own, so that nothing of one
//! question is left when the next one comes. Whatever goes wrong in there is an [`EngineFailure`], which
//! permits nothing.

mod engine;
mod failure;
mod origin;
mod turnstile;

#[cfg(test)]
mod tests;

use std::{fmt, fs, path::PathBuf, time::Instant};

use countersign_core::assessment::{Assessment, Question};
use wasmtime::{
    Engine,
    component::{Component, Linker},
};

use engine::Guest;
pub use engine::precompile;
pub use failure::{EngineFailure, PdpError};
pub use origin::Origin;
use origin::Sha256;

use crate::metrics::{EngineMeasures, observe};

use self::{failure::Reporter, turnstile::Turnstile};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wasm/wit", world: "pdp" });
}

/// Where the component comes from
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdpSource {
    /// The one that this program was built with
    Embedded,
    /// A file that replaces it (`--pdp`)
    File(PathBuf),
    /// Bytes in memory
    Bytes(Vec<u8>),
}

/// The decision engine of this process
pub struct Pdp {
    engine: Engine,
    pre: bindings::PdpPre<Guest>,
    turnstile: Turnstile,
    reporter: Reporter,
    sha256: Sha256,
    origin: Origin,
    measures: EngineMeasures,
}

impl Pdp {
    /// Makes the engine ready; every decision after that starts from the same prepared component.
    pub fn new(source: PdpSource) -> Result<Self, PdpError> {
        let begin = Instant::now();
        let engine = engine::engine()?;
        let (component, sha256, origin) = match source {
            PdpSource::Embedded => origin::embedded(&engine)?,
            PdpSource::File(path) => {
                let bytes =
                    fs::read(&path).map_err(|source| PdpError::File { path: path.clone(), source })?;
                (compile(&engine, &bytes)?, Sha256::of(&bytes), Origin::File(path))
            }
            PdpSource::Bytes(bytes) => (compile(&engine, &bytes)?, Sha256::of(&bytes), Origin::Bytes),
        };
        let pre = Linker::new(&engine).instantiate_pre(&component).map_err(PdpError::Contract)?;
        let pre = bindings::PdpPre::new(pre).map_err(PdpError::Contract)?;
        engine::start_ticker(&engine)?;
        let (sha256_hex, took) = (sha256.to_string(), begin.elapsed());
        tracing::info!(
            pdp.sha256 = sha256_hex,
            pdp.origin = %origin,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "decision engine is ready"
        );
        let turnstile = Turnstile::new(engine::slots());
        let (reporter, measures) = (Reporter::default(), EngineMeasures::default());
        Ok(Self { engine, pre, turnstile, reporter, sha256, origin, measures })
    }

    /// Asks the component: a `Question` as JSON in, an `Assessment` as JSON out (UMA Grant §3.3.4).
    pub fn assess(&self, question_json: &[u8]) -> Result<Vec<u8>, EngineFailure> {
        let begin = Instant::now();
        let _place = self.turnstile.enter();
        let answer = engine::call(&self.engine, &self.pre, question_json);
        observe(&self.measures.calls, begin);
        answer.inspect_err(|failure| self.failed(failure))
    }

    fn failed(&self, failure: &EngineFailure) {
        self.measures.failed(failure.kind());
        self.reporter.report(failure);
    }

    /// Asks the component and reads its answer, which is not trusted to be one.
    pub fn decide(&self, question: &Question) -> Result<Assessment, EngineFailure> {
        let undecodable = |_| {
            self.failed(&EngineFailure::Undecodable);
            EngineFailure::Undecodable
        };
        let json = serde_json::to_vec(question).map_err(undecodable)?;
        serde_json::from_slice(&self.assess(&json)?).map_err(undecodable)
    }

    /// What it measures of itself
    pub const fn measures(&self) -> &EngineMeasures {
        &self.measures
    }

    /// SHA-256 of the component, in hexadecimal digits where it is shown
    pub const fn sha256(&self) -> &Sha256 {
        &self.sha256
    }

    /// Where the component came from
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for Pdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pdp")
            .field("sha256", &self.sha256)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, PdpError> {
    Component::from_binary(engine, bytes).map_err(PdpError::Compile)
}
