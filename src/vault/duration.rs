//! Durations as ISO 8601 writes them, and their arithmetic on the calendar.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::calendar::{civil, days_in, days_of};
use super::clock::UnixTime;
use super::recovery::DAY;
use crate::error::{Error, Rule};

/// A duration such as `P90D`, `P3M`, `P2Y`, `PT48H` or `P1Y10D`: whole numbers, no sign.
///
/// Years and months are those of the calendar (UTC): three months after 30 November is 28 or
/// 29 February. It is given back as it was written.
///
/// ```
/// use strongroom::vault::{IsoDuration, UnixTime};
/// let quarter: IsoDuration = "P3M".parse()?;
/// // 2024-11-30T00:00:00Z and 2025-02-28T00:00:00Z
/// assert_eq!(quarter.after(UnixTime(1_732_924_800)), UnixTime(1_740_700_800));
/// assert_eq!(quarter.to_string(), "P3M");
/// assert!("90 days".parse::<IsoDuration>().is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IsoDuration {
    /// As it was written.
    text: Arc<str>,
    months: u64,
    days: u64,
    seconds: u64,
}

impl IsoDuration {
    /// The most digits of a number in it.
    const MAX_DIGITS: usize = 9;

    /// The time that is this much later, or the end of time.
    #[must_use]
    pub fn after(&self, time: UnixTime) -> UnixTime {
        let rest = self.days.saturating_mul(DAY).saturating_add(self.seconds);
        let months = i64::try_from(self.months).unwrap_or(i64::MAX);
        shift_months(time, months).plus(rest)
    }

    /// The time that is this much earlier, or 1970.
    #[must_use]
    pub fn before(&self, time: UnixTime) -> UnixTime {
        let rest = self.days.saturating_mul(DAY).saturating_add(self.seconds);
        let months = i64::try_from(self.months).unwrap_or(i64::MAX);
        shift_months(time.minus(rest), -months)
    }

    /// As many seconds as it has at least, wherever on the calendar it begins.
    pub(super) fn at_least(&self) -> u64 {
        self.seconds_with(SHORTEST, 365)
    }

    /// As many seconds as it has at most.
    pub(super) fn at_most(&self) -> u64 {
        self.seconds_with(LONGEST, 366)
    }

    fn seconds_with(&self, months: [u64; 12], year: u64) -> u64 {
        let index = usize::try_from(self.months % 12).unwrap_or(0);
        let days = (self.months / 12)
            .saturating_mul(year)
            .saturating_add(months.get(index).copied().unwrap_or(0))
            .saturating_add(self.days);
        days.saturating_mul(DAY).saturating_add(self.seconds)
    }
}

impl FromStr for IsoDuration {
    type Err = Error;

    /// # Errors
    /// [`Rule::Encoding`] for `duration`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("duration", Rule::Encoding);
        let rest = text.strip_prefix('P').ok_or_else(wrong)?;
        let (date, time) = match rest.split_once('T') {
            Some((date, time)) if !time.is_empty() => (date, time),
            Some(_) => return Err(wrong()),
            None => (rest, ""),
        };
        if rest.is_empty() {
            return Err(wrong());
        }
        // Weeks stand alone (ISO 8601 section 4.4.3.2).
        let days = match date.ends_with('W') && time.is_empty() {
            true => numbers(date, [b'W']).map(|[weeks]| [0, 0, 7 * weeks]),
            false => numbers(date, [b'Y', b'M', b'D']),
        };
        let [years, months, days] = days.ok_or_else(wrong)?;
        let [hours, minutes, seconds] = numbers(time, [b'H', b'M', b'S']).ok_or_else(wrong)?;
        // Nine digits each: nothing here overflows.
        Ok(IsoDuration {
            text: text.into(),
            months: 12 * years + months,
            days,
            seconds: 3600 * hours + 60 * minutes + seconds,
        })
    }
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads numbers before these letters, each once at most and in this order.
fn numbers<const N: usize>(text: &str, letters: [u8; N]) -> Option<[u64; N]> {
    let mut out = [0; N];
    let mut slots = letters.iter().zip(out.iter_mut());
    let mut digits = String::new();
    for c in text.bytes() {
        if c.is_ascii_digit() {
            if digits.len() == IsoDuration::MAX_DIGITS {
                return None;
            }
            digits.push(char::from(c));
            continue;
        }
        // What was passed over cannot come later.
        let (_, slot) = slots.find(|(letter, _)| **letter == c)?;
        *slot = digits.parse().ok()?;
        digits.clear();
    }
    digits.is_empty().then_some(out)
}

