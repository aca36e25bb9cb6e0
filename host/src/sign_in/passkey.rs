//! Passkeys (W3C Web Authentication Level 3), kept in Keycloak's form (`type: webauthn-passwordless`).
//!
//! The signatures are those that `aws-lc-rs` checks for tokens anyway, and a small reader of CBOR is all that is needed
//! besides: a library for the whole would bring a second set of cryptography, for attestation statements that nothing
//! here reads. Who made an authenticator is not proved: whatever statement comes counts as none (§7.1 step 24).

mod answer;
mod key;
pub mod proof;
mod stored;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use self::answer::{Statement, attested, check_page};
pub use self::{
    key::Algorithm,
    stored::{NewPasskey, Passkey, decoded},
};
use crate::realm::RealmSettings;

/// What Keycloak calls such a credential
pub const KIND: &str = "webauthn-passwordless";
/// What Keycloak calls the making of one
pub const REGISTER: &str = "webauthn-register-passwordless";

/// Why a passkey does not count
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What came cannot be read
    #[error("the answer is malformed")]
    Malformed,
    /// An answer to another question
    #[error("the answer is one to another question")]
    Kind,
    /// Another challenge, or one that was answered before
    #[error("the challenge is another one")]
    Challenge,
    /// Another site asked
    #[error("the page is of another origin")]
    Origin,
    /// The passkey is for another domain
    #[error("the passkey is for another domain")]
    RelyingParty,
    /// Nobody touched the authenticator
    #[error("the user was not present")]
    NotPresent,
    /// The authenticator did not make sure who holds it
    #[error("the user was not verified")]
    NotVerified,
    /// The realm does not take such keys
    #[error("the key is of a kind that is not accepted")]
    Algorithm,
    /// The realm does not take such authenticators
    #[error("the authenticator is of a model that is not accepted")]
    Model,
    /// There is no such passkey
    #[error("the passkey is unknown")]
    Unknown,
    /// The user has this one already
    #[error("the passkey is known already")]
    Known,
    /// The signature is wrong
    #[error("the signature is wrong")]
    Signature,
    /// The authenticator has counted further before: there may be a copy of it (`WebAuthn` §6.1.1)
    #[error("the counter went back")]
    Counter,
}

/// Whether authenticators have to make sure who holds them
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// They have to
    Required,
    /// They should
    Preferred,
    /// They should not
    Discouraged,
}

impl Verification {
    fn read(text: &str) -> Self {
        match text {
            "preferred" | "not specified" | "" => Self::Preferred,
            "discouraged" => Self::Discouraged,
            // A word that nobody knows demands.
            _ => Self::Required,
        }
    }

    /// As browsers call it
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }

    const fn is_required(self) -> bool {
        matches!(self, Self::Required)
    }
}

/// What a realm demands of passkeys (`webAuthnPolicyPasswordless…`)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What passkeys call this server
    pub rp_name: String,
    /// Their domain
    pub rp_id: String,
    /// Signatures of new ones, the best first
    pub algorithms: Vec<Algorithm>,
    /// Whether they have to make sure who holds them
    pub verification: Verification,
    /// Whether a statement of their makers is asked for
    pub attestation: &'static str,
    /// Where they are kept, if that matters
    pub attachment: Option<&'static str>,
    /// Milliseconds that people have, if that matters
    pub timeout: Option<u64>,
    /// An authenticator that has a passkey of the user gets no second one
    pub once: bool,
    origins: Vec<String>,
    models: Vec<String>,
}

