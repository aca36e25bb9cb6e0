//! TLS of the server's own: HTTP/1.1 and HTTP/2, and a certificate that is renewed while connections stay.

use core::{net::SocketAddr, time::Duration};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use countersign_tests::{
    folder::Folder,
    realm::Realm,
    server::{Builder, Server},
    until,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn pem(name: &str) -> String {
    let folder = countersign_tests::folder::root().join("tests/e2e/tls");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn install(folder: &Folder, name: &str) {
    folder.write("cert.pem", pem(&format!("{name}.cert.pem")));
    folder.write("key.pem", pem(&format!("{name}.key.pem")));
}

fn builder() -> Builder {
    let builder = Server::builder().import(Realm::new("test").json());
    install(&builder.folder(), "first");
    builder.arg("--tls-cert").arg("cert.pem").arg("--tls-key").arg("key.pem")
}

/// A connection that trusts both certificates
fn connect(address: SocketAddr, protocols: &[&[u8]]) -> Stream {
    let mut roots = RootCertStore::empty();
    for name in ["first", "second"] {
        roots
            .add(CertificateDer::from_pem_slice(pem(&format!("{name}.cert.pem")).as_bytes()).unwrap())
            .unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut stream = StreamOwned::new(client, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

/// The certificate that was shown
fn shown(stream: &Stream) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

fn certificate(name: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem(&format!("{name}.cert.pem")).as_bytes()).unwrap().to_vec()
}

/// A `GET` of HTTP/1.1 on a connection that stays open; the body
fn get(stream: &mut Stream, address: SocketAddr, path: &str) -> Value {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", address.port()).unwrap();
    let mut text = String::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the connection ended: {text}");
        text.push_str(core::str::from_utf8(&chunk[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase();
        let length =
            length.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        if body.len() >= length.parse::<usize>().unwrap() {
            assert!(head.starts_with("HTTP/1.1 200"), "{text}");
            return serde_json::from_str(body).unwrap();
        }
    }
}

const DISCOVERY: &str = "/realms/test/.well-known/uma2-configuration";

#[test]
fn the_issuer_is_https_and_plain_text_is_not_answered() {
    let server = builder().start();
    let address = server.address();
    let mut stream = connect(address, &[b"http/1.1"]);
    let document = get(&mut stream, address, DISCOVERY);
    assert_eq!(document["issuer"], format!("https://localhost:{}/realms/test", address.port()));
    let plain = server.raw(format!("GET {DISCOVERY} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes());
    assert!(!plain.contains("HTTP/1.1"), "{plain}");
}

#[test]
fn a_renewed_certificate_is_taken_up_and_open_connections_stay() {
    let server = builder().start();
    let (address, folder) = (server.address(), server.folder());
    let mut open = connect(address, &[b"http/1.1"]);
    assert_eq!(shown(&open), certificate("first"));
    _ = get(&mut open, address, DISCOVERY);
    // Half of a renewal, and nonsense: the server goes on with what it has, and says so.
    folder.write("cert.pem", "nonsense");
    until("a complaint in the log", Duration::from_secs(30), || {
        assert_eq!(shown(&connect(address, &[])), certificate("first"));
        server.log().contains("cert.pem").then_some(())
    });
    install(&folder, "second");
    until("the new certificate", Duration::from_secs(30), || {
        (shown(&connect(address, &[])) == certificate("second")).then_some(())
    });
    _ = get(&mut open, address, DISCOVERY);
    assert!(!server.log().contains("PRIVATE"), "{}", server.log());
}

/// HTTP/2 is not served: whoever speaks both is told so when the connection begins
#[test]
fn whoever_speaks_both_gets_http_1_1() {
    let server = builder().start();
    let address = server.address();
    let mut stream = connect(address, &[b"h2", b"http/1.1"]);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    _ = get(&mut stream, address, DISCOVERY);
}

#[test]
fn what_is_no_certificate_stops_the_start() {
    let start = |change: &dyn Fn(&Folder)| {
        let builder = builder();
        change(&builder.folder());
        builder.refused()
    };
    start(&|folder| drop(fs::remove_file(folder.path().join("cert.pem")))).says(&["TLS", "cert.pem"]);
    start(&|folder| drop(folder.write("key.pem", "x"))).says(&["TLS", "key.pem"]);
    start(&|folder| drop(folder.write("cert.pem", ""))).says(&["TLS", "cert.pem"]);
    start(&|folder| drop(folder.write("key.pem", pem("second.key.pem"))))
        .says(&["TLS", "certificate and key"]);
    Server::builder().arg("--tls-cert").arg("cert.pem").refused().says(&["--tls-cert", "--tls-key"]);
}
