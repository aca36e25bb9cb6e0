//! The decision module as a service of Fastly Compute.
//!
//! Every request has an instance of its own, which knows nothing. A [`Service`] gives a guard what instances before it
//! have kept, asks the authorization server for the rest, one question after the other, and says what becomes of the
//! request; it is plain Rust over a [`Platform`]. A [`Gate`] is that on Fastly's platform, and all that a program needs:
//!
//! ```no_run
//! use countersign_compute::{Gate, Names, bare};
//! use fastly::Request;
//!
//! let mut request = Request::from_client();
//! let mut gate = Gate::open(&Names::default())?;
//! match gate.check(&mut request) {
//!     Ok(()) => request.send("application").unwrap_or_else(|_| bare(502)).send_to_client(),
//!     Err(refusal) => refusal.send_to_client(),
//! }
//! gate.renew();
//! # Ok::<(), String>(())
//! ```
#![forbid(unsafe_code)]

pub use gate::{Gate, Names, bare};
pub use platform::Platform;
pub use service::{Outcome, Service};

mod clock;
mod gate;
mod platform;
mod service;
#[cfg(test)]
mod tests;
