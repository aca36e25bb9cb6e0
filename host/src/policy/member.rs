use crate::script::INLINE;

/// Something that a policy refers to
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// A user by id or name
    User,
    /// A role by id, name, or `client/name`
    Role,
    /// A group by id or path
    Group,
    /// A client by id or `clientId`
    Client,
    /// A client scope by id or name
    ClientScope,
    /// A resource by id or name
    Resource,
    /// A scope by id or name
    Scope,
    /// A policy by id or name
    Policy,
}

impl Noun {
    /// As refusals have it
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Role => "Role",
            Self::Group => "Group",
            Self::Client => "Client",
            Self::ClientScope => "Client scope",
            Self::Resource => "Resource",
            Self::Scope => "Scope",
            Self::Policy => "Policy",
        }
    }
}

/// What a member of a configuration holds
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A list of references
    References(Noun),
    /// A list of objects that refer to something, each with a flag of that name
    Flagged(Noun, &'static str),
    /// `true` or `false`
    Flag,
    /// A text
    Text,
}

/// A member of the configuration of a type
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its name where every value is a text: in `config`
    pub name: &'static str,
    /// Its name in the typed form
    pub typed: &'static str,
    /// What it holds
    pub shape: Shape,
}

const fn member(name: &'static str, shape: Shape) -> Member {
    Member { name, typed: name, shape }
}

const USER: &[Member] = &[member("users", Shape::References(Noun::User))];
const CLIENT: &[Member] = &[member("clients", Shape::References(Noun::Client))];
const ROLE: &[Member] =
    &[member("roles", Shape::Flagged(Noun::Role, "required")), member("fetchRoles", Shape::Flag)];
const GROUP: &[Member] =
    &[member("groups", Shape::Flagged(Noun::Group, "extendChildren")), member("groupsClaim", Shape::Text)];
const CLIENT_SCOPE: &[Member] = &[member("clientScopes", Shape::Flagged(Noun::ClientScope, "required"))];
const TIME: &[Member] = &[
    Member { name: "nbf", typed: "notBefore", shape: Shape::Text },
    Member { name: "noa", typed: "notOnOrAfter", shape: Shape::Text },
    member("dayMonth", Shape::Text),
    member("dayMonthEnd", Shape::Text),
    member("month", Shape::Text),
    member("monthEnd", Shape::Text),
    member("year", Shape::Text),
    member("yearEnd", Shape::Text),
    member("hour", Shape::Text),
    member("hourEnd", Shape::Text),
    member("minute", Shape::Text),
    member("minuteEnd", Shape::Text),
];
const REGEX: &[Member] = &[
    member("targetClaim", Shape::Text),
    member("pattern", Shape::Text),
    member("targetContextAttributes", Shape::Flag),
];

const JS: &[Member] = &[member("code", Shape::Text)];

/// What the configuration of a type has, links apart
pub fn members(kind: &str) -> &'static [Member] {
    match kind {
        "user" => USER,
        "client" => CLIENT,
        "role" => ROLE,
        "group" => GROUP,
        "client-scope" => CLIENT_SCOPE,
        "time" => TIME,
        "regex" => REGEX,
        INLINE => JS,
        _ => &[],
    }
}
