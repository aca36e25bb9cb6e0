//! Why a token or an access is refused, as codes that do not change.

use core::fmt;

macro_rules! denials {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// A reason to refuse, with a code that every binding shares
        ///
        /// ```
        /// use countersign_core::denial::Denial;
        ///
        /// assert_eq!(Denial::NotPermitted.code(), "not_permitted");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Denial {
            $($(#[$doc])* $name,)+
        }

        impl Denial {
            /// All of them
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its code on the wire and in JavaScript
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

denials! {
    /// The token is bound to a key (`cnf`) and came without proof of it, or the other way round (RFC 9449 §7)
    BoundToken = "bound_token",
    /// The decision module could not answer
    EngineFailed = "engine_failed",
    /// The token's time is over
    Expired = "expired",
    /// The `DPoP` proof is missing, wrong, too old or used before (RFC 9449 §4.3)
    InvalidProof = "invalid_proof",
    /// The signature is not that of the named key
    InvalidSignature = "invalid_signature",
    /// The token is malformed, of another kind, or says nothing that can be relied on
    InvalidToken = "invalid_token",
    /// The issuer's keys are not known and could not be fetched
    KeysUnavailable = "keys_unavailable",
    /// The token is good, and does not permit this
    NotPermitted = "not_permitted",
    /// The token's time has not come, or it was issued in the future
    NotYetValid = "not_yet_valid",
    /// Whether the token was withdrawn is not known: its status list cannot be had, or is too old
    StatusUnavailable = "status_unavailable",
    /// No key of the issuer fits the token
    UnknownKey = "unknown_key",
    /// Its issuer has taken the token back (Token Status List §7.1)
    Withdrawn = "withdrawn",
    /// The token is for somebody else
    WrongAudience = "wrong_audience",
    /// The token is from somebody else
    WrongIssuer = "wrong_issuer",
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
