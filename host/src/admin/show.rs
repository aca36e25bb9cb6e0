//! What a command prints: a table for people, or the server's own answer.

use std::io::{self, Write as _};

use serde_json::Value;

/// Something to print
#[derive(Debug)]
pub(super) enum Shown {
    /// A list with some members of each entry
    Table(&'static [&'static str], Value),
    /// All members of one thing
    One(Value),
    /// Lines, and what they were made of
    Lines(Vec<String>, Value),
    /// That it is done
    Done(String),
}

impl Shown {
    /// Prints it
    pub(super) fn print(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if as_json {
            let value = match self {
                Self::Table(_, value) | Self::One(value) | Self::Lines(_, value) => value.clone(),
                Self::Done(_) => Value::Null,
            };
            return if value.is_null() { Ok(()) } else { writeln!(out, "{value:#}") };
        }
        match self {
            Self::Table(columns, value) => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let head = columns.iter().map(|name| name.to_uppercase()).collect();
                let rows =
                    items.iter().map(|item| columns.iter().map(|name| cell(member(item, name))).collect());
                table(&mut out, core::iter::once(head).chain(rows).collect())
            }
            Self::One(value) => {
                let members = value.as_object().into_iter().flatten();
                table(&mut out, members.map(|(name, value)| vec![name.clone(), cell(Some(value))]).collect())
            }
            Self::Lines(lines, _) => lines.iter().try_for_each(|line| writeln!(out, "{line}")),
            Self::Done(line) => writeln!(out, "{line}"),
        }
    }
}

/// `owner.name`: a member of a member
fn member<'a>(item: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(item, |item, name| item.get(name))
}

/// One line, without what a terminal would obey
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| cell(item.get("name").or(Some(item)))).collect::<Vec<_>>().join(", ")
        }
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    };
    printable(&text)
}

/// Names come from callers: control characters do not reach the terminal
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn table(out: &mut impl io::Write, rows: Vec<Vec<String>>) -> io::Result<()> {
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        for (place, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(place) {
                Some(known) => *known = width.max(*known),
                None => widths.push(width),
            }
        }
    }
    for row in rows {
        let cells: Vec<_> =
            row.into_iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let mut out = Vec::new();
        table(&mut out, vec![vec!["a".into(), "b".into()], vec!["long".into(), "x".into()]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a     b\nlong  x\n");
    }

    #[test]
    fn names_cannot_speak_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
