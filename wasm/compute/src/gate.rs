//! A [`Service`] on Fastly's platform.

use core::time::Duration;
use std::io::{Read as _, Write as _};

use countersign_core::{
    edge::{Answer, Arrival, Forward, RequestId},
    limits::ENFORCER_BODY_BYTES,
    time::UnixTime,
};
use countersign_edge::{Call, SecretPlace, Settings};
use fastly::{
    Body, ConfigStore, Request, Response, SecretStore,
    cache::core::{self as cache, CacheKey},
    http::{HeaderName, HeaderValue, Url},
};

use crate::{Outcome, Platform, Service, clock};

/// Longest answer that is taken over, in bytes
const ANSWER_BYTES: u64 = 8 * 1024 * 1024;
/// The number of the one request that an instance has
const REQUEST: RequestId = RequestId(1);

/// Where a service finds what it needs, by the names that `fastly.toml` gives them
#[derive(Debug, Clone)]
pub struct Names {
    /// The Config Store with the settings
    pub config_store: String,
    /// Their entry in it
    pub settings: String,
    /// The Secret Store with the resource server's secret, whose entry the settings name
    pub secret_store: String,
    /// The backend that is the authorization server
    pub authorization_server: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            config_store: "countersign".into(),
            settings: "settings".into(),
            secret_store: "countersign".into(),
            authorization_server: "authorization_server".into(),
        }
    }
}

/// The guard of one request
#[derive(Debug)]
pub struct Gate {
    service: Service<Fastly>,
}

impl Gate {
    /// Reads the settings; what is wrong with them is one line, for the log.
    pub fn open(names: &Names) -> Result<Self, String> {
        let Names { config_store, settings, secret_store, authorization_server } = names;
        let store = ConfigStore::try_open(config_store)
            .map_err(|_| format!("settings: there is no Config Store `{config_store}`"))?;
        let json = store.try_get(settings).ok().flatten();
        let json = json.ok_or_else(|| format!("settings: the Config Store has no entry `{settings}`"))?;
        let secret = |place: SecretPlace<'_>| match place {
            SecretPlace::Store(name) => secret(secret_store, name),
            SecretPlace::Env(_) => None,
        };
        let settings = Settings::parse(json.as_bytes(), &secret).map_err(|error| error.to_string())?;
        let platform = Fastly { backend: authorization_server.clone(), clock: None };
        Ok(Self { service: Service::new(settings, platform) })
    }

    /// Lets a request go on, with headers that say what it may and uncached, or answers it.
    pub fn check(&mut self, request: &mut Request) -> Result<(), Box<Response>> {
        let arrival = self.arrival(request);
        #[cfg(feature = "vectors")]
        let arrival = self.as_a_vector(arrival)?;
        match self.service.judge(arrival) {
            Outcome::Answer(answer) => Err(refusal(&answer).into()),
            Outcome::Forward(forward) => rewrite(request, &forward).ok_or_else(|| bare(400).into()),
        }
    }

    /// Renews what is about to be too old: to be called when the client has its answer.
    pub fn renew(&mut self) {
        self.service.renew();
    }

    fn arrival(&self, request: &mut Request) -> Arrival {
        // The platform's parser may read a target in another way than it is written; so what it has read goes on.
        let url = request.get_url().clone();
        let mut target = url.path().to_owned();
        if let Some(query) = url.query() {
            target.extend(["?", query]);
        }
        request.set_url(url);
        let headers = request.get_headers();
        let headers =
            headers.map(|(name, value)| (name.as_str().into(), value.as_bytes().to_vec())).collect();
        // One byte more than is looked at tells that there is more.
        let longest = ENFORCER_BODY_BYTES.saturating_add(1);
        let body =
            if self.service.reads_body() { request.get_body_prefix_mut(longest).to_vec() } else { vec![] };
        Arrival {
            id: REQUEST,
            method: request.get_method_str().into(),
            uri: self.service.uri(target.as_bytes()),
            target: target.into_bytes(),
            is_secure: request.get_tls_protocol_bytes().is_some(),
            remote_addr: request.get_client_ip_addr().map_or_else(String::new, |address| address.to_string()),
            headers,
            body,
            certificate: None,
            nonces: Vec::new(),
        }
    }

    /// Takes settings, clock and more from the request itself.
    #[cfg(feature = "vectors")]
    fn as_a_vector(&mut self, mut arrival: Arrival) -> Result<Arrival, Box<Response>> {
        use countersign_edge::vectors::Scenario;

        let told = |status, reason: &str, body: String| {
            Err(bare(status).with_header("x-countersign-decision", reason).with_body(body).into())
        };
        let scenario = match Scenario::of(&arrival.headers) {
            None => return Ok(arrival),
            Some(Ok(scenario)) => scenario,
            Some(Err(error)) => return told(400, "scenario", error),
        };
        if let Some((status, reason, body)) = scenario.direct() {
            return told(status, &reason, body);
        }
        match scenario.settings() {
            Ok(settings) => {
                let platform =
                    Fastly { backend: Names::default().authorization_server, clock: Some(scenario.now()) };
                self.service = Service::new(settings, platform);
            }
            Err(error) => return told(400, "settings", error.to_string()),
        }
        scenario.change(&mut arrival);
        Ok(arrival)
    }
}

