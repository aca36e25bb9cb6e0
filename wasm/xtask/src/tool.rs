//! What the tasks need of a machine: how to see that it is there, and how to get it.

use core::{iter, time::Duration};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, bail};

use crate::{layout::Layout, process, terminal};

/// A program or package that a task cannot do without
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// What it is called
    pub(crate) name: &'static str,
    /// What it is needed for
    pub(crate) why: &'static str,
    /// Its version or place, if it is there
    pub(crate) check: fn(&Layout) -> Option<String>,
    /// How it comes here
    pub(crate) install: Install,
}

/// Ways to get a tool
#[derive(Debug, Clone, Copy)]
pub(crate) enum Install {
    /// Debian's packages
    Debian(&'static [&'static str]),
    /// A component of the active rustup toolchain
    Rustup(&'static str),
    /// A crate's program, of exactly this version, in the user's cache folder
    Cargo(&'static str, &'static str),
    /// The same, for one that takes so many minutes on two cores that it has to be said
    CargoSlow(&'static str, &'static str, u64),
    /// A person has to: what to do
    ByHand(&'static str),
}

impl Tool {
    /// Installs the tool if it is missing.
    pub(crate) fn ensure(&self, layout: &Layout) -> Result<()> {
        if (self.check)(layout).is_some() {
            return Ok(());
        }
        let _one_at_a_time = installing();
        if (self.check)(layout).is_some() {
            return Ok(());
        }
        match self.install {
            Install::Debian(packages) => {
                terminal::say(&format!("installing {} ({}): {}", self.name, self.why, packages.join(" ")));
                debian(layout, packages)?;
            }
            Install::Rustup(component) => {
                terminal::say(&format!(
                    "installing {} ({}): rustup component add {component}",
                    self.name, self.why
                ));
                let log = layout.target.join("xtask/rustup.log");
                let mut command = Command::new("rustup");
                command.args(["component", "add", component]);
                process::run_quietly(
                    &format!("rustup component add {component}"),
                    &mut command,
                    &log,
                    RUSTUP,
                )?;
            }
            Install::Cargo(name, version) => {
                terminal::say(&format!(
                    "installing {} ({}): cargo install {name} {version}",
                    self.name, self.why
                ));
                compile(layout, name, version, CARGO)?;
            }
            Install::CargoSlow(name, version, minutes) => {
                terminal::say(&format!(
                    "installing {} ({}): cargo install {name} {version}, some {minutes} minutes of two cores, once \
                     for all clones",
                    self.name, self.why
                ));
                compile(layout, name, version, CARGO_SLOW)?;
            }
            Install::ByHand(cure) => bail!("{} is missing ({}): {cure}", self.name, self.why),
        }
        if (self.check)(layout).is_none() {
            bail!("{} is still missing after its installation ({})", self.name, self.why);
        }
        Ok(())
    }
}

/// Installations wait for each other: they share logs, and systems' packages have one database.
pub(crate) fn installing() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const APT: Duration = Duration::from_mins(15);
const RUSTUP: Duration = Duration::from_mins(5);
const CARGO: Duration = Duration::from_mins(20);
const CARGO_SLOW: Duration = Duration::from_mins(40);

/// The crate's program in exactly this version, if [`Install::Cargo`] has installed it
pub(crate) fn installed(layout: &Layout, name: &str, version: &str) -> Option<String> {
    let list = std::fs::read_to_string(layout.cache.join("tools/.crates.toml")).ok()?;
    let entry = format!("\"{name} {version} ");
    let program = folder(layout).join(name);
    (list.contains(&entry) && program.is_file()).then(|| format!("{name} {version}"))
}

/// Where [`Install::Cargo`] puts programs
pub(crate) fn folder(layout: &Layout) -> PathBuf {
    layout.cache.join("tools/bin")
}

/// This toolchain's cargo, which finds what [`Install::Cargo`] has installed as its own commands
pub(crate) fn cargo(layout: &Layout) -> Result<Command> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let folders = iter::once(folder(layout)).chain(env::split_paths(&folders));
    let mut command = process::cargo(layout);
    command.env("PATH", env::join_paths(folders)?);
    Ok(command)
}

/// Compiles a crate's program once, for all clones of this user.
fn compile(layout: &Layout, name: &str, version: &str, limit: Duration) -> Result<()> {
    let mut command = process::cargo(layout);
    // Not in the target folder: it is no part of this build, and need not be kept.
    process::apart(&mut command, &layout.target.join("xtask/tools"));
    // Compiling a tool takes longer than anything that it does here.
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    command.args(["install", "--locked", "--force", "--version", version, "--root"]);
    command.arg(layout.cache.join("tools")).arg(name);
    let log = layout.target.join(format!("xtask/{name}.log"));
    process::run_quietly(&format!("cargo install {name}"), &mut command, &log, limit)
        .map_err(|error| error.context(unreachable("the crates of a tool")))?;
    Ok(std::fs::remove_dir_all(layout.target.join("xtask/tools"))?)
}

/// Installs Debian packages as root or through sudo, and says what to do where neither is possible.
fn debian(layout: &Layout, packages: &[&str]) -> Result<()> {
    let cure = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if process::version("apt-get").is_none() {
        bail!("this system has no apt-get; install what Debian calls: {}", packages.join(" "));
    }
    let root = process::output(Command::new("id").arg("-u")).as_deref() == Some("0");
    if !root && process::output(Command::new("sudo").args(["-n", "true"])).is_none() {
        bail!("cannot install Debian packages without root; run: sudo {cure}");
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.args(["-n", "apt-get"]);
        }
        command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let log = layout.target.join("xtask/apt-get.log");
    process::run_quietly("apt-get update", &mut apt_get(&["update"]), &log, APT)
        .map_err(|error| error.context(unreachable("Debian's packages")))?;
    let mut install = apt_get(&["install", "-y", "--no-install-recommends"]);
    install.args(packages);
    process::run_quietly(&format!("apt-get install {}", packages.join(" ")), &mut install, &log, APT)
        .map_err(|error| error.context(format!("could not install; to try by hand: {cure}")))
}

/// What to say when a package registry gave no answer
pub(crate) fn unreachable(registry: &str) -> String {
    format!("{registry} could not be had; is this machine online, and may it reach them?")
}

/// Whether a file is there, told by its path
pub(crate) fn file(path: &str) -> Option<String> {
    Path::new(path).exists().then(|| path.to_owned())
}
