//! `cargo xtask bench`: figures of this machine beside the budgets and the peers.

mod beside;
mod connection;
mod identity;
mod load;
mod scale;

use core::fmt::Write as _;
use std::{
    fs,
    path::{self, Path},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    browser::CHROMIUM,
    compute, host,
    layout::Layout,
    npm, process, proxy,
    server::Host,
    suite::budget,
    terminal,
    wasm::{self, Choice},
};
use load::{Figures, Operation, Scene};

const STARTS: usize = 5;

/// One line of the table and of `target/bench.json`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Row {
    name: String,
    /// `NaN`, which JSON writes as `null`, where it could not be measured: the name then says why
    value: f64,
    unit: String,
    #[serde(default)]
    budget: Option<f64>,
    #[serde(default)]
    higher_is_better: bool,
    #[serde(default)]
    peer: Option<String>,
    #[serde(default)]
    peer_value: Option<f64>,
    /// How many times faster or smaller than the peer
    #[serde(default)]
    ratio: Option<f64>,
}

impl Row {
    fn with_ratio(self) -> Self {
        let Self { value, higher_is_better, .. } = self;
        let ratio = |peer: f64| if higher_is_better { value / peer } else { peer / value };
        Self { ratio: self.peer_value.map(ratio).filter(|ratio| ratio.is_finite()), ..self }
    }
}

/// Measures, prints the table and writes `target/bench.json`; a missed budget is told and is no failure.
///
/// `program` is a host that is built already; with it, only the rows of the host are measured.
pub(crate) fn run(layout: &Layout, choice: Choice, program: Option<&Path>) -> Result<()> {
    let rows = match program {
        // The host runs in a folder of its own.
        Some(program) => under_load(layout, &path::absolute(program)?)?,
        None => all(layout, choice)?,
    };
    let rows: Vec<Row> = rows.into_iter().map(Row::with_ratio).collect();
    terminal::say(&table(&rows));
    let file = layout.target.join("bench.json");
    fs::write(&file, serde_json::to_string_pretty(&rows)?)?;
    terminal::say(&format!("written to {}", file.display()));
    Ok(())
}

fn all(layout: &Layout, choice: Choice) -> Result<Vec<Row>> {
    npm::ensure(layout)?;
    let program = host::build(layout, choice)?;
    npm::build(layout)?;
    let mut rows = sizes(layout, choice)?;
    rows.extend(printed(
        "check RPTs in Node",
        Command::new("node").current_dir(layout.js()).arg("bench/check.mjs"),
    )?);
    rows.extend(printed(
        "permission lookup in Node",
        Command::new("node").current_dir(layout.js()).arg("bench/cedar.mjs"),
    )?);
    rows.extend(printed(
        "cold starts in Node and workerd, checks in workerd",
        Command::new("node").current_dir(layout.js()).arg("bench/start.mjs"),
    )?);
    CHROMIUM.ensure(layout)?;
    rows.extend(printed(
        "time to load in a page",
        Command::new("node").current_dir(layout.js()).arg("bench/page.mjs"),
    )?);
    rows.extend(printed(
        "withdrawal to denial at guards",
        Command::new("node")
            .current_dir(layout.js())
            .arg("bench/withdrawal.mjs")
            .env("COUNTERSIGN_BIN", &program),
    )?);
    let shares = wasm::build_plain(layout, choice, "countersign-bench-module")?;
    rows.extend(printed(
        "share lookup in Node",
        Command::new("node").current_dir(layout.js()).arg("bench/shares.mjs").arg(shares),
    )?);
    rows.extend(printed("filter in Envoy", &mut proxy::bench(layout, choice)?)?);
    rows.extend(beside::rows(layout)?);
    let mut assess = process::cargo(layout);
    assess.args(["bench", "--quiet", "--package", "countersign", "--bench", "assess"]);
    rows.extend(printed("assess through wasmtime", &mut assess)?);
    rows.extend(under_load(layout, &program)?);
    Ok(rows)
}

/// How soon the host is there, and what it does in a second, small and large
fn under_load(layout: &Layout, program: &Path) -> Result<Vec<Row>> {
    let mut rows = starts(program)?;
    rows.extend(identity::rows(program)?);
    for (algorithm, budget) in [("RS256", 0.6), ("EdDSA", 0.3)] {
        rows.extend(server(layout, program, algorithm, budget)?);
    }
    rows.extend(scale::rows(layout, program)?);
    Ok(rows)
}

fn sizes(layout: &Layout, choice: Choice) -> Result<Vec<Row>> {
    let budgets = budget::read(layout)?;
    let mut artefacts = wasm::build(layout, choice)?;
    artefacts.push(proxy::build(layout, choice)?);
    artefacts.push(compute::build(layout, choice)?);
    let row = |artefact: &wasm::Artefact| {
        let kilobytes = |bytes: usize| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1024.0;
        Row {
            name: format!("Size of {}, gzip", artefact.name),
            value: kilobytes(artefact.gzip),
            unit: "KB".into(),
            budget: budgets.get(&artefact.name).map(|budget| kilobytes(budget.gzip)),
            peer: Some("cedar-wasm".into()),
            peer_value: Some(1454.0),
            ..Row::default()
        }
    };
    Ok(artefacts.iter().map(row).collect())
}

