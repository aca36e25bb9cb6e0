//! Protocol mappers (wire §9.4).

use super::{Representation, stranger};
use crate::realm::ProtocolMapper;

/// The kinds that a token is made with here; others are kept and put nothing into tokens
pub const IDLE: &[super::Idle] = &[
    ("consentRequired", "asked people before the claim was given"),
    ("consentText", "was shown when people were asked"),
];

impl Representation for ProtocolMapper {
    const CLASS: &'static str = "ProtocolMapperRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.other, &[], IDLE)
    }
}
