//! The same operations among few resources and among many: what they cost must not depend on how many others there are.
//!
//! The rows are put into the database that a first start has made, by its own schema: a hundred thousand registrations
//! would measure the client that makes them.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{path::Path, time::Instant};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection as Database, Transaction, params};

use super::{
    Budget, Row,
    load::{self, Operation, Scene},
    rows_of,
};
use crate::{layout::Layout, server::Host, terminal};

/// How many resources there are, one host each
const SIZES: [u32; 3] = [100, 10_000, 100_000];
/// Of so many of them, if there are as many, Bob has a share
const SHARES: u32 = 1_000;
/// Shares of others, ten of each resource of the largest host
const OTHERS: u32 = 10;
/// The largest may take so many times what the smallest takes
const FLAT: f64 = 1.5;

/// What is measured at every size, with its budgets: processor time in milliseconds, operations in a second
const EVERYWHERE: [(&str, Operation, Option<f64>); 4] = [
    ("Ticket + RPT grant", Operation::Pair, Some(0.6)),
    ("Decision", Operation::Decision, Some(0.06)),
    ("Introspection of an RPT", Operation::Introspection, Some(0.1)),
    ("Register a resource", Operation::Registration, Some(0.3)),
];

/// All rows, one host after the other
pub(super) fn rows(layout: &Layout, program: &Path) -> Result<Vec<Row>> {
    let realm = load::realm(layout, "RS256")?;
    let mut rows = Vec::new();
    let mut first: Option<Vec<f64>> = None;
    for size in SIZES {
        let mut host = Host::start(program, Some(&realm), &[])?;
        let begin = Instant::now();
        host.refill(program, |database| fill(database, size))?;
        terminal::step(&format!("{size} resources are there after {:.1} s", begin.elapsed().as_secs_f64()));
        let scene = Scene::set(&host)?;
        let mut medians = Vec::new();
        for (name, operation, cpu) in EVERYWHERE {
            terminal::step(&format!("{name} among {size} resources"));
            let figures = scene.measure(operation, 1)?;
            medians.push(figures.cpu.unwrap_or(figures.p50));
            let budget = Budget { limit: cpu, peer: None };
            rows.extend(rows_of(&format!("{name} among {size}"), figures, budget, NONE));
        }
        if size == SIZES.into_iter().max().unwrap_or_default() {
            rows.extend(lists(&scene)?);
            rows.extend(memory(&host, &format!("among {size} resources")));
            rows.extend(among_shares(&mut host, program, scene)?);
        } else {
            rows.extend(memory(&host, &format!("among {size} resources")));
        }
        match &first {
            None => first = Some(medians),
            Some(first) => rows.extend(flatness(first, &medians, size)),
        }
    }
    Ok(rows)
}

const NONE: Budget = Budget { limit: None, peer: None };

/// What asks for everything that somebody has, where there is much
fn lists(scene: &Scene) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let few = Budget { limit: Some(1.5), peer: Some(13.5) };
    for (name, operation, cpu) in [
        ("Audience-only grant, 1,000 shares", Operation::Everything, few),
        ("The same as `response_mode=permissions`", Operation::Permissions, few),
        ("Permissions of the owner of all, first 1,000", Operation::Owners, NONE),
    ] {
        terminal::step(name);
        let figures = scene.measure(operation, 1)?;
        rows.extend(rows_of(name, figures, cpu, NONE).into_iter().map(|row| within(row, 20.0)));
    }
    Ok(rows)
}

/// A longer 99th percentile than an ordinary answer's
fn within(row: Row, milliseconds: f64) -> Row {
    if row.name.ends_with(": p99") { Row { budget: Some(milliseconds), ..row } } else { row }
}

/// Bob's list among a million shares of others
fn among_shares(host: &mut Host, program: &Path, scene: Scene) -> Result<Vec<Row>> {
    let begin = Instant::now();
    let mut count = 0;
    host.refill(program, |database| {
        count = crowd(database)?;
        Ok(())
    })?;
    terminal::step(&format!("{count} shares are there after {:.1} s", begin.elapsed().as_secs_f64()));
    let scene = scene.moved(host);
    let mut rows = Vec::new();
    for (name, operation) in
        [("First page of \"shared with me\"", Operation::SharedWithMe), ("Decision", Operation::Decision)]
    {
        terminal::step(&format!("{name} among {count} shares"));
        let figures = scene.measure(operation, 1)?;
        rows.extend(rows_of(&format!("{name} among {count} shares"), figures, NONE, NONE));
    }
    rows.extend(memory(host, &format!("among {count} shares")));
    Ok(rows)
}

fn memory(host: &Host, what: &str) -> Vec<Row> {
    let Some((own, database)) = load::resident_memory(host.id()) else { return Vec::new() };
    let row =
        Row { name: format!("Memory after load {what}"), value: own, unit: "MB".into(), ..Row::default() };
    let mapped = Row { name: format!("Its database in memory, {what}"), value: database, ..row.clone() };
    vec![Row { budget: Some(120.0), peer: Some("Keycloak".into()), peer_value: Some(885.0), ..row }, mapped]
}

