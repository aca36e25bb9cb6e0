//! A stream of server-sent events (HTML §9.2), read as it comes.

use core::{net::SocketAddr, time::Duration};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// An open stream
#[derive(Debug)]
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// Opens the stream at a path; the test fails unless it is one
    pub fn open(address: SocketAddr, path: &str, since: Option<u64>) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let since = since.map_or_else(String::new, |since| format!("Last-Event-ID: {since}\r\n"));
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n{since}\r\n")
            .unwrap();
        let mut events = Self(BufReader::new(socket));
        let status = events.line().unwrap();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        let mut kind = String::new();
        while let Some(line) = events.line().filter(|line| !line.is_empty()) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-type:") {
                value.trim().clone_into(&mut kind);
            }
        }
        assert_eq!(kind, "text/event-stream");
        events
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event that has changes
    pub fn change(&mut self) -> Value {
        loop {
            let event = self.next().expect("the stream goes on");
            if event.get("changes").is_some() {
                return event;
            }
        }
    }
}

/// The data of the events; nothing where the stream has ended
impl Iterator for Events {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        while let Some(line) = self.line() {
            // Lengths of chunks stand between the lines.
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
        None
    }
}
