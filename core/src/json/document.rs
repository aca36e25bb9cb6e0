//! A JSON text and what stands where in it, without a copy of anything (RFC 8259).

use alloc::{borrow::Cow, string::String, vec::Vec};

use serde_json::{Map, Number, Value};

use super::{escape, number, walk};
#[cfg(doc)]
use crate::limits::JSON_DEPTH;

/// A JSON text with one meaning: no member name occurs twice, at any depth, and none is nested deeper than
/// [`JSON_DEPTH`]
pub(crate) struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

/// A value or a member's name
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind,
    /// As it was written, a text without its quotes; of an array or an object nothing
    pub(super) text: &'a str,
    /// How many nodes it is, with all that is inside
    pub(super) size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text that stands for itself
    Plain,
    /// A text with escapes
    Escaped,
    Array,
    Object,
    Number,
    Word,
}

impl<'a> Document<'a> {
    /// Reads a text; nothing where it is not UTF-8, not JSON, or has two meanings
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        walk::nodes(core::str::from_utf8(bytes).ok()?).map(|nodes| Self { nodes })
    }

    /// The whole of it
    pub(crate) fn root(&self) -> Json<'_> {
        Json { nodes: &self.nodes }
    }
}

/// A value of a [`Document`]
#[derive(Clone, Copy)]
pub(crate) struct Json<'a> {
    /// Its own, those inside, and all that come after
    nodes: &'a [Node<'a>],
}

impl<'a> Json<'a> {
    /// The values inside, names among them
    fn inside(self, kind: Kind) -> Option<Inside<'a>> {
        let (node, rest) = self.nodes.split_first()?;
        let size = node.size.checked_sub(1)?;
        if node.kind == kind { rest.get(..size).map(Inside) } else { None }
    }

    /// A text, if it is one
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let node = self.nodes.first()?;
        match node.kind {
            Kind::Plain => Some(Cow::Borrowed(node.text)),
            Kind::Escaped => Some(Cow::Owned(escape::resolve(node.text))),
            Kind::Array | Kind::Object | Kind::Number | Kind::Word => None,
        }
    }

    /// What it is where it is a number, or one of three words
    fn simple(self, kind: Kind) -> Option<&'a str> {
        self.nodes.first().filter(|node| node.kind == kind).map(|node| node.text)
    }

    pub(crate) fn is_text(self) -> bool {
        self.nodes.first().is_some_and(|node| matches!(node.kind, Kind::Plain | Kind::Escaped))
    }

    /// A truth value, if it is one
    pub(crate) fn truth(self) -> Option<bool> {
        match self.simple(Kind::Word)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A number, if it is one
    pub(crate) fn number(self) -> Option<Number> {
        number::read(self.simple(Kind::Number)?)
    }

    /// A whole number that is not below zero, if it is one
    #[cfg(feature = "guard")]
    pub(crate) fn whole(self) -> Option<u64> {
        self.number()?.as_u64()
    }

    #[cfg(feature = "guard")]
    pub(crate) fn is_null(self) -> bool {
        self.simple(Kind::Word) == Some("null")
    }

    /// The values of an array, if it is one
    pub(crate) fn items(self) -> Option<impl Iterator<Item = Json<'a>>> {
        self.inside(Kind::Array)
    }

    /// The members of an object, if it is one
    pub(crate) fn members(self) -> Option<Members<'a>> {
        self.inside(Kind::Object).map(Members)
    }

    /// The member of an object that has this name
    #[cfg(feature = "guard")]
    pub(crate) fn get(self, name: &str) -> Option<Json<'a>> {
        self.members()?.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The same as a tree of its own
    pub(crate) fn to_value(self) -> Value {
        if let Some(text) = self.text() {
            Value::String(text.into_owned())
        } else if let Some(members) = self.members() {
            Value::Object(members.into_map())
        } else if let Some(items) = self.items() {
            Value::Array(items.map(Json::to_value).collect())
        } else if let Some(truth) = self.truth() {
            Value::Bool(truth)
        } else {
            self.number().map_or(Value::Null, Value::Number)
        }
    }
}

struct Inside<'a>(&'a [Node<'a>]);

impl<'a> Iterator for Inside<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let nodes = self.0;
        self.0 = nodes.get(nodes.first()?.size..)?;
        Some(Json { nodes })
    }
}

/// The members of an object, in its order
pub(crate) struct Members<'a>(Inside<'a>);

impl Members<'_> {
    /// All of them, as trees of their own
    pub(crate) fn into_map(self) -> Map<String, Value> {
        let mut map = Map::new();
        for (name, value) in self {
            map.insert(name.into_owned(), value.to_value());
        }
        map
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?.text()?, self.0.next()?))
    }
}
