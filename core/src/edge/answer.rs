//! Refusals as HTTP: a challenge where there is a ticket, a warning where there is none (UMA Grant §3.2).

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    event::RequestId,
    step::{Answer, Step},
    waiting::Waiting,
};
use crate::{
    challenge::{UNREACHABLE_WARNING, UmaChallenge},
    denial::Denial,
    dpop::{ALGS, ProofError},
};

/// 401 with a ticket (UMA Grant §3.2.1), and with what `DPoP` needs where the token came so or should have
pub(super) fn challenge(waiting: &Waiting, challenge: &UmaChallenge, denial: Denial) -> Step {
    let mut headers = vec![("www-authenticate", challenge.to_string())];
    if waiting.presented.is_dpop() || denial == Denial::BoundToken {
        headers.push(("www-authenticate", ["DPoP algs=\"", ALGS, "\""].concat()));
        headers.extend(nonce(waiting));
    }
    headers.push(("access-control-expose-headers", "WWW-Authenticate, DPoP-Nonce".into()));
    refusal(waiting.request.id, 401, headers, denial)
}

/// 401 for a proof that does not do (RFC 9449 §7.1, §9)
pub(super) fn bad_proof(waiting: &Waiting, error: ProofError) -> Step {
    let value = ["DPoP algs=\"", ALGS, "\", error=\"", error.oauth_code(), "\""].concat();
    let mut headers = vec![("www-authenticate", value)];
    headers.extend(nonce(waiting));
    headers.push(("access-control-expose-headers", "WWW-Authenticate, DPoP-Nonce".into()));
    refusal(waiting.request.id, 401, headers, error.denial())
}

/// 403 where no ticket can be had, and no challenge (UMA Grant §3.2.2)
pub(super) fn unreachable(request: RequestId, denial: Denial) -> Step {
    refusal(request, 403, vec![("warning", UNREACHABLE_WARNING.into())], denial)
}

/// 503 where too many requests wait already
pub(super) fn busy(request: RequestId) -> Step {
    refusal(request, 503, vec![("retry-after", "1".into())], Denial::EngineFailed)
}

fn nonce(waiting: &Waiting) -> Option<(&'static str, String)> {
    let is_safe = |nonce: &String| nonce.bytes().all(|byte| byte.is_ascii_graphic());
    waiting.nonce().filter(is_safe).map(|nonce| ("dpop-nonce", nonce))
}

fn refusal(
    request: RequestId,
    status: u16,
    mut headers: Vec<(&'static str, String)>,
    denial: Denial,
) -> Step {
    headers.push(("cache-control", "no-store".into()));
    Step::Answer(Answer { request, status, headers, denial })
}
