//! What the host does in a second, and what that costs of its processor time.

use core::time::Duration;
use std::{fs, path::PathBuf, process::Command, thread, time::Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::{
    connection::{Body, Connection},
    scale::fresh_name,
};
use crate::{
    layout::Layout,
    process,
    server::{DATABASE, Host},
};

const TOKEN: &str = "/realms/demo/protocol/openid-connect/token";
const INTROSPECT: &str = "/realms/demo/protocol/openid-connect/token/introspect";
const PERMISSION: &str = "/realms/demo/authz/protection/permission";
const RESOURCE: &str = "/realms/demo/authz/protection/resource_set";
const SHARED_WITH_ME: &str = "/realms/demo/account/v1/resources/shared-with-me?first=0&max=10";
const UMA: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Auma-ticket";
/// `documents:documents-secret`
const BASIC: &str = "Basic ZG9jdW1lbnRzOmRvY3VtZW50cy1zZWNyZXQ=";
pub(super) const WARM_UP: Duration = Duration::from_millis(500);
pub(super) const LENGTH: Duration = Duration::from_secs(4);

/// What is measured
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Ticket,
    Pair,
    Decision,
    Introspection,
    Registration,
    /// An RPT of everything that Bob has
    Everything,
    /// The same without a token
    Permissions,
    /// What their owner has
    Owners,
    /// The first page of what others share with Bob
    SharedWithMe,
}

/// One measurement
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// Operations in a second
    pub(super) rate: f64,
    /// The host's processor time for one, in milliseconds
    pub(super) cpu: Option<f64>,
    /// Half of them took at most so many milliseconds
    pub(super) p50: f64,
    /// 99 of 100 took at most so many milliseconds
    pub(super) p99: f64,
}

/// A document of Alice's that Bob may read, and the tokens to ask about it
#[derive(Debug, Clone)]
pub(super) struct Scene {
    address: String,
    process: u32,
    resource: String,
    pat: String,
    bob: String,
    alice: String,
    rpt: String,
}

impl Scene {
    pub(super) fn set(host: &Host) -> Result<Self> {
        let mut to = Connection::open(&host.address)?;
        let token = |value: &Value| {
            let token = value.get("access_token").and_then(Value::as_str);
            token.map(|token| format!("Bearer {token}")).context("no access token")
        };
        let pat = token(&to.expect(200, TOKEN, BASIC, Body::Form("grant_type=client_credentials"))?)?;
        let mut person = |name: &str| {
            let form = format!("grant_type=password&client_id=reader&username={name}&password={name}");
            token(&to.expect(200, TOKEN, "", Body::Form(&form))?)
        };
        let (bob, alice) = (person("bob")?, person("alice")?);
        let document = json!({
            "name": "bench document", "owner": "alice", "ownerManagedAccess": true, "resource_scopes": ["read", "write"]
        });
        let register = Body::Json(&document.to_string());
        let resource = to.expect(201, RESOURCE, &pat, register)?;
        let resource = resource.get("_id").and_then(Value::as_str).context("no resource id")?.to_owned();
        let share =
            json!({ "resource": resource, "scopeName": "read", "requesterName": "bob", "granted": true });
        to.expect(200, &format!("{PERMISSION}/ticket"), &pat, Body::Json(&share.to_string()))?;
        let mut scene = Self {
            address: host.address.clone(),
            process: host.id(),
            resource,
            pat,
            bob,
            alice,
            rpt: String::new(),
        };
        let rpt = token(&scene.pair(&mut to)?)?;
        rpt.trim_start_matches("Bearer ").clone_into(&mut scene.rpt);
        Ok(scene)
    }

    /// The same after the host has started again
    pub(super) fn moved(self, host: &Host) -> Self {
        Self { address: host.address.clone(), process: host.id(), ..self }
    }

    /// Repeats an operation on some connections at once, and looks at what the host spent meanwhile.
    pub(super) fn measure(&self, operation: Operation, connections: usize) -> Result<Figures> {
        self.repeat(operation, connections, WARM_UP)?;
        let (spent, begin) = (processor_time(self.process), Instant::now());
        let times = self.repeat(operation, connections, LENGTH)?;
        let (elapsed, spent) = (begin.elapsed(), spent.zip(processor_time(self.process)));
        let count = count(times.len());
        let (p50, p99) = (percentile(times.clone(), 50), p99(times));
        Ok(Figures {
            rate: count / elapsed.as_secs_f64(),
            cpu: spent.map(|(before, after)| milliseconds(after.saturating_sub(before)) / count),
            p50: milliseconds(p50),
            p99: milliseconds(p99),
        })
    }

