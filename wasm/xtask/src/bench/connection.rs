//! A kept HTTP/1.1 connection that costs little, because it runs beside what it measures.

use core::{str, time::Duration};
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

impl Connection {
    pub(super) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { stream: BufReader::new(stream), address: address.to_owned() })
    }

    /// Sends a POST and answers with the status and the JSON body.
    pub(super) fn post(&mut self, path: &str, authorization: &str, body: Body<'_>) -> Result<(u16, Value)> {
        let (kind, body) = match body {
            Body::Form(text) => ("application/x-www-form-urlencoded", text),
            Body::Json(text) => ("application/json", text),
        };
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        if !authorization.is_empty() {
            request.extend(["Authorization: ", authorization, "\r\n"]);
        }
        request.extend(["\r\n", body]);
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

    fn answer(&mut self) -> Result<(u16, Value)> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no HTTP answer but `{}`", line.trim_end()))?;
        let mut length = 0_usize;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("an answer without a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, serde_json::from_str(str::from_utf8(&body)?).unwrap_or_default()))
    }
}
