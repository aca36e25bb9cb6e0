//! Grants, sign-ins and realms: what people and the tools of administrators wait for.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{path::Path, thread, time::Instant};

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use super::{
    Row,
    connection::{Body, Connection},
    load::{LENGTH, WARM_UP, count, milliseconds, p99},
};
use crate::{server::Host, terminal};

const TOKEN: &str = "/realms/bench/protocol/openid-connect/token";
const AUTHORIZE: &str = "/realms/bench/protocol/openid-connect/auth?response_type=code&client_id=web\
                         &redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid";
/// `web:web-secret`
const BASIC: &str = "Basic d2ViOndlYi1zZWNyZXQ=";
const ADMIN: &str = "root";
const PASSWORD: &str = "a-long-password-of-a-bench";
/// People who sign in while grants are measured
const PEOPLE: usize = 100;
const USERS: usize = 1_000;
const CLIENTS: usize = 50;
const RESOURCES: usize = 2_000;
/// Small realms that come and go
const REALMS: usize = 20;

/// All rows, against one server
pub(super) fn rows(program: &Path) -> Result<Vec<Row>> {
    let host = Host::start(
        program,
        None,
        &[("COUNTERSIGN_ADMIN_USERNAME", ADMIN), ("COUNTERSIGN_ADMIN_PASSWORD", PASSWORD)],
    )?;
    let address = host.address.as_str();
    create(address, &realm("bench", true))?;
    let mut rows = Vec::new();
    let operations: [(&str, Operation<'_>); 4] = [
        ("Client credentials grant", &client_credentials),
        ("Password sign-in", &password),
        ("Code flow, from the page to the tokens", &code_flow),
        ("Refresh", &refresh),
    ];
    for (name, operation) in operations {
        for connections in [1, 8] {
            terminal::step(&format!("{name}, connections: {connections}"));
            repeat(address, operation, connections, WARM_UP)?;
            let begin = Instant::now();
            let times = repeat(address, operation, connections, LENGTH)?;
            let rate = count(times.len()) / begin.elapsed().as_secs_f64();
            rows.push(row(&format!("{name}, RS256, {connections} conn.: rate"), rate, "/s", None, true));
            let slowest = milliseconds(p99(times));
            rows.push(row(&format!("{name}, RS256, {connections} conn.: p99"), slowest, "ms", None, false));
        }
    }
    rows.extend(beside_sign_ins(address)?);
    rows.extend(realms(address)?);
    Ok(rows)
}

fn row(name: &str, value: f64, unit: &str, budget: Option<f64>, higher_is_better: bool) -> Row {
    Row { name: name.into(), value, unit: unit.into(), budget, higher_is_better, ..Row::default() }
}

/// What a connection does again and again; what it keeps in between starts empty
type Operation<'a> = &'a (dyn Fn(&mut Connection, &mut String) -> Result<()> + Sync);

fn repeat(
    address: &str,
    operation: Operation<'_>,
    connections: usize,
    length: Duration,
) -> Result<Vec<Duration>> {
    let begin = Instant::now();
    together(connections, || {
        let (mut to, mut kept) = (Connection::open(address)?, String::new());
        let mut times = Vec::new();
        while begin.elapsed() < length {
            let one = Instant::now();
            operation(&mut to, &mut kept)?;
            times.push(one.elapsed());
        }
        Ok(times)
    })
}

/// The same work on so many threads; everything that came of it
fn together<T: Send>(threads: usize, work: impl Fn() -> Result<Vec<T>> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a load thread gave up"))??);
        }
        Ok(all)
    })
}

fn client_credentials(to: &mut Connection, _: &mut String) -> Result<()> {
    to.expect(200, TOKEN, BASIC, Body::Form("grant_type=client_credentials")).map(drop)
}

fn password(to: &mut Connection, _: &mut String) -> Result<()> {
    let form = "grant_type=password&username=alice&password=alice-password";
    to.expect(200, TOKEN, BASIC, Body::Form(form)).map(drop)
}

/// The realm lets a refresh token be used again, as Keycloak's do
fn refresh(to: &mut Connection, kept: &mut String) -> Result<()> {
    if kept.is_empty() {
        let form = "grant_type=password&username=alice&password=alice-password";
        let tokens = to.expect(200, TOKEN, BASIC, Body::Form(form))?;
        let token = tokens.get("refresh_token").and_then(Value::as_str).context("no refresh token")?;
        *kept = format!("grant_type=refresh_token&refresh_token={token}");
    }
    to.expect(200, TOKEN, BASIC, Body::Form(kept)).map(drop)
}

/// A browser that was never here: page, form, code, tokens
fn code_flow(to: &mut Connection, _: &mut String) -> Result<()> {
    let page = to.get(AUTHORIZE)?;
    let cookie = page.header("set-cookie").and_then(|line| line.split(';').next()).context("no cookie")?;
    let html = String::from_utf8_lossy(&page.body);
    let action = html.split(" action=\"").nth(1).and_then(|rest| rest.split('"').next());
    let action = action.and_then(|url| url.splitn(4, '/').nth(3)).context("no form")?;
    let headers = [("Cookie", cookie), ("Sec-Fetch-Site", "same-origin")];
    let form = Body::Form("username=alice&password=alice-password");
    let back = to.send("POST", &format!("/{action}"), &headers, Some(form))?;
    let location = back.header("location").with_context(|| format!("no redirect but {}", back.status))?;
    let code = location.rsplit("code=").next().context("no code")?;
    let form =
        format!("grant_type=authorization_code&code={code}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb");
    to.expect(200, TOKEN, BASIC, Body::Form(&form)).map(drop)
}

