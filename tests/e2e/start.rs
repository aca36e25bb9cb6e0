//! Configuration, addresses, databases and the end (issue "The host").

use core::time::Duration;
use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::{PermissionsExt as _, chown},
    process::Command,
};

use countersign_tests::{
    realm::Realm,
    server::{NOBODY, Server, program},
    until,
    world::World,
};
use rusqlite::Connection;
use serde_json::json;

#[test]
fn an_unknown_key_of_the_file_is_refused_with_the_nearest_one() {
    for (key, nearest) in [("databse", "database"), ("public-url", "public_url"), ("Listen", "listen")] {
        let builder = Server::builder();
        builder.folder().write("countersign.toml", format!("{key} = \"x\"\n"));
        builder.refused().says(&["countersign.toml", key, nearest]);
    }
    let builder = Server::builder();
    builder.folder().write("countersign.toml", "listen = 8080\n");
    builder.refused().says(&["countersign.toml", "`listen`"]);
    let builder = Server::builder();
    builder.folder().write("countersign.toml", "listen = \n");
    builder.refused().says(&["countersign.toml"]);
    let builder = Server::builder().arg("--config").arg("missing.toml");
    builder.refused().says(&["missing.toml"]);
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest_one() {
    let end = Server::builder().arg("--databas").arg("x").refused();
    end.says(&["--databas", "--database"]);
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_one() {
    Server::builder()
        .env("COUNTERSIGN_DATABSE", "x")
        .refused()
        .says(&["COUNTERSIGN_DATABSE", "COUNTERSIGN_DATABASE"]);
}

/// flag over variable over file
#[test]
fn a_flag_goes_over_a_variable_and_a_variable_over_the_file() {
    let realm = |name: &str| Realm::new(name).json().to_string();
    let builder = Server::builder();
    let folder = builder.folder();
    for name in ["file", "variable", "flag"] {
        folder.write(&format!("{name}.json"), realm(name));
    }
    folder.write("countersign.toml", "import = [\"file.json\"]\npublic_url = \"https://file.example\"\n");
    let issuer = |server: &Server, realm: &str| {
        let url = format!("{}/realms/{realm}/.well-known/uma2-configuration", server.base());
        let answer = server.http.get(&url).send();
        (answer.status == 200).then(|| answer.json()["issuer"].as_str().unwrap().to_owned())
    };
    let server = builder.clone().database("sqlite:1.db").start();
    assert_eq!(issuer(&server, "file").as_deref(), Some("https://file.example/realms/file"));
    drop(server);
    let variable = builder
        .env("COUNTERSIGN_IMPORT", "variable.json")
        .env("COUNTERSIGN_PUBLIC_URL", "https://var.example");
    let server = variable.clone().database("sqlite:2.db").start();
    assert_eq!(issuer(&server, "file"), None);
    assert_eq!(issuer(&server, "variable").as_deref(), Some("https://var.example/realms/variable"));
    drop(server);
    let flag =
        variable.arg("--import").arg("flag.json").arg("--public-url").arg("https://flag.example/auth/");
    let server = flag.database("sqlite:3.db").start();
    assert_eq!(issuer(&server, "variable"), None);
    assert_eq!(issuer(&server, "flag").as_deref(), Some("https://flag.example/auth/realms/flag"));
}

#[test]
fn help_has_examples() {
    for arguments in [&["--help"][..], &["serve", "--help"]] {
        let output = Command::new(program()).args(arguments).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("countersign serve") || text.contains("--import"), "{text}");
    }
    let output = Command::new(program()).arg("--help").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("Examples:"));
}

#[test]
fn listening_for_others_needs_a_public_url() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        Server::builder().listen(address).refused().says(&["--public-url", address]);
    }
    for url in
        ["as.example", "ftp://as.example", "https://", "https://a.example?x=1", "https://user@a.example"]
    {
        Server::builder().arg("--public-url").arg(url).refused().says(&["--public-url"]);
    }
    Server::builder().listen("127.0.0.1:x").refused().says(&["127.0.0.1:x"]);
    Server::builder().database("postgres://x/y").refused().says(&["--database", "sqlite:"]);
    let server = Server::builder().start();
    let taken = server.address().to_string();
    Server::builder().listen(&taken).refused().says(&[&taken]);
}

