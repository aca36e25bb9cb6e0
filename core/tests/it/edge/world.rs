//! A scripted world around one guard: a clock, a network that answers when it is told to, and keys that sign nothing.

use std::collections::VecDeque;

use countersign_core::{
    edge::{
        Answer, Arrival, Config, Event, Fetch, FetchKind, Forward, Guard, Listen, Request, RequestId, Step,
        Verify,
    },
    jws::{Alg, Header, compact, signing_input},
    time::UnixTime,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://as.example/realms/demo";
pub(crate) const LIST: &str = "https://as.example/realms/demo/status";
pub(crate) const START: u64 = 1_800_000_000;
/// Two bits each: 0 at 0 and 4, 1 at 1, 3 at 3
pub(crate) const STATUSES: [u8; 12] = [0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0];

pub(crate) struct World {
    guard: Guard,
    pub(crate) now: u64,
    steps: VecDeque<Step>,
    last: u64,
    pub(crate) cached: Vec<(&'static str, Vec<u8>)>,
}

pub(crate) fn config() -> Config {
    Config::new(ISSUER, "documents".parse().unwrap()).unwrap().credentials()
}

/// Requests of the resource `42` with scope `read`
pub(crate) fn request(id: u64, headers: &[(&str, &str)]) -> Request {
    Request {
        id: RequestId(id),
        method: "GET".into(),
        uri: "https://files.example/documents/42?page=2".into(),
        resource: "42".parse().unwrap(),
        scopes: vec!["read".parse().unwrap()],
        headers: headers
            .iter()
            .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
            .collect(),
        certificate: None,
        nonces: Vec::new(),
    }
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self { guard: Guard::new(config), now: START, steps: VecDeque::new(), last: 0, cached: Vec::new() }
    }

    /// A world whose guard has metadata and keys
    pub(crate) fn ready(config: Config) -> Self {
        let mut world = Self::new(config);
        world.tick();
        world.reply(FetchKind::Metadata, 200, &metadata());
        world.tick();
        world.reply(FetchKind::Keys, 200, &keys(&["k1"]));
        world
    }

    pub(crate) fn happen(&mut self, event: Event) {
        for step in self.guard.step(event, UnixTime(self.now)) {
            match step {
                Step::Cache(cache) => self.cached.push((cache.key, cache.value)),
                other => self.steps.push_back(other),
            }
        }
    }

    pub(crate) fn tick(&mut self) {
        self.happen(Event::Tick);
    }

    /// Lets so many seconds pass, with a tick each
    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            self.tick();
        }
    }

    pub(crate) fn send(&mut self, headers: &[(&str, &str)]) -> RequestId {
        self.last += 1;
        let request = request(self.last, headers);
        self.happen(Event::Request(request));
        RequestId(self.last)
    }

    pub(crate) fn bearer(&mut self, token: &str) -> RequestId {
        self.send(&[("Authorization", &format!("Bearer {token}"))])
    }

    /// A request that the rules look at
    pub(crate) fn arrive(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> RequestId {
        self.last += 1;
        let id = RequestId(self.last);
        self.happen(Event::Arrival(Arrival {
            id,
            method: method.into(),
            target: target.into(),
            uri: format!("https://files.example{target}"),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..Arrival::default()
        }));
        id
    }

    fn take<T>(&mut self, what: impl Fn(&Step) -> Option<T>) -> Option<T> {
        let at = self.steps.iter().position(|step| what(step).is_some())?;
        what(&self.steps.remove(at).unwrap())
    }

    /// The one fetch of this kind that waits for an answer
    pub(crate) fn fetch(&mut self, kind: FetchKind) -> Fetch {
        let found = self.take(|step| match step {
            Step::Fetch(fetch) if fetch.kind == kind => Some(fetch.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no fetch of {kind:?} in {:?}", self.steps))
    }

    pub(crate) fn reply(&mut self, kind: FetchKind, status: u16, body: &str) {
        let fetch = self.fetch(kind);
        self.happen(Event::Response { fetch: fetch.id, status, body: body.into() });
    }

    pub(crate) fn fail(&mut self, kind: FetchKind) {
        let fetch = self.fetch(kind);
        self.happen(Event::Failed(fetch.id));
    }

    pub(crate) fn signature(&mut self) -> Verify {
        let found = self.take(|step| match step {
            Step::Verify(verify) => Some(verify.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no signature in {:?}", self.steps))
    }

    pub(crate) fn verify(&mut self, is_right: bool) {
        let verify = self.signature().id;
        self.happen(Event::Verified { verify, is_right });
    }

    pub(crate) fn listen(&mut self) -> Listen {
        let found = self.take(|step| match step {
            Step::Listen(listen) => Some(listen.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no stream in {:?}", self.steps))
    }

    pub(crate) fn answer(&mut self, id: RequestId) -> Answer {
        let found = self.take(|step| match step {
            Step::Answer(answer) if answer.request == id => Some(answer.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no answer to {id:?} in {:?}", self.steps))
    }

    pub(crate) fn forward(&mut self, id: RequestId) -> Forward {
        let found = self.take(|step| match step {
            Step::Forward(forward) if forward.request == id => Some(forward.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{id:?} is not let through in {:?}", self.steps))
    }

    pub(crate) fn is_waiting(&self, kind: FetchKind) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Fetch(fetch) if fetch.kind == kind))
    }

    pub(crate) const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// That nothing is left to do
    pub(crate) fn idle(&self) {
        assert!(self.steps.is_empty(), "{:?}", self.steps);
    }

    /// That a request is refused with a warning, for this reason, and with no challenge
    pub(crate) fn warned(&mut self, id: RequestId, denial: &str) {
        let answer = self.answer(id);
        assert_eq!((answer.status, answer.denial.code()), (403, denial));
        assert_eq!(
            header(&answer, "warning").as_deref(),
            Some(r#"199 - "UMA Authorization Server Unreachable""#)
        );
        assert_eq!(header(&answer, "cache-control").as_deref(), Some("no-store"));
        assert_eq!(header(&answer, "www-authenticate"), None);
    }

    /// Answers PAT and ticket, and takes the challenge
    pub(crate) fn challenged(&mut self, id: RequestId, denial: &str) -> Answer {
        if self.is_waiting(FetchKind::Pat) {
            self.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
        }
        self.reply(FetchKind::Ticket, 201, r#"{"ticket":"t.i.c"}"#);
        let answer = self.answer(id);
        assert_eq!((answer.status, answer.denial.code()), (401, denial));
        answer
    }

    /// Sends a token, has its signature found right, and expects to be let through
    pub(crate) fn passes(&mut self, token: &str) -> Forward {
        let id = self.bearer(token);
        if self.steps.iter().any(|step| matches!(step, Step::Verify(_))) {
            self.verify(true);
        }
        self.forward(id)
    }

    /// Answers the fetch of a list, and has its signature found right
    pub(crate) fn list(&mut self, list: &str) {
        self.reply(FetchKind::StatusList, 200, list);
        self.verify(true);
    }
}

pub(crate) fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
}

pub(crate) fn metadata() -> String {
    let endpoint = |path: &str| format!("{ISSUER}/{path}");
    json!({
        "issuer": ISSUER, "jwks_uri": endpoint("jwks"), "token_endpoint": endpoint("token"),
        "permission_endpoint": endpoint("permission"), "introspection_endpoint": endpoint("introspect"),
        "resource_registration_endpoint": endpoint("resources"),
        "status_list_uri": LIST, "status_stream_uri": endpoint("changes"),
    })
    .to_string()
}

pub(crate) fn keys(kids: &[&str]) -> String {
    let x = |kid: &str| match kid {
        "k1" => "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        _ => "MocbM8h1n7kodCQlbrgJH7JBnNxNqD28kaPpPFRv53Q",
    };
    let key = |kid: &&str| json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x(kid) });
    json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() }).to_string()
}

pub(crate) fn pat(token: &str, life: u64) -> String {
    json!({ "access_token": token, "token_type": "Bearer", "expires_in": life }).to_string()
}

pub(crate) fn sign(typ: &str, kid: &str, claims: &Value) -> String {
    let header = Header { alg: Alg::EdDsa, typ: Some(typ), kid: Some(kid) };
    compact(signing_input(&header, claims.to_string()), &[7; 64])
}

/// The claims of a token that permits `read` on `42` for five minutes
pub(crate) fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "documents", "typ": "Bearer", "sub": "bob", "jti": "rpt-1", "exp": START + 300,
        "authorization": { "permissions": [{ "rsid": "42", "scopes": ["read"] }] } })
}

pub(crate) fn rpt_with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    sign("JWT", "k1", &claims)
}

pub(crate) fn rpt() -> String {
    sign("JWT", "k1", &claims())
}

/// A token whose status is at this place, and which lives a day
pub(crate) fn listed(idx: u64) -> String {
    let mut claims = claims();
    claims["exp"] = json!(START + 86_400);
    claims["status"] = json!({ "status_list": { "idx": idx, "uri": LIST } });
    sign("JWT", "k1", &claims)
}

/// A list issued at this moment that contains all changes up to `seq`
pub(crate) fn list(iat: u64, seq: u64, statuses: &[u8; 12]) -> String {
    let byte = |four: &[u8]| four.iter().rev().fold(0_u8, |byte, status| byte << 2 | status);
    let bytes: Vec<u8> = statuses.chunks(4).map(byte).collect();
    sign(
        "statuslist+jwt",
        "k1",
        &json!({ "iss": ISSUER, "sub": LIST, "iat": iat, "exp": iat + 3_600, "ttl": 5, "seq": seq,
            "status_list": { "bits": 2, "lst": zlib(&bytes) } }),
    )
}

/// One stored block, so that no compressor is needed
fn zlib(content: &[u8]) -> String {
    let length = u16::try_from(content.len()).unwrap();
    let (a, b) = content.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    let sum = (b << 16 | a).to_be_bytes();
    let bytes =
        [&[0x78, 0x01, 0x01], &length.to_le_bytes()[..], &(!length).to_le_bytes(), content, &sum].concat();
    // `compact` writes its second part in base64url.
    compact(String::new(), &bytes).trim_start_matches('.').into()
}
