//! A kept HTTP/1.1 connection that costs little, because it runs beside what it measures.

use core::time::Duration;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(10);

/// One connection to the host
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
}

/// How a request authenticates itself and what it carries
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    Form(&'a str),
    Json(&'a str),
}

/// What came back
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// The first header of this name, in lower case
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    pub(super) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { stream: BufReader::new(stream), address: address.to_owned() })
    }

    /// Sends a POST and answers with the status and the JSON body.
    pub(super) fn post(&mut self, path: &str, authorization: &str, body: Body<'_>) -> Result<(u16, Value)> {
        let headers = [("Authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &headers };
        let answer = self.send("POST", path, headers, Some(body))?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    /// Sends a GET without anything besides.
    pub(super) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[], None)
    }

    /// Sends a request.
    pub(super) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Body<'_>>,
    ) -> Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        let body = body.map(|body| match body {
            Body::Form(text) => ("application/x-www-form-urlencoded", text),
            Body::Json(text) => ("application/json", text),
        });
        if let Some((kind, text)) = body {
            request.extend(["Content-Type: ", kind, "\r\nContent-Length: ", &text.len().to_string(), "\r\n"]);
        }
        request.extend(["\r\n", body.map_or("", |(_, text)| text)]);
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    /// The same, where only one status is right
    pub(super) fn expect(
        &mut self,
        status: u16,
        path: &str,
        authorization: &str,
        body: Body<'_>,
    ) -> Result<Value> {
        match self.post(path, authorization, body)? {
            (found, value) if found == status => Ok(value),
            (found, value) => bail!("{path} answered {found} and not {status}: {value}"),
        }
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no HTTP answer but `{}`", line.trim_end()))?;
        let (mut length, mut headers) = (0_usize, Vec::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("an answer without a length");
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body, headers })
    }
}