/// The rows that a bench program prints as a JSON array, which may be the last of its output
fn printed(title: &str, command: &mut Command) -> Result<Vec<Row>> {
    terminal::step(title);
    let text = process::output(command).with_context(|| format!("{title}: the bench failed"))?;
    let begin = text.find('[').with_context(|| format!("{title}: no rows"))?;
    let rows = text.get(begin..).unwrap_or_default();
    serde_json::from_str(rows).with_context(|| format!("{title}: the rows cannot be read"))
}

fn starts(program: &Path) -> Result<Vec<Row>> {
    terminal::step("start on an empty database");
    let mut times = Vec::new();
    let mut memory = None;
    for _ in 0..STARTS {
        let host = Host::start(program, None, &[])?;
        times.push(host.first_answer);
        memory = load::resident_memory(host.id());
    }
    times.sort_unstable();
    let median = times.get(STARTS.div_euclid(2)).copied().unwrap_or_default();
    let start = Row {
        name: "Start on an empty database to the first answer".into(),
        value: median.as_secs_f64(),
        unit: "s".into(),
        budget: Some(0.2),
        peer: Some("Keycloak, processor time".into()),
        peer_value: Some(18.0),
        ..Row::default()
    };
    let idle = memory.map(|(own, _)| Row {
        name: "Memory idle".into(),
        value: own,
        unit: "MB".into(),
        budget: Some(50.0),
        peer: Some("Keycloak".into()),
        peer_value: Some(498.0),
        ..Row::default()
    });
    Ok([Some(start), idle].into_iter().flatten().collect())
}

fn server(layout: &Layout, program: &Path, algorithm: &str, budget: f64) -> Result<Vec<Row>> {
    let host = Host::start(program, Some(&load::realm(layout, algorithm)?), &[])?;
    let scene = Scene::set(&host)?;
    let mut rows = Vec::new();
    let mut measure = |name: &str, operation, connections, cpu: Budget, rate: Budget| -> Result<()> {
        terminal::step(&format!("{name}, {algorithm}, connections: {connections}"));
        let figures = scene.measure(operation, connections)?;
        rows.extend(rows_of(&format!("{name}, {algorithm}, {connections} conn."), figures, cpu, rate));
        Ok(())
    };
    let pairs = if algorithm == "EdDSA" { Some(3000.0) } else { None };
    for connections in [1, 8, 64] {
        let rate = Budget { limit: pairs.filter(|_| connections == 8), peer: Some(355.0) };
        let cpu = Budget { limit: Some(budget), peer: Some(4.2) };
        measure("Ticket + RPT grant", Operation::Pair, connections, cpu, rate)?;
    }
    if algorithm == "RS256" {
        let of = |limit, peer| Budget { limit: Some(limit), peer: Some(peer) };
        measure("Ticket", Operation::Ticket, 8, of(0.05, 0.45), Budget { limit: None, peer: Some(3200.0) })?;
        measure("Decision", Operation::Decision, 8, of(0.06, 0.6), of(15_000.0, 2200.0))?;
        let unknown = Budget { limit: None, peer: None };
        measure("Introspection of an RPT", Operation::Introspection, 8, of(0.1, 1.0), unknown)?;
    }
    Ok(rows)
}

/// What is wanted, and what Keycloak does
#[derive(Debug, Clone, Copy)]
struct Budget {
    limit: Option<f64>,
    peer: Option<f64>,
}

fn rows_of(name: &str, figures: Figures, cpu: Budget, rate: Budget) -> Vec<Row> {
    let Figures { rate: per_second, cpu: spent, p50, p99 } = figures;
    let row = |what: &str, value, unit: &str, budget: Budget, higher_is_better| Row {
        name: format!("{name}: {what}"),
        value,
        unit: unit.into(),
        budget: budget.limit,
        higher_is_better,
        peer: budget.peer.map(|_| "Keycloak".into()),
        peer_value: budget.peer,
        ratio: None,
    };
    let p99_budget = Budget { limit: Some(10.0), peer: None };
    let spent = spent.map(|value| row("CPU each", value, "ms", cpu, false));
    let p50_budget = Budget { limit: None, peer: None };
    let others = [
        row("rate", per_second, "/s", rate, true),
        row("p50", p50, "ms", p50_budget, false),
        row("p99", p99, "ms", p99_budget, false),
    ];
    spent.into_iter().chain(others).collect()
}

fn table(rows: &[Row]) -> String {
    let mut text =
        format!("\n{:<56}{:>14}  {:>12}  {:>8}  {}", "operation", "here", "budget", "ratio", "peer");
    let mut count: usize = 0;
    for row in rows {
        let Row { name, value, unit, budget, higher_is_better, peer, peer_value, ratio } = row;
        let missed =
            budget.is_some_and(|budget| if *higher_is_better { *value < budget } else { *value > budget });
        count = count.saturating_add(usize::from(missed));
        let sign = if *higher_is_better { "≥" } else { "≤" };
        let budget = budget.map_or_else(String::new, |budget| format!("{sign} {}", shown(budget)));
        let peer = peer
            .as_deref()
            .zip(*peer_value)
            .map_or_else(String::new, |(who, figure)| format!("{who} {}", shown(figure)));
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.1}x"));
        let miss = if missed { "  MISSED" } else { "" };
        _ = write!(
            text,
            "\n{name:<56}{:>14}  {budget:>12}  {ratio:>8}  {peer}{miss}",
            format!("{} {unit}", shown(*value))
        );
    }
    _ = write!(text, "\nbudgets missed: {count}");
    text
}

fn shown(value: f64) -> String {
    if value.is_nan() {
        return String::from("–");
    }
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
