//! As much of a browser as a sign-in needs: cookies, forms, and no script.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::{
    http::{Answer, Http, escape},
    realm::{Realm, password, secret, with},
    world::World,
};

/// The verifier whose challenge [`challenge`] is
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// `code_challenge` of a verifier, by `S256`
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// One browser
#[derive(Debug, Clone)]
pub struct Browser {
    http: Http,
    base: String,
    /// By name: path and value
    pub cookies: BTreeMap<String, (String, String)>,
}

/// What it shows
#[derive(Debug, Clone)]
pub struct Page {
    /// The answer as it came
    pub answer: Answer,
}

impl Browser {
    /// A new one, which knows nobody
    pub fn new(world: &World) -> Self {
        Self { http: world.server.http.clone(), base: world.server.base(), cookies: BTreeMap::new() }
    }

    /// Goes somewhere; redirects are not followed
    pub fn get(&mut self, url: &str) -> Page {
        self.send("GET", url, None, &[])
    }

    /// Sends a form from this server's own pages
    pub fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.send("POST", url, Some(fields), &[("origin", "null"), ("sec-fetch-site", "same-origin")])
    }

    /// Sends a form from another host of the same domain: all cookies come along
    pub fn post_from_sibling(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        self.send("POST", url, Some(fields), &[("origin", "null"), ("sec-fetch-site", "same-site")])
    }

    /// Sends the first form of a page with these fields besides its hidden ones
    pub fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        self.post(&page.action(), fields)
    }

    /// Sends a form from another site: cookies that are `SameSite=Lax` stay here
    pub fn post_across(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let kept = core::mem::take(&mut self.cookies);
        let headers = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        let page = self.send("POST", url, Some(fields), &headers);
        self.cookies = kept;
        page
    }

    /// The value of a cookie, by the end of its name
    pub fn cookie(&self, end: &str) -> Option<&str> {
        self.cookies.iter().find(|(name, _)| name.ends_with(end)).map(|(_, (_, value))| value.as_str())
    }

    fn send(
        &mut self,
        method: &str,
        url: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Page {
        let path = url.strip_prefix(&self.base).unwrap_or_else(|| panic!("{url} is not of this server"));
        let fitting = self.cookies.iter().filter(|(_, (below, _))| path.starts_with(below.as_str()));
        let cookies: Vec<_> = fitting.map(|(name, (_, value))| format!("{name}={value}")).collect();
        let mut request = self.http.request(method, url);
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send();
        for line in answer.headers.get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        let page = Page { answer };
        if let Some((_, code)) = page.answer.header("location").and_then(|to| to.split_once("&code=")) {
            self.http.keep_secret(code);
        }
        page
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut path = "/".to_owned();
        let mut gone = false;
        for part in parts {
            match part.split_once('=') {
                Some(("Path", below)) => below.clone_into(&mut path),
                Some(("Max-Age", seconds)) => gone = seconds == "0",
                _ => assert_ne!(part, "Secure", "this server is reached by plain http"),
            }
        }
        if !gone {
            self.http.keep_secret(value);
        }
        if gone {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (path, value.to_owned()));
        }
    }
}

impl Page {
    /// Demands a status
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        Self { answer: self.answer.expect(status) }
    }

    /// Demands a page that says this
    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.text().contains(words), "`{words}` is not in {}", self.answer);
    }

    /// Its HTML
    pub fn text(&self) -> String {
        self.answer.text()
    }

    /// Where its first form goes, cut out as simple clients do: without decoding (wire §1.4)
    #[track_caller]
    pub fn action(&self) -> String {
        let text = self.text();
        let (_, form) = text.split_once("<form ").unwrap_or_else(|| panic!("no form in {}", self.answer));
        let (_, action) = form.split_once(" action=\"").unwrap();
        action.split('"').next().unwrap().to_owned()
    }

    /// Where it sends the browser
    #[track_caller]
    pub fn location(&self) -> String {
        assert_eq!(self.answer.status, 302, "{}", self.answer);
        self.answer.header("location").unwrap().to_owned()
    }

    /// The parameters with which it sends the browser back to an app, in order
    #[track_caller]
    pub fn parameters(&self) -> Vec<(String, String)> {
        let location = self.location();
        let (_, query) =
            location.split_once(['?', '#']).unwrap_or_else(|| panic!("no parameters: {location}"));
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(n, v)| (n.to_owned(), decode(v)))
            .collect()
    }

    /// One of these parameters
    #[track_caller]
    pub fn parameter(&self, name: &str) -> String {
        let all = self.parameters();
        let found = all.iter().find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("no `{name}` in {all:?}")).1.clone()
    }

    /// Demands that the app is told this error
    #[track_caller]
    pub fn tells(&self, error: &str) {
        assert_eq!(self.parameter("error"), error, "{}", self.location());
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(core::str::from_utf8(&pair).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

impl World {
    /// An authorization request of a client, with parameters in the place of the usual ones or besides them
    pub fn authorize(&self, client: &str, parameters: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", "https://app.example/cb"),
            ("scope", "openid"),
            ("state", "the-state"),
        ];
        for (name, value) in parameters {
            all.retain(|(known, _)| known != name);
            all.push((name, value));
        }
        let pairs = all.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", escape(value))).collect();
        self.url(&format!("protocol/openid-connect/auth?{}", pairs.join("&")))
    }
}

/// The usual realm with apps that people sign in to
///
/// | Client | What |
/// |---|---|
/// | `app` | public, without PKCE unless it wants to |
/// | `web` | confidential |
/// | `strict` | public, must use PKCE with `S256` |
/// | `asking` | confidential, needs consent |
pub fn realm() -> Realm {
    let browser = json!({
        "standardFlowEnabled": true, "directAccessGrantsEnabled": false,
        "redirectUris": ["https://app.example/cb"], "webOrigins": ["https://app.example"],
        "attributes": { "post.logout.redirect.uris": "https://app.example/bye##https://app.example/other" },
    });
    let public = with(browser.clone(), json!({ "publicClient": true }));
    let strict = json!({ "attributes": { "pkce.code.challenge.method": "S256" } });
    Realm::new("test")
        .client("app", public.clone())
        .client("web", browser.clone())
        .client("strict", with(public, strict))
        .client("asking", with(browser, json!({ "consentRequired": true, "name": "Asking <App>" })))
}

impl World {
    /// A person signs in to a client in this browser; gives the page that leads back to the app
    pub fn sign_in_by(&self, browser: &mut Browser, url: &str, user: &str) -> Page {
        let form = browser.get(url).expect(200);
        browser.submit(&form, &[("username", user), ("password", &password(user))])
    }

    /// Redeems a code at the token endpoint, with fields in the place of the usual ones
    pub fn redeem(&self, client: &str, code: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", "https://app.example/cb"),
            ("code", code),
        ];
        let secret = secret(client);
        if matches!(client, "web" | "asking") {
            all.push(("client_secret", &secret));
        }
        for (name, value) in fields {
            all.retain(|(known, _)| known != name);
            all.push((name, value));
        }
        all.retain(|(_, value)| !value.is_empty());
        self.post_token().form(&all).send()
    }
}
