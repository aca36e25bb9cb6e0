//! The story: Alice shares one document with Bob, and takes it back.

use core::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::{
    request::{Answer, Request, Variables},
    servers::{CLIENT, Servers, signal},
};
use crate::terminal;

const TOKEN: &str = "$REALM/protocol/openid-connect/token";
const UMA: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";

/// How much of a token a person wants to see
const GLIMPSE: usize = 12;

/// Walks through the story; fails if any step did not answer as it should.
pub(super) fn walk(servers: &Servers) -> Result<()> {
    let mut story = Story::begin(servers);
    story.protection()?;
    story.refused_with_a_ticket()?;
    story.approval()?;
    story.access(servers.host_id())?;
    story.withdrawal()?;
    match story.wrong {
        0 => {
            terminal::say(&format!("\nwalk: {} passed, 0 failed", story.number));
            Ok(())
        }
        wrong => bail!("{wrong} of {} steps did not answer as they should", story.number),
    }
}

struct Story {
    variables: Variables,
    number: usize,
    wrong: usize,
}

/// What a step shows of itself and expects
struct Step {
    title: &'static str,
    why: &'static str,
    request: Request,
    status: u16,
    /// The shell variable that keeps a part of the answer, and the JavaScript path to that part
    keeps: Option<(&'static str, &'static str)>,
    /// The members of the answer that matter; none means all of it
    matters: &'static [&'static str],
}

impl Story {
    fn begin(servers: &Servers) -> Self {
        let variables = Variables::from([
            ("REALM", servers.issuer.clone()),
            ("DOCUMENTS", servers.documents_url.clone()),
            ("DOCUMENT", servers.document.clone()),
        ]);
        terminal::say(&format!(
            "\n{}",
            terminal::bold("To follow in a shell of your own, paste this first:")
        ));
        for (name, value) in &variables {
            terminal::say(&format!("  {name}={value}"));
        }
        terminal::say("  part() { node -pe \"JSON.parse(require('fs').readFileSync(0))$1\"; }");
        Self { variables, number: 0, wrong: 0 }
    }

    fn protection(&mut self) -> Result<()> {
        let (id, secret) = CLIENT;
        let pat = self.take(&Step {
            title: "The documents server gets its protection API token (PAT)",
            why: "It manages resources as itself, with its own credentials; no user is involved.",
            request: Request::new("POST", TOKEN)
                .client(id, secret)
                .form(&[("grant_type", "client_credentials")]),
            status: 200,
            keeps: Some(("PAT", ".access_token")),
            matters: &["access_token", "expires_in"],
        })?;
        self.keep("PAT", pat.text("/access_token"));
        self.take(&Step {
            title: "Alice's document is registered as hers",
            why: "The documents server did that when it started; the owner is Alice, so that she decides about it.",
            request: Request::new("GET", "$REALM/authz/protection/resource_set/$DOCUMENT").bearer("$PAT"),
            status: 200,
            keeps: None,
            matters: &["_id", "name", "owner", "scopes"],
        })?;
        let alice = self.take(&Step {
            title: "Alice signs in",
            why: "Her token is made out to the documents server, where she manages what she shares.",
            request: Request::new("POST", TOKEN).client(id, secret).form(&[
                ("grant_type", "password"),
                ("username", "alice"),
                ("password", "alice"),
            ]),
            status: 200,
            keeps: Some(("ALICE", ".access_token")),
            matters: &["access_token", "expires_in"],
        })?;
        self.keep("ALICE", alice.text("/access_token"));
        Ok(())
    }

