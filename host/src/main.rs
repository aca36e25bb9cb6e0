//! The `countersign` binary.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser as _};
use countersign::{
    admin::AdminArgs,
    cli::{Cli, Command, LogFormat, ServeArgs},
    config::{Config, FileConfig, check_variables},
    start::{Server, StartError},
    transfer,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(match &cli.command {
        Command::Serve(args) => args.operations.log_format,
        Command::Admin(_)
        | Command::Completions { .. }
        | Command::Import { .. }
        | Command::CheckImport { .. }
        | Command::Export { .. }
        | Command::Precompile { .. } => LogFormat::Text,
    });
    // Named, so that no other feature of some dependency chooses for us; the only failure is "already installed".
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let outcome = match cli.command {
        Command::Admin(args) => return administer(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "countersign", &mut std::io::stdout());
            return ExitCode::SUCCESS;
        }
        Command::Serve(args) => serve(*args).map_err(|error| error.to_string()),
        Command::Import { files, store } => {
            transfer::import(store, &files).map_err(|error| error.to_string())
        }
        Command::CheckImport { files } => transfer::check(&files).map_err(|error| error.to_string()),
        Command::Export { realm, users, secrets, output, store } => {
            transfer::export(store, &realm, users, secrets, output.as_deref())
                .map_err(|error| error.to_string())
        }
        Command::Precompile { input, output } => {
            precompile(&input, &output).map_err(|error| error.to_string())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs go to standard error
fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// An error of an administrator's command is for her, not for a log
fn administer(args: &AdminArgs) -> ExitCode {
    match countersign::admin::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads it, the exit code tells.
            _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a component, compiles it, writes machine code
fn precompile(input: &Path, output: &Path) -> Result<(), Box<dyn core::error::Error>> {
    let told = |file: &Path, error: std::io::Error| format!("{}: {error}", file.display());
    let component = std::fs::read(input).map_err(|error| told(input, error))?;
    let code = countersign::pdp::precompile(&component)?;
    std::fs::write(output, code).map_err(|error| told(output, error))?;
    Ok(())
}

fn serve(args: ServeArgs) -> Result<(), StartError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    check_variables(names)?;
    let args = args.with_environment(|name| std::env::var(name).ok());
    let file = FileConfig::read(args.config.as_deref())?;
    let config = Config::new(args, file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| StartError::Listen { address: config.listen.clone(), source })?;
    runtime.block_on(async {
        let server = Server::start(config).await?;
        server.announce()?;
        server.serve(stopped()).await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Waits for SIGINT or SIGTERM
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without signals there is nothing to wait for, and stopping at once would be wrong.
        core::future::pending::<()>().await;
    }
}
