//! The host's `OpenAPI` document, and whether answers keep to it.
//!
//! Every answer that an end-to-end test gets goes through here: an answer that the document does not know fails the
//! test, so the document stays true without tests of its own.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use crate::http::Answer;

static DOCUMENT: LazyLock<Vec<Path>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(include_str!("../../host/docs/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| Path::read(&document, path, item)).collect()
});

/// Types of the bodies of answers, by verb and status; none for an answer without a body
type Answers = BTreeMap<String, BTreeMap<u16, Vec<String>>>;

/// A path and what it answers
#[derive(Debug)]
struct Path {
    segments: Vec<String>,
    answers: Answers,
}

impl Path {
    fn read(document: &Value, path: &str, item: &Value) -> Self {
        let kinds = |response: &Value| {
            let response = match response["$ref"].as_str() {
                Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
                None => response,
            };
            let content = response["content"].as_object();
            content.map(|content| content.keys().cloned().collect()).unwrap_or_default()
        };
        let operations = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        let answers = operations.map(|(method, operation)| {
            let responses = operation["responses"].as_object().unwrap().iter();
            let answers = responses.map(|(status, response)| (status.parse().unwrap(), kinds(response)));
            (method.to_uppercase(), answers.collect())
        });
        Self { segments: path.split('/').map(str::to_owned).collect(), answers: answers.collect() }
    }

    /// How many segments are just these words; nothing where it is another path
    fn fits(&self, path: &str) -> Option<usize> {
        let is_open = |segment: &str| segment.starts_with('{');
        let mut given = path.split('/').peekable();
        let mut exact = 0;
        for segment in &self.segments {
            match given.next() {
                // The rest of the URL
                Some(_) if segment == "{path}" => return Some(exact),
                Some(word) if word == segment => exact += 1,
                Some(word) if is_open(segment) && !word.is_empty() => {}
                _ => return None,
            }
        }
        given.next().is_none().then_some(exact)
    }
}

/// What is wrong with an answer, if something is
pub fn breach(method: &str, url: &str, answer: &Answer) -> Option<String> {
    let path = url.split_once("://")?.1.split_once('/')?.1.split(['?', '#']).next()?;
    let path = format!("/{}", path.trim_end_matches('/'));
    let fitting = DOCUMENT.iter().filter_map(|known| Some((known.fits(&path)?, known)));
    let (_, known) = fitting.max_by_key(|(exact, _)| *exact)?;
    let answers = known.answers.get(method)?;
    let place = || format!("{method} {}", known.segments.join("/"));
    let Some(kinds) = answers.get(&answer.status) else {
        return Some(format!("{} is not documented to answer {}", place(), answer.status));
    };
    let kind = answer.header("content-type").map(|kind| kind.split(';').next().unwrap().trim().to_owned());
    // Refusals of several kinds, some without a body
    if kinds.is_empty() && answer.status >= 400 {
        return None;
    }
    let fits = match &kind {
        Some(kind) => kinds.contains(kind) || answer.body.is_empty(),
        None => answer.body.is_empty(),
    };
    (!fits).then(|| format!("{} is not documented to answer {} with {kind:?}", place(), answer.status))
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderMap;

    use super::*;

    fn answer(status: u16, kind: Option<&str>, body: &str) -> Answer {
        let kind = kind.map(|kind| (ureq::http::header::CONTENT_TYPE, kind.parse().unwrap()));
        Answer { status, headers: HeaderMap::from_iter(kind), body: body.into() }
    }

    #[test]
    fn statuses_and_types_that_the_document_does_not_have_are_told() {
        let json = Some("application/json;charset=UTF-8");
        let of = |status, kind, body| breach("GET", "http://x/realms/a/?b=/c", &answer(status, kind, body));
        assert_eq!(of(200, json, "{}"), None);
        assert_eq!(of(404, json, "{}"), None);
        assert_eq!(of(418, json, "{}").unwrap(), "GET /realms/{realm} is not documented to answer 418");
        assert!(of(200, Some("text/html"), "x").is_some());
        assert!(of(200, None, "x").is_some());
    }

    #[test]
    fn the_path_with_more_words_is_meant() {
        let count = breach("GET", "http://x/admin/realms/a/users/count", &answer(404, None, ""));
        assert_eq!(count, None);
        let open = "http://x/admin/realms/a/group-by-path/one/two";
        assert!(breach("GET", open, &answer(418, None, "")).is_some());
        // What is not in the document is refused before any operation.
        assert_eq!(breach("GET", "http://x/nothing", &answer(418, None, "")), None);
        assert_eq!(breach("PATCH", "http://x/realms/a", &answer(418, None, "")), None);
    }
}
