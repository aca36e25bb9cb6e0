//! One-time codes of an authenticator app (RFC 6238, RFC 4226), in Keycloak's form (`type: otp`).
//!
//! Thirty lines over the HMAC that is here anyway, rather than a library: the digits are easy, and what matters, that
//! no code counts twice, is the store's.

use aws_lc_rs::{constant_time, hmac};
use countersign_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{keys::KeyError, percent::segment, realm::RealmSettings, store::user::Credential};

/// Widest window that a realm may have, in steps: each makes guessing easier
const WIDEST: u64 = 100;
/// Longest step of a realm, in seconds
const SLOWEST: u64 = 3_600;

/// What a realm says of one-time codes (`otpPolicy…`)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy<'a>(&'a RealmSettings);

impl<'a> Policy<'a> {
    /// That of a realm
    pub const fn of(settings: &'a RealmSettings) -> Self {
        Self(settings)
    }

    /// What cannot be, with the member that says it
    pub fn check(self) -> Result<(), (&'static str, &'static str)> {
        let Self(settings) = self;
        if !matches!(&*settings.otp_policy_type, "totp" | "hotp") {
            return Err(("otpPolicyType", "expected `totp` or `hotp`"));
        }
        if name(&settings.otp_policy_algorithm).is_none() {
            return Err(("otpPolicyAlgorithm", "expected `HmacSHA1`, `HmacSHA256` or `HmacSHA512`"));
        }
        if !matches!(settings.otp_policy_digits, 6..=8) {
            return Err(("otpPolicyDigits", "expected 6 to 8"));
        }
        if !(1..=SLOWEST).contains(&settings.otp_policy_period) {
            return Err(("otpPolicyPeriod", "expected 1 to 3600 seconds"));
        }
        if settings.otp_policy_look_ahead_window > WIDEST {
            return Err(("otpPolicyLookAheadWindow", "expected at most 100 steps"));
        }
        Ok(())
    }

    fn is_counter(self) -> bool {
        self.0.otp_policy_type == "hotp"
    }

    /// In words for people who set up an app by hand
    pub fn words(self) -> String {
        let Self(settings) = self;
        let moving = if self.is_counter() {
            format!("counter, from {}", settings.otp_policy_initial_counter)
        } else {
            format!("time, {} seconds", settings.otp_policy_period)
        };
        let algorithm = name(&settings.otp_policy_algorithm).unwrap_or_default();
        format!("{moving}; {algorithm}; {} digits", settings.otp_policy_digits)
    }
}

