//! What those who run the server configure: TLS, proxies, limits, what is measured and what is written down.

use std::path::PathBuf;

use super::ConfigError;
use crate::{
    audit::{AuditSettings, Decisions},
    cli::OperationArgs,
    limit::{Rate, Rates},
    metrics::Exposure,
    proxy::Proxies,
};

/// Days for which the audit trail is kept unless it is told otherwise
const KEEP_DAYS: u64 = 30;
/// Failures of one address unless it is told otherwise
const FAILURES: &str = "60/m";

/// The keys of the file, as they are written there
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FileOperations {
    /// `tls_cert`
    pub tls_cert: Option<PathBuf>,
    /// `tls_key`
    pub tls_key: Option<PathBuf>,
    /// `trusted_proxies`
    pub trusted_proxies: Vec<String>,
    /// `metrics`
    pub metrics: Option<String>,
    /// `audit.decisions`
    pub audit_decisions: Option<String>,
    /// `audit.keep`
    pub audit_keep: Option<String>,
    /// `limit.address`
    pub limit_address: Option<String>,
    /// `limit.client`
    pub limit_client: Option<String>,
    /// `limit.failures`
    pub limit_failures: Option<String>,
}

/// Where the certificate and its key are
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and a root
    pub cert: PathBuf,
    /// Its key
    pub key: PathBuf,
}

/// What the server runs with
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operations {
    /// With TLS, or without
    pub tls: Option<TlsFiles>,
    /// Who may speak for others
    pub proxies: Proxies,
    /// Who may read `/metrics`
    pub metrics: Exposure,
    /// What goes into the audit trail, and how long it stays
    pub audit: AuditSettings,
    /// How often somebody may ask
    pub rates: Rates,
}

impl Operations {
    /// Puts flags over a file
    pub fn new(args: OperationArgs, file: FileOperations) -> Result<Self, ConfigError> {
        let tls = match (args.tls_cert.or(file.tls_cert), args.tls_key.or(file.tls_key)) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            _ => return Err(ConfigError::HalfTls),
        };
        let networks =
            if args.trusted_proxies.is_empty() { file.trusted_proxies } else { args.trusted_proxies };
        let proxies = Proxies::parse(&networks).map_err(|network| {
            refused("trusted-proxies", format!("`{network}` is no network such as 10.0.0.0/8"))
        })?;
        let metrics = match args.metrics.or(file.metrics).as_deref() {
            None | Some("local") => Exposure::Local,
            Some("all") => Exposure::All,
            Some("off") => Exposure::Off,
            Some(_) => return Err(refused("metrics", "it must be `local`, `all` or `off`")),
        };
        let decisions = match args.audit_decisions.or(file.audit_decisions).as_deref() {
            Some("off") => Decisions::Off,
            None | Some("denied") => Decisions::Denied,
            Some("all") => Decisions::All,
            Some(_) => return Err(refused("audit-decisions", "it must be `off`, `denied` or `all`")),
        };
        let keep_days = match args.audit_keep.or(file.audit_keep) {
            None => KEEP_DAYS,
            Some(text) => text.parse().map_err(|_| refused("audit-keep", "it must be a number of days"))?,
        };
        Ok(Self {
            tls,
            proxies,
            metrics,
            audit: AuditSettings { decisions, keep_days },
            rates: Rates {
                address: rate("limit-address", args.limit_address.or(file.limit_address).as_ref(), "off")?,
                client: rate("limit-client", args.limit_client.or(file.limit_client).as_ref(), "off")?,
                failures: rate(
                    "limit-failures",
                    args.limit_failures.or(file.limit_failures).as_ref(),
                    FAILURES,
                )?,
            },
        })
    }
}

fn refused(flag: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Operation { flag, reason: reason.into() }
}

fn rate(flag: &'static str, given: Option<&String>, usual: &str) -> Result<Option<Rate>, ConfigError> {
    Rate::parse(given.map_or(usual, String::as_str)).map_err(|_| {
        refused(flag, "it must be a number a second or a minute, such as `50/s` or `60/m`, or `off`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut OperationArgs)) -> Result<Operations, ConfigError> {
        let mut args = OperationArgs::default();
        change(&mut args);
        Operations::new(args, FileOperations::default())
    }

    #[test]
    fn what_nobody_says_has_its_default() {
        let usual = with(|_| ()).unwrap();
        assert_eq!(usual.audit, AuditSettings { decisions: Decisions::Denied, keep_days: 30 });
        assert_eq!((usual.rates.address, usual.rates.client), (None, None));
        assert!(usual.rates.failures.is_some() && usual.tls.is_none());
        assert_eq!(usual.metrics, Exposure::Local);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_the_flags_name() {
        let text = |change: fn(&mut OperationArgs)| with(change).unwrap_err().to_string();
        assert!(text(|args| args.tls_cert = Some("x.pem".into())).contains("--tls-key"));
        assert!(text(|args| args.trusted_proxies = vec!["10.0.0.0/33".to_owned()]).contains("10.0.0.0/33"));
        assert!(text(|args| args.metrics = Some("x".to_owned())).contains("--metrics"));
        assert!(text(|args| args.audit_decisions = Some("x".to_owned())).contains("--audit-decisions"));
        assert!(text(|args| args.audit_keep = Some("-1".to_owned())).contains("--audit-keep"));
        for rate in ["", "0/s", "5", "5/h", "-1/s", "x/s"] {
            let error = with(|args| args.limit_client = Some(rate.to_owned())).unwrap_err();
            assert!(error.to_string().contains("--limit-client"), "{rate}");
        }
    }
}
