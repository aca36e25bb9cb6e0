//! Programs that a task starts, and how their end is told.

use core::{
    iter,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{layout::Layout, terminal};

const POLL: Duration = Duration::from_millis(50);
const PROGRESS: Duration = Duration::from_secs(10);
const SHOWN_LINES: usize = 40;

/// Runs a step whose own output is worth reading; beside another one, once it has ended.
pub(crate) fn run(title: &str, command: &mut Command) -> Result<()> {
    terminal::step(title);
    let begin = Instant::now();
    command.stdin(Stdio::null());
    let status = if terminal::keeps() { kept(command)? } else { command.status() };
    let status = status.with_context(|| cannot_start(command))?;
    succeeded(title, command, status)?;
    terminal::done(title, begin.elapsed());
    Ok(())
}

/// The output goes to a file first: what a program leaves running may hold a pipe open.
fn kept(command: &mut Command) -> Result<io::Result<ExitStatus>> {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("countersign-{}-{serial}.log", std::process::id()));
    let out = File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let status = command.stderr(out.try_clone()?).stdout(out).status();
    terminal::say(String::from_utf8_lossy(&std::fs::read(&path)?).trim_end());
    std::fs::remove_file(&path)?;
    Ok(status)
}

/// Runs a step whose output matters only if it fails; tells every ten seconds that it still runs.
pub(crate) fn run_quietly(title: &str, command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    terminal::step(title);
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let out = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
    command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
    let begin = Instant::now();
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let status = wait(title, &mut child, begin, limit)?;
    if let Err(error) = succeeded(title, command, status) {
        terminal::say(&last_lines(log));
        return Err(error);
    }
    terminal::done(title, begin.elapsed());
    Ok(())
}

/// What a program prints, trimmed; nothing if it is missing or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first line of what `program --version` prints
pub(crate) fn version(program: impl AsRef<OsStr>) -> Option<String> {
    let text = output(Command::new(program).arg("--version"))?;
    text.lines().next().map(str::to_owned)
}

/// This toolchain's cargo, for a native build
pub(crate) fn cargo(layout: &Layout) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&layout.root).env("CARGO_TARGET_DIR", &layout.target);
    command.env("CARGO_BUILD_BUILD_DIR", layout.native()).env("COUNTERSIGN_MODULES", layout.wasm());
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_the_outer_build(name)) {
        command.env_remove(name);
    }
    command
}

/// Everything that this cargo makes goes into one folder, which nobody shares.
pub(crate) fn apart<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("CARGO_TARGET_DIR", folder).env("CARGO_BUILD_BUILD_DIR", folder)
}

/// A cargo that is not this toolchain's: nothing of the outer `cargo run` may reach it.
pub(crate) fn foreign_cargo(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, value) in env::vars_os() {
        if is_of_the_outer_build(&name) || is_of_the_toolchain(&name) {
            command.env_remove(name);
        } else if name == "LD_LIBRARY_PATH" {
            let foreign = env::split_paths(&value).filter(|folder| !is_toolchain_folder(folder));
            match env::join_paths(foreign) {
                Ok(folders) if !folders.is_empty() => command.env(name, folders),
                _ => command.env_remove(name),
            };
        }
    }
    command
}

/// `cargo run` describes the package that it runs; a build script would take that for its own.
fn is_of_the_outer_build(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name.starts_with("CARGO_BIN_")
        || matches!(&*name, "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
}

fn is_of_the_toolchain(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("RUSTC")
        || name.starts_with("CARGO_BUILD_")
        || name.starts_with("CARGO_TARGET_")
        || matches!(&*name, "CARGO" | "RUSTUP_TOOLCHAIN" | "RUSTFLAGS" | "CARGO_ENCODED_RUSTFLAGS")
}

fn is_toolchain_folder(folder: &Path) -> bool {
    folder.components().any(|part| part.as_os_str() == "toolchains" || part.as_os_str() == "rustlib")
        || folder.join("deps").is_dir()
        || folder.ends_with("deps")
}

fn wait(title: &str, child: &mut Child, begin: Instant, limit: Duration) -> Result<ExitStatus> {
    let mut told = begin;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begin.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{title}: no end after {} s, so it was stopped", limit.as_secs());
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            terminal::still(title, begin.elapsed());
        }
        thread::sleep(POLL);
    }
}

fn succeeded(title: &str, command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("{title}: `{}` ended with {status}", command_line(command))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().display())
}

fn command_line(command: &Command) -> String {
    let words = iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}
