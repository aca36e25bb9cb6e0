//! Public keys of passkeys: COSE (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4, `WebAuthn` §6.5.1).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use minicbor::{Decoder, data::Type, decode};

use super::Refused;

/// How a passkey signs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256
    Es256,
    /// ECDSA on P-384
    Es384,
    /// ECDSA on P-521
    Es512,
    /// Ed25519
    EdDsa,
    /// RSA PKCS #1 v1.5 with SHA-256
    Rs256,
    /// … with SHA-384
    Rs384,
    /// … with SHA-512
    Rs512,
}

impl Algorithm {
    /// By its name in the settings of a realm; `RS1` and names that nobody knows are none
    pub fn read(name: &str) -> Option<Self> {
        Some(match name {
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            _ => return None,
        })
    }

    /// Its number (IANA COSE Algorithms)
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Es384 => -35,
            Self::Es512 => -36,
            Self::Rs256 => -257,
            Self::Rs384 => -258,
            Self::Rs512 => -259,
        }
    }

    const ALL: [Self; 7] =
        [Self::Es256, Self::EdDsa, Self::Es384, Self::Es512, Self::Rs256, Self::Rs384, Self::Rs512];

    /// Number of its curve, and bytes of a coordinate
    const fn curve(self) -> Option<(i64, usize)> {
        match self {
            Self::Es256 => Some((1, 32)),
            Self::Es384 => Some((2, 48)),
            Self::Es512 => Some((3, 66)),
            Self::EdDsa | Self::Rs256 | Self::Rs384 | Self::Rs512 => None,
        }
    }
}

/// A public key
#[derive(Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Curve(ParsedPublicKey),
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
}

/// Members of a COSE key that matter, by their labels
#[derive(Default)]
struct Members {
    kty: Option<i64>,
    alg: Option<i64>,
    curve: Option<i64>,
    /// `-1` of RSA: the modulus
    first: Option<Vec<u8>>,
    /// `-2`: x, or the exponent
    second: Option<Vec<u8>>,
    /// `-3`: y
    third: Option<Vec<u8>>,
}

/// More members than any key has
const MOST: u64 = 16;

impl Members {
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        let mut members = Self::default();
        let count = decoder.map()?.filter(|count| *count <= MOST);
        let count = count.ok_or_else(|| decode::Error::message("a key of no or too great a length"))?;
        for _ in 0..count {
            let label = decoder.i64()?;
            let bytes = decoder.datatype()? == Type::Bytes;
            let again = match (label, bytes) {
                (1, false) => members.kty.replace(decoder.i64()?).is_some(),
                (3, false) => members.alg.replace(decoder.i64()?).is_some(),
                (-1, false) => members.curve.replace(decoder.i64()?).is_some(),
                (-1, true) => members.first.replace(decoder.bytes()?.to_vec()).is_some(),
                (-2, true) => members.second.replace(decoder.bytes()?.to_vec()).is_some(),
                (-3, true) => members.third.replace(decoder.bytes()?.to_vec()).is_some(),
                _ => {
                    decoder.skip()?;
                    false
                }
            };
            if again {
                return Err(decode::Error::message("a member of a key comes twice"));
            }
        }
        Ok(members)
    }
}

impl PublicKey {
    /// Reads a key; gives how many bytes it has, too
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), Refused> {
        let mut decoder = Decoder::new(bytes);
        let members = Members::read(&mut decoder).map_err(|_| Refused::Malformed)?;
        let key = Self::of(members).ok_or(Refused::Algorithm)?;
        Ok((key, decoder.position()))
    }

    fn of(members: Members) -> Option<Self> {
        let algorithm = Algorithm::ALL.into_iter().find(|known| Some(known.number()) == members.alg)?;
        let second = members.second?;
        let material = match (members.kty?, algorithm) {
            (2, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512) => {
                let ((number, side), y) = (algorithm.curve()?, members.third?);
                if members.curve != Some(number) || second.len() != side || y.len() != side {
                    return None;
                }
                let point: Vec<u8> = [4].into_iter().chain(second).chain(y).collect();
                let verifier: &'static dyn VerificationAlgorithm = match algorithm {
                    Algorithm::Es384 => &ECDSA_P384_SHA384_ASN1,
                    Algorithm::Es512 => &ECDSA_P521_SHA512_ASN1,
                    Algorithm::Es256
                    | Algorithm::EdDsa
                    | Algorithm::Rs256
                    | Algorithm::Rs384
                    | Algorithm::Rs512 => &ECDSA_P256_SHA256_ASN1,
                };
                Material::Curve(ParsedPublicKey::new(verifier, point).ok()?)
            }
            // The curve 6 is Ed25519.
            (1, Algorithm::EdDsa) if members.curve == Some(6) => {
                Material::Curve(ParsedPublicKey::new(&ED25519, second).ok()?)
            }
            (3, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512) => {
                let parameters = match algorithm {
                    Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Es256
                    | Algorithm::Es384
                    | Algorithm::Es512
                    | Algorithm::EdDsa
                    | Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
                };
                let n = members.first?;
                // Between 2,048 and 8,192 bits, without leading zeros.
                if !(256..=1_024).contains(&n.len()) || n.first().is_none_or(|byte| *byte < 0x80) {
                    return None;
                }
                Material::Rsa(parameters, RsaPublicKeyComponents { n, e: second })
            }
            _ => return None,
        };
        Some(Self { algorithm, material })
    }

    /// How it signs
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this is its signature of a message
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let verified = match &self.material {
            Material::Curve(key) => key.verify_sig(message, signature),
            Material::Rsa(parameters, key) => key.verify(parameters, message, signature),
        };
        verified.map_err(|_| Refused::Signature)
    }
}
