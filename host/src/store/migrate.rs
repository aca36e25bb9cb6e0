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
