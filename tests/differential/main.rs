//! All engines answer the shared vectors alike; here, the Rust library.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod assess;
mod challenge;
mod conformance;
mod permits;
mod reference;
mod token;
mod vectors;
mod worlds;
