//! Policies that are programs: JavaScript as Keycloak deploys it, run where it can reach nothing (`keycloak-wire` §8.7,
//! §8.8).
//!
//! The core never runs a script: what one said is a fact, and this is where the facts come from. Scripts run in threads
//! of their own, few at a time, each in an engine that is made for it and thrown away. Whatever goes wrong - it throws,
//! takes too long, is not there, or scripts are off - is [`Failed`](countersign_core::policy::Said::Failed), which no logic turns around.

mod directory;
mod engine;
mod folder;
mod hearing;
mod places;
mod subject;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

pub use self::folder::{Deployed, ScriptError};
pub use self::hearing::hear;
use self::places::Places;
use crate::realm::ScriptUse;

/// Longest script, in bytes
pub const CODE_BYTES: usize = 64 * 1024;
/// Most policies of which a mishap is remembered as told
const TOLD: usize = 10_000;

/// Whether policies of this type are programs
pub fn is_script(kind: &str) -> bool {
    kind == INLINE || kind.starts_with(PREFIX)
}

/// Type of policies that bring their own program
pub const INLINE: &str = "js";
/// Begin of the types of deployed scripts; the file's name follows
pub const PREFIX: &str = "script-";

/// Why a script says nothing that counts
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mishap {
    /// The server runs no scripts
    #[error("scripts are off: start the server with `scripts = true`")]
    Off,
    /// The realm wants none
    #[error("scripts are off in this realm (`countersign.scripts`)")]
    OffHere,
    /// No file of that name was there when the server started
    #[error("script [{0}] is not deployed")]
    NotDeployed(String),
    /// Code inside a policy, in a realm that takes only deployed scripts
    #[error("code inside of policies is not run in this realm (`countersign.scripts` is not `inline`)")]
    InlineOff,
    /// A policy of type `js` without code
    #[error("the policy has no code")]
    NoCode,
    /// Longer than [`CODE_BYTES`]
    #[error("the script is longer than {CODE_BYTES} bytes")]
    TooLarge,
    /// It threw, ran out of memory, or is no JavaScript
    #[error("the script failed: {0}")]
    Threw(String),
    /// It used up its time
    #[error("the script took too long")]
    TooLong,
    /// All places in which scripts run are taken
    #[error("too many scripts are running")]
    Busy,
    /// The engine itself
    #[error("the script engine failed")]
    Engine,
}

/// The scripts of this server
#[derive(Debug)]
pub struct Scripts {
    on: bool,
    deployed: BTreeMap<String, Deployed>,
    places: Arc<Places>,
    told: Mutex<BTreeSet<(String, String)>>,
}

impl Default for Scripts {
    /// No script is run
    fn default() -> Self {
        Self::new(false, BTreeMap::new())
    }
}

impl Scripts {
    fn new(on: bool, deployed: BTreeMap<String, Deployed>) -> Self {
        Self { on, deployed, places: Arc::default(), told: Mutex::default() }
    }

    /// Scripts are run: those of a folder, and those that realms allow in policies
    pub fn deploy(folder: Option<&Path>) -> Result<Self, ScriptError> {
        Ok(Self::new(true, folder.map(folder::read).transpose()?.unwrap_or_default()))
    }

    /// How many are deployed
    pub fn count(&self) -> usize {
        self.deployed.len()
    }

    /// The deployed script of a type, where the realm uses it
    pub fn deployed(&self, used: ScriptUse, kind: &str) -> Result<&Deployed, Mishap> {
        if !self.on {
            return Err(Mishap::Off);
        }
        if used == ScriptUse::Off {
            return Err(Mishap::OffHere);
        }
        self.deployed.get(kind).ok_or_else(|| Mishap::NotDeployed(kind.to_owned()))
    }

    /// All deployed scripts by their types, where the realm uses them
    pub fn all(&self, used: ScriptUse) -> impl Iterator<Item = (&String, &Deployed)> {
        self.deployed.iter().filter(move |_| self.on && used != ScriptUse::Off)
    }

    /// The code of a policy of that type and configuration
    pub fn code(&self, used: ScriptUse, kind: &str, config: &Value) -> Result<Arc<str>, Mishap> {
        if kind != INLINE {
            return self.deployed(used, kind).map(|script| Arc::clone(&script.code));
        }
        match used {
            _ if !self.on => Err(Mishap::Off),
            ScriptUse::Off => Err(Mishap::OffHere),
            ScriptUse::Deployed => Err(Mishap::InlineOff),
            ScriptUse::Inline => {
                let code = config.get("code").and_then(Value::as_str).ok_or(Mishap::NoCode)?;
                if code.len() > CODE_BYTES { Err(Mishap::TooLarge) } else { Ok(code.into()) }
            }
        }
    }

    /// Whether a policy of that type could be stored: its script is there, and is a program
    pub fn accept(&self, used: ScriptUse, kind: &str, config: &Value) -> Result<(), Mishap> {
        let code = self.code(used, kind, config)?;
        // What is deployed was looked at when the server started.
        if kind == INLINE { off_async(|| engine::check(&code)) } else { Ok(()) }
    }

    /// Says once for each policy what its script did
    fn tell(&self, policy: &str, name: &str, mishap: &Mishap) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // What was thrown may be another thing each time.
        let kind = if matches!(mishap, Mishap::Threw(_)) { "threw".to_owned() } else { mishap.to_string() };
        if told.len() < TOLD && told.insert((policy.to_owned(), kind)) {
            tracing::warn!(policy = name, policy.id = policy, "{mishap}: the policy denies");
        }
    }
}

/// Waits for something that takes its time, so that other requests need not
fn off_async<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}
