//! Rules of an enforcer, and a request that one in the middle is for.

use countersign_core::enforcer::{Config, Demand, Enforcer};
use serde_json::json;

/// So many paths, a tenth of them templates
pub(crate) struct Paths {
    enforcer: Enforcer,
    target: String,
}

impl Paths {
    pub(crate) fn new(size: usize) -> Self {
        let path = |number: usize| {
            let path = if number % 10 == 5 {
                format!("/api/v1/{{tenant}}/documents-{number}/*")
            } else {
                format!("/api/v1/documents-{number}/pages")
            };
            let methods = json!([{ "method": "GET", "scopes": ["read"] }]);
            json!({ "path": path, "id": number.to_string(), "methods": methods })
        };
        let config = json!({ "paths": (0..size).map(path).collect::<Vec<_>>() });
        let config = Config::parse(config.to_string().as_bytes()).expect("a configuration");
        let found = size / 2 / 10 * 10 + 5;
        let target = format!("/api/v1/acme/documents-{found}/pages/7?sort=asc");
        Self { enforcer: Enforcer::new(config), target }
    }

    /// From the request line to what a token must permit
    pub(crate) fn lookup(&self) -> bool {
        matches!(self.enforcer.demand("GET", self.target.as_bytes()), Demand::Protected(_))
    }
}