/// The fewest days of `n` months in a row, and the most.
const SHORTEST: [u64; 12] = [0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334];
const LONGEST: [u64; 12] = [0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337];

/// The same day and time so many months later or earlier, or the last day of that month if it
/// is shorter.
fn shift_months(time: UnixTime, months: i64) -> UnixTime {
    if months == 0 {
        return time;
    }
    let days = i64::try_from(time.0 / DAY).unwrap_or(i64::MAX);
    let (year, month, day) = civil(days);
    let shifted = (12 * year + month - 1).saturating_add(months);
    let (year, month) = (shifted.div_euclid(12), shifted.rem_euclid(12) + 1);
    let day = day.min(days_in(year, month));
    let days = u64::try_from(days_of(year, month, day)).unwrap_or(0);
    UnixTime(days.saturating_mul(DAY).saturating_add(time.0 % DAY))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duration(text: &str) -> IsoDuration {
        text.parse().unwrap()
    }

    fn at(year: i64, month: i64, day: i64) -> UnixTime {
        UnixTime(u64::try_from(days_of(year, month, day)).unwrap() * DAY)
    }

    #[test]
    fn what_the_service_writes_is_read() {
        let start = at(2024, 1, 31);
        for (text, end) in [
            ("P90D", at(2024, 4, 30)),
            ("P3M", at(2024, 4, 30)),
            ("P1M", at(2024, 2, 29)),
            ("P13M", at(2025, 2, 28)),
            ("P2Y", at(2026, 1, 31)),
            ("PT48H", at(2024, 2, 2)),
            ("P1Y10D", at(2025, 2, 10)),
            ("P2W", at(2024, 2, 14)),
            ("P0D", start),
            ("P1DT23H59M60S", at(2024, 2, 2)),
        ] {
            assert_eq!(duration(text).after(start), end, "{text}");
            assert_eq!(duration(text).to_string(), text);
        }
        assert_eq!(duration("P1M").before(at(2024, 3, 31)), at(2024, 2, 29));
        assert_eq!(duration("P1Y").before(at(2024, 2, 29)), at(2023, 2, 28));
    }

    #[test]
    fn nothing_else_is_read() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1D",
            "p1d",
            "P1d",
            "P-1D",
            "+P1D",
            "P1.5D",
            "P1,5D",
            "P1D ",
            " P1D",
            "P1D1M",
            "P1M1Y",
            "P1D1D",
            "PT1D",
            "P1H",
            "P1YT",
            "PT1S1M",
            "P1Y1W",
            "P1WT1H",
            "P1W1D",
            "PD",
            "PTH",
            "P1234567890D",
            "P\u{661}D",
            "P1D\0",
            "PP1D",
            "P1T1H",
        ] {
            assert!(text.parse::<IsoDuration>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let longest = duration("P999999999Y999999999M999999999DT999999999H999999999M999999999S");
        for time in [0, 1, u64::MAX / 2, u64::MAX] {
            let time = UnixTime(time);
            assert!(longest.after(time) >= time);
            assert!(longest.before(time) <= time);
        }
        assert!(longest.at_least() <= longest.at_most());
    }

    proptest! {
        #[test]
        fn dates_and_days_are_each_others_inverse(days in -1_000_000_i64..4_000_000_000) {
            let (year, month, day) = civil(days);
            prop_assert_eq!(days_of(year, month, day), days);
            prop_assert!((1..=days_in(year, month)).contains(&day));
            let (next_year, next_month, next_day) = civil(days + 1);
            let follows = match (day == days_in(year, month), month) {
                (false, _) => (year, month, day + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
            prop_assert_eq!((next_year, next_month, next_day), follows);
        }

        #[test]
        fn later_is_within_the_bounds(
            start in 0_u64..10_000_000_000, years in 0_u64..200, months in 0_u64..40,
            days in 0_u64..4000, hours in 0_u64..4000,
        ) {
            let text = format!("P{years}Y{months}M{days}DT{hours}H");
            let (duration, start) = (duration(&text), UnixTime(start));
            let passed = duration.after(start).0 - start.0;
            prop_assert!((duration.at_least()..=duration.at_most()).contains(&passed), "{}", text);
            let back = duration.before(duration.after(start));
            // A month's end may be cut twice; never by more than three days each.
            prop_assert!(back.0.abs_diff(start.0) <= 6 * DAY);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(duration) = text.parse::<IsoDuration>() {
                prop_assert_eq!(duration.to_string(), text);
            }
        }
    }
}
