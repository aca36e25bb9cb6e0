//! How servers read a request target: the segments that they route by, or nothing where they answer with an error.

use alloc::{string::String, vec::Vec};

pub(super) type Server = fn(&str) -> Option<Vec<String>>;

pub(super) const ALL: [(&str, Server); 9] = [
    ("a normaliser", normaliser),
    ("a servlet container", servlet),
    ("a URL parser", url),
    ("a URL parser with a base", url_with_base),
    ("a plain router", router),
    ("a router that strips parameters", stripping_router),
    ("a twofold decoder", twofold),
    ("a decoder that splits afterwards", late_splitter),
    ("a file server", files),
];

fn without_query(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

fn split(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(Into::into).collect()
}

fn decode_each(segments: &[String]) -> Option<Vec<String>> {
    segments.iter().map(|segment| decode(segment)).collect()
}

fn strip(segments: &mut [String]) {
    for segment in segments {
        segment.truncate(segment.find(';').unwrap_or(segment.len()));
    }
}

fn collapse(segments: &mut Vec<String>) {
    segments.retain(|segment| !segment.is_empty());
}

/// Names are taken away as they stand, empty ones too
fn resolve(segments: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for segment in segments {
        match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
            "." => {}
            ".." => drop(out.pop()),
            _ => out.push(segment),
        }
    }
    out
}

fn normaliser(target: &str) -> Option<Vec<String>> {
    let mut segments = split(without_query(target));
    strip(&mut segments);
    let mut segments = split(&decode(&alloc::format!("/{}", segments.join("/")))?);
    collapse(&mut segments);
    Some(resolve(segments))
}

fn servlet(target: &str) -> Option<Vec<String>> {
    let mut segments = split(without_query(target));
    strip(&mut segments);
    let mut segments = decode_each(&segments)?;
    collapse(&mut segments);
    Some(resolve(segments))
}

fn url(target: &str) -> Option<Vec<String>> {
    decode_each(&resolve(split(&without_query(target).replace('\\', "/"))))
}

fn url_with_base(target: &str) -> Option<Vec<String>> {
    let target = without_query(target).replace('\\', "/");
    if !target.starts_with("//") {
        return url(&target);
    }
    let rest = target.trim_start_matches('/');
    url(rest.find('/').map_or("/", |at| rest.get(at..).unwrap()))
}

fn router(target: &str) -> Option<Vec<String>> {
    decode_each(&split(without_query(target)))
}

fn stripping_router(target: &str) -> Option<Vec<String>> {
    let mut segments = split(without_query(target));
    strip(&mut segments);
    decode_each(&segments)
}

fn twofold(target: &str) -> Option<Vec<String>> {
    normaliser(&decode(without_query(target))?)
}

fn late_splitter(target: &str) -> Option<Vec<String>> {
    Some(split(without_query(&decode(target)?)))
}

fn files(target: &str) -> Option<Vec<String>> {
    let mut segments = split(&decode(without_query(target))?.replace('\\', "/"));
    collapse(&mut segments);
    for segment in &mut segments {
        if !segment.chars().all(|c| c == '.') {
            segment.truncate(segment.trim_end_matches(['.', ' ']).len());
        }
    }
    Some(resolve(segments))
}
