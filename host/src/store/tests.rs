use core::sync::atomic::{AtomicU32, Ordering};
use std::{fs, path::PathBuf};

use super::{Store, StoreError};

/// A database in a folder of its own that goes away with this
pub(crate) struct TempStore {
    pub(crate) store: Store,
    pub(crate) folder: PathBuf,
}

impl TempStore {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("countersign-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&folder.join("countersign.db")).unwrap();
        Self { store, folder }
    }
}

impl Drop for TempStore {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Demands that a query goes along indexes, in their order: it reads no table as a whole and sorts nothing
#[track_caller]
pub(crate) fn assert_indexed(store: &Store, sql: &str) {
    let plan: Vec<String> = store
        .read(|tx| {
            let mut statement = tx.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let mut rows = statement.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next()? {
                plan.push(row.get(3)?);
            }
            Ok(plan)
        })
        .unwrap();
    let slow = |step: &&String| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
    assert_eq!(plan.iter().find(slow), None, "{sql}\n{plan:#?}");
}

fn insert(tx: &rusqlite::Transaction<'_>, name: &str) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO realm (id, name, enabled, settings, created_at) VALUES (?1, ?1, 1, '{}', 0)",
    )?
    .execute([name])?;
    Ok(())
}

fn names(store: &Store) -> Vec<String> {
    store
        .read(|tx| {
            let mut rows = tx.prepare_cached("SELECT name FROM realm ORDER BY name")?;
            Ok(rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .unwrap()
}

#[tokio::test]
async fn a_failed_change_leaves_nothing_and_its_neighbours_stay() {
    let temp = TempStore::new();
    let good = temp.store.write(|tx| insert(tx, "a"));
    let bad = temp.store.write(|tx| {
        insert(tx, "b")?;
        Err::<(), _>(StoreError::Stale)
    });
    let panics = temp.store.write(|tx| {
        insert(tx, "c")?;
        assert!(tx.is_autocommit(), "a bug of ours");
        Ok(())
    });
    let twin = temp.store.write(|tx| insert(tx, "a"));
    let (good, bad, panics, twin) = tokio::join!(good, bad, panics, twin);
    assert_eq!(good, Ok(()));
    assert_eq!(bad, Err(StoreError::Stale));
    assert!(matches!(panics, Err(StoreError::Other(_))));
    assert!(matches!(twin, Err(StoreError::Conflict(_))));
    assert_eq!(names(&temp.store), ["a"]);
}

#[tokio::test]
async fn a_read_is_one_snapshot_and_cannot_write() {
    let temp = TempStore::new();
    temp.store.write(|tx| insert(tx, "a")).await.unwrap();
    let refused = temp.store.read(|tx| insert(tx, "b"));
    assert_eq!(refused, Err(StoreError::ReadOnly));
    assert_eq!(names(&temp.store), ["a"]);
}

#[tokio::test]
async fn what_was_answered_is_there_after_another_open() {
    let temp = TempStore::new();
    temp.store.write(|tx| insert(tx, "a")).await.unwrap();
    let again = Store::open(temp.store.file()).unwrap();
    assert_eq!(names(&again), ["a"]);
}

#[test]
fn other_files_are_refused_with_their_name_and_a_cure() {
    let temp = TempStore::new();
    let text = temp.folder.join("text.db");
    fs::write(
        &text,
        "this is no database, and it is longer than a header of SQLite would be: 100 bytes at least",
    )
    .unwrap();
    let error = Store::open(&text).unwrap_err();
    assert!(matches!(error.source, StoreError::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("text.db"), "{error}");

    let foreign = temp.folder.join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(Store::open(&foreign).unwrap_err().source, StoreError::Foreign);

    let newer = temp.folder.join("newer.db");
    drop(Store::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(Store::open(&newer).unwrap_err().source, StoreError::Newer { found: 999, .. }));

    let nowhere = temp.folder.join("no/such/folder/x.db");
    assert_eq!(Store::open(&nowhere).unwrap_err().source, StoreError::Unopened);
}
