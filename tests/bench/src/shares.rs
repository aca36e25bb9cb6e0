//! Shares at hand: one look at whether a requester has a scope of a resource, among so many.

use countersign_core::{
    ids::ResourceId,
    requester::Requester,
    scope::Scope,
    share::{
        Grantee, Share, ShareState,
        index::{Seed, Shares},
    },
    time::UnixTime,
};

/// So many shares, ten of each user, and questions that go all over them
pub(crate) struct Held {
    shares: Shares,
    questions: Vec<(ResourceId, Requester)>,
    next: usize,
    read: Scope,
}

/// Enough that no question is answered from the memory of the last
const QUESTIONS: usize = 1_024;

fn resource(number: usize) -> ResourceId {
    format!("7f1c0000-0000-4000-8000-{number:012x}").parse().expect("an id")
}

fn user(number: usize) -> countersign_core::ids::PartyId {
    format!("0a0b0000-0000-4000-8000-{:012x}", number / 10).parse().expect("an id")
}

impl Held {
    pub(crate) fn new(size: usize) -> Self {
        let read: Scope = "read".parse().expect("a scope");
        let row = |number: usize| Share {
            id: format!("5ba40000-0000-4000-8000-{number:012x}").parse().expect("an id"),
            resource: resource(number),
            scope: Some(read.clone()),
            requester: Grantee::User(user(number)),
            state: ShareState::Granted,
            expires_at: None,
            parent: None,
        };
        let shares =
            Shares::from_rows((0..size).map(row), Seed::new(*b"16 random bytes.")).expect("they fit");
        Self::asked(shares, read, size)
    }

    /// Shares that were written before by [`Self::snapshot`]
    #[allow(dead_code, reason = "the module does, the native bench does not")]
    pub(crate) fn of_snapshot(snapshot: &[u8], size: usize) -> Option<Self> {
        let shares = Shares::from_snapshot(snapshot, Seed::new(*b"16 random bytes.")).ok()?;
        Some(Self::asked(shares, "read".parse().ok()?, size))
    }

    /// All of them as bytes
    #[allow(dead_code, reason = "the module does, the native bench does not")]
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.shares.snapshot()
    }

    fn asked(shares: Shares, read: Scope, size: usize) -> Self {
        let questions = (0..QUESTIONS).map(|place| {
            // A stride that visits all parts of the index.
            let number = place.wrapping_mul(7_919_977) % size;
            let requester = serde_json::json!({ "id": user(number), "client": "app" });
            (resource(number), serde_json::from_value(requester).expect("a requester"))
        });
        Self { shares, questions: questions.collect(), next: 0, read }
    }

    /// Whether one of them stands
    pub(crate) fn lookup(&mut self) -> bool {
        self.next = (self.next + 1) % QUESTIONS;
        let (resource, requester) = &self.questions[self.next];
        self.shares.permits(resource, requester, Some(&self.read), UnixTime(1_700_000_000))
    }
}
