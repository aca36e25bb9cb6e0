use alloc::vec::Vec;
use core::{iter::Peekable, str::Chars};

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

use crate::limits::REGEX_DEPTH;

/// Why a pattern is refused
type Why = &'static str;

/// Reads a pattern of Java's syntax
pub(super) fn java(pattern: &str) -> Result<Hir, Why> {
    let (fold, pattern) = pattern.strip_prefix("(?i)").map_or((false, pattern), |rest| (true, rest));
    let mut parser = Parser { rest: pattern.chars().peekable(), fold, depth: 0 };
    let whole = parser.alternation()?;
    if parser.rest.peek().is_some() { Err("`)` closes nothing") } else { Ok(whole) }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    fold: bool,
    depth: usize,
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const SPACE: &[(char, char)] = &[('\t', '\r'), (' ', ' ')];
/// What `.` does not mean
const LINE_ENDS: &[(char, char)] =
    &[('\n', '\n'), ('\r', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')];

fn class(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(from, to)| ClassUnicodeRange::new(*from, *to)))
}

fn negated(ranges: &[(char, char)]) -> ClassUnicode {
    let mut class = class(ranges);
    class.negate();
    class
}

/// What an escape means
enum Escape {
    One(char),
    Class(ClassUnicode),
    Look(Look),
}

impl Parser<'_> {
    fn alternation(&mut self) -> Result<Hir, Why> {
        let mut branches = alloc::vec![self.branch()?];
        while self.rest.next_if_eq(&'|').is_some() {
            branches.push(self.branch()?);
        }
        Ok(Hir::alternation(branches))
    }

    fn branch(&mut self) -> Result<Hir, Why> {
        let mut parts = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            let atom = self.atom(c)?;
            parts.push(self.quantified(atom)?);
        }
        Ok(Hir::concat(parts))
    }

    fn atom(&mut self, c: char) -> Result<Hir, Why> {
        match c {
            '(' => self.group(),
            '[' => self.class().map(|class| Hir::class(Class::Unicode(class))),
            '.' => Ok(Hir::class(Class::Unicode(negated(LINE_ENDS)))),
            '^' => Ok(Hir::look(Look::Start)),
            '$' => Ok(Hir::look(Look::End)),
            '*' | '+' | '?' | '{' => Err("a quantifier has nothing before it"),
            '\\' => Ok(match self.escape()? {
                Escape::One(c) => self.literal(c),
                Escape::Class(class) => Hir::class(Class::Unicode(class)),
                Escape::Look(look) => Hir::look(look),
            }),
            _ => Ok(self.literal(c)),
        }
    }

    fn literal(&self, c: char) -> Hir {
        let mut one = class(&[]);
        self.add(&mut one, c, c);
        Hir::class(Class::Unicode(one))
    }

    fn group(&mut self) -> Result<Hir, Why> {
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next_if_eq(&':').is_none() {
            // Flags, names, look-around and atomic groups.
            return Err("only groups `(…)` and `(?:…)` are served, and `(?i)` at the beginning");
        }
        self.depth = self.depth.saturating_add(1);
        if self.depth > REGEX_DEPTH {
            return Err("groups are nested too deep");
        }
        let inner = self.alternation()?;
        self.depth = self.depth.saturating_sub(1);
        self.rest.next_if_eq(&')').ok_or("a group does not end")?;
        Ok(inner)
    }

    fn quantified(&mut self, atom: Hir) -> Result<Hir, Why> {
        let (min, max) = match self.rest.next_if(|c| matches!(c, '*' | '+' | '?' | '{')) {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some(_) => self.counts()?,
            None => return Ok(atom),
        };
        let greedy = self.rest.next_if_eq(&'?').is_none();
        match self.rest.peek() {
            Some('+') => Err("possessive quantifiers are not served"),
            Some('*' | '?' | '{') => Err("a quantifier follows another"),
            _ => Ok(Hir::repetition(Repetition { min, max, greedy, sub: atom.into() })),
        }
    }

    /// `{m}`, `{m,}`, `{m,n}`, from after the brace
    fn counts(&mut self) -> Result<(u32, Option<u32>), Why> {
        const WHY: Why = "a quantifier in braces is not of the form {m}, {m,} or {m,n}";
        let min = self.number().ok_or(WHY)?;
        let max = if self.rest.next_if_eq(&',').is_none() { Some(min) } else { self.number() };
        self.rest.next_if_eq(&'}').ok_or(WHY)?;
        if max.is_some_and(|max| max < min) { Err(WHY) } else { Ok((min, max)) }
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(10)) {
            self.rest.next();
            number = Some(number.unwrap_or(0_u32).checked_mul(10)?.checked_add(digit)?);
        }
        number
    }

    fn escape(&mut self) -> Result<Escape, Why> {
        let escaped = self.rest.next().ok_or("it ends with a backslash")?;
        Ok(match escaped {
            'd' => Escape::Class(class(DIGIT)),
            'D' => Escape::Class(negated(DIGIT)),
            'w' => Escape::Class(class(WORD)),
            'W' => Escape::Class(negated(WORD)),
            's' => Escape::Class(class(SPACE)),
            'S' => Escape::Class(negated(SPACE)),
            'b' => Escape::Look(Look::WordAscii),
            'B' => Escape::Look(Look::WordAsciiNegate),
            't' => Escape::One('\t'),
            'n' => Escape::One('\n'),
            'r' => Escape::One('\r'),
            'f' => Escape::One('\u{C}'),
            _ if escaped.is_ascii_alphanumeric() => return Err("an escape that is not served"),
            _ => Escape::One(escaped),
        })
    }

    /// A character class, from after its bracket
    fn class(&mut self) -> Result<ClassUnicode, Why> {
        let negate = self.rest.next_if_eq(&'^').is_some();
        let mut all = class(&[]);
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or("a character class does not end")?;
            let from = match c {
                ']' if first => return Err("a character class is empty"),
                ']' => break,
                '[' => return Err("a character class inside another is not served"),
                '&' if self.rest.peek() == Some(&'&') => {
                    return Err("an intersection of character classes is not served");
                }
                '\\' => match self.escape()? {
                    Escape::One(c) => c,
                    Escape::Class(class) => {
                        all.union(&class);
                        first = false;
                        continue;
                    }
                    Escape::Look(_) => return Err("an escape that is not served in a character class"),
                },
                c => c,
            };
            first = false;
            let to = self.range_end()?.unwrap_or(from);
            if to < from {
                return Err("a range of characters ends before it begins");
            }
            self.add(&mut all, from, to);
        }
        if negate {
            all.negate();
        }
        Ok(all)
    }

    /// What comes after a character and a `-`, if that is a range
    fn range_end(&mut self) -> Result<Option<char>, Why> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.peek(), None | Some(']')) {
            return Ok(None);
        }
        self.rest.next();
        match self.rest.next() {
            Some('[') => Err("a character class inside another is not served"),
            Some('\\') => match self.escape()? {
                Escape::One(c) => Ok(Some(c)),
                Escape::Class(_) | Escape::Look(_) => Err("a range of characters ends in a class"),
            },
            end => Ok(end),
        }
    }

    /// Adds a range, and the part of it that is letters in the other case where case does not matter
    fn add(&self, class: &mut ClassUnicode, from: char, to: char) {
        class.push(ClassUnicodeRange::new(from, to));
        if !self.fold {
            return;
        }
        let other =
            |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        for (begin, end) in [('a', 'z'), ('A', 'Z')] {
            let (low, high) = (from.max(begin), to.min(end));
            if low <= high {
                class.push(ClassUnicodeRange::new(other(low), other(high)));
            }
        }
    }
}
