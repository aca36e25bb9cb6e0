//! The guard in a scripted world: what it asks for, when, and what it never does.
#![expect(
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a script that does not go on has failed"
)]

mod admission;
mod proof;
mod random;
mod rules;
mod supply;
mod ticket;
mod withdrawal;
mod world;
