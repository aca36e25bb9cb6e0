//! TLS: one certificate, taken up again when its files change; connections that are open keep the one that they have.

use core::time::Duration;
use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{config::TlsFiles, error::log_seldom};

/// How often the files are looked at, while connections come
const LOOK: Duration = Duration::from_secs(1);

/// Why there is no TLS
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of that kind
    #[error("{file}: {reason}")]
    File {
        /// The file
        file: String,
        /// What is wrong with it
        reason: String,
    },
    /// The two do not fit each other, or the key is of no use
    #[error("certificate and key: {0}")]
    Pair(#[from] rustls::Error),
}

/// When and how long two files were
type Stamp = [Option<(SystemTime, u64)>; 2];

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    looked: Instant,
}

/// The certificate of the server, as of now
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

impl Tls {
    /// Reads the files
    pub fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let stamp = stamp(&files);
        let config = read(&files)?;
        Ok(Self { files, current: Mutex::new(Current { config, stamp, looked: Instant::now() }) })
    }

    /// For the next connection; files that have changed and are no good are left alone, and that is logged
    pub fn current(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= LOOK {
            current.looked = Instant::now();
            let stamp = stamp(&self.files);
            if stamp != current.stamp {
                match read(&self.files) {
                    Ok(config) => {
                        current.config = config;
                        current.stamp = stamp;
                        tracing::info!("the certificate was taken up again");
                    }
                    // One of the two may not be written yet: it is tried again.
                    Err(error) => log_seldom("tls", &error),
                }
            }
        }
        Arc::clone(&current.config)
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.cert, &files.key].map(|file| {
        let data = fs::metadata(file).ok()?;
        Some((data.modified().ok()?, data.len()))
    })
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |file: &std::path::Path, error: rustls::pki_types::pem::Error| TlsError::File {
        file: file.display().to_string(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&files.cert, error))?;
    if chain.is_empty() {
        let file = files.cert.display().to_string();
        return Err(TlsError::File { file, reason: "there is no certificate in it".to_owned() });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
