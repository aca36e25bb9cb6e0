//! Regular expressions as Keycloak's policies write them, in an engine whose time is linear in the value.
//!
//! Java's `\d`, `\w` and `\s` mean ASCII, and so does its `(?i)`; both are written out before the engine sees them,
//! which also keeps the tables of Unicode out of the module. Look-around, back-references and possessive
//! quantifiers need backtracking and are refused.

use alloc::{format, string::String};
use core::{iter::Peekable, str::Chars};

use regex::{Regex, RegexBuilder};

use super::super::Fault;
use crate::limits::{REGEX_BYTES, REGEX_PROGRAM_BYTES};

/// A pattern that a whole value must match
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn new(java: &str) -> Result<Self, Fault> {
        let refused = |why: &str| Fault::Pattern(why.into());
        if java.len() > REGEX_BYTES {
            return Err(refused("it is too long"));
        }
        let (fold, java) = java.strip_prefix("(?i)").map_or((false, java), |rest| (true, rest));
        let mut writer = Writer { rest: java.chars().peekable(), out: String::new(), fold };
        writer.outside().map_err(refused)?;
        RegexBuilder::new(&format!(r"\A(?:{})\z", writer.out))
            .size_limit(REGEX_PROGRAM_BYTES)
            .build()
            .map(Self)
            .map_err(|_| refused("it is no regular expression of linear time, or too large"))
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.0.is_match(value)
    }
}

/// Writes a Java pattern in the engine's words
struct Writer<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    fold: bool,
}

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Z_a-z";
const SPACE: &str = r"\t\n\x0B\f\r ";

type Written = Result<(), &'static str>;

impl Writer<'_> {
    fn outside(&mut self) -> Written {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => {
                    self.out.push('(');
                    if self.rest.next_if_eq(&'?').is_some() {
                        // Only `(?:`: flags, names, look-around and atomic groups mean something else in Java.
                        self.rest.next_if_eq(&':').ok_or("only groups `(…)` and `(?:…)` are served")?;
                        self.out.push_str("?:");
                    }
                }
                '*' | '+' | '?' | '}' => {
                    self.out.push(c);
                    if self.rest.peek() == Some(&'+') {
                        return Err("possessive quantifiers are not served");
                    }
                }
                '.' => self.out.push_str(r"[^\n\r\u{85}\u{2028}\u{2029}]"),
                _ => self.letter(c),
            }
        }
        Ok(())
    }

    /// A letter that stands for itself, in both cases where case does not matter
    fn letter(&mut self, c: char) {
        if self.fold && c.is_ascii_alphabetic() {
            self.out.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']);
        } else {
            self.out.push(c);
        }
    }

    fn escape(&mut self, in_class: bool) -> Written {
        let escaped = self.rest.next().ok_or("it ends with a backslash")?;
        let (set, negated) = match escaped {
            'd' => (DIGIT, false),
            'D' => (DIGIT, true),
            'w' => (WORD, false),
            'W' => (WORD, true),
            's' => (SPACE, false),
            'S' => (SPACE, true),
            'b' if !in_class => {
                self.out.push_str(r"(?-u:\b)");
                return Ok(());
            }
            't' | 'n' | 'r' | 'f' => {
                self.out.extend(['\\', escaped]);
                return Ok(());
            }
            _ if escaped.is_ascii_alphanumeric() => return Err("an escape that is not served"),
            // Java lets every other character be escaped; to the engine, `\<` is the begin of a word.
            _ => {
                self.member(escaped);
                return Ok(());
            }
        };
        self.out.push_str(match (in_class, negated) {
            (true, false) => "",
            (_, true) => "[^",
            (false, false) => "[",
        });
        self.out.push_str(set);
        if negated || !in_class {
            self.out.push(']');
        }
        Ok(())
    }

    /// A character class, from after its bracket
    fn class(&mut self) -> Written {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        loop {
            match self.rest.next().ok_or("a character class does not end")? {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => return Err("a character class inside another is not served"),
                '&' if self.rest.peek() == Some(&'&') => {
                    return Err("an intersection of character classes is not served");
                }
                '\\' => self.escape(true)?,
                from => self.range(from),
            }
        }
    }

    fn range(&mut self, from: char) {
        let mut ahead = self.rest.clone();
        let range_end = (ahead.next() == Some('-')).then(|| ahead.next()).flatten();
        let to = match range_end {
            None | Some(']' | '[' | '\\') => from,
            Some(to) => {
                self.rest = ahead;
                to
            }
        };
        self.span(from, to);
        if self.fold {
            // The part of the range that is letters, in the other case.
            for (begin, end) in [('a', 'z'), ('A', 'Z')] {
                let (low, high) = (from.max(begin), to.min(end));
                if low <= high {
                    let other = |c: char| {
                        if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
                    };
                    self.span(other(low), other(high));
                }
            }
        }
    }

    fn span(&mut self, from: char, to: char) {
        self.member(from);
        if from != to {
            self.out.push('-');
            self.member(to);
        }
    }

    fn member(&mut self, c: char) {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }
}

#[cfg(test)]
mod tests {
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
}
