use super::*;

fn matches(pattern: &str, value: &str) -> bool {
    Pattern::new(pattern).unwrap().matches(value)
}

#[test]
fn the_whole_value_is_matched() {
    assert!(matches("foo", "foo"));
    assert!(!matches("foo", "xfoo"));
    assert!(!matches("foo", "foo\n"));
    assert!(matches("^bar.+$", "barbar"));
    assert!(!matches("a|ab", "abc"));
    assert!(matches("a|ab", "ab"));
    assert!(!matches("a$|b", "a\nb"));
}

#[test]
fn classes_mean_ascii_as_in_java() {
    assert!(matches(r"\d+", "042"));
    assert!(!matches(r"\d", "٣"), "an Arabic digit");
    assert!(!matches(r"\w", "ä"));
    assert!(matches(r"\W", "ä"));
    assert!(matches(r"[\w-]+", "a-b_9"));
    assert!(matches(r"[^\d\s]+", "ab"));
    assert!(!matches(r"[^\d\s]+", "a b"));
    assert!(matches(r"[\D]", "x") && !matches(r"[\D]", "1"));
    assert!(matches(r"\s\S", "\tx"));
    assert!(matches(".", "ä") && !matches(".", "\n") && !matches(".", "\u{2028}"));
}

#[test]
fn case_is_that_of_ascii() {
    assert!(matches("(?i)admin", "AdMiN"));
    assert!(matches("(?i)[a-f]+x", "AbFX"));
    assert!(matches("(?i)[X-c]", "x") && matches("(?i)[X-c]", "C"));
    assert!(!matches("(?i)k", "\u{212A}"), "the Kelvin sign is no k");
    assert!(!matches("admin", "Admin"));
}

#[test]
fn escapes_mean_what_they_escape() {
    assert!(matches(r".*@example\.org", "bob@example.org"));
    assert!(!matches(r".*@example\.org", "bob@exampleXorg"));
    assert!(matches(r"a\@b\#c\-d\/e\ ", "a@b#c-d/e "));
    assert!(matches(r"[\]\-\\]+", r"]-\"));
    assert!(matches(r"[a-]+", "a-"));
    assert!(matches(r"\bfoo\b", "foo"));
    assert!(matches(r"[a&~^]+", "a&~^"));
    assert!(matches(r"\<a\>", "<a>"));
    assert!(matches(r"[\t-\r]", "\n") && matches("]}", "]}"));
    assert!(matches(r"a\Bb", "ab") && !matches(r"a\bb", "ab"));
}

#[test]
fn what_needs_backtracking_is_refused() {
    for pattern in [
        "(?=a)a",
        "(?!a)b",
        "(?<=a)b",
        "(?>a)b",
        r"(a)\1",
        "a++",
        "a*+",
        "a?+",
        "a{2}+",
        "(?s).",
        "a(?i)b",
        r"\p{L}",
        r"\Qa\E",
        r"\G",
        "[a[b]]",
        "[a-z&&[^b]]",
        "a(",
        "[a",
        "a\\",
        "*",
        "a{1001}{1001}",
    ] {
        assert!(matches!(Pattern::new(pattern), Err(Fault::Pattern(_))), "{pattern}");
    }
    assert!(Pattern::new(&"a".repeat(REGEX_BYTES)).is_ok());
    assert!(Pattern::new(&"a".repeat(REGEX_BYTES + 1)).is_err());
}

#[test]
fn a_pattern_that_explodes_elsewhere_does_not() {
    assert!(!matches("(a+)+b", &"a".repeat(500)));
    assert!(!matches("(a|aa)+$", &alloc::format!("{}b", "a".repeat(500))));
}

#[test]
fn quantifiers_count() {
    assert!(matches("a{2}", "aa") && !matches("a{2}", "aaa"));
    assert!(matches("a{2,}", "aaaa") && !matches("a{2,}", "a"));
    assert!(matches("(?:ab){1,2}?", "abab") && !matches("(ab){1,2}", "ababab"));
    assert!(matches("", "") && matches("a|", "") && !matches("()", "a"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| alloc::format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(matches(&nested(crate::limits::REGEX_DEPTH), "a"));
    assert!(Pattern::new(&nested(crate::limits::REGEX_DEPTH + 1)).is_err());
}
