use serde_json::Value;

use super::{flight::Flight, step::Secret};
use crate::{
    json,
    limits::{EDGE_ANSWER_BYTES, EDGE_PAT_MARGIN_SECONDS, EDGE_PAT_RENEW_SECONDS},
    time::UnixTime,
};

/// The resource server's token (FedAuthz §1.3), by client credentials (RFC 6749 §4.4)
#[derive(Debug, Default)]
pub(super) struct Pat {
    token: Option<(Secret, UnixTime)>,
    is_used: bool,
    pub(super) flight: Flight,
}

impl Pat {
    /// The token, if it is good for some seconds still
    pub(super) fn usable(&mut self, now: UnixTime) -> Option<Secret> {
        let (token, _) = self.token.as_ref().filter(|(_, until)| now < *until)?;
        self.is_used = true;
        Some(token.clone())
    }

    pub(super) const fn is_none(&self) -> bool {
        self.token.is_none()
    }

    /// Seconds for which it is of use
    pub(super) fn seconds_left(&self, now: UnixTime) -> u64 {
        self.token.as_ref().map_or(0, |(_, until)| now.seconds_until(*until))
    }

    /// Whether it is in use and about to end
    pub(super) fn is_ending(&self, now: UnixTime) -> bool {
        let is_ending = |until| now < until && until <= now.plus(EDGE_PAT_RENEW_SECONDS);
        self.is_used
            && self.token.as_ref().is_some_and(|(_, until)| is_ending(*until))
            && self.flight.may_start(now)
    }

    /// Forgets a token that the server has refused, unless it is another by now
    pub(super) fn drop_if(&mut self, refused: &Secret) {
        self.token.take_if(|(token, _)| token == refused);
    }

    /// Takes an answer of the token endpoint that was asked for at `began` (RFC 6749 §5.1); false if it is none
    pub(super) fn take(&mut self, body: &[u8], began: UnixTime) -> bool {
        if body.len() > EDGE_ANSWER_BYTES {
            return false;
        }
        let Ok(answer) = json::object(body) else { return false };
        let text = |name| answer.get(name).and_then(Value::as_str);
        let is_bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        let token = text("access_token").filter(|token| is_bearer && is_header_safe(token));
        let life = answer.get("expires_in").and_then(Value::as_u64).filter(|life| *life > 0);
        let (Some(token), Some(life)) = (token, life) else { return false };
        let margin = EDGE_PAT_MARGIN_SECONDS.min(life >> 1);
        self.token = Some((Secret::new(token.into()), began.plus(life.saturating_sub(margin))));
        self.is_used = false;
        true
    }
}

fn is_header_safe(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(body: &str) -> Option<Pat> {
        let mut pat = Pat::default();
        pat.take(body.as_bytes(), UnixTime(100)).then_some(pat)
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let mut pat = take(r#"{"access_token":"p","token_type":"bearer","expires_in":300}"#).unwrap();
        assert!(!pat.is_ending(UnixTime(380)), "nobody uses it");
        assert_eq!(pat.usable(UnixTime(389)).unwrap().expose(), "p");
        assert!(pat.usable(UnixTime(390)).is_none());
        assert!(!pat.is_ending(UnixTime(359)) && pat.is_ending(UnixTime(360)));
        let mut short = take(r#"{"access_token":"p","token_type":"Bearer","expires_in":4}"#).unwrap();
        assert!(short.usable(UnixTime(101)).is_some() && short.usable(UnixTime(102)).is_none());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for body in [
            "",
            "[]",
            r#"{"access_token":"p","expires_in":300}"#,
            r#"{"access_token":"p","token_type":"DPoP","expires_in":300}"#,
            r#"{"access_token":"","token_type":"bearer","expires_in":300}"#,
            r#"{"access_token":"p\r\nx: y","token_type":"bearer","expires_in":300}"#,
            r#"{"access_token":"p","token_type":"bearer"}"#,
            r#"{"access_token":"p","token_type":"bearer","expires_in":0}"#,
            r#"{"access_token":"p","token_type":"bearer","expires_in":"300"}"#,
        ] {
            assert!(take(body).is_none(), "{body}");
        }
    }
}
