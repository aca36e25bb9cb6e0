#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "guard")]
pub mod challenge;
pub mod denial;
pub mod ids;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod limits;
pub mod permission;
#[cfg(feature = "guard")]
pub mod rpt;
pub mod scope;
pub mod time;
pub mod token;