/// The issuer follows `Host` on loopback; anything else is refused
#[test]
fn a_host_that_is_not_this_machine_is_refused() {
    let world = World::new();
    let port = world.server.address().port();
    let ask = |host: &str| world.request("GET", ".well-known/uma2-configuration").header("host", host).send();
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{name}:{port}");
        let body = ask(&host).expect(200).json();
        assert_eq!(body["issuer"], format!("http://{host}/realms/test"));
        assert_eq!(
            body["token_endpoint"],
            format!("http://{host}/realms/test/protocol/openid-connect/token")
        );
    }
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "localhost".to_owned(),
        format!("localhost:{}", port ^ 1),
        format!("localhost:{port}.evil.example"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("evil@localhost:{port}"),
        format!("localhost:{port}/x"),
        format!("127.0.0.2:{port}"),
        format!("localhost:0{port}"),
        format!("localhost:+{port}"),
    ] {
        let answer = ask(&host);
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (400, Some("invalid_request")),
            "{host}: {answer}"
        );
    }
    let proxied = world
        .request("GET", "")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example");
    let body = proxied.send().expect(200).json();
    assert_eq!(body["token-service"], format!("{}/protocol/openid-connect", world.issuer()));
}

/// A public URL stands whatever the request's host is
#[test]
fn a_public_url_is_the_issuer_for_everybody() {
    let world =
        World::on(Server::builder().arg("--public-url").arg("https://as.example"), &Realm::new("test"));
    for host in ["evil.example", "as.example", "localhost:1"] {
        let answer = world.request("GET", ".well-known/uma2-configuration").header("host", host).send();
        assert_eq!(answer.expect(200).json()["issuer"], "https://as.example/realms/test");
    }
}

#[test]
fn sigterm_lets_requests_in_flight_end() {
    let mut world = World::new();
    let address = world.server.address();
    // A request of which half has arrived.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let body = "grant_type=client_credentials&client_id=documents&client_secret=documents-secret";
    let head = format!(
        "POST /realms/test/protocol/openid-connect/token HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    // That it has been taken up shows in a second connection that is answered after it.
    _ = world.request("GET", "").send().expect(200);
    let id = world.server.id().to_string();
    assert!(Command::new("kill").arg("-TERM").arg(id).status().unwrap().success());
    until("the port closes", Duration::from_secs(10), || TcpStream::connect(address).is_err().then_some(()));
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(world.server.terminate().success());
}

#[test]
fn sigterm_ends_within_ten_seconds_although_somebody_waits() {
    let mut world = World::new();
    let address = world.server.address();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"POST /realms/test/protocol/openid-connect/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n").unwrap();
    _ = world.request("GET", "").send().expect(200);
    let begin = std::time::Instant::now();
    assert!(world.server.terminate().success());
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
}

#[test]
fn a_database_that_is_none_is_told_as_such() {
    let builder = Server::builder();
    let folder = builder.folder();
    let path = folder
        .write("test.db", b"this is not a database, and it is long enough to look like one".repeat(200));
    let end = builder.refused();
    end.says(&["test.db", "no SQLite database"]);
    assert!(fs::read(path).unwrap().starts_with(b"this is not"));

    let builder = Server::builder();
    let other = Connection::open(builder.folder().path().join("test.db")).unwrap();
    other.execute_batch("create table users (a); insert into users values (1)").unwrap();
    drop(other);
    builder.refused().says(&["test.db", "another program"]);

    let builder = Server::builder().database("sqlite:/nowhere/at/all/test.db");
    builder.refused().says(&["/nowhere/at/all/test.db"]);
}

#[test]
fn a_damaged_database_is_told_as_such() {
    let mut world = World::new();
    _ = world.document("hers");
    world.server.terminate();
    let folder = world.server.folder();
    let path = folder.path().join("test.db");
    // What a crash would replay must not mend it.
    let database = Connection::open(&path).unwrap();
    database.pragma_update(None, "wal_checkpoint", "truncate").unwrap();
    drop(database);
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(1_024) {
        *byte ^= 0x5a;
    }
    fs::write(&path, bytes).unwrap();
    Server::builder().within(&folder).refused().says(&["test.db", "damaged"]);
}

#[test]
fn a_locked_database_is_told_as_such() {
    let builder = Server::builder();
    let folder = builder.folder();
    drop(builder.clone().start());
    let other = Connection::open(folder.path().join("test.db")).unwrap();
    other.pragma_update(None, "locking_mode", "exclusive").unwrap();
    other.execute_batch("begin exclusive").unwrap();
    builder.refused().says(&["test.db", "locked"]);
}

