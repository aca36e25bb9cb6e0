#![doc = include_str!("../docs/limits.md")]

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
/// Longest chain of shares that rest on each other
pub const SHARE_DEPTH: usize = 8;
/// Most shares of one index
pub const SHARES: usize = 2_000_000;
/// Longest group path, role name, or `client_id` of a role, in an index of shares, in bytes
pub const GRANTEE_BYTES: usize = 4 * 1024;
/// Most bytes of the texts in one index of shares
pub const SHARES_TEXT_BYTES: usize = 256 * 1024 * 1024;
/// Longest snapshot of an index of shares that is looked at, in bytes
pub const SHARES_SNAPSHOT_BYTES: usize = 512 * 1024 * 1024;
/// Longest regular expression of a policy, in bytes
pub const REGEX_BYTES: usize = 1024;
/// Largest program that one becomes, in bytes
pub const REGEX_PROGRAM_BYTES: usize = 256 * 1024;
/// Deepest nesting of groups in one
pub const REGEX_DEPTH: usize = 32;
/// Longest value that is matched against one, in bytes
pub const REGEX_INPUT_BYTES: usize = 4096;
/// Most steps of the way into a claim that a policy names
pub const CLAIM_PATH_DEPTH: usize = 16;
/// Longest request target or registered URI that is matched, in bytes
pub const PATH_BYTES: usize = 8 * 1024;
/// Most segments of one path
pub const PATH_SEGMENTS: usize = 128;
/// Longest suffix of a pattern such as `/*.html`, in bytes
pub const PATTERN_SUFFIX_BYTES: usize = 64;
/// Most nodes that one lookup among patterns looks at; only many nested templates come near
pub const PATTERN_VISITS: usize = 4_096;
/// Longest policy enforcer configuration, in bytes
pub const ENFORCER_CONFIG_BYTES: usize = 1024 * 1024;
/// Most paths of a policy enforcer, and most methods of one path
pub const ENFORCER_PATHS: usize = 10_000;
/// Most claims of a claim information point, and most values of one claim
pub const ENFORCER_CLAIMS: usize = 256;
/// Longest request body that a claim information point looks into, in bytes
pub const ENFORCER_BODY_BYTES: usize = 64 * 1024;
/// Longest value of a claim that a claim information point takes from a request, in bytes
pub const ENFORCER_CLAIM_BYTES: usize = 8 * 1024;
/// Life of a permission ticket, in seconds, where the realm says nothing else
pub const TICKET_SECONDS: u64 = 300;
/// Longest time from the first ticket of an authorization process to the end of its last, in seconds
pub const TICKET_LINE_SECONDS: u64 = 24 * 60 * 60;
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
/// Most answers about the resources of paths that a guard remembers
pub const EDGE_PATHS: usize = 1_000;
/// Seconds for which it does, unless its rules have a `path-cache`
pub const EDGE_PATH_SECONDS: u64 = 30;
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

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    /// The table of `docs/limits.md`, from the constants above
    fn table() -> String {
        let mut rows = Vec::new();
        let mut meaning = String::new();
        for line in include_str!("limits.rs").lines() {
            let constant = line.strip_prefix("pub const ").and_then(|rest| rest.split_once(':'));
            if let Some((name, rest)) = constant {
                let value = rest.split_once("= ").map_or("", |(_, value)| value.trim_end_matches(';'));
                rows.push(format!("| `{name}` | {} | {meaning} |", value.replace('_', "")));
            }
            meaning = match line.strip_prefix("/// ") {
                Some(doc) if meaning.is_empty() => doc.into(),
                Some(doc) => format!("{meaning} {doc}"),
                None => String::new(),
            };
        }
        format!(
            "# Limits\n\nEvery bound that this crate keeps. A limit that is hit denies.\n\n\
             | Limit | Value | What it bounds |\n|---|---|---|\n{}\n",
            rows.join("\n")
        )
    }

    #[test]
    fn the_table_is_that_of_the_constants() {
        let table = table();
        assert!(table.lines().count() > 40);
        assert_eq!(include_str!("../docs/limits.md"), table, "docs/limits.md should read:\n{table}");
    }
}
