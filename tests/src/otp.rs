//! What an authenticator app does: takes its secret from a page, and shows a code (RFC 6238, RFC 4226 §5.3).

use aws_lc_rs::hmac;

use crate::{browser::Page, signer::now};

/// What apps do that have been told nothing else, with steps of 30 seconds
pub const USUAL: (hmac::Algorithm, usize) = (hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, 6);

/// The secret of the page that sets an app up
#[track_caller]
pub fn secret(page: &Page) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("id=\"kc-totp-secret-key\">").expect("a secret on the page");
    rest.split('<').next().unwrap_or_default().replace(' ', "")
}

/// The code of a step
pub fn code(secret: &str, (algorithm, digits): (hmac::Algorithm, usize), step: u64) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let values = secret.chars().map(|letter| letters.find(letter).expect("Base32"));
    let bits: Vec<_> = values.flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1)).collect();
    let byte = |bits: &[usize]| u8::try_from(bits.iter().fold(0, |byte, bit| byte << 1 | bit)).unwrap();
    let bytes: Vec<_> = bits.chunks_exact(8).map(byte).collect();
    let tag = hmac::sign(&hmac::Key::new(algorithm, &bytes), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let word = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    let code = format!("{word:010}");
    code.chars().skip(10 - digits).collect()
}

/// The code that an app shows now
pub fn shown(secret: &str) -> String {
    code(secret, USUAL, now() / 30)
}
