//! Numbers of JSON (RFC 8259 §6).

use serde_json::Number;

/// Digits before which no number is out of the range of a double
const SURELY_FINITE: usize = 300;
/// Powers of ten, by their exponents
const POWERS: [(u32, f64); 9] =
    [(256, 1e256), (128, 1e128), (64, 1e64), (32, 1e32), (16, 1e16), (8, 1e8), (4, 1e4), (2, 1e2), (1, 1e1)];

/// How many bytes of a text are the number that it begins with; nothing where it begins with none, or with one that a
/// double cannot hold
pub(super) fn length(text: &[u8]) -> Option<usize> {
    let whole = text.strip_prefix(b"-").unwrap_or(text);
    let rest = match whole.strip_prefix(b"0") {
        Some(rest) => rest,
        None => digits(whole)?,
    };
    let after = match rest.strip_prefix(b".") {
        Some(fraction) => digits(fraction)?,
        None => rest,
    };
    let end = match after.split_first() {
        Some((b'e' | b'E', exponent)) => {
            let signed = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-"));
            digits(signed.unwrap_or(exponent))?
        }
        Some(_) | None => after,
    };
    let length = text.len().saturating_sub(end.len());
    let is_small = length < SURELY_FINITE && end.len() == after.len();
    let is_finite = || double(core::str::from_utf8(text.get(..length)?).ok()?);
    (is_small || is_finite().is_some()).then_some(length)
}

/// What comes after at least one digit
fn digits(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count > 0 { text.get(count..) } else { None }
}

/// The number that a text is: whole where it is written so and fits, else a double
pub(super) fn read(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if text != "-0"
        && let Ok(whole) = text.parse::<u64>()
    {
        return Some(whole.into());
    }
    if text != "-0"
        && let Ok(whole) = text.parse::<i64>()
    {
        return Some(whole.into());
    }
    Number::from_f64(double(text)?)
}

/// The double that is nearest, or next to it: the standard library's way is exact, and would be a seventh of a guard
fn double(text: &str) -> Option<f64> {
    let (digits, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent = exponent(power);
    let (mut mantissa, mut is_fraction) = (0_u64, false);
    for byte in digits.bytes() {
        if byte == b'.' {
            is_fraction = true;
        } else if byte.is_ascii_digit() && mantissa < u64::MAX / 10 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte & 0xF));
            exponent = exponent.saturating_sub(i32::from(is_fraction));
        } else if byte.is_ascii_digit() {
            exponent = exponent.saturating_add(i32::from(!is_fraction));
        }
    }
    let (high, low) =
        (u32::try_from(mantissa >> 32).ok()?, u32::try_from(mantissa & u64::from(u32::MAX)).ok()?);
    let mut double = f64::from(high) * 4_294_967_296.0 + f64::from(low);
    let mut left = exponent.unsigned_abs().min(511);
    for (size, power) in POWERS {
        if let Some(rest) = left.checked_sub(size).filter(|_| double > 0.0) {
            left = rest;
            double = if exponent < 0 { double / power } else { double * power };
        }
    }
    let signed = if text.starts_with('-') { -double } else { double };
    signed.is_finite().then_some(signed)
}

fn exponent(text: &str) -> i32 {
    let (digits, is_negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let add = |sum: i32, byte: u8| sum.saturating_mul(10).saturating_add(i32::from(byte & 0xF));
    let sum = digits.bytes().fold(0, add);
    if is_negative { sum.saturating_neg() } else { sum }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    #[test]
    fn a_double_is_what_the_standard_library_reads_or_next_to_it() {
        let far = [
            "1e308",
            "1.797e308",
            "2.2250738585072014e-308",
            "123456789012345678901234567890",
            "0.000000000000000000000000000001234567890123456789",
            "9007199254740993e-5",
            "18446744073709551616",
        ];
        for text in far {
            let (near, right) = (double(text).unwrap(), text.parse::<f64>().unwrap());
            assert!((near - right).abs() <= right * 1e-15, "{text}: {near} for {right}");
        }
        for text in
            ["0", "-0", "0e5", "1.5", "-2.25", "1700000000.5", "1.7e9", "17e8", "1e22", "4.5E-3", "1E+2"]
        {
            assert_eq!(double(text).unwrap().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
        for text in ["1e309", "-1e309", "1e99999999999999999999", &format!("1{}", "0".repeat(309))] {
            assert_eq!(double(text), None, "{text}");
        }
        for text in ["1e-400", "1e-99999999999999999999", "0e99999999999999999999", "4e-325"] {
            assert_eq!(double(text), Some(0.0), "{text}");
        }
        assert_eq!(double(&format!("0.{}1e401", "0".repeat(400))), Some(1.0));
    }

    #[test]
    fn a_number_ends_where_the_grammar_says() {
        for (text, end) in
            [("1,", 1), ("-0]", 2), ("01", 1), ("1.5e+7 ", 6), ("1.5.5", 3), ("10E2x", 4), ("0", 1)]
        {
            assert_eq!(length(text.as_bytes()), Some(end), "{text}");
        }
        for text in ["", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "-a", "e5", "NaN", "1e400", "-1E400"] {
            assert_eq!(length(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_stay_whole() {
        for whole in [0, 1, u64::MAX] {
            assert_eq!(read(&whole.to_string()), Some(whole.into()));
        }
        assert_eq!(read(&i64::MIN.to_string()), Some(i64::MIN.into()));
        assert_eq!(read("18446744073709551616").unwrap().as_u64(), None);
        assert_eq!(read("-0").unwrap().as_f64().map(f64::is_sign_negative), Some(true));
        assert_eq!(read("1.0").unwrap().as_u64(), None);
    }
}
