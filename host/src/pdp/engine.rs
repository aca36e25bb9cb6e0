//! wasmtime as this host uses it: pooled instances, capped memory, a deadline of processor time.

use core::time::Duration;
use std::thread::{self, available_parallelism};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, ResourceLimiter,
    Store, UpdateDeadline,
};

use super::{
    bindings,
    failure::{DeadlinePassed, EngineFailure, MemoryRefused, PdpError},
    origin,
};

/// Most memory of one decision
const MEMORY: usize = 64 * 1024 * 1024;
/// Most elements of a table of functions
const TABLE: usize = 20_000;
/// Processor time that one decision may take
const DEADLINE: Duration = Duration::from_millis(50);
/// How often a running decision is looked at
const TICK: Duration = Duration::from_millis(10);
/// Memory of an instance that is wiped in place, which is cheaper than giving it back: 54 µs a decision, not 80
const RESIDENT: usize = 512 * 1024;
/// The same for its table
const TABLE_RESIDENT: usize = 64 * 1024;

/// What a store knows of the decision that runs in it
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest;

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired <= MEMORY { Ok(true) } else { Err(MemoryRefused.into()) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE)
    }
}

/// Decisions that can run at the same time
pub(super) fn slots() -> u32 {
    let cores = available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    cores.saturating_mul(4).clamp(16, 512)
}

/// What decides whether code that was compiled before may run: the same in every place.
fn config() -> Config {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed);
    config.epoch_interruption(true);
    config.concurrency_support(false);
    config
}

/// The engine that decisions run in
pub(super) fn engine() -> Result<Engine, PdpError> {
    let mut pool = PoolingAllocationConfig::default();
    let slots = slots();
    // A component made by wit-component is the core module and a few shims around it.
    pool.max_core_instances_per_component(8).max_memories_per_component(1).max_tables_per_component(4);
    pool.total_component_instances(slots).total_core_instances(slots.saturating_mul(8));
    pool.total_memories(slots).total_tables(slots.saturating_mul(4));
    pool.max_memory_size(MEMORY).table_elements(TABLE);
    pool.linear_memory_keep_resident(RESIDENT).table_keep_resident(TABLE_RESIDENT);
    // Where the kernel can tell which pages were written, only those are wiped.
    pool.pagemap_scan(Enabled::Auto);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).map_err(PdpError::Engine)
}

/// Compiles a component for any machine of this architecture: `countersign precompile`.
pub fn precompile(component: &[u8]) -> Result<Vec<u8>, PdpError> {
    let mut config = config();
    // With a target named, wasmtime does not look at this machine's processor.
    config.target(&origin::baseline()).map_err(PdpError::Engine)?;
    let engine = Engine::new(&config).map_err(PdpError::Engine)?;
    let code = engine.precompile_component(component).map_err(PdpError::Compile)?;
    Ok(origin::seal(component, &code))
}

/// Moves the engine's epoch on for as long as the engine lives.
pub(super) fn start_ticker(engine: &Engine) -> Result<(), PdpError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("pdp-ticker".into()).spawn(tick).map(drop).map_err(PdpError::Ticker)
}

/// One decision, in a store that nothing was in before
pub(super) fn call(
    engine: &Engine,
    pre: &bindings::PdpPre<Guest>,
    question: &[u8],
) -> Result<Vec<u8>, EngineFailure> {
    let mut store = Store::new(engine, Guest);
    store.limiter(|guest| guest);
    let begin = processor_time();
    store.set_epoch_deadline(1);
    // Only what the decision itself has used counts: on a busy machine it may wait longer than it runs.
    store.epoch_deadline_callback(move |_| {
        if processor_time().saturating_sub(begin) < DEADLINE {
            Ok(UpdateDeadline::Continue(1))
        } else {
            Err(DeadlinePassed.into())
        }
    });
    let failure = |error: wasmtime::Error| EngineFailure::of(&error);
    let instance = pre.instantiate(&mut store).map_err(failure)?;
    let answer = instance.countersign_pdp_decisions().call_assess(&mut store, question).map_err(failure)?;
    answer.map_err(|refusal| EngineFailure::Refused(refusal.code))
}

/// Processor time of this thread so far
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}
