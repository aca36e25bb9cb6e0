//! What the commands about resource servers are told.

use clap::{Args, Subcommand, ValueEnum};

use super::Pairs;

/// Resources
#[derive(Debug, Subcommand)]
pub enum Resource {
    /// Resources, or those with this in their name
    List {
        /// `clientId` of the resource server
        server: String,
        /// What to look for
        name: Option<String>,
    },
    /// One resource
    Show {
        /// `clientId` of the resource server
        server: String,
        /// Name or id
        resource: String,
    },
    /// A new resource
    Create {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Change members
    Set {
        /// `clientId` of the resource server
        server: String,
        /// Name or id
        resource: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Delete a resource; what was shared of it ends
    Delete {
        /// `clientId` of the resource server
        server: String,
        /// Name or id
        resource: String,
    },
}

/// Scopes
#[derive(Debug, Subcommand)]
pub enum Scope {
    /// All scopes
    List {
        /// `clientId` of the resource server
        server: String,
    },
    /// A new scope
    Create {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Delete a scope that no resource has
    Delete {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
    },
}

/// What a resource server decides by: policies, or the permissions that rest on them, each of a type
#[derive(Debug, Subcommand)]
pub enum Rule<T: ValueEnum + Send + Sync + 'static> {
    /// All of them
    List {
        /// `clientId` of the resource server
        server: String,
    },
    /// One of them
    Show {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
    },
    /// A new one
    Create {
        /// `clientId` of the resource server
        server: String,
        /// Its type
        kind: T,
        /// Its name
        name: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Change members
    Set {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Delete one
    Delete {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
    },
}

/// Types of policies
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyType {
    /// `users=`
    User,
    /// `roles=`, `fetchRoles=`
    Role,
    /// `groups=` (paths), `groupsClaim=`
    Group,
    /// `clients=`
    Client,
    /// `clientScopes=`
    ClientScope,
    /// `notBefore=`, `notOnOrAfter=`, `hour=`, `hourEnd=` and so on
    Time,
    /// `targetClaim=`, `pattern=`, `targetContextAttributes=`
    Regex,
    /// `policies=`
    Aggregate,
}

/// Types of permissions
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PermissionType {
    /// `resources=` or `resourceType=`, `policies=`
    Resource,
    /// `scopes=`, `resources=`, `policies=`
    Scope,
}

/// What owners share
#[derive(Debug, Subcommand)]
pub enum Share {
    /// Shares and requests
    List {
        /// `clientId` of the resource server
        server: String,
        /// Of this resource
        #[arg(long)]
        resource: Option<String>,
        /// By this owner
        #[arg(long)]
        owner: Option<String>,
        /// With this user
        #[arg(long)]
        requester: Option<String>,
        /// Only requests that wait
        #[arg(long)]
        pending: bool,
    },
    /// Share scopes of a resource with somebody, in its owner's name
    Give {
        /// `clientId` of the resource server
        server: String,
        /// Name or id of the resource
        resource: String,
        /// User name of the one who gets them
        user: String,
        /// Scopes
        #[arg(required = true)]
        scopes: Vec<String>,
    },
    /// Take scopes of a resource back from somebody; none named: all
    Take {
        /// `clientId` of the resource server
        server: String,
        /// Name or id of the resource
        resource: String,
        /// User name of the one who has them
        user: String,
        /// Scopes
        scopes: Vec<String>,
    },
    /// End a share or a request at once
    End {
        /// `clientId` of the resource server
        server: String,
        /// Its id, as the list shows it
        id: String,
    },
}

/// Why somebody may, or may not
#[derive(Debug, Args)]
#[command(after_help = "Example:
  countersign admin --realm photoz why bob Album view --server album-api")]
pub struct Why {
    /// User name
    pub user: String,
    /// Name or id of the resource
    pub resource: String,
    /// Scopes; none: all of the resource
    pub scopes: Vec<String>,
    /// `clientId` of the resource server
    #[arg(long, value_name = "CLIENT")]
    pub server: String,
}
