//! Every bound that this crate keeps. A limit that is hit denies.

/// Longest identifier, in bytes
pub const ID_BYTES: usize = 255;
/// Longest scope, in bytes
pub const SCOPE_BYTES: usize = 255;
/// Longest compact JWS that is looked at, in bytes
pub const TOKEN_BYTES: usize = 512 * 1024;
/// Longest JOSE header after decoding, in bytes
pub const JOSE_HEADER_BYTES: usize = 4 * 1024;
/// Deepest nesting of the JSON in a token or a key set
pub const JSON_DEPTH: usize = 32;
/// Longest JWKS that is looked at, in bytes
pub const JWKS_BYTES: usize = 256 * 1024;
/// Most keys of one JWKS that are kept
pub const JWKS_KEYS: usize = 64;
/// Shortest RSA modulus, in bits (RFC 7518 §3.3)
pub const RSA_BITS_LEAST: usize = 2048;
/// Longest RSA modulus, in bits
pub const RSA_BITS_MOST: usize = 8192;
/// Most seconds that a clock may lag behind the issuer's (RFC 7519 §4.1.5)
pub const LEEWAY_SECONDS: u64 = 60;
/// Most permissions of one RPT that are looked at
pub const RPT_PERMISSIONS: usize = 10_000;
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
/// Longest URI that is looked at, in bytes
pub const URI_BYTES: usize = 8 * 1024;
/// Longest `DPoP` proof, in bytes
pub const PROOF_BYTES: usize = 16 * 1024;
/// Most seconds since a `DPoP` proof was made (RFC 9449 §11.1)
pub const PROOF_SECONDS: u64 = 60;
/// Most seconds by which the clock of a `DPoP` proof may be ahead
pub const PROOF_AHEAD_SECONDS: u64 = 5;
/// Longest status list after decompression, in bytes: 16 million tokens at 2 bits
pub const STATUS_LIST_BYTES: usize = 4 * 1024 * 1024;
/// Longest time for which a status list stands, in seconds, whatever its `exp` says
pub const STATUS_LIST_SECONDS: u64 = 7 * 24 * 3_600;
/// Longest `ttl` of a status list, in seconds
pub const STATUS_TTL_SECONDS: u64 = 24 * 3_600;
/// The `ttl` of a status list that gives none, in seconds
pub const STATUS_TTL_DEFAULT: u64 = 60;
/// Longest message of a change stream, in bytes
pub const CHANGES_BYTES: usize = 256 * 1024;
/// Most changes in one message of a change stream
pub const CHANGES: usize = 10_000;
