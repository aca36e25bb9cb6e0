//! One-time codes of an authenticator app (RFC 6238, RFC 4226), in Keycloak's form (`type: otp`).
//!
//! Thirty lines over the HMAC that is here anyway, rather than a library: the digits are easy, and what matters, that
//! no code counts twice, is the store's.

use aws_lc_rs::{constant_time, hmac};
use countersign_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{http::admin::caller::segment, keys::KeyError, store::user::Credential};

/// Steps before and after the present one whose code counts too (Keycloak's `otpPolicyLookAheadWindow`)
const WINDOW: u64 = 1;

/// Why a stored secret cannot be used
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored one-time secret is malformed or of an unknown kind")]
pub struct OtpError;

#[derive(Deserialize)]
struct SecretData {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    #[serde(default)]
    sub_type: Option<String>,
    #[serde(default)]
    digits: Option<u32>,
    #[serde(default)]
    counter: Option<u64>,
    #[serde(default)]
    period: Option<u64>,
    #[serde(default)]
    algorithm: Option<String>,
    #[serde(default)]
    secret_encoding: Option<String>,
}

/// A secret that somebody is about to share with an authenticator app, in base32: 160 bits (RFC 4226 §4 R6)
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NewSecret(String);

impl core::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("NewSecret")
    }
}

impl NewSecret {
    /// A random one
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
        Ok(Self(to_base32(&bytes)))
    }

    /// In base32, for somebody who types it
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What an authenticator app scans (Key Uri Format of Google Authenticator)
    pub fn uri(&self, realm: &str, username: &str) -> String {
        let (realm, username) = (segment(realm), segment(username));
        format!(
            "otpauth://totp/{realm}:{username}?secret={}&digits=6&algorithm=SHA1&issuer={realm}&period=30",
            self.0
        )
    }

    /// As it is stored, in Keycloak's form
    pub fn credential(&self, id: String) -> Credential {
        Credential {
            id,
            secret_data: json!({ "value": self.0 }).to_string(),
            credential_data: json!({
                "subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1",
                "secretEncoding": "BASE32",
            })
            .to_string(),
        }
    }
}

/// The secret that an authenticator app shares
pub struct Otp {
    key: hmac::Key,
    digits: u32,
    moving: Moving,
}

#[derive(Debug, Clone, Copy)]
enum Moving {
    /// A step is a period of so many seconds
    Time(u64),
    /// A step is a press of a button; the first one that counts
    Counter(u64),
}

impl core::fmt::Debug for Otp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Otp").field("digits", &self.digits).finish_non_exhaustive()
    }
}

impl Otp {
    /// Reads Keycloak's `secretData` and `credentialData`
    pub fn read(credential: &Credential) -> Result<Self, OtpError> {
        let secret: SecretData = serde_json::from_str(&credential.secret_data).map_err(|_| OtpError)?;
        let data: CredentialData = serde_json::from_str(&credential.credential_data).map_err(|_| OtpError)?;
        let bytes = match data.secret_encoding.as_deref() {
            None => secret.value.into_bytes(),
            Some("BASE32") => base32(&secret.value).ok_or(OtpError)?,
            Some(_) => return Err(OtpError),
        };
        let algorithm = match data.algorithm.as_deref().unwrap_or("HmacSHA1") {
            "HmacSHA1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "HmacSHA256" => hmac::HMAC_SHA256,
            "HmacSHA512" => hmac::HMAC_SHA512,
            _ => return Err(OtpError),
        };
        let digits = data.digits.unwrap_or(6);
        let moving = match data.sub_type.as_deref().unwrap_or("totp") {
            "totp" => Moving::Time(data.period.unwrap_or(30)),
            "hotp" => Moving::Counter(data.counter.unwrap_or(0)),
            _ => return Err(OtpError),
        };
        // A short secret or a code of few digits is guessed (RFC 4226 §4 R6).
        if bytes.len() < 10 || !matches!(digits, 6..=8) || matches!(moving, Moving::Time(0)) {
            return Err(OtpError);
        }
        Ok(Self { key: hmac::Key::new(algorithm, &bytes), digits, moving })
    }

    /// The step whose code this is, if it comes after the last one that was used (RFC 6238 §5.2)
    pub fn step_of(&self, code: &str, now: UnixTime, last: Option<u64>) -> Option<u64> {
        let (first, count) = match self.moving {
            Moving::Time(period) => {
                (now.0.checked_div(period)?.saturating_sub(WINDOW), WINDOW.saturating_mul(2))
            }
            Moving::Counter(counter) => (counter.max(last.map_or(0, |last| last.saturating_add(1))), WINDOW),
        };
        let given: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        let mut steps = first..=first.saturating_add(count);
        steps.find(|step| {
            let fits = constant_time::verify_slices_are_equal(self.code(*step).as_bytes(), given.as_bytes());
            fits.is_ok() && last.is_none_or(|last| *step > last)
        })
    }

    /// The code of a step (RFC 4226 §5.3)
    fn code(&self, step: u64) -> String {
        let tag = hmac::sign(&self.key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0xf);
        let word = bytes.iter().skip(offset).take(4).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let number = (word & 0x7fff_ffff).checked_rem(10_u32.saturating_pow(self.digits)).unwrap_or_default();
        format!("{number:0width$}", width = usize::try_from(self.digits).unwrap_or_default())
    }
}

