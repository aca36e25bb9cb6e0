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
/// Most requests of a guard that wait for something
pub const EDGE_WAITING: usize = 1_024;
/// Longest that a request waits, in seconds
pub const EDGE_WAIT_SECONDS: u64 = 15;
/// Most fetches of a guard for single requests (tickets, introspection) at one time
pub const EDGE_FETCHES: usize = 64;
/// Longest that a guard waits for an answer from the authorization server, in seconds
pub const EDGE_FETCH_SECONDS: u64 = 10;
/// Longest answer of the authorization server that is looked at, key sets and status lists apart, in bytes
pub const EDGE_ANSWER_BYTES: usize = 256 * 1024;
/// Longest time between two attempts while the authorization server fails, in seconds; the first is a second
pub const EDGE_RETRY_SECONDS: u64 = 8;
/// Most verified tokens that a guard remembers
pub const EDGE_TOKENS: usize = 1_000;
/// Most `DPoP` proofs that a guard remembers
pub const EDGE_PROOFS: usize = 10_000;
/// Age at which a guard fetches keys anew behind its callers' backs, in seconds
pub const EDGE_KEYS_FRESH_SECONDS: u64 = 600;
/// Age beyond which keys are not used even if the authorization server is down, in seconds
pub const EDGE_KEYS_SECONDS: u64 = 3_600;
/// Age beyond which metadata of an earlier life are not taken back, in seconds
pub const EDGE_METADATA_SECONDS: u64 = 3_600;
/// Least time between two fetches of keys because of a `kid` that nobody knows, in seconds
pub const EDGE_UNKNOWN_KEY_SECONDS: u64 = 30;
/// Seconds before its end at which a PAT is used no more
pub const EDGE_PAT_MARGIN_SECONDS: u64 = 10;
/// Seconds before its end at which a PAT is renewed behind the callers' backs
pub const EDGE_PAT_RENEW_SECONDS: u64 = 30;
/// Longest silence of a change stream that counts as alive, in seconds
pub const EDGE_SILENCE_SECONDS: u64 = 15;
/// Age beyond which a guard takes no status list as true, in seconds, unless it is configured otherwise
pub const EDGE_STALENESS_SECONDS: u64 = 60;
