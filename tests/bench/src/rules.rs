//! The rules that both engines are asked about: user `n` may read document `n`.

/// A number of rules
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How many
    pub(crate) size: usize,
}

/// May this user read this document?
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// The user's number
    pub(crate) user: usize,
    /// The document's number
    pub(crate) document: usize,
}

impl Rules {
    /// One that is granted by a rule in the middle, and one that no rule grants
    pub(crate) fn questions(self) -> (Ask, Ask) {
        let middle = self.size / 2;
        (Ask { user: middle, document: middle }, Ask { user: self.size, document: middle })
    }
}

/// The name of a user
pub(crate) fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The name of a document
pub(crate) fn document(number: usize) -> String {
    format!("doc-{number}")
}
