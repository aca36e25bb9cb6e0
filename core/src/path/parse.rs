//! From bytes to a path.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{ParsePathError, Path};
use crate::limits::{PATH_BYTES, PATH_SEGMENTS};

/// One stretch between two slashes, decoded
pub(super) struct Piece {
    /// Without parameters
    pub(super) text: String,
    /// With `;` and what follows, where there is any
    parameters: Option<String>,
    dots: bool,
    slash: bool,
}

impl Piece {
    /// Whether every server reads it in the same way
    pub(super) const fn is_plain(&self) -> bool {
        self.parameters.is_none() && !self.dots && !self.slash
    }

    pub(super) fn parse(raw: &[u8]) -> Result<Self, ParsePathError> {
        let (name, parameters) = cut(raw, b';');
        let text = decoded(name)?;
        let parameters = match parameters {
            Some(rest) if rest.contains(&b'%') => return Err(ParsePathError::Encoding),
            Some(rest) => {
                let mut whole = text.clone();
                whole.push(';');
                whole.push_str(plain(rest.to_owned())?.as_str());
                Some(whole)
            }
            None => None,
        };
        let dots = text == "." || text == "..";
        let slash = text.contains('/');
        let disguised = dots && (parameters.is_some() || name != text.as_bytes());
        if disguised || !dots && text.split('/').any(ends_badly) {
            return Err(ParsePathError::Dots);
        }
        Ok(Self { text, parameters, dots, slash })
    }
}

/// Some file systems drop dots and blanks at the end of a name; and a dot segment beside an encoded slash is one.
fn ends_badly(name: &str) -> bool {
    name.ends_with(['.', ' '])
}

pub(super) fn path(target: &[u8]) -> Result<Path, ParsePathError> {
    if target.len() > PATH_BYTES {
        return Err(ParsePathError::TooLong);
    }
    let target = origin_form(target)?;
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let (target, rest) = target.split_at_checked(end).unwrap_or((target, b""));
    // A server that does not know fragments would go on reading.
    if rest.first() == Some(&b'#') && rest.iter().any(|byte| matches!(byte, b'/' | b'\\' | b'%')) {
        return Err(ParsePathError::Character);
    }
    let mut pieces = Vec::new();
    for raw in target.split(|byte| *byte == b'/').filter(|raw| !raw.is_empty()) {
        if pieces.len() >= PATH_SEGMENTS {
            return Err(ParsePathError::TooLong);
        }
        pieces.push(Piece::parse(raw)?);
    }
    let text = resolved(&pieces)?;
    let is_any = |is_it: fn(&Piece) -> bool| pieces.iter().any(is_it);
    let authority = target.starts_with(b"//") && !pieces.is_empty();
    let dots = is_any(|piece| piece.dots);
    let kinds = [authority, dots, is_any(|piece| piece.parameters.is_some()), is_any(|piece| piece.slash)];
    let other = match kinds.iter().filter(|kind| **kind).count() {
        0 => None,
        // Servers that resolve the target as a reference take the first segment for a host (RFC 3986 §4.2).
        1 => Some(pieces.into_iter().skip(usize::from(authority)).map(as_it_came).collect()),
        _ => return Err(ParsePathError::Ambiguous),
    };
    // `..` takes an empty segment away in a URL parser, and the name before it where slashes are collapsed first.
    let doubled = target.windows(2).any(|pair| pair == b"//");
    if doubled && dots {
        return Err(ParsePathError::Ambiguous);
    }
    Ok(Path { text: text.into(), other })
}

fn as_it_came(piece: Piece) -> String {
    piece.parameters.unwrap_or(piece.text)
}

/// The path with which a target begins
fn origin_form(target: &[u8]) -> Result<&[u8], ParsePathError> {
    if target.first() == Some(&b'/') {
        return Ok(target);
    }
    let after = |scheme: &[u8]| {
        let (begin, rest) = target.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = after(b"http://").or_else(|| after(b"https://")).ok_or(ParsePathError::NotAPath)?;
    let host = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(host).ok_or(ParsePathError::NotAPath)?;
    if host.is_empty() || !host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(byte)) {
        return Err(ParsePathError::NotAPath);
    }
    Ok(path)
}

fn resolved(pieces: &[Piece]) -> Result<String, ParsePathError> {
    let mut names: Vec<&str> = Vec::new();
    for piece in pieces {
        match piece.text.as_str() {
            "." => {}
            ".." => {
                names.pop().ok_or(ParsePathError::Dots)?;
            }
            text => names.extend(text.split('/').filter(|name| !name.is_empty())),
        }
    }
    if names.len() > PATH_SEGMENTS {
        return Err(ParsePathError::TooLong);
    }
    let mut text = String::from("/");
    text.push_str(&names.join("/"));
    Ok(text)
}

fn cut(raw: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = raw.splitn(2, |byte| *byte == at);
    (parts.next().unwrap_or_default(), parts.next())
}

/// Decodes once, and refuses what a second decoding would change
fn decoded(raw: &[u8]) -> Result<String, ParsePathError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(if *first == b'%' {
            let (byte, after) = encoded(after).ok_or(ParsePathError::Encoding)?;
            rest = after;
            // Delimiters that servers cut at before or after decoding
            if matches!(byte, b';' | b'?' | b'#') {
                return Err(ParsePathError::Character);
            }
            byte
        } else {
            *first
        });
    }
    let mut rest = bytes.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' && encoded(after).is_some() {
            return Err(ParsePathError::Encoding);
        }
        rest = after;
    }
    plain(bytes)
}

/// The byte that two hexadecimal digits are
fn encoded(digits: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let ([high, low], rest) = digits.split_first_chunk()?;
    Some((digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?, rest))
}

fn plain(bytes: Vec<u8>) -> Result<String, ParsePathError> {
    let text = String::from_utf8(bytes).map_err(|_| ParsePathError::Character)?;
    if text.chars().any(|c| c == '\\' || c.is_control()) {
        return Err(ParsePathError::Character);
    }
    Ok(text)
}