impl Policy {
    /// That of a realm, which people call so, on a server with this base of what people see
    pub fn of(settings: &RealmSettings, name: &str, front: &str) -> Self {
        let origin = origin(front);
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        // `[::1]:8080` has colons of its own.
        let host =
            host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host);
        let given = |text: &str, instead: &str| if text.is_empty() { instead } else { text }.to_owned();
        let algorithms = &settings.web_authn_policy_passwordless_signature_algorithms;
        let algorithms = if algorithms.is_empty() {
            vec![Algorithm::Es256, Algorithm::Rs256]
        } else {
            algorithms.iter().filter_map(|name| Algorithm::read(name)).collect()
        };
        let extra = settings.web_authn_policy_passwordless_extra_origins.iter();
        Self {
            rp_name: given(&settings.web_authn_policy_passwordless_rp_entity_name, name),
            rp_id: given(&settings.web_authn_policy_passwordless_rp_id, host),
            algorithms,
            verification: Verification::read(
                &settings.web_authn_policy_passwordless_user_verification_requirement,
            ),
            attestation: match &*settings.web_authn_policy_passwordless_attestation_conveyance_preference {
                "direct" => "direct",
                "indirect" => "indirect",
                _ => "none",
            },
            attachment: match &*settings.web_authn_policy_passwordless_authenticator_attachment {
                "platform" => Some("platform"),
                "cross-platform" => Some("cross-platform"),
                _ => None,
            },
            timeout: match settings.web_authn_policy_passwordless_create_timeout {
                0 => None,
                seconds => Some(seconds.saturating_mul(1000)),
            },
            once: settings.web_authn_policy_passwordless_avoid_same_authenticator_register,
            origins: extra.cloned().chain([origin.to_owned()]).collect(),
            models: settings.web_authn_policy_passwordless_acceptable_aaguids.clone(),
        }
    }

    /// Checks what came of the making of a passkey (`WebAuthn` §7.1)
    pub fn registered(
        &self,
        challenge: &Challenge,
        client_data: &[u8],
        attestation: &[u8],
    ) -> Result<NewPasskey, Refused> {
        check_page(self, "webauthn.create", &challenge.0, client_data)?;
        let (format, data) = attested(attestation)?;
        let statement = Statement::read(self, &data)?;
        let made = statement.new_key()?;
        if !self.algorithms.contains(&made.key.algorithm()) {
            return Err(Refused::Algorithm);
        }
        if !self.models.is_empty()
            && !self.models.iter().any(|model| model.eq_ignore_ascii_case(&made.aaguid))
        {
            return Err(Refused::Model);
        }
        Ok(NewPasskey {
            aaguid: made.aaguid,
            id: made.id.to_vec(),
            cose: made.cose.to_vec(),
            counter: statement.counter,
            format,
        })
    }

    /// Checks what a passkey signed (`WebAuthn` §7.2)
    pub fn asserted(
        &self,
        challenge: &Challenge,
        passkey: &Passkey,
        given: &Assertion,
    ) -> Result<Asserted, Refused> {
        check_page(self, "webauthn.get", &challenge.0, &given.client_data)?;
        let statement = Statement::read(self, &given.data)?;
        statement.check_end()?;
        let mut message = given.data.clone();
        message.extend_from_slice(digest::digest(&digest::SHA256, &given.client_data).as_ref());
        passkey.key.verify(&message, &given.signature)?;
        let counter = u64::from(statement.counter);
        if (counter != 0 || passkey.counter != 0) && counter <= passkey.counter {
            return Err(Refused::Counter);
        }
        Ok(Asserted { counter, verified: statement.is_verified() })
    }
}

/// Scheme, host and port of an address
fn origin(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split('/').next().unwrap_or_default();
    let length = scheme.len().saturating_add("://".len()).saturating_add(host.len());
    url.get(..length).unwrap_or_default()
}

/// What a passkey has to sign, once: 256 random bits
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Challenge(String);

impl Challenge {
    /// A random one
    pub fn random() -> Result<Self, crate::keys::KeyError> {
        Ok(Self(super::Token::random()?.reveal().to_owned()))
    }

    /// In base64url
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What a passkey signed
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Which passkey
    pub id: Vec<u8>,
    /// Whose: the internal id of the user
    pub user: String,
    /// What the browser says
    pub client_data: Vec<u8>,
    /// What the authenticator says
    pub data: Vec<u8>,
    /// The signature of both
    pub signature: Vec<u8>,
}

/// An assertion that is right
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// How often the authenticator has signed now
    pub counter: u64,
    /// It has made sure who holds it
    pub verified: bool,
}