    fn refused_with_a_ticket(&mut self) -> Result<()> {
        let bob = self.take(&Step {
            title: "Bob signs in to his reader app",
            why: "It is another client: nothing there knows of documents or of Alice.",
            request: Request::new("POST", TOKEN).form(&[
                ("client_id", "reader"),
                ("grant_type", "password"),
                ("username", "bob"),
                ("password", "bob"),
            ]),
            status: 200,
            keeps: Some(("BOB", ".access_token")),
            matters: &["access_token", "expires_in"],
        })?;
        self.keep("BOB", bob.text("/access_token"));
        let refused = self.take(&Step {
            title: "Bob asks for document 42 and is refused, with a ticket",
            why: "The ticket names what he tried to do, and WWW-Authenticate says where it can be exchanged.",
            request: Request::new("GET", "$DOCUMENTS/documents/42").bearer("$BOB"),
            status: 401,
            keeps: None,
            matters: &[],
        })?;
        terminal::say(
            "     $ TICKET=$(curl -si \"$DOCUMENTS/documents/42\" -H \"Authorization: Bearer $BOB\" \
             | sed -n 's/.*ticket=\"\\([^\"]*\\)\".*/\\1/p')",
        );
        self.keep("TICKET", refused.parameter("ticket"));
        self.take(&Step {
            title: "Bob's app exchanges the ticket: not yet",
            why: "Alice has not said yes, so the exchange is refused, and left with her as a request.",
            request: exchange("$BOB").form(&[("ticket", "$TICKET")]),
            status: 403,
            keeps: None,
            matters: &[],
        })?;
        Ok(())
    }

