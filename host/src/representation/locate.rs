//! Where in a text a member stands, for refusals: read again only when something was refused.

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Line and column, from 1, right behind the name of the member (or the begin of the list's entry) at this path
pub fn locate(text: &[u8], path: &[String]) -> Option<(usize, usize)> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let error = Step { path, message: "found" }.deserialize(&mut deserializer).err()?;
    (error.line() > 0).then(|| (error.line(), error.column()))
}

/// A refusal at the member of this path, with its place in the text
pub fn refuse(text: &[u8], path: &[String], message: &str) -> serde_json::Error {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    match (Step { path, message }).deserialize(&mut deserializer) {
        Err(error) => error,
        Ok(()) => serde_json::Error::custom(message),
    }
}

/// `users[3].name` as serde's path, in steps
pub fn steps(path: &str) -> Vec<String> {
    path.split('.')
        .flat_map(|part| part.split('['))
        .map(|part| part.trim_end_matches(']').to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

#[derive(Clone, Copy)]
struct Step<'a> {
    path: &'a [String],
    message: &'a str,
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            Err(D::Error::custom(self.message))
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.path.split_first() {
                Some((first, [])) if *first == name => return Err(A::Error::custom(self.message)),
                Some((first, rest)) if *first == name => {
                    map.next_value_seed(Step { path: rest, ..self })?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (first, rest) = self.path.split_first().unzip();
        let wanted = first.and_then(|first| first.parse::<usize>().ok());
        let rest = rest.unwrap_or_default();
        for place in 0_usize.. {
            let found = if Some(place) == wanted {
                list.next_element_seed(Step { path: rest, ..self })?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !found {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_path() {
        let text = b"{\n  \"a\": 1,\n  \"users\": [\n    {\"name\": 2},\n    {\"nome\": 3}\n  ]\n}";
        assert_eq!(locate(text, &steps("a")), Some((2, 5)));
        assert_eq!(locate(text, &steps("users[1].nome")), Some((5, 11)));
        assert_eq!(locate(text, &steps("users[7].nome")), None);
        assert_eq!(locate(text, &steps("a.b")), None);
        assert_eq!(steps("clients[0].clientId"), ["clients", "0", "clientId"]);
    }
}
