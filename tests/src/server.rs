//! The real server, as a process on a folder of its own.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead as _, BufReader, Read},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Instant,
};

use serde_json::Value;

use crate::{
    folder::Folder,
    http::{self, Http},
    made::with_made,
};

const PATIENCE: Duration = Duration::from_mins(1);
/// A user who owns nothing
pub const NOBODY: u32 = 65_534;
/// Tests that have servers at the same time
const PLACES: usize = 4;

/// The program that is tested
pub fn program() -> PathBuf {
    if let Some(path) = env::var_os("COUNTERSIGN_BIN") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let program =
        test.parent().unwrap().parent().unwrap().join(format!("countersign{}", env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "`{}` is not there: run `cargo build --release -p countersign` first",
        program.display()
    );
    program
}

/// How a server is to be started
#[derive(Debug, Clone)]
pub struct Builder {
    folder: Arc<Folder>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    listen: Option<String>,
    database: Option<String>,
    secrets: Vec<String>,
    unprivileged: bool,
}

impl Builder {
    fn new() -> Self {
        Self {
            folder: Arc::new(Folder::new()),
            arguments: Vec::new(),
            environment: Vec::new(),
            listen: None,
            database: None,
            secrets: Vec::new(),
            unprivileged: false,
        }
    }

    /// Its folder, which is also where it runs
    pub fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }

    /// Works in a folder of an earlier server
    #[must_use]
    pub fn within(mut self, folder: &Arc<Folder>) -> Self {
        self.folder = Arc::clone(folder);
        self
    }

    /// An argument of `countersign serve`
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of its environment
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `--import` of a realm, with what the server would make of it [made](with_made)
    #[must_use]
    pub fn import(self, realm: &Value) -> Self {
        let name = format!("import-{}.json", self.arguments.len());
        let text = serde_json::to_string_pretty(&with_made(realm.clone())).unwrap();
        self.import_text(&name, &text)
    }

    /// `--import` of a file with this content
    #[must_use]
    pub fn import_text(self, name: &str, text: &str) -> Self {
        let path = self.folder.write(name, text);
        self.import_file(&path)
    }

    /// `--import` of a file
    #[must_use]
    pub fn import_file(self, path: &Path) -> Self {
        self.arg("--import").arg(path)
    }

    /// With the scripts of `tests/scripts`
    #[must_use]
    pub fn scripts(self) -> Self {
        self.arg("--scripts").arg("--scripts-folder").arg(crate::folder::root().join("tests/scripts"))
    }

    /// `--pdp`: a component given as text
    #[must_use]
    pub fn pdp(self, guest: &str) -> Self {
        let text = fs::read(crate::folder::root().join("tests/guests").join(guest)).unwrap();
        let path = self.folder.write("pdp.wasm", wat::parse_bytes(&text).unwrap());
        self.arg("--pdp").arg(path)
    }

    /// Without `--pdp`
    #[must_use]
    pub fn built_in_pdp(mut self) -> Self {
        if let Some(place) = self.arguments.iter().position(|argument| argument == "--pdp") {
            self.arguments.drain(place..=place + 1);
        }
        self
    }

    /// As a user without any rights, where the tests run as one who has all
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    /// `--listen` something else than a free port of 127.0.0.1
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// `--database` something else than a file in the folder
    #[must_use]
    pub fn database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    /// A text that must never be in the log
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// Starts it and waits until it says where it listens
    pub fn start(self) -> Server {
        let place = Place::take();
        let seen = Arc::new(Mutex::new(self.secrets.iter().cloned().collect::<BTreeSet<_>>()));
        let process = self.launch(None).unwrap_or_else(|end| panic!("the server did not start\n{end}"));
        Server { http: Http::new(Arc::clone(&seen)), process, seen, builder: self, _place: Some(place) }
    }

    /// Starts what must not start, and gives its end
    pub fn refused(self) -> End {
        let _place = Place::take();
        match self.launch(None) {
            Ok(mut process) => {
                process.kill();
                panic!("the server started\n{}", process.log());
            }
            Err(end) => {
                assert!(!end.status.success(), "it ended as if all was well\n{end}");
                end
            }
        }
    }

    fn launch(&self, port: Option<u16>) -> Result<Process, End> {
        let listen = match (&self.listen, port) {
            (_, Some(port)) => format!("127.0.0.1:{port}"),
            (Some(listen), None) => listen.clone(),
            (None, None) => "127.0.0.1:0".to_owned(),
        };
        let path = self.folder.path();
        let database =
            self.database.clone().unwrap_or_else(|| format!("sqlite:{}", path.join("test.db").display()));
        let mut command = Command::new(program());
        command.arg("serve").arg("--listen").arg(listen).arg("--database").arg(database);
        command.args(&self.arguments).current_dir(path).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let ours =
                name.to_str().is_some_and(|name| name.starts_with("COUNTERSIGN_") || name == "RUST_LOG");
            if ours {
                command.env_remove(name);
            }
        }
        if self.unprivileged && fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Process::start(command)
    }
}

/// How a server ended that should not have started
#[derive(Debug)]
pub struct End {
    /// Its status
    pub status: ExitStatus,
    /// What it wrote
    pub log: String,
}

impl core::fmt::Display for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}\n{}", self.status, self.log)
    }
}

