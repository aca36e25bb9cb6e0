//! What filters of proxies and edge runtimes have in common beside the decisions, which are `countersign-core`'s.
//!
//! [`Settings`] are read once, a [`Machine`] takes what happens and says what to do, a [`Call`] is a question to the
//! authorization server ready to be sent. A filter carries them out and decides nothing.
#![forbid(unsafe_code)]

pub use call::{Call, Credentials};
pub use machine::{Machine, Order};
pub use settings::{FindSecret, SecretPlace, Settings, SettingsError};

mod call;
mod machine;
mod settings;
#[cfg(feature = "vectors")]
pub mod vectors;
