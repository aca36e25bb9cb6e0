//! The public keys of a realm (RFC 7517 §5; wire §1.3).