/// Grants alone, and while many people sign in at once
fn beside_sign_ins(address: &str) -> Result<Vec<Row>> {
    const GRANTS: usize = 4;
    terminal::step("grants, idle and while 100 people sign in at once");
    repeat(address, &client_credentials, GRANTS, WARM_UP)?;
    let idle = milliseconds(p99(repeat(address, &client_credentials, GRANTS, LENGTH)?));
    let stop = AtomicBool::new(false);
    let (busy, sign_ins) = thread::scope(|scope| -> Result<(f64, usize)> {
        let people = scope.spawn(|| {
            together(PEOPLE, || {
                let (mut to, mut done) = (Connection::open(address)?, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    password(&mut to, &mut String::new())?;
                    done.push(());
                }
                Ok(done)
            })
        });
        let times = repeat(address, &client_credentials, GRANTS, LENGTH);
        stop.store(true, Ordering::Relaxed);
        let done = people.join().map_err(|_| anyhow!("a load thread gave up"))??;
        Ok((milliseconds(p99(times?)), done.len()))
    })?;
    Ok(vec![
        row("Client credentials grant, 4 conn., idle: p99", idle, "ms", Some(10.0), false),
        row(
            &format!("The same while 100 people sign in ({sign_ins} sign-ins): p99"),
            busy,
            "ms",
            None,
            false,
        ),
    ])
}

fn realms(address: &str) -> Result<Vec<Row>> {
    terminal::step("a realm of 1,000 users, 50 clients and 2,000 resources; small realms");
    let large = large();
    let begin = Instant::now();
    create(address, &large)?;
    let import = begin.elapsed();
    delete(address, "large")?;
    let mut times = Vec::with_capacity(REALMS);
    for number in 0..REALMS {
        let name = format!("small-{number}");
        let small = realm(&name, false);
        let begin = Instant::now();
        create(address, &small)?;
        delete(address, &name)?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    let median = times.get(REALMS.div_euclid(2)).copied().unwrap_or_default();
    let name = "Import of 1,000 users, 50 clients, 2,000 resources";
    Ok(vec![
        row(name, import.as_secs_f64(), "s", Some(2.0), false),
        row("A small realm made and deleted, median", milliseconds(median), "ms", None, false),
    ])
}

fn administrator(to: &mut Connection) -> Result<String> {
    let form = format!("grant_type=password&client_id=admin-cli&username={ADMIN}&password={PASSWORD}");
    let answer = to.expect(200, "/realms/master/protocol/openid-connect/token", "", Body::Form(&form))?;
    let token = answer.get("access_token").and_then(Value::as_str).context("no access token")?;
    Ok(format!("Bearer {token}"))
}

fn create(address: &str, realm: &Value) -> Result<()> {
    let mut to = Connection::open(address)?;
    let bearer = administrator(&mut to)?;
    to.expect(201, "/admin/realms", &bearer, Body::Json(&realm.to_string())).map(drop)
}

fn delete(address: &str, name: &str) -> Result<()> {
    let mut to = Connection::open(address)?;
    let bearer = administrator(&mut to)?;
    let path = format!("/admin/realms/{name}");
    let answer = to.send("DELETE", &path, &[("Authorization", &bearer)], None)?;
    if answer.status == 204 { Ok(()) } else { Err(anyhow!("{path} answered {}", answer.status)) }
}

/// A realm with one app, and with one user where somebody signs in
fn realm(name: &str, with_user: bool) -> Value {
    let credential = json!({ "type": "password", "value": "alice-password" });
    let user = json!({
        "username": "alice", "enabled": true, "email": "alice@example.org", "firstName": "Alice", "lastName": "Bench",
        "realmRoles": [format!("default-roles-{name}")], "credentials": [credential],
    });
    json!({
        "realm": name, "enabled": true, "sslRequired": "none", "users": if with_user { vec![user] } else { Vec::new() },
        "clients": [{
            "clientId": "web", "enabled": true, "secret": "web-secret", "serviceAccountsEnabled": true,
            "directAccessGrantsEnabled": true, "standardFlowEnabled": true, "redirectUris": ["https://app.example/cb"],
        }],
    })
}

/// A large realm; its passwords come as hashes
fn large() -> Value {
    let credential = json!({
        "type": "password",
        "secretData": "{\"value\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"additionalParameters\":{}}",
        "credentialData": "{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"7168\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}",
    });
    let users: Vec<_> = (0..USERS)
        .map(|number| {
            json!({
                "username": format!("user-{number}"), "enabled": true, "email": format!("user-{number}@example.org"),
                "firstName": "User", "lastName": number.to_string(), "realmRoles": ["default-roles-large"],
                "attributes": { "department": [(number.rem_euclid(10)).to_string()] }, "credentials": [credential],
            })
        })
        .collect();
    let resources: Vec<_> = (0..RESOURCES)
        .map(|number| {
            json!({
                "name": format!("resource {number}"), "type": "urn:bench:document", "uris": [format!("/documents/{number}")],
                "owner": { "name": format!("user-{}", number.rem_euclid(USERS)) }, "ownerManagedAccess": true,
                "scopes": [{ "name": "read" }, { "name": "write" }],
            })
        })
        .collect();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let mut client = json!({
                "clientId": format!("client-{number}"), "enabled": true, "secret": format!("secret-{number}"),
                "serviceAccountsEnabled": number == 0, "redirectUris": [format!("https://app-{number}.example/*")],
            });
            if number == 0
                && let Some(client) = client.as_object_mut()
            {
                client.insert("authorizationServicesEnabled".into(), true.into());
                let settings = json!({ "resources": resources, "scopes": [{ "name": "read" }, { "name": "write" }] });
                client.insert("authorizationSettings".into(), settings);
            }
            client
        })
        .collect();
    json!({ "realm": "large", "enabled": true, "users": users, "clients": clients })
}
