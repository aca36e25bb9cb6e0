//! The authorization request (RFC 6749 §4.1.1, OIDC Core §3.1.2.1), read and checked.
//!
//! Who asks and where the answer goes is found out first: until both are known to be right nothing is sent there
//! (RFC 6749 §4.1.2.1).

use serde::{Deserialize, Serialize};

use super::{
    pkce::{self, Challenge},
    redirect::{self, RedirectUri},
};
use crate::{
    http::extract::Form,
    issue::Scopes,
    realm::{Client, Realm},
};

/// Longest value of a parameter, in bytes
const LONGEST: usize = 4_000;
/// Longest sum of all values that are kept while the user signs in, in bytes
const LONGEST_SUM: usize = 8_000;

/// How the answer reaches the client (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// Behind `?`
    #[default]
    Query,
    /// Behind `#`
    Fragment,
    /// In a form that the browser posts
    FormPost,
    /// None: a page of this server wants to know who is there, and needs no code. No client can ask for it.
    Here,
}

impl ResponseMode {
    /// Every name, as discovery lists them
    pub const NAMES: &[&str] = &["query", "fragment", "form_post"];

    fn read(text: &str) -> Option<Self> {
        match text {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::Here => "here",
        }
    }
}

/// Where the answer goes: a client's own place, checked
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    /// A registered URI
    pub redirect_uri: String,
    /// How
    pub mode: ResponseMode,
    /// What the client wants to find in it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What the client wants to be done with the user (OIDC Core §3.1.2.1 `prompt`)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Nothing may be shown
    #[serde(default)]
    pub none: bool,
    /// The user proves again who he is
    #[serde(default)]
    pub login: bool,
    /// The user is asked again
    #[serde(default)]
    pub consent: bool,
}

impl Prompt {
    /// Every word, as discovery lists them
    pub const NAMES: &[&str] = &["none", "login", "consent"];

    fn read(text: Option<&str>) -> Option<Self> {
        let mut prompt = Self::default();
        let mut words = 0_usize;
        for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            words = words.saturating_add(1);
            match word {
                "none" => prompt.none = true,
                // There is one account a browser: to choose another is to sign in.
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return None,
            }
        }
        (!prompt.none || words == 1).then_some(prompt)
    }
}

/// A checked request
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthRequest {
    /// Public name of the client
    pub client_id: String,
    /// Where the answer goes
    pub to: ReturnTo,
    /// The scopes that were asked for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// For the ID token
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What may be shown
    #[serde(default)]
    pub prompt: Prompt,
    /// Longest time since the user proved who he is, in seconds
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// Whose sign-in the client expects: shown in the form
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// What the code is bound to
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// What the user is to do, in Keycloak's words (`kc_action`)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// What a client is told in an answer: `error` and `error_description`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6
    pub error: &'static str,
    /// For those who read logs
    pub description: String,
}

impl Refusal {
    /// With fixed words, or a value that the client sent
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }
}

/// Why a request is refused
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Shown to the user, sent nowhere
    Here(&'static str),
    /// Sent to the client
    There(Box<ReturnTo>, Refusal),
}

/// The only value of a parameter, if it is there
pub(crate) fn only<'a>(form: &'a Form, name: &'a str) -> Result<Option<&'a str>, ()> {
    let mut values = form.all(name);
    match (values.next(), values.next()) {
        (value, None) => value.filter(|value| value.len() > LONGEST).map_or(Ok(value), |_| Err(())),
        (_, Some(_)) => Err(()),
    }
}

/// The name of the client that asks
pub fn client_id(form: &Form) -> Result<&str, Refused> {
    match only(form, "client_id") {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(Refused::Here("Missing parameter: client_id")),
        Err(()) => Err(Refused::Here("Invalid parameter: client_id")),
    }
}

/// Whether this client may send people here at all; what is wrong is shown to the user
pub fn admit(client: Option<Client>) -> Result<Client, Refused> {
    let client = client.ok_or(Refused::Here("Client not found."))?;
    if !client.enabled {
        return Err(Refused::Here("Client disabled."));
    }
    if client.settings.bearer_only || client.settings.protocol != "openid-connect" {
        return Err(Refused::Here("Bearer-only applications are not allowed to initiate browser login."));
    }
    Ok(client)
}

fn redirect_uri(client: &Client, base: &str, form: &Form) -> Result<RedirectUri, Refused> {
    let refused = Refused::Here("Invalid parameter: redirect_uri");
    let Ok(asked) = only(form, "redirect_uri") else { return Err(refused) };
    match asked {
        Some(asked) => {
            redirect::registered(&client.settings.redirect_uris, client, base, asked).ok_or(refused)
        }
        // Only plain OAuth lets it be left out (OIDC Core §3.1.2.1).
        None if has_openid(form.get("scope")) => Err(Refused::Here("Missing parameter: redirect_uri")),
        None => redirect::only(client, base).ok_or(Refused::Here("Missing parameter: redirect_uri")),
    }
}

