//! Claim information points: claims about a request that the authorization server decides with (wire §11.2).

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde_json::{Map, Value};

use super::{
    Request,
    template::{Pointer, Template},
};
use crate::permission::Claims;

/// Names with the texts that their values are made of
pub type Templates = Vec<(String, Vec<Template>)>;

/// The configured sources of claims
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimInformationPoint {
    /// Provider `claims`: from the request itself
    pub claims: Templates,
    /// Provider `http`: from another service, which whoever runs the enforcer has to call
    pub http: Option<HttpSource>,
}

impl ClaimInformationPoint {
    /// Adds the claims of provider `claims`, which take the place of those of the same name. A claim that comes to
    /// no value is left out.
    pub fn resolve(&self, request: &Request<'_>, claims: &mut Claims) {
        fill(&self.claims, request, claims);
    }

    /// Whether a claim is made of the request's body
    pub(super) fn reads_body(&self) -> bool {
        self.claims.iter().flat_map(|(_, templates)| templates).any(Template::reads_body)
    }
}

fn fill(templates: &Templates, request: &Request<'_>, into: &mut Claims) {
    for (name, templates) in templates {
        let values: Vec<String> = templates.iter().flat_map(|template| template.resolve(request)).collect();
        if values.is_empty() {
            into.remove(name);
        } else {
            into.insert(name.clone(), values);
        }
    }
}

/// A call to another service for claims
#[derive(Clone, PartialEq, Eq)]
pub struct HttpSource {
    /// Where to
    pub url: String,
    /// `GET` unless configured
    pub method: String,
    /// Headers to send
    pub headers: Templates,
    /// Parameters to send: in the query of a `GET`, else as a form
    pub parameters: Templates,
    pub(super) claims: Vec<(String, Pointer)>,
}

impl HttpSource {
    /// Headers and parameters for a request
    pub fn prepare(&self, request: &Request<'_>) -> (Claims, Claims) {
        let (mut headers, mut parameters) = (Claims::new(), Claims::new());
        fill(&self.headers, request, &mut headers);
        fill(&self.parameters, request, &mut parameters);
        (headers, parameters)
    }

    /// Adds the claims of the service's answer: the configured ones, or every member if none is configured
    pub fn resolve(&self, answer: Map<String, Value>, claims: &mut Claims) {
        let every: Vec<(String, Pointer)>;
        let wanted = if self.claims.is_empty() {
            every = answer.keys().filter_map(|name| Some((name.clone(), Pointer::to(name)?))).collect();
            &every
        } else {
            &self.claims
        };
        let answer = Value::Object(answer);
        for (name, pointer) in wanted {
            let values = pointer.texts(&answer);
            if values.is_empty() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), values);
            }
        }
    }
}

/// Without headers and parameters, which may be credentials
impl fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSource").field("method", &self.method).finish_non_exhaustive()
    }
}
