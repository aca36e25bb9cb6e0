//! The admin API as a client sees it.

use core::time::Duration;
use std::{fs, path::Path, sync::Arc};

use serde_json::Value;
use ureq::{
    Agent,
    http::Request,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{AdminArgs, AdminError, prompt};
use crate::percent::{parameter, segment};

/// How long an answer may take
const PATIENCE: Duration = Duration::from_mins(1);
/// The administrator of a prompt that names nobody
const USUAL_NAME: &str = "admin";

/// A server, and the right to administer it
pub(super) struct Api {
    agent: Agent,
    base: String,
    realm: Option<String>,
    token: String,
    /// Gets another token when that one has expired
    refresh: Option<String>,
}

impl core::fmt::Debug for Api {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Api").field("base", &self.base).field("realm", &self.realm).finish_non_exhaustive()
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Api {
    /// With a token from a file, or one for the administrator of the environment or a prompt
    pub(super) fn sign_in(args: &AdminArgs) -> Result<Self, AdminError> {
        let base = args.url.trim_end_matches('/').to_owned();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .proxy(None);
        let config = if base.starts_with("https://") {
            config.tls_config(tls(args.ca_file.as_deref())?)
        } else if base.starts_with("http://") {
            config
        } else {
            return Err(AdminError::Usage(format!("`{base}` is no http:// or https:// URL")));
        };
        let agent = Agent::new_with_config(config.build());
        let mut api = Self { agent, base, realm: args.realm.clone(), token: String::new(), refresh: None };
        api.token = match variable("COUNTERSIGN_ADMIN_TOKEN_FILE") {
            Some(file) => fs::read_to_string(&file)
                .map_err(|error| AdminError::Secret(format!("{file}: {error}")))?
                .trim()
                .to_owned(),
            None => api.token_by_password()?,
        };
        Ok(api)
    }

    fn token_by_password(&mut self) -> Result<String, AdminError> {
        let name = variable("COUNTERSIGN_ADMIN_USERNAME").unwrap_or_else(|| USUAL_NAME.to_owned());
        let password = match variable("COUNTERSIGN_ADMIN_PASSWORD") {
            Some(password) => password,
            None => prompt::secret(&format!("Password of {name}"))?,
        };
        let url = format!("{}/realms/master/protocol/openid-connect/token", self.base);
        let fields = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", name.as_str()),
            ("password", password.as_str()),
        ];
        self.token_by(&url, &fields)
    }

    /// Another token in the place of one that has expired, if there is a way without asking for the password again
    pub(super) fn renew(&mut self) -> Result<bool, AdminError> {
        let Some(refresh) = self.refresh.take() else { return Ok(false) };
        let url = format!("{}/realms/master/protocol/openid-connect/token", self.base);
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "admin-cli"),
            ("refresh_token", refresh.as_str()),
        ];
        self.token = self.token_by(&url, &fields)?;
        Ok(true)
    }

    fn token_by(&mut self, url: &str, fields: &[(&str, &str)]) -> Result<String, AdminError> {
        let form: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", parameter(value))).collect();
        let request = Request::post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"))
            .map_err(|error| AdminError::Usage(error.to_string()))?;
        let answer = self.answer(url, self.agent.run(request))?;
        self.refresh = answer.get("refresh_token").and_then(Value::as_str).map(str::to_owned);
        let token = answer.get("access_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| AdminError::Secret("the server gave no token".to_owned()))
    }

    /// The realm that the command line names
    pub(super) fn realm(&self) -> Result<&str, AdminError> {
        self.realm.as_deref().ok_or_else(|| {
            AdminError::Usage("name the realm by --realm or COUNTERSIGN_ADMIN_REALM".to_owned())
        })
    }

    /// A path below the realm; each part is encoded
    pub(super) fn at(&self, parts: &[&str]) -> Result<String, AdminError> {
        let mut path = format!("/{}", segment(self.realm()?));
        for part in parts {
            path.push('/');
            path.push_str(&segment(part));
        }
        Ok(path)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let pairs: Vec<_> =
            query.iter().map(|(name, value)| format!("{name}={}", parameter(value))).collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        format!("{}/admin/realms{path}{query}", self.base)
    }

    fn call(&self, method: &str, url: &str, body: Option<&Value>) -> Result<Value, AdminError> {
        let wrong = |error: ureq::http::Error| AdminError::Usage(error.to_string());
        let builder = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", self.token))
            .header("accept", "application/json");
        let sent = match body {
            None if matches!(method, "GET" | "DELETE") => self.agent.run(builder.body(()).map_err(wrong)?),
            None => self.agent.run(builder.body(String::new()).map_err(wrong)?),
            Some(body) => {
                let builder = builder.header("content-type", "application/json");
                if method == "DELETE" {
                    let request = builder.body(body.to_string()).map_err(wrong)?;
                    self.agent
                        .run(self.agent.configure_request(request).allow_non_standard_methods(true).build())
                } else {
                    self.agent.run(builder.body(body.to_string()).map_err(wrong)?)
                }
            }
        };
        self.answer(url, sent)
    }

    fn answer(
        &self,
        url: &str,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, AdminError> {
        let unreachable = |error: ureq::Error| AdminError::Unreachable {
            url: self.base.clone(),
            reason: error.to_string(),
        };
        let mut response = sent.map_err(unreachable)?;
        let status = response.status().as_u16();
        let bytes = response.body_mut().read_to_vec().map_err(unreachable)?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let parts = [text("errorMessage"), text("error"), text("error_description")];
        let message: Vec<_> = parts.into_iter().flatten().collect();
        let message = if message.is_empty() {
            let path = url.strip_prefix(&self.base).unwrap_or_default();
            format!("the server refused {}", path.split('?').next().unwrap_or_default())
        } else {
            message.join(": ")
        };
        Err(AdminError::Refused { status, message })
    }

    /// `GET`
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, AdminError> {
        self.call("GET", &self.url(path, query), None)
    }

    /// `POST`
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.call("POST", &self.url(path, &[]), Some(body))
    }

    /// `POST` with a query
    pub(super) fn ask(&self, path: &str, query: &[(&str, &str)], body: &Value) -> Result<Value, AdminError> {
        self.call("POST", &self.url(path, query), Some(body))
    }

    /// `POST` without a body
    pub(super) fn do_it(&self, path: &str) -> Result<Value, AdminError> {
        self.call("POST", &self.url(path, &[]), None)
    }

    /// `PUT`
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.call("PUT", &self.url(path, &[]), Some(body))
    }

    /// `DELETE`
    pub(super) fn delete(&self, path: &str, body: Option<&Value>) -> Result<Value, AdminError> {
        self.call("DELETE", &self.url(path, &[]), body)
    }
}

/// The authorities that this system trusts, and those of a file
fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, AdminError> {
    let mut trusted = Vec::new();
    if let Some(file) = ca_file {
        let wrong = |why: String| AdminError::Usage(format!("{}: {why}", file.display()));
        let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
        for item in parse_pem(&text) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
                trusted.push(certificate);
            }
        }
        if trusted.is_empty() {
            return Err(wrong("there is no certificate in it".to_owned()));
        }
    }
    let system = rustls_native_certs::load_native_certs().certs;
    trusted.extend(system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
    Ok(config.root_certs(RootCerts::Specific(Arc::new(trusted))).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_forms_are_parameter() {
        assert_eq!(parameter("a+b&c=d e/ü"), "a%2Bb%26c%3Dd%20e%2F%C3%BC");
    }
}
