//! The core's decisions beside a peer's in one process, and what the hottest paths cost in instructions.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{Row, printed};
use crate::{
    layout::Layout,
    process, terminal,
    tool::{Install, Tool},
};

/// Counts instructions
const VALGRIND: Tool = Tool {
    name: "valgrind",
    why: "counts the instructions of the hottest paths, whatever else the machine does",
    check: |_| process::version("valgrind"),
    install: Install::Debian(&["valgrind", "libc6-dbg"]),
};

/// The hottest paths by their names in `tests/bench`, and in the table
const PATHS: [(&str, &str); 2] =
    [("assess", "Small assessment, JSON to JSON"), ("rpt", "RPT check without signature")];
/// Both counts hold the start of the program, so their difference does not.
const FEW: u32 = 100;
const MANY: u32 = 1_100;

/// Builds `tests/bench` and runs it.
pub(super) fn rows(layout: &Layout) -> Result<Vec<Row>> {
    let program = build(layout)?;
    let mut rows = printed("decisions beside cedar-policy", &mut Command::new(&program))?;
    terminal::step("count instructions");
    let unable = VALGRIND.ensure(layout).err();
    for (path, name) in PATHS {
        let counted = match &unable {
            None => instructions(&program, path),
            Some(error) => Err(anyhow!("{error:#}")),
        };
        let row = Row { unit: "k instr.".into(), ..Row::default() };
        rows.push(match counted {
            Ok(value) => Row { name: name.into(), value, ..row },
            Err(error) => Row { name: format!("{name} ({error:#})"), value: f64::NAN, ..row },
        });
    }
    Ok(rows)
}

fn build(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.target.join("beside");
    let mut command = process::cargo(layout);
    command.current_dir(layout.root.join("tests/bench")).env("CARGO_TARGET_DIR", &folder);
    process::run("compile the peers", command.args(["build", "--release", "--quiet"]))?;
    Ok(folder.join("release/countersign-bench"))
}

/// Thousands of instructions of one go
fn instructions(program: &PathBuf, path: &str) -> Result<f64> {
    let count = |times: u32| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
        command.args(["hot", path, &times.to_string()]);
        let output = command.output().context("valgrind does not start")?;
        if !output.status.success() {
            bail!("it did not go the path: {}", output.status);
        }
        collected(&String::from_utf8_lossy(&output.stderr)).context("valgrind has counted nothing")
    };
    let difference = count(MANY)?.saturating_sub(count(FEW)?);
    let difference = u32::try_from(difference).context("valgrind has counted too much")?;
    Ok(f64::from(difference) / f64::from(MANY.abs_diff(FEW)) / 1_000.0)
}

/// The sum that callgrind prints at its end
fn collected(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_sum_is_found() {
        let text = "==7== Callgrind\n==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n";
        assert_eq!(collected(text), Some(1_234_567));
        assert_eq!(collected("==7== Aborted"), None);
    }
}
