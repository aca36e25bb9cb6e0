//! The one thread that writes.
//!
//! All jobs that wait share one transaction, so that one `fsync` makes many changes durable. Each job runs in its
//! own savepoint: one that fails takes nothing of the others with it.

use core::panic::AssertUnwindSafe;
use std::{panic::catch_unwind, thread, time::Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use crate::metrics::{StoreMeasures, observe};

/// Jobs that may wait; beyond them the callers wait for room
const QUEUE: usize = 4096;
/// Jobs of one transaction at most, so that the first of them is not kept waiting
const BATCH: usize = 512;

/// One change that a caller waits for
trait Job: Send {
    /// Carries the change out; `false` takes it back
    fn run(&mut self, tx: &Transaction<'_>) -> bool;
    /// Answers the caller, once the transaction has ended
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Change<T, F> {
    action: Option<F>,
    outcome: Result<T, StoreError>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Change<T, F>
where
    T: Send,
    F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &Transaction<'_>) -> bool {
        if let Some(change) = self.action.take() {
            self.outcome = catch_unwind(AssertUnwindSafe(|| change(tx)))
                .unwrap_or_else(|_| Err(StoreError::Other("a change of the store panicked".to_owned())));
        }
        self.outcome.is_ok()
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let ran = self.action.is_none();
        let outcome = match committed {
            Err(error) if !ran || self.outcome.is_ok() => Err(error),
            _ => self.outcome,
        };
        // A caller that has gone away does not wait for its answer.
        let _ = self.caller.send(outcome);
    }
}

/// The queue in front of the writing thread
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread on a connection that may write
    pub(super) fn start(connection: Connection, measures: StoreMeasures) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(connection, waiting, &measures))?;
        Ok(Self { jobs })
    }

    /// Runs `change` in the next transaction and answers when that is durable
    pub(super) async fn write<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Change { action: Some(change), outcome: Err(StoreError::Stopped), caller };
        self.jobs.send(Box::new(job)).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }
}

fn run(mut connection: Connection, mut waiting: mpsc::Receiver<Box<dyn Job>>, measures: &StoreMeasures) {
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let begin = Instant::now();
        let committed = transact(&mut connection, &mut batch);
        observe(&measures.commits, begin);
        measures.batches.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        for job in batch.drain(..) {
            job.finish(committed.clone());
        }
    }
}

fn transact(connection: &mut Connection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        tx.prepare_cached("SAVEPOINT job")?.execute([])?;
        let keep = job.run(&tx);
        if tx.is_autocommit() {
            // SQLite itself rolls everything back on some errors (disk full, I/O): nothing of the batch is left.
            return Err(StoreError::Full);
        }
        if !keep {
            tx.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        tx.prepare_cached("RELEASE job")?.execute([])?;
    }
    tx.commit()?;
    Ok(())
}
