//! Java's regular expressions, as far as they are supported: literals, classes, groups, alternation, quantifiers with
//! their lazy forms, anchors, `(?i)` at the beginning. Everything else is refused.

use regex::Regex;

/// An expression that matches a whole text; nothing if it is not supported or not well formed
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    let (ignore_case, pattern) = match pattern.strip_prefix("(?i)") {
        Some(rest) => ("(?i)", rest),
        None => ("", pattern),
    };
    let translated = translate(&pattern.chars().collect::<Vec<_>>())?;
    Regex::new(&format!("{ignore_case}\\A(?:{translated})\\z")).ok()
}

fn translate(pattern: &[char]) -> Option<String> {
    let mut out = String::new();
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => {
                out.push_str(&escape(*pattern.get(at + 1)?, false)?);
                at += 2;
            }
            '[' => at = class(pattern, at, &mut out)?,
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
            plain => {
                out.push(plain);
                at += 1;
            }
        }
    }
    Some(out)
}

/// Java's classes hold ASCII only
fn escape(character: char, in_class: bool) -> Option<String> {
    let inside = |set: &str| if in_class { set.to_owned() } else { format!("[{set}]") };
    Some(match character {
        'd' => inside("0-9"),
        'w' => inside("a-zA-Z0-9_"),
        's' => inside(" \\t\\n\\x0B\\x0C\\r"),
        'D' => "[^0-9]".to_owned(),
        'W' => "[^a-zA-Z0-9_]".to_owned(),
        'S' => "[^ \\t\\n\\x0B\\x0C\\r]".to_owned(),
        't' | 'n' | 'r' => format!("\\{character}"),
        'A' | 'z' if !in_class => format!("\\{character}"),
        other if other.is_ascii_punctuation() => format!("\\{other}"),
        _ => return None,
    })
}

fn class(pattern: &[char], start: usize, out: &mut String) -> Option<usize> {
    let mut at = start + 1;
    out.push('[');
    if pattern.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let first = at;
    loop {
        match *pattern.get(at)? {
            ']' if at > first => {
                out.push(']');
                return Some(at + 1);
            }
            // An empty class, a class in a class, an intersection
            ']' | '[' | '&' => return None,
            '\\' => {
                out.push_str(&escape(*pattern.get(at + 1)?, true)?);
                at += 2;
            }
            '-' => {
                out.push('-');
                at += 1;
            }
            plain => {
                if plain.is_ascii_punctuation() {
                    out.push('\\');
                }
                out.push(plain);
                at += 1;
            }
        }
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
