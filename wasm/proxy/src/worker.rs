//! What one worker thread knows, and how it carries out what the guard orders.

use core::{
    cell::{Cell, RefCell},
    time::Duration,
};
use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
    time::UNIX_EPOCH,
};

use countersign_core::{
    edge::{Answer, Cache, Event, FetchId, Forward},
    time::UnixTime,
};
use countersign_edge::{Call, Machine, Order};
use proxy_wasm::{
    hostcalls,
    types::{Action, BufferType, LogLevel, MapType},
};

use crate::statistics::{Count, Statistics};

/// Longest that Envoy waits for an answer of the authorization server
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is taken over
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// What workers share, each under a name of its own
const SHARED: [&str; 3] = ["uma2-configuration", "jwks", "status-list"];

/// A guard and its clock
pub(crate) struct Lane {
    machine: RefCell<Machine>,
    /// Stands still in tests
    clock: Option<UnixTime>,
}

impl Lane {
    pub(crate) fn new(machine: Machine, clock: Option<UnixTime>) -> Rc<Self> {
        Rc::new(Self { machine: RefCell::new(machine), clock })
    }

    pub(crate) fn uri(&self, target: &[u8]) -> String {
        self.machine.borrow().uri(target)
    }

    fn step(&self, event: Event) -> Vec<Order> {
        let now = self.clock.unwrap_or_else(now);
        self.machine.borrow_mut().step(event, now)
    }
}

/// One plugin on one worker thread
pub(crate) struct Worker {
    root: u32,
    queue: u32,
    cluster: String,
    /// Begins the names of shared data, so that no other plugin's are taken for them
    prefix: String,
    lane: Rc<Lane>,
    outbox: RefCell<Vec<(Rc<Lane>, FetchId, Call)>>,
    calls: RefCell<HashMap<u32, (Rc<Lane>, FetchId)>>,
    permitted: RefCell<BTreeSet<u32>>,
    seen: [Cell<Option<u32>>; 3],
    statistics: Statistics,
}

impl Worker {
    pub(crate) fn new(root: u32, queue: u32, cluster: String, prefix: String, machine: Machine) -> Self {
        Self {
            root,
            queue,
            cluster,
            prefix,
            lane: Lane::new(machine, None),
            outbox: RefCell::default(),
            calls: RefCell::default(),
            permitted: RefCell::default(),
            seen: [const { Cell::new(None) }; 3],
            statistics: Statistics::define(),
        }
    }

    pub(crate) fn lane(&self) -> &Rc<Lane> {
        &self.lane
    }

    /// Tells the guard what has happened and carries out what it says; an order for the request `own` becomes an action.
    pub(crate) fn happen(&self, lane: &Rc<Lane>, event: Event, own: Option<u32>) -> Action {
        let orders = lane.step(event);
        self.carry_out(lane, orders, own)
    }

    fn carry_out(&self, lane: &Rc<Lane>, orders: Vec<Order>, own: Option<u32>) -> Action {
        let mut action = Action::Pause;
        for order in orders {
            match order {
                Order::Call(id, call) => self.outbox.borrow_mut().push((Rc::clone(lane), id, call)),
                Order::Keep(cache) => self.share(lane, &cache),
                Order::Answer(answer) => self.answer(&answer),
                Order::Forward(forward) => {
                    if self.forward(&forward, own) {
                        action = Action::Continue;
                    }
                }
            }
        }
        if !self.outbox.borrow().is_empty() {
            // Calls are made by the plugin itself, which Envoy wakes for that.
            _ = hostcalls::enqueue_shared_queue(self.queue, None);
        }
        action
    }

    /// Makes the calls that are waiting; the plugin is the one that runs.
    pub(crate) fn flush(&self) {
        while let Ok(Some(_)) = hostcalls::dequeue_shared_queue(self.queue) {}
        loop {
            let Some((lane, id, call)) = self.outbox.borrow_mut().pop() else { return };
            self.statistics.count(Count::Called);
            match self.dispatch(&call) {
                Some(token) => _ = self.calls.borrow_mut().insert(token, (lane, id)),
                None => self.failed(&lane, id),
            }
        }
    }

    fn dispatch(&self, call: &Call) -> Option<u32> {
        hostcalls::set_effective_context(self.root).ok()?;
        let scheme = if call.is_https { "https" } else { "http" };
        let mut headers = vec![
            (":method", call.method),
            (":scheme", scheme),
            (":authority", call.authority.as_str()),
            (":path", call.target.as_str()),
        ];
        headers.extend(call.headers.iter().map(|(name, value)| (*name, value.as_str())));
        hostcalls::dispatch_http_call(&self.cluster, headers, call.body.as_deref(), vec![], TIMEOUT).ok()
    }

