//! No statement of the store reads a whole table that grows (design §6): every one is taken from its sources and SQLite
//! is asked how it would be carried out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::tests::TempStore;

/// Statements that may read all of something, and why. Each must be there, so that the list does not outlive them.
const ALLOWED: &[(&str, &str)] = &[
    ("SELECT count(*) FROM realm", "once, at the start; realms are few"),
    ("SELECT id FROM realm", "realms are few"),
    ("SELECT name FROM realm ORDER BY name", "realms are few"),
    ("SELECT count(*) FROM sqlite_schema", "once, at the start"),
    ("DELETE FROM realm WHERE id = ?1", "rare, and what it reads goes with it where there is one realm"),
    ("SELECT 1 FROM realm_key UNION ALL", "once, at the start, and ends at the first row"),
];

/// What is filled in where a statement is made for several tables
const TABLES: &[(&str, &[(&str, &str)])] = &[
    (
        "DELETE FROM {table} WHERE {key} IN",
        &[
            ("redeemed", "jti"),
            ("rpt", "jti"),
            ("grant_row", "id"),
            ("session", "id"),
            ("refresh_use", "jti"),
            ("revoked", "jti"),
            ("authorization_code", "digest"),
            ("interaction", "digest"),
            ("gathered", "line"),
            ("pct", "digest"),
        ],
    ),
    (
        "DELETE FROM {table} WHERE policy_id",
        &[("policy_resource", ""), ("policy_scope", ""), ("policy_apply", "")],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if !path.ends_with("tests.rs") && !path.ends_with("plans.rs") && !path.ends_with("contract.rs")
        {
            found.push(path);
        }
    }
}

/// The texts in quotation marks, without comments and tests; a backslash at the end of a line joins two
fn literals(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    let mut rest = code.chars();
    while let Some(c) = rest.next() {
        if c == '\'' {
            // A character, as far as it could be mistaken for the begin of a text.
            let mut ahead = rest.clone();
            if ahead.next() == Some('"') && ahead.next() == Some('\'') {
                rest = ahead;
            }
            continue;
        }
        let raw = rest.as_str().strip_prefix("#\"").filter(|_| c == 'r');
        if let Some((text, after)) = raw.and_then(|raw| raw.split_once("\"#")) {
            rest = after.chars();
            found.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
            continue;
        }
        if c != '"' {
            continue;
        }
        let mut text = String::new();
        while let Some(c) = rest.next() {
            match c {
                '"' => break,
                '\\' => match rest.next() {
                    Some('\n') => {}
                    Some('n') => text.push('\n'),
                    Some(other) => text.push(other),
                    None => break,
                },
                c => text.push(c),
            }
        }
        found.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    found
}

/// `const NAME: &str = "…"`
fn constants(source: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in source.split("const ").skip(1) {
        let Some((name, rest)) = part.split_once(": &str =") else { continue };
        if let Some(text) = literals(rest).into_iter().next().filter(|_| rest.trim_start().starts_with('"')) {
            found.insert(name.to_owned(), text);
        }
    }
    found
}

fn is_statement(text: &str) -> bool {
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|word| text.starts_with(word))
}

/// Every statement that the store's sources have as a text, with its file
fn statements() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![root.join("store.rs")];
    sources(&root.join("store"), &mut files);
    let mut all = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let constants = constants(&source);
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        for mut text in literals(&source) {
            // The begin of others; they are looked at as a whole.
            if !is_statement(&text) || constants.values().any(|constant| *constant == text) {
                continue;
            }
            // A constant may be made of others.
            for _ in 0..2 {
                for (constant, value) in &constants {
                    text = text.replace(&format!("{{{constant}}}"), value);
                }
            }
            match TABLES.iter().find(|(begin, _)| text.starts_with(begin)) {
                Some((_, tables)) => all.extend(tables.iter().map(|(table, key)| {
                    (name.clone(), text.replace("{table}", table).replace("{key}", key))
                })),
                None => all.push((name.clone(), text)),
            }
        }
    }
    all
}

