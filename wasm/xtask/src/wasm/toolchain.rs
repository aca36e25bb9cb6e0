//! Three ways to a `wasm32` standard library, and the build with the one that works here.

use core::{fmt, time::Duration};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::Aim;
use crate::{
    layout::Layout,
    process, terminal,
    tool::{Install, Tool, file},
};

const TARGET: &str = "wasm32-unknown-unknown";
/// What filters are compiled for: their hosts have a clock and randomness, and no JavaScript
const WASI: &str = "wasm32-wasip1";
const WASI_FLAGS: &str = "-Clink-self-contained=no -Lnative=/usr/lib/wasm32-wasi";
/// Where a program begins; a filter of Envoy says so itself
const WASI_BEGIN: &str = "-Clink-arg=/usr/lib/wasm32-wasi/crt1-command.o";
const LINKER: &str = "wasm-ld-22";
const DOWNLOAD: Duration = Duration::from_mins(3);

/// Debian's compiler, its library's source and a linker: enough to compile the standard library here
pub(crate) const DEBIAN: [Tool; 3] = [
    Tool {
        name: "Debian's Rust",
        why: "compiles for wasm32",
        check: |_| {
            process::version("/usr/bin/rustc").filter(|_| process::version("/usr/bin/cargo").is_some())
        },
        install: Install::Debian(&["rustc-web", "cargo-web"]),
    },
    Tool {
        name: "the standard library's source",
        why: "there is no compiled one for wasm32",
        check: |_| file("/usr/lib/rustlib/src/rust/library/std/Cargo.toml"),
        install: Install::Debian(&["rust-web-src"]),
    },
    Tool {
        name: LINKER,
        why: "links wasm32 modules",
        check: |_| process::version(LINKER),
        install: Install::Debian(&["lld-22"]),
    },
];

/// The C library under Rust's for `wasm32-wasip1`
const WASI_LIBC: Tool = Tool {
    name: "wasi-libc",
    why: "is linked into filters",
    check: |_| file("/usr/lib/wasm32-wasi/libc.a"),
    install: Install::Debian(&["wasi-libc"]),
};

/// A crate outside the workspace, with a lock file of its own
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alone {
    /// Its folder below `wasm`
    pub(crate) folder: &'static str,
    /// Its file, without the end
    pub(crate) module: &'static str,
    /// Whether it is a program with a beginning, or a library that its host calls
    pub(crate) is_program: bool,
}

/// Which way a person wants
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// The first that works
    #[default]
    Auto,
    /// The active rustup toolchain
    Rustup,
    /// Debian's packages
    Debian,
}

/// The way that was picked
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// It came with the active toolchain, or rustup added it
    Active {
        /// rustup has just added it
        added: bool,
    },
    /// Compiled from Debian's packages
    Debian,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active { added: false } => "of the active toolchain",
            Self::Active { added: true } => "of the active toolchain, just added by rustup",
            Self::Debian => "compiled from Debian's packages (rustc-web, rust-web-src)",
        })
    }
}

impl Toolchain {
    /// The way that would be picked without installing anything
    pub(crate) fn present(layout: &Layout) -> Option<Self> {
        if active_has(TARGET) {
            Some(Self::Active { added: false })
        } else {
            DEBIAN.iter().all(|tool| (tool.check)(layout).is_some()).then_some(Self::Debian)
        }
    }

    pub(crate) fn pick(layout: &Layout, choice: Choice) -> Result<Self> {
        Self::pick_for(layout, choice, TARGET, &DEBIAN)
    }

    fn pick_for(layout: &Layout, choice: Choice, target: &str, tools: &[Tool]) -> Result<Self> {
        if choice != Choice::Debian {
            if active_has(target) {
                return Ok(Self::Active { added: false });
            }
            match add_target(layout, target) {
                Ok(()) => return Ok(Self::Active { added: true }),
                Err(error) if choice == Choice::Rustup => return Err(error),
                Err(error) => {
                    terminal::say(&format!("rustup cannot add {target} ({error:#}); taking Debian's"));
                }
            }
        }
        for tool in tools {
            tool.ensure(layout).with_context(|| format!("or run: rustup target add {target}"))?;
        }
        Ok(Self::Debian)
    }

