//! What `countersign admin audit` is told.

use clap::{Args, Subcommand};

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
