//! The member names of a settings document, asked of serde: no second table of them.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};

/// Names under which `T` reads its members
pub fn of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // Nothing is ever read: the names are all that is wanted.
    let _ = T::deserialize(Ask(&mut names));
    names
}

struct Ask<'a>(&'a mut &'static [&'static str]);

#[derive(Debug, thiserror::Error)]
#[error("only names were asked for")]
struct Asked;

impl serde::de::Error for Asked {
    fn custom<T: core::fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Ask<'_> {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        *self.0 = fields;
        Err(Asked)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use crate::realm::{ClientSettings, RealmSettings};

    #[test]
    fn names_are_keycloaks() {
        assert!(super::of::<ClientSettings>().contains(&"redirectUris"));
        assert!(super::of::<RealmSettings>().contains(&"userManagedAccessAllowed"));
        assert!(super::of::<u64>().is_empty());
    }
}
