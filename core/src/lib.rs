#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod denial;
pub mod ids;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod limits;
pub mod permission;
pub mod scope;
pub mod time;
pub mod token;
