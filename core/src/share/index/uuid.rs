//! UUIDs in 16 bytes: most ids are UUIDs, and their text takes 36.

/// Where the two digits of each byte begin in the text (RFC 9562 §4)
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const NO_DIGIT: u8 = 0xF0;

/// The bytes of a UUID in its usual spelling, lower case with hyphens; any other text is none
pub(super) fn pack(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
        return None;
    }
    let digit = |at: usize| text.get(at).map_or(NO_DIGIT, |byte| value(*byte));
    let (mut packed, mut seen) = ([0; 16], 0);
    for (byte, at) in packed.iter_mut().zip(DIGITS) {
        let (high, low) = (digit(at), digit(at.wrapping_add(1)));
        seen |= high | low;
        *byte = (high << 4) | low;
    }
    (seen & NO_DIGIT == 0).then_some(packed)
}

/// The text that was packed
pub(super) fn spell(packed: [u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    for (byte, at) in packed.into_iter().zip(DIGITS) {
        if let Some([high, low]) = text.get_mut(at..at.wrapping_add(2)) {
            (*high, *low) = (letter(byte >> 4), letter(byte & 15));
        }
    }
    text
}

const fn value(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter.wrapping_sub(b'0'),
        b'a'..=b'f' => letter.wrapping_sub(b'a').wrapping_add(10),
        _ => NO_DIGIT,
    }
}

const fn letter(value: u8) -> u8 {
    match value {
        0..=9 => value.wrapping_add(b'0'),
        _ => value.wrapping_sub(10).wrapping_add(b'a'),
    }
}
