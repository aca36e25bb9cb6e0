//! Refusals as HTTP: a challenge where there is a ticket, a warning where there is none (UMA Grant §3.2).

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    event::RequestId,
    step::{Answer, Step},
    waiting::{Refused, Waiting},
};
use crate::{
    challenge::{UNREACHABLE_WARNING, UmaChallenge},
    denial::Denial,
    dpop::{ALGS, ProofError},
};

/// 401 with a ticket (UMA Grant §3.2.1), and with what `DPoP` needs where the token came so or should have
pub(super) fn challenge(waiting: &Waiting, challenge: &UmaChallenge) -> Step {
    let denial = denial(waiting);
    let mut headers = vec![("www-authenticate", challenge.to_string())];
    if waiting.presented.is_dpop() || denial == Denial::BoundToken {
        headers.push(("www-authenticate", ["DPoP algs=\"", ALGS, "\""].concat()));
        headers.extend(nonce(waiting));
    }
    headers.push(("access-control-expose-headers", "WWW-Authenticate, DPoP-Nonce".into()));
    refusal(waiting, 401, headers, denial)
}

/// 401 for a proof that does not do (RFC 9449 §7.1, §9)
pub(super) fn bad_proof(waiting: &Waiting, error: ProofError) -> Step {
    let value = ["DPoP algs=\"", ALGS, "\", error=\"", error.oauth_code(), "\""].concat();
    let mut headers = vec![("www-authenticate", value)];
    headers.extend(nonce(waiting));
    headers.push(("access-control-expose-headers", "WWW-Authenticate, DPoP-Nonce".into()));
    with_reason(waiting.id, 401, headers, error.denial(), error.denial().code())
}

/// 401 where any good token would do (RFC 6750 §3)
pub(super) fn unauthorized(waiting: &Waiting, realm: &str) -> Step {
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    let error = if waiting.presented.token().is_some() { ", error=\"invalid_token\"" } else { "" };
    let value = ["Bearer realm=\"", &quoted, "\"", error].concat();
    refusal(waiting, 401, vec![("www-authenticate", value)], denial(waiting))
}

/// 302 to the page for refused requests
pub(super) fn redirect(waiting: &Waiting, location: String) -> Step {
    refusal(waiting, 302, vec![("location", location)], denial(waiting))
}

/// 403 where a ticket would be of no use
pub(super) fn forbidden(waiting: &Waiting) -> Step {
    refusal(waiting, 403, Vec::new(), denial(waiting))
}

/// 403 where no ticket can be had, and no challenge (UMA Grant §3.2.2)
pub(super) fn unreachable(waiting: &Waiting, denial: Denial) -> Step {
    refusal(waiting, 403, vec![("warning", UNREACHABLE_WARNING.into())], denial)
}

/// 503 where too many requests wait already
pub(super) fn busy(request: RequestId) -> Step {
    let denial = Denial::EngineFailed;
    with_reason(request, 503, vec![("retry-after", "1".into())], denial, denial.code())
}

fn denial(waiting: &Waiting) -> Denial {
    waiting.refused.as_ref().map_or(Denial::InvalidToken, Refused::denial)
}

fn nonce(waiting: &Waiting) -> Option<(&'static str, String)> {
    let is_safe = |nonce: &String| nonce.bytes().all(|byte| byte.is_ascii_graphic());
    waiting.nonce().filter(is_safe).map(|nonce| ("dpop-nonce", nonce))
}

fn refusal(waiting: &Waiting, status: u16, headers: Vec<(&'static str, String)>, denial: Denial) -> Step {
    let refused = waiting.refused.as_ref().filter(|refused| refused.denial() == denial);
    let reason = refused.map_or_else(|| denial.code(), Refused::code);
    with_reason(waiting.id, status, headers, denial, reason)
}

fn with_reason(
    request: RequestId,
    status: u16,
    mut headers: Vec<(&'static str, String)>,
    denial: Denial,
    reason: &'static str,
) -> Step {
    headers.push(("cache-control", "no-store".into()));
    Step::Answer(Answer { request, status, headers, denial, reason })
}
