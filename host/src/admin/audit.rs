//! What happened in a realm, and what happens there now.

use core::time::Duration;
use std::{
    io::{self, Write as _},
    thread,
};

use serde_json::Value;

use super::{
    AdminError,
    api::Api,
    args::{Audit, AuditWhich},
    show::{Shown, printable},
};

/// How often a trail that is followed is looked at
const TURN: Duration = Duration::from_secs(1);
/// Columns of a table
const COLUMNS: &[&str] = &["time", "event", "actor", "requester", "resource", "count"];

/// Shows rows of the audit trail; one that is followed ends with the command
pub(super) fn audit(api: &mut Api, command: &Audit, as_json: bool) -> Result<Option<Shown>, AdminError> {
    match command {
        Audit::List { which, max, before } => {
            let (max, before) = (max.to_string(), before.map(|id| id.to_string()));
            let mut query = filters(which);
            query.push(("max", &max));
            query.extend(before.as_deref().map(|id| ("before", id)));
            let mut rows = api.get(&api.at(&["audit"])?, &query)?;
            for row in rows.as_array_mut().into_iter().flatten() {
                let time = row.get("time").and_then(Value::as_u64).map(moment);
                if let (Some(time), Some(row)) = (time, row.as_object_mut().filter(|_| !as_json)) {
                    row.insert("time".to_owned(), time.into());
                }
            }
            Ok(Some(Shown::Table(COLUMNS, rows)))
        }
        Audit::Tail { which, lines } => follow(api, which, *lines, as_json).map(|()| None),
    }
}

fn filters(which: &AuditWhich) -> Vec<(&'static str, &str)> {
    let mut query: Vec<_> = which.event.iter().map(|event| ("event", event.as_str())).collect();
    let texts = [
        ("actor", &which.actor),
        ("requester", &which.requester),
        ("resource", &which.resource),
        ("owner", &which.owner),
    ];
    query.extend(texts.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    query
}

/// The last rows, and then each as it comes
fn follow(api: &mut Api, which: &AuditWhich, lines: u16, as_json: bool) -> Result<(), AdminError> {
    let path = api.at(&["audit"])?;
    let count = lines.to_string();
    let mut query = filters(which);
    // The newest of all says where the trail ends now, also where none of those that are wanted is there yet.
    let newest = api.get(&path, &[("max", "1")])?;
    let mut last = newest.pointer("/0/id").and_then(Value::as_i64).unwrap_or(0);
    query.push(("max", &count));
    let mut rows = listed(api.get(&path, &query)?);
    query.pop();
    rows.retain(|row| row.get("id").and_then(Value::as_i64).is_some_and(|id| id <= last));
    rows.reverse();
    loop {
        print(&rows, as_json)?;
        last = rows.iter().filter_map(|row| row.get("id")?.as_i64()).fold(last, i64::max);
        let after = last.to_string();
        let mut next = query.clone();
        next.push(("after", &after));
        rows = match api.get(&path, &next) {
            Ok(rows) => listed(rows),
            // The token lives shorter than somebody looks on.
            Err(AdminError::Refused { status: 401, .. }) if api.renew()? => Vec::new(),
            Err(error) => return Err(error),
        };
        if rows.is_empty() {
            thread::sleep(TURN);
        }
    }
}

fn listed(mut answer: Value) -> Vec<Value> {
    answer.as_array_mut().map(core::mem::take).unwrap_or_default()
}

fn print(rows: &[Value], as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for row in rows {
        if as_json {
            writeln!(out, "{row}")?;
        } else {
            writeln!(out, "{}", line(row))?;
        }
    }
    out.flush()
}

/// One row in one line: when, what, who, and what else is known
fn line(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let mut parts = vec![
        row.get("time").and_then(Value::as_u64).map(moment).unwrap_or_default(),
        text("event").unwrap_or_default().to_owned(),
    ];
    for name in ["actor", "requester", "owner", "resource"] {
        parts.extend(text(name).map(|value| format!("{name}={value}")));
    }
    if let Some(count) = row.get("count").and_then(Value::as_u64).filter(|count| *count > 1) {
        parts.push(format!("count={count}"));
    }
    if let Some(detail) = row.get("detail").and_then(Value::as_object).filter(|detail| !detail.is_empty()) {
        // The digest of the component is the same in all of them.
        let told = detail.iter().filter(|(name, _)| *name != "pdp");
        parts.extend(told.map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        }));
    }
    printable(&parts.join("  "))
}

/// Milliseconds since 1970 as RFC 3339 in UTC
fn moment(millis: u64) -> String {
    let seconds = millis.div_euclid(1000);
    let (mut days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970_u64;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        let Some(left) = days.checked_sub(length) else { break };
        days = left;
        year = year.saturating_add(1);
    }
    let mut month = 1_u64;
    for length in [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        let Some(left) = days.checked_sub(length) else { break };
        days = left;
        month = month.saturating_add(1);
    }
    let (hour, minute) = (rest.div_euclid(3_600), rest.rem_euclid(3_600).div_euclid(60));
    let day = days.saturating_add(1);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", rest.rem_euclid(60))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_written_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_356_059, "2026-11-22T14:00:59Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(moment(seconds * 1000), text);
        }
    }

    #[test]
    fn a_row_is_one_line_whatever_stands_in_it() {
        let row = json!({
            "time": 0, "event": "decision.denied", "requester": "a\nb", "count": 3,
            "detail": { "pdp": "x", "scopes": ["read"] },
        });
        let text = line(&row);
        assert_eq!(
            text,
            "1970-01-01T00:00:00Z  decision.denied  requester=a\u{fffd}b  count=3  scopes=[\"read\"]"
        );
    }
}
