//! JSON bodies, refused in Keycloak's words (wire §0.2).

use core::{fmt, marker::PhantomData};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value, error::Category};

use super::{Sent, body, media_type};
use crate::{
    error::ApiError,
    representation::{Representation, locate},
};

/// A document of a request
pub trait Represents: DeserializeOwned {
    /// Keycloak's name for it, which stands in refusals
    const CLASS: &'static str;
    /// Longest body with one
    const BYTES: usize = super::BODY_BYTES;

    /// Reads it from an object
    fn read(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes).map(|Object(document)| document)
    }
}

impl<T: Represents> Represents for Vec<T> {
    const CLASS: &'static str = T::CLASS;

    fn read(bytes: &[u8]) -> serde_json::Result<Self> {
        let list: Vec<Object<T>> = serde_json::from_slice(bytes)?;
        Ok(list.into_iter().map(|Object(document)| document).collect())
    }
}

/// Documents of administrators name what they do not know by themselves: whole representations must be taken that
/// hold members of no effect here
impl<T: Representation> Represents for T {
    const CLASS: &'static str = <T as Representation>::CLASS;
    const BYTES: usize = <T as Representation>::BYTES;

    fn read(bytes: &[u8]) -> serde_json::Result<Self> {
        let Object(document) = serde_json::from_slice::<Object<Self>>(bytes)?;
        let Some(path) = document.unknown() else { return Ok(document) };
        let name = path.last().map(String::as_str).unwrap_or_default();
        Err(locate::refuse(bytes, &path, &format!("unknown field `{name}`, there are no fields")))
    }
}

/// Something that is written as an object: serde would take a list of its members too
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// A JSON body
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A JSON body that may be absent
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalJson<T>(pub Option<T>);

/// An object whose members depend on what the path says: read by the handler
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members(Bytes);

impl<S: Sync> FromRequest<S> for Members {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        document(request, super::BODY_BYTES).await?.map(Self).ok_or_else(|| unreadable("invalid_request"))
    }
}

impl Members {
    /// The document, if it means one thing: a member that comes twice is refused (FED-3.2-07)
    pub fn value(&self) -> Result<Value, ApiError> {
        let mut wrapped = b"{\"v\":".to_vec();
        wrapped.extend_from_slice(&self.0);
        wrapped.push(b'}');
        let document = countersign_core::json::object(&wrapped).ok();
        // What closes the wrapping early leaves something behind it, or a second member.
        let document =
            document.filter(|members| members.len() == 1).and_then(|mut members| members.remove("v"));
        document.ok_or_else(|| unreadable("invalid_request"))
    }

    /// The members; one that is not known is refused by its name and place
    pub fn read(&self, class: &str, known: impl Fn(&str) -> bool) -> Result<Map<String, Value>, ApiError> {
        let mut deserializer = serde_json::Deserializer::from_slice(&self.0);
        KnownMembers(known)
            .deserialize(&mut deserializer)
            .and_then(|members| deserializer.end().map(|()| members))
            .map_err(|error| refusal(&error, class))
    }
}

struct KnownMembers<F>(F);

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for KnownMembers<F> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for KnownMembers<F> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = given.next_key::<String>()? {
            if !(self.0)(&name) {
                return Err(A::Error::unknown_field(&name, &[]));
            }
            let value = given.next_value()?;
            members.insert(name, value);
        }
        Ok(members)
    }
}

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
        document(request, T::BYTES).await?.map(|bytes| parse(&bytes)).transpose().map(Self)
    }
}

/// The bytes of a JSON document, if there is one
async fn document(request: Request, most: usize) -> Result<Option<Bytes>, ApiError> {
    let kind = media_type(request.headers());
    let sent = request.extensions().get::<Sent>().cloned();
    let bytes = body(request.into_body(), most).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if kind.as_deref() != Some("application/json") {
        return Err(ApiError::bare(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content-type header value did not match the value in @Consumes",
        ));
    }
    if let Some(sent) = sent {
        sent.keep(&bytes);
    }
    // Nothing at all, said in JSON
    Ok((bytes.trim_ascii() != b"null").then_some(bytes))
}

/// Reads a document and names what is wrong with it
fn parse<T: Represents>(bytes: &[u8]) -> Result<T, ApiError> {
    T::read(bytes).map_err(|error| refusal(&error, T::CLASS))
}

/// What is wrong with a document of this class
fn refusal(error: &serde_json::Error, class: &str) -> ApiError {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => unreadable("invalid_request"),
        Category::Data => match unknown_member(&error.to_string()) {
            Some(member) => ApiError::bare(
                StatusCode::BAD_REQUEST,
                format!(
                    "Invalid json representation for {class}. Unrecognized field \"{member}\" at line {} column {}.",
                    error.line(),
                    error.column()
                ),
            ),
            None => unreadable("unknown_error"),
        },
    }
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
        assert_eq!(refused("[]"), ("unknown_error".to_owned(), text.clone()));
        assert_eq!(refused(r#"["a"]"#), ("unknown_error".to_owned(), text));
        let (error, description) = refused("{\"name\":\"a\",\n\"description\":\"b\"}");
        assert_eq!(description, None);
        assert_eq!(
            error,
            "Invalid json representation for UmaResourceRepresentation. \
             Unrecognized field \"description\" at line 2 column 13."
        );
    }
}
