//! From a configuration to a server that answers.

mod first;

use core::{future::Future, net::SocketAddr};
use std::{io::Write as _, sync::Arc};

use tokio::net::TcpListener;

use crate::{
    app::{App, IssuerPolicy},
    audit,
    clock::Clock,
    config::{Config, ConfigError, MasterKeySource},
    error::log_seldom,
    http::serve,
    import::{self, ImportFailure},
    issue,
    keys::{MasterKey, MasterKeyError},
    pdp::{Pdp, PdpError, PdpSource},
    script::{ScriptError, Scripts},
    store::{self, OpenStoreError, Store, StoreError},
    tls::{Tls, TlsError},
};

/// How often what time has ended is removed
const SWEEP: core::time::Duration = core::time::Duration::from_secs(30);

/// Why the server does not start
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured
        address: String,
        /// What the operating system says
        source: std::io::Error,
    },
    /// The database
    #[error(transparent)]
    Open(#[from] OpenStoreError),
    /// The certificate
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The database, while starting
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// The master key
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The keys
    #[error(transparent)]
    Keys(#[from] crate::keys::KeyringError),
    /// The decision component
    #[error("the decision component: {0}")]
    Pdp(#[from] PdpError),
    /// The scripts
    #[error("the scripts: {0}")]
    Scripts(#[from] ScriptError),
    /// The import
    #[error("nothing was imported: {0}")]
    Import(#[from] ImportFailure),
    /// The first administrator
    #[error("the first administrator: {0}")]
    Admin(#[from] first::FirstStartError),
    /// Nobody reads the first line
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}

/// A server that listens and has not begun to answer
#[derive(Debug)]
pub struct Server {
    /// Its state
    pub app: Arc<App>,
    /// Where it listens
    pub addresses: Vec<SocketAddr>,
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
}

impl Server {
    /// Opens the database, imports what is to be imported, and listens
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let clock = Clock::system();
        let listeners = serve::bind(&config.listen)
            .await
            .map_err(|source| StartError::Listen { address: config.listen.clone(), source })?;
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| StartError::Listen { address: config.listen.clone(), source })?;
        let tls = config.operations.tls.clone().map(Tls::new).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let issuers = match (&config.public_url, addresses.first()) {
            (Some(url), _) => IssuerPolicy::Fixed(url.clone()),
            (None, Some(first)) if serve::is_loopback(&addresses) => {
                IssuerPolicy::Loopback { port: first.port(), scheme }
            }
            (None, _) if !config.operations.proxies.is_empty() => IssuerPolicy::Proxied { scheme },
            (None, _) => return Err(ConfigError::NoPublicUrl(config.listen.clone()).into()),
        };
        let (store, master) = open(&config)?;
        let pdp = Pdp::new(config.pdp.map_or(PdpSource::Embedded, PdpSource::File))?;
        let scripts = if config.scripts {
            let scripts = Scripts::deploy(config.scripts_folder.as_deref())?;
            tracing::info!(deployed = scripts.count(), "policies that are JavaScript are run");
            scripts
        } else {
            Scripts::default()
        };
        // Imported first: a file may bring the realm `master` along.
        if !config.import.is_empty() {
            let report = import::run(&store, &master, &config.import, Some(&scripts), clock.now()).await?;
            for realm in report.left_alone {
                tracing::info!(realm, "realm is in the database already and was left alone");
            }
            for line in report.warnings {
                tracing::warn!("{line}");
            }
            for realm in report.imported {
                tracing::info!(realm, "realm was imported");
            }
        }
        first::start(&store, &master, config.admin, clock.now()).await?;
        let app = App::new(store, clock, issuers, pdp, master)
            .with_private_hosts(config.private_hosts)
            .with_operations(config.operations)
            .with_scripts(scripts);
        let app = Arc::new(app);
        check_keys(&app)?;
        Ok(Self { app, addresses, listeners, tls })
    }

    /// Says where the server listens, in one line for people and programs
    pub fn announce(&self) -> Result<(), StartError> {
        let base = match (&self.app.issuers, self.addresses.first()) {
            (IssuerPolicy::Fixed(url), _) => url.clone(),
            (IssuerPolicy::Loopback { port, scheme }, _) => format!("{scheme}://localhost:{port}"),
            (IssuerPolicy::Proxied { .. }, _) => "as its proxies say".to_owned(),
        };
        let addresses: Vec<_> = self.addresses.iter().map(SocketAddr::to_string).collect();
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "countersign listening on {} ({base}), database {}, pdp sha256 {}",
            addresses.join(" and "),
            self.app.store.file().display(),
            self.app.pdp.sha256(),
        )
        .and_then(|()| out.flush())
        .map_err(StartError::Output)
    }

    /// Answers until `stop` comes, then lets requests in flight end
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let background = tokio::spawn(background(Arc::clone(&self.app)));
        let auditing = tokio::spawn(audit::run(Arc::clone(&self.app)));
        let (app, last) = (Arc::clone(&self.app), Arc::clone(&self.app));
        let stop = async move {
            stop.await;
            app.stopping.send_replace(true);
        };
        serve::serve(self.listeners, self.tls, crate::app(self.app), stop).await;
        background.abort();
        auditing.abort();
        audit::flush(&last).await;
    }
}

/// Opens the database, and finds the master key that belongs to it
pub fn open(config: &Config) -> Result<(Store, Arc<MasterKey>), StartError> {
    let store = Store::open(&config.database)?;
    let master = match &config.master_key {
        MasterKeySource::Beside => MasterKey::beside(&config.database, store.read(store::key::none)?)?,
        MasterKeySource::File(file) => MasterKey::from_file(file)?,
        MasterKeySource::Text(text) => MasterKey::from_text(text, "COUNTERSIGN_MASTER_KEY")?,
    };
    Ok((store, Arc::new(master)))
}

/// A master key that does not fit the database shows at once, not at the first token
fn check_keys(app: &App) -> Result<(), StartError> {
    for name in app.store.read(store::realm::names)? {
        if let Some(realm) = app.realm(&name)? {
            app.keys.current(&app.store, &realm)?;
        }
    }
    Ok(())
}

/// Makes keys before somebody waits for them, and removes what time has ended
async fn background(app: Arc<App>) {
    let names = app.store.read(store::realm::names).unwrap_or_default();
    for name in names {
        let Ok(Some(realm)) = app.realm(&name) else { continue };
        if let Err(error) = app.keys.with(&app.store, &realm, issue::realm_alg(&realm)).await {
            log_seldom("key", &error);
        }
    }
    let mut turn = tokio::time::interval(SWEEP);
    loop {
        turn.tick().await;
        match app.store.sweep(app.clock.now()).await {
            Ok(_) => {}
            Err(error) => log_seldom("sweep", &error),
        }
    }
}
