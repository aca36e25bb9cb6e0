// The README's examples need both halves.
#![cfg_attr(all(feature = "guard", feature = "pdp"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "guard", feature = "pdp")),
    doc = "UMA 2.0 decisions, without I/O; the crate's page tells of both halves."
)]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "pdp")]
pub mod assessment;
#[cfg(feature = "guard")]
pub mod challenge;
pub mod denial;
#[cfg(feature = "pdp")]
pub mod dialect;
pub mod dpop;
#[cfg(feature = "guard")]
pub mod edge;
#[cfg(feature = "guard")]
pub mod enforcer;
pub mod ids;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod limits;
pub mod path;
pub mod permission;
#[cfg(feature = "pdp")]
pub mod policy;
#[cfg(feature = "pdp")]
pub mod requester;
#[cfg(feature = "pdp")]
pub mod resource;
#[cfg(feature = "guard")]
pub mod rpt;
pub mod scope;
#[cfg(feature = "pdp")]
pub mod share;
#[cfg(feature = "guard")]
pub mod status;
#[cfg(feature = "pdp")]
pub mod ticket;
pub mod time;
pub mod token;
#[cfg(feature = "pdp")]
pub mod trace;
pub mod uri;
