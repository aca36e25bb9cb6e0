//! What the server counts and measures, in the text form that Prometheus reads.

use core::time::Duration;
use std::{sync::Mutex, time::Instant};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

/// Upper ends of the times that are told apart, in seconds
const TIMES: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];
/// The same for numbers of changes that share a transaction
const BATCHES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Who may read `/metrics`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exposure {
    /// This machine and private networks, not through a proxy
    #[default]
    Local,
    /// Everybody
    All,
    /// Nobody
    Off,
}

fn times() -> Histogram {
    Histogram::new(TIMES)
}

/// A measured time as the registry takes it
pub fn observe(times: &Histogram, begin: Instant) {
    times.observe(begin.elapsed().as_secs_f64());
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    by: &'static str,
}

/// What the store measures of itself
#[derive(Debug, Clone)]
pub struct StoreMeasures {
    /// A snapshot, from its opening to its end
    pub reads: Histogram,
    /// A change, from the call until it is durable
    pub writes: Histogram,
    /// A transaction of the writing thread
    pub commits: Histogram,
    /// Changes in one of them
    pub batches: Histogram,
    /// Tickets that were spent
    pub redeemed: Counter,
    /// RPTs that were recorded
    pub rpts: Counter,
    /// RPTs that a refresh re-issued
    pub refreshed: Counter,
}

impl Default for StoreMeasures {
    fn default() -> Self {
        Self {
            reads: times(),
            writes: times(),
            commits: times(),
            batches: Histogram::new(BATCHES),
            redeemed: Counter::default(),
            rpts: Counter::default(),
            refreshed: Counter::default(),
        }
    }
}

/// What the decision engine measures of itself
#[derive(Debug, Clone)]
pub struct EngineMeasures {
    /// One call, waiting for a place included
    pub calls: Histogram,
    failures: Family<Kind, Counter>,
}

impl Default for EngineMeasures {
    fn default() -> Self {
        Self { calls: times(), failures: Family::default() }
    }
}

impl EngineMeasures {
    /// A call that came to nothing
    pub fn failed(&self, kind: &'static str) {
        self.failures.get_or_create(&Kind { kind }).inc();
    }
}

/// Everything that is counted
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Answered, Counter>,
    latencies: Family<Asked, Histogram, fn() -> Histogram>,
    decisions: Family<Outcome, Counter>,
    limited: Family<By, Counter>,
    /// Permission tickets that were signed
    pub tickets: Counter,
    /// Rows of the audit trail that did not fit into the queue
    pub dropped: Counter,
    process: Process,
}

