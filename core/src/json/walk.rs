//! One walk over a JSON text, which finds out whether it is one (RFC 8259) and what stands where.

use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::{
    document::{Kind, Node},
    escape, number,
};
use crate::limits::JSON_DEPTH;

/// Names up to which each is compared with each; beyond, in a map
const FEW_NAMES: usize = 32;

/// The values and names of a text in its order, the one that it is first; nothing where it is not JSON, has one name
/// twice in an object, or is nested deeper than [`JSON_DEPTH`]
pub(super) fn nodes(text: &str) -> Option<Vec<Node<'_>>> {
    // Of a token every eighth byte begins something, give or take.
    let nodes = Vec::with_capacity(text.len() >> 3);
    let mut walk = Walk { text, at: 0, nodes, names: Vec::with_capacity(FEW_NAMES), has_escapes: false };
    walk.blank();
    walk.value(JSON_DEPTH)?;
    walk.blank();
    (walk.at == text.len()).then_some(walk.nodes)
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<'a>>,
    /// Names of the objects that are open, those of the innermost last
    names: Vec<&'a str>,
    /// Whether one of the names so far has escapes
    has_escapes: bool,
}

impl<'a> Walk<'a> {
    /// The byte that is next; at the end a zero, which stands nowhere in JSON
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    const fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_it = self.byte() == byte;
        self.skip(usize::from(is_it));
        is_it
    }

    fn blank(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self.skip(1);
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, begin: usize) -> Option<&'a str> {
        self.text.get(begin..self.at)
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let begin = self.at;
        match self.byte() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.holding(Kind::Object, |walk| walk.object(depth.checked_sub(1)?)),
            b'[' => self.holding(Kind::Array, |walk| walk.array(depth.checked_sub(1)?)),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => {
                self.skip(number::length(self.rest())?);
                self.push(Kind::Number, self.since(begin)?);
                Some(())
            }
        }
    }

    fn push(&mut self, kind: Kind, text: &'a str) {
        self.nodes.push(Node { kind, text, size: 1 });
    }

    /// A node, and inside it those that are found now
    fn holding(&mut self, kind: Kind, find: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let at = self.nodes.len();
        self.push(kind, "");
        self.skip(1);
        self.blank();
        find(self)?;
        let size = self.nodes.len().saturating_sub(at);
        self.nodes.get_mut(at)?.size = size;
        Some(())
    }

    fn word(&mut self, word: &'static str) -> Option<()> {
        let is_it = self.rest().starts_with(word.as_bytes());
        self.skip(word.len());
        is_it.then(|| self.push(Kind::Word, word))
    }

    fn string(&mut self) -> Option<&'a str> {
        self.skip(1);
        let begin = self.at;
        let mut kind = Kind::Plain;
        loop {
            self.skip(escape::plain(self.rest()));
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    let (_, length) = escape::one(self.text.get(self.at..)?)?;
                    self.skip(length);
                    kind = Kind::Escaped;
                }
                _ => return None,
            }
        }
        let text = self.since(begin)?;
        self.skip(1);
        self.push(kind, text);
        Some(text)
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        if self.takes(b']') {
            return Some(());
        }
        loop {
            self.value(depth)?;
            self.blank();
            if self.takes(b']') {
                return Some(());
            }
            if !self.takes(b',') {
                return None;
            }
            self.blank();
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if self.takes(b'}') {
            return Some(());
        }
        let first = self.names.len();
        loop {
            if self.byte() != b'"' {
                return None;
            }
            let name = self.string()?;
            self.names.push(name);
            self.has_escapes |= self.nodes.last().is_some_and(|node| node.kind == Kind::Escaped);
            self.blank();
            if !self.takes(b':') {
                return None;
            }
            self.blank();
            self.value(depth)?;
            self.blank();
            if self.takes(b'}') {
                break;
            }
            if !self.takes(b',') {
                return None;
            }
            self.blank();
        }
        let names = self.names.get(first..)?;
        let differ = if self.has_escapes || names.len() > FEW_NAMES { differ_by_map } else { differ };
        let are_different = differ(names);
        self.names.truncate(first);
        are_different.then_some(())
    }
}

/// Whether no two of a few names are one
fn differ(names: &[&str]) -> bool {
    let mut marks = 0_u64;
    names.iter().enumerate().all(|(at, name)| {
        // Most names differ in their ends or their length already.
        let ends = name.bytes().next().zip(name.bytes().next_back()).unwrap_or_default();
        let mark = u32::from(ends.0).rotate_left(3)
            ^ u32::from(ends.1)
            ^ u32::try_from(name.len()).unwrap_or_default();
        let mark = 1_u64.rotate_left(mark);
        let is_marked = marks & mark != 0;
        marks |= mark;
        !is_marked || !names.get(..at).unwrap_or_default().contains(name)
    })
}

/// The same for many of them, and for names that are written in two ways
fn differ_by_map(names: &[&str]) -> bool {
    let mut known = Map::new();
    names.iter().all(|name| known.insert(escape::resolve(name), Value::Null).is_none())
}
