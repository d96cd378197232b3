//! The sandbox's own time and its own names: a clock that only writes move (and looks at a livestream that starts), ids that repeat from run to run, and RFC 3339
//! text both ways. Nothing here reads the machine's clock or its randomness; that is what makes two runs answer alike.

/// One millisecond, in the nanoseconds that every instant here is counted in.
pub const MILLISECOND: i64 = 1_000_000;
/// One second, likewise.
pub const SECOND: i64 = 1_000 * MILLISECOND;
/// Where the clock starts: 2026-01-01T00:00:00Z.
pub const BASE: i64 = 1_767_225_600 * SECOND;

/// A small generator (splitmix64): the same seed gives the same ids in the same order.
#[derive(Debug, Clone)]
pub struct Ids(u64);

impl Ids {
    /// A generator that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 32 hexadecimal digits, the form of Stream's identifiers.
    pub fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// A version 4 UUID, the form of `RealtimeKit`'s identifiers.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }

    /// 32 characters for a credential. The word in front lets a test look for leaks with one search.
    pub fn secret(&mut self) -> String {
        format!("canary{:016x}{:010x}", self.next(), self.next() & 0xff_ffff_ffff)
    }
}

/// Whether the text has a UUID's form.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 3339 in UTC with as many fractional digits as the instant needs, zeros at the end cut away: from none to nine.
pub fn trimmed(instant: i64) -> String {
    let fraction = format!("{:09}", instant.rem_euclid(SECOND));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}Z", to_the_second(instant))
}

/// RFC 3339 in UTC with exactly three fractional digits.
pub fn milliseconds(instant: i64) -> String {
    format!("{}.{:03}Z", to_the_second(instant), instant.rem_euclid(SECOND) / MILLISECOND)
}

fn to_the_second(instant: i64) -> String {
    let seconds = instant.div_euclid(SECOND);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Days since 1970-01-01 to year, month, day (the usual era arithmetic of the proleptic Gregorian calendar).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Reads RFC 3339: a date, `T` or a space, a time, perhaps a fraction, and `Z` or an offset.
pub fn parse(text: &str) -> Option<i64> {
    let (whole, rest) = (text.get(..19)?, text.get(19..)?);
    let bytes = whole.as_bytes();
    let separators = [(4, b"-".as_slice()), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")];
    if separators.iter().any(|(at, allowed)| !allowed.contains(&bytes[*at])) {
        return None;
    }
    let field = |from: usize, to: usize| number(whole.get(from..to)?);
    let (month, day) = (field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let days = days_from_civil(field(0, 4)?, month, day);
    // Going there and back refuses the 31st of June and the 13th month alike.
    if civil(days) != (field(0, 4)?, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanoseconds, zone) = fraction(rest)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    seconds.checked_mul(SECOND)?.checked_add(nanoseconds)
}

fn number(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(tail) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = tail.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = tail.split_at(length);
    let kept = digits.get(..length.min(9))?;
    Some((number(&format!("{kept:0<9}")).filter(|_| length > 0)?, zone))
}

fn offset(zone: &str) -> Option<i64> {
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    Some(sign * (number(hours)? * 3600 + number(minutes)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_with_the_digits_they_need() {
        assert_eq!(trimmed(BASE), "2026-01-01T00:00:00Z");
        assert_eq!(trimmed(BASE + 722_170_000), "2026-01-01T00:00:00.72217Z");
        assert_eq!(trimmed(BASE - 1), "2025-12-31T23:59:59.999999999Z");
        assert_eq!(milliseconds(BASE + 5 * MILLISECOND), "2026-01-01T00:00:00.005Z");
    }

    #[test]
    fn text_and_instant_go_there_and_back() {
        for instant in [BASE, BASE - 1, BASE + 123_456_789, 951_782_400 * SECOND] {
            assert_eq!(parse(&trimmed(instant)), Some(instant));
        }
        assert_eq!(parse("2026-01-01T02:00:00+02:00"), Some(BASE));
        assert_eq!(parse("2025-12-31 19:00:00.5-05:00"), Some(BASE + SECOND / 2));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in
            ["", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "yesterday"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("2026-01-01T00:00:00.Z"), None);
    }

    #[test]
    fn ids_repeat_for_a_seed_and_have_their_forms() {
        let (mut one, mut two) = (Ids::new(7), Ids::new(7));
        let uuid = one.uuid();
        assert_eq!(uuid, two.uuid());
        assert!(is_uuid(&uuid) && !is_uuid("14a396e7ca444937bf1f050a69118543"));
        assert_eq!(one.hex().len(), 32);
        assert!(one.secret().len() == 32 && one.secret().starts_with("canary"));
    }
}
