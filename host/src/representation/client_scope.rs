//! Client scopes (`admin-surface` §8).

use super::{Representation, stranger, stranger_in};
use crate::realm::ClientScope;

impl Representation for ClientScope {
    const CLASS: &'static str = "ClientScopeRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.other, &[], &[]).or_else(|| stranger_in("protocolMappers", &self.protocol_mappers))
    }
}