/// An answer without anything that tells of what is behind
pub fn bare(status: u16) -> Response {
    Response::from_status(status).with_header("cache-control", "no-store")
}

fn refusal(answer: &Answer) -> Response {
    let mut response = Response::from_status(answer.status);
    for (name, value) in &answer.headers {
        response.append_header(*name, value.as_str());
    }
    if cfg!(feature = "vectors") {
        response.set_header("x-countersign-decision", answer.reason);
    }
    response
}

/// Takes headers away and sets others; nothing if one of them cannot be, so that none is left standing
fn rewrite(request: &mut Request, forward: &Forward) -> Option<()> {
    for name in &forward.remove {
        request.remove_header(HeaderName::from_bytes(name).ok()?);
    }
    for (name, value) in &forward.set {
        request.set_header(*name, HeaderValue::from_str(value).ok()?);
    }
    if cfg!(feature = "vectors") {
        request.set_header("x-countersign-decision", "permitted");
    }
    // What one may see is not for the next.
    request.set_pass(true);
    Some(())
}

fn secret(store: &str, name: &str) -> Option<String> {
    let secret = SecretStore::open(store).ok()?.try_get(name).ok()??;
    String::from_utf8(secret.try_plaintext().ok()?.to_vec()).ok()
}

/// Fastly's clock, backends and cache
#[derive(Debug)]
struct Fastly {
    backend: String,
    /// Stands still in tests, which keep nothing
    clock: Option<UnixTime>,
}

impl Platform for Fastly {
    fn now(&self) -> UnixTime {
        self.clock.unwrap_or_else(clock::now)
    }

    fn call(&self, call: &Call) -> Option<(u16, Vec<u8>)> {
        let mut request = Request::new(call.method, Url::parse(&call.url()).ok()?).with_pass(true);
        for (name, value) in &call.headers {
            request.set_header(*name, HeaderValue::from_str(value).ok()?);
        }
        if let Some(body) = &call.body {
            request.set_body(body.as_slice());
        }
        // The error names the backend, and is of no use to anybody.
        let mut answer = request.send(&self.backend).ok()?;
        Some((answer.get_status().as_u16(), read(answer.take_body())?))
    }

    fn load(&self, name: &str) -> Option<Vec<u8>> {
        if self.clock.is_some() {
            return None;
        }
        let found = cache::lookup(key(name)).execute().ok()??;
        if found.is_usable() { read(found.to_stream().ok()?) } else { None }
    }

    fn keep(&self, name: &str, value: &[u8], seconds: u64, is_secret: bool) {
        if self.clock.is_none() && seconds > 0 {
            let insert = cache::insert(key(name), Duration::from_secs(seconds));
            // What cannot be kept is asked for again.
            if let Ok(mut body) = insert.sensitive_data(is_secret).execute()
                && body.write_all(value).is_ok()
            {
                _ = body.finish();
            }
        }
    }
}

fn key(name: &str) -> CacheKey {
    CacheKey::copy_from_slice(name.as_bytes())
}

/// A body, unless it breaks off or is too long
fn read(body: Body) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = body.take(ANSWER_BYTES.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    u64::try_from(read).is_ok_and(|read| read <= ANSWER_BYTES).then_some(bytes)
}
