//! A request target, and below it a pattern on each line.
#![no_main]

use core::str;

use countersign_core::path::{Path, Pattern, Patterns};
use libfuzzer_sys::fuzz_target;

/// Beyond this the fuzzer measures its own patience
const PATTERNS: usize = 24;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let texts = lines.take(PATTERNS).filter_map(|line| str::from_utf8(line).ok());
    let patterns: Vec<Pattern> = texts.filter_map(|text| text.parse().ok()).collect();
    for pattern in &patterns {
        assert_eq!(pattern.to_string().parse::<Pattern>().as_ref(), Ok(pattern));
    }
    let Ok(path) = Path::parse(target) else { return };
    normal(&path);
    found(&path, &patterns);
});

/// A path that was read has no second meaning: spelled out in full, it is read as the same.
fn normal(path: &Path) {
    let text = path.as_str();
    assert!(text.starts_with('/') && !text.contains("//") && (text == "/" || !text.ends_with('/')));
    let names: Vec<&str> = path.segments().collect();
    assert_eq!(format!("/{}", names.join("/")), text);
    assert!(names.iter().all(|name| !name.ends_with('.') && !name.contains('\\')));
    // `;`, `?` and `#` are refused where they are encoded, and cannot be in a path where they are not.
    let spelled: String = text
        .bytes()
        .map(|byte| match byte {
            b'/' | b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    if let Ok(again) = Path::parse(spelled.as_bytes()) {
        assert_eq!(again.as_str(), text);
        assert!(again.is_plain());
    } else {
        assert!(spelled.len() > 4_096 || text.contains([';', '?', '#']), "{text:?} is not read again");
    }
}

/// Among many, a pattern is found if and only if it is found alone, and with a wildcard above nothing is open.
fn found(path: &Path, patterns: &[Pattern]) {
    let mut all = Patterns::default();
    for (number, pattern) in patterns.iter().enumerate() {
        all.insert(pattern, number);
    }
    let mut alone = patterns.iter().map(|pattern| {
        let mut one = Patterns::default();
        one.insert(pattern, ());
        one.matching(path).map(|values| !values.is_empty())
    });
    match all.matching(path) {
        Ok([]) => assert!(alone.all(|found| found == Ok(false))),
        Ok(winners) => {
            let alone: Vec<_> = alone.collect();
            for winner in winners {
                assert_ne!(alone.get(*winner), Some(&Ok(false)));
                assert_eq!(patterns.get(*winner), winners.first().and_then(|first| patterns.get(*first)));
            }
        }
        Err(_) => assert!(!path.is_plain() || patterns.len() > 12),
    }
    all.insert(&"/*".parse().expect("a pattern"), usize::MAX);
    assert_ne!(all.matching(path), Ok([].as_slice()), "a wildcard above leaves nothing open");
}
