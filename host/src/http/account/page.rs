//! Parts of lists, and the links between them (`keycloak-wire` §10.2; RFC 8288).

use axum::{
    http::{HeaderValue, Uri, header},
    response::Response,
};

use crate::{error::ApiError, http::extract::Query, percent::parameter, store::Part};

/// Part of a list that was asked for
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    first: i64,
    max: i64,
    after: Option<String>,
    name: Option<String>,
}

impl Page {
    /// What a query asks for: a part where both `first` and `max` are there, else everything, in both cases at most
    /// `most` entries
    pub(super) fn of(query: &Query, most: i64) -> Result<Self, ApiError> {
        let number = |name| Ok::<_, ApiError>(query.number(name)?.filter(|number| *number >= 0));
        let (first, max) = match (number("first")?, number("max")?.filter(|max| *max > 0)) {
            (Some(first), Some(max)) => (first, max.min(most)),
            _ => (0, most),
        };
        let text = |name| query.get(name).map(str::to_owned);
        Ok(Self { first, max, after: text("after"), name: text("name") })
    }

    /// A part of the name that entries must have
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// As the store takes it: one entry more, which tells whether there are more
    pub(super) fn part(&self) -> Part<'_> {
        Part { first: self.first, max: self.max.saturating_add(1), after: self.after.as_deref() }
    }

    /// Cuts off the entry too many and links to what comes before and behind; `id` of an entry is where the next part
    /// begins, whatever is put before it meanwhile
    pub(super) fn cut<T>(&self, entries: &mut Vec<T>, id: impl Fn(&T) -> Option<&str>) -> Links {
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        let more = entries.len() > max;
        entries.truncate(max);
        let next = more.then(|| (self.first.saturating_add(self.max), entries.last().and_then(id)));
        let next = next.map(|(first, after)| self.query(first, after));
        let previous = (self.first > 0).then(|| self.query(self.first.saturating_sub(self.max).max(0), None));
        Links { next, previous }
    }

    fn query(&self, first: i64, after: Option<&str>) -> String {
        let mut pairs = vec![format!("first={first}"), format!("max={}", self.max)];
        let more = [("name", self.name()), ("after", after)].into_iter();
        pairs.extend(more.filter_map(|(name, value)| Some(format!("{name}={}", parameter(value?)))));
        pairs.join("&")
    }
}

/// Queries of the parts around one
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Links {
    next: Option<String>,
    previous: Option<String>,
}

impl Links {
    /// Puts them into the `Link` header of an answer at this place
    pub(super) fn on(self, mut response: Response, base: &str, place: &Uri) -> Response {
        for (relation, query) in [("next", self.next), ("prev", self.previous)] {
            let Some(query) = query else { continue };
            let link = format!("<{base}{}?{query}>; rel=\"{relation}\"", place.path());
            if let Ok(link) = HeaderValue::try_from(link) {
                response.headers_mut().append(header::LINK, link);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Page {
        Page::of(&Query::parse(query).unwrap(), 100).unwrap()
    }

    fn links(query: &str, found: usize) -> (Option<String>, Option<String>) {
        let mut entries: Vec<String> = (0..found).map(|number| format!("e {number}")).collect();
        let links = page(query).cut(&mut entries, |entry| Some(entry.as_str()));
        (links.next, links.previous)
    }

    #[test]
    fn a_part_links_to_those_around_it() {
        let next = |text: &str| Some(text.to_owned());
        assert_eq!(links("first=0&max=2", 3), (next("first=2&max=2&after=e%201"), None));
        assert_eq!(links("first=4&max=2", 2), (None, next("first=2&max=2")));
        assert_eq!(links("first=1&max=2&name=a%26b", 0), (None, next("first=0&max=2&name=a%26b")));
        assert_eq!(links("", 100), (None, None));
        assert_eq!(links("", 101).0, next("first=100&max=100&after=e%2099"));
    }

    #[test]
    fn only_both_numbers_together_make_a_part() {
        for query in ["first=5", "max=5", "first=-1&max=5", "first=5&max=0"] {
            assert_eq!((page(query).first, page(query).max), (0, 100), "{query}");
        }
        assert_eq!(page("first=5&max=1000").max, 100);
        assert!(Page::of(&Query::parse("first=x&max=5").unwrap(), 100).is_err());
    }
}