    fn repeat(&self, operation: Operation, connections: usize, length: Duration) -> Result<Vec<Duration>> {
        let begin = Instant::now();
        let work = || -> Result<Vec<Duration>> {
            let mut to = Connection::open(&self.address)?;
            let mut times = Vec::new();
            while begin.elapsed() < length {
                let one = Instant::now();
                self.once(operation, &mut to)?;
                times.push(one.elapsed());
            }
            Ok(times)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for thread in threads {
                all.extend(thread.join().map_err(|_| anyhow!("a load thread gave up"))??);
            }
            Ok(all)
        })
    }

    fn once(&self, operation: Operation, to: &mut Connection) -> Result<()> {
        match operation {
            Operation::Ticket => self.ticket(to).map(drop),
            Operation::Pair => self.pair(to).map(drop),
            Operation::Decision => {
                let resource = &self.resource;
                let form =
                    format!("{UMA}&audience=documents&response_mode=decision&permission={resource}%23read");
                to.expect(200, TOKEN, &self.bob, Body::Form(&form)).map(drop)
            }
            Operation::Introspection => {
                let form = format!("token_type_hint=requesting_party_token&token={}", self.rpt);
                let answer = to.expect(200, INTROSPECT, BASIC, Body::Form(&form))?;
                answer
                    .get("active")
                    .and_then(Value::as_bool)
                    .filter(|active| *active)
                    .context("not active")
                    .map(drop)
            }
            Operation::Registration => {
                let document = json!({
                    "name": fresh_name(), "owner": "alice", "ownerManagedAccess": true, "resource_scopes": ["read"],
                });
                to.expect(201, RESOURCE, &self.pat, Body::Json(&document.to_string())).map(drop)
            }
            Operation::Everything => everything(to, &self.bob, ""),
            Operation::Permissions => everything(to, &self.bob, "&response_mode=permissions"),
            Operation::Owners => everything(to, &self.alice, "&response_mode=permissions"),
            Operation::SharedWithMe => {
                let answer = to.send("GET", SHARED_WITH_ME, &[("Authorization", &self.bob)], None)?;
                let page: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let length = page.as_array().map(Vec::len);
                ensure!(
                    answer.status == 200 && length == Some(10),
                    "{SHARED_WITH_ME} answered {}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                );
                Ok(())
            }
        }
    }

    fn ticket(&self, to: &mut Connection) -> Result<String> {
        let ask = format!(r#"[{{"resource_id":"{}","resource_scopes":["read"]}}]"#, self.resource);
        let answer = to.expect(201, PERMISSION, &self.pat, Body::Json(&ask))?;
        answer.get("ticket").and_then(Value::as_str).map(str::to_owned).context("no ticket")
    }

    fn pair(&self, to: &mut Connection) -> Result<Value> {
        let form = format!("{UMA}&ticket={}", self.ticket(to)?);
        to.expect(200, TOKEN, &self.bob, Body::Form(&form))
    }
}

/// The demo's realm, its tokens signed with this algorithm; its Bob has an account page
pub(super) fn realm(layout: &Layout, algorithm: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(layout.root.join("host/demo/realm.json"))?;
    let mut realm: Value = serde_json::from_str(&text)?;
    if let Some(realm) = realm.as_object_mut() {
        realm.insert("defaultSignatureAlgorithm".into(), algorithm.into());
    }
    for client in realm.get_mut("clients").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(client) = client.as_object_mut() {
            client.insert("attributes".into(), json!({ "access.token.signed.response.alg": algorithm }));
        }
    }
    for user in realm.get_mut("users").and_then(Value::as_array_mut).into_iter().flatten() {
        if user.get("username").is_some_and(|name| name == "bob")
            && let Some(user) = user.as_object_mut()
        {
            user.insert("clientRoles".into(), json!({ "account": ["manage-account", "view-profile"] }));
        }
    }
    let file = layout.target.join("xtask").join(format!("realm-{algorithm}.json"));
    fs::create_dir_all(layout.target.join("xtask"))?;
    fs::write(&file, realm.to_string())?;
    Ok(file)
}

/// Processor time of a process so far, where the system tells it as Linux does
fn processor_time(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks: u64 = process::output(Command::new("getconf").arg("CLK_TCK"))?.parse().ok()?;
    Some(Duration::from_millis(user.saturating_add(system).saturating_mul(1000).checked_div(ticks)?))
}

/// Memory of a process that is in use, in megabytes: its own, and what the system keeps for it of its database, which it
/// takes back when it needs room
pub(super) fn resident_memory(process: u32) -> Option<(f64, f64)> {
    let maps = fs::read_to_string(format!("/proc/{process}/smaps")).ok()?;
    let (mut own, mut database, mut is_database) = (0_u32, 0_u32, false);
    for line in maps.lines() {
        match line.strip_prefix("Rss:") {
            Some(size) => {
                let kilobytes: u32 = size.trim().strip_suffix("kB")?.trim().parse().ok()?;
                let kind = if is_database { &mut database } else { &mut own };
                *kind = kind.saturating_add(kilobytes);
            }
            // Members begin in upper case, the head of a mapping with its address.
            None if !line.starts_with(|c: char| c.is_ascii_uppercase()) => {
                is_database = line.ends_with(DATABASE);
            }
            None => {}
        }
    }
    Some((f64::from(own) / 1000.0, f64::from(database) / 1000.0))
}

/// What 99 of 100 took at most
pub(super) fn p99(times: Vec<Duration>) -> Duration {
    percentile(times, 99)
}

/// What so many of a hundred took at most
fn percentile(mut times: Vec<Duration>, share: usize) -> Duration {
    times.sort_unstable();
    let place = times.len().saturating_mul(share).div_euclid(100);
    times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A time in milliseconds
pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A number of operations, never zero
pub(super) fn count(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX)).max(1.0)
}

/// Everything that somebody may do, which is a thousand things and more
fn everything(to: &mut Connection, token: &str, mode: &str) -> Result<()> {
    let form = format!("{UMA}&audience=documents{mode}");
    let answer = to.expect(200, TOKEN, token, Body::Form(&form))?;
    if let Some(list) = answer.as_array() {
        ensure!(list.len() >= 1_000, "only {} permissions", list.len());
    }
    Ok(())
}
