//! What the commands about realms, people and clients are told.

use clap::Subcommand;

use super::Pairs;

/// Realms
#[derive(Debug, Subcommand)]
pub enum Realm {
    /// All realms
    List,
    /// One realm
    Show {
        /// Its name
        name: String,
    },
    /// A new realm
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Change settings
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Delete a realm and everything in it
    Delete {
        /// Its name
        name: String,
    },
}

/// People
#[derive(Debug, Subcommand)]
pub enum User {
    /// People, or those with this in their name or address
    List {
        /// What to look for
        search: Option<String>,
    },
    /// One user
    Show {
        /// User name
        user: String,
    },
    /// A new user; `user password` gives a password
    Create {
        /// User name
        user: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Change members
    Set {
        /// User name
        user: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Set a password: from a prompt, or one line of standard input
    Password {
        /// User name
        user: String,
        /// The user chooses another at the next sign-in
        #[arg(long)]
        temporary: bool,
    },
    /// Delete a user with all that is the user's
    Delete {
        /// User name
        user: String,
    },
    /// Give roles: `role` or `client/role`
    Grant {
        /// User name
        user: String,
        /// Roles
        #[arg(required = true)]
        roles: Vec<String>,
    },
    /// Take roles away
    Revoke {
        /// User name
        user: String,
        /// Roles
        #[arg(required = true)]
        roles: Vec<String>,
    },
}

/// Clients
#[derive(Debug, Subcommand)]
pub enum Client {
    /// All clients
    List,
    /// One client
    Show {
        /// `clientId`
        client: String,
    },
    /// A new client; a confidential one's secret is shown by `client secret`
    Create {
        /// `clientId`
        client: String,
        /// It cannot keep a secret; it must use PKCE with S256
        #[arg(long, conflicts_with = "resource_server")]
        public: bool,
        /// It is a resource server, with a service account
        #[arg(long)]
        resource_server: bool,
        /// Where a sign-in may return to
        #[arg(long = "redirect-uri", value_name = "URI")]
        redirect_uris: Vec<String>,
        #[command(flatten)]
        members: Pairs,
    },
    /// Change members
    Set {
        /// `clientId`
        client: String,
        #[command(flatten)]
        members: Pairs,
    },
    /// Show the secret, or make a new one
    Secret {
        /// `clientId`
        client: String,
        /// Make a new one; the old one ends
        #[arg(long)]
        renew: bool,
    },
    /// Delete a client with all that is its own
    Delete {
        /// `clientId`
        client: String,
    },
}

/// Roles
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Roles of the realm, or of a client
    List {
        /// `clientId`
        #[arg(long)]
        client: Option<String>,
    },
    /// A new role
    Create {
        /// Its name
        name: String,
        /// `clientId`
        #[arg(long)]
        client: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Delete a role
    Delete {
        /// Its name
        name: String,
        /// `clientId`
        #[arg(long)]
        client: Option<String>,
    },
}

/// Sign-ins
#[derive(Debug, Subcommand)]
pub enum Session {
    /// Sign-ins of a user
    List {
        /// User name
        user: String,
    },
    /// End the sign-ins of a user, or of everybody
    End {
        /// User name
        #[arg(required_unless_present = "all")]
        user: Option<String>,
        /// Everybody's
        #[arg(long, conflicts_with = "user")]
        all: bool,
    },
}

/// Keys of a realm
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// All keys, without their private parts
    List,
    /// New keys sign from now on; the old ones are published until nothing is left that they signed
    Rotate {
        /// Only of this algorithm: `RS256`, `ES256`, `EdDSA`, or `HS512` for tickets and refresh tokens
        #[arg(long, value_name = "NAME")]
        algorithm: Option<String>,
    },
}
