//! What an authenticator and its browser say (`WebAuthn` §5.8.1, §6.1, §6.5).

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use minicbor::Decoder;
use serde::Deserialize;

use super::{Policy, Refused, key::PublicKey};

/// Longest id of a credential, in bytes (`WebAuthn` §5.1)
const LONGEST_ID: usize = 1_023;

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const MAY_BE_BACKED_UP: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const HAS_KEY: u8 = 0x40;
const HAS_EXTENSIONS: u8 = 0x80;

/// What the browser says of the page that asked
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<String>,
}

/// Checks that a page of this server asked, for this, with the challenge that it was given (`WebAuthn` §7.1, §7.2)
pub(super) fn check_page(
    policy: &Policy,
    kind: &str,
    challenge: &str,
    client_data: &[u8],
) -> Result<(), Refused> {
    let asked: Asked = serde_json::from_slice(client_data).map_err(|_| Refused::Malformed)?;
    if asked.kind != kind {
        return Err(Refused::Kind);
    }
    if verify_slices_are_equal(asked.challenge.as_bytes(), challenge.as_bytes()).is_err() {
        return Err(Refused::Challenge);
    }
    // In a frame of another site nobody sees where he is.
    if !policy.origins.contains(&asked.origin) || asked.cross_origin || asked.top_origin.is_some() {
        return Err(Refused::Origin);
    }
    Ok(())
}

/// What an authenticator says
pub(super) struct Statement<'a> {
    flags: u8,
    /// How often it has signed; 0 where it does not count
    pub(super) counter: u32,
    /// Behind that
    rest: &'a [u8],
}

impl<'a> Statement<'a> {
    /// Reads it, and checks what holds for all of them
    pub(super) fn read(policy: &Policy, bytes: &'a [u8]) -> Result<Self, Refused> {
        let (hash, rest) = bytes.split_at_checked(32).ok_or(Refused::Malformed)?;
        let ([flags, counter @ ..], rest) = rest.split_first_chunk::<5>().ok_or(Refused::Malformed)?;
        let own = digest::digest(&digest::SHA256, policy.rp_id.as_bytes());
        if hash != own.as_ref() {
            return Err(Refused::RelyingParty);
        }
        let statement = Self { flags: *flags, counter: u32::from_be_bytes(*counter), rest };
        if !statement.is(PRESENT) {
            return Err(Refused::NotPresent);
        }
        if policy.verification.is_required() && !statement.is_verified() {
            return Err(Refused::NotVerified);
        }
        if statement.is(BACKED_UP) && !statement.is(MAY_BE_BACKED_UP) {
            return Err(Refused::Malformed);
        }
        Ok(statement)
    }

    const fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the authenticator has made sure who holds it
    pub(super) const fn is_verified(&self) -> bool {
        self.is(VERIFIED)
    }

    /// The key that was made, with the bytes that it has; nothing may stand behind it
    pub(super) fn new_key(&self) -> Result<NewKey<'a>, Refused> {
        if !self.is(HAS_KEY) {
            return Err(Refused::Malformed);
        }
        let (aaguid, rest) = self.rest.split_first_chunk::<16>().ok_or(Refused::Malformed)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(Refused::Malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (id, rest) = rest.split_at_checked(length).ok_or(Refused::Malformed)?;
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(Refused::Malformed);
        }
        let (key, length) = PublicKey::read(rest)?;
        let (cose, extensions) = rest.split_at_checked(length).ok_or(Refused::Malformed)?;
        check_extensions(self.is(HAS_EXTENSIONS), extensions)?;
        Ok(NewKey { aaguid: uuid::Uuid::from_bytes(*aaguid).to_string(), id, key, cose })
    }

    /// Nothing but what is announced stands at the end of an assertion
    pub(super) fn check_end(&self) -> Result<(), Refused> {
        if self.is(HAS_KEY) {
            return Err(Refused::Malformed);
        }
        check_extensions(self.is(HAS_EXTENSIONS), self.rest)
    }
}

fn check_extensions(announced: bool, bytes: &[u8]) -> Result<(), Refused> {
    let mut decoder = Decoder::new(bytes);
    let whole = if announced {
        let map = decoder.datatype().is_ok_and(|kind| kind == minicbor::data::Type::Map);
        map && decoder.skip().is_ok() && decoder.position() == bytes.len()
    } else {
        bytes.is_empty()
    };
    if whole { Ok(()) } else { Err(Refused::Malformed) }
}

/// A key that an authenticator has made
pub(super) struct NewKey<'a> {
    /// The authenticator's model, as it says
    pub(super) aaguid: String,
    /// The id of the credential
    pub(super) id: &'a [u8],
    /// The key
    pub(super) key: PublicKey,
    /// The same as it came
    pub(super) cose: &'a [u8],
}

/// An attestation object: format and authenticator data (`WebAuthn` §6.5.4). The statement of its maker is not read.
pub(super) fn attested(bytes: &[u8]) -> Result<(String, Vec<u8>), Refused> {
    let read = || -> Result<_, minicbor::decode::Error> {
        let mut decoder = Decoder::new(bytes);
        let (mut format, mut data) = (None, None);
        for _ in 0..decoder.map()?.unwrap_or_default().min(8) {
            match decoder.str()? {
                "fmt" => format = Some(decoder.str()?.to_owned()),
                "authData" => data = Some(decoder.bytes()?.to_vec()),
                _ => decoder.skip()?,
            }
        }
        Ok((format, data, decoder.position()))
    };
    match read() {
        Ok((Some(format), Some(data), end)) if end == bytes.len() => Ok((format, data)),
        _ => Err(Refused::Malformed),
    }
}
