//! Every bound that this crate keeps. A limit that is hit denies.

/// Longest identifier, in bytes
pub const ID_BYTES: usize = 255;
/// Longest scope, in bytes
pub const SCOPE_BYTES: usize = 255;
/// Longest compact JWS that is looked at, in bytes
pub const TOKEN_BYTES: usize = 512 * 1024;
/// Longest JOSE header after decoding, in bytes
pub const JOSE_HEADER_BYTES: usize = 4 * 1024;
/// Most keys of one JWKS that are kept
pub const JWKS_KEYS: usize = 64;
/// Longest `WWW-Authenticate` header that is parsed, in bytes
pub const CHALLENGE_BYTES: usize = 16 * 1024;
/// Most challenges in one header
pub const CHALLENGES: usize = 16;
/// Most parameters of one challenge
pub const CHALLENGE_PARAMETERS: usize = 32;
/// Most resources that one assessment looks at
pub const RESOURCES: usize = 1_000;
/// Deepest nesting of aggregate policies
pub const POLICY_DEPTH: usize = 16;
/// Most policies that one assessment looks at
pub const POLICIES: usize = 10_000;
