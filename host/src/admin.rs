//! `countersign admin`: the admin API from a terminal, on this machine or another.
//!
//! It calls what Keycloak's own tools call. Secrets come from the environment, a file or a prompt, never from the
//! command line, which others can read.

mod api;
mod args;
mod audit;
mod authz;
mod identity;
mod members;
mod prompt;
mod show;

use std::io;

pub use self::args::AdminArgs;
use self::{api::Api, args::Command};

/// Why a command of an administrator did not do what it should
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The server said no
    #[error("{status}: {message}")]
    Refused {
        /// Its status
        status: u16,
        /// What it said
        message: String,
    },
    /// There is no answer
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// Where it was looked for
        url: String,
        /// What the connection said
        reason: String,
    },
    /// Nothing has such a name
    #[error("{0} `{1}` does not exist")]
    Missing(&'static str, String),
    /// The command line
    #[error("{0}")]
    Usage(String),
    /// A secret cannot be read
    #[error("{0}")]
    Secret(String),
    /// The terminal
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Carries a command out
pub fn run(args: &AdminArgs) -> Result<(), AdminError> {
    let mut api = Api::sign_in(args)?;
    let shown = match &args.command {
        Command::Realm(command) => identity::realm(&api, command)?,
        Command::User(command) => identity::user(&api, command)?,
        Command::Client(command) => identity::client(&api, command)?,
        Command::Role(command) => identity::role(&api, command)?,
        Command::Session(command) => identity::session(&api, command)?,
        Command::Keys(command) => identity::keys(&api, command)?,
        Command::Resource(command) => authz::resource(&api, command)?,
        Command::Scope(command) => authz::scope(&api, command)?,
        Command::Policy(command) => authz::rule(&api, "policy", command)?,
        Command::Permission(command) => authz::rule(&api, "permission", command)?,
        Command::Share(command) => authz::share(&api, command)?,
        Command::Why(command) => authz::why(&api, command)?,
        Command::Audit(command) => match audit::audit(&mut api, command, args.json)? {
            Some(shown) => shown,
            None => return Ok(()),
        },
    };
    shown.print(args.json)?;
    Ok(())
}