/// Locked while it runs: 503, and all is well once the lock is gone
#[test]
fn a_lock_at_run_time_is_a_503_and_passes() {
    let world = World::new();
    let pat = world.pat();
    let other = Connection::open(world.server.folder().path().join("test.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let body = json!({ "name": "a" });
    let answer = world.protection("POST", "resource_set", &pat).json(&body).send().expect(503);
    assert_eq!(answer.json(), json!({ "error": "temporarily_unavailable" }));
    assert_eq!(answer.header("retry-after"), Some("1"));
    // Reading goes on.
    _ = world.protection("GET", "resource_set", &pat).send().expect(200);
    other.execute_batch("rollback").unwrap();
    _ = world.protection("POST", "resource_set", &pat).json(&body).send().expect(201);
}

#[test]
fn a_read_only_database_is_told_as_such() {
    let builder = Server::builder();
    let folder = builder.folder();
    drop(builder.clone().start());
    for file in fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        _ = chown(&path, Some(NOBODY), Some(NOBODY));
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    }
    _ = chown(folder.path(), Some(NOBODY), Some(NOBODY));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
    let end = builder.unprivileged().refused();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    end.says(&["test.db"]);
    assert!(["read-only", "cannot be opened", "written"].iter().any(|word| end.log.contains(word)), "{end}");
}

/// The first start makes the realm `master`, and its administrator if one was named
#[test]
fn the_first_start_makes_the_administrator_or_says_how() {
    let server = Server::builder().start();
    let log = server.log();
    assert!(
        log.contains("COUNTERSIGN_ADMIN_USERNAME") && log.contains("COUNTERSIGN_ADMIN_PASSWORD"),
        "{log}"
    );
    _ = server.http.get(&format!("{}/realms/master", server.base())).send().expect(200);
    drop(server);

    let named = || {
        let builder = Server::builder().env("COUNTERSIGN_ADMIN_USERNAME", "root");
        builder.env("COUNTERSIGN_ADMIN_PASSWORD", "a-long-password").secret("a-long-password")
    };
    let builder = named();
    let folder = builder.folder();
    let server = builder.start();
    assert!(server.log().contains("administrator"), "{}", server.log());
    assert!(!server.log().contains("there is no administrator"), "{}", server.log());
    drop(server);
    // Another one is not made.
    let server = named().within(&folder).env("COUNTERSIGN_ADMIN_USERNAME", "second").start();
    assert!(!server.log().contains("administrator was made"), "{}", server.log());
    drop(server);
    for name in ["COUNTERSIGN_ADMIN_USERNAME", "COUNTERSIGN_ADMIN_PASSWORD"] {
        Server::builder()
            .env(name, "half-of-it")
            .refused()
            .says(&["COUNTERSIGN_ADMIN_USERNAME", "COUNTERSIGN_ADMIN_PASSWORD"]);
    }
}

/// design §5: a master key that does not fit shows at the start
#[test]
fn another_master_key_is_told_at_the_start() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let world = World::new();
    let folder = world.server.folder();
    // The keys of the realm are there once a token was signed.
    _ = world.pat();
    drop(world);
    let key = STANDARD.encode([7; 32]);
    let end = Server::builder().within(&folder).env("COUNTERSIGN_MASTER_KEY", &key).refused();
    end.says(&["master key"]);
    assert!(!end.log.contains(&key));
    let end = Server::builder().env("COUNTERSIGN_MASTER_KEY", "hunter22hunter22").refused();
    end.says(&["COUNTERSIGN_MASTER_KEY"]);
    assert!(!end.log.contains("hunter22"), "{end}");
    // The key file is its owner's alone.
    let mode = fs::read_dir(folder.path()).unwrap().filter_map(|file| {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        name.contains("key").then(|| file.metadata().unwrap().permissions().mode() & 0o777)
    });
    assert_eq!(mode.collect::<Vec<_>>(), [0o600]);
}

/// design §4: the component's hash is shown at the start and in `/health`
#[test]
fn the_hash_of_the_component_is_shown() {
    let server = Server::builder().start();
    let health = server.http.get(&format!("{}/health", server.base())).send().expect(200).json();
    let built_in = health["pdp"]["sha256"].as_str().unwrap_or_else(|| panic!("{health}")).to_owned();
    assert_eq!(built_in.len(), 64);
    assert!(server.log().contains(&built_in));
    drop(server);
    let server = Server::builder().pdp("trap.wat").start();
    let health = server.http.get(&format!("{}/health", server.base())).send().expect(200).json();
    assert_ne!(health["pdp"]["sha256"], built_in);
    drop(server);
    let builder = Server::builder();
    let path = builder.folder().write("bad.wasm", b"\0asm no component");
    builder.arg("--pdp").arg(path).refused().says(&["component"]);
    Server::builder().arg("--pdp").arg("missing.wasm").refused().says(&["missing.wasm"]);
}
