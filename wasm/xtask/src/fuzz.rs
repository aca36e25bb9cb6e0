//! `cargo xtask fuzz`: hostile bytes at every parser of the core, and what must hold of whatever they are read as.

mod seeds;

use core::time::Duration;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    layout::Layout,
    process, terminal,
    tool::{self, Install, Tool},
};

/// How long each target runs where nobody says otherwise
pub(crate) const SECONDS: u32 = 5;
/// How long each target runs in `cargo xtask test --long`
pub(crate) const SECONDS_LONG: u32 = 600;

const VERSION: &str = "0.13.2";
/// An input that takes longer is a finding, in seconds
const SLOW: u32 = 10;
/// An input that needs more memory is a finding, in megabytes
const MEMORY: u32 = 1_024;
/// Longest input: what is longer than this is a matter of limits, which have tests of their own
const LENGTH: u32 = 8_192;
/// For the start, which reads every input of earlier runs, and for slow machines
const GRACE: u64 = 300;

/// Compiles libFuzzer
pub(crate) const CPP_COMPILER: Tool = Tool {
    name: "a C++ compiler",
    why: "compiles libFuzzer",
    check: |_| process::version("c++"),
    install: Install::Debian(&["g++"]),
};

/// Builds the fuzz targets
pub(crate) const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    why: "builds the fuzz targets",
    check: |layout| tool::installed(layout, "cargo-fuzz", VERSION),
    install: Install::Cargo("cargo-fuzz", VERSION),
};

/// Builds once, then runs the named targets, or all; the first finding ends the run.
pub(crate) fn run(layout: &Layout, seconds: u32, named: &[String]) -> Result<()> {
    CPP_COMPILER.ensure(layout)?;
    CARGO_FUZZ.ensure(layout)?;
    let targets = targets(layout)?;
    if let Some(unknown) = named.iter().find(|name| !targets.contains(*name)) {
        bail!("no fuzz target `{unknown}`; there are {}", targets.join(", "));
    }
    let folder = build(layout)?;
    for target in targets.iter().filter(|target| named.is_empty() || named.contains(target)) {
        attack(layout, &folder, target, seconds)?;
    }
    Ok(())
}

/// The names of the targets, one for each file
fn targets(layout: &Layout) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(crate_folder(layout).join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn crate_folder(layout: &Layout) -> PathBuf {
    layout.root.join("core/fuzz")
}

/// Compiles every target and answers with the folder of their programs: copied, because cargo's own folder is
/// one for all clones, and cargo gives a program the same name in each of them.
fn build(layout: &Layout) -> Result<PathBuf> {
    let cache = layout.cache.join("fuzz-target");
    fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("xtask.lock"))?;
    lock.lock().context("cannot lock the target folder of fuzz targets")?;
    // The stable toolchain has all that coverage needs. The core forbids `unsafe`, so there is nothing for
    // an address sanitizer to find in it, and without one three times as many inputs are tried.
    let mut command = tool::cargo(layout)?;
    command.args(["fuzz", "build", "--debug-assertions", "--sanitizer", "none"]);
    process::apart(&mut command, &cache).arg("--fuzz-dir").arg(crate_folder(layout));
    command.arg("--target-dir").arg(&cache);
    let log = layout.target.join("xtask/fuzz.log");
    process::run_quietly("compile the fuzz targets", &mut command, &log, Duration::from_mins(20))?;
    let folder = layout.target.join("fuzz/bin");
    fs::create_dir_all(&folder)?;
    for target in targets(layout)? {
        fs::copy(built(&cache, &target)?, folder.join(&target))?;
    }
    lock.unlock()?;
    Ok(folder)
}

/// `<folder>/<triple>/release/<target>`, whatever this machine's triple is
fn built(folder: &Path, target: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let program = entry?.path().join("release").join(target);
        found.extend(program.is_file().then_some(program));
    }
    found.into_iter().next().with_context(|| format!("cargo-fuzz made no `{target}`"))
}

fn attack(layout: &Layout, programs: &Path, target: &str, seconds: u32) -> Result<()> {
    let folder = |kind: &str| -> Result<PathBuf> {
        let folder = layout.target.join("fuzz").join(kind).join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (corpus, seeds, findings) = (folder("corpus")?, folder("seeds")?, folder("findings")?);
    let count = seeds::write(layout, target, &seeds)?;
    let program = programs.join(target);
    let mut command = Command::new(&program);
    command.current_dir(&layout.root).arg(&corpus).arg(&seeds);
    command.arg(format!("-artifact_prefix={}/", findings.display()));
    for (option, value) in
        [("max_total_time", seconds), ("timeout", SLOW), ("rss_limit_mb", MEMORY), ("max_len", LENGTH)]
    {
        command.arg(format!("-{option}={value}"));
    }
    let dictionary = crate_folder(layout).join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command.arg("-print_final_stats=1");
    let log = layout.target.join(format!("fuzz/{target}.log"));
    let limit = Duration::from_secs(u64::from(seconds).saturating_add(GRACE));
    let ended = process::run_quietly(&format!("fuzz {target}, {count} seeds"), &mut command, &log, limit);
    let text = fs::read_to_string(&log).unwrap_or_default();
    ended.with_context(|| match artefact(&text) {
        Some(path) => format!("`{target}` has a finding; to see it again: {} {path}", program.display()),
        None => format!("`{target}` did not end well; its log is {}", log.display()),
    })?;
    if let Some(executed) = executed(&text) {
        terminal::say(&format!("    {target}: {executed} inputs, no finding"));
    }
    Ok(())
}

/// Where libFuzzer says that it has put the input
fn artefact(log: &str) -> Option<&str> {
    log.lines().rev().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path.trim()))
}

fn executed(log: &str) -> Option<&str> {
    log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:").map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libfuzzers_words_are_understood() {
        let log = "==1== ERROR: libFuzzer: deadly signal\nartifact_prefix='/t/'; \
                   Test unit written to /t/crash-1\nBase64: AA==\n";
        assert_eq!(artefact(log), Some("/t/crash-1"));
        assert_eq!(artefact("Done 3 runs in 1 second(s)"), None);
        assert_eq!(executed("stat::number_of_executed_units: 42\nstat::peak_rss_mb: 50"), Some("42"));
    }
}
