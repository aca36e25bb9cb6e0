use alloc::{format, string::ToString};

use super::*;

mod properties;
mod servers;

fn path(target: &str) -> Result<String, ParsePathError> {
    Path::parse(target.as_bytes()).map(|path| path.as_str().into())
}

fn patterns(all: &[&'static str]) -> Patterns<&'static str> {
    let mut patterns = Patterns::default();
    for text in all {
        patterns.insert(&text.parse().unwrap(), *text);
    }
    patterns
}

/// The winner, `-` for none, `?` for a doubt
fn winner(patterns: &Patterns<&'static str>, target: &str) -> &'static str {
    let Ok(path) = Path::parse(target.as_bytes()) else { return "?" };
    patterns.matching(&path).map_or("?", |found| found.first().copied().unwrap_or("-"))
}

#[test]
fn spellings_of_one_path_are_one() {
    for spelling in [
        "/api/resourcea",
        "/api/resourcea/",
        "/api//resourcea",
        "//api/resourcea",
        "/api/./resourcea",
        "/api/x/../resourcea",
        "/api/resourcea;x=1",
        "/api;jsessionid=AB.node1/resourcea",
        "/api/%72esourcea",
        "/api/resource%61",
        "/api%2Fresourcea",
        "/api%2fresourcea",
        "/api/resourcea?a=/../b",
        "/api/resourcea#top",
        "/api/resourcea?#/..",
        "http://rs.example/api/resourcea",
        "HTTPS://rs.example:8443/api/resourcea?x",
    ] {
        assert_eq!(path(spelling), Ok("/api/resourcea".into()), "{spelling}");
    }
    for root in ["/", "//", "/.", "/x/..", "/?a", "http://rs.example", "https://rs.example?x", "/;x"] {
        assert_eq!(path(root), Ok("/".into()), "{root}");
    }
    assert_eq!(path("/caf%C3%A9/100%25"), Ok("/café/100%".into()));
}

#[test]
fn what_servers_read_in_different_ways_is_refused() {
    use ParsePathError::{Ambiguous, Character, Dots, Encoding, NotAPath};
    for (target, error) in [
        ("", NotAPath),
        ("*", NotAPath),
        ("api", NotAPath),
        ("rs.example:443", NotAPath),
        ("urn:x:y", NotAPath),
        ("file:///etc", NotAPath),
        ("http:///x", NotAPath),
        ("http://a@b/x", NotAPath),
        ("http://a\\b/x", NotAPath),
        ("/a%", Encoding),
        ("/a%4", Encoding),
        ("/a%zz", Encoding),
        ("/a%u0041", Encoding),
        ("/%2561", Encoding),
        ("/a/%252e%252e/b", Encoding),
        ("/a/%25%32%66b", Encoding),
        ("/a;%2e", Encoding),
        ("/a/..;/b", Dots),
        ("/a/.;x/b", Dots),
        ("/a/%2e%2e/b", Dots),
        ("/a/.%2E/b", Dots),
        ("/a/%2e/b", Dots),
        ("/a%2F..%2Fb", Dots),
        ("/a%2F.", Dots),
        ("/..", Dots),
        ("/a/../../b", Dots),
        ("/admin.", Dots),
        ("/admin.../x", Dots),
        ("/admin%20/x", Dots),
        ("/a/./b%2Fc", Ambiguous),
        ("/a;x/../b", Ambiguous),
        ("/a//../b", Ambiguous),
        ("//a/../b", Ambiguous),
        ("//a;x/b", Ambiguous),
        ("/a\\b", Character),
        ("/a%5Cb", Character),
        ("/a%00b", Character),
        ("/a\0b", Character),
        ("/a\tb", Character),
        ("/a%0Ab", Character),
        ("/a%7F", Character),
        ("/a%C2%85", Character),
        ("/a%3Bx", Character),
        ("/a%3Fx", Character),
        ("/a%23x", Character),
        ("/a%C0%AFb", Character),
        ("/a%E0%80%AFb", Character),
        ("/a%ED%A0%80", Character),
        ("/a%FF", Character),
        ("/public#/../admin", Character),
        ("/public#%2e", Character),
    ] {
        assert_eq!(path(target), Err(error), "{target:?}");
    }
    assert_eq!(Path::parse(b"/a\xFF"), Err(Character));
}

#[test]
fn paths_end_at_the_limits() {
    use crate::limits::{PATH_BYTES, PATH_SEGMENTS};
    let long = |count: usize| "/a".repeat(count);
    assert!(path(&long(PATH_SEGMENTS)).is_ok());
    assert_eq!(path(&long(PATH_SEGMENTS + 1)), Err(ParsePathError::TooLong));
    assert_eq!(path(&format!("/a{}", "%2Fa".repeat(PATH_SEGMENTS))), Err(ParsePathError::TooLong));
    let wide = |count: usize| format!("/{}", "a".repeat(count - 1));
    assert!(path(&wide(PATH_BYTES)).is_ok());
    assert_eq!(path(&wide(PATH_BYTES + 1)), Err(ParsePathError::TooLong));
}

#[test]
fn patterns_are_whole_segments() {
    use ParsePatternError::{Braces, Empty, Spelling, Star};
    for (text, error) in [
        ("", Empty),
        ("/a/{id", Braces),
        ("/a/{}", Braces),
        ("/a/x{id}", Braces),
        ("/a/{id}.html", Braces),
        ("/a/{a}{b}", Braces),
        ("/*{x}", Braces),
        ("/a/*/b", Star),
        ("/a/*/", Star),
        ("/a*", Star),
        ("/a/**", Star),
        ("/a/*.h*", Star),
        ("/a/{id}/*.html", Star),
        ("/a?b", Spelling),
        ("/a#b", Spelling),
        ("//a", Spelling),
        ("/a;x", Spelling),
        ("/a/../b", Spelling),
        ("/a%2Fb", Spelling),
        ("/a%5C", ParsePatternError::Path(ParsePathError::Character)),
    ] {
        assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
    }
    let same = |one: &str, other: &str| one.parse::<Pattern>().unwrap() == other.parse::<Pattern>().unwrap();
    assert!(same("/a/{id}", "/a/{name}/"));
    assert!(same("/caf%C3%A9", "/café"));
    assert!(!same("/a/{id}", "/a/%7Bid%7D"), "an encoded brace is a brace");
    assert!(!same("urn:a", "urn:b"));
    assert_eq!("/a/{id}".parse::<Pattern>().unwrap().to_string(), "/a/{id}");
}

#[test]
fn precedence_is_exact_template_suffix_wildcard() {
    let all = patterns(&[
        "/*",
        "/*.html",
        "/x/*.html",
        "/x/*",
        "/x",
        "/resources/*",
        "/rest/{a}/carts/{b}/*",
        "/rest/v1/carts/{cartId}/cartactions/{actionId}",
        "/item/{id}",
        "/item/{id}/*",
        "/item/{id}/edit",
        "/item/new",
    ]);
    for (target, expected) in [
        ("/", "/*"),
        ("/resources", "/resources/*"),
        ("/resources/a/b", "/resources/*"),
        ("/rest/v1/carts/123/cartactions/5", "/rest/v1/carts/{cartId}/cartactions/{actionId}"),
        ("/rest/v2/carts/123/x", "/rest/{a}/carts/{b}/*"),
        ("/api/page.html", "/*.html"),
        ("/x", "/x"),
        ("/x/page.html", "/x/*.html"),
        ("/x/a/b/.html", "/x/*.html"),
        ("/x/page.htm", "/x/*"),
        ("/xy/page.html", "/*.html"),
        ("/xy", "/*"),
        ("/item/new", "/item/new"),
        ("/item/7", "/item/{id}"),
        ("/item/7/edit", "/item/{id}/edit"),
        ("/item/7/show/x", "/item/{id}/*"),
        ("/item/page.html", "/item/{id}"),
        ("/item", "/*"),
        ("/X", "/*"),
    ] {
        assert_eq!(winner(&all, target), expected, "{target}");
    }
    let ordered = patterns(&["/a/{x}/c", "/a/b/{y}"]);
    assert_eq!(winner(&ordered, "/a/b/c"), "/a/{x}/c", "a tie is won by the first");
    assert_eq!(winner(&patterns(&["/a/b/{y}", "/a/{x}/c"]), "/a/b/c"), "/a/b/{y}");
    assert_eq!(winner(&patterns(&["/x/*.html"]), "/y/page.html"), "-", "N40: the prefix counts");
    assert_eq!(winner(&patterns(&["/x/*.html"]), "/x.html"), "-");
    assert_eq!(winner(&patterns(&["/a/{id}/*"]), "/a/1"), "-", "a template needs all its segments");
}

#[test]
fn equal_patterns_are_found_together() {
    let all = patterns(&["/resource/*", "/item/{id}", "/resource/*", "/item/{name}", "/resource/a"]);
    let found = |target: &str| all.matching(&Path::parse(target.as_bytes()).unwrap()).unwrap().len();
    assert_eq!((found("/resource/b"), found("/item/1"), found("/resource/a"), found("/x")), (2, 2, 1, 0));
}

#[test]
fn a_uri_that_is_no_path_matches_only_itself() {
    let all = patterns(&["urn:x:y", "http://rs.example/x", "http://rs.example/*", "/x"]);
    assert_eq!(all.matching_uri("urn:x:y"), ["urn:x:y"]);
    assert_eq!(all.matching_uri("http://rs.example/x"), ["http://rs.example/x"]);
    assert_eq!(all.matching_uri("/x;a=1"), ["/x"]);
    for none in [
        "urn:x:Y",
        "http://rs.example/x/",
        "http://rs.example/y",
        "http://other.example/x",
        "",
        "x",
        "/x/..;",
    ] {
        assert!(all.matching_uri(none).is_empty(), "{none}");
    }
    assert_eq!(winner(&all, "http://rs.example/x"), "/x", "the target of a request is reduced to its path");
}

#[test]
fn readings_that_lead_apart_are_a_doubt() {
    let all = patterns(&["/admin/*", "/public/*", "/public", "/files/{name}", "/b"]);
    for doubtful in [
        "/admin/../public",
        "/admin/x/../../public/y",
        "//public/admin/x",
        "/files/a%2Fb",
        "/files/..;/b",
        "/b;/../b",
    ] {
        assert!(matches!(winner(&all, doubtful), "?" | "-"), "{doubtful}");
    }
    assert_eq!(winner(&all, "//public/admin/x"), "?");
    assert_eq!(winner(&all, "/admin/../public"), "?");
    assert_eq!(winner(&all, "/public/../admin/x"), "?");
    assert_eq!(winner(&all, "/x/../admin/y"), "/admin/*");
    assert_eq!(
        winner(&patterns(&["/*", "/api/a"]), "/x/../api/a"),
        "/api/a",
        "a wildcard above is no other pattern"
    );
}

#[test]
fn a_lookup_does_not_grow_with_the_patterns() {
    let mut visits = Vec::new();
    for count in [10, 1_000, 20_000] {
        let mut all = Patterns::default();
        for n in 0..count {
            for text in [
                format!("/api/{n}"),
                format!("/api/{n}/*"),
                format!("/api/{{id}}/{n}"),
                format!("/{n}/*.s{n}"),
                format!("/{{a}}/{{b}}/{n}/{{c}}"),
            ] {
                all.insert(&text.parse().unwrap(), n);
            }
        }
        let mut seen = 0;
        for target in
            [&["api", "7"][..], &["api", "7", "x"], &["api", "x", "7"], &["7", "x.s7"], &["a", "b", "7", "c"]]
        {
            assert!(!all.walk(target, &mut seen).unwrap().is_empty());
        }
        visits.push(seen);
    }
    assert!(visits[0] < 40 && visits.iter().all(|seen| *seen == visits[0]), "{visits:?}");
}

#[test]
fn templates_that_fork_at_every_segment_end_at_the_limit() {
    let mut all = Patterns::default();
    for n in 0_u32..1 << 13 {
        let text: String = (0..13).map(|bit| if n >> bit & 1 == 1 { "/{x}" } else { "/a" }).collect();
        all.insert(&text.parse().unwrap(), n);
    }
    assert_eq!(all.matching(&Path::parse("/a".repeat(13).as_bytes()).unwrap()), Err(DoubtfulPath));
}
