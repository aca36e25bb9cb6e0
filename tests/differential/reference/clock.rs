//! The `time` policy: the wall clock against dates and fields (Keycloak wire §8.7).

use serde_json::Value;

/// Whether the moment fulfils every condition; nothing if the configuration cannot be read
pub(super) fn verdict(question: &Value, config: &Value) -> Option<bool> {
    let offset = question.get("utc_offset").and_then(Value::as_i64).unwrap_or(0);
    let wall = question["now"].as_i64()? + offset;
    let (days, seconds) = (wall.div_euclid(86_400), wall.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    let fields = [
        ("dayMonth", day, 1, 31),
        ("month", month, 1, 12),
        ("year", year, 1, 9999),
        ("hour", seconds / 3600, 0, 23),
        ("minute", seconds / 60 % 60, 0, 59),
    ];
    let mut conditions = 0;
    let mut holds = true;
    if let Some(nbf) = config.get("nbf") {
        conditions += 1;
        holds &= wall >= moment(nbf)?;
    }
    if let Some(noa) = config.get("noa") {
        conditions += 1;
        holds &= wall <= moment(noa)?;
    }
    for (name, value, least, most) in fields {
        let begin = config.get(name);
        let end = config.get(format!("{name}End"));
        match (begin, end) {
            (None, None) => {}
            (None, Some(_)) => return None,
            (Some(begin), end) => {
                conditions += 1;
                let begin = number(begin, least, most)?;
                let end = end.map_or(Some(begin), |end| number(end, least, most))?;
                holds &= begin <= value && value <= end;
            }
        }
    }
    (conditions > 0).then_some(holds)
}

/// A whole number in its range, which may be given as text
fn number(value: &Value, least: i64, most: i64) -> Option<i64> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.as_i64()?
        }
    };
    (least..=most).contains(&number).then_some(number)
}

/// `yyyy-MM-dd HH:mm:ss`, or the date alone
fn moment(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let date = parts(date, '-', &[4, 2, 2])?;
    let time = parts(time, ':', &[2, 2, 2])?;
    if time[0] > 23 || time[1] > 59 || time[2] > 59 {
        return None;
    }
    let day = day_of(date[0], date[1], date[2])?;
    Some(day * 86_400 + time[0] * 3600 + time[1] * 60 + time[2])
}

/// Numbers of exactly so many digits
fn parts(text: &str, between: char, digits: &[usize]) -> Option<Vec<i64>> {
    let parts: Vec<&str> = text.split(between).collect();
    let fits = parts.len() == digits.len()
        && parts.iter().zip(digits).all(|(part, digits)| {
            part.len() == *digits && part.chars().all(|character| character.is_ascii_digit())
        });
    if !fits {
        return None;
    }
    parts.iter().map(|part| part.parse().ok()).collect()
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && year % 100 != 0 || year % 400 == 0
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the date, counted year by year and month by month
fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || day < 1 || day > length(year, month) {
        return None;
    }
    let of_year = |year| if is_leap(year) { 366 } else { 365 };
    let years: i64 =
        if year >= 1970 { (1970..year).map(of_year).sum() } else { -(year..1970).map(of_year).sum::<i64>() };
    Some(years + (1..month).map(|month| length(year, month)).sum::<i64>() + day - 1)
}

/// The date of a day, found by counting
fn date_of(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days.div_euclid(366).clamp(-1969, 8029);
    while day_of(year + 1, 1, 1).is_some_and(|first| first <= days) {
        year += 1;
    }
    while year > 1 && day_of(year, 1, 1).is_some_and(|first| first > days) {
        year -= 1;
    }
    let mut month = 12;
    while month > 1 && day_of(year, month, 1).is_some_and(|first| first > days) {
        month -= 1;
    }
    (year, month, days - day_of(year, month, 1).unwrap_or(days) + 1)
}
