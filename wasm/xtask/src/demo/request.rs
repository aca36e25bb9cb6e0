//! One request: sent, and shown as the `curl` line that sends the same.

use core::{fmt::Write as _, time::Duration};
use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(10);

/// Shell variables: the walk prints how to set them and uses them itself.
pub(super) type Variables = BTreeMap<&'static str, String>;

/// A request in which `$NAME` stands for a variable
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    method: &'static str,
    url: &'static str,
    client: Option<(&'static str, &'static str)>,
    bearer: Option<&'static str>,
    form: Vec<(&'static str, &'static str)>,
    json: Option<&'static str>,
}

/// What came back
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) challenge: Option<String>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn new(method: &'static str, url: &'static str) -> Self {
        Self { method, url, ..Self::default() }
    }

    pub(super) fn client(mut self, id: &'static str, secret: &'static str) -> Self {
        self.client = Some((id, secret));
        self
    }

    pub(super) fn bearer(mut self, token: &'static str) -> Self {
        self.bearer = Some(token);
        self
    }

    pub(super) fn form(mut self, fields: &[(&'static str, &'static str)]) -> Self {
        self.form.extend_from_slice(fields);
        self
    }

    pub(super) fn json(mut self, body: &'static str) -> Self {
        self.json = Some(body);
        self
    }

    /// The line to paste; `options` are curl's
    pub(super) fn curl(&self, options: &str) -> String {
        let mut line = format!("curl {options}");
        if self.method != "GET" && self.form.is_empty() {
            _ = write!(line, " -X {}", self.method);
        }
        _ = write!(line, " {}", quoted(self.url));
        if let Some((id, secret)) = self.client {
            _ = write!(line, " -u {id}:{secret}");
        }
        if let Some(token) = self.bearer {
            _ = write!(line, " -H \"Authorization: Bearer {token}\"");
        }
        for (name, value) in &self.form {
            _ = write!(line, " -d {}", quoted(&format!("{name}={value}")));
        }
        if let Some(body) = self.json {
            _ = write!(line, " -H 'Content-Type: application/json' -d {}", quoted(body));
        }
        line
    }

    pub(super) fn send(&self, variables: &Variables) -> Result<Answer> {
        let url = filled(self.url, variables);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(LIMIT))
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(self.method).uri(&url);
        if let Some((id, secret)) = self.client {
            request = request.header("Authorization", format!("Basic {}", base64(&format!("{id}:{secret}"))));
        }
        if let Some(token) = self.bearer {
            request = request.header("Authorization", format!("Bearer {}", filled(token, variables)));
        }
        let body = if let Some(body) = self.json {
            request = request.header("Content-Type", "application/json");
            filled(body, variables)
        } else if self.form.is_empty() {
            String::new()
        } else {
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
            let fields = self.form.iter();
            let fields = fields.map(|(name, value)| format!("{name}={}", escaped(&filled(value, variables))));
            fields.collect::<Vec<_>>().join("&")
        };
        let mut response = agent.run(request.body(body)?).with_context(|| format!("no answer from {url}"))?;
        let challenge = response.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: response.status().as_u16(),
            challenge: challenge.map(str::to_owned),
            body: response.body_mut().read_to_string()?,
        })
    }
}

impl Answer {
    /// The body as JSON, or nothing
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A text in the body, by JSON pointer
    pub(super) fn text(&self, pointer: &str) -> Result<String> {
        let value = self.value();
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("the answer has no `{pointer}`"))
    }

    /// A parameter of the challenge
    pub(super) fn parameter(&self, name: &str) -> Result<String> {
        let challenge = self.challenge.as_deref().unwrap_or_default();
        let begin = challenge.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        begin.map(|(value, _)| value.to_owned()).with_context(|| format!("the challenge has no `{name}`"))
    }
}

/// The longer of two names comes later in the map, and has to be filled in first.
fn filled(template: &str, variables: &Variables) -> String {
    variables
        .iter()
        .rev()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

/// In double quotes, so that the shell fills the variables in
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curl_line_leaves_variables_to_the_shell() {
        let request = Request::new("PUT", "$REALM/x").bearer("$PAT").json(r#"{"id":"$REQUEST"}"#);
        assert_eq!(
            request.curl("-i"),
            r#"curl -i -X PUT "$REALM/x" -H "Authorization: Bearer $PAT" -H 'Content-Type: application/json' -d "{\"id\":\"$REQUEST\"}""#,
        );
    }

    #[test]
    fn challenge_gives_its_ticket() {
        let challenge = r#"UMA realm="demo",as_uri="http://as.example",ticket="abc.def""#.to_owned();
        let answer = Answer { challenge: Some(challenge), ..Answer::default() };
        assert_eq!(answer.parameter("ticket").unwrap(), "abc.def");
        assert!(answer.parameter("nonce").is_err());
    }
}
