//! What is wrong with a policy.

use alloc::string::String;

use serde::Serialize;

use crate::ids::PolicyId;

/// What is wrong with a policy, as the load report and the operator's trace name it
///
/// All but [`Fault::MissingReference`] make the policy itself broken; a reference that is missing is a broken
/// policy in the eyes of the one that refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", content = "detail", rename_all = "snake_case")]
pub enum Fault {
    /// No such type of policy
    #[error("policy type `{0}` is unknown")]
    UnknownType(String),
    /// `logic` is neither `POSITIVE` nor `NEGATIVE`
    #[error("`logic` is neither POSITIVE nor NEGATIVE")]
    Logic,
    /// `decisionStrategy` is none of the three
    #[error("`decisionStrategy` is none of UNANIMOUS, AFFIRMATIVE, CONSENSUS")]
    Strategy,
    /// A member of its configuration is absent or cannot be read
    #[error("configuration member `{0}` is absent or cannot be read")]
    Configuration(&'static str),
    /// A list of its configuration is empty: all that it named is gone
    #[error("configuration member `{0}` names nothing any more")]
    Emptied(&'static str),
    /// Its regular expression cannot be used
    #[error("`pattern` cannot be used: {0}")]
    Pattern(String),
    /// An aggregate without policies
    #[error("no policies are associated with the aggregate")]
    NoPolicies,
    /// It is part of itself
    #[error("the aggregate leads back to itself")]
    Cycle,
    /// More levels of aggregates than [`POLICY_DEPTH`](crate::limits::POLICY_DEPTH)
    #[error("aggregates are nested too deep")]
    TooDeep,
    /// An associated policy does not exist
    #[error("associated policy `{0}` does not exist")]
    MissingReference(PolicyId),
    /// A permission is associated like a policy
    #[error("`{0}` is a permission and cannot be associated like a policy")]
    NotAPolicy(PolicyId),
    /// Its script did not say anything: failed, is switched off, or nobody ran it
    #[error("the script has no outcome")]
    NoOutcome,
}
