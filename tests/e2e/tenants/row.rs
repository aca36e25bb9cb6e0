//! One endpoint and verb, tried with ids that are put into its path and its body.

use std::collections::BTreeSet;

use countersign_tests::http::{Answer, Request};

use super::{
    tables::{ACCOUNT, ADMIN, AUTHZ, AUTHZEN, PROTECTION},
    tenant::Tenant,
};

/// The kinds of ids that a path and its body have
pub(super) fn kinds(path: &'static str, body: &'static str) -> BTreeSet<&'static str> {
    let of = |text: &'static str| text.split('<').skip(1).map(|part| part.split_once('>').unwrap().0);
    of(path).chain(of(body)).collect()
}

/// A path or body with ids
fn filled<'a>(template: &str, id: &impl Fn(&str) -> &'a str) -> String {
    let mut parts = template.split('<');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (kind, rest) = part.split_once('>').unwrap();
        out.push_str(id(kind));
        out.push_str(rest);
    }
    out
}

/// On a connection of its own: a server that refuses before it has read the body closes it
fn send(request: Request, method: &str, body: &str) -> Answer {
    let request = request.header("connection", "close");
    if method == "GET" || body.is_empty() {
        request.send()
    } else {
        request.body("application/json", body).send()
    }
}

/// A row whose path is this one
fn fits(pattern: &str, template: &str) -> bool {
    let template = template.split('?').next().unwrap();
    let (mut pattern, mut template) = (pattern.split('/'), template.split('/'));
    loop {
        match (pattern.next(), template.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || one.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// An endpoint of the router's list: its path and its methods
pub(super) fn endpoints() -> Vec<(&'static str, Vec<&'static str>)> {
    let list = include_str!("../../endpoints.txt").lines();
    list.map(|line| line.split_once(' ').unwrap())
        .map(|(path, methods)| (path, methods.split(',').collect()))
        .collect()
}

const AUTHZ_BASE: &str = "/clients/{client}/authz/resource-server";

/// Where an endpoint is tried, and how
#[derive(Debug, Clone, Copy)]
pub(super) enum Row {
    Admin(&'static str, &'static str),
    Authz(&'static str, &'static str),
    Protection(&'static str, &'static str),
    /// By which of its two places
    Account(&'static str, &'static str, &'static str),
    Authzen(&'static str, &'static str),
}

pub(super) fn row(path: &str) -> Option<Row> {
    // Where a row of one fixed word fits as well, the one with an id is meant.
    let of = |rows: &'static [(&'static str, &'static str)], path: &str| {
        let fitting = rows.iter().filter(|(template, _)| fits(path, template));
        fitting.max_by_key(|(template, _)| template.matches('<').count()).copied()
    };
    if let Some(path) = path.strip_prefix("/admin/realms/{realm}") {
        if let Some(path) = path.strip_prefix(AUTHZ_BASE) {
            let path = path.replacen("/permission", "/policy", usize::from(path.starts_with("/permission")));
            return of(AUTHZ, &path).map(|(path, body)| Row::Authz(path, body));
        }
        return of(ADMIN, path).map(|(path, body)| Row::Admin(path, body));
    }
    let path = path.strip_prefix("/realms/{realm}")?;
    if let Some(path) = path.strip_prefix("/authzen/access/v1") {
        return of(AUTHZEN, path).map(|(path, body)| Row::Authzen(path, body));
    }
    for base in ["/account/v1", "/account"] {
        if let Some(path) = path.strip_prefix(base) {
            return of(ACCOUNT, path).map(|(path, body)| Row::Account(base, path, body));
        }
    }
    let path = path.strip_prefix("/authz/protection")?;
    of(PROTECTION, path).map(|(path, body)| Row::Protection(path, body))
}

/// All rows with each of their methods
pub(super) fn calls() -> Vec<(Row, &'static str)> {
    let rows = endpoints().into_iter().filter_map(|(path, methods)| row(path).map(|row| (row, methods)));
    rows.flat_map(|(row, methods)| methods.into_iter().map(move |method| (row, method))).collect()
}

impl Row {
    pub(super) const fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Admin(path, body)
            | Self::Authz(path, body)
            | Self::Protection(path, body)
            | Self::Account(_, path, body)
            | Self::Authzen(path, body) => (path, body),
        }
    }

    /// Whether what the body names matters: some lists of administrators are deleted by their members
    pub(super) fn reads_body(self, method: &str) -> bool {
        matches!((method, self), ("POST" | "PUT", _) | ("DELETE", Self::Admin(..)))
    }

    /// Sends it to a realm, by a token, for the resource server of this id
    pub(super) fn send<'a>(
        self,
        to: &Tenant<'_>,
        method: &str,
        token: &str,
        id: &impl Fn(&str) -> &'a str,
    ) -> (String, Answer) {
        let (path, body) = self.template();
        let (path, body) = (filled(path, id), filled(body, id));
        let base = format!("{}/admin/realms/{}", to.server.base(), to.realm);
        let url = match self {
            Self::Admin(..) => format!("{base}{path}"),
            Self::Authz(..) => format!("{base}/clients/{}/authz/resource-server{path}", id("client")),
            Self::Protection(..) => {
                format!("{}/realms/{}/authz/protection{path}", to.server.base(), to.realm)
            }
            Self::Account(place, ..) => format!("{}/realms/{}{place}{path}", to.server.base(), to.realm),
            Self::Authzen(..) => {
                format!("{}/realms/{}/authzen/access/v1{path}", to.server.base(), to.realm)
            }
        };
        let request = to.server.http.request(method, &url).bearer(token).header("accept", "application/json");
        (format!("{method} {url} {body}"), send(request, method, &body))
    }

    /// The token that opens it in a realm
    pub(super) fn token(self, of: &Tenant<'_>, client: &str) -> String {
        match self {
            Self::Admin(..) | Self::Authz(..) => of.admin.token.clone(),
            Self::Protection(path, _) if path.starts_with("/uma-policy") && client == "documents" => {
                of.token(client, Some(&format!("user-of-{}", of.realm)))
            }
            Self::Protection(..) | Self::Authzen(..) => of.token(client, None),
            Self::Account(..) => of.token(client, Some(&format!("user-of-{}", of.realm))),
        }
    }
}