/// Tables and indexes that a plan reads from one end to the other; what the statement itself makes has no schema
fn scans(store: &super::Store, sql: &str) -> Result<Vec<String>, super::StoreError> {
    store.read(|tx| {
        let tables: Vec<String> = tx
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut statement = tx.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let step: String = row.get(3)?;
            let Some(what) = step.strip_prefix("SCAN ") else { continue };
            let alias = what.split(' ').next().unwrap_or_default();
            let is_alias_of = |table: &String| {
                let named = [format!(" {table} {alias} "), format!(" {table} AS {alias} ")];
                let padded = format!("{} ", sql.replace([',', ')', '('], " "));
                table == alias || named.iter().any(|named| padded.contains(named))
            };
            if alias == "sqlite_master" || tables.iter().any(is_alias_of) {
                found.push(step);
            }
        }
        Ok(found)
    })
}

#[test]
fn no_statement_reads_a_table_that_grows() {
    let temp = TempStore::new();
    let (mut checked, mut wrong, mut allowed) = (0, Vec::new(), vec![false; ALLOWED.len()]);
    for (file, sql) in statements() {
        // Parts that are put together at run time have their own tests.
        let Ok(scans) = scans(&temp.store, &sql) else {
            assert!(is_part(&sql), "{file}: {sql}");
            continue;
        };
        checked += 1;
        if let Some(place) = ALLOWED.iter().position(|(begin, _)| sql.starts_with(begin)) {
            allowed[place] = true;
        } else if !scans.is_empty() {
            wrong.push(format!("{file}: {scans:?}\n    {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 250, "only {checked} statements were found");
    for (was_there, (begin, _)) in allowed.into_iter().zip(ALLOWED) {
        assert!(was_there, "there is no `{begin}` any more");
    }
}

/// The begin of a statement, or one with places that are filled at run time
fn is_part(sql: &str) -> bool {
    sql.contains('{') || sql.starts_with("WITH RECURSIVE") && sql.ends_with(')') || sql.ends_with(" WHERE")
}

#[test]
fn a_statement_that_reads_everything_is_noticed() {
    let temp = TempStore::new();
    let scans = |sql: &str| scans(&temp.store, sql).unwrap();
    assert_eq!(scans("SELECT jti FROM rpt WHERE permissions = ?1").len(), 1);
    assert_eq!(scans("SELECT r.jti FROM rpt r WHERE r.permissions = ?1").len(), 1);
    assert_eq!(scans("DELETE FROM share WHERE created_at < ?1").len(), 1);
    assert!(scans("SELECT 1 FROM rpt WHERE jti = ?1").is_empty());
}

/// What is put together at run time: every filter of the lists that requests reach
#[test]
fn lists_by_filter_are_found_by_an_index() {
    let temp = TempStore::new();
    for sql in [
        // store::share
        "SELECT h.id FROM share h JOIN resource r ON r.id = h.resource_id LEFT JOIN scope s ON s.id = h.scope_id
         WHERE h.server_id = ? AND h.state IN ('pending', 'granted') AND h.requester_kind = 'user'
         AND h.scope_id = ? AND h.resource_id = ? AND h.owner = ? AND h.requester = ? ORDER BY h.id LIMIT ? OFFSET ?",
        "SELECT h.id FROM share h WHERE h.server_id = ? AND h.requester_kind = 'user' AND h.id > ?
         ORDER BY h.id LIMIT ? OFFSET ?",
        // store::resource, store::policy, store::user
        "SELECT r.id FROM resource r WHERE r.server_id = ? AND (r.name, r.id) > (?, ?)
         ORDER BY r.name, r.id LIMIT ? OFFSET ?",
        "SELECT p.id FROM policy p WHERE p.server_id = ? AND p.owner IS NULL AND p.name > ?
         ORDER BY p.name LIMIT ? OFFSET ?",
        "SELECT u.id FROM user u WHERE u.realm_id = ? AND u.username > ? ORDER BY u.username LIMIT ? OFFSET ?",
        "SELECT count(*) FROM share h WHERE h.server_id = ? AND h.state IN ('pending', 'granted')
         AND h.requester_kind = 'user' AND (h.owner = ? OR h.requester = ?)",
        // store::audit
        "SELECT id FROM audit WHERE realm_id = ? AND event IN (SELECT value FROM json_each(?)) AND id < ?
         ORDER BY id DESC LIMIT ?",
        "SELECT id FROM audit WHERE realm_id = ? AND owner = ? AND id > ? ORDER BY id LIMIT ?",
        // store::event
        "SELECT uid FROM event WHERE realm_id = ? AND at >= ? ORDER BY id DESC LIMIT ? OFFSET ?",
    ] {
        assert!(scans(&temp.store, sql).unwrap().is_empty(), "{sql}");
    }
}
