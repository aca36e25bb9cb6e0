//! `countersign` as somebody at a terminal runs it.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{authz::Authz, realm::secret, server::program};

/// How a command ended
#[derive(Debug)]
pub struct Ended {
    /// Its exit code
    pub code: i32,
    /// What it printed
    pub out: String,
    /// What it said besides
    pub err: String,
}

impl Ended {
    /// Demands success; what it printed
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Demands success and JSON
    #[track_caller]
    pub fn json(self) -> Value {
        let out = self.good();
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}"))
    }

    /// Demands failure with this in its message, and nothing printed
    #[track_caller]
    pub fn bad(self, message: &str) {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{}", self.err);
        assert!(
            self.err.starts_with("error: ") && self.err.contains(message),
            "`{message}` is not in {}",
            self.err
        );
    }
}

/// Runs the program with these arguments, variables and lines of standard input
pub fn run(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("COUNTERSIGN_")) {
            command.env_remove(name);
        }
    }
    let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
    // One that fails at once does not read.
    _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Authz {
    /// `countersign admin` of the administrator in the realm
    pub fn admin(&self, arguments: &[&str]) -> Ended {
        self.admin_with(arguments, "")
    }

    /// The same with standard input
    pub fn admin_with(&self, arguments: &[&str], input: &str) -> Ended {
        let base = self.world.server.base();
        let all: Vec<_> = ["admin"].iter().chain(arguments).copied().collect();
        let password = secret("root");
        let variables = [
            ("COUNTERSIGN_ADMIN_URL", base.as_str()),
            ("COUNTERSIGN_ADMIN_REALM", self.world.realm.as_str()),
            ("COUNTERSIGN_ADMIN_USERNAME", "root"),
            ("COUNTERSIGN_ADMIN_PASSWORD", password.as_str()),
        ];
        run(&all, &variables, input)
    }
}
