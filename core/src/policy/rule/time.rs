//! Time policies: from when, until when, and at which times of day, month and year.

use alloc::vec::Vec;

use super::super::{Fault, config::Config};
use crate::time::WallClock;

/// Configuration of a `time` policy: all conditions must hold, all bounds belong to the range
#[derive(Debug)]
pub struct TimeRule {
    /// Not before (`nbf`)
    pub not_before: Option<WallClock>,
    /// Not after, the second itself included (`noa`)
    pub not_after: Option<WallClock>,
    /// Ranges of single fields; none goes round the end, so that 22 to 6 never matches
    pub ranges: Vec<(TimeField, u32, u32)>,
}

/// A field of the wall clock that a range is about
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeField {
    /// `dayMonth`, 1 to 31
    Day,
    /// `month`, 1 to 12
    Month,
    /// `year`
    Year,
    /// `hour`, 0 to 23
    Hour,
    /// `minute`, 0 to 59
    Minute,
}

impl TimeField {
    /// Name of the begin, name of the end, least and most value
    const ALL: [(Self, &'static str, &'static str, u32, u32); 5] = [
        (Self::Day, "dayMonth", "dayMonthEnd", 1, 31),
        (Self::Month, "month", "monthEnd", 1, 12),
        (Self::Year, "year", "yearEnd", 0, 9999),
        (Self::Hour, "hour", "hourEnd", 0, 23),
        (Self::Minute, "minute", "minuteEnd", 0, 59),
    ];

    /// Its name in the configuration
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "dayMonth",
            Self::Month => "month",
            Self::Year => "year",
            Self::Hour => "hour",
            Self::Minute => "minute",
        }
    }

    /// What the wall clock shows
    pub const fn of(self, clock: WallClock) -> u32 {
        match self {
            Self::Day => clock.day,
            Self::Month => clock.month,
            Self::Year => clock.year,
            Self::Hour => clock.hour,
            Self::Minute => clock.minute,
        }
    }
}

impl TimeRule {
    pub(super) fn read(config: Config<'_>) -> Result<Self, Fault> {
        let date = |name| {
            let text = config.text(name)?;
            text.map(|text| text.parse().map_err(|_| Fault::Configuration(name))).transpose()
        };
        let mut rule = Self { not_before: date("nbf")?, not_after: date("noa")?, ranges: Vec::new() };
        for (field, begin, end, least, most) in TimeField::ALL {
            let within = |name| match config.number(name)? {
                Some(number) if !(least..=most).contains(&number) => Err(Fault::Configuration(name)),
                number => Ok(number),
            };
            match (within(begin)?, within(end)?) {
                (Some(from), to) => rule.ranges.push((field, from, to.unwrap_or(from))),
                // An end without a begin says nothing that could be relied on.
                (None, Some(_)) => return Err(Fault::Configuration(begin)),
                (None, None) => {}
            }
        }
        if rule.not_before.is_none() && rule.not_after.is_none() && rule.ranges.is_empty() {
            return Err(Fault::Configuration("nbf"));
        }
        Ok(rule)
    }

    pub(super) fn permits(&self, clock: WallClock) -> bool {
        self.not_before.is_none_or(|from| from <= clock)
            && self.not_after.is_none_or(|to| clock <= to)
            && self.ranges.iter().all(|(field, from, to)| (*from..=*to).contains(&field.of(clock)))
    }
}
