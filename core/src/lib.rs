#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ids;
pub mod limits;
pub mod permission;
pub mod scope;
pub mod time;
