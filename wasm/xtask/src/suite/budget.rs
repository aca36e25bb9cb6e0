//! What a module may weigh and import: `wasm/size-budget.toml`.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::named;
use crate::{layout::Layout, wasm::Artefact};

/// The budget of one module
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// Most bytes after `gzip -9`
    pub(crate) gzip: usize,
    /// Allowed imports, `module.name`; a `*` at the end stands for anything
    imports: Vec<String>,
}

/// The budgets by file name
pub(crate) fn read(layout: &Layout) -> Result<BTreeMap<String, Budget>> {
    let text = fs::read_to_string(layout.root.join("wasm/size-budget.toml"))?;
    toml::from_str(&text).context("`wasm/size-budget.toml` cannot be read")
}

/// Every module has a budget and keeps to it.
pub(super) fn check(layout: &Layout, artefacts: &[Artefact]) -> Result<()> {
    let budgets = read(layout)?;
    let unknown = budgets.keys().filter(|name| named(artefacts, name).is_none());
    let mut misses: Vec<String> =
        unknown.map(|name| format!("{name} has a budget but is not built")).collect();
    for artefact in artefacts {
        match budgets.get(&artefact.name) {
            Some(budget) => misses.extend(misses_of(artefact, budget)),
            None => misses.push(format!("{} has no budget", artefact.name)),
        }
    }
    if misses.is_empty() { Ok(()) } else { bail!("{}", misses.join("; ")) }
}

fn misses_of(artefact: &Artefact, budget: &Budget) -> Vec<String> {
    let Artefact { name, gzip, imports, .. } = artefact;
    let mut misses = Vec::new();
    if *gzip > budget.gzip {
        misses.push(format!("{name} has {gzip} bytes after gzip, budget {}", budget.gzip));
    }
    for import in
        imports.iter().filter(|import| !budget.imports.iter().any(|allowed| allows(allowed, import)))
    {
        misses.push(format!("{name} imports {import}"));
    }
    misses
}

fn allows(allowed: &str, import: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(begin) => import.starts_with(begin),
        None => allowed == import,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artefact(gzip: usize, import: &str) -> Artefact {
        Artefact {
            name: "guard_bg.wasm".into(),
            bytes: 0,
            gzip,
            imports: vec![import.to_owned()],
            sha256: String::new(),
        }
    }

    #[test]
    fn module_within_its_budget_misses_nothing() {
        let budget = Budget { gzip: 10, imports: vec!["wbg.throw_*".into()] };
        assert!(misses_of(&artefact(10, "wbg.throw_0123"), &budget).is_empty());
    }

    #[test]
    fn heavier_module_and_unlisted_import_are_named() {
        let budget = Budget { gzip: 10, imports: vec!["wbg.throw".into()] };
        assert_eq!(
            misses_of(&artefact(11, "wbg.throw_0123"), &budget),
            ["guard_bg.wasm has 11 bytes after gzip, budget 10", "guard_bg.wasm imports wbg.throw_0123"],
        );
    }
}
