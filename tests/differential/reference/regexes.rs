//! Java's regular expressions, as far as they are supported: literals, classes, groups, alternation, quantifiers with
//! their lazy forms, anchors, `(?i)` at the beginning. Everything else is refused.

use regex::Regex;

/// An expression that matches a whole text; nothing if it is not supported or not well formed
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    let (any_case, pattern) = match pattern.strip_prefix("(?i)") {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let translated = translate(&pattern.chars().collect::<Vec<_>>(), any_case)?;
    Regex::new(&format!("\\A(?:{translated})\\z")).ok()
}

fn translate(pattern: &[char], any_case: bool) -> Option<String> {
    let mut out = String::new();
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => {
                match escape(*pattern.get(at + 1)?)? {
                    Escape::Class(class) => out.push_str(class),
                    Escape::Character(character) => out.push_str(&range(character, character, any_case)),
                    Escape::Anchor(anchor) => out.push_str(anchor),
                }
                at += 2;
            }
            '[' => at = class(pattern, at, any_case, &mut out)?,
            '(' => {
                let rest: String = pattern[at..].iter().take(3).collect();
                if rest == "(?:" {
                    out.push_str("(?:");
                    at += 3;
                } else if rest.starts_with("(?") {
                    return None;
                } else {
                    out.push('(');
                    at += 1;
                }
            }
            '*' | '+' | '?' | '{' => at = quantifier(pattern, at, &mut out)?,
            // Java's dot does not match any line terminator.
            '.' => {
                out.push_str("[^\\n\\r\\u{85}\\u{2028}\\u{2029}]");
                at += 1;
            }
            operator @ (')' | '|' | '^' | '$') => {
                out.push(operator);
                at += 1;
            }
            plain => {
                out.push_str(&range(plain, plain, any_case));
                at += 1;
            }
        }
    }
    Some(out)
}

enum Escape {
    Class(&'static str),
    Character(char),
    Anchor(&'static str),
}

/// Java's classes hold ASCII only
fn escape(character: char) -> Option<Escape> {
    Some(match character {
        'd' => Escape::Class("[0-9]"),
        'w' => Escape::Class("[a-zA-Z0-9_]"),
        's' => Escape::Class("[ \\t\\n\\x0B\\x0C\\r]"),
        'D' => Escape::Class("[^0-9]"),
        'W' => Escape::Class("[^a-zA-Z0-9_]"),
        'S' => Escape::Class("[^ \\t\\n\\x0B\\x0C\\r]"),
        't' => Escape::Character('\t'),
        'n' => Escape::Character('\n'),
        'r' => Escape::Character('\r'),
        'A' => Escape::Anchor("\\A"),
        'z' => Escape::Anchor("\\z"),
        other if other.is_ascii_punctuation() => Escape::Character(other),
        _ => return None,
    })
}

/// A class of all characters from one to another; with `(?i)` also those of the other case, of ASCII letters alone
fn range(first: char, last: char, any_case: bool) -> String {
    let one = |character: char| format!("\\u{{{:x}}}", u32::from(character));
    let mut class = format!("[{}-{}", one(first), one(last));
    for letter in ('a'..='z').chain('A'..='Z').filter(|_| any_case) {
        if first <= letter && letter <= last {
            let other =
                if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            class.push(other);
        }
    }
    class.push(']');
    class
}

fn class(pattern: &[char], start: usize, any_case: bool, out: &mut String) -> Option<usize> {
    let mut at = start + 1;
    out.push('[');
    if pattern.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let begin = at;
    loop {
        if pattern.get(at) == Some(&']') && at > begin {
            out.push(']');
            return Some(at + 1);
        }
        let first = match member(pattern, &mut at)? {
            Escape::Class(class) => {
                out.push_str(class);
                continue;
            }
            Escape::Character(character) => character,
            Escape::Anchor(_) => return None,
        };
        let is_range = pattern.get(at) == Some(&'-') && pattern.get(at + 1).is_some_and(|next| *next != ']');
        let mut last = first;
        if is_range {
            at += 1;
            let Escape::Character(end) = member(pattern, &mut at)? else { return None };
            last = end;
        }
        if last < first {
            return None;
        }
        out.push_str(&range(first, last, any_case));
    }
}

/// One member of a class; no class in a class, no intersection, no empty class
fn member(pattern: &[char], at: &mut usize) -> Option<Escape> {
    let character = *pattern.get(*at)?;
    *at += 1;
    match character {
        ']' | '[' | '&' => None,
        '\\' => {
            *at += 1;
            escape(*pattern.get(*at - 1)?)
        }
        plain => Some(Escape::Character(plain)),
    }
}

/// `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`, and a `?` after it; not on nothing, and no possessive form
fn quantifier(pattern: &[char], start: usize, out: &mut String) -> Option<usize> {
    let before = start.checked_sub(1).and_then(|before| pattern.get(before));
    if before.is_none() || start == 1 && before == Some(&'^') {
        return None;
    }
    let mut at = start + 1;
    if pattern[start] == '{' {
        let length = pattern[at..].iter().position(|character| *character == '}')?;
        let inside: String = pattern[at..at + length].iter().collect();
        let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
        let digits = |text: &str| text.chars().all(|character| character.is_ascii_digit());
        if least.is_empty() || !digits(least) || !digits(most) {
            return None;
        }
        out.push('{');
        out.push_str(&inside);
        out.push('}');
        at += length + 1;
    } else {
        out.push(pattern[start]);
    }
    match pattern.get(at) {
        Some('?') => {
            out.push('?');
            at += 1;
        }
        Some('+' | '*' | '{') => return None,
        _ => {}
    }
    // A third quantifier has nothing to repeat.
    if matches!(pattern.get(at), Some('*' | '+' | '?' | '{')) { None } else { Some(at) }
}
