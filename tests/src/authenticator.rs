//! An authenticator in software, and the browser's part of its work (`WebAuthn` §6, §7).

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use minicbor::Encoder;
use serde_json::{Value, json};

use crate::browser::Page;

/// Somebody touched it
pub const PRESENT: u8 = 0x01;
/// It has made sure who holds it
pub const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

/// A key of one of the kinds that passkeys have
#[derive(Debug)]
pub enum Key {
    /// ECDSA on P-256
    Es256(EcdsaKeyPair),
    /// Ed25519
    EdDsa(Ed25519KeyPair),
    /// RSA
    Rs256(RsaKeyPair),
}

impl Key {
    /// The usual kind
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// Ed25519
    pub fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    /// RSA of 2,048 bits
    pub fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// As COSE
    pub fn cose(&self) -> Vec<u8> {
        let mut cbor = Encoder::new(Vec::new());
        match self {
            Self::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let head = cbor.map(5).unwrap().i8(1).unwrap().i8(2).unwrap().i8(3).unwrap().i8(-7).unwrap();
                head.i8(-1).unwrap().i8(1).unwrap().i8(-2).unwrap().bytes(x).unwrap().i8(-3).unwrap();
                cbor.bytes(y).unwrap();
            }
            Self::EdDsa(key) => {
                let head = cbor.map(4).unwrap().i8(1).unwrap().i8(1).unwrap().i8(3).unwrap().i8(-8).unwrap();
                head.i8(-1).unwrap().i8(6).unwrap().i8(-2).unwrap().bytes(key.public_key().as_ref()).unwrap();
            }
            Self::Rs256(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                let head =
                    cbor.map(4).unwrap().i8(1).unwrap().i8(3).unwrap().i8(3).unwrap().i16(-257).unwrap();
                head.i8(-1).unwrap().bytes(n.big_endian_without_leading_zero()).unwrap().i8(-2).unwrap();
                cbor.bytes(e.big_endian_without_leading_zero()).unwrap();
            }
        }
        cbor.into_writer()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// An authenticator with one passkey; what it says can be bent
#[derive(Debug)]
pub struct Authenticator {
    /// Its key
    pub key: Key,
    /// The id of its passkey
    pub id: Vec<u8>,
    /// Its model
    pub aaguid: [u8; 16],
    /// Whose passkey it is
    pub user: String,
    /// How often it has signed; 0: it does not count
    pub counter: u32,
    /// What it says of its holder
    pub flags: u8,
    /// The page that asks
    pub origin: String,
    /// The page is in a frame of another site
    pub framed: bool,
    /// Instead of the domain that the page names
    pub rp_id: Option<String>,
    /// Instead of the challenge that the page has
    pub challenge: Option<String>,
    /// Instead of what was asked
    pub kind: Option<&'static str>,
}

/// Fields of a form
pub type Fields = Vec<(&'static str, String)>;

impl Authenticator {
    /// A new one, in a browser that shows pages of this origin
    pub fn new(origin: &str) -> Self {
        Self::with(Key::es256(), origin)
    }

    /// A new one with this key
    pub fn with(key: Key, origin: &str) -> Self {
        let id = digest::digest(&digest::SHA256, &key.cose()).as_ref()[..20].to_vec();
        Self {
            key,
            id,
            aaguid: [7; 16],
            user: String::new(),
            counter: 0,
            flags: PRESENT | VERIFIED,
            origin: origin.to_owned(),
            framed: false,
            rp_id: None,
            challenge: None,
            kind: None,
        }
    }

    fn client_data(&self, kind: &str, page: &Page) -> Vec<u8> {
        let kind = self.kind.unwrap_or(kind);
        let challenge = self.challenge.clone().unwrap_or_else(|| page.data("challenge"));
        let said = json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.framed });
        said.to_string().into_bytes()
    }

    fn head(&self, page: &Page, flags: u8) -> Vec<u8> {
        let rp_id = self.rp_id.clone().unwrap_or_else(|| page.data("rp-id"));
        let mut data = digest::digest(&digest::SHA256, rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// Makes its passkey for a page, and gives the fields of the form
    pub fn make(&mut self, page: &Page) -> Fields {
        self.user = String::from_utf8(URL_SAFE_NO_PAD.decode(page.data("user-id")).unwrap()).unwrap();
        let mut data = self.head(page, self.flags | HAS_KEY);
        data.extend(self.aaguid);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.key.cose());
        let mut cbor = Encoder::new(Vec::new());
        let head = cbor.map(3).unwrap().str("fmt").unwrap().str("none").unwrap().str("attStmt").unwrap();
        head.map(0).unwrap().str("authData").unwrap().bytes(&data).unwrap();
        vec![
            ("clientDataJSON", URL_SAFE_NO_PAD.encode(self.client_data("webauthn.create", page))),
            ("attestationObject", URL_SAFE_NO_PAD.encode(cbor.into_writer())),
            ("publicKeyCredentialId", URL_SAFE_NO_PAD.encode(&self.id)),
            ("transports", "internal,hybrid,by-pigeon".to_owned()),
        ]
    }

    /// Signs for a page, and gives the fields of the form
    pub fn sign(&self, page: &Page) -> Fields {
        let (client_data, data) = (self.client_data("webauthn.get", page), self.head(page, self.flags));
        let mut message = data.clone();
        message.extend(digest::digest(&digest::SHA256, &client_data).as_ref());
        vec![
            ("clientDataJSON", URL_SAFE_NO_PAD.encode(client_data)),
            ("authenticatorData", URL_SAFE_NO_PAD.encode(data)),
            ("signature", URL_SAFE_NO_PAD.encode(self.key.sign(&message))),
            ("credentialId", URL_SAFE_NO_PAD.encode(&self.id)),
            ("userHandle", URL_SAFE_NO_PAD.encode(&self.user)),
        ]
    }

    /// Its passkey as Keycloak exports it
    pub fn exported(&self, label: &str) -> Value {
        let data = json!({
            "aaguid": "07070707-0707-0707-0707-070707070707", "credentialId": STANDARD.encode(&self.id),
            "counter": self.counter, "credentialPublicKey": URL_SAFE_NO_PAD.encode(self.key.cose()),
            "attestationStatementFormat": "none", "transports": ["internal"],
        });
        json!({
            "id": "6f3a1c1e-0f6b-4d5e-9d11-5a5a5a5a0001", "type": "webauthn-passwordless", "userLabel": label,
            "createdDate": 1_700_000_000_000_u64, "secretData": "{}", "credentialData": data.to_string(),
        })
    }
}

impl Page {
    /// What a form of the page carries for its script
    #[track_caller]
    pub fn data(&self, name: &str) -> String {
        let text = self.text();
        let (_, rest) =
            text.split_once(&format!(" data-{name}=\"")).unwrap_or_else(|| panic!("{}", self.answer));
        rest.split('"').next().unwrap().to_owned()
    }
}
