//! The reader of JSON beside serde's: the same is read, and nothing with two meanings.

use core::fmt;

use countersign_core::{json::object, limits::JSON_DEPTH};
use proptest::{collection, prelude::*};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// A value as serde reads it, if no name occurs twice in it
struct Unambiguous(Value);

struct Reader;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Unambiguous, E> {
        Ok(Unambiguous(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unambiguous, A::Error> {
        let mut values = Vec::new();
        while let Some(Unambiguous(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Unambiguous(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unambiguous, A::Error> {
        let mut values = Map::new();
        while let Some((name, Unambiguous(value))) = members.next_entry::<String, _>()? {
            if values.insert(name, value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Unambiguous(values.into()))
    }
}

fn by_serde(text: &[u8]) -> Option<Value> {
    let Unambiguous(value) = serde_json::from_slice(text).ok()?;
    (value.is_object() && depth(&value) <= JSON_DEPTH).then_some(value)
}

fn depth(value: &Value) -> usize {
    let inside = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    inside.unwrap_or_default().saturating_add(1)
}

/// Doubles may be neighbours: neither reader is exact.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-14 * b.abs() || b.abs() < 1e-300
        }
        _ => one == other,
    }
}

fn agree(text: &[u8]) {
    let (ours, serdes) = (object(text).ok().map(Value::Object), by_serde(text));
    let shown = String::from_utf8_lossy(text);
    let are_same = match (&ours, &serdes) {
        (Some(ours), Some(serdes)) => same(ours, serdes),
        (ours, serdes) => ours == serdes,
    };
    assert!(are_same, "{shown}: {ours:?} for {serdes:?}");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        any::<f64>().prop_filter_map("a number", |double| Some(json!(double)).filter(Value::is_number)),
        ".{0,12}".prop_map(Value::from),
        "[\"\\\\\u{0}-\u{1f}a]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 40, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            collection::btree_map("[a-d\"\u{e9}\\\\]{0,4}", inner, 0..40)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_writes_is_read_as_it_was(value in value()) {
        let whole = json!({ "a": value });
        agree(whole.to_string().as_bytes());
        agree(serde_json::to_string_pretty(&whole).unwrap().as_bytes());
        prop_assert!(object(whole.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn a_text_with_a_byte_too_many_or_another_is_read_as_serde_reads_it(
        value in value(), at in any::<prop::sample::Index>(), length in 0..3_usize,
        piece in prop_oneof![".{0,2}", "[\\[\\]{}\",:\\\\0-9eE+.u -]{0,3}", Just("\"a\":1,".to_owned()), Just("\\ud83d".to_owned())],
    ) {
        let mut text = json!({ "a": value, "b": 1 }).to_string().into_bytes();
        let begin = at.index(text.len());
        let end = text.len().min(begin.saturating_add(length));
        text.splice(begin..end, piece.into_bytes());
        agree(&text);
    }
}

#[test]
fn what_is_hard_is_read_as_serde_reads_it() {
    for text in [
        r#"{"a":"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"}"#,
        r#"{"\u00e9":1,"é":2}"#,
        r#"{"a\u0000":1,"a":2}"#,
        r#"{"a":"\ud83d"}"#,
        r#"{"a":"\ud83dx"}"#,
        r#"{"a":"\ud83d\u0041"}"#,
        r#"{"a":"\ude00\ud83d"}"#,
        r#"{"a":"\u+041"}"#,
        r#"{"a":"\u00g0"}"#,
        r#"{"a":"\x41"}"#,
        r#"{"a":"\"#,
        r#"{"a":"\u12"#,
        "{\"a\":\"\u{7f}\u{2028}\"}",
        "{\"a\":\"tab\there, far from the beginning\"}",
        r#"{"a":"eight by eight bytes, and an end \" in between"}"#,
        " \t\r\n{ \"a\" :\n[ ] , \"b\" : { } }\n",
        "{\u{a0}}",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{,}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":tru}",
        "{\"a\":nullx}",
        "{\"a\":True}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":00}",
        "{\"a\":-0}",
        "{\"a\":-0.0e-0}",
        "{\"a\":1E+2}",
        "{\"a\":0x1}",
        "{\"a\":18446744073709551615,\"b\":18446744073709551616,\"c\":-9223372036854775808,\"d\":-9223372036854775809}",
        "{\"a\":1e308,\"b\":1e-308}",
        "{\"a\":1e309}",
        "{\"a\":[[[]],{},[{}]],\"b\":{\"a\":{\"a\":{}}}}",
    ] {
        agree(text.as_bytes());
    }
    let many = |names: usize, more: &str| {
        let members: Vec<_> = (0..names).map(|name| format!("\"n{name}\":{name}")).collect();
        format!("{{{}{more}}}", members.join(","))
    };
    for names in [1, 31, 32, 33, 34, 200] {
        agree(many(names, "").as_bytes());
        agree(many(names, &format!(",\"n{}\":0", names / 2)).as_bytes());
        agree(many(names, &format!(",\"\\u006e{}\":0", names - 1)).as_bytes());
        assert!(object(many(names, "").as_bytes()).is_ok_and(|members| members.len() == names));
    }
}
