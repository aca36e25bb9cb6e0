//! The one thread that writes.
//!
//! All jobs that wait share one transaction, so that one `fsync` makes many changes durable. Each job runs in its
//! own savepoint: one that fails takes nothing of the others with it.
//!
//! Whoever has to look before he writes, and must not be overtaken in between, takes a [`Turn`].

use core::{panic::AssertUnwindSafe, time::Duration};
use std::{panic::catch_unwind, sync::mpsc as blocking, thread, time::Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use crate::metrics::{StoreMeasures, observe};

/// Jobs that may wait; beyond them the callers wait for room
const QUEUE: usize = 4096;
/// Jobs of one transaction at most, so that the first of them is not kept waiting
const BATCH: usize = 512;
/// How long everybody else waits for the one whose turn it is
const TURN: Duration = Duration::from_secs(2);

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

/// What waits for the writing thread
enum Entry {
    /// A change
    Change(Box<dyn Job>),
    /// Somebody who wants a turn
    Turn(oneshot::Sender<Result<Turn, StoreError>>),
}

/// The right to make the next change: until it is made or this is dropped, or its time is over, nobody else changes
/// anything, in this process or another. What is read meanwhile is what the change finds.
///
/// Whoever has it must not wait for another change.
#[derive(Debug)]
pub struct Turn {
    change: blocking::SyncSender<Box<dyn Job>>,
}

impl Turn {
    /// Makes the change and answers when it is durable; [`StoreError::Stale`] where the time was over
    pub(super) async fn write<T, F>(self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Change { action: Some(change), outcome: Err(StoreError::Stopped), caller };
        self.change.try_send(Box::new(job)).map_err(|_| StoreError::Stale)?;
        answer.await.map_err(|_| StoreError::Stale)?
    }
}

/// The queue in front of the writing thread
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Entry>,
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
        self.jobs.send(Entry::Change(Box::new(job))).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Answers once nobody else writes any more
    pub(super) async fn turn(&self) -> Result<Turn, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.jobs.send(Entry::Turn(caller)).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }
}

fn run(mut connection: Connection, mut waiting: mpsc::Receiver<Entry>, measures: &StoreMeasures) {
    let (mut entries, mut batch, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    while waiting.blocking_recv_many(&mut entries, BATCH) > 0 {
        for entry in entries.drain(..) {
            match entry {
                Entry::Change(job) => batch.push(job),
                Entry::Turn(caller) => turns.push(caller),
            }
        }
        if !batch.is_empty() {
            commit(&mut connection, &mut batch, measures);
        }
        for caller in turns.drain(..) {
            take_turn(&mut connection, caller, measures);
        }
    }
}

/// One transaction of all these jobs
fn commit(connection: &mut Connection, batch: &mut Vec<Box<dyn Job>>, measures: &StoreMeasures) {
    let begin = Instant::now();
    let committed = transact(connection, batch);
    observe(&measures.commits, begin);
    measures.batches.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
    for job in batch.drain(..) {
        job.finish(committed.clone());
    }
}

/// Shuts everybody out, waits for the change of the one whose turn it is, and makes it
fn take_turn(
    connection: &mut Connection,
    caller: oneshot::Sender<Result<Turn, StoreError>>,
    measures: &StoreMeasures,
) {
    let (change, coming) = blocking::sync_channel(1);
    // Other processes are shut out by SQLite's lock, this one because its only writer waits here.
    let tx = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(tx) => tx,
        Err(error) => {
            // A caller that has gone away does not wait for its answer.
            let _ = caller.send(Err(error.into()));
            return;
        }
    };
    if caller.send(Ok(Turn { change })).is_err() {
        return;
    }
    // One who changes nothing after all drops his turn, which ends the wait.
    let Ok(mut job) = coming.recv_timeout(TURN) else { return };
    drop(coming);
    let begin = Instant::now();
    let committed = if job.run(&tx) { tx.commit().map_err(StoreError::from) } else { Ok(()) };
    observe(&measures.commits, begin);
    measures.batches.observe(1.0);
    job.finish(committed);
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
