//! Python packages of a folder's list, in an environment of their own.

use core::time::Duration;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::{
    layout::Layout,
    process, terminal,
    tool::{self, Install, Tool, unreachable},
};

const INSTALL: Duration = Duration::from_mins(10);

/// What runs Python here, with what makes environments
pub(crate) const PYTHON: Tool = Tool {
    name: "Python 3 with venv",
    why: "runs Envoy, schemathesis and the Python clients that others have written",
    check: |_| {
        process::output(Command::new("python3").args(["-c", "import ensurepip, venv"]))?;
        process::version("python3")
    },
    install: Install::Debian(&["python3", "python3-venv"]),
};

/// The interpreter of an environment with the packages that this folder asks for; made once for all clones of this
/// user.
pub(crate) fn ensure(layout: &Layout, folder: &Path) -> Result<PathBuf> {
    PYTHON.ensure(layout)?;
    let file = folder.join("requirements.txt");
    let requirements = fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    let digest: String = crate::wasm::hex(&Sha256::digest(&requirements)).chars().take(16).collect();
    let environment = layout.cache.join(format!("python-{digest}"));
    let _one_at_a_time = tool::installing();
    let (python, stamp) = (environment.join("bin/python"), environment.join(".complete"));
    if stamp.is_file() {
        return Ok(python);
    }
    terminal::say("installing PyPI packages (their list is new here)");
    let log = |name: &str| layout.target.join(format!("xtask/{name}.log"));
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&environment);
    process::run_quietly("python3 -m venv", &mut make, &log("venv"), INSTALL)?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&file);
    process::run_quietly("pip install", &mut install, &log("pip"), INSTALL)
        .with_context(|| unreachable("the PyPI packages"))?;
    fs::write(&stamp, [])?;
    Ok(python)
}
