//! Properties and the public interface, in one binary.
#![cfg_attr(
    any(feature = "guard", feature = "pdp"),
    expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")
)]

#[cfg(feature = "pdp")]
mod assess;
#[cfg(feature = "pdp")]
mod dialect;
#[cfg(feature = "guard")]
mod enforcer;
#[cfg(feature = "guard")]
mod guard;
#[cfg(feature = "pdp")]
mod properties;
#[cfg(any(feature = "guard", feature = "pdp"))]
mod vectors;
#[cfg(feature = "pdp")]
mod worlds;
