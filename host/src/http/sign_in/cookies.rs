//! Cookies of a realm. Their values are random; what they mean is in the store.
//!
//! They are `HttpOnly` and `SameSite=Lax`, for the paths of their realm only, and, where the server is reached by
//! https, `Secure` with the prefix `__Secure-`, so that no other host of the domain can set them unseen (RFC 6265bis
//! §4.1.3; `__Host-` would take them to every realm).

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};

use super::{super::extract::InRealm, front};
use crate::{percent::segment, sign_in::Token};

/// Which cookie
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Of a browser that is about to sign in: ends with it
    Begun,
    /// Of a browser that is signed in
    Identity,
    /// Tells the scripts of the status page that the sign-in has changed; good for nothing else
    Status,
    /// Of a browser in which somebody has signed in before
    Known,
    /// Of a browser in which somebody is asked for claims
    Claims,
}

/// The part of their names that all have in common
pub const PREFIX: &str = "COUNTERSIGN_";

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Begun => "BEGUN",
            Self::Identity => "IDENTITY",
            Self::Status => "STATUS",
            Self::Known => "KNOWN",
            Self::Claims => "CLAIMS",
        }
    }
}

/// The cookies of one request, and where those of its answer belong
#[derive(Debug, Clone)]
pub struct Cookies {
    sent: Vec<(String, String)>,
    path: String,
    secure: bool,
}

impl Cookies {
    /// Those that a browser sent to a realm
    pub fn of(place: &InRealm, headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let ours = pairs.filter(|(name, _)| name.contains(PREFIX));
        let sent = ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let base = front(place);
        let host = base.split_once("://").map_or(base, |(_, rest)| rest);
        let below = host.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        let path = format!("{below}/realms/{}/", segment(&place.realm.name));
        Self { sent, path, secure: is_secure(place) }
    }

    fn name(&self, cookie: Cookie) -> String {
        full_name(self.secure, cookie)
    }

    /// Under which name the scripts of the status page find theirs
    pub fn status_name(place: &InRealm) -> String {
        full_name(is_secure(place), Cookie::Status)
    }

    /// The value of a cookie. Two of one name were not both set here: then neither counts.
    pub fn get(&self, cookie: Cookie) -> Option<Token> {
        let name = self.name(cookie);
        let mut values = self.sent.iter().filter(|(sent, _)| *sent == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Token::read(value),
            _ => None,
        }
    }

    /// Sets a cookie, for as long as the browser is open or for so many seconds
    pub fn set(&self, response: &mut Response, cookie: Cookie, value: &str, seconds: Option<u64>) {
        let mut text = format!("{}={value}; Path={}; SameSite=Lax", self.name(cookie), self.path);
        if cookie != Cookie::Status {
            text.push_str("; HttpOnly");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        if let Some(seconds) = seconds {
            text.extend(["; Max-Age=", &seconds.to_string()]);
        }
        // INVARIANT: values are base64url, and the path is encoded.
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }

    /// Takes a cookie away
    pub fn clear(&self, response: &mut Response, cookie: Cookie) {
        self.set(response, cookie, "", Some(0));
    }
}

fn is_secure(place: &InRealm) -> bool {
    front(place).starts_with("https://")
}

fn full_name(secure: bool, cookie: Cookie) -> String {
    let prefix = if secure { "__Secure-" } else { "" };
    format!("{prefix}{PREFIX}{}", cookie.name())
}
