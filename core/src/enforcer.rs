//! Keycloak's policy enforcer as a pure function: from method and target to what a token must permit (wire §11).
//!
//! 1. [`Enforcer::demand`] says what a request needs.
//! 2. If the demand has a [`lookup`](Demand::lookup), the authorization server is asked, and
//!    [`Enforcer::resolve`] takes the answer.
//! 3. [`Enforcer::claims`] collects the claims about the request, if any are configured.
//! 4. [`Demand::decide`] says whether a token is enough; if not, [`Enforcer::answer`] says what to answer.
//!
//! What is different from Keycloak's, always in the direction of refusing:
//!
//! - A permission without scopes satisfies only a demand that names none, a permission without resource none (wire
//!   N39), and scopes of permissions for other claims do not count.
//! - Several resources behind one path permit nothing: one of them may be a stranger's (TRAP-UMA-11).
//! - An `id` that is configured is the resource, and nothing is looked up, for templates and wildcards as well.
//! - `HEAD` needs what `GET` does, unless it is configured; methods in lower case and requests that say by a header that
//!   they are others are refused (TRAP-OAUTH-20).
//! - The page of `on-deny-redirect-to` is open to `GET` and `HEAD` in its own spelling only (CVE-2026-9800), and a
//!   spelling that servers read in different ways opens nothing.
//!
//! Anonymous requests for known and unknown paths get different answers only where the resource server is
//! `bearer-only` with `user-managed-access`: the challenge needs a resource (TRAP-UMA-06).

use alloc::vec::Vec;

pub use claims::{ClaimInformationPoint, HttpSource, Templates};
pub use config::{
    Config, EnforcementMode, MethodConfig, ParseConfigError, PathCache, PathConfig, ScopesEnforcementMode,
};
pub use demand::{Demand, Found, Lookup, Protected, Query, Target, Unmapped};
pub use request::Request;
pub use template::Template;
pub use verdict::{Refusal, Verdict};

use crate::{
    limits::SCOPE_BYTES,
    path::{Path, Patterns},
    permission::Claims,
    scope::Scope,
};

mod claims;
mod config;
mod demand;
mod error;
mod read;
mod request;
mod template;
mod verdict;

/// What to answer to a refused request
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// 401: any good token is needed
    Unauthorized,
    /// 401 with a permission ticket for resource, scopes and claims; where none can be had, 403 with the warning of
    /// [`challenge::UNREACHABLE_WARNING`](crate::challenge::UNREACHABLE_WARNING)
    Challenge,
    /// 302 to this location
    Redirect(&'a str),
    /// 403
    Forbidden,
}

/// The rules of one resource server
///
/// ```
/// use countersign_core::{
///     enforcer::{Answer, Config, Demand, Enforcer, Refusal, Target, Verdict},
///     permission::Claims,
///     time::UnixTime,
/// };
///
/// let enforcer = Enforcer::new(Config::parse(br#"{
///     "user-managed-access": {},
///     "paths": [
///         { "path": "/", "enforcement-mode": "DISABLED" },
///         { "path": "/documents/*", "id": "42", "methods": [{ "method": "GET", "scopes": ["read"] }] }
///     ]
/// }"#)?);
/// assert_eq!(enforcer.demand("GET", b"/"), Demand::Open);
/// assert_eq!(enforcer.demand("GET", b"/documents/..;/"), Demand::Unreadable);
///
/// let demand = enforcer.demand("GET", b"/documents//7?page=2");
/// let Demand::Protected(protected) = &demand else { panic!("{demand:?}") };
/// assert_eq!(protected.resource, Target::Known("42".parse()?));
/// assert_eq!(protected.scopes, ["read".parse()?]);
///
/// let verdict = demand.decide(None, &Claims::new(), UnixTime(0));
/// assert_eq!(verdict, Verdict::Refused(Refusal::NoToken));
/// assert_eq!(enforcer.answer(&demand, &Refusal::NoToken), Answer::Forbidden);
/// assert_eq!(enforcer.answer(&demand, &Refusal::Claims), Answer::Challenge);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Enforcer {
    config: Config,
    /// Places in `config.paths`
    patterns: Patterns<usize>,
    refused_page: Option<Path>,
}

