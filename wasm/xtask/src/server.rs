//! The real host as a child process, on a free port and a fresh database.

use core::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(2);
/// The file of its database
pub(crate) const DATABASE: &str = "countersign.db";

/// A running host; dropping ends it and removes its files.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    folder: PathBuf,
    /// Its address, without a slash at the end
    pub(crate) base: String,
    /// What the base URL stands for: address and port
    pub(crate) address: String,
    /// From the start of the process to the first answer
    pub(crate) first_answer: Duration,
}

impl Host {
    /// Starts the program with these variables, and waits for its first answer.
    pub(crate) fn start(program: &Path, import: Option<&Path>, environment: &[(&str, &str)]) -> Result<Self> {
        let folder = fresh_folder()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let begin = Instant::now();
        let child = spawn(program, &folder, &address, import, environment)?;
        let base = format!("http://{address}");
        let mut host = Self { child, folder, base, address, first_answer: Duration::ZERO };
        host.answered()?;
        host.first_answer = begin.elapsed();
        Ok(host)
    }

    /// Stops it, has rows put into its database, and starts it again there.
    pub(crate) fn refill(&mut self, program: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        stop(&mut self.child);
        let database = self.folder.join(DATABASE);
        fill(&database)?;
        // Nothing of it is still on its way to the disk while something is measured.
        File::open(&database)?.sync_all()?;
        self.child = spawn(program, &self.folder, &self.address, None, &[])?;
        self.answered()
    }

    fn answered(&mut self) -> Result<()> {
        self.answers().map_err(|error| {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            error.context(format!("the authorization server did not start\n{log}"))
        })
    }

    /// Its process id
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log file
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("host.log")
    }

    /// Fails if it has ended.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the authorization server ended with {status}"),
            None => Ok(()),
        }
    }

    fn answers(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            self.still_runs()?;
            if ureq::get(format!("{}/health", self.base)).call().is_ok() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        bail!("no answer from {}/health within {} s", self.base, PATIENCE.as_secs())
    }
}

fn spawn(
    program: &Path,
    folder: &Path,
    address: &str,
    import: Option<&Path>,
    environment: &[(&str, &str)],
) -> Result<Child> {
    let log = File::create(folder.join("host.log"))?;
    let mut command = Command::new(program);
    // The host refuses variables that it does not know; these are for this program and for tests.
    command.env_remove("COUNTERSIGN_WASM_TOOLCHAIN").env_remove("COUNTERSIGN_TEST_LONG");
    command.arg("serve").arg("--listen").arg(address);
    command.arg("--database").arg(format!("sqlite:{}", folder.join(DATABASE).display()));
    if let Some(file) = import {
        command.arg("--import").arg(file);
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.envs(environment.iter().copied());
    command.spawn().with_context(|| format!("cannot start `{}`", program.display()))
}

impl Drop for Host {
    fn drop(&mut self) {
        stop(&mut self.child);
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// Ends a process that this program has started.
pub(crate) fn stop(child: &mut Child) {
    _ = child.kill();
    _ = child.wait();
}

/// A new folder for the files of one run
pub(crate) fn fresh_folder() -> Result<PathBuf> {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("countersign-{}-{serial}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
