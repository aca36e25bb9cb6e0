//! Texts as parts of URLs (RFC 3986 §2).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What a segment may hold (§3.3), without `;`, at which the path of a cookie ends
const SEGMENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Everything but unreserved characters encoded (§2.3): nothing gets out of its parameter or header
///
/// ```
/// assert_eq!(countersign::percent::parameter("a&b=c d\r\né~"), "a%26b%3Dc%20d%0D%0A%C3%A9~");
/// ```
pub fn parameter(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// One segment of a path
///
/// ```
/// assert_eq!(countersign::percent::segment("a/b;c?d e"), "a%2Fb%3Bc%3Fd%20e");
/// assert_eq!(countersign::percent::segment("bob@example.org"), "bob@example.org");
/// ```
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
