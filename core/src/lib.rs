#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "pdp")]
pub mod assessment;
#[cfg(feature = "pdp")]
pub mod dialect;
pub mod ids;
pub mod limits;
pub mod permission;
#[cfg(feature = "pdp")]
pub mod policy;
#[cfg(feature = "pdp")]
pub mod requester;
#[cfg(feature = "pdp")]
pub mod resource;
pub mod scope;
#[cfg(feature = "pdp")]
pub mod share;
pub mod time;
