//! Numbered migrations of the schema.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Marks a SQLite file as one of ours (`PRAGMA application_id`): `csgn`
const APPLICATION_ID: i32 = 0x6373_676e;

/// One file each, in order; a released one never changes
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_init.sql"),
    include_str!("../../migrations/sqlite/0002_pages.sql"),
    include_str!("../../migrations/sqlite/0003_identity.sql"),
    include_str!("../../migrations/sqlite/0004_tokens.sql"),
    include_str!("../../migrations/sqlite/0005_sign_in.sql"),
    include_str!("../../migrations/sqlite/0006_status.sql"),
    include_str!("../../migrations/sqlite/0007_account.sql"),
    include_str!("../../migrations/sqlite/0008_audit.sql"),
    include_str!("../../migrations/sqlite/0009_dialect.sql"),
    include_str!("../../migrations/sqlite/0010_keys.sql"),
    include_str!("../../migrations/sqlite/0011_gathering.sql"),
    include_str!("../../migrations/sqlite/0012_passkeys.sql"),
    include_str!("../../migrations/sqlite/0013_holdings.sql"),
];

/// Brings the schema up to date in one transaction.
///
/// Several processes may try at once: the first does it, the others find it done.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i32 = tx.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(StoreError::Foreign);
    }
    if version > newest {
        return Err(StoreError::Newer { found: version, known: newest });
    }
    let done = usize::try_from(version).unwrap_or(0);
    for sql in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(sql)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", newest)?;
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a grant held before it was one document it holds afterwards, in the same order
    #[test]
    fn grants_keep_what_they_hold() {
        let mut connection = Connection::open_in_memory().unwrap();
        for sql in &MIGRATIONS[..12] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 12).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection
            .execute_batch(
                r#"INSERT INTO grant_row (id, realm_id, server_id, client_id, requester, expires_at)
                   VALUES ('full', 'r', 's', 'c', 'bob', 5), ('empty', 'r', 's', 'c', 'bob', 5);
                   INSERT INTO grant_permission (grant_id, position, resource_id, permission)
                   VALUES ('full', 1, 'b', '{"rsid":"b"}'), ('full', 0, 'a', '{"rsid":"a"}'),
                          ('full', 2, NULL, '{"scopes":["read"]}');"#,
            )
            .unwrap();
        migrate(&mut connection).unwrap();
        let held = |id: &str| -> String {
            let sql = "SELECT permissions FROM grant_row WHERE id = ?1";
            connection.query_row(sql, [id], |row| row.get(0)).unwrap()
        };
        assert_eq!(held("full"), r#"[{"rsid":"a"},{"rsid":"b"},{"scopes":["read"]}]"#);
        assert_eq!(held("empty"), "[]");
        let mut listed = connection.prepare("SELECT resource_id FROM grant_resource ORDER BY 1").unwrap();
        let listed: Vec<String> =
            listed.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(listed, ["a", "b"]);
    }
}
