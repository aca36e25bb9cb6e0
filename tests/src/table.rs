//! Many requests, one row each; all that answer otherwise are told together.

use serde_json::{Value, json};

use crate::http::Answer;

/// Collects rows and fails at the end if one of them was wrong
#[derive(Debug, Default)]
pub struct Table {
    rows: usize,
    wrong: Vec<String>,
}

impl Table {
    /// An empty one
    pub fn new() -> Self {
        Self::default()
    }

    /// A refusal with `error` and `error_description`
    pub fn row(&mut self, name: &str, answer: Answer, status: u16, error: &str, description: &str) {
        self.body(name, answer, status, &json!({ "error": error, "error_description": description }));
    }

    /// A refusal with `error` alone
    pub fn bare(&mut self, name: &str, answer: Answer, status: u16, error: &str) {
        self.body(name, answer, status, &json!({ "error": error }));
    }

    /// An answer with exactly this body
    pub fn body(&mut self, name: &str, answer: Answer, status: u16, body: &Value) {
        self.holds(name, answer, &format!("{status} {body}"), |answer| {
            answer.status == status && answer.json() == *body
        });
    }

    /// An answer with this status, whatever its body
    pub fn status(&mut self, name: &str, answer: Answer, status: u16) {
        self.holds(name, answer, &status.to_string(), |answer| answer.status == status);
    }

    /// An answer of which something holds
    pub fn holds(&mut self, name: &str, answer: Answer, want: &str, holds: impl FnOnce(&Answer) -> bool) {
        self.rows += 1;
        if !holds(&answer) {
            self.wrong.push(format!("{name}\n    want {want}\n    got  {answer}"));
        }
    }

    /// Fails if a row was wrong
    #[track_caller]
    pub fn done(self) {
        assert!(
            self.wrong.is_empty(),
            "{} of {} rows:\n{}",
            self.wrong.len(),
            self.rows,
            self.wrong.join("\n")
        );
        assert!(self.rows > 0, "no rows");
    }
}
