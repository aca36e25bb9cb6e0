//! Many patterns, and the one that a path matches (wire §11.5).

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::{
    Path, Pattern,
    pattern::{Segment, Shape, Tail},
};
use crate::limits::{PATTERN_SUFFIX_BYTES, PATTERN_VISITS};

/// A path of which servers disagree whether one pattern or another holds, so that it matches none
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("path matches different patterns in different readings")]
pub struct DoubtfulPath;

/// Values under patterns. A lookup takes as long as the path is, however many patterns there are.
///
/// Of several patterns that match, the first by this order wins:
///
/// 1. the literal path; then `/x/*` for `/x` itself,
/// 2. templates: more segments (`*` counts as one), then fewer `{…}`, then without `/*`,
/// 3. suffixes: more segments, then the longer suffix,
/// 4. wildcards: more segments,
/// 5. the one that was registered first.
///
/// What is registered under equal patterns is found together: two resources of one URI are both resources of it.
///
/// ```
/// use countersign_core::path::{Path, Patterns};
///
/// let mut patterns = Patterns::default();
/// for text in ["/*", "/*.html", "/carts/{cart}/actions/{action}", "/carts/*", "urn:example:carts"] {
///     patterns.insert(&text.parse()?, text);
/// }
/// let matching = |target: &str| -> Result<_, Box<dyn std::error::Error>> {
///     Ok(patterns.matching(&Path::parse(target.as_bytes())?)?)
/// };
/// assert_eq!(matching("/carts/1/actions/2")?, ["/carts/{cart}/actions/{action}"]);
/// assert_eq!(matching("/carts")?, ["/carts/*"]);
/// assert_eq!(matching("/x/page.html")?, ["/*.html"]);
/// assert_eq!(patterns.matching_uri("urn:example:carts"), ["urn:example:carts"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Patterns<T> {
    nodes: Vec<Node>,
    opaque: BTreeMap<String, usize>,
    /// In the order of registration
    groups: Vec<Vec<T>>,
}

/// A place below the root; what it holds are places in `nodes` and `groups`
#[derive(Debug, Clone, Default)]
struct Node {
    named: BTreeMap<String, usize>,
    any: Option<usize>,
    closed: Option<usize>,
    open: Option<usize>,
    suffixes: BTreeMap<String, usize>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self { nodes: alloc::vec![Node::default()], opaque: BTreeMap::new(), groups: Vec::new() }
    }
}

/// A pattern that matches: its rank, with the group as the last of it
type Rank = [usize; 6];

const LITERAL: usize = 5;
const BASE: usize = 4;
const TEMPLATE: usize = 3;
const SUFFIX: usize = 2;
const WILDCARD: usize = 1;

const fn rank(
    class: usize,
    segments: usize,
    braces: usize,
    closed: bool,
    suffix: usize,
    group: usize,
) -> Rank {
    let closed = if closed { 1 } else { 0 };
    [class, segments, !braces, closed, suffix, !group]
}

const fn group_of(rank: Rank) -> usize {
    let [.., group] = rank;
    !group
}

#[derive(Clone, Copy)]
struct Place {
    node: usize,
    depth: usize,
    braces: usize,
}

impl<T> Patterns<T> {
    /// Puts a value under a pattern; what is there under equal patterns, in the order of registration
    pub fn insert(&mut self, pattern: &Pattern, value: T) -> &[T] {
        let group = self.group(pattern);
        if let Some(values) = self.groups.get_mut(group) {
            values.push(value);
        } else {
            self.groups.push(alloc::vec![value]);
        }
        self.values(group)
    }

    /// Whether nothing was put in
    pub const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// All values under the pattern that wins for this path, in the order of registration; none if none matches.
    ///
    /// A path with two readings is matched in both: where they lead to different patterns, and that of the path as it
    /// came does not hold for the normalised path as well, there is no answer.
    pub fn matching(&self, path: &Path) -> Result<&[T], DoubtfulPath> {
        let segments: Vec<&str> = path.segments().collect();
        let found = self.walk(&segments, &mut 0)?;
        if let Some(other) = path.other() {
            let segments: Vec<&str> = other.iter().map(String::as_str).collect();
            let theirs = self.walk(&segments, &mut 0)?.into_iter().max();
            let is_known = |rank: Rank| found.iter().any(|ours| group_of(*ours) == group_of(rank));
            if theirs.is_some_and(|theirs| !is_known(theirs)) {
                return Err(DoubtfulPath);
            }
        }
        let winner = found.into_iter().max().map(group_of);
        Ok(winner.map(|group| self.values(group)).unwrap_or_default())
    }

