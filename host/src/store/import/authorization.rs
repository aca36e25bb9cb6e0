//! Authorization settings of an imported client (`keycloak-wire` §9.5).

use super::{Writing, refused};
use crate::{
    import::document::AuthorizationFile,
    realm::Client,
    store::{StoreError, server::settings},
};

impl Writing<'_> {
    /// Makes a client a resource server, with what a document says of it
    pub(crate) fn authorization(
        &self,
        client: &Client,
        document: Option<&AuthorizationFile>,
    ) -> Result<(), StoreError> {
        write(self, client, document)
    }
}

pub(super) fn write(
    writing: &Writing<'_>,
    client: &Client,
    document: Option<&AuthorizationFile>,
) -> Result<(), StoreError> {
    let defaults = AuthorizationFile::default();
    let document = document.unwrap_or(&defaults);
    settings::create(writing.tx, &writing.realm_id, &client.id, document, writing.now).map_err(|error| {
        if let StoreError::Refused(text) = error {
            refused(format!("client `{}`: {text}", client.client_id))
        } else {
            error
        }
    })
}