impl Metrics {
    /// With what the parts measure of themselves
    pub fn new(store: &StoreMeasures, engine: &EngineMeasures, pdp: &str) -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let latencies: Family<Asked, Histogram, fn() -> Histogram> = Family::new_with_constructor(times);
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            requests: Family::default(),
            latencies,
            decisions: Family::default(),
            limited: Family::default(),
            tickets: Counter::default(),
            dropped: Counter::default(),
            process: Process::default(),
        };
        let build =
            Info::new([("version", env!("CARGO_PKG_VERSION").to_owned()), ("pdp_sha256", pdp.to_owned())]);
        registry.register("build", "Version of the server and digest of its decision component", build);
        let requests = metrics.requests.clone();
        registry.register("http_requests", "Requests by route, method and status", requests);
        let text = "Time from a request's head to the head of its answer, by route and method";
        let latencies = metrics.latencies.clone();
        registry.register_with_unit("http_request_duration", text, Unit::Seconds, latencies);
        let decisions = metrics.decisions.clone();
        registry.register("decisions", "Decisions by outcome: granted, denied, refused, failed", decisions);
        let limited = metrics.limited.clone();
        registry.register("rate_limited", "Requests that were answered by 429", limited);
        registry.register("tickets_issued", "Permission tickets that were signed", metrics.tickets.clone());
        registry.register("tickets_redeemed", "Permission tickets that were spent", store.redeemed.clone());
        registry.register("rpts_issued", "RPTs that grants issued", store.rpts.clone());
        registry.register("rpts_refreshed", "RPTs that refreshes re-issued", store.refreshed.clone());
        for (name, text, times) in [
            ("store_read", "Time of a snapshot of the store", &store.reads),
            ("store_write", "Time of a change, until it is durable", &store.writes),
            ("store_commit", "Time of a transaction of the writing thread", &store.commits),
            ("engine_call", "Time of a decision in the engine, waiting for a place included", &engine.calls),
        ] {
            registry.register_with_unit(name, text, Unit::Seconds, times.clone());
        }
        registry.register("store_batch_changes", "Changes in one transaction", store.batches.clone());
        registry.register("engine_failures", "Decisions that came to nothing", engine.failures.clone());
        let dropped = metrics.dropped.clone();
        registry.register("audit_dropped", "Decisions that the audit trail could not take", dropped);
        let process = &metrics.process;
        registry.register(
            "process_resident_memory_bytes",
            "Memory that the process holds",
            process.resident.clone(),
        );
        registry.register("process_open_files", "Files and connections that are open", process.files.clone());
        registry.register("process_cpu_milliseconds", "Processor time so far", process.cpu.clone());
        Self { registry: Mutex::new(registry), ..metrics }
    }

    /// A request was answered
    pub fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let asked = Asked { route: route.to_owned(), method };
        self.latencies.get_or_create(&asked).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { route: asked.route, method, status }).inc();
    }

    /// A decision was made, or could not be
    pub fn decided(&self, outcome: &'static str) {
        self.decisions.get_or_create(&Outcome { outcome }).inc();
    }

    /// A request came too early
    pub fn limited(&self, by: &'static str) {
        self.limited.get_or_create(&By { by }).inc();
    }

    /// All of it as text (`OpenMetrics` 1.0)
    pub fn text(&self) -> Result<String, core::fmt::Error> {
        self.process.look();
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// What the operating system says of this process, when it is asked
#[derive(Debug, Default)]
struct Process {
    resident: Gauge,
    files: Gauge,
    cpu: Gauge,
}

impl Process {
    fn look(&self) {
        if let Some(kib) = resident() {
            self.resident.set(kib.saturating_mul(1024));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.files.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let cpu = Duration::try_from(cpu).unwrap_or_default();
        self.cpu.set(i64::try_from(cpu.as_millis()).unwrap_or(i64::MAX));
    }
}

/// Memory that the process holds, in KiB, where the kernel tells
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let (store, engine) = (StoreMeasures::default(), EngineMeasures::default());
        let metrics = Metrics::new(&store, &engine, "abc");
        metrics.answered("/realms/{realm}", "GET", 200, Duration::from_millis(3));
        metrics.decided("denied");
        store.redeemed.inc();
        engine.failed("trap");
        let text = metrics.text().unwrap();
        for line in [
            "countersign_http_requests_total{route=\"/realms/{realm}\",method=\"GET\",status=\"200\"} 1",
            "countersign_http_request_duration_seconds_bucket{le=\"0.0025\",route=\"/realms/{realm}\",method=\"GET\"} 0",
            "countersign_http_request_duration_seconds_count{route=\"/realms/{realm}\",method=\"GET\"} 1",
            "countersign_decisions_total{outcome=\"denied\"} 1",
            "countersign_tickets_redeemed_total 1",
            "countersign_engine_failures_total{kind=\"trap\"} 1",
            "countersign_audit_dropped_total 0",
            "pdp_sha256=\"abc\"",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        let memory = text.lines().find(|line| line.starts_with("countersign_process_resident_memory_bytes "));
        assert!(memory.unwrap().split(' ').nth(1).unwrap().parse::<u64>().unwrap() > 1_000_000);
    }
}
