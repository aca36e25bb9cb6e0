//! One request.

use std::rc::Rc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::edge::{Arrival, Event, RequestId};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext},
    types::{Action, MapType},
};

use crate::worker::{Lane, Worker, send};

/// One request
pub(crate) struct Filter {
    id: u32,
    worker: Option<Rc<Worker>>,
    lane: Option<Rc<Lane>>,
}

pub(crate) fn id_of(request: u32) -> RequestId {
    RequestId(request.into())
}

impl Filter {
    pub(crate) fn new(id: u32, worker: Option<Rc<Worker>>) -> Self {
        let lane = worker.as_ref().map(|worker| Rc::clone(worker.lane()));
        Self { id, worker, lane }
    }

    fn arrive(&mut self) -> Option<Action> {
        let worker = self.worker.clone()?;
        let arrival = self.arrival()?;
        #[cfg(feature = "vectors")]
        let arrival = match self.as_a_vector(arrival) {
            Ok(arrival) => arrival,
            Err(action) => return Some(action),
        };
        Some(worker.happen(self.lane.as_ref()?, Event::Arrival(arrival), Some(self.id)))
    }

    /// The request as Envoy has it: pseudo-headers are those of HTTP/2, whatever it came by.
    fn arrival(&self) -> Option<Arrival> {
        let mut arrival = Arrival { id: id_of(self.id), ..Arrival::default() };
        for (name, value) in hostcalls::get_map_bytes(MapType::HttpRequestHeaders).ok()? {
            match name.as_str() {
                ":method" => arrival.method = value,
                ":path" => arrival.target = value,
                _ if name.starts_with(':') => {}
                _ => arrival.headers.push((name.into_bytes(), value)),
            }
        }
        arrival.uri = self.lane.as_ref()?.uri(&arrival.target);
        arrival.is_secure = text(vec!["connection", "tls_version"]).is_some();
        let address = text(vec!["source", "address"]).unwrap_or_default();
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        arrival.remote_addr = String::from(host.trim_matches(['[', ']']));
        arrival.certificate =
            text(vec!["connection", "sha256_peer_certificate_digest"]).and_then(|digest| thumbprint(&digest));
        Some(arrival)
    }

    /// Takes settings, clock and more from the request itself.
    #[cfg(feature = "vectors")]
    fn as_a_vector(&mut self, mut arrival: Arrival) -> Result<Arrival, Action> {
        use countersign_edge::{Machine, vectors::Scenario};

        let scenario = match Scenario::of(&arrival.headers) {
            None => return Ok(arrival),
            Some(Ok(scenario)) => scenario,
            Some(Err(error)) => return Err(self.told(400, "scenario", &error)),
        };
        if let Some((status, reason, body)) = scenario.direct() {
            return Err(self.told(status, &reason, &body));
        }
        match scenario.settings() {
            Ok(settings) => self.lane = Some(Lane::new(Machine::new(settings), Some(scenario.now()))),
            Err(error) => return Err(self.told(400, "settings", &error.to_string())),
        }
        scenario.change(&mut arrival);
        Ok(arrival)
    }

    #[cfg(feature = "vectors")]
    fn told(&self, status: u16, reason: &str, body: &str) -> Action {
        send(self.id, status, vec![("x-countersign-decision", reason)], Some(body.as_bytes()));
        Action::Pause
    }
}

fn text(path: Vec<&str>) -> Option<String> {
    String::from_utf8(hostcalls::get_property(path).ok()??).ok().filter(|text| !text.is_empty())
}

/// From hexadecimal digits to base64url (RFC 8705 §3.1)
fn thumbprint(digest: &str) -> Option<String> {
    let digits: Option<Vec<u8>> =
        digest.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let (pairs, _) = digits.as_chunks::<2>();
    Some(URL_SAFE_NO_PAD.encode(pairs.iter().map(|[high, low]| (high << 4) | low).collect::<Vec<u8>>()))
}

impl Context for Filter {
    fn on_done(&mut self) -> bool {
        if let (Some(worker), Some(lane)) = (&self.worker, &self.lane) {
            worker.gone(lane, self.id);
        }
        true
    }
}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.arrive().unwrap_or_else(|| {
            send(self.id, 500, vec![("cache-control", "no-store")], None);
            Action::Pause
        })
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.pass()
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.pass()
    }
}

impl Filter {
    /// What follows the headers goes where they went.
    fn pass(&self) -> Action {
        let is_permitted = self.worker.as_ref().is_some_and(|worker| worker.is_permitted(self.id));
        if is_permitted { Action::Continue } else { Action::Pause }
    }
}
