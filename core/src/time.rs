//! Time as a value: nothing in this crate reads a clock.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, the `NumericDate` of RFC 7519 §2 in whole seconds
///
/// ```
/// use countersign_core::time::UnixTime;
///
/// let issued = UnixTime(1_700_000_000);
/// assert_eq!(issued.plus(300), UnixTime(1_700_000_300));
/// assert_eq!(issued.seconds_until(UnixTime(1_700_000_060)), 60);
/// assert_eq!(issued.seconds_until(UnixTime(0)), 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This moment and some seconds more, at most the end of time
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from here to `then`, none if it has passed
    pub const fn seconds_until(self, then: Self) -> u64 {
        then.0.saturating_sub(self.0)
    }

    /// The second of a date and time with its distance from UTC (RFC 3339 §5.6); parts of a second are cut off
    ///
    /// ```
    /// use countersign_core::time::UnixTime;
    ///
    /// let moment = Some(UnixTime(1_700_000_000));
    /// assert_eq!(UnixTime::from_rfc3339("2023-11-14T22:13:20Z"), moment);
    /// assert_eq!(UnixTime::from_rfc3339("2023-11-14t23:13:20.75+01:00"), moment);
    /// assert_eq!(UnixTime::from_rfc3339("2023-11-14 22:13:20"), None);
    /// ```
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (time, zone) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
        let clock: WallClock = alloc::format!("{date} {time}").parse().ok()?;
        let zone = match zone.strip_prefix('.') {
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                (zone.len() < fraction.len()).then_some(zone)?
            }
            None => zone,
        };
        let seconds = clock.seconds()?;
        let offset = |text: &str| {
            let [hours, minutes] = [text.get(..2)?, text.strip_prefix(text.get(..2)?)?.strip_prefix(':')?];
            let [hours, minutes] = [hours, minutes].map(|part| {
                let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| part.parse::<u64>().ok()).flatten()
            });
            let (hours, minutes) = (hours.filter(|h| *h < 24)?, minutes.filter(|m| *m < 60)?);
            hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)
        };
        match zone {
            "Z" | "z" => Some(Self(seconds)),
            zone if zone.starts_with('+') => Some(Self(seconds.checked_sub(offset(zone.get(1..)?)?)?)),
            zone if zone.starts_with('-') => Some(Self(seconds.checked_add(offset(zone.get(1..)?)?)?)),
            _ => None,
        }
    }
}

/// A date and a time of day on somebody's wall, to the second
///
/// ```
/// use countersign_core::time::{UnixTime, WallClock};
///
/// let utc = WallClock::at(UnixTime(1_700_000_000), 0);
/// assert_eq!(utc.to_string(), "2023-11-14 22:13:20");
/// let berlin = WallClock::at(UnixTime(1_700_000_000), 3600);
/// assert_eq!((berlin.day, berlin.hour), (14, 23));
/// assert!("2023-11-15".parse::<WallClock>()? > berlin);
/// # Ok::<(), countersign_core::time::ParseWallClockError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallClock {
    // INVARIANT: the order of fields is that of their weight, so that comparing them compares moments.
    /// Year
    pub year: u32,
    /// Month, 1 to 12
    pub month: u32,
    /// Day of the month, 1 to 31
    pub day: u32,
    /// Hour, 0 to 23
    pub hour: u32,
    /// Minute, 0 to 59
    pub minute: u32,
    /// Second, 0 to 59
    pub second: u32,
}

/// Why a text is no date
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date of the form `yyyy-MM-dd HH:mm:ss` or `yyyy-MM-dd`")]
pub struct ParseWallClockError;

const DAY: u64 = 24 * 60 * 60;
/// The end of the year 9999: nothing that comes after it is a date that anybody means
const LAST_DAY: u64 = 2_932_896;

