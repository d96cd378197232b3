//! Moments as APIs nearly always write them, `2026-01-02T03:04:05.678Z`, read without the generality of a calendar library.
//! What is written otherwise, or is no moment, is left to arrow. Must not know columns.

/// Nanoseconds since 1970 of `text`, where it is a moment in this form, with 0 to 9 digits behind the second, in the years
/// 1700 to 2199.
pub fn utc(text: &str) -> Option<i64> {
    let (head, fraction) = text.as_bytes().split_first_chunk::<19>()?;
    let number = |from: usize, to: usize| {
        head[from..to].iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    if (head[4], head[7], head[10], head[13], head[16]) != (b'-', b'-', b'T', b':', b':') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let known = (1700..2200).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !known || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let seconds = ((days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000_000 + nanos(fraction)?)
}

/// `Z`, or a point, 1 to 9 digits and `Z`.
fn nanos(text: &[u8]) -> Option<i64> {
    let digits = match text {
        [b'Z'] => return Some(0),
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => digits,
        _ => return None,
    };
    let mut nanos = 0;
    for at in 0..9 {
        let digit = digits.get(at).copied().unwrap_or(b'0');
        nanos = nanos * 10 + digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
    }
    Some(nanos)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the first of the month.
fn days_before(year: i64, month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leaps = |before: i64| before / 4 - before / 100 + before / 400;
    let in_year = usize::try_from(month - 1).ok().and_then(|at| BEFORE.get(at)).copied().unwrap_or(0);
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + in_year + i64::from(month > 2 && is_leap(year))
}

#[cfg(test)]
mod tests {
    use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_day_is_the_one_that_arrow_means() {
        for year in 1699..2201 {
            for month in 0..=13 {
                for day in [0, 1, 28, 29, 30, 31, 32] {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:59.9Z");
                    if let Some(nanos) = utc(&text) {
                        assert_eq!(string_to_timestamp_nanos(&text).ok(), Some(nanos), "{text}");
                    } else {
                        let in_reach = (1700..2200).contains(&year);
                        assert!(!in_reach || string_to_timestamp_nanos(&text).is_err(), "{text}");
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_is_what_arrow_reads(
            text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|z|\\+01:00|)"
        ) {
            if let Some(nanos) = utc(&text) {
                prop_assert_eq!(string_to_timestamp_nanos(&text).ok(), Some(nanos));
            }
        }
    }
}
