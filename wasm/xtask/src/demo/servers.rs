//! The two servers of the demo.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    layout::Layout,
    process,
    server::{Host, stop},
    terminal,
};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

/// The resource server's credentials in `host/demo/realm.json`
pub(super) const CLIENT: (&str, &str) = ("documents", "documents-secret");

/// The running servers; dropping ends them.
#[derive(Debug)]
pub(super) struct Servers {
    host: Host,
    documents: Child,
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
        terminal::step("start the authorization server");
        let host = Host::start(program, Some(&layout.root.join("host/demo/realm.json")), &[])?;
        terminal::say(&format!("    {} answers after {} ms", host.base, host.first_answer.as_millis()));
        let issuer = format!("{}/realms/demo", host.base);
        terminal::step("start the documents server");
        let (documents, ready) = documents(layout, &issuer)?;
        let document = ready.documents.get("42").cloned().unwrap_or_default();
        terminal::say(&format!("    {} answers; document 42 is resource {document}", ready.listening));
        let documents_url = ready.listening.trim_end_matches('/').to_owned();
        Ok(Self { host, documents, issuer, documents_url, document })
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
            self.host.log().display(),
        )
    }

    /// Waits until a person has had enough; neither server ends by itself.
    pub(super) fn wait(&mut self, enough: &AtomicBool) -> Result<()> {
        while !enough.load(Ordering::Relaxed) {
            self.host.still_runs()?;
            if let Some(status) = self.documents.try_wait()? {
                bail!("the documents server ended with {status}");
            }
            thread::sleep(POLL);
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
    }
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

/// Stops or continues a process without ending it.
pub(super) fn signal(id: u32, name: &str) -> Result<()> {
    process::output(Command::new("kill").arg(format!("-{name}")).arg(id.to_string()))
        .map(drop)
        .with_context(|| format!("cannot send {name} to process {id}"))
}
