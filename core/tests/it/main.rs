//! Properties and the public interface, in one binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[cfg(feature = "pdp")]
mod assess;
#[cfg(feature = "pdp")]
mod dialect;
mod dpop;
#[cfg(feature = "guard")]
mod edge;
#[cfg(feature = "guard")]
mod enforcer;
#[cfg(feature = "guard")]
mod guard;
#[cfg(feature = "pdp")]
mod index;
mod json;
#[cfg(feature = "pdp")]
mod properties;
#[cfg(feature = "guard")]
mod status;
#[cfg(feature = "guard")]
mod token;
mod traps;
mod vectors;
#[cfg(feature = "pdp")]
mod worlds;
