//! Texts with placeholders, which a request fills in (wire §11.2).

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use super::Request;
use crate::{
    json,
    jws::UnverifiedJws,
    limits::{ENFORCER_BODY_BYTES, ENFORCER_CLAIM_BYTES, ENFORCER_CLAIMS, JSON_DEPTH},
};

/// A text with placeholders such as `{request.parameter['a']}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Value(Source),
}

/// Where a value comes from
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Parameter(Box<str>),
    Header(Box<str>),
    Cookie(Box<str>),
    RemoteAddr,
    Method,
    Uri,
    RelativePath,
    Secure,
    Body,
    BodyAt(Pointer),
    AccessToken,
    AccessTokenAt(Pointer),
}

/// A JSON pointer (RFC 6901) of a bounded depth
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Box<str>);

impl Pointer {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let steps = text.bytes().filter(|byte| *byte == b'/').count();
        (text.starts_with('/') && steps <= JSON_DEPTH).then(|| Self(text.into()))
    }

    /// The member of this name
    pub(super) fn to(name: &str) -> Option<Self> {
        Self::parse(&["/", &name.replace('~', "~0").replace('/', "~1")].concat())
    }

    /// The texts at this place: one, or those of a list. A list that holds anything but texts, whole numbers and
    /// truth values has no texts at all, and neither has an object.
    pub(super) fn texts(&self, document: &Value) -> Vec<String> {
        match document.pointer(&self.0) {
            Some(Value::Array(values)) if values.len() <= ENFORCER_CLAIMS => {
                values.iter().map(text).collect::<Option<_>>().unwrap_or_default()
            }
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("true".to_owned()),
        Value::Bool(false) => Some("false".to_owned()),
        Value::Number(number) => {
            let whole = number.as_u64().map(|whole| whole.to_string());
            whole.or_else(|| number.as_i64().map(|whole| whole.to_string()))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Template {
    /// Reads a text; nothing if it has a placeholder that is not known or not closed
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            let (source, after) = Source::parse(after)?;
            parts.push(Part::Value(source));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Some(Self(parts))
    }

    /// Whether it has a placeholder for the request's body
    pub(super) fn reads_body(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value(Source::Body | Source::BodyAt(_))))
    }

    /// What a request makes of it.
    ///
    /// A placeholder that stands alone has as many values as the request gives it. Beside other text it needs exactly
    /// one, or the whole has none: a client that repeats a parameter must not get rid of the text around it.
    pub fn resolve(&self, request: &Request<'_>) -> Vec<String> {
        if let [Part::Value(source)] = self.0.as_slice() {
            let values = source.values(request);
            let fits = values.len() <= ENFORCER_CLAIMS
                && values.iter().all(|value| value.len() <= ENFORCER_CLAIM_BYTES);
            return if fits { values } else { Vec::new() };
        }
        let mut whole = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Value(source) => match source.values(request).as_slice() {
                    [one] => whole.push_str(one),
                    _ => return Vec::new(),
                },
            }
        }
        if whole.len() > ENFORCER_CLAIM_BYTES { Vec::new() } else { alloc::vec![whole] }
    }
}

impl Source {
    /// From behind `{` to behind `}`
    fn parse(text: &str) -> Option<(Self, &str)> {
        let end = text.find(['[', '}'])?;
        let (name, rest) = text.split_at_checked(end)?;
        let (argument, rest) = match rest.strip_prefix("['") {
            Some(rest) => {
                let (argument, rest) = rest.split_once("']}")?;
                (Some(argument), rest)
            }
            None => (None, rest.strip_prefix('}')?),
        };
        let named = || argument.filter(|argument| !argument.is_empty()).map(Into::into);
        let source = match (name, argument) {
            ("request.parameter", _) => Self::Parameter(named()?),
            ("request.header", _) => Self::Header(named()?),
            ("request.cookie", _) => Self::Cookie(named()?),
            ("request.remoteAddr", None) => Self::RemoteAddr,
            ("request.method", None) => Self::Method,
            ("request.uri", None) => Self::Uri,
            ("request.relativePath", None) => Self::RelativePath,
            ("request.secure", None) => Self::Secure,
            ("request.body", None) => Self::Body,
            ("request.body", Some(pointer)) => Self::BodyAt(Pointer::parse(pointer)?),
            ("keycloak.access_token", None) => Self::AccessToken,
            ("keycloak.access_token", Some(pointer)) => Self::AccessTokenAt(Pointer::parse(pointer)?),
            _ => return None,
        };
        Some((source, rest))
    }

    fn values(&self, request: &Request<'_>) -> Vec<String> {
        let given = |text: &str| if text.is_empty() { Vec::new() } else { alloc::vec![text.to_owned()] };
        match self {
            Self::Parameter(name) => all(request.parameters, |known| known == &**name),
            Self::Header(name) => all(request.headers, |known| known.eq_ignore_ascii_case(name)),
            Self::Cookie(name) => all(request.cookies, |known| known == &**name),
            Self::RemoteAddr => given(request.remote_addr),
            Self::Method => given(request.method),
            Self::Uri => given(request.uri),
            Self::RelativePath => given(request.relative_path),
            Self::Secure => given(if request.secure { "true" } else { "false" }),
            Self::Body => {
                given(body(request).and_then(|body| core::str::from_utf8(body).ok()).unwrap_or_default())
            }
            Self::BodyAt(pointer) => body(request).map(|body| pointed(pointer, body)).unwrap_or_default(),
            Self::AccessToken => given(request.access_token.unwrap_or_default()),
            Self::AccessTokenAt(pointer) => request
                .access_token
                .and_then(|token| UnverifiedJws::parse(token).ok())
                .map(|token| pointed(pointer, token.payload()))
                .unwrap_or_default(),
        }
    }
}

fn all(pairs: &[(&str, &str)], is_it: impl Fn(&str) -> bool) -> Vec<String> {
    pairs.iter().filter(|(name, _)| is_it(name)).map(|(_, value)| (*value).to_owned()).collect()
}

fn body<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    Some(request.body).filter(|body| body.len() <= ENFORCER_BODY_BYTES)
}

fn pointed(pointer: &Pointer, document: &[u8]) -> Vec<String> {
    json::object(document).map(|members| pointer.texts(&Value::Object(members))).unwrap_or_default()
}
