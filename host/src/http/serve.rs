//! Listening, serving and stopping.

use core::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{io, sync::Arc};

use axum::{Router, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::observe::Peer;
use crate::tls::Tls;

/// How long requests in flight may take once the server was told to stop
const DRAIN: Duration = Duration::from_secs(10);
/// How long a client may take to send its headers
const HEADERS: Duration = Duration::from_secs(30);
/// How long a client may take to agree on a key
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes; longer ones are refused with 431
const HEAD_BYTES: usize = 256 * 1024;
/// Rest after the operating system refused a connection (too many open files)
const REST: Duration = Duration::from_millis(50);

/// Serves `router` on every listener until `stop` comes, then lets requests in flight end
pub async fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let (connections, mut accepted) = tokio::sync::mpsc::channel(64);
    let accepting: Vec<_> =
        listeners.into_iter().map(|listener| tokio::spawn(accept(listener, connections.clone()))).collect();
    drop(connections);
    let mut stop = core::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            next = accepted.recv() => match next {
                Some(next) => next,
                None => break,
            },
        };
        let certificate = tls.as_ref().map(Tls::current);
        let (router, watcher) = (router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let ended = match certificate {
                None => plain(stream, Peer(peer), router, watcher).await,
                Some(certificate) => secured(stream, certificate, Peer(peer), router, watcher).await,
            };
            if let Err(error) = ended {
                tracing::debug!("a connection ended early: {error}");
            }
        });
    }
    for task in accepting {
        task.abort();
    }
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped with requests still in flight");
    }
}

/// Why a connection ended before it was done
type Ended = Box<dyn core::error::Error + Send + Sync>;

/// HTTP/1.1
async fn plain(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) -> Result<(), Ended> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), Entered { router: TowerToHyperService::new(router), peer });
    Ok(watcher.watch(connection).await?)
}

/// HTTP/1.1 over TLS
async fn secured(
    stream: TcpStream,
    certificate: Arc<ServerConfig>,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) -> Result<(), Ended> {
    let handshake = TlsAcceptor::from(certificate).accept(stream);
    let stream = tokio::time::timeout(HANDSHAKE, handshake).await??;
    plain(stream, peer, router, watcher).await
}

/// The router, as one neighbour sees it
#[derive(Clone)]
struct Entered {
    router: TowerToHyperService<Router>,
    peer: Peer,
}

impl hyper::service::Service<Request<Incoming>> for Entered {
    type Response = Response;
    type Error = Infallible;
    type Future = Oneshot;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        hyper::service::Service::call(&self.router, request)
    }
}

/// One request on its way through the router
type Oneshot = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Future;

async fn accept(listener: TcpListener, connections: tokio::sync::mpsc::Sender<(TcpStream, IpAddr)>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete: waiting for more of them only delays.
                let _ = stream.set_nodelay(true);
                if connections.send((stream, peer.ip().to_canonical())).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                crate::error::log_seldom("accept", &error);
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Binds what `listen` names: `localhost:8080` (both loopback addresses), `127.0.0.1:0`, `[::]:8080`
pub async fn bind(listen: &str) -> io::Result<Vec<TcpListener>> {
    let Some(port) = listen.strip_prefix("localhost:") else {
        return Ok(vec![TcpListener::bind(listen).await?]);
    };
    let port: u16 = port.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "invalid port"))?;
    let first = TcpListener::bind(("127.0.0.1", port)).await?;
    let port = first.local_addr()?.port();
    let mut listeners = vec![first];
    match TcpListener::bind(("::1", port)).await {
        Ok(second) => listeners.push(second),
        // Another program on [::1] would answer what is meant for this one.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
        Err(error) => tracing::info!("listening on 127.0.0.1 only: {error}"),
    }
    Ok(listeners)
}

/// Whether only this machine can reach all of these addresses
pub fn is_loopback(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
}
