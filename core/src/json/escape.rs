//! What stands between the quotes of a JSON string (RFC 8259 §7).

use alloc::string::String;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// How many bytes stand for themselves: up to a quote, a backslash, a control character, or the end
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (eights, _) = bytes.as_chunks::<8>();
    let mut length = 0_usize;
    for eight in eights {
        let special = special(u64::from_le_bytes(*eight));
        if special != 0 {
            return length.saturating_add(usize::try_from(special.trailing_zeros() >> 3).unwrap_or_default());
        }
        length = length.saturating_add(8);
    }
    let is_special = |byte: &u8| *byte < b' ' || matches!(*byte, b'"' | b'\\');
    let rest = bytes.get(length..).unwrap_or_default();
    length.saturating_add(rest.iter().position(is_special).unwrap_or(rest.len()))
}

/// Marks the highest bit of the lowest byte that does not stand for itself, and perhaps those of bytes above it
const fn special(eight: u64) -> u64 {
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
    let (quotes, backslashes) = (eight ^ QUOTES, eight ^ BACKSLASHES);
    let is_quote = quotes.wrapping_sub(ONES) & !quotes;
    let is_backslash = backslashes.wrapping_sub(ONES) & !backslashes;
    let is_control = eight.wrapping_sub(BLANKS) & !eight;
    (is_quote | is_backslash | is_control) & HIGHS
}

/// The character that an escape stands for, and how many bytes the escape has; nothing where it is none. Of a pair of
/// surrogates both have to be there.
pub(super) fn one(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((character, 2))
}

fn unicode(text: &str) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 6));
    }
    let second = unit(text.get(6..)?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, 12))
}

/// The four digits of `\uXXXX`
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // A number may have a sign, and these four may not.
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if are_digits { u16::from_str_radix(digits, 16).ok() } else { None }
}

/// What a text says of which every escape is right
pub(super) fn resolve(text: &str) -> String {
    let (mut rest, mut resolved) = (text, String::with_capacity(text.len()));
    while let Some((before, _)) = rest.split_once('\\') {
        resolved.push_str(before);
        let escape = rest.get(before.len()..).unwrap_or_default();
        let Some((character, length)) = one(escape) else { break };
        resolved.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    resolved.push_str(rest);
    resolved
}
