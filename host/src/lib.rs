//! Countersign.

pub mod pdp;