impl Enforcer {
    /// Compiles a configuration
    pub fn new(config: Config) -> Self {
        let mut patterns = Patterns::default();
        for (at, entry) in config.paths.iter().enumerate() {
            patterns.insert(&entry.path, at);
        }
        // A page that is more than a path, such as `/?denied`, is no path to open.
        let page = config.on_deny_redirect_to.as_deref();
        let refused_page = page.and_then(|page| {
            Path::parse(page.as_bytes()).ok().filter(|path| path.is_plain() && path.as_str() == page)
        });
        Self { config, patterns, refused_page }
    }

    /// The configuration
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What a request of this method and target needs.
    ///
    /// `method` is the one that the application will act by. Where headers can change it or the target, and the
    /// application heeds them, use [`demand_of`](Self::demand_of).
    pub fn demand(&self, method: &str, target: &[u8]) -> Demand<'_> {
        if self.config.mode == EnforcementMode::Disabled {
            return Demand::Authenticated;
        }
        let Ok(path) = Path::parse(target) else { return Demand::Unreadable };
        if !is_method(method) {
            return Demand::Unreadable;
        }
        if self.refused_page.as_ref() == Some(&path) && matches!(method, "GET" | "HEAD") {
            return Demand::Open;
        }
        let Ok(found) = self.patterns.matching(&path) else { return Demand::Unreadable };
        // Equal patterns are one entry, unless somebody has put a configuration together by hand.
        let [at] = found else {
            return if found.is_empty() { self.unmapped(method, path) } else { Demand::Unreadable };
        };
        match self.config.paths.get(*at) {
            None => Demand::Unreadable,
            Some(entry) if entry.mode == EnforcementMode::Disabled => {
                if path.is_plain() {
                    Demand::Open
                } else {
                    Demand::Unreadable
                }
            }
            Some(entry) => Demand::Protected(self.protected(entry, method, path)),
        }
    }

    /// Like [`demand`](Self::demand), and unreadable if a header says that another request is meant
    pub fn demand_of(&self, request: &Request<'_>) -> Demand<'_> {
        match self.demand(request.method, request.target) {
            Demand::Authenticated => Demand::Authenticated,
            Demand::Open | Demand::Unmapped(_) | Demand::Protected(_) if request.is_overridden() => {
                Demand::Unreadable
            }
            demand @ (Demand::Open | Demand::Unmapped(_) | Demand::Protected(_) | Demand::Unreadable) => {
                demand
            }
        }
    }

    fn unmapped(&self, method: &str, path: Path) -> Demand<'_> {
        let lookup = self.config.looks_up();
        let lookup = lookup.then(|| Lookup(alloc::vec![Query::MatchingUri(path.as_str().into())]));
        let permissive = self.config.mode == EnforcementMode::Permissive;
        Demand::Unmapped(Unmapped { path, permissive, lookup, verb: self.verb(method) })
    }

    fn protected<'a>(&'a self, entry: &'a PathConfig, method: &str, path: Path) -> Protected<'a> {
        let of = |method: &str| entry.methods.iter().find(|known| known.method == method);
        let configured = of(method).or_else(|| (method == "HEAD").then(|| of("GET")).flatten());
        let lazy = self.config.lazy_load_paths || self.config.path_cache.is_some();
        let resource = match &entry.id {
            Some(id) => Target::Known(id.clone()),
            None => Target::Lookup(Lookup::of(entry, &path, lazy)),
        };
        let verb = self.verb(method);
        let takes_scopes = lazy
            && entry.path.is_wildcard()
            && configured.is_none()
            && verb.is_none()
            && matches!(resource, Target::Lookup(_));
        let (scopes, mode) = match configured {
            Some(method) => (method.scopes.clone(), method.mode),
            None => (verb.unwrap_or_else(|| entry.scopes.clone()), ScopesEnforcementMode::Any),
        };
        let permissive = entry.mode == EnforcementMode::Permissive;
        Protected { path, config: Some(entry), resource, scopes, mode, permissive, takes_scopes }
    }

    fn verb(&self, method: &str) -> Option<Vec<Scope>> {
        // INVARIANT: a method is a scope, because it is short and has no control characters.
        self.config.http_method_as_scope.then(|| method.parse().into_iter().collect())
    }

    /// Goes on with the resources that the [`lookup`](Demand::lookup) of a demand has found: one is the resource, none
    /// or more than one permit nothing
    #[must_use]
    pub fn resolve<'a>(&'a self, demand: Demand<'a>, found: &[Found]) -> Demand<'a> {
        let one = if let [one] = found { Some(one) } else { None };
        match demand {
            Demand::Protected(mut protected) if matches!(protected.resource, Target::Lookup(_)) => {
                protected.resource = one.map_or(Target::Missing, |one| Target::Known(one.id.clone()));
                if let Some(one) = one.filter(|_| protected.takes_scopes) {
                    protected.scopes.clone_from(&one.scopes);
                }
                Demand::Protected(protected)
            }
            Demand::Unmapped(Unmapped { path, permissive, lookup: Some(_), verb }) => {
                // A resource that is bound to other paths is not to be had by this one (ENF-2).
                let is_bound = |id| self.config.paths.iter().any(|entry| entry.id.as_ref() == Some(id));
                if found.is_empty() {
                    return Demand::Unmapped(Unmapped { path, permissive, lookup: None, verb });
                }
                if one.is_some_and(|one| is_bound(&one.id)) {
                    return Demand::Unmapped(Unmapped { path, permissive: false, lookup: None, verb });
                }
                let scopes = verb.or_else(|| Some(one?.scopes.clone())).unwrap_or_default();
                Demand::Protected(Protected {
                    path,
                    config: None,
                    resource: one.map_or(Target::Missing, |one| Target::Known(one.id.clone())),
                    scopes,
                    mode: ScopesEnforcementMode::Any,
                    permissive: false,
                    takes_scopes: false,
                })
            }
            other @ (Demand::Open
            | Demand::Authenticated
            | Demand::Unmapped(_)
            | Demand::Protected(_)
            | Demand::Unreadable) => other,
        }
    }

    /// The claims about a request that a demand wants, those of its path in the place of general ones.
    ///
    /// Claims of [`http_sources`](Self::http_sources) are to be added by whoever runs the enforcer.
    pub fn claims(&self, demand: &Demand<'_>, request: &Request<'_>) -> Claims {
        let mut claims = Claims::new();
        for point in self.points(demand) {
            point.resolve(request, &mut claims);
        }
        claims
    }

    /// Services to be asked for more claims, the later ones in the place of the earlier
    pub fn http_sources<'a>(&'a self, demand: &'a Demand<'a>) -> impl Iterator<Item = &'a HttpSource> {
        self.points(demand).filter_map(|point| point.http.as_ref())
    }

    fn points<'a>(&'a self, demand: &'a Demand<'a>) -> impl Iterator<Item = &'a ClaimInformationPoint> {
        let (general, own) = match demand {
            Demand::Protected(protected) => {
                (Some(&self.config.claims), protected.config.map(|entry| &entry.claims))
            }
            Demand::Open | Demand::Authenticated | Demand::Unmapped(_) | Demand::Unreadable => (None, None),
        };
        general.into_iter().chain(own)
    }

    /// What to answer to a refused request
    pub fn answer(&self, demand: &Demand<'_>, refusal: &Refusal) -> Answer<'_> {
        if *demand == Demand::Authenticated {
            return Answer::Unauthorized;
        }
        let is_known = matches!(demand, Demand::Protected(Protected { resource: Target::Known(_), .. }));
        let is_bearer = self.config.bearer_only || *refusal != Refusal::NoToken;
        if self.config.user_managed_access && is_known && is_bearer && refusal.may_be_granted() {
            return Answer::Challenge;
        }
        self.config.on_deny_redirect_to.as_deref().map_or(Answer::Forbidden, Answer::Redirect)
    }
}

/// Methods are compared as HTTP does, by case (RFC 9110 §9.1); one in lower case would be another method here and
/// perhaps not in the application, so there is none
fn is_method(text: &str) -> bool {
    let is_token =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= SCOPE_BYTES && text.bytes().all(is_token)
}

#[cfg(test)]
mod tests;