    fn failed(&self, lane: &Rc<Lane>, id: FetchId) {
        self.statistics.count(Count::Failed);
        let orders = lane.step(Event::Failed(id));
        self.carry_out(lane, orders, None);
    }

    /// Takes the answer to a call
    pub(crate) fn answered(&self, token: u32, headers: usize, body_size: usize) {
        let Some((lane, fetch)) = self.calls.borrow_mut().remove(&token) else { return };
        if headers == 0 {
            return self.failed(&lane, fetch);
        }
        let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status");
        let status =
            status.ok().flatten().and_then(|status| core::str::from_utf8(&status).ok()?.parse().ok());
        let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_size.min(ANSWER_BYTES));
        match (status, body) {
            (Some(status), Ok(body)) => {
                let body = body.unwrap_or_default();
                self.happen(&lane, Event::Response { fetch, status, body }, None);
            }
            (None, _) | (_, Err(_)) => self.failed(&lane, fetch),
        }
    }

    /// Takes what other workers know, and renews what is about to be too old.
    pub(crate) fn tick(&self) {
        for (name, seen) in SHARED.into_iter().zip(&self.seen) {
            let Ok((Some(value), version)) = hostcalls::get_shared_data(&self.name(name)) else { continue };
            if version.is_none() || version != seen.replace(version) {
                self.happen(&self.lane, Event::Restored { key: name.into(), value }, None);
            }
        }
        self.happen(&self.lane, Event::Tick, None);
        self.flush();
    }

    fn share(&self, lane: &Rc<Lane>, cache: &Cache) {
        if lane.clock.is_none() {
            // Whoever cannot share has it for itself.
            _ = hostcalls::set_shared_data(&self.name(cache.key), Some(&cache.value), None);
        }
    }

    fn name(&self, name: &str) -> String {
        [self.prefix.as_str(), name].concat()
    }

    /// Whether the request has been let through
    pub(crate) fn is_permitted(&self, request: u32) -> bool {
        self.permitted.borrow().contains(&request)
    }

    /// Forgets a request that has ended
    pub(crate) fn gone(&self, lane: &Rc<Lane>, request: u32) {
        if !self.permitted.borrow_mut().remove(&request) {
            self.happen(lane, Event::Gone(crate::filter::id_of(request)), None);
        }
    }

    fn answer(&self, answer: &Answer) {
        self.statistics.answered(answer);
        let mut headers: Vec<(&str, &str)> =
            answer.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if cfg!(feature = "vectors") {
            headers.push(("x-countersign-decision", answer.reason));
        }
        if let Some(request) = context_of(answer.request.0) {
            send(request, answer.status, headers, None);
        }
    }

    /// Whether it is for the request that is at the door, which then goes on by itself
    fn forward(&self, forward: &Forward, own: Option<u32>) -> bool {
        let Some(request) = context_of(forward.request.0) else { return false };
        if hostcalls::set_effective_context(request).is_err() {
            return false;
        }
        if rewrite(forward).is_none() {
            send(request, 400, vec![("cache-control", "no-store")], None);
            return false;
        }
        self.statistics.count(Count::Permitted);
        self.permitted.borrow_mut().insert(request);
        if own == Some(request) {
            return true;
        }
        if hostcalls::resume_http_request().is_err() {
            log(LogLevel::Error, "a request that is permitted cannot be let go on");
        }
        false
    }
}

/// Takes headers away and sets others; nothing if one of them cannot be, so that none is left standing
fn rewrite(forward: &Forward) -> Option<()> {
    for name in &forward.remove {
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, core::str::from_utf8(name).ok()?).ok()?;
    }
    for (name, value) in &forward.set {
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value.as_bytes())).ok()?;
    }
    if cfg!(feature = "vectors") {
        let name = "x-countersign-decision";
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(b"permitted")).ok()?;
    }
    Some(())
}

/// Answers a request in place of the server behind
pub(crate) fn send(request: u32, status: u16, headers: Vec<(&str, &str)>, body: Option<&[u8]>) {
    let sent = hostcalls::set_effective_context(request)
        .and_then(|()| hostcalls::send_http_response(status.into(), headers, body));
    if sent.is_err() {
        log(LogLevel::Error, "a request cannot be answered, so it stays where it is");
    }
}

pub(crate) fn log(level: LogLevel, line: &str) {
    // There is no other place to say so.
    _ = hostcalls::log(level, &["countersign: ", line].concat());
}

fn context_of(request: u64) -> Option<u32> {
    u32::try_from(request).ok()
}

/// Without a clock it is the beginning of time, when no token is valid yet.
fn now() -> UnixTime {
    let now = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
    UnixTime(now.map_or(0, |now| now.as_secs()))
}
