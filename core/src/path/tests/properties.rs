use alloc::{format, string::String, vec::Vec};
use core::cmp::Reverse;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use crate::path::{Path, Pattern, Patterns};

/// What wins by the list of the documentation, looking at one pattern after the other
fn scan(all: &[&str], path: &[&str]) -> Option<usize> {
    let keys = all.iter().enumerate().filter_map(|(at, text)| {
        let pattern: Vec<&str> = text.split('/').skip(1).filter(|segment| !segment.is_empty()).collect();
        let (last, front) = pattern.split_last().map_or(("", &pattern[..]), |(last, front)| (*last, front));
        let fits = |pattern: &[&str], path: &[&str]| {
            pattern.len() <= path.len()
                && pattern.iter().zip(path).all(|(want, name)| want.starts_with('{') || want == name)
        };
        let braces = pattern.iter().filter(|segment| segment.starts_with('{')).count();
        let (class, suffix) = if last == "*" {
            match (braces, fits(front, path)) {
                (0, true) if front.len() == path.len() => (4, 0),
                (0, true) => (1, 0),
                (_, true) if front.len() < path.len() => (3, 0),
                _ => return None,
            }
        } else if let Some(suffix) = last.strip_prefix('*') {
            if !fits(front, path) || front.len() == path.len() || !path.last()?.ends_with(suffix) {
                return None;
            }
            (2, suffix.len())
        } else if fits(&pattern, path) && pattern.len() == path.len() {
            (if braces == 0 { 5 } else { 3 }, 0)
        } else {
            return None;
        };
        let segments = if class == 4 { 0 } else { pattern.len() };
        Some(((class, segments, Reverse(braces), last != "*", suffix, Reverse(at)), at))
    });
    keys.max().map(|(_, at)| at)
}

const SHAPES: [&str; 16] = [
    "/",
    "/*",
    "/*.html",
    "/a",
    "/a/*",
    "/a/b",
    "/a/{x}",
    "/{x}",
    "/{x}/b",
    "/{x}/*",
    "/a/*.html",
    "/a/b/*",
    "/a/{x}/b",
    "/{x}/{y}/*",
    "/b/*l",
    "/a/b.html",
];

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

fn spelling() -> impl Strategy<Value = String> {
    let names = select(&["a", "b", "b.html", "html", "%61", "b%2ehtml", "c"][..]);
    let odd = select(
        &[
            "", ".", "..", "%2e%2e", "..;", "a;x=1", ";", "a%2Fb", "a%2F..", "%2561", "a%252Fb", "a\\b",
            "a.", "b%20", "a%5Cb", "?", "#", "a%3Bx", "%00", "%C0%AF", "A",
        ][..],
    );
    let segment = prop_oneof![3 => names, 2 => odd];
    (vec(segment, 0..6), select(&["", "/", "?x=/a", "#f"][..]))
        .prop_map(|(segments, end)| format!("/{}{end}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_tree_finds_what_a_scan_finds(
        all in vec(select(&SHAPES[..]), 0..12),
        path in vec(select(&["a", "b", "b.html", "html", "c"][..]), 0..4),
    ) {
        let mut tree = Patterns::default();
        for (at, text) in all.iter().enumerate() {
            tree.insert(&text.parse().unwrap(), at);
        }
        let target = format!("/{}", path.join("/"));
        let found = tree.matching(&Path::parse(target.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(found.first().copied(), scan(&all, &path), "{} in {:?}", target, all);
        // And with the winner, everything that is registered in the same words.
        let same = found.first().map_or(0, |first| all.iter().filter(|text| **text == all[*first]).count());
        prop_assert_eq!(found.len(), same);
    }

    /// What any server makes of a target is what is matched, or the target is refused.
    #[test]
    fn no_server_serves_another_pattern_than_the_one_that_is_matched(
        all in vec(select(&SHAPES[..]), 1..8),
        target in spelling(),
    ) {
        let mut tree = Patterns::default();
        for (at, text) in all.iter().enumerate() {
            tree.insert(&text.parse().unwrap(), at);
        }
        let Ok(path) = Path::parse(target.as_bytes()) else { return Ok(()) };
        let Ok(ours) = tree.matching(&path) else { return Ok(()) };
        let normal: Vec<&str> = path.segments().collect();
        for (name, server) in super::servers::ALL {
            let Some(theirs) = server(&target) else { continue };
            let theirs: Vec<&str> = theirs.iter().map(String::as_str).filter(|segment| !segment.is_empty()).collect();
            let Some(served) = scan(&all, &theirs) else { continue };
            // A wildcard above that holds for both is the same protection, or less of it.
            let holds_for_both = scan(&[all[served]], &normal).is_some();
            prop_assert!(ours.contains(&served) || !ours.is_empty() && holds_for_both,
                "{} takes {:?} for {:?}, which is {}; here {:?} matches {:?} of {:?}",
                name, target, theirs, all[served], path, ours, all);
        }
    }

    #[test]
    fn every_respelling_is_the_same_or_refused(
        names in vec("[a-z]{1,3}", 1..5),
        changes in vec((any::<Index>(), 0_usize..9), 0..4),
    ) {
        let plain = format!("/{}", names.join("/"));
        let mut parts: Vec<String> = names.clone();
        let mut end = String::new();
        for (at, change) in changes {
            let at = at.index(parts.len());
            let part = parts[at].clone();
            parts[at] = match change {
                0 => encode(&part).to_ascii_lowercase(),
                1 => encode(&part),
                2 => format!("/{part}"),
                3 => format!("./{part}"),
                4 => format!("x/../{part}"),
                5 => format!("{part};v=1"),
                6 => format!("{part}/"),
                7 => { end.push_str("?q=%2e"); part }
                _ => part.replace('%', "%25"),
            };
        }
        let spelled = format!("/{}{end}", parts.join("/"));
        let mut all = Patterns::default();
        all.insert(&plain.parse().unwrap(), 1);
        all.insert(&"/*".parse().unwrap(), 0);
        if let Ok(path) = Path::parse(spelled.as_bytes()) {
            prop_assert_eq!(path.as_str(), plain.as_str(), "{}", spelled);
            prop_assert_eq!(all.matching(&path), Ok(&[1][..]), "{}", spelled);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200), text in "[/a{}*.;%2?#-]{0,40}") {
        let mut all = Patterns::default();
        if let Ok(pattern) = text.parse::<Pattern>() {
            all.insert(&pattern, ());
        }
        for target in [bytes.as_slice(), text.as_bytes()] {
            if let Ok(path) = Path::parse(target) {
                prop_assert!(path.as_str().starts_with('/'));
                let again: Vec<&str> = path.segments().collect();
                prop_assert!(!again.iter().any(|name| matches!(*name, "." | "..")));
                let _ = all.matching(&path);
            }
        }
        let _ = all.matching_uri(&text);
    }
}
