//! `application/x-www-form-urlencoded`, with every repetition and in order.

use crate::{error::ApiError, store::Part};

/// Most parameters of one request
const PARAMETERS: usize = 10_000;
/// Entries of a long list where nobody says how many
const PAGE: i64 = 100;

/// The parameters of a form; those without a value count as absent (RFC 6749 §3.2)
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// The parameters of a query
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query(Form);

impl core::fmt::Debug for Form {
    // Values may be secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl core::fmt::Debug for Query {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl Form {
    /// Reads a body
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut parameters = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default());
            let value = decode(halves.next().unwrap_or_default());
            let (Some(name), Some(value)) = (name, value) else {
                return Err(ApiError::invalid_request("A parameter is not readable as UTF-8"));
            };
            if value.is_empty() {
                continue;
            }
            if parameters.len() >= PARAMETERS {
                return Err(ApiError::invalid_request("Too many parameters"));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The first value of a parameter
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter, in order
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same without one parameter
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(key, _)| key != name).cloned().collect())
    }

    /// Whether a parameter comes more than once (RFC 6749 §3.2)
    pub fn has_duplicates(&self) -> bool {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
    }

    /// `true` or `false`, if the parameter is there; anything else counts as `false`, as in Java
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `extended=true`: the caller knows members that Keycloak does not have. Its own clients refuse them.
    pub fn is_extended(&self) -> bool {
        self.flag("extended") == Some(true)
    }

    /// Names and values, in order
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl From<Query> for Form {
    fn from(Query(form): Query) -> Self {
        form
    }
}

impl Query {
    /// Reads the part of a URL behind `?`
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        Form::parse(query.as_bytes()).map(Self)
    }

    /// The first value of a parameter
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// All values of a parameter, in order
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.all(name)
    }

    /// A number, if the parameter is there; what is none is refused by name (wire N9)
    pub fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name)
            .map(|value| value.parse().map_err(|_| ApiError::invalid_request(format!("Invalid {name}"))))
            .transpose()
    }

    /// The part of a list that is asked for: `first` and `max`, where `-1` for either is no limit, and `after`, which is
    /// ours; all of it where nothing is said (`admin-surface` §2)
    pub fn part(&self) -> Result<Part<'_>, ApiError> {
        self.part_of(-1)
    }

    /// The same, and at most 100 entries where no `max` is said (`keycloak-wire` §2.7)
    pub fn page(&self) -> Result<Part<'_>, ApiError> {
        self.part_of(PAGE)
    }

    fn part_of(&self, usual: i64) -> Result<Part<'_>, ApiError> {
        let first = self.number("first")?.unwrap_or(0).max(0);
        let max = self.number("max")?.unwrap_or(usual).max(-1);
        Ok(Part { first, max, after: self.get("after") })
    }

    /// `true` or `false`, if the parameter is there; anything else counts as `false`, as in Java
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.0.flag(name)
    }

    /// See [`Form::is_extended`]
    pub fn is_extended(&self) -> bool {
        self.0.is_extended()
    }
}

/// Percent-decoding with `+` for a blank; nothing for bad escapes and what is not UTF-8
pub fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(*rest.next()?).to_digit(16)?;
                let low = char::from(*rest.next()?).to_digit(16)?;
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameters_stay_in_order_and_empty_ones_are_absent() {
        let form = Form::parse(b"permission=a%23s1&code=&permission=b+c&x").unwrap();
        assert_eq!(form.all("permission").collect::<Vec<_>>(), ["a#s1", "b c"]);
        assert_eq!(form.get("code"), None);
        assert_eq!(form.get("x"), None);
        assert!(form.has_duplicates());
        assert!(!Form::parse(b"a=1&b=1").unwrap().has_duplicates());
    }

    #[test]
    fn bad_escapes_and_bytes_are_refused() {
        for body in [&b"a=%zz"[..], b"a=%2", b"a=%ff", b"\xff=1"] {
            assert!(Form::parse(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn minus_one_is_no_limit() {
        for (query, first, max, after) in [
            ("first=-1&max=-1", 0, -1, None),
            ("", 0, PAGE, None),
            ("first=2&max=0", 2, 0, None),
            ("after=x&max=5", 0, 5, Some("x")),
        ] {
            let query = Query::parse(query).unwrap();
            assert_eq!(query.page().unwrap(), Part { first, max, after });
        }
        assert_eq!(Query::parse("").unwrap().part().unwrap(), Part::ALL);
        let query = Query::parse("max=x").unwrap();
        assert!(query.part().is_err() && query.page().is_err());
    }

    #[test]
    fn numbers_of_a_query_are_refused_by_name() {
        let query = Query::parse("first=3&max=x").unwrap();
        assert_eq!(query.number("first"), Ok(Some(3)));
        assert_eq!(query.number("max").unwrap_err().description(), Some("Invalid max"));
        assert_eq!(query.number("none"), Ok(None));
    }
}
