//! The plugin: its settings, its calls, its clock.

use core::{
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};
use std::{collections::hash_map::RandomState, env, rc::Rc};

use countersign_edge::{Machine, SecretPlace, Settings};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{BufferType, ContextType, LogLevel},
};
use serde_json::{Map, Value};

use crate::{
    filter::Filter,
    worker::{Worker, log},
};

const SOON: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_secs(1);

/// The plugin on one worker thread
pub(crate) struct Root {
    id: u32,
    worker: Option<Rc<Worker>>,
    has_ticked: bool,
}

impl Root {
    pub(crate) const fn new(id: u32) -> Self {
        Self { id, worker: None, has_ticked: false }
    }

    fn configure(&self, size: usize) -> Result<Worker, String> {
        let config = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size);
        let config = config.ok().flatten().ok_or("settings: there are none")?;
        let (cluster, settings) = split(&config)?;
        // Variables of the environment that `vm_config.environment_variables` lets in
        let secret = |place: SecretPlace<'_>| match place {
            SecretPlace::Env(name) => env::var(name).ok(),
            SecretPlace::Store(_) => None,
        };
        let settings = Settings::parse(&settings, &secret).map_err(|error| error.to_string())?;
        // Each worker has a queue of its own, which wakes it alone.
        let queue = format!("countersign-{:016x}", RandomState::new().build_hasher().finish());
        let queue = hostcalls::register_shared_queue(&queue).map_err(|_| "Envoy gives no queue")?;
        hostcalls::set_tick_period(SOON).map_err(|_| "Envoy gives no clock")?;
        let prefix = format!("countersign {cluster} {} ", settings.issuer());
        Ok(Worker::new(self.id, queue, cluster, prefix, Machine::new(settings)))
    }
}

/// The cluster, and the settings that every filter has
fn split(config: &[u8]) -> Result<(String, Vec<u8>), String> {
    let mut config: Map<String, Value> =
        serde_json::from_slice(config).map_err(|error| format!("settings: {error}"))?;
    let missing = "settings: `cluster` is not the name of the cluster of the authorization server";
    let cluster = config.remove("cluster").and_then(|cluster| cluster.as_str().map(str::to_owned));
    let cluster = cluster.filter(|cluster| !cluster.is_empty()).ok_or(missing)?;
    Ok((cluster, Value::Object(config).to_string().into_bytes()))
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        if let Some(worker) = &self.worker {
            worker.answered(token, headers, body_size);
            worker.flush();
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        match self.configure(size) {
            Ok(worker) => self.worker = Some(Rc::new(worker)),
            Err(line) => log(LogLevel::Critical, &line),
        }
        self.worker.is_some()
    }

    fn on_tick(&mut self) {
        if !self.has_ticked {
            self.has_ticked = hostcalls::set_tick_period(TICK).is_ok();
        }
        if let Some(worker) = &self.worker {
            worker.tick();
        }
    }

    fn on_queue_ready(&mut self, _: u32) {
        if let Some(worker) = &self.worker {
            worker.flush();
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Filter::new(id, self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
