//! Resources by URI: exact, else the best pattern among the resource server's own (Keycloak wire §2.7, §11.5, N27, N40).

use serde_json::Value;

use super::question::{flag, is_the_servers, list, text, texts};

/// The resources that an ask by URI means, in the order of their ids
pub(super) fn find<'q>(question: &'q Value, ask: &Value) -> Vec<&'q Value> {
    let mut resources: Vec<&Value> = list(&question["facts"], "resources").iter().collect();
    resources.sort_by_key(|resource| text(resource, "id"));
    let uri = text(ask, "uri");
    let exact: Vec<&Value> = resources
        .iter()
        .copied()
        .filter(|resource| texts(resource, "uris").iter().any(|pattern| pattern == uri))
        .collect();
    if !exact.is_empty() || !flag(ask, "matching") {
        return exact;
    }
    let Some(target) = normalised(uri) else { return Vec::new() };
    // The best rank over all patterns of the server's resources; every resource that has such a pattern is meant.
    let mut best: Option<(Rank, String)> = None;
    for resource in resources.iter().filter(|resource| is_the_servers(question, resource)) {
        for pattern in texts(resource, "uris") {
            if let Some(rank) = rank(&pattern, &target)
                && best.as_ref().is_none_or(|(other, _)| rank < *other)
            {
                best = Some((rank, pattern));
            }
        }
    }
    let Some((_, winner)) = best else { return Vec::new() };
    resources
        .retain(|resource| is_the_servers(question, resource) && texts(resource, "uris").contains(&winner));
    resources
}

/// Which kind of match, then how good inside the kind; less is better
type Rank = (usize, usize, usize);

fn rank(pattern: &str, target: &str) -> Option<Rank> {
    let wanted = segments(pattern);
    let given = segments(target);
    if pattern == target {
        return Some((0, 0, 0));
    }
    let braces = pattern.matches('{').count();
    if braces > 0 {
        // At least as many segments as the pattern; with `/*` at the end, more.
        let open = pattern.ends_with("/*");
        let fits = if open { given.len() >= wanted.len() } else { given.len() == wanted.len() };
        let same = wanted.iter().zip(&given).all(|(pattern, segment)| {
            pattern == segment
                || pattern == "*"
                || pattern.starts_with('{') && pattern.ends_with('}') && !segment.is_empty()
        });
        return (fits && same).then(|| (2, usize::MAX - wanted.len(), braces));
    }
    let (before, after) = pattern.split_once('*')?;
    if after.contains('*') {
        return None;
    }
    if after.is_empty() {
        let stem = before.strip_suffix('/')?;
        if stem == target {
            return Some((1, 0, 0));
        }
        let below = target.starts_with(before);
        return below.then(|| (4, usize::MAX - wanted.len(), 0));
    }
    // A suffix, with the prefix before it (N40)
    let fits = before.ends_with('/')
        && target.len() >= before.len() + after.len()
        && target.starts_with(before)
        && target.ends_with(after);
    fits.then_some((3, 0, 0))
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(str::to_owned).collect()
}

/// N27: no query, fragment or matrix parameters, percent-encoding undone, no `//`, no dot segments, no slash at the
/// end. Nothing if it cannot be read.
fn normalised(uri: &str) -> Option<String> {
    let path = uri.split(['?', '#']).next()?;
    if !path.starts_with('/') {
        return None;
    }
    let mut bare = String::new();
    for segment in path.split('/').skip(1) {
        bare.push('/');
        bare.push_str(segment.split(';').next()?);
    }
    let decoded = decoded(&bare)?;
    let mut kept: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop()?;
            }
            other => kept.push(other),
        }
    }
    Some(format!("/{}", kept.join("/")))
}

fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = core::str::from_utf8(after.get(..2)?).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}