    /// The same for a URI as a client of the protection API gives it (wire §2.7): literally, or else as a path; any
    /// other URI, and one that cannot be read, matches nothing
    pub fn matching_uri(&self, uri: &str) -> &[T] {
        if let Some(group) = self.opaque.get(uri) {
            return self.values(*group);
        }
        if !uri.starts_with('/') {
            return &[];
        }
        Path::parse(uri.as_bytes()).ok().and_then(|path| self.matching(&path).ok()).unwrap_or_default()
    }

    fn values(&self, group: usize) -> &[T] {
        self.groups.get(group).map(Vec::as_slice).unwrap_or_default()
    }

    /// The group of a pattern, which may be the one to come
    fn group(&mut self, pattern: &Pattern) -> usize {
        let next = self.groups.len();
        let Shape::Path(segments, tail) = &pattern.shape else {
            return *self.opaque.entry(pattern.as_str().into()).or_insert(next);
        };
        let mut place = 0;
        for segment in segments {
            let free = self.nodes.len();
            let Some(node) = self.nodes.get_mut(place) else { break };
            place = match segment {
                Segment::Text(text) => *node.named.entry(String::from(&**text)).or_insert(free),
                Segment::Any => *node.any.get_or_insert(free),
            };
            if place == free {
                self.nodes.push(Node::default());
            }
        }
        // INVARIANT: `place` is a node, because every number that is put into a node is pushed as one.
        let Some(node) = self.nodes.get_mut(place) else { return next };
        match tail {
            Tail::Closed => *node.closed.get_or_insert(next),
            Tail::Open => *node.open.get_or_insert(next),
            Tail::Suffix(suffix) => *node.suffixes.entry(String::from(&**suffix)).or_insert(next),
        }
    }

    /// Everything that matches. A node is looked at only if the path leads there.
    pub(super) fn walk(&self, path: &[&str], visits: &mut usize) -> Result<Vec<Rank>, DoubtfulPath> {
        let mut found = Vec::new();
        let mut waiting = alloc::vec![Place { node: 0, depth: 0, braces: 0 }];
        while let Some(place) = waiting.pop() {
            *visits = visits.saturating_add(1);
            if *visits > PATTERN_VISITS {
                return Err(DoubtfulPath);
            }
            let Place { node, depth, braces } = place;
            let Some(node) = self.nodes.get(node) else { continue };
            let Some(name) = path.get(depth) else {
                let class = if braces == 0 { LITERAL } else { TEMPLATE };
                found.extend(node.closed.map(|group| rank(class, depth, braces, true, 0, group)));
                let base = node.open.filter(|_| braces == 0);
                found.extend(base.map(|group| rank(BASE, depth, 0, false, 0, group)));
                continue;
            };
            let below = depth.saturating_add(1);
            let class = if braces == 0 { WILDCARD } else { TEMPLATE };
            found.extend(node.open.map(|group| rank(class, below, braces, false, 0, group)));
            for (length, group) in node.ending(path.last().copied().unwrap_or_default()) {
                found.push(rank(SUFFIX, below, 0, false, length, group));
            }
            let named = node.named.get(*name).map(|node| Place { node: *node, depth: below, braces });
            let braces = braces.saturating_add(1);
            let any = node.any.map(|node| Place { node, depth: below, braces });
            waiting.extend(any.into_iter().chain(named));
        }
        Ok(found)
    }
}

impl Node {
    /// Length and group of every suffix that a name has
    fn ending(&self, name: &str) -> impl Iterator<Item = (usize, usize)> {
        let shortest = if self.suffixes.is_empty() { name.len() } else { 0 };
        let from = shortest.max(name.len().saturating_sub(PATTERN_SUFFIX_BYTES));
        (from..name.len()).filter_map(move |at| {
            let suffix = name.get(at..)?;
            Some((suffix.len(), *self.suffixes.get(suffix)?))
        })
    }
}
