//! Every endpoint and verb, tried with ids of another realm and of another resource server: nothing is shown, nothing
//! is changed (TRAP-UMA-07, -08, -32, TRAP-OAUTH-28).
//!
//! `endpoints.txt` is the router's own list, so an endpoint without a row here fails the test.

mod row;
mod tables;
mod tenant;

use countersign_tests::{admin::administered, http::Answer, server::Server, table::Table};
use serde_json::json;

use self::{
    row::{Row, calls, endpoints, kinds, row},
    tables::PUBLIC,
    tenant::{Tenant, realm},
};

#[test]
fn every_endpoint_of_the_router_has_a_row() {
    let endpoints = endpoints();
    let lacking: Vec<_> = endpoints
        .iter()
        .filter(|(path, _)| !PUBLIC.contains(path) && row(path).is_none())
        .map(|(path, _)| *path)
        .collect();
    assert!(lacking.is_empty(), "no row for {lacking:#?}");
    let known = |wanted: &str| endpoints.iter().any(|(path, _)| path == &wanted);
    let stale: Vec<_> = PUBLIC.iter().filter(|path| !known(path)).collect();
    assert!(stale.is_empty(), "the router does not have {stale:?}");
}

/// Two realms on one server
fn server() -> Server {
    let builder = Server::builder().import(realm("test").json()).import(realm("other").json());
    administered(builder)
}

/// Its own ids work, so that a refusal of the others is one of whose they are
#[test]
fn rows_of_the_table_are_right() {
    let server = server();
    let tenant = Tenant::new(&server, "test");
    let mut table = Table::new();
    for (row, method) in calls() {
        // Questions change nothing either.
        if method != "GET" && !matches!(row, Row::Authzen(..)) {
            continue;
        }
        let (name, answer) =
            row.send(&tenant, method, &row.token(&tenant, "documents"), &|kind| &tenant.ids[kind]);
        // What is not there has no body: searches of a name that nobody has.
        table.holds(&name, answer, "2xx, and yes", |answer| answer.status / 100 == 2 && !nothing(answer));
    }
    table.done();
}

#[test]
fn nobody_enters_another_realm() {
    let server = server();
    let (here, there) = (Tenant::new(&server, "test"), Tenant::new(&server, "other"));
    let before = there.everything();
    let mut table = Table::new();
    for (row, method) in calls() {
        let token = row.token(&here, "documents");
        let (name, answer) = row.send(&there, method, &token, &|kind| &there.ids[kind]);
        table.holds(&name, answer, "401, 403 or 404", |answer| matches!(answer.status, 401 | 403 | 404));
    }
    table.done();
    assert_eq!(there.everything(), before);
}

/// Which refusals a row may give for what is another's: it is not there, or the body names what is not there
fn unknown(answer: &Answer) -> bool {
    matches!(answer.status, 404 | 400) || nothing(answer)
}

/// Questions about what is not there are answered: no, or nobody and nothing
fn nothing(answer: &Answer) -> bool {
    let body = answer.json();
    let denies = |answer: &serde_json::Value| answer["decision"] == false;
    answer.status == 200
        && (denies(&body)
            || body["results"] == json!([])
            || body["evaluations"].as_array().is_some_and(|all| all.iter().all(denies)))
}

/// What somebody ends that is not his stays, and he is not told that it was there
fn ends_a_session(row: Row, method: &str) -> bool {
    matches!((row, method), (Row::Account(_, "/sessions/<session>", _), "DELETE"))
}

#[test]
fn ids_of_another_realm_are_unknown() {
    let server = server();
    let (here, there) = (Tenant::new(&server, "test"), Tenant::new(&server, "other"));
    // A token of a person comes with a session.
    let calls = calls().into_iter().map(|(row, method)| (row, method, row.token(&here, "documents")));
    let calls: Vec<_> = calls.collect();
    let before = [here.everything(), there.everything()];
    let mut table = Table::new();
    for (row, method, token) in &calls {
        let (row, method) = (*row, *method);
        let (path, body) = row.template();
        let client = matches!(row, Row::Authz(..)).then_some("client");
        let body = if row.reads_body(method) { body } else { "" };
        for foreign in kinds(path, body).into_iter().chain(client) {
            let id =
                |kind: &str| -> &str { if kind == foreign { &there.ids[kind] } else { &here.ids[kind] } };
            let (name, answer) = row.send(&here, method, token, &id);
            table.holds(&format!("{foreign}: {name}"), answer, "404, 400 or an empty list", |answer| {
                unknown(answer)
                    || (method == "GET" && answer.json() == json!([]))
                    || (ends_a_session(row, method) && answer.status == 204)
            });
        }
    }
    table.done();
    assert_eq!([here.everything(), there.everything()], before);
}

#[test]
fn ids_of_another_resource_server_are_unknown() {
    let server = server();
    let here = Tenant::new(&server, "test");
    let before = here.everything();
    let mut table = Table::new();
    for (row, method) in calls() {
        let (path, body) = row.template();
        let body = if row.reads_body(method) { body } else { "" };
        let mut ids = kinds(path, body);
        for person in ["user", "holder"] {
            ids.remove(person);
        }
        if matches!(row, Row::Admin(..) | Row::Account(..)) || ids.is_empty() {
            continue;
        }
        let id = |kind: &str| -> &str { &here.ids[if kind == "client" { "archive" } else { kind }] };
        let (name, answer) = row.send(&here, method, &row.token(&here, "archive"), &id);
        table.holds(&name, answer, "404 or 400", unknown);
    }
    table.done();
    assert_eq!(here.everything(), before);
}
