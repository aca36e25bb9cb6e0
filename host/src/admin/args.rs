//! The command line of `countersign admin`.

use clap::{Args, Subcommand, ValueEnum};

/// Administer realms, people, clients and what is shared
#[derive(Debug, Args)]
#[command(after_help = "Who administers:
  COUNTERSIGN_ADMIN_USERNAME and COUNTERSIGN_ADMIN_PASSWORD, or a prompt; the account is one of realm `master`
  COUNTERSIGN_ADMIN_TOKEN_FILE  file with an access token instead

Examples:
  countersign admin realm list
  countersign admin --realm photoz user create alice email=alice@example.org
  countersign admin --realm photoz user password alice
  countersign admin --realm photoz client create album-app --public --redirect-uri 'https://app.example/*'
  countersign admin --realm photoz policy create album-api user owners users=alice,bob
  countersign admin --realm photoz permission create album-api resource albums resources=Album policies=owners
  countersign admin --realm photoz audit tail --event decision.denied
  countersign admin --realm photoz why bob Album view --server album-api

Lists in KEY=VALUE are separated by commas; anything else may be JSON.")]
pub struct AdminArgs {
    /// Server, by http:// or https://
    #[arg(
        long,
        value_name = "URL",
        env = "COUNTERSIGN_ADMIN_URL",
        default_value = "http://localhost:8080",
        global = true
    )]
    pub url: String,
    /// File with certificates of authorities to trust besides those of this system (PEM)
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ADMIN_CA_FILE", global = true)]
    pub ca_file: Option<std::path::PathBuf>,
    /// Realm to administer
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_ADMIN_REALM", global = true)]
    pub realm: Option<String>,
    /// Print the server's answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to administer
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Realms and their settings
    #[command(subcommand)]
    Realm(Realm),
    /// People
    #[command(subcommand)]
    User(User),
    /// Clients and their secrets
    #[command(subcommand)]
    Client(Client),
    /// Roles of the realm or of a client
    #[command(subcommand)]
    Role(Role),
    /// Sign-ins
    #[command(subcommand)]
    Session(Session),
    /// Keys that tokens are signed with
    #[command(subcommand)]
    Keys(Keys),
    /// Resources of a resource server
    #[command(subcommand)]
    Resource(Resource),
    /// Scopes of a resource server
    #[command(subcommand)]
    Scope(Scope),
    /// Policies of a resource server
    #[command(subcommand)]
    Policy(Policy),
    /// Permissions of a resource server
    #[command(subcommand)]
    Permission(Permission),
    /// What owners share
    #[command(subcommand)]
    Share(Share),
    /// Why somebody may, or may not
    Why(Why),
    /// What was changed and decided
    #[command(subcommand)]
    Audit(Audit),
}

/// The audit trail
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// The newest rows
    List {
        /// Which
        #[command(flatten)]
        which: AuditWhich,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        max: u16,
        /// Older than the row of this number: the next page
        #[arg(long, value_name = "ID")]
        before: Option<i64>,
    },
    /// The last rows, and then each as it comes
    Tail {
        /// Which
        #[command(flatten)]
        which: AuditWhich,
        /// So many to begin with
        #[arg(long, default_value_t = 10)]
        lines: u16,
    },
}

/// Which rows of the audit trail
#[derive(Debug, Clone, Default, Args)]
pub struct AuditWhich {
    /// Of this event, for example `share.granted` or `decision.denied`; may come more than once
    #[arg(long)]
    pub event: Vec<String>,
    /// Done by this user or client, by id
    #[arg(long, value_name = "ID")]
    pub actor: Option<String>,
    /// Concerning this requester, by id
    #[arg(long, value_name = "ID")]
    pub requester: Option<String>,
    /// About this resource, by id
    #[arg(long, value_name = "ID")]
    pub resource: Option<String>,
    /// About resources of this owner, by id
    #[arg(long, value_name = "ID")]
    pub owner: Option<String>,
}

/// Members as KEY=VALUE
#[derive(Debug, Clone, Default, Args)]
pub struct Pairs {
    /// Members, for example `enabled=false` or `attributes.locale=de`
    #[arg(value_name = "KEY=VALUE")]
    pub members: Vec<String>,
}

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

/// Policies
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// All policies
    List {
        /// `clientId` of the resource server
        server: String,
    },
    /// One policy
    Show {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
    },
    /// A new policy
    Create {
        /// `clientId` of the resource server
        server: String,
        /// Its type
        kind: PolicyType,
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
    /// Delete a policy
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

/// Permissions
#[derive(Debug, Subcommand)]
pub enum Permission {
    /// All permissions
    List {
        /// `clientId` of the resource server
        server: String,
    },
    /// One permission
    Show {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
    },
    /// A new permission
    Create {
        /// `clientId` of the resource server
        server: String,
        /// On resources, or on scopes
        kind: PermissionType,
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
    /// Delete a permission
    Delete {
        /// `clientId` of the resource server
        server: String,
        /// Its name
        name: String,
    },
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
