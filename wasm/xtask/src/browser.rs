//! Apps in a real browser that sign people in at the real server (`tests/browser`).

use std::path::Path;

use anyhow::Result;

use crate::{
    layout::Layout,
    npm, process,
    tool::{Install, Tool},
};

/// The browser
pub(crate) const CHROMIUM: Tool = Tool {
    name: "Chromium",
    why: "signs in at the pages as people do",
    check: |_| process::version("chromium"),
    install: Install::Debian(&["chromium"]),
};

/// Runs the tests against a program.
pub(crate) fn against(layout: &Layout, program: &Path) -> Result<()> {
    CHROMIUM.ensure(layout)?;
    let folder = layout.root.join("tests/browser");
    npm::ensure_in(layout, &folder)?;
    let mut command = npm::npm_in(layout, &folder);
    command.args(["test", "--silent"]).env("COUNTERSIGN_BIN", program);
    process::run("apps in a browser", &mut command)
}
