//! The two servers of the demo, on free ports and a fresh database.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{layout::Layout, process, terminal};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// The resource server's credentials in `host/demo/realm.json`
pub(super) const CLIENT: (&str, &str) = ("documents", "documents-secret");

/// The running servers; dropping ends them and removes their files.
#[derive(Debug)]
pub(super) struct Servers {
    host: Child,
    documents: Child,
    folder: PathBuf,
    /// The realm's URL
    pub(super) issuer: String,
    /// The documents server's URL
    pub(super) documents_url: String,
    /// The resource id of document 42
    pub(super) document: String,
}

/// The line that the documents server prints when it is ready
#[derive(Debug, Deserialize)]
struct Ready {
    listening: String,
    documents: BTreeMap<String, String>,
}

impl Servers {
    pub(super) fn start(layout: &Layout, program: &Path) -> Result<Self> {
        let folder = env::temp_dir().join(format!("countersign-demo-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let port = free_port()?;
        let base = format!("http://127.0.0.1:{port}");
        terminal::step("start the authorization server");
        let begin = Instant::now();
        let mut host = host(layout, program, &folder, port)?;
        if let Err(error) = answers(&base, &mut host) {
            stop(&mut host);
            let log = fs::read_to_string(folder.join("host.log")).unwrap_or_default();
            return Err(error.context(format!("the authorization server did not start\n{log}")));
        }
        terminal::say(&format!("    {base} answers after {} ms", begin.elapsed().as_millis()));
        let issuer = format!("{base}/realms/demo");
        terminal::step("start the documents server");
        let (documents, ready) = match documents(layout, &issuer) {
            Ok(started) => started,
            Err(error) => {
                stop(&mut host);
                return Err(error);
            }
        };
        let document = ready.documents.get("42").cloned().unwrap_or_default();
        terminal::say(&format!("    {} answers; document 42 is resource {document}", ready.listening));
        let documents_url = ready.listening.trim_end_matches('/').to_owned();
        Ok(Self { host, documents, folder, issuer, documents_url, document })
    }

    /// What a person needs to try for himself
    pub(super) fn addresses(&self) -> String {
        let (client, secret) = CLIENT;
        format!(
            "\n{}\n  realm              {}\n  documents          {}/documents/42\n  users              alice, \
             password alice; bob, password bob\n  resource server    {client}, secret {secret}\n  Bob's app          \
             reader (public)\n  log of the server  {}\n\nThe lines above can be pasted into a shell. Ctrl-C ends the demo.",
            terminal::bold("The demo is still running"),
            self.issuer,
            self.documents_url,
            self.folder.join("host.log").display(),
        )
    }

    /// Waits until a person has had enough; neither server ends by itself.
    pub(super) fn wait(&mut self, enough: &AtomicBool) -> Result<()> {
        while !enough.load(Ordering::Relaxed) {
            if let Some(status) = self.host.try_wait()? {
                bail!("the authorization server ended with {status}");
            }
            if let Some(status) = self.documents.try_wait()? {
                bail!("the documents server ended with {status}");
            }
            thread::sleep(POLL.saturating_mul(10));
        }
        Ok(())
    }

    /// The process id of the authorization server
    pub(super) fn host_id(&self) -> u32 {
        self.host.id()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        stop(&mut self.documents);
        stop(&mut self.host);
        _ = fs::remove_dir_all(&self.folder);
    }
}

fn stop(child: &mut Child) {
    _ = child.kill();
    _ = child.wait();
}

fn host(layout: &Layout, program: &Path, folder: &Path, port: u16) -> Result<Child> {
    let log = File::create(folder.join("host.log"))?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--listen").arg(format!("127.0.0.1:{port}"));
    command.arg("--database").arg(format!("sqlite:{}", folder.join("demo.db").display()));
    command.arg("--import").arg(layout.root.join("host/demo/realm.json"));
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("cannot start `{}`", program.display()))
}

fn documents(layout: &Layout, issuer: &str) -> Result<(Child, Ready)> {
    let (id, secret) = CLIENT;
    let mut command = Command::new("node");
    command.arg(layout.js().join("examples/documents/src/main.mjs"));
    command.env("ISSUER", issuer).env("CLIENT_ID", id).env("CLIENT_SECRET", secret).env("PORT", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start node")?;
    let output = child.stdout.take().context("node has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            _ = sender.send(line);
        }
    });
    let begin = Instant::now();
    while let Ok(line) = receiver.recv_timeout(PATIENCE.saturating_sub(begin.elapsed())) {
        match serde_json::from_str::<Ready>(&line) {
            Ok(ready) => return Ok((child, ready)),
            Err(_) => terminal::say(&format!("    documents: {line}")),
        }
    }
    stop(&mut child);
    bail!("the documents server did not start")
}

fn answers(base: &str, host: &mut Child) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(status) = host.try_wait()? {
            bail!("it ended with {status}");
        }
        if ureq::get(format!("{base}/health")).call().is_ok() {
            return Ok(());
        }
        thread::sleep(POLL);
    }
    bail!("no answer from {base}/health within {} s", PATIENCE.as_secs())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Stops or continues a process without ending it.
pub(super) fn signal(id: u32, name: &str) -> Result<()> {
    process::output(Command::new("kill").arg(format!("-{name}")).arg(id.to_string()))
        .map(drop)
        .with_context(|| format!("cannot send {name} to process {id}"))
}
