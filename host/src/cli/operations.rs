//! Flags of `serve` for those who run it.

use std::path::PathBuf;

use clap::Args;

/// TLS, proxies, limits, what is measured and what is written down
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Operations")]
pub struct OperationArgs {
    /// Certificate and those between it and a root (PEM); with it the server speaks TLS. A changed file is taken up
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Networks of proxies; only what these say in `Forwarded` and `X-Forwarded-*` is believed
    #[arg(
        long,
        value_name = "CIDR",
        env = "COUNTERSIGN_TRUSTED_PROXIES",
        value_delimiter = ',',
        num_args = 1..
    )]
    pub trusted_proxies: Vec<String>,
    /// Who may read /metrics: `local` (this machine and private networks, not through a proxy), `all` or `off`
    /// [default: local]
    #[arg(long, value_name = "WHO", env = "COUNTERSIGN_METRICS")]
    pub metrics: Option<String>,
    /// Decisions that go into the audit trail besides changes: `off`, `denied` or `all` [default: denied]
    #[arg(long, value_name = "WHICH", env = "COUNTERSIGN_AUDIT_DECISIONS")]
    pub audit_decisions: Option<String>,
    /// Days for which the audit trail is kept; 0 for ever [default: 30]
    #[arg(long, value_name = "DAYS", env = "COUNTERSIGN_AUDIT_KEEP")]
    pub audit_keep: Option<String>,
    /// Requests of one address to the token, introspection, revocation and sign-in endpoints, for example `200/s` or
    /// `600/m` [default: off]
    #[arg(long, value_name = "RATE", env = "COUNTERSIGN_LIMIT_ADDRESS")]
    pub limit_address: Option<String>,
    /// Requests of one client to the token, introspection and revocation endpoints [default: off]
    #[arg(long, value_name = "RATE", env = "COUNTERSIGN_LIMIT_CLIENT")]
    pub limit_client: Option<String>,
    /// Wrong passwords, codes and client secrets of one public address [default: 60/m]
    #[arg(long, value_name = "RATE", env = "COUNTERSIGN_LIMIT_FAILURES")]
    pub limit_failures: Option<String>,
    /// How the log is written: `text` or `json`
    #[arg(long, value_name = "FORM", env = "COUNTERSIGN_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// How the log is written
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}