fn has_openid(scope: Option<&str>) -> bool {
    scope.unwrap_or_default().split(' ').any(|name| name == "openid")
}

impl AuthRequest {
    /// What a page of this server asks for that wants to know who is there
    pub fn here(client_id: &str, page: String) -> Self {
        Self {
            client_id: client_id.to_owned(),
            to: ReturnTo { redirect_uri: page, mode: ResponseMode::Here, state: None },
            scope: None,
            nonce: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            challenge: None,
            action: None,
        }
    }

    /// Checks the parameters of an admitted client in Keycloak's order
    pub fn read(realm: &Realm, client: &Client, base: &str, form: &Form) -> Result<Self, Refused> {
        let redirect_uri = redirect_uri(client, base, form)?.into_string();
        let mode = only(form, "response_mode").ok().flatten().and_then(ResponseMode::read);
        let state = only(form, "state").ok().flatten().map(str::to_owned);
        let to = ReturnTo { redirect_uri, mode: mode.unwrap_or_default(), state };
        Self::checked(realm, client, &to, form).map_err(|refusal| Refused::There(Box::new(to), refusal))
    }

    fn checked(realm: &Realm, client: &Client, to: &ReturnTo, form: &Form) -> Result<Self, Refusal> {
        let invalid = |text: &str| Refusal::new("invalid_request", text);
        if form.has_duplicates() {
            return Err(invalid("duplicated parameter"));
        }
        let sum = form.iter().fold(0_usize, |sum, (_, value)| sum.saturating_add(value.len()));
        if sum > LONGEST_SUM || form.iter().any(|(_, value)| value.len() > LONGEST) {
            return Err(invalid("A parameter is longer than allowed"));
        }
        for (name, error) in
            [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")]
        {
            if form.get(name).is_some() {
                return Err(Refusal::new(error, format!("Parameter is not supported: {name}")));
            }
        }
        match form.get("response_type") {
            Some("code") => {}
            None => return Err(invalid("Missing parameter: response_type")),
            Some(_) => {
                let text = "Only response_type code is supported";
                return Err(Refusal::new("unsupported_response_type", text));
            }
        }
        if form.get("response_mode").is_some_and(|mode| ResponseMode::read(mode).is_none()) {
            return Err(invalid("Invalid parameter: response_mode"));
        }
        if !client.settings.standard_flow_enabled {
            let text = "Client is not allowed to initiate browser login with given response_type. \
                        Standard flow is disabled for the client.";
            return Err(Refusal::new("unauthorized_client", text));
        }
        let scope = form.get("scope");
        if Scopes::resolve(realm, client, scope).is_err() {
            let asked: String = scope.unwrap_or_default().chars().take(1_000).collect();
            return Err(Refusal::new("invalid_scope", format!("Invalid scopes: {asked}")));
        }
        let Some(prompt) = Prompt::read(form.get("prompt")) else {
            return Err(invalid("Invalid parameter: prompt"));
        };
        let max_age = match form.get("max_age").map(str::parse) {
            None => None,
            Some(Ok(seconds)) => Some(seconds),
            Some(Err(_)) => return Err(invalid("Invalid parameter: max_age")),
        };
        let challenge =
            pkce::challenge(client, form.get("code_challenge"), form.get("code_challenge_method"))
                .map_err(|refused| invalid(&refused.to_string()))?;
        Ok(Self {
            client_id: client.client_id.clone(),
            to: to.clone(),
            scope: scope.map(str::to_owned),
            nonce: form.get("nonce").map(str::to_owned),
            prompt,
            max_age,
            login_hint: form.get("login_hint").map(str::to_owned),
            challenge,
            action: form.get("kc_action").map(str::to_owned),
        })
    }

    /// Whose sign-in the client expects
    pub fn hint(&self) -> &str {
        self.login_hint.as_deref().unwrap_or_default()
    }

    /// The parameters from which the same request is read again: what a sign-in that took too long begins with
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.to.redirect_uri.clone()),
            ("response_mode", self.to.mode.name().to_owned()),
        ];
        let words = [(self.prompt.login, "login"), (self.prompt.consent, "consent")];
        let prompt: Vec<_> = words.iter().filter(|(said, _)| *said).map(|(_, word)| *word).collect();
        let optional = [
            ("state", self.to.state.clone()),
            ("scope", self.scope.clone()),
            ("nonce", self.nonce.clone()),
            ("prompt", (!prompt.is_empty()).then(|| prompt.join(" "))),
            ("max_age", self.max_age.map(|seconds| seconds.to_string())),
            ("login_hint", self.login_hint.clone()),
            ("kc_action", self.action.clone()),
        ];
        parameters.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if let Some(challenge) = &self.challenge {
            parameters.push(("code_challenge", challenge.value().to_owned()));
            parameters.push(("code_challenge_method", challenge.method().to_owned()));
        }
        parameters
    }
}

#[cfg(test)]
mod tests;