impl WallClock {
    /// What a wall clock shows that is ahead of UTC by so many seconds; dates before 1970 are shown as its begin,
    /// dates after 9999 as its end
    pub fn at(time: UnixTime, utc_offset: i32) -> Self {
        let local = time.0.saturating_add_signed(i64::from(utc_offset));
        let (days, seconds) = (local.div_euclid(DAY).min(LAST_DAY), local.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let small = |number: u64| u32::try_from(number).unwrap_or_default();
        Self {
            year: small(year),
            month: small(month),
            day: small(day),
            hour: small(seconds.div_euclid(3600)),
            minute: small(seconds.div_euclid(60).rem_euclid(60)),
            second: small(seconds.rem_euclid(60)),
        }
    }
}

impl WallClock {
    /// Seconds since 1970, as if the wall were in Greenwich; none before then
    fn seconds(self) -> Option<u64> {
        let [year, month, day] = [self.year, self.month, self.day].map(u64::from);
        // Counted from March, as below.
        let (year, month) = if month > 2 {
            (year, month.checked_sub(3)?)
        } else {
            (year.checked_sub(1)?, month.checked_add(9)?)
        };
        let leaps =
            year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
        let of_year =
            month.checked_mul(153)?.checked_add(2)?.div_euclid(5).checked_add(day)?.checked_sub(1)?;
        let days = year.checked_mul(365)?.checked_add(leaps)?.checked_add(of_year)?.checked_sub(719_468)?;
        let [hour, minute, second] = [self.hour, self.minute, self.second].map(u64::from);
        let minutes = hour.checked_mul(60)?.checked_add(minute)?;
        days.checked_mul(DAY)?.checked_add(minutes.checked_mul(60)?)?.checked_add(second)
    }
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar
#[expect(
    clippy::arithmetic_side_effects,
    reason = "`days` is at most LAST_DAY, so that every number stays far below the end of its type"
)]
const fn civil(days: u64) -> (u64, u64, u64) {
    // Years are counted from March, so that the odd day comes last; 719,468 days lie between 0000-03-01 and 1970.
    let since = days + 719_468;
    let (era, day_of_era) = (since / 146_097, since % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (era * 400 + year_of_era + year, month, day)
}

impl fmt::Display for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

impl FromStr for WallClock {
    type Err = ParseWallClockError;

    fn from_str(text: &str) -> Result<Self, ParseWallClockError> {
        let (date, time) = text.split_once(' ').map_or((text, None), |(date, time)| (date, Some(time)));
        let [year, month, day] = parts(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = time.map_or(Ok([0; 3]), |time| parts(time, ':', [2; 3]))?;
        let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let good =
            (1..=12).contains(&month) && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
        if good { Ok(Self { year, month, day, hour, minute, second }) } else { Err(ParseWallClockError) }
    }
}

/// Three numbers of exactly so many digits
fn parts(text: &str, separator: char, digits: [usize; 3]) -> Result<[u32; 3], ParseWallClockError> {
    let mut numbers = text.splitn(3, separator).zip(digits).map(|(part, digits)| {
        if part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()) {
            part.parse().map_err(|_| ParseWallClockError)
        } else {
            Err(ParseWallClockError)
        }
    });
    let mut next = || numbers.next().unwrap_or(Err(ParseWallClockError));
    Ok([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_709_164_800, "2024-02-29 00:00:00"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (u64::MAX, "9999-12-31 07:00:15"),
        ] {
            assert_eq!(WallClock::at(UnixTime(seconds), 0).to_string(), shown, "{seconds}");
        }
    }

    #[test]
    fn a_wall_clock_is_ahead_or_behind() {
        let at = |offset| WallClock::at(UnixTime(1_704_067_200), offset).to_string();
        assert_eq!(at(-1), "2023-12-31 23:59:59");
        assert_eq!(at(5 * 3600 + 1800), "2024-01-01 05:30:00");
        assert_eq!(WallClock::at(UnixTime(10), -60).to_string(), "1970-01-01 00:00:00");
    }

    #[test]
    fn what_is_shown_is_read() {
        for seconds in (0..4_000_000_000_u64).step_by(86_413_117) {
            let clock = WallClock::at(UnixTime(seconds), 0);
            assert_eq!(clock.to_string().parse(), Ok(clock));
        }
        assert_eq!(
            "2024-02-29".parse::<WallClock>().map(|c| c.to_string()),
            Ok("2024-02-29 00:00:00".into())
        );
    }

    #[test]
    fn a_moment_is_read_as_it_is_shown() {
        for seconds in (0..4_000_000_000_u64).step_by(86_413_117) {
            let clock = WallClock::at(UnixTime(seconds), 0).to_string().replace(' ', "T");
            assert_eq!(UnixTime::from_rfc3339(&alloc::format!("{clock}Z")), Some(UnixTime(seconds)));
            assert_eq!(
                UnixTime::from_rfc3339(&alloc::format!("{clock}-01:30")),
                Some(UnixTime(seconds + 5400))
            );
        }
        for bad in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+01:60",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00ZZ",
            "2024-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "2024-01-0\u{e9}T00:00:00Z",
        ] {
            assert_eq!(UnixTime::from_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "2024",
            "2024-02",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-04-31",
            "2024-01-00",
            "2024-1-01",
            "2024-01-01T00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01 00:60:00",
            "2024-01-01 00:00",
            "2024-01-01 00:00:00 ",
            "2024-01-01-01",
            "+024-01-01",
        ] {
            assert_eq!(bad.parse::<WallClock>(), Err(ParseWallClockError), "{bad}");
        }
    }
}