impl End {
    /// Demands that its message has all of these
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.log.contains(word), "`{word}` is not in\n{self}");
        }
        assert!(!self.log.contains("panicked"), "{self}");
    }
}

/// A running server; dropping ends it and looks for secrets in what it wrote
#[derive(Debug)]
pub struct Server {
    /// Sends requests
    pub http: Http,
    process: Process,
    seen: Arc<Mutex<BTreeSet<String>>>,
    builder: Builder,
    _place: Option<Place>,
}

impl Server {
    /// A server that is yet to be started
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// `http://127.0.0.1:…`
    pub fn base(&self) -> String {
        format!("http://{}", self.process.address)
    }

    /// Where it listens
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Its folder
    pub fn folder(&self) -> Arc<Folder> {
        self.builder.folder()
    }

    /// Everything that it wrote so far
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// Sends bytes as they are
    pub fn raw(&self, bytes: &[u8]) -> String {
        http::raw(self.process.address, bytes)
    }

    /// Ends it at once, as a crash would, and starts it again on the same files and port
    pub fn crash(&mut self) {
        self.process.kill();
        self.start_again();
    }

    /// Ends it as an operator would; gives its status
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.terminate()
    }

    /// Starts an ended one again on the same files and port
    pub fn start_again(&mut self) {
        let port = self.process.address.port();
        let process = self.builder.launch(Some(port));
        self.process = process.unwrap_or_else(|end| panic!("the server did not start again\n{end}"));
        self.http = Http::new(Arc::clone(&self.seen));
    }

    /// Ends it as an operator would and starts it otherwise, on the same files and port
    pub fn restart_with(&mut self, change: impl FnOnce(Builder) -> Builder) {
        self.terminate();
        self.builder = change(self.builder.clone());
        self.start_again();
    }

    /// A second process on the same database, started as this one was
    #[must_use]
    pub fn sibling(&self) -> Self {
        let builder = self.builder.clone();
        let process = builder.launch(None).unwrap_or_else(|end| panic!("the sibling did not start\n{end}"));
        let seen = Arc::clone(&self.seen);
        Self { http: Http::new(Arc::clone(&seen)), process, seen, builder, _place: None }
    }

    /// Memory that it holds now, in KiB
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn leaked(&self) -> Option<String> {
        let log = self.process.log();
        let seen = self.seen.lock().unwrap();
        // Half a token is as good as a whole one to whoever has the other half.
        let parts = |secret: &String| match secret.split('.').collect::<Vec<_>>()[..] {
            [_, payload, signature] => vec![payload.to_owned(), signature.to_owned()],
            _ => vec![secret.clone()],
        };
        seen.iter().flat_map(parts).find(|part| part.len() >= 8 && log.contains(part.as_str()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.terminate();
        if thread::panicking() {
            eprintln!("--- what the server wrote\n{}", self.process.log());
            return;
        }
        if let Some(part) = self.leaked() {
            panic!("a secret is in the log: {part}\n{}", self.process.log());
        }
        assert!(!self.process.log().contains("panicked at"), "{}", self.process.log());
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    ended: bool,
}

impl Process {
    fn start(mut command: Command) -> Result<Self, End> {
        // One pipe, so that lines of both kinds stay in order.
        let (output, input) = io::pipe().unwrap();
        command.stdout(input.try_clone().unwrap()).stderr(input);
        let mut child = command.spawn().unwrap();
        drop(command);
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, heard) = mpsc::channel();
        let reader = copy(output, &log, lines);
        let begin = Instant::now();
        let mut address = None;
        // The channel ends when the process closes its output.
        while let Ok(line) = heard.recv_timeout(PATIENCE.saturating_sub(begin.elapsed())) {
            address = listening(&line);
            if address.is_some() {
                break;
            }
        }
        let Some(address) = address else {
            if begin.elapsed() >= PATIENCE {
                _ = child.kill();
            }
            let status = child.wait().unwrap();
            reader.join().unwrap();
            let log = log.lock().unwrap().clone();
            return Err(End { status, log });
        };
        Ok(Self { child, address, log, reader: Some(reader), ended: false })
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn kill(&mut self) {
        _ = self.child.kill();
        self.finish();
    }

    fn terminate(&mut self) -> ExitStatus {
        if !self.ended {
            _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
            let begin = Instant::now();
            while self.child.try_wait().unwrap().is_none() {
                if begin.elapsed() > Duration::from_secs(15) {
                    _ = self.child.kill();
                }
                thread::park_timeout(Duration::from_millis(2));
            }
        }
        self.finish()
    }

    fn finish(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.ended = true;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy(
    from: impl Read + Send + 'static,
    log: &Arc<Mutex<String>>,
    lines: mpsc::Sender<String>,
) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
            let line = String::from_utf8_lossy(&bytes).into_owned();
            log.lock().unwrap().push_str(&line);
            _ = lines.send(line);
            bytes.clear();
        }
    })
}

/// The address in `… listening on 127.0.0.1:8080 …`
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// One of the few places for tests that have a server
#[derive(Debug)]
struct Place;

static TAKEN: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Place {
    fn take() -> Self {
        let taken = TAKEN.0.lock().unwrap();
        let mut taken = TAKEN.1.wait_while(taken, |taken| *taken >= PLACES).unwrap();
        *taken += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.0.lock().unwrap() -= 1;
        TAKEN.1.notify_one();
    }
}