    /// The way to `wasm32-wasip1`
    pub(crate) fn pick_wasi(layout: &Layout, choice: Choice) -> Result<Self> {
        let [compiler, library, linker] = DEBIAN;
        Self::pick_for(layout, choice, WASI, &[compiler, library, linker, WASI_LIBC])
    }

    /// Compiles a crate outside the workspace for `wasm32-wasip1` and answers with its bytes.
    pub(crate) fn compile_alone(self, layout: &Layout, alone: Alone, features: &[&str]) -> Result<Vec<u8>> {
        let mut command = self.cargo(layout);
        let folder = self.folder_of(layout, features);
        command.current_dir(layout.root.join("wasm").join(alone.folder)).env("CARGO_TARGET_DIR", &folder);
        command.args(["build", "--release", "--locked", "--target", WASI]);
        if self == Self::Debian {
            let flags =
                if alone.is_program { format!("{WASI_FLAGS} {WASI_BEGIN}") } else { WASI_FLAGS.to_owned() };
            command.env("CARGO_TARGET_WASM32_WASIP1_LINKER", LINKER);
            command.env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", flags);
            command.arg("-Zbuild-std=std,panic_abort");
        }
        if !features.is_empty() {
            command.args(["--features", &features.join(",")]);
        }
        process::run(&format!("compile wasm/{} for {WASI}", alone.folder), &mut command)?;
        let module = folder.join(WASI).join("release").join(format!("{}.wasm", alone.module));
        fs::read(&module).with_context(|| format!("cargo made no `{}`", module.display()))
    }

    fn cargo(self, layout: &Layout) -> Command {
        match self {
            Self::Active { .. } => process::cargo(layout),
            Self::Debian => {
                let mut command = process::foreign_cargo("/usr/bin/cargo");
                command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", LINKER);
                command
            }
        }
    }

    /// Cargo's target folder of this way: in the user's cache, so that a fresh clone finds it warm
    pub(crate) fn target_folder(self, layout: &Layout) -> PathBuf {
        let name = match self {
            Self::Active { .. } => "active",
            Self::Debian => "debian",
        };
        layout.cache.join("wasm-target").join(name)
    }

    /// Where a module with these features is compiled: cargo gives it the same name with any, and would make it anew
    /// whenever others have been made meanwhile
    fn folder_of(self, layout: &Layout, features: &[&str]) -> PathBuf {
        features.iter().fold(self.target_folder(layout), |folder, feature| folder.join(feature))
    }

    /// Compiles a package to a core module and answers with its bytes.
    pub(crate) fn compile(
        self,
        layout: &Layout,
        package: &str,
        features: &[&str],
        aim: Aim,
    ) -> Result<Vec<u8>> {
        let mut command = self.cargo(layout);
        let folder = self.folder_of(layout, features);
        process::apart(command.current_dir(&layout.root), &folder);
        command.args(["build", "--profile", "wasm", "--target", TARGET, "--package", package]);
        if self == Self::Debian {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        if !features.is_empty() {
            command.args(["--features", &features.join(",")]);
        }
        match aim {
            Aim::Speed => _ = command.args(["--config", "profile.wasm.opt-level=3"]),
            Aim::Size => {}
            Aim::Least => {
                let glue = format!("profile.wasm.package.{package}.opt-level=\"z\"");
                _ = command.args(["--config", &glue]);
            }
        }
        process::run(&format!("compile {package} for {TARGET}"), &mut command)?;
        let module = folder.join(TARGET).join("wasm").join(format!("{}.wasm", package.replace('-', "_")));
        fs::read(&module).with_context(|| format!("cargo made no `{}`", module.display()))
    }
}

fn active_has(target: &str) -> bool {
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]));
    sysroot.is_some_and(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").is_dir())
}

fn add_target(layout: &Layout, target: &str) -> Result<()> {
    let log = layout.target.join("xtask/rustup.log");
    process::run_quietly(
        &format!("rustup target add {target}"),
        Command::new("rustup").args(["target", "add", target]).env("RUSTUP_MAX_RETRIES", "1"),
        &log,
        DOWNLOAD,
    )?;
    // What rustup believes to be there it does not look for.
    ensure!(active_has(target), "rustup says that {target} is there, and it is not");
    Ok(())
}