    fn approval(&mut self) -> Result<()> {
        let requests = self.take(&Step {
            title: "Alice looks at the requests that wait for her",
            why: "One row for each resource, scope and person.",
            request: Request::new(
                "GET",
                "$REALM/authz/protection/permission/ticket?granted=false&resourceId=$DOCUMENT&returnNames=true",
            )
            .bearer("$ALICE"),
            status: 200,
            keeps: Some(("REQUEST", "[0].id")),
            matters: &["id", "resourceName", "scopeName", "requesterName", "granted"],
        })?;
        self.keep("REQUEST", requests.text("/0/id"));
        self.take(&Step {
            title: "Alice approves Bob's request",
            why: "From here on he may read, and nothing else.",
            request: Request::new("PUT", "$REALM/authz/protection/permission/ticket")
                .bearer("$ALICE")
                .json(r#"{"id":"$REQUEST","granted":true}"#),
            status: 204,
            keeps: None,
            matters: &[],
        })?;
        let granted = self.take(&Step {
            title: "Bob's app exchanges the ticket again: here is the RPT",
            why: "The refusal did not use the ticket up; this answer does.",
            request: exchange("$BOB").form(&[("ticket", "$TICKET")]),
            status: 200,
            keeps: Some(("RPT", ".access_token")),
            matters: &["access_token", "expires_in"],
        })?;
        self.keep("RPT", granted.text("/access_token"));
        Ok(())
    }

    fn access(&mut self, host: u32) -> Result<()> {
        let open = Request::new("GET", "$DOCUMENTS/documents/42").bearer("$RPT");
        self.take(&Step {
            title: "Bob opens the document",
            why: "The RPT carries the permission; the documents server reads it there.",
            request: open.clone(),
            status: 200,
            keeps: None,
            matters: &[],
        })?;
        terminal::say(&format!("\n     $ kill -STOP {host}   # the authorization server stands still"));
        signal(host, "STOP")?;
        let opened = self.take(&Step {
            title: "Bob opens it again while the authorization server stands still",
            why: "The check asks nobody: signature, expiry and permission are all in the token.",
            request: open,
            status: 200,
            keeps: None,
            matters: &[],
        });
        signal(host, "CONT")?;
        terminal::say(&format!("     $ kill -CONT {host}"));
        opened?;
        self.take(&Step {
            title: "Bob tries to change the document",
            why: "Alice gave him read, not write: refused, with a ticket for what is missing.",
            request: Request::new("PUT", "$DOCUMENTS/documents/42")
                .bearer("$RPT")
                .json(r#"{"text":"mine now"}"#),
            status: 401,
            keeps: None,
            matters: &[],
        })?;
        self.permissions(
            "The documents server asks what the RPT is worth",
            "It permits to read document 42.",
            1,
        )
    }

    fn withdrawal(&mut self) -> Result<()> {
        self.take(&Step {
            title: "Alice takes it back",
            why: "The row is removed, and the tokens that were given because of it lose their worth.",
            request: Request::new("DELETE", "$REALM/authz/protection/permission/ticket/$REQUEST")
                .bearer("$ALICE"),
            status: 204,
            keeps: None,
            matters: &[],
        })?;
        self.permissions(
            "The documents server asks again",
            "The same token, assessed anew: the permission is gone though the token has not expired.",
            0,
        )?;
        self.take(&Step {
            title: "Bob's app asks for the document once more: no",
            why: "Nothing that Alice withdrew comes back by itself.",
            request: exchange("$BOB").form(&[("audience", "documents"), ("permission", "$DOCUMENT#read")]),
            status: 403,
            keeps: None,
            matters: &[],
        })?;
        Ok(())
    }

    fn permissions(&mut self, title: &'static str, why: &'static str, wanted: usize) -> Result<()> {
        let (id, secret) = CLIENT;
        let answer = self.take(&Step {
            title,
            why,
            request: Request::new("POST", "$REALM/protocol/openid-connect/token/introspect")
                .client(id, secret)
                .form(&[("token", "$RPT"), ("token_type_hint", "requesting_party_token")]),
            status: 200,
            keeps: None,
            matters: &["active", "permissions"],
        })?;
        let found = answer.value().pointer("/permissions").and_then(Value::as_array).map_or(0, Vec::len);
        if found != wanted {
            self.complain(&format!("{wanted} permissions were to be there, and {found} are"));
        }
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<Answer> {
        self.number = self.number.saturating_add(1);
        terminal::say(&format!("\n{:>3}. {}", self.number, terminal::bold(step.title)));
        terminal::say(&format!("     {}", step.why));
        match step.keeps {
            Some((name, part)) => {
                terminal::say(&format!("     $ {name}=$({} | part {part})", step.request.curl("-s")));
            }
            None => terminal::say(&format!("     $ {}", step.request.curl("-i"))),
        }
        let answer = step.request.send(&self.variables)?;
        terminal::say(&format!("     {}", shown(&answer, step.matters)));
        if answer.status != step.status {
            self.complain(&format!("status {} was to come, and {} came", step.status, answer.status));
        }
        Ok(answer)
    }

    /// Keeps a part of an answer; without it the steps after this one fail as well.
    fn keep(&mut self, name: &'static str, part: Result<String>) {
        match part {
            Ok(value) => _ = self.variables.insert(name, value),
            Err(error) => self.complain(&format!("{error:#}")),
        }
    }

    fn complain(&mut self, what: &str) {
        self.wrong = self.wrong.saturating_add(1);
        terminal::say(&format!("     {} {what}", terminal::bold("WRONG:")));
    }
}

fn exchange(token: &'static str) -> Request {
    Request::new("POST", TOKEN).bearer(token).form(&[("grant_type", UMA)])
}

/// The status, the challenge if there is one, and what matters of the body, with tokens cut short
fn shown(answer: &Answer, matters: &[&str]) -> String {
    let mut text = format!("→ {}", answer.status);
    if let Some(challenge) = &answer.challenge {
        _ = write!(text, "  WWW-Authenticate: {}", glimpse(challenge));
    }
    if !answer.body.is_empty() {
        let body =
            if matters.is_empty() { answer.body.clone() } else { part(answer.value(), matters).to_string() };
        _ = write!(text, "  {}", glimpse(&body));
    }
    text
}

/// Some members of an object, or of each object of a list
fn part(value: Value, members: &[&str]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| part(item, members)).collect(),
        Value::Object(object) => object
            .into_iter()
            .filter(|(name, _)| members.contains(&name.as_str()))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Cuts every word that looks like a token.
fn glimpse(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(['"', ' ', ',']) {
        let is_token = word.starts_with("eyJ") && word.chars().count() > GLIMPSE.saturating_mul(2);
        if is_token {
            out.extend(word.chars().take(GLIMPSE));
            out.push('…');
            out.extend(word.chars().last().filter(|last| !last.is_alphanumeric()));
        } else {
            out.push_str(word);
        }
    }
    out
}