/// How many times what the first size takes, for each operation
fn flatness<'a>(first: &'a [f64], here: &'a [f64], size: u32) -> impl Iterator<Item = Row> + 'a {
    let ratios = EVERYWHERE.iter().zip(first.iter().zip(here));
    ratios.map(move |((name, ..), (first, here))| Row {
        name: format!("{name} among {size}, beside 100"),
        value: here / first,
        unit: "x".into(),
        budget: Some(FLAT),
        ..Row::default()
    })
}

/// Ids and names that are in the realm already
struct Known {
    server: String,
    alice: String,
    bob: String,
    read: String,
    write: String,
}

impl Known {
    fn of(tx: &Transaction<'_>) -> Result<Self> {
        let id = |sql: &str| -> Result<String> {
            tx.query_row(sql, [], |row| row.get(0)).with_context(|| format!("`{sql}` finds nothing"))
        };
        Ok(Self {
            server: id("SELECT c.id FROM client c JOIN realm r ON r.id = c.realm_id
                        WHERE c.client_id = 'documents' AND r.name = 'demo'")?,
            alice: id("SELECT u.id FROM user u JOIN realm r ON r.id = u.realm_id
                       WHERE u.username = 'alice' AND r.name = 'demo'")?,
            bob: id("SELECT u.id FROM user u JOIN realm r ON r.id = u.realm_id
                     WHERE u.username = 'bob' AND r.name = 'demo'")?,
            read: id("SELECT id FROM scope WHERE name = 'read'")?,
            write: id("SELECT id FROM scope WHERE name = 'write'")?,
        })
    }
}

fn opened(database: &Path) -> Result<Database> {
    let database = Database::open(database).context("the host's database cannot be opened")?;
    database.pragma_update(None, "foreign_keys", true)?;
    database.pragma_update(None, "synchronous", "OFF")?;
    database.pragma_update(None, "cache_size", -256 * 1024)?;
    Ok(database)
}

/// An id that is spread as random ones are, and always the same
fn spread(kind: u32, number: u32) -> String {
    let high = number.wrapping_mul(2_654_435_761);
    format!("{high:08x}-0000-4000-8000-{kind:04x}{number:08x}")
}

/// So many documents of Alice's, and Bob's shares of them
fn fill(database: &Path, resources: u32) -> Result<()> {
    let mut database = opened(database)?;
    let tx = database.transaction()?;
    let Known { server, alice, bob, read, write } = Known::of(&tx)?;
    let step = resources.div_euclid(SHARES).max(1);
    for number in 0..resources {
        let id = spread(0, number);
        tx.prepare_cached(
            "INSERT INTO resource (id, server_id, owner, name, owner_managed) VALUES (?1, ?2, ?3, ?4, 1)",
        )?
        .execute(params![id, server, alice, format!("document {number}")])?;
        for scope in [&read, &write] {
            tx.prepare_cached("INSERT INTO resource_scope (resource_id, scope_id) VALUES (?1, ?2)")?
                .execute([&id, scope])?;
        }
        if number.checked_rem(step) == Some(0) {
            share(&tx, &server, (&id, &read), (&alice, &bob), &spread(1, number))?;
        }
    }
    Ok(tx.commit()?)
}

/// Shares of all resources with many others; how many shares there are then
fn crowd(database: &Path) -> Result<u32> {
    let mut database = opened(database)?;
    let tx = database.transaction()?;
    let Known { server, alice, read, .. } = Known::of(&tx)?;
    let last = SIZES.into_iter().max().unwrap_or_default();
    for number in 0..last {
        let id = spread(0, number);
        for other in 0..OTHERS {
            // A hundred others for each ten resources: nobody has many of them.
            let requester = spread(2, number.div_euclid(10).wrapping_mul(OTHERS).wrapping_add(other));
            let row = spread(3, number.wrapping_mul(OTHERS).wrapping_add(other));
            share(&tx, &server, (&id, &read), (&alice, &requester), &row)?;
        }
    }
    let count = tx.query_row("SELECT count(*) FROM share", [], |row| row.get(0))?;
    tx.commit()?;
    ensure!(count >= 1_000_000, "there are only {count} shares");
    Ok(count)
}

fn share(
    tx: &Transaction<'_>,
    server: &str,
    (resource, scope): (&str, &str),
    (owner, requester): (&str, &str),
    id: &str,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO share (id, server_id, resource_id, scope_id, requester, owner, state, view_id, created_at,
                            granted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'granted', ?1, 1, 1)",
    )?
    .execute(params![id, server, resource, scope, requester, owner])?;
    Ok(())
}

/// Names that no other registration has
pub(super) fn fresh_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("new {}", NUMBER.fetch_add(1, Ordering::Relaxed))
}