/// RFC 4648 §6, without padding
fn to_base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bit = |place: usize| {
        let byte = bytes.get(place.div_euclid(8)).copied().unwrap_or_default();
        byte >> 7_usize.saturating_sub(place.rem_euclid(8)) & 1
    };
    let bits = bytes.len().saturating_mul(8);
    (0..bits)
        .step_by(5)
        .map(|start| (start..start.saturating_add(5)).fold(0_u8, |value, place| value << 1 | bit(place)))
        .filter_map(|value| LETTERS.get(usize::from(value)).copied().map(char::from))
        .collect()
}

/// RFC 4648 §6, with or without padding
fn base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut word, mut bits) = (0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter.checked_sub(b'A')?,
            b'a'..=b'z' => letter.checked_sub(b'a')?,
            b'2'..=b'7' => letter.checked_sub(b'2')?.checked_add(26)?,
            _ => return None,
        };
        word = (word << 5 | u32::from(value)) & 0xffff;
        bits = bits.checked_add(5)?;
        if let Some(rest) = bits.checked_sub(8) {
            bytes.push(u8::try_from(word >> rest & 0xff).ok()?);
            bits = rest;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_read_as_it_was_shown() {
        assert_eq!(to_base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(to_base32(b"fo"), "MZXQ");
        let secret = NewSecret::random().unwrap();
        assert_eq!((secret.text().len(), base32(secret.text()).unwrap().len()), (32, 20));
        let otp = Otp::read(&secret.credential("1".to_owned())).unwrap();
        let code = otp.code(7);
        assert_eq!(otp.step_of(&code, UnixTime(7 * 30), None), Some(7));
        let uri = secret.uri("a realm", "alice:x");
        assert!(uri.starts_with("otpauth://totp/a%20realm:alice:x?secret="), "{uri}");
        assert_eq!(format!("{secret:?}"), "NewSecret");
    }

    fn otp(secret: &str, data: &str) -> Result<Otp, OtpError> {
        Otp::read(&Credential {
            id: "1".to_owned(),
            secret_data: format!(r#"{{"value":"{secret}"}}"#),
            credential_data: data.to_owned(),
        })
    }

    /// RFC 6238, Appendix B
    #[test]
    fn the_codes_of_the_rfc_count() {
        let sha1 = "12345678901234567890";
        let sha256 = "12345678901234567890123456789012";
        let sha512 = "1234567890123456789012345678901234567890123456789012345678901234";
        for (time, algorithm, secret, code) in [
            (59, "HmacSHA1", sha1, "94287082"),
            (59, "HmacSHA256", sha256, "46119246"),
            (59, "HmacSHA512", sha512, "90693936"),
            (1_111_111_109, "HmacSHA1", sha1, "07081804"),
            (20_000_000_000, "HmacSHA1", sha1, "65353130"),
            (20_000_000_000, "HmacSHA512", sha512, "47863826"),
        ] {
            let data = format!(r#"{{"subType":"totp","digits":8,"period":30,"algorithm":"{algorithm}"}}"#);
            let otp = otp(secret, &data).unwrap();
            assert_eq!(otp.step_of(code, UnixTime(time), None), Some(time / 30), "{time} {algorithm}");
        }
    }

    #[test]
    fn a_code_counts_once_and_near_its_time() {
        let data = r#"{"subType":"totp","digits":8,"counter":0,"period":30,"algorithm":"HmacSHA1",
            "secretEncoding":"BASE32"}"#;
        let otp = otp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", data).unwrap();
        let step = |now, last| otp.step_of("9428 7082", UnixTime(now), last);
        assert_eq!(step(59, None), Some(1));
        assert_eq!(step(59, Some(0)), Some(1));
        assert_eq!(step(59, Some(1)), None, "a code that was used");
        assert_eq!(step(59, Some(2)), None, "a code from before the last one");
        assert_eq!(step(89, None), Some(1));
        assert_eq!(step(0, None), Some(1));
        assert_eq!(step(90, None), None);
        assert_eq!(otp.step_of("", UnixTime(59), None), None);
        assert_eq!(otp.step_of("94287083", UnixTime(59), None), None);
    }

    /// RFC 4226, Appendix D
    #[test]
    fn a_counter_goes_on_from_the_last_code() {
        let otp = otp("12345678901234567890", r#"{"subType":"hotp","digits":6,"counter":0}"#).unwrap();
        assert_eq!(otp.step_of("755224", UnixTime(0), None), Some(0));
        assert_eq!(otp.step_of("287082", UnixTime(0), None), Some(1));
        assert_eq!(otp.step_of("359152", UnixTime(0), None), None, "too far ahead");
        assert_eq!(otp.step_of("359152", UnixTime(0), Some(1)), Some(2));
        assert_eq!(otp.step_of("755224", UnixTime(0), Some(1)), None);
    }

    #[test]
    fn a_secret_that_cannot_be_trusted_is_refused() {
        for (secret, data) in [
            ("short", "{}"),
            ("12345678901234567890", r#"{"digits":4}"#),
            ("12345678901234567890", r#"{"digits":90}"#),
            ("12345678901234567890", r#"{"period":0}"#),
            ("12345678901234567890", r#"{"algorithm":"HmacMD5"}"#),
            ("12345678901234567890", r#"{"subType":"other"}"#),
            ("1234567890", r#"{"secretEncoding":"BASE32"}"#),
            ("12345678901234567890", r#"{"secretEncoding":"HEX"}"#),
            ("12345678901234567890", "x"),
        ] {
            assert!(otp(secret, data).is_err(), "{secret} {data}");
        }
    }
}
