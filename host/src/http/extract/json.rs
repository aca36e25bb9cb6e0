//! JSON bodies, refused in Keycloak's words (wire §0.2).

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{body, media_type};
use crate::error::ApiError;

/// A document of a request
pub trait Represents: DeserializeOwned {
    /// Keycloak's name for it, which stands in refusals
    const CLASS: &'static str;
}

impl<T: Represents> Represents for Vec<T> {
    const CLASS: &'static str = T::CLASS;
}

/// A JSON body
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A JSON body that may be absent
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalJson<T>(pub Option<T>);

impl<S: Sync, T: Represents> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match OptionalJson::from_request(request, state).await? {
            OptionalJson(Some(document)) => Ok(Self(document)),
            OptionalJson(None) => Err(unreadable("invalid_request")),
        }
    }
}

impl<S: Sync, T: Represents> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = media_type(request.headers());
        let bytes = body(request.into_body()).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        if kind.as_deref() != Some("application/json") {
            return Err(ApiError::bare(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The content-type header value did not match the value in @Consumes",
            ));
        }
        parse(&bytes).map(|document| Self(Some(document)))
    }
}

/// Reads a document and names what is wrong with it
fn parse<T: Represents>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => unreadable("invalid_request"),
        Category::Data => match unknown_member(&error.to_string()) {
            Some(member) => ApiError::bare(
                StatusCode::BAD_REQUEST,
                format!(
                    "Invalid json representation for {}. Unrecognized field \"{member}\" at line {} column {}.",
                    T::CLASS,
                    error.line(),
                    error.column()
                ),
            ),
            None => unreadable("unknown_error"),
        },
    })
}

fn unreadable(error: &'static str) -> ApiError {
    ApiError::bad_request(error, "Cannot parse the JSON")
}

/// The name in serde's refusal of a member: unknown field `x`, expected …
fn unknown_member(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `")?;
    let end = rest.rfind("`, expected").or_else(|| rest.rfind("`, there are no fields"))?;
    let before = rest.get(..end)?;
    // What follows may hold back-ticks too, so the first one that ends the name counts.
    let name = before.split("`, expected").next().unwrap_or(before);
    Some(name.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its type is of interest")]
        name: String,
    }

    impl Represents for Sample {
        const CLASS: &'static str = "UmaResourceRepresentation";
    }

    fn refused(text: &str) -> (String, Option<String>) {
        let error = parse::<Sample>(text.as_bytes()).unwrap_err();
        (error.error().to_owned(), error.description().map(str::to_owned))
    }

    #[test]
    fn the_three_refusals_of_keycloak() {
        let text = Some("Cannot parse the JSON".to_owned());
        assert_eq!(refused("{nope"), ("invalid_request".to_owned(), text.clone()));
        assert_eq!(refused(r#"{"name":1}"#), ("unknown_error".to_owned(), text.clone()));
        assert_eq!(refused("[]"), ("unknown_error".to_owned(), text));
        let (error, description) = refused("{\"name\":\"a\",\n\"description\":\"b\"}");
        assert_eq!(description, None);
        assert_eq!(
            error,
            "Invalid json representation for UmaResourceRepresentation. \
             Unrecognized field \"description\" at line 2 column 13."
        );
    }
}
