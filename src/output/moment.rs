//! Points and lengths of time, written as RFC 3339 and ISO 8601.
//! Owns the calendar arithmetic; knows nothing of Arrow, of formats or of time zones: every point is UTC.

const DAY: i64 = 86_400;
const BILLION: i64 = 1_000_000_000;

/// A date, a time of day, a point in time or a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight.
    Time(i64),
    /// A point in time: whole seconds since 1970-01-01T00:00:00Z, rounded down, and the nanoseconds after them.
    Timestamp(i64, u32),
    /// A length of time, as SQL keeps it: months have no fixed number of days, nor days of hours.
    Span {
        /// Months; twelve are written as a year.
        months: i32,
        /// Days.
        days: i32,
        /// Nanoseconds; wide, because a length in seconds may be as long as an `i64` of them.
        nanos: i128,
    },
}

impl Moment {
    /// The point `count` units after 1970, with `per_second` units in a second.
    pub fn timestamp(count: i64, per_second: i64) -> Self {
        // Below a second of a unit that divides a second: less than 10^9, so it fits.
        let rest = u32::try_from(count.rem_euclid(per_second) * (BILLION / per_second)).unwrap_or_default();
        Moment::Timestamp(count.div_euclid(per_second), rest)
    }

    /// The day of `millis`, or the point in time when it is not a whole number of days.
    pub fn date64(millis: i64) -> Self {
        if millis % (DAY * 1000) == 0 { Moment::Date(millis / (DAY * 1000)) } else { Self::timestamp(millis, 1000) }
    }

    /// Writes it without quotes: `2024-02-29`, `12:30:00.5`, `2024-02-29T12:30:00.5Z`, `P1Y2M3DT4H5M6.5S`.
    /// Fractions have as many digits as they need. Years beyond four digits carry a sign, as in ISO 8601.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Moment::Date(days) => date(out, days),
            Moment::Time(nanos) => {
                if nanos < 0 {
                    out.push(b'-');
                }
                let nanos = nanos.unsigned_abs();
                clock(out, nanos / BILLION.unsigned_abs());
                fraction(out, nanos % BILLION.unsigned_abs());
            }
            Moment::Timestamp(seconds, nanos) => {
                date(out, seconds.div_euclid(DAY));
                out.push(b'T');
                clock(out, seconds.rem_euclid(DAY).unsigned_abs());
                fraction(out, u64::from(nanos));
                out.push(b'Z');
            }
            Moment::Span { months, days, nanos } => span(out, months, days, nanos),
        }
    }
}

/// Year, month and day, by the usual walk over 400-year eras that start in March.
fn date(out: &mut Vec<u8>, days: i64) {
    // No type of Arrow has days near the ends of an `i64`.
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        out.push(if year < 0 { b'-' } else { b'+' });
    }
    padded(out, year.unsigned_abs(), 4);
    out.push(b'-');
    padded(out, u64::try_from(month).unwrap_or_default(), 2);
    out.push(b'-');
    padded(out, u64::try_from(day_of_month).unwrap_or_default(), 2);
}

fn clock(out: &mut Vec<u8>, seconds: u64) {
    padded(out, seconds / 3600, 2);
    out.push(b':');
    padded(out, seconds / 60 % 60, 2);
    out.push(b':');
    padded(out, seconds % 60, 2);
}

/// `.5` for 500,000,000; nothing for none.
fn fraction(out: &mut Vec<u8>, nanos: u64) {
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    padded(out, nanos, 9);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// `number` with zeros before it up to `digits`.
fn padded(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while number > 0 || text.len() - at < digits {
        at -= 1;
        text[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    out.extend_from_slice(&text[at..]);
}

/// Each part carries its own sign, because an SQL interval's parts do.
fn span(out: &mut Vec<u8>, months: i32, days: i32, nanos: i128) {
    out.push(b'P');
    part(out, i128::from(months / 12), b'Y');
    part(out, i128::from(months % 12), b'M');
    part(out, i128::from(days), b'D');
    let billion = i128::from(BILLION);
    let seconds = nanos / billion;
    if nanos != 0 {
        out.push(b'T');
        part(out, seconds / 3600, b'H');
        part(out, seconds / 60 % 60, b'M');
        let rest = (nanos % (60 * billion)).unsigned_abs();
        if rest != 0 {
            if nanos < 0 {
                out.push(b'-');
            }
            let rest = u64::try_from(rest).unwrap_or_default();
            padded(out, rest / BILLION.unsigned_abs(), 1);
            fraction(out, rest % BILLION.unsigned_abs());
            out.push(b'S');
        }
    } else if out.last() == Some(&b'P') {
        out.extend_from_slice(b"T0S");
    }
}

fn part(out: &mut Vec<u8>, count: i128, unit: u8) {
    if count != 0 {
        if count < 0 {
            out.push(b'-');
        }
        padded(out, u64::try_from(count.unsigned_abs()).unwrap_or(u64::MAX), 1);
        out.push(unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(moment: Moment) -> String {
        let mut out = Vec::new();
        moment.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_follow_the_calendar_before_and_after_1970() {
        assert_eq!(text(Moment::Date(0)), "1970-01-01");
        assert_eq!(text(Moment::Date(-1)), "1969-12-31");
        assert_eq!(text(Moment::Date(19_782)), "2024-02-29");
        assert_eq!(text(Moment::Date(19_783)), "2024-03-01");
        assert_eq!(text(Moment::Date(-25_508)), "1900-03-01", "1900 was no leap year");
        assert_eq!(text(Moment::Date(2_932_897)), "+10000-01-01");
        assert_eq!(text(Moment::Date(-719_529)), "-0001-12-31");
        assert_eq!(text(Moment::date64(19_782 * 86_400_000)), "2024-02-29");
        assert_eq!(text(Moment::date64(-1)), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn timestamps_have_the_fraction_digits_they_need() {
        assert_eq!(text(Moment::timestamp(0, 1)), "1970-01-01T00:00:00Z");
        assert_eq!(text(Moment::timestamp(1_709_209_800_500, 1000)), "2024-02-29T12:30:00.5Z");
        assert_eq!(text(Moment::timestamp(1_000_001, 1_000_000)), "1970-01-01T00:00:01.000001Z");
        assert_eq!(text(Moment::timestamp(-1, BILLION)), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(text(Moment::timestamp(i64::MIN, BILLION)), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        assert_eq!(text(Moment::timestamp(i64::MAX, 1)), "+292277026596-12-04T15:30:07Z");
        assert_eq!(text(Moment::timestamp(i64::MIN, 1)), "-292277022657-01-27T08:29:52Z");
        let longest = Moment::Span { months: i32::MIN, days: i32::MIN, nanos: i128::from(i64::MIN) * 1_000_000_000 };
        assert_eq!(text(longest), "P-178956970Y-8M-2147483648DT-2562047788015215H-30M-8S");
    }

    #[test]
    fn times_of_day_and_spans_are_iso_8601() {
        assert_eq!(text(Moment::Time(45_000_250_000_000)), "12:30:00.25");
        assert_eq!(text(Moment::Span { months: 14, days: 3, nanos: 14_706_500_000_000 }), "P1Y2M3DT4H5M6.5S");
        assert_eq!(text(Moment::Span { months: 0, days: 0, nanos: 0 }), "PT0S");
        assert_eq!(text(Moment::Span { months: 0, days: -1, nanos: -500_000_000 }), "P-1DT-0.5S");
        assert_eq!(text(Moment::Span { months: 1, days: 0, nanos: 3_600_000_000_000 }), "P1MT1H");
    }
}
