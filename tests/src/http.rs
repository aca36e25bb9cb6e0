//! A blocking HTTP client for which every status is a value.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use ureq::{
    Agent,
    http::{HeaderMap, Method, request},
};

use crate::contract;

const PATIENCE: Duration = Duration::from_mins(1);
/// Members of answers whose values must never be in a log
const SECRET_MEMBERS: [&str; 4] = ["access_token", "refresh_token", "ticket", "id_token"];

/// Sends requests and remembers every secret that came back
#[derive(Debug, Clone)]
pub struct Http {
    agent: Agent,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Http {
    /// A client that remembers into `seen`
    pub fn new(seen: Arc<Mutex<BTreeSet<String>>>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .proxy(None)
            // A refusal that comes before the body was read closes the connection, and only the next request would
            // notice that.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .build();
        Self { agent: Agent::new_with_config(config), seen }
    }

    /// A request that is yet to be sent
    pub fn request(&self, method: &str, url: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Request { http: self.clone(), builder: request::Builder::new().method(method).uri(url), body: None }
    }

    /// `GET`
    pub fn get(&self, url: &str) -> Request {
        self.request("GET", url)
    }

    /// `POST`
    pub fn post(&self, url: &str) -> Request {
        self.request("POST", url)
    }

    /// Remembers a secret that came in another way than as a member
    pub fn keep_secret(&self, secret: &str) {
        self.seen.lock().unwrap().insert(secret.to_owned());
    }

    fn remember(&self, body: &Value) {
        for member in SECRET_MEMBERS {
            if let Some(secret) = body.get(member).and_then(Value::as_str) {
                self.seen.lock().unwrap().insert(secret.to_owned());
            }
        }
    }
}

/// A request
#[derive(Debug)]
pub struct Request {
    http: Http,
    builder: request::Builder,
    body: Option<Vec<u8>>,
}

impl Request {
    /// Adds a header
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// `Authorization: Bearer …`
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic …`
    #[must_use]
    pub fn basic(self, client: &str, secret: &str) -> Self {
        self.header("authorization", &format!("Basic {}", STANDARD.encode(format!("{client}:{secret}"))))
    }

    /// A form as its body
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.body("application/x-www-form-urlencoded", body)
    }

    /// JSON as its body
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Anything as its body
    #[must_use]
    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self = self.header("content-type", kind);
        self.body = Some(body.into());
        self
    }

    /// Sends it; the test fails if there is no answer at all
    pub fn send(self) -> Answer {
        self.try_send().expect("the server answers")
    }

    /// Sends it; an error is one of the connection
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let Self { http, builder, body } = self;
        let needs_body = matches!(builder.method_ref(), Some(method) if matches!(method.as_str(), "POST" | "PUT" | "PATCH"));
        let place = (builder.method_ref().cloned(), builder.uri_ref().map(ToString::to_string));
        let response = match body {
            None if needs_body => http.agent.run(builder.body(Vec::new())?)?,
            None => http.agent.run(builder.body(())?)?,
            Some(body) => http.agent.run(builder.body(body)?)?,
        };
        let (parts, mut body) = response.into_parts();
        let answer =
            Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec()? };
        http.remember(&answer.json());
        if let (Some(method), Some(url)) = place
            && let Some(breach) = contract::breach(method.as_str(), &url, &answer)
        {
            panic!("{breach}: {answer}");
        }
        Ok(answer)
    }
}

/// An answer
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status
    pub status: u16,
    /// Its headers
    pub headers: HeaderMap,
    /// Its body
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, or nothing
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A text member of the body
    pub fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {self}")).to_owned()
    }

    /// Demands a status
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Demands a refusal
    #[track_caller]
    pub fn refused(self, status: u16, error: &str, description: &str) {
        assert_eq!(self.status, status, "{self}");
        let want = serde_json::json!({ "error": error, "error_description": description });
        assert_eq!(self.json(), want, "{self}");
    }
}

impl core::fmt::Display for Answer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text: String = self.text().chars().take(2_000).collect();
        write!(f, "{} {text}", self.status)
    }
}

/// Percent-encoding for query and form
pub fn escape(text: &str) -> String {
    use core::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
    }
    out
}

/// Sends bytes as they are and reads until the server closes: what it says to requests that no client would make
pub fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // A server that refuses early closes while this side still writes.
    _ = stream.write_all(bytes);
    _ = stream.flush();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