/// What authenticator apps call a hash
fn name(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        "HmacSHA1" => Some("SHA1"),
        "HmacSHA256" => Some("SHA256"),
        "HmacSHA512" => Some("SHA512"),
        _ => None,
    }
}

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
    pub fn uri(&self, policy: Policy<'_>, realm: &str, username: &str) -> String {
        let (realm, username, Policy(settings)) = (segment(realm), segment(username), policy);
        let moving = if policy.is_counter() {
            format!("counter={}", settings.otp_policy_initial_counter)
        } else {
            format!("period={}", settings.otp_policy_period)
        };
        format!(
            "otpauth://{}/{realm}:{username}?secret={}&digits={}&algorithm={}&issuer={realm}&{moving}",
            settings.otp_policy_type,
            self.0,
            settings.otp_policy_digits,
            name(&settings.otp_policy_algorithm).unwrap_or_default(),
        )
    }

    /// As it is stored, in Keycloak's form
    pub fn credential(&self, Policy(settings): Policy<'_>, id: String) -> Credential {
        Credential {
            id,
            secret_data: json!({ "value": self.0 }).to_string(),
            credential_data: json!({
                "subType": settings.otp_policy_type, "digits": settings.otp_policy_digits,
                "counter": settings.otp_policy_initial_counter, "period": settings.otp_policy_period,
                "algorithm": settings.otp_policy_algorithm, "secretEncoding": "BASE32",
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

    /// Whether a code that was used counts again: those of a counter never do
    pub fn is_reusable(&self, Policy(settings): Policy<'_>) -> bool {
        settings.otp_policy_code_reusable && matches!(self.moving, Moving::Time(_))
    }

    /// The step whose code this is, if it comes after the last one that was used (RFC 6238 §5.2)
    pub fn step_of(&self, policy: Policy<'_>, code: &str, now: UnixTime, last: Option<u64>) -> Option<u64> {
        let last = last.filter(|_| !self.is_reusable(policy));
        let window = policy.0.otp_policy_look_ahead_window.min(WIDEST);
        let (first, count) = match self.moving {
            Moving::Time(period) => {
                (now.0.checked_div(period)?.saturating_sub(window), window.saturating_mul(2))
            }
            Moving::Counter(counter) => (counter.max(last.map_or(0, |last| last.saturating_add(1))), window),
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

    fn usual() -> RealmSettings {
        RealmSettings::default()
    }

    #[test]
    fn a_realm_says_what_codes_are_like_and_how_near_they_must_be() {
        let settings = RealmSettings {
            otp_policy_type: "hotp".to_owned(),
            otp_policy_algorithm: "HmacSHA512".to_owned(),
            otp_policy_digits: 8,
            otp_policy_initial_counter: 7,
            otp_policy_look_ahead_window: 3,
            otp_policy_code_reusable: true,
            ..usual()
        };
        let policy = Policy::of(&settings);
        assert_eq!(policy.check(), Ok(()));
        let secret = NewSecret::random().unwrap();
        let uri = secret.uri(policy, "r", "alice");
        assert!(uri.starts_with("otpauth://hotp/r:alice?secret="), "{uri}");
        assert!(uri.ends_with("&digits=8&algorithm=SHA512&issuer=r&counter=7"), "{uri}");
        assert_eq!(policy.words(), "counter, from 7; SHA512; 8 digits");
        let otp = Otp::read(&secret.credential(policy, "1".to_owned())).unwrap();
        let step = |step: u64, last| otp.step_of(policy, &otp.code(step), UnixTime(0), last);
        assert_eq!(
            (step(6, None), step(7, None), step(10, None), step(11, None)),
            (None, Some(7), Some(10), None)
        );
        assert_eq!(step(7, Some(7)), None, "a counter never counts twice");
        let timed = RealmSettings { otp_policy_type: "totp".to_owned(), ..settings.clone() };
        let policy = Policy::of(&timed);
        let otp = Otp::read(&secret.credential(policy, "1".to_owned())).unwrap();
        let at = |step: u64, last| otp.step_of(policy, &otp.code(step), UnixTime(10 * 30), last);
        assert_eq!((at(6, None), at(7, None), at(13, None), at(14, None)), (None, Some(7), Some(13), None));
        assert_eq!(at(10, Some(12)), Some(10), "the realm lets codes count again");
        assert_eq!(policy.words(), "time, 30 seconds; SHA512; 8 digits");
    }

    #[test]
    fn a_realm_cannot_ask_for_codes_that_are_guessed() {
        let refused = |settings: RealmSettings| Policy::of(&settings).check().unwrap_err().0;
        assert_eq!(Policy::of(&usual()).check(), Ok(()));
        assert_eq!(refused(RealmSettings { otp_policy_digits: 4, ..usual() }), "otpPolicyDigits");
        assert_eq!(refused(RealmSettings { otp_policy_period: 0, ..usual() }), "otpPolicyPeriod");
        assert_eq!(
            refused(RealmSettings { otp_policy_look_ahead_window: 101, ..usual() }),
            "otpPolicyLookAheadWindow"
        );
        assert_eq!(refused(RealmSettings { otp_policy_type: "x".to_owned(), ..usual() }), "otpPolicyType");
        assert_eq!(
            refused(RealmSettings { otp_policy_algorithm: "HmacMD5".to_owned(), ..usual() }),
            "otpPolicyAlgorithm"
        );
    }

    #[test]
    fn a_new_secret_is_read_as_it_was_shown() {
        assert_eq!(to_base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(to_base32(b"fo"), "MZXQ");
        let secret = NewSecret::random().unwrap();
        assert_eq!((secret.text().len(), base32(secret.text()).unwrap().len()), (32, 20));
        let otp = Otp::read(&secret.credential(Policy::of(&usual()), "1".to_owned())).unwrap();
        let code = otp.code(7);
        assert_eq!(otp.step_of(Policy::of(&usual()), &code, UnixTime(7 * 30), None), Some(7));
        let uri = secret.uri(Policy::of(&usual()), "a realm", "alice:x");
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
            assert_eq!(
                otp.step_of(Policy::of(&usual()), code, UnixTime(time), None),
                Some(time / 30),
                "{time} {algorithm}"
            );
        }
    }

    #[test]
    fn a_code_counts_once_and_near_its_time() {
        let data = r#"{"subType":"totp","digits":8,"counter":0,"period":30,"algorithm":"HmacSHA1",
            "secretEncoding":"BASE32"}"#;
        let otp = otp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", data).unwrap();
        let step = |now, last| otp.step_of(Policy::of(&usual()), "9428 7082", UnixTime(now), last);
        assert_eq!(step(59, None), Some(1));
        assert_eq!(step(59, Some(0)), Some(1));
        assert_eq!(step(59, Some(1)), None, "a code that was used");
        assert_eq!(step(59, Some(2)), None, "a code from before the last one");
        assert_eq!(step(89, None), Some(1));
        assert_eq!(step(0, None), Some(1));
        assert_eq!(step(90, None), None);
        assert_eq!(otp.step_of(Policy::of(&usual()), "", UnixTime(59), None), None);
        assert_eq!(otp.step_of(Policy::of(&usual()), "94287083", UnixTime(59), None), None);
    }

    /// RFC 4226, Appendix D
    #[test]
    fn a_counter_goes_on_from_the_last_code() {
        let otp = otp("12345678901234567890", r#"{"subType":"hotp","digits":6,"counter":0}"#).unwrap();
        assert_eq!(otp.step_of(Policy::of(&usual()), "755224", UnixTime(0), None), Some(0));
        assert_eq!(otp.step_of(Policy::of(&usual()), "287082", UnixTime(0), None), Some(1));
        assert_eq!(otp.step_of(Policy::of(&usual()), "359152", UnixTime(0), None), None, "too far ahead");
        assert_eq!(otp.step_of(Policy::of(&usual()), "359152", UnixTime(0), Some(1)), Some(2));
        assert_eq!(otp.step_of(Policy::of(&usual()), "755224", UnixTime(0), Some(1)), None);
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
